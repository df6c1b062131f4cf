/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-test-stream.h"

#include "vhu-error.h"
#include "vhu-fd-private.h"
#include "vhu-test-fds.h"

#include <signal.h>
#include <string.h>
#include <sys/socket.h>

static void
append_null_fd (VhuMessage *message)
{
  vhu_message_append_fd (message, open ("/dev/null", O_RDWR | O_CLOEXEC));
}

static void
test_sent_message_arrives_whole (StreamTest   *test,
                                 gconstpointer unused)
{
  g_auto(VhuMessage) message = VHU_MESSAGE_INIT;
  guint8 bytes[64];
  const guint32 header[3] = { VHU_REQUEST_GET_QUEUE_NUM, 0x5, 8 };

  vhu_message_init (&message, VHU_REQUEST_GET_QUEUE_NUM, VHU_FLAGS_OF_REPLY);
  vhu_message_append_u64 (&message, 64);
  g_assert_true (vhu_stream_send (test->stream, &message, NULL));
  g_assert_false (vhu_stream_has_pending (test->stream));

  g_assert_cmpint (recv (test->peer, bytes, sizeof bytes, MSG_DONTWAIT), ==,
                   20);
  g_assert_cmpmem (bytes, 12, header, 12);
  g_assert_cmpmem (bytes + 12, 8, message.payload, 8);
}

static void
test_sent_descriptors_stay_the_messages (StreamTest   *test,
                                         gconstpointer unused)
{
  VhuStream *receiver = stream_test_open (vhu_steal_fd (&test->peer),
                                          VHU_STREAM_ANY);
  g_auto(VhuMessage) message = VHU_MESSAGE_INIT;

  vhu_message_init (&message, VHU_REQUEST_GET_INFLIGHT_FD, VHU_FLAGS_OF_REPLY);
  append_null_fd (&message);
  append_null_fd (&message);
  close (vhu_message_steal_fd (&message, 0));
  g_assert_true (vhu_stream_send (test->stream, &message, NULL));
  g_assert_true (vhu_test_fd_is_open (message.fds[1]));

  /* What was stolen before is not sent. */
  g_assert_cmpint (vhu_stream_receive (receiver, &test->message, NULL), ==,
                   VHU_STREAM_STATUS_MESSAGE);
  g_assert_cmpuint (test->message.n_fds, ==, 1);
  vhu_stream_free (receiver);
}

static void
shrink_send_buffer (StreamTest *test)
{
  int fd = g_socket_get_fd (vhu_stream_get_socket (test->stream));
  const int size = 1;

  g_assert_cmpint (setsockopt (fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size),
                   ==, 0);
}

static void
fill_message (VhuMessage *message,
              guint32     number)
{
  guint8 payload[VHU_MAX_PAYLOAD];

  memset (payload, number, sizeof payload);
  vhu_message_init (message, number, VHU_FLAG_VERSION);
  vhu_message_append (message, payload, (number * 397) % sizeof payload);
  for (guint i = 0; i < number % 3; i++)
    append_null_fd (message);
}

static void
check_message (const VhuMessage *message,
               guint32           number)
{
  g_assert_cmpuint (message->request, ==, number);
  g_assert_cmpuint (message->size, ==, (number * 397) % VHU_MAX_PAYLOAD);
  for (guint i = 0; i < message->size; i++)
    g_assert_cmpuint (message->payload[i], ==, number);
  g_assert_cmpuint (message->n_fds, ==, number % 3);
  for (guint i = 0; i < message->n_fds; i++)
    g_assert_true (vhu_test_fd_is_open (message->fds[i]));
}

static guint32
check_what_arrived (StreamTest *test,
                    VhuStream  *receiver,
                    guint32     number)
{
  while (vhu_stream_receive (receiver, &test->message, NULL) ==
         VHU_STREAM_STATUS_MESSAGE)
    {
      check_message (&test->message, number++);
      vhu_message_clear (&test->message);
    }

  return number;
}

enum { N_QUEUED = 60 };

/* The peer does not read until all was sent. Messages then come in order, whole,
 * and with the descriptors that their sender has long closed. */
static void
test_messages_wait_for_a_peer_that_does_not_read (StreamTest   *test,
                                                  gconstpointer unused)
{
  VhuStream *receiver = stream_test_open (vhu_steal_fd (&test->peer),
                                          VHU_STREAM_ANY);
  guint32 n_received = 0;

  shrink_send_buffer (test);
  for (guint32 i = 0; i < N_QUEUED; i++)
    {
      g_auto(VhuMessage) message = VHU_MESSAGE_INIT;

      fill_message (&message, i);
      g_assert_true (vhu_stream_send (test->stream, &message, NULL));
    }
  g_assert_true (vhu_stream_has_pending (test->stream));

  while (n_received < N_QUEUED)
    {
      g_assert_true (vhu_stream_flush (test->stream, NULL));
      n_received = check_what_arrived (test, receiver, n_received);
    }

  g_assert_false (vhu_stream_has_pending (test->stream));
  g_assert_cmpint (vhu_stream_receive (receiver, &test->message, NULL), ==,
                   VHU_STREAM_STATUS_AGAIN);
  vhu_stream_free (receiver);
}

