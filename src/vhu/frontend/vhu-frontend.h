/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

#include "vhu-enums.h"
#include "vhu-version-macros.h"

G_BEGIN_DECLS

#define VHU_TYPE_FRONTEND (vhu_frontend_get_type ())

VHU_AVAILABLE_IN_ALL
G_DECLARE_FINAL_TYPE (VhuFrontend, vhu_frontend, VHU, FRONTEND, GObject)

/* The connection. */
VHU_AVAILABLE_IN_ALL
VhuFrontend *vhu_frontend_open                    (const char   *path,
                                                   GError      **error);
VHU_AVAILABLE_IN_ALL
VhuFrontend *vhu_frontend_new_for_fd              (int           fd,
                                                   GError      **error);
VHU_AVAILABLE_IN_ALL
void         vhu_frontend_close                   (VhuFrontend  *self);
VHU_AVAILABLE_IN_ALL
gboolean     vhu_frontend_get_is_open             (VhuFrontend  *self);
VHU_AVAILABLE_IN_ALL
int          vhu_frontend_get_peer_pid            (VhuFrontend  *self);
VHU_AVAILABLE_IN_ALL
guint        vhu_frontend_get_timeout             (VhuFrontend  *self);
VHU_AVAILABLE_IN_ALL
void         vhu_frontend_set_timeout             (VhuFrontend  *self,
                                                   guint         milliseconds);
VHU_AVAILABLE_IN_ALL
gboolean     vhu_frontend_get_use_reply_ack       (VhuFrontend  *self);
VHU_AVAILABLE_IN_ALL
void         vhu_frontend_set_use_reply_ack       (VhuFrontend  *self,
                                                   gboolean      use_reply_ack);

/* Negotiation. */
VHU_AVAILABLE_IN_ALL
void         vhu_frontend_want_feature            (VhuFrontend  *self,
                                                   guint         bit,
                                                   gboolean      wanted);
VHU_AVAILABLE_IN_ALL
void         vhu_frontend_want_protocol_feature   (VhuFrontend  *self,
                                                   guint         bit,
                                                   gboolean      wanted);
VHU_AVAILABLE_IN_ALL
gboolean     vhu_frontend_negotiate               (VhuFrontend  *self,
                                                   GError      **error);
VHU_AVAILABLE_IN_ALL
gboolean     vhu_frontend_offers_feature          (VhuFrontend  *self,
                                                   guint         bit);
VHU_AVAILABLE_IN_ALL
gboolean     vhu_frontend_has_feature             (VhuFrontend  *self,
                                                   guint         bit);
VHU_AVAILABLE_IN_ALL
gboolean     vhu_frontend_offers_protocol_feature (VhuFrontend  *self,
                                                   guint         bit);
VHU_AVAILABLE_IN_ALL
gboolean     vhu_frontend_has_protocol_feature    (VhuFrontend  *self,
                                                   guint         bit);
VHU_AVAILABLE_IN_ALL
guint        vhu_frontend_get_n_queues            (VhuFrontend  *self);
VHU_AVAILABLE_IN_ALL
guint        vhu_frontend_get_max_mem_slots       (VhuFrontend  *self);

/* One call per message; vhu-frontend-requests.c. */
VHU_AVAILABLE_IN_ALL
gboolean     vhu_frontend_query_features          (VhuFrontend  *self,
                                                   guint64      *features,
                                                   GError      **error);
VHU_AVAILABLE_IN_ALL
gboolean     vhu_frontend_set_features            (VhuFrontend  *self,
                                                   guint64       features,
                                                   GError      **error);
VHU_AVAILABLE_IN_ALL
gboolean     vhu_frontend_query_protocol_features (VhuFrontend  *self,
                                                   guint64      *features,
                                                   GError      **error);
VHU_AVAILABLE_IN_ALL
gboolean     vhu_frontend_set_protocol_features   (VhuFrontend  *self,
                                                   guint64       features,
                                                   GError      **error);
VHU_AVAILABLE_IN_ALL
gboolean     vhu_frontend_query_n_queues          (VhuFrontend  *self,
                                                   guint64      *n_queues,
                                                   GError      **error);
VHU_AVAILABLE_IN_ALL
gboolean     vhu_frontend_query_max_mem_slots     (VhuFrontend  *self,
                                                   guint64      *n_slots,
                                                   GError      **error);
