/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-debug-private.h"

#include <stdarg.h>

#define LOG_GATE_WINDOW_US G_USEC_PER_SEC
#define LOG_GATE_MAX_LINES 10

static guint
parse_debug_flags (void)
{
  static const GDebugKey keys[] = {
    { "messages", VHU_DEBUG_MESSAGES },
    { "rings", VHU_DEBUG_RINGS },
    { "memory", VHU_DEBUG_MEMORY },
    { "loop", VHU_DEBUG_LOOP },
  };

  return g_parse_debug_string (g_getenv ("VHU_DEBUG"), keys, G_N_ELEMENTS (keys));
}

gboolean
vhu_debug_enabled (VhuDebugFlags flag)
{
  static gsize flags_plus_one;

  if (g_once_init_enter (&flags_plus_one))
    g_once_init_leave (&flags_plus_one, (gsize) parse_debug_flags () + 1);

  return ((flags_plus_one - 1) & flag) != 0;
}

gboolean
vhu_log_gate_open (VhuLogGate *self,
                   guint      *n_suppressed)
{
  gint64 now = g_get_monotonic_time ();

  if (self->window_start == 0 || now - self->window_start >= LOG_GATE_WINDOW_US)
    {
      self->window_start = now;
      self->n_logged = 0;
    }

  if (self->n_logged >= LOG_GATE_MAX_LINES)
    {
      self->n_suppressed++;
      return FALSE;
    }

  self->n_logged++;
  *n_suppressed = self->n_suppressed;
  self->n_suppressed = 0;
  return TRUE;
}

void
vhu_log_peer (VhuLogGate *self,
              const char *format,
              ...)
{
  g_autofree char *text = NULL;
  guint n_suppressed;
  va_list args;

  if (!vhu_log_gate_open (self, &n_suppressed))
    return;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);

  if (n_suppressed > 0)
    g_message ("%s (%u like it left out)", text, n_suppressed);
  else
    g_message ("%s", text);
}
