/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "vhu-blk-io-private.h"

G_BEGIN_DECLS

typedef struct _VhuBlkPool VhuBlkPool;

typedef void (*VhuBlkPoolFunc) (VhuBlkIo *io);

/* VhuBlkPool: threads that wait for storage, so that a ring does not have to.
 *
 * GThreadPool aborts the process when a thread cannot be had, and allocates for
 * every job. This pool makes a thread when a job finds none idle, is content
 * with the ones it has when no more can be had, and links the jobs through the
 * I/O itself. Any thread may push. */
VhuBlkPool *vhu_blk_pool_new  (void);
/* Waits for what is under way. */
void        vhu_blk_pool_free (VhuBlkPool     *self);
/* FALSE if there is not a single thread: then the caller does it itself. */
gboolean    vhu_blk_pool_push (VhuBlkPool     *self,
                               VhuBlkIo       *io,
                               VhuBlkPoolFunc  func);

G_END_DECLS
