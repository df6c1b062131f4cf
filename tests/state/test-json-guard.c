/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <json-glib/json-glib.h>
#include <string.h>

#include "vhu-error.h"
#include "vhu-json-guard-private.h"

typedef struct
{
  const char *text;
  VhuError code;
  const char *message;
} Refused;

/* In memory that ends where the text does: sanitizers see a step beyond it. */
static gboolean
check (const char  *text,
       gsize        size,
       GError     **error)
{
  g_autofree char *copy = g_memdup2 (text, size);

  return vhu_json_guard_check (copy, size, error);
}

static void
assert_accepted (const char *text)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(JsonParser) parser = json_parser_new ();

  check (text, strlen (text), &error);
  g_assert_no_error (error);

  json_parser_load_from_data (parser, text, strlen (text), &error);
  g_assert_no_error (error);
}

static void
assert_refused (const char *text,
                gsize       size,
                VhuError    code,
                const char *message)
{
  g_autofree char *beginning = g_strndup (text, MIN (size, 60));
  g_autofree char *shown = g_strescape (beginning, NULL);
  g_autoptr(GError) error = NULL;

  g_test_message ("%s", shown);
  g_assert_false (check (text, size, &error));
  g_assert_error (error, VHU_ERROR, (int) code);
  if (strstr (error->message, message) == NULL)
    g_assert_cmpstr (error->message, ==, message);
}

static void
assert_all_refused (const Refused *cases,
                    gsize          n_cases)
{
  for (gsize i = 0; i < n_cases; i++)
    assert_refused (cases[i].text, strlen (cases[i].text), cases[i].code,
                    cases[i].message);
}

static void
test_accepts_json (void)
{
  const char *const documents[] = {
    "{}", "[]", "null", "true", " \t\r\n[ ] \n", "\"\"", "0", "-0", "-12", "1.5e+3",
    "2E-7", "0.125", "9223372036854775807", "-9223372036854775808",
    "{\"a\": [1, {\"a\": \"b\"}], \"b\": {\"a\": null}}",
    "[{\"a\": 1}, {\"a\": 2}]",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\"",
    "\"\xc3\xa9\"",
  };

  for (guint i = 0; i < G_N_ELEMENTS (documents); i++)
    assert_accepted (documents[i]);
}

static void
test_refuses_what_is_no_json (void)
{
  const Refused cases[] = {
    { "", VHU_ERROR_BAD_VALUE, "the document ends where a value should be" },
    { "  ", VHU_ERROR_BAD_VALUE, "the document ends where a value should be" },
    { "var x = {}", VHU_ERROR_BAD_VALUE, "byte 0: 'v' where a value should be" },
    { "{} {}", VHU_ERROR_BAD_VALUE, "'{' where the end of the document should be" },
    { "{}x", VHU_ERROR_BAD_VALUE, "'x' where the end of the document should be" },
    { "[1,]", VHU_ERROR_BAD_VALUE, "']' where a value should be" },
    { "[1 2]", VHU_ERROR_BAD_VALUE, "'2' where ',' or ']' should be" },
    { "[1}", VHU_ERROR_BAD_VALUE, "'}' where ',' or ']' should be" },
    { "{\"a\": 1,}", VHU_ERROR_BAD_VALUE, "'}' where the name of a member should be" },
    { "{a: 1}", VHU_ERROR_BAD_VALUE, "'a' where the name of a member should be" },
    { "{\"a\" 1}", VHU_ERROR_BAD_VALUE, "'1' where ':' should be" },
    { "{\"a\": 1 \"b\": 2}", VHU_ERROR_BAD_VALUE, "'\"' where ',' or '}' should be" },
    { "'a'", VHU_ERROR_BAD_VALUE, "''' where a value should be" },
    { "// no\n1", VHU_ERROR_BAD_VALUE, "'/' where a value should be" },
    { "truth", VHU_ERROR_BAD_VALUE, "'t' where a value should be" },
    { "NaN", VHU_ERROR_BAD_VALUE, "'N' where a value should be" },
    { "\xef\xbb\xbf{}", VHU_ERROR_BAD_VALUE, "byte 0xef where a value should be" },
  };

  assert_all_refused (cases, G_N_ELEMENTS (cases));
}

