/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-test-fds.h"
#include "vhu-test-log.h"
#include "vhu-test-memory.h"
#include "vhu-test-ring.h"

/* What a front-end says of a ring, and in which order, may be nonsense. It is
 * refused where that can be seen at once, and breaks the ring where it cannot.
 * Queue 0 runs meanwhile, and queue 1 is the one that all this is about. */

#define SIZE 16

static void
expect_num (VhuTestSession *session,
            guint32         num,
            gboolean        taken)
{
  const VhuTestVringState state = { 1, num };

  if (taken)
    vhu_test_expect_taken (session->frontend, VHU_TEST_SET_VRING_NUM,
                           &state, sizeof state, -1);
  else
    vhu_test_expect_refused (session->frontend, VHU_TEST_SET_VRING_NUM,
                             &state, sizeof state, -1);
}

static void
test_bad_sizes_are_refused (VhuTestSession *session,
                            gconstpointer   n_threads)
{
  static const guint32 bad[] = {
    0, 3, 17, 255, 257, 512, 32768, 65535, 65536, 65552, G_MAXUINT32,
  };
  g_auto(VhuTestRing) ring = VHU_TEST_RING_INIT;

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    expect_num (session, bad[i], FALSE);
  for (guint num = 1; num <= VHU_TEST_QUEUE_SIZE; num *= 2)
    expect_num (session, num, TRUE);

  vhu_test_ring_init (&ring, session->frontend, 1, SIZE);
  vhu_test_ring_start (&ring);
  expect_num (session, 2 * SIZE, FALSE);
  expect_num (session, SIZE / 2, FALSE);
  vhu_test_ring_echo (&ring, "as before");
  vhu_test_session_echo (session->queue, "and the other one");
}

/* A queue that is not there, by numbers that are one of ours when cut short. */

static const guint32 bad_indices[] = {
  2, 3, 255, 0x100, 0x101, 0x10000, 0x80000000, G_MAXUINT32,
};

static void
test_bad_indices_are_refused (VhuTestSession *session,
                              gconstpointer   n_threads)
{
  static const guint requests[] = {
    VHU_TEST_SET_VRING_NUM, VHU_TEST_SET_VRING_BASE, VHU_TEST_SET_VRING_ENABLE,
  };

  for (guint i = 0; i < G_N_ELEMENTS (bad_indices); i++)
    {
      const VhuTestVringAddress address = { .index = bad_indices[i] };
      const VhuTestVringState state = { bad_indices[i], 1 };

      for (guint j = 0; j < G_N_ELEMENTS (requests); j++)
        vhu_test_expect_refused (session->frontend, requests[j], &state, sizeof state, -1);
      vhu_test_expect_refused (session->frontend, VHU_TEST_SET_VRING_ADDR,
                               &address, sizeof address, -1);
    }
  vhu_test_session_echo (session->queue, "goes on");
}

static void
test_bad_indices_of_descriptors_are_refused (VhuTestSession *session,
                                             gconstpointer   n_threads)
{
  static const guint requests[] = {
    VHU_TEST_SET_VRING_KICK, VHU_TEST_SET_VRING_CALL, VHU_TEST_SET_VRING_ERR,
  };
  static const guint64 bad[] = {
    2, 3, 255, 0x200, 0x300, 0x10000, G_GUINT64_CONSTANT (1) << 32, G_MAXUINT64 & ~0x1ffu,
  };
  vhu_test_autofd int fd = vhu_test_event_new ();

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    for (guint j = 0; j < G_N_ELEMENTS (requests); j++)
      {
        const guint64 without = bad[i] | VHU_TEST_NOFD;

        vhu_test_expect_refused (session->frontend, requests[j], &bad[i], sizeof bad[i], fd);
        vhu_test_expect_refused (session->frontend, requests[j], &without, sizeof without, -1);
      }
  vhu_test_session_echo (session->queue, "goes on");
}

/* Has a reply of its own, and none that means failure. */
static void
test_stopping_a_bad_index_ends_the_session (VhuTestSession *session,
                                            gconstpointer   n_threads)
{
  for (guint i = 0; i < G_N_ELEMENTS (bad_indices); i++)
    {
      const VhuTestVringState state = { bad_indices[i], 0 };

      vhu_test_send (session->frontend, VHU_TEST_GET_VRING_BASE, VHU_TEST_PLAIN,
                     &state, sizeof state, -1);
      vhu_test_expect_closed (session->frontend);
      vhu_test_session_come_back (session);
    }
}

static void
expect_parts (VhuTestSession *session,
              guint64         desc,
              guint64         avail,
              guint64         used,
              gboolean        taken)
{
  const VhuTestVringAddress address = {
    .index = 1, .desc = desc, .avail = avail, .used = used,
  };

  if (taken)
    vhu_test_expect_taken (session->frontend, VHU_TEST_SET_VRING_ADDR,
                           &address, sizeof address, -1);
  else
    vhu_test_expect_refused (session->frontend, VHU_TEST_SET_VRING_ADDR,
                             &address, sizeof address, -1);
}

