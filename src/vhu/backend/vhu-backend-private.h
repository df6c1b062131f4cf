/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "vhu-backend.h"

G_BEGIN_DECLS

/* What the session asks of a backend besides its virtual methods. All of it is
 * protected by the base's own leaf mutex and may be called from any thread. */

typedef struct
{
  /* Any thread: bytes of the configuration space changed. */
  void (*config_changed) (VhuBackend *backend,
                          gpointer    observer_data);
} VhuBackendObserver;

/* For a backend that wraps another one, while it is constructed: identity,
 * offers, configuration space, negotiation, channel, observer, counters and the
 * lock of vhu_backend_lock() of @backend are from now on those of @self too, seen
 * and changed through either. An observer is told of the one that changed.
 * @self keeps @backend alive until it is finalized itself. */
void     vhu_backend_share                    (VhuBackend               *self,
                                               VhuBackend               *backend);

/* One observer: the server. Offers, map and sizes can no longer be changed. */
void     vhu_backend_freeze                   (VhuBackend               *self,
                                               const VhuBackendObserver *observer,
                                               gpointer                  observer_data);
void     vhu_backend_forget_observer          (VhuBackend               *self);
gboolean vhu_backend_is_frozen                (VhuBackend               *self);

/* TRUE if its virtual methods run on one thread only: JavaScript engines refuse all
 * others. Asked of the wrapped one, if @self wraps one. */
gboolean vhu_backend_is_bound_to_thread       (VhuBackend               *self);

guint64  vhu_backend_get_offered              (VhuBackend               *self);
guint64  vhu_backend_get_offered_protocol     (VhuBackend               *self);
void     vhu_backend_set_negotiated           (VhuBackend               *self,
                                               guint64                   features);
void     vhu_backend_set_negotiated_protocol  (VhuBackend               *self,
                                               guint64                   features);
void     vhu_backend_set_frontend_channel     (VhuBackend               *self,
                                               VhuFrontendChannel       *channel);
guint    vhu_backend_get_config_size          (VhuBackend               *self);
/* Copies what there is of the range and fills the rest with zeros. */
void     vhu_backend_copy_config              (VhuBackend               *self,
                                               guint                     offset,
                                               guint8                   *data,
                                               guint                     size);
/* SET_CONFIG: takes over only bytes of writable ranges (all for a migration),
 * then calls the virtual method; on its failure the old bytes come back. FALSE
 * with BAD_VALUE if the range holds no writable byte. */
gboolean vhu_backend_write_config             (VhuBackend               *self,
                                               guint                     offset,
                                               const guint8             *data,
                                               guint                     size,
                                               VhuConfigOrigin           origin,
                                               GError                  **error);
void     vhu_backend_count_error              (VhuBackend               *self);
/* The bit mask of negotiated features, for C on hot paths. */
guint64  vhu_backend_get_negotiated           (VhuBackend               *self);

G_END_DECLS