static void
test_refuses_bad_numbers (void)
{
  const Refused cases[] = {
    { "012", VHU_ERROR_BAD_VALUE, "'1' where the end of the document should be" },
    { "0x10", VHU_ERROR_BAD_VALUE, "'x' where the end of the document should be" },
    { "+1", VHU_ERROR_BAD_VALUE, "'+' where a value should be" },
    { "-", VHU_ERROR_BAD_VALUE, "ends where a digit should be" },
    { ".5", VHU_ERROR_BAD_VALUE, "'.' where a value should be" },
    { "5.", VHU_ERROR_BAD_VALUE, "ends where a digit should be" },
    { "5e", VHU_ERROR_BAD_VALUE, "ends where a digit should be" },
    { "5e+-1", VHU_ERROR_BAD_VALUE, "'-' where a digit should be" },
    { "9223372036854775808", VHU_ERROR_BAD_VALUE, "9223372036854775808 is out of range" },
    { "-9223372036854775809", VHU_ERROR_BAD_VALUE, "-9223372036854775809 is out of range" },
    { "[1e999]", VHU_ERROR_BAD_VALUE, "byte 1: 1e999 is out of range" },
    { "0.00000000000000000000000000000000000000001", VHU_ERROR_LIMIT,
      "number of 43 characters, at most 40 are allowed" },
  };

  assert_all_refused (cases, G_N_ELEMENTS (cases));
}

static void
test_refuses_bad_strings (void)
{
  const Refused cases[] = {
    { "\"a", VHU_ERROR_BAD_VALUE, "ends where the end of a string should be" },
    { "\"a\nb\"", VHU_ERROR_BAD_VALUE, "byte 0x0a where the end of a string should be" },
    { "\"\\x\"", VHU_ERROR_BAD_VALUE, "'x' where an escape should be" },
    { "\"\\", VHU_ERROR_BAD_VALUE, "ends where an escape should be" },
    { "\"\\u12g4\"", VHU_ERROR_BAD_VALUE, "'g' where a hexadecimal digit should be" },
    { "\"\\u0000\"", VHU_ERROR_BAD_VALUE, "a string contains NUL" },
    { "\"\\udc00\"", VHU_ERROR_BAD_VALUE, "half of a surrogate pair: dc00" },
    { "\"\\ud800\"", VHU_ERROR_BAD_VALUE, "half of a surrogate pair: d800" },
    { "\"\\ud800\\u0041\"", VHU_ERROR_BAD_VALUE, "half of a surrogate pair: d800" },
    { "\"\xc3(\"", VHU_ERROR_BAD_VALUE, "byte 1: not UTF-8" },
    { "\"\xed\xa0\x80\"", VHU_ERROR_BAD_VALUE, "byte 1: not UTF-8" },
  };

  assert_all_refused (cases, G_N_ELEMENTS (cases));
  assert_refused ("\"\0\"", 3, VHU_ERROR_BAD_VALUE, "byte 1: not UTF-8");
}

static void
test_refuses_doubtful_names (void)
{
  const Refused cases[] = {
    { "{\"a\": 1, \"b\": 2, \"a\": 3}", VHU_ERROR_BAD_VALUE, "member \"a\" stands twice" },
    { "[{}, {\"\": 1, \"\": 2}]", VHU_ERROR_BAD_VALUE, "member \"\" stands twice" },
    { "{\"a\": {\"b\": 1}, \"c\": {\"b\": 1, \"b\": 1}}", VHU_ERROR_BAD_VALUE,
      "member \"b\" stands twice" },
    { "{\"\\u0061\": 1, \"a\": 2}", VHU_ERROR_BAD_VALUE,
      "member \"\\u0061\" has a backslash in its name" },
  };

  assert_all_refused (cases, G_N_ELEMENTS (cases));
}

/* A name of one level is not a name of another, before, within or after. */
static void
test_names_belong_to_their_object (void)
{
  assert_accepted ("{\"a\": {\"a\": {\"a\": 1}, \"b\": 2}, \"b\": [{\"a\": 1}]}");
}

