/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-stream-private.h"

#include "vhu-error.h"
#include "vhu-fd-private.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* What waits for a peer that does not read; both are the peer's doing. */
#define PENDING_LIMIT (1024 * 1024)
#define PENDING_FDS_LIMIT 64

/* The kernel passes at most this many descriptors at a time. There is room for
 * all of them, and for what else the socket may be set to report, so that too
 * many arrive with us and are closed, and MSG_CTRUNC means a real loss. */
#define CONTROL_FDS 253
#define CONTROL_EXTRA 256

typedef union
{
  struct cmsghdr align;
  guint8 bytes[CMSG_SPACE (CONTROL_FDS * sizeof (int)) + CONTROL_EXTRA];
} ReceiveControl;

typedef union
{
  struct cmsghdr align;
  guint8 bytes[CMSG_SPACE (VHU_MAX_FDS * sizeof (int))];
} SendControl;

/* A message, or the rest of one, that waits for the socket. */
typedef struct
{
  guint n_fds;
  int fds[VHU_MAX_FDS];
  gsize size;
  gsize n_sent;
  guint8 data[];
} Pending;

struct _VhuStream
{
  GSocket *socket;
  VhuStreamExpect expect;
  gboolean dead;

  /* The message that is coming in; n_received counts header and payload. */
  gsize n_received;
  guint8 header[VHU_HEADER_SIZE];
  VhuMessage incoming;

  GQueue pending;
  gsize pending_bytes;
  guint pending_fds;
};

static void
pending_free (Pending *self)
{
  for (guint i = 0; i < self->n_fds; i++)
    vhu_clear_fd (&self->fds[i]);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Pending, pending_free)

VhuStream *
vhu_stream_new (GSocket         *socket,
                VhuStreamExpect  expect)
{
  VhuStream *self = g_new0 (VhuStream, 1);

  self->socket = g_object_ref (socket);
  self->expect = expect;
  g_queue_init (&self->pending);
  g_socket_set_blocking (socket, FALSE);
  return self;
}

void
vhu_stream_free (VhuStream *self)
{
  vhu_message_clear (&self->incoming);
  g_queue_clear_full (&self->pending, (GDestroyNotify) pending_free);
  g_clear_object (&self->socket);
  g_free (self);
}

GSocket *
vhu_stream_get_socket (VhuStream *self)
{
  return self->socket;
}

/* Nothing of a broken stream can be trusted: its position is lost. */
static void
stream_die (VhuStream *self)
{
  self->dead = TRUE;
  self->n_received = 0;
  vhu_message_clear (&self->incoming);
  g_queue_clear_full (&self->pending, (GDestroyNotify) pending_free);
  self->pending_bytes = 0;
  self->pending_fds = 0;
}

static gboolean
check_alive (VhuStream  *self,
             GError    **error)
{
  if (!self->dead)
    return TRUE;

  g_set_error_literal (error, VHU_ERROR, VHU_ERROR_BAD_STATE,
                       "the connection broke before");
  return FALSE;
}

/* Receiving */

static void
adopt_fds (VhuStream     *self,
           const guint8  *data,
           gsize          n_fds,
           gsize         *n_surplus)
{
  for (gsize i = 0; i < n_fds; i++)
    {
      int fd;

      memcpy (&fd, data + i * sizeof fd, sizeof fd);
      if (self->incoming.n_fds < VHU_MAX_FDS)
        {
          vhu_message_append_fd (&self->incoming, fd);
        }
      else
        {
          vhu_clear_fd (&fd);
          (*n_surplus)++;
        }
    }
}

/* Takes all descriptors first, whatever is wrong with them: what is not owned
 * cannot be closed. */
static gboolean
take_fds (VhuStream      *self,
          struct msghdr  *msg,
          gboolean        in_payload,
          GError        **error)
{
  guint n_before = self->incoming.n_fds;
  gsize n_surplus = 0;

  for (struct cmsghdr *cmsg = CMSG_FIRSTHDR (msg);
       cmsg != NULL;
       cmsg = CMSG_NXTHDR (msg, cmsg))
    if (cmsg->cmsg_level == SOL_SOCKET && cmsg->cmsg_type == SCM_RIGHTS)
      adopt_fds (self, CMSG_DATA (cmsg),
                 (cmsg->cmsg_len - CMSG_LEN (0)) / sizeof (int), &n_surplus);

  if ((msg->msg_flags & MSG_CTRUNC) != 0)
    g_set_error_literal (error, VHU_ERROR, VHU_ERROR_BAD_MESSAGE,
                         "descriptors were lost on their way; too many files "
                         "may be open");
  else if (n_surplus > 0)
    g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_MESSAGE,
                 "%" G_GSIZE_FORMAT " descriptors in one message, "
                 "at most %d are allowed", VHU_MAX_FDS + n_surplus, VHU_MAX_FDS);
  else if (in_payload && self->incoming.n_fds != n_before)
    g_set_error_literal (error, VHU_ERROR, VHU_ERROR_BAD_MESSAGE,
                         "descriptors came with a payload, not with a header");
  else
    return TRUE;

  return FALSE;
}

