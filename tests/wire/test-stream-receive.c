/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-test-stream.h"

#include "vhu-error.h"
#include "vhu-fd-private.h"
#include "vhu-test-fds.h"

#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* Sends copies of /dev/null along. */
static void
send_raw (StreamTest   *test,
          gconstpointer bytes,
          gsize         size,
          guint         n_fds)
{
  union
  {
    struct cmsghdr align;
    guint8 bytes[CMSG_SPACE (64 * sizeof (int))];
  } control = { 0 };
  struct iovec iov = { .iov_base = (gpointer) bytes, .iov_len = size };
  struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
  vhu_autofd int fd = -1;

  if (n_fds > 0)
    {
      struct cmsghdr *cmsg;

      fd = open ("/dev/null", O_RDWR | O_CLOEXEC);
      msg.msg_control = control.bytes;
      msg.msg_controllen = CMSG_SPACE (n_fds * sizeof fd);
      cmsg = CMSG_FIRSTHDR (&msg);
      cmsg->cmsg_level = SOL_SOCKET;
      cmsg->cmsg_type = SCM_RIGHTS;
      cmsg->cmsg_len = CMSG_LEN (n_fds * sizeof fd);
      for (guint i = 0; i < n_fds; i++)
        memcpy (CMSG_DATA (cmsg) + i * sizeof fd, &fd, sizeof fd);
    }

  g_assert_cmpint (sendmsg (test->peer, &msg, MSG_NOSIGNAL), ==, size);
}

static void
send_header (StreamTest *test,
             guint32     request,
             guint32     flags,
             guint32     size,
             guint       n_fds)
{
  const guint32 header[3] = { request, flags, size };

  send_raw (test, header, sizeof header, n_fds);
}

static void
assert_again (StreamTest *test)
{
  g_autoptr(GError) error = NULL;
  VhuStreamStatus status = vhu_stream_receive (test->stream, &test->message,
                                               &error);

  g_assert_no_error (error);
  g_assert_cmpint (status, ==, VHU_STREAM_STATUS_AGAIN);
}

static void
assert_message (StreamTest *test,
                guint32     request,
                guint32     flags,
                guint32     size,
                guint       n_fds)
{
  g_autoptr(GError) error = NULL;
  VhuStreamStatus status;

  vhu_message_clear (&test->message);
  status = vhu_stream_receive (test->stream, &test->message, &error);
  g_assert_no_error (error);
  g_assert_cmpint (status, ==, VHU_STREAM_STATUS_MESSAGE);
  g_assert_cmpuint (test->message.request, ==, request);
  g_assert_cmphex (test->message.flags, ==, flags);
  g_assert_cmpuint (test->message.size, ==, size);
  g_assert_cmpuint (test->message.n_fds, ==, n_fds);
  g_assert_false (vhu_stream_in_message (test->stream));
}

static void
assert_closed (StreamTest *test)
{
  g_autoptr(GError) error = NULL;
  VhuStreamStatus status = vhu_stream_receive (test->stream, &test->message,
                                               &error);

  g_assert_no_error (error);
  g_assert_cmpint (status, ==, VHU_STREAM_STATUS_CLOSED);
}

/* The stream is dead after that, and holds no descriptor any more but the
 * socket's; nor does the message. */
static void
assert_error (StreamTest *test,
              const char *part)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GError) later_error = NULL;
  VhuStreamStatus status = vhu_stream_receive (test->stream, &test->message,
                                               &error);

  g_assert_cmpint (status, ==, VHU_STREAM_STATUS_ERROR);
  g_assert_error (error, VHU_ERROR, VHU_ERROR_BAD_MESSAGE);
  if (strstr (error->message, part) == NULL)
    g_error ("\"%s\" does not say \"%s\"", error->message, part);
  g_assert_cmpuint (test->message.n_fds, ==, 0);
  g_assert_cmpuint (vhu_test_count_fds (), ==,
                    test->n_fds + (test->peer >= 0 ? 2 : 1));

  status = vhu_stream_receive (test->stream, &test->message, &later_error);
  g_assert_cmpint (status, ==, VHU_STREAM_STATUS_ERROR);
  g_assert_error (later_error, VHU_ERROR, VHU_ERROR_BAD_STATE);
  g_assert_false (vhu_stream_send (test->stream, &test->message, NULL));
  g_assert_false (vhu_stream_in_message (test->stream));
}

