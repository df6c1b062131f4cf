/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-test-session.h"

/* One test for each promise about stopping: what becomes of chains that the
 * device holds, and what the front-end may rely on when it has its answer. */

#define SHORT_DRAIN_MS 20
#define WAIT_MS 10000

static void
set_short_drain (gpointer server,
                 gpointer unused)
{
  vhu_server_set_drain_timeout (server, SHORT_DRAIN_MS);
}

/* As the ordinary set-up, but handles are revoked soon. */
static void
set_up_short_drain (VhuTestSession *session,
                    gconstpointer   n_threads)
{
  vhu_test_session_set_up (session, n_threads);

  g_clear_object (&session->queue);
  vhu_frontend_close (session->frontend);
  g_clear_object (&session->frontend);
  vhu_test_wait_for (&session->backend->n_closed, 1);
  vhu_test_server_run (session->server, set_short_drain, NULL);
  session->frontend = vhu_test_server_open (session->server);
  vhu_test_session_start (session);
}

static void
hold (VhuTestSession *session,
      guint           n_chains)
{
  g_autoptr(GBytes) out = g_bytes_new_static ("held", 4);
  g_autoptr(GError) error = NULL;
  int n_before = g_atomic_int_get (&session->backend->n_processed);

  g_atomic_int_set (&session->backend->mode, VHU_TEST_HOLD);
  for (guint i = 0; i < n_chains; i++)
    {
      vhu_driver_queue_submit_bytes (session->queue, out, 4, &error);
      g_assert_no_error (error);
    }
  vhu_driver_queue_kick (session->queue);
  vhu_test_wait_for (&session->backend->n_processed, n_before + (int) n_chains);
}

static VhuChain *
ref_first_held (VhuTestBackend *backend)
{
  VhuChain *chain;

  g_mutex_lock (&backend->mutex);
  g_assert_cmpuint (backend->held->len, >, 0);
  chain = vhu_chain_ref (g_ptr_array_index (backend->held, 0));
  g_mutex_unlock (&backend->mutex);
  return chain;
}

static guint
count_used (VhuDriverQueue *queue)
{
  guint n_used = 0;
  guint32 length;
  guint id;

  while (vhu_driver_queue_pop (queue, &id, &length))
    {
      g_autoptr(GBytes) result = vhu_driver_queue_take_result (queue, id);

      g_assert_cmpmem ("held", 4, g_bytes_get_data (result, NULL), g_bytes_get_size (result));
      n_used++;
    }
  return n_used;
}

/* GET_VRING_BASE drains first: what the device held is in the used ring when the
 * answer comes. */
