/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "session/vhu-test-server.h"
#include "vhu-blk-driver.h"
#include "vhu-blk-request-private.h"
#include "vhu-blk-store-file.h"
#include "vhu-blk-store-null.h"
#include "vhu-blk-store-ram.h"
#include "vhu-blk.h"
#include "vhu-test-store.h"

#define DISK_SIZE (8u << 20)
#define DISK_SECTORS (DISK_SIZE / 512)
#define N_QUEUES 4

typedef struct
{
  char *path;
  VhuBlkStore *store;
  VhuBlk *blk;
  VhuTestServer *server;
  VhuBlkDriver driver;
} Fixture;

static void
serve (Fixture *self)
{
  self->blk = vhu_blk_new (self->store, N_QUEUES, 256);
  self->server = vhu_test_server_new (VHU_BACKEND (self->blk), 2);
  vhu_blk_driver_init (&self->driver, vhu_test_server_open (self->server));
}

static void
open_file (Fixture *self,
           gboolean read_only)
{
  g_autoptr(GError) error = NULL;
  int fd = g_file_open_tmp ("vhu-blk-XXXXXX", &self->path, &error);

  g_assert_no_error (error);
  g_assert_cmpint (ftruncate (fd, DISK_SIZE), ==, 0);
  close (fd);
  self->store = vhu_blk_store_file_new (self->path, read_only, FALSE, 0, &error);
  g_assert_no_error (error);
}

static void
set_up_file (Fixture       *self,
             gconstpointer  data)
{
  open_file (self, FALSE);
  serve (self);
}

static void
set_up_read_only (Fixture       *self,
                  gconstpointer  data)
{
  open_file (self, TRUE);
  serve (self);
}

static void
set_up_ram (Fixture       *self,
            gconstpointer  data)
{
  self->store = vhu_blk_store_ram_new (DISK_SIZE, 0, NULL);
  serve (self);
}

static void
set_up_null (Fixture       *self,
             gconstpointer  data)
{
  self->store = vhu_blk_store_null_new (DISK_SIZE, 4096);
  serve (self);
}

static void
set_up_test_store (Fixture       *self,
                   gconstpointer  data)
{
  self->store = VHU_BLK_STORE (vhu_test_store_new (DISK_SIZE));
  serve (self);
}

static void
tear_down (Fixture       *self,
           gconstpointer  data)
{
  if (self->driver.frontend != NULL)
    vhu_blk_driver_clear (&self->driver);
  vhu_test_server_free (self->server);
  g_assert_finalize_object (self->blk);
  g_assert_finalize_object (self->store);
  if (self->path != NULL)
    g_unlink (self->path);
  g_free (self->path);
}

/* Another driver after the first one. */
static void
reopen (Fixture *self)
{
  vhu_blk_driver_clear (&self->driver);
  vhu_blk_driver_init (&self->driver, vhu_test_server_open (self->server));
}

static void
test_any_layout (Fixture       *self,
                 gconstpointer  data)
{
  static const gsize pieces[] = { 0, 23, 64, 511, 512, 513, 4096, 1 << 20 };
  VhuBlkDriver *driver = &self->driver;
  guint i;

  for (i = 0; i < 2 * G_N_ELEMENTS (pieces); i++)
    {
      driver->piece = pieces[i / 2];
      vhu_driver_queue_set_indirect (driver->queue, (i & 1) != 0, 0);
      g_assert_cmpuint (vhu_blk_driver_write (driver, 3 * i, 1536, i + 1), ==,
                        VIRTIO_BLK_S_OK);
      g_assert_cmpuint (driver->used_length, ==, 1);
      vhu_blk_driver_expect (driver, 3 * i, 1536, i + 1);
    }

  driver->piece = 0;
  for (i = 0; i < 2 * G_N_ELEMENTS (pieces); i++)
    vhu_blk_driver_expect (driver, 3 * i, 1536, i + 1);
  vhu_blk_driver_expect (driver, 3 * i, 1536, 0);
}

static void
test_large (Fixture       *self,
            gconstpointer  data)
{
  g_assert_cmpuint (vhu_blk_driver_write (&self->driver, 8, 200 << 10, 0x77), ==,
                    VIRTIO_BLK_S_OK);
  vhu_blk_driver_expect (&self->driver, 8, 200 << 10, 0x77);
  vhu_blk_driver_expect (&self->driver, 8 + 400, 512, 0);
}