static int
bytes_unread (StreamTest *test)
{
  int n_bytes = -1;
  int fd = g_socket_get_fd (vhu_stream_get_socket (test->stream));

  g_assert_cmpint (ioctl (fd, FIONREAD, &n_bytes), ==, 0);
  return n_bytes;
}

static void
test_message_arrives (StreamTest   *test,
                      gconstpointer unused)
{
  const guint64 payload = G_GUINT64_CONSTANT (0x1122334455667788);
  guint64 read;

  assert_again (test);
  send_header (test, VHU_REQUEST_SET_FEATURES, 0x1, sizeof payload, 0);
  send_raw (test, &payload, sizeof payload, 0);
  assert_message (test, VHU_REQUEST_SET_FEATURES, 0x1, sizeof payload, 0);
  g_assert_true (vhu_message_read_u64 (&test->message, &read, NULL));
  g_assert_cmphex (read, ==, payload);
  assert_again (test);
}

static void
test_r1_request_flags_are_exact (StreamTest   *test,
                                 gconstpointer unused)
{
  send_header (test, VHU_REQUEST_GET_FEATURES, 0x1, 0, 0);
  assert_message (test, VHU_REQUEST_GET_FEATURES, 0x1, 0, 0);
  send_header (test, VHU_REQUEST_GET_FEATURES, 0x9, 0, 0);
  assert_message (test, VHU_REQUEST_GET_FEATURES, 0x9, 0, 0);
  g_assert_true (vhu_message_needs_reply (&test->message));
}

static void
test_r2_reply_flags_are_exact (StreamTest   *test,
                               gconstpointer unused)
{
  send_header (test, VHU_REQUEST_GET_FEATURES, 0x5, 0, 0);
  assert_message (test, VHU_REQUEST_GET_FEATURES, 0x5, 0, 0);
}

static void
test_either_may_expect_both (StreamTest   *test,
                             gconstpointer unused)
{
  send_header (test, VHU_REQUEST_GET_FEATURES, 0x5, 0, 0);
  assert_message (test, VHU_REQUEST_GET_FEATURES, 0x5, 0, 0);
  send_header (test, VHU_REQUEST_GET_FEATURES, 0x9, 0, 0);
  assert_message (test, VHU_REQUEST_GET_FEATURES, 0x9, 0, 0);
  send_header (test, VHU_REQUEST_GET_FEATURES, 0xd, 0, 0);
  assert_error (test, "message flags are 0xd");
}

/* Fresh streams of each kind against every flag alone and with the right ones. */
static void
check_flags_refused (VhuStreamExpect expect,
                     guint32         flags)
{
  StreamTest test = { 0 };

  stream_test_set_up (&test, GUINT_TO_POINTER (expect));
  send_header (&test, VHU_REQUEST_GET_FEATURES, flags, 0, 3);
  assert_error (&test, "message flags are ");
  stream_test_tear_down (&test, NULL);
}

static void
test_danger_1_wrong_flags_close (void)
{
  const guint32 versions[] = { 0x0, 0x2, 0x3, 0x8, 0xa, 0xb };

  for (guint i = 0; i < G_N_ELEMENTS (versions); i++)
    {
      check_flags_refused (VHU_STREAM_REQUESTS, versions[i]);
      check_flags_refused (VHU_STREAM_REPLIES, versions[i]);
      check_flags_refused (VHU_STREAM_ANY, versions[i]);
    }

  for (guint bit = 4; bit < 32; bit++)
    {
      check_flags_refused (VHU_STREAM_REQUESTS, 0x1 | 1u << bit);
      check_flags_refused (VHU_STREAM_REPLIES, 0x5 | 1u << bit);
      check_flags_refused (VHU_STREAM_ANY, 0x1 | 1u << bit);
    }

  check_flags_refused (VHU_STREAM_REQUESTS, 0x5);
  check_flags_refused (VHU_STREAM_REQUESTS, 0xd);
  check_flags_refused (VHU_STREAM_REPLIES, 0x1);
  check_flags_refused (VHU_STREAM_REPLIES, 0x9);
  check_flags_refused (VHU_STREAM_REPLIES, 0xd);
  check_flags_refused (VHU_STREAM_REPLIES, 0x4);
}

