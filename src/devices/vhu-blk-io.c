/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-blk-io-private.h"

#include <limits.h>
#include <string.h>

#ifndef IOV_MAX
#define IOV_MAX 1024
#endif

/* Goes @n_bytes further in the buffers; empty elements are passed over. */
static inline void
skip_data (VhuBlkIo *self,
           gsize     n_bytes)
{
  self->skip += n_bytes;
  while (self->n_iov > 0 && self->skip >= self->iov->iov_len)
    {
      self->skip -= self->iov->iov_len;
      self->iov++;
      self->n_iov--;
    }
}

/* The caller has checked that @iov holds @skip + @size bytes. */
void
vhu_blk_io_set_data (VhuBlkIo           *self,
                     const struct iovec *iov,
                     guint               n_iov,
                     gsize               skip,
                     guint64             size)
{
  self->iov = iov;
  self->n_iov = n_iov;
  self->skip = 0;
  self->left = size;
  skip_data (self, skip);
}

/* The next run of buffers, at most as many bytes as are left. A run begins and
 * ends where an element does, but for one that is part of a single element.
 * Requires that something is left. */
const struct iovec *
vhu_blk_io_next (VhuBlkIo *self,
                 guint    *n_iov)
{
  guint64 room = self->left;
  guint n = 0;

  if (self->skip > 0 || self->iov->iov_len > room)
    {
      self->part.iov_base = (guint8 *) self->iov->iov_base + self->skip;
      self->part.iov_len = MIN (self->iov->iov_len - self->skip, room);
      *n_iov = 1;
      return &self->part;
    }

  while (n < self->n_iov && n < IOV_MAX && self->iov[n].iov_len <= room)
    room -= self->iov[n++].iov_len;

  *n_iov = n;
  return self->iov;
}

void
vhu_blk_io_advance (VhuBlkIo *self,
                    gsize     n_bytes)
{
  self->offset += n_bytes;
  self->left -= n_bytes;
  skip_data (self, n_bytes);
}

/* Whether every run starts and ends at a multiple of @alignment in memory, as
 * direct I/O wants it; @alignment is a power of two. */
gboolean
vhu_blk_io_is_aligned (const VhuBlkIo *self,
                       gsize           alignment)
{
  guint64 left = self->left;
  gsize skip = self->skip;
  guintptr bits = 0;
  guint i;

  for (i = 0; i < self->n_iov && left > 0; i++)
    {
      gsize size = MIN (self->iov[i].iov_len - skip, left);

      bits |= ((guintptr) self->iov[i].iov_base + skip) | size;
      left -= size;
      skip = 0;
    }

  return (bits & (alignment - 1)) == 0;
}

static inline gsize
next_piece (const VhuBlkIo  *self,
            gsize            size,
            guint8         **piece)
{
  *piece = (guint8 *) self->iov->iov_base + self->skip;

  return MIN (self->iov->iov_len - self->skip, size);
}

void
vhu_blk_io_scatter (VhuBlkIo   *self,
                    const void *buffer,
                    gsize       size)
{
  const guint8 *from = buffer;

  while (size > 0)
    {
      guint8 *piece;
      gsize n = next_piece (self, size, &piece);

      memcpy (piece, from, n);
      vhu_blk_io_advance (self, n);
      from += n;
      size -= n;
    }
}

void
vhu_blk_io_gather (VhuBlkIo *self,
                   void     *buffer,
                   gsize     size)
{
  guint8 *to = buffer;

  while (size > 0)
    {
      guint8 *piece;
      gsize n = next_piece (self, size, &piece);

      memcpy (to, piece, n);
      vhu_blk_io_advance (self, n);
      to += n;
      size -= n;
    }
}