static void
test_get_id (Fixture       *self,
             gconstpointer  data)
{
  g_assert_cmpuint (vhu_blk_driver_request (&self->driver, VIRTIO_BLK_T_GET_ID,
                                            0, 0, 20), ==, VIRTIO_BLK_S_OK);
  g_assert_cmpuint (self->driver.used_length, ==, 21);
  g_assert_cmpstr ((char *) self->driver.in, ==, "vhu-blk");
}

static void
test_config (Fixture       *self,
             gconstpointer  data)
{
  static const guint offered[] = {
    VIRTIO_BLK_F_SEG_MAX, VIRTIO_BLK_F_BLK_SIZE, VIRTIO_BLK_F_TOPOLOGY,
    VIRTIO_BLK_F_FLUSH, VIRTIO_BLK_F_CONFIG_WCE, VIRTIO_BLK_F_MQ,
    VIRTIO_BLK_F_DISCARD, VIRTIO_BLK_F_WRITE_ZEROES,
  };
  struct virtio_blk_config config;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (offered); i++)
    g_assert_true (vhu_frontend_offers_feature (self->driver.frontend,
                                                offered[i]));
  g_assert_false (vhu_frontend_offers_feature (self->driver.frontend,
                                               VIRTIO_BLK_F_RO));
  g_assert_cmpuint (vhu_frontend_get_n_queues (self->driver.frontend), ==,
                    N_QUEUES);

  vhu_blk_driver_config (&self->driver, &config);
  g_assert_cmpuint (GUINT64_FROM_LE (config.capacity), ==, DISK_SECTORS);
  g_assert_cmpuint (GUINT32_FROM_LE (config.seg_max), ==, 126);
  g_assert_cmpuint (GUINT32_FROM_LE (config.blk_size), ==, 512);
  g_assert_cmpuint (config.physical_block_exp, ==, 3);
  g_assert_cmpuint (config.wce, ==, 1);
  g_assert_cmpuint (GUINT16_FROM_LE (config.num_queues), ==, N_QUEUES);
  g_assert_cmpuint (GUINT32_FROM_LE (config.max_discard_seg), ==, 16);
  g_assert_cmpuint (GUINT32_FROM_LE (config.max_write_zeroes_seg), ==, 16);
  g_assert_cmpuint (config.write_zeroes_may_unmap, ==, 1);
}

static void
test_large_blocks (Fixture       *self,
                   gconstpointer  data)
{
  struct virtio_blk_config config;

  vhu_blk_driver_config (&self->driver, &config);
  g_assert_cmpuint (GUINT32_FROM_LE (config.blk_size), ==, 4096);
  g_assert_cmpuint (config.physical_block_exp, ==, 0);

  g_assert_cmpuint (vhu_blk_driver_write (&self->driver, 8, 4096, 1), ==,
                    VIRTIO_BLK_S_OK);
  g_assert_cmpuint (vhu_blk_driver_write (&self->driver, 1, 4096, 1), ==,
                    VIRTIO_BLK_S_IOERR);
  g_assert_cmpuint (vhu_blk_driver_write (&self->driver, 8, 512, 1), ==,
                    VIRTIO_BLK_S_IOERR);
}

/* There is nothing on it, and nothing comes from it. */
static void
test_null_leaves_buffers (Fixture       *self,
                          gconstpointer  data)
{
  vhu_blk_driver_expect (&self->driver, 0, 4096, VHU_BLK_DRIVER_POISON);
}

static void
test_ranges (Fixture       *self,
             gconstpointer  data)
{
  VhuBlkDriver *driver = &self->driver;
  struct stat st;
  guint i;

  for (i = 0; i < 40; i++)
    g_assert_cmpuint (vhu_blk_driver_write (driver, 16 * i, 8192, 0x55), ==,
                      VIRTIO_BLK_S_OK);

  for (i = 0; i < 16; i++)
    vhu_blk_driver_segment (driver, i, 32 * i, 16, i & 1);
  driver->piece = 7;
  vhu_driver_queue_set_indirect (driver->queue, TRUE, 0);
  g_assert_cmpuint (vhu_blk_driver_request (driver, VIRTIO_BLK_T_WRITE_ZEROES,
                                            0, 256, 0), ==, VIRTIO_BLK_S_OK);
  driver->piece = 0;
  for (i = 0; i < 40; i++)
    vhu_blk_driver_expect (driver, 16 * i, 8192,
                           i < 32 && i % 2 == 0 ? 0 : 0x55);

  for (i = 0; i < 2; i++)
    vhu_blk_driver_segment (driver, i, 320 * i, 320, 0);
  g_assert_cmpuint (vhu_blk_driver_request (driver, VIRTIO_BLK_T_DISCARD, 0, 32,
                                            0), ==, VIRTIO_BLK_S_OK);
  vhu_blk_driver_expect (driver, 0, 200 << 10, 0);
  g_assert_cmpint (stat (self->path, &st), ==, 0);
  g_assert_cmpint (st.st_blocks, ==, 0);
  g_assert_cmpint (st.st_size, ==, DISK_SIZE);
  g_assert_cmpuint (vhu_blk_driver_request (driver, VIRTIO_BLK_T_FLUSH, 0, 0, 0),
                    ==, VIRTIO_BLK_S_OK);
}