static void
check_two_arrive (StreamTest *test,
                  guint       size)
{
  VhuStream *receiver = stream_test_open (vhu_steal_fd (&test->peer),
                                          VHU_STREAM_ANY);
  guint n_received = 0;

  while (n_received < 2)
    {
      VhuStreamStatus status = vhu_stream_receive (receiver, &test->message,
                                                   NULL);

      g_assert_true (vhu_stream_flush (test->stream, NULL));
      g_assert_cmpint (status, !=, VHU_STREAM_STATUS_ERROR);
      if (status == VHU_STREAM_STATUS_AGAIN)
        continue;

      g_assert_cmpuint (test->message.size, ==,
                        n_received == 0 ? size : VHU_MAX_PAYLOAD);
      g_assert_cmpuint (test->message.n_fds, ==, n_received);
      vhu_message_clear (&test->message);
      n_received++;
    }
  vhu_stream_free (receiver);
}

/* When the peer has read, the socket has room, but not for the next message:
 * others were there before. */
static void
test_messages_do_not_overtake_those_that_wait (StreamTest   *test,
                                               gconstpointer unused)
{
  VhuStream *receiver = stream_test_open (vhu_steal_fd (&test->peer),
                                          VHU_STREAM_ANY);
  guint32 n_received = 0;

  shrink_send_buffer (test);
  for (guint32 i = 0; i < N_QUEUED; i++)
    {
      g_auto(VhuMessage) message = VHU_MESSAGE_INIT;

      fill_message (&message, i);
      g_assert_true (vhu_stream_send (test->stream, &message, NULL));
      if (i % 3 == 0)
        n_received = check_what_arrived (test, receiver, n_received);
      if (i % 6 == 0)
        g_assert_true (vhu_stream_flush (test->stream, NULL));
    }
  g_assert_true (vhu_stream_has_pending (test->stream));

  while (n_received < N_QUEUED)
    {
      g_assert_true (vhu_stream_flush (test->stream, NULL));
      n_received = check_what_arrived (test, receiver, n_received);
    }
  vhu_stream_free (receiver);
}

/* Whatever part of a message the socket takes, its descriptors go once, with
 * that part. */
static void
test_partly_sent_message_sends_its_descriptors_once (void)
{
  for (guint size = 0; size < VHU_MAX_PAYLOAD; size += 200)
    {
      StreamTest test = { 0 };
      g_auto(VhuMessage) message = VHU_MESSAGE_INIT;

      stream_test_set_up (&test, GUINT_TO_POINTER (VHU_STREAM_ANY));
      shrink_send_buffer (&test);
      message.flags = VHU_FLAG_VERSION;
      message.size = size;
      g_assert_true (vhu_stream_send (test.stream, &message, NULL));
      append_null_fd (&message);
      message.size = VHU_MAX_PAYLOAD;
      g_assert_true (vhu_stream_send (test.stream, &message, NULL));
      vhu_message_clear (&message);

      check_two_arrive (&test, size);
      stream_test_tear_down (&test, NULL);
    }
}

static void
test_flush_does_nothing_while_the_peer_does_not_read (StreamTest   *test,
                                                      gconstpointer unused)
{
  g_auto(VhuMessage) message = VHU_MESSAGE_INIT;

  shrink_send_buffer (test);
  fill_message (&message, 10);
  while (!vhu_stream_has_pending (test->stream))
    g_assert_true (vhu_stream_send (test->stream, &message, NULL));

  for (guint i = 0; i < 3; i++)
    g_assert_true (vhu_stream_flush (test->stream, NULL));
  g_assert_true (vhu_stream_has_pending (test->stream));
}

/* Sends until the stream refuses, and returns how many bytes were taken. */
static gsize
send_until_refused (StreamTest *test,
                    VhuMessage *message)
{
  gsize n_bytes = 0;
  g_autoptr(GError) error = NULL;

  while (vhu_stream_send (test->stream, message, &error))
    n_bytes += VHU_HEADER_SIZE + message->size;

  g_assert_error (error, VHU_ERROR, VHU_ERROR_LIMIT);
  g_assert_nonnull (strstr (error->message, "a peer that does not read"));
  g_assert_false (vhu_stream_has_pending (test->stream));
  return n_bytes;
}

