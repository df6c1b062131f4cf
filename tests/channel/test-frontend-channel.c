/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "test-channel-peer.h"

#include <sys/socket.h>

#include "vhu-error.h"
#include "vhu-protocol-private.h"

static void
test_sent_is_enough_without_acknowledgements (TestChannel   *test,
                                              gconstpointer  unused)
{
  g_auto(Answer) answer = { 0 };

  test_channel_send (test, &answer, 0, NULL);
  test_channel_wait (test, &answer);

  g_assert_true (answer.succeeded);
  test_channel_expect_request (test, FALSE);
}

static void
test_answer_ends_the_request (TestChannel   *test,
                              gconstpointer  unused)
{
  g_auto(Answer) answer = { 0 };

  test_channel_send (test, &answer, LONG_TIMEOUT_MS, NULL);
  test_channel_iterate (test);
  test_channel_expect_request (test, TRUE);
  g_assert_false (answer.done);

  test_channel_reply (test, 0);
  test_channel_wait (test, &answer);
  g_assert_true (answer.succeeded);
  g_assert_true (vhu_frontend_channel_get_is_open (test->channel));
}

static void
test_refusal_leaves_the_channel_open (TestChannel   *test,
                                      gconstpointer  unused)
{
  g_auto(Answer) answer = { 0 };

  test_channel_send (test, &answer, LONG_TIMEOUT_MS, NULL);
  test_channel_reply (test, G_MAXUINT64);
  test_channel_wait (test, &answer);

  answer_assert_failed (&answer, VHU_ERROR, VHU_ERROR_REFUSED);
  g_assert_true (vhu_frontend_channel_get_is_open (test->channel));
}

static void
test_requests_go_out_one_at_a_time (TestChannel   *test,
                                    gconstpointer  unused)
{
  g_auto(Answer) first = { 0 };
  g_auto(Answer) second = { 0 };

  test_channel_send (test, &first, LONG_TIMEOUT_MS, NULL);
  test_channel_send (test, &second, LONG_TIMEOUT_MS, NULL);
  test_channel_iterate (test);
  test_channel_expect_request (test, TRUE);
  test_channel_expect_silence (test);

  test_channel_reply (test, 0);
  test_channel_wait (test, &first);
  test_channel_iterate (test);
  test_channel_expect_request (test, TRUE);
  g_assert_false (second.done);

  test_channel_reply (test, 1);
  test_channel_wait (test, &second);
  g_assert_true (first.succeeded);
  answer_assert_failed (&second, VHU_ERROR, VHU_ERROR_REFUSED);
}