static void
test_r6_largest_payload_is_read (StreamTest   *test,
                                 gconstpointer unused)
{
  guint8 payload[VHU_MAX_PAYLOAD];

  for (guint i = 0; i < sizeof payload; i++)
    payload[i] = i * 7;
  send_header (test, 77, 0x1, sizeof payload, 0);
  send_raw (test, payload, sizeof payload, 0);
  assert_message (test, 77, 0x1, sizeof payload, 0);
  g_assert_cmpmem (test->message.payload, test->message.size,
                   payload, sizeof payload);
}

static void
test_danger_2_larger_payload_is_not_read (StreamTest   *test,
                                          gconstpointer unused)
{
  guint8 payload[VHU_MAX_PAYLOAD + 1] = { 0 };

  send_header (test, 77, 0x1, sizeof payload, 2);
  send_raw (test, payload, sizeof payload, 0);
  assert_error (test, "payload of 4097 bytes announced, at most 4096");
  g_assert_cmpint (bytes_unread (test), ==, sizeof payload);
}

static void
test_danger_2_huge_payload_is_not_read (StreamTest   *test,
                                        gconstpointer unused)
{
  send_header (test, 77, 0x1, G_MAXUINT32, 0);
  assert_error (test, "payload of 4294967295 bytes announced");
}

static void
test_danger_3_dribbled_message_arrives (StreamTest   *test,
                                        gconstpointer unused)
{
  const guint32 header[3] = { VHU_REQUEST_SET_VRING_KICK, 0x9, 8 };
  guint8 bytes[20];
  const guint64 payload = 5;

  memcpy (bytes, header, sizeof header);
  memcpy (bytes + sizeof header, &payload, sizeof payload);

  for (guint i = 0; i < sizeof bytes; i++)
    {
      assert_again (test);
      g_assert_cmpint (vhu_stream_in_message (test->stream), ==, i > 0);
      send_raw (test, bytes + i, 1, i == 0 ? 1 : 0);
    }
  assert_message (test, VHU_REQUEST_SET_VRING_KICK, 0x9, 8, 1);
  g_assert_cmpuint (test->message.payload[0], ==, 5);
}

/* Descriptors may come with any byte of the header, a few at a time. */
static void
test_r4_descriptors_come_in_portions (StreamTest   *test,
                                      gconstpointer unused)
{
  const guint32 header[3] = { VHU_REQUEST_SET_MEM_TABLE, 0x1, 0 };

  for (guint i = 0; i < sizeof header; i++)
    {
      send_raw (test, (const guint8 *) header + i, 1, i < 4 ? 2 : 0);
      if (i + 1 < sizeof header)
        assert_again (test);
    }
  assert_message (test, VHU_REQUEST_SET_MEM_TABLE, 0x1, 0, 8);
}

/* The same, read in one go: the kernel hands over one portion at a time. */
static void
test_r4_portions_may_lie_ready (StreamTest   *test,
                                gconstpointer unused)
{
  const guint32 header[3] = { VHU_REQUEST_SET_MEM_TABLE, 0x1, 0 };

  for (guint i = 0; i < 4; i++)
    send_raw (test, (const guint8 *) header + 3 * i, 3, 2);
  assert_message (test, VHU_REQUEST_SET_MEM_TABLE, 0x1, 0, 8);
}

static void
test_r4_message_is_not_read_past (StreamTest   *test,
                                  gconstpointer unused)
{
  const guint32 two[] = { 8, 0x1, 8, 0, 256, 9, 0x1, 4, 0 };

  send_raw (test, two, sizeof two, 0);
  assert_message (test, 8, 0x1, 8, 0);
  g_assert_cmpint (bytes_unread (test), ==, 16);
  assert_message (test, 9, 0x1, 4, 0);
  assert_again (test);
}

