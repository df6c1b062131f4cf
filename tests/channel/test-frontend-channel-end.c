/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "test-channel-peer.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "vhu-error.h"
#include "vhu-fd-private.h"
#include "vhu-protocol-private.h"

static void
test_closing_ends_everything (TestChannel   *test,
                              gconstpointer  unused)
{
  g_auto(Answer) sent = { 0 };
  g_auto(Answer) unsent = { 0 };
  g_auto(Answer) too_late = { 0 };
  char byte;

  test_channel_send (test, &sent, 0, NULL);
  test_channel_send (test, &unsent, 0, NULL);
  test_channel_iterate (test);
  vhu_frontend_channel_close (test->channel);
  vhu_frontend_channel_close (test->channel);
  test_channel_send (test, &too_late, 0, NULL);
  test_channel_wait (test, &sent);
  test_channel_wait (test, &unsent);
  test_channel_wait (test, &too_late);

  answer_assert_failed (&sent, VHU_ERROR, VHU_ERROR_CLOSED);
  answer_assert_failed (&unsent, VHU_ERROR, VHU_ERROR_CLOSED);
  answer_assert_failed (&too_late, VHU_ERROR, VHU_ERROR_CLOSED);
  g_assert_cmpuint (sent.order, <, unsent.order);
  g_assert_false (vhu_frontend_channel_get_is_open (test->channel));

  /* The front-end sees the end. */
  test_channel_expect_request (test, TRUE);
  g_assert_cmpint (recv (test->peer_fd, &byte, 1, MSG_DONTWAIT), ==, 0);
}

static void
count_notify_cb (GObject    *object,
                 GParamSpec *pspec,
                 gpointer    user_data)
{
  guint *n = user_data;
  gboolean is_open;

  g_object_get (object, "is-open", &is_open, NULL);
  g_assert_false (is_open);
  (*n)++;
}

static void
test_front_end_that_goes_is_noticed (TestChannel   *test,
                                     gconstpointer  unused)
{
  g_auto(Answer) answer = { 0 };
  guint n_notified = 0;

  g_signal_connect (test->channel, "notify::is-open", G_CALLBACK (count_notify_cb),
                    &n_notified);
  test_channel_send (test, &answer, 0, NULL);
  vhu_clear_fd (&test->peer_fd);
  test_channel_wait (test, &answer);

  answer_assert_failed (&answer, VHU_ERROR, VHU_ERROR_CLOSED);
  g_assert_cmpuint (n_notified, ==, 1);
  g_assert_cmpuint (test_channel_n_messages, ==, 0);
}

static void
test_idle_channel_notices_the_end (TestChannel   *test,
                                   gconstpointer  unused)
{
  vhu_clear_fd (&test->peer_fd);
  test_channel_iterate (test);
  g_assert_false (vhu_frontend_channel_get_is_open (test->channel));
  g_assert_cmpuint (test_channel_n_messages, ==, 0);
}

static void
check_dropped (TestChannel *test,
               Answer      *answer)
{
  test_channel_wait (test, answer);
  g_assert_cmpuint (test_channel_n_messages, ==, 1);
  answer_assert_failed (answer, VHU_ERROR, VHU_ERROR_CLOSED);
  g_assert_false (vhu_frontend_channel_get_is_open (test->channel));
}

