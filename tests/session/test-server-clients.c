/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-test-client.h"
#include "vhu-test-session.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* Front-ends that come and go: one after the other, all at once, and those that
 * die at a bad moment. */

#define N_SUCCESSORS 200
#define N_SILENT 1000
#define MAX_WAITING 16

static void
close_frontend (VhuTestSession *session)
{
  int n_closed = g_atomic_int_get (&session->backend->n_closed);

  g_clear_object (&session->queue);
  vhu_frontend_close (session->frontend);
  g_clear_object (&session->frontend);
  vhu_test_wait_for (&session->backend->n_closed, n_closed + 1);
}

static void
reopen (VhuTestSession *session)
{
  session->frontend = vhu_test_server_open (session->server);
  vhu_test_session_start (session);
}

typedef struct
{
  guint n_fds;
  guint n_threads;
  guint n_mappings;
} Usage;

static Usage
measure (void)
{
  return (Usage) {
    .n_fds = vhu_test_count_fds (),
    .n_threads = vhu_test_count_threads (),
    .n_mappings = vhu_test_count_mappings (),
  };
}

/* What a session had goes just after the device was told of its end. */
static gboolean
is_back_at (gpointer user_data)
{
  const Usage *before = user_data;
  Usage now = measure ();

  return now.n_fds == before->n_fds && now.n_threads == before->n_threads &&
         now.n_mappings == before->n_mappings;
}

static void
test_one_after_another (VhuTestSession *session,
                        gconstpointer   n_threads)
{
  Usage before;

  vhu_test_session_echo (session->queue, "not yet measured");
  close_frontend (session);
  reopen (session);
  vhu_test_session_echo (session->queue, "first");
  before = measure ();
  close_frontend (session);

  for (guint i = 0; i < N_SUCCESSORS; i++)
    {
      reopen (session);
      vhu_test_session_echo (session->queue, "the next, please");
      if (i == N_SUCCESSORS - 1)
        vhu_test_wait_until (is_back_at, &before);
      close_frontend (session);
    }
  g_assert_cmpint (session->backend->n_started, ==, N_SUCCESSORS + 2);
}

static void
test_silence_costs_nothing (VhuTestSession *session,
                            gconstpointer   n_threads)
{
  Usage before = measure ();

  for (guint i = 0; i < N_SILENT; i++)
    close (vhu_test_connect (vhu_test_server_get_path (session->server)));
  vhu_test_wait_until (is_back_at, &before);
  vhu_test_session_echo (session->queue, "still here");
  g_assert_cmpuint (vhu_server_get_n_sessions (vhu_test_server_get (session->server)), ==, 1);
}

/* Connections are taken in order: when a later one has its turn, earlier ones
 * have been seen. */
static void
let_server_run (VhuTestSession *session)
{
  close (vhu_test_connect (vhu_test_server_get_path (session->server)));
  vhu_test_session_echo (session->queue, "are you there");
}

static void
nothing_in_control (gpointer server,
                    gpointer unused)
{
}

static void
let_control_run (VhuTestSession *session)
{
  for (guint i = 0; i < 10; i++)
    vhu_test_server_run (session->server, nothing_in_control, NULL);
}

static void
test_second_waits_for_the_first (VhuTestSession *session,
                                 gconstpointer   n_threads)
{
  int fd = vhu_test_connect (vhu_test_server_get_path (session->server));

  vhu_test_send_query (fd);
  let_server_run (session);
  let_control_run (session);
  g_assert_false (vhu_test_is_readable (fd));

  close_frontend (session);
  vhu_test_expect_answer (fd);
  vhu_test_send_query (fd);
  vhu_test_expect_answer (fd);
  close (fd);
}

static void
test_whoever_speaks_first_is_first (VhuTestSession *session,
                                    gconstpointer   n_threads)
{
  const char *path = vhu_test_server_get_path (session->server);
  int first, second;

  close_frontend (session);
  first = vhu_test_connect (path);
  second = vhu_test_connect (path);
  let_control_run (session);
  vhu_test_send_query (second);
  vhu_test_expect_answer (second);

  vhu_test_send_query (first);
  let_control_run (session);
  g_assert_false (vhu_test_is_readable (first));
  close (second);
  vhu_test_expect_answer (first);
  close (first);
}

static void
test_dies_within_a_message (VhuTestSession *session,
                            gconstpointer   n_threads)
{
  static const guint32 beginning[3] = { 2, 1, 8 };
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) bytes = g_bytes_new_static (beginning, sizeof beginning);

  for (guint n_bytes = 1; n_bytes <= sizeof beginning; n_bytes += 3)
    {
      g_autoptr(GBytes) part = g_bytes_new_from_bytes (bytes, 0, n_bytes);

      vhu_frontend_send_bytes (session->frontend, part, NULL, 0, &error);
      g_assert_no_error (error);
      close_frontend (session);
      reopen (session);
      vhu_test_session_echo (session->queue, "after that");
    }
}

