/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

#include "vhu-blk-enums.h"
#include "vhu-blk-io-private.h"
#include "vhu-blk-pool-private.h"
#include "vhu-blk-store.h"

G_BEGIN_DECLS

/* Both run on the thread of the engine's context. */
struct _VhuBlkEngineOwner
{
  /* An I/O that was under way has ended; its error says how. */
  void (*done)       (VhuBlkIo *io,
                      gpointer  owner_data);
  /* So have all that ended together. */
  void (*batch_done) (gpointer  owner_data);
};

typedef struct
{
  /* TRUE if the I/O has ended already. Otherwise done() is called later. */
  gboolean (*submit) (VhuBlkEngine *self,
                      VhuBlkIo     *io);
  /* Hands to the system what was submitted since the last time. */
  void     (*flush)  (VhuBlkEngine *self);
  void     (*free)   (VhuBlkEngine *self);
} VhuBlkEngineOps;

/* VhuBlkEngine: a way to have I/O done for one GMainContext. It is used and
 * freed on the thread of that context, and freed only when nothing is under way.
 *
 * Three are here: inline (the thread of the ring does it itself), a pool of
 * threads, and io_uring. */
struct _VhuBlkEngine
{
  const VhuBlkEngineOps *ops;
  VhuBlkStore *store;
  gboolean try_no_wait;
  gboolean is_instant;
  const VhuBlkEngineOwner *owner;
  gpointer owner_data;
};

/* Never fails: where @mode cannot be had, the next best is taken. */
VhuBlkEngine *vhu_blk_engine_new         (VhuBlkStore             *store,
                                          VhuBlkIoMode             mode,
                                          GMainContext            *context,
                                          const VhuBlkEngineOwner *owner,
                                          gpointer                 owner_data);
void          vhu_blk_engine_free        (VhuBlkEngine            *self);

gboolean      vhu_blk_engine_submit      (VhuBlkEngine            *self,
                                          VhuBlkIo                *io);

static inline void
vhu_blk_engine_flush (VhuBlkEngine *self)
{
  if (self->ops->flush != NULL)
    self->ops->flush (self);
}

/* The engines that are more than a page. */
VhuBlkEngine *vhu_blk_engine_threads_new (VhuBlkStore             *store,
                                          GMainContext            *context,
                                          const VhuBlkEngineOwner *owner,
                                          gpointer                 owner_data);
VhuBlkEngine *vhu_blk_engine_uring_new   (VhuBlkStore             *store,
                                          GMainContext            *context,
                                          const VhuBlkEngineOwner *owner,
                                          gpointer                 owner_data,
                                          GError                 **error);
gboolean      vhu_blk_engine_uring_probe (GError                 **error);

G_END_DECLS
