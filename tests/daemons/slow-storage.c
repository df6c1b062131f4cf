/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <sys/uio.h>
#include <unistd.h>

/* Preloaded into a daemon: storage that takes a request and never answers. */
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