VHU_AVAILABLE_IN_ALL
gboolean     vhu_frontend_set_owner               (VhuFrontend  *self,
                                                   GError      **error);
VHU_AVAILABLE_IN_ALL
gboolean     vhu_frontend_reset_owner             (VhuFrontend  *self,
                                                   GError      **error);
VHU_AVAILABLE_IN_ALL
gboolean     vhu_frontend_reset_device            (VhuFrontend  *self,
                                                   GError      **error);
VHU_AVAILABLE_IN_ALL
gboolean     vhu_frontend_set_vring_num           (VhuFrontend  *self,
                                                   guint         index,
                                                   guint         size,
                                                   GError      **error);
VHU_AVAILABLE_IN_ALL
gboolean     vhu_frontend_set_vring_addr          (VhuFrontend  *self,
                                                   guint         index,
                                                   guint         flags,
                                                   guint64       desc,
                                                   guint64       used,
                                                   guint64       avail,
                                                   guint64       log,
                                                   GError      **error);
VHU_AVAILABLE_IN_ALL
gboolean     vhu_frontend_set_vring_base          (VhuFrontend  *self,
                                                   guint         index,
                                                   guint         base,
                                                   GError      **error);
VHU_AVAILABLE_IN_ALL
gboolean     vhu_frontend_get_vring_base          (VhuFrontend  *self,
                                                   guint         index,
                                                   guint        *base,
                                                   GError      **error);
VHU_AVAILABLE_IN_ALL
gboolean     vhu_frontend_set_vring_kick          (VhuFrontend  *self,
                                                   guint         index,
                                                   int           fd,
                                                   GError      **error);
VHU_AVAILABLE_IN_ALL
gboolean     vhu_frontend_set_vring_call          (VhuFrontend  *self,
                                                   guint         index,
                                                   int           fd,
                                                   GError      **error);
VHU_AVAILABLE_IN_ALL
gboolean     vhu_frontend_set_vring_err           (VhuFrontend  *self,
                                                   guint         index,
                                                   int           fd,
                                                   GError      **error);
VHU_AVAILABLE_IN_ALL
gboolean     vhu_frontend_set_vring_enable        (VhuFrontend  *self,
                                                   guint         index,
                                                   gboolean      enabled,
                                                   GError      **error);
VHU_AVAILABLE_IN_ALL
gboolean     vhu_frontend_set_backend_req_fd      (VhuFrontend  *self,
                                                   int           fd,
                                                   GError      **error);
VHU_AVAILABLE_IN_ALL
GBytes      *vhu_frontend_get_config              (VhuFrontend  *self,
                                                   guint         offset,
                                                   guint         size,
                                                   GError      **error);
VHU_AVAILABLE_IN_ALL
gboolean     vhu_frontend_set_config              (VhuFrontend  *self,
                                                   guint         offset,
                                                   GBytes       *data,
                                                   VhuConfigOrigin origin,
                                                   GError      **error);

/* Guest memory; vhu-frontend-memory.c. */
VHU_AVAILABLE_IN_ALL
gboolean     vhu_frontend_allocate_memory         (VhuFrontend  *self,
                                                   guint64       size,
                                                   guint         n_regions,
                                                   GError      **error);
VHU_AVAILABLE_IN_ALL
gboolean     vhu_frontend_share_memory            (VhuFrontend  *self,
                                                   GError      **error);
VHU_AVAILABLE_IN_ALL
gboolean     vhu_frontend_add_region              (VhuFrontend  *self,
                                                   guint64       size,
                                                   guint64      *guest_address,
                                                   GError      **error);
VHU_AVAILABLE_IN_ALL
gboolean     vhu_frontend_remove_region           (VhuFrontend  *self,
                                                   guint64       guest_address,
                                                   GError      **error);
VHU_AVAILABLE_IN_ALL
gboolean     vhu_frontend_set_mem_table           (VhuFrontend  *self,
                                                   GError      **error);
VHU_AVAILABLE_IN_ALL
gboolean     vhu_frontend_add_mem_reg             (VhuFrontend  *self,
                                                   guint         number,
                                                   GError      **error);
VHU_AVAILABLE_IN_ALL
gboolean     vhu_frontend_rem_mem_reg             (VhuFrontend  *self,
                                                   guint         number,
                                                   GError      **error);
