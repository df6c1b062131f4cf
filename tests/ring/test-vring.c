/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <string.h>

#include "vhu-error.h"
#include "vhu-test-driver.h"

#define EVENT_IDX TEST_FEATURE (EVENT_IDX)

static void
assert_used (TestDriver *driver,
             guint16     index,
             guint       head,
             guint       length)
{
  guint32 used_head, used_length;

  test_driver_get_used (driver, index, &used_head, &used_length);
  g_assert_cmpuint (used_head, ==, head);
  g_assert_cmpuint (used_length, ==, length);
}

static VhuChain *
pop (TestDriver *driver)
{
  VhuChain *chain = vhu_vring_pop (driver->vring);

  g_assert_nonnull (chain);
  return chain;
}

static void
complete (VhuChain *chain)
{
  g_autoptr(GError) error = NULL;

  vhu_chain_complete (chain, &error);
  g_assert_no_error (error);
  vhu_chain_unref (chain);
}

static void
test_round_trip (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (8, 0, 65535);
  g_autoptr(VhuChain) chain = NULL;
  g_autoptr(GError) error = NULL;
  char buffer[16];

  memcpy (test_driver_get_host (driver, TEST_FIRST_ADDRESS + 64 * 2), "0123456789abcdef", 16);
  test_driver_submit (driver, 2);

  chain = pop (driver);
  g_assert_cmpuint (vhu_chain_get_id (chain), ==, 2);
  g_assert_true (vhu_chain_get_vring (chain) == driver->vring);
  g_assert_cmpuint (vhu_chain_get_readable_size (chain), ==, 16);
  g_assert_cmpuint (vhu_chain_get_writable_size (chain), ==, 16);
  g_assert_cmpuint (vhu_vring_get_n_held (driver->vring), ==, 1);

  g_assert_true (vhu_chain_read (chain, buffer, sizeof buffer, &error));
  g_assert_cmpmem (buffer, 16, "0123456789abcdef", 16);
  g_assert_true (vhu_chain_write (chain, "answer", 6, &error));
  g_assert_true (vhu_chain_complete (chain, &error));
  g_assert_no_error (error);

  g_assert_cmpuint (test_driver_get_used_index (driver), ==, 0);
  assert_used (driver, 65535, 2, 6);
  g_assert_cmpmem (test_driver_get_host (driver, TEST_FIRST_ADDRESS + 64 * 2 + 32), 6,
                   "answer", 6);
  g_assert_cmpuint (driver->n_calls, ==, 1);
  g_assert_cmpuint (vhu_vring_get_n_held (driver->vring), ==, 0);
  g_assert_cmpuint (vhu_vring_get_n_completed (driver->vring), ==, 1);
  g_assert_cmpuint (vhu_vring_get_n_signals (driver->vring), ==, 1);
  g_assert_null (vhu_vring_pop (driver->vring));
}

/* Publishing */

static void
test_service_publishes_once_at_its_end (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (8, 0, 0);

  for (guint i = 0; i < 3; i++)
    test_driver_submit (driver, i);

  vhu_vring_begin_service (driver->vring);
  vhu_vring_begin_service (driver->vring);
  for (guint i = 0; i < 3; i++)
    complete (pop (driver));
  g_assert_cmpuint (test_driver_get_used_index (driver), ==, 0);
  vhu_vring_end_service (driver->vring);
  g_assert_true (vhu_vring_in_service (driver->vring));
  g_assert_cmpuint (test_driver_get_used_index (driver), ==, 0);
  g_assert_cmpuint (driver->n_calls, ==, 0);

  vhu_vring_end_service (driver->vring);
  g_assert_false (vhu_vring_in_service (driver->vring));
  g_assert_cmpuint (test_driver_get_used_index (driver), ==, 3);
  g_assert_cmpuint (driver->n_calls, ==, 1);
}

/* The driver works on the first chains of a batch while the device is at the
 * others, if that costs no system call. */
static guint
complete_seven_in_service (guint64 features)
{
  g_autoptr(TestDriver) driver = test_driver_new (8, features, 0);
  guint n_seen;

  for (guint i = 0; i < 7; i++)
    test_driver_submit (driver, i);
  vhu_vring_begin_service (driver->vring);
  for (guint i = 0; i < 7; i++)
    complete (pop (driver));
  n_seen = test_driver_get_used_index (driver);
  vhu_vring_end_service (driver->vring);
  g_assert_cmpuint (test_driver_get_used_index (driver), ==, 7);
  g_assert_cmpuint (driver->n_calls, ==, 1);
  return n_seen;
}

static void
test_batch_is_shown_in_parts_with_event_index (void)
{
  g_assert_cmpuint (complete_seven_in_service (EVENT_IDX), ==, 4);
  g_assert_cmpuint (complete_seven_in_service (0), ==, 0);
}

