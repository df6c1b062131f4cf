/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "vhu-blk-io-private.h"

#include <linux/virtio_blk.h>

G_BEGIN_DECLS

#define VHU_BLK_SECTOR_SHIFT 9
#define VHU_BLK_SECTOR_SIZE (1u << VHU_BLK_SECTOR_SHIFT)

/* What the configuration space promises; every one of them is checked. */
#define VHU_BLK_MAX_SEGMENTS 16u
#define VHU_BLK_MAX_DISCARD_SECTORS (1u << 22)
#define VHU_BLK_MAX_WRITE_ZEROES_SECTORS (1u << 18)

/* VhuBlkDisk: what a request is checked against. The rings read it without a
 * lock while the control context may write to the members that say so. */
typedef struct
{
  guint64 capacity;      /* sectors of 512 bytes; atomic */
  gint writethrough;     /* atomic */
  guint32 block_sectors; /* sectors in a logical block, a power of two */
  gboolean read_only;
  gboolean can_discard;
  gboolean can_write_zeroes;
  gboolean may_unmap;
  guint8 serial[VIRTIO_BLK_ID_BYTES];
} VhuBlkDisk;

/* The two halves of a chain. */
typedef struct
{
  const struct iovec *out; /* the device reads these */
  guint n_out;
  guint64 out_size;
  const struct iovec *in; /* the device writes these */
  guint n_in;
  guint64 in_size;
} VhuBlkBuffers;

typedef struct
{
  guint64 sector;
  guint32 n_sectors;
  guint32 flags;
} VhuBlkSegment;

typedef enum
{
  /* There is no place for a status. */
  VHU_BLK_VERDICT_MALFORMED,
  /* Nothing to do but to tell vhu_blk_request_answer()'s status. */
  VHU_BLK_VERDICT_ANSWERED,
  /* The I/O is to be carried out, and again while
   * vhu_blk_request_next_segment() says so. */
  VHU_BLK_VERDICT_IO
} VhuBlkVerdict;

/* VhuBlkRequest: a virtio-blk request, as it is kept with its chain. */
typedef struct
{
  VhuBlkIo io;
  gpointer queue;
  gpointer chain;

  guint8 *status;
  guint32 type;
  guint8 result;    /* VIRTIO_BLK_S_… */
  gsize n_written;  /* if it goes well; else it is the status byte alone */
  guint64 n_bytes;  /* of data, for the statistics */

  guint n_segments;
  guint next_segment;
  VhuBlkSegment segments[VHU_BLK_MAX_SEGMENTS];
} VhuBlkRequest;

VhuBlkVerdict vhu_blk_request_parse        (VhuBlkRequest       *self,
                                            const VhuBlkDisk    *disk,
                                            const VhuBlkBuffers *buffers);
gboolean      vhu_blk_request_next_segment (VhuBlkRequest       *self);
gsize         vhu_blk_request_answer       (VhuBlkRequest       *self);
guint8       *vhu_blk_status_byte          (const struct iovec  *in,
                                            guint                n_in);

G_END_DECLS
