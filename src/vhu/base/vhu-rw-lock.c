/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-rw-lock-private.h"

void
vhu_rw_lock_init (VhuRwLock *self)
{
  *self = (VhuRwLock) { .n_readers = 0 };
  g_mutex_init (&self->mutex);
  g_cond_init (&self->may_read);
  g_cond_init (&self->may_write);
}

void
vhu_rw_lock_clear (VhuRwLock *self)
{
  g_mutex_clear (&self->mutex);
  g_cond_clear (&self->may_read);
  g_cond_clear (&self->may_write);
}

void
vhu_rw_lock_reader_lock (VhuRwLock *self)
{
  g_mutex_lock (&self->mutex);

  /* A writer that writes keeps its ticket until it is done. */
  if (self->next_ticket == self->turn)
    {
      self->n_readers++;
    }
  else
    {
      const guint64 phase = self->phase;

      /* The writer counts us in: the next one cannot come between. */
      self->n_waiting_readers++;
      while (self->phase == phase)
        g_cond_wait (&self->may_read, &self->mutex);
    }

  g_mutex_unlock (&self->mutex);
}

void
vhu_rw_lock_reader_unlock (VhuRwLock *self)
{
  g_mutex_lock (&self->mutex);
  if (--self->n_readers == 0)
    g_cond_broadcast (&self->may_write);
  g_mutex_unlock (&self->mutex);
}

void
vhu_rw_lock_writer_lock (VhuRwLock *self)
{
  guint64 ticket;

  g_mutex_lock (&self->mutex);
  ticket = self->next_ticket++;
  while (ticket != self->turn || self->n_readers > 0)
    g_cond_wait (&self->may_write, &self->mutex);
  g_mutex_unlock (&self->mutex);
}

void
vhu_rw_lock_writer_unlock (VhuRwLock *self)
{
  g_mutex_lock (&self->mutex);
  self->turn++;

  if (self->n_waiting_readers > 0)
    {
      self->n_readers = self->n_waiting_readers;
      self->n_waiting_readers = 0;
      self->phase++;
      g_cond_broadcast (&self->may_read);
    }
  else
    {
      g_cond_broadcast (&self->may_write);
    }

  g_mutex_unlock (&self->mutex);
}
