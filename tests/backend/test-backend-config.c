/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-backend-private.h"
#include "vhu-error.h"

/* What becomes of the configuration space when the device refuses what the
 * driver wrote. */

#define TEST_TYPE_REFUSER (test_refuser_get_type ())
G_DECLARE_FINAL_TYPE (TestRefuser, test_refuser, TEST, REFUSER, VhuBackend)

struct _TestRefuser
{
  VhuBackend parent_instance;
};

G_DEFINE_FINAL_TYPE (TestRefuser, test_refuser, VHU_TYPE_BACKEND)

static void
update (VhuBackend *backend,
        guint       offset,
        const char *text)
{
  g_autoptr(GBytes) bytes = g_bytes_new (text, strlen (text));

  vhu_backend_update_config (backend, offset, bytes);
}

/* As another thread of the device may do at just that moment. */
static gboolean
test_refuser_config_written (VhuBackend       *backend,
                             guint             offset,
                             GBytes           *data,
                             VhuConfigOrigin   origin,
                             GError          **error)
{
  update (backend, 1, "U");
  update (backend, 6, "U");
  g_set_error_literal (error, VHU_ERROR, VHU_ERROR_REFUSED, "not now");
  return FALSE;
}

static void
test_refuser_class_init (TestRefuserClass *klass)
{
  VHU_BACKEND_CLASS (klass)->config_written = test_refuser_config_written;
}

static void
test_refuser_init (TestRefuser *self)
{
}

static VhuBackend *
refuser_new (void)
{
  VhuBackend *backend = g_object_new (TEST_TYPE_REFUSER, "device-id", 42, "kind", "test", NULL);

  update (backend, 0, "abcdefgh");
  vhu_backend_add_writable_config (backend, 0, 4);
  return backend;
}

static void
check_refused (VhuConfigOrigin  origin,
               const char      *expected)
{
  g_autoptr(VhuBackend) backend = refuser_new ();
  g_autoptr(GBytes) space = NULL;
  g_autoptr(GError) error = NULL;

  g_assert_false (vhu_backend_write_config (backend, 0, (const guint8 *) "DDDDDD", 6,
                                            origin, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_REFUSED);
  space = vhu_backend_dup_config (backend);
  g_assert_cmpmem (g_bytes_get_data (space, NULL), g_bytes_get_size (space), expected, 8);
}

static void
test_refusal_undoes_its_own (void)
{
  check_refused (VHU_CONFIG_ORIGIN_DRIVER, "aUcdefUh");
  check_refused (VHU_CONFIG_ORIGIN_MIGRATION, "aUcdefUh");
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/backend/config/refusal-undoes-its-own", test_refusal_undoes_its_own);

  return g_test_run ();
}
