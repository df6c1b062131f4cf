/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

#include "vhu-enums.h"
#include "vhu-memory.h"
#include "vhu-version-macros.h"

G_BEGIN_DECLS

/* Declared here and described in vhu-chain.h: the two need each other. */
typedef struct _VhuChain VhuChain;

#define VHU_TYPE_VRING (vhu_vring_get_type ())

VHU_AVAILABLE_IN_ALL
G_DECLARE_FINAL_TYPE (VhuVring, vhu_vring, VHU, VRING, GObject)

VHU_AVAILABLE_IN_ALL
guint         vhu_vring_get_index           (VhuVring       *self);
VHU_AVAILABLE_IN_ALL
guint         vhu_vring_get_size            (VhuVring       *self);
VHU_AVAILABLE_IN_ALL
gboolean      vhu_vring_get_started         (VhuVring       *self);
VHU_AVAILABLE_IN_ALL
gboolean      vhu_vring_get_enabled         (VhuVring       *self);
VHU_AVAILABLE_IN_ALL
gboolean      vhu_vring_get_broken          (VhuVring       *self);
VHU_AVAILABLE_IN_ALL
gboolean      vhu_vring_has_feature         (VhuVring       *self,
                                             guint           bit);
VHU_AVAILABLE_IN_ALL
GMainContext *vhu_vring_get_context         (VhuVring       *self);
VHU_AVAILABLE_IN_ALL
VhuMemory    *vhu_vring_get_memory          (VhuVring       *self);
VHU_AVAILABLE_IN_ALL
guint         vhu_vring_get_avail_index     (VhuVring       *self);
VHU_AVAILABLE_IN_ALL
guint         vhu_vring_get_used_index      (VhuVring       *self);
VHU_AVAILABLE_IN_ALL
guint         vhu_vring_get_n_held          (VhuVring       *self);
VHU_AVAILABLE_IN_ALL
guint64       vhu_vring_get_n_completed     (VhuVring       *self);
VHU_AVAILABLE_IN_ALL
guint64       vhu_vring_get_n_failed        (VhuVring       *self);
VHU_AVAILABLE_IN_ALL
guint64       vhu_vring_get_n_signals       (VhuVring       *self);

VHU_AVAILABLE_IN_ALL
VhuChain     *vhu_vring_pop                 (VhuVring       *self);
VHU_AVAILABLE_IN_ALL
void          vhu_vring_push                (VhuVring       *self,
                                             VhuChain       *chain,
                                             gsize           n_written);
VHU_AVAILABLE_IN_ALL
void          vhu_vring_signal              (VhuVring       *self);
VHU_AVAILABLE_IN_ALL
gboolean      vhu_vring_enable_kicks        (VhuVring       *self);
VHU_AVAILABLE_IN_ALL
void          vhu_vring_disable_kicks       (VhuVring       *self);
VHU_AVAILABLE_IN_ALL
void          vhu_vring_raise_error         (VhuVring       *self,
                                             const GError   *error);

VHU_AVAILABLE_IN_ALL
void          vhu_vring_set_chain_data_size (VhuVring       *self,
                                             gsize           size);
VHU_AVAILABLE_IN_ALL
void          vhu_vring_set_user_data       (VhuVring       *self,
                                             gpointer        user_data,
                                             GDestroyNotify  destroy);
VHU_AVAILABLE_IN_ALL
gpointer      vhu_vring_get_user_data       (VhuVring       *self);

G_END_DECLS
