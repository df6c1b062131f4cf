/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What a document may cost. Json-glib's parser calls itself for every level, up
 * to the end of the stack in some versions, and makes some 40 bytes of memory of
 * each byte. */
#define VHU_JSON_MAX_SIZE (1024 * 1024)
#define VHU_JSON_MAX_DEPTH 32
/* In one object: names are compared with each other to find one that stands
 * twice, and json-glib's hash of them has collisions for whoever looks for them. */
#define VHU_JSON_MAX_MEMBERS 256
#define VHU_JSON_MAX_NAME_LENGTH 64

/* Reads @text without building anything, and tells whether it is JSON (RFC 8259)
 * that json-glib reads in the same sense, within the limits above. Beyond the
 * grammar it refuses
 *   - a name that stands twice in one object, or that has a backslash,
 *   - integers that do not fit into 64 bits with a sign, and infinite numbers,
 *   - NUL in strings.
 * @text need not end with NUL. */
gboolean vhu_json_guard_check (const char  *text,
                               gsize        size,
                               GError     **error);

G_END_DECLS
