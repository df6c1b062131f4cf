/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <vhu/vhu.h>

#include "bench-options.h"

G_BEGIN_DECLS

/* BenchDisk: a vhost-user block device that is ready to be used. */
typedef struct
{
  VhuFrontend *frontend;
  guint64 n_blocks; /* in the span */
  int pid;          /* of the back-end, or -1 */
} BenchDisk;

#define BENCH_SECTOR_SIZE 512

/* virtio 1.3, 5.2.6 */
#define BENCH_BLK_IN 0u
#define BENCH_BLK_OUT 1u
#define BENCH_BLK_S_OK 0

typedef struct
{
  guint32 type;
  guint32 reserved;
  guint64 sector;
} BenchBlkHeader;

gboolean bench_disk_open  (BenchDisk           *self,
                           const BenchOptions  *options,
                           GError             **error);
void     bench_disk_clear (BenchDisk           *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (BenchDisk, bench_disk_clear)

G_END_DECLS
