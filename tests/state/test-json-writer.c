/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <math.h>
#include <string.h>

#include "vhu-error.h"
#include "vhu-json-guard-private.h"
#include "vhu-json-writer-private.h"

static char *
write_text (JsonNode *node)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) bytes = vhu_json_write (node, &error);

  g_assert_no_error (error);
  return g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
}

static char *
rewrite (const char *text)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(JsonNode) node = json_from_string (text, &error);

  g_assert_no_error (error);
  return write_text (node);
}

static void
assert_written (const char *text,
                const char *expected)
{
  g_autofree char *first = rewrite (text);
  g_autofree char *second = rewrite (first);

  g_assert_cmpstr (first, ==, expected);
  g_assert_cmpstr (second, ==, expected);
}

static void
test_lays_out_lines (void)
{
  assert_written ("{\"b\":[1,null, true,\"x\"],\"a\":{\"c\":{},\"d\":[]},\"e\":[[2],{\"f\":3}]}",
                  "{\n"
                  "  \"b\": [1, null, true, \"x\"],\n"
                  "  \"a\": {\n"
                  "    \"c\": {},\n"
                  "    \"d\": []\n"
                  "  },\n"
                  "  \"e\": [\n"
                  "    [2],\n"
                  "    {\n"
                  "      \"f\": 3\n"
                  "    }\n"
                  "  ]\n"
                  "}\n");
}

static void
test_keeps_numbers (void)
{
  assert_written ("[9223372036854775807, -9223372036854775808, 0, -1]",
                  "[9223372036854775807, -9223372036854775808, 0, -1]\n");
  assert_written ("[0.1, 1.0, -0.0, 1e300, 5e-324, 0.30000000000000004, 1e15,"
                  " 123456789012345680.0]",
                  "[0.1, 1.0, 0.0, 1e+300, 4.94065645841247e-324, 0.30000000000000004,"
                  " 1e+15, 1.2345678901234568e+17]\n");
}

static void
test_keeps_strings (void)
{
  assert_written ("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\","
                  " \"\\u0001\\u001f\\u007f\", \"\\u00e9\\ud83d\\ude00\"]",
                  "[\"\\\"\\\\/\\b\\f\\n\\r\\t\", \"\\u0001\\u001f\x7f\","
                  " \"\xc3\xa9\xf0\x9f\x98\x80\"]\n");
}

/* What the guard allows in a name is not escaped there. */
static void
test_keeps_names (void)
{
  assert_written ("{\"\xc3\xa9 \x7f/'\": 1, \"\": 2}",
                  "{\n  \"\xc3\xa9 \x7f/'\": 1,\n  \"\": 2\n}\n");
}

static void
assert_refused (JsonNode   *node,
                VhuError    code,
                const char *message)
{
  g_autoptr(GError) error = NULL;

  g_assert_null (vhu_json_write (node, &error));
  g_assert_error (error, VHU_ERROR, (int) code);
  if (strstr (error->message, message) == NULL)
    g_assert_cmpstr (error->message, ==, message);
}

static JsonNode *
create_real (double value)
{
  JsonNode *node = json_node_alloc ();

  return json_node_init_double (node, value);
}

static void
test_refuses_what_is_no_number (void)
{
  g_autoptr(JsonNode) infinity = create_real (INFINITY);
  g_autoptr(JsonNode) nan = create_real (NAN);

  assert_refused (infinity, VHU_ERROR_BAD_VALUE, "no infinite numbers");
  assert_refused (nan, VHU_ERROR_BAD_VALUE, "no infinite numbers");
}

static void
test_refuses_what_could_not_be_read (void)
{
  g_autoptr(JsonNode) bytes = json_node_alloc ();
  g_autoptr(JsonNode) node = json_node_new (JSON_NODE_OBJECT);
  JsonObject *object = json_object_new ();

  json_node_init_string (bytes, "\xff");
  assert_refused (bytes, VHU_ERROR_BAD_VALUE, "not UTF-8");

  json_object_set_int_member (object, "a\"b", 1);
  json_node_take_object (node, object);
  assert_refused (node, VHU_ERROR_BAD_VALUE, "has a backslash in its name");
}

static JsonNode *
nest (guint n_levels)
{
  JsonNode *node = json_node_new (JSON_NODE_NULL);

  for (guint i = 0; i < n_levels; i++)
    {
      JsonNode *outer = json_node_new (JSON_NODE_ARRAY);
      JsonArray *array = json_array_new ();

      json_array_add_element (array, node);
      json_node_take_array (outer, array);
      node = outer;
    }
  return node;
}

static void
test_limits_depth (void)
{
  g_autoptr(JsonNode) deep = nest (VHU_JSON_MAX_DEPTH);
  g_autoptr(JsonNode) too_deep = nest (VHU_JSON_MAX_DEPTH + 1);
  g_autofree char *text = write_text (deep);

  g_assert_true (g_str_has_prefix (text, "[\n  [\n    ["));
  assert_refused (too_deep, VHU_ERROR_LIMIT, "nested deeper than 32 levels");
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/state/json-writer/lays-out-lines", test_lays_out_lines);
  g_test_add_func ("/state/json-writer/keeps-numbers", test_keeps_numbers);
  g_test_add_func ("/state/json-writer/keeps-strings", test_keeps_strings);
  g_test_add_func ("/state/json-writer/keeps-names", test_keeps_names);
  g_test_add_func ("/state/json-writer/refuses-what-is-no-number",
                   test_refuses_what_is_no_number);
  g_test_add_func ("/state/json-writer/refuses-what-could-not-be-read",
                   test_refuses_what_could_not_be_read);
  g_test_add_func ("/state/json-writer/limits-depth", test_limits_depth);

  return g_test_run ();
}
