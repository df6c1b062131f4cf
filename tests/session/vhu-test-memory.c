/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-test-memory.h"

#include <string.h>
#include <sys/mman.h>

#include "vhu-test-fds.h"

#define WAIT_MS 20000

int
vhu_test_memory_create_file (gsize size)
{
  int fd = memfd_create ("vhu-test", MFD_CLOEXEC);

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (ftruncate (fd, (off_t) size), ==, 0);
  return fd;
}

void
vhu_test_memory_write (int         fd,
                       guint64     offset,
                       const char *text)
{
  g_assert_cmpint (pwrite (fd, text, strlen (text), (off_t) offset), ==, strlen (text));
}

void
vhu_test_memory_assert (int         fd,
                        guint64     offset,
                        const char *text)
{
  g_autofree char *found = g_malloc0 (strlen (text) + 1);

  g_assert_cmpint (pread (fd, found, strlen (text), (off_t) offset), ==, strlen (text));
  g_assert_cmpstr (found, ==, text);
}

void
vhu_test_memory_submit (VhuDriverQueue *queue,
                        guint64         from,
                        guint64         to,
                        guint           length)
{
  const VhuDriverSegment segments[] = { { from, length, 0 }, { to, length, 1 } };
  g_autoptr(GError) error = NULL;

  vhu_driver_queue_submit (queue, segments, G_N_ELEMENTS (segments), &error);
  g_assert_no_error (error);
  vhu_driver_queue_kick (queue);
}

void
vhu_test_memory_expect_used (VhuDriverQueue *queue,
                             guint           expected)
{
  g_autoptr(GError) error = NULL;
  guint32 length;
  guint id;

  vhu_driver_queue_wait (queue, WAIT_MS, &error);
  g_assert_no_error (error);
  g_assert_true (vhu_driver_queue_pop (queue, &id, &length));
  g_assert_cmpuint (length, ==, expected);
}

void
vhu_test_memory_echo (VhuDriverQueue *queue,
                      int             fd,
                      guint64         address,
                      guint64         offset,
                      const char     *text)
{
  guint length = (guint) strlen (text);

  vhu_test_memory_write (fd, offset, text);
  vhu_test_memory_write (fd, offset + 64, "................");
  vhu_test_memory_submit (queue, address, address + 64, length);
  vhu_test_memory_expect_used (queue, length);
  vhu_test_memory_assert (fd, offset + 64, text);
}

VhuTestRegion
vhu_test_memory_region (guint64 size,
                        guint64 mmap_offset)
{
  return (VhuTestRegion) {
    .guest_address = VHU_TEST_ELSEWHERE,
    .size = size,
    .user_address = VHU_TEST_USER_ELSEWHERE,
    .mmap_offset = mmap_offset,
  };
}

void
vhu_test_memory_add (VhuTestSession      *session,
                     const VhuTestRegion *region,
                     int                  fd)
{
  g_assert_cmpuint (vhu_test_send_region (session->frontend, VHU_TEST_ADD_MEM_REG,
                                          region, fd), ==, 0);
}

void
vhu_test_memory_remove (VhuTestSession      *session,
                        const VhuTestRegion *region)
{
  g_assert_cmpuint (vhu_test_send_region (session->frontend, VHU_TEST_REM_MEM_REG,
                                          region, -1), ==, 0);
}

void
vhu_test_memory_refuse (VhuTestSession      *session,
                        const VhuTestRegion *region,
                        int                  fd)
{
  g_assert_cmpuint (vhu_test_send_region (session->frontend, VHU_TEST_ADD_MEM_REG,
                                          region, fd), !=, 0);
  vhu_test_session_echo (session->queue, "the old memory stays");
}

void
vhu_test_memory_refuse_removal (VhuTestSession      *session,
                                const VhuTestRegion *region)
{
  g_assert_cmpuint (vhu_test_send_region (session->frontend, VHU_TEST_REM_MEM_REG,
                                          region, -1), !=, 0);
}

int
vhu_test_memory_get_own (VhuTestSession *session,
                         VhuTestRegion  *region)
{
  int fd = vhu_frontend_dup_region_fd (session->frontend, 0);

  g_assert_cmpint (fd, >=, 0);
  vhu_test_describe (session->frontend, 0, region);
  return fd;
}

guint64
vhu_test_memory_send_table (VhuTestSession      *session,
                            const VhuTestRegion *region,
                            int                  fd)
{
  VhuTestRegion regions[2];
  vhu_test_autofd int own_fd = vhu_test_memory_get_own (session, &regions[0]);
  const int fds[2] = { own_fd, fd };

  regions[1] = *region;
  return vhu_test_send_regions (session->frontend, regions, 2, fds, 2);
}
