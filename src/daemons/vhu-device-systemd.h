/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The two things that a service manager and a daemon say to each other; both
 * protocols are older than a reason to link libsystemd for them. */

/* Tells the service manager, if there is one, that @state: "READY=1". */
void vhu_device_notify_manager (const char *state);

/* The socket that the service manager opened for us, or -1 without an error if
 * there is none. Our environment forgets it, so that no child takes it. */
int  vhu_device_take_socket    (GError    **error);

G_END_DECLS
