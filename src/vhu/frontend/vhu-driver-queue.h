/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "vhu-frontend.h"

G_BEGIN_DECLS

/**
 * VhuDriverSegment:
 * @address: the guest address of a buffer
 * @length: its length in bytes
 * @writable: 1 if the device writes it, 0 if the device reads it
 *
 * One buffer of a chain.
 *
 * Since: 0.1
 */
typedef struct
{
  guint64 address;
  guint32 length;
  guint32 writable;
} VhuDriverSegment;

#define VHU_TYPE_DRIVER_QUEUE (vhu_driver_queue_get_type ())

VHU_AVAILABLE_IN_ALL
G_DECLARE_FINAL_TYPE (VhuDriverQueue, vhu_driver_queue,
                      VHU, DRIVER_QUEUE, GObject)

VHU_AVAILABLE_IN_ALL
VhuDriverQueue *vhu_frontend_add_queue              (VhuFrontend       *self,
                                                     guint              index,
                                                     guint              size,
                                                     GError           **error);
VHU_AVAILABLE_IN_ALL
VhuDriverQueue *vhu_driver_queue_new                (VhuFrontend       *frontend,
                                                     guint              index,
                                                     guint              size,
                                                     GError           **error);
VHU_AVAILABLE_IN_ALL
VhuFrontend    *vhu_driver_queue_get_frontend       (VhuDriverQueue    *self);
VHU_AVAILABLE_IN_ALL
guint           vhu_driver_queue_get_index          (VhuDriverQueue    *self);
VHU_AVAILABLE_IN_ALL
guint           vhu_driver_queue_get_size           (VhuDriverQueue    *self);

/* Life. */
VHU_AVAILABLE_IN_ALL
void            vhu_driver_queue_set_use_kick_fd    (VhuDriverQueue    *self,
                                                     gboolean           use_fd);
VHU_AVAILABLE_IN_ALL
void            vhu_driver_queue_set_use_call_fd    (VhuDriverQueue    *self,
                                                     gboolean           use_fd);
VHU_AVAILABLE_IN_ALL
gboolean        vhu_driver_queue_start              (VhuDriverQueue    *self,
                                                     GError           **error);
VHU_AVAILABLE_IN_ALL
gboolean        vhu_driver_queue_stop               (VhuDriverQueue    *self,
                                                     GError           **error);
VHU_AVAILABLE_IN_ALL
gboolean        vhu_driver_queue_set_enabled        (VhuDriverQueue    *self,
                                                     gboolean           enabled,
                                                     GError           **error);
VHU_AVAILABLE_IN_ALL
void            vhu_driver_queue_reset              (VhuDriverQueue    *self);
VHU_AVAILABLE_IN_ALL
gboolean        vhu_driver_queue_get_started        (VhuDriverQueue    *self);
VHU_AVAILABLE_IN_ALL
guint           vhu_driver_queue_get_base           (VhuDriverQueue    *self);
VHU_AVAILABLE_IN_ALL
void            vhu_driver_queue_set_base           (VhuDriverQueue    *self,
                                                     guint              base);
VHU_AVAILABLE_IN_ALL
gboolean        vhu_driver_queue_check              (VhuDriverQueue    *self,
                                                     GError           **error);

/* Chains. */
VHU_AVAILABLE_IN_ALL
void            vhu_driver_queue_set_indirect       (VhuDriverQueue    *self,
                                                     gboolean           use_indirect,
                                                     guint              n_direct);
VHU_AVAILABLE_IN_ALL
int             vhu_driver_queue_submit             (VhuDriverQueue    *self,
                                                     const VhuDriverSegment
                                                                       *segments,
                                                     guint              n_segments,
                                                     GError           **error);
VHU_AVAILABLE_IN_ALL
void            vhu_driver_queue_append_segment     (VhuDriverQueue    *self,
                                                     guint64            address,
                                                     guint              length,
                                                     gboolean           writable);
VHU_AVAILABLE_IN_ALL
int             vhu_driver_queue_submit_appended    (VhuDriverQueue    *self,
                                                     GError           **error);
VHU_AVAILABLE_IN_ALL
int             vhu_driver_queue_submit_bytes       (VhuDriverQueue    *self,
                                                     GBytes            *out,
                                                     gsize              in_size,
                                                     GError           **error);
VHU_AVAILABLE_IN_ALL
GBytes         *vhu_driver_queue_take_result        (VhuDriverQueue    *self,
                                                     guint              id);
VHU_AVAILABLE_IN_ALL
GBytes         *vhu_driver_queue_request            (VhuDriverQueue    *self,
                                                     GBytes            *out,
                                                     gsize              in_size,
                                                     GError           **error);
