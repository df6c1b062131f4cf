/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-driver-memory-private.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vhu-error.h"

#define PAGE ((guint64) sysconf (_SC_PAGESIZE))

static void
add_memory (VhuDriverMemory *memory,
            guint64          size,
            guint            n_regions)
{
  g_autoptr(GError) error = NULL;

  g_assert_true (vhu_driver_memory_add (memory, size, n_regions, &error));
  g_assert_no_error (error);
}

static guint64
allocate (VhuDriverMemory *memory,
          gsize            size)
{
  g_autoptr(GError) error = NULL;
  guint64 address = 0;

  g_assert_true (vhu_driver_memory_allocate (memory, size, &address, &error));
  g_assert_no_error (error);
  g_assert_nonnull (vhu_driver_memory_get_host (memory, address, size));
  return address;
}

static void
test_regions_have_holes_between_them (void)
{
  g_autoptr(VhuDriverMemory) memory = vhu_driver_memory_new ();

  add_memory (memory, 4 * PAGE, 3);
  add_memory (memory, PAGE, 1);
  g_assert_cmpuint (vhu_driver_memory_get_n_regions (memory), ==, 4);

  for (guint i = 0; i < 4; i++)
    {
      VhuDriverRegion *region = vhu_driver_memory_get_region (memory, i);
      guint64 end = region->guest_address + region->size;

      g_assert_cmpuint (region->size, ==, i < 3 ? 2 * PAGE : PAGE);
      g_assert_cmpuint (region->guest_address % PAGE, ==, 0);
      g_assert_null (vhu_driver_memory_get_host (memory, end, 1));
      g_assert_null (vhu_driver_memory_get_host (memory, end - 1, 2));
      g_assert_nonnull (vhu_driver_memory_get_host (memory, end - 1, 1));
      g_assert_cmpint (vhu_driver_memory_find (memory, region->guest_address),
                       ==, i);
      if (i < 3)
        g_assert_cmpuint (end, <,
          vhu_driver_memory_get_region (memory, i + 1)->guest_address);
    }
  g_assert_cmpint (vhu_driver_memory_find (memory, 1), ==, -1);
}

static void
test_regions_share_a_file_with_offsets (void)
{
  g_autoptr(VhuDriverMemory) memory = vhu_driver_memory_new ();
  VhuDriverRegion *second;
  char text[6] = "";

  add_memory (memory, 4 * PAGE, 2);
  second = vhu_driver_memory_get_region (memory, 1);
  g_assert_cmpuint (second->mmap_offset, ==, 2 * PAGE);
  g_assert_cmpuint (second->user_address, ==, (guint64) (gsize) second->host);

  strcpy ((char *) second->host, "hello");
  g_assert_cmpint (pread (second->fd, text, 6, (off_t) second->mmap_offset),
                   ==, 6);
  g_assert_cmpstr (text, ==, "hello");
}

static void
test_files_cannot_shrink (void)
{
  g_autoptr(VhuDriverMemory) memory = vhu_driver_memory_new ();
  int fd;

  add_memory (memory, PAGE, 1);
  fd = vhu_driver_memory_get_region (memory, 0)->fd;

  g_assert_cmpint (fcntl (fd, F_GET_SEALS), ==, F_SEAL_SHRINK | F_SEAL_GROW);
  g_assert_cmpint (fcntl (fd, F_GETFD) & FD_CLOEXEC, !=, 0);
  g_assert_cmpint (ftruncate (fd, 0), <, 0);
}

static void
test_impossible_sizes_are_refused (void)
{
  const struct
  {
    guint64 size;
    guint n_regions;
  } cases[] = { { 0, 1 }, { 4096, 0 }, { 1, 2 }, { G_MAXUINT64, 1 } };
  g_autoptr(VhuDriverMemory) memory = vhu_driver_memory_new ();

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr(GError) error = NULL;

      g_assert_false (vhu_driver_memory_add (memory, cases[i].size,
                                             cases[i].n_regions, &error));
      g_assert_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE);
    }
  g_assert_cmpuint (vhu_driver_memory_get_n_regions (memory), ==, 0);
}

