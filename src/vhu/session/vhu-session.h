/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

#include "vhu-version-macros.h"
#include "vhu-vring.h"

G_BEGIN_DECLS

#define VHU_TYPE_SESSION (vhu_session_get_type ())

VHU_AVAILABLE_IN_ALL
G_DECLARE_FINAL_TYPE (VhuSession, vhu_session, VHU, SESSION, GObject)

VHU_AVAILABLE_IN_ALL
gboolean   vhu_session_get_is_open          (VhuSession *self);
VHU_AVAILABLE_IN_ALL
gboolean   vhu_session_has_feature          (VhuSession *self,
                                             guint       bit);
VHU_AVAILABLE_IN_ALL
gboolean   vhu_session_has_protocol_feature (VhuSession *self,
                                             guint       bit);
VHU_AVAILABLE_IN_ALL
guint      vhu_session_get_n_vrings         (VhuSession *self);
VHU_AVAILABLE_IN_ALL
VhuVring  *vhu_session_get_vring            (VhuSession *self,
                                             guint       index);

G_END_DECLS
