/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "bench-usage.h"

#include <time.h>

static gint64
read_clock (clockid_t clock)
{
  struct timespec time;

  if (clock_gettime (clock, &time) < 0)
    return -1;

  return (gint64) time.tv_sec * 1000000000 + time.tv_nsec;
}

void
bench_usage_take (BenchUsage *self,
                  int         backend_pid)
{
  clockid_t clock;

  self->backend = -1;
  if (backend_pid > 0 && clock_getcpuclockid (backend_pid, &clock) == 0)
    self->backend = read_clock (clock);
  self->frontend = read_clock (CLOCK_PROCESS_CPUTIME_ID);
  self->time = bench_now ();
}

gint64
bench_now (void)
{
  return read_clock (CLOCK_MONOTONIC);
}
