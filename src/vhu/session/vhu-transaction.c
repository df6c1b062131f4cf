/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-transaction-private.h"

struct _VhuTransaction
{
  int n_holds; /* atomic */
  GMainContext *control;
  GThread *control_thread;
  VhuTransactionFunc done;
  gpointer user_data;
};

VhuTransaction *
vhu_transaction_new (GMainContext       *control,
                     VhuTransactionFunc  done,
                     gpointer            user_data)
{
  VhuTransaction *self = g_new0 (VhuTransaction, 1);

  self->n_holds = 1;
  self->control = g_main_context_ref (control);
  self->control_thread = g_thread_self ();
  self->done = done;
  self->user_data = user_data;
  return self;
}

void
vhu_transaction_hold (VhuTransaction *self)
{
  g_atomic_int_inc (&self->n_holds);
}

static void
finish (VhuTransaction *self)
{
  self->done (self->user_data);
  g_main_context_unref (self->control);
  g_free (self);
}

static gboolean
finish_cb (gpointer user_data)
{
  finish (user_data);
  return G_SOURCE_REMOVE;
}

void
vhu_transaction_release (VhuTransaction *self)
{
  g_autoptr(GSource) source = NULL;

  if (!g_atomic_int_dec_and_test (&self->n_holds))
    return;

  if (g_thread_self () == self->control_thread)
    {
      finish (self);
      return;
    }

  source = g_idle_source_new ();
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_static_name (source, "vhu-transaction");
  g_source_set_callback (source, finish_cb, self, NULL);
  g_source_attach (source, self->control);
}