static void
test_push_waits_for_signal (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (8, 0, 0);
  g_autoptr(VhuChain) chain = NULL;

  test_driver_submit (driver, 1);
  chain = pop (driver);
  vhu_vring_push (driver->vring, chain, 7);
  g_assert_true (vhu_chain_is_revoked (chain));
  g_assert_cmpuint (test_driver_get_used_index (driver), ==, 0);

  vhu_vring_signal (driver->vring);
  g_assert_cmpuint (test_driver_get_used_index (driver), ==, 1);
  assert_used (driver, 0, 1, 7);
  g_assert_cmpuint (driver->n_calls, ==, 1);

  /* A dead handle changes nothing, and there is nothing new to signal. */
  vhu_vring_push (driver->vring, chain, 7);
  vhu_vring_signal (driver->vring);
  g_assert_cmpuint (test_driver_get_used_index (driver), ==, 1);
  g_assert_cmpuint (driver->n_calls, ==, 1);
}

static void
test_no_interrupt_flag_is_honoured (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (8, 0, 0);

  test_driver_set_avail_flags (driver, 1);
  test_driver_submit (driver, 0);
  complete (pop (driver));
  g_assert_cmpuint (test_driver_get_used_index (driver), ==, 1);
  g_assert_cmpuint (driver->n_calls, ==, 0);

  test_driver_set_avail_flags (driver, 0);
  test_driver_submit (driver, 1);
  complete (pop (driver));
  g_assert_cmpuint (driver->n_calls, ==, 1);
}

static void
test_event_index_is_honoured (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (8, EVENT_IDX, 65534);

  /* With the event index the flag has no meaning, and the first one is always
   * signalled. */
  test_driver_set_avail_flags (driver, 1);
  test_driver_set_used_event (driver, 1000);
  test_driver_submit (driver, 0);
  complete (pop (driver));
  g_assert_cmpuint (driver->n_calls, ==, 1);

  test_driver_set_used_event (driver, 1);
  for (guint i = 1; i < 3; i++)
    {
      test_driver_submit (driver, i);
      complete (pop (driver));
      g_assert_cmpuint (driver->n_calls, ==, 1);
    }

  /* Used index 2 passes the event 1. */
  test_driver_submit (driver, 3);
  complete (pop (driver));
  g_assert_cmpuint (driver->n_calls, ==, 2);

  /* A batch passes it if any of its chains does. */
  test_driver_set_used_event (driver, 3);
  vhu_vring_begin_service (driver->vring);
  for (guint i = 0; i < 4; i++)
    {
      test_driver_submit (driver, i);
      complete (pop (driver));
    }
  vhu_vring_end_service (driver->vring);
  g_assert_cmpuint (test_driver_get_used_index (driver), ==, 6);
  g_assert_cmpuint (driver->n_calls, ==, 3);
}

/* Ending */

