/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "vhu-backend.h"

G_BEGIN_DECLS

#define VHU_TYPE_BACKEND_LOCKED (vhu_backend_locked_get_type ())

VHU_AVAILABLE_IN_ALL
G_DECLARE_FINAL_TYPE (VhuBackendLocked, vhu_backend_locked,
                      VHU, BACKEND_LOCKED, VhuBackend)

VHU_AVAILABLE_IN_ALL
VhuBackend *vhu_backend_locked_new           (VhuBackend       *backend,
                                              VhuLockMode       mode);
VHU_AVAILABLE_IN_ALL
VhuBackend *vhu_backend_locked_get_backend   (VhuBackendLocked *self);
VHU_AVAILABLE_IN_ALL
VhuLockMode vhu_backend_locked_get_lock_mode (VhuBackendLocked *self);
VHU_AVAILABLE_IN_ALL
void        vhu_backend_locked_reader_lock   (VhuBackendLocked *self);
VHU_AVAILABLE_IN_ALL
void        vhu_backend_locked_reader_unlock (VhuBackendLocked *self);
VHU_AVAILABLE_IN_ALL
void        vhu_backend_locked_writer_lock   (VhuBackendLocked *self);
VHU_AVAILABLE_IN_ALL
void        vhu_backend_locked_writer_unlock (VhuBackendLocked *self);

G_END_DECLS
