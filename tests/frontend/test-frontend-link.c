/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-frontend-link-private.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vhu-error.h"
#include "vhu-fd-private.h"

static const guint32 reply_header[3] = { 1, 0x5, 8 };

static VhuFrontendLink *
create_link (int *peer)
{
  g_autoptr(GError) error = NULL;
  VhuFrontendLink *link;
  int pair[2];

  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
  link = vhu_frontend_link_new_take (pair[0], VHU_STREAM_REPLIES, &error);
  g_assert_no_error (error);
  *peer = pair[1];
  return link;
}

static void
peer_sends (int           peer,
            gconstpointer data,
            gsize         size)
{
  g_assert_cmpint (send (peer, data, size, MSG_NOSIGNAL), ==, (gssize) size);
}

static void
test_what_is_no_socket_is_refused (void)
{
  g_autoptr(GError) error = NULL;
  int pair[2];

  g_assert_no_errno (pipe (pair));
  g_assert_null (vhu_frontend_link_new_take (pair[0], VHU_STREAM_REPLIES,
                                             &error));
  g_assert_nonnull (error);
  /* It was taken nevertheless. */
  g_assert_cmpint (close (pair[0]), <, 0);
  close (pair[1]);
}

static void
test_silence_is_a_timeout (void)
{
  g_auto(VhuMessage) message = VHU_MESSAGE_INIT;
  g_autoptr(GError) error = NULL;
  vhu_autofd int peer = -1;
  g_autoptr(VhuFrontendLink) link = create_link (&peer);

  g_assert_false (vhu_frontend_link_receive (link, &message, 1, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_TIMED_OUT);
}

static void
test_receiving_goes_on_after_a_timeout (void)
{
  const guint64 value = 42;
  g_auto(VhuMessage) message = VHU_MESSAGE_INIT;
  g_autoptr(GError) error = NULL;
  vhu_autofd int peer = -1;
  g_autoptr(VhuFrontendLink) link = create_link (&peer);

  peer_sends (peer, reply_header, 7);
  g_assert_false (vhu_frontend_link_receive (link, &message, 0, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_TIMED_OUT);
  g_clear_error (&error);

  peer_sends (peer, (const guint8 *) reply_header + 7, 5);
  peer_sends (peer, &value, sizeof value);
  g_assert_true (vhu_frontend_link_receive (link, &message, 0, &error));
  g_assert_no_error (error);
  g_assert_cmpmem (message.payload, message.size, &value, sizeof value);
}

static void
test_the_end_is_told_from_a_broken_message (void)
{
  g_auto(VhuMessage) message = VHU_MESSAGE_INIT;
  g_autoptr(GError) error = NULL;
  vhu_autofd int peer = -1;
  vhu_autofd int other_peer = -1;
  g_autoptr(VhuFrontendLink) link = create_link (&peer);
  g_autoptr(VhuFrontendLink) other_link = create_link (&other_peer);

  vhu_clear_fd (&peer);
  g_assert_false (vhu_frontend_link_receive (link, &message, 1000, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_CLOSED);
  g_clear_error (&error);

  peer_sends (other_peer, reply_header, 12);
  vhu_clear_fd (&other_peer);
  g_assert_false (vhu_frontend_link_receive (other_link, &message, 1000,
                                             &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_BAD_MESSAGE);
}

static void
test_sending_to_a_closed_peer_says_closed_ever_after (void)
{
  g_auto(VhuMessage) message = VHU_MESSAGE_INIT;
  g_autoptr(GError) error = NULL;
  vhu_autofd int peer = -1;
  g_autoptr(VhuFrontendLink) link = create_link (&peer);

  vhu_clear_fd (&peer);
  vhu_message_init (&message, VHU_REQUEST_SET_OWNER, VHU_FLAG_VERSION);
  g_assert_false (vhu_frontend_link_send (link, &message, 1000, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_CLOSED);
  g_clear_error (&error);

  vhu_message_clear (&message);
  g_assert_false (vhu_frontend_link_receive (link, &message, 1000, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_CLOSED);
}

static void
test_a_peer_that_does_not_read_is_a_timeout (void)
{
  g_autofree guint8 *data = g_malloc0 (65536);
  g_autoptr(GError) error = NULL;
  vhu_autofd int peer = -1;
  g_autoptr(VhuFrontendLink) link = create_link (&peer);

  for (guint i = 0; i < 1000 && error == NULL; i++)
    vhu_frontend_link_send_bytes (link, data, 65536, NULL, 0, 1, &error);

  g_assert_error (error, VHU_ERROR, VHU_ERROR_TIMED_OUT);
}

static void
test_too_many_descriptors_can_be_sent (void)
{
  int fds[65] = { 0 };
  g_autoptr(GError) error = NULL;
  vhu_autofd int peer = -1;
  g_autoptr(VhuFrontendLink) link = create_link (&peer);
  union
  {
    struct cmsghdr head;
    guint8 bytes[CMSG_SPACE (sizeof fds)];
  } control;
  guint8 byte;
  struct iovec iov = { &byte, 1 };
  struct msghdr header = {
    .msg_iov = &iov,
    .msg_iovlen = 1,
    .msg_control = &control,
    .msg_controllen = sizeof control,
  };

  g_assert_true (vhu_frontend_link_send_bytes (link, (const guint8 *) "x", 1,
                                               fds, 64, 1000, &error));
  g_assert_no_error (error);
  g_assert_cmpint (recvmsg (peer, &header, MSG_CMSG_CLOEXEC), ==, 1);
  g_assert_cmpuint (control.head.cmsg_len, ==,
                    CMSG_LEN (64 * sizeof (int)));
  memcpy (fds, CMSG_DATA (&control.head), 64 * sizeof (int));
  for (guint i = 0; i < 64; i++)
    close (fds[i]);

  g_assert_false (vhu_frontend_link_send_bytes (link, (const guint8 *) "x", 1,
                                                fds, 65, 1000, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_LIMIT);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/frontend/link/what-is-no-socket-is-refused",
                   test_what_is_no_socket_is_refused);
  g_test_add_func ("/frontend/link/silence-is-a-timeout",
                   test_silence_is_a_timeout);
  g_test_add_func ("/frontend/link/receiving-goes-on-after-a-timeout",
                   test_receiving_goes_on_after_a_timeout);
  g_test_add_func ("/frontend/link/the-end-is-told-from-a-broken-message",
                   test_the_end_is_told_from_a_broken_message);
  g_test_add_func
    ("/frontend/link/sending-to-a-closed-peer-says-closed-ever-after",
     test_sending_to_a_closed_peer_says_closed_ever_after);
  g_test_add_func ("/frontend/link/a-peer-that-does-not-read-is-a-timeout",
                   test_a_peer_that_does_not_read_is_a_timeout);
  g_test_add_func ("/frontend/link/too-many-descriptors-can-be-sent",
                   test_too_many_descriptors_can_be_sent);

  return g_test_run ();
}
