/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/* VhuListener: a Unix stream socket that listens, and the path that it was given
 * if we made it. The path is removed with the listener, but only if our socket is
 * still what stands there. */
typedef struct _VhuListener VhuListener;

VhuListener *vhu_listener_new_for_path (const char   *path,
                                        GError      **error);
/* Keeps a reference to @socket, which listens already. */
VhuListener *vhu_listener_new          (GSocket      *socket);
void         vhu_listener_free         (VhuListener  *self);
GSocket     *vhu_listener_get_socket   (VhuListener  *self);

/* A copy of @fd as a socket, and whether it listens; NULL if it is something
 * other than a Unix stream socket. */
GSocket     *vhu_listener_examine_fd   (int           fd,
                                        gboolean     *listens,
                                        GError      **error);
/* A connection to a socket at @path. */
GSocket     *vhu_listener_dial         (const char   *path,
                                        GError      **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VhuListener, vhu_listener_free)

G_END_DECLS
