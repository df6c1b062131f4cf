/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-worker.h"

#include <pthread.h>
#include <sys/resource.h>

#include "vhu-error.h"

/* What a function on the worker saw; the test waits until it is done. */
typedef struct
{
  GMutex mutex;
  GCond cond;
  VhuWorker *worker;
  GThread *thread;
  char thread_name[16];
  gboolean context_is_default;
  guint n_calls;
  guint n_calls_wanted;
  guint n_notified;
  GString *order;
} Probe;

static void
probe_init (Probe *probe)
{
  *probe = (Probe) { .n_calls_wanted = 1 };
  g_mutex_init (&probe->mutex);
  g_cond_init (&probe->cond);
  probe->order = g_string_new (NULL);
}

static void
probe_clear (Probe *probe)
{
  g_string_free (probe->order, TRUE);
  g_mutex_clear (&probe->mutex);
  g_cond_clear (&probe->cond);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Probe, probe_clear)

static gboolean
probe_cb (gpointer user_data)
{
  Probe *probe = user_data;
  gboolean more;

  g_mutex_lock (&probe->mutex);
  probe->thread = g_thread_self ();
  pthread_getname_np (pthread_self (), probe->thread_name, sizeof probe->thread_name);
  probe->context_is_default = g_main_context_get_thread_default () ==
                              vhu_worker_get_context (probe->worker);
  more = ++probe->n_calls < probe->n_calls_wanted;
  g_cond_broadcast (&probe->cond);
  g_mutex_unlock (&probe->mutex);

  return more ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

static void
probe_notify (gpointer user_data)
{
  Probe *probe = user_data;

  g_mutex_lock (&probe->mutex);
  probe->n_notified++;
  g_cond_broadcast (&probe->cond);
  g_mutex_unlock (&probe->mutex);
}

static void
wait_until_notified (Probe *probe,
                     guint  n)
{
  g_mutex_lock (&probe->mutex);
  while (probe->n_notified < n)
    g_cond_wait (&probe->cond, &probe->mutex);
  g_mutex_unlock (&probe->mutex);
}

static VhuWorker *
make_worker (const char *name)
{
  g_autoptr(GError) error = NULL;
  VhuWorker *worker = vhu_worker_new (name, &error);

  g_assert_no_error (error);
  g_assert_true (VHU_IS_WORKER (worker));
  return worker;
}

static void
test_function_runs_on_the_thread (void)
{
  g_autoptr(VhuWorker) worker = make_worker ("a-name-of-more-than-15-bytes");
  g_auto(Probe) probe;

  probe_init (&probe);
  probe.worker = worker;
  vhu_worker_invoke (worker, probe_cb, &probe, probe_notify);
  wait_until_notified (&probe, 1);

  g_assert_true (probe.thread != g_thread_self ());
  g_assert_true (probe.context_is_default);
  g_assert_cmpstr (probe.thread_name, ==, "a-name-of-more-");
  g_assert_cmpstr (vhu_worker_get_name (worker), ==, "a-name-of-more-than-15-bytes");
  g_assert_cmpuint (probe.n_calls, ==, 1);
}

static void
test_name_is_not_cut_within_a_character (void)
{
  g_autoptr(VhuWorker) worker = make_worker ("vierzehn-bytesü");
  g_auto(Probe) probe;

  probe_init (&probe);
  probe.worker = worker;
  vhu_worker_invoke (worker, probe_cb, &probe, probe_notify);
  wait_until_notified (&probe, 1);

  g_assert_cmpstr (probe.thread_name, ==, "vierzehn-bytes");
}

static void
test_function_is_called_until_it_is_done (void)
{
  g_autoptr(VhuWorker) worker = make_worker ("test");
  g_auto(Probe) probe;

  probe_init (&probe);
  probe.worker = worker;
  probe.n_calls_wanted = 3;
  vhu_worker_invoke (worker, probe_cb, &probe, probe_notify);
  wait_until_notified (&probe, 1);

  g_assert_cmpuint (probe.n_calls, ==, 3);
}

typedef struct
{
  Probe *probe;
  char letter;
  gboolean invoke_more;
} Step;

static gboolean
step_cb (gpointer user_data)
{
  Step *step = user_data;

  if (step->invoke_more)
    {
      Step *inner = g_memdup2 (step, sizeof *step);

      inner->invoke_more = FALSE;
      inner->letter = g_ascii_toupper (step->letter);
      vhu_worker_invoke (step->probe->worker, step_cb, inner, g_free);
    }
  g_string_append_c (step->probe->order, step->letter);
  return G_SOURCE_REMOVE;
}

static void
test_functions_run_in_order_and_never_within_the_call (void)
{
  g_autoptr(VhuWorker) worker = make_worker ("test");
  g_auto(Probe) probe;

  probe_init (&probe);
  probe.worker = worker;
  for (const char *letter = "abc"; *letter != '\0'; letter++)
    {
      Step step = { &probe, *letter, *letter == 'c' };

      vhu_worker_invoke (worker, step_cb, g_memdup2 (&step, sizeof step), g_free);
    }
  vhu_worker_invoke (worker, probe_cb, &probe, probe_notify);
  wait_until_notified (&probe, 1);
  vhu_worker_invoke (worker, probe_cb, &probe, probe_notify);
  wait_until_notified (&probe, 2);

  g_assert_cmpstr (probe.order->str, ==, "abcC");
}

static gboolean
busy_cb (gpointer user_data)
{
  return G_SOURCE_CONTINUE;
}

static void
test_busy_sources_do_not_keep_functions_out (void)
{
  g_autoptr(VhuWorker) worker = make_worker ("test");
  g_autoptr(GSource) busy = g_idle_source_new ();
  g_auto(Probe) probe;

  probe_init (&probe);
  probe.worker = worker;
  g_source_set_priority (busy, G_PRIORITY_DEFAULT);
  g_source_set_callback (busy, busy_cb, NULL, NULL);
  g_source_attach (busy, vhu_worker_get_context (worker));
  vhu_worker_invoke (worker, probe_cb, &probe, probe_notify);
  wait_until_notified (&probe, 1);

  g_source_destroy (busy);
}

static void
test_stop_twice_is_stop_once (void)
{
  g_autoptr(VhuWorker) worker = make_worker ("test");

  vhu_worker_stop (worker);
  vhu_worker_stop (worker);
  g_assert_nonnull (vhu_worker_get_context (worker));
}

static void
test_stop_right_after_the_start_ends (void)
{
  for (guint i = 0; i < 200; i++)
    {
      g_autoptr(VhuWorker) worker = make_worker ("test");

      if (i % 2 == 0)
        vhu_worker_stop (worker);
    }
}

static gboolean
stop_cb (gpointer user_data)
{
  Probe *probe = user_data;

  vhu_worker_stop (probe->worker);
  return probe_cb (probe);
}

static void
test_stop_on_its_own_thread_does_not_wait (void)
{
  g_autoptr(VhuWorker) worker = make_worker ("test");
  g_auto(Probe) probe;

  probe_init (&probe);
  probe.worker = worker;
  vhu_worker_invoke (worker, stop_cb, &probe, probe_notify);
  wait_until_notified (&probe, 1);

  g_assert_cmpuint (probe.n_calls, ==, 1);
  vhu_worker_stop (worker);
}

static gboolean
drop_cb (gpointer user_data)
{
  Probe *probe = user_data;

  g_clear_object (&probe->worker);
  return G_SOURCE_REMOVE;
}

static void
test_last_reference_may_go_on_its_own_thread (void)
{
  g_auto(Probe) probe;
  gpointer weak;

  probe_init (&probe);
  probe.worker = make_worker ("test");
  weak = probe.worker;
  g_object_add_weak_pointer (weak, &weak);
  vhu_worker_invoke (probe.worker, drop_cb, &probe, probe_notify);
  wait_until_notified (&probe, 1);

  g_assert_null (weak);
}

static gboolean
ask_for_more_and_stop_cb (gpointer user_data)
{
  Probe *probe = user_data;

  for (guint i = 0; i < 10; i++)
    vhu_worker_invoke (probe->worker, probe_cb, probe, probe_notify);
  vhu_worker_stop (probe->worker);
  return G_SOURCE_CONTINUE;
}

static void
test_what_did_not_run_is_dropped (void)
{
  VhuWorker *worker = make_worker ("test");
  g_autoptr(GMainContext) context = g_main_context_ref (vhu_worker_get_context (worker));
  g_auto(Probe) probe;

  probe_init (&probe);
  probe.worker = worker;
  vhu_worker_invoke (worker, ask_for_more_and_stop_cb, &probe, probe_notify);
  wait_until_notified (&probe, 11);
  g_object_unref (worker);

  g_assert_cmpuint (probe.n_calls, ==, 0);
  g_assert_cmpuint (probe.n_notified, ==, 11);
}

static void
test_dispose_drops_what_is_pending (void)
{
  for (guint i = 0; i < 50; i++)
    {
      g_autoptr(GMainContext) context = NULL;
      VhuWorker *worker = make_worker ("test");
      g_auto(Probe) probe;

      probe_init (&probe);
      probe.worker = worker;
      context = g_main_context_ref (vhu_worker_get_context (worker));
      for (guint j = 0; j < 10; j++)
        vhu_worker_invoke (worker, probe_cb, &probe, probe_notify);
      g_object_unref (worker);

      /* Some ran and the others did not, but all have ended. */
      g_assert_cmpuint (probe.n_calls, <=, 10);
      g_assert_cmpuint (probe.n_notified, ==, 10);
    }
}

static void
test_invoke_after_the_end_only_notifies (void)
{
  g_autoptr(VhuWorker) worker = make_worker ("test");
  g_auto(Probe) probe;

  probe_init (&probe);
  probe.worker = worker;
  vhu_worker_stop (worker);
  vhu_worker_invoke (worker, probe_cb, &probe, probe_notify);

  g_assert_cmpuint (probe.n_calls, ==, 0);
  g_assert_cmpuint (probe.n_notified, ==, 1);
}

static gpointer
stop_in_thread (gpointer user_data)
{
  vhu_worker_stop (user_data);
  return NULL;
}

static void
test_several_threads_stop_one_worker (void)
{
  for (guint i = 0; i < 50; i++)
    {
      g_autoptr(VhuWorker) worker = make_worker ("test");
      GThread *threads[3];

      for (guint j = 0; j < G_N_ELEMENTS (threads); j++)
        threads[j] = g_thread_new ("stopper", stop_in_thread, worker);
      for (guint j = 0; j < G_N_ELEMENTS (threads); j++)
        g_thread_join (threads[j]);
    }
}

static void
test_without_descriptors_there_is_an_error (void)
{
  if (g_test_subprocess ())
    {
      g_autoptr(GError) error = NULL;
      struct rlimit limit;
      int first_free = dup (0);

      close (first_free);
      g_assert_cmpint (getrlimit (RLIMIT_NOFILE, &limit), ==, 0);
      limit.rlim_cur = first_free + 1;
      g_assert_cmpint (setrlimit (RLIMIT_NOFILE, &limit), ==, 0);

      g_assert_null (vhu_worker_new ("test", &error));
      g_assert_error (error, VHU_ERROR, VHU_ERROR_FAILED);
      return;
    }

  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
  g_test_trap_assert_passed ();
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/loop/worker/function-runs-on-the-thread",
                   test_function_runs_on_the_thread);
  g_test_add_func ("/loop/worker/name-is-not-cut-within-a-character",
                   test_name_is_not_cut_within_a_character);
  g_test_add_func ("/loop/worker/function-is-called-until-it-is-done",
                   test_function_is_called_until_it_is_done);
  g_test_add_func ("/loop/worker/functions-run-in-order-and-never-within-the-call",
                   test_functions_run_in_order_and_never_within_the_call);
  g_test_add_func ("/loop/worker/busy-sources-do-not-keep-functions-out",
                   test_busy_sources_do_not_keep_functions_out);
  g_test_add_func ("/loop/worker/stop-twice-is-stop-once",
                   test_stop_twice_is_stop_once);
  g_test_add_func ("/loop/worker/stop-right-after-the-start-ends",
                   test_stop_right_after_the_start_ends);
  g_test_add_func ("/loop/worker/stop-on-its-own-thread-does-not-wait",
                   test_stop_on_its_own_thread_does_not_wait);
  g_test_add_func ("/loop/worker/last-reference-may-go-on-its-own-thread",
                   test_last_reference_may_go_on_its_own_thread);
  g_test_add_func ("/loop/worker/what-did-not-run-is-dropped",
                   test_what_did_not_run_is_dropped);
  g_test_add_func ("/loop/worker/dispose-drops-what-is-pending",
                   test_dispose_drops_what_is_pending);
  g_test_add_func ("/loop/worker/invoke-after-the-end-only-notifies",
                   test_invoke_after_the_end_only_notifies);
  g_test_add_func ("/loop/worker/several-threads-stop-one-worker",
                   test_several_threads_stop_one_worker);
  g_test_add_func ("/loop/worker/without-descriptors-there-is-an-error",
                   test_without_descriptors_there_is_an_error);

  return g_test_run ();
}
