/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-test-fds.h"
#include "vhu-test-log.h"
#include "vhu-test-memory.h"
#include "vhu-test-ring.h"

/* Guest memory comes and goes while queues run. */

#define PAGE VHU_TEST_PAGE
#define N_SLOTS 509
#define WAIT_MS 20000

static void
test_regions_may_begin_within_a_file (VhuTestSession *session,
                                      gconstpointer   n_threads)
{
  static const guint64 offsets[] = { 0, PAGE, 3 * PAGE, 7 * PAGE };
  vhu_test_autofd int fd = vhu_test_memory_create_file (8 * PAGE);

  for (guint i = 0; i < G_N_ELEMENTS (offsets); i++)
    {
      VhuTestRegion region = vhu_test_memory_region (PAGE, offsets[i]);

      vhu_test_memory_add (session, &region, fd);
      vhu_test_memory_echo (session->queue, fd, VHU_TEST_ELSEWHERE, offsets[i], "added");
      vhu_test_memory_echo (session->queue, fd, VHU_TEST_ELSEWHERE + PAGE - 128,
                            offsets[i] + PAGE - 128, "at its end");
      vhu_test_memory_remove (session, &region);

      g_assert_cmpuint (vhu_test_memory_send_table (session, &region, fd), ==, 0);
      vhu_test_memory_echo (session->queue, fd, VHU_TEST_ELSEWHERE, offsets[i], "in the table");
      vhu_test_memory_remove (session, &region);
    }
}

/* Machines of other page sizes than ours, and those that leave out a part of
 * their first page, begin wherever they like. */
static void
test_regions_may_begin_within_a_page (VhuTestSession *session,
                                      gconstpointer   n_threads)
{
  VhuTestRegion region = vhu_test_memory_region (PAGE, 0x2a30);
  vhu_test_autofd int fd = vhu_test_memory_create_file (4 * PAGE);

  region.guest_address += 0x550;
  region.user_address += 0x10;
  vhu_test_memory_add (session, &region, fd);
  vhu_test_memory_echo (session->queue, fd, region.guest_address, 0x2a30, "at its start");
  vhu_test_memory_echo (session->queue, fd, region.guest_address + PAGE - 128,
                        0x2a30 + PAGE - 128, "at its end");
}

/* Each of the slots is one page of a file, from its end to its beginning, and the
 * first is the queue's own. */
static VhuTestRegion
get_slot (guint number)
{
  VhuTestRegion region = vhu_test_memory_region (PAGE, (guint64) (N_SLOTS - number) * PAGE);

  region.guest_address += (guint64) number * 16 * PAGE;
  region.user_address += (guint64) number * 4 * PAGE;
  return region;
}

static void
test_all_509_slots_can_be_used (VhuTestSession *session,
                                gconstpointer   n_threads)
{
  vhu_test_autofd int fd = vhu_test_memory_create_file ((N_SLOTS + 1) * PAGE);
  VhuTestRegion region;

  vhu_test_send (session->frontend, VHU_TEST_GET_MAX_MEM_SLOTS, VHU_TEST_PLAIN, NULL, 0, -1);
  g_assert_cmpuint (vhu_test_receive_u64 (session->frontend, VHU_TEST_GET_MAX_MEM_SLOTS),
                    ==, N_SLOTS);
  for (guint i = 1; i < N_SLOTS; i++)
    {
      region = get_slot (i);
      vhu_test_memory_add (session, &region, fd);
    }
  region = get_slot (N_SLOTS);
  vhu_test_memory_refuse (session, &region, fd);

  for (guint i = 1; i < N_SLOTS; i += 39)
    {
      region = get_slot (i);
      vhu_test_memory_echo (session->queue, fd, region.guest_address, region.mmap_offset,
                            "one of many");
    }
  for (guint i = 1; i < N_SLOTS; i++)
    {
      region = get_slot (i);
      vhu_test_memory_remove (session, &region);
    }
  vhu_test_session_echo (session->queue, "alone again");
}

static void
test_removal_may_carry_a_descriptor (VhuTestSession *session,
                                     gconstpointer   n_threads)
{
  vhu_test_autofd int fd = vhu_test_memory_create_file (PAGE);
  VhuTestRegion region = vhu_test_memory_region (PAGE, 0);

  for (guint i = 0; i < 10; i++)
    {
      vhu_test_memory_add (session, &region, fd);
      g_assert_cmpuint (vhu_test_send_region (session->frontend, VHU_TEST_REM_MEM_REG,
                                              &region, fd), ==, 0);
    }
  vhu_test_memory_refuse_removal (session, &region);
  vhu_test_session_echo (session->queue, "goes on");
}

typedef struct
{
  VhuTestSession *session;
  VhuTestRegion region;
  int completed; /* atomic */
  int answered;  /* atomic */
} Removal;

