/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-frontend-link-private.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "vhu-error.h"
#include "vhu-fd-private.h"

/* More than the protocol allows, so that a test can send too many. */
#define MAX_SENT_FDS 64

struct _VhuFrontendLink
{
  VhuStream *stream;
  int fd; /* the socket's */
  gboolean is_closed; /* sending found out; the stream no longer tells */
};

VhuFrontendLink *
vhu_frontend_link_new_take (int               fd,
                            VhuStreamExpect   expect,
                            GError          **error)
{
  vhu_autofd int own_fd = fd;
  g_autoptr(GSocket) socket = g_socket_new_from_fd (fd, error);
  VhuFrontendLink *self;

  if (socket == NULL)
    return NULL;

  vhu_steal_fd (&own_fd);
  g_socket_set_blocking (socket, FALSE);
  self = g_new0 (VhuFrontendLink, 1);
  self->fd = g_socket_get_fd (socket);
  self->stream = vhu_stream_new (socket, expect);
  return self;
}

void
vhu_frontend_link_free (VhuFrontendLink *self)
{
  vhu_stream_free (self->stream);
  g_free (self);
}

int
vhu_frontend_link_get_fd (VhuFrontendLink *self)
{
  return self->fd;
}

static gint64
deadline_after (guint timeout)
{
  return g_get_monotonic_time () + (gint64) timeout * 1000;
}

/* FALSE when the time is up. */
static gboolean
wait_until (VhuFrontendLink  *self,
            short             events,
            gint64            deadline,
            GError          **error)
{
  struct pollfd pfd = { .fd = self->fd, .events = events };
  int n_ready;

  do
    {
      gint64 left = MAX (0, deadline - g_get_monotonic_time ());

      n_ready = poll (&pfd, 1, (int) MIN ((left + 999) / 1000, G_MAXINT));
    }
  while (n_ready < 0 && errno == EINTR);

  if (n_ready > 0)
    return TRUE;

  g_set_error_literal (error, VHU_ERROR, VHU_ERROR_TIMED_OUT,
                       (events & POLLOUT) != 0
                         ? "the back-end does not read what is sent"
                         : "the back-end did not answer in time");
  return FALSE;
}

gboolean
vhu_frontend_link_send (VhuFrontendLink   *self,
                        const VhuMessage  *message,
                        guint              timeout,
                        GError           **error)
{
  const gint64 deadline = deadline_after (timeout);
  g_autoptr(GError) local_error = NULL;
  gboolean sent = vhu_stream_send (self->stream, message, &local_error);

  while (sent && vhu_stream_has_pending (self->stream))
    sent = wait_until (self, POLLOUT, deadline, &local_error) &&
           vhu_stream_flush (self->stream, &local_error);

  if (sent)
    return TRUE;

  if (g_error_matches (local_error, VHU_ERROR, VHU_ERROR_CLOSED))
    self->is_closed = TRUE;
  g_propagate_error (error, g_steal_pointer (&local_error));
  return FALSE;
}

static gssize
send_some (int           fd,
           const guint8 *bytes,
           gsize         size,
           const int    *fds,
           guint         n_fds)
{
  char control[CMSG_SPACE (MAX_SENT_FDS * sizeof (int))]
    __attribute__ ((aligned (__alignof__ (struct cmsghdr)))) = { 0 };
  struct iovec iov = { .iov_base = (gpointer) bytes, .iov_len = size };
  struct msghdr header = { .msg_iov = &iov, .msg_iovlen = 1 };

  if (n_fds > 0)
    {
      struct cmsghdr *cmsg;

      header.msg_control = control;
      header.msg_controllen = CMSG_SPACE (n_fds * sizeof (int));
      cmsg = CMSG_FIRSTHDR (&header);
      cmsg->cmsg_level = SOL_SOCKET;
      cmsg->cmsg_type = SCM_RIGHTS;
      cmsg->cmsg_len = CMSG_LEN (n_fds * sizeof (int));
      memcpy (CMSG_DATA (cmsg), fds, n_fds * sizeof (int));
    }

  return sendmsg (fd, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static gboolean
fail_to_send (GError **error)
{
  gboolean is_closed = errno == EPIPE || errno == ECONNRESET;

  g_set_error (error, VHU_ERROR,
               is_closed ? VHU_ERROR_CLOSED : VHU_ERROR_FAILED,
               "nothing can be sent to the back-end: %s", g_strerror (errno));
  return FALSE;
}

gboolean
vhu_frontend_link_send_bytes (VhuFrontendLink  *self,
                              const guint8     *bytes,
                              gsize             size,
                              const int        *fds,
                              guint             n_fds,
                              guint             timeout,
                              GError          **error)
{
  const gint64 deadline = deadline_after (timeout);

  if (n_fds > MAX_SENT_FDS)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_LIMIT,
                   "%u descriptors cannot be sent at once, the limit is %u",
                   n_fds, MAX_SENT_FDS);
      return FALSE;
    }

  while (size > 0)
    {
      gssize n_sent = send_some (self->fd, bytes, size, fds, n_fds);

      if (n_sent > 0)
        {
          bytes += n_sent;
          size -= (gsize) n_sent;
          n_fds = 0;
        }
      else if (errno == EAGAIN)
        {
          if (!wait_until (self, POLLOUT, deadline, error))
            return FALSE;
        }
      else if (errno != EINTR)
        return fail_to_send (error);
    }
  return TRUE;
}

static gboolean
fail_as_closed (GError **error)
{
  g_set_error_literal (error, VHU_ERROR, VHU_ERROR_CLOSED,
                       "the back-end closed the connection");
  return FALSE;
}

gboolean
vhu_frontend_link_receive (VhuFrontendLink  *self,
                           VhuMessage       *message,
                           guint             timeout,
                           GError          **error)
{
  const gint64 deadline = deadline_after (timeout);

  while (!self->is_closed)
    {
      switch (vhu_stream_receive (self->stream, message, error))
        {
        case VHU_STREAM_STATUS_MESSAGE:
          return TRUE;

        case VHU_STREAM_STATUS_AGAIN:
          if (!wait_until (self, POLLIN, deadline, error))
            return FALSE;
          break;

        case VHU_STREAM_STATUS_CLOSED:
          return fail_as_closed (error);

        case VHU_STREAM_STATUS_ERROR:
        default:
          return FALSE;
        }
    }

  return fail_as_closed (error);
}
