/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "vhu-blk-engine-private.h"
#include "vhu-blk-store-file.h"
#include "vhu-blk-store-null.h"
#include "vhu-blk-store-private.h"
#include "vhu-blk-store-ram.h"

#define IMAGE_SIZE (1u << 20)
#define N_IOS 64
#define N_ROUNDS 40

typedef struct
{
  const char *name;
  gboolean in_ram;
  gboolean direct;
  VhuBlkIoMode mode;
} Setup;

typedef struct
{
  VhuBlkStore *store;
  char *path;
  GMainContext *context;
  VhuBlkEngine *engine;
  guint n_done;
  guint n_batches;
} Fixture;

static gint sync_error; /* atomic */

/* Stands before the C library's, and fails when a test says so. */
int
fdatasync (int fd)
{
  if (g_atomic_int_get (&sync_error) == 0)
    return syscall (SYS_fdatasync, fd);

  errno = g_atomic_int_get (&sync_error);
  return -1;
}

static void
done_cb (VhuBlkIo *io,
         gpointer  user_data)
{
  ((Fixture *) user_data)->n_done++;
}

static void
batch_done_cb (gpointer user_data)
{
  ((Fixture *) user_data)->n_batches++;
}

static const VhuBlkEngineOwner owner = { done_cb, batch_done_cb };

static char *
make_image (gsize size)
{
  g_autoptr(GError) error = NULL;
  char *path = NULL;
  int fd = g_file_open_tmp ("vhu-blk-XXXXXX", &path, &error);

  g_assert_no_error (error);
  g_assert_cmpint (ftruncate (fd, size), ==, 0);
  close (fd);

  return path;
}

static void
set_up (Fixture       *self,
        gconstpointer  data)
{
  const Setup *setup = data;
  g_autoptr(GError) error = NULL;

  self->context = g_main_context_new ();
  if (setup->in_ram)
    {
      self->store = vhu_blk_store_ram_new (IMAGE_SIZE, 0, &error);
    }
  else
    {
      self->path = make_image (IMAGE_SIZE);
      self->store = vhu_blk_store_file_new (self->path, FALSE, setup->direct, 0,
                                            &error);
    }
  if (setup->direct && self->store == NULL)
    return;
  g_assert_no_error (error);

  self->engine = vhu_blk_store_open_engine (self->store, setup->mode,
                                            self->context, &owner, self);
}

static void
tear_down (Fixture       *self,
           gconstpointer  data)
{
  if (self->engine != NULL)
    vhu_blk_engine_free (self->engine);
  if (self->store != NULL)
    g_assert_finalize_object (self->store);
  if (self->path != NULL)
    g_unlink (self->path);
  g_free (self->path);
  g_main_context_unref (self->context);
}

/* Some machines have no direct I/O or no io_uring. */
static gboolean
is_missing (Fixture     *self,
            const Setup *setup)
{
  if (self->engine == NULL)
    {
      g_test_skip ("no direct I/O in the temporary directory");
      return TRUE;
    }
  if (setup->mode == VHU_BLK_IO_MODE_IO_URING &&
      !vhu_blk_engine_uring_probe (NULL))
    {
      g_test_skip ("no io_uring");
      return TRUE;
    }

  return FALSE;
}

/* How many of them ended. */
static void
run (Fixture   *self,
     VhuBlkIo **ios,
     guint      n)
{
  guint n_at_once = 0;
  guint i;

  self->n_done = 0;
  for (i = 0; i < n; i++)
    n_at_once += vhu_blk_engine_submit (self->engine, ios[i]);
  vhu_blk_engine_flush (self->engine);

  while (self->n_done + n_at_once < n)
    g_main_context_iteration (self->context, TRUE);
  g_assert_cmpuint (self->n_done + n_at_once, ==, n);
}

static int
run_one (Fixture  *self,
         VhuBlkIo *io)
{
  run (self, &io, 1);

  return io->error;
}

typedef struct
{
  VhuBlkIo io;
  guint8 *bytes;
  struct iovec iov[3];
} Job;

/* A random piece of the image that no other job of the round has, in buffers
 * that are sometimes aligned and sometimes not. */
