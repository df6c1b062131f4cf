/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-event-private.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <gio/gio.h>

#include "vhu-error.h"
#include "vhu-fd-private.h"

typedef enum
{
  KIND_NONE,
  KIND_EVENTFD,
  KIND_PIPE,
  KIND_SOCKET
} EventKind;

struct _VhuEvent
{
  gatomicrefcount ref_count;
  int fd;
  EventKind kind;
};

static gboolean
fd_is_eventfd (int fd)
{
  char path[64];
  char target[64];
  gssize length;

  g_snprintf (path, sizeof path, "/proc/self/fd/%d", fd);
  length = readlink (path, target, sizeof target - 1);
  if (length < 0)
    return FALSE;

  target[length] = '\0';
  return g_str_equal (target, "anon_inode:[eventfd]");
}

/* A description of our own, so that O_NONBLOCK is ours to set. What we write to
 * is opened for reading as well: a pipe that has a reader raises no SIGPIPE,
 * whatever the front-end does with its own end. */
static int
reopen_pipe (int         fd,
             VhuEventUse use)
{
  char path[64];

  g_snprintf (path, sizeof path, "/proc/self/fd/%d", fd);
  return open (path, (use == VHU_EVENT_READ ? O_RDONLY : O_RDWR) | O_NONBLOCK | O_CLOEXEC);
}

static EventKind
examine (int                fd,
         VhuEventUse        use,
         const struct stat *st)
{
  int domain = -1;
  socklen_t length = sizeof domain;

  if (S_ISFIFO (st->st_mode))
    return KIND_PIPE;
  if (fd_is_eventfd (fd))
    return KIND_EVENTFD;

  /* What user-mode Linux calls a pipe is one end of a pair of sockets. */
  if (use == VHU_EVENT_WRITE && S_ISSOCK (st->st_mode) &&
      getsockopt (fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 && domain == AF_UNIX)
    return KIND_SOCKET;
  return KIND_NONE;
}

static VhuEvent *
event_new (int       fd,
           EventKind kind)
{
  VhuEvent *self = g_new0 (VhuEvent, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->fd = fd;
  self->kind = kind;
  return self;
}

static VhuEvent *
event_new_for_pipe (int           fd,
                    VhuEventUse   use,
                    GError      **error)
{
  int pipe_fd = reopen_pipe (fd, use);

  if (pipe_fd >= 0)
    return event_new (pipe_fd, KIND_PIPE);

  g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
               "pipe given as event descriptor cannot be opened: %s",
               g_strerror (errno));
  return NULL;
}

VhuEvent *
vhu_event_new_take (int           fd,
                    VhuEventUse   use,
                    GError      **error)
{
  vhu_autofd int owned_fd = fd;
  struct stat st;
  EventKind kind;

  if (fstat (fd, &st) < 0)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
                   "event descriptor cannot be examined: %s", g_strerror (errno));
      return NULL;
    }

  kind = examine (fd, use, &st);
  if (kind == KIND_PIPE)
    return event_new_for_pipe (fd, use, error);
  if (kind != KIND_NONE)
    return event_new (vhu_steal_fd (&owned_fd), kind);

  g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
               "event descriptor is neither an eventfd nor a pipe (mode 0%o)",
               (guint) st.st_mode);
  return NULL;
}

VhuEvent *
vhu_event_new (GError **error)
{
  int fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);

  if (fd < 0)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_FAILED,
                   "no eventfd can be created: %s", g_strerror (errno));
      return NULL;
    }
  return event_new (fd, KIND_EVENTFD);
}

VhuEvent *
vhu_event_ref (VhuEvent *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
vhu_event_unref (VhuEvent *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  vhu_clear_fd (&self->fd);
  g_free (self);
}

int
vhu_event_get_fd (VhuEvent *self)
{
  return self->fd;
}

static gssize
write_once (VhuEvent *self)
{
  static const guint64 one = 1;
  struct pollfd pfd = { .fd = self->fd, .events = POLLOUT };

  if (self->kind == KIND_SOCKET)
    return send (self->fd, &one, sizeof one, MSG_DONTWAIT | MSG_NOSIGNAL);

  /* The peer may have filled a blocking eventfd: then a wake-up is waiting for
   * it anyway, and a write would block this thread for as long as it likes. */
  if (self->kind == KIND_EVENTFD && poll (&pfd, 1, 0) != 1)
    return 0;

  return write (self->fd, &one, sizeof one);
}

void
vhu_event_signal (VhuEvent *self)
{
  gssize written;

  do
    written = write_once (self);
  while (written < 0 && errno == EINTR);
}

gboolean
vhu_event_drain (VhuEvent *self)
{
  gboolean is_eventfd = self->kind == KIND_EVENTFD;
  guint64 buffer[8];
  struct iovec iov = { .iov_base = buffer, .iov_len = is_eventfd ? 8 : sizeof buffer };
  gssize got;

  /* One read is enough for both: an eventfd gives its whole count, and what is
   * left in a pipe keeps the descriptor readable. */
  do
    got = is_eventfd ? preadv2 (self->fd, &iov, 1, -1, RWF_NOWAIT)
                     : readv (self->fd, &iov, 1);
  while (got < 0 && errno == EINTR);

  return got > 0 || (got < 0 && errno == EAGAIN);
}
