/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "bench-histogram.h"

#include <math.h>

void
bench_histogram_merge (BenchHistogram       *self,
                       const BenchHistogram *other)
{
  self->n_values += other->n_values;
  self->sum += other->sum;
  self->maximum = MAX (self->maximum, other->maximum);
  for (guint i = 0; i < BENCH_HISTOGRAM_N_BUCKETS; i++)
    self->buckets[i] += other->buckets[i];
}

/* The largest value that goes into a bucket. */
static guint64
bucket_limit (guint index)
{
  const guint64 limit = G_GUINT64_CONSTANT (1) << BENCH_HISTOGRAM_SUB_BITS;
  guint shift;

  if (index < 2 * limit)
    return index;

  shift = (guint) (index / limit) - 1;
  return (((index % limit) + limit + 1) << shift) - 1;
}

guint64
bench_histogram_quantile (const BenchHistogram *self,
                          double                fraction)
{
  const double wanted = MAX (1, ceil (fraction * (double) self->n_values));
  guint64 n_seen = 0;

  if (self->n_values == 0)
    return 0;

  for (guint i = 0; i < BENCH_HISTOGRAM_N_BUCKETS; i++)
    {
      n_seen += self->buckets[i];
      if ((double) n_seen >= wanted)
        return MIN (bucket_limit (i), self->maximum);
    }
  return self->maximum;
}
