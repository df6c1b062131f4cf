/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <string.h>
#include <sys/socket.h>

#include "vhu-test-fds.h"
#include "vhu-test-log.h"
#include "vhu-test-memory.h"
#include "vhu-test-ring.h"

/* What a front-end says of its memory may be wrong in every number. Whatever is
 * refused leaves the table of before in force, which is where the queue lies. */

#define PAGE VHU_TEST_PAGE

/* In either message. */
static void
refuse_in_both (VhuTestSession      *session,
                const VhuTestRegion *region,
                int                  fd)
{
  vhu_test_memory_refuse (session, region, fd);
  g_assert_cmpuint (vhu_test_memory_send_table (session, region, fd), !=, 0);
  vhu_test_session_echo (session->queue, "the old table stays");
}
static void
test_a_region_that_wraps_is_refused (VhuTestSession *session,
                                     gconstpointer   n_threads)
{
  static const VhuTestRegion regions[] = {
    { G_MAXUINT64 - PAGE + 1, PAGE, VHU_TEST_USER_ELSEWHERE, 0 },
    { G_MAXUINT64 - 15, PAGE, VHU_TEST_USER_ELSEWHERE, 0 },
    { VHU_TEST_ELSEWHERE, PAGE, G_MAXUINT64 - PAGE + 1, 0 },
    { VHU_TEST_ELSEWHERE, PAGE, G_MAXUINT64 - 15, 0 },
    { VHU_TEST_ELSEWHERE, PAGE, VHU_TEST_USER_ELSEWHERE, G_MAXUINT64 - PAGE + 1 },
    { VHU_TEST_ELSEWHERE, PAGE, VHU_TEST_USER_ELSEWHERE, G_MAXINT64 - PAGE + 1 },
    { VHU_TEST_ELSEWHERE, G_MAXUINT64 - PAGE + 1, VHU_TEST_USER_ELSEWHERE, PAGE },
    { VHU_TEST_ELSEWHERE, G_MAXUINT64, VHU_TEST_USER_ELSEWHERE, 0 },
    { 0, G_MAXUINT64, 0, 0 },
    { 0, G_MAXINT64, 0, 0 },
  };
  vhu_test_autofd int fd = vhu_test_memory_create_file (4 * PAGE);

  for (guint i = 0; i < G_N_ELEMENTS (regions); i++)
    refuse_in_both (session, &regions[i], fd);
}

static void
test_an_empty_region_is_refused (VhuTestSession *session,
                                 gconstpointer   n_threads)
{
  vhu_test_autofd int fd = vhu_test_memory_create_file (PAGE);
  VhuTestRegion region = vhu_test_memory_region (0, 0);

  refuse_in_both (session, &region, fd);
}

static void
test_overlapping_regions_are_refused (VhuTestSession *session,
                                      gconstpointer   n_threads)
{
  vhu_test_autofd int fd = vhu_test_memory_create_file (4 * PAGE);
  VhuTestRegion own, region;
  vhu_test_autofd int own_fd = vhu_test_memory_get_own (session, &own);

  region = vhu_test_memory_region (2 * PAGE, 0);
  region.guest_address = own.guest_address + own.size - PAGE;
  refuse_in_both (session, &region, fd);
  region.guest_address = own.guest_address - PAGE;
  refuse_in_both (session, &region, fd);
  region.guest_address = own.guest_address;
  refuse_in_both (session, &region, fd);

  region = vhu_test_memory_region (2 * PAGE, 0);
  region.user_address = own.user_address + own.size - PAGE;
  refuse_in_both (session, &region, fd);
  region.user_address = own.user_address - PAGE;
  refuse_in_both (session, &region, fd);
  refuse_in_both (session, &own, own_fd);

  /* Neighbours do not overlap. */
  region = vhu_test_memory_region (2 * PAGE, 0);
  region.guest_address = own.guest_address + own.size;
  vhu_test_memory_add (session, &region, fd);
  vhu_test_memory_echo (session->queue, fd, region.guest_address, 0, "next door");
}

static void
test_a_file_that_is_too_small_is_refused (VhuTestSession *session,
                                          gconstpointer   n_threads)
{
  vhu_test_autofd int fd = vhu_test_memory_create_file (4 * PAGE);
  vhu_test_autofd int empty = vhu_test_memory_create_file (0);
  VhuTestRegion region;

  region = vhu_test_memory_region (4 * PAGE, PAGE);
  refuse_in_both (session, &region, fd);
  region = vhu_test_memory_region (4 * PAGE + 1, 0);
  refuse_in_both (session, &region, fd);
  region = vhu_test_memory_region (PAGE, 4 * PAGE);
  refuse_in_both (session, &region, fd);
  region = vhu_test_memory_region (G_GUINT64_CONSTANT (1) << 60, 0);
  refuse_in_both (session, &region, fd);
  region = vhu_test_memory_region (1, 0);
  refuse_in_both (session, &region, empty);
}

