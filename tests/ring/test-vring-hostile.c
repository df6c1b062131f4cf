/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <string.h>

#include "vhu-error.h"
#include "vhu-test-driver.h"

/* What a driver may do to a ring, and must not get away with. Each of these lays
 * one bad chain behind a good one that is held meanwhile. */

#define SIZE 16
#define INDIRECT TEST_FEATURE (INDIRECT_DESC)
#define TABLE (TEST_SECOND_ADDRESS + 4096)
#define DATA TEST_FIRST_ADDRESS

typedef struct
{
  const char *name;
  void (*lay) (TestDriver *driver);
  const char *message;
  guint64 features;
} Hostile;

static void
add (TestDriver *driver,
     guint       head)
{
  test_driver_add (driver, head);
  test_driver_publish (driver);
}

static void
lay_index_jump (TestDriver *driver)
{
  test_driver_set_avail_index (driver, (guint16) (driver->avail_index + SIZE + 1));
}

static void
lay_index_backwards (TestDriver *driver)
{
  test_driver_set_avail_index (driver, (guint16) (driver->avail_index - 1));
}

/* The ring has room for 16 chains, and one of them is held. */
static void
lay_more_than_in_flight (TestDriver *driver)
{
  test_driver_set_avail_index (driver, (guint16) (driver->avail_index + SIZE));
}

static void
lay_head_outside (TestDriver *driver)
{
  add (driver, SIZE);
}

static void
lay_head_65535 (TestDriver *driver)
{
  add (driver, 65535);
}

/* CVE-2016-5403: a request submitted again and again while it is in flight. */
static void
lay_head_twice (TestDriver *driver)
{
  add (driver, 0);
}

static void
lay_next_outside (TestDriver *driver)
{
  test_driver_set_desc (driver, 2, DATA, 16, TEST_NEXT, SIZE);
  add (driver, 2);
}

static void
lay_self_loop (TestDriver *driver)
{
  test_driver_set_desc (driver, 2, DATA, 16, TEST_NEXT, 2);
  add (driver, 2);
}

static void
lay_loop_of_all (TestDriver *driver)
{
  for (guint i = 0; i < SIZE; i++)
    test_driver_set_desc (driver, i, DATA, 16, TEST_NEXT, (guint16) ((i + 1) % SIZE));
  add (driver, 2);
}

static void
lay_empty_buffer (TestDriver *driver)
{
  test_driver_set_desc (driver, 2, DATA, 0, 0, 0);
  add (driver, 2);
}

static void
lay_empty_buffer_outside (TestDriver *driver)
{
  test_driver_set_desc (driver, 2, TEST_HOLE_ADDRESS, 0, TEST_WRITE, 0);
  add (driver, 2);
}

static void
lay_readable_after_writable (TestDriver *driver)
{
  test_driver_set_desc (driver, 2, DATA, 16, TEST_WRITE | TEST_NEXT, 3);
  test_driver_set_desc (driver, 3, DATA + 64, 16, 0, 0);
  add (driver, 2);
}

static void
lay_address_outside (TestDriver *driver)
{
  test_driver_set_desc (driver, 2, 0, 16, 0, 0);
  add (driver, 2);
}

static void
lay_into_hole (TestDriver *driver)
{
  test_driver_set_desc (driver, 2, TEST_HOLE_ADDRESS - 8, 16, TEST_WRITE, 0);
  add (driver, 2);
}

/* The first bytes are in memory, the last are beyond two regions. */
static void
lay_across_all (TestDriver *driver)
{
  test_driver_set_desc (driver, 2, TEST_FIRST_ADDRESS,
                        TEST_FIRST_SIZE + TEST_SECOND_SIZE + 1, TEST_WRITE, 0);
  add (driver, 2);
}

static void
lay_address_wraps (TestDriver *driver)
{
  test_driver_set_desc (driver, 2, G_MAXUINT64 - 7, 16, 0, 0);
  add (driver, 2);
}

/* The last address there is; the end behind it takes 65 bits. */
static void
lay_address_at_end (TestDriver *driver)
{
  test_driver_set_desc (driver, 2, G_MAXUINT64, 1, 0, 0);
  add (driver, 2);
}

