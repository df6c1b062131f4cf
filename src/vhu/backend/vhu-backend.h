/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

#include "vhu-chain.h"
#include "vhu-enums.h"
#include "vhu-frontend-channel.h"
#include "vhu-memory.h"
#include "vhu-version-macros.h"
#include "vhu-vring.h"

G_BEGIN_DECLS

#define VHU_TYPE_BACKEND (vhu_backend_get_type ())

VHU_AVAILABLE_IN_ALL
G_DECLARE_DERIVABLE_TYPE (VhuBackend, vhu_backend, VHU, BACKEND, GObject)

struct _VhuBackendClass
{
  GObjectClass parent_class;

  /* In the control context. */
  void           (*session_opened)         (VhuBackend          *self);
  void           (*session_closed)         (VhuBackend          *self);
  void           (*features_negotiated)    (VhuBackend          *self);
  void           (*set_event_idx)          (VhuBackend          *self,
                                            gboolean             enabled);
  gboolean       (*memory_changed)         (VhuBackend          *self,
                                            VhuMemory           *memory,
                                            GError             **error);
  gboolean       (*config_written)         (VhuBackend          *self,
                                            guint                offset,
                                            GBytes              *data,
                                            VhuConfigOrigin      origin,
                                            GError             **error);
  void           (*frontend_channel_ready) (VhuBackend          *self,
                                            VhuFrontendChannel  *channel);
  void           (*reset)                  (VhuBackend          *self);
  guint          (*map_queue)              (VhuBackend          *self,
                                            guint                queue,
                                            guint                n_threads);

  /* In the context of the ring. */
  void           (*vring_started)          (VhuBackend          *self,
                                            VhuVring            *vring);
  void           (*process_queue)          (VhuBackend          *self,
                                            VhuVring            *vring);
  VhuChainResult (*process_chain)          (VhuBackend          *self,
                                            VhuVring            *vring,
                                            VhuChain            *chain);
  void           (*fail_chain)             (VhuBackend          *self,
                                            VhuVring            *vring,
                                            VhuChain            *chain);
  void           (*vring_stopping)         (VhuBackend          *self,
                                            VhuVring            *vring);
  void           (*vring_stopped)          (VhuBackend          *self,
                                            VhuVring            *vring);

  /*< private >*/
  gpointer padding[32];
};

VHU_AVAILABLE_IN_ALL
guint      vhu_backend_get_device_id          (VhuBackend       *self);
VHU_AVAILABLE_IN_ALL
const char *vhu_backend_get_kind              (VhuBackend       *self);
VHU_AVAILABLE_IN_ALL
guint      vhu_backend_get_n_queues           (VhuBackend       *self);
VHU_AVAILABLE_IN_ALL
guint      vhu_backend_get_queue_size         (VhuBackend       *self);

VHU_AVAILABLE_IN_ALL
void       vhu_backend_offer_feature          (VhuBackend       *self,
                                               guint             bit);
VHU_AVAILABLE_IN_ALL
void       vhu_backend_withdraw_feature       (VhuBackend       *self,
                                               guint             bit);
VHU_AVAILABLE_IN_ALL
gboolean   vhu_backend_offers_feature         (VhuBackend       *self,
                                               guint             bit);
VHU_AVAILABLE_IN_ALL
gboolean   vhu_backend_has_feature            (VhuBackend       *self,
                                               guint             bit);
VHU_AVAILABLE_IN_ALL
void       vhu_backend_offer_protocol_feature (VhuBackend       *self,
                                               guint             bit);
VHU_AVAILABLE_IN_ALL
void       vhu_backend_withdraw_protocol_feature
                                              (VhuBackend       *self,
                                               guint             bit);
VHU_AVAILABLE_IN_ALL
gboolean   vhu_backend_offers_protocol_feature
                                              (VhuBackend       *self,
                                               guint             bit);
VHU_AVAILABLE_IN_ALL
gboolean   vhu_backend_has_protocol_feature   (VhuBackend       *self,
                                               guint             bit);

VHU_AVAILABLE_IN_ALL
void       vhu_backend_update_config          (VhuBackend       *self,
                                               guint             offset,
                                               GBytes           *data);
VHU_AVAILABLE_IN_ALL
GBytes    *vhu_backend_dup_config             (VhuBackend       *self);
VHU_AVAILABLE_IN_ALL
void       vhu_backend_add_writable_config    (VhuBackend       *self,
                                               guint             offset,
                                               guint             size);

VHU_AVAILABLE_IN_ALL
guint64    vhu_backend_get_n_errors           (VhuBackend       *self);
VHU_AVAILABLE_IN_ALL
VhuFrontendChannel *
           vhu_backend_dup_frontend_channel   (VhuBackend       *self);

VHU_AVAILABLE_IN_ALL
void       vhu_backend_lock                   (VhuBackend       *self);
VHU_AVAILABLE_IN_ALL
void       vhu_backend_unlock                 (VhuBackend       *self);

/* The public wrapper of each virtual method. */
VHU_AVAILABLE_IN_ALL
void       vhu_backend_session_opened         (VhuBackend       *self);
VHU_AVAILABLE_IN_ALL
void       vhu_backend_session_closed         (VhuBackend       *self);
VHU_AVAILABLE_IN_ALL
void       vhu_backend_features_negotiated    (VhuBackend       *self);
VHU_AVAILABLE_IN_ALL
void       vhu_backend_set_event_idx          (VhuBackend       *self,
                                               gboolean          enabled);
VHU_AVAILABLE_IN_ALL
gboolean   vhu_backend_memory_changed         (VhuBackend       *self,
                                               VhuMemory        *memory,
                                               GError          **error);
VHU_AVAILABLE_IN_ALL
gboolean   vhu_backend_config_written         (VhuBackend       *self,
                                               guint             offset,
                                               GBytes           *data,
                                               VhuConfigOrigin   origin,
                                               GError          **error);
VHU_AVAILABLE_IN_ALL
void       vhu_backend_frontend_channel_ready (VhuBackend       *self,
                                               VhuFrontendChannel *channel);
VHU_AVAILABLE_IN_ALL
void       vhu_backend_reset                  (VhuBackend       *self);
VHU_AVAILABLE_IN_ALL
guint      vhu_backend_map_queue              (VhuBackend       *self,
                                               guint             queue,
                                               guint             n_threads);
VHU_AVAILABLE_IN_ALL
void       vhu_backend_vring_started          (VhuBackend       *self,
                                               VhuVring         *vring);
VHU_AVAILABLE_IN_ALL
void       vhu_backend_process_queue          (VhuBackend       *self,
                                               VhuVring         *vring);
VHU_AVAILABLE_IN_ALL
VhuChainResult
           vhu_backend_process_chain          (VhuBackend       *self,
                                               VhuVring         *vring,
                                               VhuChain         *chain);
VHU_AVAILABLE_IN_ALL
void       vhu_backend_fail_chain             (VhuBackend       *self,
                                               VhuVring         *vring,
                                               VhuChain         *chain);
VHU_AVAILABLE_IN_ALL
void       vhu_backend_vring_stopping         (VhuBackend       *self,
                                               VhuVring         *vring);
VHU_AVAILABLE_IN_ALL
void       vhu_backend_vring_stopped          (VhuBackend       *self,
                                               VhuVring         *vring);

G_END_DECLS
