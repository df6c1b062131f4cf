/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <json-glib/json-glib.h>

#include "vhu-version-macros.h"

G_BEGIN_DECLS

#define VHU_TYPE_DEVICE_STATE (vhu_device_state_get_type ())

typedef struct _VhuDeviceState VhuDeviceState;

VHU_AVAILABLE_IN_ALL
GType           vhu_device_state_get_type         (void) G_GNUC_CONST;

VHU_AVAILABLE_IN_ALL
VhuDeviceState *vhu_device_state_new              (const char      *kind,
                                                   guint            version);
VHU_AVAILABLE_IN_ALL
VhuDeviceState *vhu_device_state_new_from_bytes   (GBytes          *bytes,
                                                   GError         **error);
VHU_AVAILABLE_IN_ALL
VhuDeviceState *vhu_device_state_ref              (VhuDeviceState  *self);
VHU_AVAILABLE_IN_ALL
void            vhu_device_state_unref            (VhuDeviceState  *self);

VHU_AVAILABLE_IN_ALL
GBytes         *vhu_device_state_to_bytes         (VhuDeviceState  *self,
                                                   GError         **error);
VHU_AVAILABLE_IN_ALL
gboolean        vhu_device_state_check_device     (VhuDeviceState  *self,
                                                   const char      *kind,
                                                   guint            newest_version,
                                                   GError         **error);

VHU_AVAILABLE_IN_ALL
const char     *vhu_device_state_get_kind         (VhuDeviceState  *self);
VHU_AVAILABLE_IN_ALL
guint           vhu_device_state_get_version      (VhuDeviceState  *self);

VHU_AVAILABLE_IN_ALL
gboolean        vhu_device_state_has_feature      (VhuDeviceState  *self,
                                                   guint            bit);
VHU_AVAILABLE_IN_ALL
void            vhu_device_state_add_feature      (VhuDeviceState  *self,
                                                   guint            bit);
VHU_AVAILABLE_IN_ALL
guint64         vhu_device_state_get_features     (VhuDeviceState  *self);
VHU_AVAILABLE_IN_ALL
void            vhu_device_state_set_features     (VhuDeviceState  *self,
                                                   guint64          features);

VHU_AVAILABLE_IN_ALL
GBytes         *vhu_device_state_get_config       (VhuDeviceState  *self);
VHU_AVAILABLE_IN_ALL
void            vhu_device_state_set_config       (VhuDeviceState  *self,
                                                   GBytes          *config);

VHU_AVAILABLE_IN_ALL
guint           vhu_device_state_get_n_queues     (VhuDeviceState  *self);
VHU_AVAILABLE_IN_ALL
void            vhu_device_state_add_queue        (VhuDeviceState  *self,
                                                   guint            base,
                                                   const guint16   *parked,
                                                   gsize            n_parked);
VHU_AVAILABLE_IN_ALL
guint           vhu_device_state_get_queue_base   (VhuDeviceState  *self,
                                                   guint            index);
VHU_AVAILABLE_IN_ALL
const guint16  *vhu_device_state_get_queue_parked (VhuDeviceState  *self,
                                                   guint            index,
                                                   gsize           *n_parked);

VHU_AVAILABLE_IN_ALL
JsonNode       *vhu_device_state_get_device       (VhuDeviceState  *self);
VHU_AVAILABLE_IN_ALL
void            vhu_device_state_set_device       (VhuDeviceState  *self,
                                                   JsonNode        *device);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VhuDeviceState, vhu_device_state_unref)

G_END_DECLS
