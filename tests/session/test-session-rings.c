/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <string.h>
#include <unistd.h>

#include "vhu-test-messages.h"
#include "vhu-test-ring.h"
#include "vhu-test-session.h"

/* The life of a ring, from its first message to its stop. The numbers in
 * comments are those of tests/TRAPS.md. What concerns the descriptors of a ring
 * is in test-session-events.c. */

#define RING_SIZE 64
#define SHORT_DRAIN_MS 20
#define MEMORY_SIZE (4 << 20)

static void
expect_state_refused (VhuTestSession *session,
                      guint           request,
                      guint32         index,
                      guint32         num)
{
  const VhuTestVringState state = { index, num };

  vhu_test_expect_refused (session->frontend, request, &state, sizeof state, -1);
}

static void
expect_state_taken (VhuTestSession *session,
                    guint           request,
                    guint32         index,
                    guint32         num)
{
  const VhuTestVringState state = { index, num };

  vhu_test_expect_taken (session->frontend, request, &state, sizeof state, -1);
}

/* The messages that make up a ring, in any order. */

typedef void (*Step) (VhuTestRing *ring);

static void
enable (VhuTestRing *ring)
{
  vhu_test_ring_send_enable (ring, TRUE);
}

static void
share (VhuTestRing *ring)
{
  g_autoptr(GError) error = NULL;

  vhu_frontend_set_mem_table (ring->frontend, &error);
  g_assert_no_error (error);
}

static const Step steps[] = {
  vhu_test_ring_send_num,
  vhu_test_ring_send_addresses,
  vhu_test_ring_send_kick,
  enable,
  share,
};

/* Decodes @number as a permutation of @n. */
static void
permute (guint  number,
         guint  n,
         guint *order)
{
  for (guint i = 0; i < n; i++)
    order[i] = i;
  for (guint i = 0; i < n; i++)
    {
      guint j = i + number % (n - i);
      guint swapped = order[i];

      order[i] = order[j];
      order[j] = swapped;
      number /= n - i;
    }
}

/* Danger 28: whatever is missing when it is kicked, it starts with the last. */
static void
test_messages_may_come_in_any_order (VhuTestSession *session,
                                     gconstpointer   n_threads)
{
  for (guint number = 0; number < 120; number++)
    {
      g_auto(VhuTestRing) ring = VHU_TEST_RING_INIT;
      g_autoptr(GError) error = NULL;
      guint order[G_N_ELEMENTS (steps)];

      vhu_frontend_negotiate (session->frontend, &error);
      g_assert_no_error (error);
      vhu_frontend_allocate_memory (session->frontend, MEMORY_SIZE, 1, &error);
      g_assert_no_error (error);
      vhu_test_ring_init (&ring, session->frontend, 1, RING_SIZE);
      vhu_test_ring_submit (&ring, "waits for everything");
      vhu_test_ring_signal_kick (&ring);

      permute (number, G_N_ELEMENTS (steps), order);
      for (guint i = 0; i < G_N_ELEMENTS (steps); i++)
        {
          g_assert_cmpint (g_atomic_int_get (&session->backend->n_processed),
                           ==, (int) number);
          steps[order[i]] (&ring);
        }
      vhu_test_ring_expect (&ring, "waits for everything");
      g_assert_cmpint (g_atomic_int_get (&session->backend->n_started), ==, (int) number + 1);

      vhu_test_ring_clear (&ring);
      vhu_test_session_leave (session);
      session->frontend = vhu_test_server_open (session->server);
    }
}

/* Trap 4. */
static void
test_a_kick_before_enable_is_not_lost (VhuTestSession *session,
                                       gconstpointer   n_threads)
{
  g_auto(VhuTestRing) ring = VHU_TEST_RING_INIT;

  vhu_test_ring_init (&ring, session->frontend, 0, RING_SIZE);
  vhu_test_ring_prepare (&ring);
  vhu_test_ring_send_kick (&ring);
  vhu_test_ring_submit (&ring, "boot");
  vhu_test_ring_signal_kick (&ring);
  vhu_test_event_wait_taken (ring.kick);
  vhu_test_ring_expect_nothing (&ring);

  vhu_test_ring_send_enable (&ring, TRUE);
  vhu_test_ring_expect (&ring, "boot");
  vhu_test_ring_expect_nothing (&ring);
  g_assert_cmpint (g_atomic_int_get (&session->backend->n_processed), ==, 1);
}

