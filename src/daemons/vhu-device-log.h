/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Sends the log to the journal, if standard error goes there, with the fields
 * VHU_DEVICE and VHU_SOCKET: journalctl VHU_DEVICE=blk. Else to standard
 * error. @kind and @socket_path (nullable) must stay. */
void vhu_device_log_init (const char *kind,
                          const char *socket_path);

G_END_DECLS
