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
  guint n_fds;  /* without a front-end */
  int n_broken; /* atomic: how often a ring broke */
} VhuTestSession;

/* Connected, and nothing said yet. */
void vhu_test_session_connect    (VhuTestSession *session,
                                  gconstpointer   n_threads);
/* The same with a device of the test's own. */
void vhu_test_session_connect_to (VhuTestSession *session,
                                  VhuTestBackend *backend,
                                  gconstpointer   n_threads);
/* Negotiates and shares memory. */
void vhu_test_session_negotiate  (VhuTestSession *session);
/* Negotiates, shares memory and starts a queue. */
void vhu_test_session_start      (VhuTestSession *session);
/* Connected and started. */
void vhu_test_session_set_up     (VhuTestSession *session,
                                  gconstpointer   n_threads);
/* Connected and negotiated with. */
void vhu_test_session_set_up_without_queue
                                 (VhuTestSession *session,
                                  gconstpointer   n_threads);
/* Goes away and waits until nothing of the session is left, no descriptor in
 * particular. */
void vhu_test_session_leave      (VhuTestSession *session);
/* Leaves, comes back and finds the device in order, whatever was done to it. */
void vhu_test_session_come_back  (VhuTestSession *session);
/* Nothing of the session may be left after this. */
void vhu_test_session_tear_down  (VhuTestSession *session,
                                  gconstpointer   n_threads);

/* Comes back before that: proves that the device and its server are none the worse
 * for what the test did. */
void vhu_test_session_come_back_and_tear_down
                                 (VhuTestSession *session,
                                  gconstpointer   n_threads);

/* Waits until this process has @n_fds descriptors: the server closes its own after
 * it answered, and after we closed ours. */
void vhu_test_wait_for_fds       (guint           n_fds);

/* Sends @text through the device and expects it back. */
void vhu_test_session_echo       (VhuDriverQueue *queue,
                                  const char     *text);

/* The same test with the rings in the control context and with two threads. */
#define VHU_TEST_SESSION_ADD_FULL(path, set_up, func, tear_down)                \
  G_STMT_START {                                                                \
    g_test_add (path "/own-context", VhuTestSession, GUINT_TO_POINTER (0),      \
                set_up, func, tear_down);                                       \
    g_test_add (path "/two-threads", VhuTestSession, GUINT_TO_POINTER (2),      \
                set_up, func, tear_down);                                       \
  } G_STMT_END

#define VHU_TEST_SESSION_ADD(path, set_up, func)                                \
  VHU_TEST_SESSION_ADD_FULL (path, set_up, func, vhu_test_session_tear_down)

#define VHU_TEST_SESSION_ADD_COME_BACK(path, set_up, func)                      \
  VHU_TEST_SESSION_ADD_FULL (path, set_up, func,                                \
                             vhu_test_session_come_back_and_tear_down)

G_END_DECLS