typedef struct
{
  guint32 type;
  guint64 sector;
  gsize out_size;
  gsize in_size;
  guint8 status;
} Hostile;

static const Hostile hostile[] = {
  { VIRTIO_BLK_T_IN, DISK_SECTORS, 0, 512, VIRTIO_BLK_S_IOERR },
  { VIRTIO_BLK_T_IN, DISK_SECTORS - 1, 0, 1024, VIRTIO_BLK_S_IOERR },
  { VIRTIO_BLK_T_IN, G_MAXUINT64, 0, 512, VIRTIO_BLK_S_IOERR },
  { VIRTIO_BLK_T_IN, G_MAXUINT64 >> 9, 0, 512, VIRTIO_BLK_S_IOERR },
  { VIRTIO_BLK_T_OUT, (G_MAXUINT64 >> 9) + 1, 512, 0, VIRTIO_BLK_S_IOERR },
  { VIRTIO_BLK_T_IN, 0, 0, 511, VIRTIO_BLK_S_IOERR },
  { VIRTIO_BLK_T_OUT, 0, 513, 0, VIRTIO_BLK_S_IOERR },
  { VIRTIO_BLK_T_SECURE_ERASE, 0, 16, 0, VIRTIO_BLK_S_UNSUPP },
  { 2, 0, 0, 512, VIRTIO_BLK_S_UNSUPP },
  { 0x80000001, 0, 512, 0, VIRTIO_BLK_S_UNSUPP },
  { G_MAXUINT32, 0, 0, 0, VIRTIO_BLK_S_UNSUPP },
  { VIRTIO_BLK_T_DISCARD, 0, 0, 0, VIRTIO_BLK_S_IOERR },
  { VIRTIO_BLK_T_DISCARD, 0, 15, 0, VIRTIO_BLK_S_IOERR },
  { VIRTIO_BLK_T_DISCARD, 0, 17 * 16, 0, VIRTIO_BLK_S_IOERR },
  { VIRTIO_BLK_T_WRITE_ZEROES, 0, 17, 0, VIRTIO_BLK_S_IOERR },
};

static void
test_hostile (Fixture       *self,
              gconstpointer  data)
{
  VhuBlkDriver *driver = &self->driver;
  guint i;
  gsize size;

  memset (driver->out, 0, 4096);
  for (i = 0; i < G_N_ELEMENTS (hostile); i++)
    {
      g_assert_cmpuint (vhu_blk_driver_request (driver, hostile[i].type,
                                                hostile[i].sector,
                                                hostile[i].out_size,
                                                hostile[i].in_size), ==,
                        hostile[i].status);
      g_assert_cmpuint (driver->used_length, ==, 1);
      for (size = 0; size < hostile[i].in_size; size++)
        g_assert_cmpuint (driver->in[size], ==, VHU_BLK_DRIVER_POISON);
    }

  /* A header that is too short still has a place for the status. */
  for (size = 1; size < 16; size++)
    g_assert_cmpuint (vhu_blk_driver_send (driver, size, 512), ==,
                      VIRTIO_BLK_S_IOERR);
  g_assert_cmpuint (vhu_blk_driver_send (driver, 0, 1), ==, VIRTIO_BLK_S_IOERR);

  vhu_blk_driver_expect (driver, 0, 4096, 0);
}

static void
read_n_failed (gpointer server,
               gpointer n_failed)
{
  *(guint64 *) n_failed = vhu_server_get_n_failed (server);
}

/* Nothing can be said to the driver, but the chain comes back. */
static void
test_no_status (Fixture       *self,
                gconstpointer  data)
{
  VhuBlkDriver *driver = &self->driver;
  guint64 n_failed;
  gsize size;

  memset (driver->out, 0, 64);
  for (size = 1; size < 32; size += 5)
    {
      vhu_blk_driver_send (driver, size, 0);
      g_assert_cmpuint (driver->used_length, ==, 0);
    }
  vhu_test_server_run (self->server, read_n_failed, &n_failed);
  g_assert_cmpuint (n_failed, ==, 7);

  vhu_blk_driver_expect (driver, 0, 4096, 0);
}

