/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <vhu/vhu.h>

G_BEGIN_DECLS

/* The least that a front-end can be, a socket, for tests that look at what
 * happens before or without a session. */
int      vhu_test_connect        (const char *path);
void     vhu_test_connect_socket (int         fd,
                                  const char *path);
/* Asks for the features. */
void     vhu_test_send_query     (int         fd);
gboolean vhu_test_is_readable    (int         fd);
/* Waits up to the limit of all waits for the answer; failure ends the test. */
void     vhu_test_expect_answer  (int         fd);
void     vhu_test_expect_hang_up (int         fd);

/* Runs the default context until @condition says TRUE; a limit ends the test. */
typedef gboolean (*VhuTestCondition) (gpointer user_data);

void     vhu_test_iterate_until  (VhuTestCondition condition,
                                  gpointer         user_data);
/* Asks for the features, with the server in the default context. */
void     vhu_test_iterate_query  (int              fd);
/* Waits as vhu_test_iterate_until() does, without running anything. */
void     vhu_test_wait_until     (VhuTestCondition condition,
                                  gpointer         user_data);

/* What the process has. */
guint    vhu_test_count_fds      (void);
guint    vhu_test_count_threads  (void);
guint    vhu_test_count_mappings (void);

G_END_DECLS
