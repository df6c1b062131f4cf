/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>
#include <json-glib/json-glib.h>

#include "vhu-test-daemon.h"

#define MAX_ARGS 6

typedef struct
{
  const char *kind;
  const char *args[MAX_ARGS];
  const char *complaint; /* names the option and what is allowed */
} WrongOption;

/* Each is the only mistake on its line. */
static const WrongOption wrong_options[] = {
  { "blk", { NULL }, "no image: expected --blk-file=PATH, --ram=SIZE or "
    "--null=SIZE" },
  { "blk", { "--null=1M", NULL }, "no socket: expected --socket-path=PATH, "
    "--fd=N or" },
  { "blk", { "--null=1M", "--ram=1M", NULL }, "--blk-file, --ram and --null "
    "exclude each other" },
  { "blk", { "--null=1M", "--blk-file=x", NULL }, "exclude each other" },
  { "blk", { "--null=1M", "--bogus", NULL }, "--bogus: unknown option, "
    "expected one that --help lists" },
  { "blk", { "--null=1M", "--bogus=7", NULL }, "--bogus=7: unknown option" },
  { "blk", { "--null=1M", "-x", NULL }, "-x: unknown option" },
  { "blk", { "--null=1M", "image", NULL }, "image: expected nothing but "
    "options" },
  { "blk", { "--null=1M", "--", "image", NULL }, "image: expected nothing but "
    "options" },
  { "blk", { "--null=1M", "--read-only=yes", NULL }, "--read-only=yes: expected "
    "no value" },
  { "blk", { "--null", NULL }, "--null has no value: expected a number of "
    "bytes from 4096" },
  { "blk", { "--null=", NULL }, "--null=: expected a number of bytes" },
  { "blk", { "--null=0", NULL }, "--null=0: expected a number of bytes from "
    "4096" },
  { "blk", { "--null=-1", NULL }, "--null=-1: expected" },
  { "blk", { "--null=1X", NULL }, "--null=1X: expected a number of bytes from "
    "4096, which may end in K, M, G or T" },
  { "blk", { "--null=1MB", NULL }, "--null=1MB: expected" },
  { "blk", { "--null=0x1000", NULL }, "--null=0x1000: expected" },
  { "blk", { "--null=99999999T", NULL }, "--null=99999999T: expected" },
  { "blk", { "--ram=99999999999999999999", NULL }, "--ram=9999" },
  { "blk", { "--blk-file=", NULL }, "--blk-file=: expected PATH" },
  { "blk", { "--blk-file", NULL }, "--blk-file has no value: expected PATH" },
  { "blk", { "--null=1M", "--num-queues=0", NULL }, "--num-queues=0: expected "
    "a number from 1 to 256" },
  { "blk", { "--null=1M", "--num-queues=257", NULL }, "a number from 1 to 256" },
  { "blk", { "--null=1M", "--num-queues=four", NULL }, "--num-queues=four: "
    "expected a number from 1 to 256" },
  { "blk", { "--null=1M", "--num-queues=4K", NULL }, "--num-queues=4K" },
  { "blk", { "--null=1M", "--queue-size=100", NULL }, "--queue-size=100: "
    "expected a power of two from 4 to 1024" },
  { "blk", { "--null=1M", "--queue-size=2048", NULL }, "--queue-size=2048: "
    "expected a number from 4 to 1024" },
  { "blk", { "--null=1M", "--threads=0", NULL }, "--threads=0: expected a "
    "number from 1 to 256" },
  { "blk", { "--null=1M", "--poll-us=1000000", NULL }, "--poll-us=1000000: "
    "expected a number from 0 to 10000" },
  { "blk", { "--null=1M", "--logical-block-size=1024", NULL },
    "--logical-block-size=1024: expected one of auto, 512, 4096" },
  { "blk", { "--null=1M", "--serial=123456789012345678901", NULL },
    "--serial=123456789012345678901: expected at most 20 printable ASCII" },
  { "blk", { "--null=1M", "--serial=a\nb", NULL }, "--serial=a?b: expected" },
  { "blk", { "--null=1M", "--cache=off", NULL }, "--cache=off: expected one of "
    "writeback, writethrough, none" },
  { "blk", { "--null=1M", "--io=native", NULL }, "--io=native: expected one of "
    "auto, inline, io_uring, threads" },
  { "blk", { "--null=1M", "--io", NULL }, "--io has no value: expected one of" },
  { "blk", { "--null=1M", "--fd=x", NULL }, "--fd=x: expected a number from 0" },
  { "blk", { "--null=1M", "--fd=77", NULL }, "--fd=77: expected the number of "
    "an open stream socket" },
  { "blk", { "--null=1M", "--fd=1", NULL }, "--fd=1: expected the number of an "
    "open stream socket" },
  { "blk", { "--null=1M", "--fd=1", "--socket-path=x", NULL }, "--socket-path "
    "and --fd exclude each other" },
  { "blk", { "--null=1M", "--socket-path=", NULL }, "--socket-path=: expected "
    "PATH" },
  { "rng", { NULL }, "no socket: expected" },
  { "rng", { "--rate=0", NULL }, "--rate=0: expected a number of bytes from 1" },
  { "rng", { "--rate=fast", NULL }, "--rate=fast: expected" },
  { "rng", { "--rng-source", NULL }, "--rng-source has no value: expected PATH" },
  { "rng", { "--blk-file=x", NULL }, "--blk-file=x: unknown option" },
};

