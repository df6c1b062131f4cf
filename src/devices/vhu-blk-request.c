/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-blk-request-private.h"

#include <string.h>

G_STATIC_ASSERT (sizeof (struct virtio_blk_outhdr) == 16);
G_STATIC_ASSERT (sizeof (VhuBlkSegment) ==
                 sizeof (struct virtio_blk_discard_write_zeroes));

#define HEADER_SIZE sizeof (struct virtio_blk_outhdr)
#define NO_TYPE G_MAXUINT32

/* Copies @size bytes from @offset in @iov, which the caller knows to be there.
 * The guest may write to them at any time, so each is read once. */
static void
copy_from (const struct iovec *iov,
           gsize               offset,
           gpointer            buffer,
           gsize               size)
{
  guint8 *to = buffer;

  while (size > 0)
    {
      if (offset < iov->iov_len)
        {
          gsize n = MIN (iov->iov_len - offset, size);

          memcpy (to, (const guint8 *) iov->iov_base + offset, n);
          to += n;
          size -= n;
          offset += n;
        }
      offset -= iov->iov_len;
      iov++;
    }
}

/* The status is the very last byte that the device may write (virtio 1.3,
 * 5.2.6), wherever the driver put its borders. */
guint8 *
vhu_blk_status_byte (const struct iovec *in,
                     guint               n_in)
{
  while (n_in > 0)
    {
      const struct iovec *last = &in[--n_in];

      if (last->iov_len > 0)
        return (guint8 *) last->iov_base + last->iov_len - 1;
    }

  return NULL;
}

static VhuBlkVerdict
answered (VhuBlkRequest *self,
          guint8         result)
{
  self->result = result;

  return VHU_BLK_VERDICT_ANSWERED;
}

static gboolean
range_is_good (const VhuBlkDisk *disk,
               guint64           sector,
               guint64           n_sectors)
{
  guint64 capacity = __atomic_load_n (&disk->capacity, __ATOMIC_RELAXED);

  if (((sector | n_sectors) & (disk->block_sectors - 1)) != 0)
    return FALSE;

  return sector <= capacity && n_sectors <= capacity - sector;
}

static gboolean
data_is_good (const VhuBlkDisk *disk,
              guint64           sector,
              guint64           size)
{
  return (size & (VHU_BLK_SECTOR_SIZE - 1)) == 0 &&
         range_is_good (disk, sector, size >> VHU_BLK_SECTOR_SHIFT);
}

static VhuBlkVerdict
parse_read (VhuBlkRequest       *self,
            const VhuBlkDisk    *disk,
            const VhuBlkBuffers *buffers,
            guint64              sector)
{
  guint64 size = buffers->in_size - 1;

  if (!data_is_good (disk, sector, size))
    return answered (self, VIRTIO_BLK_S_IOERR);

  self->io.op = VHU_BLK_OP_READ;
  self->io.flags = 0;
  self->io.offset = sector << VHU_BLK_SECTOR_SHIFT;
  vhu_blk_io_set_data (&self->io, buffers->in, buffers->n_in, 0, size);
  self->n_bytes = size;
  self->n_written = size + 1;

  return VHU_BLK_VERDICT_IO;
}

/* Without a write cache that the driver may flush, or with the cache turned
 * off by it, a write must be stable before it is answered. */
static VhuBlkIoFlags
write_flags (const VhuBlkDisk *disk)
{
  return __atomic_load_n (&disk->writethrough, __ATOMIC_RELAXED)
    ? VHU_BLK_IO_DURABLE
    : 0;
}

static VhuBlkVerdict
parse_write (VhuBlkRequest       *self,
             const VhuBlkDisk    *disk,
             const VhuBlkBuffers *buffers,
             guint64              sector)
{
  guint64 size = buffers->out_size - HEADER_SIZE;

  if (disk->read_only || !data_is_good (disk, sector, size))
    return answered (self, VIRTIO_BLK_S_IOERR);

  self->io.op = VHU_BLK_OP_WRITE;
  self->io.flags = write_flags (disk);
  self->io.offset = sector << VHU_BLK_SECTOR_SHIFT;
  vhu_blk_io_set_data (&self->io, buffers->out, buffers->n_out, HEADER_SIZE,
                       size);
  self->n_bytes = size;

  return VHU_BLK_VERDICT_IO;
}

/* What a segment deserves before anything is done: the status of a request with
 * several segments must not depend on where the first bad one stands. */
static guint8
check_segment (const VhuBlkDisk    *disk,
               guint32              type,
               const VhuBlkSegment *segment)
{
  guint32 max_sectors = VHU_BLK_MAX_DISCARD_SECTORS;
  guint32 allowed = 0;

  if (type == VIRTIO_BLK_T_WRITE_ZEROES)
    {
      allowed = VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;
      max_sectors = VHU_BLK_MAX_WRITE_ZEROES_SECTORS;
    }

  /* Unknown flags, and unmap on a discard, are UNSUPP (virtio 1.3, 5.2.6.2). */
  if ((segment->flags & ~allowed) != 0)
    return VIRTIO_BLK_S_UNSUPP;

  if (segment->n_sectors > max_sectors ||
      !range_is_good (disk, segment->sector, segment->n_sectors))
    return VIRTIO_BLK_S_IOERR;

  return VIRTIO_BLK_S_OK;
}