/* Rings are read with atomic instructions, where they are mapped. */
static void
test_a_crooked_offset_is_refused (VhuTestSession *session,
                                  gconstpointer   n_threads)
{
  static const guint64 offsets[] = { 1, 2, 4, 8, PAGE - 1, PAGE + 8 };
  vhu_test_autofd int fd = vhu_test_memory_create_file (4 * PAGE);

  for (guint i = 0; i < G_N_ELEMENTS (offsets); i++)
    {
      VhuTestRegion region = vhu_test_memory_region (PAGE, offsets[i]);

      refuse_in_both (session, &region, fd);
    }
}

static int
open_again (int fd,
            int flags)
{
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", fd);
  int again = open (path, flags | O_CLOEXEC);

  g_assert_cmpint (again, >=, 0);
  return again;
}

static void
refuse_file (VhuTestSession *session,
             int             fd)
{
  vhu_test_autofd int own_fd = fd;
  VhuTestRegion region = vhu_test_memory_region (PAGE, 0);

  g_assert_cmpint (own_fd, >=, 0);
  refuse_in_both (session, &region, own_fd);
}

static void
test_files_of_other_kinds_are_refused (VhuTestSession *session,
                                       gconstpointer   n_threads)
{
  vhu_test_autofd int fd = vhu_test_memory_create_file (4 * PAGE);
  int pipe_fds[2];

  g_assert_cmpint (pipe2 (pipe_fds, O_CLOEXEC), ==, 0);
  refuse_file (session, open_again (fd, O_RDONLY));
  refuse_file (session, open_again (fd, O_WRONLY));
  refuse_file (session, open_again (fd, O_PATH));
  refuse_file (session, pipe_fds[0]);
  refuse_file (session, pipe_fds[1]);
  refuse_file (session, vhu_test_event_new ());
  refuse_file (session, socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  refuse_file (session, open ("/dev/zero", O_RDWR | O_CLOEXEC));
  refuse_file (session, open ("/dev/null", O_RDWR | O_CLOEXEC));
  refuse_file (session, open ("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

/* A table that says @number and has @n_regions, with @n_fds descriptors. */
static void
refuse_table (VhuTestSession *session,
              guint32         number,
              guint           n_regions,
              guint           n_fds)
{
  guint8 table[8 + 10 * sizeof (VhuTestRegion)] = { 0 };
  gsize size = 8 + n_regions * sizeof (VhuTestRegion);
  vhu_test_autofd int fd = vhu_test_memory_create_file (16 * PAGE);
  int fds[8] = { fd, fd, fd, fd, fd, fd, fd, fd };

  memcpy (table, &number, sizeof number);
  for (guint i = 0; i < n_regions; i++)
    {
      VhuTestRegion region = vhu_test_memory_region (PAGE, i * PAGE);

      region.guest_address += i * PAGE;
      region.user_address += i * PAGE;
      memcpy (table + 8 + i * sizeof region, &region, sizeof region);
    }

  vhu_test_send_fds (session->frontend, VHU_TEST_SET_MEM_TABLE, VHU_TEST_NEED_REPLY,
                     table, size, fds, n_fds);
  g_assert_cmpuint (vhu_test_receive_u64 (session->frontend, VHU_TEST_SET_MEM_TABLE), !=, 0);
  vhu_test_session_echo (session->queue, "the old table stays");
}

static void
test_tables_that_do_not_add_up_are_refused (VhuTestSession *session,
                                            gconstpointer   n_threads)
{
  refuse_table (session, 0, 0, 0);
  refuse_table (session, 0, 0, 1);
  refuse_table (session, 0, 1, 1);
  refuse_table (session, 1, 1, 0);
  refuse_table (session, 1, 1, 2);
  refuse_table (session, 2, 2, 1);
  refuse_table (session, 8, 8, 7);
  refuse_table (session, 9, 8, 8);
  refuse_table (session, 9, 9, 8);
  refuse_table (session, G_MAXUINT32, 8, 8);
  refuse_table (session, 0x08000001, 1, 1);
  refuse_table (session, 2, 1, 2);
  refuse_table (session, 8, 0, 8);
}

/* All or nothing: the regions of a table before the bad one are not kept. */
static void
test_a_table_is_taken_whole (VhuTestSession *session,
                             gconstpointer   n_threads)
{
  vhu_test_autofd int fd = vhu_test_memory_create_file (2 * PAGE);
  const int fds[2] = { fd, fd };
  const VhuTestRegion regions[2] = {
    vhu_test_memory_region (PAGE, 0),
    vhu_test_memory_region (PAGE, PAGE),
  };

  g_assert_cmpuint (vhu_test_send_regions (session->frontend, regions, 2, fds, 2), !=, 0);
  vhu_test_session_echo (session->queue, "the old table stays");
  vhu_test_memory_refuse_removal (session, &regions[0]);
  vhu_test_memory_add (session, &regions[0], fd);
}

static void
test_only_what_is_there_is_removed (VhuTestSession *session,
                                    gconstpointer   n_threads)
{
  vhu_test_autofd int fd = vhu_test_memory_create_file (4 * PAGE);
  const VhuTestRegion region = vhu_test_memory_region (2 * PAGE, PAGE);
  VhuTestRegion other = region;

  vhu_test_memory_refuse_removal (session, &region);
  vhu_test_memory_add (session, &region, fd);
  other.size = PAGE;
  vhu_test_memory_refuse_removal (session, &other);
  other.size = 3 * PAGE;
  vhu_test_memory_refuse_removal (session, &other);
  other = region;
  other.guest_address += PAGE;
  vhu_test_memory_refuse_removal (session, &other);
  other = region;
  other.user_address += PAGE;
  vhu_test_memory_refuse_removal (session, &other);

  vhu_test_memory_echo (session->queue, fd, VHU_TEST_ELSEWHERE, PAGE, "still there");
  vhu_test_memory_remove (session, &region);
  vhu_test_memory_refuse_removal (session, &region);
  vhu_test_session_echo (session->queue, "goes on");
}

static void
test_a_device_may_refuse_memory (VhuTestSession *session,
                                 gconstpointer   n_threads)
{
  vhu_test_autofd int fd = vhu_test_memory_create_file (PAGE);
  VhuTestRegion region = vhu_test_memory_region (PAGE, 0);
  VhuTestRegion own;
  vhu_test_autofd int own_fd = vhu_test_memory_get_own (session, &own);

  g_atomic_int_set (&session->backend->refuse_memory, TRUE);
  refuse_in_both (session, &region, fd);
  vhu_test_memory_refuse_removal (session, &own);
  vhu_test_session_echo (session->queue, "the old memory stays");
  g_atomic_int_set (&session->backend->refuse_memory, FALSE);
  vhu_test_memory_add (session, &region, fd);
  vhu_test_memory_echo (session->queue, fd, VHU_TEST_ELSEWHERE, 0, "taken now");
}

static void
test_private_memory_is_told (VhuTestSession *session,
                             gconstpointer   n_threads)
{
  VhuTestRegion region = vhu_test_memory_region (PAGE, 0);

  vhu_test_log_clear ();
  g_assert_cmpuint (vhu_test_send_regions (session->frontend, &region, 1, NULL, 0), !=, 0);
  g_assert_true (vhu_test_log_has ("guest memory is not shared (no file descriptors with "
                                   "SET_MEM_TABLE): start the VM with "
                                   "memory-backend-memfd,share=on"));
  vhu_test_log_clear ();
  vhu_test_memory_refuse (session, &region, -1);
  g_assert_true (vhu_test_log_has ("start the VM with memory-backend-memfd,share=on"));
}

int
main (int    argc,
      char **argv)
{
  vhu_test_log_install ();
  g_test_init (&argc, &argv, NULL);

#define ADD(name, func)                                                         \
  VHU_TEST_SESSION_ADD_COME_BACK ("/session/memory/" name,                      \
                                  vhu_test_session_set_up, func)

  ADD ("a-region-that-wraps-is-refused", test_a_region_that_wraps_is_refused);
  ADD ("an-empty-region-is-refused", test_an_empty_region_is_refused);
  ADD ("overlapping-regions-are-refused", test_overlapping_regions_are_refused);
  ADD ("a-file-that-is-too-small-is-refused", test_a_file_that_is_too_small_is_refused);
  ADD ("a-crooked-offset-is-refused", test_a_crooked_offset_is_refused);
  ADD ("files-of-other-kinds-are-refused", test_files_of_other_kinds_are_refused);
  ADD ("tables-that-do-not-add-up-are-refused",
       test_tables_that_do_not_add_up_are_refused);
  ADD ("a-table-is-taken-whole", test_a_table_is_taken_whole);
  ADD ("only-what-is-there-is-removed", test_only_what_is_there_is_removed);
  ADD ("a-device-may-refuse-memory", test_a_device_may_refuse_memory);
  ADD ("private-memory-is-told", test_private_memory_is_told);

  return g_test_run ();
}
