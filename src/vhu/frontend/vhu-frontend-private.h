/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "vhu-driver-memory-private.h"
#include "vhu-frontend-link-private.h"
#include "vhu-frontend.h"

G_BEGIN_DECLS

struct _VhuFrontend
{
  GObject parent_instance;

  VhuFrontendLink *link; /* NULL once closed */
  guint timeout;         /* milliseconds */
  gboolean use_reply_ack;
  VhuMessage received;   /* keeps the descriptors of the last raw reply */

  guint64 wanted;
  guint64 wanted_protocol;
  guint64 offered;
  guint64 offered_protocol;
  guint64 features;
  guint64 protocol_features;
  guint n_queues;
  guint max_mem_slots;

  VhuDriverMemory *memory;

  VhuFrontendLink *back_channel;
  gboolean answers;
  guint64 answer;
  guint n_config_changes;
};

/* What vhu-frontend.c and its parts, and the queue, have in common. */

/* FALSE with VHU_ERROR_CLOSED when vhu_frontend_close() was called. */
gboolean vhu_frontend_check_open       (VhuFrontend       *self,
                                        GError           **error);
/* Sends @message and, where acknowledgements are negotiated and wanted, asks
 * for one and waits for it. */
gboolean vhu_frontend_send_message     (VhuFrontend       *self,
                                        VhuMessage        *message,
                                        GError           **error);
/* Sends @message, which has an answer of its own, and waits for that. */
gboolean vhu_frontend_exchange         (VhuFrontend       *self,
                                        const VhuMessage  *message,
                                        VhuMessage        *reply,
                                        GError           **error);
void     vhu_frontend_set_config_changed
                                       (VhuFrontend       *self);

G_END_DECLS
