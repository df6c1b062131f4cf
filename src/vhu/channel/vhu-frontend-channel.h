/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

#include "vhu-version-macros.h"

G_BEGIN_DECLS

#define VHU_TYPE_FRONTEND_CHANNEL (vhu_frontend_channel_get_type ())

VHU_AVAILABLE_IN_ALL
G_DECLARE_FINAL_TYPE (VhuFrontendChannel, vhu_frontend_channel,
                      VHU, FRONTEND_CHANNEL, GObject)

VHU_AVAILABLE_IN_ALL
gboolean vhu_frontend_channel_get_is_open          (VhuFrontendChannel   *self);
VHU_AVAILABLE_IN_ALL
void     vhu_frontend_channel_send_config_change_async
                                                   (VhuFrontendChannel   *self,
                                                    guint                 timeout_ms,
                                                    GCancellable         *cancellable,
                                                    GAsyncReadyCallback   callback,
                                                    gpointer              user_data);
VHU_AVAILABLE_IN_ALL
gboolean vhu_frontend_channel_send_config_change_finish
                                                   (VhuFrontendChannel   *self,
                                                    GAsyncResult         *result,
                                                    GError              **error);

G_END_DECLS
