/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <fcntl.h>
#include <gio/gunixsocketaddress.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vhu-test-fds.h"
#include "vhu-test-messages.h"
#include "vhu-test-ring.h"
#include "vhu-test-session.h"

/* The configuration space, and the channel on which its changes are told. The
 * test device has VHU_TEST_CONFIG at VHU_TEST_CONFIG_OFFSET, and zeros before. */

#define MAX_SIZE 256
#define DEVICE_SIZE (VHU_TEST_CONFIG_OFFSET + VHU_TEST_CONFIG_SIZE)
#define HEAD_SIZE 12
#define CONFIG_CHANGE_MSG 2

static void
expect_config (VhuTestSession *session,
               guint           offset,
               gconstpointer   expected,
               gsize           size)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) bytes =
    vhu_frontend_get_config (session->frontend, offset, (guint) size, &error);

  g_assert_no_error (error);
  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), expected, size);
}

/* Trap 25. Every offset and size of the device's own part. */
static void
test_offsets_count_from_the_start_of_the_space (VhuTestSession *session,
                                                gconstpointer   n_threads)
{
  guint8 space[DEVICE_SIZE] = { 0 };

  memcpy (space + VHU_TEST_CONFIG_OFFSET, VHU_TEST_CONFIG, VHU_TEST_CONFIG_SIZE);
  for (guint offset = 0; offset < DEVICE_SIZE; offset++)
    for (guint size = 1; size <= DEVICE_SIZE - offset; size++)
      expect_config (session, offset, space + offset, size);
}

/* A newer front-end knows a larger structure than the device. */
static void
test_beyond_the_device_there_are_zeros (VhuTestSession *session,
                                        gconstpointer   n_threads)
{
  guint8 space[MAX_SIZE] = { 0 };

  memcpy (space + VHU_TEST_CONFIG_OFFSET, VHU_TEST_CONFIG, VHU_TEST_CONFIG_SIZE);
  expect_config (session, 0, space, MAX_SIZE);
  expect_config (session, DEVICE_SIZE - 1, space + DEVICE_SIZE - 1, 2);
  expect_config (session, DEVICE_SIZE, space + DEVICE_SIZE, 8);
  expect_config (session, MAX_SIZE - 1, space + MAX_SIZE - 1, 1);
}

/* What stands in the request's data is not looked at. */
static void
test_a_question_may_carry_garbage (VhuTestSession *session,
                                   gconstpointer   n_threads)
{
  VhuTestConfig question = { VHU_TEST_CONFIG_OFFSET, VHU_TEST_CONFIG_SIZE, 0, { 0 } };
  g_autoptr(GBytes) reply = NULL;
  const guint8 *answer;

  memset (question.data, 0xff, sizeof question.data);
  vhu_test_send (session->frontend, VHU_TEST_GET_CONFIG, VHU_TEST_NEED_REPLY, &question,
                 HEAD_SIZE + VHU_TEST_CONFIG_SIZE, -1);
  reply = vhu_test_receive (session->frontend, VHU_TEST_GET_CONFIG);
  g_assert_cmpuint (g_bytes_get_size (reply), ==, HEAD_SIZE + VHU_TEST_CONFIG_SIZE);
  answer = g_bytes_get_data (reply, NULL);
  g_assert_cmpmem (answer, 8, &question, 8);
  g_assert_cmpmem (answer + HEAD_SIZE, VHU_TEST_CONFIG_SIZE,
                   VHU_TEST_CONFIG, VHU_TEST_CONFIG_SIZE);
  vhu_test_expect_silence (session->frontend);
}

static const struct
{
  guint32 offset;
  guint32 size;
} outside[] = {
  { 0, 0 },
  { MAX_SIZE, 1 },
  { MAX_SIZE - 1, 2 },
  { 1, MAX_SIZE },
  { G_MAXUINT32, 1 },
  { G_MAXUINT32 - 3, 4 },
  { G_MAXUINT32 - 3, 8 },
  { 0, MAX_SIZE + 1 },
};