static void
lay_indirect_unasked (TestDriver *driver)
{
  test_driver_set_entry (driver, TABLE, 0, DATA, 16, 0, 0);
  test_driver_set_desc (driver, 2, TABLE, 16, TEST_INDIRECT, 0);
  add (driver, 2);
}

static void
lay_indirect_with_next (TestDriver *driver)
{
  test_driver_set_entry (driver, TABLE, 0, DATA, 16, 0, 0);
  test_driver_set_desc (driver, 2, TABLE, 16, TEST_INDIRECT | TEST_NEXT, 3);
  test_driver_set_desc (driver, 3, DATA, 16, 0, 0);
  add (driver, 2);
}

static void
lay_indirect_in_indirect (TestDriver *driver)
{
  test_driver_set_entry (driver, TABLE, 0, TABLE + 16, 16, TEST_INDIRECT, 0);
  test_driver_set_entry (driver, TABLE, 1, DATA, 16, 0, 0);
  test_driver_set_desc (driver, 2, TABLE, 16, TEST_INDIRECT, 0);
  add (driver, 2);
}

static void
lay_indirect_of_itself (TestDriver *driver)
{
  test_driver_set_entry (driver, TABLE, 0, TABLE, 16, TEST_INDIRECT, 0);
  test_driver_set_desc (driver, 2, TABLE, 16, TEST_INDIRECT, 0);
  add (driver, 2);
}

static void
lay_indirect_empty (TestDriver *driver)
{
  test_driver_set_desc (driver, 2, TABLE, 0, TEST_INDIRECT, 0);
  add (driver, 2);
}

static void
lay_indirect_uneven (TestDriver *driver)
{
  test_driver_set_entry (driver, TABLE, 0, DATA, 16, 0, 0);
  test_driver_set_desc (driver, 2, TABLE, 17, TEST_INDIRECT, 0);
  add (driver, 2);
}

static void
lay_indirect_too_long (TestDriver *driver)
{
  test_driver_set_entry (driver, TABLE, 0, DATA, 16, 0, 0);
  test_driver_set_desc (driver, 2, TABLE, 16 * 1025, TEST_INDIRECT, 0);
  add (driver, 2);
}

static void
lay_indirect_outside (TestDriver *driver)
{
  test_driver_set_desc (driver, 2, TEST_HOLE_ADDRESS, 16, TEST_INDIRECT, 0);
  add (driver, 2);
}

static void
lay_indirect_into_hole (TestDriver *driver)
{
  test_driver_set_entry (driver, TEST_HOLE_ADDRESS - 16, 0, DATA, 16, 0, 0);
  test_driver_set_desc (driver, 2, TEST_HOLE_ADDRESS - 16, 32, TEST_INDIRECT, 0);
  add (driver, 2);
}

static void
lay_indirect_wraps (TestDriver *driver)
{
  test_driver_set_desc (driver, 2, G_MAXUINT64 - 15, 32, TEST_INDIRECT, 0);
  add (driver, 2);
}

static void
lay_indirect_next_outside (TestDriver *driver)
{
  test_driver_set_entry (driver, TABLE, 0, DATA, 16, TEST_NEXT, 2);
  test_driver_set_entry (driver, TABLE, 1, DATA, 16, 0, 0);
  test_driver_set_desc (driver, 2, TABLE, 32, TEST_INDIRECT, 0);
  add (driver, 2);
}

static void
lay_indirect_loop (TestDriver *driver)
{
  test_driver_set_entry (driver, TABLE, 0, DATA, 16, TEST_NEXT, 1);
  test_driver_set_entry (driver, TABLE, 1, DATA, 16, TEST_NEXT, 0);
  test_driver_set_desc (driver, 2, TABLE, 32, TEST_INDIRECT, 0);
  add (driver, 2);
}

static void
lay_indirect_readable_after_direct_writable (TestDriver *driver)
{
  test_driver_set_desc (driver, 2, DATA, 16, TEST_WRITE | TEST_NEXT, 3);
  test_driver_set_entry (driver, TABLE, 0, DATA, 16, 0, 0);
  test_driver_set_desc (driver, 3, TABLE, 16, TEST_INDIRECT, 0);
  add (driver, 2);
}

