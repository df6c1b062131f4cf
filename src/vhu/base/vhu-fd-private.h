/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <glib.h>

/* Ownership of file descriptors in the manner of g_autoptr(). GLib has had
 * g_autofd only since 2.76, and Debian 12 ships 2.74. */

static inline int
vhu_steal_fd (int *fd)
{
  int stolen = *fd;

  *fd = -1;
  return stolen;
}

static inline void
vhu_clear_fd (int *fd)
{
  int saved_errno = errno;
  int stolen = vhu_steal_fd (fd);

  if (stolen >= 0)
    close (stolen);
  errno = saved_errno;
}

#define vhu_autofd __attribute__ ((cleanup (vhu_clear_fd)))

/* A copy that no child process inherits; -1 and errno on failure. */
static inline int
vhu_dup_fd (int fd)
{
  return fcntl (fd, F_DUPFD_CLOEXEC, 3);
}
