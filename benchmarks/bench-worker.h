/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "bench-disk.h"
#include "bench-histogram.h"
#include "bench-usage.h"

G_BEGIN_DECLS

/* One way through the blocks: to write the pattern everywhere, to measure, or
 * to read the pattern everywhere. */
typedef enum
{
  BENCH_PASS_FILL,
  BENCH_PASS_MEASURE,
  BENCH_PASS_CHECK
} BenchPass;

/* When to measure, by bench_now(). Every worker looks at the clock by itself: a
 * thread that has to tell them might not get to run beside one that spins. */
typedef struct
{
  gint64 begin;
  gint64 end;
} BenchSchedule;

/* What a worker counts while it measures, and between which moments. */
typedef struct
{
  BenchUsage begin;
  BenchUsage end;
  guint64 n_reads;
  guint64 n_writes;
  guint64 n_kicks;
  guint64 n_calls;
  BenchHistogram latency; /* nanoseconds */
} BenchCounts;

/* BenchWorker: one queue, and the thread that keeps it full. */
typedef struct _BenchWorker BenchWorker;

BenchWorker       *bench_worker_new           (BenchDisk           *disk,
                                               const BenchOptions  *options,
                                               guint                index,
                                               GError             **error);
void               bench_worker_free          (BenchWorker         *self);

/* Begins a pass, in a thread that ends with it: when all blocks are done, or
 * the time is over, or the number of requests is reached, or nothing works. */
void               bench_worker_start         (BenchWorker         *self,
                                               BenchPass            pass,
                                               const BenchSchedule *schedule);
/* Waits for that; FALSE if the pass could not be finished. */
gboolean           bench_worker_join          (BenchWorker         *self,
                                               GError             **error);

const BenchCounts *bench_worker_get_counts    (BenchWorker         *self);
guint64            bench_worker_get_n_errors  (BenchWorker         *self);
guint64            bench_worker_get_n_wrong   (BenchWorker         *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BenchWorker, bench_worker_free)

G_END_DECLS
