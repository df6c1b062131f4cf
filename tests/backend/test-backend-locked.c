/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-backend-locked.h"

#include <sys/socket.h>

#include "test-device.h"
#include "vhu-backend-private.h"
#include "vhu-error.h"
#include "vhu-frontend-channel-private.h"
#include "vhu-memory-private.h"
#include "vhu-vring-private.h"

#define DEVICE_ID 42
#define N_QUEUES 5
#define QUEUE_SIZE 64
#define N_ROUNDS 500
#define N_READERS 3
#define N_RINGS 2

typedef struct
{
  TestDevice *device;
  VhuBackend *inner; /* the same */
  VhuBackend *outer;
  VhuBackendLocked *locked; /* the same */
  VhuVring *vrings[N_RINGS];
  VhuMemory *memory;
  VhuFrontendChannel *channel;
} Test;

static const VhuVringOwner no_owner;

static VhuFrontendChannel *
make_channel (void)
{
  g_autoptr(GError) error = NULL;
  VhuFrontendChannel *channel;
  int fds[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
  channel = vhu_frontend_channel_new_take (fds[0], FALSE, &error);
  g_assert_no_error (error);
  close (fds[1]);
  return channel;
}

static void
set_up (Test          *test,
        gconstpointer  mode)
{
  test->device = g_object_new (TEST_TYPE_DEVICE,
                               "device-id", DEVICE_ID,
                               "kind", "test",
                               "n-queues", N_QUEUES,
                               "queue-size", QUEUE_SIZE,
                               NULL);
  test->inner = VHU_BACKEND (test->device);
  test->outer = vhu_backend_locked_new (test->inner, GPOINTER_TO_INT (mode));
  test->locked = VHU_BACKEND_LOCKED (test->outer);
  for (guint i = 0; i < N_RINGS; i++)
    test->vrings[i] = vhu_vring_new (i, QUEUE_SIZE, NULL, &no_owner, NULL);
  test->memory = vhu_memory_new_empty ();
  test->channel = make_channel ();
}

static void
tear_down (Test          *test,
           gconstpointer  mode)
{
  g_clear_object (&test->channel);
  g_clear_pointer (&test->memory, vhu_memory_unref);
  for (guint i = 0; i < N_RINGS; i++)
    {
      vhu_vring_close (test->vrings[i]);
      g_clear_object (&test->vrings[i]);
    }
  g_clear_object (&test->outer);
  g_assert_finalize_object (test->device);
}

static void
call_session_opened (Test *test)
{
  vhu_backend_session_opened (test->outer);
}

static void
call_session_closed (Test *test)
{
  vhu_backend_session_closed (test->outer);
}

static void
call_features_negotiated (Test *test)
{
  vhu_backend_features_negotiated (test->outer);
}

static void
call_set_event_idx (Test *test)
{
  vhu_backend_set_event_idx (test->outer, TRUE);
  g_assert_true (GPOINTER_TO_INT (test->device->last_argument));
}

static void
call_memory_changed (Test *test)
{
  g_autoptr(GError) error = NULL;

  g_assert_true (vhu_backend_memory_changed (test->outer, test->memory, &error));
  g_assert_no_error (error);
  g_assert_true (test->device->last_argument == test->memory);
}

static void
call_config_written (Test *test)
{
  g_autoptr(GBytes) data = g_bytes_new_static ("x", 1);
  g_autoptr(GError) error = NULL;

  g_assert_true (vhu_backend_config_written (test->outer, 3, data,
                                             VHU_CONFIG_ORIGIN_MIGRATION, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (GPOINTER_TO_UINT (test->device->last_argument), ==, 3);
  g_assert_cmpint (test->device->last_origin, ==, VHU_CONFIG_ORIGIN_MIGRATION);
}

static void
call_frontend_channel_ready (Test *test)
{
  vhu_backend_frontend_channel_ready (test->outer, test->channel);
  g_assert_true (test->device->last_argument == test->channel);
}

static void
call_reset (Test *test)
{
  vhu_backend_reset (test->outer);
}

static void
call_map_queue (Test *test)
{
  g_assert_cmpuint (vhu_backend_map_queue (test->outer, 5, 3), ==, 2);
}

static void
call_vring_started (Test *test)
{
  vhu_backend_vring_started (test->outer, test->vrings[0]);
  g_assert_true (test->device->last_argument == test->vrings[0]);
}

static void
call_process_queue (Test *test)
{
  vhu_backend_process_queue (test->outer, test->vrings[0]);
  g_assert_true (test->device->last_argument == test->vrings[0]);
}

static void
call_process_chain (Test *test)
{
  /* The device does not look at it. */
  VhuChain *chain = (VhuChain *) test;

  g_assert_cmpint (vhu_backend_process_chain (test->outer, test->vrings[0], chain), ==,
                   VHU_CHAIN_RESULT_PENDING);
  g_assert_true (test->device->last_argument == chain);
}

static void
call_fail_chain (Test *test)
{
  VhuChain *chain = (VhuChain *) test;

  vhu_backend_fail_chain (test->outer, test->vrings[0], chain);
  g_assert_true (test->device->last_argument == chain);
}

static void
call_vring_stopping (Test *test)
{
  vhu_backend_vring_stopping (test->outer, test->vrings[0]);
  g_assert_true (test->device->last_argument == test->vrings[0]);
}

static void
call_vring_stopped (Test *test)
{
  vhu_backend_vring_stopped (test->outer, test->vrings[0]);
  g_assert_true (test->device->last_argument == test->vrings[0]);
}

/* A virtual method that is new in the class has no line here. */
static void (* const calls[N_SLOTS]) (Test *test) = {
  [SLOT (session_opened)] = call_session_opened,
  [SLOT (session_closed)] = call_session_closed,
  [SLOT (features_negotiated)] = call_features_negotiated,
  [SLOT (set_event_idx)] = call_set_event_idx,
  [SLOT (memory_changed)] = call_memory_changed,
  [SLOT (config_written)] = call_config_written,
  [SLOT (frontend_channel_ready)] = call_frontend_channel_ready,
  [SLOT (reset)] = call_reset,
  [SLOT (map_queue)] = call_map_queue,
  [SLOT (vring_started)] = call_vring_started,
  [SLOT (process_queue)] = call_process_queue,
  [SLOT (process_chain)] = call_process_chain,
  [SLOT (fail_chain)] = call_fail_chain,
  [SLOT (vring_stopping)] = call_vring_stopping,
  [SLOT (vring_stopped)] = call_vring_stopped,
};

static void
test_every_virtual_method_is_forwarded (Test          *test,
                                        gconstpointer  mode)
{
  for (guint i = 0; i < N_SLOTS; i++)
    {
      g_assert_nonnull (calls[i]);
      for (guint round = 1; round <= 2; round++)
        {
          calls[i] (test);
          for (guint j = 0; j < N_SLOTS; j++)
            g_assert_cmpuint (test->device->n_calls[j], ==,
                              j < i ? 2 : j == i ? round : 0);
        }
    }
}

static void
test_refusals_come_back (Test          *test,
                         gconstpointer  mode)
{
  g_autoptr(GBytes) data = g_bytes_new_static ("x", 1);
  g_autoptr(GError) memory_error = NULL;
  g_autoptr(GError) config_error = NULL;

  test->device->accepts = FALSE;
  g_assert_false (vhu_backend_memory_changed (test->outer, test->memory, &memory_error));
  g_assert_error (memory_error, VHU_ERROR, VHU_ERROR_REFUSED);
  g_assert_false (vhu_backend_config_written (test->outer, 0, data,
                                              VHU_CONFIG_ORIGIN_DRIVER, &config_error));
  g_assert_error (config_error, VHU_ERROR, VHU_ERROR_REFUSED);
}

static void
test_identity_is_that_of_the_device (Test          *test,
                                     gconstpointer  mode)
{
  g_autoptr(VhuBackend) backend = NULL;
  g_autofree char *kind = NULL;
  guint device_id, n_queues, queue_size;
  VhuLockMode lock_mode;

  g_assert_cmpuint (vhu_backend_get_device_id (test->outer), ==, DEVICE_ID);
  g_assert_cmpstr (vhu_backend_get_kind (test->outer), ==, "test");
  g_assert_cmpuint (vhu_backend_get_n_queues (test->outer), ==, N_QUEUES);
  g_assert_cmpuint (vhu_backend_get_queue_size (test->outer), ==, QUEUE_SIZE);
  g_assert_true (vhu_backend_locked_get_backend (test->locked) == test->inner);
  g_assert_cmpint (vhu_backend_locked_get_lock_mode (test->locked), ==,
                   GPOINTER_TO_INT (mode));

  g_object_get (test->outer,
                "backend", &backend,
                "lock-mode", &lock_mode,
                "device-id", &device_id,
                "kind", &kind,
                "n-queues", &n_queues,
                "queue-size", &queue_size,
                NULL);
  g_assert_true (backend == test->inner);
  g_assert_cmpint (lock_mode, ==, GPOINTER_TO_INT (mode));
  g_assert_cmpuint (device_id, ==, DEVICE_ID);
  g_assert_cmpstr (kind, ==, "test");
  g_assert_cmpuint (n_queues, ==, N_QUEUES);
  g_assert_cmpuint (queue_size, ==, QUEUE_SIZE);
}

static void
test_features_are_shared (Test          *test,
                          gconstpointer  mode)
{
  g_assert_true (vhu_backend_offers_feature (test->outer, TEST_DEVICE_FEATURE));
  vhu_backend_offer_feature (test->inner, TEST_DEVICE_FEATURE + 1);
  g_assert_cmphex (vhu_backend_get_offered (test->outer), ==,
                   vhu_backend_get_offered (test->inner));
  vhu_backend_offer_protocol_feature (test->outer, VHU_PROTOCOL_FEATURE_MTU);
  g_assert_true (vhu_backend_offers_protocol_feature (test->inner,
                                                      VHU_PROTOCOL_FEATURE_MTU));

  vhu_backend_set_negotiated (test->outer, 1 << TEST_DEVICE_FEATURE);
  vhu_backend_set_negotiated_protocol (test->outer, 1 << VHU_PROTOCOL_FEATURE_MTU);
  g_assert_true (vhu_backend_has_feature (test->inner, TEST_DEVICE_FEATURE));
  g_assert_false (vhu_backend_has_feature (test->inner, TEST_DEVICE_FEATURE + 1));
  g_assert_true (vhu_backend_has_protocol_feature (test->inner, VHU_PROTOCOL_FEATURE_MTU));
}

static void
config_changed_cb (VhuBackend *backend,
                   gpointer    user_data)
{
  guint *n = user_data;

  (*n)++;
}

static void
test_config_is_shared (Test          *test,
                       gconstpointer  mode)
{
  static const VhuBackendObserver observer = { config_changed_cb };
  const guint8 written[] = { 9, 9, 9, 9, 9, 9, 9, 9 };
  const guint8 expected[] = { 7, 2, 3, 4, 9, 9, 7, 8 };
  const guint8 seven = 7;
  g_autoptr(GBytes) update = g_bytes_new (&seven, 1);
  g_autoptr(GBytes) config = NULL;
  g_autoptr(GError) error = NULL;
  guint n_changes = 0;

  vhu_backend_freeze (test->outer, &observer, &n_changes);
  g_assert_true (vhu_backend_is_frozen (test->inner));
  vhu_backend_update_config (test->inner, 0, update);
  g_assert_cmpuint (n_changes, ==, 1);

  g_assert_true (vhu_backend_write_config (test->outer, 0, written, sizeof written,
                                           VHU_CONFIG_ORIGIN_DRIVER, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (test->device->n_calls[SLOT (config_written)], ==, 1);

  test->device->accepts = FALSE;
  g_assert_false (vhu_backend_write_config (test->outer, 4, expected, 2,
                                            VHU_CONFIG_ORIGIN_DRIVER, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_REFUSED);

  config = vhu_backend_dup_config (test->inner);
  g_assert_cmpmem (g_bytes_get_data (config, NULL), g_bytes_get_size (config),
                   expected, sizeof expected);
  g_assert_cmpuint (vhu_backend_get_config_size (test->outer), ==, sizeof expected);
  vhu_backend_forget_observer (test->outer);
  g_assert_false (vhu_backend_is_frozen (test->inner));
}

static void
test_channel_and_errors_are_shared (Test          *test,
                                    gconstpointer  mode)
{
  g_autoptr(VhuFrontendChannel) channel = NULL;

  vhu_backend_set_frontend_channel (test->outer, test->channel);
  channel = vhu_backend_dup_frontend_channel (test->inner);
  g_assert_true (channel == test->channel);
  vhu_backend_set_frontend_channel (test->outer, NULL);

  vhu_backend_count_error (test->outer);
  g_assert_cmpuint (vhu_backend_get_n_errors (test->inner), ==, 1);
}

static void
test_failing_request_does_not_wait_for_itself (Test          *test,
                                               gconstpointer  mode)
{
  test->device->wrapper = test->outer;
  vhu_backend_process_queue (test->outer, test->vrings[0]);

  g_assert_cmpuint (test->device->n_calls[SLOT (process_queue)], ==, 1);
  g_assert_cmpuint (test->device->n_calls[SLOT (fail_chain)], ==, 1);
}

/* Everybody goes on until the last one has had its rounds. */
typedef struct
{
  Test *test;
  int n_unfinished; /* atomic */
  int next_ring;    /* atomic */
} Crowd;

static gpointer
process_again_and_again (gpointer user_data)
{
  Crowd *crowd = user_data;
  VhuVring *vring = crowd->test->vrings[g_atomic_int_add (&crowd->next_ring, 1)];

  for (guint i = 0; g_atomic_int_get (&crowd->n_unfinished) > 0; i++)
    {
      vhu_backend_process_queue (crowd->test->outer, vring);
      if (i == N_ROUNDS)
        g_atomic_int_add (&crowd->n_unfinished, -1);
    }
  return NULL;
}

static gpointer
read_again_and_again (gpointer user_data)
{
  Crowd *crowd = user_data;

  for (guint i = 0; g_atomic_int_get (&crowd->n_unfinished) > 0; i++)
    {
      vhu_backend_locked_reader_lock (crowd->test->locked);
      g_assert_cmpint (g_atomic_int_get (&crowd->test->device->n_inside), ==, 0);
      g_thread_yield ();
      g_assert_cmpint (g_atomic_int_get (&crowd->test->device->n_inside), ==, 0);
      vhu_backend_locked_reader_unlock (crowd->test->locked);
      if (i == N_ROUNDS)
        g_atomic_int_add (&crowd->n_unfinished, -1);
    }
  return NULL;
}

static void
run_crowd (Test  *test,
           guint  n_rings,
           guint  n_readers)
{
  Crowd crowd = { .test = test, .n_unfinished = n_rings + n_readers };
  g_autofree GThread **threads = g_new0 (GThread *, n_rings + n_readers);

  for (guint i = 0; i < n_rings + n_readers; i++)
    threads[i] = g_thread_new ("crowd",
                               i < n_rings ? process_again_and_again
                                           : read_again_and_again,
                               &crowd);
  for (guint i = 0; i < n_rings + n_readers; i++)
    g_thread_join (threads[i]);
}

static void
test_a_writer_and_three_readers_do_not_starve (Test          *test,
                                               gconstpointer  mode)
{
  run_crowd (test, 1, N_READERS);
}

static void
test_two_rings_never_overlap (Test          *test,
                              gconstpointer  mode)
{
  run_crowd (test, 2, 0);
  g_assert_cmpuint (test->device->n_calls[SLOT (process_queue)], >, 2 * N_ROUNDS);
}

typedef struct
{
  Test *test;
  guint slot;
  int started; /* atomic */
} Caller;

static gpointer
call_once (gpointer user_data)
{
  Caller *caller = user_data;

  g_atomic_int_set (&caller->started, TRUE);
  calls[caller->slot] (caller->test);
  return NULL;
}

/* Long enough for a thread that does not wait to come through, mostly. */
static void
expect_no_call (Test  *test,
                guint  slot)
{
  const gint64 end = g_get_monotonic_time () + 1000;

  do
    {
      g_thread_yield ();
      g_assert_cmpuint (test->device->n_calls[slot], ==, 0);
    }
  while (g_get_monotonic_time () < end);
}

static void
test_every_virtual_method_takes_the_lock (Test          *test,
                                          gconstpointer  mode)
{
  for (guint i = 0; i < N_SLOTS; i++)
    {
      Caller caller = { test, i };
      GThread *thread;

      vhu_backend_locked_writer_lock (test->locked);
      thread = g_thread_new ("caller", call_once, &caller);
      while (!g_atomic_int_get (&caller.started))
        g_thread_yield ();
      expect_no_call (test, i);
      vhu_backend_locked_writer_unlock (test->locked);

      g_thread_join (thread);
      g_assert_cmpuint (test->device->n_calls[i], ==, 1);
    }
}

static void
test_owner_of_the_lock_is_let_in (Test          *test,
                                  gconstpointer  mode)
{
  Caller caller = { test, SLOT (process_queue) };
  GThread *thread;

  vhu_backend_locked_writer_lock (test->locked);
  vhu_backend_fail_chain (test->outer, test->vrings[0], (VhuChain *) test);
  g_assert_cmpuint (vhu_backend_map_queue (test->outer, 5, 3), ==, 2);
  vhu_backend_locked_reader_lock (test->locked);
  vhu_backend_locked_reader_unlock (test->locked);

  /* All of this has left the lock as it was. */
  thread = g_thread_new ("caller", call_once, &caller);
  while (!g_atomic_int_get (&caller.started))
    g_thread_yield ();
  expect_no_call (test, SLOT (process_queue));
  vhu_backend_locked_writer_unlock (test->locked);

  g_thread_join (thread);
  g_assert_cmpuint (test->device->n_calls[SLOT (process_queue)], ==, 1);
}

static void
test_mutex_is_the_lock_of_the_device (Test          *test,
                                      gconstpointer  mode)
{
  Caller caller = { test, SLOT (process_queue) };
  GThread *thread;

  vhu_backend_lock (test->inner);
  thread = g_thread_new ("caller", call_once, &caller);
  while (!g_atomic_int_get (&caller.started))
    g_thread_yield ();
  expect_no_call (test, SLOT (process_queue));
  vhu_backend_unlock (test->inner);

  g_thread_join (thread);
  g_assert_cmpuint (test->device->n_calls[SLOT (process_queue)], ==, 1);
}

static gpointer
map_once (gpointer user_data)
{
  Test *test = user_data;

  return GUINT_TO_POINTER (vhu_backend_map_queue (test->outer, 5, 3));
}

static void
test_getters_run_side_by_side (Test          *test,
                               gconstpointer  mode)
{
  GThread *threads[N_READERS];

  /* None returns before all are inside. */
  test->device->n_meeting = N_READERS;
  for (guint i = 0; i < N_READERS; i++)
    threads[i] = g_thread_new ("map", map_once, test);
  for (guint i = 0; i < N_READERS; i++)
    g_assert_cmpuint (GPOINTER_TO_UINT (g_thread_join (threads[i])), ==, 2);
}

static void
test_wrapper_keeps_the_device (void)
{
  g_autoptr(VhuBackend) outer = NULL;
  VhuBackend *inner = g_object_new (TEST_TYPE_DEVICE, NULL);
  gpointer weak = inner;

  g_object_add_weak_pointer (G_OBJECT (inner), &weak);
  outer = vhu_backend_locked_new (inner, VHU_LOCK_MODE_MUTEX);
  g_object_unref (inner);
  g_assert_nonnull (weak);
  g_object_run_dispose (G_OBJECT (outer));
  g_assert_true (vhu_backend_offers_feature (outer, TEST_DEVICE_FEATURE));

  g_clear_object (&outer);
  g_assert_null (weak);
}

static void
add_test (const char  *name,
          VhuLockMode  mode,
          void       (*func) (Test *, gconstpointer))
{
  g_autofree char *path =
    g_strdup_printf ("/backend/locked/%s/%s",
                     mode == VHU_LOCK_MODE_MUTEX ? "mutex" : "read-write", name);

  g_test_add (path, Test, GINT_TO_POINTER (mode), set_up, func, tear_down);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  for (VhuLockMode mode = VHU_LOCK_MODE_MUTEX; mode <= VHU_LOCK_MODE_READ_WRITE; mode++)
    {
      add_test ("every-virtual-method-is-forwarded", mode,
                test_every_virtual_method_is_forwarded);
      add_test ("refusals-come-back", mode, test_refusals_come_back);
      add_test ("identity-is-that-of-the-device", mode,
                test_identity_is_that_of_the_device);
      add_test ("features-are-shared", mode, test_features_are_shared);
      add_test ("config-is-shared", mode, test_config_is_shared);
      add_test ("channel-and-errors-are-shared", mode, test_channel_and_errors_are_shared);
      add_test ("failing-request-does-not-wait-for-itself", mode,
                test_failing_request_does_not_wait_for_itself);
      add_test ("a-writer-and-three-readers-do-not-starve", mode,
                test_a_writer_and_three_readers_do_not_starve);
      add_test ("two-rings-never-overlap", mode, test_two_rings_never_overlap);
      add_test ("every-virtual-method-takes-the-lock", mode,
                test_every_virtual_method_takes_the_lock);
      add_test ("owner-of-the-lock-is-let-in", mode, test_owner_of_the_lock_is_let_in);
    }
  add_test ("mutex-is-the-lock-of-the-device", VHU_LOCK_MODE_MUTEX,
            test_mutex_is_the_lock_of_the_device);
  add_test ("getters-run-side-by-side", VHU_LOCK_MODE_READ_WRITE,
            test_getters_run_side_by_side);
  g_test_add_func ("/backend/locked/wrapper-keeps-the-device",
                   test_wrapper_keeps_the_device);

  return g_test_run ();
}