static void
test_wrong_options (void)
{
  guint i;

  for (i = 0; i < G_N_ELEMENTS (wrong_options); i++)
    {
      VhuTestRun run;

      vhu_test_run_daemon (&run, wrong_options[i].kind, wrong_options[i].args);
      vhu_test_run_expect (&run, 2, wrong_options[i].complaint);
      vhu_test_run_clear (&run);
    }
}

/* What is wrong with the image, before anything is made. */
static void
expect_failure (VhuTestDaemon *daemon,
                const char    *kind,
                const char    *option,
                const char    *part)
{
  g_autofree char *socket_option = g_strconcat ("--socket-path=", daemon->path,
                                                NULL);
  const char *args[] = { option, socket_option, NULL };
  VhuTestRun run;

  vhu_test_run_daemon (&run, kind, args);
  vhu_test_run_expect (&run, 1, part);
  vhu_test_run_clear (&run);
  g_assert_false (g_file_test (daemon->path, G_FILE_TEST_EXISTS));
}

static void
test_bad_images (void)
{
  g_autofree char *option = NULL;
  g_autofree char *folder = NULL;
  VhuTestDaemon daemon;

  vhu_test_daemon_init (&daemon);
  option = g_strconcat ("--blk-file=", daemon.image, NULL);
  folder = g_strconcat ("--blk-file=", daemon.directory, NULL);

  expect_failure (&daemon, "blk", "--blk-file=/does/not/exist",
                  "/does/not/exist: cannot open it for writing: No such file");
  expect_failure (&daemon, "rng", "--rng-source=/does/not/exist",
                  "/does/not/exist: No such file");
  expect_failure (&daemon, "blk", folder, "Is a directory");
  expect_failure (&daemon, "blk", "--blk-file=/dev/null",
                  "/dev/null: neither a regular file nor a block device");

  g_assert_cmpint (truncate (daemon.image, 100), ==, 0);
  expect_failure (&daemon, "blk", option, "100 bytes are too short");
  g_assert_cmpint (truncate (daemon.image, 0), ==, 0);
  expect_failure (&daemon, "blk", option, "0 bytes are too short");

  g_assert_cmpint (truncate (daemon.image, 4096), ==, 0);
  g_assert_cmpint (g_chmod (daemon.image, 0), ==, 0);
  if (access (daemon.image, R_OK) != 0)
    expect_failure (&daemon, "blk", option, "Permission denied");

  vhu_test_daemon_clear (&daemon);
}

static void
test_bad_socket_paths (void)
{
  VhuTestRun run;
  g_autofree char *name = g_strnfill (200, 'x');
  g_autofree char *option = g_strconcat ("--socket-path=/tmp/", name, NULL);
  const char *long_path[] = { "--null=1M", option, NULL };
  const char *no_folder[] = {
    "--null=1M", "--socket-path=/does/not/exist/socket", NULL
  };

  vhu_test_run_daemon (&run, "blk", long_path);
  vhu_test_run_expect (&run, 1, "socket path is 205 bytes long");
  vhu_test_run_clear (&run);

  vhu_test_run_daemon (&run, "blk", no_folder);
  vhu_test_run_expect (&run, 1, "/does/not/exist/socket");
  vhu_test_run_clear (&run);
}

static void
test_help (void)
{
  static const char *const names[] = {
    "--blk-file=", "--ram=", "--null=", "--read-only", "--num-queues=",
    "--queue-size=", "--threads=", "--poll-us=", "--logical-block-size=",
    "--serial=", "--cache=", "--io=", "--socket-path=", "--fd=",
    "--exit-on-disconnect", "--print-capabilities", "--version",
  };
  const char *args[] = { "--help", NULL };
  VhuTestRun run;
  guint i;

  vhu_test_run_daemon (&run, "blk", args);
  g_assert_cmpint (run.status, ==, 0);
  g_assert_cmpstr (run.err, ==, "");
  for (i = 0; i < G_N_ELEMENTS (names); i++)
    g_assert_nonnull (strstr (run.out, names[i]));
  vhu_test_run_clear (&run);
}

static void
test_version (void)
{
  const char *args[] = { "--version", NULL };
  VhuTestRun run;

  vhu_test_run_daemon (&run, "rng", args);
  g_assert_cmpint (run.status, ==, 0);
  g_assert_cmpstr (run.out, ==, "vhu-device-rng (libvhu) " PACKAGE_VERSION "\n");
  vhu_test_run_clear (&run);
}

