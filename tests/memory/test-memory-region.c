/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-memory-region-private.h"

#include "vhu-error.h"
#include "vhu-fd-private.h"
#include "vhu-test-fds.h"

#include <linux/memfd.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define PAGE 4096
#define GUEST 0x100000
#define USER G_GUINT64_CONSTANT (0x7f0000000000)

static int
create_memory (gsize size)
{
  int fd = memfd_create ("guest-memory", MFD_CLOEXEC);

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (ftruncate (fd, size), ==, 0);
  return fd;
}

static VhuMemoryRegion *
map_region (int     fd,
            guint64 size,
            guint64 offset)
{
  g_autoptr(GError) error = NULL;
  VhuMemoryRegion *region = vhu_memory_region_new (fd, GUEST, USER, size,
                                                   offset, &error);

  g_assert_no_error (error);
  g_assert_nonnull (region);
  return region;
}

static gsize
file_size (int fd)
{
  struct stat st;

  g_assert_cmpint (fstat (fd, &st), ==, 0);
  return st.st_size;
}

/* The message names what was sent, so that a user can find it in the virtual
 * machine's own description of its memory. */
static void
check_refused (int         fd,
               guint64     guest_address,
               guint64     user_address,
               guint64     size,
               guint64     offset,
               VhuError    code,
               const char *part)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *values =
    g_strdup_printf ("region of %#" G_GINT64_MODIFIER "x bytes at "
                     "guest address %#" G_GINT64_MODIFIER "x, "
                     "user address %#" G_GINT64_MODIFIER "x, "
                     "offset %#" G_GINT64_MODIFIER "x: ",
                     size, guest_address, user_address, offset);

  g_assert_null (vhu_memory_region_new (fd, guest_address, user_address, size,
                                        offset, &error));
  g_assert_error (error, VHU_ERROR, (int) code);
  g_assert_true (g_str_has_prefix (error->message, values));
  if (strstr (error->message, part) == NULL)
    g_error ("\"%s\" does not say \"%s\"", error->message, part);
}

/* The line of /proc/self/maps or the block of smaps that begins at @base, or
 * NULL. */
