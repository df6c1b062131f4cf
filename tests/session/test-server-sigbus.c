/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-test-session.h"

#include <sys/mman.h>
#include <unistd.h>

/* The file of the guest's memory is truncated under a ring that runs. That may
 * kill the process, which is hence one of its own. */

/* The library's own front-end seals its memory against that. */
static int
copy_memory (VhuTestSession *session,
             gsize           size)
{
  int original = vhu_frontend_dup_region_fd (session->frontend, 0);
  int copy = memfd_create ("unsealed", MFD_CLOEXEC);
  loff_t from = 0, to = 0;

  g_assert_no_errno (ftruncate (copy, size));
  while (to < (loff_t) size)
    g_assert_cmpint (copy_file_range (original, &from, copy, &to, size - to, 0), >, 0);
  close (original);
  return copy;
}

/* Gives the back-end a copy of the memory under the same addresses. */
static int
replace_memory (VhuTestSession *session)
{
  guint64 table[5] = { 1 }, features;
  g_autoptr(GBytes) payload = NULL;
  g_autoptr(GError) error = NULL;
  int fd;

  g_assert_true (vhu_frontend_get_region (session->frontend, 0, &table[1], &table[2],
                                          &table[3], &table[4]));
  fd = copy_memory (session, table[2] + table[4]);
  payload = g_bytes_new (table, sizeof table);
  vhu_frontend_send_raw (session->frontend, 5, 1, sizeof table, payload, &fd, 1, &error);
  g_assert_no_error (error);
  vhu_frontend_query_features (session->frontend, &features, &error);
  g_assert_no_error (error);
  return fd;
}

static void
lose_memory (guint n_threads)
{
  VhuTestSession session = { NULL };
  g_autoptr(GError) error = NULL;
  int fd;

  vhu_test_session_set_up (&session, GUINT_TO_POINTER (n_threads));
  vhu_test_session_echo (session.queue, "all is well");

  fd = replace_memory (&session);
  g_assert_no_errno (ftruncate (fd, 0));
  close (fd);
  vhu_driver_queue_kick_always (session.queue);
  g_assert_true (vhu_frontend_wait_closed (session.frontend, &error));
  g_assert_no_error (error);
  vhu_test_wait_for (&session.backend->n_closed, 1);
  g_clear_object (&session.queue);
  g_clear_object (&session.frontend);

  session.frontend = vhu_test_server_open (session.server);
  vhu_test_session_start (&session);
  vhu_test_session_echo (session.queue, "as if nothing had been");
  vhu_test_session_tear_down (&session, NULL);
}

static void
test_next_session_works (gconstpointer n_threads)
{
  if (g_test_subprocess ())
    {
      vhu_sigbus_guard_install ();
      lose_memory (GPOINTER_TO_UINT (n_threads));
      return;
    }

  g_test_trap_subprocess (NULL, 20 * G_USEC_PER_SEC, 0);
  g_test_trap_assert_passed ();
  g_test_trap_assert_stderr ("*memory was truncated*");
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_data_func ("/server/sigbus/next-session-works/own-context",
                        GUINT_TO_POINTER (0), test_next_session_works);
  g_test_add_data_func ("/server/sigbus/next-session-works/two-threads",
                        GUINT_TO_POINTER (2), test_next_session_works);

  return g_test_run ();
}