static JsonObject *
read_capabilities (JsonParser        *parser,
                   const char        *kind,
                   const char *const *args)
{
  g_autoptr(GError) error = NULL;
  VhuTestRun run;

  vhu_test_run_daemon (&run, kind, args);
  g_assert_cmpint (run.status, ==, 0);
  g_assert_cmpstr (run.err, ==, "");
  json_parser_load_from_data (parser, run.out, -1, &error);
  g_assert_no_error (error);
  vhu_test_run_clear (&run);

  return json_node_get_object (json_parser_get_root (parser));
}

/* QEMU's docs/interop/vhost-user.json. */
static void
test_capabilities (void)
{
  const char *alone[] = { "--print-capabilities", NULL };
  const char *amid[] = {
    "--null=x", "--print-capabilities", "--bogus", "--fd=99", "words", NULL
  };
  g_autoptr(JsonParser) parser = json_parser_new ();
  JsonObject *object = read_capabilities (parser, "blk", alone);
  JsonArray *features = json_object_get_array_member (object, "features");

  g_assert_cmpstr (json_object_get_string_member (object, "type"), ==, "block");
  g_assert_cmpuint (json_array_get_length (features), ==, 2);
  g_assert_cmpstr (json_array_get_string_element (features, 0), ==, "blk-file");
  g_assert_cmpstr (json_array_get_string_element (features, 1), ==, "read-only");

  object = read_capabilities (parser, "blk", amid);
  g_assert_cmpstr (json_object_get_string_member (object, "type"), ==, "block");

  object = read_capabilities (parser, "rng", alone);
  g_assert_cmpstr (json_object_get_string_member (object, "type"), ==, "rng");
}

/* The files by which a manager finds the programs agree with what these say. */
static void
test_discovery (void)
{
  static const char *const kinds[][2] = { { "blk", "block" }, { "rng", "rng" } };
  const char *args[] = { "--print-capabilities", NULL };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      g_autoptr(JsonParser) said = json_parser_new ();
      g_autoptr(JsonParser) filed = json_parser_new ();
      g_autofree char *name = g_strdup_printf ("60-vhu-%s.json", kinds[i][1]);
      g_autofree char *path =
        g_test_build_filename (G_TEST_BUILT, "..", "data", "vhost-user", name,
                               NULL);
      g_autofree char *program = g_strconcat ("/vhu-device-", kinds[i][0], NULL);
      JsonObject *object;

      if (!g_file_test (path, G_FILE_TEST_EXISTS))
        {
          g_test_skip ("not in a build tree");
          return;
        }
      g_assert_true (json_parser_load_from_file (filed, path, NULL));
      object = json_node_get_object (json_parser_get_root (filed));
      g_assert_true (json_object_has_member (object, "description"));
      g_assert_cmpstr (json_object_get_string_member (object, "type"), ==,
                       kinds[i][1]);
      g_assert_true (g_str_has_suffix (json_object_get_string_member (object,
                                                                      "binary"),
                                       program));
      object = read_capabilities (said, kinds[i][0], args);
      g_assert_cmpstr (json_object_get_string_member (object, "type"), ==,
                       kinds[i][1]);
    }
}

/* Every option that --help knows has its place in the manual page. */
static void
expect_in_manual (const char *kind)
{
  g_autofree char *name = g_strdup_printf ("vhu-device-%s.1", kind);
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "..", "docs", "man",
                                                 name, NULL);
  const char *args[] = { "--help", NULL };
  g_autofree char *page = NULL;
  g_auto(GStrv) words = NULL;
  guint n = 0, i;
  VhuTestRun run;

  if (!g_file_get_contents (path, &page, NULL, NULL))
    {
      g_test_skip ("not in a source tree");
      return;
    }

  vhu_test_run_daemon (&run, kind, args);
  words = g_strsplit_set (run.out, " \n=", -1);
  for (i = 0; words[i] != NULL; i++)
    {
      g_autoptr(GString) roff = g_string_new (words[i]);

      if (!g_str_has_prefix (words[i], "--"))
        continue;
      g_string_replace (roff, "-", "\\-", 0);
      g_test_message ("%s", words[i]);
      g_assert_nonnull (strstr (page, roff->str));
      n++;
    }
  g_assert_cmpuint (n, >, 5);
  vhu_test_run_clear (&run);
}

static void
test_manuals (void)
{
  expect_in_manual ("blk");
  expect_in_manual ("rng");
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/daemons/options/wrong-ones-get-one-line",
                   test_wrong_options);
  g_test_add_func ("/daemons/options/bad-images-leave-nothing",
                   test_bad_images);
  g_test_add_func ("/daemons/options/bad-socket-paths", test_bad_socket_paths);
  g_test_add_func ("/daemons/options/help", test_help);
  g_test_add_func ("/daemons/options/version", test_version);
  g_test_add_func ("/daemons/options/capabilities", test_capabilities);

  g_test_add_func ("/daemons/options/discovery", test_discovery);
  g_test_add_func ("/daemons/options/manuals-know-them-all", test_manuals);

  return g_test_run ();
}
