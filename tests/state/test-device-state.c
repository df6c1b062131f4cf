/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <string.h>

#include "vhu-device-state.h"
#include "vhu-error.h"

#define DOCUMENT                     \
  "{\n"                              \
  "  \"vhu-state\": 1,\n"            \
  "  \"kind\": \"gpio\",\n"          \
  "  \"version\": 2,\n"              \
  "  \"features\": \"0x130000000\",\n" \
  "  \"config\": \"0800ff\",\n"      \
  "  \"queues\": [\n"                \
  "    {\n"                          \
  "      \"base\": 17,\n"            \
  "      \"parked\": []\n"           \
  "    },\n"                         \
  "    {\n"                          \
  "      \"base\": 65535,\n"         \
  "      \"parked\": [3, 0, 32767]\n" \
  "    }\n"                          \
  "  ],\n"                           \
  "  \"device\": {\n"                \
  "    \"values\": [0, 1],\n"        \
  "    \"name\": \"a\"\n"            \
  "  }\n"                            \
  "}\n"

static VhuDeviceState *
read_text (const char  *text,
           GError     **error)
{
  g_autoptr(GBytes) bytes = g_bytes_new (text, strlen (text));

  return vhu_device_state_new_from_bytes (bytes, error);
}

static VhuDeviceState *
read_good (const char *text)
{
  g_autoptr(GError) error = NULL;
  VhuDeviceState *state = read_text (text, &error);

  g_assert_no_error (error);
  return state;
}

static char *
write_good (VhuDeviceState *state)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) bytes = vhu_device_state_to_bytes (state, &error);

  g_assert_no_error (error);
  return g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
}

static void
test_builds_the_document (void)
{
  g_autoptr(VhuDeviceState) state = vhu_device_state_new ("gpio", 2);
  g_autoptr(GBytes) config = g_bytes_new_static ("\x08\x00\xff", 3);
  g_autoptr(JsonNode) device = json_from_string ("{\"values\": [0, 1], \"name\": \"a\"}", NULL);
  const guint16 parked[] = { 3, 0, 32767 };
  g_autofree char *text = NULL;

  vhu_device_state_add_feature (state, 28);
  vhu_device_state_add_feature (state, 29);
  vhu_device_state_add_feature (state, 32);
  vhu_device_state_set_config (state, config);
  vhu_device_state_add_queue (state, 17, NULL, 0);
  vhu_device_state_add_queue (state, 65535, parked, G_N_ELEMENTS (parked));
  vhu_device_state_set_device (state, device);

  text = write_good (state);
  g_assert_cmpstr (text, ==, DOCUMENT);
}

static void
test_reads_the_document (void)
{
  g_autoptr(VhuDeviceState) state = read_good (DOCUMENT);
  GBytes *config = vhu_device_state_get_config (state);
  JsonObject *device = json_node_get_object (vhu_device_state_get_device (state));
  const guint16 *parked;
  gsize n_parked;

  g_assert_cmpstr (vhu_device_state_get_kind (state), ==, "gpio");
  g_assert_cmpuint (vhu_device_state_get_version (state), ==, 2);
  g_assert_cmphex (vhu_device_state_get_features (state), ==, 0x130000000);
  g_assert_true (vhu_device_state_has_feature (state, 29));
  g_assert_false (vhu_device_state_has_feature (state, 30));
  g_assert_cmpmem (g_bytes_get_data (config, NULL), g_bytes_get_size (config),
                   "\x08\x00\xff", 3);

  g_assert_cmpuint (vhu_device_state_get_n_queues (state), ==, 2);
  vhu_device_state_get_queue_parked (state, 0, &n_parked);
  g_assert_cmpuint (n_parked, ==, 0);
  g_assert_cmpuint (vhu_device_state_get_queue_base (state, 1), ==, 65535);
  parked = vhu_device_state_get_queue_parked (state, 1, &n_parked);
  g_assert_cmpuint (n_parked, ==, 3);
  g_assert_cmpuint (parked[0], ==, 3);
  g_assert_cmpuint (parked[2], ==, 32767);

  g_assert_cmpstr (json_object_get_string_member (device, "name"), ==, "a");
}

