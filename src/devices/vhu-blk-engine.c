/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-blk-engine-private.h"
#include "vhu-blk-store-private.h"

#include <errno.h>

static gboolean
inline_submit (VhuBlkEngine *self,
               VhuBlkIo     *io)
{
  io->error = vhu_blk_store_execute (self->store, io, VHU_BLK_WAIT);

  return TRUE;
}

static void
inline_free (VhuBlkEngine *self)
{
  g_free (self);
}

static const VhuBlkEngineOps inline_ops = {
  .submit = inline_submit,
  .free = inline_free,
};

static VhuBlkEngine *
inline_new (void)
{
  VhuBlkEngine *self = g_new0 (VhuBlkEngine, 1);

  self->ops = &inline_ops;

  return self;
}

/* The best engine for @mode that can be had in this process. */
static VhuBlkEngine *
choose_engine (VhuBlkStore             *store,
               VhuBlkIoMode             mode,
               GMainContext            *context,
               const VhuBlkEngineOwner *owner,
               gpointer                 owner_data)
{
  const VhuBlkTraits *traits = vhu_blk_store_get_traits (store);

  if (mode == VHU_BLK_IO_MODE_INLINE ||
      (mode == VHU_BLK_IO_MODE_AUTO && traits->in_memory))
    return inline_new ();

  if (mode != VHU_BLK_IO_MODE_THREADS && traits->fd >= 0)
    {
      g_autoptr(GError) error = NULL;
      VhuBlkEngine *engine;

      engine = vhu_blk_engine_uring_new (store, context, owner, owner_data,
                                         &error);
      if (engine != NULL)
        return engine;
      g_info ("io_uring is not to be had (%s), using threads", error->message);
    }

  return vhu_blk_engine_threads_new (store, context, owner, owner_data);
}

VhuBlkEngine *
vhu_blk_engine_new (VhuBlkStore             *store,
                    VhuBlkIoMode             mode,
                    GMainContext            *context,
                    const VhuBlkEngineOwner *owner,
                    gpointer                 owner_data)
{
  const VhuBlkTraits *traits = vhu_blk_store_get_traits (store);
  VhuBlkEngine *self = choose_engine (store, mode, context, owner, owner_data);

  self->store = store;
  self->owner = owner;
  self->owner_data = owner_data;
  self->try_no_wait = mode == VHU_BLK_IO_MODE_AUTO && traits->try_no_wait;
  self->is_instant = traits->is_instant && self->ops == &inline_ops;

  return self;
}

void
vhu_blk_engine_free (VhuBlkEngine *self)
{
  self->ops->free (self);
}

gboolean
vhu_blk_engine_submit (VhuBlkEngine *self,
                       VhuBlkIo     *io)
{
  if (io->left == 0 && io->op != VHU_BLK_OP_FLUSH)
    return TRUE;

  /* Data in memory are copied in less time than it takes to tell anybody else
   * to do it. */
  if (self->try_no_wait)
    {
      io->error = vhu_blk_store_execute (self->store, io, VHU_BLK_NO_WAIT);
      if (io->error != EAGAIN)
        return TRUE;
      io->error = 0;
    }

  return self->ops->submit (self, io);
}
