/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-blk-store-file-private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

/* However large a request is, this is as much as is copied at a time. */
#define BOUNCE_SIZE (1u << 20)

static int
sync_file (VhuBlkStoreFile *self)
{
  while (fdatasync (self->fd) < 0)
    {
      if (errno != EINTR)
        return errno;
    }

  return 0;
}

/* The kernel tells of a lost page once, to whoever flushes first, and thinks it
 * clean from then on: without a memory of it the flush of another queue, or a
 * second try, would promise what is gone. Direct I/O leaves no pages behind. */
static int
flush_file (VhuBlkStoreFile *self)
{
  int result = sync_file (self);

  if (self->direct)
    return result;

  if (result != 0 &&
      g_atomic_int_compare_and_exchange (&self->flush_error, 0, result))
    g_message ("%s: flush failed: %s; written data may be lost, and no flush "
               "will succeed until the file is opened again",
               self->path, g_strerror (result));

  return g_atomic_int_get (&self->flush_error);
}

/* One call; how many bytes it moved, or -1 and errno. Nothing moved means that
 * the file is shorter than it was. */
static gssize
transfer_run (VhuBlkStoreFile    *self,
              VhuBlkOp            op,
              const struct iovec *iov,
              guint               n_iov,
              guint64             offset,
              int                 flags)
{
  gssize n;

  do
    {
      if (op == VHU_BLK_OP_READ)
        n = preadv2 (self->fd, iov, n_iov, offset, flags);
      else
        n = pwritev2 (self->fd, iov, n_iov, offset, flags);
    }
  while (n < 0 && errno == EINTR);

  if (n == 0)
    {
      errno = EIO;
      return -1;
    }

  return n;
}

static int
transfer (VhuBlkStoreFile *self,
          VhuBlkIo        *io,
          int              flags)
{
  while (io->left > 0)
    {
      guint n_iov;
      const struct iovec *iov = vhu_blk_io_next (io, &n_iov);
      gssize n = transfer_run (self, io->op, iov, n_iov, io->offset, flags);

      if (n < 0)
        return errno;
      vhu_blk_io_advance (io, n);
    }

  return 0;
}

static int
transfer_now (VhuBlkStoreFile *self,
              VhuBlkIo        *io)
{
  gint *unknown = io->op == VHU_BLK_OP_READ ? &self->no_nowait_read
                                            : &self->no_nowait_write;
  int result;

  if (g_atomic_int_get (unknown) || (io->flags & VHU_BLK_IO_DURABLE) != 0)
    return EAGAIN;

  result = transfer (self, io, RWF_NOWAIT);
  if (result != EOPNOTSUPP)
    return result;

  g_atomic_int_set (unknown, TRUE);
  return EAGAIN;
}

static int
move_bounce (VhuBlkStoreFile *self,
             VhuBlkOp         op,
             guint8          *bounce,
             gsize            size,
             guint64          offset,
             int              flags)
{
  struct iovec iov = { bounce, size };

  while (iov.iov_len > 0)
    {
      gssize n = transfer_run (self, op, &iov, 1, offset, flags);

      if (n < 0)
        return errno;
      iov.iov_base = (guint8 *) iov.iov_base + n;
      iov.iov_len -= n;
      offset += n;
    }

  return 0;
}

/* Direct I/O takes aligned memory only, and the guest may use any. */
static int
transfer_bounced (VhuBlkStoreFile *self,
                  VhuBlkIo        *io,
                  int              flags)
{
  gsize chunk = MIN (io->left, BOUNCE_SIZE);
  void *bounce;
  int result = posix_memalign (&bounce, MAX (self->memory_alignment, 4096),
                               chunk);

  if (result != 0)
    return result;

  while (io->left > 0 && result == 0)
    {
      gsize n = MIN (io->left, chunk);
      guint64 offset = io->offset;

      if (io->op == VHU_BLK_OP_WRITE)
        vhu_blk_io_gather (io, bounce, n);
      result = move_bounce (self, io->op, bounce, n, offset, flags);
      if (io->op == VHU_BLK_OP_READ && result == 0)
        vhu_blk_io_scatter (io, bounce, n);
    }
  free (bounce);

  return result;
}

static int
transfer_waiting (VhuBlkStoreFile *self,
                  VhuBlkIo        *io,
                  int              flags)
{
  if (self->direct && !vhu_blk_io_is_aligned (io, self->memory_alignment))
    return transfer_bounced (self, io, flags);

  return transfer (self, io, flags);
}