static void
test_stop_drains_first (VhuTestSession *session,
                        gconstpointer   n_threads)
{
  g_autoptr(GError) error = NULL;

  hold (session, 10);
  vhu_driver_queue_stop (session->queue, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (vhu_driver_queue_get_base (session->queue), ==, 10);
  g_assert_cmpuint (count_used (session->queue), ==, 10);
}

static gpointer
complete_later (gpointer user_data)
{
  VhuTestSession *session = user_data;

  vhu_test_wait_for (&session->backend->n_stopping, 1);
  vhu_test_backend_complete_held (session->backend);
  return NULL;
}

static void
test_stop_waits_for_other_threads (VhuTestSession *session,
                                   gconstpointer   n_threads)
{
  g_autoptr(GError) error = NULL;
  GThread *thread;

  session->backend->ignore_stop = TRUE;
  hold (session, 10);
  thread = g_thread_new ("completer", complete_later, session);
  vhu_driver_queue_stop (session->queue, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (count_used (session->queue), ==, 10);
  g_thread_join (thread);
}

static void
test_parked_chains_come_back_first (VhuTestSession *session,
                                    gconstpointer   n_threads)
{
  g_autoptr(GBytes) last = g_bytes_new_static ("last", 4);
  g_autoptr(GError) error = NULL;
  g_autoptr(VhuChain) chain = NULL;
  guint32 length;
  guint ids[4];

  session->backend->park = TRUE;
  hold (session, 3);
  chain = ref_first_held (session->backend);
  vhu_driver_queue_stop (session->queue, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (vhu_driver_queue_get_base (session->queue), ==, 3);
  g_assert_false (vhu_driver_queue_has_used (session->queue));

  /* The handle of before is dead, and pins nothing. */
  g_assert_false (vhu_chain_complete (chain, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_REVOKED);
  g_clear_error (&error);

  g_atomic_int_set (&session->backend->mode, VHU_TEST_ECHO);
  vhu_driver_queue_submit_bytes (session->queue, last, 4, &error);
  g_assert_no_error (error);
  vhu_driver_queue_start (session->queue, &error);
  g_assert_no_error (error);
  vhu_driver_queue_kick_always (session->queue);
  for (guint i = 0; i < 4; i++)
    {
      while (!vhu_driver_queue_pop (session->queue, &ids[i], &length))
        {
          vhu_driver_queue_wait (session->queue, WAIT_MS, &error);
          g_assert_no_error (error);
        }
    }

  for (guint i = 0; i < 4; i++)
    {
      g_autoptr(GBytes) result = vhu_driver_queue_take_result (session->queue, ids[i]);

      g_assert_cmpmem (i < 3 ? "held" : "last", 4,
                       g_bytes_get_data (result, NULL), g_bytes_get_size (result));
    }
}

static void
test_held_chains_are_revoked_in_time (VhuTestSession *session,
                                      gconstpointer   n_threads)
{
  g_autoptr(GBytes) bytes = NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(VhuChain) chain = NULL;

  session->backend->ignore_stop = TRUE;
  hold (session, 1);
  chain = ref_first_held (session->backend);
  vhu_driver_queue_stop (session->queue, &error);
  g_assert_no_error (error);

  g_assert_true (vhu_chain_is_revoked (chain));
  bytes = vhu_chain_dup_bytes (chain, &error);
  g_assert_null (bytes);
  g_assert_error (error, VHU_ERROR, VHU_ERROR_REVOKED);
  g_clear_error (&error);
  g_assert_false (vhu_chain_write (chain, "late", 4, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_REVOKED);
  g_clear_error (&error);
  g_assert_false (vhu_chain_complete (chain, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_REVOKED);
  g_assert_false (vhu_driver_queue_has_used (session->queue));
  vhu_test_backend_complete_held (session->backend);
}

/* Chains with raw iovecs may be under real I/O: a stop waits for them, however
 * long it takes, and goes through as soon as they are done. */
static gpointer
complete_raw_later (gpointer user_data)
{
  VhuTestSession *session = user_data;
  gint64 begin;

  vhu_test_wait_for (&session->backend->n_stopping, 1);
  begin = g_get_monotonic_time ();
  while (g_get_monotonic_time () < begin + 5 * SHORT_DRAIN_MS * 1000)
    g_thread_yield ();
  g_assert_cmpint (g_atomic_int_get (&session->backend->n_stopped), <,
                   g_atomic_int_get (&session->backend->n_started));
  vhu_test_backend_complete_held (session->backend);
  return NULL;
}

static void
test_raw_chains_delay_a_stop (VhuTestSession *session,
                              gconstpointer   n_threads)
{
  g_autoptr(GError) error = NULL;
  GThread *thread;

  session->backend->ignore_stop = TRUE;
  session->backend->take_iov = TRUE;
  g_atomic_int_set (&session->backend->n_stopping, 0);
  hold (session, 1);
  thread = g_thread_new ("completer", complete_raw_later, session);
  vhu_driver_queue_stop (session->queue, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (count_used (session->queue), ==, 1);
  g_thread_join (thread);
}

static guint
count_guest_mappings (void)
{
  g_autofree char *maps = NULL;
  g_auto(GStrv) lines = NULL;
  guint n = 0;

  g_file_get_contents ("/proc/self/maps", &maps, NULL, NULL);
  lines = g_strsplit (maps, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    n += strstr (lines[i], "memfd:") != NULL;
  return n;
}

/* A script's garbage, an exception's traceback say, may hold a chain for ever. */
static void
test_session_end_frees_guest_memory (VhuTestSession *session,
                                     gconstpointer   n_threads)
{
  g_autoptr(VhuChain) chain = NULL;
  g_autoptr(GError) error = NULL;
  int n_closed = g_atomic_int_get (&session->backend->n_closed);

  session->backend->ignore_stop = TRUE;
  hold (session, 4);
  chain = ref_first_held (session->backend);
  g_clear_object (&session->queue);
  vhu_frontend_close (session->frontend);
  g_clear_object (&session->frontend);

  vhu_test_wait_for (&session->backend->n_closed, n_closed + 1);
  g_assert_cmpuint (count_guest_mappings (), ==, 0);
  g_assert_false (vhu_chain_complete (chain, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_REVOKED);
  vhu_test_backend_complete_held (session->backend);
}

/* A device with a nested main loop: the stop comes in while it is called. */
static gpointer
stop_queue (gpointer user_data)
{
  VhuTestSession *session = user_data;
  g_autoptr(GError) error = NULL;

  vhu_driver_queue_stop (session->queue, &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_atomic_int_get (&session->backend->n_nested), ==, 1);
  return NULL;
}

static void
test_stop_within_process_queue_waits (VhuTestSession *session,
                                      gconstpointer   n_threads)
{
  g_autoptr(GBytes) out = g_bytes_new_static ("nest", 4);
  g_autoptr(GError) error = NULL;
  GThread *thread;

  g_atomic_int_set (&session->backend->mode, VHU_TEST_NEST);
  vhu_driver_queue_submit_bytes (session->queue, out, 4, &error);
  g_assert_no_error (error);
  vhu_driver_queue_kick (session->queue);
  vhu_test_wait_for (&session->backend->n_processed, 1);

  thread = g_thread_new ("stopper", stop_queue, session);
  vhu_test_wait_for (&session->backend->n_iterations, 50);
  g_assert_cmpint (g_atomic_int_get (&session->backend->n_stopping), ==, 0);
  g_atomic_int_set (&session->backend->leave_nested, TRUE);
  g_thread_join (thread);
}

/* Stopping and starting while requests keep coming loses none. */
static void
test_nothing_is_lost_under_load (VhuTestSession *session,
                                 gconstpointer   n_threads)
{
  g_autoptr(GBytes) out = g_bytes_new_static ("held", 4);
  g_autoptr(GError) error = NULL;
  guint n_sent = 0, n_back = 0;

  for (guint round = 0; round < 100; round++)
    {
      while (vhu_driver_queue_get_n_free (session->queue) > 2)
        {
          vhu_driver_queue_submit_bytes (session->queue, out, 4, &error);
          g_assert_no_error (error);
          n_sent++;
          vhu_driver_queue_kick (session->queue);
        }
      vhu_driver_queue_stop (session->queue, &error);
      g_assert_no_error (error);
      n_back += count_used (session->queue);
      vhu_driver_queue_start (session->queue, &error);
      g_assert_no_error (error);
    }

  vhu_driver_queue_kick_always (session->queue);
  while (n_back < n_sent)
    {
      n_back += count_used (session->queue);
      if (n_back < n_sent)
        vhu_driver_queue_wait (session->queue, WAIT_MS, &error);
      g_assert_no_error (error);
    }
  g_assert_cmpuint (n_back, ==, n_sent);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  VHU_TEST_SESSION_ADD ("/session/drain/stop-drains-first",
                        vhu_test_session_set_up, test_stop_drains_first);
  VHU_TEST_SESSION_ADD ("/session/drain/stop-waits-for-other-threads",
                        vhu_test_session_set_up, test_stop_waits_for_other_threads);
  VHU_TEST_SESSION_ADD ("/session/drain/parked-chains-come-back-first",
                        vhu_test_session_set_up, test_parked_chains_come_back_first);
  VHU_TEST_SESSION_ADD ("/session/drain/held-chains-are-revoked-in-time",
                        set_up_short_drain, test_held_chains_are_revoked_in_time);
  VHU_TEST_SESSION_ADD ("/session/drain/raw-chains-delay-a-stop",
                        set_up_short_drain, test_raw_chains_delay_a_stop);
  VHU_TEST_SESSION_ADD ("/session/drain/session-end-frees-guest-memory",
                        set_up_short_drain, test_session_end_frees_guest_memory);
  VHU_TEST_SESSION_ADD ("/session/drain/stop-within-process-queue-waits",
                        vhu_test_session_set_up, test_stop_within_process_queue_waits);
  VHU_TEST_SESSION_ADD ("/session/drain/nothing-is-lost-under-load",
                        vhu_test_session_set_up, test_nothing_is_lost_under_load);

  return g_test_run ();
}
