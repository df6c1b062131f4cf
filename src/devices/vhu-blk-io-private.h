/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <sys/uio.h>

#include <glib.h>

#include "vhu-blk-store.h"

G_BEGIN_DECLS

typedef enum
{
  VHU_BLK_OP_READ,
  VHU_BLK_OP_WRITE,
  VHU_BLK_OP_FLUSH,
  VHU_BLK_OP_DISCARD,
  VHU_BLK_OP_WRITE_ZEROES
} VhuBlkOp;

typedef enum
{
  /* What is written must be on stable storage when the I/O ends. */
  VHU_BLK_IO_DURABLE = 1 << 0,
  /* WRITE_ZEROES may give the space back. */
  VHU_BLK_IO_UNMAP = 1 << 1
} VhuBlkIoFlags;

/* VhuBlkIo: one operation on a store, and how far it has come.
 *
 * The data are a stretch of the guest's own buffers: @left bytes of @iov, from
 * @skip bytes into its first element. The stretch may begin and end in the
 * middle of an element, because a driver may put header, data and status into
 * one descriptor. An I/O is carried out in runs, each of which the system takes
 * in one call; vhu_blk_io_next() says what the next one is, and a transfer that
 * came out short is simply advanced by what it did. */
struct _VhuBlkIo
{
  VhuBlkOp op;
  VhuBlkIoFlags flags;
  int error; /* an errno, once the I/O has ended */

  guint64 offset;
  guint64 left;

  const struct iovec *iov;
  guint n_iov;
  gsize skip;
  struct iovec part;

  /* For the engine that carries it out. */
  gpointer engine;
  void (*pool_func) (VhuBlkIo *io);
  VhuBlkIo *next;
};

void                vhu_blk_io_set_data   (VhuBlkIo           *self,
                                           const struct iovec *iov,
                                           guint               n_iov,
                                           gsize               skip,
                                           guint64             size);
const struct iovec *vhu_blk_io_next       (VhuBlkIo           *self,
                                           guint              *n_iov);
void                vhu_blk_io_advance    (VhuBlkIo           *self,
                                           gsize               n_bytes);
gboolean            vhu_blk_io_is_aligned (const VhuBlkIo     *self,
                                           gsize               alignment);

/* Copy between @buffer and the guest, and advance by as much. */
void                vhu_blk_io_scatter    (VhuBlkIo           *self,
                                           const void         *buffer,
                                           gsize               size);
void                vhu_blk_io_gather     (VhuBlkIo           *self,
                                           void               *buffer,
                                           gsize               size);

G_END_DECLS