static void
prepare (Job      *job,
         guint     slot,
         VhuBlkOp  op)
{
  static const gsize cuts[] = { 0, 512, 260 };
  gsize room = IMAGE_SIZE / N_IOS;
  gsize n_blocks = g_test_rand_int_range (1, room / 512 + 1);
  gsize first = g_test_rand_int_range (0, room / 512 - n_blocks + 1);
  gsize size = n_blocks * 512;
  gsize cut = n_blocks > 1 ? cuts[g_test_rand_int_range (0, 3)] : 0;
  gsize shift = g_test_rand_bit () ? 0 : g_test_rand_int_range (1, 100);

  memset (&job->io, 0, sizeof job->io);
  job->io.op = op;
  if (op == VHU_BLK_OP_WRITE && g_test_rand_int_range (0, 8) == 0)
    job->io.flags = VHU_BLK_IO_DURABLE;
  job->io.offset = slot * room + first * 512;

  job->iov[0] = (struct iovec) { job->bytes + shift, 16 + cut };
  job->iov[1] = (struct iovec) { job->bytes + 4096 + shift, size - cut };
  job->iov[2] = (struct iovec) { job->bytes, 1 };
  vhu_blk_io_set_data (&job->io, job->iov, 3, 16, size);
}

static void
touch_bytes (Job    *job,
             guint8 *model,
             gsize   size)
{
  VhuBlkIo copy = job->io;
  guint8 *at = model + job->io.offset;
  gsize i;

  if (job->io.op == VHU_BLK_OP_READ)
    return;

  for (i = 0; i < size; i++)
    at[i] = g_test_rand_int ();
  vhu_blk_io_scatter (&copy, at, size);
}

static void
check_bytes (Job          *job,
             const guint8 *model,
             guint64       offset,
             gsize         size,
             gsize         cut)
{
  g_assert_cmpint (job->io.error, ==, 0);
  g_assert_cmpmem ((guint8 *) job->iov[0].iov_base + 16, cut,
                   model + offset, cut);
  g_assert_cmpmem (job->iov[1].iov_base, size - cut,
                   model + offset + cut, size - cut);
}

/* Random reads and writes, many at a time, against a model. */
static void
test_random (Fixture       *self,
             gconstpointer  data)
{
  g_autofree guint8 *model = g_malloc0 (IMAGE_SIZE);
  Job jobs[N_IOS];
  VhuBlkIo *ios[N_IOS];
  guint64 offsets[N_IOS];
  gsize sizes[N_IOS];
  guint round, i;

  if (is_missing (self, data))
    return;

  for (i = 0; i < N_IOS; i++)
    {
      jobs[i].bytes = g_aligned_alloc (1, 4096 + IMAGE_SIZE / N_IOS + 4096, 4096);
      ios[i] = &jobs[i].io;
    }

  for (round = 0; round < N_ROUNDS; round++)
    {
      for (i = 0; i < N_IOS; i++)
        {
          prepare (&jobs[i], i, g_test_rand_bit () ? VHU_BLK_OP_READ
                                                   : VHU_BLK_OP_WRITE);
          offsets[i] = jobs[i].io.offset;
          sizes[i] = jobs[i].io.left;
          touch_bytes (&jobs[i], model, sizes[i]);
        }
      run (self, ios, N_IOS);
      for (i = 0; i < N_IOS; i++)
        check_bytes (&jobs[i], model, offsets[i], sizes[i],
                     jobs[i].iov[0].iov_len - 16);
    }

  for (i = 0; i < N_IOS; i++)
    g_aligned_free (jobs[i].bytes);
}

static void
write_pattern (Fixture *self,
               guint8   byte)
{
  g_autofree guint8 *bytes = g_malloc (IMAGE_SIZE);
  struct iovec iov = { bytes, IMAGE_SIZE };
  VhuBlkIo io = { .op = VHU_BLK_OP_WRITE };

  memset (bytes, byte, IMAGE_SIZE);
  vhu_blk_io_set_data (&io, &iov, 1, 0, IMAGE_SIZE);
  g_assert_cmpint (run_one (self, &io), ==, 0);
}

static void
check_image (Fixture *self,
             guint8   byte,
             gsize    zero_offset,
             gsize    zero_size)
{
  g_autofree guint8 *bytes = g_malloc (IMAGE_SIZE);
  struct iovec iov = { bytes, IMAGE_SIZE };
  VhuBlkIo io = { .op = VHU_BLK_OP_READ };
  gsize i;

  vhu_blk_io_set_data (&io, &iov, 1, 0, IMAGE_SIZE);
  g_assert_cmpint (run_one (self, &io), ==, 0);
  for (i = 0; i < IMAGE_SIZE; i++)
    g_assert_cmpuint (bytes[i], ==,
                      i >= zero_offset && i - zero_offset < zero_size ? 0 : byte);
}

static int
run_range (Fixture       *self,
           VhuBlkOp       op,
           VhuBlkIoFlags  flags,
           gsize          offset,
           gsize          size)
{
  VhuBlkIo io = { .op = op, .flags = flags, .offset = offset, .left = size };

  return run_one (self, &io);
}

