/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-version-info.h"

static void
test_headers_and_library_agree (void)
{
  g_autofree char *version = NULL;

  g_assert_cmpuint (vhu_get_major_version (), ==, VHU_MAJOR_VERSION);
  g_assert_cmpuint (vhu_get_minor_version (), ==, VHU_MINOR_VERSION);
  g_assert_cmpuint (vhu_get_micro_version (), ==, VHU_MICRO_VERSION);

  version = g_strdup_printf ("%u.%u.%u",
                             vhu_get_major_version (),
                             vhu_get_minor_version (),
                             vhu_get_micro_version ());
  g_assert_cmpstr (version, ==, VHU_VERSION_S);
}

static void
test_check_orders_versions (void)
{
  const guint major = VHU_MAJOR_VERSION;
  const guint minor = VHU_MINOR_VERSION;
  const guint micro = VHU_MICRO_VERSION;

  g_assert_true (VHU_CHECK_VERSION (VHU_MAJOR_VERSION, VHU_MINOR_VERSION, 0));
  g_assert_true (vhu_check_version (0, 0, 0));
  g_assert_true (vhu_check_version (major, minor, micro));
  g_assert_false (vhu_check_version (major, minor, micro + 1));
  g_assert_false (vhu_check_version (major, minor + 1, 0));
  g_assert_false (vhu_check_version (major + 1, 0, 0));
  g_assert_false (vhu_check_version (G_MAXUINT, G_MAXUINT, G_MAXUINT));

  /* A later minor version makes up for an earlier micro version. */
  g_assert_true (vhu_check_version (major, minor - 1, G_MAXUINT));
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/base/version-info/headers-and-library-agree",
                   test_headers_and_library_agree);
  g_test_add_func ("/base/version-info/check-orders-versions",
                   test_check_orders_versions);

  return g_test_run ();
}