static void
lay_too_many_in_both (TestDriver *driver)
{
  test_driver_set_desc (driver, 2, DATA, 16, TEST_NEXT, 3);
  for (guint i = 0; i < 1024; i++)
    test_driver_set_entry (driver, TABLE, i, DATA, 16, TEST_NEXT, (guint16) (i + 1));
  test_driver_set_entry (driver, TABLE, 1023, DATA, 16, 0, 0);
  test_driver_set_desc (driver, 3, TABLE, 16 * 1024, TEST_INDIRECT, 0);
  add (driver, 2);
}

/* 1024 buffers that are 4 MiB each, and one byte: more than a length says. */
static void
lay_too_long (TestDriver *driver)
{
  for (guint i = 0; i < 1024; i++)
    test_driver_set_entry (driver, TEST_FIRST_ADDRESS, i, TEST_SECOND_ADDRESS,
                           TEST_SECOND_SIZE, TEST_NEXT | TEST_WRITE, (guint16) (i + 1));
  test_driver_set_entry (driver, TEST_FIRST_ADDRESS, 1023, TEST_SECOND_ADDRESS - 1,
                         TEST_SECOND_SIZE + 1, TEST_WRITE, 0);
  test_driver_set_desc (driver, 2, TEST_FIRST_ADDRESS, 16 * 1024, TEST_INDIRECT, 0);
  add (driver, 2);
}

static const Hostile hostiles[] = {
  { "avail-index-jumps", lay_index_jump,
    "available index is 18 and was 1: a jump by 17, the ring has 16 entries", 0 },
  { "avail-index-goes-back", lay_index_backwards, "a jump by 65535", 0 },
  { "more-than-fits-in-flight", lay_more_than_in_flight,
    "16 chains are available while 1 are in flight, the ring has 16 entries", 0 },
  { "head-outside", lay_head_outside,
    "head at available index 1 is 16, the ring has 16 entries", 0 },
  { "head-65535", lay_head_65535, "head at available index 1 is 65535", 0 },
  { "head-in-flight-twice", lay_head_twice, "head 0 at available index 1 is in flight", 0 },
  { "next-outside", lay_next_outside,
    "chain 2: descriptor 2 is followed by 16, the table has 16 entries", 0 },
  { "descriptor-follows-itself", lay_self_loop, "more than 16 descriptors", 0 },
  { "loop-of-all-descriptors", lay_loop_of_all, "more than 16 descriptors", 0 },
  { "empty-buffer", lay_empty_buffer, "has length 0", 0 },
  { "empty-buffer-outside", lay_empty_buffer_outside, "has length 0", 0 },
  { "readable-after-writable", lay_readable_after_writable, "follows a writable one", 0 },
  { "address-outside", lay_address_outside, "outside of memory", 0 },
  { "buffer-into-hole", lay_into_hole, "8 bytes before its end, is outside of memory", 0 },
  { "buffer-across-everything", lay_across_all, "1 bytes before its end", 0 },
  { "address-wraps", lay_address_wraps, "ends after 2^64", 0 },
  { "address-is-the-last", lay_address_at_end, "outside of memory", 0 },
  { "indirect-not-negotiated", lay_indirect_unasked, "was not negotiated", 0 },
  { "indirect-with-next", lay_indirect_with_next, "has a successor", INDIRECT },
  { "indirect-in-indirect", lay_indirect_in_indirect, "of an indirect table is indirect",
    INDIRECT },
  { "indirect-of-itself", lay_indirect_of_itself, "of an indirect table is indirect", INDIRECT },
  { "indirect-empty", lay_indirect_empty, "has 0 bytes, not a multiple of 16", INDIRECT },
  { "indirect-uneven", lay_indirect_uneven, "has 17 bytes, not a multiple of 16", INDIRECT },
  { "indirect-too-long", lay_indirect_too_long, "has 1025 entries, at most 1024", INDIRECT },
  { "indirect-outside", lay_indirect_outside, "of an indirect table is outside", INDIRECT },
  { "indirect-into-hole", lay_indirect_into_hole, "of an indirect table is outside", INDIRECT },
  { "indirect-wraps", lay_indirect_wraps, "ends after 2^64", INDIRECT },
  { "indirect-next-outside", lay_indirect_next_outside,
    "descriptor 0 is followed by 2, the table has 2 entries", INDIRECT },
  { "indirect-loop", lay_indirect_loop, "more than 2 descriptors", INDIRECT },
  { "indirect-readable-after-writable", lay_indirect_readable_after_direct_writable,
    "follows a writable one", INDIRECT },
  { "too-many-direct-and-indirect", lay_too_many_in_both, "more than 1023 descriptors",
    INDIRECT },
  { "sum-of-lengths-beyond-2^32", lay_too_long,
    "chain holds 4294967297 bytes, at most 4294967296 are allowed", INDIRECT },
};

