/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The CPU time that a process has used, in nanoseconds, all threads together;
 * -1 if it is not known. */
gint64 bench_usage_of_process (int pid);
gint64 bench_usage_of_self    (void);
/* Nanoseconds of a clock that never jumps. */
gint64 bench_now              (void);

G_END_DECLS