static void
test_saving_again_gives_the_same_bytes (void)
{
  g_autoptr(VhuDeviceState) empty = vhu_device_state_new ("rng", 1);
  g_autoptr(VhuDeviceState) read = read_good (DOCUMENT);
  g_autoptr(VhuDeviceState) read_empty = NULL;
  g_autofree char *text = write_good (read);
  g_autofree char *empty_text = write_good (empty);
  g_autofree char *second_text = NULL;

  g_assert_cmpstr (text, ==, DOCUMENT);

  read_empty = read_good (empty_text);
  second_text = write_good (read_empty);
  g_assert_cmpstr (second_text, ==, empty_text);
}

static void
test_members_may_come_in_any_order (void)
{
  g_autoptr(VhuDeviceState) state =
    read_good ("{\"device\": {}, \"queues\": [], \"config\": \"\", \"features\": \"0x0\","
               " \"version\": 4294967295, \"kind\": \"\xc3\xa9\", \"vhu-state\": 1}");

  g_assert_cmpuint (vhu_device_state_get_version (state), ==, G_MAXUINT32);
  g_assert_cmpstr (vhu_device_state_get_kind (state), ==, "\xc3\xa9");
}

/* A piece of the document, what stands there instead, and what is said of it. */
typedef struct
{
  const char *piece;
  const char *instead;
  VhuError code;
  const char *message;
} Change;

static void
assert_refused (const char *text,
                VhuError    code,
                const char *message)
{
  g_autoptr(GError) error = NULL;

  g_assert_null (read_text (text, &error));
  g_assert_error (error, VHU_ERROR, (int) code);
  g_assert_true (g_str_has_prefix (error->message, "device state: "));
  g_test_message ("%s", error->message);
  if (strstr (error->message, message) == NULL)
    g_assert_cmpstr (error->message, ==, message);
}

static void
assert_changes_refused (const Change *changes,
                        gsize         n_changes)
{
  for (gsize i = 0; i < n_changes; i++)
    {
      g_autoptr(GString) text = g_string_new (DOCUMENT);

      g_assert_cmpuint (g_string_replace (text, changes[i].piece, changes[i].instead, 0), ==, 1);
      assert_refused (text->str, changes[i].code, changes[i].message);
    }
}

static void
test_names_what_is_missing_or_unknown (void)
{
  const Change changes[] = {
    { "  \"vhu-state\": 1,\n", "", VHU_ERROR_BAD_VALUE, "member \"vhu-state\" is missing" },
    { "  \"kind\": \"gpio\",\n", "", VHU_ERROR_BAD_VALUE, "member \"kind\" is missing" },
    { "  \"version\": 2,\n", "", VHU_ERROR_BAD_VALUE, "member \"version\" is missing" },
    { "  \"features\": \"0x130000000\",\n", "", VHU_ERROR_BAD_VALUE,
      "member \"features\" is missing" },
    { "  \"config\": \"0800ff\",\n", "", VHU_ERROR_BAD_VALUE, "member \"config\" is missing" },
    { "\"queues\": [", "\"lines\": [", VHU_ERROR_BAD_VALUE, "member \"lines\" is unknown" },
    { "\"device\": {", "\"state\": {", VHU_ERROR_BAD_VALUE, "member \"state\" is unknown" },
    { "  \"version\": 2,\n", "  \"version\": 2,\n\"x\": 0,\n", VHU_ERROR_BAD_VALUE,
      "member \"x\" is unknown" },
    { "\"base\": 65535,\n", "", VHU_ERROR_BAD_VALUE, "member \"queues[1].base\" is missing" },
    { "17,\n      \"parked\": []", "17", VHU_ERROR_BAD_VALUE,
      "member \"queues[0].parked\" is missing" },
    { "\"base\": 17,", "\"base\": 17, \"size\": 8,", VHU_ERROR_BAD_VALUE,
      "member \"queues[0].size\" is unknown" },
  };

  assert_changes_refused (changes, G_N_ELEMENTS (changes));
}

