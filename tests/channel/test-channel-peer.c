/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "test-channel-peer.h"

#include <sys/socket.h>

#include "vhu-fd-private.h"
#include "vhu-protocol-private.h"

guint test_channel_n_messages;

static guint n_answers;

void
answer_clear (Answer *answer)
{
  g_clear_error (&answer->error);
}

void
test_channel_set_up (TestChannel   *test,
                     gconstpointer  reply_ack)
{
  g_autoptr(GError) error = NULL;
  int fds[2];

  n_answers = 0;
  test_channel_n_messages = 0;
  test->context = g_main_context_new ();
  g_main_context_push_thread_default (test->context);

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
  test->peer_fd = fds[0];
  test->channel = vhu_frontend_channel_new_take (fds[1], reply_ack != NULL, &error);
  g_assert_no_error (error);
  g_assert_true (fcntl (fds[1], F_GETFD) & FD_CLOEXEC);
}

void
test_channel_tear_down (TestChannel   *test,
                        gconstpointer  unused)
{
  if (test->channel != NULL)
    vhu_frontend_channel_close (test->channel);
  while (g_main_context_iteration (test->context, FALSE))
    ;
  g_clear_object (&test->channel);
  vhu_clear_fd (&test->peer_fd);
  g_main_context_pop_thread_default (test->context);
  g_main_context_unref (test->context);
}

static void
answered_cb (GObject      *object,
             GAsyncResult *result,
             gpointer      user_data)
{
  Answer *answer = user_data;
  VhuFrontendChannel *channel = VHU_FRONTEND_CHANNEL (object);

  g_assert_false (answer->done);
  answer->done = TRUE;
  answer->order = ++n_answers;
  answer->succeeded =
    vhu_frontend_channel_send_config_change_finish (channel, result, &answer->error);
  g_assert_true (answer->succeeded == (answer->error == NULL));

  if (answer->drop_channel)
    g_clear_object (&answer->test->channel);
  if (answer->send_again)
    {
      TestChannel *test = answer->test;

      *answer = (Answer) { 0 };
      test_channel_send (test, answer, LONG_TIMEOUT_MS, NULL);
    }
}

void
test_channel_send (TestChannel  *test,
                   Answer       *answer,
                   guint         timeout_ms,
                   GCancellable *cancellable)
{
  answer->test = test;
  vhu_frontend_channel_send_config_change_async (test->channel, timeout_ms, cancellable,
                                                 answered_cb, answer);
}

void
test_channel_iterate (TestChannel *test)
{
  while (g_main_context_iteration (test->context, FALSE))
    ;
}

void
test_channel_wait (TestChannel *test,
                   Answer      *answer)
{
  while (!answer->done)
    g_main_context_iteration (test->context, TRUE);
}

void
test_channel_expect_request (TestChannel *test,
                             gboolean     needs_reply)
{
  Header header;

  g_assert_cmpint (recv (test->peer_fd, &header, sizeof header, MSG_DONTWAIT), ==,
                   sizeof header);
  g_assert_cmpuint (header.request, ==, VHU_BACKEND_REQUEST_CONFIG_CHANGE_MSG);
  g_assert_cmpuint (header.flags, ==, needs_reply ? 0x9 : 0x1);
  g_assert_cmpuint (header.size, ==, 0);
}

void
test_channel_expect_silence (TestChannel *test)
{
  char byte;

  g_assert_cmpint (recv (test->peer_fd, &byte, 1, MSG_DONTWAIT), <, 0);
  g_assert_cmpint (errno, ==, EAGAIN);
}

void
test_channel_write (TestChannel   *test,
                    gconstpointer  bytes,
                    gsize          size)
{
  g_assert_cmpint (write (test->peer_fd, bytes, size), ==, size);
}

void
test_channel_reply (TestChannel *test,
                    guint64      value)
{
  struct
  {
    Header header;
    guint64 value;
  } __attribute__ ((packed)) reply = {
    { VHU_BACKEND_REQUEST_CONFIG_CHANGE_MSG, VHU_FLAGS_OF_REPLY, sizeof value },
    value,
  };

  test_channel_write (test, &reply, sizeof reply);
}

void
answer_assert_failed (Answer *answer,
                      GQuark  domain,
                      int     code)
{
  g_assert_true (answer->done);
  g_assert_error (answer->error, domain, code);
}

guint
test_channel_fill (TestChannel *test,
                   Answer      *answers,
                   guint        n)
{
  guint i;

  for (i = 0; i < n; i++)
    {
      test_channel_send (test, &answers[i], 0, NULL);
      test_channel_iterate (test);
      if (!answers[i].done)
        return i;
    }
  g_assert_not_reached ();
}

/* Messages about the front-end are counted, and checked by each test; all the
 * rest goes its usual way. */
static GLogWriterOutput
log_writer_cb (GLogLevelFlags   level,
               const GLogField *fields,
               gsize            n_fields,
               gpointer         user_data)
{
  if ((level & G_LOG_LEVEL_MASK) == G_LOG_LEVEL_MESSAGE)
    {
      test_channel_n_messages++;
      return G_LOG_WRITER_HANDLED;
    }
  return g_log_writer_default (level, fields, n_fields, user_data);
}

void
test_channel_catch_messages (void)
{
  g_log_set_writer_func (log_writer_cb, NULL, NULL);
}
