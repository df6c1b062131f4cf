/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-driver-ring-private.h"

#include <string.h>

#include "vhu-error.h"

/* A table that grows goes in steps, so that it need not grow again soon. */
#define MIN_TABLE_LENGTH 16

/* What we know of a descriptor. The fields after `next` are those of a chain,
 * and live at its head. */
typedef struct
{
  guint16 next;       /* the next one in its chain or in the free list */
  guint16 last;       /* where the chain ends */
  guint16 n_descs;    /* 0 when no chain begins here */
  guint64 writable;   /* how much the device may write */
  /* The indirect table of chains that begin here; kept for the next one. */
  guint64 table_address;
  VhuSplitDesc *table;
  guint table_length;
} SplitSlot;

typedef struct
{
  VhuDriverRing parent;

  guint16 free_head;
  guint16 kicked_index; /* what avail_index was when needs_kick was asked */
  guint16 seen_used;    /* the device's index as it was read last */
  SplitSlot *slots;
} SplitRing;

static gsize
desc_extent (guint size)
{
  return size * sizeof (VhuSplitDesc);
}

static gsize
avail_extent (guint size)
{
  return sizeof (VhuSplitAvail) + (size + 1) * sizeof (guint16);
}

static gsize
used_extent (guint size)
{
  return sizeof (VhuSplitUsed) + size * sizeof (VhuSplitUsedElement) +
         sizeof (guint16);
}

static gboolean
allocate_part (VhuDriverMemory  *memory,
               gsize             size,
               guint64          *address,
               guint8          **host,
               GError          **error)
{
  guint64 found;

  if (!vhu_driver_memory_allocate (memory, size, &found, error))
    return FALSE;

  *address = found;
  *host = vhu_driver_memory_get_host (memory, found, size);
  return TRUE;
}

static void
split_ring_free (VhuDriverRing *ring)
{
  SplitRing *self = (SplitRing *) ring;

  for (guint i = 0; i < ring->size; i++)
    if (self->slots[i].table != NULL)
      vhu_driver_memory_release (ring->memory, self->slots[i].table_address,
                                 desc_extent (self->slots[i].table_length));
  if (ring->desc != NULL)
    vhu_driver_memory_release (ring->memory, ring->desc_address,
                               desc_extent (ring->size));
  if (ring->avail != NULL)
    vhu_driver_memory_release (ring->memory, ring->avail_address,
                               avail_extent (ring->size));
  if (ring->used != NULL)
    vhu_driver_memory_release (ring->memory, ring->used_address,
                               used_extent (ring->size));
  g_free (self->slots);
  g_free (self);
}

static void
split_ring_reset (VhuDriverRing *ring)
{
  SplitRing *self = (SplitRing *) ring;

  memset (ring->desc, 0, desc_extent (ring->size));
  memset (ring->avail, 0, avail_extent (ring->size));
  memset (ring->used, 0, used_extent (ring->size));
  for (guint i = 0; i < ring->size; i++)
    {
      self->slots[i].next = (guint16) (i + 1);
      self->slots[i].n_descs = 0;
    }
  self->free_head = 0;
  self->kicked_index = 0;
  self->seen_used = 0;
  ring->n_free = ring->size;
  ring->n_in_flight = 0;
  ring->avail_index = 0;
  ring->used_index = 0;
}

static void
write_desc (VhuSplitDesc           *desc,
            const VhuDriverSegment *segment,
            guint16                 next,
            gboolean                has_next)
{
  desc->address = GUINT64_TO_LE (segment->address);
  desc->length = GUINT32_TO_LE (segment->length);
  desc->flags = GUINT16_TO_LE ((segment->writable ? VHU_SPLIT_DESC_WRITE : 0) |
                               (has_next ? VHU_SPLIT_DESC_NEXT : 0));
  desc->next = GUINT16_TO_LE (next);
}