static void
test_parts_outside_of_memory_are_refused (VhuTestSession *session,
                                          gconstpointer   n_threads)
{
  static const guint64 outside[] = {
    0, 16, VHU_TEST_USER_ELSEWHERE, G_MAXUINT64 - 15, G_MAXUINT64 - 0xfff, G_MAXINT64 - 15,
  };
  VhuTestRegion own;
  guint64 good, end;

  vhu_test_describe (session->frontend, 0, &own);
  good = own.user_address;
  end = own.user_address + own.size;
  expect_num (session, SIZE, TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (outside); i++)
    {
      expect_parts (session, outside[i], good, good, FALSE);
      expect_parts (session, good, outside[i], good, FALSE);
      expect_parts (session, good, good, outside[i], FALSE);
    }

  /* To the byte, and with the event index behind each of the last two. */
  expect_parts (session, end - 16 * SIZE + 16, good, good, FALSE);
  expect_parts (session, good, end - (4 + 2 * SIZE), good, FALSE);
  expect_parts (session, good, good, end - (4 + 8 * SIZE), FALSE);
  expect_parts (session, good, good, end, FALSE);
  expect_parts (session, end - 16 * SIZE, good, good, TRUE);
  expect_parts (session, good, end - (4 + 2 * SIZE + 2), good, TRUE);
  expect_parts (session, good, good, end - (4 + 8 * SIZE + 4), TRUE);
  vhu_test_session_echo (session->queue, "goes on");
}

/* Buffers may, rings may not: they would have to lie in one piece. */
static void
test_parts_must_not_span_regions (VhuTestSession *session,
                                  gconstpointer   n_threads)
{
  vhu_test_autofd int fd = vhu_test_memory_create_file (2 * VHU_TEST_PAGE);
  VhuTestRegion region = vhu_test_memory_region (VHU_TEST_PAGE, 0);
  guint64 good = region.user_address;
  guint64 end = region.user_address + VHU_TEST_PAGE;

  vhu_test_memory_add (session, &region, fd);
  region.guest_address += VHU_TEST_PAGE;
  region.user_address += VHU_TEST_PAGE;
  region.mmap_offset += VHU_TEST_PAGE;
  vhu_test_memory_add (session, &region, fd);

  expect_num (session, SIZE, TRUE);
  expect_parts (session, end - 16, good, good, FALSE);
  expect_parts (session, good, end - 16, good, FALSE);
  expect_parts (session, good, good, end - 16, FALSE);
  expect_parts (session, end, end - 64, good, TRUE);
}

static void
test_crooked_parts_are_refused (VhuTestSession *session,
                                gconstpointer   n_threads)
{
  VhuTestRegion own;
  guint64 good;

  vhu_test_describe (session->frontend, 0, &own);
  good = own.user_address;
  expect_num (session, SIZE, TRUE);
  for (guint shift = 0; shift < 4; shift++)
    expect_parts (session, good + (1u << shift), good, good, FALSE);
  expect_parts (session, good, good + 1, good, FALSE);
  expect_parts (session, good, good, good + 1, FALSE);
  expect_parts (session, good, good, good + 2, FALSE);
  expect_parts (session, good + 16, good + 2, good + 4, TRUE);
}

/* What could not be known when the addresses came is found at the start. */
static void
test_a_ring_that_outgrows_its_memory_breaks (VhuTestSession *session,
                                             gconstpointer   n_threads)
{
  g_auto(VhuTestRing) ring = VHU_TEST_RING_INIT;
  VhuTestRegion own;

  vhu_test_describe (session->frontend, 0, &own);
  vhu_test_log_clear ();
  vhu_test_ring_init (&ring, session->frontend, 1, SIZE);
  vhu_test_ring_prepare (&ring);
  expect_num (session, 1, TRUE);
  expect_parts (session, own.user_address + own.size - 16, own.user_address,
                own.user_address, TRUE);
  expect_num (session, SIZE, TRUE);
  vhu_test_ring_send_kick (&ring);
  vhu_test_ring_send_enable (&ring, TRUE);
  vhu_test_event_wait (ring.error);
  vhu_test_wait_for (&session->n_broken, 1);
  g_assert_true (vhu_test_log_has ("is not inside of one memory region"));
  vhu_test_ring_signal_kick (&ring);
  vhu_test_session_echo (session->queue, "not my business");
  g_assert_cmpuint (vhu_test_log_count ("queue 1 is broken"), ==, 1);
  g_assert_cmpint (g_atomic_int_get (&session->n_broken), ==, 1);

  g_assert_cmpuint (vhu_test_ring_stop (&ring), ==, 0);
  vhu_test_ring_start (&ring);
  vhu_test_ring_echo (&ring, "mended");
}

