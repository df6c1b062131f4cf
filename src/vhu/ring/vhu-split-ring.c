/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-split-ring-private.h"

#include <string.h>

#include "vhu-error.h"

/* Offsets in 16-bit words: flags, index, then the ring and the event index. */
#define FLAGS 0
#define INDEX 1
#define RING 2
#define USED_ELEMENT_WORDS 4

#define AVAIL_NO_INTERRUPT 1
#define USED_NO_NOTIFY 1

#define DESC_NEXT (1 << 0)
#define DESC_WRITE (1 << 1)
#define DESC_INDIRECT (1 << 2)

/* Windows drivers make chains of up to 515 buffers by indirect tables, whatever
 * the size of the ring. */
#define MIN_INDIRECT_LIMIT 1024u

typedef struct
{
  guint64 address;
  guint32 length;
  guint16 flags;
  guint16 next;
} Descriptor;

static inline Descriptor
load_descriptor (const guint64 *table,
                 guint          index)
{
  const guint64 *from = table + 2 * index;
  guint64 address = __atomic_load_n (from, __ATOMIC_RELAXED);
  guint64 rest = GUINT64_FROM_LE (__atomic_load_n (from + 1, __ATOMIC_RELAXED));

  return (Descriptor) {
    .address = GUINT64_FROM_LE (address),
    .length = (guint32) rest,
    .flags = (guint16) (rest >> 32),
    .next = (guint16) (rest >> 48),
  };
}

static inline guint16
load_word (const guint16 *from)
{
  return GUINT16_FROM_LE (__atomic_load_n (from, __ATOMIC_RELAXED));
}

static inline void
store_word (guint16 *to,
            guint16  value)
{
  __atomic_store_n (to, GUINT16_TO_LE (value), __ATOMIC_RELAXED);
}

void
vhu_split_ring_clear (VhuSplitRing *self)
{
  g_free (self->is_in_use);
  g_free (self->waiting);
  *self = (VhuSplitRing) { 0 };
}

/* Starting and moving */

static gboolean
check_size (const VhuVringSetup  *setup,
            GError              **error)
{
  if (setup->size == 0 || setup->size > 32768 || (setup->size & (setup->size - 1)) != 0)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
                   "ring has %u entries, not a power of two up to 32768", setup->size);
      return FALSE;
    }

  if (setup->base > G_MAXUINT16)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
                   "ring begins at index %u, at most %u is allowed",
                   setup->base, G_MAXUINT16);
      return FALSE;
    }

  return TRUE;
}

/* The place in our memory must be aligned too: a region may begin anywhere. */
static gpointer
find_part (VhuMemory   *memory,
           const char  *name,
           guint64      address,
           guint64      size,
           guint        alignment,
           GError     **error)
{
  gpointer host = vhu_memory_translate_user (memory, address, size);

  if (host == NULL)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_MEMORY,
                   "%s at 0x%" G_GINT64_MODIFIER "x of %" G_GUINT64_FORMAT
                   " bytes is not inside of one memory region", name, address, size);
      return NULL;
    }

  if (address % alignment != 0 || (guintptr) host % alignment != 0)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
                   "%s at 0x%" G_GINT64_MODIFIER "x is not aligned to %u bytes",
                   name, address, alignment);
      return NULL;
    }

  return host;
}

void
vhu_split_ring_detach (VhuSplitRing *self)
{
  self->desc = NULL;
  self->avail = NULL;
  self->used = NULL;
}

static void
put_waiting (VhuSplitRing *self)
{
  guint n = self->n_waiting;

  self->n_waiting = 0;
  for (guint i = 0; i < n; i++)
    {
      /* It was taken off when it was put the first time. */
      vhu_split_ring_mark (self, self->waiting[i].head);
      vhu_split_ring_put (self, self->waiting[i].head, self->waiting[i].length);
    }
}

static gboolean
locate (VhuSplitRing  *self,
        VhuMemory     *memory,
        GError       **error)
{
  guint64 event_size = self->has_event_idx ? 2 : 0;

  vhu_split_ring_detach (self);
  self->desc = find_part (memory, "descriptor table", self->desc_address,
                          (guint64) VHU_DESCRIPTOR_SIZE * self->size, 16, error);
  if (self->desc != NULL)
    self->avail = find_part (memory, "available ring", self->avail_address,
                             4 + 2 * (guint64) self->size + event_size, 2, error);
  if (self->avail != NULL)
    self->used = find_part (memory, "used ring", self->used_address,
                            4 + 8 * (guint64) self->size + event_size, 4, error);

  if (self->used == NULL)
    vhu_split_ring_detach (self);
  return self->used != NULL;
}

gboolean
vhu_split_ring_attach (VhuSplitRing  *self,
                       VhuMemory     *memory,
                       GError       **error)
{
  if (!locate (self, memory, error))
    return FALSE;

  /* The memory may be new, and without what was written to the old one. */
  self->kicks_are_on = FALSE;
  put_waiting (self);
  return TRUE;
}