static gpointer
remove_in_thread (gpointer user_data)
{
  Removal *removal = user_data;

  vhu_test_memory_remove (removal->session, &removal->region);
  g_assert_true (g_atomic_int_get (&removal->completed));
  g_atomic_int_set (&removal->answered, TRUE);
  return NULL;
}

static void
hold (VhuTestSession *session,
      guint64         from,
      guint64         to)
{
  int n_before = g_atomic_int_get (&session->backend->n_processed);

  g_atomic_int_set (&session->backend->mode, VHU_TEST_HOLD);
  vhu_test_memory_submit (session->queue, from, to, 8);
  vhu_test_wait_for (&session->backend->n_processed, n_before + 1);
}

/* The front-end unmaps what it took back: no answer before the device's hands are
 * off it. */
static void
check_removal_waits (VhuTestSession *session,
                     int             fd,
                     guint64         from,
                     guint64         to)
{
  Removal removal = { .session = session, .region = vhu_test_memory_region (PAGE, 0) };
  int n_memory;
  GThread *thread;

  vhu_test_memory_add (session, &removal.region, fd);
  hold (session, from, to);
  n_memory = g_atomic_int_get (&session->backend->n_memory);
  thread = g_thread_new ("remover", remove_in_thread, &removal);
  vhu_test_wait_for (&session->backend->n_memory, n_memory + 1);
  for (guint i = 0; i < 1000 && !g_atomic_int_get (&removal.answered); i++)
    g_thread_yield ();

  g_atomic_int_set (&removal.completed, TRUE);
  vhu_test_backend_complete_held (session->backend);
  g_thread_join (thread);
  vhu_test_memory_expect_used (session->queue, 8);
}

static void
test_removal_waits_for_held_chains (VhuTestSession *session,
                                    gconstpointer   n_threads)
{
  vhu_test_autofd int fd = vhu_test_memory_create_file (PAGE);
  g_autoptr(GError) error = NULL;
  guint64 here = vhu_frontend_allocate (session->frontend, 8, &error);

  g_assert_no_error (error);
  check_removal_waits (session, fd, here, VHU_TEST_ELSEWHERE);
  check_removal_waits (session, fd, VHU_TEST_ELSEWHERE, here);
}

/* The other way round: chains elsewhere may take as long as they like. */
static void
test_removal_waits_for_no_other_chains (VhuTestSession *session,
                                        gconstpointer   n_threads)
{
  vhu_test_autofd int fd = vhu_test_memory_create_file (PAGE);
  VhuTestRegion region = vhu_test_memory_region (PAGE, 0);
  g_autoptr(GError) error = NULL;
  guint64 here = vhu_frontend_allocate (session->frontend, 8, &error);

  g_assert_no_error (error);
  hold (session, here, here);
  vhu_test_memory_add (session, &region, fd);
  vhu_test_memory_remove (session, &region);
  g_assert_false (vhu_driver_queue_has_used (session->queue));
  vhu_test_backend_complete_held (session->backend);
  vhu_test_memory_expect_used (session->queue, 8);
}

/* A chain that reaches into what was removed breaks its queue, and no chain reads
 * memory of before. */
static void
test_removed_memory_is_out_of_reach (VhuTestSession *session,
                                     gconstpointer   n_threads)
{
  vhu_test_autofd int fd = vhu_test_memory_create_file (PAGE);
  VhuTestRegion region = vhu_test_memory_region (PAGE, 0);

  vhu_test_memory_add (session, &region, fd);
  vhu_test_memory_echo (session->queue, fd, VHU_TEST_ELSEWHERE, 0, "there");
  vhu_test_memory_remove (session, &region);
  vhu_test_memory_submit (session->queue, VHU_TEST_ELSEWHERE, VHU_TEST_ELSEWHERE + 64, 8);
  g_assert_true (vhu_driver_queue_wait_error (session->queue, WAIT_MS));
  g_assert_false (vhu_driver_queue_has_used (session->queue));
}

/* Without its memory a ring waits, and is none the worse for it. */
static void
test_a_live_ring_survives_its_memory (VhuTestSession *session,
                                      gconstpointer   n_threads)
{
  g_auto(VhuTestRing) ring = VHU_TEST_RING_INIT;
  g_autoptr(GError) error = NULL;
  VhuTestRegion own;
  vhu_test_autofd int fd = vhu_test_memory_get_own (session, &own);

  vhu_test_ring_init (&ring, session->frontend, 1, 16);
  vhu_test_ring_start (&ring);
  vhu_test_log_clear ();
  for (guint i = 0; i < 5; i++)
    {
      vhu_test_ring_echo (&ring, "before");
      vhu_test_memory_remove (session, &own);
      vhu_test_ring_submit (&ring, "meanwhile");
      vhu_test_ring_signal_kick (&ring);
      vhu_test_ring_expect_nothing (&ring);
      g_assert_false (vhu_test_event_is_signalled (ring.error));

      vhu_test_memory_add (session, &own, fd);
      vhu_test_ring_expect (&ring, "meanwhile");
      vhu_test_ring_echo (&ring, "afterwards");
      vhu_test_session_echo (session->queue, "the other one too");
    }
  g_assert_false (vhu_test_log_has ("broken"));
  g_assert_cmpint (g_atomic_int_get (&session->backend->n_stopped), ==, 0);
  g_assert_cmpuint (vhu_test_ring_stop (&ring), ==, 15);
}