static void
test_second_completion_is_refused (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (8, 0, 0);
  g_autoptr(VhuChain) chain = NULL;
  g_autoptr(GError) error = NULL;

  test_driver_submit (driver, 1);
  chain = pop (driver);
  g_assert_true (vhu_chain_complete (chain, NULL));
  g_assert_false (vhu_chain_complete (chain, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_REVOKED);
  g_clear_error (&error);
  g_assert_false (vhu_chain_complete_full (chain, 0, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_REVOKED);
  g_clear_error (&error);
  g_assert_false (vhu_chain_fail (chain, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_REVOKED);
  g_clear_error (&error);
  g_assert_false (vhu_chain_park (chain, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_REVOKED);

  g_assert_cmpuint (test_driver_get_used_index (driver), ==, 1);
  g_assert_cmpuint (driver->n_fails, ==, 0);
}

static void
test_completion_reports_no_more_than_fits (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (8, 0, 0);
  g_autoptr(VhuChain) chain = NULL;
  g_autoptr(GError) error = NULL;

  test_driver_submit (driver, 1);
  chain = pop (driver);
  g_assert_false (vhu_chain_complete_full (chain, 17, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE);
  g_assert_false (vhu_chain_is_revoked (chain));
  g_assert_true (vhu_chain_complete_full (chain, 16, NULL));
  assert_used (driver, 0, 1, 16);
}

static void
write_status (VhuChain *chain,
              gpointer  user_data)
{
  g_autoptr(GError) error = NULL;

  g_assert_false (vhu_chain_is_revoked (chain));
  g_assert_cmpuint (vhu_chain_get_n_read (chain), ==, 0);
  g_assert_cmpuint (vhu_chain_get_n_written (chain), ==, 0);
  vhu_chain_write (chain, "E", 1, &error);
  g_assert_no_error (error);
}

static void
test_failed_chain_gets_the_error_status (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (8, 0, 0);
  g_autoptr(VhuChain) chain = NULL;
  guint8 header[4];

  driver->fail = write_status;
  test_driver_submit (driver, 1);
  chain = pop (driver);
  g_assert_true (vhu_chain_read (chain, header, sizeof header, NULL));
  g_assert_true (vhu_chain_write (chain, "half an answer", 8, NULL));
  g_assert_true (vhu_chain_fail (chain, NULL));

  g_assert_cmpuint (driver->n_fails, ==, 1);
  g_assert_true (vhu_chain_is_revoked (chain));
  assert_used (driver, 0, 1, 1);
  g_assert_cmpuint (test_driver_get_used_index (driver), ==, 1);
  g_assert_cmpuint (driver->n_calls, ==, 1);
  g_assert_cmpmem (test_driver_get_host (driver, TEST_FIRST_ADDRESS + 64 + 32), 2, "Ea", 2);
  g_assert_cmpuint (vhu_vring_get_n_failed (driver->vring), ==, 1);
  g_assert_cmpuint (vhu_vring_get_n_completed (driver->vring), ==, 1);
}

static void
test_dropped_chain_fails (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (8, 0, 0);

  driver->fail = write_status;
  test_driver_submit (driver, 1);
  vhu_chain_unref (pop (driver));
  g_assert_cmpuint (driver->n_fails, ==, 1);
  assert_used (driver, 0, 1, 1);
  g_assert_cmpuint (vhu_vring_get_n_failed (driver->vring), ==, 1);
}

/* Bindings free handles from wherever a script's garbage is collected. */
static void
test_chain_dropped_by_script_fails_later (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (8, 0, 0);

  driver->fail = write_status;
  test_driver_submit (driver, 1);
  test_driver_submit (driver, 2);
  g_boxed_free (VHU_TYPE_CHAIN, pop (driver));
  g_assert_cmpuint (driver->n_fails, ==, 0);
  g_assert_true (vhu_vring_has_work (driver->vring));
  vhu_vring_collect (driver->vring);
  g_assert_cmpuint (driver->n_fails, ==, 1);
  assert_used (driver, 0, 1, 1);

  vhu_vring_begin_service (driver->vring);
  g_boxed_free (VHU_TYPE_CHAIN, pop (driver));
  g_assert_cmpuint (driver->n_fails, ==, 1);
  vhu_vring_end_service (driver->vring);
  g_assert_cmpuint (driver->n_fails, ==, 2);
  g_assert_cmpuint (vhu_vring_get_n_held (driver->vring), ==, 0);
}

static void
test_handle_of_script_is_a_reference (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (8, 0, 0);
  VhuChain *chain, *copy;

  test_driver_submit (driver, 1);
  chain = pop (driver);
  copy = g_boxed_copy (VHU_TYPE_CHAIN, chain);
  g_assert_true (copy == chain);
  g_boxed_free (VHU_TYPE_CHAIN, copy);
  g_assert_false (vhu_chain_is_revoked (chain));
  g_assert_true (vhu_chain_complete (chain, NULL));
  g_boxed_free (VHU_TYPE_CHAIN, chain);
  vhu_vring_collect (driver->vring);
  g_assert_cmpuint (vhu_vring_get_n_failed (driver->vring), ==, 0);
}

static void
complete_in_fail (VhuChain *chain,
                  gpointer  user_data)
{
  VhuChain **kept = user_data;

  g_assert_true (vhu_chain_write (chain, "EE", 2, NULL));
  g_assert_false (vhu_chain_fail (chain, NULL));
  g_assert_true (vhu_chain_complete (chain, NULL));
  *kept = vhu_chain_ref (chain);
}

static void
test_device_may_complete_and_keep_a_failed_chain (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (8, 0, 0);
  g_autoptr(VhuChain) kept = NULL;

  driver->fail = complete_in_fail;
  driver->user_data = &kept;
  test_driver_submit (driver, 1);
  vhu_chain_unref (pop (driver));
  g_assert_cmpuint (driver->n_fails, ==, 1);
  g_assert_cmpuint (test_driver_get_used_index (driver), ==, 1);
  assert_used (driver, 0, 1, 2);
  g_assert_true (vhu_chain_is_revoked (kept));

  /* The kept one is not handed out a second time. */
  test_driver_submit (driver, 2);
  {
    VhuChain *other = pop (driver);

    g_assert_true (other != kept);
    complete (other);
  }
}

static void
test_stopped_ring_fails_no_chain (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (8, 0, 0);
  VhuChain *chain;

  test_driver_submit (driver, 1);
  chain = pop (driver);
  g_assert_cmpuint (vhu_vring_stop (driver->vring), ==, 1);
  vhu_chain_unref (chain);
  g_assert_cmpuint (driver->n_fails, ==, 0);
  g_assert_cmpuint (test_driver_get_used_index (driver), ==, 0);
  g_assert_cmpuint (vhu_vring_get_n_held (driver->vring), ==, 0);
}

/* Kicks */

static void
test_kicks_are_off_during_service (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (8, 0, 0);

  g_assert_cmpuint (test_driver_get_used_flags (driver), ==, 0);
  vhu_vring_begin_service (driver->vring);
  g_assert_cmpuint (test_driver_get_used_flags (driver), ==, 1);
  vhu_vring_begin_service (driver->vring);
  vhu_vring_end_service (driver->vring);
  g_assert_cmpuint (test_driver_get_used_flags (driver), ==, 1);
  vhu_vring_end_service (driver->vring);
  g_assert_cmpuint (test_driver_get_used_flags (driver), ==, 0);
}

static void
test_event_index_is_left_behind_during_service (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (8, EVENT_IDX, 10);
  guint16 old = driver->avail_index;

  test_driver_submit (driver, 0);
  g_assert_true (test_driver_wants_kick (driver, old));

  vhu_vring_begin_service (driver->vring);
  complete (pop (driver));
  old = driver->avail_index;
  test_driver_submit (driver, 1);
  g_assert_false (test_driver_wants_kick (driver, old));
  complete (pop (driver));
  g_assert_null (vhu_vring_pop (driver->vring));
  vhu_vring_end_service (driver->vring);
  g_assert_cmpuint (test_driver_get_used_flags (driver), ==, 0);

  g_assert_false (vhu_vring_has_work (driver->vring));
  old = driver->avail_index;
  test_driver_submit (driver, 2);
  g_assert_true (test_driver_wants_kick (driver, old));
  g_assert_true (vhu_vring_has_work (driver->vring));
}

/* The driver adds while the device is about to return: no kick comes. */
static void
test_late_chain_is_work (gconstpointer features)
{
  g_autoptr(TestDriver) driver = test_driver_new (8, GPOINTER_TO_SIZE (features), 0);

  test_driver_submit (driver, 0);
  vhu_vring_begin_service (driver->vring);
  complete (pop (driver));
  g_assert_null (vhu_vring_pop (driver->vring));
  test_driver_submit (driver, 1);
  vhu_vring_end_service (driver->vring);
  g_assert_true (vhu_vring_has_work (driver->vring));

  vhu_vring_begin_service (driver->vring);
  complete (pop (driver));
  g_assert_null (vhu_vring_pop (driver->vring));
  vhu_vring_end_service (driver->vring);
  g_assert_false (vhu_vring_has_work (driver->vring));
}

/* A queue for reception always has chains that nobody wants yet. */
static void
test_chains_left_alone_are_no_work (gconstpointer features)
{
  g_autoptr(TestDriver) driver = test_driver_new (8, GPOINTER_TO_SIZE (features), 0);
  guint16 old;

  test_driver_submit (driver, 0);
  test_driver_submit (driver, 1);
  g_assert_true (vhu_vring_has_work (driver->vring));
  for (guint i = 0; i < 2; i++)
    {
      vhu_vring_begin_service (driver->vring);
      vhu_vring_end_service (driver->vring);
    }
  g_assert_false (vhu_vring_has_work (driver->vring));

  vhu_vring_begin_service (driver->vring);
  complete (pop (driver));
  vhu_vring_end_service (driver->vring);
  g_assert_false (vhu_vring_has_work (driver->vring));

  old = driver->avail_index;
  test_driver_submit (driver, 2);
  g_assert_true (test_driver_wants_kick (driver, old));
  g_assert_true (vhu_vring_has_work (driver->vring));
}

static void
test_device_keeps_kicks_off (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (8, 0, 0);

  vhu_vring_begin_service (driver->vring);
  vhu_vring_disable_kicks (driver->vring);
  vhu_vring_end_service (driver->vring);
  g_assert_cmpuint (test_driver_get_used_flags (driver), ==, 1);
  test_driver_submit (driver, 0);
  g_assert_false (vhu_vring_has_work (driver->vring));

  g_assert_true (vhu_vring_enable_kicks (driver->vring));
  g_assert_cmpuint (test_driver_get_used_flags (driver), ==, 0);
  complete (pop (driver));
  g_assert_false (vhu_vring_enable_kicks (driver->vring));
}

/* Limits */

static void
test_budget_of_chains (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (16, 0, 0);

  vhu_vring_set_budget (driver->vring, 3, 0);
  for (guint i = 0; i < 7; i++)
    test_driver_submit (driver, i);

  for (guint round = 0; round < 2; round++)
    {
      vhu_vring_begin_service (driver->vring);
      for (guint i = 0; i < 3; i++)
        complete (pop (driver));
      g_assert_null (vhu_vring_pop (driver->vring));
      vhu_vring_end_service (driver->vring);
      g_assert_true (vhu_vring_has_work (driver->vring));
      /* It goes on without a kick. */
      g_assert_cmpuint (test_driver_get_used_flags (driver), ==, 1);
      /* Collecting is not looking. */
      vhu_vring_collect (driver->vring);
      g_assert_true (vhu_vring_has_work (driver->vring));
    }

  vhu_vring_begin_service (driver->vring);
  complete (pop (driver));
  g_assert_null (vhu_vring_pop (driver->vring));
  vhu_vring_end_service (driver->vring);
  g_assert_false (vhu_vring_has_work (driver->vring));
  g_assert_cmpuint (test_driver_get_used_flags (driver), ==, 0);
}

static void
test_budget_of_time (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (128, 0, 0);
  guint n = 0;
  VhuChain *chain;

  vhu_vring_set_budget (driver->vring, 0, 1);
  for (guint i = 0; i < 64; i++)
    test_driver_submit (driver, i);

  vhu_vring_begin_service (driver->vring);
  while ((chain = vhu_vring_pop (driver->vring)) != NULL)
    {
      gint64 start = g_get_monotonic_time ();

      while (g_get_monotonic_time () < start + 2)
        ;
      complete (chain);
      n++;
    }
  vhu_vring_end_service (driver->vring);
  g_assert_cmpuint (n, >, 0);
  g_assert_cmpuint (n, <=, 8);
  g_assert_true (vhu_vring_has_work (driver->vring));
}

static void
test_no_budget_outside_of_service (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (16, 0, 0);

  vhu_vring_set_budget (driver->vring, 1, 1);
  for (guint i = 0; i < 5; i++)
    test_driver_submit (driver, i);
  for (guint i = 0; i < 5; i++)
    complete (pop (driver));
}

static void
test_interrupt_stops_popping (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (16, 0, 0);

  test_driver_submit (driver, 0);
  vhu_vring_interrupt (driver->vring);
  vhu_vring_interrupt (driver->vring);
  vhu_vring_begin_service (driver->vring);
  g_assert_null (vhu_vring_pop (driver->vring));
  vhu_vring_release (driver->vring);
  g_assert_null (vhu_vring_pop (driver->vring));
  vhu_vring_end_service (driver->vring);
  g_assert_true (vhu_vring_has_work (driver->vring));

  vhu_vring_release (driver->vring);
  complete (pop (driver));
}

/* State */

static void
count_notify_cb (GObject    *object,
                 GParamSpec *pspec,
                 gpointer    user_data)
{
  ++*(guint *) user_data;
}

static void
test_properties_follow (void)
{
  g_autoptr(TestDriver) driver = test_driver_new_stopped (16, EVENT_IDX, 5);
  guint n_enabled = 0, n_started = 0;
  guint index, size;
  gboolean enabled, started;

  g_signal_connect (driver->vring, "notify::enabled", G_CALLBACK (count_notify_cb), &n_enabled);
  g_signal_connect (driver->vring, "notify::started", G_CALLBACK (count_notify_cb), &n_started);
  g_assert_cmpuint (vhu_vring_get_size (driver->vring), ==, 32768);
  g_assert_null (vhu_vring_get_memory (driver->vring));

  vhu_vring_set_enabled (driver->vring, TRUE);
  vhu_vring_set_enabled (driver->vring, TRUE);
  test_driver_start (driver);
  g_object_get (driver->vring, "index", &index, "size", &size, "enabled", &enabled,
                "started", &started, NULL);
  g_assert_cmpuint (index, ==, 3);
  g_assert_cmpuint (size, ==, 16);
  g_assert_true (enabled);
  g_assert_true (started);
  g_assert_cmpuint (n_enabled, ==, 1);
  g_assert_cmpuint (n_started, ==, 1);
  g_assert_true (vhu_vring_get_memory (driver->vring) == driver->memory);
  g_assert_true (vhu_vring_get_context (driver->vring) == g_main_context_default ());
  g_assert_true (vhu_vring_has_feature (driver->vring, VHU_FEATURE_EVENT_IDX));
  g_assert_false (vhu_vring_has_feature (driver->vring, VHU_FEATURE_INDIRECT_DESC));
  g_assert_false (vhu_vring_has_feature (driver->vring, 64));
  g_assert_cmpuint (vhu_vring_get_avail_index (driver->vring), ==, 5);
  g_assert_cmpuint (vhu_vring_get_used_index (driver->vring), ==, 5);

  vhu_vring_stop (driver->vring);
  g_assert_cmpuint (n_started, ==, 2);
  g_assert_false (vhu_vring_get_started (driver->vring));
  g_assert_null (vhu_vring_get_memory (driver->vring));
}

static void
test_disabled_ring_yields_nothing (void)
{
  g_autoptr(TestDriver) driver = test_driver_new_stopped (16, 0, 0);

  g_assert_null (vhu_vring_pop (driver->vring));
  test_driver_start (driver);
  test_driver_submit (driver, 0);
  g_assert_false (vhu_vring_has_work (driver->vring));
  g_assert_null (vhu_vring_pop (driver->vring));

  vhu_vring_set_enabled (driver->vring, TRUE);
  g_assert_true (vhu_vring_has_work (driver->vring));
  complete (pop (driver));

  /* Kicks that were off when it was disabled are on when it is not. */
  vhu_vring_begin_service (driver->vring);
  vhu_vring_set_enabled (driver->vring, FALSE);
  vhu_vring_end_service (driver->vring);
  g_assert_cmpuint (test_driver_get_used_flags (driver), ==, 1);
  vhu_vring_set_enabled (driver->vring, TRUE);
  g_assert_cmpuint (test_driver_get_used_flags (driver), ==, 0);
}

static void
test_stop_returns_the_base_and_goes_on (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (16, 0, 65534);

  for (guint i = 0; i < 5; i++)
    test_driver_submit (driver, i);
  for (guint i = 0; i < 3; i++)
    complete (pop (driver));
  g_assert_cmpuint (vhu_vring_stop (driver->vring), ==, 1);
  g_assert_cmpuint (vhu_vring_get_base (driver->vring), ==, 1);
  g_assert_null (vhu_vring_pop (driver->vring));

  driver->setup.base = 1;
  test_driver_start (driver);
  g_assert_cmpuint (vhu_vring_get_used_index (driver->vring), ==, 1);
  g_assert_true (vhu_vring_has_work (driver->vring));
  complete (pop (driver));
  complete (pop (driver));
  g_assert_null (vhu_vring_pop (driver->vring));
  g_assert_cmpuint (test_driver_get_used_index (driver), ==, 3);
  assert_used (driver, 2, 4, 0);
}

static void
test_stop_publishes_what_is_pushed (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (16, 0, 0);
  VhuChain *chain;

  test_driver_submit (driver, 0);
  chain = pop (driver);
  vhu_vring_push (driver->vring, chain, 1);
  vhu_chain_unref (chain);
  vhu_vring_stop (driver->vring);
  g_assert_cmpuint (test_driver_get_used_index (driver), ==, 1);
  g_assert_cmpuint (driver->n_calls, ==, 1);
}

static void
test_only_logging_changes_while_running (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (16, EVENT_IDX, 0);

  vhu_vring_set_features (driver->vring, TEST_FEATURE (LOG_ALL));
  g_assert_true (vhu_vring_has_feature (driver->vring, VHU_FEATURE_LOG_ALL));
  g_assert_true (vhu_vring_has_feature (driver->vring, VHU_FEATURE_EVENT_IDX));
  vhu_vring_set_features (driver->vring, 0);
  g_assert_false (vhu_vring_has_feature (driver->vring, VHU_FEATURE_LOG_ALL));
}

static void
test_raised_error_breaks_the_ring_once (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (16, 0, 0);
  g_autoptr(GError) error = g_error_new (VHU_ERROR, VHU_ERROR_BAD_RING, "no status byte");
  VhuChain *held;

  test_driver_submit (driver, 0);
  test_driver_submit (driver, 1);
  held = pop (driver);
  vhu_vring_raise_error (driver->vring, error);
  vhu_vring_raise_error (driver->vring, error);
  g_assert_cmpuint (driver->n_broken, ==, 1);
  g_assert_cmpstr (driver->broken_message, ==, "queue 3: no status byte");
  g_assert_true (vhu_vring_get_broken (driver->vring));
  g_assert_null (vhu_vring_pop (driver->vring));
  g_assert_false (vhu_vring_has_work (driver->vring));

  /* What was held before is still given back. */
  complete (held);
  g_assert_cmpuint (test_driver_get_used_index (driver), ==, 1);

  vhu_vring_stop (driver->vring);
  g_assert_false (vhu_vring_get_broken (driver->vring));
  driver->setup.base = 1;
  test_driver_start (driver);
  complete (pop (driver));
}

typedef struct
{
  const char *name;
  VhuError code;
  void (*spoil) (VhuVringSetup *setup);
} BadSetup;

static void
spoil_zero_size (VhuVringSetup *setup)
{
  setup->size = 0;
}

static void
spoil_odd_size (VhuVringSetup *setup)
{
  setup->size = 24;
}

static void
spoil_large_size (VhuVringSetup *setup)
{
  setup->size = 65536;
}

static void
spoil_base (VhuVringSetup *setup)
{
  setup->base = 65536;
}

static void
spoil_desc_alignment (VhuVringSetup *setup)
{
  setup->desc += 8;
}

static void
spoil_avail_alignment (VhuVringSetup *setup)
{
  setup->avail += 1;
}

static void
spoil_used_alignment (VhuVringSetup *setup)
{
  setup->used += 2;
}

static void
spoil_desc_address (VhuVringSetup *setup)
{
  setup->desc = TEST_HOLE_ADDRESS + TEST_USER_OFFSET;
}

/* The event index behind the ring is part of it. */
static void
spoil_avail_end (VhuVringSetup *setup)
{
  setup->avail = TEST_RING_ADDRESS + TEST_USER_OFFSET + TEST_RING_SIZE - 4 - 2 * 16;
}

static void
spoil_used_end (VhuVringSetup *setup)
{
  setup->used = TEST_RING_ADDRESS + TEST_USER_OFFSET + TEST_RING_SIZE - 4 - 8 * 16;
}

static void
spoil_used_wrap (VhuVringSetup *setup)
{
  setup->used = G_MAXUINT64 - 3;
}

/* Two regions that touch are two mappings. */
static void
spoil_desc_spans (VhuVringSetup *setup)
{
  setup->desc = TEST_SECOND_ADDRESS + TEST_USER_OFFSET - 64;
}

static void
spoil_features (VhuVringSetup *setup)
{
  setup->features |= TEST_FEATURE (RING_PACKED);
}

static const BadSetup bad_setups[] = {
  { "zero-size", VHU_ERROR_BAD_VALUE, spoil_zero_size },
  { "size-no-power-of-two", VHU_ERROR_BAD_VALUE, spoil_odd_size },
  { "size-beyond-limit", VHU_ERROR_BAD_VALUE, spoil_large_size },
  { "base-beyond-16-bits", VHU_ERROR_BAD_VALUE, spoil_base },
  { "descriptors-misaligned", VHU_ERROR_BAD_VALUE, spoil_desc_alignment },
  { "avail-misaligned", VHU_ERROR_BAD_VALUE, spoil_avail_alignment },
  { "used-misaligned", VHU_ERROR_BAD_VALUE, spoil_used_alignment },
  { "descriptors-outside", VHU_ERROR_BAD_MEMORY, spoil_desc_address },
  { "avail-event-outside", VHU_ERROR_BAD_MEMORY, spoil_avail_end },
  { "used-event-outside", VHU_ERROR_BAD_MEMORY, spoil_used_end },
  { "used-wraps", VHU_ERROR_BAD_MEMORY, spoil_used_wrap },
  { "descriptors-span-regions", VHU_ERROR_BAD_MEMORY, spoil_desc_spans },
  { "packed", VHU_ERROR_NOT_SUPPORTED, spoil_features },
};

static void
test_bad_setup_is_refused (gconstpointer data)
{
  const BadSetup *bad = data;
  g_autoptr(TestDriver) driver = test_driver_new_stopped (16, EVENT_IDX, 0);
  VhuVringSetup setup = driver->setup;
  g_autoptr(GError) error = NULL;

  bad->spoil (&setup);
  g_assert_false (vhu_vring_start (driver->vring, &setup, driver->memory, &error));
  g_assert_error (error, VHU_ERROR, (int) bad->code);
  g_assert_true (g_str_has_prefix (error->message, "queue 3: "));
  g_assert_false (vhu_vring_get_started (driver->vring));
  g_assert_null (vhu_vring_pop (driver->vring));

  test_driver_start (driver);
}

static void
test_running_ring_is_not_started_again (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (16, 0, 0);
  g_autoptr(GError) error = NULL;

  g_assert_false (vhu_vring_start (driver->vring, &driver->setup, driver->memory, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_BAD_STATE);
  g_assert_true (vhu_vring_get_started (driver->vring));
}

/* What a device keeps */

static void
test_chain_data_stays (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (16, 0, 0);
  VhuChain *chain;
  guint64 *data;

  test_driver_submit (driver, 0);
  chain = pop (driver);
  g_assert_null (vhu_chain_get_data (chain));
  complete (chain);

  vhu_vring_set_chain_data_size (driver->vring, 2 * sizeof *data);
  test_driver_submit (driver, 1);
  chain = pop (driver);
  data = vhu_chain_get_data (chain);
  g_assert_cmpuint (data[0], ==, 0);
  g_assert_cmpuint (data[1], ==, 0);
  data[1] = 7;
  complete (chain);

  test_driver_submit (driver, 2);
  chain = pop (driver);
  g_assert_true (vhu_chain_get_data (chain) == data);
  g_assert_cmpuint (data[1], ==, 7);
  complete (chain);
}

static void
test_user_data_is_freed_at_close (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (16, 0, 0);
  g_autofree char *second = g_strdup ("second");

  vhu_vring_set_user_data (driver->vring, g_strdup ("first"), g_free);
  g_assert_cmpstr (vhu_vring_get_user_data (driver->vring), ==, "first");
  vhu_vring_set_user_data (driver->vring, g_steal_pointer (&second), g_free);
  g_assert_cmpstr (vhu_vring_get_user_data (driver->vring), ==, "second");

  vhu_vring_stop (driver->vring);
  vhu_vring_close (driver->vring);
  g_assert_null (vhu_vring_get_user_data (driver->vring));
}

static void
add_for_both (const char        *name,
              GTestDataFunc      func)
{
  g_autofree char *plain = g_strconcat (name, "/flags", NULL);
  g_autofree char *event = g_strconcat (name, "/event-index", NULL);

  g_test_add_data_func (plain, NULL, func);
  g_test_add_data_func (event, GSIZE_TO_POINTER ((gsize) EVENT_IDX), func);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/vring/round-trip", test_round_trip);
  g_test_add_func ("/vring/publish/once-at-the-end-of-service",
                   test_service_publishes_once_at_its_end);
  g_test_add_func ("/vring/publish/batch-is-shown-in-parts-with-event-index",
                   test_batch_is_shown_in_parts_with_event_index);
  g_test_add_func ("/vring/publish/push-waits-for-signal", test_push_waits_for_signal);
  g_test_add_func ("/vring/signal/no-interrupt-flag", test_no_interrupt_flag_is_honoured);
  g_test_add_func ("/vring/signal/event-index", test_event_index_is_honoured);
  g_test_add_func ("/vring/end/second-completion-is-refused", test_second_completion_is_refused);
  g_test_add_func ("/vring/end/no-more-than-fits", test_completion_reports_no_more_than_fits);
  g_test_add_func ("/vring/end/failed-gets-error-status",
                   test_failed_chain_gets_the_error_status);
  g_test_add_func ("/vring/end/dropped-fails", test_dropped_chain_fails);
  g_test_add_func ("/vring/end/dropped-by-script-fails-later",
                   test_chain_dropped_by_script_fails_later);
  g_test_add_func ("/vring/end/handle-of-script-is-a-reference",
                   test_handle_of_script_is_a_reference);
  g_test_add_func ("/vring/end/device-completes-failed",
                   test_device_may_complete_and_keep_a_failed_chain);
  g_test_add_func ("/vring/end/stopped-fails-nothing", test_stopped_ring_fails_no_chain);
  g_test_add_func ("/vring/kicks/off-during-service", test_kicks_are_off_during_service);
  g_test_add_func ("/vring/kicks/event-index-left-behind",
                   test_event_index_is_left_behind_during_service);
  add_for_both ("/vring/kicks/late-chain-is-work", test_late_chain_is_work);
  add_for_both ("/vring/kicks/chains-left-alone-are-no-work",
                test_chains_left_alone_are_no_work);
  g_test_add_func ("/vring/kicks/device-keeps-them-off", test_device_keeps_kicks_off);
  g_test_add_func ("/vring/limits/chains", test_budget_of_chains);
  g_test_add_func ("/vring/limits/time", test_budget_of_time);
  g_test_add_func ("/vring/limits/none-outside-of-service", test_no_budget_outside_of_service);
  g_test_add_func ("/vring/limits/interrupt", test_interrupt_stops_popping);
  g_test_add_func ("/vring/state/properties-follow", test_properties_follow);
  g_test_add_func ("/vring/state/disabled-yields-nothing", test_disabled_ring_yields_nothing);
  g_test_add_func ("/vring/state/stop-returns-base", test_stop_returns_the_base_and_goes_on);
  g_test_add_func ("/vring/state/stop-publishes", test_stop_publishes_what_is_pushed);
  g_test_add_func ("/vring/state/only-logging-changes", test_only_logging_changes_while_running);
  g_test_add_func ("/vring/state/raised-error", test_raised_error_breaks_the_ring_once);
  for (guint i = 0; i < G_N_ELEMENTS (bad_setups); i++)
    {
      g_autofree char *name = g_strconcat ("/vring/start/refuses/", bad_setups[i].name, NULL);

      g_test_add_data_func (name, &bad_setups[i], test_bad_setup_is_refused);
    }
  g_test_add_func ("/vring/start/refuses/running", test_running_ring_is_not_started_again);
  g_test_add_func ("/vring/device/chain-data-stays", test_chain_data_stays);
  g_test_add_func ("/vring/device/user-data-is-freed", test_user_data_is_freed_at_close);

  return g_test_run ();
}
