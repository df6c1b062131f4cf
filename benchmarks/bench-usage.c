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

gint64
bench_usage_of_process (int pid)
{
  clockid_t clock;

  if (pid <= 0 || clock_getcpuclockid (pid, &clock) != 0)
    return -1;

  return read_clock (clock);
}

gint64
bench_usage_of_self (void)
{
  return read_clock (CLOCK_PROCESS_CPUTIME_ID);
}

gint64
bench_now (void)
{
  return read_clock (CLOCK_MONOTONIC);
}
