/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-blk-pool-private.h"

#define MAX_THREADS 16

struct _VhuBlkPool
{
  GMutex mutex;
  GCond cond;
  gboolean closing;

  VhuBlkIo *first;
  VhuBlkIo **last;
  guint n_waiting; /* jobs */
  guint n_idle;    /* threads */

  GThread *threads[MAX_THREADS];
  guint n_threads;
};

VhuBlkPool *
vhu_blk_pool_new (void)
{
  VhuBlkPool *self = g_new0 (VhuBlkPool, 1);

  g_mutex_init (&self->mutex);
  g_cond_init (&self->cond);
  self->last = &self->first;

  return self;
}

void
vhu_blk_pool_free (VhuBlkPool *self)
{
  guint i;

  g_mutex_lock (&self->mutex);
  self->closing = TRUE;
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->mutex);

  for (i = 0; i < self->n_threads; i++)
    g_thread_join (self->threads[i]);

  g_cond_clear (&self->cond);
  g_mutex_clear (&self->mutex);
  g_free (self);
}

/* The next job, or NULL when the pool closes. */
static VhuBlkIo *
take_job (VhuBlkPool *self)
{
  VhuBlkIo *io;

  g_mutex_lock (&self->mutex);
  self->n_idle++;
  while (self->first == NULL && !self->closing)
    g_cond_wait (&self->cond, &self->mutex);
  self->n_idle--;

  io = self->first;
  if (io != NULL)
    {
      self->first = io->next;
      if (self->first == NULL)
        self->last = &self->first;
      self->n_waiting--;
    }
  g_mutex_unlock (&self->mutex);

  return io;
}

static gpointer
pool_thread (gpointer data)
{
  VhuBlkPool *self = data;
  VhuBlkIo *io;

  while ((io = take_job (self)) != NULL)
    io->pool_func (io);

  return NULL;
}

/* With the mutex held. */
static void
add_thread (VhuBlkPool *self)
{
  GThread *thread;

  if (self->n_threads == MAX_THREADS)
    return;

  thread = g_thread_try_new ("vhu-blk-pool", pool_thread, self, NULL);
  if (thread != NULL)
    self->threads[self->n_threads++] = thread;
}

gboolean
vhu_blk_pool_push (VhuBlkPool     *self,
                   VhuBlkIo       *io,
                   VhuBlkPoolFunc  func)
{
  gboolean pushed;

  g_mutex_lock (&self->mutex);
  if (self->n_waiting >= self->n_idle)
    add_thread (self);

  pushed = self->n_threads > 0;
  if (pushed)
    {
      io->pool_func = func;
      io->next = NULL;
      *self->last = io;
      self->last = &io->next;
      self->n_waiting++;
      g_cond_signal (&self->cond);
    }
  g_mutex_unlock (&self->mutex);

  return pushed;
}