VHU_AVAILABLE_IN_ALL
guint        vhu_frontend_get_n_regions           (VhuFrontend  *self);
VHU_AVAILABLE_IN_ALL
gboolean     vhu_frontend_get_region              (VhuFrontend  *self,
                                                   guint         number,
                                                   guint64      *guest_address,
                                                   guint64      *size,
                                                   guint64      *user_address,
                                                   guint64      *mmap_offset);
VHU_AVAILABLE_IN_ALL
int          vhu_frontend_dup_region_fd           (VhuFrontend  *self,
                                                   guint         number);
VHU_AVAILABLE_IN_ALL
guint64      vhu_frontend_allocate                (VhuFrontend  *self,
                                                   gsize         size,
                                                   GError      **error);
VHU_AVAILABLE_IN_ALL
void         vhu_frontend_release                 (VhuFrontend  *self,
                                                   guint64       guest_address,
                                                   gsize         size);
VHU_AVAILABLE_IN_ALL
GBytes      *vhu_frontend_read_memory             (VhuFrontend  *self,
                                                   guint64       guest_address,
                                                   gsize         size,
                                                   GError      **error);
VHU_AVAILABLE_IN_ALL
gboolean     vhu_frontend_write_memory            (VhuFrontend  *self,
                                                   guint64       guest_address,
                                                   GBytes       *bytes,
                                                   GError      **error);
VHU_AVAILABLE_IN_ALL
gpointer     vhu_frontend_get_host_pointer        (VhuFrontend  *self,
                                                   guint64       guest_address,
                                                   gsize         size);
VHU_AVAILABLE_IN_ALL
gboolean     vhu_frontend_get_guest_address       (VhuFrontend  *self,
                                                   gconstpointer host,
                                                   guint64      *guest_address);
VHU_AVAILABLE_IN_ALL
guint64      vhu_frontend_get_user_address        (VhuFrontend  *self,
                                                   guint64       guest_address);

/* The channel on which the back-end asks; vhu-frontend-back-channel.c. */
VHU_AVAILABLE_IN_ALL
gboolean     vhu_frontend_open_back_channel       (VhuFrontend  *self,
                                                   GError      **error);
VHU_AVAILABLE_IN_ALL
void         vhu_frontend_close_back_channel      (VhuFrontend  *self);
VHU_AVAILABLE_IN_ALL
void         vhu_frontend_set_back_channel_answer (VhuFrontend  *self,
                                                   gboolean      answers,
                                                   guint64       answer);
VHU_AVAILABLE_IN_ALL
gboolean     vhu_frontend_serve_back_channel      (VhuFrontend  *self,
                                                   guint        *request,
                                                   GError      **error);
VHU_AVAILABLE_IN_ALL
gboolean     vhu_frontend_wait_config_change      (VhuFrontend  *self,
                                                   GError      **error);
VHU_AVAILABLE_IN_ALL
guint        vhu_frontend_get_n_config_changes    (VhuFrontend  *self);

/* Deliberately wrong messages; vhu-frontend-raw.c. */
VHU_AVAILABLE_IN_ALL
gboolean     vhu_frontend_send_raw                (VhuFrontend  *self,
                                                   guint         request,
                                                   guint         flags,
                                                   guint         size,
                                                   GBytes       *payload,
                                                   const int    *fds,
                                                   guint         n_fds,
                                                   GError      **error);
VHU_AVAILABLE_IN_ALL
gboolean     vhu_frontend_send_bytes              (VhuFrontend  *self,
                                                   GBytes       *bytes,
                                                   const int    *fds,
                                                   guint         n_fds,
                                                   GError      **error);
VHU_AVAILABLE_IN_ALL
gboolean     vhu_frontend_receive_raw             (VhuFrontend  *self,
                                                   guint        *request,
                                                   guint        *flags,
                                                   GBytes      **payload,
                                                   GError      **error);
VHU_AVAILABLE_IN_ALL
int          vhu_frontend_steal_received_fd       (VhuFrontend  *self,
                                                   guint         number);
VHU_AVAILABLE_IN_ALL
gboolean     vhu_frontend_shut_down_writing       (VhuFrontend  *self,
                                                   GError      **error);
VHU_AVAILABLE_IN_ALL
gboolean     vhu_frontend_wait_closed             (VhuFrontend  *self,
                                                   GError      **error);

G_END_DECLS
