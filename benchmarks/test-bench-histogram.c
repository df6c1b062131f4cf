/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "bench-histogram.h"

static BenchHistogram *
create_histogram (guint64 first,
                  guint64 last)
{
  BenchHistogram *histogram = g_new0 (BenchHistogram, 1);

  for (guint64 value = first; value <= last; value++)
    bench_histogram_add (histogram, value);
  return histogram;
}

static void
test_small_values_are_exact (void)
{
  g_autofree BenchHistogram *histogram = create_histogram (1, 100);

  g_assert_cmpuint (bench_histogram_quantile (histogram, 0), ==, 1);
  g_assert_cmpuint (bench_histogram_quantile (histogram, 0.5), ==, 50);
  g_assert_cmpuint (bench_histogram_quantile (histogram, 0.99), ==, 99);
  g_assert_cmpuint (bench_histogram_quantile (histogram, 1), ==, 100);
  g_assert_cmpuint (histogram->sum, ==, 5050);
}

static void
test_large_values_keep_two_digits (void)
{
  for (guint64 value = 1; value < G_GUINT64_CONSTANT (1) << 52;
       value += value / 3 + 1)
    {
      g_autofree BenchHistogram *histogram = create_histogram (value, value);
      guint64 quantile;

      /* The maximum would hide how coarse the bucket is. */
      histogram->maximum = G_MAXUINT64;
      quantile = bench_histogram_quantile (histogram, 0.5);
      g_assert_cmpuint (quantile, >=, value);
      g_assert_cmpuint (quantile - value, <=, value / 64);
    }
}

static void
test_buckets_follow_each_other (void)
{
  for (guint64 value = 1; value < 1 << 20; value++)
    {
      guint step = bench_histogram_index (value) -
                   bench_histogram_index (value - 1);

      g_assert_cmpuint (step, <=, 1);
    }
  g_assert_cmpuint (bench_histogram_index (G_MAXUINT64), <,
                    BENCH_HISTOGRAM_N_BUCKETS);
}

static void
test_histograms_merge (void)
{
  g_autofree BenchHistogram *histogram = create_histogram (1, 50);
  g_autofree BenchHistogram *other = create_histogram (51, 100);
  g_autofree BenchHistogram *empty = g_new0 (BenchHistogram, 1);

  bench_histogram_merge (histogram, other);
  bench_histogram_merge (histogram, empty);
  g_assert_cmpuint (histogram->n_values, ==, 100);
  g_assert_cmpuint (histogram->maximum, ==, 100);
  g_assert_cmpuint (bench_histogram_quantile (histogram, 0.9), ==, 90);
  g_assert_cmpuint (bench_histogram_quantile (empty, 0.9), ==, 0);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/benchmarks/histogram/small-values-are-exact",
                   test_small_values_are_exact);
  g_test_add_func ("/benchmarks/histogram/large-values-keep-two-digits",
                   test_large_values_keep_two_digits);
  g_test_add_func ("/benchmarks/histogram/buckets-follow-each-other",
                   test_buckets_follow_each_other);
  g_test_add_func ("/benchmarks/histogram/histograms-merge",
                   test_histograms_merge);

  return g_test_run ();
}