static void
test_ranges (Fixture       *self,
             gconstpointer  data)
{
  static const VhuBlkIoFlags flags[] = {
    0, VHU_BLK_IO_UNMAP, VHU_BLK_IO_DURABLE,
    VHU_BLK_IO_UNMAP | VHU_BLK_IO_DURABLE,
  };
  guint i;

  if (is_missing (self, data))
    return;

  for (i = 0; i < G_N_ELEMENTS (flags); i++)
    {
      write_pattern (self, 0x11 + i);
      g_assert_cmpint (run_range (self, VHU_BLK_OP_WRITE_ZEROES, flags[i],
                                  3 * 512, 77 * 512), ==, 0);
      check_image (self, 0x11 + i, 3 * 512, 77 * 512);
    }

  write_pattern (self, 0x33);
  g_assert_cmpint (run_range (self, VHU_BLK_OP_DISCARD, 0, 8192, 65536), ==, 0);
  check_image (self, 0x33, 8192, 65536);
  g_assert_cmpint (run_range (self, VHU_BLK_OP_FLUSH, 0, 0, 0), ==, 0);
  g_assert_cmpint (run_range (self, VHU_BLK_OP_DISCARD, 0, 0, 0), ==, 0);
  g_assert_cmpint (run_range (self, VHU_BLK_OP_READ, 0, 0, 0), ==, 0);
}

/* The kernel tells one flush of what it lost, and all that follow have to know. */
static void
test_flush_error (Fixture       *self,
                  gconstpointer  data)
{
  if (is_missing (self, data))
    return;

  g_assert_cmpint (run_range (self, VHU_BLK_OP_FLUSH, 0, 0, 0), ==, 0);

  g_atomic_int_set (&sync_error, EIO);
  g_assert_cmpint (run_range (self, VHU_BLK_OP_FLUSH, 0, 0, 0), ==, EIO);
  g_atomic_int_set (&sync_error, 0);

  g_assert_cmpint (run_range (self, VHU_BLK_OP_FLUSH, 0, 0, 0), ==, EIO);
  g_assert_false (vhu_blk_store_flush (self->store, NULL));
}

/* A file that became shorter fails the request, and grows by none. */
static void
test_past_the_end (Fixture       *self,
                   gconstpointer  data)
{
  guint8 bytes[4096];
  struct iovec iov = { bytes, sizeof bytes };
  VhuBlkIo io = { .op = VHU_BLK_OP_READ, .offset = IMAGE_SIZE - 2048 };

  if (is_missing (self, data))
    return;

  vhu_blk_io_set_data (&io, &iov, 1, 0, sizeof bytes);
  g_assert_cmpint (run_one (self, &io), ==, EIO);
  io.offset = 2 * IMAGE_SIZE;
  vhu_blk_io_set_data (&io, &iov, 1, 0, sizeof bytes);
  g_assert_cmpint (run_one (self, &io), ==, EIO);
}

/* More than the ring has entries, as many as its completions have, and more. */
static void
test_deep (Fixture       *self,
           gconstpointer  data)
{
  enum { DEPTH = 10000 };
  static guint8 bytes[DEPTH * 8];
  g_autofree VhuBlkIo *ios = g_new0 (VhuBlkIo, DEPTH);
  g_autofree VhuBlkIo **list = g_new (VhuBlkIo *, DEPTH);
  struct iovec iov = { bytes, 512 };
  guint i;

  if (is_missing (self, data))
    return;

  for (i = 0; i < DEPTH; i++)
    {
      ios[i].op = VHU_BLK_OP_READ;
      ios[i].offset = (i % (IMAGE_SIZE / 512)) * 512;
      vhu_blk_io_set_data (&ios[i], &iov, 1, 0, 512);
      list[i] = &ios[i];
    }
  run (self, list, DEPTH);
  for (i = 0; i < DEPTH; i++)
    g_assert_cmpint (ios[i].error, ==, 0);
}

