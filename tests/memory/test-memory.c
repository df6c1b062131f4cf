/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-memory-private.h"

#include "vhu-error.h"
#include "vhu-fd-private.h"

#include <string.h>
#include <sys/mman.h>

#define PAGE 4096
#define USER_BASE G_GUINT64_CONSTANT (0x7f0000000000)

/* A region of its own file; user addresses are guest addresses moved up. */
static VhuMemoryRegion *
create_region (guint64 guest_address,
               guint64 user_address,
               guint64 size)
{
  g_autoptr(GError) error = NULL;
  vhu_autofd int fd = memfd_create ("guest-memory", MFD_CLOEXEC);
  VhuMemoryRegion *region;

  g_assert_cmpint (ftruncate (fd, size), ==, 0);
  region = vhu_memory_region_new (fd, guest_address, user_address, size, 0,
                                  &error);
  g_assert_no_error (error);
  return region;
}

typedef struct
{
  guint64 guest_address;
  guint64 size;
} Place;

static VhuMemory *
create_memory (const Place *places,
               guint        n_places)
{
  g_autoptr(GPtrArray) regions =
    g_ptr_array_new_with_free_func ((GDestroyNotify) vhu_memory_region_unref);
  g_autoptr(GError) error = NULL;
  VhuMemory *memory;

  for (guint i = 0; i < n_places; i++)
    g_ptr_array_add (regions,
                     create_region (places[i].guest_address,
                                    USER_BASE + places[i].guest_address,
                                    places[i].size));

  memory = vhu_memory_new ((VhuMemoryRegion **) regions->pdata, regions->len,
                           &error);
  g_assert_no_error (error);
  return memory;
}

/* Two that adjoin, one after a hole; not in order. */
static VhuMemory *
create_three (void)
{
  const Place places[] = {
    { 0x8000, PAGE },
    { 0x1000, PAGE },
    { 0x2000, 2 * PAGE },
  };

  return create_memory (places, G_N_ELEMENTS (places));
}

static void
test_regions_are_sorted (void)
{
  g_autoptr(VhuMemory) memory = create_three ();
  const guint64 expected[] = { 0x1000, 0x2000, 0x8000 };

  g_assert_cmpuint (vhu_memory_get_n_regions (memory), ==, 3);
  for (guint i = 0; i < 3; i++)
    {
      VhuMemoryRegion *region = vhu_memory_get_region (memory, i);

      g_assert_cmpuint (vhu_memory_region_get_guest_address (region), ==,
                        expected[i]);
    }
}

static void
test_empty_table_has_nothing (void)
{
  g_autoptr(VhuMemory) memory = vhu_memory_new_empty ();
  g_autoptr(VhuMemory) also_empty = vhu_memory_new (NULL, 0, NULL);
  guint64 available;

  g_assert_cmpuint (vhu_memory_get_n_regions (memory), ==, 0);
  g_assert_cmpuint (vhu_memory_get_n_regions (also_empty), ==, 0);
  g_assert_null (vhu_memory_find (memory, 0));
  g_assert_null (vhu_memory_translate (memory, 0, NULL, &available));
  g_assert_null (vhu_memory_translate_user (memory, 0, 0));
}

static void
test_lookup_ends_where_a_region_ends (void)
{
  g_autoptr(VhuMemory) memory = create_three ();

  g_assert_null (vhu_memory_find (memory, 0));
  g_assert_null (vhu_memory_find (memory, 0xfff));
  g_assert_true (vhu_memory_find (memory, 0x1000) == memory->regions[0]);
  g_assert_true (vhu_memory_find (memory, 0x1fff) == memory->regions[0]);
  g_assert_true (vhu_memory_find (memory, 0x2000) == memory->regions[1]);
  g_assert_true (vhu_memory_find (memory, 0x3fff) == memory->regions[1]);
  g_assert_null (vhu_memory_find (memory, 0x4000));
  g_assert_null (vhu_memory_find (memory, 0x7fff));
  g_assert_true (vhu_memory_find (memory, 0x8fff) == memory->regions[2]);
  g_assert_null (vhu_memory_find (memory, 0x9000));
  g_assert_null (vhu_memory_find (memory, G_MAXUINT64));
}

