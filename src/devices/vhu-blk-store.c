/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-blk-pool-private.h"
#include "vhu-blk-store-private.h"

typedef struct
{
  VhuBlkTraits traits;
  guint64 size; /* atomic: rings read it while the control context refreshes */
  VhuBlkPool *pool;
} VhuBlkStorePrivate;

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (VhuBlkStore, vhu_blk_store, G_TYPE_OBJECT)

static VhuBlkStorePrivate *
get_private (VhuBlkStore *self)
{
  return vhu_blk_store_get_instance_private (self);
}

/* Memory neither grows nor shrinks. */
static gboolean
vhu_blk_store_real_refresh (VhuBlkStore  *self,
                            GError      **error)
{
  return TRUE;
}

static void
vhu_blk_store_finalize (GObject *object)
{
  VhuBlkStorePrivate *priv = get_private (VHU_BLK_STORE (object));

  vhu_blk_pool_free (priv->pool);

  G_OBJECT_CLASS (vhu_blk_store_parent_class)->finalize (object);
}

static void
vhu_blk_store_class_init (VhuBlkStoreClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = vhu_blk_store_finalize;

  klass->refresh = vhu_blk_store_real_refresh;
  klass->open_engine = vhu_blk_engine_new;
}

static void
vhu_blk_store_init (VhuBlkStore *self)
{
  VhuBlkStorePrivate *priv = get_private (self);

  priv->traits.logical_block_size = 512;
  priv->traits.physical_block_size = 512;
  priv->traits.memory_alignment = 1;
  priv->traits.fd = -1;
  priv->pool = vhu_blk_pool_new ();
}

const VhuBlkTraits *
vhu_blk_store_get_traits (VhuBlkStore *self)
{
  return &get_private (self)->traits;
}

void
vhu_blk_store_set_traits (VhuBlkStore        *self,
                          const VhuBlkTraits *traits)
{
  get_private (self)->traits = *traits;
}

/* The threads that do what must not hold up a ring. */
VhuBlkPool *
vhu_blk_store_get_pool (VhuBlkStore *self)
{
  return get_private (self)->pool;
}

VhuBlkEngine *
vhu_blk_store_open_engine (VhuBlkStore             *self,
                           VhuBlkIoMode             mode,
                           GMainContext            *context,
                           const VhuBlkEngineOwner *owner,
                           gpointer                 owner_data)
{
  return VHU_BLK_STORE_GET_CLASS (self)->open_engine (self, mode, context,
                                                      owner, owner_data);
}

/**
 * vhu_blk_store_get_size:
 *
 * Gets how large the store is.
 *
 * It may be called from any thread.
 *
 * Returns: the size in bytes, as it was last found
 *
 * Since: 0.1
 */
guint64
vhu_blk_store_get_size (VhuBlkStore *self)
{
  return __atomic_load_n (&get_private (self)->size, __ATOMIC_RELAXED);
}

void
vhu_blk_store_set_size (VhuBlkStore *self,
                        guint64      size)
{
  __atomic_store_n (&get_private (self)->size, size, __ATOMIC_RELAXED);
}

/**
 * vhu_blk_store_get_read_only:
 *
 * Gets whether the store was opened for reading only.
 *
 * Returns: %TRUE if it cannot be written
 *
 * Since: 0.1
 */
gboolean
vhu_blk_store_get_read_only (VhuBlkStore *self)
{
  return get_private (self)->traits.read_only;
}

/**
 * vhu_blk_store_set_read_only:
 *
 * Lets nobody write to the store.
 *
 * Call it before the store is used.
 *
 * Since: 0.1
 */
void
vhu_blk_store_set_read_only (VhuBlkStore *self)
{
  VhuBlkTraits *traits;

  g_return_if_fail (VHU_IS_BLK_STORE (self));

  traits = &get_private (self)->traits;
  traits->read_only = TRUE;
  traits->can_discard = FALSE;
  traits->can_write_zeroes = FALSE;
  traits->may_unmap = FALSE;
}

/**
 * vhu_blk_store_refresh:
 *
 * Finds out how large the store is now.
 *
 * Returns: %TRUE if the size is known
 *
 * Since: 0.1
 */
gboolean
vhu_blk_store_refresh (VhuBlkStore  *self,
                       GError      **error)
{
  g_return_val_if_fail (VHU_IS_BLK_STORE (self), FALSE);

  return VHU_BLK_STORE_GET_CLASS (self)->refresh (self, error);
}

/**
 * vhu_blk_store_flush:
 *
 * Brings to stable storage what was written. It blocks until that is done.
 *
 * It may be called from any thread.
 *
 * Returns: %TRUE if nothing can be lost any more
 *
 * Since: 0.1
 */
gboolean
vhu_blk_store_flush (VhuBlkStore  *self,
                     GError      **error)
{
  VhuBlkIo io = { .op = VHU_BLK_OP_FLUSH };
  int result;

  g_return_val_if_fail (VHU_IS_BLK_STORE (self), FALSE);

  result = vhu_blk_store_execute (self, &io, VHU_BLK_WAIT);
  if (result == 0)
    return TRUE;

  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (result),
               "cannot flush: %s", g_strerror (result));
  return FALSE;
}
