/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-test-session.h"

static void
test_session_echoes (VhuTestSession *session,
                     gconstpointer   n_threads)
{
  for (guint i = 0; i < 1000; i++)
    vhu_test_session_echo (session->queue, "from the driver and back");
  g_assert_cmpint (g_atomic_int_get (&session->backend->n_processed), ==, 1000);
}

static void
test_session_stops_and_starts (VhuTestSession *session,
                               gconstpointer   n_threads)
{
  g_autoptr(GError) error = NULL;

  for (guint i = 0; i < 20; i++)
    {
      vhu_test_session_echo (session->queue, "again");
      vhu_driver_queue_stop (session->queue, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (vhu_driver_queue_get_base (session->queue), ==, i + 1);
      vhu_driver_queue_start (session->queue, &error);
      g_assert_no_error (error);
    }
  g_assert_cmpint (session->backend->n_stopped, ==, 20);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  VHU_TEST_SESSION_ADD ("/session/echoes", vhu_test_session_set_up, test_session_echoes);
  VHU_TEST_SESSION_ADD ("/session/stops-and-starts", vhu_test_session_set_up,
                        test_session_stops_and_starts);

  return g_test_run ();
}