/* Some front-ends leave no kick behind for what is there at the start. */
static void
test_a_start_needs_no_kick (VhuTestSession *session,
                            gconstpointer   n_threads)
{
  g_auto(VhuTestRing) ring = VHU_TEST_RING_INIT;

  vhu_test_ring_init (&ring, session->frontend, 0, RING_SIZE);
  vhu_test_ring_submit (&ring, "never kicked");
  vhu_test_ring_start (&ring);
  vhu_test_ring_expect (&ring, "never kicked");
}

/* Enabling and disabling a ring that runs, with and without work. */
static void
test_a_disabled_ring_rests (VhuTestSession *session,
                            gconstpointer   n_threads)
{
  g_auto(VhuTestRing) ring = VHU_TEST_RING_INIT;

  vhu_test_ring_init (&ring, session->frontend, 0, RING_SIZE);
  vhu_test_ring_start (&ring);
  for (guint i = 0; i < 20; i++)
    {
      vhu_test_ring_echo (&ring, "on");
      vhu_test_ring_send_enable (&ring, FALSE);
      vhu_test_ring_submit (&ring, "off");
      vhu_test_ring_signal_kick (&ring);
      vhu_test_ring_expect_nothing (&ring);
      vhu_test_ring_send_enable (&ring, TRUE);
      vhu_test_ring_expect (&ring, "off");
    }
  g_assert_cmpint (session->backend->n_started, ==, 1);
}

/* Trap 29. What is not readable wakes nobody. */
static void
test_a_kick_on_a_disabled_ring_does_not_spin (VhuTestSession *session,
                                              gconstpointer   n_threads)
{
  g_auto(VhuTestRing) ring = VHU_TEST_RING_INIT;

  vhu_test_ring_init (&ring, session->frontend, 0, RING_SIZE);
  vhu_test_ring_prepare (&ring);
  vhu_test_ring_send_kick (&ring);
  for (guint i = 0; i < 10; i++)
    {
      vhu_test_ring_signal_kick (&ring);
      vhu_test_event_wait_taken (ring.kick);
    }
  g_assert_cmpint (g_atomic_int_get (&session->backend->n_processed), ==, 0);
}

/* Trap 5. */
static void
test_stopping_returns_the_next_index (VhuTestSession *session,
                                      gconstpointer   n_threads)
{
  g_auto(VhuTestRing) ring = VHU_TEST_RING_INIT;

  vhu_test_ring_init (&ring, session->frontend, 0, RING_SIZE);
  vhu_test_ring_start (&ring);
  for (guint i = 0; i < 3 * RING_SIZE + 7; i++)
    vhu_test_ring_echo (&ring, "counted");
  g_assert_cmpuint (vhu_test_ring_stop (&ring), ==, 3 * RING_SIZE + 7);
  /* Asked again, it has not changed. */
  g_assert_cmpuint (vhu_test_ring_stop (&ring), ==, 3 * RING_SIZE + 7);
}

/* A ring that was never set up has a base, too. */
static void
test_stopping_returns_what_was_set (VhuTestSession *session,
                                    gconstpointer   n_threads)
{
  g_auto(VhuTestRing) ring = VHU_TEST_RING_INIT;

  vhu_test_ring_init (&ring, session->frontend, 1, RING_SIZE);
  g_assert_cmpuint (vhu_test_ring_stop (&ring), ==, 0);
  vhu_test_ring_send_base (&ring, 65535);
  g_assert_cmpuint (vhu_test_ring_stop (&ring), ==, 65535);

  /* Nor does it matter that it was complete, but not yet kicked or enabled. */
  vhu_test_ring_prepare (&ring);
  vhu_test_ring_send_base (&ring, 77);
  vhu_test_ring_send_kick (&ring);
  g_assert_cmpuint (vhu_test_ring_stop (&ring), ==, 77);
  g_assert_cmpint (session->backend->n_started, ==, 0);
}