static void
test_a_base_far_away_breaks (VhuTestSession *session,
                             gconstpointer   n_threads)
{
  g_auto(VhuTestRing) ring = VHU_TEST_RING_INIT;

  vhu_test_ring_init (&ring, session->frontend, 1, SIZE);
  vhu_test_ring_prepare (&ring);
  vhu_test_ring_send_base (&ring, 1000);
  vhu_test_ring_send_kick (&ring);
  vhu_test_ring_send_enable (&ring, TRUE);
  vhu_test_ring_signal_kick (&ring);
  vhu_test_event_wait (ring.error);
  vhu_test_wait_for (&session->n_broken, 1);
  g_assert_true (vhu_test_log_has ("available index is 0 and was 1000"));
  vhu_test_session_echo (session->queue, "not my business");

  g_assert_cmpuint (vhu_test_ring_stop (&ring), ==, 1000);
  vhu_test_ring_start (&ring);
  vhu_test_ring_echo (&ring, "mended");
}

/* In the most absurd order: nothing is known, and everything asked for. */
static void
test_kick_and_enable_may_come_before_everything (VhuTestSession *session,
                                                 gconstpointer   n_threads)
{
  g_auto(VhuTestRing) ring = VHU_TEST_RING_INIT;
  vhu_test_autofd int kick = vhu_test_event_new ();
  const VhuTestVringState enabled = { 1, 1 };
  const guint64 one = 1;
  g_autoptr(GError) error = NULL;

  vhu_frontend_negotiate (session->frontend, &error);
  g_assert_no_error (error);
  vhu_test_event_signal (kick);
  vhu_test_expect_taken (session->frontend, VHU_TEST_SET_VRING_ENABLE,
                         &enabled, sizeof enabled, -1);
  vhu_test_expect_taken (session->frontend, VHU_TEST_SET_VRING_KICK, &one, sizeof one, kick);
  vhu_test_event_signal (kick);

  vhu_frontend_allocate_memory (session->frontend, 1 << 20, 1, &error);
  g_assert_no_error (error);
  vhu_test_ring_init (&ring, session->frontend, 1, SIZE);
  vhu_test_ring_submit (&ring, "patience");
  vhu_test_ring_send_num (&ring);
  vhu_test_ring_send_addresses (&ring);
  vhu_test_ring_expect_nothing (&ring);
  vhu_frontend_share_memory (session->frontend, &error);
  g_assert_no_error (error);
  vhu_test_ring_expect (&ring, "patience");
  g_assert_cmpint (g_atomic_int_get (&session->n_broken), ==, 0);
}

static void
test_parts_may_lie_on_top_of_each_other (VhuTestSession *session,
                                         gconstpointer   n_threads)
{
  g_auto(VhuTestRing) ring = VHU_TEST_RING_INIT;
  VhuTestRegion own;

  vhu_test_describe (session->frontend, 0, &own);
  vhu_test_ring_init (&ring, session->frontend, 1, SIZE);
  vhu_test_ring_prepare (&ring);
  expect_parts (session, own.user_address, own.user_address, own.user_address, TRUE);
  vhu_test_ring_send_kick (&ring);
  vhu_test_ring_send_enable (&ring, TRUE);
  for (guint i = 0; i < 20; i++)
    {
      vhu_test_ring_signal_kick (&ring);
      vhu_test_event_wait_taken (ring.kick);
    }
  vhu_test_ring_stop (&ring);
}

int
main (int    argc,
      char **argv)
{
  vhu_test_log_install ();
  g_test_init (&argc, &argv, NULL);

#define ADD(name, set_up, func)                                                 \
  VHU_TEST_SESSION_ADD_COME_BACK ("/session/hostile-setup/" name, set_up, func)

  ADD ("bad-sizes-are-refused", vhu_test_session_set_up,
       test_bad_sizes_are_refused);
  ADD ("bad-indices-are-refused", vhu_test_session_set_up,
       test_bad_indices_are_refused);
  ADD ("bad-indices-of-descriptors-are-refused", vhu_test_session_set_up,
       test_bad_indices_of_descriptors_are_refused);
  ADD ("stopping-a-bad-index-ends-the-session", vhu_test_session_set_up,
       test_stopping_a_bad_index_ends_the_session);
  ADD ("parts-outside-of-memory-are-refused", vhu_test_session_set_up,
       test_parts_outside_of_memory_are_refused);
  ADD ("parts-must-not-span-regions", vhu_test_session_set_up,
       test_parts_must_not_span_regions);
  ADD ("crooked-parts-are-refused", vhu_test_session_set_up,
       test_crooked_parts_are_refused);
  ADD ("a-ring-that-outgrows-its-memory-breaks", vhu_test_session_set_up,
       test_a_ring_that_outgrows_its_memory_breaks);
  ADD ("a-base-far-away-breaks", vhu_test_session_set_up,
       test_a_base_far_away_breaks);
  ADD ("kick-and-enable-may-come-before-everything", vhu_test_session_connect,
       test_kick_and_enable_may_come_before_everything);
  ADD ("parts-may-lie-on-top-of-each-other", vhu_test_session_set_up,
       test_parts_may_lie_on_top_of_each_other);

  return g_test_run ();
}
