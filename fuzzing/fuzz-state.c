/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* A document that claims to be the state of a device. What passes the guard has
 * to be taken by json-glib; what is read has to be written, and what was written
 * has to yield the same bytes when that is done again. */

#include "config.h"

#include "vhu-device-state.h"
#include "vhu-error.h"
#include "vhu-json-guard-private.h"
#include "vhu-json-writer-private.h"

#include "fuzz.h"

#include <string.h>

static void
check_failure (gboolean      ok,
               const GError *error)
{
  g_assert (ok == (error == NULL));
  g_assert (ok ||
            g_error_matches (error, VHU_ERROR, VHU_ERROR_BAD_VALUE) ||
            g_error_matches (error, VHU_ERROR, VHU_ERROR_NOT_SUPPORTED) ||
            g_error_matches (error, VHU_ERROR, VHU_ERROR_LIMIT));
  g_assert (ok || g_utf8_validate (error->message, -1, NULL));
}

static JsonNode *
parse (GBytes *bytes)
{
  g_autoptr(JsonParser) parser = json_parser_new ();
  g_autoptr(GError) error = NULL;
  gsize size;
  const char *text = g_bytes_get_data (bytes, &size);

  json_parser_load_from_data (parser, text, size, &error);
  g_assert_no_error (error);
  return json_parser_steal_root (parser);
}

/* A layout with more space in it may be too large. */
static GBytes *
write_node (JsonNode *node)
{
  g_autoptr(GError) error = NULL;
  GBytes *bytes = vhu_json_write (node, &error);

  g_assert (bytes != NULL || g_error_matches (error, VHU_ERROR, VHU_ERROR_LIMIT));
  return bytes;
}

static gboolean
check_guard (GBytes *bytes)
{
  g_autoptr(JsonNode) node = NULL;
  g_autoptr(JsonNode) again = NULL;
  g_autoptr(GBytes) first = NULL;
  g_autoptr(GBytes) second = NULL;
  g_autoptr(GError) error = NULL;
  gsize size;
  const char *text = g_bytes_get_data (bytes, &size);
  gboolean ok = vhu_json_guard_check (text, size, &error);

  check_failure (ok, error);
  if (!ok)
    return FALSE;

  node = parse (bytes);
  first = write_node (node);
  if (first == NULL)
    return TRUE;

  again = parse (first);
  second = write_node (again);
  g_assert (second != NULL && g_bytes_equal (first, second));
  return TRUE;
}

static void
check_state (GBytes   *bytes,
             gboolean  is_json)
{
  g_autoptr(VhuDeviceState) state = NULL;
  g_autoptr(VhuDeviceState) again = NULL;
  g_autoptr(GBytes) first = NULL;
  g_autoptr(GBytes) second = NULL;
  g_autoptr(GError) error = NULL;

  state = vhu_device_state_new_from_bytes (bytes, &error);
  check_failure (state != NULL, error);
  g_assert (state == NULL || is_json);
  if (state == NULL)
    return;

  first = vhu_device_state_to_bytes (state, &error);
  if (first == NULL)
    {
      g_assert_error (error, VHU_ERROR, VHU_ERROR_LIMIT);
      return;
    }

  again = vhu_device_state_new_from_bytes (first, &error);
  g_assert_no_error (error);
  second = vhu_device_state_to_bytes (again, &error);
  g_assert_no_error (error);
  g_assert (g_bytes_equal (first, second));
}

int
LLVMFuzzerTestOneInput (const uint8_t *data,
                        size_t         size)
{
  g_autoptr(GBytes) bytes = g_bytes_new_static (data, size);

  check_state (bytes, check_guard (bytes));
  return 0;
}