/* Trap 6: a stop forgets nothing but the descriptors. */
static void
test_a_new_kick_restarts_a_stopped_ring (VhuTestSession *session,
                                         gconstpointer   n_threads)
{
  g_auto(VhuTestRing) ring = VHU_TEST_RING_INIT;

  vhu_test_ring_init (&ring, session->frontend, 0, RING_SIZE);
  vhu_test_ring_start (&ring);
  for (guint i = 0; i < 20; i += 2)
    {
      vhu_test_ring_echo (&ring, "going on");
      g_assert_cmpuint (vhu_test_ring_stop (&ring), ==, i + 1);
      vhu_test_ring_submit (&ring, "not yet");
      vhu_test_ring_signal_kick (&ring);
      vhu_test_ring_expect_nothing (&ring);
      vhu_test_ring_send_kick (&ring);
      vhu_test_ring_expect (&ring, "not yet");
    }
}

/* Trap 7: a driver that was booted anew begins at 0 without a word. */
static void
test_used_index_is_read_at_every_start (VhuTestSession *session,
                                        gconstpointer   n_threads)
{
  g_auto(VhuTestRing) ring = VHU_TEST_RING_INIT;

  vhu_test_ring_init (&ring, session->frontend, 0, RING_SIZE);
  for (guint boot = 0; boot < 5; boot++)
    {
      vhu_test_ring_start (&ring);
      for (guint i = 0; i < 3 + boot; i++)
        vhu_test_ring_echo (&ring, "since the boot");
      g_assert_cmpuint (vhu_driver_queue_peek_used_index (ring.queue), ==, 3 + boot);
      g_assert_cmpuint (vhu_test_ring_stop (&ring), ==, 3 + boot);
      vhu_driver_queue_reset (ring.queue);
    }
}

/* Trap 8: a ring of which two chains were lost with a back-end that crashed. */
static void
test_base_moves_the_available_index_only (VhuTestSession *session,
                                          gconstpointer   n_threads)
{
  const guint16 used_index = 3;
  g_autoptr(GBytes) bytes = g_bytes_new (&used_index, sizeof used_index);
  g_auto(VhuTestRing) ring = VHU_TEST_RING_INIT;
  g_autoptr(GError) error = NULL;

  vhu_test_ring_init (&ring, session->frontend, 0, RING_SIZE);
  vhu_driver_queue_set_strict (ring.queue, FALSE);
  vhu_test_ring_start (&ring);
  for (guint i = 0; i < 5; i++)
    vhu_test_ring_echo (&ring, "before");
  g_assert_cmpuint (vhu_test_ring_stop (&ring), ==, 5);

  vhu_frontend_write_memory (session->frontend,
                             vhu_driver_queue_get_used_address (ring.queue) + 2, bytes, &error);
  g_assert_no_error (error);
  vhu_test_ring_send_base (&ring, 5);
  vhu_test_ring_send_kick (&ring);
  vhu_test_ring_submit (&ring, "after");
  vhu_test_ring_signal_kick (&ring);
  vhu_test_wait_for (&session->backend->n_processed, 6);
  g_assert_cmpuint (vhu_test_ring_stop (&ring), ==, 6);
  g_assert_cmpuint (vhu_driver_queue_peek_used_index (ring.queue), ==, 4);
}

