/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-test-store.h"

#include <string.h>

G_DEFINE_TYPE (VhuTestStore, vhu_test_store, VHU_TYPE_BLK_STORE)

static void
wait_if_held (VhuTestStore *self)
{
  g_mutex_lock (&self->mutex);
  if (self->held)
    {
      g_atomic_int_inc (&self->n_waiting);
      while (self->held)
        g_cond_wait (&self->cond, &self->mutex);
      g_atomic_int_add (&self->n_waiting, -1);
    }
  g_mutex_unlock (&self->mutex);
}

static int
vhu_test_store_execute (VhuBlkStore    *store,
                        VhuBlkIo       *io,
                        VhuBlkPatience  patience)
{
  VhuTestStore *self = VHU_TEST_STORE (store);

  wait_if_held (self);

  if (io->op == VHU_BLK_OP_FLUSH)
    g_atomic_int_inc (&self->n_flushes);
  if (io->op == VHU_BLK_OP_WRITE)
    g_atomic_int_inc (&self->n_writes);
  if ((io->flags & VHU_BLK_IO_DURABLE) != 0)
    g_atomic_int_inc (&self->n_durable);
  if (g_atomic_int_get (&self->error) != 0)
    return g_atomic_int_get (&self->error);

  while (io->op == VHU_BLK_OP_READ && io->left > 0)
    {
      static const guint8 zeroes[4096];

      vhu_blk_io_scatter (io, zeroes, MIN (io->left, sizeof zeroes));
    }

  return 0;
}

static void
vhu_test_store_finalize (GObject *object)
{
  VhuTestStore *self = VHU_TEST_STORE (object);

  /* The parent waits for its threads; none may be left in here. */
  g_assert_cmpint (g_atomic_int_get (&self->n_waiting), ==, 0);
  g_mutex_clear (&self->mutex);
  g_cond_clear (&self->cond);

  G_OBJECT_CLASS (vhu_test_store_parent_class)->finalize (object);
}

static void
vhu_test_store_class_init (VhuTestStoreClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = vhu_test_store_finalize;
  VHU_BLK_STORE_CLASS (klass)->execute = vhu_test_store_execute;
}

static void
vhu_test_store_init (VhuTestStore *self)
{
  VhuBlkTraits traits = *vhu_blk_store_get_traits (VHU_BLK_STORE (self));

  traits.can_discard = TRUE;
  traits.can_write_zeroes = TRUE;
  vhu_blk_store_set_traits (VHU_BLK_STORE (self), &traits);
  g_mutex_init (&self->mutex);
  g_cond_init (&self->cond);
}

VhuTestStore *
vhu_test_store_new (guint64 size)
{
  VhuTestStore *self = g_object_new (VHU_TYPE_TEST_STORE, NULL);

  vhu_blk_store_set_size (VHU_BLK_STORE (self), size);

  return self;
}

static void
set_held (VhuTestStore *self,
          gboolean      held)
{
  g_mutex_lock (&self->mutex);
  self->held = held;
  g_cond_broadcast (&self->cond);
  g_mutex_unlock (&self->mutex);
}

void
vhu_test_store_hold (VhuTestStore *self)
{
  set_held (self, TRUE);
}

void
vhu_test_store_release (VhuTestStore *self)
{
  set_held (self, FALSE);
}