VHU_AVAILABLE_IN_ALL
gboolean        vhu_driver_queue_kick               (VhuDriverQueue    *self);
VHU_AVAILABLE_IN_ALL
void            vhu_driver_queue_kick_always        (VhuDriverQueue    *self);
VHU_AVAILABLE_IN_ALL
gboolean        vhu_driver_queue_pop                (VhuDriverQueue    *self,
                                                     guint             *id,
                                                     guint32           *length);
VHU_AVAILABLE_IN_ALL
gboolean        vhu_driver_queue_has_used           (VhuDriverQueue    *self);
VHU_AVAILABLE_IN_ALL
gboolean        vhu_driver_queue_wait               (VhuDriverQueue    *self,
                                                     guint              milliseconds,
                                                     GError           **error);
VHU_AVAILABLE_IN_ALL
gboolean        vhu_driver_queue_wait_call          (VhuDriverQueue    *self,
                                                     guint              milliseconds);
VHU_AVAILABLE_IN_ALL
gboolean        vhu_driver_queue_wait_error         (VhuDriverQueue    *self,
                                                     guint              milliseconds);
VHU_AVAILABLE_IN_ALL
gboolean        vhu_driver_queue_enable_calls       (VhuDriverQueue    *self,
                                                     guint              n_ahead);
VHU_AVAILABLE_IN_ALL
void            vhu_driver_queue_disable_calls      (VhuDriverQueue    *self);

/* Counters. */
VHU_AVAILABLE_IN_ALL
guint           vhu_driver_queue_get_n_free         (VhuDriverQueue    *self);
VHU_AVAILABLE_IN_ALL
guint           vhu_driver_queue_get_n_in_flight    (VhuDriverQueue    *self);
VHU_AVAILABLE_IN_ALL
guint64         vhu_driver_queue_get_n_kicks        (VhuDriverQueue    *self);
VHU_AVAILABLE_IN_ALL
guint64         vhu_driver_queue_get_n_calls        (VhuDriverQueue    *self);

/* What no driver does; vhu-driver-queue-poke.c. */
VHU_AVAILABLE_IN_ALL
void            vhu_driver_queue_set_strict         (VhuDriverQueue    *self,
                                                     gboolean           strict);
VHU_AVAILABLE_IN_ALL
guint64         vhu_driver_queue_get_desc_address   (VhuDriverQueue    *self);
VHU_AVAILABLE_IN_ALL
guint64         vhu_driver_queue_get_avail_address  (VhuDriverQueue    *self);
VHU_AVAILABLE_IN_ALL
guint64         vhu_driver_queue_get_used_address   (VhuDriverQueue    *self);
VHU_AVAILABLE_IN_ALL
void            vhu_driver_queue_poke_descriptor    (VhuDriverQueue    *self,
                                                     guint              number,
                                                     guint64            address,
                                                     guint              length,
                                                     guint              flags,
                                                     guint              next);
VHU_AVAILABLE_IN_ALL
void            vhu_driver_queue_poke_avail_entry   (VhuDriverQueue    *self,
                                                     guint              slot,
                                                     guint              head);
VHU_AVAILABLE_IN_ALL
void            vhu_driver_queue_poke_avail_index   (VhuDriverQueue    *self,
                                                     guint              index);
VHU_AVAILABLE_IN_ALL
void            vhu_driver_queue_poke_avail_flags   (VhuDriverQueue    *self,
                                                     guint              flags);
VHU_AVAILABLE_IN_ALL
void            vhu_driver_queue_poke_used_event    (VhuDriverQueue    *self,
                                                     guint              index);
VHU_AVAILABLE_IN_ALL
void            vhu_driver_queue_poke_head          (VhuDriverQueue    *self,
                                                     guint              head);
VHU_AVAILABLE_IN_ALL
guint           vhu_driver_queue_peek_avail_index   (VhuDriverQueue    *self);
VHU_AVAILABLE_IN_ALL
guint           vhu_driver_queue_peek_avail_event   (VhuDriverQueue    *self);
VHU_AVAILABLE_IN_ALL
guint           vhu_driver_queue_peek_used_index    (VhuDriverQueue    *self);
VHU_AVAILABLE_IN_ALL
guint           vhu_driver_queue_peek_used_flags    (VhuDriverQueue    *self);
VHU_AVAILABLE_IN_ALL
void            vhu_driver_queue_peek_used_element  (VhuDriverQueue    *self,
                                                     guint              slot,
                                                     guint             *id,
                                                     guint             *length);

G_END_DECLS