static VhuMemoryRegion *
find_slowly (VhuMemory *memory,
             guint64    address)
{
  for (guint i = 0; i < memory->n_regions; i++)
    if (address >= memory->regions[i]->guest_address &&
        address - memory->regions[i]->guest_address < memory->regions[i]->size)
      return memory->regions[i];

  return NULL;
}

/* As many slots as we offer, with and without holes between them. */
static void
test_lookup_agrees_with_a_linear_one (void)
{
  Place places[509];
  g_autoptr(VhuMemory) memory = NULL;
  VhuMemoryRegion *hint = NULL;
  guint64 end = 0;

  for (guint i = 0; i < G_N_ELEMENTS (places); i++)
    {
      places[i].guest_address = end + g_test_rand_int_range (0, 2) * PAGE;
      places[i].size = PAGE * g_test_rand_int_range (1, 4);
      end = places[i].guest_address + places[i].size;
    }
  memory = create_memory (places, G_N_ELEMENTS (places));

  for (guint i = 0; i < 20000; i++)
    {
      guint64 address = g_test_rand_int_range (0, end + 2 * PAGE);
      VhuMemoryRegion *expected = find_slowly (memory, address);
      guint64 available;
      guint8 *host = vhu_memory_translate (memory, address, &hint, &available);

      g_assert_true (vhu_memory_find (memory, address) == expected);
      g_assert_true ((host == NULL) == (expected == NULL));
      if (host != NULL)
        {
          g_assert_true (hint == expected);
          g_assert_true (host == expected->host + address -
                                 expected->guest_address);
          g_assert_cmpuint (available, ==, expected->guest_address +
                                           expected->size - address);
        }
    }
}

static void
test_ring_parts_are_found_by_user_address (void)
{
  g_autoptr(VhuMemory) memory = create_three ();
  VhuMemoryRegion *region = memory->regions[1];
  const guint64 start = region->user_address;
  const guint64 end = start + region->size;

  g_assert_true (vhu_memory_translate_user (memory, start, region->size) ==
                 region->host);
  g_assert_true (vhu_memory_translate_user (memory, end - 16, 16) ==
                 region->host + region->size - 16);
  g_assert_true (vhu_memory_translate_user (memory, end - 1, 1) ==
                 region->host + region->size - 1);
}

static void
test_danger_23_ring_part_outside_is_not_found (void)
{
  g_autoptr(VhuMemory) memory = create_three ();
  VhuMemoryRegion *first = memory->regions[0];
  VhuMemoryRegion *second = memory->regions[1];
  const guint64 end = second->user_address + second->size;

  g_assert_null (vhu_memory_translate_user (memory, end, 1));
  g_assert_null (vhu_memory_translate_user (memory, end, 0));
  g_assert_null (vhu_memory_translate_user (memory, end - 16, 17));
  g_assert_null (vhu_memory_translate_user (memory, end - 1, G_MAXUINT64));
  g_assert_null (vhu_memory_translate_user (memory, G_MAXUINT64, 1));
  g_assert_null (vhu_memory_translate_user (memory, G_MAXUINT64, G_MAXUINT64));
  g_assert_null (vhu_memory_translate_user (memory, first->user_address - 1, 2));

  /* The guest sees the two side by side; here they are not. */
  g_assert_null (vhu_memory_translate_user (memory,
                                            second->user_address - 8, 16));
}

static void
test_copies_go_on_in_the_next_region (void)
{
  g_autoptr(VhuMemory) memory = create_three ();
  g_autoptr(GBytes) bytes = g_bytes_new_static ("0123456789abcdef", 16);
  g_autoptr(GBytes) read = NULL;
  g_autoptr(GError) error = NULL;

  g_assert_true (vhu_memory_write (memory, 0x1ff8, bytes, &error));
  g_assert_no_error (error);
  g_assert_cmpmem (memory->regions[0]->host + 0xff8, 8, "01234567", 8);
  g_assert_cmpmem (memory->regions[1]->host, 8, "89abcdef", 8);

  read = vhu_memory_read (memory, 0x1ff8, 16, &error);
  g_assert_no_error (error);
  g_assert_true (g_bytes_equal (read, bytes));
}

static void
test_whole_memory_can_be_copied (void)
{
  g_autoptr(VhuMemory) memory = create_three ();
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) read = vhu_memory_read (memory, 0x1000, 3 * PAGE, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (g_bytes_get_size (read), ==, 3 * PAGE);
}