/* An answer without payload is how failure is said. */
static void
test_outside_of_the_space_is_an_empty_answer (VhuTestSession *session,
                                              gconstpointer   n_threads)
{
  for (guint i = 0; i < G_N_ELEMENTS (outside); i++)
    {
      const VhuTestConfig question = { outside[i].offset, outside[i].size, 0, { 0 } };
      g_autoptr(GBytes) reply = NULL;

      vhu_test_send (session->frontend, VHU_TEST_GET_CONFIG, VHU_TEST_PLAIN, &question,
                     HEAD_SIZE + outside[i].size, -1);
      reply = vhu_test_receive (session->frontend, VHU_TEST_GET_CONFIG);
      g_assert_cmpuint (g_bytes_get_size (reply), ==, 0);
      vhu_test_expect_refused (session->frontend, VHU_TEST_SET_CONFIG, &question,
                               HEAD_SIZE + outside[i].size, -1);
    }
  g_assert_cmpint (session->backend->n_config, ==, 0);
}

/* The length that the message has and the one that it says must be the same. */
static void
test_a_size_that_lies_closes (VhuTestSession *session,
                              gconstpointer   n_threads)
{
  static const struct
  {
    guint request;
    guint32 said;
    guint32 sent;
  } rows[] = {
    { VHU_TEST_GET_CONFIG, 8, 4 },
    { VHU_TEST_GET_CONFIG, 4, 8 },
    { VHU_TEST_GET_CONFIG, G_MAXUINT32, 8 },
    { VHU_TEST_GET_CONFIG, G_MAXUINT32 - HEAD_SIZE + 1, 0 },
    { VHU_TEST_SET_CONFIG, 8, 4 },
    { VHU_TEST_SET_CONFIG, 4, 8 },
    { VHU_TEST_SET_CONFIG, 4000, 0 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      const VhuTestConfig message = { 0, rows[i].said, 0, { 0 } };

      vhu_test_send (session->frontend, rows[i].request, VHU_TEST_NEED_REPLY, &message,
                     HEAD_SIZE + rows[i].sent, -1);
      vhu_test_expect_closed (session->frontend);
      vhu_test_session_come_back (session);
    }
}

static void
write_config (VhuTestSession  *session,
              guint            offset,
              const char      *data,
              gsize            size,
              VhuConfigOrigin  origin,
              gboolean         is_taken)
{
  g_autoptr(GBytes) bytes = g_bytes_new (data, size);
  g_autoptr(GError) error = NULL;

  vhu_frontend_set_config (session->frontend, offset, bytes, origin, &error);
  if (is_taken)
    g_assert_no_error (error);
  else
    g_assert_error (error, VHU_ERROR, VHU_ERROR_REFUSED);
}

/* Some front-ends send the whole space back for one field. */
static void
test_only_writable_bytes_are_written (VhuTestSession *session,
                                      gconstpointer   n_threads)
{
  char all[MAX_SIZE];

  memset (all, '*', sizeof all);
  write_config (session, 0, all, sizeof all, VHU_CONFIG_ORIGIN_DRIVER, TRUE);
  expect_config (session, VHU_TEST_CONFIG_OFFSET - 4, "\0\0\0\0\x11\x22****\x77\x88\0\0", 14);
  g_assert_cmpint (session->backend->n_config, ==, 1);
  g_assert_cmpint (session->backend->config_origin, ==, VHU_CONFIG_ORIGIN_DRIVER);

  write_config (session, VHU_TEST_WRITABLE_OFFSET + 1, "+-", 2,
                VHU_CONFIG_ORIGIN_DRIVER, TRUE);
  expect_config (session, VHU_TEST_WRITABLE_OFFSET, "*+-*", 4);
  write_config (session, VHU_TEST_WRITABLE_OFFSET - 1, "??", 2,
                VHU_CONFIG_ORIGIN_DRIVER, TRUE);
  expect_config (session, VHU_TEST_CONFIG_OFFSET, "\x11\x22?+-*\x77\x88", 8);
}

static void
test_what_nobody_may_write_is_refused (VhuTestSession *session,
                                       gconstpointer   n_threads)
{
  write_config (session, 0, "zero", 4, VHU_CONFIG_ORIGIN_DRIVER, FALSE);
  write_config (session, VHU_TEST_WRITABLE_OFFSET + VHU_TEST_WRITABLE_SIZE, "ro", 2,
                VHU_CONFIG_ORIGIN_DRIVER, FALSE);
  write_config (session, DEVICE_SIZE, "beyond", 6, VHU_CONFIG_ORIGIN_DRIVER, FALSE);
  write_config (session, DEVICE_SIZE, "beyond", 6, VHU_CONFIG_ORIGIN_MIGRATION, FALSE);
  expect_config (session, VHU_TEST_CONFIG_OFFSET, VHU_TEST_CONFIG, VHU_TEST_CONFIG_SIZE);
  g_assert_cmpint (session->backend->n_config, ==, 0);
}

/* A migration restores what the driver could only read. */
static void
test_a_migration_writes_everything (VhuTestSession *session,
                                    gconstpointer   n_threads)
{
  write_config (session, VHU_TEST_CONFIG_OFFSET, "restored and more", 17,
                VHU_CONFIG_ORIGIN_MIGRATION, TRUE);
  expect_config (session, VHU_TEST_CONFIG_OFFSET, "restored\0\0", 10);
  g_assert_cmpint (session->backend->config_origin, ==, VHU_CONFIG_ORIGIN_MIGRATION);
}

/* They are a value, not a set of bits. */
static void
test_unknown_flags_are_refused (VhuTestSession *session,
                                gconstpointer   n_threads)
{
  static const guint32 flags[] = { 2, 3, 0x80000000, G_MAXUINT32 };

  for (guint i = 0; i < G_N_ELEMENTS (flags); i++)
    {
      const VhuTestConfig message = { VHU_TEST_WRITABLE_OFFSET, 4, flags[i], "####" };

      vhu_test_expect_refused (session->frontend, VHU_TEST_SET_CONFIG, &message,
                               HEAD_SIZE + 4, -1);
    }
  expect_config (session, VHU_TEST_CONFIG_OFFSET, VHU_TEST_CONFIG, VHU_TEST_CONFIG_SIZE);
}

static void
test_what_the_device_refuses_is_undone (VhuTestSession *session,
                                        gconstpointer   n_threads)
{
  g_atomic_int_set (&session->backend->refuse_config, TRUE);
  write_config (session, VHU_TEST_WRITABLE_OFFSET, "####", 4,
                VHU_CONFIG_ORIGIN_DRIVER, FALSE);
  g_assert_cmpint (session->backend->n_config, ==, 1);
  expect_config (session, VHU_TEST_CONFIG_OFFSET, VHU_TEST_CONFIG, VHU_TEST_CONFIG_SIZE);
}

/* Changes, and the channel that tells of them. */

static void
change_config (VhuTestSession *session,
               char            value)
{
  g_autoptr(GBytes) bytes = g_bytes_new (&value, 1);

  vhu_backend_update_config (VHU_BACKEND (session->backend), 0, bytes);
}

static void
expect_change (VhuTestSession *session)
{
  g_autoptr(GError) error = NULL;

  vhu_frontend_wait_config_change (session->frontend, &error);
  g_assert_no_error (error);
}

static void
run_nothing (gpointer server,
             gpointer unused)
{
}

/* Everything that the control context had to do is done. */
static void
settle (VhuTestSession *session)
{
  for (guint i = 0; i < 3; i++)
    vhu_test_server_run (session->server, run_nothing, NULL);
}

static void
expect_no_change (VhuTestSession *session)
{
  g_autoptr(GError) error = NULL;

  settle (session);
  vhu_frontend_set_timeout (session->frontend, 0);
  g_assert_false (vhu_frontend_serve_back_channel (session->frontend, NULL, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_TIMED_OUT);
  vhu_frontend_set_timeout (session->frontend, 5000);
}

static void
test_changes_are_told_and_acknowledged (VhuTestSession *session,
                                        gconstpointer   n_threads)
{
  for (char c = 'a'; c < 'k'; c++)
    {
      change_config (session, c);
      expect_change (session);
      expect_config (session, 0, &c, 1);
    }
  change_config (session, 'j');
  expect_no_change (session);
  vhu_test_session_echo (session->queue, "all the same");
}

/* While one is unanswered, all others are told by a single message. */
static void
test_changes_are_told_together (VhuTestSession *session,
                                gconstpointer   n_threads)
{
  for (char c = 'a'; c < 'z'; c++)
    {
      change_config (session, c);
      settle (session);
    }
  expect_change (session);
  expect_change (session);
  expect_no_change (session);
  expect_config (session, 0, "y", 1);
}

/* What the driver wrote itself is no news. */
static void
test_the_drivers_own_writes_are_not_told (VhuTestSession *session,
                                          gconstpointer   n_threads)
{
  write_config (session, VHU_TEST_WRITABLE_OFFSET, "####", 4,
                VHU_CONFIG_ORIGIN_DRIVER, TRUE);
  expect_no_change (session);
}

/* The front-end may be busy, or never look at its channel. */
static void
test_an_unanswered_change_holds_up_nothing (VhuTestSession *session,
                                            gconstpointer   n_threads)
{
  g_autoptr(GError) error = NULL;

  for (char c = 'a'; c < 'z'; c++)
    {
      change_config (session, c);
      expect_config (session, 0, &c, 1);
      vhu_test_session_echo (session->queue, "in the meantime");
    }
  vhu_driver_queue_stop (session->queue, &error);
  g_assert_no_error (error);
  vhu_test_session_come_back (session);
  change_config (session, '!');
  expect_change (session);
}

static void
test_a_refused_change_holds_up_nothing (VhuTestSession *session,
                                        gconstpointer   n_threads)
{
  vhu_frontend_set_back_channel_answer (session->frontend, TRUE, 1);
  change_config (session, 'a');
  expect_change (session);
  vhu_frontend_set_back_channel_answer (session->frontend, TRUE, 0);
  change_config (session, 'b');
  expect_change (session);
  vhu_test_session_echo (session->queue, "refused or not");
}

/* A change that falls into a drain is told when that is over: the front-end
 * cannot answer while it waits for us. */
static gpointer
change_and_complete (gpointer user_data)
{
  VhuTestSession *session = user_data;

  vhu_test_wait_for (&session->backend->n_stopping, 1);
  change_config (session, 'd');
  settle (session);
  vhu_test_backend_complete_held (session->backend);
  return NULL;
}

static void
test_a_change_waits_for_a_drain (VhuTestSession *session,
                                 gconstpointer   n_threads)
{
  g_autoptr(GBytes) out = g_bytes_new_static ("hold", 4);
  g_autoptr(GError) error = NULL;
  GThread *thread;

  session->backend->ignore_stop = TRUE;
  g_atomic_int_set (&session->backend->mode, VHU_TEST_HOLD);
  vhu_driver_queue_submit_bytes (session->queue, out, 4, &error);
  g_assert_no_error (error);
  vhu_driver_queue_kick (session->queue);
  vhu_test_wait_for (&session->backend->n_processed, 1);

  thread = g_thread_new ("changer", change_and_complete, session);
  vhu_driver_queue_stop (session->queue, &error);
  g_assert_no_error (error);
  g_thread_join (thread);
  expect_change (session);
  expect_config (session, 0, "d", 1);
}

static void
test_a_new_channel_replaces_the_old (VhuTestSession *session,
                                     gconstpointer   n_threads)
{
  g_autoptr(GError) error = NULL;
  guint n_fds = vhu_test_count_fds ();

  for (guint i = 0; i < 10; i++)
    {
      vhu_frontend_open_back_channel (session->frontend, &error);
      g_assert_no_error (error);
    }
  vhu_test_wait_for_fds (n_fds);
  g_assert_cmpint (session->backend->n_channels, ==, 11);
  change_config (session, 'n');
  expect_change (session);
}

static void
test_without_a_channel_nothing_is_told (VhuTestSession *session,
                                        gconstpointer   n_threads)
{
  change_config (session, 'a');
  settle (session);
  vhu_frontend_close_back_channel (session->frontend);
  change_config (session, 'b');
  settle (session);
  expect_config (session, 0, "b", 1);
  vhu_test_session_echo (session->queue, "unknowing");
}

/* Danger 11. */
static void
test_only_a_socket_can_be_a_channel (VhuTestSession *session,
                                     gconstpointer   n_threads)
{
  int fds[] = {
    vhu_test_event_new (),
    open ("/dev/null", O_RDWR | O_CLOEXEC),
    socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0),
    socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
    socket (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0),
  };

  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      g_assert_cmpint (fds[i], >=, 0);
      vhu_test_expect_refused (session->frontend, VHU_TEST_SET_BACKEND_REQ_FD,
                               NULL, 0, fds[i]);
      close (fds[i]);
    }
  /* The one of before is still there. */
  change_config (session, 'c');
  expect_change (session);
}

