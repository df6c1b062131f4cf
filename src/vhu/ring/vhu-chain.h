/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <sys/uio.h>

#include "vhu-vring.h"

G_BEGIN_DECLS

#define VHU_TYPE_CHAIN (vhu_chain_get_type ())

VHU_AVAILABLE_IN_ALL
GType               vhu_chain_get_type          (void) G_GNUC_CONST;
VHU_AVAILABLE_IN_ALL
VhuChain           *vhu_chain_ref               (VhuChain      *self);
VHU_AVAILABLE_IN_ALL
void                vhu_chain_unref             (VhuChain      *self);

VHU_AVAILABLE_IN_ALL
VhuVring           *vhu_chain_get_vring         (VhuChain      *self);
VHU_AVAILABLE_IN_ALL
guint               vhu_chain_get_id            (VhuChain      *self);
VHU_AVAILABLE_IN_ALL
gboolean            vhu_chain_is_revoked        (VhuChain      *self);

/* Readable: from the driver to the device. Writable: the other way. */
VHU_AVAILABLE_IN_ALL
guint64             vhu_chain_get_readable_size (VhuChain      *self);
VHU_AVAILABLE_IN_ALL
guint64             vhu_chain_get_writable_size (VhuChain      *self);
VHU_AVAILABLE_IN_ALL
guint64             vhu_chain_get_n_read        (VhuChain      *self);
VHU_AVAILABLE_IN_ALL
guint64             vhu_chain_get_n_written     (VhuChain      *self);

VHU_AVAILABLE_IN_ALL
gboolean            vhu_chain_read              (VhuChain      *self,
                                                 gpointer       buffer,
                                                 gsize          size,
                                                 GError       **error);
VHU_AVAILABLE_IN_ALL
GBytes             *vhu_chain_read_bytes        (VhuChain      *self,
                                                 gsize          size,
                                                 GError       **error);
VHU_AVAILABLE_IN_ALL
GBytes             *vhu_chain_dup_bytes         (VhuChain      *self,
                                                 GError       **error);
VHU_AVAILABLE_IN_ALL
gboolean            vhu_chain_write             (VhuChain      *self,
                                                 gconstpointer  buffer,
                                                 gsize          size,
                                                 GError       **error);
VHU_AVAILABLE_IN_ALL
gboolean            vhu_chain_write_bytes       (VhuChain      *self,
                                                 GBytes        *bytes,
                                                 GError       **error);
VHU_AVAILABLE_IN_ALL
gboolean            vhu_chain_seek              (VhuChain      *self,
                                                 guint64        readable_offset,
                                                 guint64        writable_offset,
                                                 GError       **error);

VHU_AVAILABLE_IN_ALL
const struct iovec *vhu_chain_get_readable_iov  (VhuChain      *self,
                                                 guint         *n_iov);
VHU_AVAILABLE_IN_ALL
const struct iovec *vhu_chain_get_writable_iov  (VhuChain      *self,
                                                 guint         *n_iov);
VHU_AVAILABLE_IN_ALL
gpointer            vhu_chain_get_data          (VhuChain      *self);

VHU_AVAILABLE_IN_ALL
gboolean            vhu_chain_complete          (VhuChain      *self,
                                                 GError       **error);
VHU_AVAILABLE_IN_ALL
gboolean            vhu_chain_complete_full     (VhuChain      *self,
                                                 gsize          n_written,
                                                 GError       **error);
VHU_AVAILABLE_IN_ALL
gboolean            vhu_chain_fail              (VhuChain      *self,
                                                 GError       **error);
VHU_AVAILABLE_IN_ALL
gboolean            vhu_chain_park              (VhuChain      *self,
                                                 GError       **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VhuChain, vhu_chain_unref)

G_END_DECLS
