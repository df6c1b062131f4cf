/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "fake-backend.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_REQUEST 64
#define NEED_REPLY 0x8
#define WAIT_US (5 * G_USEC_PER_SEC)

typedef struct
{
  GBytes *answer; /* header and payload */
  guint64 acknowledgement;
  gboolean stops;
  gboolean hangs_up;
} Behaviour;

struct _FakeBackend
{
  GMutex lock;
  Behaviour behaviours[MAX_REQUEST];
  GAsyncQueue *messages;
  GThread *thread;
  int fd;
};

void
fake_message_free (FakeMessage *message)
{
  for (guint i = 0; i < message->n_fds; i++)
    close (message->fds[i]);
  g_free (message->payload);
  g_free (message);
}

static gboolean
receive_exactly (int     fd,
                 guint8 *target,
                 gsize   size)
{
  while (size > 0)
    {
      gssize n = recv (fd, target, size, 0);

      if (n <= 0)
        return FALSE;
      target += n;
      size -= (gsize) n;
    }
  return TRUE;
}

/* Descriptors come with the first byte. */
static gboolean
receive_header (int          fd,
                FakeMessage *message)
{
  union
  {
    struct cmsghdr align;
    guint8 bytes[CMSG_SPACE (sizeof message->fds)];
  } control;
  struct iovec iov = { message->header, sizeof message->header };
  struct msghdr msg = {
    .msg_iov = &iov,
    .msg_iovlen = 1,
    .msg_control = control.bytes,
    .msg_controllen = sizeof control.bytes,
  };
  gssize n = recvmsg (fd, &msg, MSG_CMSG_CLOEXEC);
  struct cmsghdr *cmsg;

  if (n <= 0)
    return FALSE;

  g_assert_cmpint (msg.msg_flags & MSG_CTRUNC, ==, 0);
  cmsg = CMSG_FIRSTHDR (&msg);
  if (cmsg != NULL)
    {
      message->n_fds = (guint) ((cmsg->cmsg_len - CMSG_LEN (0)) / sizeof (int));
      memcpy (message->fds, CMSG_DATA (cmsg), message->n_fds * sizeof (int));
    }
  return receive_exactly (fd, (guint8 *) message->header + n,
                          sizeof message->header - (gsize) n);
}

static FakeMessage *
receive_message (int fd)
{
  g_autoptr(FakeMessage) message = g_new0 (FakeMessage, 1);

  if (!receive_header (fd, message))
    return NULL;

  message->payload = g_malloc0 (message->header[2] + 1);
  if (!receive_exactly (fd, message->payload, message->header[2]))
    return NULL;

  return g_steal_pointer (&message);
}

static GBytes *
make_answer (const guint32  header[3],
             gconstpointer  payload,
             gsize          size)
{
  GByteArray *bytes = g_byte_array_new ();

  g_byte_array_append (bytes, (const guint8 *) header, 12);
  g_byte_array_append (bytes, payload, (guint) size);
  return g_byte_array_free_to_bytes (bytes);
}

static GBytes *
choose_answer (const Behaviour *behaviour,
               const guint32    header[3])
{
  const guint32 reply[3] = { header[0], 0x5, 8 };

  if (behaviour->answer != NULL)
    return g_bytes_ref (behaviour->answer);

  if ((header[1] & NEED_REPLY) == 0)
    return g_bytes_new (NULL, 0);

  return make_answer (reply, &behaviour->acknowledgement, 8);
}

/* FALSE to stop reading. */
static gboolean
behave (FakeBackend   *self,
        const guint32  header[3])
{
  Behaviour *behaviour = &self->behaviours[MIN (header[0], MAX_REQUEST - 1)];
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&self->lock);
  g_autoptr(GBytes) answer = choose_answer (behaviour, header);
  gsize size;
  gconstpointer data = g_bytes_get_data (answer, &size);

  if (behaviour->hangs_up)
    shutdown (self->fd, SHUT_RDWR);
  if (behaviour->hangs_up || behaviour->stops)
    return FALSE;

  return size == 0 ||
         send (self->fd, data, size, MSG_NOSIGNAL) == (gssize) size;
}