static void
forget_heads (VhuSplitRing *self)
{
  self->is_in_use = g_realloc (self->is_in_use, self->size);
  memset (self->is_in_use, 0, self->size);
  self->n_in_use = 0;
  self->n_waiting = 0;
}

static void
begin_at (VhuSplitRing *self,
          guint16       base)
{
  self->next_avail = base;
  self->seen_avail = base;
  self->evaluated = self->published;
  self->never_evaluated = TRUE;
  self->kicks_are_on = FALSE;
  vhu_split_ring_enable_kicks (self, base);
  put_waiting (self);
}

gboolean
vhu_split_ring_start (VhuSplitRing         *self,
                      const VhuVringSetup  *setup,
                      VhuMemory            *memory,
                      gboolean              keep,
                      GError              **error)
{
  if (!check_size (setup, error))
    return FALSE;

  self->size = setup->size;
  self->mask = (guint16) (setup->size - 1);
  self->has_event_idx = (setup->features >> VHU_FEATURE_EVENT_IDX) & 1;
  self->has_indirect = (setup->features >> VHU_FEATURE_INDIRECT_DESC) & 1;
  self->desc_address = setup->desc;
  self->avail_address = setup->avail;
  self->used_address = setup->used;
  if (!keep)
    forget_heads (self);

  if (!locate (self, memory, error))
    return FALSE;

  /* What waits is written behind the index that the ring has now. */
  self->used_index = load_word (self->used + INDEX);
  self->published = self->used_index;
  begin_at (self, (guint16) setup->base);
  return TRUE;
}

/* Popping */

gboolean
vhu_split_ring_look (VhuSplitRing  *self,
                     GError       **error)
{
  guint16 index = vhu_split_ring_load_avail_index (self);
  guint n_new = (guint16) (index - self->next_avail);
  guint n_unpublished = (guint16) (self->used_index - self->published);

  if (G_UNLIKELY (n_new > self->size))
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_RING,
                   "available index is %u and was %u: a jump by %u, the ring has %u entries",
                   index, self->next_avail, n_new, self->size);
      return FALSE;
    }

  if (G_UNLIKELY (n_new + self->n_in_use + n_unpublished > self->size))
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_RING,
                   "%u chains are available while %u are in flight, the ring has %u entries",
                   n_new, self->n_in_use + n_unpublished, self->size);
      return FALSE;
    }

  self->seen_avail = index;
  return TRUE;
}

gboolean
vhu_split_ring_read_head (VhuSplitRing  *self,
                          guint         *head,
                          GError       **error)
{
  guint value = load_word (self->avail + RING + (self->next_avail & self->mask));

  if (G_UNLIKELY (value >= self->size))
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_RING,
                   "head at available index %u is %u, the ring has %u entries",
                   self->next_avail, value, self->size);
      return FALSE;
    }

  if (G_UNLIKELY (self->is_in_use[value]))
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_RING,
                   "head %u at available index %u is in flight already",
                   value, self->next_avail);
      return FALSE;
    }

  *head = value;
  return TRUE;
}

static gboolean
check_next (guint    index,
            guint    next,
            guint    n_entries,
            GError **error)
{
  if (G_LIKELY (next < n_entries))
    return TRUE;

  g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_RING,
               "descriptor %u is followed by %u, the table has %u entries",
               index, next, n_entries);
  return FALSE;
}

static gboolean
check_count (guint    count,
             guint    limit,
             GError **error)
{
  if (G_LIKELY (count <= limit))
    return TRUE;

  g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_RING,
               "chain has more than %u descriptors, or goes round in circles", limit);
  return FALSE;
}

/* An indirect table ends the chain and cannot point to another one, and only its
 * WRITE flag is to be ignored (virtio 1.3, 2.7.5.3). */
static gboolean
check_indirect (VhuSplitRing      *self,
                const Descriptor  *desc,
                GError           **error)
{
  if (!self->has_indirect)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_RING,
                   "descriptor is indirect (flags 0x%x) but the feature was not negotiated",
                   desc->flags);
      return FALSE;
    }

  if (desc->flags & DESC_NEXT)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_RING,
                   "indirect descriptor has a successor (flags 0x%x)", desc->flags);
      return FALSE;
    }

  return TRUE;
}

static gboolean
walk_table (VhuChainBuilder  *builder,
            VhuChain         *chain,
            guint             n_entries,
            guint             n_allowed,
            GError          **error)
{
  const guint limit = MIN (n_entries, n_allowed);
  guint index = 0;

  for (guint count = 1;; count++)
    {
      Descriptor desc = load_descriptor (builder->table, index);

      if (!check_count (count, limit, error))
        return FALSE;

      if (G_UNLIKELY (desc.flags & DESC_INDIRECT))
        {
          g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_RING,
                       "entry %u of an indirect table is indirect (flags 0x%x)",
                       index, desc.flags);
          return FALSE;
        }

      if (!vhu_chain_builder_add (builder, chain, desc.address, desc.length,
                                  (desc.flags & DESC_WRITE) != 0, error))
        return FALSE;

      if (!(desc.flags & DESC_NEXT))
        return TRUE;
      if (!check_next (index, desc.next, n_entries, error))
        return FALSE;
      index = desc.next;
    }
}

