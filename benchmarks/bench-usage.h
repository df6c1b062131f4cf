/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* BenchUsage: nanoseconds of CPU time that both ends have used, all threads
 * together, at a time; -1 if it is not known. */
typedef struct
{
  gint64 time;
  gint64 backend;
  gint64 frontend;
} BenchUsage;

void   bench_usage_take (BenchUsage *self,
                         int         backend_pid);
/* Nanoseconds of a clock that never jumps. */
gint64 bench_now        (void);

G_END_DECLS
