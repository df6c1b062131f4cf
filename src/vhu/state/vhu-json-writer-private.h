/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/* Writes @node so that the same document always yields the same bytes, and that
 * a change of one value is a change of one line: members stand in the order they
 * were added in, one per line, and arrays of plain values on one line.
 * JsonGenerator would leave some control characters as they are.
 * What is written passes vhu_json_guard_check(); what could not, is an error. */
GBytes *vhu_json_write (JsonNode  *node,
                        GError   **error);

G_END_DECLS
