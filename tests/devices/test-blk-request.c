/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <string.h>

#include "vhu-blk-request-private.h"

#define CAPACITY 2048
#define POISON 0xee

/* One chain, cut as the driver likes. */
typedef struct
{
  VhuBlkDisk disk;
  guint8 out[8192];
  guint8 in[8192];
  struct iovec out_iov[1100];
  struct iovec in_iov[1100];
  VhuBlkBuffers buffers;
  VhuBlkRequest request;
} Fixture;

static void
set_up (Fixture       *self,
        gconstpointer  data)
{
  self->disk = (VhuBlkDisk) {
    .capacity = CAPACITY,
    .block_sectors = 1,
    .can_discard = TRUE,
    .can_write_zeroes = TRUE,
    .may_unmap = TRUE,
    .serial = "serial number",
  };
  memset (self->in, POISON, sizeof self->in);
}

static guint
cut (struct iovec *iov,
     guint8       *bytes,
     gsize         size,
     gsize         piece)
{
  guint n = 0;
  gsize offset;

  for (offset = 0; offset < size; offset += piece)
    iov[n++] = (struct iovec) { bytes + offset, MIN (piece, size - offset) };

  return n;
}

static void
set_header (Fixture *self,
            guint32  type,
            guint64  sector)
{
  struct virtio_blk_outhdr header = {
    .type = GUINT32_TO_LE (type),
    .sector = GUINT64_TO_LE (sector),
  };

  memcpy (self->out, &header, sizeof header);
}

/* Parses with pieces of @piece bytes; sizes include header and status. */
static VhuBlkVerdict
parse_cut (Fixture *self,
           gsize    out_size,
           gsize    in_size,
           gsize    piece)
{
  self->buffers.out = self->out_iov;
  self->buffers.n_out = cut (self->out_iov, self->out, out_size, piece);
  self->buffers.out_size = out_size;
  self->buffers.in = self->in_iov;
  self->buffers.n_in = cut (self->in_iov, self->in, in_size, piece);
  self->buffers.in_size = in_size;

  return vhu_blk_request_parse (&self->request, &self->disk, &self->buffers);
}

/* The answer of a request that needs no I/O. */
static guint8
answer (Fixture *self,
        gsize    out_size,
        gsize    in_size)
{
  gsize n_written;

  g_assert_cmpint (parse_cut (self, out_size, in_size, 4096), ==,
                   VHU_BLK_VERDICT_ANSWERED);
  n_written = vhu_blk_request_answer (&self->request);
  if (self->in[in_size - 1] != VIRTIO_BLK_S_OK)
    g_assert_cmpuint (n_written, ==, 1);

  return self->in[in_size - 1];
}

static void
test_any_layout (Fixture       *self,
                 gconstpointer  data)
{
  static const gsize pieces[] = { 1, 2, 3, 15, 16, 17, 511, 512, 513, 4096 };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (pieces); i++)
    {
      guint8 expected[1024];

      set_header (self, VIRTIO_BLK_T_IN, 7);
      g_assert_cmpint (parse_cut (self, 16, 1025, pieces[i]), ==,
                       VHU_BLK_VERDICT_IO);
      g_assert_cmpint (self->request.io.op, ==, VHU_BLK_OP_READ);
      g_assert_cmpuint (self->request.io.offset, ==, 7 * 512);
      g_assert_cmpuint (self->request.io.left, ==, 1024);
      memset (expected, 0x5a + i, sizeof expected);
      vhu_blk_io_scatter (&self->request.io, expected, 1024);
      g_assert_cmpuint (vhu_blk_request_answer (&self->request), ==, 1025);
      g_assert_cmpmem (self->in, 1024, expected, 1024);
      g_assert_cmpuint (self->in[1024], ==, VIRTIO_BLK_S_OK);
      g_assert_cmpuint (self->in[1025], ==, POISON);

      set_header (self, VIRTIO_BLK_T_OUT, 9);
      memset (self->out + 16, 0xa5 + i, 512);
      g_assert_cmpint (parse_cut (self, 528, 1, pieces[i]), ==,
                       VHU_BLK_VERDICT_IO);
      g_assert_cmpint (self->request.io.op, ==, VHU_BLK_OP_WRITE);
      g_assert_cmpuint (self->request.io.offset, ==, 9 * 512);
      vhu_blk_io_gather (&self->request.io, expected, 512);
      g_assert_cmpmem (self->out + 16, 512, expected, 512);
      g_assert_cmpuint (vhu_blk_request_answer (&self->request), ==, 1);
    }
}

