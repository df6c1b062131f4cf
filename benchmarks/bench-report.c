/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "bench-report.h"

#include <json-glib/json-glib.h>

typedef struct
{
  const char *name;
  double fraction;
} Quantile;

static const Quantile quantiles[] = {
  { "p50", 0.5 }, { "p99", 0.99 }, { "p99.9", 0.999 },
};

void
bench_report_add (BenchReport *self,
                  BenchWorker *worker)
{
  const BenchCounts *counts = bench_worker_get_counts (worker);

  if (self->counts.begin.time == 0 ||
      counts->begin.time < self->counts.begin.time)
    self->counts.begin = counts->begin;
  if (counts->end.time > self->counts.end.time)
    self->counts.end = counts->end;
  self->counts.n_reads += counts->n_reads;
  self->counts.n_writes += counts->n_writes;
  self->counts.n_kicks += counts->n_kicks;
  self->counts.n_calls += counts->n_calls;
  bench_histogram_merge (&self->counts.latency, &counts->latency);
  self->n_errors += bench_worker_get_n_errors (worker);
  self->n_wrong += bench_worker_get_n_wrong (worker);
}

static double
get_seconds (const BenchReport *self)
{
  return (double) (self->counts.end.time - self->counts.begin.time) / 1e9;
}

static gint64
get_backend_cpu (const BenchReport *self)
{
  if (self->counts.begin.backend < 0 || self->counts.end.backend < 0)
    return -1;

  return self->counts.end.backend - self->counts.begin.backend;
}

static gint64
get_frontend_cpu (const BenchReport *self)
{
  return self->counts.end.frontend - self->counts.begin.frontend;
}

static double
per_request (const BenchReport *self,
             double             value)
{
  return value / (double) MAX (1, self->counts.latency.n_values);
}

static double
get_iops (const BenchReport *self)
{
  return (double) self->counts.latency.n_values / MAX (get_seconds (self), 1e-9);
}

static double
get_megabytes (const BenchReport  *self,
               const BenchOptions *options)
{
  return get_iops (self) * (double) options->block_size / 1e6;
}

static double
get_quantile_us (const BenchReport *self,
                 double             fraction)
{
  return (double) bench_histogram_quantile (&self->counts.latency, fraction) /
         1e3;
}

static void
print_cpu (const char        *name,
           const BenchReport *self,
           gint64             cpu)
{
  if (cpu >= 0)
    g_print ("%s CPU   %.3f us per request, %.0f %% of one CPU\n", name,
             per_request (self, (double) cpu) / 1e3,
             (double) cpu / get_seconds (self) / 1e7);
  else
    g_print ("%s CPU   not known\n", name);
}

void
bench_report_print (const BenchReport  *self,
                    const BenchOptions *options)
{
  g_print ("%s %s, %" G_GUINT64_FORMAT " bytes, depth %d, %d queue(s), %s\n",
           options->sequential ? "sequential" : "random",
           bench_mode_to_string (options->mode), options->block_size,
           options->depth, options->n_queues,
           options->poll ? "polling" : "eventfd");
  g_print ("requests       %" G_GUINT64_FORMAT " in %.2f s\n",
           self->counts.latency.n_values, get_seconds (self));
  g_print ("rate           %.0f IOPS, %.1f MB/s\n", get_iops (self),
           get_megabytes (self, options));
  g_print ("latency       ");
  for (guint i = 0; i < G_N_ELEMENTS (quantiles); i++)
    g_print (" %s %.1f us,", quantiles[i].name,
             get_quantile_us (self, quantiles[i].fraction));
  g_print (" longest %.1f us\n", (double) self->counts.latency.maximum / 1e3);
  print_cpu ("back-end ", self, get_backend_cpu (self));
  print_cpu ("front-end", self, get_frontend_cpu (self));
  g_print ("wake-ups       %.3f kicks and %.3f calls per request\n",
           per_request (self, (double) self->counts.n_kicks),
           per_request (self, (double) self->counts.n_calls));
  if (self->n_errors > 0 || options->verify)
    g_print ("failures       %" G_GUINT64_FORMAT " requests failed, %"
             G_GUINT64_FORMAT " read wrong data\n",
             self->n_errors, self->n_wrong);
}

static void
add_double (JsonBuilder *builder,
            const char  *name,
            double       value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_double_value (builder, value);
}

static void
add_int (JsonBuilder *builder,
         const char  *name,
         gint64       value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_int_value (builder, value);
}

static void
add_string (JsonBuilder *builder,
            const char  *name,
            const char  *value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_string_value (builder, value);
}

static void
add_options (JsonBuilder        *builder,
             const BenchOptions *options)
{
  add_string (builder, "mode", bench_mode_to_string (options->mode));
  add_string (builder, "order", options->sequential ? "sequential" : "random");
  add_string (builder, "wait", options->poll ? "poll" : "eventfd");
  add_int (builder, "block-size", (gint64) options->block_size);
  add_int (builder, "depth", options->depth);
  add_int (builder, "queues", options->n_queues);
}

static void
add_results (JsonBuilder        *builder,
             const BenchReport  *self,
             const BenchOptions *options)
{
  add_double (builder, "seconds", get_seconds (self));
  add_int (builder, "reads", (gint64) self->counts.n_reads);
  add_int (builder, "writes", (gint64) self->counts.n_writes);
  add_double (builder, "iops", get_iops (self));
  add_double (builder, "megabytes-per-second", get_megabytes (self, options));
  for (guint i = 0; i < G_N_ELEMENTS (quantiles); i++)
    {
      g_autofree char *name = g_strdup_printf ("%s-us", quantiles[i].name);

      add_double (builder, name,
                  get_quantile_us (self, quantiles[i].fraction));
    }
  add_double (builder, "longest-us",
              (double) self->counts.latency.maximum / 1e3);
  if (get_backend_cpu (self) >= 0)
    add_double (builder, "backend-cpu-ns-per-request",
                per_request (self, (double) get_backend_cpu (self)));
  add_double (builder, "frontend-cpu-ns-per-request",
              per_request (self, (double) get_frontend_cpu (self)));
  add_double (builder, "kicks-per-request",
              per_request (self, (double) self->counts.n_kicks));
  add_double (builder, "calls-per-request",
              per_request (self, (double) self->counts.n_calls));
  add_int (builder, "errors", (gint64) self->n_errors);
  add_int (builder, "wrong", (gint64) self->n_wrong);
}

void
bench_report_print_json (const BenchReport  *self,
                         const BenchOptions *options)
{
  g_autoptr(JsonBuilder) builder = json_builder_new ();
  g_autoptr(JsonNode) root = NULL;
  g_autofree char *text = NULL;

  json_builder_begin_object (builder);
  add_options (builder, options);
  add_results (builder, self, options);
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  text = json_to_string (root, TRUE);
  g_print ("%s\n", text);
}
