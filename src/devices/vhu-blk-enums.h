/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * VhuBlkIoMode:
 * @VHU_BLK_IO_MODE_AUTO: from memory in the thread of the ring, the rest by
 *   io_uring, or by threads where io_uring is denied
 * @VHU_BLK_IO_MODE_INLINE: everything in the thread of the ring
 * @VHU_BLK_IO_MODE_IO_URING: everything by io_uring
 * @VHU_BLK_IO_MODE_THREADS: everything by a pool of threads
 *
 * How the requests of a block device are carried out.
 *
 * Since: 0.1
 */
typedef enum
{
  VHU_BLK_IO_MODE_AUTO,
  VHU_BLK_IO_MODE_INLINE,
  VHU_BLK_IO_MODE_IO_URING,
  VHU_BLK_IO_MODE_THREADS
} VhuBlkIoMode;

/**
 * VhuBlkCache:
 * @VHU_BLK_CACHE_WRITEBACK: writes are stable after a flush
 * @VHU_BLK_CACHE_WRITETHROUGH: writes are stable when they end
 * @VHU_BLK_CACHE_NONE: as writeback, past the page cache of the host
 *
 * What caches the writes of a block device.
 *
 * Since: 0.1
 */
typedef enum
{
  VHU_BLK_CACHE_WRITEBACK,
  VHU_BLK_CACHE_WRITETHROUGH,
  VHU_BLK_CACHE_NONE
} VhuBlkCache;

G_END_DECLS