static void
test_read_only (Fixture       *self,
                gconstpointer  data)
{
  VhuBlkDriver *driver = &self->driver;

  g_assert_true (vhu_frontend_has_feature (driver->frontend, VIRTIO_BLK_F_RO));
  g_assert_false (vhu_frontend_offers_feature (driver->frontend,
                                               VIRTIO_BLK_F_DISCARD));
  g_assert_cmpuint (vhu_blk_driver_write (driver, 0, 512, 1), ==,
                    VIRTIO_BLK_S_IOERR);
  vhu_blk_driver_segment (driver, 0, 0, 8, 0);
  g_assert_cmpuint (vhu_blk_driver_request (driver, VIRTIO_BLK_T_WRITE_ZEROES,
                                            0, 16, 0), ==, VIRTIO_BLK_S_IOERR);
  g_assert_cmpuint (vhu_blk_driver_request (driver, VIRTIO_BLK_T_FLUSH, 0, 0, 0),
                    ==, VIRTIO_BLK_S_OK);
  vhu_blk_driver_expect (driver, 0, 4096, 0);
}

/* Whether a write has to be stable when it ends. */
static gboolean
write_is_durable (Fixture *self)
{
  VhuTestStore *store = VHU_TEST_STORE (self->store);
  int before = g_atomic_int_get (&store->n_durable);

  g_assert_cmpuint (vhu_blk_driver_write (&self->driver, 0, 512, 1), ==,
                    VIRTIO_BLK_S_OK);

  return g_atomic_int_get (&store->n_durable) != before;
}

static void
test_write_cache (Fixture       *self,
                  gconstpointer  data)
{
  struct virtio_blk_config config;
  g_autoptr(GError) error = NULL;

  g_assert_false (write_is_durable (self));
  vhu_blk_driver_set_wce (&self->driver, FALSE);
  g_assert_true (write_is_durable (self));
  vhu_blk_driver_set_wce (&self->driver, TRUE);
  g_assert_false (write_is_durable (self));

  vhu_blk_driver_set_wce (&self->driver, FALSE);
  vhu_frontend_reset_device (self->driver.frontend, &error);
  g_assert_no_error (error);
  vhu_blk_driver_config (&self->driver, &config);
  g_assert_cmpuint (config.wce, ==, 1);
}

/* After a reconnection nobody repeats what the driver chose: what it believes to
 * be stable has to be. */
static void
test_write_cache_stays_off (Fixture       *self,
                            gconstpointer  data)
{
  struct virtio_blk_config config;

  vhu_blk_driver_set_wce (&self->driver, FALSE);
  reopen (self);
  vhu_blk_driver_config (&self->driver, &config);
  g_assert_cmpuint (config.wce, ==, 0);
  g_assert_true (write_is_durable (self));

  vhu_blk_driver_set_wce (&self->driver, TRUE);
  g_assert_false (write_is_durable (self));
}

/* Nor does a driver's choice weaken the administrator's for the next one. */
static void
test_write_cache_comes_off (Fixture       *self,
                            gconstpointer  data)
{
  struct virtio_blk_config config;

  vhu_blk_driver_clear (&self->driver);
  vhu_blk_set_writethrough (self->blk, TRUE);
  vhu_blk_driver_init (&self->driver, vhu_test_server_open (self->server));
  vhu_blk_driver_set_wce (&self->driver, TRUE);
  g_assert_false (write_is_durable (self));

  reopen (self);
  vhu_blk_driver_config (&self->driver, &config);
  g_assert_cmpuint (config.wce, ==, 0);
  g_assert_true (write_is_durable (self));
}

static void
test_no_flush_no_cache (Fixture       *self,
                        gconstpointer  data)
{
  VhuFrontend *frontend;

  vhu_blk_driver_clear (&self->driver);
  frontend = vhu_test_server_open (self->server);
  vhu_frontend_want_feature (frontend, VIRTIO_BLK_F_FLUSH, FALSE);
  vhu_frontend_want_feature (frontend, VIRTIO_BLK_F_CONFIG_WCE, FALSE);
  vhu_blk_driver_init (&self->driver, frontend);
  g_assert_true (write_is_durable (self));
}

