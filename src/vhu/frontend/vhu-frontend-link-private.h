/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "vhu-stream-private.h"

G_BEGIN_DECLS

/* VhuFrontendLink: a stream that waits. Every call returns within the time
 * limit that it was given, in milliseconds; 0 does not wait at all. One thread
 * at a time. */
typedef struct _VhuFrontendLink VhuFrontendLink;

/* Takes @fd, also on failure. */
VhuFrontendLink *vhu_frontend_link_new_take    (int                fd,
                                                VhuStreamExpect    expect,
                                                GError           **error);
void             vhu_frontend_link_free        (VhuFrontendLink   *self);
int              vhu_frontend_link_get_fd      (VhuFrontendLink   *self);

gboolean         vhu_frontend_link_send        (VhuFrontendLink   *self,
                                                const VhuMessage  *message,
                                                guint              timeout,
                                                GError           **error);
/* Bytes that need not be a message. The descriptors ride on the first one. */
gboolean         vhu_frontend_link_send_bytes  (VhuFrontendLink   *self,
                                                const guint8      *bytes,
                                                gsize              size,
                                                const int         *fds,
                                                guint              n_fds,
                                                guint              timeout,
                                                GError           **error);
/* VHU_ERROR_CLOSED at the end of the stream, VHU_ERROR_TIMED_OUT when no whole
 * message came in time: the next call goes on where this one stopped. */
gboolean         vhu_frontend_link_receive     (VhuFrontendLink   *self,
                                                VhuMessage        *message,
                                                guint              timeout,
                                                GError           **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VhuFrontendLink, vhu_frontend_link_free)

G_END_DECLS