static gboolean
ensure_table (SplitRing  *self,
              SplitSlot  *slot,
              guint       length,
              GError    **error)
{
  VhuDriverMemory *memory = self->parent.memory;
  const guint new_length = MAX (MIN_TABLE_LENGTH,
                                1u << g_bit_storage (length - 1));
  guint64 address;

  if (slot->table_length >= length)
    return TRUE;

  if (!vhu_driver_memory_allocate (memory, desc_extent (new_length), &address,
                                   error))
    return FALSE;

  if (slot->table != NULL)
    vhu_driver_memory_release (memory, slot->table_address,
                               desc_extent (slot->table_length));
  slot->table_address = address;
  slot->table = vhu_driver_memory_get_host (memory, address,
                                            desc_extent (new_length));
  slot->table_length = new_length;
  return TRUE;
}

static void
write_table (SplitSlot              *head,
             const VhuDriverSegment *segments,
             guint                   n_segments)
{
  for (guint i = 0; i < n_segments; i++)
    write_desc (&head->table[i], &segments[i], (guint16) (i + 1),
                i + 1 < n_segments);
}

static void
point_to_table (VhuSplitDesc    *desc,
                const SplitSlot *head,
                guint            n_segments)
{
  desc->address = GUINT64_TO_LE (head->table_address);
  desc->length = GUINT32_TO_LE ((guint32) desc_extent (n_segments));
  desc->flags = GUINT16_TO_LE (VHU_SPLIT_DESC_INDIRECT);
  desc->next = 0;
}

static guint64
count_writable (const VhuDriverSegment *segments,
                guint                   n_segments)
{
  guint64 sum = 0;

  for (guint i = 0; i < n_segments; i++)
    sum += segments[i].writable ? segments[i].length : 0;

  return sum;
}

static void
publish (SplitRing *self,
         guint16    head)
{
  VhuDriverRing *ring = &self->parent;
  VhuSplitAvail *avail = (VhuSplitAvail *) ring->avail;

  avail->ring[ring->avail_index & (ring->size - 1)] = GUINT16_TO_LE (head);
  ring->avail_index++;
  __atomic_store_n (&avail->index, GUINT16_TO_LE (ring->avail_index),
                    __ATOMIC_RELEASE);
}

/* Writes the chain into free descriptors, which are in their list in the order
 * in which they are taken, and returns the last one. */
static guint16
write_chain (SplitRing              *self,
             const VhuDriverSegment *segments,
             guint                   n_direct,
             guint                   n_descs)
{
  VhuSplitDesc *desc = (VhuSplitDesc *) self->parent.desc;
  guint16 index = self->free_head;

  for (guint i = 0; i < n_direct; i++)
    {
      guint16 next = self->slots[index].next;

      write_desc (&desc[index], &segments[i], next, i + 1 < n_descs);
      if (i + 1 == n_descs)
        return index;
      index = next;
    }
  return index;
}

static G_GNUC_NO_INLINE int
fail_to_submit (VhuDriverRing  *ring,
                guint           n_descs,
                GError        **error)
{
  if (n_descs == 0)
    g_set_error_literal (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
                         "a chain needs at least one segment");
  else
    g_set_error (error, VHU_ERROR, VHU_ERROR_LIMIT,
                 "a chain needs %u descriptors, %u of %u are free",
                 n_descs, ring->n_free, ring->size);
  return -1;
}

static int
split_ring_submit (VhuDriverRing           *ring,
                   const VhuDriverSegment  *segments,
                   guint                    n_segments,
                   GError                 **error)
{
  SplitRing *self = (SplitRing *) ring;
  const guint n_direct = ring->use_indirect ? MIN (ring->n_direct, n_segments)
                                            : n_segments;
  const guint n_descs = n_direct + (n_direct < n_segments);
  const guint16 head = self->free_head;
  SplitSlot *slot;
  guint16 last;

  if (G_UNLIKELY (n_segments == 0 || n_descs > ring->n_free))
    return fail_to_submit (ring, n_descs, error);

  slot = &self->slots[head];
  if (n_direct < n_segments)
    {
      if (!ensure_table (self, slot, n_segments - n_direct, error))
        return -1;
      write_table (slot, segments + n_direct, n_segments - n_direct);
    }

  last = write_chain (self, segments, n_direct, n_descs);
  if (n_direct < n_segments)
    point_to_table ((VhuSplitDesc *) ring->desc + last, slot,
                    n_segments - n_direct);

  self->free_head = self->slots[last].next;
  slot->last = last;
  slot->n_descs = (guint16) n_descs;
  slot->writable = count_writable (segments, n_segments);
  ring->n_free -= n_descs;
  ring->n_in_flight++;
  publish (self, head);
  return head;
}