/* Trap 10, and danger 27. */
static void
test_every_message_checks_the_queue (VhuTestSession *session,
                                     gconstpointer   n_threads)
{
  static const guint states[] = {
    VHU_TEST_SET_VRING_NUM, VHU_TEST_SET_VRING_BASE, VHU_TEST_SET_VRING_ENABLE,
  };
  static const guint events[] = {
    VHU_TEST_SET_VRING_KICK, VHU_TEST_SET_VRING_CALL, VHU_TEST_SET_VRING_ERR,
  };
  static const guint32 numbers[] = { 2, 255, 256, 65536, 0x80000000, G_MAXUINT32 };
  int fd = vhu_test_event_new ();

  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      const VhuTestVringAddress address = { .index = numbers[i] };
      guint64 event = numbers[i] | (numbers[i] > 255 ? VHU_TEST_BIT (63) : 0);

      for (guint j = 0; j < G_N_ELEMENTS (states); j++)
        expect_state_refused (session, states[j], numbers[i], 1);
      vhu_test_expect_refused (session->frontend, VHU_TEST_SET_VRING_ADDR,
                               &address, sizeof address, -1);
      for (guint j = 0; j < G_N_ELEMENTS (events); j++)
        vhu_test_expect_refused (session->frontend, events[j], &event, sizeof event, fd);
    }
  close (fd);
  vhu_test_session_echo (session->queue, "untouched");
}

/* Trap 10: an answer that says "no such queue" does not exist. */
static void
test_asking_for_a_base_checks_the_queue (VhuTestSession *session,
                                         gconstpointer   n_threads)
{
  static const guint32 numbers[] = { 2, 256, G_MAXUINT32 };

  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      const VhuTestVringState state = { numbers[i], 0 };

      vhu_test_send (session->frontend, VHU_TEST_GET_VRING_BASE, VHU_TEST_PLAIN,
                     &state, sizeof state, -1);
      vhu_test_expect_closed (session->frontend);
      vhu_test_session_come_back (session);
    }
}

/* Trap 16. */
static void
test_enabling_does_not_need_multiqueue (VhuTestSession *session,
                                        gconstpointer   n_threads)
{
  g_autoptr(VhuDriverQueue) queue = NULL;
  g_autoptr(GError) error = NULL;

  vhu_frontend_want_protocol_feature (session->frontend, VHU_PROTOCOL_FEATURE_MQ, FALSE);
  vhu_test_session_negotiate (session);
  queue = vhu_frontend_add_queue (session->frontend, 1, RING_SIZE, &error);
  g_assert_no_error (error);
  vhu_test_session_echo (queue, "the second of one");
}

/* Trap 44, and danger 26. */
static void
test_only_powers_of_two_are_sizes (VhuTestSession *session,
                                   gconstpointer   n_threads)
{
  static const guint32 wrong[] = {
    0, 3, 5, 6, 100, 255, 257, 511, 2 * VHU_TEST_QUEUE_SIZE, 32768, 65535, 65536,
    65536 + 64, 0x80000000, G_MAXUINT32,
  };
  g_auto(VhuTestRing) ring = VHU_TEST_RING_INIT;

  vhu_test_ring_init (&ring, session->frontend, 0, RING_SIZE);
  vhu_test_ring_send_num (&ring);
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    expect_state_refused (session, VHU_TEST_SET_VRING_NUM, 0, wrong[i]);

  /* The size of before still holds: the ring's parts are where it says. */
  vhu_test_ring_send_addresses (&ring);
  vhu_test_ring_send_kick (&ring);
  vhu_test_ring_send_enable (&ring, TRUE);
  for (guint i = 0; i < 2 * RING_SIZE; i++)
    vhu_test_ring_echo (&ring, "all around");
}

static void
test_every_power_of_two_is_a_size (VhuTestSession *session,
                                   gconstpointer   n_threads)
{
  /* Two descriptors each: one is too few for an echo. */
  for (guint size = 2; size <= VHU_TEST_QUEUE_SIZE; size *= 2)
    {
      g_auto(VhuTestRing) ring = VHU_TEST_RING_INIT;

      vhu_test_ring_init (&ring, session->frontend, 0, size);
      vhu_test_ring_start (&ring);
      for (guint i = 0; i < 2 * size + 1; i++)
        vhu_test_ring_echo (&ring, "round and round");
      vhu_test_ring_stop (&ring);
    }
}

