/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-protocol-private.h"

/* The other end was compiled by others: these layouts must hold on every
 * machine, or this file does not compile. */
G_STATIC_ASSERT (G_STRUCT_OFFSET (VhuVringState, index) == 0);
G_STATIC_ASSERT (G_STRUCT_OFFSET (VhuVringState, num) == 4);

G_STATIC_ASSERT (G_STRUCT_OFFSET (VhuVringAddress, index) == 0);
G_STATIC_ASSERT (G_STRUCT_OFFSET (VhuVringAddress, flags) == 4);
G_STATIC_ASSERT (G_STRUCT_OFFSET (VhuVringAddress, desc_user_address) == 8);
G_STATIC_ASSERT (G_STRUCT_OFFSET (VhuVringAddress, used_user_address) == 16);
G_STATIC_ASSERT (G_STRUCT_OFFSET (VhuVringAddress, avail_user_address) == 24);
G_STATIC_ASSERT (G_STRUCT_OFFSET (VhuVringAddress, log_guest_address) == 32);

G_STATIC_ASSERT (G_STRUCT_OFFSET (VhuRegionDescription, guest_address) == 0);
G_STATIC_ASSERT (G_STRUCT_OFFSET (VhuRegionDescription, size) == 8);
G_STATIC_ASSERT (G_STRUCT_OFFSET (VhuRegionDescription, user_address) == 16);
G_STATIC_ASSERT (G_STRUCT_OFFSET (VhuRegionDescription, mmap_offset) == 24);

G_STATIC_ASSERT (G_STRUCT_OFFSET (VhuSingleRegion, region) == 8);
G_STATIC_ASSERT (G_STRUCT_OFFSET (VhuMemoryTable, n_regions) == 0);
G_STATIC_ASSERT (sizeof (VhuMemoryTable) == 264);

G_STATIC_ASSERT (G_STRUCT_OFFSET (VhuConfigPayload, offset) == 0);
G_STATIC_ASSERT (G_STRUCT_OFFSET (VhuConfigPayload, size) == 4);
G_STATIC_ASSERT (G_STRUCT_OFFSET (VhuConfigPayload, flags) == 8);
G_STATIC_ASSERT (sizeof (VhuConfigPayload) == 268);

/* The largest message that any bit negotiates, the answer to GET_SHMEM_CONFIG,
 * is 2056 bytes. */
G_STATIC_ASSERT (VHU_MAX_PAYLOAD >= 2056);

static void
test_requests_have_names (void)
{
  g_assert_cmpstr (vhu_request_to_string (0), ==, "NONE");
  g_assert_cmpstr (vhu_request_to_string (1), ==, "GET_FEATURES");
  g_assert_cmpstr (vhu_request_to_string (5), ==, "SET_MEM_TABLE");
  g_assert_cmpstr (vhu_request_to_string (24), ==, "GET_CONFIG");
  g_assert_cmpstr (vhu_request_to_string (44), ==, "GET_SHMEM_CONFIG");
  g_assert_cmpstr (vhu_backend_request_to_string (2), ==,
                   "BACKEND_CONFIG_CHANGE_MSG");
  g_assert_cmpstr (vhu_backend_request_to_string (10), ==,
                   "BACKEND_SHMEM_UNMAP");
}

static void
test_all_known_requests_have_names (void)
{
  for (guint32 i = 0; i <= VHU_REQUEST_GET_SHMEM_CONFIG; i++)
    g_assert_false (g_str_has_prefix (vhu_request_to_string (i), "request"));
  for (guint32 i = 1; i <= VHU_BACKEND_REQUEST_SHMEM_UNMAP; i++)
    g_assert_false (g_str_has_prefix (vhu_backend_request_to_string (i),
                                      "request"));
}

static void
test_unknown_requests_have_numbers (void)
{
  g_assert_cmpstr (vhu_request_to_string (45), ==, "request 45");
  g_assert_cmpstr (vhu_request_to_string (G_MAXUINT32), ==,
                   "request 4294967295");
  g_assert_cmpstr (vhu_backend_request_to_string (0), ==, "request 0");
  g_assert_cmpstr (vhu_backend_request_to_string (11), ==, "request 11");
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/wire/protocol/requests-have-names",
                   test_requests_have_names);
  g_test_add_func ("/wire/protocol/all-known-requests-have-names",
                   test_all_known_requests_have_names);
  g_test_add_func ("/wire/protocol/unknown-requests-have-numbers",
                   test_unknown_requests_have_numbers);

  return g_test_run ();
}
