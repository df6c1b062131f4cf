/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "vhu-test-backend.h"
#include "vhu-test-server.h"

G_BEGIN_DECLS

/* A test's fixture: a device, its server and a front-end that is connected to
 * it. The data of a test is how many threads the server has. */
typedef struct
{
  VhuTestBackend *backend;
  VhuTestServer *server;
  VhuFrontend *frontend;
  VhuDriverQueue *queue;
} VhuTestSession;

/* Connected, and nothing said yet. */
void vhu_test_session_connect    (VhuTestSession *session,
                                  gconstpointer   n_threads);
/* Negotiates, shares memory and starts a queue. */
void vhu_test_session_start      (VhuTestSession *session);
/* Connected and started. */
void vhu_test_session_set_up     (VhuTestSession *session,
                                  gconstpointer   n_threads);
/* Nothing of the session may be left after this. */
void vhu_test_session_tear_down  (VhuTestSession *session,
                                  gconstpointer   n_threads);

/* Sends @text through the device and expects it back. */
void vhu_test_session_echo       (VhuDriverQueue *queue,
                                  const char     *text);

/* The same test with the rings in the control context and with two threads. */
#define VHU_TEST_SESSION_ADD(path, set_up, func)                                \
  G_STMT_START {                                                                \
    g_test_add (path "/own-context", VhuTestSession, GUINT_TO_POINTER (0),      \
                set_up, func, vhu_test_session_tear_down);                      \
    g_test_add (path "/two-threads", VhuTestSession, GUINT_TO_POINTER (2),      \
                set_up, func, vhu_test_session_tear_down);                      \
  } G_STMT_END

G_END_DECLS
