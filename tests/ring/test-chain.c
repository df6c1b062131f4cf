/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <string.h>

#include "vhu-error.h"
#include "vhu-test-driver.h"

#define ADDRESS TEST_FIRST_ADDRESS

/* Readable "abc" "defg", writable 2 and 3 bytes. */
static VhuChain *
pop_pieces (TestDriver *driver)
{
  VhuChain *chain;

  memcpy (test_driver_get_host (driver, ADDRESS), "abc", 3);
  memcpy (test_driver_get_host (driver, ADDRESS + 100), "defg", 4);
  memset (test_driver_get_host (driver, ADDRESS + 200), '.', 16);
  test_driver_set_desc (driver, 0, ADDRESS, 3, TEST_NEXT, 1);
  test_driver_set_desc (driver, 1, ADDRESS + 100, 4, TEST_NEXT, 2);
  test_driver_set_desc (driver, 2, ADDRESS + 200, 2, TEST_NEXT | TEST_WRITE, 3);
  test_driver_set_desc (driver, 3, ADDRESS + 204, 3, TEST_WRITE, 0);
  test_driver_add (driver, 0);
  test_driver_publish (driver);

  chain = vhu_vring_pop (driver->vring);
  g_assert_nonnull (chain);
  return chain;
}

static void
assert_written (TestDriver *driver,
                const char *expected)
{
  g_assert_cmpmem (test_driver_get_host (driver, ADDRESS + 200), 8, expected, 8);
}

static void
test_read_goes_across_buffers (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (8, 0, 0);
  g_autoptr(VhuChain) chain = pop_pieces (driver);
  g_autoptr(GBytes) bytes = NULL;
  g_autoptr(GBytes) rest = NULL;
  g_autoptr(GBytes) all = NULL;
  g_autoptr(GBytes) none = NULL;
  g_autoptr(GError) error = NULL;
  char buffer[4];

  g_assert_cmpuint (vhu_chain_get_readable_size (chain), ==, 7);
  g_assert_true (vhu_chain_read (chain, buffer, 2, &error));
  g_assert_cmpmem (buffer, 2, "ab", 2);
  bytes = vhu_chain_read_bytes (chain, 3, &error);
  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), "cde", 3);
  g_assert_cmpuint (vhu_chain_get_n_read (chain), ==, 5);

  all = vhu_chain_dup_bytes (chain, &error);
  g_assert_cmpmem (g_bytes_get_data (all, NULL), g_bytes_get_size (all), "abcdefg", 7);
  g_assert_cmpuint (vhu_chain_get_n_read (chain), ==, 5);

  rest = vhu_chain_read_bytes (chain, 2, &error);
  g_assert_cmpmem (g_bytes_get_data (rest, NULL), g_bytes_get_size (rest), "fg", 2);
  none = vhu_chain_read_bytes (chain, 0, &error);
  g_assert_cmpuint (g_bytes_get_size (none), ==, 0);
  g_assert_true (vhu_chain_read (chain, NULL, 0, &error));
  g_assert_no_error (error);
}

