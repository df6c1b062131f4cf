/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <sys/socket.h>
#include <unistd.h>

#include "vhu-test-messages.h"
#include "vhu-test-ring.h"
#include "vhu-test-session.h"

/* What front-end and back-end agree on, and in which order they may do so. */

#define RING_FEATURES \
  (VHU_TEST_BIT (28) | VHU_TEST_BIT (29) | VHU_TEST_BIT (30) | VHU_TEST_BIT (32))
#define DEVICE_FEATURES \
  ((VHU_TEST_BIT (24) - 1) | ~(VHU_TEST_BIT (50) - 1))
#define PROTOCOL_FEATURES \
  (VHU_TEST_BIT (0) | VHU_TEST_BIT (3) | VHU_TEST_BIT (5) | VHU_TEST_BIT (9) | \
   VHU_TEST_BIT (13) | VHU_TEST_BIT (15))

#define REPLY_ACK VHU_TEST_BIT (3)

static guint64
query_features (VhuTestSession *session)
{
  vhu_test_send (session->frontend, VHU_TEST_GET_FEATURES, VHU_TEST_PLAIN, NULL, 0, -1);
  return vhu_test_receive_u64 (session->frontend, VHU_TEST_GET_FEATURES);
}

static void
send_u64 (VhuTestSession *session,
          guint           request,
          guint           flags,
          guint64         value)
{
  vhu_test_send (session->frontend, request, flags, &value, sizeof value, -1);
}

static void
expect_u64_taken (VhuTestSession *session,
                  guint           request,
                  guint64         value)
{
  vhu_test_expect_taken (session->frontend, request, &value, sizeof value, -1);
}

static void
expect_u64_refused (VhuTestSession *session,
                    guint           request,
                    guint64         value)
{
  vhu_test_expect_refused (session->frontend, request, &value, sizeof value, -1);
}

/* Acknowledgements and nothing else. */
static void
want_acks (VhuTestSession *session)
{
  g_autoptr(GError) error = NULL;

  vhu_frontend_set_protocol_features (session->frontend, REPLY_ACK, &error);
  g_assert_no_error (error);
}

static void
share_memory (VhuTestSession *session)
{
  g_autoptr(GError) error = NULL;

  vhu_frontend_allocate_memory (session->frontend, 1 << 20, 1, &error);
  g_assert_no_error (error);
  vhu_frontend_set_mem_table (session->frontend, &error);
  g_assert_no_error (error);
}

/* The device offers all 64 bits of both kinds. */
static void
test_what_is_offered_is_what_both_have (VhuTestSession *session,
                                        gconstpointer   n_threads)
{
  g_autoptr(GError) error = NULL;
  guint64 protocol;

  g_assert_cmphex (query_features (session), ==, RING_FEATURES | DEVICE_FEATURES);
  vhu_frontend_query_protocol_features (session->frontend, &protocol, &error);
  g_assert_no_error (error);
  g_assert_cmphex (protocol, ==, PROTOCOL_FEATURES);
}

/* Front-ends use the question as a barrier: it has the same answer at any time,
 * and waits for what was asked before. */
static void
test_features_can_be_asked_for_at_any_time (VhuTestSession *session,
                                            gconstpointer   n_threads)
{
  guint64 features = query_features (session);

  for (guint i = 0; i < 100; i++)
    vhu_test_send (session->frontend, VHU_TEST_GET_FEATURES, VHU_TEST_PLAIN, NULL, 0, -1);
  for (guint i = 0; i < 100; i++)
    g_assert_cmphex (vhu_test_receive_u64 (session->frontend, VHU_TEST_GET_FEATURES),
                     ==, features);

  vhu_test_session_start (session);
  g_assert_cmphex (query_features (session), ==, features);
  vhu_test_session_echo (session->queue, "between questions");
  g_assert_cmphex (query_features (session), ==, features);
}

