/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The other end of a front-end, written by hand with plain socket calls, so that
 * what the front-end sends is compared with the protocol and not with another
 * piece of the library. A thread records every message, and answers as told.
 *
 * What to answer is set before the message arrives. */
typedef struct _FakeBackend FakeBackend;

typedef struct
{
  guint32 header[3]; /* request, flags, size */
  guint8 *payload;
  guint n_fds;
  int fds[16];
} FakeMessage;

/* The front-end's socket is the caller's. */
FakeBackend *fake_backend_new         (int           *frontend_fd);
void         fake_backend_free        (FakeBackend   *self);
/* Closes the connection and waits until that is done. */
void         fake_backend_hang_up     (FakeBackend   *self);

/* Answers @request with these bytes, whatever the flags of the request say. */
void         fake_backend_answer      (FakeBackend   *self,
                                       guint32        request,
                                       gconstpointer  payload,
                                       gsize          size);
void         fake_backend_answer_u64  (FakeBackend   *self,
                                       guint32        request,
                                       guint64        value);
/* The same, with a header that is given, too. */
void         fake_backend_answer_raw  (FakeBackend   *self,
                                       guint32        request,
                                       const guint32  header[3],
                                       gconstpointer  payload,
                                       gsize          size);
/* Answers a request that wants to be acknowledged; 0 unless this is called. */
void         fake_backend_acknowledge (FakeBackend   *self,
                                       guint32        request,
                                       guint64        value);
/* Records, but does not read on. */
void         fake_backend_stop_at     (FakeBackend   *self,
                                       guint32        request);
void         fake_backend_hang_up_at  (FakeBackend   *self,
                                       guint32        request);
/* Features for a front-end to agree on, with 2 queues and 16 slots. */
void         fake_backend_offer       (FakeBackend   *self,
                                       guint64        features,
                                       guint64        protocol_features);

/* The next message that arrived, at most five seconds from now. */
FakeMessage *fake_backend_take        (FakeBackend   *self);
/* The next one, which must be this. */
FakeMessage *fake_backend_expect      (FakeBackend   *self,
                                       guint32        request,
                                       guint32        flags,
                                       gconstpointer  payload,
                                       gsize          size,
                                       guint          n_fds);
void         fake_backend_expect_none (FakeBackend   *self);
void         fake_message_free        (FakeMessage   *message);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (FakeBackend, fake_backend_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (FakeMessage, fake_message_free)

G_END_DECLS