/* Nor when a part of it had come before, whichever part that is. */
static void
test_r4_rest_of_a_message_is_not_read_past (StreamTest   *test,
                                            gconstpointer unused)
{
  const guint32 two[] = { 8, 0x1, 8, 0, 256, 9, 0x1, 4, 0 };

  for (gsize n_bytes = 1; n_bytes < 20; n_bytes++)
    {
      send_raw (test, two, n_bytes, 0);
      assert_again (test);
      send_raw (test, (const guint8 *) two + n_bytes, sizeof two - n_bytes, 0);
      assert_message (test, 8, 0x1, 8, 0);
      g_assert_cmpint (bytes_unread (test), ==, 16);
      assert_message (test, 9, 0x1, 4, 0);
      assert_again (test);
    }
}

/* Each keeps its own, although both lie in the socket. */
static void
test_r4_coalesced_messages_keep_their_descriptors (StreamTest   *test,
                                                   gconstpointer unused)
{
  const guint64 payload = 0;

  for (guint i = 0; i < 2; i++)
    {
      send_header (test, VHU_REQUEST_SET_VRING_KICK + i, 0x1, 8, i + 1);
      send_raw (test, &payload, sizeof payload, 0);
    }
  assert_message (test, VHU_REQUEST_SET_VRING_KICK, 0x1, 8, 1);
  assert_message (test, VHU_REQUEST_SET_VRING_CALL, 0x1, 8, 2);
}

static void
test_r4_descriptors_close_on_exec (StreamTest   *test,
                                   gconstpointer unused)
{
  send_header (test, VHU_REQUEST_SET_LOG_FD, 0x1, 0, 1);
  assert_message (test, VHU_REQUEST_SET_LOG_FD, 0x1, 0, 1);
  g_assert_cmpint (fcntl (test->message.fds[0], F_GETFD), ==, FD_CLOEXEC);
}

static void
test_r4_descriptors_with_a_payload_close (StreamTest   *test,
                                          gconstpointer unused)
{
  const guint64 payload = 0;

  send_header (test, VHU_REQUEST_SET_VRING_KICK, 0x1, 8, 1);
  send_raw (test, &payload, 4, 0);
  send_raw (test, &payload, 4, 1);
  assert_error (test, "descriptors came with a payload");
}

/* They would belong to two messages, had we not stopped at the first one's
 * end. */
static void
test_r4_next_message_may_bring_descriptors (StreamTest   *test,
                                            gconstpointer unused)
{
  const guint64 payload = 0;

  send_header (test, VHU_REQUEST_SET_FEATURES, 0x1, 8, 0);
  send_raw (test, &payload, sizeof payload, 0);
  send_header (test, VHU_REQUEST_SET_LOG_FD, 0x1, 0, 1);
  assert_message (test, VHU_REQUEST_SET_FEATURES, 0x1, 8, 0);
  assert_message (test, VHU_REQUEST_SET_LOG_FD, 0x1, 0, 1);
}

static void
check_half_message (gsize n_bytes,
                    guint n_fds)
{
  const guint32 message[] = { VHU_REQUEST_SET_VRING_NUM, 0x1, 8, 0, 0 };
  StreamTest test = { 0 };

  stream_test_set_up (&test, GUINT_TO_POINTER (VHU_STREAM_REQUESTS));
  send_raw (&test, message, n_bytes, n_fds);
  assert_again (&test);
  g_assert_true (vhu_stream_in_message (test.stream));
  vhu_clear_fd (&test.peer);
  assert_error (&test, "closed in the middle of a message");
  stream_test_tear_down (&test, NULL);
}

static void
test_danger_4_end_inside_a_message_is_an_error (void)
{
  for (gsize n_bytes = 1; n_bytes < 20; n_bytes++)
    {
      check_half_message (n_bytes, 0);
      check_half_message (n_bytes, 8);
    }
}

