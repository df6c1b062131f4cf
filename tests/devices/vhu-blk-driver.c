/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-blk-driver.h"

#include <stddef.h>
#include <string.h>

#define MEMORY_SIZE (32u << 20)
#define QUEUE_SIZE 128
#define HEADER_SIZE 16
#define CONFIG_SIZE offsetof (struct virtio_blk_config, max_secure_erase_sectors)

static guint64
allocate (VhuBlkDriver  *self,
          guint8       **host)
{
  g_autoptr(GError) error = NULL;
  gsize size = VHU_BLK_DRIVER_ROOM + 4096;
  guint64 address = vhu_frontend_allocate (self->frontend, size, &error);

  g_assert_no_error (error);
  *host = vhu_frontend_get_host_pointer (self->frontend, address, size);

  return address;
}

void
vhu_blk_driver_init (VhuBlkDriver *self,
                     VhuFrontend  *frontend)
{
  g_autoptr(GError) error = NULL;

  memset (self, 0, sizeof *self);
  self->frontend = frontend;

  vhu_frontend_negotiate (frontend, &error);
  g_assert_no_error (error);
  vhu_frontend_allocate_memory (frontend, MEMORY_SIZE, 1, &error);
  g_assert_no_error (error);
  vhu_frontend_share_memory (frontend, &error);
  g_assert_no_error (error);
  self->queue = vhu_frontend_add_queue (frontend, 0, QUEUE_SIZE, &error);
  g_assert_no_error (error);

  self->out_address = allocate (self, &self->out);
  self->in_address = allocate (self, &self->in);
}

void
vhu_blk_driver_clear (VhuBlkDriver *self)
{
  g_clear_object (&self->queue);
  vhu_frontend_close (self->frontend);
  g_clear_object (&self->frontend);
}

static void
append (VhuBlkDriver *self,
        guint64       address,
        gsize         size,
        gboolean      writable)
{
  gsize piece = self->piece != 0 ? self->piece : MAX (size, 1);
  gsize offset;

  for (offset = 0; offset < size; offset += piece)
    vhu_driver_queue_append_segment (self->queue, address + offset,
                                     MIN (piece, size - offset), writable);
}

/* Header, data and status in descriptors of their own, unless the pieces are
 * to fall as they may. */
static void
append_parts (VhuBlkDriver *self,
              gsize         out_size,
              gsize         in_size)
{
  gsize head = self->piece == 0 ? MIN (out_size, HEADER_SIZE) : 0;
  gsize tail = self->piece == 0 && in_size > 0 ? 1 : 0;

  append (self, self->out_address, head, FALSE);
  append (self, self->out_address + head, out_size - head, FALSE);
  append (self, self->in_address, in_size - tail, TRUE);
  append (self, self->in_address + in_size - tail, tail, TRUE);
}

guint8
vhu_blk_driver_send (VhuBlkDriver *self,
                     gsize         out_size,
                     gsize         in_size)
{
  g_autoptr(GError) error = NULL;
  guint id;
  int submitted;

  memset (self->in, VHU_BLK_DRIVER_POISON, in_size + 1);
  append_parts (self, out_size, in_size);
  submitted = vhu_driver_queue_submit_appended (self->queue, &error);
  g_assert_no_error (error);

  vhu_driver_queue_kick (self->queue);
  vhu_driver_queue_wait (self->queue, 20000, &error);
  g_assert_no_error (error);
  g_assert_true (vhu_driver_queue_pop (self->queue, &id, &self->used_length));
  g_assert_cmpint (id, ==, submitted);
  g_assert_cmpuint (self->in[in_size], ==, VHU_BLK_DRIVER_POISON);

  return in_size > 0 ? self->in[in_size - 1] : VHU_BLK_DRIVER_POISON;
}

guint8
vhu_blk_driver_request (VhuBlkDriver *self,
                        guint32       type,
                        guint64       sector,
                        gsize         out_size,
                        gsize         in_size)
{
  struct virtio_blk_outhdr header = {
    .type = GUINT32_TO_LE (type),
    .sector = GUINT64_TO_LE (sector),
  };

  memcpy (self->out, &header, sizeof header);

  return vhu_blk_driver_send (self, HEADER_SIZE + out_size, in_size + 1);
}

guint8
vhu_blk_driver_write (VhuBlkDriver *self,
                      guint64       sector,
                      gsize         size,
                      guint8        byte)
{
  memset (self->out + HEADER_SIZE, byte, size);

  return vhu_blk_driver_request (self, VIRTIO_BLK_T_OUT, sector, size, 0);
}

void
vhu_blk_driver_expect (VhuBlkDriver *self,
                       guint64       sector,
                       gsize         size,
                       guint8        byte)
{
  gsize i;

  g_assert_cmpuint (vhu_blk_driver_request (self, VIRTIO_BLK_T_IN, sector, 0,
                                            size), ==, VIRTIO_BLK_S_OK);
  g_assert_cmpuint (self->used_length, ==, size + 1);
  for (i = 0; i < size; i++)
    g_assert_cmpuint (self->in[i], ==, byte);
}

void
vhu_blk_driver_segment (VhuBlkDriver *self,
                        guint         index,
                        guint64       sector,
                        guint32       n_sectors,
                        guint32       flags)
{
  struct virtio_blk_discard_write_zeroes segment = {
    .sector = GUINT64_TO_LE (sector),
    .num_sectors = GUINT32_TO_LE (n_sectors),
    .flags = GUINT32_TO_LE (flags),
  };

  memcpy (self->out + HEADER_SIZE + index * sizeof segment, &segment,
          sizeof segment);
}

void
vhu_blk_driver_config (VhuBlkDriver             *self,
                       struct virtio_blk_config *config)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) bytes = vhu_frontend_get_config (self->frontend, 0,
                                                     CONFIG_SIZE, &error);

  g_assert_no_error (error);
  memset (config, 0, sizeof *config);
  memcpy (config, g_bytes_get_data (bytes, NULL), CONFIG_SIZE);
}

void
vhu_blk_driver_set_wce (VhuBlkDriver *self,
                        gboolean      wce)
{
  guint8 byte = wce;
  g_autoptr(GBytes) bytes = g_bytes_new (&byte, 1);
  g_autoptr(GError) error = NULL;

  vhu_frontend_set_config (self->frontend,
                           offsetof (struct virtio_blk_config, wce), bytes,
                           VHU_CONFIG_ORIGIN_DRIVER, &error);
  g_assert_no_error (error);
}
