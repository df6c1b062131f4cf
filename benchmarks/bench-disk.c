/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "bench-disk.h"

#include <linux/virtio_blk.h>
#include <string.h>

#define DEFAULT_SPAN (G_GUINT64_CONSTANT (1) << 30)
/* All of it is written and read as well. */
#define DEFAULT_VERIFIED_SPAN (G_GUINT64_CONSTANT (1) << 28)
/* Guest memory besides the data: rings, indirect tables, headers. */
#define SPARE_MEMORY (8u << 20)
#define SPARE_MEMORY_PER_SLOT 1024u

static gboolean
check_block_size (const BenchOptions  *options,
                  guint32              logical_size,
                  GError             **error)
{
  if (options->block_size % MAX (1, logical_size) == 0)
    return TRUE;

  g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
               "the block size is %" G_GUINT64_FORMAT ", the disk needs a "
               "multiple of %u", options->block_size, logical_size);
  return FALSE;
}

static gboolean
choose_span (BenchDisk           *self,
             const BenchOptions  *options,
             guint64              n_sectors,
             GError             **error)
{
  const guint64 span = options->span > 0 ? options->span
                       : options->verify ? DEFAULT_VERIFIED_SPAN
                                         : DEFAULT_SPAN;

  self->n_blocks = MIN (n_sectors, span / BENCH_SECTOR_SIZE) /
                   (options->block_size / BENCH_SECTOR_SIZE);
  if (self->n_blocks >= (guint64) options->depth * (guint) options->n_queues)
    return TRUE;

  g_set_error (error, VHU_ERROR, VHU_ERROR_LIMIT,
               "%" G_GUINT64_FORMAT " blocks are to be used, %d queues with "
               "%d requests in flight need one for each",
               self->n_blocks, options->n_queues, options->depth);
  return FALSE;
}

/* From the beginning, because there are back-ends that do not look at the
 * offset, and not to the end, because they differ in where that is. */
static gboolean
read_config (BenchDisk           *self,
             const BenchOptions  *options,
             GError             **error)
{
  g_autoptr(GBytes) bytes =
    vhu_frontend_get_config (self->frontend, 0,
                             offsetof (struct virtio_blk_config,
                                       physical_block_exp),
                             error);
  struct virtio_blk_config config = { 0 };
  guint32 logical_size = BENCH_SECTOR_SIZE;

  if (bytes == NULL)
    return FALSE;

  memcpy (&config, g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
  if (vhu_frontend_has_feature (self->frontend, VIRTIO_BLK_F_BLK_SIZE))
    logical_size = GUINT32_FROM_LE (config.blk_size);

  return check_block_size (options, logical_size, error) &&
         choose_span (self, options, GUINT64_FROM_LE (config.capacity), error);
}

static gboolean
check_abilities (BenchDisk           *self,
                 const BenchOptions  *options,
                 GError             **error)
{
  const guint n_queues = MAX (1, vhu_frontend_get_n_queues (self->frontend));
  const char *problem = NULL;

  if ((options->mode != BENCH_MODE_READ || options->verify) &&
      vhu_frontend_has_feature (self->frontend, VIRTIO_BLK_F_RO))
    problem = "the disk is read-only";
  else if (!vhu_frontend_has_protocol_feature (self->frontend,
                                               VHU_PROTOCOL_FEATURE_CONFIG))
    problem = "the back-end does not tell how large the disk is";
  else if (options->indirect &&
           !vhu_frontend_has_feature (self->frontend,
                                      VHU_FEATURE_INDIRECT_DESC))
    problem = "the back-end does not take indirect descriptors";

  if (problem != NULL)
    g_set_error_literal (error, VHU_ERROR, VHU_ERROR_NOT_SUPPORTED, problem);
  else if ((guint) options->n_queues > n_queues)
    g_set_error (error, VHU_ERROR, VHU_ERROR_NOT_SUPPORTED,
                 "the back-end has %u queues, %d are wanted", n_queues,
                 options->n_queues);
  else
    return TRUE;

  return FALSE;
}

static gboolean
allocate_memory (BenchDisk           *self,
                 const BenchOptions  *options,
                 GError             **error)
{
  const guint64 n_slots = (guint64) options->depth * (guint) options->n_queues;
  /* Blocks of guest memory are rounded up to powers of two. */
  const guint64 per_slot = 2 * options->block_size + SPARE_MEMORY_PER_SLOT;
  const guint64 per_queue = 64 * (guint64) options->queue_size;

  return vhu_frontend_allocate_memory (self->frontend,
                                       SPARE_MEMORY + n_slots * per_slot +
                                         (guint) options->n_queues * per_queue,
                                       1, error) &&
         vhu_frontend_share_memory (self->frontend, error);
}

gboolean
bench_disk_open (BenchDisk           *self,
                 const BenchOptions  *options,
                 GError             **error)
{
  self->frontend = options->socket_path != NULL
                     ? vhu_frontend_open (options->socket_path, error)
                     : vhu_frontend_new_for_fd (options->fd, error);
  if (self->frontend == NULL)
    return FALSE;

  if (options->no_event_idx)
    vhu_frontend_want_feature (self->frontend, VHU_FEATURE_EVENT_IDX, FALSE);
  self->pid = options->pid > 0 ? options->pid
                               : vhu_frontend_get_peer_pid (self->frontend);

  return vhu_frontend_negotiate (self->frontend, error) &&
         check_abilities (self, options, error) &&
         read_config (self, options, error) &&
         allocate_memory (self, options, error);
}

void
bench_disk_clear (BenchDisk *self)
{
  g_clear_object (&self->frontend);
}