static VhuStreamStatus
end_of_stream (VhuStream  *self,
               GError    **error)
{
  if (self->n_received == 0)
    return VHU_STREAM_STATUS_CLOSED;

  g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_MESSAGE,
               "closed in the middle of a message, after %" G_GSIZE_FORMAT
               " bytes", self->n_received);
  return VHU_STREAM_STATUS_ERROR;
}

/* Asks for no byte more than what is missing of the header or the payload: the
 * next message's descriptors come with its first byte. */
static VhuStreamStatus
receive_some (VhuStream  *self,
              guint8     *target,
              gsize       size,
              GError    **error)
{
  gboolean in_payload = self->n_received >= VHU_HEADER_SIZE;
  ReceiveControl control;
  struct iovec iov = { .iov_base = target, .iov_len = size };
  struct msghdr msg = {
    .msg_iov = &iov,
    .msg_iovlen = 1,
    .msg_control = control.bytes,
    .msg_controllen = sizeof control.bytes,
  };
  gssize n;

  do
    n = recvmsg (g_socket_get_fd (self->socket), &msg,
                 MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  while (n < 0 && errno == EINTR);

  if (n < 0 && errno == EAGAIN)
    return VHU_STREAM_STATUS_AGAIN;

  /* A reset is what a peer leaves that dies without having read all. */
  if (n == 0 || (n < 0 && errno == ECONNRESET))
    return end_of_stream (self, error);

  if (n < 0)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_FAILED,
                   "cannot receive: %s", g_strerror (errno));
      return VHU_STREAM_STATUS_ERROR;
    }

  if (!take_fds (self, &msg, in_payload, error))
    return VHU_STREAM_STATUS_ERROR;

  self->n_received += n;
  return VHU_STREAM_STATUS_MESSAGE;
}

/* The part of a message that begins at @start, counted from its header. */
static VhuStreamStatus
receive_part (VhuStream  *self,
              guint8     *part,
              gsize       start,
              gsize       size,
              GError    **error)
{
  while (self->n_received < start + size)
    {
      gsize done = self->n_received - start;
      VhuStreamStatus status = receive_some (self, part + done, size - done,
                                             error);

      if (status != VHU_STREAM_STATUS_MESSAGE)
        return status;
    }

  return VHU_STREAM_STATUS_MESSAGE;
}

static gboolean
check_flags (VhuStream  *self,
             guint32     flags,
             GError    **error)
{
  gboolean is_request = (flags & ~VHU_FLAG_NEED_REPLY) == VHU_FLAG_VERSION;
  gboolean is_reply = flags == VHU_FLAGS_OF_REPLY;

  if ((is_request && self->expect != VHU_STREAM_REPLIES) ||
      (is_reply && self->expect != VHU_STREAM_REQUESTS))
    return TRUE;

  g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_MESSAGE,
               "message flags are %#x, expected version 1 and a %s", flags,
               self->expect == VHU_STREAM_REQUESTS ? "request" :
               self->expect == VHU_STREAM_REPLIES ? "reply" :
               "request or reply");
  return FALSE;
}

static gboolean
read_header (VhuStream  *self,
             GError    **error)
{
  guint32 words[3];

  G_STATIC_ASSERT (sizeof words == VHU_HEADER_SIZE);
  memcpy (words, self->header, sizeof words);

  if (!check_flags (self, words[1], error))
    return FALSE;

  if (words[2] > VHU_MAX_PAYLOAD)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_MESSAGE,
                   "payload of %u bytes announced, at most %d are allowed",
                   words[2], VHU_MAX_PAYLOAD);
      return FALSE;
    }

  self->incoming.request = words[0];
  self->incoming.flags = words[1];
  self->incoming.size = words[2];
  return TRUE;
}