static void
test_breaks_the_ring_only (gconstpointer data)
{
  const Hostile *hostile = data;
  g_autoptr(TestDriver) driver = test_driver_new (SIZE, hostile->features, 0);
  g_autoptr(GError) error = NULL;
  VhuChain *held;

  test_driver_submit (driver, 0);
  held = vhu_vring_pop (driver->vring);
  g_assert_nonnull (held);

  hostile->lay (driver);
  g_assert_null (vhu_vring_pop (driver->vring));
  g_assert_cmpuint (driver->n_broken, ==, 1);
  g_test_message ("%s", driver->broken_message);
  g_assert_true (g_str_has_prefix (driver->broken_message, "queue 3: "));
  g_assert_nonnull (strstr (driver->broken_message, hostile->message));

  /* It is told once, and yields nothing more. */
  test_driver_submit (driver, 5);
  g_assert_null (vhu_vring_pop (driver->vring));
  g_assert_false (vhu_vring_has_work (driver->vring));
  vhu_vring_begin_service (driver->vring);
  vhu_vring_end_service (driver->vring);
  g_assert_cmpuint (driver->n_broken, ==, 1);

  /* What was held is safe to use and to complete. */
  g_assert_true (vhu_chain_write (held, "x", 1, &error));
  g_assert_true (vhu_chain_complete (held, &error));
  vhu_chain_unref (held);
  g_assert_cmpuint (test_driver_get_used_index (driver), ==, 1);
  g_assert_cmpuint (vhu_vring_get_n_held (driver->vring), ==, 0);
}

/* The jump is seen when the ring goes to sleep, too. */
static void
test_jump_is_seen_at_the_end_of_service (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (SIZE, 0, 0);

  vhu_vring_begin_service (driver->vring);
  g_assert_null (vhu_vring_pop (driver->vring));
  lay_index_jump (driver);
  vhu_vring_end_service (driver->vring);
  g_assert_cmpuint (driver->n_broken, ==, 1);
}

static void
test_broken_ring_starts_anew (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (SIZE, 0, 0);
  VhuChain *chain;

  lay_head_outside (driver);
  g_assert_null (vhu_vring_pop (driver->vring));
  g_assert_cmpuint (vhu_vring_stop (driver->vring), ==, 0);

  driver->avail_index = 0;
  test_driver_set_avail_index (driver, 0);
  test_driver_start (driver);
  test_driver_submit (driver, 1);
  chain = vhu_vring_pop (driver->vring);
  g_assert_nonnull (chain);
  g_assert_true (vhu_chain_complete (chain, NULL));
  vhu_chain_unref (chain);
}

/* The rings may lie on top of each other and of a buffer: reads are of copies,
 * so that is the driver's own mess. */
static void
test_overlapping_parts_are_harmless (void)
{
  g_autoptr(TestDriver) driver = test_driver_new_stopped (SIZE, 0, 0);
  VhuChain *chain;

  driver->setup.avail = driver->setup.desc;
  driver->setup.used = driver->setup.desc;
  test_driver_start (driver);
  vhu_vring_set_enabled (driver->vring, TRUE);
  for (guint i = 0; i < SIZE; i++)
    test_driver_set_desc (driver, i, TEST_RING_ADDRESS, 0x10000, TEST_WRITE, 0);

  for (guint i = 0; i < 2 * SIZE; i++)
    {
      chain = vhu_vring_pop (driver->vring);
      if (chain == NULL)
        break;
      vhu_chain_complete (chain, NULL);
      vhu_chain_unref (chain);
    }
}

