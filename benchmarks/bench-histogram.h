/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* BenchHistogram: counts of nanoseconds in buckets that grow with the value, so
 * that every value from 1 ns to hours keeps two significant digits. Adding one
 * is a few instructions and never allocates. */

#define BENCH_HISTOGRAM_SUB_BITS 6
#define BENCH_HISTOGRAM_N_BUCKETS (48 << BENCH_HISTOGRAM_SUB_BITS)

typedef struct
{
  guint64 n_values;
  guint64 maximum;
  guint64 sum;
  guint64 buckets[BENCH_HISTOGRAM_N_BUCKETS];
} BenchHistogram;

static inline guint
bench_histogram_index (guint64 value)
{
  const guint64 limit = G_GUINT64_CONSTANT (1) << BENCH_HISTOGRAM_SUB_BITS;
  guint shift;
  guint64 index;

  if (value < limit)
    return (guint) value;

  /* The value, cut to SUB_BITS + 1 binary digits, of which the first is 1. */
  shift = 63 - BENCH_HISTOGRAM_SUB_BITS - (guint) __builtin_clzll (value);
  index = shift * limit + (value >> shift);
  return (guint) MIN (index, BENCH_HISTOGRAM_N_BUCKETS - 1);
}

static inline void
bench_histogram_add (BenchHistogram *self,
                     guint64         value)
{
  self->n_values++;
  self->sum += value;
  if (value > self->maximum)
    self->maximum = value;
  self->buckets[bench_histogram_index (value)]++;
}

void    bench_histogram_merge    (BenchHistogram       *self,
                                  const BenchHistogram *other);
/* The value that @fraction of all values do not exceed, to the resolution of
 * the buckets; 0 if there are none. */
guint64 bench_histogram_quantile (const BenchHistogram *self,
                                  double                fraction);

G_END_DECLS
