/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* A daemon of ours that is to end by itself, and how it did. */
typedef struct
{
  int status; /* of exit, or -1 */
  char *out;
  char *err;
} VhuTestRun;

void  vhu_test_run_daemon (VhuTestRun        *run,
                           const char        *kind,
                           const char *const *args);
void  vhu_test_run_clear  (VhuTestRun        *run);
/* One line and no more. */
void  vhu_test_run_expect (VhuTestRun        *run,
                           int                status,
                           const char        *part);

/* VhuTestDaemon: a daemon of ours that runs, in a folder of its own. */
typedef struct
{
  char *directory;
  char *path;  /* of its socket */
  char *image; /* a sparse file, for those that need one */

  GSubprocessLauncher *launcher;
  GSubprocess *process;
  int notify_fd; /* the service manager's end */
  int status;
  gint64 signalled_at;
  char *out;
} VhuTestDaemon;

void  vhu_test_daemon_init   (VhuTestDaemon     *self);
void  vhu_test_daemon_clear  (VhuTestDaemon     *self);
/* Starts it, and waits until it says that it is ready. %SOCKET and %IMAGE in
 * @args are replaced. */
void  vhu_test_daemon_start  (VhuTestDaemon     *self,
                              const char        *kind,
                              const char *const *args);
/* Waits for what it tells the service manager next. */
char *vhu_test_daemon_listen (VhuTestDaemon     *self);
void  vhu_test_daemon_signal (VhuTestDaemon     *self,
                              int                signal_number);
/* Waits until it ends; in time, if it was signalled. */
void  vhu_test_daemon_wait   (VhuTestDaemon     *self);

/* Where the programs are; (transfer full). */
char *vhu_test_daemon_find   (const char        *kind);

G_END_DECLS
