/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-test-backend.h"
#include "vhu-test-client.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* The sockets of a server, and its start and stop. It runs in the context of the
 * tests. */

typedef struct
{
  VhuTestBackend *backend;
  VhuServer *server;
  char *directory;
  char *path;
  guint n_stopped;
} Fixture;

static void
set_up (Fixture       *fixture,
        gconstpointer  n_threads)
{
  g_autoptr(GError) error = NULL;

  fixture->backend = vhu_test_backend_new ();
  fixture->server = vhu_server_new (VHU_BACKEND (fixture->backend));
  vhu_server_set_n_threads (fixture->server, GPOINTER_TO_UINT (n_threads));
  fixture->directory = g_dir_make_tmp ("vhu-test-XXXXXX", &error);
  g_assert_no_error (error);
  fixture->path = g_build_filename (fixture->directory, "socket", NULL);
}

static void
listen_at_path (Fixture *fixture)
{
  g_autoptr(GError) error = NULL;

  vhu_server_listen (fixture->server, fixture->path, &error);
  g_assert_no_error (error);
}

static void
start (Fixture *fixture)
{
  g_autoptr(GError) error = NULL;

  vhu_server_start (fixture->server, &error);
  g_assert_no_error (error);
}

static gboolean
is_stopped (gpointer server)
{
  return !vhu_server_get_running (server);
}

static void
stopped_cb (GObject      *object,
            GAsyncResult *result,
            gpointer      user_data)
{
  Fixture *fixture = user_data;
  g_autoptr(GError) error = NULL;

  vhu_server_stop_finish (VHU_SERVER (object), result, &error);
  g_assert_no_error (error);
  g_assert_false (vhu_server_get_running (VHU_SERVER (object)));
  fixture->n_stopped++;
}

static gboolean
has_called_back (gpointer user_data)
{
  Fixture *fixture = user_data;

  return fixture->n_stopped > 0;
}

static void
stop (Fixture *fixture)
{
  fixture->n_stopped = 0;
  vhu_server_stop_async (fixture->server, NULL, stopped_cb, fixture);
  vhu_test_iterate_until (has_called_back, fixture);
}

static void
tear_down (Fixture       *fixture,
           gconstpointer  n_threads)
{
  stop (fixture);
  g_assert_finalize_object (fixture->server);
  g_assert_finalize_object (fixture->backend);
  g_unlink (fixture->path);
  g_assert_no_errno (g_rmdir (fixture->directory));
  g_free (fixture->directory);
  g_free (fixture->path);
}

static gboolean
is_readable (gpointer fd)
{
  return vhu_test_is_readable (GPOINTER_TO_INT (fd));
}

/* A front-end is answered, and goes. */
static void
query_and_close (Fixture *fixture,
                 int      fd)
{
  vhu_test_iterate_query (fd);
  close (fd);
}

static int
start_with_client (Fixture *fixture)
{
  listen_at_path (fixture);
  start (fixture);
  return vhu_test_connect (fixture->path);
}

static gboolean
is_session_over (gpointer user_data)
{
  Fixture *fixture = user_data;

  return vhu_server_get_session (fixture->server) == NULL;
}

/* Sockets. */

static int
make_socket_file (const char *path,
                  gboolean    listens)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  g_assert_no_errno (bind (fd, (struct sockaddr *) &address, sizeof address));
  if (listens)
    g_assert_no_errno (listen (fd, 0));
  return fd;
}

static void
test_stale_socket_is_replaced (Fixture       *fixture,
                               gconstpointer  unused)
{
  close (make_socket_file (fixture->path, TRUE));
  g_assert_true (g_file_test (fixture->path, G_FILE_TEST_EXISTS));

  listen_at_path (fixture);
  start (fixture);
  query_and_close (fixture, vhu_test_connect (fixture->path));
}

