/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

/* Ends a source that its owner holds a reference to: dropping the reference alone
 * would leave it attached. */
static inline void
vhu_clear_source (GSource **source)
{
  GSource *ended = g_steal_pointer (source);

  if (ended == NULL)
    return;

  g_source_destroy (ended);
  g_source_unref (ended);
}