/* Trap 1. Multi-queue network front-ends do so for each pair of queues. */
static void
test_repeated_features_leave_rings_enabled (VhuTestSession *session,
                                            gconstpointer   n_threads)
{
  g_autoptr(GError) error = NULL;

  for (guint i = 0; i < 10; i++)
    {
      vhu_test_session_echo (session->queue, "still enabled");
      vhu_frontend_set_features (session->frontend, RING_FEATURES | DEVICE_FEATURES, &error);
      g_assert_no_error (error);
    }
  vhu_test_session_echo (session->queue, "still enabled");
  g_assert_cmpint (session->backend->n_negotiated, ==, 11);
}

static void
test_features_cannot_change_while_rings_run (VhuTestSession *session,
                                             gconstpointer   n_threads)
{
  expect_u64_refused (session, VHU_TEST_SET_FEATURES, RING_FEATURES & ~VHU_TEST_BIT (29));
  g_assert_true (vhu_backend_has_feature (VHU_BACKEND (session->backend), 29));
  expect_u64_refused (session, VHU_TEST_SET_PROTOCOL_FEATURES, REPLY_ACK);
  g_assert_true (vhu_backend_has_protocol_feature (VHU_BACKEND (session->backend), 9));
  expect_u64_taken (session, VHU_TEST_SET_PROTOCOL_FEATURES, PROTOCOL_FEATURES);
  vhu_test_session_echo (session->queue, "as before");
}

/* Trap 2. */
static void
test_without_protocol_features_all_rings_are_enabled (VhuTestSession *session,
                                                      gconstpointer   n_threads)
{
  g_autoptr(VhuDriverQueue) other = NULL;
  g_autoptr(GError) error = NULL;

  vhu_frontend_want_feature (session->frontend, VHU_FEATURE_PROTOCOL_FEATURES, FALSE);
  vhu_test_session_start (session);
  g_assert_false (vhu_frontend_has_protocol_feature (session->frontend, 3));
  other = vhu_frontend_add_queue (session->frontend, 1, 64, &error);
  g_assert_no_error (error);

  vhu_test_session_echo (session->queue, "never enabled");
  vhu_test_session_echo (other, "never enabled either");
}

/* Trap 2, the other way round: with it, each has to be enabled. */
static void
test_with_protocol_features_rings_wait_to_be_enabled (VhuTestSession *session,
                                                      gconstpointer   n_threads)
{
  g_auto(VhuTestRing) ring = VHU_TEST_RING_INIT;

  vhu_test_ring_init (&ring, session->frontend, 1, 64);
  vhu_test_ring_prepare (&ring);
  vhu_test_ring_send_kick (&ring);
  vhu_test_ring_submit (&ring, "wait for it");
  vhu_test_ring_signal_kick (&ring);
  vhu_test_ring_expect_nothing (&ring);
  vhu_test_ring_send_enable (&ring, TRUE);
  vhu_test_ring_expect (&ring, "wait for it");
}

/* Trap 9. The available ring's flag forbids calls, which counts only without
 * EVENT_IDX. */
static void
check_event_idx (VhuTestSession *session,
                 gboolean        wanted)
{
  g_auto(VhuTestRing) ring = VHU_TEST_RING_INIT;

  vhu_frontend_want_feature (session->frontend, VHU_FEATURE_EVENT_IDX, wanted);
  vhu_test_session_negotiate (session);
  g_assert_cmpint (g_atomic_int_get (&session->backend->event_idx), ==, wanted);

  vhu_test_ring_init (&ring, session->frontend, 0, 16);
  vhu_test_ring_start (&ring);
  vhu_driver_queue_poke_avail_flags (ring.queue, 1);
  vhu_driver_queue_poke_used_event (ring.queue, 0);
  vhu_test_ring_echo (&ring, "with or without");
  /* Whatever was signalled, was before the answer to this. */
  g_assert_cmpuint (vhu_test_ring_stop (&ring), ==, 1);
  g_assert_cmpint (vhu_test_event_is_signalled (ring.call), ==, wanted);
}

static void
test_event_idx_follows_the_features (VhuTestSession *session,
                                     gconstpointer   n_threads)
{
  check_event_idx (session, FALSE);
  vhu_test_session_leave (session);
  session->frontend = vhu_test_server_open (session->server);
  check_event_idx (session, TRUE);
}

