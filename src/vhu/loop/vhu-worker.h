/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

#include "vhu-version-macros.h"

G_BEGIN_DECLS

#define VHU_TYPE_WORKER (vhu_worker_get_type ())

VHU_AVAILABLE_IN_ALL
G_DECLARE_FINAL_TYPE (VhuWorker, vhu_worker, VHU, WORKER, GObject)

VHU_AVAILABLE_IN_ALL
VhuWorker    *vhu_worker_new         (const char    *name,
                                      GError       **error);
VHU_AVAILABLE_IN_ALL
const char   *vhu_worker_get_name    (VhuWorker     *self);
VHU_AVAILABLE_IN_ALL
GMainContext *vhu_worker_get_context (VhuWorker     *self);
VHU_AVAILABLE_IN_ALL
void          vhu_worker_invoke      (VhuWorker     *self,
                                      GSourceFunc    func,
                                      gpointer       user_data,
                                      GDestroyNotify notify);
VHU_AVAILABLE_IN_ALL
void          vhu_worker_stop        (VhuWorker     *self);

G_END_DECLS
