/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "vhu-split-ring-private.h"

G_BEGIN_DECLS

/* What a ring asks of its layout in shared memory. There is one layout so far;
 * another one becomes a second member and a switch in these functions, and the
 * rest of the room does not learn of it. Indices are opaque to the caller. */
typedef struct
{
  VhuSplitRing split;
} VhuRingLayout;

static inline void
vhu_ring_layout_clear (VhuRingLayout *self)
{
  vhu_split_ring_clear (&self->split);
}

static inline gboolean
vhu_ring_layout_start (VhuRingLayout        *self,
                       const VhuVringSetup  *setup,
                       VhuMemory            *memory,
                       gboolean              keep,
                       GError              **error)
{
  return vhu_split_ring_start (&self->split, setup, memory, keep, error);
}

static inline void
vhu_ring_layout_detach (VhuRingLayout *self)
{
  vhu_split_ring_detach (&self->split);
}

static inline gboolean
vhu_ring_layout_attach (VhuRingLayout  *self,
                        VhuMemory      *memory,
                        GError        **error)
{
  return vhu_split_ring_attach (&self->split, memory, error);
}

/* What GET_VRING_BASE answers. */
static inline guint32
vhu_ring_layout_get_base (VhuRingLayout *self)
{
  return self->split.next_avail;
}

static inline guint
vhu_ring_layout_get_used_index (VhuRingLayout *self)
{
  return self->split.used_index;
}

/* Reads the head of the next chain if one is there; looks at shared memory if
 * all that was seen is popped. */
static inline gboolean
vhu_ring_layout_next (VhuRingLayout  *self,
                      guint          *head,
                      GError        **error)
{
  VhuSplitRing *split = &self->split;

  if (!vhu_split_ring_has_seen (split) &&
      (!vhu_split_ring_look (split, error) || !vhu_split_ring_has_seen (split)))
    return FALSE;

  return vhu_split_ring_read_head (split, head, error);
}

static inline gboolean
vhu_ring_layout_walk (VhuRingLayout    *self,
                      VhuChainBuilder  *builder,
                      VhuChain         *chain,
                      guint             head,
                      GError          **error)
{
  return vhu_split_ring_walk (&self->split, builder, chain, head, error);
}

static inline void
vhu_ring_layout_take (VhuRingLayout *self,
                      guint          head)
{
  vhu_split_ring_take (&self->split, head);
}

static inline void
vhu_ring_layout_put (VhuRingLayout *self,
                     guint          head,
                     guint32        length)
{
  vhu_split_ring_put (&self->split, head, length);
}

/* @head stays in flight for ever, as far as this ring is concerned. */
static inline void
vhu_ring_layout_forget (VhuRingLayout *self,
                        guint          head)
{
  vhu_split_ring_unmark (&self->split, head);
}

static inline guint
vhu_ring_layout_get_n_unpublished (VhuRingLayout *self)
{
  return (guint16) (self->split.used_index - self->split.published);
}

static inline gboolean
vhu_ring_layout_publish (VhuRingLayout *self)
{
  return vhu_split_ring_publish (&self->split);
}

static inline gboolean
vhu_ring_layout_wants_signal (VhuRingLayout *self)
{
  return vhu_split_ring_wants_signal (&self->split);
}

static inline void
vhu_ring_layout_disable_kicks (VhuRingLayout *self)
{
  vhu_split_ring_disable_kicks (&self->split);
}

/* Asks for a kick for the first chain that was not popped. */
static inline void
vhu_ring_layout_enable_kicks (VhuRingLayout *self)
{
  vhu_split_ring_enable_kicks (&self->split, self->split.next_avail);
}

/* Asks for a kick for the first chain that was not seen. */
static inline void
vhu_ring_layout_enable_kicks_for_new (VhuRingLayout *self)
{
  vhu_split_ring_enable_kicks (&self->split, self->split.seen_avail);
}

/* Are there chains that were not popped? */
static inline gboolean
vhu_ring_layout_has_avail (VhuRingLayout *self)
{
  return vhu_split_ring_load_avail_index (&self->split) != self->split.next_avail;
}

/* Are there chains that were not there when the ring was last looked at? */
static inline gboolean
vhu_ring_layout_has_new (VhuRingLayout *self)
{
  return vhu_split_ring_load_avail_index (&self->split) != self->split.seen_avail;
}

/* In @has_new, whether there are such chains now. One load decides that and what
 * counts as seen: a chain between two loads would be seen and never looked at. */
static inline gboolean
vhu_ring_layout_look (VhuRingLayout  *self,
                      gboolean       *has_new,
                      GError        **error)
{
  guint16 seen = self->split.seen_avail;

  if (!vhu_split_ring_look (&self->split, error))
    return FALSE;

  *has_new = self->split.seen_avail != seen;
  return TRUE;
}

G_END_DECLS