/* Trap 12: protocol features, the owner, queues and even ENABLE come first with
 * network front-ends. */
static void
test_protocol_features_come_before_features (VhuTestSession *session,
                                             gconstpointer   n_threads)
{
  g_auto(VhuTestRing) ring = VHU_TEST_RING_INIT;
  g_autoptr(GError) error = NULL;
  guint64 value;

  vhu_frontend_query_protocol_features (session->frontend, &value, &error);
  g_assert_no_error (error);
  want_acks (session);
  vhu_frontend_query_n_queues (session->frontend, &value, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (value, ==, VHU_TEST_N_QUEUES);
  vhu_frontend_set_vring_enable (session->frontend, 0, TRUE, &error);
  g_assert_no_error (error);
  vhu_frontend_set_owner (session->frontend, &error);
  g_assert_no_error (error);
  vhu_frontend_set_features (session->frontend, RING_FEATURES, &error);
  g_assert_no_error (error);

  share_memory (session);
  vhu_test_ring_init (&ring, session->frontend, 0, 64);
  vhu_test_ring_prepare (&ring);
  vhu_test_ring_send_kick (&ring);
  vhu_test_ring_echo (&ring, "enabled long ago");
}

/* A ring that is complete before the features are waits for them: it could not
 * know its own layout. */
static void
test_rings_wait_for_the_features (VhuTestSession *session,
                                  gconstpointer   n_threads)
{
  g_auto(VhuTestRing) ring = VHU_TEST_RING_INIT;
  g_autoptr(GError) error = NULL;

  want_acks (session);
  share_memory (session);
  vhu_test_ring_init (&ring, session->frontend, 0, 64);
  vhu_test_ring_start (&ring);
  vhu_test_ring_submit (&ring, "early");
  vhu_test_ring_signal_kick (&ring);
  vhu_test_ring_expect_nothing (&ring);

  vhu_frontend_set_features (session->frontend, RING_FEATURES & ~VHU_TEST_BIT (29), &error);
  g_assert_no_error (error);
  vhu_test_ring_expect (&ring, "early");
}

/* Trap 13. */
static void
test_acks_do_not_wait_for_features (VhuTestSession *session,
                                    gconstpointer   n_threads)
{
  guint64 value;
  g_autoptr(GError) error = NULL;

  query_features (session);
  vhu_frontend_query_protocol_features (session->frontend, &value, &error);
  g_assert_no_error (error);
  expect_u64_taken (session, VHU_TEST_SET_PROTOCOL_FEATURES, REPLY_ACK);
  vhu_test_expect_taken (session->frontend, VHU_TEST_SET_OWNER, NULL, 0, -1);
  expect_u64_taken (session, VHU_TEST_SET_FEATURES, VHU_TEST_BIT (32));
}

/* Trap 14. */
static void
test_acks_do_not_need_a_query_of_protocol_features (VhuTestSession *session,
                                                    gconstpointer   n_threads)
{
  query_features (session);
  expect_u64_taken (session, VHU_TEST_SET_PROTOCOL_FEATURES, REPLY_ACK);
}

/* Trap 51. */
static void
test_acks_do_not_need_a_query_of_features (VhuTestSession *session,
                                           gconstpointer   n_threads)
{
  g_autoptr(GError) error = NULL;
  guint64 value;

  vhu_frontend_query_protocol_features (session->frontend, &value, &error);
  g_assert_no_error (error);
  expect_u64_taken (session, VHU_TEST_SET_PROTOCOL_FEATURES, REPLY_ACK);
}

/* The message that switches acknowledgements on is acknowledged itself; one that
 * switches them off is not. */
static void
test_acks_begin_and_end_with_the_features (VhuTestSession *session,
                                           gconstpointer   n_threads)
{
  vhu_test_send (session->frontend, VHU_TEST_SET_OWNER, VHU_TEST_NEED_REPLY, NULL, 0, -1);
  vhu_test_expect_silence (session->frontend);
  expect_u64_taken (session, VHU_TEST_SET_PROTOCOL_FEATURES, REPLY_ACK);
  send_u64 (session, VHU_TEST_SET_PROTOCOL_FEATURES, VHU_TEST_PLAIN, REPLY_ACK);
  vhu_test_expect_silence (session->frontend);
  send_u64 (session, VHU_TEST_SET_PROTOCOL_FEATURES, VHU_TEST_NEED_REPLY, 0);
  vhu_test_expect_silence (session->frontend);
}

/* Trap 17. */
static void
test_features_may_follow_reset_owner (VhuTestSession *session,
                                      gconstpointer   n_threads)
{
  g_autoptr(GError) error = NULL;

  vhu_test_session_echo (session->queue, "before");
  vhu_frontend_reset_owner (session->frontend, &error);
  g_assert_no_error (error);
  expect_u64_taken (session, VHU_TEST_SET_FEATURES, RING_FEATURES);
  vhu_test_expect_taken (session->frontend, VHU_TEST_SET_OWNER, NULL, 0, -1);

  vhu_driver_queue_reset (session->queue);
  vhu_driver_queue_start (session->queue, &error);
  g_assert_no_error (error);
  vhu_test_session_echo (session->queue, "after");
}

static void
test_an_owner_comes_once (VhuTestSession *session,
                          gconstpointer   n_threads)
{
  vhu_test_expect_refused (session->frontend, VHU_TEST_SET_OWNER, NULL, 0, -1);
  vhu_test_session_echo (session->queue, "for the first owner");
  vhu_test_expect_taken (session->frontend, VHU_TEST_RESET_OWNER, NULL, 0, -1);
  vhu_test_expect_taken (session->frontend, VHU_TEST_RESET_OWNER, NULL, 0, -1);
  vhu_test_expect_taken (session->frontend, VHU_TEST_SET_OWNER, NULL, 0, -1);
  vhu_test_expect_refused (session->frontend, VHU_TEST_SET_OWNER, NULL, 0, -1);
}

/* One bit at a time, of those that the device would have offered but the
 * library does not have. Nothing changes by it. */
static void
test_what_was_not_offered_is_refused (VhuTestSession *session,
                                      gconstpointer   n_threads)
{
  want_acks (session);
  expect_u64_taken (session, VHU_TEST_SET_FEATURES, RING_FEATURES);
  for (guint bit = 0; bit < 64; bit++)
    {
      if (((RING_FEATURES | DEVICE_FEATURES) & VHU_TEST_BIT (bit)) == 0)
        expect_u64_refused (session, VHU_TEST_SET_FEATURES, RING_FEATURES | VHU_TEST_BIT (bit));
      if ((PROTOCOL_FEATURES & VHU_TEST_BIT (bit)) == 0)
        expect_u64_refused (session, VHU_TEST_SET_PROTOCOL_FEATURES,
                            REPLY_ACK | VHU_TEST_BIT (bit));
    }

  for (guint bit = 0; bit < 64; bit++)
    {
      g_assert_cmpint (vhu_backend_has_feature (VHU_BACKEND (session->backend), bit),
                       ==, (RING_FEATURES & VHU_TEST_BIT (bit)) != 0);
      g_assert_cmpint (vhu_backend_has_protocol_feature (VHU_BACKEND (session->backend), bit),
                       ==, (REPLY_ACK & VHU_TEST_BIT (bit)) != 0);
    }
}

/* A front-end without acknowledgements cannot learn that it was refused, and
 * would go on with features that we do not have. */
static void
test_a_refusal_that_cannot_be_told_closes (VhuTestSession *session,
                                           gconstpointer   n_threads)
{
  send_u64 (session, VHU_TEST_SET_FEATURES, VHU_TEST_PLAIN, VHU_TEST_BIT (34));
  vhu_test_expect_closed (session->frontend);
  vhu_test_session_come_back (session);
}

/* Trap 32: BACKEND_REQ is bit 5, passing descriptors over it bit 10. */
static void
test_a_back_channel_needs_no_descriptor_passing (VhuTestSession *session,
                                                 gconstpointer   n_threads)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) config = g_bytes_new_static ("new", 3);

  vhu_frontend_want_protocol_feature (session->frontend,
                                      VHU_PROTOCOL_FEATURE_BACKEND_SEND_FD, FALSE);
  vhu_frontend_negotiate (session->frontend, &error);
  g_assert_no_error (error);
  g_assert_cmpint (session->backend->n_channels, ==, 1);

  vhu_backend_update_config (VHU_BACKEND (session->backend), 0, config);
  vhu_frontend_wait_config_change (session->frontend, &error);
  g_assert_no_error (error);
}