static void
test_open_errors (void)
{
  g_autofree char *path = make_image (IMAGE_SIZE);
  g_autofree char *directory = g_dir_make_tmp (NULL, NULL);
  g_autofree char *fifo = g_build_filename (directory, "fifo", NULL);
  g_autoptr(GError) error = NULL;
  g_autoptr(VhuBlkStore) store = NULL;

  g_assert_null (vhu_blk_store_file_new ("/does/not/exist", FALSE, FALSE, 0,
                                         &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_clear_error (&error);

  g_assert_null (vhu_blk_store_file_new (directory, TRUE, FALSE, 0, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_REGULAR_FILE);
  g_clear_error (&error);

  g_assert_cmpint (mkfifo (fifo, 0600), ==, 0);
  g_assert_null (vhu_blk_store_file_new (fifo, TRUE, FALSE, 0, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_REGULAR_FILE);
  g_clear_error (&error);

  g_assert_cmpint (truncate (path, 511), ==, 0);
  g_assert_null (vhu_blk_store_file_new (path, FALSE, FALSE, 0, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
  g_clear_error (&error);

  g_assert_cmpint (truncate (path, 512), ==, 0);
  store = vhu_blk_store_file_new (path, TRUE, FALSE, 0, &error);
  g_assert_no_error (error);
  g_assert_true (vhu_blk_store_get_read_only (store));
  g_assert_cmpuint (vhu_blk_store_get_size (store), ==, 512);

  g_assert_cmpint (truncate (path, 8192), ==, 0);
  g_assert_true (vhu_blk_store_refresh (store, NULL));
  g_assert_cmpuint (vhu_blk_store_get_size (store), ==, 8192);

  g_unlink (fifo);
  g_rmdir (directory);
  g_unlink (path);
}

static void
test_null (void)
{
  g_autoptr(VhuBlkStore) store = vhu_blk_store_null_new (1 << 20, 4096);
  VhuBlkIo io = { .op = VHU_BLK_OP_READ, .left = 512 };

  g_assert_cmpint (vhu_blk_store_execute (store, &io, VHU_BLK_WAIT), ==, 0);
  g_assert_true (vhu_blk_store_flush (store, NULL));
  g_assert_cmpuint (vhu_blk_store_get_traits (store)->logical_block_size, ==,
                    4096);
}

static void
test_ram_bounds (void)
{
  g_autoptr(VhuBlkStore) store = vhu_blk_store_ram_new (1 << 20, 0, NULL);
  g_autoptr(GError) error = NULL;
  guint8 byte = 0;
  struct iovec iov = { &byte, 1 };
  VhuBlkIo io = { .op = VHU_BLK_OP_WRITE, .offset = G_MAXUINT64 };

  vhu_blk_io_set_data (&io, &iov, 1, 0, 1);
  g_assert_cmpint (vhu_blk_store_execute (store, &io, VHU_BLK_WAIT), ==, EIO);
  io.offset = 1 << 20;
  g_assert_cmpint (vhu_blk_store_execute (store, &io, VHU_BLK_WAIT), ==, EIO);

  g_assert_null (vhu_blk_store_ram_new (G_GUINT64_CONSTANT (1) << 62, 0,
                                        &error));
  g_assert_nonnull (error);
}

static const Setup setups[] = {
  { "ram", TRUE, FALSE, VHU_BLK_IO_MODE_AUTO },
  { "auto", FALSE, FALSE, VHU_BLK_IO_MODE_AUTO },
  { "inline", FALSE, FALSE, VHU_BLK_IO_MODE_INLINE },
  { "io_uring", FALSE, FALSE, VHU_BLK_IO_MODE_IO_URING },
  { "threads", FALSE, FALSE, VHU_BLK_IO_MODE_THREADS },
  { "direct-auto", FALSE, TRUE, VHU_BLK_IO_MODE_AUTO },
  { "direct-inline", FALSE, TRUE, VHU_BLK_IO_MODE_INLINE },
  { "direct-io_uring", FALSE, TRUE, VHU_BLK_IO_MODE_IO_URING },
  { "direct-threads", FALSE, TRUE, VHU_BLK_IO_MODE_THREADS },
};

static void
add (const Setup *setup,
     const char  *what,
     void       (*func) (Fixture *, gconstpointer))
{
  g_autofree char *path = g_strdup_printf ("/devices/blk-engine/%s/%s",
                                           setup->name, what);

  g_test_add (path, Fixture, setup, set_up, func, tear_down);
}

int
main (int    argc,
      char **argv)
{
  guint i;

  g_test_init (&argc, &argv, NULL);

  for (i = 0; i < G_N_ELEMENTS (setups); i++)
    {
      add (&setups[i], "random", test_random);
      add (&setups[i], "ranges", test_ranges);
      if (!setups[i].direct && !setups[i].in_ram)
        add (&setups[i], "flush-error", test_flush_error);
      if (!setups[i].direct)
        {
          add (&setups[i], "past-the-end", test_past_the_end);
          add (&setups[i], "deep", test_deep);
        }
    }
  g_test_add_func ("/devices/blk-store/open-errors", test_open_errors);
  g_test_add_func ("/devices/blk-store/null", test_null);
  g_test_add_func ("/devices/blk-store/ram-bounds", test_ram_bounds);

  return g_test_run ();
}
