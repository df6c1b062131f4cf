/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <string.h>

#include "vhu-error.h"
#include "vhu-test-driver.h"

/* Stopping, parking, revoking, and memory that comes and goes. */

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
park (VhuChain *chain)
{
  g_autoptr(GError) error = NULL;

  vhu_chain_park (chain, &error);
  g_assert_no_error (error);
  g_assert_true (vhu_chain_is_revoked (chain));
  vhu_chain_unref (chain);
}

static void
restart (TestDriver *driver)
{
  driver->setup.base = vhu_vring_stop (driver->vring);
  test_driver_start (driver);
}

static void
assert_pops (TestDriver *driver,
             guint       head)
{
  VhuChain *chain = pop (driver);

  g_assert_cmpuint (vhu_chain_get_id (chain), ==, head);
  complete (chain);
}

static void
assert_revoked (VhuChain *chain)
{
  g_autoptr(GError) error = NULL;
  guint n_iov = 1;
  char byte;

  g_assert_true (vhu_chain_is_revoked (chain));
  g_assert_false (vhu_chain_read (chain, &byte, 1, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_REVOKED);
  g_clear_error (&error);
  g_assert_false (vhu_chain_write (chain, "x", 1, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_REVOKED);
  g_clear_error (&error);
  g_assert_null (vhu_chain_dup_bytes (chain, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_REVOKED);
  g_clear_error (&error);
  g_assert_null (vhu_chain_read_bytes (chain, 1, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_REVOKED);
  g_clear_error (&error);
  g_assert_false (vhu_chain_seek (chain, 0, 0, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_REVOKED);
  g_clear_error (&error);
  g_assert_false (vhu_chain_complete (chain, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_REVOKED);
  g_clear_error (&error);
  g_assert_false (vhu_chain_fail (chain, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_REVOKED);
  g_clear_error (&error);
  g_assert_false (vhu_chain_park (chain, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_REVOKED);
  g_clear_error (&error);
  g_assert_null (vhu_chain_get_readable_iov (chain, &n_iov));
  g_assert_cmpuint (n_iov, ==, 0);
  g_assert_null (vhu_chain_get_writable_iov (chain, &n_iov));
}

/* Parking */

static void
test_parked_come_back_first_and_in_order (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (16, 0, 65534);
  VhuChain *chains[4];

  for (guint i = 0; i < 6; i++)
    test_driver_submit (driver, i);
  for (guint i = 0; i < 4; i++)
    chains[i] = pop (driver);

  complete (chains[1]);
  park (chains[3]);
  park (chains[0]);
  park (chains[2]);
  g_assert_cmpuint (vhu_vring_get_n_held (driver->vring), ==, 0);

  restart (driver);
  g_assert_true (vhu_vring_has_work (driver->vring));
  assert_pops (driver, 0);
  assert_pops (driver, 2);
  assert_pops (driver, 3);
  assert_pops (driver, 4);
  assert_pops (driver, 5);
  g_assert_null (vhu_vring_pop (driver->vring));
  g_assert_cmpuint (test_driver_get_used_index (driver), ==, 4);
}

static void
test_parked_again_keeps_its_place (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (16, 0, 0);
  VhuChain *chain;

  for (guint i = 0; i < 4; i++)
    test_driver_submit (driver, i);
  for (guint i = 0; i < 3; i++)
    park (pop (driver));

  /* The second run delivers one of three and parks it, and a new one. */
  restart (driver);
  chain = pop (driver);
  g_assert_cmpuint (vhu_chain_get_id (chain), ==, 0);
  park (chain);
  restart (driver);
  for (guint i = 0; i < 4; i++)
    assert_pops (driver, i);
}

static void
test_parked_is_read_anew (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (16, 0, 0);
  VhuChain *chain;

  test_driver_submit (driver, 0);
  park (pop (driver));
  test_driver_set_desc (driver, 0, TEST_FIRST_ADDRESS, 3, 0, 0);
  restart (driver);
  chain = pop (driver);
  g_assert_cmpuint (vhu_chain_get_readable_size (chain), ==, 3);
  g_assert_cmpuint (vhu_chain_get_writable_size (chain), ==, 0);
  park (chain);

  test_driver_set_desc (driver, 0, TEST_HOLE_ADDRESS, 3, 0, 0);
  restart (driver);
  g_assert_null (vhu_vring_pop (driver->vring));
  g_assert_cmpuint (driver->n_broken, ==, 1);
}

static void
test_parked_head_is_in_flight (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (16, 0, 0);

  test_driver_submit (driver, 0);
  park (pop (driver));
  restart (driver);
  park (pop (driver));
  test_driver_submit (driver, 0);
  g_assert_null (vhu_vring_pop (driver->vring));
  g_assert_cmpuint (driver->n_broken, ==, 1);
}

static void
test_other_base_forgets_parked (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (16, 0, 0);

  test_driver_submit (driver, 0);
  test_driver_submit (driver, 1);
  park (pop (driver));
  g_assert_cmpuint (vhu_vring_stop (driver->vring), ==, 1);

  driver->setup.base = 0;
  test_driver_start (driver);
  assert_pops (driver, 0);
  assert_pops (driver, 1);
  g_assert_null (vhu_vring_pop (driver->vring));
}

static void
test_other_size_forgets_parked (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (16, 0, 0);

  test_driver_submit (driver, 15);
  park (pop (driver));
  driver->setup.base = vhu_vring_stop (driver->vring);
  driver->setup.size = 8;
  driver->size = 8;
  test_driver_start (driver);
  g_assert_false (vhu_vring_has_work (driver->vring));
  g_assert_null (vhu_vring_pop (driver->vring));
}

static void
test_reset_forgets_parked (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (16, 0, 0);

  test_driver_submit (driver, 0);
  park (pop (driver));
  driver->setup.base = vhu_vring_stop (driver->vring);
  vhu_vring_forget_parked (driver->vring);
  test_driver_start (driver);
  g_assert_null (vhu_vring_pop (driver->vring));

  test_driver_submit (driver, 0);
  assert_pops (driver, 0);
}

/* Draining */

static void
test_drained_at_once (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (16, 0, 0);

  test_driver_submit (driver, 0);
  vhu_vring_wait_drained (driver->vring);
  g_assert_cmpuint (driver->n_drained, ==, 1);
  g_assert_null (vhu_vring_pop (driver->vring));
  g_assert_false (vhu_vring_has_work (driver->vring));

  restart (driver);
  assert_pops (driver, 0);
  g_assert_cmpuint (driver->n_drained, ==, 1);
}

static void
test_drained_with_the_last_chain (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (16, 0, 0);
  VhuChain *chains[3];

  for (guint i = 0; i < 3; i++)
    test_driver_submit (driver, i);
  for (guint i = 0; i < 3; i++)
    chains[i] = pop (driver);

  vhu_vring_wait_drained (driver->vring);
  complete (chains[0]);
  park (chains[1]);
  g_assert_cmpuint (driver->n_drained, ==, 0);
  vhu_chain_unref (chains[2]);
  g_assert_cmpuint (driver->n_drained, ==, 1);
  g_assert_cmpuint (driver->n_fails, ==, 1);
  g_assert_cmpuint (test_driver_get_used_index (driver), ==, 2);
}

/* A nested main loop can bring a request to stop into the device's own call. */
static void
test_drained_not_inside_of_service (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (16, 0, 0);

  test_driver_submit (driver, 0);
  vhu_vring_begin_service (driver->vring);
  vhu_vring_begin_service (driver->vring);
  vhu_vring_wait_drained (driver->vring);
  vhu_vring_end_service (driver->vring);
  g_assert_null (vhu_vring_pop (driver->vring));
  g_assert_cmpuint (driver->n_drained, ==, 0);
  vhu_vring_end_service (driver->vring);
  g_assert_cmpuint (driver->n_drained, ==, 1);
}

static void
close_and_drop (gpointer user_data)
{
  TestDriver *driver = user_data;

  vhu_vring_stop (driver->vring);
  vhu_vring_close (driver->vring);
  g_clear_object (&driver->vring);
}

static void
test_ring_may_go_when_it_is_drained (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (16, 0, 0);
  VhuChain *chain;

  driver->drained = close_and_drop;
  driver->user_data = driver;
  test_driver_submit (driver, 0);
  chain = pop (driver);
  vhu_vring_wait_drained (driver->vring);
  complete (chain);
  g_assert_null (driver->vring);
}

/* Revoking */

static void
test_revoked_handles_are_dead (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (16, 0, 0);
  g_autoptr(VhuChain) chain = NULL;

  test_driver_submit (driver, 0);
  chain = pop (driver);
  vhu_vring_wait_drained (driver->vring);
  g_assert_cmpuint (driver->n_drained, ==, 0);
  g_assert_cmpuint (vhu_vring_revoke (driver->vring, NULL), ==, 0);
  g_assert_cmpuint (driver->n_drained, ==, 1);
  g_assert_cmpuint (vhu_vring_get_n_held (driver->vring), ==, 0);
  assert_revoked (chain);

  /* It stays in flight. */
  vhu_vring_stop (driver->vring);
  g_assert_cmpuint (test_driver_get_used_index (driver), ==, 0);
  g_assert_cmpuint (vhu_vring_get_n_failed (driver->vring), ==, 0);
}

static void
test_raw_chains_are_not_revoked (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (16, 0, 0);
  g_autoptr(VhuChain) handle = NULL;
  g_autoptr(GError) error = NULL;
  VhuChain *raw;
  guint n_iov;

  test_driver_submit (driver, 0);
  test_driver_submit (driver, 1);
  handle = pop (driver);
  raw = pop (driver);
  g_assert_nonnull (vhu_chain_get_writable_iov (raw, &n_iov));
  g_assert_cmpuint (n_iov, ==, 1);

  vhu_vring_wait_drained (driver->vring);
  g_assert_cmpuint (vhu_vring_revoke (driver->vring, NULL), ==, 1);
  assert_revoked (handle);
  g_assert_cmpuint (driver->n_drained, ==, 0);
  g_assert_cmpint (vhu_vring_get_oldest_age (driver->vring), >, 0);

  g_assert_true (vhu_chain_complete_full (raw, 3, &error));
  vhu_chain_unref (raw);
  g_assert_cmpuint (driver->n_drained, ==, 1);
  g_assert_cmpint (vhu_vring_get_oldest_age (driver->vring), ==, 0);
}

/* The struct that was given out is used again for a chain that was not. */
static void
test_next_chain_is_not_raw (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (16, 0, 0);
  g_autoptr(VhuChain) chain = NULL;
  VhuChain *raw;
  guint n_iov;

  test_driver_submit (driver, 0);
  raw = pop (driver);
  vhu_chain_get_writable_iov (raw, &n_iov);
  complete (raw);

  test_driver_submit (driver, 1);
  chain = pop (driver);
  g_assert_true (chain == raw);
  g_assert_cmpuint (vhu_vring_revoke (driver->vring, NULL), ==, 0);
}

static void
test_revoke_of_one_region (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (16, 0, 0);
  g_autoptr(VhuChain) first = NULL;
  VhuChain *second;

  test_driver_submit (driver, 0);
  test_driver_set_desc (driver, 1, TEST_SECOND_ADDRESS, 16, 0, 0);
  test_driver_add (driver, 1);
  test_driver_publish (driver);
  first = pop (driver);
  second = pop (driver);

  vhu_vring_wait_region (driver->vring, driver->regions[1]);
  g_assert_cmpuint (driver->n_drained, ==, 0);
  g_assert_cmpuint (vhu_vring_revoke (driver->vring, driver->regions[1]), ==, 0);
  g_assert_cmpuint (driver->n_drained, ==, 1);
  assert_revoked (first);
  g_assert_false (vhu_chain_is_revoked (second));
  complete (second);
}

/* The head of a revoked chain is with the device for ever: the driver breaks the
 * ring if it uses that again. */
static void
test_revoked_head_stays_in_flight (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (16, 0, 0);
  g_autoptr(VhuChain) chain = NULL;

  test_driver_submit (driver, 0);
  chain = pop (driver);
  vhu_vring_revoke (driver->vring, NULL);
  restart (driver);
  test_driver_submit (driver, 1);
  assert_pops (driver, 1);
  test_driver_submit (driver, 0);
  g_assert_null (vhu_vring_pop (driver->vring));
  g_assert_cmpuint (driver->n_broken, ==, 1);
}

/* After a reset the driver owns all its descriptors again, whatever the base. */
static void
test_reset_forgets_revoked_heads (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (16, 0, 0);
  g_autoptr(VhuChain) chain = NULL;

  test_driver_submit (driver, 0);
  chain = pop (driver);
  vhu_vring_revoke (driver->vring, NULL);
  driver->setup.base = vhu_vring_stop (driver->vring);
  vhu_vring_forget_parked (driver->vring);
  test_driver_start (driver);
  test_driver_submit (driver, 0);
  assert_pops (driver, 0);
}

static void
test_no_start_while_raw_chains_are_held (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (16, 0, 0);
  g_autoptr(GError) error = NULL;
  VhuChain *chain;
  guint n_iov;

  test_driver_submit (driver, 0);
  chain = pop (driver);
  vhu_chain_get_readable_iov (chain, &n_iov);
  vhu_vring_stop (driver->vring);
  g_assert_false (vhu_vring_start (driver->vring, &driver->setup, driver->memory, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_BAD_STATE);

  /* A stopped ring is not written to. */
  complete (chain);
  g_assert_cmpuint (test_driver_get_used_index (driver), ==, 0);
  g_assert_cmpuint (vhu_vring_get_n_completed (driver->vring), ==, 0);
  test_driver_start (driver);
}

/* Memory */

static gboolean
is_only_ours (VhuMemory *memory)
{
  return g_atomic_ref_count_compare (&memory->ref_count, 1);
}

static void
test_old_memory_goes_with_its_last_chain (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (16, 0, 0);
  g_autoptr(VhuMemory) without_first = test_driver_make_table (driver, 1);
  VhuChain *in_first[2], *in_second;

  test_driver_submit (driver, 0);
  test_driver_submit (driver, 1);
  test_driver_set_desc (driver, 2, TEST_SECOND_ADDRESS, 16, 0, 0);
  test_driver_add (driver, 2);
  test_driver_publish (driver);
  in_first[0] = pop (driver);
  in_first[1] = pop (driver);
  in_second = pop (driver);
  g_assert_false (is_only_ours (driver->memory));

  vhu_vring_set_memory (driver->vring, without_first);
  g_assert_true (vhu_vring_get_memory (driver->vring) == without_first);
  g_assert_false (is_only_ours (driver->memory));
  g_assert_true (vhu_chain_write (in_first[0], "still there", 11, NULL));
  complete (in_first[0]);
  g_assert_false (is_only_ours (driver->memory));
  complete (in_first[1]);
  /* The third moved to the new table. */
  g_assert_true (is_only_ours (driver->memory));
  complete (in_second);

  /* What is gone is gone for new chains. */
  test_driver_submit (driver, 3);
  g_assert_null (vhu_vring_pop (driver->vring));
  g_assert_cmpuint (driver->n_broken, ==, 1);
}

static void
test_parked_chain_pins_no_memory (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (16, 0, 0);
  g_autoptr(VhuMemory) table = test_driver_make_table (driver, 1);

  test_driver_submit (driver, 0);
  park (pop (driver));
  vhu_vring_set_memory (driver->vring, table);
  g_assert_true (is_only_ours (driver->memory));
}

static void
test_stopped_ring_pins_no_memory (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (16, 0, 0);
  g_autoptr(VhuChain) chain = NULL;

  test_driver_submit (driver, 0);
  chain = pop (driver);
  vhu_vring_revoke (driver->vring, NULL);
  vhu_vring_stop (driver->vring);
  g_assert_true (is_only_ours (driver->memory));
}

static void
test_wait_for_a_region (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (16, 0, 0);
  VhuChain *in_first, *in_second;

  test_driver_submit (driver, 0);
  test_driver_set_desc (driver, 1, TEST_SECOND_ADDRESS - 8, 16, 0, 0);
  test_driver_add (driver, 1);
  test_driver_publish (driver);
  in_first = pop (driver);

  vhu_vring_wait_region (driver->vring, driver->regions[2]);
  g_assert_cmpuint (driver->n_drained, ==, 1);

  /* Chains that are popped while it waits count: this one lies in both. */
  vhu_vring_wait_region (driver->vring, driver->regions[1]);
  in_second = pop (driver);
  complete (in_first);
  g_assert_cmpuint (driver->n_drained, ==, 1);
  complete (in_second);
  g_assert_cmpuint (driver->n_drained, ==, 2);
}

static void
test_ring_without_its_memory_is_suspended (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (16, TEST_FEATURE (EVENT_IDX), 0);
  g_autoptr(VhuMemory) without_rings = test_driver_make_table (driver, 0);
  g_autoptr(VhuMemory) again = NULL;
  VhuChain *chains[3];
  guint32 head, length;

  for (guint i = 0; i < 4; i++)
    test_driver_submit (driver, i);
  for (guint i = 0; i < 3; i++)
    chains[i] = pop (driver);

  vhu_vring_set_memory (driver->vring, without_rings);
  g_assert_null (vhu_vring_pop (driver->vring));
  g_assert_false (vhu_vring_has_work (driver->vring));
  g_assert_false (vhu_vring_get_broken (driver->vring));
  vhu_vring_begin_service (driver->vring);
  complete (chains[2]);
  vhu_vring_end_service (driver->vring);
  complete (chains[0]);
  g_assert_cmpuint (test_driver_get_used_index (driver), ==, 0);
  g_assert_cmpuint (driver->n_calls, ==, 0);

  again = test_driver_make_table (driver, -1);
  vhu_vring_set_memory (driver->vring, again);
  g_assert_cmpuint (test_driver_get_used_index (driver), ==, 2);
  g_assert_cmpuint (driver->n_calls, ==, 1);
  test_driver_get_used (driver, 0, &head, &length);
  g_assert_cmpuint (head, ==, 2);
  test_driver_get_used (driver, 1, &head, &length);
  g_assert_cmpuint (head, ==, 0);

  g_assert_true (vhu_vring_has_work (driver->vring));
  complete (chains[1]);
  assert_pops (driver, 3);
  test_driver_submit (driver, 0);
  assert_pops (driver, 0);
}

static void
test_suspended_ring_keeps_completions_over_a_stop (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (16, 0, 0);
  g_autoptr(VhuMemory) without_rings = test_driver_make_table (driver, 0);
  VhuChain *chain;

  test_driver_submit (driver, 0);
  chain = pop (driver);
  vhu_vring_set_memory (driver->vring, without_rings);
  complete (chain);
  restart (driver);
  g_assert_cmpuint (test_driver_get_used_index (driver), ==, 1);
  g_assert_cmpuint (driver->n_calls, ==, 1);
  test_driver_submit (driver, 0);
  assert_pops (driver, 0);
}

/* The same rings at another place of ours, as after a region was replaced. */
static void
test_ring_follows_its_memory (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (16, TEST_FEATURE (EVENT_IDX), 0);
  g_autoptr(TestDriver) other = test_driver_new_stopped (16, TEST_FEATURE (EVENT_IDX), 0);
  VhuChain *chain;

  test_driver_submit (driver, 0);
  chain = pop (driver);
  memcpy (other->regions[0]->host, driver->regions[0]->host, TEST_RING_SIZE);
  other->avail_index = driver->avail_index;

  vhu_vring_set_memory (driver->vring, other->memory);
  complete (chain);
  g_assert_cmpuint (test_driver_get_used_index (driver), ==, 0);
  g_assert_cmpuint (test_driver_get_used_index (other), ==, 1);
  g_assert_true (is_only_ours (driver->memory));

  vhu_vring_begin_service (driver->vring);
  g_assert_null (vhu_vring_pop (driver->vring));
  vhu_vring_end_service (driver->vring);
  g_assert_cmpuint (test_driver_get_avail_event (other), ==, 1);
  test_driver_submit (other, 1);
  complete (pop (driver));
}

/* The end */

static void
set_gone (gpointer data)
{
  *(gboolean *) data = TRUE;
}

/* A weak pointer would tell of the dispose already, which is not the end. */
static void
watch_end (VhuVring *vring,
           gboolean *gone)
{
  *gone = FALSE;
  g_object_set_data_full (G_OBJECT (vring), "test-gone", gone, set_gone);
}

static void
test_handles_outlive_a_closed_ring (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (16, 0, 0);
  VhuChain *chains[3];
  VhuVring *vring = driver->vring;
  gboolean gone;

  watch_end (vring, &gone);
  for (guint i = 0; i < 3; i++)
    test_driver_submit (driver, i);
  for (guint i = 0; i < 3; i++)
    chains[i] = pop (driver);

  vhu_vring_revoke (driver->vring, NULL);
  vhu_vring_stop (driver->vring);
  vhu_vring_close (driver->vring);
  g_clear_object (&driver->vring);

  for (guint i = 0; i < 3; i++)
    {
      g_assert_false (gone);
      assert_revoked (chains[i]);
      g_assert_true (vhu_chain_get_vring (chains[i]) == vring);
      vhu_chain_unref (chains[i]);
    }
  g_assert_true (gone);
  g_assert_cmpuint (driver->n_fails, ==, 0);
  g_assert_true (is_only_ours (driver->memory));
}

static void
test_dropped_ring_closes_itself (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (16, 0, 0);
  VhuChain *handle, *raw;
  gboolean gone;
  const struct iovec *iov;
  guint n_iov;

  watch_end (driver->vring, &gone);
  test_driver_submit (driver, 0);
  test_driver_submit (driver, 1);
  handle = pop (driver);
  raw = pop (driver);
  iov = vhu_chain_get_writable_iov (raw, &n_iov);
  g_clear_object (&driver->vring);
  g_assert_false (gone);
  g_assert_cmpuint (driver->n_fails, ==, 0);

  /* The kernel may still be writing here. */
  g_assert_false (is_only_ours (driver->memory));
  memset (iov[0].iov_base, 1, iov[0].iov_len);
  assert_revoked (handle);
  vhu_chain_unref (handle);
  vhu_chain_unref (raw);
  g_assert_true (gone);
  g_assert_true (is_only_ours (driver->memory));
  g_assert_cmpuint (test_driver_get_used_index (driver), ==, 0);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/vring/park/come-back-first", test_parked_come_back_first_and_in_order);
  g_test_add_func ("/vring/park/again-keeps-its-place", test_parked_again_keeps_its_place);
  g_test_add_func ("/vring/park/is-read-anew", test_parked_is_read_anew);
  g_test_add_func ("/vring/park/head-is-in-flight", test_parked_head_is_in_flight);
  g_test_add_func ("/vring/park/other-base-forgets", test_other_base_forgets_parked);
  g_test_add_func ("/vring/park/other-size-forgets", test_other_size_forgets_parked);
  g_test_add_func ("/vring/park/reset-forgets", test_reset_forgets_parked);
  g_test_add_func ("/vring/drain/at-once", test_drained_at_once);
  g_test_add_func ("/vring/drain/with-the-last-chain", test_drained_with_the_last_chain);
  g_test_add_func ("/vring/drain/not-inside-of-service", test_drained_not_inside_of_service);
  g_test_add_func ("/vring/drain/ring-may-go", test_ring_may_go_when_it_is_drained);
  g_test_add_func ("/vring/revoke/handles-are-dead", test_revoked_handles_are_dead);
  g_test_add_func ("/vring/revoke/not-raw-chains", test_raw_chains_are_not_revoked);
  g_test_add_func ("/vring/revoke/next-chain-is-not-raw", test_next_chain_is_not_raw);
  g_test_add_func ("/vring/revoke/of-one-region", test_revoke_of_one_region);
  g_test_add_func ("/vring/revoke/head-stays-in-flight", test_revoked_head_stays_in_flight);
  g_test_add_func ("/vring/revoke/reset-forgets-heads", test_reset_forgets_revoked_heads);
  g_test_add_func ("/vring/revoke/no-start-before-raw-chains-end",
                   test_no_start_while_raw_chains_are_held);
  g_test_add_func ("/vring/memory/old-goes-with-last-chain",
                   test_old_memory_goes_with_its_last_chain);
  g_test_add_func ("/vring/memory/parked-pins-none", test_parked_chain_pins_no_memory);
  g_test_add_func ("/vring/memory/stopped-pins-none", test_stopped_ring_pins_no_memory);
  g_test_add_func ("/vring/memory/wait-for-region", test_wait_for_a_region);
  g_test_add_func ("/vring/memory/ring-is-suspended", test_ring_without_its_memory_is_suspended);
  g_test_add_func ("/vring/memory/suspended-keeps-completions",
                   test_suspended_ring_keeps_completions_over_a_stop);
  g_test_add_func ("/vring/memory/ring-follows", test_ring_follows_its_memory);
  g_test_add_func ("/vring/close/handles-outlive", test_handles_outlive_a_closed_ring);
  g_test_add_func ("/vring/close/dropped-closes-itself", test_dropped_ring_closes_itself);

  return g_test_run ();
}
