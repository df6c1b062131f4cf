/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

#include "vhu-kick-source-private.h"
#include "vhu-worker.h"

G_BEGIN_DECLS

/* VhuRingThread: where rings are served: a context, and the one source in it
 * that has all their kicks. The context is a worker's, or the caller's own.
 * Reference counted; the last reference ends the worker. */
typedef struct
{
  gatomicrefcount ref_count;
  VhuWorker *worker; /* NULL in the caller's context */
  GMainContext *context;
  GSource *kicks;
} VhuRingThread;

/* @worker NULL means the thread-default context of the caller, where the source
 * gets @priority. */
VhuRingThread *vhu_ring_thread_new   (VhuWorker      *worker,
                                      int             priority,
                                      guint           poll_us,
                                      GError        **error);
VhuRingThread *vhu_ring_thread_ref   (VhuRingThread  *self);
void           vhu_ring_thread_unref (VhuRingThread  *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VhuRingThread, vhu_ring_thread_unref)

G_END_DECLS
