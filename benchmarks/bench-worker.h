/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "bench-disk.h"
#include "bench-histogram.h"

G_BEGIN_DECLS

/* What all workers look at while they run. */
typedef enum
{
  BENCH_PHASE_WARM_UP,
  BENCH_PHASE_MEASURE,
  BENCH_PHASE_STOP
} BenchPhase;

/* One way through the blocks: to write the pattern everywhere, to measure, or
 * to read the pattern everywhere. */
typedef enum
{
  BENCH_PASS_FILL,
  BENCH_PASS_MEASURE,
  BENCH_PASS_CHECK
} BenchPass;

/* What a worker counts while the phase is MEASURE. */
typedef struct
{
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
                                               const gint          *phase,
                                               GError             **error);
void               bench_worker_free          (BenchWorker         *self);

/* Begins a pass, in a thread that ends with it: when all blocks are done, or
 * the phase is STOP, or the number of requests is reached, or nothing works. */
void               bench_worker_start         (BenchWorker         *self,
                                               BenchPass            pass);
gboolean           bench_worker_is_running    (BenchWorker         *self);
/* Waits for that; FALSE if the pass could not be finished. */
gboolean           bench_worker_join          (BenchWorker         *self,
                                               GError             **error);

const BenchCounts *bench_worker_get_counts    (BenchWorker         *self);
guint64            bench_worker_get_n_errors  (BenchWorker         *self);
guint64            bench_worker_get_n_wrong   (BenchWorker         *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BenchWorker, bench_worker_free)

G_END_DECLS