static void
test_r3_end_between_messages_is_no_error (StreamTest   *test,
                                          gconstpointer unused)
{
  send_header (test, VHU_REQUEST_SET_OWNER, 0x1, 0, 0);
  vhu_clear_fd (&test->peer);
  assert_message (test, VHU_REQUEST_SET_OWNER, 0x1, 0, 0);
  assert_closed (test);
  assert_closed (test);
}

/* A front-end that dies without having read our answers. */
static void
test_r3_reset_between_messages_is_no_error (StreamTest   *test,
                                            gconstpointer unused)
{
  VhuMessage answer = VHU_MESSAGE_INIT;

  vhu_message_init (&answer, VHU_REQUEST_GET_FEATURES, VHU_FLAGS_OF_REPLY);
  g_assert_true (vhu_stream_send (test->stream, &answer, NULL));
  vhu_clear_fd (&test->peer);
  assert_closed (test);
}

static void
test_r5_partly_received_message_is_freed_with_the_stream (StreamTest   *test,
                                                          gconstpointer unused)
{
  send_raw (test, "x", 1, 8);
  assert_again (test);
}

/* Who the message is for is decided elsewhere: the stream must only not lose
 * anything, nor end. */
static void
test_danger_5_unknown_requests_are_messages (StreamTest   *test,
                                             gconstpointer unused)
{
  const guint32 requests[] = { VHU_REQUEST_NONE, 45, 77, G_MAXUINT32 };

  for (guint i = 0; i < G_N_ELEMENTS (requests); i++)
    for (guint n_fds = 0; n_fds <= 8; n_fds += 4)
      {
        send_header (test, requests[i], 0x9, 0, n_fds);
        assert_message (test, requests[i], 0x9, 0, n_fds);
      }
}

static void
test_danger_6_eight_descriptors_are_allowed (StreamTest   *test,
                                             gconstpointer unused)
{
  send_header (test, VHU_REQUEST_SET_MEM_TABLE, 0x1, 0, VHU_MAX_FDS);
  assert_message (test, VHU_REQUEST_SET_MEM_TABLE, 0x1, 0, VHU_MAX_FDS);
  for (guint i = 0; i < VHU_MAX_FDS; i++)
    g_assert_true (vhu_test_fd_is_open (test->message.fds[i]));
}

static void
check_surplus (guint n_fds)
{
  StreamTest test = { 0 };

  stream_test_set_up (&test, GUINT_TO_POINTER (VHU_STREAM_REQUESTS));
  send_header (&test, VHU_REQUEST_SET_MEM_TABLE, 0x1, 0, n_fds);
  assert_error (&test, "descriptors in one message, at most 8");
  stream_test_tear_down (&test, NULL);
}

static void
test_danger_6_more_descriptors_close (void)
{
  check_surplus (9);
  check_surplus (16);
  check_surplus (64);
}

static void
test_danger_6_more_descriptors_in_portions_close (StreamTest   *test,
                                                  gconstpointer unused)
{
  const guint32 header[3] = { VHU_REQUEST_SET_MEM_TABLE, 0x1, 0 };

  send_raw (test, header, 4, 5);
  send_raw (test, header + 1, 8, 4);
  assert_error (test, "9 descriptors in one message, at most 8");
}

/* When we have no number left for a descriptor, the kernel drops it and says so.
 * Those that did arrive are closed. */
static void
check_lost_descriptors (guint n_free)
{
  struct rlimit limit;
  struct rlimit lower;
  StreamTest test = { 0 };
  int lowest_free;

  stream_test_set_up (&test, GUINT_TO_POINTER (VHU_STREAM_REQUESTS));
  send_header (&test, VHU_REQUEST_SET_MEM_TABLE, 0x1, 0, 3);

  lowest_free = open ("/dev/null", O_RDWR | O_CLOEXEC);
  close (lowest_free);
  g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &limit), ==, 0);
  lower = limit;
  lower.rlim_cur = lowest_free + n_free;
  g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &lower), ==, 0);
  {
    g_autoptr(GError) error = NULL;
    VhuStreamStatus status = vhu_stream_receive (test.stream, &test.message,
                                                 &error);

    g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &limit), ==, 0);
    g_assert_cmpint (status, ==, VHU_STREAM_STATUS_ERROR);
    g_assert_error (error, VHU_ERROR, VHU_ERROR_BAD_MESSAGE);
    g_assert_nonnull (strstr (error->message, "descriptors were lost"));
  }
  stream_test_tear_down (&test, NULL);
}

