/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* VHU_DEBUG=messages,rings,memory,loop,all traces what the names say. */
typedef enum
{
  VHU_DEBUG_MESSAGES = 1 << 0,
  VHU_DEBUG_RINGS = 1 << 1,
  VHU_DEBUG_MEMORY = 1 << 2,
  VHU_DEBUG_LOOP = 1 << 3
} VhuDebugFlags;

gboolean vhu_debug_enabled (VhuDebugFlags flag);

#define VHU_TRACE(flag, ...)                                                    \
  G_STMT_START {                                                                \
    if (G_UNLIKELY (vhu_debug_enabled (flag)))                                  \
      g_debug (__VA_ARGS__);                                                    \
  } G_STMT_END

/* VhuLogGate: what a hostile peer can cause again and again is logged at most
 * ten times a second, and the lines left out are counted.
 * Zero-initialised; one per place and peer; not thread-safe. */
typedef struct
{
  gint64 window_start; /* microseconds, monotonic */
  guint n_logged;
  guint n_suppressed;
} VhuLogGate;

/* TRUE if a line may be logged now; *@n_suppressed is how many were left out
 * since the last one. */
gboolean vhu_log_gate_open (VhuLogGate *self,
                            guint      *n_suppressed);

/* Logs @format at MESSAGE level unless the gate is shut. */
void     vhu_log_peer      (VhuLogGate *self,
                            const char *format,
                            ...) G_GNUC_PRINTF (2, 3);

G_END_DECLS
