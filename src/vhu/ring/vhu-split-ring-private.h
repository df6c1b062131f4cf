/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "vhu-chain-builder-private.h"
#include "vhu-vring-private.h"

G_BEGIN_DECLS

/* The split layout (virtio 1.3, 2.7): a descriptor table, the ring of heads that
 * the driver makes available, and the ring of those that the device has used.
 * All of it is shared with a driver that may write anything at any time. Each
 * value is therefore read once, by one load of its natural size, and all words
 * are little-endian. */

typedef struct
{
  guint32 head;
  guint32 length;
} VhuUsedElement;

typedef struct
{
  guint size; /* a power of two */
  guint16 mask;
  gboolean has_event_idx;
  gboolean has_indirect;

  /* What the front-end said, to be translated by every new memory table. */
  guint64 desc_address;
  guint64 avail_address;
  guint64 used_address;

  /* The same in our memory; all NULL while the ring is detached. */
  const guint64 *desc; /* two words each */
  const guint16 *avail;
  guint16 *used;

  guint16 next_avail;   /* of the chain popped next */
  guint16 seen_avail;   /* the driver's index when last looked at */
  guint16 used_index;   /* where the next used element goes */
  guint16 published;    /* used_index as the driver sees it */
  guint16 evaluated;    /* used_index when last thought about a signal */
  gboolean never_evaluated;
  gboolean kicks_are_on;
  guint16 kick_index;   /* the avail event that the driver sees */

  /* Heads that are popped and not used yet: one of them seen twice would be
   * completed twice. */
  guint8 *is_in_use;
  guint n_in_use;

  /* Used while detached. */
  VhuUsedElement *waiting;
  guint n_waiting;
} VhuSplitRing;

void     vhu_split_ring_clear        (VhuSplitRing         *self);
/* With @keep, heads in use and elements that wait are those of the ring as it was
 * stopped. */
gboolean vhu_split_ring_start        (VhuSplitRing         *self,
                                      const VhuVringSetup  *setup,
                                      VhuMemory            *memory,
                                      gboolean              keep,
                                      GError              **error);
/* Nothing is touched from here; the state stays. */
void     vhu_split_ring_detach       (VhuSplitRing         *self);
/* FALSE, and detached, if @memory does not hold all parts. */
gboolean vhu_split_ring_attach       (VhuSplitRing         *self,
                                      VhuMemory            *memory,
                                      GError              **error);

/* Looks at the driver's index. An error if it is impossible. */
gboolean vhu_split_ring_look         (VhuSplitRing         *self,
                                      GError              **error);
/* The head at next_avail. */
gboolean vhu_split_ring_read_head    (VhuSplitRing         *self,
                                      guint                *head,
                                      GError              **error);
/* Adds the buffers of the chain that begins at @head to @chain. */
gboolean vhu_split_ring_walk         (VhuSplitRing         *self,
                                      VhuChainBuilder      *builder,
                                      VhuChain             *chain,
                                      guint                 head,
                                      GError              **error);

void     vhu_split_ring_put          (VhuSplitRing         *self,
                                      guint                 head,
                                      guint32               length);
/* TRUE if there was something to publish. */
gboolean vhu_split_ring_publish      (VhuSplitRing         *self);
/* Does the driver want a signal for what was published since the last call? */
gboolean vhu_split_ring_wants_signal (VhuSplitRing         *self);

void     vhu_split_ring_disable_kicks (VhuSplitRing        *self);
/* Asks for a kick when the driver's index passes @index. The caller looks at the
 * index again afterwards. */
void     vhu_split_ring_enable_kicks (VhuSplitRing         *self,
                                      guint16               index);

static inline guint16
vhu_split_ring_load_avail_index (VhuSplitRing *self)
{
  return GUINT16_FROM_LE (__atomic_load_n (&self->avail[1], __ATOMIC_ACQUIRE));
}

/* TRUE if chains are known to be there without looking at shared memory. */
static inline gboolean
vhu_split_ring_has_seen (VhuSplitRing *self)
{
  return self->next_avail != self->seen_avail;
}

static inline void
vhu_split_ring_mark (VhuSplitRing *self,
                     guint         head)
{
  self->is_in_use[head] = TRUE;
  self->n_in_use++;
}

static inline void
vhu_split_ring_unmark (VhuSplitRing *self,
                       guint         head)
{
  self->is_in_use[head] = FALSE;
  self->n_in_use--;
}

/* The chain that begins at @head is popped. */
static inline void
vhu_split_ring_take (VhuSplitRing *self,
                     guint         head)
{
  vhu_split_ring_mark (self, head);
  self->next_avail++;
}

G_END_DECLS