static void
test_reply_may_dribble (TestChannel   *test,
                        gconstpointer  unused)
{
  const guint8 reply[] = { 2, 0, 0, 0, 5, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
  g_auto(Answer) answer = { 0 };

  if (G_BYTE_ORDER != G_LITTLE_ENDIAN)
    {
      g_test_skip ("the bytes are written for little-endian hosts");
      return;
    }

  test_channel_send (test, &answer, LONG_TIMEOUT_MS, NULL);
  for (guint i = 0; i < sizeof reply; i++)
    {
      g_assert_false (answer.done);
      test_channel_write (test, reply + i, 1);
      test_channel_iterate (test);
    }

  test_channel_wait (test, &answer);
  g_assert_true (answer.succeeded);
}

static void
test_late_reply_meets_its_own_request (TestChannel   *test,
                                       gconstpointer  unused)
{
  g_auto(Answer) late = { 0 };
  g_auto(Answer) next = { 0 };

  test_channel_send (test, &late, 1, NULL);
  test_channel_wait (test, &late);
  answer_assert_failed (&late, VHU_ERROR, VHU_ERROR_TIMED_OUT);
  test_channel_expect_request (test, TRUE);

  test_channel_send (test, &next, LONG_TIMEOUT_MS, NULL);
  test_channel_iterate (test);
  test_channel_expect_silence (test);

  /* The late answer is a refusal: it must not become that of the next one. */
  test_channel_reply (test, 1);
  test_channel_iterate (test);
  g_assert_false (next.done);
  test_channel_expect_request (test, TRUE);

  test_channel_reply (test, 0);
  test_channel_wait (test, &next);
  g_assert_true (next.succeeded);
}

static void
test_time_runs_while_others_are_first (TestChannel   *test,
                                       gconstpointer  unused)
{
  g_auto(Answer) first = { 0 };
  g_auto(Answer) second = { 0 };

  test_channel_send (test, &first, 0, NULL);
  test_channel_send (test, &second, 1, NULL);
  test_channel_wait (test, &second);
  answer_assert_failed (&second, VHU_ERROR, VHU_ERROR_TIMED_OUT);
  test_channel_expect_request (test, TRUE);

  /* It was never sent, and is not sent now. */
  test_channel_reply (test, 0);
  test_channel_wait (test, &first);
  test_channel_iterate (test);
  g_assert_true (first.succeeded);
  test_channel_expect_silence (test);
}

static void
test_cancelled_requests_end (TestChannel   *test,
                             gconstpointer  unused)
{
  g_autoptr(GCancellable) cancellable = g_cancellable_new ();
  g_auto(Answer) sent = { 0 };
  g_auto(Answer) unsent = { 0 };
  g_auto(Answer) too_late = { 0 };
  g_auto(Answer) idle = { 0 };
  g_auto(Answer) next = { 0 };

  test_channel_send (test, &sent, LONG_TIMEOUT_MS, cancellable);
  test_channel_send (test, &unsent, LONG_TIMEOUT_MS, cancellable);
  test_channel_send (test, &next, LONG_TIMEOUT_MS, NULL);
  test_channel_iterate (test);

  g_cancellable_cancel (cancellable);
  test_channel_send (test, &too_late, LONG_TIMEOUT_MS, cancellable);
  test_channel_wait (test, &sent);
  test_channel_wait (test, &unsent);
  test_channel_wait (test, &too_late);
  answer_assert_failed (&sent, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  answer_assert_failed (&unsent, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  answer_assert_failed (&too_late, G_IO_ERROR, G_IO_ERROR_CANCELLED);

  test_channel_expect_request (test, TRUE);
  test_channel_reply (test, 0);
  test_channel_iterate (test);
  test_channel_expect_request (test, TRUE);
  test_channel_reply (test, 0);
  test_channel_wait (test, &next);
  g_assert_true (next.succeeded);

  test_channel_send (test, &idle, LONG_TIMEOUT_MS, cancellable);
  test_channel_wait (test, &idle);
  answer_assert_failed (&idle, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  test_channel_expect_silence (test);
}

static void
test_front_end_that_never_reads_blocks_nobody (TestChannel   *test,
                                               gconstpointer  unused)
{
  g_autofree Answer *answers = g_new0 (Answer, MORE_THAN_ENOUGH);
  g_auto(Answer) impatient = { 0 };
  g_auto(Answer) too_many = { 0 };
  guint first, n_waiting = 0;
  Header header;

  first = test_channel_fill (test, answers, MORE_THAN_ENOUGH);
  test_channel_send (test, &impatient, 1, NULL);
  test_channel_wait (test, &impatient);
  answer_assert_failed (&impatient, VHU_ERROR, VHU_ERROR_TIMED_OUT);

  while (!too_many.done && n_waiting < MORE_THAN_ENOUGH - first - 1)
    {
      n_waiting++;
      test_channel_send (test, &answers[first + n_waiting], 0, NULL);
      test_channel_iterate (test);
      if (answers[first + n_waiting].done)
        break;
    }
  g_assert_cmpuint (n_waiting, <, 1000);
  answer_assert_failed (&answers[first + n_waiting], VHU_ERROR, VHU_ERROR_LIMIT);
  g_clear_error (&answers[first + n_waiting].error);

  /* It was only slow. */
  for (guint i = 0; i < first + n_waiting; i++)
    {
      g_assert_cmpint (recv (test->peer_fd, &header, sizeof header, MSG_WAITALL), ==,
                       sizeof header);
      g_assert_cmpuint (header.request, ==, VHU_BACKEND_REQUEST_CONFIG_CHANGE_MSG);
      test_channel_iterate (test);
    }
  for (guint i = 0; i < first + n_waiting; i++)
    g_assert_true (answers[i].succeeded);
  test_channel_expect_silence (test);
}

static void
test_nothing_is_awaited_during_a_drain (TestChannel   *test,
                                        gconstpointer  unused)
{
  g_auto(Answer) sent = { 0 };
  g_auto(Answer) unsent = { 0 };
  g_auto(Answer) later = { 0 };

  test_channel_send (test, &sent, LONG_TIMEOUT_MS, NULL);
  test_channel_send (test, &unsent, LONG_TIMEOUT_MS, NULL);
  test_channel_iterate (test);
  test_channel_expect_request (test, TRUE);

  vhu_frontend_channel_suspend (test->channel);
  test_channel_send (test, &later, LONG_TIMEOUT_MS, NULL);
  test_channel_iterate (test);
  answer_assert_failed (&sent, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  answer_assert_failed (&unsent, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_false (later.done);
  test_channel_expect_silence (test);

  /* The late answer to the first one comes before the third one is sent. */
  vhu_frontend_channel_resume (test->channel);
  test_channel_iterate (test);
  test_channel_expect_silence (test);
  test_channel_reply (test, 1);
  test_channel_iterate (test);
  test_channel_expect_request (test, TRUE);
  test_channel_reply (test, 0);
  test_channel_wait (test, &later);
  g_assert_true (later.succeeded);
}

static void
test_late_reply_during_a_drain_is_dropped (TestChannel   *test,
                                           gconstpointer  unused)
{
  g_auto(Answer) sent = { 0 };
  g_auto(Answer) later = { 0 };

  test_channel_send (test, &sent, LONG_TIMEOUT_MS, NULL);
  vhu_frontend_channel_suspend (test->channel);
  test_channel_send (test, &later, LONG_TIMEOUT_MS, NULL);
  test_channel_iterate (test);
  test_channel_expect_request (test, TRUE);
  test_channel_reply (test, 0);
  test_channel_iterate (test);
  test_channel_expect_silence (test);

  vhu_frontend_channel_resume (test->channel);
  test_channel_iterate (test);
  test_channel_expect_request (test, TRUE);
  g_assert_false (later.done);

  test_channel_reply (test, 0);
  test_channel_wait (test, &later);
  g_assert_true (later.succeeded);
}

static void
test_acknowledgements_can_come_later (TestChannel   *test,
                                      gconstpointer  unused)
{
  g_auto(Answer) first = { 0 };
  g_auto(Answer) second = { 0 };

  test_channel_send (test, &first, 0, NULL);
  test_channel_wait (test, &first);
  test_channel_expect_request (test, FALSE);

  vhu_frontend_channel_set_reply_ack (test->channel, TRUE);
  test_channel_send (test, &second, 0, NULL);
  test_channel_iterate (test);
  test_channel_expect_request (test, TRUE);
  g_assert_false (second.done);

  test_channel_reply (test, 0);
  test_channel_wait (test, &second);
  g_assert_true (second.succeeded);
}

static void
test_callback_may_send_again (TestChannel   *test,
                              gconstpointer  unused)
{
  g_auto(Answer) first = { .send_again = TRUE };
  g_auto(Answer) second = { 0 };

  test_channel_send (test, &first, LONG_TIMEOUT_MS, NULL);
  test_channel_send (test, &second, LONG_TIMEOUT_MS, NULL);
  for (guint i = 0; i < 3; i++)
    {
      test_channel_iterate (test);
      test_channel_expect_request (test, TRUE);
      test_channel_expect_silence (test);
      test_channel_reply (test, 0);
    }
  test_channel_wait (test, &first);

  g_assert_true (second.succeeded);
  g_assert_true (first.succeeded);
  g_assert_cmpuint (second.order, <, first.order);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  test_channel_catch_messages ();

  ADD_TEST ("frontend-channel/sent-is-enough-without-acknowledgements", FALSE,
            test_sent_is_enough_without_acknowledgements);
  ADD_TEST ("frontend-channel/answer-ends-the-request", TRUE,
            test_answer_ends_the_request);
  ADD_TEST ("frontend-channel/refusal-leaves-the-channel-open", TRUE,
            test_refusal_leaves_the_channel_open);
  ADD_TEST ("frontend-channel/requests-go-out-one-at-a-time", TRUE,
            test_requests_go_out_one_at_a_time);
  ADD_TEST ("frontend-channel/reply-may-dribble", TRUE, test_reply_may_dribble);
  ADD_TEST ("frontend-channel/late-reply-meets-its-own-request", TRUE,
            test_late_reply_meets_its_own_request);
  ADD_TEST ("frontend-channel/time-runs-while-others-are-first", TRUE,
            test_time_runs_while_others_are_first);
  ADD_TEST ("frontend-channel/cancelled-requests-end", TRUE,
            test_cancelled_requests_end);
  ADD_TEST ("frontend-channel/front-end-that-never-reads-blocks-nobody", FALSE,
            test_front_end_that_never_reads_blocks_nobody);
  ADD_TEST ("frontend-channel/nothing-is-awaited-during-a-drain", TRUE,
            test_nothing_is_awaited_during_a_drain);
  ADD_TEST ("frontend-channel/late-reply-during-a-drain-is-dropped", TRUE,
            test_late_reply_during_a_drain_is_dropped);
  ADD_TEST ("frontend-channel/acknowledgements-can-come-later", FALSE,
            test_acknowledgements_can_come_later);
  ADD_TEST ("frontend-channel/callback-may-send-again", TRUE,
            test_callback_may_send_again);

  return g_test_run ();
}
