/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* Preloaded into a daemon: storage that takes a request and never answers, nor
 * says how large it is once it has the size that the test knows. */

#define STUCK_SIZE 6320640

__attribute__ ((visibility ("default"))) ssize_t
preadv2 (int                 fd,
         const struct iovec *iov,
         int                 n_iov,
         off_t               offset,
         int                 flags)
{
  for (;;)
    pause ();
}

__attribute__ ((visibility ("default"))) int
fstat (int          fd,
       struct stat *st)
{
  int result = fstatat (fd, "", st, AT_EMPTY_PATH);

  while (result == 0 && S_ISREG (st->st_mode) && st->st_size == STUCK_SIZE)
    pause ();

  return result;
}