static void
test_wrong_reply_drops_the_channel (TestChannel   *test,
                                    gconstpointer  unused)
{
  static const struct
  {
    guint32 request;
    guint32 flags;
    guint32 size;
  } wrong[] = {
    { VHU_BACKEND_REQUEST_IOTLB_MSG, VHU_FLAGS_OF_REPLY, 8 },
    { VHU_BACKEND_REQUEST_CONFIG_CHANGE_MSG, VHU_FLAG_VERSION, 8 },
    { VHU_BACKEND_REQUEST_CONFIG_CHANGE_MSG, VHU_FLAGS_OF_REPLY | VHU_FLAG_NEED_REPLY, 8 },
    { VHU_BACKEND_REQUEST_CONFIG_CHANGE_MSG, VHU_FLAGS_OF_REPLY, 0 },
    { VHU_BACKEND_REQUEST_CONFIG_CHANGE_MSG, VHU_FLAGS_OF_REPLY, 4 },
    { VHU_BACKEND_REQUEST_CONFIG_CHANGE_MSG, VHU_FLAGS_OF_REPLY, 16 },
    { VHU_BACKEND_REQUEST_CONFIG_CHANGE_MSG, VHU_FLAGS_OF_REPLY, 0xffffffff },
    { 0xffffffff, VHU_FLAGS_OF_REPLY, 8 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_auto(Answer) answer = { 0 };
      const guint8 payload[16] = { 0 };

      test_channel_send (test, &answer, LONG_TIMEOUT_MS, NULL);
      test_channel_iterate (test);
      test_channel_write (test, &wrong[i], sizeof wrong[i]);
      test_channel_write (test, payload, MIN (wrong[i].size, sizeof payload));
      check_dropped (test, &answer);

      test_channel_tear_down (test, NULL);
      test_channel_set_up (test, GINT_TO_POINTER (TRUE));
    }
}

static void
test_reply_with_a_descriptor_drops_the_channel (TestChannel   *test,
                                                gconstpointer  unused)
{
  union
  {
    struct cmsghdr header;
    guint8 bytes[CMSG_SPACE (sizeof (int))];
  } control = { .header = { CMSG_LEN (sizeof (int)), SOL_SOCKET, SCM_RIGHTS } };
  guint32 reply[5] = { VHU_BACKEND_REQUEST_CONFIG_CHANGE_MSG, VHU_FLAGS_OF_REPLY, 8 };
  struct iovec iov = { reply, sizeof reply };
  struct msghdr message = {
    .msg_iov = &iov,
    .msg_iovlen = 1,
    .msg_control = &control,
    .msg_controllen = sizeof control,
  };
  vhu_autofd int fd = eventfd (0, EFD_CLOEXEC);
  g_auto(Answer) answer = { 0 };

  memcpy (CMSG_DATA (&control.header), &fd, sizeof fd);
  test_channel_send (test, &answer, LONG_TIMEOUT_MS, NULL);
  g_assert_cmpint (sendmsg (test->peer_fd, &message, 0), ==, sizeof reply);
  check_dropped (test, &answer);
}

static void
test_reply_to_nothing_drops_the_channel (TestChannel   *test,
                                         gconstpointer  unused)
{
  test_channel_reply (test, 0);
  test_channel_iterate (test);
  g_assert_cmpuint (test_channel_n_messages, ==, 1);
  g_assert_false (vhu_frontend_channel_get_is_open (test->channel));
}

static void
test_second_reply_drops_the_channel (TestChannel   *test,
                                     gconstpointer  unused)
{
  g_auto(Answer) answer = { 0 };

  test_channel_send (test, &answer, LONG_TIMEOUT_MS, NULL);
  test_channel_reply (test, 0);
  test_channel_reply (test, 0);
  test_channel_wait (test, &answer);
  test_channel_iterate (test);

  g_assert_true (answer.succeeded);
  g_assert_cmpuint (test_channel_n_messages, ==, 1);
  g_assert_false (vhu_frontend_channel_get_is_open (test->channel));
}

static void
test_end_in_mid_reply_drops_the_channel (TestChannel   *test,
                                         gconstpointer  unused)
{
  g_auto(Answer) answer = { 0 };
  guint32 half[] = { VHU_BACKEND_REQUEST_CONFIG_CHANGE_MSG, VHU_FLAGS_OF_REPLY };

  test_channel_send (test, &answer, LONG_TIMEOUT_MS, NULL);
  test_channel_write (test, half, sizeof half);
  test_channel_iterate (test);
  vhu_clear_fd (&test->peer_fd);
  check_dropped (test, &answer);
}

static void
test_reply_to_what_is_not_sent_drops_the_channel (TestChannel   *test,
                                                  gconstpointer  unused)
{
  g_autofree Answer *answers = g_new0 (Answer, MORE_THAN_ENOUGH);
  guint last = test_channel_fill (test, answers, MORE_THAN_ENOUGH);

  test_channel_reply (test, 0);
  check_dropped (test, &answers[last]);
  answer_clear (&answers[last]);
}

static void
test_channel_may_go_in_a_callback (TestChannel   *test,
                                   gconstpointer  unused)
{
  g_auto(Answer) first = { .drop_channel = TRUE };
  g_auto(Answer) second = { 0 };

  test_channel_send (test, &first, LONG_TIMEOUT_MS, NULL);
  test_channel_send (test, &second, LONG_TIMEOUT_MS, NULL);
  test_channel_iterate (test);
  test_channel_reply (test, 0);
  test_channel_wait (test, &first);
  g_assert_null (test->channel);

  /* The other request keeps the channel until its answer. */
  test_channel_iterate (test);
  test_channel_reply (test, 0);
  test_channel_wait (test, &second);
  g_assert_true (second.succeeded);
}

static void
test_channel_may_go_when_time_is_up (TestChannel   *test,
                                     gconstpointer  unused)
{
  g_auto(Answer) answer = { .drop_channel = TRUE };

  test_channel_send (test, &answer, 1, NULL);
  test_channel_wait (test, &answer);

  g_assert_null (test->channel);
  answer_assert_failed (&answer, VHU_ERROR, VHU_ERROR_TIMED_OUT);
}

typedef void (* ChannelFunc) (VhuFrontendChannel *channel);

typedef struct
{
  TestChannel *test;
  ChannelFunc func;
} Call;

static gboolean
call_cb (gpointer user_data)
{
  Call *call = user_data;

  call->func (call->test->channel);
  return G_SOURCE_REMOVE;
}

/* Answers come within the call only when it is made from a source, and later
 * than the request was. */
static void
call_from_source (TestChannel *test,
                  ChannelFunc  func)
{
  g_autoptr(GSource) source = g_idle_source_new ();
  Call call = { test, func };

  test_channel_iterate (test);
  g_source_set_priority (source, G_PRIORITY_HIGH);
  g_source_set_callback (source, call_cb, &call, NULL);
  g_source_attach (source, test->context);
  g_main_context_iteration (test->context, FALSE);
}

static void
test_channel_may_go_while_it_closes (TestChannel   *test,
                                     gconstpointer  unused)
{
  g_auto(Answer) answer = { .drop_channel = TRUE };

  test_channel_send (test, &answer, 0, NULL);
  call_from_source (test, vhu_frontend_channel_close);

  g_assert_null (test->channel);
  answer_assert_failed (&answer, VHU_ERROR, VHU_ERROR_CLOSED);
}

static void
test_channel_may_go_while_it_resumes (TestChannel   *test,
                                      gconstpointer  unused)
{
  g_auto(Answer) answer = { .drop_channel = TRUE };

  vhu_frontend_channel_suspend (test->channel);
  test_channel_send (test, &answer, 0, NULL);
  call_from_source (test, vhu_frontend_channel_resume);

  g_assert_null (test->channel);
  g_assert_true (answer.succeeded);
}

static void
test_channel_may_go_when_it_was_sent (TestChannel   *test,
                                      gconstpointer  unused)
{
  g_autofree Answer *answers = g_new0 (Answer, MORE_THAN_ENOUGH);
  guint last = test_channel_fill (test, answers, MORE_THAN_ENOUGH);
  Header header;

  answers[last].drop_channel = TRUE;
  while (!answers[last].done)
    {
      g_assert_cmpint (recv (test->peer_fd, &header, sizeof header, MSG_DONTWAIT), >, 0);
      test_channel_iterate (test);
    }

  g_assert_null (test->channel);
  g_assert_true (answers[last].succeeded);
}

static void
check_refused (int fd)
{
  g_autoptr(GError) error = NULL;

  g_assert_null (vhu_frontend_channel_new_take (fd, TRUE, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE);

  /* It was taken all the same. */
  g_assert_cmpint (fcntl (fd, F_GETFD), <, 0);
}

/* Stays within this host; -1 if that does not let us. */
static int
connect_tcp (int *peer_fd)
{
  struct sockaddr_in address = { .sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t length = sizeof address;
  vhu_autofd int listen_fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  vhu_autofd int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  if (bind (listen_fd, (struct sockaddr *) &address, sizeof address) < 0 ||
      listen (listen_fd, 1) < 0 ||
      getsockname (listen_fd, (struct sockaddr *) &address, &length) < 0 ||
      connect (fd, (struct sockaddr *) &address, sizeof address) < 0)
    return -1;

  *peer_fd = accept (listen_fd, NULL, NULL);
  return vhu_steal_fd (&fd);
}

static void
test_only_a_connected_unix_stream_socket_is_taken (void)
{
  int fds[2];
  int fd;

  check_refused (eventfd (0, EFD_CLOEXEC));
  fd = connect_tcp (&fds[1]);
  if (fd >= 0)
    {
      check_refused (fd);
      close (fds[1]);
    }
  check_refused (open ("/dev/null", O_RDWR | O_CLOEXEC));

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds), ==, 0);
  check_refused (fds[0]);
  close (fds[1]);
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), ==, 0);
  check_refused (fds[0]);
  close (fds[1]);

  check_refused (socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));

  /* An address of no more than its family: the kernel chooses an abstract one. */
  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint (bind (fd, &(struct sockaddr) { .sa_family = AF_UNIX },
                         sizeof (sa_family_t)), ==, 0);
  g_assert_cmpint (listen (fd, 1), ==, 0);
  check_refused (fd);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  test_channel_catch_messages ();

  ADD_TEST ("frontend-channel-end/closing-ends-everything", TRUE,
            test_closing_ends_everything);
  ADD_TEST ("frontend-channel-end/front-end-that-goes-is-noticed", TRUE,
            test_front_end_that_goes_is_noticed);
  ADD_TEST ("frontend-channel-end/idle-channel-notices-the-end", TRUE,
            test_idle_channel_notices_the_end);
  ADD_TEST ("frontend-channel-end/wrong-reply-drops-the-channel", TRUE,
            test_wrong_reply_drops_the_channel);
  ADD_TEST ("frontend-channel-end/reply-with-a-descriptor-drops-the-channel", TRUE,
            test_reply_with_a_descriptor_drops_the_channel);
  ADD_TEST ("frontend-channel-end/reply-to-nothing-drops-the-channel", TRUE,
            test_reply_to_nothing_drops_the_channel);
  ADD_TEST ("frontend-channel-end/second-reply-drops-the-channel", TRUE,
            test_second_reply_drops_the_channel);
  ADD_TEST ("frontend-channel-end/reply-to-what-is-not-sent-drops-the-channel", FALSE,
            test_reply_to_what_is_not_sent_drops_the_channel);
  ADD_TEST ("frontend-channel-end/end-in-mid-reply-drops-the-channel", TRUE,
            test_end_in_mid_reply_drops_the_channel);
  ADD_TEST ("frontend-channel-end/channel-may-go-in-a-callback", TRUE,
            test_channel_may_go_in_a_callback);
  ADD_TEST ("frontend-channel-end/channel-may-go-when-time-is-up", TRUE,
            test_channel_may_go_when_time_is_up);
  ADD_TEST ("frontend-channel-end/channel-may-go-while-it-closes", TRUE,
            test_channel_may_go_while_it_closes);
  ADD_TEST ("frontend-channel-end/channel-may-go-while-it-resumes", FALSE,
            test_channel_may_go_while_it_resumes);
  ADD_TEST ("frontend-channel-end/channel-may-go-when-it-was-sent", FALSE,
            test_channel_may_go_when_it_was_sent);
  g_test_add_func ("/channel/frontend-channel-end/only-a-connected-unix-stream-socket-is-taken",
                   test_only_a_connected_unix_stream_socket_is_taken);

  return g_test_run ();
}