static void
test_malformed (Fixture       *self,
                gconstpointer  data)
{
  gsize size;

  set_header (self, VIRTIO_BLK_T_IN, 0);
  g_assert_cmpint (parse_cut (self, 16, 0, 4096), ==,
                   VHU_BLK_VERDICT_MALFORMED);
  g_assert_cmpint (parse_cut (self, 0, 0, 4096), ==,
                   VHU_BLK_VERDICT_MALFORMED);

  for (size = 0; size < 16; size++)
    g_assert_cmpuint (answer (self, size, 513), ==, VIRTIO_BLK_S_IOERR);

  /* Empty buffers around the status do not hide it. */
  self->in_iov[0] = (struct iovec) { self->in, 5 };
  self->in_iov[1] = (struct iovec) { self->in, 0 };
  g_assert_true (vhu_blk_status_byte (self->in_iov, 2) == self->in + 4);
  g_assert_null (vhu_blk_status_byte (self->in_iov + 1, 1));
}

static void
test_ranges (Fixture       *self,
             gconstpointer  data)
{
  static const guint64 bad[] = {
    CAPACITY, CAPACITY + 1, G_MAXUINT64, G_MAXUINT64 >> 9,
    (G_MAXUINT64 >> 9) + 1, G_MAXINT64, G_GUINT64_CONSTANT (1) << 55,
  };
  guint i;

  set_header (self, VIRTIO_BLK_T_IN, CAPACITY - 1);
  g_assert_cmpint (parse_cut (self, 16, 513, 4096), ==, VHU_BLK_VERDICT_IO);
  g_assert_cmpuint (answer (self, 16, 1025), ==, VIRTIO_BLK_S_IOERR);

  for (i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      set_header (self, VIRTIO_BLK_T_IN, bad[i]);
      g_assert_cmpuint (answer (self, 16, 513), ==, VIRTIO_BLK_S_IOERR);
      set_header (self, VIRTIO_BLK_T_OUT, bad[i]);
      g_assert_cmpuint (answer (self, 528, 1), ==, VIRTIO_BLK_S_IOERR);
    }
}

static void
test_alignment (Fixture       *self,
                gconstpointer  data)
{
  set_header (self, VIRTIO_BLK_T_IN, 0);
  g_assert_cmpuint (answer (self, 16, 512), ==, VIRTIO_BLK_S_IOERR);
  g_assert_cmpuint (answer (self, 16, 514), ==, VIRTIO_BLK_S_IOERR);
  set_header (self, VIRTIO_BLK_T_OUT, 0);
  g_assert_cmpuint (answer (self, 16 + 511, 1), ==, VIRTIO_BLK_S_IOERR);

  self->disk.block_sectors = 8;
  set_header (self, VIRTIO_BLK_T_IN, 8);
  g_assert_cmpint (parse_cut (self, 16, 4097, 4096), ==, VHU_BLK_VERDICT_IO);
  g_assert_cmpuint (answer (self, 16, 513), ==, VIRTIO_BLK_S_IOERR);
  set_header (self, VIRTIO_BLK_T_IN, 1);
  g_assert_cmpuint (answer (self, 16, 4097), ==, VIRTIO_BLK_S_IOERR);
}

static void
test_unknown_types (Fixture       *self,
                    gconstpointer  data)
{
  static const guint32 types[] = {
    2, 3, 5, 9, VIRTIO_BLK_T_SECURE_ERASE, 15, 0x80000000, G_MAXUINT32,
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (types); i++)
    {
      set_header (self, types[i], 0);
      g_assert_cmpuint (answer (self, 16, 513), ==, VIRTIO_BLK_S_UNSUPP);
      g_assert_cmpuint (self->in[0], ==, POISON);
    }
}

