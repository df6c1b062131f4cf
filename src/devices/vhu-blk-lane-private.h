/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "vhu-blk-engine-private.h"

G_BEGIN_DECLS

typedef struct _VhuBlkLane VhuBlkLane;
typedef struct _VhuBlkQueue VhuBlkQueue;

/* VhuBlkLane: what the queues of one context share: an engine, and the list of
 * queues that finished something since their driver was told. Everything runs
 * on the thread of that context; a lane lives from the first vring_started to
 * the last vring_stopped there. */
struct _VhuBlkLane
{
  GMainContext *context;
  VhuBlkEngine *engine;
  guint n_queues;
  VhuBlkQueue *first_dirty;
};

VhuBlkLane *vhu_blk_lane_new        (VhuBlkStore  *store,
                                     VhuBlkIoMode  mode,
                                     GMainContext *context);
void        vhu_blk_lane_free       (VhuBlkLane   *self);
void        vhu_blk_lane_mark_dirty (VhuBlkLane   *self,
                                     VhuBlkQueue  *queue);

G_END_DECLS
