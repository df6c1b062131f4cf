/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "vhu-blk-enums.h"
#include "vhu-blk-store.h"

G_BEGIN_DECLS

#define VHU_TYPE_BLK_STORE_FILE (vhu_blk_store_file_get_type ())

G_DECLARE_FINAL_TYPE (VhuBlkStoreFile, vhu_blk_store_file,
                      VHU, BLK_STORE_FILE, VhuBlkStore)

VhuBlkStore *vhu_blk_store_file_new (const char  *path,
                                     gboolean     read_only,
                                     gboolean     direct,
                                     guint        logical_block_size,
                                     GError     **error);

G_END_DECLS
