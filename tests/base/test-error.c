/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-enum-types.h"
#include "vhu-error.h"

#include <gio/gio.h>

static void
test_domain_has_a_name (void)
{
  g_assert_cmpstr (g_quark_to_string (VHU_ERROR), ==, "vhu-error-quark");
}

static void
test_codes_are_an_introspectable_type (void)
{
  g_autoptr(GEnumClass) codes = g_type_class_ref (VHU_TYPE_ERROR);
  GEnumValue *value = g_enum_get_value (codes, VHU_ERROR_BAD_MESSAGE);

  g_assert_nonnull (value);
  g_assert_cmpstr (value->value_nick, ==, "bad-message");
}

static void
test_only_a_lost_peer_is_transient (void)
{
  for (int code = VHU_ERROR_FAILED; code <= VHU_ERROR_LIMIT; code++)
    {
      g_autoptr(GError) error = g_error_new_literal (VHU_ERROR, code, "test");

      g_assert_cmpint (vhu_error_is_transient (error), ==,
                       code == VHU_ERROR_CLOSED ||
                       code == VHU_ERROR_TIMED_OUT);
    }
}

static void
test_gio_errors_are_judged_too (void)
{
  g_autoptr(GError) refused = g_error_new_literal (G_IO_ERROR,
                                                   G_IO_ERROR_CONNECTION_REFUSED,
                                                   "test");
  g_autoptr(GError) invalid = g_error_new_literal (G_IO_ERROR,
                                                   G_IO_ERROR_INVALID_ARGUMENT,
                                                   "test");

  g_assert_true (vhu_error_is_transient (refused));
  g_assert_false (vhu_error_is_transient (invalid));
}

/* The same number in another domain says something else. */
static void
test_other_domains_are_not_confused (void)
{
  g_autoptr(GError) error = g_error_new_literal (G_FILE_ERROR,
                                                 (int) VHU_ERROR_CLOSED,
                                                 "test");

  g_assert_false (vhu_error_is_transient (error));
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/base/error/domain-has-a-name", test_domain_has_a_name);
  g_test_add_func ("/base/error/codes-are-an-introspectable-type",
                   test_codes_are_an_introspectable_type);
  g_test_add_func ("/base/error/only-a-lost-peer-is-transient",
                   test_only_a_lost_peer_is_transient);
  g_test_add_func ("/base/error/gio-errors-are-judged-too",
                   test_gio_errors_are_judged_too);
  g_test_add_func ("/base/error/other-domains-are-not-confused",
                   test_other_domains_are_not_confused);

  return g_test_run ();
}
