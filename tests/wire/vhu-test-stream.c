/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-test-stream.h"

#include "vhu-fd-private.h"
#include "vhu-test-fds.h"

#include <sys/socket.h>

VhuStream *
stream_test_open (int             fd,
                  VhuStreamExpect expect)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GSocket) socket = g_socket_new_from_fd (fd, &error);

  g_assert_no_error (error);
  return vhu_stream_new (socket, expect);
}

void
stream_test_set_up (StreamTest   *test,
                    gconstpointer expect)
{
  int ends[2];

  test->n_fds = vhu_test_count_fds ();
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends),
                   ==, 0);
  test->peer = ends[0];
  test->stream = stream_test_open (ends[1], GPOINTER_TO_UINT (expect));
}

/* Every test is a test for leaks. */
void
stream_test_tear_down (StreamTest   *test,
                       gconstpointer expect)
{
  vhu_message_clear (&test->message);
  vhu_stream_free (test->stream);
  vhu_clear_fd (&test->peer);
  g_assert_cmpuint (vhu_test_count_fds (), ==, test->n_fds);
}