static gboolean
load_used_index (SplitRing *self)
{
  VhuDriverRing *ring = &self->parent;
  VhuSplitUsed *used = (VhuSplitUsed *) ring->used;

  if (self->seen_used == ring->used_index)
    self->seen_used = GUINT16_FROM_LE (__atomic_load_n (&used->index,
                                                        __ATOMIC_ACQUIRE));
  return self->seen_used != ring->used_index;
}

static void
release_chain (SplitRing *self,
               guint32    head)
{
  VhuDriverRing *ring = &self->parent;
  SplitSlot *slot = &self->slots[head];

  self->slots[slot->last].next = self->free_head;
  self->free_head = (guint16) head;
  ring->n_free += slot->n_descs;
  ring->n_in_flight--;
  slot->n_descs = 0;
}

static void
set_pop_error (SplitRing  *self,
               guint32     id,
               guint32     length,
               GError    **error)
{
  VhuDriverRing *ring = &self->parent;

  if ((guint16) (self->seen_used - ring->used_index) > ring->n_in_flight)
    g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_RING,
                 "the used index went from %u to %u with %u chains in flight",
                 ring->used_index, self->seen_used, ring->n_in_flight);
  else if (id >= ring->size || self->slots[id].n_descs == 0)
    g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_RING,
                 "chain %u was used, which is not in flight", id);
  else
    g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_RING,
                 "%u bytes of chain %u were used, it has room for "
                 "%" G_GUINT64_FORMAT, length, id, self->slots[id].writable);
}

/* Chains that a test made by hand come back like this, too. */
static G_GNUC_NO_INLINE gboolean
pop_unexpected (SplitRing  *self,
                guint32     head,
                guint32     n_bytes,
                guint      *id,
                guint32    *length,
                GError    **error)
{
  VhuDriverRing *ring = &self->parent;

  if (ring->strict)
    {
      set_pop_error (self, head, n_bytes, error);
      return FALSE;
    }

  if (head < ring->size && self->slots[head].n_descs > 0)
    release_chain (self, head);
  ring->used_index++;
  *id = head;
  *length = n_bytes;
  return TRUE;
}

static gboolean
split_ring_pop (VhuDriverRing  *ring,
                guint          *id,
                guint32        *length,
                GError        **error)
{
  SplitRing *self = (SplitRing *) ring;
  VhuSplitUsed *used = (VhuSplitUsed *) ring->used;
  VhuSplitUsedElement *element;
  guint32 head;
  guint32 n_bytes;

  if (!load_used_index (self))
    return FALSE;

  element = &used->ring[ring->used_index & (ring->size - 1)];
  head = GUINT32_FROM_LE (__atomic_load_n (&element->id, __ATOMIC_RELAXED));
  n_bytes = GUINT32_FROM_LE (__atomic_load_n (&element->length,
                                              __ATOMIC_RELAXED));
  if (G_UNLIKELY ((guint16) (self->seen_used - ring->used_index) >
                    ring->n_in_flight ||
                  head >= ring->size ||
                  self->slots[head].n_descs == 0 ||
                  n_bytes > self->slots[head].writable))
    return pop_unexpected (self, head, n_bytes, id, length, error);

  release_chain (self, head);
  ring->used_index++;
  *id = head;
  *length = n_bytes;
  return TRUE;
}

static gboolean
split_ring_has_used (VhuDriverRing *ring)
{
  return load_used_index ((SplitRing *) ring);
}

/* The store of the index and the load of what the device wants must not change
 * places, and no acquire or release orders a store before a load. The same goes
 * for enable_calls (virtio 1.3, 2.7.13.4.1 and 2.7.14). */