/* Danger 26. */
static void
test_a_running_ring_cannot_change (VhuTestSession *session,
                                   gconstpointer   n_threads)
{
  VhuTestVringAddress address = { .index = 0 };
  g_auto(VhuTestRing) ring = VHU_TEST_RING_INIT;

  vhu_test_ring_init (&ring, session->frontend, 0, RING_SIZE);
  vhu_test_ring_start (&ring);
  vhu_test_ring_echo (&ring, "as it is");
  expect_state_refused (session, VHU_TEST_SET_VRING_NUM, 0, RING_SIZE / 2);
  expect_state_refused (session, VHU_TEST_SET_VRING_BASE, 0, 0);
  address.desc = vhu_frontend_get_user_address
    (session->frontend, vhu_driver_queue_get_desc_address (ring.queue));
  address.used = address.desc + 8192;
  address.avail = address.desc + 4096;
  vhu_test_expect_refused (session->frontend, VHU_TEST_SET_VRING_ADDR,
                           &address, sizeof address, -1);

  /* The same again is what a front-end says that switches the log. */
  vhu_test_ring_send_addresses (&ring);
  vhu_test_ring_echo (&ring, "and stays");
}

static void
test_a_base_has_sixteen_bits (VhuTestSession *session,
                              gconstpointer   n_threads)
{
  expect_state_refused (session, VHU_TEST_SET_VRING_BASE, 0, 65536);
  expect_state_refused (session, VHU_TEST_SET_VRING_BASE, 0, G_MAXUINT32);
  expect_state_taken (session, VHU_TEST_SET_VRING_BASE, 0, 65535);
  expect_state_refused (session, VHU_TEST_SET_VRING_ENABLE, 0, 2);
  expect_state_refused (session, VHU_TEST_SET_VRING_ENABLE, 0, G_MAXUINT32);
}

/* Trap 49. */
static void
set_up_many_queues (VhuTestSession *session,
                    gconstpointer   n_threads)
{
  vhu_test_session_connect_to (session, vhu_test_backend_new_with_queues (256), n_threads);
  vhu_test_session_negotiate (session);
}

static void
test_the_last_of_many_queues_is_served (VhuTestSession *session,
                                        gconstpointer   n_threads)
{
  static const guint numbers[] = { 0, 1, 31, 32, 63, 64, 127, 128, 254, 255 };
  VhuTestRing rings[G_N_ELEMENTS (numbers)];

  g_assert_cmpuint (vhu_frontend_get_n_queues (session->frontend), ==, 256);
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      rings[i] = (VhuTestRing) VHU_TEST_RING_INIT;
      vhu_test_ring_init (&rings[i], session->frontend, numbers[i], 16);
      vhu_test_ring_start (&rings[i]);
    }
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      vhu_test_ring_echo (&rings[i], "one of many");
      g_assert_cmpuint (vhu_test_ring_stop (&rings[i]), ==, 1);
    }
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    vhu_test_ring_clear (&rings[i]);
}

static void
test_queue_256_is_not_queue_0 (VhuTestSession *session,
                               gconstpointer   n_threads)
{
  const guint64 event = 256 | VHU_TEST_BIT (9);
  g_auto(VhuTestRing) ring = VHU_TEST_RING_INIT;

  vhu_test_ring_init (&ring, session->frontend, 0, 16);
  vhu_test_ring_start (&ring);
  expect_state_refused (session, VHU_TEST_SET_VRING_NUM, 256, 16);
  expect_state_refused (session, VHU_TEST_SET_VRING_BASE, 256, 5);
  expect_state_refused (session, VHU_TEST_SET_VRING_ENABLE, 256, 0);
  vhu_test_expect_refused (session->frontend, VHU_TEST_SET_VRING_KICK, &event, 8, -1);
  vhu_test_ring_echo (&ring, "enabled, and where it was");
}