/* What the device completes while the ring is away is there when it returns. */
static void
test_a_suspended_ring_keeps_completions (VhuTestSession *session,
                                         gconstpointer   n_threads)
{
  vhu_test_autofd int fd = vhu_test_memory_create_file (PAGE);
  VhuTestRegion buffers = vhu_test_memory_region (PAGE, 0);
  VhuTestRegion own;
  vhu_test_autofd int own_fd = vhu_test_memory_get_own (session, &own);

  vhu_test_memory_add (session, &buffers, fd);
  vhu_test_memory_write (fd, 0, "kept....");
  hold (session, VHU_TEST_ELSEWHERE, VHU_TEST_ELSEWHERE + 64);
  vhu_test_memory_remove (session, &own);
  vhu_test_backend_complete_held (session->backend);
  vhu_test_memory_add (session, &own, own_fd);
  vhu_test_memory_expect_used (session->queue, 8);
  vhu_test_memory_assert (fd, 64, "kept....");

  g_atomic_int_set (&session->backend->mode, VHU_TEST_ECHO);
  vhu_test_session_echo (session->queue, "goes on");
}

static void
stop_at (VhuDriverQueue *queue,
         guint           base)
{
  g_autoptr(GError) error = NULL;

  vhu_driver_queue_stop (queue, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (vhu_driver_queue_get_base (queue), ==, base);
}

static void
test_a_suspended_ring_can_be_stopped (VhuTestSession *session,
                                      gconstpointer   n_threads)
{
  vhu_test_autofd int fd = vhu_test_memory_create_file (PAGE);
  VhuTestRegion buffers = vhu_test_memory_region (PAGE, 0);
  g_autoptr(GError) error = NULL;
  VhuTestRegion own;
  vhu_test_autofd int own_fd = vhu_test_memory_get_own (session, &own);

  vhu_test_memory_add (session, &buffers, fd);
  vhu_test_memory_write (fd, 0, "kept....");
  hold (session, VHU_TEST_ELSEWHERE, VHU_TEST_ELSEWHERE + 64);
  vhu_test_memory_remove (session, &own);
  stop_at (session->queue, 1);
  vhu_test_memory_add (session, &own, own_fd);
  g_atomic_int_set (&session->backend->mode, VHU_TEST_ECHO);
  vhu_driver_queue_start (session->queue, &error);
  g_assert_no_error (error);

  vhu_test_memory_expect_used (session->queue, 8);
  vhu_test_memory_assert (fd, 64, "kept....");
  vhu_test_session_echo (session->queue, "goes on");
  stop_at (session->queue, 2);
}

/* Nothing is left of it: the fixture looks. */
static void
test_a_suspended_ring_may_be_left (VhuTestSession *session,
                                   gconstpointer   n_threads)
{
  VhuTestRegion own;
  vhu_test_autofd int own_fd = vhu_test_memory_get_own (session, &own);
  g_autoptr(GError) error = NULL;
  guint64 here = vhu_frontend_allocate (session->frontend, 8, &error);

  g_assert_no_error (error);
  vhu_test_memory_submit (session->queue, here, here, 8);
  vhu_test_memory_expect_used (session->queue, 8);
  vhu_test_memory_remove (session, &own);
  vhu_test_memory_refuse_removal (session, &own);
}

static void
set_short_drain (gpointer server,
                 gpointer unused)
{
  vhu_server_set_drain_timeout (server, 20);
}

/* The timeout is that of the next session. */
static void
set_up_short_drain (VhuTestSession *session,
                    gconstpointer   n_threads)
{
  vhu_test_session_connect (session, n_threads);
  vhu_test_server_run (session->server, set_short_drain, NULL);
  vhu_test_session_come_back (session);
}

/* A device that holds on does not hold up the front-end, nor keep the memory. */
static void
test_removal_revokes_in_time (VhuTestSession *session,
                              gconstpointer   n_threads)
{
  vhu_test_autofd int fd = vhu_test_memory_create_file (PAGE);
  VhuTestRegion region = vhu_test_memory_region (PAGE, 0);

  vhu_test_memory_add (session, &region, fd);
  vhu_test_memory_write (fd, 64, "untouched");
  hold (session, VHU_TEST_ELSEWHERE, VHU_TEST_ELSEWHERE + 64);
  vhu_test_memory_remove (session, &region);
  vhu_test_backend_complete_held (session->backend);
  g_atomic_int_set (&session->backend->mode, VHU_TEST_ECHO);
  vhu_test_session_echo (session->queue, "goes on");
  vhu_test_memory_assert (fd, 64, "untouched");
}

typedef struct
{
  VhuDriverQueue *queue;
  int n_done; /* atomic */
  int finish; /* atomic */
} Load;

static gpointer
load_in_thread (gpointer user_data)
{
  Load *load = user_data;

  while (!g_atomic_int_get (&load->finish))
    {
      vhu_test_session_echo (load->queue, "while memory comes and goes");
      g_atomic_int_inc (&load->n_done);
    }
  return NULL;
}

static void
test_memory_changes_under_load (VhuTestSession *session,
                                gconstpointer   n_threads)
{
  Load load = { .queue = session->queue };
  vhu_test_autofd int fd = vhu_test_memory_create_file (2 * PAGE);
  VhuTestRegion region = vhu_test_memory_region (PAGE, PAGE);
  VhuTestRegion own;
  vhu_test_autofd int own_fd = vhu_test_memory_get_own (session, &own);
  GThread *thread = g_thread_new ("load", load_in_thread, &load);

  for (guint i = 0; i < 100; i++)
    {
      vhu_test_wait_for (&load.n_done, (int) i);
      vhu_test_memory_add (session, &region, fd);
      if (i % 5 == 0)
        {
          vhu_test_memory_remove (session, &own);
          vhu_test_memory_add (session, &own, own_fd);
        }
      vhu_test_memory_remove (session, &region);
      g_assert_cmpuint (vhu_test_memory_send_table (session, &region, fd), ==, 0);
      g_assert_cmpuint (vhu_test_send_regions (session->frontend, &own, 1, &own_fd, 1),
                        ==, 0);
    }

  g_atomic_int_set (&load.finish, TRUE);
  g_thread_join (thread);
  vhu_test_session_echo (session->queue, "quiet again");
}

/* A file that shrinks afterwards costs the front-end its connection, and us no
 * more than that. */
static void
test_a_truncated_file_ends_the_session (VhuTestSession *session,
                                        gconstpointer   n_threads)
{
  vhu_test_autofd int fd = vhu_test_memory_create_file (2 * PAGE);
  VhuTestRegion region = vhu_test_memory_region (2 * PAGE, 0);

  vhu_test_memory_add (session, &region, fd);
  g_assert_cmpint (ftruncate (fd, PAGE), ==, 0);
  vhu_test_memory_submit (session->queue, VHU_TEST_ELSEWHERE + PAGE,
                          VHU_TEST_ELSEWHERE + PAGE + 64, 8);
  vhu_test_expect_closed (session->frontend);
}

int
main (int    argc,
      char **argv)
{
  vhu_test_log_install ();
  vhu_sigbus_guard_install ();
  g_test_init (&argc, &argv, NULL);

#define ADD(name, func)                                                         \
  VHU_TEST_SESSION_ADD_COME_BACK ("/session/memory/" name,                      \
                                  vhu_test_session_set_up, func)

  ADD ("regions-may-begin-within-a-file", test_regions_may_begin_within_a_file);
  ADD ("regions-may-begin-within-a-page", test_regions_may_begin_within_a_page);
  ADD ("all-509-slots-can-be-used", test_all_509_slots_can_be_used);
  ADD ("removal-may-carry-a-descriptor", test_removal_may_carry_a_descriptor);
  ADD ("removal-waits-for-held-chains", test_removal_waits_for_held_chains);
  ADD ("removal-waits-for-no-other-chains", test_removal_waits_for_no_other_chains);
  ADD ("removed-memory-is-out-of-reach", test_removed_memory_is_out_of_reach);
  ADD ("a-live-ring-survives-its-memory", test_a_live_ring_survives_its_memory);
  ADD ("a-suspended-ring-keeps-completions", test_a_suspended_ring_keeps_completions);
  ADD ("a-suspended-ring-can-be-stopped", test_a_suspended_ring_can_be_stopped);
  ADD ("a-suspended-ring-may-be-left", test_a_suspended_ring_may_be_left);
  VHU_TEST_SESSION_ADD_COME_BACK ("/session/memory/removal-revokes-in-time",
                                  set_up_short_drain, test_removal_revokes_in_time);
  ADD ("memory-changes-under-load", test_memory_changes_under_load);
  ADD ("a-truncated-file-ends-the-session", test_a_truncated_file_ends_the_session);

  return g_test_run ();
}