static gboolean
walk_indirect (VhuSplitRing      *self,
               VhuChainBuilder   *builder,
               VhuChain          *chain,
               const Descriptor  *desc,
               guint              n_direct,
               GError           **error)
{
  const guint limit = MAX (self->size, MIN_INDIRECT_LIMIT);

  return check_indirect (self, desc, error) &&
         vhu_chain_builder_copy_table (builder, desc->address, desc->length, limit, error) &&
         walk_table (builder, chain, desc->length / VHU_DESCRIPTOR_SIZE,
                     limit - MIN (n_direct, limit), error);
}

gboolean
vhu_split_ring_walk (VhuSplitRing     *self,
                     VhuChainBuilder  *builder,
                     VhuChain         *chain,
                     guint             head,
                     GError          **error)
{
  guint index = head;

  for (guint count = 1;; count++)
    {
      Descriptor desc = load_descriptor (self->desc, index);

      if (!check_count (count, self->size, error))
        return FALSE;

      if (desc.flags & DESC_INDIRECT)
        return walk_indirect (self, builder, chain, &desc, count - 1, error);

      if (!vhu_chain_builder_add (builder, chain, desc.address, desc.length,
                                  (desc.flags & DESC_WRITE) != 0, error))
        return FALSE;

      if (!(desc.flags & DESC_NEXT))
        return TRUE;
      if (!check_next (index, desc.next, self->size, error))
        return FALSE;
      index = desc.next;
    }
}

/* Pushing */

static void
put_aside (VhuSplitRing *self,
           guint         head,
           guint32       length)
{
  self->waiting = g_renew (VhuUsedElement, self->waiting, self->n_waiting + 1);
  self->waiting[self->n_waiting++] = (VhuUsedElement) { head, length };
}

void
vhu_split_ring_put (VhuSplitRing *self,
                    guint         head,
                    guint32       length)
{
  guint32 *element;

  vhu_split_ring_unmark (self, head);
  if (G_UNLIKELY (self->used == NULL))
    {
      put_aside (self, head, length);
      return;
    }

  element = (guint32 *) (gpointer) (self->used + RING) + 2 * (self->used_index & self->mask);
  __atomic_store_n (element, GUINT32_TO_LE (head), __ATOMIC_RELAXED);
  __atomic_store_n (element + 1, GUINT32_TO_LE (length), __ATOMIC_RELAXED);
  self->used_index++;
}

gboolean
vhu_split_ring_publish (VhuSplitRing *self)
{
  if (self->used == NULL || self->used_index == self->published)
    return FALSE;

  __atomic_store_n (&self->used[INDEX], GUINT16_TO_LE (self->used_index), __ATOMIC_RELEASE);
  self->published = self->used_index;
  return TRUE;
}

gboolean
vhu_split_ring_wants_signal (VhuSplitRing *self)
{
  guint16 n_new = self->published - self->evaluated;
  guint16 event;

  /* The driver writes its event index, or its flag, and then looks at the used
   * index; we do it the other way round. Unless both fence in between, both can
   * miss the other's write. */
  __atomic_thread_fence (__ATOMIC_SEQ_CST);

  self->evaluated = self->published;
  if (!self->has_event_idx)
    return !(load_word (self->avail + FLAGS) & AVAIL_NO_INTERRUPT);

  if (self->never_evaluated)
    {
      self->never_evaluated = FALSE;
      return TRUE;
    }

  event = load_word (self->avail + RING + self->size);
  return (guint16) (self->published - event - 1) < n_new;
}

/* Kicks */

static guint16 *
get_avail_event (VhuSplitRing *self)
{
  return self->used + RING + USED_ELEMENT_WORDS * self->size;
}

/* With the event index the flags must stay 0: the driver is not woken because
 * the index it waits for is left behind. */
void
vhu_split_ring_disable_kicks (VhuSplitRing *self)
{
  if (self->has_event_idx || !self->kicks_are_on)
    return;

  self->kicks_are_on = FALSE;
  store_word (self->used + FLAGS, USED_NO_NOTIFY);
}

void
vhu_split_ring_enable_kicks (VhuSplitRing *self,
                             guint16       index)
{
  if (self->kicks_are_on && (!self->has_event_idx || self->kick_index == index))
    return;

  self->kicks_are_on = TRUE;
  self->kick_index = index;
  if (self->has_event_idx)
    store_word (get_avail_event (self), index);
  else
    store_word (self->used + FLAGS, 0);

  /* Pairs with the driver's fence between its index and this: see above. */
  __atomic_thread_fence (__ATOMIC_SEQ_CST);
}