static void
test_flush_is_passed_on (Fixture       *self,
                         gconstpointer  data)
{
  VhuTestStore *store = VHU_TEST_STORE (self->store);

  g_assert_cmpuint (vhu_blk_driver_request (&self->driver, VIRTIO_BLK_T_FLUSH, 0,
                                            0, 0), ==, VIRTIO_BLK_S_OK);
  g_assert_cmpint (g_atomic_int_get (&store->n_flushes), ==, 1);
}

static void
test_storage_errors (Fixture       *self,
                     gconstpointer  data)
{
  static const int errors[] = { EIO, ENOSPC, EFAULT, ENXIO };
  VhuTestStore *store = VHU_TEST_STORE (self->store);
  VhuBlkDriver *driver = &self->driver;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (errors); i++)
    {
      g_atomic_int_set (&store->error, errors[i]);
      g_assert_cmpuint (vhu_blk_driver_write (driver, 0, 512, 1), ==,
                        VIRTIO_BLK_S_IOERR);
      g_assert_cmpuint (vhu_blk_driver_request (driver, VIRTIO_BLK_T_IN, 0, 0,
                                                512), ==, VIRTIO_BLK_S_IOERR);
      g_assert_cmpuint (driver->used_length, ==, 1);
      g_assert_cmpuint (vhu_blk_driver_request (driver, VIRTIO_BLK_T_FLUSH, 0, 0,
                                                0), ==, VIRTIO_BLK_S_IOERR);
      vhu_blk_driver_segment (driver, 0, 0, 8, 0);
      vhu_blk_driver_segment (driver, 1, 8, 8, 0);
      g_assert_cmpuint (vhu_blk_driver_request (driver, VIRTIO_BLK_T_DISCARD, 0,
                                                32, 0), ==, VIRTIO_BLK_S_IOERR);
    }

  g_atomic_int_set (&store->error, 0);
  vhu_blk_driver_expect (driver, 0, 4096, 0);
}

static void
test_resize (Fixture       *self,
             gconstpointer  data)
{
  static const guint64 sizes[] = {
    2 * DISK_SIZE, 2 * DISK_SIZE + 4096 + 100, DISK_SIZE / 2,
  };
  VhuFrontend *frontend = self->driver.frontend;
  struct virtio_blk_config config;
  g_autoptr(GError) error = NULL;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      guint64 last = sizes[i] / 512 - 1;

      g_assert_cmpint (truncate (self->path, sizes[i]), ==, 0);
      vhu_frontend_wait_config_change (frontend, &error);
      g_assert_no_error (error);
      vhu_blk_driver_config (&self->driver, &config);
      g_assert_cmpuint (GUINT64_FROM_LE (config.capacity), ==, last + 1);
      vhu_blk_driver_expect (&self->driver, last, 512, 0);
      g_assert_cmpuint (vhu_blk_driver_write (&self->driver, last + 1, 512, 1),
                        ==, VIRTIO_BLK_S_IOERR);
    }
  g_assert_cmpuint (vhu_frontend_get_n_config_changes (frontend), ==,
                    G_N_ELEMENTS (sizes));
}

static void
refresh_in_control (gpointer server,
                    gpointer blk)
{
  g_assert_true (vhu_blk_refresh (blk, NULL));
}

/* A driver that comes later sees the size of that time, without being told. */
static void
test_resize_between_sessions (Fixture       *self,
                              gconstpointer  data)
{
  struct virtio_blk_config config;

  vhu_blk_driver_clear (&self->driver);
  g_assert_cmpint (truncate (self->path, 2 * DISK_SIZE), ==, 0);
  vhu_test_server_run (self->server, refresh_in_control, self->blk);
  vhu_blk_driver_init (&self->driver, vhu_test_server_open (self->server));
  vhu_blk_driver_config (&self->driver, &config);
  g_assert_cmpuint (GUINT64_FROM_LE (config.capacity), ==, 2 * DISK_SECTORS);
}

static gpointer
stop_queue (gpointer user_data)
{
  VhuBlkDriver *driver = user_data;
  g_autoptr(GError) error = NULL;

  vhu_driver_queue_stop (driver->queue, &error);
  g_assert_no_error (error);

  return NULL;
}