/* Danger 12: a peer on the channel that does not keep to the protocol. The
 * channel ends, and nothing else. */
static void
check_channel_answer (VhuTestSession *session,
                      gconstpointer   answer,
                      gsize           size)
{
  guint32 request[3];
  int pair[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
  vhu_test_expect_taken (session->frontend, VHU_TEST_SET_BACKEND_REQ_FD, NULL, 0, pair[1]);
  close (pair[1]);

  change_config (session, 'a');
  g_assert_cmpint (recv (pair[0], request, sizeof request, MSG_WAITALL), ==, sizeof request);
  g_assert_cmpuint (request[0], ==, CONFIG_CHANGE_MSG);
  g_assert_cmphex (request[1], ==, VHU_TEST_NEED_REPLY);
  g_assert_cmpuint (request[2], ==, 0);
  g_assert_cmpint (send (pair[0], answer, size, MSG_NOSIGNAL), ==, (gssize) size);

  /* Closed from the other side. */
  g_assert_cmpint (recv (pair[0], request, sizeof request, MSG_WAITALL), <=, 0);
  close (pair[0]);
  change_config (session, 'b');
  settle (session);
  vhu_test_session_echo (session->queue, "without a channel");
}

static void
test_a_channel_that_lies_ends_alone (VhuTestSession *session,
                                     gconstpointer   n_threads)
{
  static const guint32 wrong[][5] = {
    { 3, VHU_TEST_REPLY, 8, 0, 0 },                 /* request */
    { CONFIG_CHANGE_MSG, VHU_TEST_REPLY, 4, 0, 0 }, /* size */
    { CONFIG_CHANGE_MSG, VHU_TEST_PLAIN, 8, 0, 0 }, /* flags */
    { CONFIG_CHANGE_MSG, VHU_TEST_REPLY, 5000, 0, 0 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      check_channel_answer (session, wrong[i], sizeof wrong[i]);
      vhu_test_session_come_back (session);
    }
}

/* Danger 11: the back-end's messages on this channel arrive at itself. */
static void
test_the_connection_itself_is_a_bad_channel (VhuTestSession *session,
                                             gconstpointer   n_threads)
{
  g_autoptr(GSocketConnection) connection = NULL;
  g_autoptr(GSocketClient) client = g_socket_client_new ();
  g_autoptr(GSocketAddress) address = NULL;
  g_autoptr(VhuFrontend) frontend = NULL;
  g_autoptr(GError) error = NULL;
  int fd;

  vhu_test_session_leave (session);
  address = g_unix_socket_address_new (vhu_test_server_get_path (session->server));
  connection = g_socket_client_connect (client, G_SOCKET_CONNECTABLE (address), NULL, &error);
  g_assert_no_error (error);
  fd = g_socket_get_fd (g_socket_connection_get_socket (connection));
  frontend = vhu_frontend_new_for_fd (fd, &error);
  g_assert_no_error (error);

  vhu_frontend_want_protocol_feature (frontend, VHU_PROTOCOL_FEATURE_REPLY_ACK, FALSE);
  vhu_frontend_negotiate (frontend, &error);
  g_assert_no_error (error);
  vhu_test_send (frontend, VHU_TEST_SET_BACKEND_REQ_FD, VHU_TEST_PLAIN, NULL, 0, fd);
  vhu_test_wait_for (&session->backend->n_channels, 3);
  change_config (session, 's');
  vhu_test_wait_for (&session->backend->n_closed, 2);
  vhu_frontend_close (frontend);
  g_clear_object (&connection);
  vhu_test_session_come_back (session);
}

#define ADD(name, set_up, func) \
  VHU_TEST_SESSION_ADD ("/session/config/" name, set_up, func)

static void
add_channel_tests (void)
{
  ADD ("changes-are-told-and-acknowledged", vhu_test_session_set_up,
       test_changes_are_told_and_acknowledged);
  ADD ("changes-are-told-together", vhu_test_session_set_up, test_changes_are_told_together);
  ADD ("the-drivers-own-writes-are-not-told", vhu_test_session_set_up,
       test_the_drivers_own_writes_are_not_told);
  ADD ("an-unanswered-change-holds-up-nothing", vhu_test_session_set_up,
       test_an_unanswered_change_holds_up_nothing);
  ADD ("a-refused-change-holds-up-nothing", vhu_test_session_set_up,
       test_a_refused_change_holds_up_nothing);
  ADD ("a-change-waits-for-a-drain", vhu_test_session_set_up,
       test_a_change_waits_for_a_drain);
  ADD ("a-new-channel-replaces-the-old", vhu_test_session_set_up,
       test_a_new_channel_replaces_the_old);
  ADD ("without-a-channel-nothing-is-told", vhu_test_session_set_up,
       test_without_a_channel_nothing_is_told);
  ADD ("only-a-socket-can-be-a-channel", vhu_test_session_set_up,
       test_only_a_socket_can_be_a_channel);
  ADD ("a-channel-that-lies-ends-alone", vhu_test_session_set_up,
       test_a_channel_that_lies_ends_alone);
  ADD ("the-connection-itself-is-a-bad-channel", vhu_test_session_set_up,
       test_the_connection_itself_is_a_bad_channel);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ADD ("offsets-count-from-the-start-of-the-space", vhu_test_session_set_up,
       test_offsets_count_from_the_start_of_the_space);
  ADD ("beyond-the-device-there-are-zeros", vhu_test_session_set_up,
       test_beyond_the_device_there_are_zeros);
  ADD ("a-question-may-carry-garbage", vhu_test_session_set_up,
       test_a_question_may_carry_garbage);
  ADD ("outside-of-the-space-is-an-empty-answer", vhu_test_session_set_up,
       test_outside_of_the_space_is_an_empty_answer);
  ADD ("a-size-that-lies-closes", vhu_test_session_set_up, test_a_size_that_lies_closes);
  ADD ("only-writable-bytes-are-written", vhu_test_session_set_up,
       test_only_writable_bytes_are_written);
  ADD ("what-nobody-may-write-is-refused", vhu_test_session_set_up,
       test_what_nobody_may_write_is_refused);
  ADD ("a-migration-writes-everything", vhu_test_session_set_up,
       test_a_migration_writes_everything);
  ADD ("unknown-flags-are-refused", vhu_test_session_set_up, test_unknown_flags_are_refused);
  ADD ("what-the-device-refuses-is-undone", vhu_test_session_set_up,
       test_what_the_device_refuses_is_undone);
  add_channel_tests ();

  return g_test_run ();
}
