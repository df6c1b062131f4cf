/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-test-session.h"

#define MEMORY_SIZE (4 << 20)
#define QUEUE_SIZE 128

void
vhu_test_session_connect (VhuTestSession *session,
                          gconstpointer   n_threads)
{
  session->backend = vhu_test_backend_new ();
  session->server = vhu_test_server_new (VHU_BACKEND (session->backend),
                                         GPOINTER_TO_UINT (n_threads));
  session->frontend = vhu_test_server_open (session->server);
}

void
vhu_test_session_start (VhuTestSession *session)
{
  g_autoptr(GError) error = NULL;

  vhu_frontend_negotiate (session->frontend, &error);
  g_assert_no_error (error);
  vhu_frontend_allocate_memory (session->frontend, MEMORY_SIZE, 1, &error);
  g_assert_no_error (error);
  vhu_frontend_share_memory (session->frontend, &error);
  g_assert_no_error (error);
  session->queue = vhu_frontend_add_queue (session->frontend, 0, QUEUE_SIZE, &error);
  g_assert_no_error (error);
}

void
vhu_test_session_set_up (VhuTestSession *session,
                         gconstpointer   n_threads)
{
  vhu_test_session_connect (session, n_threads);
  vhu_test_session_start (session);
}

void
vhu_test_session_tear_down (VhuTestSession *session,
                            gconstpointer   n_threads)
{
  g_clear_object (&session->queue);
  if (session->frontend != NULL)
    vhu_frontend_close (session->frontend);
  g_clear_object (&session->frontend);
  vhu_test_server_free (session->server);
  g_assert_cmpint (session->backend->n_opened, ==, session->backend->n_closed);
  g_assert_cmpint (session->backend->n_started, ==, session->backend->n_stopped);
  g_assert_finalize_object (session->backend);
}

void
vhu_test_session_echo (VhuDriverQueue *queue,
                       const char     *text)
{
  g_autoptr(GBytes) out = g_bytes_new (text, strlen (text));
  g_autoptr(GBytes) in = NULL;
  g_autoptr(GError) error = NULL;

  in = vhu_driver_queue_request (queue, out, strlen (text), &error);
  g_assert_no_error (error);
  g_assert_true (g_bytes_equal (in, out));
}
