/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-test-log.h"

#include <string.h>

static GMutex log_mutex;
static GPtrArray *log_lines; /* with the mutex */

static GLogWriterOutput
write_cb (GLogLevelFlags   level,
          const GLogField *fields,
          gsize            n_fields,
          gpointer         unused)
{
  g_mutex_lock (&log_mutex);
  for (gsize i = 0; i < n_fields; i++)
    if (strcmp (fields[i].key, "MESSAGE") == 0)
      g_ptr_array_add (log_lines, g_strdup (fields[i].value));
  g_mutex_unlock (&log_mutex);

  return g_log_writer_default (level, fields, n_fields, NULL);
}

void
vhu_test_log_install (void)
{
  log_lines = g_ptr_array_new_with_free_func (g_free);
  g_log_set_writer_func (write_cb, NULL, NULL);
}

void
vhu_test_log_clear (void)
{
  g_mutex_lock (&log_mutex);
  g_ptr_array_set_size (log_lines, 0);
  g_mutex_unlock (&log_mutex);
}

guint
vhu_test_log_count (const char *text)
{
  guint n_lines = 0;

  g_mutex_lock (&log_mutex);
  for (guint i = 0; i < log_lines->len; i++)
    n_lines += strstr (g_ptr_array_index (log_lines, i), text) != NULL;
  g_mutex_unlock (&log_mutex);
  return n_lines;
}

gboolean
vhu_test_log_has (const char *text)
{
  return vhu_test_log_count (text) > 0;
}
