/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-test-client.h"
#include "vhu-test-session.h"

#include <stdio.h>
#include <unistd.h>

/* A server in a context that others use too, and servers that have nothing to
 * do. */

#define MAX_CHAINS_PER_DISPATCH 64
#define REDRAW_PRIORITY (G_PRIORITY_HIGH_IDLE + 20)
#define N_REDRAWS 50
#define WINDOW_MS 100

/* The server runs in the context of the test; a front-end, in a thread of its
 * own, keeps the ring full until it is told to leave. */
typedef struct
{
  VhuTestBackend *backend;
  VhuServer *server;
  char *directory;
  char *path;
  GThread *thread;
  gboolean use_kick_fd;
  int fills;   /* atomic: keep the ring full */
  int started; /* atomic */
  int leave;   /* atomic */
} Fixture;

static VhuDriverQueue *
start_queue (Fixture     *fixture,
             VhuFrontend *frontend)
{
  g_autoptr(GError) error = NULL;
  VhuDriverQueue *queue;

  vhu_frontend_negotiate (frontend, &error);
  g_assert_no_error (error);
  vhu_frontend_allocate_memory (frontend, 4 << 20, 1, &error);
  g_assert_no_error (error);
  vhu_frontend_share_memory (frontend, &error);
  g_assert_no_error (error);
  queue = vhu_driver_queue_new (frontend, 0, 256, &error);
  g_assert_no_error (error);
  vhu_driver_queue_set_use_kick_fd (queue, fixture->use_kick_fd);
  vhu_driver_queue_start (queue, &error);
  g_assert_no_error (error);
  return queue;
}

static void
fill_ring (VhuDriverQueue *queue)
{
  g_autoptr(GBytes) out = g_bytes_new_static ("redraw", 6);
  guint32 length;
  guint id;

  while (vhu_driver_queue_get_n_free (queue) > 2)
    vhu_driver_queue_submit_bytes (queue, out, 6, NULL);
  vhu_driver_queue_kick (queue);
  while (vhu_driver_queue_pop (queue, &id, &length))
    g_bytes_unref (vhu_driver_queue_take_result (queue, id));
}

static gpointer
run_frontend (gpointer user_data)
{
  Fixture *fixture = user_data;
  g_autoptr(VhuFrontend) frontend = NULL;
  g_autoptr(VhuDriverQueue) queue = NULL;
  g_autoptr(GError) error = NULL;

  frontend = vhu_frontend_open (fixture->path, &error);
  g_assert_no_error (error);
  queue = start_queue (fixture, frontend);
  vhu_test_session_echo (queue, "warm");
  g_atomic_int_set (&fixture->started, TRUE);

  while (!g_atomic_int_get (&fixture->leave))
    if (g_atomic_int_get (&fixture->fills))
      fill_ring (queue);
    else
      g_usleep (1000);
  g_clear_object (&queue);
  vhu_frontend_close (frontend);
  return NULL;
}

static gboolean
is_set (gpointer flag)
{
  return g_atomic_int_get ((int *) flag);
}

static void
set_up (Fixture       *fixture,
        gconstpointer  use_kick_fd)
{
  g_autoptr(GError) error = NULL;

  fixture->backend = vhu_test_backend_new ();
  fixture->server = vhu_server_new (VHU_BACKEND (fixture->backend));
  fixture->directory = g_dir_make_tmp ("vhu-test-XXXXXX", &error);
  g_assert_no_error (error);
  fixture->path = g_build_filename (fixture->directory, "socket", NULL);
  vhu_server_listen (fixture->server, fixture->path, &error);
  g_assert_no_error (error);
  vhu_server_set_exit_on_disconnect (fixture->server, TRUE);
  vhu_server_start (fixture->server, &error);
  g_assert_no_error (error);

  fixture->use_kick_fd = GPOINTER_TO_INT (use_kick_fd);
  fixture->thread = g_thread_new ("frontend", run_frontend, fixture);
  vhu_test_iterate_until (is_set, &fixture->started);
}

static gboolean
is_stopped (gpointer server)
{
  return !vhu_server_get_running (server);
}

static void
tear_down (Fixture       *fixture,
           gconstpointer  unused)
{
  g_atomic_int_set (&fixture->leave, TRUE);
  vhu_test_iterate_until (is_stopped, fixture->server);
  g_thread_join (fixture->thread);
  g_assert_finalize_object (fixture->server);
  g_assert_finalize_object (fixture->backend);
  g_assert_no_errno (rmdir (fixture->directory));
  g_free (fixture->directory);
  g_free (fixture->path);
}

static gboolean
redraw_cb (gpointer n_redraws)
{
  ++*(guint *) n_redraws;
  return G_SOURCE_CONTINUE;
}

static GSource *
add_timer (guint       milliseconds,
           GSourceFunc func,
           gpointer    user_data)
{
  GSource *source = g_timeout_source_new (milliseconds);

  g_source_set_priority (source, REDRAW_PRIORITY);
  g_source_set_callback (source, func, user_data, NULL);
  g_source_attach (source, NULL);
  return source;
}

