/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "vhu-driver-memory-private.h"
#include "vhu-driver-queue.h"

G_BEGIN_DECLS

/* VhuDriverRing: the driver's side of one ring layout. It knows memory, but no
 * descriptors and no messages. What it writes for the device it also keeps for
 * itself: nothing that the device can write to is trusted.
 *
 * One thread at a time. */
typedef struct _VhuDriverRing VhuDriverRing;

typedef struct
{
  void     (*free)             (VhuDriverRing           *self);
  /* Empties the ring: nothing is in flight and both sides begin at 0. */
  void     (*reset)            (VhuDriverRing           *self);
  /* Makes a chain available and returns its id, or -1 with an error. */
  int      (*submit)           (VhuDriverRing           *self,
                                const VhuDriverSegment  *segments,
                                guint                    n_segments,
                                GError                 **error);
  /* Takes what the device used next. FALSE if there is nothing; a device that
   * broke the ring is reported in @error. */
  gboolean (*pop)              (VhuDriverRing           *self,
                                guint                   *id,
                                guint32                 *length,
                                GError                 **error);
  gboolean (*has_used)         (VhuDriverRing           *self);
  /* Whether the device wants to hear of what was submitted since the last time
   * that this was asked. */
  gboolean (*needs_kick)       (VhuDriverRing           *self);
  /* The device wakes the driver when @n_ahead further chains, and one, are
   * used; TRUE if that has happened already. */
  gboolean (*enable_calls)     (VhuDriverRing           *self,
                                guint                    n_ahead);
  void     (*disable_calls)    (VhuDriverRing           *self);
} VhuDriverRingOps;

struct _VhuDriverRing
{
  const VhuDriverRingOps *ops;
  VhuDriverMemory *memory;
  guint size;
  gboolean event_idx;
  gboolean strict;       /* what the device uses must be in flight */
  gboolean use_indirect;
  guint n_direct;        /* descriptors before the indirect one */
  guint n_free;          /* descriptors */
  guint n_in_flight;     /* chains */
  guint16 avail_index;
  guint16 used_index;
  /* Guest addresses, and where they are mapped. */
  guint64 desc_address;
  guint64 avail_address;
  guint64 used_address;
  guint8 *desc;
  guint8 *avail;
  guint8 *used;
};

VhuDriverRing *vhu_driver_split_ring_new (VhuDriverMemory  *memory,
                                          guint             size,
                                          gboolean          event_idx,
                                          GError          **error);

static inline void
vhu_driver_ring_free (VhuDriverRing *self)
{
  self->ops->free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VhuDriverRing, vhu_driver_ring_free)

/* The layout of a split ring; everything is little-endian. */
typedef struct
{
  guint64 address;
  guint32 length;
  guint16 flags;
  guint16 next;
} VhuSplitDesc;

typedef struct
{
  guint16 flags;
  guint16 index;
  guint16 ring[]; /* and used_event after the last one */
} VhuSplitAvail;

typedef struct
{
  guint32 id;
  guint32 length;
} VhuSplitUsedElement;

typedef struct
{
  guint16 flags;
  guint16 index;
  VhuSplitUsedElement ring[]; /* and avail_event after the last one */
} VhuSplitUsed;

#define VHU_SPLIT_DESC_NEXT 1
#define VHU_SPLIT_DESC_WRITE 2
#define VHU_SPLIT_DESC_INDIRECT 4
#define VHU_SPLIT_AVAIL_NO_INTERRUPT 1
#define VHU_SPLIT_USED_NO_NOTIFY 1

G_STATIC_ASSERT (sizeof (VhuSplitDesc) == 16);
G_STATIC_ASSERT (sizeof (VhuSplitUsedElement) == 8);

static inline guint16 *
vhu_split_used_event (VhuDriverRing *self)
{
  return &((VhuSplitAvail *) self->avail)->ring[self->size];
}

static inline guint16 *
vhu_split_avail_event (VhuDriverRing *self)
{
  return (guint16 *) &((VhuSplitUsed *) self->used)->ring[self->size];
}

G_END_DECLS