static VhuStreamStatus
receive_message (VhuStream  *self,
                 GError    **error)
{
  if (self->n_received < VHU_HEADER_SIZE)
    {
      VhuStreamStatus status = receive_part (self, self->header, 0,
                                             VHU_HEADER_SIZE, error);

      if (status != VHU_STREAM_STATUS_MESSAGE)
        return status;
      if (!read_header (self, error))
        return VHU_STREAM_STATUS_ERROR;
    }

  return receive_part (self, self->incoming.payload, VHU_HEADER_SIZE,
                       self->incoming.size, error);
}

/* Copies what is used of the 4 KiB. */
static void
hand_over (VhuStream  *self,
           VhuMessage *message)
{
  VhuMessage *incoming = &self->incoming;

  vhu_message_init (message, incoming->request, incoming->flags);
  vhu_message_append (message, incoming->payload, incoming->size);
  for (guint i = 0; i < incoming->n_fds; i++)
    vhu_message_append_fd (message, vhu_message_steal_fd (incoming, i));

  vhu_message_clear (incoming);
  self->n_received = 0;
}

VhuStreamStatus
vhu_stream_receive (VhuStream   *self,
                    VhuMessage  *message,
                    GError     **error)
{
  VhuStreamStatus status;

  g_return_val_if_fail (message->n_fds == 0, VHU_STREAM_STATUS_AGAIN);

  if (!check_alive (self, error))
    return VHU_STREAM_STATUS_ERROR;

  status = receive_message (self, error);
  if (status == VHU_STREAM_STATUS_MESSAGE)
    hand_over (self, message);
  else if (status == VHU_STREAM_STATUS_ERROR)
    stream_die (self);

  return status;
}

gboolean
vhu_stream_in_message (VhuStream *self)
{
  return self->n_received > 0;
}

/* Sending */

static void
attach_fds (struct msghdr *msg,
            SendControl   *control,
            const int     *fds,
            guint          n_fds)
{
  struct cmsghdr *cmsg;

  if (n_fds == 0)
    return;

  memset (control, 0, sizeof *control);
  msg->msg_control = control->bytes;
  msg->msg_controllen = CMSG_SPACE (n_fds * sizeof *fds);

  cmsg = CMSG_FIRSTHDR (msg);
  cmsg->cmsg_level = SOL_SOCKET;
  cmsg->cmsg_type = SCM_RIGHTS;
  cmsg->cmsg_len = CMSG_LEN (n_fds * sizeof *fds);
  memcpy (CMSG_DATA (cmsg), fds, n_fds * sizeof *fds);
}

static void
set_send_error (GError **error,
                int      error_number)
{
  gboolean closed = error_number == EPIPE || error_number == ECONNRESET;

  g_set_error (error, VHU_ERROR,
               closed ? VHU_ERROR_CLOSED : VHU_ERROR_FAILED,
               "cannot send: %s", g_strerror (error_number));
}

/* Returns how many bytes went out, 0 if the socket is full, -1 on failure. */
static gssize
send_some (VhuStream     *self,
           struct iovec  *iov,
           gsize          n_iov,
           const int     *fds,
           guint          n_fds,
           GError       **error)
{
  SendControl control;
  struct msghdr msg = { .msg_iov = iov, .msg_iovlen = n_iov };
  gssize n;

  attach_fds (&msg, &control, fds, n_fds);
  do
    n = sendmsg (g_socket_get_fd (self->socket), &msg,
                 MSG_DONTWAIT | MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);

  if (n < 0 && errno == EAGAIN)
    return 0;

  if (n < 0)
    set_send_error (error, errno);
  return n;
}

/* The descriptors of @message that were not stolen. */
static guint
list_fds (const VhuMessage *message,
          int              *fds)
{
  guint n_fds = 0;

  for (guint i = 0; i < message->n_fds; i++)
    if (message->fds[i] >= 0)
      fds[n_fds++] = message->fds[i];

  return n_fds;
}

static gboolean
pending_dup_fds (Pending    *pending,
                 const int  *fds,
                 guint       n_fds,
                 GError    **error)
{
  for (guint i = 0; i < n_fds; i++)
    {
      int copy = vhu_dup_fd (fds[i]);

      if (copy < 0)
        {
          g_set_error (error, VHU_ERROR, VHU_ERROR_FAILED,
                       "descriptor cannot be kept for sending: %s",
                       g_strerror (errno));
          return FALSE;
        }
      pending->fds[pending->n_fds++] = copy;
    }

  return TRUE;
}

