/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "vhu-blk-engine-private.h"
#include "vhu-blk-io-private.h"
#include "vhu-blk-store.h"

G_BEGIN_DECLS

/* What a store is like. Sizes in bytes; frozen once the store is open. */
typedef struct
{
  guint logical_block_size;
  guint physical_block_size;
  guint alignment_offset;
  guint min_io_size;
  guint opt_io_size;
  guint discard_granularity;
  /* Buffers that do not start and end at a multiple of this are slow. */
  guint memory_alignment;

  gboolean read_only;
  gboolean can_discard;
  gboolean can_write_zeroes;
  gboolean may_unmap;

  /* The data are in memory: no request ever has to wait. */
  gboolean in_memory;
  /* They are in the memory of this process: a request takes less time than a
   * system call. */
  gboolean is_instant;
  /* Whether VHU_BLK_NO_WAIT is worth a try before anything else. */
  gboolean try_no_wait;
  /* What io_uring works on, or -1. */
  int fd;
} VhuBlkTraits;

const VhuBlkTraits *vhu_blk_store_get_traits  (VhuBlkStore             *self);
VhuBlkPool         *vhu_blk_store_get_pool    (VhuBlkStore             *self);
VhuBlkEngine       *vhu_blk_store_open_engine (VhuBlkStore             *self,
                                               VhuBlkIoMode             mode,
                                               GMainContext            *context,
                                               const VhuBlkEngineOwner *owner,
                                               gpointer                 owner_data);

/* For the subclasses, while the store is opened. */
void                vhu_blk_store_set_traits  (VhuBlkStore             *self,
                                               const VhuBlkTraits      *traits);
void                vhu_blk_store_set_size    (VhuBlkStore             *self,
                                               guint64                  size);

static inline int
vhu_blk_store_execute (VhuBlkStore    *self,
                       VhuBlkIo       *io,
                       VhuBlkPatience  patience)
{
  return VHU_BLK_STORE_GET_CLASS (self)->execute (self, io, patience);
}

G_END_DECLS