static void
test_get_id (Fixture       *self,
             gconstpointer  data)
{
  set_header (self, VIRTIO_BLK_T_GET_ID, 0);
  g_assert_cmpuint (answer (self, 16, 21), ==, VIRTIO_BLK_S_OK);
  g_assert_cmpuint (self->request.n_written, ==, 21);
  g_assert_cmpmem (self->in, 20, "serial number\0\0\0\0\0\0\0", 20);

  memset (self->in, POISON, sizeof self->in);
  g_assert_cmpuint (answer (self, 16, 5), ==, VIRTIO_BLK_S_OK);
  g_assert_cmpuint (self->request.n_written, ==, 5);
  g_assert_cmpmem (self->in, 4, "seri", 4);
  g_assert_cmpuint (self->in[5], ==, POISON);

  g_assert_cmpuint (answer (self, 16, 1), ==, VIRTIO_BLK_S_OK);
}

static void
set_segment (Fixture *self,
             guint    index,
             guint64  sector,
             guint32  n_sectors,
             guint32  flags)
{
  struct virtio_blk_discard_write_zeroes segment = {
    .sector = GUINT64_TO_LE (sector),
    .num_sectors = GUINT32_TO_LE (n_sectors),
    .flags = GUINT32_TO_LE (flags),
  };

  memcpy (self->out + 16 + 16 * index, &segment, sizeof segment);
}

static void
test_segments (Fixture       *self,
               gconstpointer  data)
{
  guint i;

  set_header (self, VIRTIO_BLK_T_WRITE_ZEROES, 0);
  for (i = 0; i < 16; i++)
    set_segment (self, i, i * 8, i + 1, i & 1);

  g_assert_cmpint (parse_cut (self, 16 + 256, 1, 7), ==, VHU_BLK_VERDICT_IO);
  for (i = 0; i < 16; i++)
    {
      VhuBlkIo *io = &self->request.io;

      g_assert_cmpint (io->op, ==, VHU_BLK_OP_WRITE_ZEROES);
      g_assert_cmpuint (io->offset, ==, i * 8 * 512);
      g_assert_cmpuint (io->left, ==, (i + 1) * 512);
      g_assert_cmpint (io->flags, ==, (i & 1) ? VHU_BLK_IO_UNMAP : 0);
      g_assert_true (vhu_blk_request_next_segment (&self->request) == (i < 15));
    }
  g_assert_cmpuint (vhu_blk_request_answer (&self->request), ==, 1);
}

static void
test_bad_segments (Fixture       *self,
                   gconstpointer  data)
{
  set_header (self, VIRTIO_BLK_T_DISCARD, 0);
  set_segment (self, 0, 0, 8, 0);
  g_assert_cmpuint (answer (self, 16, 1), ==, VIRTIO_BLK_S_IOERR);
  g_assert_cmpuint (answer (self, 16 + 15, 1), ==, VIRTIO_BLK_S_IOERR);
  g_assert_cmpuint (answer (self, 16 + 17, 1), ==, VIRTIO_BLK_S_IOERR);
  g_assert_cmpuint (answer (self, 16 + 17 * 16, 1), ==, VIRTIO_BLK_S_IOERR);

  set_segment (self, 1, CAPACITY - 1, 2, 0);
  g_assert_cmpuint (answer (self, 16 + 32, 1), ==, VIRTIO_BLK_S_IOERR);
  set_segment (self, 1, G_MAXUINT64 - 3, 8, 0);
  g_assert_cmpuint (answer (self, 16 + 32, 1), ==, VIRTIO_BLK_S_IOERR);
  set_segment (self, 1, 0, 8, VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP);
  g_assert_cmpuint (answer (self, 16 + 32, 1), ==, VIRTIO_BLK_S_UNSUPP);

  set_header (self, VIRTIO_BLK_T_WRITE_ZEROES, 0);
  set_segment (self, 1, 0, 8, 2);
  g_assert_cmpuint (answer (self, 16 + 32, 1), ==, VIRTIO_BLK_S_UNSUPP);
}

