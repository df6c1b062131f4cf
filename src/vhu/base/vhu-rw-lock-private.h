/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* VhuRwLock: readers side by side, or one writer.
 *
 * GRWLock lets new readers in for as long as others read, and so never comes to
 * a writer when there are enough of them. Here a waiting writer goes before new
 * readers, the readers that waited for a writer go before the next one, and
 * writers go in the order of their coming: nobody starves.
 *
 * It does not recurse, on either side. */
typedef struct
{
  GMutex mutex;
  GCond may_read;
  GCond may_write;
  guint n_readers;         /* that hold the lock */
  guint n_waiting_readers;
  guint64 phase;           /* counts the batches of waiting readers let in */
  guint64 next_ticket;     /* of the writer that comes next */
  guint64 turn;            /* ticket of the writer that writes next, or now */
} VhuRwLock;

void vhu_rw_lock_init          (VhuRwLock *self);
void vhu_rw_lock_clear         (VhuRwLock *self);
void vhu_rw_lock_reader_lock   (VhuRwLock *self);
void vhu_rw_lock_reader_unlock (VhuRwLock *self);
void vhu_rw_lock_writer_lock   (VhuRwLock *self);
void vhu_rw_lock_writer_unlock (VhuRwLock *self);

G_END_DECLS
