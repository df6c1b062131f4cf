/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-backend.h"

#include <string.h>

#include "test-device.h"
#include "vhu-backend-locked.h"
#include "vhu-backend-private.h"
#include "vhu-error.h"
#include "vhu-memory-private.h"

/* What devices do that are written in a script. */

static gboolean
ask_memory_changed (VhuBackend  *backend,
                    GError     **error)
{
  g_autoptr(VhuMemory) memory = vhu_memory_new_empty ();

  return vhu_backend_memory_changed (backend, memory, error);
}

static gboolean
ask_config_written (VhuBackend  *backend,
                    GError     **error)
{
  g_autoptr(GBytes) data = g_bytes_new_static ("x", 1);

  return vhu_backend_config_written (backend, 0, data, VHU_CONFIG_ORIGIN_DRIVER, error);
}

typedef gboolean (*Question) (VhuBackend  *backend,
                              GError     **error);

static const Question questions[] = { ask_memory_changed, ask_config_written };

static void
test_refusal_always_has_a_reason (void)
{
  g_autoptr(TestDevice) device = g_object_new (TEST_TYPE_DEVICE, NULL);
  g_autoptr(VhuBackend) locked = vhu_backend_locked_new (VHU_BACKEND (device),
                                                         VHU_LOCK_MODE_MUTEX);

  device->accepts = FALSE;
  device->is_mute = TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (questions); i++)
    {
      g_autoptr(GError) error = NULL;
      g_autoptr(GError) error_through_wrapper = NULL;

      g_assert_false (questions[i] (VHU_BACKEND (device), &error));
      g_assert_error (error, VHU_ERROR, VHU_ERROR_FAILED);
      g_assert_nonnull (strstr (error->message, "() of TestDevice is false"));

      g_assert_false (questions[i] (locked, &error_through_wrapper));
      g_assert_cmpstr (error_through_wrapper->message, ==, error->message);

      g_assert_false (questions[i] (VHU_BACKEND (device), NULL));
    }
}

static void
test_own_reason_is_kept (void)
{
  g_autoptr(TestDevice) device = g_object_new (TEST_TYPE_DEVICE, NULL);

  device->accepts = FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (questions); i++)
    {
      g_autoptr(GError) error = NULL;

      g_assert_false (questions[i] (VHU_BACKEND (device), &error));
      g_assert_error (error, VHU_ERROR, VHU_ERROR_REFUSED);
    }
}

static VhuBackend *
make_wrapped (GType type)
{
  g_autoptr(VhuBackend) inner = g_object_new (type, NULL);

  return vhu_backend_locked_new (inner, VHU_LOCK_MODE_MUTEX);
}

static GType
register_type (const char *name,
               GType       parent)
{
  GTypeQuery query;

  g_type_query (parent, &query);
  return g_type_register_static_simple (parent, name, query.class_size, NULL,
                                        query.instance_size, NULL, 0);
}

/* What GJS does when a script registers a class. */
static GType
register_class_of_script (void)
{
  GType type = register_type ("Gjs_Device", VHU_TYPE_BACKEND);

  g_type_set_qdata (type, g_quark_from_static_string ("gjs::custom-type"),
                    GINT_TO_POINTER (1));
  return type;
}

static void
test_javascript_is_bound_to_its_thread (void)
{
  GType device = register_class_of_script ();
  GType heir = register_type ("Gjs_Device_Heir", device);
  g_autoptr(VhuBackend) of_c = g_object_new (TEST_TYPE_DEVICE, NULL);
  g_autoptr(VhuBackend) of_script = g_object_new (device, NULL);
  g_autoptr(VhuBackend) of_heir = g_object_new (heir, NULL);
  g_autoptr(VhuBackend) wrapped = make_wrapped (device);
  g_autoptr(VhuBackend) wrapped_c = make_wrapped (TEST_TYPE_DEVICE);

  g_assert_false (vhu_backend_is_bound_to_thread (of_c));
  g_assert_true (vhu_backend_is_bound_to_thread (of_script));
  g_assert_true (vhu_backend_is_bound_to_thread (of_heir));
  g_assert_true (vhu_backend_is_bound_to_thread (wrapped));
  g_assert_false (vhu_backend_is_bound_to_thread (wrapped_c));
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/backend/scripts/refusal-always-has-a-reason",
                   test_refusal_always_has_a_reason);
  g_test_add_func ("/backend/scripts/own-reason-is-kept", test_own_reason_is_kept);
  g_test_add_func ("/backend/scripts/javascript-is-bound-to-its-thread",
                   test_javascript_is_bound_to_its_thread);

  return g_test_run ();
}