static void
test_segment_limits (Fixture       *self,
                     gconstpointer  data)
{
  self->disk.capacity = G_GUINT64_CONSTANT (1) << 40;

  set_header (self, VIRTIO_BLK_T_DISCARD, 0);
  set_segment (self, 0, 0, VHU_BLK_MAX_DISCARD_SECTORS, 0);
  g_assert_cmpint (parse_cut (self, 32, 1, 4096), ==, VHU_BLK_VERDICT_IO);
  set_segment (self, 0, 0, VHU_BLK_MAX_DISCARD_SECTORS + 1, 0);
  g_assert_cmpuint (answer (self, 32, 1), ==, VIRTIO_BLK_S_IOERR);

  set_header (self, VIRTIO_BLK_T_WRITE_ZEROES, 0);
  set_segment (self, 0, 0, VHU_BLK_MAX_WRITE_ZEROES_SECTORS, 0);
  g_assert_cmpint (parse_cut (self, 32, 1, 4096), ==, VHU_BLK_VERDICT_IO);
  set_segment (self, 0, 0, VHU_BLK_MAX_WRITE_ZEROES_SECTORS + 1, 0);
  g_assert_cmpuint (answer (self, 32, 1), ==, VIRTIO_BLK_S_IOERR);
}

static void
test_read_only (Fixture       *self,
                gconstpointer  data)
{
  self->disk.read_only = TRUE;

  set_segment (self, 0, 0, 8, 0);
  set_header (self, VIRTIO_BLK_T_OUT, 0);
  g_assert_cmpuint (answer (self, 528, 1), ==, VIRTIO_BLK_S_IOERR);
  set_header (self, VIRTIO_BLK_T_DISCARD, 0);
  g_assert_cmpuint (answer (self, 32, 1), ==, VIRTIO_BLK_S_IOERR);
  set_header (self, VIRTIO_BLK_T_WRITE_ZEROES, 0);
  g_assert_cmpuint (answer (self, 32, 1), ==, VIRTIO_BLK_S_IOERR);
  set_header (self, VIRTIO_BLK_T_FLUSH, 0);
  g_assert_cmpint (parse_cut (self, 16, 1, 4096), ==, VHU_BLK_VERDICT_IO);
}

static void
test_not_offered (Fixture       *self,
                  gconstpointer  data)
{
  self->disk.can_discard = FALSE;
  self->disk.can_write_zeroes = FALSE;

  set_segment (self, 0, 0, 8, 0);
  set_header (self, VIRTIO_BLK_T_DISCARD, 0);
  g_assert_cmpuint (answer (self, 32, 1), ==, VIRTIO_BLK_S_UNSUPP);
  set_header (self, VIRTIO_BLK_T_WRITE_ZEROES, 0);
  g_assert_cmpuint (answer (self, 32, 1), ==, VIRTIO_BLK_S_UNSUPP);
}

static void
test_writethrough (Fixture       *self,
                   gconstpointer  data)
{
  self->disk.writethrough = TRUE;

  set_segment (self, 0, 0, 8, 0);
  set_header (self, VIRTIO_BLK_T_OUT, 0);
  g_assert_cmpint (parse_cut (self, 528, 1, 4096), ==, VHU_BLK_VERDICT_IO);
  g_assert_cmpint (self->request.io.flags, ==, VHU_BLK_IO_DURABLE);
  set_header (self, VIRTIO_BLK_T_WRITE_ZEROES, 0);
  g_assert_cmpint (parse_cut (self, 32, 1, 4096), ==, VHU_BLK_VERDICT_IO);
  g_assert_cmpint (self->request.io.flags, ==, VHU_BLK_IO_DURABLE);
}

static void
add (const char *path,
     void      (*func) (Fixture *, gconstpointer))
{
  g_autofree char *full = g_strconcat ("/devices/blk-request/", path, NULL);

  g_test_add (full, Fixture, NULL, set_up, func, NULL);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  add ("any-layout", test_any_layout);
  add ("malformed", test_malformed);
  add ("ranges-do-not-wrap", test_ranges);
  add ("alignment", test_alignment);
  add ("unknown-types", test_unknown_types);
  add ("get-id", test_get_id);
  add ("segments-one-by-one", test_segments);
  add ("bad-segments-before-good-ones-run", test_bad_segments);
  add ("segment-limits", test_segment_limits);
  add ("read-only", test_read_only);
  add ("not-offered", test_not_offered);
  add ("writethrough", test_writethrough);

  return g_test_run ();
}
