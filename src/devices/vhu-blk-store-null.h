/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "vhu-blk-store.h"

G_BEGIN_DECLS

#define VHU_TYPE_BLK_STORE_NULL (vhu_blk_store_null_get_type ())

G_DECLARE_FINAL_TYPE (VhuBlkStoreNull, vhu_blk_store_null,
                      VHU, BLK_STORE_NULL, VhuBlkStore)

VhuBlkStore *vhu_blk_store_null_new (guint64 size,
                                     guint   logical_block_size);

G_END_DECLS
