/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <vhu/vhu.h>

#include "vhu-blk-lane-private.h"
#include "vhu-blk-request-private.h"

G_BEGIN_DECLS

/* What went through a queue; written on its thread only. */
typedef struct
{
  guint64 n_reads;
  guint64 n_writes;
  guint64 n_others;
  guint64 n_errors; /* answered with IOERR or UNSUPP */
  guint64 bytes_read;
  guint64 bytes_written;
} VhuBlkStatistics;

/* VhuBlkQueue: one started ring of a disk, on the ring's thread. */
struct _VhuBlkQueue
{
  VhuVring *vring;
  const VhuBlkDisk *disk;
  VhuBlkLane *lane;
  VhuBlkStatistics statistics;

  gint64 last_report;
  guint n_unreported;

  gboolean is_dirty;
  VhuBlkQueue *next_dirty;
};

VhuBlkQueue *vhu_blk_queue_new     (VhuVring         *vring,
                                    const VhuBlkDisk *disk,
                                    VhuBlkLane       *lane);
void         vhu_blk_queue_free    (VhuBlkQueue      *self);
void         vhu_blk_queue_process (VhuBlkQueue      *self);
/* For the engine: an I/O of one of our requests has ended. */
void         vhu_blk_queue_io_done (VhuBlkIo         *io);

G_END_DECLS