static void
test_danger_6_lost_descriptors_close (void)
{
  check_lost_descriptors (0);
  check_lost_descriptors (1);
  check_lost_descriptors (2);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define ADD_FOR(expect, name, func)                                             \
  g_test_add ("/wire/stream/" name, StreamTest, GUINT_TO_POINTER (expect),      \
              stream_test_set_up, func, stream_test_tear_down)
#define ADD(name, func) ADD_FOR (VHU_STREAM_REQUESTS, name, func)
#define ADD_FUNC(name, func) g_test_add_func ("/wire/stream/" name, func)
  ADD ("message-arrives", test_message_arrives);
  ADD ("r1-request-flags-are-exact", test_r1_request_flags_are_exact);
  ADD_FOR (VHU_STREAM_REPLIES, "r2-reply-flags-are-exact",
           test_r2_reply_flags_are_exact);
  ADD_FOR (VHU_STREAM_ANY, "either-may-expect-both",
           test_either_may_expect_both);
  ADD_FUNC ("danger-1-wrong-flags-close", test_danger_1_wrong_flags_close);
  ADD ("r6-largest-payload-is-read", test_r6_largest_payload_is_read);
  ADD ("danger-2-larger-payload-is-not-read",
       test_danger_2_larger_payload_is_not_read);
  ADD ("danger-2-huge-payload-is-not-read",
       test_danger_2_huge_payload_is_not_read);
  ADD ("danger-3-dribbled-message-arrives",
       test_danger_3_dribbled_message_arrives);
  ADD ("r4-descriptors-come-in-portions",
       test_r4_descriptors_come_in_portions);
  ADD ("r4-portions-may-lie-ready", test_r4_portions_may_lie_ready);
  ADD ("r4-message-is-not-read-past", test_r4_message_is_not_read_past);
  ADD ("r4-rest-of-a-message-is-not-read-past",
       test_r4_rest_of_a_message_is_not_read_past);
  ADD ("r4-coalesced-messages-keep-their-descriptors",
       test_r4_coalesced_messages_keep_their_descriptors);
  ADD ("r4-descriptors-close-on-exec", test_r4_descriptors_close_on_exec);
  ADD ("r4-descriptors-with-a-payload-close",
       test_r4_descriptors_with_a_payload_close);
  ADD ("r4-next-message-may-bring-descriptors",
       test_r4_next_message_may_bring_descriptors);
  ADD_FUNC ("danger-4-end-inside-a-message-is-an-error",
            test_danger_4_end_inside_a_message_is_an_error);
  ADD ("r3-end-between-messages-is-no-error",
       test_r3_end_between_messages_is_no_error);
  ADD ("r3-reset-between-messages-is-no-error",
       test_r3_reset_between_messages_is_no_error);
  ADD ("r5-partly-received-message-is-freed-with-the-stream",
       test_r5_partly_received_message_is_freed_with_the_stream);
  ADD ("danger-5-unknown-requests-are-messages",
       test_danger_5_unknown_requests_are_messages);
  ADD ("danger-6-eight-descriptors-are-allowed",
       test_danger_6_eight_descriptors_are_allowed);
  ADD_FUNC ("danger-6-more-descriptors-close",
            test_danger_6_more_descriptors_close);
  ADD ("danger-6-more-descriptors-in-portions-close",
       test_danger_6_more_descriptors_in_portions_close);
  ADD_FUNC ("danger-6-lost-descriptors-close",
            test_danger_6_lost_descriptors_close);
#undef ADD_FUNC
#undef ADD
#undef ADD_FOR

  return g_test_run ();
}
