/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <locale.h>

#include "bench-report.h"

/* vhu-bench: measures any vhost-user block device through VhuFrontend. */

typedef struct
{
  BenchOptions *options;
  BenchDisk *disk;
  GPtrArray *workers;
} Bench;

static gboolean
create_workers (Bench   *self,
                GError **error)
{
  for (int i = 0; i < self->options->n_queues; i++)
    {
      BenchWorker *worker = bench_worker_new (self->disk, self->options,
                                              (guint) i, error);

      if (worker == NULL)
        return FALSE;
      g_ptr_array_add (self->workers, worker);
    }
  return TRUE;
}

/* The first error stands for all. */
static gboolean
join_workers (Bench   *self,
              GError **error)
{
  gboolean is_good = TRUE;

  for (guint i = 0; i < self->workers->len; i++)
    is_good &= bench_worker_join (g_ptr_array_index (self->workers, i),
                                  is_good ? error : NULL);

  return is_good;
}

static gboolean
run_pass (Bench                *self,
          BenchPass             pass,
          const BenchSchedule  *schedule,
          GError              **error)
{
  for (guint i = 0; i < self->workers->len; i++)
    bench_worker_start (g_ptr_array_index (self->workers, i), pass, schedule);

  return join_workers (self, error);
}

static gboolean
measure (Bench   *self,
         GError **error)
{
  BenchSchedule schedule = { 0, G_MAXINT64 };

  if (self->options->n_requests == 0)
    {
      schedule.begin = bench_now () + (gint64) (self->options->warm_up * 1e9);
      schedule.end = schedule.begin + (gint64) (self->options->seconds * 1e9);
    }
  return run_pass (self, BENCH_PASS_MEASURE, &schedule, error);
}

static gboolean
run (Bench   *self,
     GError **error)
{
  const BenchSchedule never = { G_MAXINT64, G_MAXINT64 };
  const gboolean verify = self->options->verify;

  return create_workers (self, error) &&
         (!verify || run_pass (self, BENCH_PASS_FILL, &never, error)) &&
         measure (self, error) &&
         (!verify || run_pass (self, BENCH_PASS_CHECK, &never, error));
}

static gboolean
run_and_print (BenchOptions  *options,
               GError       **error)
{
  g_auto(BenchDisk) disk = { 0 };
  g_autoptr(GPtrArray) workers =
    g_ptr_array_new_with_free_func ((GDestroyNotify) bench_worker_free);
  g_autofree BenchReport *report = g_new0 (BenchReport, 1);
  Bench bench = { options, &disk, workers };

  if (!bench_disk_open (&disk, options, error) ||
      !run (&bench, error))
    return FALSE;

  for (guint i = 0; i < workers->len; i++)
    bench_report_add (report, g_ptr_array_index (workers, i));
  if (options->json)
    bench_report_print_json (report, options);
  else
    bench_report_print (report, options);

  if (report->n_errors == 0 && report->n_wrong == 0)
    return TRUE;

  g_set_error (error, VHU_ERROR, VHU_ERROR_FAILED,
               "%" G_GUINT64_FORMAT " requests failed, %" G_GUINT64_FORMAT
               " read wrong data", report->n_errors, report->n_wrong);
  return FALSE;
}

int
main (int   argc,
      char *argv[])
{
  g_auto(BenchOptions) options = { 0 };
  g_autoptr(GError) error = NULL;

  setlocale (LC_ALL, "");
  if (!bench_options_parse (&options, &argc, &argv, &error))
    {
      g_printerr ("vhu-bench: %s\n", error->message);
      return 2;
    }

  if (options.version)
    {
      g_print ("vhu-bench %s\n", PACKAGE_VERSION);
      return 0;
    }

  if (run_and_print (&options, &error))
    return 0;

  g_printerr ("vhu-bench: %s\n", error->message);
  return 1;
}