static void
hold (VhuTestSession *session,
      guint           n_chains)
{
  g_autoptr(GBytes) out = g_bytes_new_static ("held", 4);
  g_autoptr(GError) error = NULL;
  int n_before = g_atomic_int_get (&session->backend->n_processed);

  g_atomic_int_set (&session->backend->mode, VHU_TEST_HOLD);
  for (guint i = 0; i < n_chains; i++)
    {
      vhu_driver_queue_submit_bytes (session->queue, out, 4, &error);
      g_assert_no_error (error);
    }
  vhu_driver_queue_kick (session->queue);
  vhu_test_wait_for (&session->backend->n_processed, n_before + (int) n_chains);
  g_atomic_int_set (&session->backend->mode, VHU_TEST_ECHO);
}

static void
test_dies_with_requests_in_flight (VhuTestSession *session,
                                   gconstpointer   n_threads)
{
  hold (session, 10);
  close_frontend (session);
  reopen (session);
  vhu_test_session_echo (session->queue, "after that");
}

/* The old session's I/O goes on: the new one is heard, but its rings have to
 * wait, as the old requests may still change the device. */
static void
leave_with_io (VhuTestSession *session)
{
  session->backend->ignore_stop = TRUE;
  session->backend->take_iov = TRUE;
  hold (session, 1);
  g_clear_object (&session->queue);
  vhu_frontend_close (session->frontend);
  g_clear_object (&session->frontend);
}

static void
end_io (VhuTestSession *session)
{
  session->backend->ignore_stop = FALSE;
  session->backend->take_iov = FALSE;
  vhu_test_backend_complete_held (session->backend);
}

static void
test_new_rings_wait_for_old_io (VhuTestSession *session,
                                gconstpointer   n_threads)
{
  g_autoptr(GBytes) out = g_bytes_new_static ("new", 3);
  g_autoptr(GError) error = NULL;
  guint32 length;
  guint id;

  leave_with_io (session);
  reopen (session);
  g_assert_cmpint (g_atomic_int_get (&session->backend->n_opened), ==, 2);
  g_assert_cmpint (g_atomic_int_get (&session->backend->n_closed), ==, 0);

  vhu_driver_queue_submit_bytes (session->queue, out, 3, &error);
  g_assert_no_error (error);
  vhu_driver_queue_kick_always (session->queue);
  let_control_run (session);
  g_assert_false (vhu_driver_queue_has_used (session->queue));
  g_assert_cmpint (g_atomic_int_get (&session->backend->n_started), ==, 1);

  end_io (session);
  vhu_driver_queue_wait (session->queue, 10000, &error);
  g_assert_no_error (error);
  g_assert_true (vhu_driver_queue_pop (session->queue, &id, &length));
  g_assert_cmpint (g_atomic_int_get (&session->backend->n_started), ==, 2);
  g_assert_cmpint (g_atomic_int_get (&session->backend->n_closed), ==, 1);
}

/* GET_VRING_BASE waits for the device, which takes its time; the front-end does
 * not live to see the answer, and its successor need not wait for that. */
static void
test_dies_within_a_drain (VhuTestSession *session,
                          gconstpointer   n_threads)
{
  static const guint32 which[2] = { 0, 0 };
  g_autoptr(GBytes) payload = g_bytes_new_static (which, sizeof which);
  g_autoptr(GError) error = NULL;
  int n_stopping = g_atomic_int_get (&session->backend->n_stopping);
  int fd;

  session->backend->ignore_stop = TRUE;
  session->backend->take_iov = TRUE;
  hold (session, 1);
  vhu_frontend_send_raw (session->frontend, 11, 1, sizeof which, payload, NULL, 0, &error);
  g_assert_no_error (error);
  vhu_test_wait_for (&session->backend->n_stopping, n_stopping + 1);
  g_clear_object (&session->queue);
  vhu_frontend_close (session->frontend);
  g_clear_object (&session->frontend);

  fd = vhu_test_connect (vhu_test_server_get_path (session->server));
  vhu_test_send_query (fd);
  vhu_test_expect_answer (fd);
  close (fd);
  g_assert_cmpint (g_atomic_int_get (&session->backend->n_stopped), ==, 0);

  end_io (session);
  vhu_test_wait_for (&session->backend->n_closed, 2);
  reopen (session);
  vhu_test_session_echo (session->queue, "after that");
}

static void
start_stop (gpointer server,
            gpointer unused)
{
  vhu_server_stop_async (server, NULL, NULL, NULL);
}

static void
ask_running (gpointer server,
             gpointer running)
{
  *(gboolean *) running = vhu_server_get_running (server);
}

static gboolean
is_stopped (gpointer server)
{
  gboolean running;

  vhu_test_server_run (server, ask_running, &running);
  return !running;
}

