/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <glib.h>

/* How many descriptors this process has open. Two counts can be compared; the
 * one that does the counting is part of both. */
static inline guint
vhu_test_count_fds (void)
{
  g_autoptr(GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  guint n_fds = 0;

  g_assert_nonnull (dir);
  while (g_dir_read_name (dir) != NULL)
    n_fds++;

  return n_fds;
}

static inline gboolean
vhu_test_fd_is_open (int fd)
{
  return fcntl (fd, F_GETFD) >= 0;
}

static inline void
vhu_test_assert_closed (int fd)
{
  g_assert_cmpint (fcntl (fd, F_GETFD), ==, -1);
  g_assert_cmpint (errno, ==, EBADF);
}

/* Closes a descriptor at the end of its scope. */
static inline void
vhu_test_clear_fd (int *fd)
{
  if (*fd >= 0)
    close (*fd);
  *fd = -1;
}

#define vhu_test_autofd __attribute__ ((cleanup (vhu_test_clear_fd)))