static int
write_durably (VhuBlkStoreFile *self,
               VhuBlkIo        *io)
{
  int result;

  if (!g_atomic_int_get (&self->no_dsync))
    {
      result = transfer_waiting (self, io, RWF_DSYNC);
      if (result != EOPNOTSUPP)
        return result;
      g_atomic_int_set (&self->no_dsync, TRUE);
    }

  result = transfer_waiting (self, io, 0);

  return result == 0 ? flush_file (self) : result;
}

/* 0 or an errno. */
static int
allocate (VhuBlkStoreFile *self,
          int              mode,
          const VhuBlkIo  *io)
{
  while (fallocate (self->fd, mode, io->offset, io->left) < 0)
    {
      if (errno != EINTR)
        return errno;
    }

  return 0;
}

static int
device_range (VhuBlkStoreFile *self,
              unsigned long    request,
              const VhuBlkIo  *io)
{
  guint64 range[2] = { io->offset, io->left };

  while (ioctl (self->fd, request, range) < 0)
    {
      if (errno != EINTR)
        return errno;
    }

  return 0;
}

static gboolean
is_unsupported (int error)
{
  return error == EOPNOTSUPP || error == ENOSYS || error == ENOTTY ||
         error == EINVAL;
}

static int
write_zero_bytes (VhuBlkStoreFile *self,
                  VhuBlkIo        *io)
{
  static guint8 zeroes[65536] __attribute__ ((aligned (4096)));

  while (io->left > 0)
    {
      struct iovec iov = { zeroes, MIN (io->left, sizeof zeroes) };
      gssize n = transfer_run (self, VHU_BLK_OP_WRITE, &iov, 1, io->offset, 0);

      if (n < 0)
        return errno;
      io->offset += n;
      io->left -= n;
    }

  return 0;
}

static int
punch (VhuBlkStoreFile *self,
       const VhuBlkIo  *io)
{
  return allocate (self, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, io);
}

/* Discarding is advice: where a device cannot do it, nothing is lost. */
static int
discard (VhuBlkStoreFile *self,
         VhuBlkIo        *io)
{
  int result = self->is_device ? device_range (self, BLKDISCARD, io)
                               : punch (self, io);

  return is_unsupported (result) ? 0 : result;
}

/* Zeroes in a file, with its space kept: the file system's own way, or else a
 * hole that is filled again. */
static int
zero_file_range (VhuBlkStoreFile *self,
                 VhuBlkIo        *io)
{
  int result = EOPNOTSUPP;

  if (!g_atomic_int_get (&self->no_zero_range))
    {
      result = allocate (self, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, io);
      if (!is_unsupported (result))
        return result;
      g_atomic_int_set (&self->no_zero_range, TRUE);
    }

  result = punch (self, io);
  if (result == 0)
    result = allocate (self, FALLOC_FL_KEEP_SIZE, io);

  return result;
}

static int
write_zeroes (VhuBlkStoreFile *self,
              VhuBlkIo        *io)
{
  int result = EOPNOTSUPP;

  if (self->is_device)
    result = device_range (self, BLKZEROOUT, io);
  else if ((io->flags & VHU_BLK_IO_UNMAP) != 0)
    result = punch (self, io);

  if (is_unsupported (result) && !self->is_device)
    result = zero_file_range (self, io);
  if (is_unsupported (result))
    result = write_zero_bytes (self, io);

  if (result == 0 && (io->flags & VHU_BLK_IO_DURABLE) != 0)
    result = flush_file (self);

  return result;
}

int
vhu_blk_store_file_execute (VhuBlkStore    *store,
                            VhuBlkIo       *io,
                            VhuBlkPatience  patience)
{
  VhuBlkStoreFile *self = (VhuBlkStoreFile *) store;

  switch (io->op)
    {
    case VHU_BLK_OP_READ:
      return patience == VHU_BLK_NO_WAIT ? transfer_now (self, io)
                                         : transfer_waiting (self, io, 0);
    case VHU_BLK_OP_WRITE:
      if (patience == VHU_BLK_NO_WAIT)
        return transfer_now (self, io);
      return (io->flags & VHU_BLK_IO_DURABLE) != 0
        ? write_durably (self, io)
        : transfer_waiting (self, io, 0);
    default:
      break;
    }

  if (patience == VHU_BLK_NO_WAIT)
    return EAGAIN;

  switch (io->op)
    {
    case VHU_BLK_OP_FLUSH:
      return flush_file (self);
    case VHU_BLK_OP_DISCARD:
      return discard (self, io);
    case VHU_BLK_OP_WRITE_ZEROES:
      return write_zeroes (self, io);
    default:
      return ENOTSUP;
    }
}