/* @n writes that do not end. */
static void
submit_held (Fixture *self,
             guint    n)
{
  VhuTestStore *store = VHU_TEST_STORE (self->store);
  struct virtio_blk_outhdr header = { .type = GUINT32_TO_LE (VIRTIO_BLK_T_OUT) };
  g_autoptr(GError) error = NULL;
  guint i;

  memcpy (self->driver.out, &header, sizeof header);
  vhu_test_store_hold (store);
  for (i = 0; i < n; i++)
    {
      vhu_driver_queue_append_segment (self->driver.queue,
                                       self->driver.out_address, 16 + 512, FALSE);
      vhu_driver_queue_append_segment (self->driver.queue,
                                       self->driver.in_address + i, 1, TRUE);
      vhu_driver_queue_submit_appended (self->driver.queue, &error);
      g_assert_no_error (error);
    }
  vhu_driver_queue_kick (self->driver.queue);
  vhu_test_wait_for (&store->n_waiting, MIN (n, 16));
}

/* GET_VRING_BASE answers when what is under way has ended, not before. */
static void
test_stop_waits (Fixture       *self,
                 gconstpointer  data)
{
  VhuTestStore *store = VHU_TEST_STORE (self->store);
  GThread *thread;
  guint id, i;
  guint32 length;

  submit_held (self, 20);
  thread = g_thread_new ("stop", stop_queue, &self->driver);
  g_assert_cmpuint (vhu_driver_queue_peek_used_index (self->driver.queue), ==, 0);
  vhu_test_store_release (store);
  g_thread_join (thread);

  g_assert_cmpuint (vhu_driver_queue_get_base (self->driver.queue), ==, 20);
  g_assert_cmpuint (vhu_driver_queue_peek_used_index (self->driver.queue), ==,
                    20);
  g_assert_cmpint (g_atomic_int_get (&store->n_writes), ==, 20);
  for (i = 0; i < 20; i++)
    g_assert_true (vhu_driver_queue_pop (self->driver.queue, &id, &length));
}

/* A front-end goes away in the middle; the next one is served all the same. */
static void
test_hang_up_with_io_under_way (Fixture       *self,
                                gconstpointer  data)
{
  VhuTestStore *store = VHU_TEST_STORE (self->store);

  submit_held (self, 20);
  vhu_blk_driver_clear (&self->driver);
  vhu_test_store_release (store);
  vhu_blk_driver_init (&self->driver, vhu_test_server_open (self->server));
  vhu_blk_driver_expect (&self->driver, 0, 4096, 0);
  g_assert_cmpint (g_atomic_int_get (&store->n_writes), ==, 20);
}

static void
test_map (Fixture       *self,
          gconstpointer  data)
{
  VhuBackend *backend = VHU_BACKEND (self->blk);
  guint i;

  for (i = 0; i < 64; i++)
    g_assert_cmpuint (vhu_backend_map_queue (backend, i, 3), ==, i % 3);
}

static void
add (const char *path,
     void      (*set_up) (Fixture *, gconstpointer),
     void      (*func) (Fixture *, gconstpointer))
{
  g_autofree char *full = g_strconcat ("/devices/blk/", path, NULL);

  g_test_add (full, Fixture, NULL, set_up, func, tear_down);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  add ("any-layout", set_up_file, test_any_layout);
  add ("any-layout-in-ram", set_up_ram, test_any_layout);
  add ("large", set_up_file, test_large);
  add ("get-id", set_up_file, test_get_id);
  add ("config", set_up_file, test_config);
  add ("large-blocks", set_up_null, test_large_blocks);
  add ("null-leaves-buffers", set_up_null, test_null_leaves_buffers);
  add ("ranges", set_up_file, test_ranges);
  add ("hostile-requests-are-refused", set_up_file, test_hostile);
  add ("no-status-no-length", set_up_file, test_no_status);
  add ("read-only", set_up_read_only, test_read_only);
  add ("write-cache", set_up_test_store, test_write_cache);
  add ("write-cache-stays-off", set_up_test_store, test_write_cache_stays_off);
  add ("write-cache-comes-off", set_up_test_store, test_write_cache_comes_off);
  add ("no-flush-no-cache", set_up_test_store, test_no_flush_no_cache);
  add ("flush-is-passed-on", set_up_test_store, test_flush_is_passed_on);
  add ("storage-errors", set_up_test_store, test_storage_errors);
  add ("resize", set_up_file, test_resize);
  add ("resize-between-sessions", set_up_file, test_resize_between_sessions);
  add ("stop-waits", set_up_test_store, test_stop_waits);
  add ("hang-up-with-io-under-way", set_up_test_store,
       test_hang_up_with_io_under_way);
  add ("map", set_up_null, test_map);

  return g_test_run ();
}