/* Trap 53. */
static void
test_reset_owner_stops_all_rings (VhuTestSession *session,
                                  gconstpointer   n_threads)
{
  VhuTestRing rings[2] = { VHU_TEST_RING_INIT, VHU_TEST_RING_INIT };
  g_autoptr(GError) error = NULL;

  for (guint i = 0; i < 2; i++)
    {
      vhu_test_ring_init (&rings[i], session->frontend, i, RING_SIZE);
      vhu_test_ring_start (&rings[i]);
      vhu_test_ring_echo (&rings[i], "with an owner");
    }

  vhu_frontend_reset_owner (session->frontend, &error);
  g_assert_no_error (error);
  g_assert_cmpint (session->backend->n_stopped, ==, 2);
  for (guint i = 0; i < 2; i++)
    {
      vhu_test_ring_submit (&rings[i], "without");
      vhu_test_ring_signal_kick (&rings[i]);
      vhu_test_ring_expect_nothing (&rings[i]);
      vhu_test_ring_send_kick (&rings[i]);
      vhu_test_ring_expect_nothing (&rings[i]);
      vhu_test_ring_send_enable (&rings[i], TRUE);
      vhu_test_ring_expect (&rings[i], "without");
      vhu_test_ring_clear (&rings[i]);
    }
}

/* What the device put aside for the stop comes first when the ring goes on. */
static void
test_parked_requests_survive_reset_owner (VhuTestSession *session,
                                          gconstpointer   n_threads)
{
  g_auto(VhuTestRing) ring = VHU_TEST_RING_INIT;
  g_autoptr(GError) error = NULL;

  session->backend->park = TRUE;
  g_atomic_int_set (&session->backend->mode, VHU_TEST_HOLD);
  vhu_test_ring_init (&ring, session->frontend, 0, RING_SIZE);
  vhu_test_ring_start (&ring);
  vhu_test_ring_submit (&ring, "parked");
  vhu_test_ring_signal_kick (&ring);
  vhu_test_wait_for (&session->backend->n_processed, 1);
  vhu_frontend_reset_owner (session->frontend, &error);
  g_assert_no_error (error);

  g_atomic_int_set (&session->backend->mode, VHU_TEST_ECHO);
  vhu_test_ring_send_kick (&ring);
  vhu_test_ring_send_enable (&ring, TRUE);
  vhu_test_ring_expect (&ring, "parked");
}

/* The device forgets, and what was negotiated stays. */
static void
test_a_reset_stops_all_rings (VhuTestSession *session,
                              gconstpointer   n_threads)
{
  g_auto(VhuTestRing) ring = VHU_TEST_RING_INIT;
  g_autoptr(GError) error = NULL;

  vhu_frontend_reset_device (session->frontend, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < 5; i++)
    {
      vhu_test_ring_init (&ring, session->frontend, 1, RING_SIZE);
      vhu_test_ring_start (&ring);
      vhu_test_ring_echo (&ring, "before");
      vhu_frontend_reset_device (session->frontend, &error);
      g_assert_no_error (error);
      g_assert_cmpint (session->backend->n_reset, ==, (int) i + 2);
      g_assert_cmpint (session->backend->n_stopped, ==, session->backend->n_started);
      g_assert_cmpint (session->backend->n_processed, ==, 0);
      g_assert_cmpint (session->backend->event_idx, ==, 0);
      vhu_test_ring_clear (&ring);
    }
  g_assert_true (vhu_backend_has_protocol_feature (VHU_BACKEND (session->backend), 3));
}

