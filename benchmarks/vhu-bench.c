/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <locale.h>

#include "bench-report.h"
#include "bench-usage.h"

/* vhu-bench: measures any vhost-user block device through VhuFrontend. */

#define LOOK_US 1000

typedef struct
{
  BenchOptions *options;
  BenchDisk *disk;
  GPtrArray *workers;
  gint phase;
} Bench;

static gboolean
create_workers (Bench   *self,
                GError **error)
{
  for (int i = 0; i < self->options->n_queues; i++)
    {
      BenchWorker *worker = bench_worker_new (self->disk, self->options,
                                              (guint) i, &self->phase, error);

      if (worker == NULL)
        return FALSE;
      g_ptr_array_add (self->workers, worker);
    }
  return TRUE;
}

static void
set_phase (Bench      *self,
           BenchPhase  phase)
{
  __atomic_store_n (&self->phase, phase, __ATOMIC_RELAXED);
}

static void
start_workers (Bench     *self,
               BenchPass  pass)
{
  for (guint i = 0; i < self->workers->len; i++)
    bench_worker_start (g_ptr_array_index (self->workers, i), pass);
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
is_any_running (Bench *self)
{
  for (guint i = 0; i < self->workers->len; i++)
    if (bench_worker_is_running (g_ptr_array_index (self->workers, i)))
      return TRUE;

  return FALSE;
}

/* Until @seconds are over or all workers have stopped by themselves. */
static void
let_run (Bench  *self,
         double  seconds)
{
  const gint64 end = bench_now () + (gint64) (seconds * 1e9);

  while (is_any_running (self) && bench_now () < end)
    g_usleep ((gulong) CLAMP ((end - bench_now ()) / 1000, 1, LOOK_US));
}

static gboolean
run_whole_pass (Bench      *self,
                BenchPass   pass,
                GError    **error)
{
  set_phase (self, BENCH_PHASE_WARM_UP);
  start_workers (self, pass);
  return join_workers (self, error);
}

static gboolean
measure (Bench        *self,
         BenchReport  *report,
         GError      **error)
{
  const gboolean by_number = self->options->n_requests > 0;
  gint64 frontend_cpu;
  gint64 start;
  gint64 end;

  set_phase (self, by_number ? BENCH_PHASE_MEASURE : BENCH_PHASE_WARM_UP);
  if (!by_number)
    {
      start_workers (self, BENCH_PASS_MEASURE);
      let_run (self, self->options->warm_up);
    }

  frontend_cpu = bench_usage_of_self ();
  report->backend_cpu = bench_usage_of_process (self->disk->pid);
  start = bench_now ();
  set_phase (self, BENCH_PHASE_MEASURE);
  if (by_number)
    start_workers (self, BENCH_PASS_MEASURE);
  let_run (self, by_number ? G_MAXINT32 : self->options->seconds);
  set_phase (self, BENCH_PHASE_STOP);
  end = bench_now ();
  report->seconds = (double) (end - start) / 1e9;
  report->frontend_cpu = bench_usage_of_self () - frontend_cpu;
  if (report->backend_cpu >= 0)
    report->backend_cpu = bench_usage_of_process (self->disk->pid) -
                          report->backend_cpu;
  return join_workers (self, error);
}

static gboolean
run (Bench        *self,
     BenchReport  *report,
     GError      **error)
{
  if (!create_workers (self, error))
    return FALSE;

  if (self->options->verify && !run_whole_pass (self, BENCH_PASS_FILL, error))
    return FALSE;

  if (!measure (self, report, error))
    return FALSE;

  return !self->options->verify ||
         run_whole_pass (self, BENCH_PASS_CHECK, error);
}

static gboolean
run_and_print (BenchOptions  *options,
               GError       **error)
{
  g_auto(BenchDisk) disk = { 0 };
  g_autoptr(GPtrArray) workers =
    g_ptr_array_new_with_free_func ((GDestroyNotify) bench_worker_free);
  g_autofree BenchReport *report = g_new0 (BenchReport, 1);
  Bench bench = { options, &disk, workers, BENCH_PHASE_WARM_UP };

  if (!bench_disk_open (&disk, options, error) ||
      !run (&bench, report, error))
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
