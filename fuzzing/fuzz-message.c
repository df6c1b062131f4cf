/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a front-end may send: bytes in portions, with descriptors on some of
 * them. Whatever comes out as a message goes through all typed readers, and
 * back through the stream.
 *
 * An input is four bytes that say how to send, and what to send:
 *   0  which flags the stream expects, modulo 3
 *   1  bytes in a portion, less one
 *   2  which of eight portions carry descriptors, as bits
 *   3  how many descriptors, modulo 12
 *   4… the bytes */

#include "config.h"

#include "vhu-error.h"
#include "vhu-fd-private.h"
#include "vhu-stream-private.h"

#include "fuzz.h"

#include <string.h>
#include <sys/socket.h>

#define CONTROL_SIZE 4
#define MAX_SIZE 65536
#define MAX_SENT_FDS 11

typedef struct
{
  VhuStream *stream;
  int peer;
  gsize portion;
  guint8 fd_pattern;
  guint n_fds;
} Front;

/* The number that the next descriptor gets: it grows with every leak. */
static int
lowest_free_fd (void)
{
  int fd = vhu_dup_fd (STDERR_FILENO);

  close (fd);
  return fd;
}

static void
check_failure (gboolean      ok,
               const GError *error)
{
  g_assert (ok == (error == NULL));
  g_assert (ok ||
            g_error_matches (error, VHU_ERROR, VHU_ERROR_BAD_MESSAGE) ||
            g_error_matches (error, VHU_ERROR, VHU_ERROR_BAD_VALUE));
}

static void
check_vring_event (const VhuMessage *message)
{
  g_autoptr(GError) error = NULL;
  gboolean has_fd;
  guint index;
  gboolean ok = vhu_message_read_vring_event (message, &index, &has_fd, &error);

  check_failure (ok, error);
  if (ok)
    g_assert (index <= 255 && message->n_fds == (has_fd ? 1 : 0));
}

static void
check_memory_table (const VhuMessage *message)
{
  g_autoptr(GError) error = NULL;
  VhuMemoryTable table;
  gboolean ok = vhu_message_read_memory_table (message, &table, &error);

  check_failure (ok, error);
  if (ok)
    g_assert (table.n_regions >= 1 &&
              table.n_regions <= VHU_MAX_TABLE_REGIONS &&
              table.n_regions == message->n_fds);
}

static void
check_config (const VhuMessage *message)
{
  g_autoptr(GError) error = NULL;
  VhuConfigPayload config;
  gboolean ok = vhu_message_read_config (message, &config, &error);

  check_failure (ok, error);
  if (ok)
    g_assert (config.size >= 1 && config.offset < VHU_MAX_CONFIG_SIZE &&
              config.size <= VHU_MAX_CONFIG_SIZE - config.offset &&
              message->size == VHU_CONFIG_HEAD_SIZE + config.size);
}

#define CHECK_READER(reader, ...)                                               \
  G_STMT_START {                                                                \
    g_autoptr(GError) error = NULL;                                             \
    gboolean ok = reader (__VA_ARGS__, &error);                                 \
                                                                                \
    check_failure (ok, error);                                                  \
  } G_STMT_END

static void
check_fixed (const VhuMessage *message)
{
  VhuRegionDescription region;
  VhuVringAddress address;
  VhuVringState state;
  guint64 value;

  CHECK_READER (vhu_message_read_empty, message);
  CHECK_READER (vhu_message_read_u64, message, &value);
  CHECK_READER (vhu_message_read_vring_state, message, &state);
  CHECK_READER (vhu_message_read_vring_address, message, &address);
  CHECK_READER (vhu_message_read_single_region, message, &region);
}

static void
check_message (const VhuMessage *message)
{
  g_assert (message->size <= VHU_MAX_PAYLOAD);
  g_assert (message->n_fds <= VHU_MAX_FDS);
  g_assert (vhu_request_to_string (message->request) != NULL);
  g_assert (vhu_backend_request_to_string (message->request) != NULL);

  check_fixed (message);
  check_vring_event (message);
  check_memory_table (message);
  check_config (message);
}

/* FALSE at the end of the stream. */
static gboolean
receive_all (Front *self)
{
  while (TRUE)
    {
      g_auto(VhuMessage) message = VHU_MESSAGE_INIT;
      g_autoptr(GError) error = NULL;
      VhuStreamStatus status = vhu_stream_receive (self->stream, &message,
                                                   &error);

      g_assert ((status == VHU_STREAM_STATUS_ERROR) == (error != NULL));
      if (status == VHU_STREAM_STATUS_AGAIN)
        return TRUE;
      if (status != VHU_STREAM_STATUS_MESSAGE)
        return FALSE;

      check_message (&message);
      vhu_stream_send (self->stream, &message, NULL);
    }
}

/* Descriptors that nobody asks for are closed by the kernel. */
static void
read_answers (Front *self)
{
  guint8 answers[4096];

  while (recv (self->peer, answers, sizeof answers, MSG_DONTWAIT) > 0)
    vhu_stream_flush (self->stream, NULL);
}

static void
send_portion (Front        *self,
              const guint8 *bytes,
              gsize         size,
              gboolean      with_fds)
{
  union
  {
    struct cmsghdr align;
    guint8 bytes[CMSG_SPACE (MAX_SENT_FDS * sizeof (int))];
  } control = { 0 };
  struct iovec iov = { .iov_base = (gpointer) bytes, .iov_len = size };
  struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
  const int fd = STDERR_FILENO;

  if (with_fds && self->n_fds > 0)
    {
      struct cmsghdr *cmsg;

      msg.msg_control = control.bytes;
      msg.msg_controllen = CMSG_SPACE (self->n_fds * sizeof fd);
      cmsg = CMSG_FIRSTHDR (&msg);
      cmsg->cmsg_level = SOL_SOCKET;
      cmsg->cmsg_type = SCM_RIGHTS;
      cmsg->cmsg_len = CMSG_LEN (self->n_fds * sizeof fd);
      for (guint i = 0; i < self->n_fds; i++)
        memcpy (CMSG_DATA (cmsg) + i * sizeof fd, &fd, sizeof fd);
    }

  sendmsg (self->peer, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void
send_portions (Front        *self,
               const guint8 *bytes,
               gsize         size)
{
  guint number = 0;

  while (size > 0)
    {
      gsize portion = MIN (size, self->portion);

      send_portion (self, bytes, portion,
                    (self->fd_pattern >> (number++ % 8) & 1) != 0);
      if (!receive_all (self))
        return;

      read_answers (self);
      bytes += portion;
      size -= portion;
    }
}

static void
run (const guint8 *data,
     gsize         size)
{
  g_autoptr(GSocket) socket = NULL;
  Front self = {
    .portion = data[1] + 1,
    .fd_pattern = data[2],
    .n_fds = data[3] % (MAX_SENT_FDS + 1),
  };
  int ends[2];

  g_assert (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  socket = g_socket_new_from_fd (ends[1], NULL);
  self.stream = vhu_stream_new (socket, data[0] % 3);
  self.peer = ends[0];

  send_portions (&self, data + CONTROL_SIZE, size - CONTROL_SIZE);
  vhu_clear_fd (&self.peer);
  g_assert (!receive_all (&self));
  vhu_stream_free (self.stream);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data,
                        size_t         size)
{
  int lowest_fd;

  if (size < CONTROL_SIZE || size > MAX_SIZE)
    return 0;

  lowest_fd = lowest_free_fd ();
  run (data, size);
  g_assert (lowest_free_fd () == lowest_fd);
  return 0;
}