static void
test_waiting_bytes_are_bounded (StreamTest   *test,
                                gconstpointer unused)
{
  g_auto(VhuMessage) message = VHU_MESSAGE_INIT;
  gsize n_bytes;

  shrink_send_buffer (test);
  vhu_message_init (&message, VHU_REQUEST_GET_CONFIG, VHU_FLAGS_OF_REPLY);
  message.size = 256;
  n_bytes = send_until_refused (test, &message);
  g_assert_cmpuint (n_bytes, >, 1000 * 1000);
  g_assert_cmpuint (n_bytes, <, 1200 * 1000);
}

/* Otherwise requests for the in-flight region, never read, would use up all
 * numbers that the process has. */
static void
test_waiting_descriptors_are_bounded (StreamTest   *test,
                                      gconstpointer unused)
{
  g_auto(VhuMessage) message = VHU_MESSAGE_INIT;
  guint n_before;

  shrink_send_buffer (test);
  vhu_message_init (&message, VHU_REQUEST_GET_INFLIGHT_FD, VHU_FLAGS_OF_REPLY);
  message.size = 24;
  append_null_fd (&message);
  n_before = vhu_test_count_fds ();
  send_until_refused (test, &message);
  g_assert_cmpuint (vhu_test_count_fds (), ==, n_before);
}

static void
test_waiting_messages_are_freed_with_the_stream (StreamTest   *test,
                                                 gconstpointer unused)
{
  g_auto(VhuMessage) message = VHU_MESSAGE_INIT;

  shrink_send_buffer (test);
  fill_message (&message, 11);
  g_assert_cmpuint (message.n_fds, ==, 2);
  while (!vhu_stream_has_pending (test->stream))
    g_assert_true (vhu_stream_send (test->stream, &message, NULL));
  for (guint i = 0; i < 10; i++)
    g_assert_true (vhu_stream_send (test->stream, &message, NULL));
}

static void
test_closed_peer_raises_no_signal (StreamTest   *test,
                                   gconstpointer unused)
{
  g_auto(VhuMessage) message = VHU_MESSAGE_INIT;
  g_autoptr(GError) error = NULL;

  /* GSocket sets the signal aside, but only until somebody sets it again. */
  signal (SIGPIPE, SIG_DFL);
  vhu_clear_fd (&test->peer);
  vhu_message_init (&message, VHU_REQUEST_GET_FEATURES, VHU_FLAGS_OF_REPLY);
  g_assert_false (vhu_stream_send (test->stream, &message, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_CLOSED);
}

static void
test_closed_peer_ends_a_flush (StreamTest   *test,
                               gconstpointer unused)
{
  g_auto(VhuMessage) message = VHU_MESSAGE_INIT;
  g_autoptr(GError) error = NULL;

  shrink_send_buffer (test);
  fill_message (&message, 11);
  while (!vhu_stream_has_pending (test->stream))
    g_assert_true (vhu_stream_send (test->stream, &message, NULL));

  vhu_clear_fd (&test->peer);
  g_assert_false (vhu_stream_flush (test->stream, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_CLOSED);
  g_assert_false (vhu_stream_has_pending (test->stream));
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define ADD(name, func)                                                         \
  g_test_add ("/wire/stream/" name, StreamTest,                                 \
              GUINT_TO_POINTER (VHU_STREAM_REQUESTS),                           \
              stream_test_set_up, func, stream_test_tear_down)
#define ADD_FUNC(name, func) g_test_add_func ("/wire/stream/" name, func)
  ADD ("sent-message-arrives-whole", test_sent_message_arrives_whole);
  ADD ("sent-descriptors-stay-the-messages",
       test_sent_descriptors_stay_the_messages);
  ADD ("messages-wait-for-a-peer-that-does-not-read",
       test_messages_wait_for_a_peer_that_does_not_read);
  ADD ("messages-do-not-overtake-those-that-wait",
       test_messages_do_not_overtake_those_that_wait);
  ADD_FUNC ("partly-sent-message-sends-its-descriptors-once",
            test_partly_sent_message_sends_its_descriptors_once);
  ADD ("flush-does-nothing-while-the-peer-does-not-read",
       test_flush_does_nothing_while_the_peer_does_not_read);
  ADD ("waiting-bytes-are-bounded", test_waiting_bytes_are_bounded);
  ADD ("waiting-descriptors-are-bounded",
       test_waiting_descriptors_are_bounded);
  ADD ("waiting-messages-are-freed-with-the-stream",
       test_waiting_messages_are_freed_with_the_stream);
  ADD ("closed-peer-raises-no-signal", test_closed_peer_raises_no_signal);
  ADD ("closed-peer-ends-a-flush", test_closed_peer_ends_a_flush);
#undef ADD_FUNC
#undef ADD

  return g_test_run ();
}