static gpointer
serve (gpointer data)
{
  FakeBackend *self = data;
  FakeMessage *message;

  while ((message = receive_message (self->fd)) != NULL)
    {
      guint32 header[3];

      memcpy (header, message->header, sizeof header);
      g_async_queue_push (self->messages, message);
      if (!behave (self, header))
        break;
    }
  return NULL;
}

FakeBackend *
fake_backend_new (int *frontend_fd)
{
  FakeBackend *self = g_new0 (FakeBackend, 1);
  int pair[2];

  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
  *frontend_fd = pair[0];
  self->fd = pair[1];
  g_mutex_init (&self->lock);
  self->messages =
    g_async_queue_new_full ((GDestroyNotify) fake_message_free);
  self->thread = g_thread_new ("fake-backend", serve, self);
  return self;
}

void
fake_backend_hang_up (FakeBackend *self)
{
  shutdown (self->fd, SHUT_RDWR);
  g_clear_pointer (&self->thread, g_thread_join);
}

void
fake_backend_free (FakeBackend *self)
{
  fake_backend_hang_up (self);
  close (self->fd);
  for (guint i = 0; i < MAX_REQUEST; i++)
    g_clear_pointer (&self->behaviours[i].answer, g_bytes_unref);
  g_async_queue_unref (self->messages);
  g_mutex_clear (&self->lock);
  g_free (self);
}

void
fake_backend_answer_raw (FakeBackend   *self,
                         guint32        request,
                         const guint32  header[3],
                         gconstpointer  payload,
                         gsize          size)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  g_clear_pointer (&self->behaviours[request].answer, g_bytes_unref);
  self->behaviours[request].answer = make_answer (header, payload, size);
}

void
fake_backend_answer (FakeBackend   *self,
                     guint32        request,
                     gconstpointer  payload,
                     gsize          size)
{
  const guint32 header[3] = { request, 0x5, (guint32) size };

  fake_backend_answer_raw (self, request, header, payload, size);
}

void
fake_backend_answer_u64 (FakeBackend *self,
                         guint32      request,
                         guint64      value)
{
  fake_backend_answer (self, request, &value, sizeof value);
}

void
fake_backend_acknowledge (FakeBackend *self,
                          guint32      request,
                          guint64      value)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  self->behaviours[request].acknowledgement = value;
}

void
fake_backend_stop_at (FakeBackend *self,
                      guint32      request)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  self->behaviours[request].stops = TRUE;
}

void
fake_backend_hang_up_at (FakeBackend *self,
                         guint32      request)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  self->behaviours[request].hangs_up = TRUE;
}

void
fake_backend_offer (FakeBackend *self,
                    guint64      features,
                    guint64      protocol_features)
{
  fake_backend_answer_u64 (self, 1, features);
  fake_backend_answer_u64 (self, 15, protocol_features);
  fake_backend_answer_u64 (self, 17, 2);
  fake_backend_answer_u64 (self, 36, 16);
}

FakeMessage *
fake_backend_take (FakeBackend *self)
{
  FakeMessage *message = g_async_queue_timeout_pop (self->messages, WAIT_US);

  g_assert_nonnull (message);
  return message;
}

FakeMessage *
fake_backend_expect (FakeBackend   *self,
                     guint32        request,
                     guint32        flags,
                     gconstpointer  payload,
                     gsize          size,
                     guint          n_fds)
{
  FakeMessage *message = fake_backend_take (self);

  g_assert_cmpuint (message->header[0], ==, request);
  g_assert_cmpuint (message->header[1], ==, flags);
  g_assert_cmpmem (message->payload, message->header[2], payload, size);
  g_assert_cmpuint (message->n_fds, ==, n_fds);
  return message;
}

void
fake_backend_expect_none (FakeBackend *self)
{
  g_assert_null (g_async_queue_try_pop (self->messages));
}
