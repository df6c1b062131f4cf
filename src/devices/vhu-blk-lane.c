/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-blk-lane-private.h"
#include "vhu-blk-queue-private.h"
#include "vhu-blk-store-private.h"

static void
lane_io_done (VhuBlkIo *io,
              gpointer  user_data)
{
  vhu_blk_queue_io_done (io);
}

/* One wake-up for each driver, however many of its requests ended. */
static void
lane_batch_done (gpointer user_data)
{
  VhuBlkLane *self = user_data;
  VhuBlkQueue *queue;

  while ((queue = self->first_dirty) != NULL)
    {
      self->first_dirty = queue->next_dirty;
      queue->is_dirty = FALSE;
      vhu_vring_signal (queue->vring);
    }
}

static const VhuBlkEngineOwner engine_owner = {
  .done = lane_io_done,
  .batch_done = lane_batch_done,
};

VhuBlkLane *
vhu_blk_lane_new (VhuBlkStore  *store,
                  VhuBlkIoMode  mode,
                  GMainContext *context)
{
  VhuBlkLane *self = g_new0 (VhuBlkLane, 1);

  self->context = context;
  self->engine = vhu_blk_store_open_engine (store, mode, context,
                                            &engine_owner, self);

  return self;
}

void
vhu_blk_lane_free (VhuBlkLane *self)
{
  vhu_blk_engine_free (self->engine);
  g_free (self);
}

void
vhu_blk_lane_mark_dirty (VhuBlkLane  *self,
                         VhuBlkQueue *queue)
{
  if (queue->is_dirty)
    return;

  queue->is_dirty = TRUE;
  queue->next_dirty = self->first_dirty;
  self->first_dirty = queue;
}
