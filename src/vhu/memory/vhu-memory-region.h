/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib-object.h>

#include "vhu-version-macros.h"

G_BEGIN_DECLS

#define VHU_TYPE_MEMORY_REGION (vhu_memory_region_get_type ())

typedef struct _VhuMemoryRegion VhuMemoryRegion;

VHU_AVAILABLE_IN_ALL
GType            vhu_memory_region_get_type          (void) G_GNUC_CONST;
VHU_AVAILABLE_IN_ALL
VhuMemoryRegion *vhu_memory_region_ref               (VhuMemoryRegion *self);
VHU_AVAILABLE_IN_ALL
void             vhu_memory_region_unref             (VhuMemoryRegion *self);
VHU_AVAILABLE_IN_ALL
guint64          vhu_memory_region_get_guest_address (VhuMemoryRegion *self);
VHU_AVAILABLE_IN_ALL
guint64          vhu_memory_region_get_user_address  (VhuMemoryRegion *self);
VHU_AVAILABLE_IN_ALL
guint64          vhu_memory_region_get_size          (VhuMemoryRegion *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VhuMemoryRegion, vhu_memory_region_unref)

G_END_DECLS
