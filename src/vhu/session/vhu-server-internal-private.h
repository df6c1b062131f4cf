/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/* Shared by the files of VhuServer; nobody else includes this. */

#include "vhu-listener-private.h"
#include "vhu-server.h"
#include "vhu-session-private.h"

G_BEGIN_DECLS

#define VHU_SERVER_DEFAULT_POLL_US 32
#define VHU_SERVER_DEFAULT_DRAIN_TIMEOUT_MS 30000
#define VHU_SERVER_MAX_THREADS 256
#define VHU_SERVER_MAX_POLL_US 10000

struct _VhuServer
{
  GObject parent_instance;

  VhuBackend *backend;
  guint n_threads;
  guint poll_us;
  int priority;
  guint drain_timeout_ms;
  gboolean exit_on_disconnect;

  GMainContext *context;
  VhuListener *listener;
  GSocket *connected;  /* a single connection, until the start */

  gboolean running;
  gboolean serves_in_context; /* without threads of its own */
  GSource *accept_source; /* or what makes it anew, after a pause */
  VhuLogGate log_gate;
  VhuSessionSettings settings;
  GPtrArray *sessions;  /* of VhuSession: waiting, being served, ending */
  VhuSession *session;  /* the one being served */
  guint n_ending;       /* sessions whose rings still drain */
  GTask *stop_task;
  GSource *stop_cancelled; /* while somebody waits for the stop */
  gboolean stopping;

  guint64 n_sessions;
  guint64 n_completed;  /* of the sessions that ended */
  guint64 n_failed;
};

enum
{
  VHU_SERVER_PROP_0,
  VHU_SERVER_PROP_BACKEND,
  VHU_SERVER_PROP_N_THREADS,
  VHU_SERVER_PROP_POLL_US,
  VHU_SERVER_PROP_PRIORITY,
  VHU_SERVER_PROP_DRAIN_TIMEOUT,
  VHU_SERVER_PROP_EXIT_ON_DISCONNECT,
  VHU_SERVER_PROP_RUNNING,
  VHU_SERVER_PROP_SESSION,
  VHU_SERVER_N_PROPS
};

extern GParamSpec *vhu_server_properties[VHU_SERVER_N_PROPS];

void vhu_server_install_properties (GObjectClass *object_class);
void vhu_server_add_counters       (VhuSession   *session,
                                    guint64      *n_completed,
                                    guint64      *n_failed);

G_END_DECLS