static void
test_blocks_are_aligned_and_apart (void)
{
  const gsize sizes[] = { 1, 63, 64, 65, 512, 1000, 4096, 5000, 8192 };
  const guint64 alignments[] = { 64, 64, 64, 128, 512, 1024, 4096, 4096, 4096 };
  g_autoptr(VhuDriverMemory) memory = vhu_driver_memory_new ();
  guint64 end = 0;

  add_memory (memory, 64 * PAGE, 1);
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      guint64 address = allocate (memory, sizes[i]);

      g_assert_cmpuint (address, >=, end);
      g_assert_cmpuint (address % alignments[i], ==, 0);
      end = address + sizes[i];
    }
}

static void
test_released_blocks_come_back (void)
{
  g_autoptr(VhuDriverMemory) memory = vhu_driver_memory_new ();
  guint64 address;

  add_memory (memory, PAGE, 1);
  address = allocate (memory, 700);
  vhu_driver_memory_release (memory, address, 700);
  g_assert_cmpuint (allocate (memory, 1024), ==, address);
  g_assert_cmpuint (allocate (memory, 1024), !=, address);
}

static void
test_full_memory_is_an_error (void)
{
  g_autoptr(VhuDriverMemory) memory = vhu_driver_memory_new ();
  g_autoptr(GError) error = NULL;
  guint64 first;
  guint64 address = 7;

  add_memory (memory, 2 * PAGE, 2);
  first = allocate (memory, PAGE);
  /* The second region is used when the first one is full. */
  g_assert_cmpuint (allocate (memory, PAGE), >, first + PAGE);

  g_assert_false (vhu_driver_memory_allocate (memory, 1, &address, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_LIMIT);
  g_assert_cmpuint (address, ==, 7);
}

static void
test_blocks_of_a_removed_region_are_forgotten (void)
{
  g_autoptr(VhuDriverMemory) memory = vhu_driver_memory_new ();
  guint64 address;

  add_memory (memory, PAGE, 1);
  add_memory (memory, PAGE, 1);
  address = allocate (memory, 64);
  vhu_driver_memory_release (memory, address, 64);
  vhu_driver_memory_remove (memory, 0);

  g_assert_cmpuint (vhu_driver_memory_get_n_regions (memory), ==, 1);
  g_assert_null (vhu_driver_memory_get_host (memory, address, 1));
  g_assert_cmpuint (allocate (memory, 64), !=, address);
}

static void
test_pointers_lead_back_to_addresses (void)
{
  g_autoptr(VhuDriverMemory) memory = vhu_driver_memory_new ();
  guint64 address;
  guint64 found = 0;
  guint8 *host;

  add_memory (memory, 4 * PAGE, 2);
  address = vhu_driver_memory_get_region (memory, 1)->guest_address + 17;
  host = vhu_driver_memory_get_host (memory, address, 1);

  g_assert_true (vhu_driver_memory_get_guest (memory, host, &found));
  g_assert_cmpuint (found, ==, address);
  g_assert_false (vhu_driver_memory_get_guest (memory, &found, &found));
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/frontend/driver-memory/regions-have-holes-between-them",
                   test_regions_have_holes_between_them);
  g_test_add_func ("/frontend/driver-memory/regions-share-a-file-with-offsets",
                   test_regions_share_a_file_with_offsets);
  g_test_add_func ("/frontend/driver-memory/files-cannot-shrink",
                   test_files_cannot_shrink);
  g_test_add_func ("/frontend/driver-memory/impossible-sizes-are-refused",
                   test_impossible_sizes_are_refused);
  g_test_add_func ("/frontend/driver-memory/blocks-are-aligned-and-apart",
                   test_blocks_are_aligned_and_apart);
  g_test_add_func ("/frontend/driver-memory/released-blocks-come-back",
                   test_released_blocks_come_back);
  g_test_add_func ("/frontend/driver-memory/full-memory-is-an-error",
                   test_full_memory_is_an_error);
  g_test_add_func
    ("/frontend/driver-memory/blocks-of-a-removed-region-are-forgotten",
     test_blocks_of_a_removed_region_are_forgotten);
  g_test_add_func ("/frontend/driver-memory/pointers-lead-back-to-addresses",
                   test_pointers_lead_back_to_addresses);

  return g_test_run ();
}