static char *
nest (guint       n_levels,
      const char *open,
      const char *close)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < n_levels; i++)
    g_string_append (text, open);
  g_string_append (text, "1");
  for (guint i = 0; i < n_levels; i++)
    g_string_append (text, close);
  return g_string_free (text, FALSE);
}

static void
test_limits_depth (void)
{
  g_autofree char *arrays = nest (VHU_JSON_MAX_DEPTH, "[", "]");
  g_autofree char *objects = nest (VHU_JSON_MAX_DEPTH, "{\"a\":", "}");
  g_autofree char *more_arrays = nest (VHU_JSON_MAX_DEPTH + 1, "[", "]");
  g_autofree char *more_objects = nest (VHU_JSON_MAX_DEPTH + 1, "{\"a\":", "}");
  g_autofree char *many = nest (500000, "[", "]");

  assert_accepted (arrays);
  assert_accepted (objects);
  assert_refused (more_arrays, strlen (more_arrays), VHU_ERROR_LIMIT,
                  "byte 32: nested deeper than 32 levels");
  assert_refused (more_objects, strlen (more_objects), VHU_ERROR_LIMIT,
                  "nested deeper than 32 levels");
  assert_refused (many, strlen (many), VHU_ERROR_LIMIT, "nested deeper than 32 levels");
}

static void
test_limits_size (void)
{
  g_autofree char *text = g_malloc (VHU_JSON_MAX_SIZE + 1);

  memset (text, ' ', VHU_JSON_MAX_SIZE + 1);
  text[0] = '1';
  g_assert_true (vhu_json_guard_check (text, VHU_JSON_MAX_SIZE, NULL));
  assert_refused (text, VHU_JSON_MAX_SIZE + 1, VHU_ERROR_LIMIT,
                  "a document of 1048577 bytes, at most 1048576 are allowed");
}

static char *
create_members (guint n_members,
                guint name_length)
{
  GString *text = g_string_new ("{");

  for (guint i = 0; i < n_members; i++)
    g_string_append_printf (text, "%s\"%0*u\":0", i > 0 ? "," : "", (int) name_length, i);
  g_string_append (text, "}");
  return g_string_free (text, FALSE);
}

static void
test_limits_members (void)
{
  g_autofree char *most = create_members (VHU_JSON_MAX_MEMBERS, VHU_JSON_MAX_NAME_LENGTH);
  g_autofree char *too_many = create_members (VHU_JSON_MAX_MEMBERS + 1, 3);
  g_autofree char *too_long = create_members (1, VHU_JSON_MAX_NAME_LENGTH + 1);

  assert_accepted (most);
  assert_refused (too_many, strlen (too_many), VHU_ERROR_LIMIT,
                  "an object has more than 256 members");
  assert_refused (too_long, strlen (too_long), VHU_ERROR_LIMIT,
                  "has 65 bytes, at most 64 are allowed");
}

static void
test_refuses_every_beginning (void)
{
  const char *text = "{\"a\": [1.5e3, \"\\u00e9\\ud83d\\ude00\", true], \"b\": {\"c\": null}}";

  for (gsize size = 0; size < strlen (text); size++)
    assert_refused (text, size, VHU_ERROR_BAD_VALUE, "");
  assert_accepted (text);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/state/json-guard/accepts-json", test_accepts_json);
  g_test_add_func ("/state/json-guard/refuses-what-is-no-json", test_refuses_what_is_no_json);
  g_test_add_func ("/state/json-guard/refuses-bad-numbers", test_refuses_bad_numbers);
  g_test_add_func ("/state/json-guard/refuses-bad-strings", test_refuses_bad_strings);
  g_test_add_func ("/state/json-guard/refuses-doubtful-names", test_refuses_doubtful_names);
  g_test_add_func ("/state/json-guard/names-belong-to-their-object",
                   test_names_belong_to_their_object);
  g_test_add_func ("/state/json-guard/limits-depth", test_limits_depth);
  g_test_add_func ("/state/json-guard/limits-size", test_limits_size);
  g_test_add_func ("/state/json-guard/limits-members", test_limits_members);
  g_test_add_func ("/state/json-guard/refuses-every-beginning", test_refuses_every_beginning);

  return g_test_run ();
}