static char *
find_mapping (const char    *file,
              gconstpointer  base)
{
  g_autofree char *start = g_strdup_printf ("%lx-", (gulong) base);
  g_autofree char *maps = NULL;
  g_auto(GStrv) lines = NULL;
  GString *found = NULL;

  g_assert_true (g_file_get_contents (file, &maps, NULL, NULL));
  lines = g_strsplit (maps, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    {
      if (found == NULL && g_str_has_prefix (lines[i], start))
        found = g_string_new (NULL);
      if (found != NULL)
        g_string_append_printf (found, "%s\n", lines[i]);
      if (found != NULL && g_str_has_prefix (lines[i], "VmFlags:"))
        break;
    }

  return found != NULL ? g_string_free (found, FALSE) : NULL;
}

static gboolean
is_mapped (gconstpointer base)
{
  g_autofree char *mapping = find_mapping ("/proc/self/maps", base);

  return mapping != NULL;
}

static void
test_maps_what_the_file_holds (void)
{
  vhu_autofd int fd = create_memory (4 * PAGE);
  g_autoptr(VhuMemoryRegion) region = map_region (fd, 4 * PAGE, 0);
  guint8 byte = 0;

  g_assert_cmpuint (vhu_memory_region_get_guest_address (region), ==, GUEST);
  g_assert_cmpuint (vhu_memory_region_get_user_address (region), ==, USER);
  g_assert_cmpuint (vhu_memory_region_get_size (region), ==, 4 * PAGE);

  g_assert_cmpint (pwrite (fd, "\x5a", 1, 3 * PAGE), ==, 1);
  g_assert_cmpuint (region->host[3 * PAGE], ==, 0x5a);

  region->host[PAGE] = 0xa5;
  g_assert_cmpint (pread (fd, &byte, 1, PAGE), ==, 1);
  g_assert_cmpuint (byte, ==, 0xa5);
}

static void
test_descriptor_stays_the_callers (void)
{
  guint n_fds = vhu_test_count_fds ();
  int fd = create_memory (PAGE);
  g_autoptr(VhuMemoryRegion) region = map_region (fd, PAGE, 0);

  g_assert_cmpint (close (fd), ==, 0);
  g_assert_cmpuint (vhu_test_count_fds (), ==, n_fds);
  region->host[0] = 1;
}

static void
test_offset_is_where_the_region_begins (void)
{
  vhu_autofd int fd = create_memory (4 * PAGE);
  g_autoptr(VhuMemoryRegion) region = map_region (fd, PAGE, 2 * PAGE);

  g_assert_cmpint (pwrite (fd, "\x5a", 1, 2 * PAGE), ==, 1);
  g_assert_cmpuint (region->host[0], ==, 0x5a);
}

static void
test_danger_16_unaligned_offset_is_aligned_down (void)
{
  vhu_autofd int fd = create_memory (4 * PAGE);
  g_autoptr(VhuMemoryRegion) region = map_region (fd, PAGE, PAGE + 0x230);

  g_assert_true (region->host == (guint8 *) region->map_base + 0x230);
  g_assert_cmpuint (region->map_length, ==, 2 * PAGE);
  g_assert_cmpint (pwrite (fd, "\x5a", 1, PAGE + 0x230), ==, 1);
  g_assert_cmpuint (region->host[0], ==, 0x5a);
}

static void
test_length_is_rounded_up_to_a_page (void)
{
  vhu_autofd int fd = create_memory (PAGE + 100);
  g_autoptr(VhuMemoryRegion) region = map_region (fd, PAGE + 100, 0);

  g_assert_cmpuint (region->size, ==, PAGE + 100);
  g_assert_cmpuint (region->map_length, ==, 2 * PAGE);
  region->host[PAGE + 99] = 1;
}

/* No page is touched, so this works without any huge page on the machine. */
static void
test_danger_16_huge_pages_are_mapped_whole (void)
{
  vhu_autofd int fd = memfd_create ("huge", MFD_CLOEXEC | MFD_HUGETLB |
                                            MFD_HUGE_2MB);
  g_autoptr(VhuMemoryRegion) region = NULL;
  const gsize huge = 2 * 1024 * 1024;

  if (fd < 0 || ftruncate (fd, 3 * huge) < 0)
    {
      g_test_skip ("no hugetlbfs");
      return;
    }

  region = map_region (fd, huge + PAGE, PAGE);
  g_assert_cmpuint ((guintptr) region->map_base % huge, ==, 0);
  g_assert_cmpuint (region->map_length, ==, 2 * huge);
  g_assert_true (region->host == (guint8 *) region->map_base + PAGE);
  g_assert_true (is_mapped (region->map_base));
  g_clear_pointer (&region, vhu_memory_region_unref);
}

static void
test_danger_14_empty_region_is_refused (void)
{
  vhu_autofd int fd = create_memory (PAGE);

  check_refused (fd, GUEST, USER, 0, 0, VHU_ERROR_BAD_VALUE, "size is 0");
}

static void
test_danger_14_overflowing_region_is_refused (void)
{
  vhu_autofd int fd = create_memory (PAGE);
  const guint64 last_page = G_MAXUINT64 - PAGE + 1;

  check_refused (fd, last_page, 0, PAGE, 0, VHU_ERROR_BAD_VALUE,
                 "guest address and size exceed 0xffffffffffffffff");
  check_refused (fd, last_page, 0, 2 * PAGE, 0, VHU_ERROR_BAD_VALUE,
                 "guest address and size");
  check_refused (fd, 0, last_page, 2 * PAGE, 0, VHU_ERROR_BAD_VALUE,
                 "user address and size");
  check_refused (fd, 0, 0, 2 * PAGE, last_page, VHU_ERROR_BAD_VALUE,
                 "offset and size exceed 0x7fffffffffffffff");
  check_refused (fd, 0, 0, PAGE, G_MAXINT64 - PAGE + 1, VHU_ERROR_BAD_VALUE,
                 "offset and size");
  check_refused (fd, 0, 0, G_MAXUINT64, 0, VHU_ERROR_BAD_VALUE,
                 "offset and size");
  check_refused (fd, G_MAXUINT64, 0, G_MAXUINT64, G_MAXUINT64,
                 VHU_ERROR_BAD_VALUE, "guest address and size");
}

/* The last page but one: nothing there adds up to 2^64. */
static void
test_region_may_lie_near_the_end_of_the_address_space (void)
{
  vhu_autofd int fd = create_memory (PAGE);
  const guint64 address = G_MAXUINT64 - 2 * PAGE + 1;
  g_autoptr(VhuMemoryRegion) region = vhu_memory_region_new (fd, address,
                                                             address, PAGE, 0,
                                                             NULL);

  g_assert_nonnull (region);
}

static void
test_danger_17_short_file_is_refused (void)
{
  vhu_autofd int fd = create_memory (2 * PAGE);

  check_refused (fd, GUEST, USER, 2 * PAGE + 16, 0, VHU_ERROR_BAD_MEMORY,
                 "file has only 8192 bytes");
  check_refused (fd, GUEST, USER, 2 * PAGE, PAGE, VHU_ERROR_BAD_MEMORY,
                 "file has only 8192 bytes");
  check_refused (fd, GUEST, USER, G_MAXINT64 - PAGE, PAGE,
                 VHU_ERROR_BAD_MEMORY, "file has only 8192 bytes");
  g_assert_cmpuint (file_size (fd), ==, 2 * PAGE);
}

/* The file is as long as it says, on tmpfs, and still no address space is. */
static void
test_region_beyond_the_address_space_is_refused (void)
{
  vhu_autofd int fd = memfd_create ("sparse", MFD_CLOEXEC);
  const guint64 size = G_GUINT64_CONSTANT (1) << 60;

  if (ftruncate (fd, size) < 0)
    {
      g_test_skip ("no sparse file of 2^60 bytes");
      return;
    }

  check_refused (fd, 0, 0, size, 0, VHU_ERROR_BAD_MEMORY, "cannot be mapped");
}

static void
test_danger_19_unwritable_file_is_refused (void)
{
  g_autofree char *path = NULL;
  vhu_autofd int fd = g_file_open_tmp ("vhu-memory-XXXXXX", &path, NULL);
  vhu_autofd int read_only = open (path, O_RDONLY | O_CLOEXEC);
  vhu_autofd int path_only = open (path, O_PATH | O_CLOEXEC);

  unlink (path);
  g_assert_cmpint (ftruncate (fd, PAGE), ==, 0);

  check_refused (read_only, GUEST, USER, PAGE, 0, VHU_ERROR_BAD_MEMORY,
                 "cannot be mapped: ");
  check_refused (path_only, GUEST, USER, PAGE, 0, VHU_ERROR_BAD_MEMORY,
                 "cannot be mapped: ");
}

static void
check_kind_refused (int fd)
{
  g_assert_cmpint (fd, >=, 0);
  check_refused (fd, GUEST, USER, PAGE, 0, VHU_ERROR_BAD_MEMORY,
                 "not a regular file");
  g_assert_cmpint (close (fd), ==, 0);
}

static void
test_danger_19_other_kinds_of_files_are_refused (void)
{
  int ends[2];

  check_kind_refused (open ("/dev/zero", O_RDWR | O_CLOEXEC));
  check_kind_refused (open ("/dev/null", O_RDWR | O_CLOEXEC));
  check_kind_refused (open ("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  check_kind_refused (eventfd (0, EFD_CLOEXEC));

  g_assert_cmpint (pipe2 (ends, O_CLOEXEC), ==, 0);
  check_kind_refused (ends[0]);
  check_kind_refused (ends[1]);
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends),
                   ==, 0);
  check_kind_refused (ends[0]);
  check_kind_refused (ends[1]);
}

static void
test_danger_19_no_file_is_refused (void)
{
  check_refused (-1, GUEST, USER, PAGE, 0, VHU_ERROR_BAD_MEMORY,
                 "file cannot be examined: ");
}

/* Atomic access to a ring that is aligned for the guest would not be for us. */
static void
test_addresses_that_are_aligned_differently_are_refused (void)
{
  vhu_autofd int fd = create_memory (4 * PAGE);

  check_refused (fd, GUEST + 8, USER, PAGE, 0, VHU_ERROR_BAD_VALUE,
                 "not aligned alike");
  check_refused (fd, GUEST, USER + 1, PAGE, 0, VHU_ERROR_BAD_VALUE,
                 "not aligned alike");
  check_refused (fd, GUEST, USER, PAGE, 4, VHU_ERROR_BAD_VALUE,
                 "not aligned alike");
}

static void
test_last_reference_unmaps (void)
{
  vhu_autofd int fd = create_memory (PAGE);
  VhuMemoryRegion *region = map_region (fd, PAGE, 0);
  gpointer base = region->map_base;

  vhu_memory_region_ref (region);
  vhu_memory_region_unref (region);
  g_assert_true (is_mapped (base));
  vhu_memory_region_unref (region);
  g_assert_false (is_mapped (base));
}

static void
test_refused_region_leaves_no_mapping (void)
{
  vhu_autofd int fd = create_memory (PAGE);
  g_autofree char *maps = NULL;

  check_refused (fd, GUEST, USER, 2 * PAGE, 0, VHU_ERROR_BAD_MEMORY, "");
  g_assert_true (g_file_get_contents ("/proc/self/maps", &maps, NULL, NULL));
  g_assert_null (strstr (maps, "guest-memory"));
}

static void
check_flag (const char *mapping,
            const char *flag)
{
  const char *flags = strstr (mapping, "VmFlags:");
  g_auto(GStrv) words = NULL;

  g_assert_nonnull (flags);
  words = g_strsplit (g_strstrip ((char *) flags), " ", -1);
  g_assert_true (g_strv_contains ((const char *const *) words, flag));
}

static void
test_guest_memory_stays_out_of_core_dumps (void)
{
  vhu_autofd int fd = create_memory (PAGE);
  g_autoptr(VhuMemoryRegion) region = map_region (fd, PAGE, 0);
  g_autofree char *mapping = find_mapping ("/proc/self/smaps",
                                           region->map_base);

  g_assert_nonnull (mapping);
  check_flag (mapping, "dd");
  check_flag (mapping, "sh");
  check_flag (mapping, "nr");
}

static void
test_is_a_boxed_type (void)
{
  vhu_autofd int fd = create_memory (PAGE);
  g_autoptr(VhuMemoryRegion) region = map_region (fd, PAGE, 0);
  VhuMemoryRegion *copy = g_boxed_copy (VHU_TYPE_MEMORY_REGION, region);

  g_assert_true (copy == region);
  g_boxed_free (VHU_TYPE_MEMORY_REGION, copy);
  region->host[0] = 1;
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define ADD(name, func) g_test_add_func ("/memory/region/" name, func)
  ADD ("maps-what-the-file-holds", test_maps_what_the_file_holds);
  ADD ("descriptor-stays-the-callers", test_descriptor_stays_the_callers);
  ADD ("offset-is-where-the-region-begins",
       test_offset_is_where_the_region_begins);
  ADD ("danger-16-unaligned-offset-is-aligned-down",
       test_danger_16_unaligned_offset_is_aligned_down);
  ADD ("length-is-rounded-up-to-a-page", test_length_is_rounded_up_to_a_page);
  ADD ("danger-16-huge-pages-are-mapped-whole",
       test_danger_16_huge_pages_are_mapped_whole);
  ADD ("danger-14-empty-region-is-refused",
       test_danger_14_empty_region_is_refused);
  ADD ("danger-14-overflowing-region-is-refused",
       test_danger_14_overflowing_region_is_refused);
  ADD ("region-may-lie-near-the-end-of-the-address-space",
       test_region_may_lie_near_the_end_of_the_address_space);
  ADD ("danger-17-short-file-is-refused",
       test_danger_17_short_file_is_refused);
  ADD ("region-beyond-the-address-space-is-refused",
       test_region_beyond_the_address_space_is_refused);
  ADD ("danger-19-unwritable-file-is-refused",
       test_danger_19_unwritable_file_is_refused);
  ADD ("danger-19-other-kinds-of-files-are-refused",
       test_danger_19_other_kinds_of_files_are_refused);
  ADD ("danger-19-no-file-is-refused", test_danger_19_no_file_is_refused);
  ADD ("addresses-that-are-aligned-differently-are-refused",
       test_addresses_that_are_aligned_differently_are_refused);
  ADD ("last-reference-unmaps", test_last_reference_unmaps);
  ADD ("refused-region-leaves-no-mapping",
       test_refused_region_leaves_no_mapping);
  ADD ("guest-memory-stays-out-of-core-dumps",
       test_guest_memory_stays_out_of_core_dumps);
  ADD ("is-a-boxed-type", test_is_a_boxed_type);
#undef ADD

  return g_test_run ();
}
