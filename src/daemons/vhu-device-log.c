/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-device-log.h"

#include <string.h>
#include <unistd.h>

#define MAX_FIELDS 30

static GLogField our_fields[2];
static gsize n_our_fields;

static void
add_field (const char *key,
           const char *value)
{
  our_fields[n_our_fields++] = (GLogField) { key, value, -1 };
}

static gboolean
is_silent (GLogLevelFlags   level,
           const GLogField *fields,
           gsize            n_fields)
{
  gsize i;

  for (i = 0; i < n_fields; i++)
    if (strcmp (fields[i].key, "GLIB_DOMAIN") == 0)
      return g_log_writer_default_would_drop (level, fields[i].value);

  return g_log_writer_default_would_drop (level, NULL);
}

static GLogWriterOutput
write_to_journal (GLogLevelFlags   level,
                  const GLogField *fields,
                  gsize            n_fields,
                  gpointer         user_data)
{
  GLogField all[MAX_FIELDS + G_N_ELEMENTS (our_fields)];

  if (is_silent (level, fields, n_fields))
    return G_LOG_WRITER_HANDLED;

  n_fields = MIN (n_fields, MAX_FIELDS);
  memcpy (all, fields, n_fields * sizeof *fields);
  memcpy (all + n_fields, our_fields, n_our_fields * sizeof *our_fields);

  return g_log_writer_journald (level, all, n_fields + n_our_fields, NULL);
}

void
vhu_device_log_init (const char *kind,
                     const char *socket_path)
{
  g_log_writer_default_set_use_stderr (TRUE);
  if (!g_log_writer_is_journald (STDERR_FILENO))
    return;

  add_field ("VHU_DEVICE", kind);
  if (socket_path != NULL)
    add_field ("VHU_SOCKET", socket_path);
  g_log_set_writer_func (write_to_journal, NULL, NULL);
}