static void
check_unreadable (VhuMemory *memory,
                  guint64    address,
                  gsize      size)
{
  g_autoptr(GError) error = NULL;

  g_assert_null (vhu_memory_read (memory, address, size, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_BAD_MEMORY);
}

static void
test_holes_cannot_be_read (void)
{
  g_autoptr(VhuMemory) memory = create_three ();

  check_unreadable (memory, 0xfff, 2);
  check_unreadable (memory, 0x3fff, 2);
  check_unreadable (memory, 0x3000, 0x6000);
  check_unreadable (memory, 0x4000, 1);
  check_unreadable (memory, 0x8000, G_MAXSIZE);
  check_unreadable (memory, G_MAXUINT64, 1);
}

static void
test_write_into_a_hole_writes_nothing (void)
{
  g_autoptr(VhuMemory) memory = create_three ();
  g_autoptr(GBytes) bytes = g_bytes_new_static ("0123456789abcdef", 16);
  g_autoptr(GError) error = NULL;

  g_assert_false (vhu_memory_write (memory, 0x3ff8, bytes, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_BAD_MEMORY);
  g_assert_cmpstr (error->message, ==, "0x10 bytes at guest address 0x3ff8 "
                                       "are not all in shared memory");
  g_assert_cmpmem (memory->regions[1]->host + 2 * PAGE - 8, 8,
                   "\0\0\0\0\0\0\0\0", 8);
}

static void
test_nothing_can_be_copied_anywhere (void)
{
  g_autoptr(VhuMemory) memory = create_three ();
  g_autoptr(GBytes) none = g_bytes_new (NULL, 0);
  g_autoptr(GBytes) read = vhu_memory_read (memory, 0, 0, NULL);

  g_assert_nonnull (read);
  g_assert_cmpuint (g_bytes_get_size (read), ==, 0);
  g_assert_true (vhu_memory_write (memory, 0, none, NULL));
}

/* The file is sparse and the copy is refused: neither costs memory. */
static void
test_copies_are_bounded (void)
{
  const Place place = { 0, (G_GUINT64_CONSTANT (1) << 30) + PAGE };
  g_autoptr(VhuMemory) memory = create_memory (&place, 1);
  g_autoptr(GError) error = NULL;

  g_assert_null (vhu_memory_read (memory, 0, (1 << 30) + 1, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_LIMIT);
}

static void
check_overlap (guint64     guest_address,
               guint64     user_address,
               guint64     size,
               const char *kind)
{
  g_autoptr(VhuMemory) memory = create_three ();
  g_autoptr(VhuMemoryRegion) region = create_region (guest_address,
                                                     user_address, size);
  g_autoptr(GError) error = NULL;

  g_assert_null (vhu_memory_add_region (memory, region, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE);
  g_assert_nonnull (strstr (error->message, "regions overlap"));
  g_assert_nonnull (strstr (error->message, kind));
  g_assert_cmpuint (vhu_memory_get_n_regions (memory), ==, 3);
}

static void
test_danger_15_overlapping_guest_addresses_are_refused (void)
{
  const guint64 free_user = 0x10000000;

  check_overlap (0x1000, free_user, PAGE, "guest");
  check_overlap (0x1010, free_user, PAGE, "guest");
  check_overlap (0x0010, free_user, PAGE, "guest");
  check_overlap (0x3000, free_user, PAGE, "guest");
  check_overlap (0x0000, free_user, 16 * PAGE, "guest");
}

static void
test_danger_15_overlapping_user_addresses_are_refused (void)
{
  check_overlap (0x100000, USER_BASE + 0x1000, PAGE, "user");
  check_overlap (0x100000, USER_BASE + 0x1ff0, PAGE, "user");
  check_overlap (0x100000, USER_BASE + 0x3ff0, 0x10, "user");
  check_overlap (0x100000, USER_BASE + 0x0000, 16 * PAGE, "user");
}

static void
test_danger_15_the_same_region_twice_is_refused (void)
{
  g_autoptr(VhuMemoryRegion) region = create_region (0, USER_BASE, PAGE);
  VhuMemoryRegion *twice[] = { region, region };
  g_autoptr(GError) error = NULL;

  g_assert_null (vhu_memory_new (twice, 2, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE);
}

static void
test_adjoining_regions_do_not_overlap (void)
{
  g_autoptr(VhuMemory) memory = create_three ();
  g_autoptr(VhuMemoryRegion) region = create_region (0x4000,
                                                     USER_BASE + 0x4000,
                                                     4 * PAGE);
  g_autoptr(VhuMemory) grown = vhu_memory_add_region (memory, region, NULL);

  g_assert_nonnull (grown);
}

static void
test_tables_share_regions (void)
{
  g_autoptr(VhuMemory) memory = create_three ();
  g_autoptr(VhuMemoryRegion) added = create_region (0, USER_BASE, PAGE);
  g_autoptr(VhuMemory) grown = vhu_memory_add_region (memory, added, NULL);

  g_assert_cmpuint (vhu_memory_get_n_regions (memory), ==, 3);
  g_assert_cmpuint (vhu_memory_get_n_regions (grown), ==, 4);
  g_assert_true (vhu_memory_get_region (grown, 0) == added);
  for (guint i = 0; i < 3; i++)
    {
      VhuMemoryRegion *region = vhu_memory_get_region (memory, i);

      g_assert_true (vhu_memory_get_region (grown, i + 1) == region);
      g_assert_true (vhu_memory_has_region (grown, region));
    }
  g_assert_true (vhu_memory_has_region (grown, added));
  g_assert_false (vhu_memory_has_region (memory, added));
}

/* The same place, but other memory. */
static void
test_region_at_the_same_address_is_another (void)
{
  g_autoptr(VhuMemory) memory = create_three ();
  g_autoptr(VhuMemory) other = create_three ();

  g_assert_false (vhu_memory_has_region (memory,
                                         vhu_memory_get_region (other, 0)));
}

static void
test_removed_region_is_gone_from_the_new_table_only (void)
{
  g_autoptr(VhuMemory) memory = create_three ();
  g_autoptr(GError) error = NULL;
  g_autoptr(VhuMemory) shrunk =
    vhu_memory_remove_region (memory, 0x2000, USER_BASE + 0x2000, 2 * PAGE,
                              &error);

  g_assert_no_error (error);
  g_assert_cmpuint (vhu_memory_get_n_regions (shrunk), ==, 2);
  g_assert_null (vhu_memory_find (shrunk, 0x2000));
  g_assert_nonnull (vhu_memory_find (shrunk, 0x1fff));
  g_assert_nonnull (vhu_memory_find (shrunk, 0x8000));
  g_assert_nonnull (vhu_memory_find (memory, 0x2000));
}

static void
check_not_removed (guint64 guest_address,
                   guint64 user_address,
                   guint64 size)
{
  g_autoptr(VhuMemory) memory = create_three ();
  g_autoptr(GError) error = NULL;

  g_assert_null (vhu_memory_remove_region (memory, guest_address, user_address,
                                           size, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE);
  g_assert_nonnull (strstr (error->message, "there is no region of"));
  g_assert_cmpuint (vhu_memory_get_n_regions (memory), ==, 3);
}

static void
test_danger_20_unknown_region_is_not_removed (void)
{
  check_not_removed (0x2000, USER_BASE + 0x2000, PAGE);
  check_not_removed (0x2000, USER_BASE + 0x2000, 3 * PAGE);
  check_not_removed (0x2000, USER_BASE + 0x2000, 0);
  check_not_removed (0x2000, USER_BASE + 0x3000, 2 * PAGE);
  check_not_removed (0x3000, USER_BASE + 0x3000, PAGE);
  check_not_removed (0x3000, USER_BASE + 0x2000, 2 * PAGE);
  check_not_removed (0x5000, USER_BASE + 0x2000, 2 * PAGE);
  check_not_removed (0, 0, 0);
}

static void
test_danger_20_nothing_is_removed_from_an_empty_table (void)
{
  g_autoptr(VhuMemory) memory = vhu_memory_new_empty ();
  g_autoptr(GError) error = NULL;

  g_assert_null (vhu_memory_remove_region (memory, 0, 0, 0, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE);
}

/* A page is mapped if the kernel can tell whether it is in memory. */
static gboolean
is_mapped (gpointer page)
{
  guint8 in_core;

  return mincore (page, PAGE, &in_core) == 0;
}

static void
test_danger_21_removed_region_stays_mapped_while_it_is_held (void)
{
  VhuMemory *memory = create_three ();
  VhuMemory *shrunk = vhu_memory_remove_region (memory, 0x1000,
                                                USER_BASE + 0x1000, PAGE, NULL);
  VhuMemoryRegion *removed = vhu_memory_get_region (memory, 0);
  guint8 *host = removed->host;
  guint8 *kept = vhu_memory_get_region (memory, 1)->host;

  vhu_memory_region_ref (removed);
  vhu_memory_unref (memory);
  g_assert_true (is_mapped (host));
  host[0] = 1;

  vhu_memory_region_unref (removed);
  g_assert_false (is_mapped (host));
  g_assert_true (is_mapped (kept));

  vhu_memory_unref (shrunk);
  g_assert_false (is_mapped (kept));
}

static void
test_refused_table_keeps_no_region (void)
{
  VhuMemoryRegion *region = create_region (0, USER_BASE, PAGE);
  VhuMemoryRegion *twice[] = { region, region };
  guint8 *host = region->host;

  g_assert_null (vhu_memory_new (twice, 2, NULL));
  vhu_memory_region_unref (region);
  g_assert_false (is_mapped (host));
}

static void
test_is_a_boxed_type (void)
{
  g_autoptr(VhuMemory) memory = create_three ();
  VhuMemory *copy = g_boxed_copy (VHU_TYPE_MEMORY, memory);

  g_assert_true (copy == memory);
  g_boxed_free (VHU_TYPE_MEMORY, copy);
  g_assert_cmpuint (vhu_memory_get_n_regions (memory), ==, 3);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define ADD(name, func) g_test_add_func ("/memory/table/" name, func)
  ADD ("regions-are-sorted", test_regions_are_sorted);
  ADD ("empty-table-has-nothing", test_empty_table_has_nothing);
  ADD ("lookup-ends-where-a-region-ends",
       test_lookup_ends_where_a_region_ends);
  ADD ("lookup-agrees-with-a-linear-one",
       test_lookup_agrees_with_a_linear_one);
  ADD ("ring-parts-are-found-by-user-address",
       test_ring_parts_are_found_by_user_address);
  ADD ("danger-23-ring-part-outside-is-not-found",
       test_danger_23_ring_part_outside_is_not_found);
  ADD ("copies-go-on-in-the-next-region",
       test_copies_go_on_in_the_next_region);
  ADD ("whole-memory-can-be-copied", test_whole_memory_can_be_copied);
  ADD ("holes-cannot-be-read", test_holes_cannot_be_read);
  ADD ("write-into-a-hole-writes-nothing",
       test_write_into_a_hole_writes_nothing);
  ADD ("nothing-can-be-copied-anywhere", test_nothing_can_be_copied_anywhere);
  ADD ("copies-are-bounded", test_copies_are_bounded);
  ADD ("danger-15-overlapping-guest-addresses-are-refused",
       test_danger_15_overlapping_guest_addresses_are_refused);
  ADD ("danger-15-overlapping-user-addresses-are-refused",
       test_danger_15_overlapping_user_addresses_are_refused);
  ADD ("danger-15-the-same-region-twice-is-refused",
       test_danger_15_the_same_region_twice_is_refused);
  ADD ("adjoining-regions-do-not-overlap",
       test_adjoining_regions_do_not_overlap);
  ADD ("tables-share-regions", test_tables_share_regions);
  ADD ("region-at-the-same-address-is-another",
       test_region_at_the_same_address_is_another);
  ADD ("removed-region-is-gone-from-the-new-table-only",
       test_removed_region_is_gone_from_the_new_table_only);
  ADD ("danger-20-unknown-region-is-not-removed",
       test_danger_20_unknown_region_is_not_removed);
  ADD ("danger-20-nothing-is-removed-from-an-empty-table",
       test_danger_20_nothing_is_removed_from_an_empty_table);
  ADD ("danger-21-removed-region-stays-mapped-while-it-is-held",
       test_danger_21_removed_region_stays_mapped_while_it_is_held);
  ADD ("refused-table-keeps-no-region", test_refused_table_keeps_no_region);
  ADD ("is-a-boxed-type", test_is_a_boxed_type);
#undef ADD

  return g_test_run ();
}
