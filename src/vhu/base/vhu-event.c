/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-event-private.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <gio/gio.h>

#include "vhu-error.h"
#include "vhu-fd-private.h"

struct _VhuEvent
{
  gatomicrefcount ref_count;
  int fd;
  gboolean is_pipe;
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

static VhuEvent *
event_new (int      fd,
           gboolean is_pipe)
{
  VhuEvent *self = g_new0 (VhuEvent, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->fd = fd;
  self->is_pipe = is_pipe;
  return self;
}

VhuEvent *
vhu_event_new_take (int           fd,
                    VhuEventUse   use,
                    GError      **error)
{
  vhu_autofd int owned_fd = fd;
  struct stat st;
  int pipe_fd;

  if (fstat (fd, &st) < 0)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_MESSAGE,
                   "event descriptor cannot be examined: %s", g_strerror (errno));
      return NULL;
    }

  if (!S_ISFIFO (st.st_mode))
    {
      if (fd_is_eventfd (fd))
        return event_new (vhu_steal_fd (&owned_fd), FALSE);

      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_MESSAGE,
                   "event descriptor is neither an eventfd nor a pipe (mode 0%o)",
                   (guint) st.st_mode);
      return NULL;
    }

  pipe_fd = reopen_pipe (fd, use);
  if (pipe_fd < 0)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_MESSAGE,
                   "pipe given as event descriptor cannot be opened: %s",
                   g_strerror (errno));
      return NULL;
    }
  return event_new (pipe_fd, TRUE);
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
  return event_new (fd, FALSE);
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

void
vhu_event_signal (VhuEvent *self)
{
  static const guint64 one = 1;
  struct pollfd pfd = { .fd = self->fd, .events = POLLOUT };
  gssize written;

  /* The peer may have filled a blocking eventfd: then a wake-up is waiting for
   * it anyway, and a write would block this thread for as long as it likes. */
  if (!self->is_pipe && poll (&pfd, 1, 0) != 1)
    return;

  do
    written = write (self->fd, &one, sizeof one);
  while (written < 0 && errno == EINTR);
}

gboolean
vhu_event_drain (VhuEvent *self)
{
  guint64 buffer[8];
  struct iovec iov = { .iov_base = buffer, .iov_len = self->is_pipe ? sizeof buffer : 8 };
  gssize got;

  /* One read is enough for both: an eventfd gives its whole count, and what is
   * left in a pipe keeps the descriptor readable. */
  do
    got = self->is_pipe ? readv (self->fd, &iov, 1)
                        : preadv2 (self->fd, &iov, 1, -1, RWF_NOWAIT);
  while (got < 0 && errno == EINTR);

  return got > 0 || (got < 0 && errno == EAGAIN);
}