/* The longest legal chain: all of a table, behind direct descriptors. */
static void
test_longest_chains_are_allowed (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (SIZE, INDIRECT, 0);
  VhuChain *chain;

  test_driver_set_desc (driver, 2, DATA, 16, TEST_NEXT, 3);
  for (guint i = 0; i < 1023; i++)
    test_driver_set_entry (driver, TABLE, i, DATA, 16, i < 1022 ? TEST_NEXT : 0,
                           (guint16) (i + 1));
  /* The WRITE flag of an indirect descriptor has no meaning. */
  test_driver_set_desc (driver, 3, TABLE, 16 * 1023, TEST_INDIRECT | TEST_WRITE, 0);
  add (driver, 2);

  for (guint i = 4; i < SIZE; i++)
    test_driver_set_desc (driver, i, DATA, 16, i < SIZE - 1 ? TEST_NEXT : 0,
                          (guint16) (i + 1));
  add (driver, 4);

  chain = vhu_vring_pop (driver->vring);
  g_assert_nonnull (chain);
  g_assert_cmpuint (vhu_chain_get_readable_size (chain), ==, 16 * 1024);
  vhu_chain_complete (chain, NULL);
  vhu_chain_unref (chain);

  chain = vhu_vring_pop (driver->vring);
  g_assert_nonnull (chain);
  g_assert_cmpuint (vhu_chain_get_readable_size (chain), ==, 16 * 12);
  vhu_chain_complete (chain, NULL);
  vhu_chain_unref (chain);
}

/* Exactly 4 GiB is a legal sum, and its used length is what 32 bits hold. */
static void
test_largest_chain_is_allowed (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (SIZE, INDIRECT, 0);
  g_autoptr(VhuChain) chain = NULL;
  g_autoptr(GError) error = NULL;
  guint32 head, length;

  for (guint i = 0; i < 1024; i++)
    test_driver_set_entry (driver, TEST_FIRST_ADDRESS, i, TEST_SECOND_ADDRESS,
                           TEST_SECOND_SIZE, (i < 1023 ? TEST_NEXT : 0) | TEST_WRITE,
                           (guint16) (i + 1));
  test_driver_set_desc (driver, 2, TEST_FIRST_ADDRESS, 16 * 1024, TEST_INDIRECT, 0);
  add (driver, 2);

  chain = vhu_vring_pop (driver->vring);
  g_assert_nonnull (chain);
  g_assert_cmpuint (vhu_chain_get_writable_size (chain), ==, G_GUINT64_CONSTANT (1) << 32);
  g_assert_true (vhu_chain_seek (chain, 0, (G_GUINT64_CONSTANT (1) << 32) - 1, &error));
  g_assert_true (vhu_chain_write (chain, "x", 1, &error));
  g_assert_true (vhu_chain_complete (chain, &error));
  test_driver_get_used (driver, 0, &head, &length);
  g_assert_cmpuint (length, ==, G_MAXUINT32);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (hostiles); i++)
    {
      g_autofree char *name = g_strconcat ("/vring/hostile/", hostiles[i].name, NULL);

      g_test_add_data_func (name, &hostiles[i], test_breaks_the_ring_only);
    }
  g_test_add_func ("/vring/hostile/jump-at-end-of-service",
                   test_jump_is_seen_at_the_end_of_service);
  g_test_add_func ("/vring/hostile/starts-anew", test_broken_ring_starts_anew);
  g_test_add_func ("/vring/hostile/parts-overlap", test_overlapping_parts_are_harmless);
  g_test_add_func ("/vring/legal/longest-chains", test_longest_chains_are_allowed);
  g_test_add_func ("/vring/legal/largest-chain", test_largest_chain_is_allowed);

  return g_test_run ();
}
