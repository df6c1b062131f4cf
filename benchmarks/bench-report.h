/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "bench-worker.h"

G_BEGIN_DECLS

/* BenchReport: what was measured, all workers together. */
typedef struct
{
  BenchCounts counts; /* from the first begin to the last end */
  guint64 n_errors;
  guint64 n_wrong;
} BenchReport;

void bench_report_add        (BenchReport        *self,
                              BenchWorker        *worker);
void bench_report_print      (const BenchReport  *self,
                              const BenchOptions *options);
void bench_report_print_json (const BenchReport  *self,
                              const BenchOptions *options);

G_END_DECLS
