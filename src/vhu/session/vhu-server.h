/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

#include "vhu-backend.h"
#include "vhu-session.h"
#include "vhu-version-macros.h"
#include "vhu-worker.h"

G_BEGIN_DECLS

#define VHU_TYPE_SERVER (vhu_server_get_type ())

VHU_AVAILABLE_IN_ALL
G_DECLARE_FINAL_TYPE (VhuServer, vhu_server, VHU, SERVER, GObject)

VHU_AVAILABLE_IN_ALL
VhuServer  *vhu_server_new                    (VhuBackend           *backend);
VHU_AVAILABLE_IN_ALL
VhuBackend *vhu_server_get_backend            (VhuServer            *self);

/* Where front-ends come from; one of them, before the start. */
VHU_AVAILABLE_IN_ALL
gboolean    vhu_server_listen                 (VhuServer            *self,
                                               const char           *path,
                                               GError              **error);
VHU_AVAILABLE_IN_ALL
gboolean    vhu_server_use_fd                 (VhuServer            *self,
                                               int                   fd,
                                               GError              **error);
VHU_AVAILABLE_IN_ALL
gboolean    vhu_server_dial                   (VhuServer            *self,
                                               const char           *path,
                                               GError              **error);

VHU_AVAILABLE_IN_ALL
gboolean    vhu_server_start                  (VhuServer            *self,
                                               GError              **error);
VHU_AVAILABLE_IN_ALL
void        vhu_server_stop_async             (VhuServer            *self,
                                               GCancellable         *cancellable,
                                               GAsyncReadyCallback   callback,
                                               gpointer              user_data);
VHU_AVAILABLE_IN_ALL
gboolean    vhu_server_stop_finish            (VhuServer            *self,
                                               GAsyncResult         *result,
                                               GError              **error);
VHU_AVAILABLE_IN_ALL
gboolean    vhu_server_get_running            (VhuServer            *self);
VHU_AVAILABLE_IN_ALL
VhuSession *vhu_server_get_session            (VhuServer            *self);

VHU_AVAILABLE_IN_ALL
guint       vhu_server_get_n_threads          (VhuServer            *self);
VHU_AVAILABLE_IN_ALL
void        vhu_server_set_n_threads          (VhuServer            *self,
                                               guint                 n_threads);
VHU_AVAILABLE_IN_ALL
guint       vhu_server_get_poll_us            (VhuServer            *self);
VHU_AVAILABLE_IN_ALL
void        vhu_server_set_poll_us            (VhuServer            *self,
                                               guint                 poll_us);
VHU_AVAILABLE_IN_ALL
int         vhu_server_get_priority           (VhuServer            *self);
VHU_AVAILABLE_IN_ALL
void        vhu_server_set_priority           (VhuServer            *self,
                                               int                   priority);
VHU_AVAILABLE_IN_ALL
guint       vhu_server_get_drain_timeout      (VhuServer            *self);
VHU_AVAILABLE_IN_ALL
void        vhu_server_set_drain_timeout      (VhuServer            *self,
                                               guint                 milliseconds);
VHU_AVAILABLE_IN_ALL
gboolean    vhu_server_get_exit_on_disconnect (VhuServer            *self);
VHU_AVAILABLE_IN_ALL
void        vhu_server_set_exit_on_disconnect (VhuServer            *self,
                                               gboolean              exit_on_disconnect);
VHU_AVAILABLE_IN_ALL
guint64     vhu_server_get_n_sessions         (VhuServer            *self);
VHU_AVAILABLE_IN_ALL
guint64     vhu_server_get_n_completed        (VhuServer            *self);
VHU_AVAILABLE_IN_ALL
guint64     vhu_server_get_n_failed           (VhuServer            *self);
VHU_AVAILABLE_IN_ALL
VhuWorker  *vhu_server_get_worker             (VhuServer            *self,
                                               guint                 index);

G_END_DECLS
