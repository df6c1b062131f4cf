/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum
{
  BENCH_MODE_READ,
  BENCH_MODE_WRITE,
  BENCH_MODE_MIX
} BenchMode;

/* What the command line of vhu-bench says. */
typedef struct
{
  char *socket_path;
  int fd;             /* -1 if there is a path */
  guint64 block_size;
  guint64 span;       /* 0 for as much as there is, up to 1 GiB */
  int depth;
  int n_queues;
  int queue_size;
  BenchMode mode;
  gboolean sequential;
  gboolean poll;
  gboolean indirect;
  gboolean no_event_idx;
  gboolean verify;
  double seconds;
  double warm_up;
  gint64 n_requests;  /* 0 for as many as there is time for */
  int pid;            /* 0 for the other end of the socket */
  gboolean json;
  gboolean version;
} BenchOptions;

/* FALSE with a message of one line. */
gboolean    bench_options_parse       (BenchOptions  *self,
                                       int           *argc,
                                       char        ***argv,
                                       GError       **error);
void        bench_options_clear       (BenchOptions  *self);
const char *bench_mode_to_string      (BenchMode      mode);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (BenchOptions, bench_options_clear)

G_END_DECLS
