/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-ring-thread-private.h"

VhuRingThread *
vhu_ring_thread_new (VhuWorker  *worker,
                     int         priority,
                     guint       poll_us,
                     GError    **error)
{
  VhuRingThread *self;
  GSource *kicks;

  kicks = vhu_kick_source_new ("vhu-kicks", error);
  if (kicks == NULL)
    return NULL;

  self = g_new0 (VhuRingThread, 1);
  g_atomic_ref_count_init (&self->ref_count);
  self->kicks = kicks;
  if (worker != NULL)
    {
      self->worker = g_object_ref (worker);
      self->context = g_main_context_ref (vhu_worker_get_context (worker));
      vhu_kick_source_set_poll_us (kicks, poll_us);
    }
  else
    {
      /* A context that is not ours has other work to do: no polling there. */
      self->context = g_main_context_ref_thread_default ();
      g_source_set_priority (kicks, priority);
    }

  g_source_attach (kicks, self->context);
  return self;
}

VhuRingThread *
vhu_ring_thread_ref (VhuRingThread *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
vhu_ring_thread_unref (VhuRingThread *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  g_source_destroy (self->kicks);
  if (self->worker != NULL)
    vhu_worker_stop (self->worker);
  g_clear_pointer (&self->kicks, g_source_unref);
  g_clear_pointer (&self->context, g_main_context_unref);
  g_clear_object (&self->worker);
  g_free (self);
}
