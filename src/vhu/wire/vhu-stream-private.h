/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <gio/gio.h>

#include "vhu-message-private.h"

G_BEGIN_DECLS

/* VhuStream: vhost-user messages over a Unix stream socket, without ever
 * blocking and without reading past the message at hand.
 *
 * Receiving is resumable at every byte: call vhu_stream_receive() whenever the
 * socket is readable. Descriptors ride on header bytes only, and are accepted in
 * several portions while the header dribbles in. Descriptors arrive close-on-exec.
 * Sending queues what the socket does not take; flush whenever it is writable.
 * SIGPIPE is never raised.
 *
 * One thread at a time. */
typedef struct _VhuStream VhuStream;

typedef enum
{
  VHU_STREAM_REQUESTS, /* flags must be version 1 with or without NEED_REPLY */
  VHU_STREAM_REPLIES,  /* flags must be exactly VHU_FLAGS_OF_REPLY */
  VHU_STREAM_ANY       /* both, for a side that receives requests and replies */
} VhuStreamExpect;

typedef enum
{
  VHU_STREAM_STATUS_MESSAGE, /* a whole message was received */
  VHU_STREAM_STATUS_AGAIN,   /* nothing more to read now */
  VHU_STREAM_STATUS_CLOSED,  /* the other side closed between two messages */
  VHU_STREAM_STATUS_ERROR    /* framing or socket error; the stream is dead */
} VhuStreamStatus;

VhuStream       *vhu_stream_new         (GSocket          *socket,
                                         VhuStreamExpect   expect);
void             vhu_stream_free        (VhuStream        *self);
GSocket         *vhu_stream_get_socket  (VhuStream        *self);

/* Makes *@message the next message if it is all there; *@message must be empty
 * and belongs to the caller afterwards. @error is set with STATUS_ERROR only. */
VhuStreamStatus  vhu_stream_receive     (VhuStream        *self,
                                         VhuMessage       *message,
                                         GError          **error);
/* TRUE while a message has begun but is not complete. */
gboolean         vhu_stream_in_message  (VhuStream        *self);

/* Sends, or queues what the socket does not take; the descriptors stay the
 * message's, and are dup'ed if they have to wait. FALSE when the socket is dead
 * or more than 1 MiB, or 64 descriptors, would wait (a peer that sends but does
 * not read); the stream is dead then. */
gboolean         vhu_stream_send        (VhuStream        *self,
                                         const VhuMessage *message,
                                         GError          **error);
gboolean         vhu_stream_flush       (VhuStream        *self,
                                         GError          **error);
gboolean         vhu_stream_has_pending (VhuStream        *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VhuStream, vhu_stream_free)

G_END_DECLS
