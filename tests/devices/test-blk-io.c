/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <string.h>

#include "vhu-blk-io-private.h"

#define N_BYTES 4096

typedef struct
{
  guint8 bytes[N_BYTES];
  struct iovec iov[16];
  guint n_iov;
} Buffers;

/* Cuts the bytes into random pieces, some of them empty, with gaps between. */
static gsize
cut (Buffers *self,
     guint    n_iov)
{
  gsize offset = 0;
  gsize size = 0;
  guint i;

  self->n_iov = n_iov;
  for (i = 0; i < n_iov; i++)
    {
      gsize length = g_test_rand_int_range (0, 4) == 0
        ? 0 : (gsize) g_test_rand_int_range (1, 200);

      self->iov[i].iov_base = self->bytes + offset;
      self->iov[i].iov_len = length;
      offset += length + g_test_rand_int_range (0, 20);
      size += length;
    }

  return size;
}

static guint8
byte_at (const Buffers *self,
         gsize          offset)
{
  guint i;

  for (i = 0; offset >= self->iov[i].iov_len; i++)
    offset -= self->iov[i].iov_len;

  return ((guint8 *) self->iov[i].iov_base)[offset];
}

static void
fill_random (Buffers *self)
{
  guint i;

  for (i = 0; i < N_BYTES; i++)
    self->bytes[i] = g_test_rand_int ();
}

/* Whatever the pieces and however short each transfer comes out, the runs are
 * the bytes of the stretch, each once and in order. */
static void
test_runs_are_the_stretch (void)
{
  guint round;

  for (round = 0; round < 2000; round++)
    {
      Buffers buffers;
      VhuBlkIo io = { .op = VHU_BLK_OP_READ, .offset = 1000 };
      gsize total = cut (&buffers, g_test_rand_int_range (1, 16));
      gsize skip = total > 0 ? g_test_rand_int_range (0, total + 1) : 0;
      gsize size = g_test_rand_int_range (0, total - skip + 1);
      gsize seen = 0;

      fill_random (&buffers);
      vhu_blk_io_set_data (&io, buffers.iov, buffers.n_iov, skip, size);
      while (io.left > 0)
        {
          guint n_iov, i;
          const struct iovec *iov = vhu_blk_io_next (&io, &n_iov);
          gsize run = 0, n, j;

          g_assert_cmpuint (n_iov, >, 0);
          for (i = 0; i < n_iov; i++)
            for (j = 0; j < iov[i].iov_len; j++)
              g_assert_cmpuint (((guint8 *) iov[i].iov_base)[j], ==,
                                byte_at (&buffers, skip + seen + run++));
          g_assert_cmpuint (run, >, 0);
          g_assert_cmpuint (run, <=, size - seen);

          n = g_test_rand_bit () ? run
                                 : (gsize) g_test_rand_int_range (0, run + 1);
          vhu_blk_io_advance (&io, n);
          seen += n;
          g_assert_cmpuint (io.left, ==, size - seen);
          g_assert_cmpuint (io.offset, ==, 1000 + seen);
        }
      g_assert_cmpuint (seen, ==, size);
    }
}

static void
test_scatter_and_gather (void)
{
  guint round;

  for (round = 0; round < 1000; round++)
    {
      Buffers buffers;
      VhuBlkIo io = { .op = VHU_BLK_OP_READ };
      gsize total = cut (&buffers, g_test_rand_int_range (1, 16));
      gsize skip = g_test_rand_int_range (0, total + 1);
      gsize size = total - skip, i;
      guint8 seen[N_BYTES];

      fill_random (&buffers);
      vhu_blk_io_set_data (&io, buffers.iov, buffers.n_iov, skip, size);
      vhu_blk_io_gather (&io, seen, size / 2);
      vhu_blk_io_gather (&io, seen + size / 2, size - size / 2);
      for (i = 0; i < size; i++)
        g_assert_cmpuint (seen[i], ==, byte_at (&buffers, skip + i));

      for (i = 0; i < size; i++)
        seen[i] = ~seen[i];
      vhu_blk_io_set_data (&io, buffers.iov, buffers.n_iov, skip, size);
      vhu_blk_io_scatter (&io, seen, size);
      g_assert_cmpuint (io.left, ==, 0);
      for (i = 0; i < size; i++)
        g_assert_cmpuint (byte_at (&buffers, skip + i), ==, seen[i]);
    }
}

/* More pieces than the system takes in one call. */
static void
test_run_is_limited (void)
{
  static guint8 byte;
  struct iovec iov[3000];
  VhuBlkIo io = { .op = VHU_BLK_OP_READ };
  guint n_iov, i, n_runs = 0;

  for (i = 0; i < G_N_ELEMENTS (iov); i++)
    iov[i] = (struct iovec) { &byte, 1 };

  vhu_blk_io_set_data (&io, iov, G_N_ELEMENTS (iov), 0, G_N_ELEMENTS (iov));
  while (io.left > 0)
    {
      vhu_blk_io_next (&io, &n_iov);
      g_assert_cmpuint (n_iov, <=, 1024);
      vhu_blk_io_advance (&io, n_iov);
      n_runs++;
    }
  g_assert_cmpuint (n_runs, ==, 3);
}

static void
test_alignment (void)
{
  static guint8 bytes[8192] __attribute__ ((aligned (4096)));
  struct iovec iov[] = { { bytes, 16 }, { bytes + 512, 1024 }, { bytes, 513 } };
  VhuBlkIo io = { .op = VHU_BLK_OP_READ };

  vhu_blk_io_set_data (&io, iov, 3, 16, 1024);
  g_assert_true (vhu_blk_io_is_aligned (&io, 512));
  g_assert_false (vhu_blk_io_is_aligned (&io, 4096));

  vhu_blk_io_set_data (&io, iov, 3, 16, 1024 + 512);
  g_assert_true (vhu_blk_io_is_aligned (&io, 512));
  vhu_blk_io_set_data (&io, iov, 3, 16, 1024 + 513);
  g_assert_false (vhu_blk_io_is_aligned (&io, 512));
  vhu_blk_io_set_data (&io, iov, 3, 15, 1);
  g_assert_false (vhu_blk_io_is_aligned (&io, 512));
  g_assert_true (vhu_blk_io_is_aligned (&io, 1));
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/devices/blk-io/runs-are-the-stretch",
                   test_runs_are_the_stretch);
  g_test_add_func ("/devices/blk-io/scatter-and-gather",
                   test_scatter_and_gather);
  g_test_add_func ("/devices/blk-io/run-is-limited", test_run_is_limited);
  g_test_add_func ("/devices/blk-io/alignment", test_alignment);

  return g_test_run ();
}
