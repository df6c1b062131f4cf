/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "vhu-backend.h"
#include "vhu-debug-private.h"
#include "vhu-memory-private.h"
#include "vhu-queue-private.h"
#include "vhu-session.h"
#include "vhu-stream-private.h"

G_BEGIN_DECLS

/* What the server says about every session. */
typedef struct
{
  GPtrArray *threads; /* of VhuRingThread, at least one */
  guint drain_timeout_ms;
  guint budget_chains;
  guint budget_us;
} VhuSessionSettings;

/* What a session asks and tells its server, in the control context. */
typedef struct
{
  /* The first complete message is there. FALSE: another front-end is being
   * served; the message waits until vhu_session_resume(). */
  gboolean (*claim)      (VhuSession   *session,
                          gpointer      owner_data);
  /* The front-end is gone (@error is NULL if it just closed); rings still
   * drain. A new session may begin, but not start its rings. */
  void     (*hung_up)    (VhuSession   *session,
                          const GError *error,
                          gpointer      owner_data);
  /* All rings are stopped; nothing of the session is left. */
  void     (*ended)      (VhuSession   *session,
                          gpointer      owner_data);
  void     (*ring_broke) (VhuSession   *session,
                          guint         index,
                          const GError *error,
                          gpointer      owner_data);
} VhuSessionOwner;

VhuSession *vhu_session_new             (VhuBackend               *backend,
                                         GSocket                  *socket,
                                         const VhuSessionSettings *settings,
                                         const VhuSessionOwner    *owner,
                                         gpointer                  owner_data);
/* Begins or goes on to read, after vhu_session_new() and after a claim that was
 * refused. */
void        vhu_session_resume          (VhuSession               *self);
/* Not before the session before it has ended: rings may start. */
void        vhu_session_allow_start     (VhuSession               *self);
/* Hangs up: drains, then `ended`. Safe to call again. */
void        vhu_session_close           (VhuSession               *self,
                                         const GError             *error);
/* No message arrived yet. */
gboolean    vhu_session_is_candidate    (VhuSession               *self);
/* Bytes of the configuration space changed: the front-end is told. */
void        vhu_session_config_changed  (VhuSession               *self);

G_END_DECLS
