/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "vhu-memory-region.h"

G_BEGIN_DECLS

#define VHU_TYPE_MEMORY (vhu_memory_get_type ())

typedef struct _VhuMemory VhuMemory;

VHU_AVAILABLE_IN_ALL
GType            vhu_memory_get_type      (void) G_GNUC_CONST;
VHU_AVAILABLE_IN_ALL
VhuMemory       *vhu_memory_ref           (VhuMemory      *self);
VHU_AVAILABLE_IN_ALL
void             vhu_memory_unref         (VhuMemory      *self);
VHU_AVAILABLE_IN_ALL
guint            vhu_memory_get_n_regions (VhuMemory      *self);
VHU_AVAILABLE_IN_ALL
VhuMemoryRegion *vhu_memory_get_region    (VhuMemory      *self,
                                           guint           index);
VHU_AVAILABLE_IN_ALL
GBytes          *vhu_memory_read          (VhuMemory      *self,
                                           guint64         guest_address,
                                           gsize           size,
                                           GError        **error);
VHU_AVAILABLE_IN_ALL
gboolean         vhu_memory_write         (VhuMemory      *self,
                                           guint64         guest_address,
                                           GBytes         *bytes,
                                           GError        **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VhuMemory, vhu_memory_unref)

G_END_DECLS