/* Nothing of a ring outlives a reset: it has to be said anew. */
static void
test_a_reset_forgets_the_rings (VhuTestSession *session,
                                gconstpointer   n_threads)
{
  g_auto(VhuTestRing) ring = VHU_TEST_RING_INIT;
  g_autoptr(GError) error = NULL;

  vhu_test_ring_init (&ring, session->frontend, 0, RING_SIZE);
  vhu_test_ring_start (&ring);
  vhu_test_ring_echo (&ring, "before");
  vhu_frontend_reset_device (session->frontend, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (vhu_test_ring_stop (&ring), ==, 0);

  vhu_driver_queue_reset (ring.queue);
  vhu_test_ring_submit (&ring, "after");
  vhu_test_ring_send_kick (&ring);
  vhu_test_ring_send_enable (&ring, TRUE);
  vhu_test_ring_expect_nothing (&ring);
  vhu_test_ring_send_num (&ring);
  vhu_test_ring_send_addresses (&ring);
  vhu_test_ring_expect (&ring, "after");
}

/* Trap 47: from the answer on, memory is the driver's alone. */
static void
set_short_drain (gpointer server,
                 gpointer unused)
{
  vhu_server_set_drain_timeout (server, SHORT_DRAIN_MS);
}

static void
set_up_short_drain (VhuTestSession *session,
                    gconstpointer   n_threads)
{
  vhu_test_session_connect (session, n_threads);
  vhu_test_server_run (session->server, set_short_drain, NULL);
  vhu_test_session_leave (session);
  session->frontend = vhu_test_server_open (session->server);
  vhu_test_session_negotiate (session);
}

static void
test_nothing_is_written_after_a_stop (VhuTestSession *session,
                                      gconstpointer   n_threads)
{
  g_auto(VhuTestRing) ring = VHU_TEST_RING_INIT;
  g_autoptr(GBytes) before = NULL;
  g_autoptr(GBytes) after = NULL;
  VhuTestRegion region;

  session->backend->ignore_stop = TRUE;
  g_atomic_int_set (&session->backend->mode, VHU_TEST_HOLD);
  vhu_test_ring_init (&ring, session->frontend, 0, RING_SIZE);
  vhu_test_ring_start (&ring);
  for (guint i = 0; i < 4; i++)
    vhu_test_ring_submit (&ring, "held for too long");
  vhu_test_ring_signal_kick (&ring);
  vhu_test_wait_for (&session->backend->n_processed, 4);
  g_assert_cmpuint (vhu_test_ring_stop (&ring), ==, 4);

  vhu_test_describe (session->frontend, 0, &region);
  before = vhu_frontend_read_memory (session->frontend, region.guest_address, region.size, NULL);
  vhu_test_backend_complete_held (session->backend);
  vhu_test_ring_expect_nothing (&ring);
  after = vhu_frontend_read_memory (session->frontend, region.guest_address, region.size, NULL);
  g_assert_true (g_bytes_equal (before, after));
  g_assert_false (vhu_test_event_is_signalled (ring.error));
}

/* Trap 36. */
static void
test_a_failing_device_loses_that_request_only (VhuTestSession *session,
                                               gconstpointer   n_threads)
{
  static const int modes[] = { VHU_TEST_FAIL, VHU_TEST_DROP };
  g_auto(VhuTestRing) ring = VHU_TEST_RING_INIT;

  vhu_test_ring_init (&ring, session->frontend, 0, RING_SIZE);
  vhu_test_ring_start (&ring);
  for (guint i = 0; i < 10; i++)
    {
      g_atomic_int_set (&session->backend->mode, modes[i % 2]);
      vhu_test_ring_submit (&ring, "?");
      vhu_test_ring_signal_kick (&ring);
      vhu_test_ring_expect (&ring, "\xee");
      g_assert_cmpint (session->backend->n_failed, ==, (int) i + 1);
      g_atomic_int_set (&session->backend->mode, VHU_TEST_ECHO);
      vhu_test_ring_echo (&ring, "the next one");
    }
  g_assert_cmpuint (vhu_backend_get_n_errors (VHU_BACKEND (session->backend)), ==, 10);
}

/* Trap 40. */
static void
test_a_device_may_attach_sources_while_it_is_called (VhuTestSession *session,
                                                     gconstpointer   n_threads)
{
  g_auto(VhuTestRing) ring = VHU_TEST_RING_INIT;

  g_atomic_int_set (&session->backend->mode, VHU_TEST_LATER);
  vhu_test_ring_init (&ring, session->frontend, 1, RING_SIZE);
  vhu_test_ring_start (&ring);
  for (guint i = 0; i < 100; i++)
    vhu_test_ring_echo (&ring, "from a source");
  for (guint i = 0; i < RING_SIZE / 2; i++)
    vhu_test_ring_submit (&ring, "from many sources");
  vhu_test_ring_signal_kick (&ring);
  for (guint i = 0; i < RING_SIZE / 2; i++)
    vhu_test_ring_expect (&ring, "from many sources");
}

#define ADD(name, set_up, func) \
  VHU_TEST_SESSION_ADD ("/session/rings/" name, set_up, func)
#define ADD_PLAIN(name, func) \
  ADD (name, vhu_test_session_set_up_without_queue, func)

static void
add_setting_tests (void)
{
  ADD_PLAIN ("only-powers-of-two-are-sizes", test_only_powers_of_two_are_sizes);
  ADD_PLAIN ("every-power-of-two-is-a-size", test_every_power_of_two_is_a_size);
  ADD_PLAIN ("a-running-ring-cannot-change", test_a_running_ring_cannot_change);
  ADD_PLAIN ("a-base-has-sixteen-bits", test_a_base_has_sixteen_bits);
  ADD ("every-message-checks-the-queue", vhu_test_session_set_up,
       test_every_message_checks_the_queue);
  ADD ("asking-for-a-base-checks-the-queue", vhu_test_session_set_up,
       test_asking_for_a_base_checks_the_queue);
  ADD ("enabling-does-not-need-multiqueue", vhu_test_session_connect,
       test_enabling_does_not_need_multiqueue);
  ADD ("the-last-of-many-queues-is-served", set_up_many_queues,
       test_the_last_of_many_queues_is_served);
  ADD ("queue-256-is-not-queue-0", set_up_many_queues, test_queue_256_is_not_queue_0);
}

static void
add_life_tests (void)
{
  ADD ("messages-may-come-in-any-order", vhu_test_session_connect,
       test_messages_may_come_in_any_order);
  ADD_PLAIN ("a-kick-before-enable-is-not-lost", test_a_kick_before_enable_is_not_lost);
  ADD_PLAIN ("a-start-needs-no-kick", test_a_start_needs_no_kick);
  ADD_PLAIN ("a-disabled-ring-rests", test_a_disabled_ring_rests);
  ADD_PLAIN ("a-kick-on-a-disabled-ring-does-not-spin",
             test_a_kick_on_a_disabled_ring_does_not_spin);
  ADD_PLAIN ("stopping-returns-the-next-index", test_stopping_returns_the_next_index);
  ADD_PLAIN ("stopping-returns-what-was-set", test_stopping_returns_what_was_set);
  ADD_PLAIN ("a-new-kick-restarts-a-stopped-ring", test_a_new_kick_restarts_a_stopped_ring);
  ADD_PLAIN ("used-index-is-read-at-every-start", test_used_index_is_read_at_every_start);
  ADD_PLAIN ("base-moves-the-available-index-only",
             test_base_moves_the_available_index_only);
  ADD_PLAIN ("reset-owner-stops-all-rings", test_reset_owner_stops_all_rings);
  ADD_PLAIN ("parked-requests-survive-reset-owner",
             test_parked_requests_survive_reset_owner);
  ADD_PLAIN ("a-reset-stops-all-rings", test_a_reset_stops_all_rings);
  ADD_PLAIN ("a-reset-forgets-the-rings", test_a_reset_forgets_the_rings);
  ADD ("nothing-is-written-after-a-stop", set_up_short_drain,
       test_nothing_is_written_after_a_stop);
  ADD_PLAIN ("a-failing-device-loses-that-request-only",
             test_a_failing_device_loses_that_request_only);
  ADD_PLAIN ("a-device-may-attach-sources-while-it-is-called",
             test_a_device_may_attach_sources_while_it_is_called);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  add_setting_tests ();
  add_life_tests ();

  return g_test_run ();
}
