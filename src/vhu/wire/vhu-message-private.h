/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

#include "vhu-protocol-private.h"

G_BEGIN_DECLS

/* VhuMessage: one vhost-user message in memory: header, payload, descriptors.
 * It does no input or output. It owns its descriptors from the first byte:
 * whatever path a message takes, vhu_message_clear() closes what nobody stole.
 * Meant for the stack or as a member of a larger struct. */
typedef struct
{
  guint32 request;
  guint32 flags;
  guint32 size; /* of the payload, at most VHU_MAX_PAYLOAD */
  guint n_fds;
  int fds[VHU_MAX_FDS];
  guint8 payload[VHU_MAX_PAYLOAD] __attribute__ ((aligned (8)));
} VhuMessage;

#define VHU_MESSAGE_INIT { 0 }

void     vhu_message_init        (VhuMessage        *self,
                                  guint32            request,
                                  guint32            flags);
/* Closes the descriptors that are left and empties the message. */
void     vhu_message_clear       (VhuMessage        *self);
/* The answer to @request: same id, flags exactly VHU_FLAGS_OF_REPLY. */
void     vhu_message_init_reply  (VhuMessage        *self,
                                  const VhuMessage  *request);

/* Payload writers; what does not fit is our own bug and asserts. */
void     vhu_message_append      (VhuMessage        *self,
                                  gconstpointer      data,
                                  gsize              size);
void     vhu_message_append_u64  (VhuMessage        *self,
                                  guint64            value);
/* Takes @fd. */
void     vhu_message_append_fd   (VhuMessage        *self,
                                  int                fd);
/* The descriptor goes to the caller; -1 stays in its place. */
int      vhu_message_steal_fd    (VhuMessage        *self,
                                  guint              index);

gboolean vhu_message_needs_reply (const VhuMessage  *self);

/* Payload readers: size and values that no negotiation can make legal are
 * checked (VHU_ERROR_BAD_MESSAGE for a wrong size or descriptor count,
 * VHU_ERROR_BAD_VALUE for a wrong value); out-parameters are written only on
 * success. Only the readers of vring events and memory tables look at the
 * descriptors: the others leave that to vhu_message_expect_fds(). */
gboolean vhu_message_expect_fds  (const VhuMessage  *self,
                                  guint              minimum,
                                  guint              maximum,
                                  GError           **error);
gboolean vhu_message_read_empty  (const VhuMessage  *self,
                                  GError           **error);
gboolean vhu_message_read_u64    (const VhuMessage  *self,
                                  guint64           *value,
                                  GError           **error);
gboolean vhu_message_read_vring_state
                                 (const VhuMessage  *self,
                                  VhuVringState     *state,
                                  GError           **error);
gboolean vhu_message_read_vring_address
                                 (const VhuMessage  *self,
                                  VhuVringAddress   *address,
                                  GError           **error);
/* SET_VRING_KICK, _CALL, _ERR: splits index and NOFD, and checks that a
 * descriptor came exactly if it should. */
gboolean vhu_message_read_vring_event
                                 (const VhuMessage  *self,
                                  guint             *index,
                                  gboolean          *has_fd,
                                  GError           **error);
/* Checks n_regions against payload size (room for more regions may follow, and is
 * ignored) and descriptor count. All that can be
 * wrong with it but a missing head is VHU_ERROR_BAD_VALUE: the table is refused,
 * the old one stays. */
gboolean vhu_message_read_memory_table
                                 (const VhuMessage  *self,
                                  VhuMemoryTable    *table,
                                  GError           **error);
gboolean vhu_message_read_single_region
                                 (const VhuMessage  *self,
                                  VhuRegionDescription *region,
                                  GError           **error);
/* Checks size against the payload and offset + size against
 * VHU_MAX_CONFIG_SIZE. */
gboolean vhu_message_read_config (const VhuMessage  *self,
                                  VhuConfigPayload  *config,
                                  GError           **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (VhuMessage, vhu_message_clear)

G_END_DECLS
