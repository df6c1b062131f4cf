/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-test-session.h"

#include "vhu-test-fds.h"

#define MEMORY_SIZE (4 << 20)
#define QUEUE_SIZE 128

#define WAIT_LIMIT_US (20 * G_USEC_PER_SEC)

static void
vring_broken_cb (VhuServer    *server,
                 guint         index,
                 const GError *error,
                 gpointer      user_data)
{
  VhuTestSession *session = user_data;

  g_assert_nonnull (error);
  g_assert_true (error->domain == VHU_ERROR);
  g_atomic_int_inc (&session->n_broken);
}

void
vhu_test_session_connect_to (VhuTestSession *session,
                             VhuTestBackend *backend,
                             gconstpointer   n_threads)
{
  session->backend = backend;
  session->server = vhu_test_server_new (VHU_BACKEND (backend),
                                         GPOINTER_TO_UINT (n_threads));
  g_signal_connect (vhu_test_server_get (session->server), "vring-broken",
                    G_CALLBACK (vring_broken_cb), session);
  session->n_fds = vhu_test_count_fds ();
  session->frontend = vhu_test_server_open (session->server);
}

void
vhu_test_session_connect (VhuTestSession *session,
                          gconstpointer   n_threads)
{
  vhu_test_session_connect_to (session, vhu_test_backend_new (), n_threads);
}

void
vhu_test_session_negotiate (VhuTestSession *session)
{
  g_autoptr(GError) error = NULL;

  vhu_frontend_negotiate (session->frontend, &error);
  g_assert_no_error (error);
  vhu_frontend_allocate_memory (session->frontend, MEMORY_SIZE, 1, &error);
  g_assert_no_error (error);
  vhu_frontend_share_memory (session->frontend, &error);
  g_assert_no_error (error);
}

void
vhu_test_session_start (VhuTestSession *session)
{
  g_autoptr(GError) error = NULL;

  vhu_test_session_negotiate (session);
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
vhu_test_session_set_up_without_queue (VhuTestSession *session,
                                       gconstpointer   n_threads)
{
  vhu_test_session_connect (session, n_threads);
  vhu_test_session_negotiate (session);
}

void
vhu_test_wait_for_fds (guint n_fds)
{
  gint64 limit = g_get_monotonic_time () + WAIT_LIMIT_US;
  guint n_now;

  /* Other threads open descriptors for a moment, too: one good count is enough. */
  while ((n_now = vhu_test_count_fds ()) > n_fds && g_get_monotonic_time () < limit)
    g_thread_yield ();
  g_assert_cmpuint (n_now, <=, n_fds);
}

void
vhu_test_session_leave (VhuTestSession *session)
{
  g_clear_object (&session->queue);
  if (session->frontend == NULL)
    return;

  vhu_frontend_close (session->frontend);
  g_clear_object (&session->frontend);
  vhu_test_wait_for_fds (session->n_fds);
  vhu_test_wait_for (&session->backend->n_closed,
                     g_atomic_int_get (&session->backend->n_opened));
}

void
vhu_test_session_come_back (VhuTestSession *session)
{
  vhu_test_session_leave (session);
  g_atomic_int_set (&session->backend->mode, VHU_TEST_ECHO);
  session->frontend = vhu_test_server_open (session->server);
  vhu_test_session_start (session);
  vhu_test_session_echo (session->queue, "as if nothing had happened");
}

void
vhu_test_session_tear_down (VhuTestSession *session,
                            gconstpointer   n_threads)
{
  vhu_test_session_leave (session);
  vhu_test_server_free (session->server);
  g_assert_cmpint (session->backend->n_opened, ==, session->backend->n_closed);
  g_assert_cmpint (session->backend->n_started, ==, session->backend->n_stopped);
  g_assert_finalize_object (session->backend);
}

void
vhu_test_session_come_back_and_tear_down (VhuTestSession *session,
                                          gconstpointer   n_threads)
{
  vhu_test_session_come_back (session);
  vhu_test_session_tear_down (session, n_threads);
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
