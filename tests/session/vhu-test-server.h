/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <vhu/vhu.h>

G_BEGIN_DECLS

/* A server in a thread of its own, so that a test can be its front-end: the
 * front-end's calls block, as a virtual machine monitor's do. */
typedef struct _VhuTestServer VhuTestServer;

/* Listens at vhu_test_server_get_path() when this returns. */
VhuTestServer *vhu_test_server_new           (VhuBackend         *backend,
                                              guint               n_threads);
/* Stops in good order and waits for that. */
void           vhu_test_server_free          (VhuTestServer      *self);
VhuServer     *vhu_test_server_get           (VhuTestServer      *self);
const char    *vhu_test_server_get_path      (VhuTestServer      *self);
/* Runs @func in the control context and waits for it. */
void           vhu_test_server_run           (VhuTestServer      *self,
                                              GFunc               func,
                                              gpointer            user_data);
/* A front-end of it; failure ends the test. */
VhuFrontend   *vhu_test_server_open          (VhuTestServer      *self);

/* Waits until an atomic counter has at least @value. */
void           vhu_test_wait_for             (const int          *counter,
                                              int                 value);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VhuTestServer, vhu_test_server_free)

G_END_DECLS