static void
test_stops_with_held_chains (VhuTestSession *session,
                             gconstpointer   n_threads)
{
  leave_with_io (session);
  reopen (session);
  vhu_test_server_run (session->server, start_stop, NULL);
  let_control_run (session);
  g_assert_false (is_stopped (session->server));
  end_io (session);
  vhu_test_wait_until (is_stopped, session->server);
}

static gpointer
make_load (gpointer user_data)
{
  VhuTestSession *session = user_data;
  g_autoptr(GBytes) out = g_bytes_new_static ("load", 4);

  while (!is_stopped (session->server))
    {
      guint32 length;
      guint id;

      while (vhu_driver_queue_get_n_free (session->queue) > 2)
        vhu_driver_queue_submit_bytes (session->queue, out, 4, NULL);
      vhu_driver_queue_kick_always (session->queue);
      while (vhu_driver_queue_pop (session->queue, &id, &length))
        g_bytes_unref (vhu_driver_queue_take_result (session->queue, id));
    }
  return NULL;
}

static void
test_stops_under_load (VhuTestSession *session,
                       gconstpointer   n_threads)
{
  GThread *thread = g_thread_new ("load", make_load, session);

  vhu_test_wait_for (&session->backend->n_processed, 1000);
  vhu_test_server_run (session->server, start_stop, NULL);
  g_thread_join (thread);
}

/* The first that speaks is served, 15 wait, and the others are told at once. */
static void
test_too_many_are_refused (VhuTestSession *session,
                           gconstpointer   n_threads)
{
  const char *path = vhu_test_server_get_path (session->server);
  int fds[MAX_WAITING];
  int late;

  for (guint i = 0; i < MAX_WAITING; i++)
    fds[i] = vhu_test_connect (path);
  vhu_test_expect_hang_up (fds[MAX_WAITING - 1]);
  close (fds[MAX_WAITING - 1]);

  /* One of those that wait has gone: there is room again. */
  close (fds[0]);
  let_control_run (session);
  late = vhu_test_connect (path);
  vhu_test_send_query (late);
  for (guint i = 1; i < MAX_WAITING - 1; i++)
    close (fds[i]);
  close_frontend (session);
  vhu_test_expect_answer (late);
  close (late);
}

/* Out of descriptors: others in the process may need the processor, and the
 * front-end is served as soon as there is one again. */
static gint64
get_run_time (void)
{
  struct rusage usage;

  getrusage (RUSAGE_SELF, &usage);
  return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * G_USEC_PER_SEC +
         usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

static int
use_up_descriptors (GArray *fds)
{
  int fd;

  while ((fd = open ("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
    g_array_append_val (fds, fd);
  return errno;
}

static void
test_recovers_from_a_lack_of_fds (VhuTestSession *session,
                                  gconstpointer   n_threads)
{
  const char *path = vhu_test_server_get_path (session->server);
  g_autoptr(GArray) fds = g_array_new (FALSE, FALSE, sizeof (int));
  struct rlimit limit, low;
  gint64 run_time;
  int client;

  close_frontend (session);
  let_control_run (session);
  g_assert_no_errno (getrlimit (RLIMIT_NOFILE, &limit));
  low = limit;
  low.rlim_cur = MIN (limit.rlim_cur, 128);
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &low));
  client = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint (use_up_descriptors (fds), ==, EMFILE);

  vhu_test_connect_socket (client, path);
  vhu_test_send_query (client);
  /* Time has to pass to see that nothing is done with it. */
  run_time = get_run_time ();
  g_usleep (100 * 1000);
  g_assert_cmpint (get_run_time () - run_time, <, 10 * 1000);
  g_assert_false (vhu_test_is_readable (client));

  for (guint i = 0; i < fds->len; i++)
    close (g_array_index (fds, int, i));
  vhu_test_expect_answer (client);
  close (client);
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &limit));
}

#define ADD(path, func) VHU_TEST_SESSION_ADD (path, vhu_test_session_set_up, func)

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ADD ("/server/clients/one-after-another", test_one_after_another);
  ADD ("/server/clients/silence-costs-nothing", test_silence_costs_nothing);
  ADD ("/server/clients/second-waits-for-the-first", test_second_waits_for_the_first);
  ADD ("/server/clients/whoever-speaks-first-is-first", test_whoever_speaks_first_is_first);
  ADD ("/server/clients/dies-within-a-message", test_dies_within_a_message);
  ADD ("/server/clients/dies-with-requests-in-flight", test_dies_with_requests_in_flight);
  ADD ("/server/clients/new-rings-wait-for-old-io", test_new_rings_wait_for_old_io);
  ADD ("/server/clients/dies-within-a-drain", test_dies_within_a_drain);
  ADD ("/server/clients/stops-with-held-chains", test_stops_with_held_chains);
  ADD ("/server/clients/stops-under-load", test_stops_under_load);
  ADD ("/server/clients/too-many-are-refused", test_too_many_are_refused);
  ADD ("/server/clients/recovers-from-a-lack-of-fds", test_recovers_from_a_lack_of_fds);

  return g_test_run ();
}
