/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-blk-store-null.h"
#include "vhu-blk-store-private.h"

/**
 * VhuBlkStoreNull:
 *
 * Does nothing, at once.
 *
 * Writes are forgotten, and a read leaves the guest's buffer as it was: what
 * remains is the cost of the queue, which is what this store is there to
 * measure.
 *
 * Since: 0.1
 */
struct _VhuBlkStoreNull
{
  VhuBlkStore parent_instance;
};

G_DEFINE_TYPE (VhuBlkStoreNull, vhu_blk_store_null, VHU_TYPE_BLK_STORE)

static int
vhu_blk_store_null_execute (VhuBlkStore    *store,
                            VhuBlkIo       *io,
                            VhuBlkPatience  patience)
{
  return 0;
}

static void
vhu_blk_store_null_class_init (VhuBlkStoreNullClass *klass)
{
  VHU_BLK_STORE_CLASS (klass)->execute = vhu_blk_store_null_execute;
}

static void
vhu_blk_store_null_init (VhuBlkStoreNull *self)
{
}

/**
 * vhu_blk_store_null_new:
 * @size: in bytes
 * @logical_block_size: in bytes, or 0 for the usual one
 *
 * Creates a store that forgets everything.
 *
 * Returns: (transfer full): the store
 *
 * Since: 0.1
 */
VhuBlkStore *
vhu_blk_store_null_new (guint64 size,
                        guint   logical_block_size)
{
  VhuBlkStore *self = g_object_new (VHU_TYPE_BLK_STORE_NULL, NULL);
  VhuBlkTraits traits = *vhu_blk_store_get_traits (self);

  if (logical_block_size != 0)
    traits.logical_block_size = logical_block_size;
  traits.physical_block_size = MAX (4096, traits.logical_block_size);
  traits.can_discard = TRUE;
  traits.can_write_zeroes = TRUE;
  traits.may_unmap = TRUE;
  traits.in_memory = TRUE;
  traits.is_instant = TRUE;
  vhu_blk_store_set_traits (self, &traits);
  vhu_blk_store_set_size (self, size);

  return self;
}