static void
expect_path_is_taken (Fixture *fixture)
{
  g_autoptr(GError) error = NULL;
  GStatBuf before, after;

  g_assert_no_errno (g_lstat (fixture->path, &before));
  g_assert_false (vhu_server_listen (fixture->server, fixture->path, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE);
  g_assert_nonnull (strstr (error->message, fixture->path));
  g_assert_no_errno (g_lstat (fixture->path, &after));
  g_assert_cmpuint (before.st_ino, ==, after.st_ino);
}

static void
test_live_socket_is_not_stolen (Fixture       *fixture,
                                gconstpointer  unused)
{
  int fd = make_socket_file (fixture->path, TRUE);

  expect_path_is_taken (fixture);
  close (fd);
}

/* The owner does not come to accept: neither wait for it nor think it dead. */
static void
test_busy_socket_is_not_stolen (Fixture       *fixture,
                                gconstpointer  unused)
{
  int fd = make_socket_file (fixture->path, TRUE);
  int waiting = vhu_test_connect (fixture->path);

  expect_path_is_taken (fixture);
  close (waiting);
  close (fd);
}

static void
test_other_files_are_not_replaced (Fixture       *fixture,
                                   gconstpointer  unused)
{
  g_assert_true (g_file_set_contents (fixture->path, "precious", -1, NULL));
  expect_path_is_taken (fixture);
}

static void
test_path_may_be_too_long (Fixture       *fixture,
                           gconstpointer  unused)
{
  g_autofree char *name = g_strnfill (108, 'x');
  g_autofree char *path = g_build_filename (fixture->directory, name, NULL);
  g_autoptr(GError) error = NULL;

  g_assert_false (vhu_server_listen (fixture->server, path, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_LIMIT);
  g_assert_nonnull (strstr (error->message, "107"));
  g_clear_error (&error);
  g_assert_false (vhu_server_dial (fixture->server, path, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_LIMIT);
}

static void
test_only_our_socket_is_removed (Fixture       *fixture,
                                 gconstpointer  unused)
{
  int fd;

  listen_at_path (fixture);
  start (fixture);
  g_assert_no_errno (g_unlink (fixture->path));
  fd = make_socket_file (fixture->path, TRUE);
  stop (fixture);
  g_assert_true (g_file_test (fixture->path, G_FILE_TEST_EXISTS));
  close (fd);
  g_unlink (fixture->path);

  listen_at_path (fixture);
  start (fixture);
  stop (fixture);
  g_assert_false (g_file_test (fixture->path, G_FILE_TEST_EXISTS));
}

static void
test_fd_may_listen (Fixture       *fixture,
                    gconstpointer  unused)
{
  g_autoptr(GError) error = NULL;
  int fd = make_socket_file (fixture->path, TRUE);

  vhu_server_use_fd (fixture->server, fd, &error);
  g_assert_no_error (error);
  start (fixture);
  for (guint i = 0; i < 2; i++)
    {
      query_and_close (fixture, vhu_test_connect (fixture->path));
      vhu_test_iterate_until (is_session_over, fixture);
    }
  stop (fixture);

  /* Somebody else made it: they may go on with it. */
  g_assert_true (g_file_test (fixture->path, G_FILE_TEST_EXISTS));
  close (vhu_test_connect (fixture->path));
  close (fd);
}

static int
start_with_connection (Fixture *fixture)
{
  g_autoptr(GError) error = NULL;
  int fds[2];

  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
  vhu_server_use_fd (fixture->server, fds[0], &error);
  g_assert_no_error (error);
  close (fds[0]);
  start (fixture);
  return fds[1];
}

static void
test_fd_may_be_connected (Fixture       *fixture,
                          gconstpointer  unused)
{
  int fd = start_with_connection (fixture);

  query_and_close (fixture, fd);
  vhu_test_iterate_until (is_stopped, fixture->server);
  g_assert_cmpint (fixture->backend->n_closed, ==, 1);
}

/* It leaves without a word, and nobody else can come. */
static void
test_silent_connection_ends_the_server (Fixture       *fixture,
                                        gconstpointer  unused)
{
  int fd = start_with_connection (fixture);

  close (fd);
  vhu_test_iterate_until (is_stopped, fixture->server);
}

static void
send_channel (VhuFrontend *frontend,
              int          fd)
{
  g_autoptr(GBytes) nothing = g_bytes_new (NULL, 0);
  g_autoptr(GError) error = NULL;

  vhu_frontend_send_raw (frontend, 21, 1, 0, nothing, &fd, 1, &error);
  g_assert_no_error (error);
}

/* A front-end that gives us our own end as the channel for our requests. */
static void
test_channel_is_another_socket (Fixture       *fixture,
                                gconstpointer  unused)
{
  g_autoptr(VhuFrontend) frontend = NULL;
  g_autoptr(GError) error = NULL;
  int fds[2], others[2];

  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, others));
  vhu_server_use_fd (fixture->server, fds[0], &error);
  g_assert_no_error (error);
  start (fixture);

  frontend = vhu_frontend_new_for_fd (fds[1], &error);
  g_assert_no_error (error);
  send_channel (frontend, others[0]);
  vhu_test_iterate_query (fds[1]);
  g_assert_cmpint (fixture->backend->n_channels, ==, 1);

  send_channel (frontend, fds[0]);
  vhu_test_iterate_until (is_stopped, fixture->server);
  g_assert_cmpint (fixture->backend->n_channels, ==, 1);
  for (guint i = 0; i < 2; i++)
    {
      close (fds[i]);
      close (others[i]);
    }
}

static void
expect_fd_is_refused (Fixture *fixture,
                      int      fd)
{
  g_autofree char *number = g_strdup_printf ("descriptor %d ", fd);
  g_autoptr(GError) error = NULL;

  g_assert_false (vhu_server_use_fd (fixture->server, fd, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_FAILED);
  g_assert_nonnull (strstr (error->message, number));
  close (fd);
}

static void
test_wrong_fds_are_refused (Fixture       *fixture,
                            gconstpointer  unused)
{
  struct sockaddr_in address = { .sin_family = AF_INET };
  int pair[2], tcp;

  expect_fd_is_refused (fixture, open ("/dev/null", O_RDWR | O_CLOEXEC));
  expect_fd_is_refused (fixture, -1);
  g_assert_no_errno (socketpair (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair));
  expect_fd_is_refused (fixture, pair[0]);
  close (pair[1]);
  g_assert_no_errno (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
  expect_fd_is_refused (fixture, pair[0]);
  close (pair[1]);
  expect_fd_is_refused (fixture, socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  expect_fd_is_refused (fixture, make_socket_file (fixture->path, FALSE));

  tcp = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (tcp >= 0 && bind (tcp, (struct sockaddr *) &address, sizeof address) == 0 &&
      listen (tcp, 1) == 0)
    expect_fd_is_refused (fixture, tcp);
}

static void
test_dial (Fixture       *fixture,
           gconstpointer  unused)
{
  g_autoptr(GError) error = NULL;
  int listening, fd;

  g_assert_false (vhu_server_dial (fixture->server, fixture->path, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, fixture->path));
  g_clear_error (&error);

  listening = make_socket_file (fixture->path, TRUE);
  vhu_server_dial (fixture->server, fixture->path, &error);
  g_assert_no_error (error);
  start (fixture);
  fd = accept (listening, NULL, NULL);
  query_and_close (fixture, fd);
  vhu_test_iterate_until (is_stopped, fixture->server);
  close (listening);
}

/* Life. */

static void
test_server_needs_one_socket (Fixture       *fixture,
                              gconstpointer  unused)
{
  g_autoptr(GError) error = NULL;

  g_assert_false (vhu_server_start (fixture->server, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_BAD_STATE);
  g_clear_error (&error);
  g_assert_false (vhu_server_get_running (fixture->server));

  listen_at_path (fixture);
  g_assert_false (vhu_server_listen (fixture->server, fixture->path, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_BAD_STATE);
  g_clear_error (&error);
  g_assert_false (vhu_server_use_fd (fixture->server, 0, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_BAD_STATE);
  g_clear_error (&error);
  g_assert_false (vhu_server_dial (fixture->server, fixture->path, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_BAD_STATE);
}

static void
test_backend_has_one_server (Fixture       *fixture,
                             gconstpointer  unused)
{
  g_autoptr(VhuServer) other = vhu_server_new (VHU_BACKEND (fixture->backend));
  g_autofree char *path = g_build_filename (fixture->directory, "other", NULL);
  g_autoptr(GError) error = NULL;

  listen_at_path (fixture);
  start (fixture);
  vhu_server_listen (other, path, &error);
  g_assert_no_error (error);
  g_assert_false (vhu_server_start (other, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_BAD_STATE);
  g_assert_false (vhu_server_get_running (other));
  query_and_close (fixture, vhu_test_connect (fixture->path));
}

static void
test_starts_again_after_a_stop (Fixture       *fixture,
                                gconstpointer  unused)
{
  guint n_fds = 0, n_threads = 0;

  for (guint i = 0; i < 20; i++)
    {
      listen_at_path (fixture);
      start (fixture);
      query_and_close (fixture, vhu_test_connect (fixture->path));
      vhu_test_iterate_until (is_session_over, fixture);
      stop (fixture);
      if (i == 0)
        {
          n_fds = vhu_test_count_fds ();
          n_threads = vhu_test_count_threads ();
        }
      g_assert_cmpuint (vhu_test_count_fds (), ==, n_fds);
      g_assert_cmpuint (vhu_test_count_threads (), ==, n_threads);
    }
  g_assert_cmpuint (vhu_server_get_n_sessions (fixture->server), ==, 20);
}

static void
refused_cb (GObject      *object,
            GAsyncResult *result,
            gpointer      user_data)
{
  GError **error = user_data;

  g_assert_false (vhu_server_stop_finish (VHU_SERVER (object), result, error));
}

static gboolean
is_set (gpointer error)
{
  return *(GError **) error != NULL;
}

/* A device that holds a chain delays the stop: here, an open session does until
 * the context runs. */
static void
test_second_stop_is_refused (Fixture       *fixture,
                             gconstpointer  unused)
{
  g_autoptr(GError) error = NULL;
  int fd = start_with_client (fixture);

  vhu_test_iterate_query (fd);

  vhu_server_stop_async (fixture->server, NULL, stopped_cb, fixture);
  if (vhu_server_get_running (fixture->server))
    {
      vhu_server_stop_async (fixture->server, NULL, refused_cb, &error);
      vhu_test_iterate_until (is_set, &error);
      g_assert_error (error, VHU_ERROR, VHU_ERROR_BAD_STATE);
    }
  vhu_test_iterate_until (has_called_back, fixture);
  stop (fixture);
  close (fd);
}

static void
test_stops_with_candidates (Fixture       *fixture,
                            gconstpointer  unused)
{
  int fds[4];

  listen_at_path (fixture);
  start (fixture);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    fds[i] = vhu_test_connect (fixture->path);
  vhu_test_send_query (fds[0]);
  vhu_test_iterate_until (is_readable, GINT_TO_POINTER (fds[0]));
  vhu_test_send_query (fds[1]);
  stop (fixture);

  vhu_test_expect_answer (fds[0]);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      vhu_test_expect_hang_up (fds[i]);
      close (fds[i]);
    }
}

static void
test_exits_on_disconnect (Fixture       *fixture,
                          gconstpointer  unused)
{
  listen_at_path (fixture);
  vhu_server_set_exit_on_disconnect (fixture->server, TRUE);
  start (fixture);

  /* Who never said a word was not served. */
  close (vhu_test_connect (fixture->path));
  for (guint i = 0; i < 10; i++)
    g_main_context_iteration (NULL, FALSE);
  g_assert_true (vhu_server_get_running (fixture->server));

  query_and_close (fixture, vhu_test_connect (fixture->path));
  vhu_test_iterate_until (is_stopped, fixture->server);
  g_assert_false (g_file_test (fixture->path, G_FILE_TEST_EXISTS));
}

static void
note_finalized_cb (gpointer  finalized,
                   GObject  *object)
{
  *(gboolean *) finalized = TRUE;
}

static gboolean
is_true (gpointer flag)
{
  return *(gboolean *) flag;
}

/* Nobody but itself keeps it, and it goes when it has stopped. */
static void
test_runs_without_references (Fixture       *fixture,
                              gconstpointer  unused)
{
  gboolean finalized = FALSE;
  int fd;

  listen_at_path (fixture);
  vhu_server_set_exit_on_disconnect (fixture->server, TRUE);
  start (fixture);
  g_object_weak_ref (G_OBJECT (fixture->server), note_finalized_cb, &finalized);
  g_object_unref (fixture->server);
  fd = vhu_test_connect (fixture->path);
  query_and_close (fixture, fd);
  vhu_test_iterate_until (is_true, &finalized);

  fixture->server = vhu_server_new (VHU_BACKEND (fixture->backend));
}

static void
stop_in_signal_cb (VhuServer *server)
{
  vhu_server_stop_async (server, NULL, NULL, NULL);
}

/* Whoever is told of something may stop the server, and drop it. */
static void
run_with_handler (Fixture    *fixture,
                  const char *signal)
{
  gboolean finalized = FALSE;
  int fd;

  fixture->server = vhu_server_new (VHU_BACKEND (fixture->backend));
  listen_at_path (fixture);
  g_signal_connect (fixture->server, signal, G_CALLBACK (stop_in_signal_cb), NULL);
  start (fixture);
  g_object_weak_ref (G_OBJECT (fixture->server), note_finalized_cb, &finalized);
  g_object_unref (fixture->server);

  fd = vhu_test_connect (fixture->path);
  vhu_test_send_query (fd);
  if (g_str_has_suffix (signal, "closed"))
    {
      close (fd);
      fd = -1;
    }
  vhu_test_iterate_until (is_true, &finalized);
  if (fd >= 0)
    close (fd);
  g_assert_false (g_file_test (fixture->path, G_FILE_TEST_EXISTS));
}

static void
test_stops_within_signals (Fixture       *fixture,
                           gconstpointer  n_threads)
{
  static const char *signals[] = {
    "session-opened", "session-closed", "notify::session",
  };

  g_object_unref (fixture->server);
  for (guint i = 0; i < G_N_ELEMENTS (signals); i++)
    run_with_handler (fixture, signals[i]);
  g_assert_cmpint (fixture->backend->n_opened, ==, 3);
  g_assert_cmpint (fixture->backend->n_closed, ==, 3);
  fixture->server = vhu_server_new (VHU_BACKEND (fixture->backend));
}

static void
test_stops_within_the_start (Fixture       *fixture,
                             gconstpointer  n_threads)
{
  gulong handler;

  for (guint i = 0; i < 2; i++)
    {
      listen_at_path (fixture);
      handler = g_signal_connect (fixture->server, "notify::running",
                                  G_CALLBACK (stop_in_signal_cb), NULL);
      start (fixture);
      g_assert_false (vhu_server_get_running (fixture->server));
      g_signal_handler_disconnect (fixture->server, handler);
    }
}

/* The front-end's second message must not overtake the first. */
static void
iterate_cb (VhuServer *server)
{
  for (guint i = 0; i < 100; i++)
    g_main_context_iteration (NULL, FALSE);
}

static void
test_nested_loop_keeps_the_order (Fixture       *fixture,
                                  gconstpointer  unused)
{
  /* SET_OWNER twice is refused, which ends the connection as no
   * acknowledgement can say so: it tells what came first. */
  static const guint32 owner[3] = { 3, 1, 0 };
  int first, second;

  listen_at_path (fixture);
  start (fixture);
  first = vhu_test_connect (fixture->path);
  second = vhu_test_connect (fixture->path);
  for (guint i = 0; i < 10; i++)
    g_main_context_iteration (NULL, FALSE);
  vhu_test_iterate_query (first);
  vhu_test_send_query (second);
  for (guint i = 0; i < 10; i++)
    g_main_context_iteration (NULL, FALSE);
  g_assert_cmpint (send (second, owner, sizeof owner, 0), ==, sizeof owner);
  g_assert_cmpint (send (second, owner, sizeof owner, 0), ==, sizeof owner);
  g_assert_false (vhu_test_is_readable (second));

  g_signal_connect (fixture->server, "session-opened", G_CALLBACK (iterate_cb), NULL);
  close (first);
  vhu_test_iterate_until (is_readable, GINT_TO_POINTER (second));
  vhu_test_expect_answer (second);
  vhu_test_iterate_until (is_readable, GINT_TO_POINTER (second));
  vhu_test_expect_hang_up (second);
  close (second);
}

/* What a caller keeps of a session keeps no thread. */
static void
keep_session_cb (VhuServer   *server,
                 VhuSession  *session,
                 VhuSession **kept)
{
  g_set_object (kept, session);
}

static void
test_stop_ends_threads (Fixture       *fixture,
                        gconstpointer  unused)
{
  g_autoptr(VhuSession) session = NULL;
  guint n_threads;
  int fd;

  listen_at_path (fixture);
  start (fixture);
  stop (fixture);
  n_threads = vhu_test_count_threads ();

  listen_at_path (fixture);
  g_signal_connect (fixture->server, "session-opened", G_CALLBACK (keep_session_cb), &session);
  start (fixture);
  fd = vhu_test_connect (fixture->path);
  query_and_close (fixture, fd);
  stop (fixture);
  g_assert_nonnull (session);
  g_assert_cmpuint (vhu_test_count_threads (), ==, n_threads);
  g_assert_null (vhu_session_get_vring (session, 0));
}

static void
test_cancelled_wait_is_over (Fixture       *fixture,
                             gconstpointer  unused)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_autoptr(GError) error = NULL;
  int fd = start_with_client (fixture);

  vhu_test_iterate_query (fd);

  g_cancellable_cancel (cancellable);
  vhu_server_stop_async (fixture->server, cancellable, refused_cb, &error);
  vhu_test_iterate_until (is_set, &error);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  vhu_test_iterate_until (is_stopped, fixture->server);
  close (fd);
}

#define ADD(path, n_threads, func) \
  g_test_add (path, Fixture, GUINT_TO_POINTER (n_threads), set_up, func, tear_down)

static void
add_socket_tests (void)
{
  ADD ("/server/stale-socket-is-replaced", 0, test_stale_socket_is_replaced);
  ADD ("/server/live-socket-is-not-stolen", 0, test_live_socket_is_not_stolen);
  ADD ("/server/busy-socket-is-not-stolen", 0, test_busy_socket_is_not_stolen);
  ADD ("/server/other-files-are-not-replaced", 0, test_other_files_are_not_replaced);
  ADD ("/server/path-may-be-too-long", 0, test_path_may_be_too_long);
  ADD ("/server/only-our-socket-is-removed", 0, test_only_our_socket_is_removed);
  ADD ("/server/fd-may-listen", 0, test_fd_may_listen);
  ADD ("/server/fd-may-be-connected", 0, test_fd_may_be_connected);
  ADD ("/server/silent-connection-ends-the-server", 0, test_silent_connection_ends_the_server);
  ADD ("/server/wrong-fds-are-refused", 0, test_wrong_fds_are_refused);
  ADD ("/server/channel-is-another-socket", 0, test_channel_is_another_socket);
  ADD ("/server/dial", 0, test_dial);
}

static void
add_life_tests (void)
{
  ADD ("/server/needs-one-socket", 0, test_server_needs_one_socket);
  ADD ("/server/backend-has-one-server", 0, test_backend_has_one_server);
  ADD ("/server/starts-again-after-a-stop/own-context", 0, test_starts_again_after_a_stop);
  ADD ("/server/starts-again-after-a-stop/two-threads", 2, test_starts_again_after_a_stop);
  ADD ("/server/second-stop-is-refused", 2, test_second_stop_is_refused);
  ADD ("/server/stops-with-candidates", 2, test_stops_with_candidates);
  ADD ("/server/exits-on-disconnect", 0, test_exits_on_disconnect);
  ADD ("/server/runs-without-references/own-context", 0, test_runs_without_references);
  ADD ("/server/runs-without-references/two-threads", 2, test_runs_without_references);
  ADD ("/server/stops-within-signals/own-context", 0, test_stops_within_signals);
  ADD ("/server/stops-within-signals/two-threads", 2, test_stops_within_signals);
  ADD ("/server/stops-within-the-start", 2, test_stops_within_the_start);
  ADD ("/server/nested-loop-keeps-the-order", 0, test_nested_loop_keeps_the_order);
  ADD ("/server/stop-ends-threads", 2, test_stop_ends_threads);
  ADD ("/server/cancelled-wait-is-over", 2, test_cancelled_wait_is_over);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  add_socket_tests ();
  add_life_tests ();

  return g_test_run ();
}