static void
test_names_what_has_the_wrong_type (void)
{
  const Change changes[] = {
    { "\"vhu-state\": 1", "\"vhu-state\": true", VHU_ERROR_BAD_VALUE,
      "member \"vhu-state\" is a boolean, expected an integer" },
    { "\"gpio\"", "7", VHU_ERROR_BAD_VALUE, "member \"kind\" is an integer, expected a string" },
    { "\"version\": 2", "\"version\": \"2\"", VHU_ERROR_BAD_VALUE,
      "member \"version\" is a string, expected an integer" },
    { "\"version\": 2", "\"version\": 2.0", VHU_ERROR_BAD_VALUE,
      "member \"version\" is a real number, expected an integer" },
    { "\"0x130000000\"", "null", VHU_ERROR_BAD_VALUE,
      "member \"features\" is null, expected a string" },
    { "\"0800ff\"", "[8, 0, 255]", VHU_ERROR_BAD_VALUE,
      "member \"config\" is an array, expected a string" },
    { "17,\n      \"parked\": []", "17,\n      \"parked\": {}", VHU_ERROR_BAD_VALUE,
      "member \"queues[0].parked\" is an object, expected an array" },
    { "{\n      \"base\": 17,\n      \"parked\": []\n    }", "17", VHU_ERROR_BAD_VALUE,
      "member \"queues[0]\" is an integer, expected an object" },
    { "[3, 0,", "[3, \"0\",", VHU_ERROR_BAD_VALUE, "member \"queues[1].parked\" is not" },
  };

  assert_changes_refused (changes, G_N_ELEMENTS (changes));
  assert_refused ("[]", VHU_ERROR_BAD_VALUE, "the document is an array, expected an object");
}

static void
test_names_what_is_out_of_range (void)
{
  const Change changes[] = {
    { "\"version\": 2", "\"version\": 0", VHU_ERROR_BAD_VALUE,
      "member \"version\" is 0, expected 1 to 4294967295" },
    { "\"version\": 2", "\"version\": 4294967296", VHU_ERROR_BAD_VALUE,
      "member \"version\" is 4294967296" },
    { "\"gpio\"", "\"\"", VHU_ERROR_BAD_VALUE, "member \"kind\" has 0 bytes" },
    { "\"base\": 17", "\"base\": -1", VHU_ERROR_BAD_VALUE,
      "member \"queues[0].base\" is -1, expected 0 to 4294967295" },
    { "32767", "32768", VHU_ERROR_BAD_VALUE, "member \"queues[1].parked\" is not" },
    { "[3, 0,", "[3, -1,", VHU_ERROR_BAD_VALUE, "member \"queues[1].parked\" is not" },
    { "[3, 0,", "[3, 3,", VHU_ERROR_BAD_VALUE, "array of different integers" },
    { "[3, 0,", "[3, 65537,", VHU_ERROR_BAD_VALUE, "member \"queues[1].parked\" is not" },
  };

  assert_changes_refused (changes, G_N_ELEMENTS (changes));
}

static void
test_numbers_have_one_form (void)
{
  const Change changes[] = {
    { "0x130000000", "130000000", VHU_ERROR_BAD_VALUE, "member \"features\" is not" },
    { "0x130000000", "0x", VHU_ERROR_BAD_VALUE, "member \"features\" is not" },
    { "0x130000000", "0x00", VHU_ERROR_BAD_VALUE, "member \"features\" is not" },
    { "0x130000000", "0xA", VHU_ERROR_BAD_VALUE, "member \"features\" is not" },
    { "0x130000000", "0x1 ", VHU_ERROR_BAD_VALUE, "member \"features\" is not" },
    { "0x130000000", "0x10000000000000000", VHU_ERROR_BAD_VALUE,
      "member \"features\" is not" },
    { "0800ff", "0800f", VHU_ERROR_BAD_VALUE, "member \"config\" is not" },
    { "0800ff", "0800FF", VHU_ERROR_BAD_VALUE, "member \"config\" is not" },
    { "0800ff", "0x800f", VHU_ERROR_BAD_VALUE, "member \"config\" is not" },
  };

  assert_changes_refused (changes, G_N_ELEMENTS (changes));
}

static void
test_config_has_the_size_of_virtio (void)
{
  g_autoptr(GString) text = g_string_new (DOCUMENT);
  g_autofree char *most = g_strnfill (512, '0');
  g_autoptr(VhuDeviceState) state = NULL;

  g_string_replace (text, "0800ff", most, 0);
  state = read_good (text->str);
  g_assert_cmpuint (g_bytes_get_size (vhu_device_state_get_config (state)), ==, 256);

  g_string_replace (text, "\"config\": \"", "\"config\": \"00", 0);
  assert_refused (text->str, VHU_ERROR_BAD_VALUE, "member \"config\" is not at most 256 bytes");
}

