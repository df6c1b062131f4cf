/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "vhu-blk-store.h"

G_BEGIN_DECLS

#define VHU_TYPE_BLK_STORE_RAM (vhu_blk_store_ram_get_type ())

G_DECLARE_FINAL_TYPE (VhuBlkStoreRam, vhu_blk_store_ram,
                      VHU, BLK_STORE_RAM, VhuBlkStore)

VhuBlkStore *vhu_blk_store_ram_new (guint64   size,
                                    guint     logical_block_size,
                                    GError  **error);

G_END_DECLS