static gboolean
split_ring_needs_kick (VhuDriverRing *ring)
{
  SplitRing *self = (SplitRing *) ring;
  VhuSplitUsed *used = (VhuSplitUsed *) ring->used;
  const guint16 old_index = self->kicked_index;
  const guint16 new_index = ring->avail_index;
  guint16 event;

  __atomic_thread_fence (__ATOMIC_SEQ_CST);
  self->kicked_index = new_index;
  if (old_index == new_index)
    return FALSE;

  if (!ring->event_idx)
    return (GUINT16_FROM_LE (__atomic_load_n (&used->flags, __ATOMIC_RELAXED)) &
            VHU_SPLIT_USED_NO_NOTIFY) == 0;

  event = GUINT16_FROM_LE (__atomic_load_n (vhu_split_avail_event (ring),
                                            __ATOMIC_RELAXED));
  return (guint16) (new_index - event - 1) < (guint16) (new_index - old_index);
}

static gboolean
split_ring_enable_calls (VhuDriverRing *ring,
                         guint          n_ahead)
{
  VhuSplitAvail *avail = (VhuSplitAvail *) ring->avail;
  VhuSplitUsed *used = (VhuSplitUsed *) ring->used;
  const guint16 event = (guint16) (ring->used_index + n_ahead);
  guint16 index;

  if (ring->event_idx)
    __atomic_store_n (vhu_split_used_event (ring), GUINT16_TO_LE (event),
                      __ATOMIC_RELAXED);
  __atomic_store_n (&avail->flags, 0, __ATOMIC_RELAXED);
  __atomic_thread_fence (__ATOMIC_SEQ_CST);

  index = GUINT16_FROM_LE (__atomic_load_n (&used->index, __ATOMIC_ACQUIRE));
  return (guint16) (index - ring->used_index) > n_ahead;
}

/* With EVENT_IDX the flag must stay 0 (virtio 1.3, 2.7.10.1). An event that
 * lies behind all that the device may not have looked at yet does it, too: the
 * index has to come round first. */
static void
split_ring_disable_calls (VhuDriverRing *ring)
{
  VhuSplitAvail *avail = (VhuSplitAvail *) ring->avail;

  if (ring->event_idx)
    __atomic_store_n (vhu_split_used_event (ring),
                      GUINT16_TO_LE ((guint16) (ring->used_index - ring->size -
                                                1)),
                      __ATOMIC_RELAXED);
  else
    __atomic_store_n (&avail->flags,
                      GUINT16_TO_LE (VHU_SPLIT_AVAIL_NO_INTERRUPT),
                      __ATOMIC_RELAXED);
}

static const VhuDriverRingOps split_ring_ops = {
  .free = split_ring_free,
  .reset = split_ring_reset,
  .submit = split_ring_submit,
  .pop = split_ring_pop,
  .has_used = split_ring_has_used,
  .needs_kick = split_ring_needs_kick,
  .enable_calls = split_ring_enable_calls,
  .disable_calls = split_ring_disable_calls,
};

VhuDriverRing *
vhu_driver_split_ring_new (VhuDriverMemory  *memory,
                           guint             size,
                           gboolean          event_idx,
                           GError          **error)
{
  SplitRing *self = g_new0 (SplitRing, 1);
  g_autoptr(VhuDriverRing) ring = &self->parent;

  ring->ops = &split_ring_ops;
  ring->memory = memory;
  ring->size = size;
  ring->event_idx = event_idx;
  ring->strict = TRUE;
  self->slots = g_new0 (SplitSlot, size);

  if (!allocate_part (memory, desc_extent (size), &ring->desc_address,
                      &ring->desc, error) ||
      !allocate_part (memory, avail_extent (size), &ring->avail_address,
                      &ring->avail, error) ||
      !allocate_part (memory, used_extent (size), &ring->used_address,
                      &ring->used, error))
    return NULL;

  split_ring_reset (ring);
  return g_steal_pointer (&ring);
}