static gboolean
check_pending_limits (VhuStream  *self,
                      gsize       size,
                      guint       n_fds,
                      GError    **error)
{
  if (self->pending_bytes + size <= PENDING_LIMIT &&
      self->pending_fds + n_fds <= PENDING_FDS_LIMIT)
    return TRUE;

  g_set_error (error, VHU_ERROR, VHU_ERROR_LIMIT,
               "%" G_GSIZE_FORMAT " bytes and %u descriptors would wait for a "
               "peer that does not read, at most %d and %d may",
               self->pending_bytes + size, self->pending_fds + n_fds,
               PENDING_LIMIT, PENDING_FDS_LIMIT);
  return FALSE;
}

/* Keeps what is left of @iov after @n_sent bytes; descriptors went out with the
 * first byte. */
static gboolean
queue_rest (VhuStream           *self,
            const struct iovec   iov[2],
            gsize                n_sent,
            const int           *fds,
            guint                n_fds,
            GError             **error)
{
  gsize size = iov[0].iov_len + iov[1].iov_len;
  g_autoptr(Pending) pending = NULL;

  if (n_sent > 0)
    n_fds = 0;
  if (!check_pending_limits (self, size - n_sent, n_fds, error))
    return FALSE;

  pending = g_malloc (sizeof *pending + size);
  pending->n_fds = 0;
  pending->size = size;
  pending->n_sent = n_sent;
  memcpy (pending->data, iov[0].iov_base, iov[0].iov_len);
  memcpy (pending->data + iov[0].iov_len, iov[1].iov_base, iov[1].iov_len);
  if (!pending_dup_fds (pending, fds, n_fds, error))
    return FALSE;

  self->pending_bytes += size - n_sent;
  self->pending_fds += n_fds;
  g_queue_push_tail (&self->pending, g_steal_pointer (&pending));
  return TRUE;
}

static gboolean
send_or_queue (VhuStream         *self,
               const VhuMessage  *message,
               GError           **error)
{
  guint32 header[3] = { message->request, message->flags, message->size };
  struct iovec iov[2] = {
    { .iov_base = header, .iov_len = sizeof header },
    { .iov_base = (guint8 *) message->payload, .iov_len = message->size },
  };
  int fds[VHU_MAX_FDS];
  guint n_fds = list_fds (message, fds);
  gssize n_sent = 0;

  /* What waits goes first. */
  if (g_queue_is_empty (&self->pending))
    n_sent = send_some (self, iov, 2, fds, n_fds, error);

  if (n_sent < 0)
    return FALSE;
  if ((gsize) n_sent == sizeof header + message->size)
    return TRUE;

  return queue_rest (self, iov, n_sent, fds, n_fds, error);
}

gboolean
vhu_stream_send (VhuStream         *self,
                 const VhuMessage  *message,
                 GError           **error)
{
  if (!check_alive (self, error))
    return FALSE;

  if (send_or_queue (self, message, error))
    return TRUE;

  stream_die (self);
  return FALSE;
}

static void
pending_mark_sent (VhuStream *self,
                   Pending   *pending,
                   gsize      n_sent)
{
  self->pending_bytes -= n_sent;
  pending->n_sent += n_sent;

  self->pending_fds -= pending->n_fds;
  for (guint i = 0; i < pending->n_fds; i++)
    vhu_clear_fd (&pending->fds[i]);
  pending->n_fds = 0;
}

gboolean
vhu_stream_flush (VhuStream  *self,
                  GError    **error)
{
  Pending *pending;

  if (!check_alive (self, error))
    return FALSE;

  while ((pending = g_queue_peek_head (&self->pending)) != NULL)
    {
      struct iovec iov = {
        .iov_base = pending->data + pending->n_sent,
        .iov_len = pending->size - pending->n_sent,
      };
      gssize n_sent = send_some (self, &iov, 1, pending->fds, pending->n_fds,
                                 error);

      if (n_sent < 0)
        {
          stream_die (self);
          return FALSE;
        }
      if (n_sent == 0)
        return TRUE;

      pending_mark_sent (self, pending, n_sent);
      if (pending->n_sent == pending->size)
        pending_free (g_queue_pop_head (&self->pending));
    }

  return TRUE;
}

gboolean
vhu_stream_has_pending (VhuStream *self)
{
  return !g_queue_is_empty (&self->pending);
}