/* What one front-end agreed on is nothing to the next. */
static void
test_a_new_session_starts_from_nothing (VhuTestSession *session,
                                        gconstpointer   n_threads)
{
  vhu_test_session_leave (session);
  session->frontend = vhu_test_server_open (session->server);
  query_features (session);
  for (guint bit = 0; bit < 64; bit++)
    {
      g_assert_false (vhu_backend_has_feature (VHU_BACKEND (session->backend), bit));
      g_assert_false (vhu_backend_has_protocol_feature (VHU_BACKEND (session->backend), bit));
    }
  vhu_test_send (session->frontend, VHU_TEST_SET_OWNER, VHU_TEST_NEED_REPLY, NULL, 0, -1);
  vhu_test_expect_silence (session->frontend);
}

#define ADD(name, set_up, func) \
  VHU_TEST_SESSION_ADD ("/session/negotiation/" name, set_up, func)

static void
add_order_tests (void)
{
  ADD ("repeated-features-leave-rings-enabled", vhu_test_session_set_up,
       test_repeated_features_leave_rings_enabled);
  ADD ("without-protocol-features-all-rings-are-enabled", vhu_test_session_connect,
       test_without_protocol_features_all_rings_are_enabled);
  ADD ("with-protocol-features-rings-wait-to-be-enabled",
       vhu_test_session_set_up_without_queue,
       test_with_protocol_features_rings_wait_to_be_enabled);
  ADD ("event-idx-follows-the-features", vhu_test_session_connect,
       test_event_idx_follows_the_features);
  ADD ("protocol-features-come-before-features", vhu_test_session_connect,
       test_protocol_features_come_before_features);
  ADD ("rings-wait-for-the-features", vhu_test_session_connect,
       test_rings_wait_for_the_features);
  ADD ("features-may-follow-reset-owner", vhu_test_session_set_up,
       test_features_may_follow_reset_owner);
  ADD ("an-owner-comes-once", vhu_test_session_set_up, test_an_owner_comes_once);
  ADD ("a-new-session-starts-from-nothing", vhu_test_session_set_up,
       test_a_new_session_starts_from_nothing);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ADD ("what-is-offered-is-what-both-have", vhu_test_session_connect,
       test_what_is_offered_is_what_both_have);
  ADD ("features-can-be-asked-for-at-any-time", vhu_test_session_connect,
       test_features_can_be_asked_for_at_any_time);
  ADD ("features-cannot-change-while-rings-run", vhu_test_session_set_up,
       test_features_cannot_change_while_rings_run);
  ADD ("acks-do-not-wait-for-features", vhu_test_session_connect,
       test_acks_do_not_wait_for_features);
  ADD ("acks-do-not-need-a-query-of-protocol-features", vhu_test_session_connect,
       test_acks_do_not_need_a_query_of_protocol_features);
  ADD ("acks-do-not-need-a-query-of-features", vhu_test_session_connect,
       test_acks_do_not_need_a_query_of_features);
  ADD ("acks-begin-and-end-with-the-features", vhu_test_session_connect,
       test_acks_begin_and_end_with_the_features);
  ADD ("what-was-not-offered-is-refused", vhu_test_session_connect,
       test_what_was_not_offered_is_refused);
  ADD ("a-refusal-that-cannot-be-told-closes", vhu_test_session_connect,
       test_a_refusal_that_cannot_be_told_closes);
  ADD ("a-back-channel-needs-no-descriptor-passing", vhu_test_session_connect,
       test_a_back_channel_needs_no_descriptor_passing);
  add_order_tests ();

  return g_test_run ();
}
