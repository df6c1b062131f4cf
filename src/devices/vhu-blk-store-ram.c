/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-blk-store-ram.h"
#include "vhu-blk-store-private.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096u

/**
 * VhuBlkStoreRam:
 *
 * Keeps the data in anonymous memory, and loses them at the end.
 *
 * Memory is used for what was written only, and given back by a discard.
 *
 * Since: 0.1
 */
struct _VhuBlkStoreRam
{
  VhuBlkStore parent_instance;

  guint8 *data;
  gsize size;
};

G_DEFINE_TYPE (VhuBlkStoreRam, vhu_blk_store_ram, VHU_TYPE_BLK_STORE)

/* Whole pages are dropped, and read as zeroes from then on. */
static void
clear_range (guint8  *start,
             gsize    size,
             gboolean unmap)
{
  guint8 *first = (guint8 *) (((guintptr) start + PAGE - 1) & ~(gsize) (PAGE - 1));
  guint8 *end = (guint8 *) ((guintptr) (start + size) & ~(gsize) (PAGE - 1));

  if (!unmap || first >= end || madvise (first, end - first, MADV_DONTNEED) < 0)
    {
      memset (start, 0, size);
      return;
    }

  memset (start, 0, first - start);
  memset (end, 0, start + size - end);
}

static int
vhu_blk_store_ram_execute (VhuBlkStore    *store,
                           VhuBlkIo       *io,
                           VhuBlkPatience  patience)
{
  VhuBlkStoreRam *self = (VhuBlkStoreRam *) store;
  guint8 *data;

  if (io->offset > self->size || io->left > self->size - io->offset)
    return EIO;

  data = self->data + io->offset;
  switch (io->op)
    {
    case VHU_BLK_OP_READ:
      vhu_blk_io_scatter (io, data, io->left);
      return 0;
    case VHU_BLK_OP_WRITE:
      vhu_blk_io_gather (io, data, io->left);
      return 0;
    case VHU_BLK_OP_DISCARD:
      clear_range (data, io->left, TRUE);
      return 0;
    case VHU_BLK_OP_WRITE_ZEROES:
      clear_range (data, io->left, (io->flags & VHU_BLK_IO_UNMAP) != 0);
      return 0;
    case VHU_BLK_OP_FLUSH:
      return 0;
    default:
      return ENOTSUP;
    }
}

static void
vhu_blk_store_ram_finalize (GObject *object)
{
  VhuBlkStoreRam *self = VHU_BLK_STORE_RAM (object);

  if (self->data != NULL)
    munmap (self->data, self->size);

  G_OBJECT_CLASS (vhu_blk_store_ram_parent_class)->finalize (object);
}

static void
vhu_blk_store_ram_class_init (VhuBlkStoreRamClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = vhu_blk_store_ram_finalize;
  VHU_BLK_STORE_CLASS (klass)->execute = vhu_blk_store_ram_execute;
}

static void
vhu_blk_store_ram_init (VhuBlkStoreRam *self)
{
}

static gboolean
map_data (VhuBlkStoreRam  *self,
          guint64          size,
          GError         **error)
{
  void *data = MAP_FAILED;

  errno = ENOMEM;
  if (size <= G_MAXSSIZE)
    data = mmap (NULL, size, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno),
                   "cannot have %" G_GUINT64_FORMAT " bytes of memory: %s",
                   size, g_strerror (errno));
      return FALSE;
    }

  self->data = data;
  self->size = size;
  return TRUE;
}

/**
 * vhu_blk_store_ram_new:
 * @size: in bytes
 * @logical_block_size: in bytes, or 0 for the usual one
 *
 * Creates a store in memory.
 *
 * Returns: (transfer full): the store
 *
 * Since: 0.1
 */
VhuBlkStore *
vhu_blk_store_ram_new (guint64   size,
                       guint     logical_block_size,
                       GError  **error)
{
  g_autoptr(VhuBlkStoreRam) self = g_object_new (VHU_TYPE_BLK_STORE_RAM, NULL);
  VhuBlkStore *store = VHU_BLK_STORE (self);
  VhuBlkTraits traits = *vhu_blk_store_get_traits (store);

  if (!map_data (self, size, error))
    return NULL;

  if (logical_block_size != 0)
    traits.logical_block_size = logical_block_size;
  traits.physical_block_size = PAGE;
  traits.discard_granularity = PAGE;
  traits.can_discard = TRUE;
  traits.can_write_zeroes = TRUE;
  traits.may_unmap = TRUE;
  traits.in_memory = TRUE;
  traits.is_instant = TRUE;
  vhu_blk_store_set_traits (store, &traits);
  vhu_blk_store_set_size (store, size);

  return VHU_BLK_STORE (g_steal_pointer (&self));
}
