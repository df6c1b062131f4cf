/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <vhu/vhu.h>

#include "vhu-blk-enums.h"
#include "vhu-blk-store.h"

G_BEGIN_DECLS

#define VHU_TYPE_BLK (vhu_blk_get_type ())

G_DECLARE_FINAL_TYPE (VhuBlk, vhu_blk, VHU, BLK, VhuBackend)

VhuBlk      *vhu_blk_new               (VhuBlkStore   *store,
                                        guint          n_queues,
                                        guint          queue_size);
VhuBlkStore *vhu_blk_get_store         (VhuBlk        *self);
void         vhu_blk_set_serial        (VhuBlk        *self,
                                        const char    *serial);
void         vhu_blk_set_writethrough  (VhuBlk        *self,
                                        gboolean       writethrough);
gboolean     vhu_blk_set_io_mode       (VhuBlk        *self,
                                        VhuBlkIoMode   mode,
                                        GError       **error);
gboolean     vhu_blk_refresh           (VhuBlk        *self,
                                        GError       **error);
void         vhu_blk_refresh_later     (VhuBlk        *self);
char        *vhu_blk_describe          (VhuBlk        *self);

G_END_DECLS