static void
test_queues_are_counted (void)
{
  g_autoptr(GString) text =
    g_string_new ("{\"vhu-state\": 1, \"kind\": \"a\", \"version\": 1, \"features\": \"0x0\","
                  " \"config\": \"\", \"device\": {}, \"queues\": [");

  for (guint i = 0; i < 1025; i++)
    g_string_append_printf (text, "%s{\"base\":0,\"parked\":[]}", i > 0 ? "," : "");
  g_string_append (text, "]}");

  assert_refused (text->str, VHU_ERROR_LIMIT,
                  "member \"queues\" has 1025 elements, at most 1024 are allowed");
}

/* Also if nothing else in it is known. */
static void
test_a_later_format_is_told_apart (void)
{
  assert_refused ("{\"vhu-state\": 2, \"queues\": 7}", VHU_ERROR_NOT_SUPPORTED,
                  "member \"vhu-state\" is 2, only format 1 is known");
}

static void
test_hostile_documents_are_refused (void)
{
  g_autofree char *deep = g_strnfill (500000, '[');

  assert_refused (deep, VHU_ERROR_LIMIT, "nested deeper than 32 levels");
  assert_refused ("var x = " DOCUMENT, VHU_ERROR_BAD_VALUE, "'v' where a value should be");
  assert_refused ("", VHU_ERROR_BAD_VALUE, "the document ends");
  assert_refused ("{\"vhu-state\": 2, \"vhu-state\": 1}", VHU_ERROR_BAD_VALUE,
                  "member \"vhu-state\" stands twice");
}

static void
test_every_beginning_is_refused (void)
{
  for (gsize size = 0; size < strlen (DOCUMENT) - 1; size++)
    {
      g_autoptr(GBytes) bytes = g_bytes_new (DOCUMENT, size);
      g_autoptr(GError) error = NULL;

      g_assert_null (vhu_device_state_new_from_bytes (bytes, &error));
      g_assert_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE);
    }
}

static void
test_belongs_to_one_kind (void)
{
  g_autoptr(VhuDeviceState) state = vhu_device_state_new ("gpio", 3);
  g_autoptr(GError) error = NULL;

  g_assert_true (vhu_device_state_check_device (state, "gpio", 3, &error));
  g_assert_no_error (error);

  g_assert_false (vhu_device_state_check_device (state, "i2c", 3, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE);
  g_clear_error (&error);

  g_assert_false (vhu_device_state_check_device (state, "gpio", 2, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_NOT_SUPPORTED);
  g_assert_cmpstr (error->message, ==, "device state: member \"version\" is 3, "
                   "this device knows versions up to 2");
}

static void
test_what_could_not_be_read_is_not_written (void)
{
  g_autoptr(VhuDeviceState) state = vhu_device_state_new ("gpio", 1);
  g_autoptr(JsonNode) node = json_node_new (JSON_NODE_OBJECT);
  g_autoptr(GError) error = NULL;
  JsonObject *object = json_object_new ();

  json_object_set_string_member (object, "name", "\xff");
  json_node_take_object (node, object);
  vhu_device_state_set_device (state, node);

  g_assert_null (vhu_device_state_to_bytes (state, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE);
  g_assert_true (g_str_has_prefix (error->message, "state of a gpio device: "));
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define TEST(name, func) g_test_add_func ("/state/device-state/" name, func)
  TEST ("builds-the-document", test_builds_the_document);
  TEST ("reads-the-document", test_reads_the_document);
  TEST ("saving-again-gives-the-same-bytes", test_saving_again_gives_the_same_bytes);
  TEST ("members-may-come-in-any-order", test_members_may_come_in_any_order);
  TEST ("names-what-is-missing-or-unknown", test_names_what_is_missing_or_unknown);
  TEST ("names-what-has-the-wrong-type", test_names_what_has_the_wrong_type);
  TEST ("names-what-is-out-of-range", test_names_what_is_out_of_range);
  TEST ("numbers-have-one-form", test_numbers_have_one_form);
  TEST ("config-has-the-size-of-virtio", test_config_has_the_size_of_virtio);
  TEST ("queues-are-counted", test_queues_are_counted);
  TEST ("a-later-format-is-told-apart", test_a_later_format_is_told_apart);
  TEST ("hostile-documents-are-refused", test_hostile_documents_are_refused);
  TEST ("every-beginning-is-refused", test_every_beginning_is_refused);
  TEST ("belongs-to-one-kind", test_belongs_to_one_kind);
  TEST ("what-could-not-be-read-is-not-written", test_what_could_not_be_read_is_not_written);
#undef TEST

  return g_test_run ();
}
