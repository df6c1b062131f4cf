/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-test-messages.h"

#include <string.h>

G_STATIC_ASSERT (sizeof (VhuTestVringState) == 8);
G_STATIC_ASSERT (sizeof (VhuTestVringAddress) == 40);
G_STATIC_ASSERT (sizeof (VhuTestRegion) == 32);
G_STATIC_ASSERT (sizeof (VhuTestConfig) == 4096);

void
vhu_test_send_fds (VhuFrontend   *frontend,
                   guint          request,
                   guint          flags,
                   gconstpointer  payload,
                   gsize          size,
                   const int     *fds,
                   guint          n_fds)
{
  g_autoptr(GBytes) bytes = g_bytes_new (payload, size);
  g_autoptr(GError) error = NULL;

  vhu_frontend_send_raw (frontend, request, flags, (guint) size, bytes, fds, n_fds, &error);
  g_assert_no_error (error);
}

void
vhu_test_send (VhuFrontend   *frontend,
               guint          request,
               guint          flags,
               gconstpointer  payload,
               gsize          size,
               int            fd)
{
  vhu_test_send_fds (frontend, request, flags, payload, size, &fd, fd >= 0 ? 1 : 0);
}

GBytes *
vhu_test_receive (VhuFrontend *frontend,
                  guint        request)
{
  g_autoptr(GError) error = NULL;
  GBytes *payload;
  guint answered;
  guint flags;

  vhu_frontend_receive_raw (frontend, &answered, &flags, &payload, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (answered, ==, request);
  g_assert_cmphex (flags, ==, VHU_TEST_REPLY);
  g_assert_cmpint (vhu_frontend_steal_received_fd (frontend, 0), ==, -1);
  return payload;
}

guint64
vhu_test_receive_u64 (VhuFrontend *frontend,
                      guint        request)
{
  g_autoptr(GBytes) payload = vhu_test_receive (frontend, request);
  guint64 value;

  g_assert_cmpuint (g_bytes_get_size (payload), ==, sizeof value);
  memcpy (&value, g_bytes_get_data (payload, NULL), sizeof value);
  return value;
}

void
vhu_test_expect_taken (VhuFrontend   *frontend,
                       guint          request,
                       gconstpointer  payload,
                       gsize          size,
                       int            fd)
{
  vhu_test_send (frontend, request, VHU_TEST_NEED_REPLY, payload, size, fd);
  g_assert_cmpuint (vhu_test_receive_u64 (frontend, request), ==, 0);
}

void
vhu_test_expect_refused (VhuFrontend   *frontend,
                         guint          request,
                         gconstpointer  payload,
                         gsize          size,
                         int            fd)
{
  vhu_test_send (frontend, request, VHU_TEST_NEED_REPLY, payload, size, fd);
  g_assert_cmpuint (vhu_test_receive_u64 (frontend, request), !=, 0);
}

void
vhu_test_expect_silence (VhuFrontend *frontend)
{
  vhu_test_send (frontend, VHU_TEST_GET_FEATURES, VHU_TEST_PLAIN, NULL, 0, -1);
  vhu_test_receive_u64 (frontend, VHU_TEST_GET_FEATURES);
}

void
vhu_test_expect_closed (VhuFrontend *frontend)
{
  g_autoptr(GError) error = NULL;

  vhu_frontend_wait_closed (frontend, &error);
  g_assert_no_error (error);
}

void
vhu_test_describe (VhuFrontend   *frontend,
                   guint          number,
                   VhuTestRegion *region)
{
  g_assert_true (vhu_frontend_get_region (frontend, number,
                                          &region->guest_address, &region->size,
                                          &region->user_address, &region->mmap_offset));
}

guint64
vhu_test_send_regions (VhuFrontend         *frontend,
                       const VhuTestRegion *regions,
                       guint                n_regions,
                       const int           *fds,
                       guint                n_fds)
{
  const guint32 head[2] = { n_regions, 0 };
  g_autoptr(GByteArray) table = g_byte_array_new ();

  g_byte_array_append (table, (const guint8 *) head, sizeof head);
  g_byte_array_append (table, (const guint8 *) regions, n_regions * sizeof *regions);
  vhu_test_send_fds (frontend, VHU_TEST_SET_MEM_TABLE, VHU_TEST_NEED_REPLY,
                     table->data, table->len, fds, n_fds);
  return vhu_test_receive_u64 (frontend, VHU_TEST_SET_MEM_TABLE);
}

guint64
vhu_test_send_region (VhuFrontend         *frontend,
                      guint                request,
                      const VhuTestRegion *region,
                      int                  fd)
{
  guint64 single[5] = { 0 };

  memcpy (single + 1, region, sizeof *region);
  vhu_test_send (frontend, request, VHU_TEST_NEED_REPLY, single, sizeof single, fd);
  return vhu_test_receive_u64 (frontend, request);
}
