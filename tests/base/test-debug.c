/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-debug-private.h"

#include <string.h>

#define LINES_PER_SECOND 10

static GPtrArray *logged;

static const char *
find_field (const GLogField *fields,
            gsize            n_fields,
            const char      *key)
{
  for (gsize i = 0; i < n_fields; i++)
    if (g_str_equal (fields[i].key, key))
      return fields[i].value;

  return NULL;
}

static GLogWriterOutput
collect_cb (GLogLevelFlags   level,
            const GLogField *fields,
            gsize            n_fields,
            gpointer         user_data)
{
  const char *domain = find_field (fields, n_fields, "GLIB_DOMAIN");

  if (g_strcmp0 (domain, "Vhu") != 0)
    return g_log_writer_standard_streams (level, fields, n_fields, NULL);

  g_assert_cmpint (level & G_LOG_LEVEL_MASK, ==, G_LOG_LEVEL_MESSAGE);
  g_ptr_array_add (logged, g_strdup (find_field (fields, n_fields, "MESSAGE")));
  return G_LOG_WRITER_HANDLED;
}

/* As if a second had gone by. */
static void
age_window (VhuLogGate *gate)
{
  gate->window_start -= G_USEC_PER_SEC;
}

static void
test_flags_come_from_the_environment (void)
{
  g_assert_true (vhu_debug_enabled (VHU_DEBUG_RINGS));
  g_assert_true (vhu_debug_enabled (VHU_DEBUG_MEMORY));
  g_assert_false (vhu_debug_enabled (VHU_DEBUG_MESSAGES));
  g_assert_false (vhu_debug_enabled (VHU_DEBUG_LOOP));
}

static void
test_gate_shuts_after_ten_lines (void)
{
  VhuLogGate gate = { 0 };
  guint n_suppressed = 99;

  for (guint i = 0; i < LINES_PER_SECOND; i++)
    {
      g_assert_true (vhu_log_gate_open (&gate, &n_suppressed));
      g_assert_cmpuint (n_suppressed, ==, 0);
    }

  g_assert_false (vhu_log_gate_open (&gate, &n_suppressed));
  g_assert_false (vhu_log_gate_open (&gate, &n_suppressed));
}

static void
test_gate_opens_again_and_counts (void)
{
  VhuLogGate gate = { 0 };
  guint n_suppressed;

  for (guint i = 0; i < LINES_PER_SECOND + 7; i++)
    vhu_log_gate_open (&gate, &n_suppressed);

  age_window (&gate);
  g_assert_true (vhu_log_gate_open (&gate, &n_suppressed));
  g_assert_cmpuint (n_suppressed, ==, 7);
  g_assert_true (vhu_log_gate_open (&gate, &n_suppressed));
  g_assert_cmpuint (n_suppressed, ==, 0);
}

static void
test_gates_are_independent (void)
{
  VhuLogGate loud = { 0 };
  VhuLogGate quiet = { 0 };
  guint n_suppressed;

  for (guint i = 0; i <= LINES_PER_SECOND; i++)
    vhu_log_gate_open (&loud, &n_suppressed);

  g_assert_false (vhu_log_gate_open (&loud, &n_suppressed));
  g_assert_true (vhu_log_gate_open (&quiet, &n_suppressed));
}

static void
test_peer_cannot_flood_the_log (void)
{
  VhuLogGate gate = { 0 };

  g_ptr_array_set_size (logged, 0);
  for (guint i = 0; i < 1000 * 1000; i++)
    {
      /* However slow this machine is: all of it within one second. */
      gate.window_start = i == 0 ? 0 : g_get_monotonic_time ();
      vhu_log_peer (&gate, "bad value %u", i);
    }
  g_assert_cmpuint (logged->len, ==, LINES_PER_SECOND);
  g_assert_cmpstr (logged->pdata[0], ==, "bad value 0");
  g_assert_cmpstr (logged->pdata[9], ==, "bad value 9");

  age_window (&gate);
  vhu_log_peer (&gate, "one %s", "more");
  g_assert_cmpuint (logged->len, ==, LINES_PER_SECOND + 1);
  g_assert_cmpstr (logged->pdata[10], ==, "one more (999990 like it left out)");
}

int
main (int   argc,
      char *argv[])
{
  int result;

  /* It is read once, before the first trace. */
  g_setenv ("VHU_DEBUG", "rings,memory", TRUE);
  g_test_init (&argc, &argv, NULL);
  logged = g_ptr_array_new_with_free_func (g_free);
  g_log_set_writer_func (collect_cb, NULL, NULL);

  g_test_add_func ("/base/debug/flags-come-from-the-environment",
                   test_flags_come_from_the_environment);
  g_test_add_func ("/base/debug/gate-shuts-after-ten-lines",
                   test_gate_shuts_after_ten_lines);
  g_test_add_func ("/base/debug/gate-opens-again-and-counts",
                   test_gate_opens_again_and_counts);
  g_test_add_func ("/base/debug/gates-are-independent",
                   test_gates_are_independent);
  g_test_add_func ("/base/debug/peer-cannot-flood-the-log",
                   test_peer_cannot_flood_the_log);

  result = g_test_run ();
  g_ptr_array_unref (logged);
  return result;
}
