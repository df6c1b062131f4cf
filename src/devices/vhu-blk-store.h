/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

#include "vhu-blk-enums.h"

G_BEGIN_DECLS

/* What only those need who implement a store; see vhu-blk-io-private.h and
 * vhu-blk-engine-private.h. */
typedef struct _VhuBlkIo VhuBlkIo;
typedef struct _VhuBlkEngine VhuBlkEngine;
typedef struct _VhuBlkEngineOwner VhuBlkEngineOwner;

typedef enum
{
  /* Do it to the end, however long it takes. */
  VHU_BLK_WAIT,
  /* Do what can be done from memory; EAGAIN for the rest. */
  VHU_BLK_NO_WAIT
} VhuBlkPatience;

#define VHU_TYPE_BLK_STORE (vhu_blk_store_get_type ())

G_DECLARE_DERIVABLE_TYPE (VhuBlkStore, vhu_blk_store, VHU, BLK_STORE, GObject)

/* A store that works on descriptors or memory implements execute() and gets its
 * engines from vhu_blk_engine_new(). One that speaks to a server has a way of
 * its own to have many requests under way, and overrides open_engine(). */
struct _VhuBlkStoreClass
{
  GObjectClass parent_class;

  /*< private >*/
  /* From any thread. Returns 0 or an errno; @io has advanced by what was
   * done. */
  int            (*execute)     (VhuBlkStore             *self,
                                 VhuBlkIo                *io,
                                 VhuBlkPatience           patience);
  /* Finds out how large the store is now. */
  gboolean       (*refresh)     (VhuBlkStore             *self,
                                 GError                 **error);
  VhuBlkEngine * (*open_engine) (VhuBlkStore             *self,
                                 VhuBlkIoMode             mode,
                                 GMainContext            *context,
                                 const VhuBlkEngineOwner *owner,
                                 gpointer                 owner_data);
};

guint64  vhu_blk_store_get_size          (VhuBlkStore  *self);
gboolean vhu_blk_store_get_read_only     (VhuBlkStore  *self);
void     vhu_blk_store_set_read_only     (VhuBlkStore  *self);
gboolean vhu_blk_store_refresh           (VhuBlkStore  *self,
                                          GError      **error);
gboolean vhu_blk_store_flush             (VhuBlkStore  *self,
                                          GError      **error);

G_END_DECLS
