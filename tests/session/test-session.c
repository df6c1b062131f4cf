/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-test-backend.h"
#include "vhu-test-server.h"

#define MEMORY_SIZE (4 << 20)

typedef struct
{
  VhuTestBackend *backend;
  VhuTestServer *server;
  VhuFrontend *frontend;
  VhuDriverQueue *queue;
} Fixture;

static void
fixture_set_up (Fixture       *fixture,
                gconstpointer  n_threads)
{
  g_autoptr(GError) error = NULL;

  fixture->backend = vhu_test_backend_new ();
  fixture->server = vhu_test_server_new (VHU_BACKEND (fixture->backend),
                                         GPOINTER_TO_UINT (n_threads));
  fixture->frontend = vhu_test_server_open (fixture->server);
  vhu_frontend_negotiate (fixture->frontend, &error);
  g_assert_no_error (error);
  vhu_frontend_allocate_memory (fixture->frontend, MEMORY_SIZE, 1, &error);
  g_assert_no_error (error);
  vhu_frontend_share_memory (fixture->frontend, &error);
  g_assert_no_error (error);
  fixture->queue = vhu_frontend_add_queue (fixture->frontend, 0, 128, &error);
  g_assert_no_error (error);
}

static void
fixture_tear_down (Fixture       *fixture,
                   gconstpointer  n_threads)
{
  g_clear_object (&fixture->queue);
  vhu_frontend_close (fixture->frontend);
  g_clear_object (&fixture->frontend);
  vhu_test_server_free (fixture->server);
  g_assert_cmpint (fixture->backend->n_opened, ==, fixture->backend->n_closed);
  g_assert_finalize_object (fixture->backend);
}

static void
assert_echo (VhuDriverQueue *queue,
             const char     *text)
{
  g_autoptr(GBytes) out = g_bytes_new (text, strlen (text));
  g_autoptr(GBytes) in = NULL;
  g_autoptr(GError) error = NULL;

  in = vhu_driver_queue_request (queue, out, strlen (text), &error);
  g_assert_no_error (error);
  g_assert_true (g_bytes_equal (in, out));
}

static void
test_session_echoes (Fixture       *fixture,
                     gconstpointer  n_threads)
{
  for (guint i = 0; i < 1000; i++)
    assert_echo (fixture->queue, "from the driver and back");
  g_assert_cmpint (g_atomic_int_get (&fixture->backend->n_processed), ==, 1000);
}

static void
test_session_stops_and_starts (Fixture       *fixture,
                               gconstpointer  n_threads)
{
  g_autoptr(GError) error = NULL;

  for (guint i = 0; i < 20; i++)
    {
      assert_echo (fixture->queue, "again");
      vhu_driver_queue_stop (fixture->queue, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (vhu_driver_queue_get_base (fixture->queue), ==, i + 1);
      vhu_driver_queue_start (fixture->queue, &error);
      g_assert_no_error (error);
    }
  g_assert_cmpint (fixture->backend->n_stopped, ==, 20);
}

#define ADD(name, func)                                                         \
  G_STMT_START {                                                                \
    g_test_add ("/session/" name "/own-context", Fixture, GUINT_TO_POINTER (0), \
                fixture_set_up, func, fixture_tear_down);                       \
    g_test_add ("/session/" name "/two-threads", Fixture, GUINT_TO_POINTER (2), \
                fixture_set_up, func, fixture_tear_down);                       \
  } G_STMT_END

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ADD ("echoes", test_session_echoes);
  ADD ("stops-and-starts", test_session_stops_and_starts);

  return g_test_run ();
}