/* Between two looks at what else there is to do, no more than @max_chains. */
static void
check_interface_lives (Fixture *fixture,
                       int      max_chains,
                       int      min_most)
{
  g_autoptr(GSource) redraws = NULL;
  guint n_redraws = 0;
  int n_most = 0;

  g_atomic_int_set (&fixture->fills, TRUE);
  redraws = add_timer (1, redraw_cb, &n_redraws);
  while (n_redraws < N_REDRAWS || n_most < min_most)
    {
      int n_before = g_atomic_int_get (&fixture->backend->n_processed);
      int n_chains;

      g_main_context_iteration (NULL, TRUE);
      n_chains = g_atomic_int_get (&fixture->backend->n_processed) - n_before;
      g_assert_cmpint (n_chains, <=, max_chains);
      n_most = MAX (n_most, n_chains);
    }
  g_source_destroy (redraws);
}

static void
test_dispatch_takes_64_chains (Fixture       *fixture,
                               gconstpointer  unused)
{
  check_interface_lives (fixture, MAX_CHAINS_PER_DISPATCH, 2);
}

/* A chain takes 300 us here: a dispatch is over with the one that is under way
 * when a millisecond has gone. */
static void
test_dispatch_takes_a_millisecond (Fixture       *fixture,
                                   gconstpointer  unused)
{
  g_atomic_int_set (&fixture->backend->mode, VHU_TEST_SLOW);
  check_interface_lives (fixture, 5, 1);
}

static gboolean
set_cb (gpointer flag)
{
  *(gboolean *) flag = TRUE;
  return G_SOURCE_REMOVE;
}

static guint
count_iterations (void)
{
  g_autoptr(GSource) end = NULL;
  gboolean is_over = FALSE;
  guint n = 0;

  end = add_timer (WINDOW_MS, set_cb, &is_over);
  while (!is_over)
    {
      g_main_context_iteration (NULL, TRUE);
      n++;
    }
  return n;
}

static void
test_idle_context_sleeps (Fixture       *fixture,
                          gconstpointer  unused)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpuint (count_iterations (), <=, 2);
}

/* Without a kick descriptor somebody has to look, but not all the time. */
static void
test_polled_ring_lets_others_run (Fixture       *fixture,
                                  gconstpointer  unused)
{
  guint n_iterations;
  int n_before;

  n_iterations = count_iterations ();
  g_assert_cmpuint (n_iterations, <=, 2 * WINDOW_MS);
  g_assert_cmpuint (n_iterations, >, 2);

  n_before = g_atomic_int_get (&fixture->backend->n_processed);
  g_atomic_int_set (&fixture->fills, TRUE);
  while (g_atomic_int_get (&fixture->backend->n_processed) < n_before + 5000)
    g_main_context_iteration (NULL, TRUE);
  g_atomic_int_set (&fixture->fills, FALSE);
}

/* How often the other threads of the process were given a processor. */
static guint64
count_time_slices (void)
{
  g_autoptr(GDir) dir = g_dir_open ("/proc/self/task", 0, NULL);
  guint64 sum = 0;
  const char *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename ("/proc/self/task", name, "schedstat", NULL);
      g_autofree char *contents = NULL;
      guint64 n_slices;

      if (atoi (name) == getpid () || !g_file_get_contents (path, &contents, NULL, NULL))
        continue;
      if (sscanf (contents, "%*u %*u %" G_GUINT64_FORMAT, &n_slices) == 1)
        sum += n_slices;
    }
  return sum;
}

static void
test_idle_threads_sleep (VhuTestSession *session,
                         gconstpointer   n_threads)
{
  guint64 n_slices = 1;

  if (!g_file_test ("/proc/self/schedstat", G_FILE_TEST_EXISTS))
    {
      g_test_skip ("the kernel does not count time slices");
      return;
    }
  for (guint i = 0; i < 100; i++)
    vhu_test_session_echo (session->queue, "busy for a while");

  /* The end of the work may lie in the first window, but not in all of them. */
  for (guint i = 0; i < 10 && n_slices > 0; i++)
    {
      guint64 n_before = count_time_slices ();

      g_usleep (WINDOW_MS * 1000);
      n_slices = count_time_slices () - n_before;
    }
  g_assert_cmpuint (n_slices, ==, 0);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add ("/server/context/dispatch-takes-64-chains", Fixture,
              GINT_TO_POINTER (TRUE), set_up, test_dispatch_takes_64_chains, tear_down);
  g_test_add ("/server/context/dispatch-takes-a-millisecond", Fixture,
              GINT_TO_POINTER (TRUE), set_up, test_dispatch_takes_a_millisecond, tear_down);
  g_test_add ("/server/context/idle-context-sleeps", Fixture,
              GINT_TO_POINTER (TRUE), set_up, test_idle_context_sleeps, tear_down);
  g_test_add ("/server/context/polled-ring-lets-others-run", Fixture,
              GINT_TO_POINTER (FALSE), set_up, test_polled_ring_lets_others_run, tear_down);
  VHU_TEST_SESSION_ADD ("/server/context/idle-threads-sleep", vhu_test_session_set_up,
                        test_idle_threads_sleep);

  return g_test_run ();
}
