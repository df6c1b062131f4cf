/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <string.h>

#include "vhu-error.h"
#include "vhu-test-driver.h"

#define EVENT_IDX TEST_FEATURE (EVENT_IDX)
#define INDIRECT TEST_FEATURE (INDIRECT_DESC)

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

static void
test_round_trip (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (8, 0, 65535);
  g_autoptr(VhuChain) chain = NULL;
  g_autoptr(GError) error = NULL;
  char buffer[16];

  memcpy (test_driver_get_host (driver, TEST_FIRST_ADDRESS + 64 * 2), "0123456789abcdef", 16);
  test_driver_submit (driver, 2);

  chain = vhu_vring_pop (driver->vring);
  g_assert_nonnull (chain);
  g_assert_cmpuint (vhu_chain_get_id (chain), ==, 2);
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
  g_assert_null (vhu_vring_pop (driver->vring));
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/vring/round-trip", test_round_trip);

  return g_test_run ();
}
