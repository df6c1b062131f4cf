/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "vhu-frontend-channel.h"

G_BEGIN_DECLS

/* @fd is taken, also on failure: it must be a Unix stream socket. The channel's
 * sources run in the thread-default context of this call, which is the control
 * context. */
VhuFrontendChannel *vhu_frontend_channel_new_take      (int                  fd,
                                                        gboolean             reply_ack,
                                                        GError             **error);
/* Later negotiation may switch acknowledgements on. */
void                vhu_frontend_channel_set_reply_ack (VhuFrontendChannel  *self,
                                                        gboolean             reply_ack);
/* Everything that waits fails with VHU_ERROR_CLOSED. */
void                vhu_frontend_channel_close         (VhuFrontendChannel  *self);
/* While a drain owes the front-end a reply it cannot answer us: everything that
 * waits fails with G_IO_ERROR_CANCELLED, and new requests wait for a resume. */
void                vhu_frontend_channel_suspend       (VhuFrontendChannel  *self);
void                vhu_frontend_channel_resume        (VhuFrontendChannel  *self);

G_END_DECLS
