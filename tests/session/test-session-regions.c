/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-test-log.h"
#include "vhu-test-messages.h"
#include "vhu-test-ring.h"
#include "vhu-test-session.h"

/* Memory that leaves a ring while it works, and memory that was never shared; the
 * rest about it is in test-session-memory.c. */

#define RING_SIZE 64
#define NOT_SHARED \
  "guest memory is not shared (no file descriptors with SET_MEM_TABLE): " \
  "start the VM with memory-backend-memfd,share=on"

/* Front-ends of which the answer is not asked are cut off, with the same line. */
static void
test_memory_that_is_not_shared_closes (VhuTestSession *session,
                                       gconstpointer   n_threads)
{
  const guint32 table[10] = { 1 };

  vhu_test_log_clear ();
  vhu_test_send (session->frontend, VHU_TEST_SET_MEM_TABLE, VHU_TEST_PLAIN,
                 table, sizeof table, -1);
  vhu_test_expect_closed (session->frontend);
  g_assert_true (vhu_test_log_has (NOT_SHARED));
  vhu_test_session_come_back (session);
}

typedef struct
{
  VhuTestRing ring;
  int stop; /* atomic */
  guint n_done;
} Load;

static gpointer
run_load (gpointer user_data)
{
  Load *load = user_data;

  while (!g_atomic_int_get (&load->stop))
    {
      vhu_test_ring_echo (&load->ring, "under load");
      load->n_done++;
    }
  return NULL;
}

typedef void (*ChangeFunc) (VhuTestSession *session);

static void
change_under_load (VhuTestSession *session,
                   ChangeFunc      change)
{
  Load load = { .ring = VHU_TEST_RING_INIT };
  GThread *thread;

  vhu_test_ring_init (&load.ring, session->frontend, 1, RING_SIZE);
  vhu_test_ring_start (&load.ring);
  thread = g_thread_new ("load", run_load, &load);
  for (guint i = 0; i < 300; i++)
    change (session);
  g_atomic_int_set (&load.stop, TRUE);
  g_thread_join (thread);
  g_assert_cmpuint (load.n_done, >, 0);
  vhu_test_ring_clear (&load.ring);
}

/* Danger 22: the ring rests until its memory is back. */
static void
remove_and_add_back (VhuTestSession *session)
{
  g_autoptr(GError) error = NULL;

  vhu_frontend_rem_mem_reg (session->frontend, 0, &error);
  g_assert_no_error (error);
  vhu_frontend_add_mem_reg (session->frontend, 0, &error);
  g_assert_no_error (error);
}

static void
test_the_region_of_a_ring_may_leave_under_load (VhuTestSession *session,
                                                gconstpointer   n_threads)
{
  change_under_load (session, remove_and_add_back);
}

#define ADD(name, func) \
  VHU_TEST_SESSION_ADD ("/session/regions/" name, vhu_test_session_set_up, func)

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  vhu_test_log_install ();

  ADD ("memory-that-is-not-shared-closes", test_memory_that_is_not_shared_closes);
  ADD ("danger-22-the-region-of-a-ring-may-leave-under-load",
       test_the_region_of_a_ring_may_leave_under_load);

  return g_test_run ();
}