static void
test_read_is_all_or_nothing (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (8, 0, 0);
  g_autoptr(VhuChain) chain = pop_pieces (driver);
  g_autoptr(GError) error = NULL;
  char buffer[8] = "";

  g_assert_true (vhu_chain_read (chain, buffer, 1, &error));
  g_assert_false (vhu_chain_read (chain, buffer, 7, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE);
  g_assert_cmpstr (error->message, ==,
                   "7 bytes wanted, 6 are left in the readable part of chain 0 of queue 3");
  g_assert_cmpuint (vhu_chain_get_n_read (chain), ==, 1);
  g_clear_error (&error);
  g_assert_null (vhu_chain_read_bytes (chain, 7, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE);
}

static void
test_write_goes_across_buffers (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (8, 0, 0);
  g_autoptr(VhuChain) chain = pop_pieces (driver);
  g_autoptr(GBytes) bytes = g_bytes_new_static ("yz", 2);
  g_autoptr(GError) error = NULL;

  g_assert_cmpuint (vhu_chain_get_writable_size (chain), ==, 5);
  g_assert_true (vhu_chain_write (chain, "x", 1, &error));
  g_assert_true (vhu_chain_write_bytes (chain, bytes, &error));
  assert_written (driver, "xy..z...");
  g_assert_cmpuint (vhu_chain_get_n_written (chain), ==, 3);

  g_assert_false (vhu_chain_write (chain, "abc", 3, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE);
  assert_written (driver, "xy..z...");
  g_assert_true (vhu_chain_write (chain, "12", 2, NULL));
  assert_written (driver, "xy..z12.");
}

static void
test_seek_moves_both_positions (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (8, 0, 0);
  g_autoptr(VhuChain) chain = pop_pieces (driver);
  g_autoptr(GError) error = NULL;
  char buffer[4];

  g_assert_true (vhu_chain_seek (chain, 3, 4, &error));
  g_assert_true (vhu_chain_read (chain, buffer, 4, &error));
  g_assert_cmpmem (buffer, 4, "defg", 4);
  g_assert_cmpuint (vhu_chain_get_n_written (chain), ==, 0);
  g_assert_true (vhu_chain_write (chain, "S", 1, &error));
  assert_written (driver, "......S.");
  g_assert_cmpuint (vhu_chain_get_n_written (chain), ==, 5);

  /* What was written last counts, not where the position is. */
  g_assert_true (vhu_chain_seek (chain, 7, 0, &error));
  g_assert_true (vhu_chain_write (chain, "H", 1, &error));
  g_assert_cmpuint (vhu_chain_get_n_written (chain), ==, 5);
  g_assert_true (vhu_chain_seek (chain, 0, 5, &error));
  g_assert_no_error (error);

  g_assert_false (vhu_chain_seek (chain, 8, 0, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE);
  g_clear_error (&error);
  g_assert_false (vhu_chain_seek (chain, 0, 6, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE);
  g_clear_error (&error);
  g_assert_false (vhu_chain_seek (chain, G_MAXUINT64, G_MAXUINT64, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE);
  g_assert_cmpuint (vhu_chain_get_n_read (chain), ==, 0);
}

static void
test_parts_may_be_missing (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (8, 0, 0);
  g_autoptr(VhuChain) chain = NULL;
  g_autoptr(GBytes) all = NULL;
  g_autoptr(GError) error = NULL;
  guint n_iov;

  test_driver_set_desc (driver, 0, ADDRESS, 3, TEST_WRITE, 0);
  test_driver_add (driver, 0);
  test_driver_publish (driver);
  chain = vhu_vring_pop (driver->vring);
  g_assert_cmpuint (vhu_chain_get_readable_size (chain), ==, 0);
  all = vhu_chain_dup_bytes (chain, &error);
  g_assert_cmpuint (g_bytes_get_size (all), ==, 0);
  vhu_chain_get_readable_iov (chain, &n_iov);
  g_assert_cmpuint (n_iov, ==, 0);
  g_assert_true (vhu_chain_seek (chain, 0, 3, &error));
  g_assert_true (vhu_chain_seek (chain, 0, 0, &error));
  g_assert_true (vhu_chain_write (chain, "abc", 3, &error));
  g_assert_no_error (error);
}

static void
test_buffers_split_at_regions (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (8, 0, 0);
  g_autoptr(VhuChain) chain = NULL;
  const struct iovec *iov;
  guint n_iov;

  test_driver_set_desc (driver, 0, ADDRESS, 4, TEST_NEXT, 1);
  test_driver_set_desc (driver, 1, TEST_SECOND_ADDRESS - 3, 8, TEST_WRITE, 0);
  test_driver_add (driver, 0);
  test_driver_publish (driver);
  chain = vhu_vring_pop (driver->vring);

  iov = vhu_chain_get_readable_iov (chain, &n_iov);
  g_assert_cmpuint (n_iov, ==, 1);
  g_assert_true (iov[0].iov_base == test_driver_get_host (driver, ADDRESS));
  g_assert_cmpuint (iov[0].iov_len, ==, 4);

  iov = vhu_chain_get_writable_iov (chain, &n_iov);
  g_assert_cmpuint (n_iov, ==, 2);
  g_assert_true (iov[0].iov_base == test_driver_get_host (driver, TEST_SECOND_ADDRESS - 3));
  g_assert_cmpuint (iov[0].iov_len, ==, 3);
  g_assert_true (iov[1].iov_base == test_driver_get_host (driver, TEST_SECOND_ADDRESS));
  g_assert_cmpuint (iov[1].iov_len, ==, 5);

  g_assert_true (vhu_chain_write (chain, "12345678", 8, NULL));
  g_assert_cmpmem (test_driver_get_host (driver, TEST_SECOND_ADDRESS - 3), 3, "123", 3);
  g_assert_cmpmem (test_driver_get_host (driver, TEST_SECOND_ADDRESS), 5, "45678", 5);
}

/* A driver that says 4 GiB must not make the device allocate them. */
static void
test_copies_are_limited (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (32, 0, 0);
  g_autoptr(VhuChain) chain = NULL;
  g_autoptr(GError) error = NULL;

  for (guint i = 0; i < 17; i++)
    test_driver_set_desc (driver, i, TEST_SECOND_ADDRESS, TEST_SECOND_SIZE,
                          i < 16 ? TEST_NEXT : 0, (guint16) (i + 1));
  test_driver_add (driver, 0);
  test_driver_publish (driver);
  chain = vhu_vring_pop (driver->vring);
  g_assert_cmpuint (vhu_chain_get_readable_size (chain), ==, 17ull * TEST_SECOND_SIZE);

  g_assert_null (vhu_chain_dup_bytes (chain, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_LIMIT);
  g_clear_error (&error);
  g_assert_null (vhu_chain_read_bytes (chain, 17ul * TEST_SECOND_SIZE, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_LIMIT);
  g_assert_cmpuint (vhu_chain_get_n_read (chain), ==, 0);
}

static void
test_chain_is_a_boxed_type (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (8, 0, 0);
  VhuChain *chain = pop_pieces (driver);
  VhuChain *copy = g_boxed_copy (VHU_TYPE_CHAIN, chain);

  g_assert_true (copy == chain);
  g_boxed_free (VHU_TYPE_CHAIN, copy);
  g_assert_false (vhu_chain_is_revoked (chain));
  g_assert_true (vhu_chain_complete (chain, NULL));
  vhu_chain_unref (chain);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/chain/read/across-buffers", test_read_goes_across_buffers);
  g_test_add_func ("/chain/read/all-or-nothing", test_read_is_all_or_nothing);
  g_test_add_func ("/chain/read/copies-are-limited", test_copies_are_limited);
  g_test_add_func ("/chain/write/across-buffers", test_write_goes_across_buffers);
  g_test_add_func ("/chain/seek", test_seek_moves_both_positions);
  g_test_add_func ("/chain/parts-may-be-missing", test_parts_may_be_missing);
  g_test_add_func ("/chain/split-at-regions", test_buffers_split_at_regions);
  g_test_add_func ("/chain/boxed", test_chain_is_a_boxed_type);

  return g_test_run ();
}
