/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-blk-engine-private.h"
#include "vhu-blk-store-private.h"

typedef struct
{
  VhuBlkEngine parent;
  VhuBlkPool *pool;
  GSource *source;

  /* What the pool has finished, newest first. The mutex is held over the
   * wake-up too, so that freeing the engine waits for a thread that is just
   * about to wake it. */
  GMutex mutex;
  VhuBlkIo *finished;
} VhuBlkThreads;

typedef struct
{
  GSource source;
  VhuBlkThreads *engine;
} ThreadsSource;

static void
finish_in_pool (VhuBlkIo *io)
{
  VhuBlkThreads *self = io->engine;

  io->error = vhu_blk_store_execute (self->parent.store, io, VHU_BLK_WAIT);

  g_mutex_lock (&self->mutex);
  if (self->finished == NULL)
    g_source_set_ready_time (self->source, 0);
  io->next = self->finished;
  self->finished = io;
  g_mutex_unlock (&self->mutex);
}

static gboolean
threads_submit (VhuBlkEngine *engine,
                VhuBlkIo     *io)
{
  VhuBlkThreads *self = (VhuBlkThreads *) engine;

  io->engine = self;
  if (vhu_blk_pool_push (self->pool, io, finish_in_pool))
    return FALSE;

  io->error = vhu_blk_store_execute (engine->store, io, VHU_BLK_WAIT);
  return TRUE;
}

/* Oldest first. */
static VhuBlkIo *
take_finished (VhuBlkThreads *self)
{
  VhuBlkIo *list = NULL;
  VhuBlkIo *io;

  g_mutex_lock (&self->mutex);
  g_source_set_ready_time (self->source, -1);
  io = g_steal_pointer (&self->finished);
  g_mutex_unlock (&self->mutex);

  while (io != NULL)
    {
      VhuBlkIo *next = io->next;

      io->next = list;
      list = io;
      io = next;
    }

  return list;
}

static gboolean
threads_source_dispatch (GSource     *source,
                         GSourceFunc  callback,
                         gpointer     user_data)
{
  VhuBlkThreads *self = ((ThreadsSource *) source)->engine;
  VhuBlkIo *io = take_finished (self);

  while (io != NULL)
    {
      VhuBlkIo *next = io->next;

      self->parent.owner->done (io, self->parent.owner_data);
      io = next;
    }
  self->parent.owner->batch_done (self->parent.owner_data);

  return G_SOURCE_CONTINUE;
}

static GSourceFuncs threads_source_funcs = {
  .dispatch = threads_source_dispatch,
};

static void
threads_free (VhuBlkEngine *engine)
{
  VhuBlkThreads *self = (VhuBlkThreads *) engine;

  g_mutex_lock (&self->mutex);
  g_source_destroy (self->source);
  g_mutex_unlock (&self->mutex);

  g_source_unref (self->source);
  g_mutex_clear (&self->mutex);
  g_free (self);
}

static const VhuBlkEngineOps threads_ops = {
  .submit = threads_submit,
  .free = threads_free,
};

VhuBlkEngine *
vhu_blk_engine_threads_new (VhuBlkStore             *store,
                            GMainContext            *context,
                            const VhuBlkEngineOwner *owner,
                            gpointer                 owner_data)
{
  VhuBlkThreads *self = g_new0 (VhuBlkThreads, 1);

  self->parent.ops = &threads_ops;
  self->parent.store = store;
  self->parent.owner = owner;
  self->parent.owner_data = owner_data;
  self->pool = vhu_blk_store_get_pool (store);
  g_mutex_init (&self->mutex);

  self->source = g_source_new (&threads_source_funcs, sizeof (ThreadsSource));
  ((ThreadsSource *) self->source)->engine = self;
  g_source_set_static_name (self->source, "vhu-blk threads");
  g_source_set_ready_time (self->source, -1);
  g_source_attach (self->source, context);

  return &self->parent;
}