static guint8
read_segments (VhuBlkRequest       *self,
               const VhuBlkDisk    *disk,
               const VhuBlkBuffers *buffers)
{
  guint i;

  copy_from (buffers->out, HEADER_SIZE, self->segments,
             self->n_segments * sizeof self->segments[0]);

  for (i = 0; i < self->n_segments; i++)
    {
      VhuBlkSegment *segment = &self->segments[i];
      guint8 result;

      segment->sector = GUINT64_FROM_LE (segment->sector);
      segment->n_sectors = GUINT32_FROM_LE (segment->n_sectors);
      segment->flags = GUINT32_FROM_LE (segment->flags);

      result = check_segment (disk, self->type, segment);
      if (result != VIRTIO_BLK_S_OK)
        return result;
    }

  return VIRTIO_BLK_S_OK;
}

static VhuBlkVerdict
parse_segments (VhuBlkRequest       *self,
                const VhuBlkDisk    *disk,
                const VhuBlkBuffers *buffers)
{
  guint64 size = buffers->out_size - HEADER_SIZE;
  guint8 result;

  if (disk->read_only)
    return answered (self, VIRTIO_BLK_S_IOERR);

  if (self->type == VIRTIO_BLK_T_DISCARD ? !disk->can_discard
                                         : !disk->can_write_zeroes)
    return answered (self, VIRTIO_BLK_S_UNSUPP);

  if (size == 0 || size % sizeof self->segments[0] != 0 ||
      size / sizeof self->segments[0] > VHU_BLK_MAX_SEGMENTS)
    return answered (self, VIRTIO_BLK_S_IOERR);

  self->n_segments = size / sizeof self->segments[0];
  self->next_segment = 0;
  result = read_segments (self, disk, buffers);
  if (result != VIRTIO_BLK_S_OK)
    return answered (self, result);

  self->io.op = self->type == VIRTIO_BLK_T_DISCARD ? VHU_BLK_OP_DISCARD
                                                   : VHU_BLK_OP_WRITE_ZEROES;
  self->io.flags = write_flags (disk);
  vhu_blk_request_next_segment (self);

  return VHU_BLK_VERDICT_IO;
}

static VhuBlkVerdict
parse_get_id (VhuBlkRequest       *self,
              const VhuBlkDisk    *disk,
              const VhuBlkBuffers *buffers)
{
  gsize size = MIN (buffers->in_size - 1, sizeof disk->serial);

  vhu_blk_io_set_data (&self->io, buffers->in, buffers->n_in, 0, size);
  vhu_blk_io_scatter (&self->io, disk->serial, size);
  self->n_written = size + 1;

  return answered (self, VIRTIO_BLK_S_OK);
}

static VhuBlkVerdict
parse_flush (VhuBlkRequest *self)
{
  self->io.op = VHU_BLK_OP_FLUSH;
  self->io.flags = 0;
  self->io.left = 0;

  return VHU_BLK_VERDICT_IO;
}

/* Reads a request out of a chain of any layout. On VERDICT_IO @self->io is ready
 * for an engine. */
VhuBlkVerdict
vhu_blk_request_parse (VhuBlkRequest       *self,
                       const VhuBlkDisk    *disk,
                       const VhuBlkBuffers *buffers)
{
  struct virtio_blk_outhdr header;
  guint64 sector;

  self->status = vhu_blk_status_byte (buffers->in, buffers->n_in);
  if (self->status == NULL)
    return VHU_BLK_VERDICT_MALFORMED;

  self->type = NO_TYPE;
  self->result = VIRTIO_BLK_S_OK;
  self->n_written = 1;
  self->n_bytes = 0;
  self->n_segments = 0;
  self->io.error = 0;

  if (buffers->out_size < HEADER_SIZE)
    return answered (self, VIRTIO_BLK_S_IOERR);
  copy_from (buffers->out, 0, &header, sizeof header);
  self->type = GUINT32_FROM_LE (header.type);
  sector = GUINT64_FROM_LE (header.sector);

  switch (self->type)
    {
    case VIRTIO_BLK_T_IN:
      return parse_read (self, disk, buffers, sector);
    case VIRTIO_BLK_T_OUT:
      return parse_write (self, disk, buffers, sector);
    case VIRTIO_BLK_T_FLUSH:
      return parse_flush (self);
    case VIRTIO_BLK_T_GET_ID:
      return parse_get_id (self, disk, buffers);
    case VIRTIO_BLK_T_DISCARD:
    case VIRTIO_BLK_T_WRITE_ZEROES:
      return parse_segments (self, disk, buffers);
    default:
      return answered (self, VIRTIO_BLK_S_UNSUPP);
    }
}

/* Turns the I/O to the next segment of a request that has several. */
gboolean
vhu_blk_request_next_segment (VhuBlkRequest *self)
{
  const VhuBlkSegment *segment;

  if (self->next_segment >= self->n_segments)
    return FALSE;

  segment = &self->segments[self->next_segment++];
  self->io.offset = segment->sector << VHU_BLK_SECTOR_SHIFT;
  self->io.left = (guint64) segment->n_sectors << VHU_BLK_SECTOR_SHIFT;
  self->io.flags &= ~VHU_BLK_IO_UNMAP;
  if ((segment->flags & VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP) != 0)
    self->io.flags |= VHU_BLK_IO_UNMAP;

  return TRUE;
}

/* Writes the status, and returns how many bytes of the chain were written. */
gsize
vhu_blk_request_answer (VhuBlkRequest *self)
{
  *self->status = self->result;

  return self->result == VIRTIO_BLK_S_OK ? self->n_written : 1;
}
