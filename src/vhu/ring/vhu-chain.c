/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-chain.h"

#include "vhu-boxed-private.h"
#include "vhu-error.h"
#include "vhu-vring-struct-private.h"

/**
 * VhuChain:
 *
 * One request of the driver: a chain of buffers in the guest's memory.
 *
 * The readable part is what the driver tells the device, the writable part is
 * where the device answers. How the driver cuts them into buffers has no
 * meaning, and the functions here do not show it: each part is read or written
 * from its beginning, at a position that moves along.
 *
 * A chain is ended exactly once, by [method@Chain.complete],
 * [method@Chain.complete_full] or [method@Chain.fail], on any thread. From then
 * on the handle is dead: calls return %VHU_ERROR_REVOKED and touch nothing. The
 * same happens to chains that a device still holds when its queue was to be
 * stopped and the time for that is over. A chain whose last reference is
 * dropped while it was neither ended nor parked has failed.
 *
 * A handle may move from thread to thread, but must not be used by two at once.
 *
 * Since: 0.1
 */
void
vhu_chain_set_revoked (VhuChain  *self,
                       GError   **error)
{
  g_set_error (error, VHU_ERROR, VHU_ERROR_REVOKED,
               "chain %u of queue %u was completed or taken away",
               self->head, self->vring->index);
}

/* Life */

/**
 * vhu_chain_ref:
 * @self: a chain
 *
 * Takes a reference.
 *
 * This function may be called from any thread.
 *
 * Returns: (transfer full): @self
 *
 * Since: 0.1
 */
VhuChain *
vhu_chain_ref (VhuChain *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  __atomic_fetch_add (&self->ref_count, 1, __ATOMIC_RELAXED);
  return self;
}

/* Both are TRUE if the ring takes the last reference over. */

static gboolean
drop_later (VhuChain *self)
{
  return vhu_chain_exchange_state (self, VHU_CHAIN_HELD, VHU_CHAIN_DROPPED) &&
         vhu_vring_hand_over (self->vring, self);
}

static gboolean
drop_now (VhuChain *self)
{
  VhuVring *vring = self->vring;

  if (!vhu_vring_is_here (vring))
    return drop_later (self);

  if (vring->is_started)
    vhu_vring_fail_chain (vring, self);
  else
    vhu_vring_end_chain (vring, self, 0);
  return FALSE;
}

static void
drop (VhuChain *self,
      gboolean  (*drop_held) (VhuChain *self))
{
  if (!vhu_chain_drop_ref (self))
    return;

  if (G_UNLIKELY (vhu_chain_get_state (self) == VHU_CHAIN_HELD))
    {
      __atomic_store_n (&self->ref_count, 1, __ATOMIC_RELAXED);
      if (drop_held (self))
        return;
      /* The device may have taken a reference while it wrote its status. */
      if (!vhu_chain_drop_ref (self))
        return;
    }

  vhu_vring_return_chain (self->vring, self);
}

/* A script drops its handle in the middle of anything, the garbage collection
 * included, where no method of the device may run: the chain fails when the ring
 * is looked at the next time. */
static void
drop_handle_of_script (VhuChain *self)
{
  drop (self, drop_later);
}

VHU_DEFINE_BOXED_TYPE_FULL (VhuChain, vhu_chain, vhu_chain_ref, drop_handle_of_script)

/**
 * vhu_chain_unref:
 * @self: (transfer full): a chain
 *
 * Drops a reference.
 *
 * If it was the last one and the chain was neither ended nor parked, the chain
 * fails as by [method@Chain.fail]. This function may be called from any thread.
 *
 * Since: 0.1
 */
void
vhu_chain_unref (VhuChain *self)
{
  g_return_if_fail (self != NULL);

  drop (self, drop_now);
}

/**
 * vhu_chain_get_vring:
 * @self: a chain
 *
 * Gets the ring that the chain was taken from.
 *
 * This function may be called from any thread.
 *
 * Returns: (transfer none): the ring
 *
 * Since: 0.1
 */
VhuVring *
vhu_chain_get_vring (VhuChain *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->vring;
}

/**
 * vhu_chain_get_id:
 * @self: a chain
 *
 * Gets the number by which the driver knows the chain.
 *
 * No two chains of a ring that are held at the same time have the same one, and
 * it is less than the size of the ring. This function may be called from any
 * thread.
 *
 * Returns: the number
 *
 * Since: 0.1
 */
guint
vhu_chain_get_id (VhuChain *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->head;
}

/**
 * vhu_chain_is_revoked:
 * @self: a chain
 *
 * Gets whether the handle is dead: the chain has ended, is parked, or was taken
 * away because its queue had to stop.
 *
 * A chain that is alive may be dead a moment later, unless the caller is on the
 * thread of the ring. This function may be called from any thread.
 *
 * Returns: %TRUE if nothing can be done with the chain any more
 *
 * Since: 0.1
 */
gboolean
vhu_chain_is_revoked (VhuChain *self)
{
  VhuChainState state;

  g_return_val_if_fail (self != NULL, TRUE);

  state = vhu_chain_get_state (self);
  return state != VHU_CHAIN_HELD && state != VHU_CHAIN_FAILING;
}

/* What is in it */

/**
 * vhu_chain_get_readable_size:
 * @self: a chain
 *
 * Gets how many bytes the driver gives to the device.
 *
 * Returns: the number of bytes, from 0 to 4 GiB
 *
 * Since: 0.1
 */
guint64
vhu_chain_get_readable_size (VhuChain *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->readable_size;
}

/**
 * vhu_chain_get_writable_size:
 * @self: a chain
 *
 * Gets how many bytes the device may write at most.
 *
 * Returns: the number of bytes, from 0 to 4 GiB
 *
 * Since: 0.1
 */
guint64
vhu_chain_get_writable_size (VhuChain *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->writable_size;
}

/**
 * vhu_chain_get_n_read:
 * @self: a chain
 *
 * Gets the position in the readable part.
 *
 * Returns: the offset of the byte that [method@Chain.read] yields next
 *
 * Since: 0.1
 */
guint64
vhu_chain_get_n_read (VhuChain *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->reader.position;
}

/**
 * vhu_chain_get_n_written:
 * @self: a chain
 *
 * Gets how many bytes of the writable part [method@Chain.complete] reports as
 * written: up to the last one that was, wherever the position is now.
 *
 * Returns: the number of bytes
 *
 * Since: 0.1
 */
guint64
vhu_chain_get_n_written (VhuChain *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->n_written;
}

gboolean
vhu_chain_touches (VhuChain     *self,
                   const guint8 *host,
                   guint64       size)
{
  for (guint i = 0; i < self->n_readable + self->n_writable; i++)
    if ((guintptr) self->iov[i].iov_base - (guintptr) host < size)
      return TRUE;

  return FALSE;
}

/**
 * vhu_chain_get_data: (skip)
 * @self: a chain
 *
 * Gets the device's own area of the chain, which
 * vhu_vring_set_chain_data_size() asked for.
 *
 * It is aligned for any type, valid as long as the reference, and holds what was
 * left there by an earlier request: it is not cleared. Nobody else looks at it.
 *
 * Returns: (transfer none) (nullable): the area, or %NULL if none was asked for
 *
 * Since: 0.1
 */
gpointer
vhu_chain_get_data (VhuChain *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->data;
}

/* Ending */

/* As many as the cursor says. */
#define N_WRITTEN G_MAXUINT64

/* The used length has 32 bits, and the longest chain is one byte longer. To be
 * called when the chain is claimed: a dead one may be the ring's. */
static guint32
get_used_length (VhuChain *self,
                 guint64   n_written)
{
  if (n_written == N_WRITTEN)
    n_written = self->n_written;
  return (guint32) MIN (n_written, G_MAXUINT32);
}

/* On the ring's thread; TRUE if the chain is the caller's to end. */
static gboolean
claim (VhuChain      *self,
       VhuChainState  state)
{
  VhuChainState now = vhu_chain_get_state (self);

  if (now == VHU_CHAIN_FAILING)
    {
      vhu_chain_set_state (self, state);
      return TRUE;
    }

  if (now != VHU_CHAIN_HELD)
    return FALSE;

  /* Nobody else can have a hand on the chain of a sole owner. */
  if (G_UNLIKELY (!vhu_chain_has_one_owner (self)))
    return vhu_chain_exchange_state (self, VHU_CHAIN_HELD, state);

  vhu_chain_set_state (self, state);
  return TRUE;
}

static gboolean
end_elsewhere (VhuChain      *self,
               VhuChainState  state,
               guint64        n_written)
{
  if (!vhu_chain_exchange_state (self, VHU_CHAIN_HELD, state))
    return FALSE;

  self->n_used = get_used_length (self, n_written);
  vhu_chain_ref (self);
  if (vhu_vring_hand_over (self->vring, self))
    return TRUE;

  vhu_chain_set_state (self, VHU_CHAIN_REVOKED);
  vhu_chain_unref (self);
  return FALSE;
}

static gboolean
complete (VhuChain  *self,
          guint64    n_written,
          GError   **error)
{
  if (G_UNLIKELY (!vhu_vring_is_here (self->vring)))
    {
      if (end_elsewhere (self, VHU_CHAIN_COMPLETED, n_written))
        return TRUE;
    }
  else if (G_LIKELY (claim (self, VHU_CHAIN_ENDED)))
    {
      vhu_vring_end_chain (self->vring, self, get_used_length (self, n_written));
      return TRUE;
    }

  vhu_chain_set_revoked (self, error);
  return FALSE;
}

/**
 * vhu_chain_complete:
 * @self: a chain
 * @error: return location for an error
 *
 * Gives the chain back to the driver, as finished.
 *
 * The driver is told that as many bytes were written as were written with
 * [method@Chain.write]. The caller keeps its reference. This function may be
 * called from any thread.
 *
 * Returns: %TRUE, or %FALSE if the handle is dead
 *
 * Since: 0.1
 */
gboolean
vhu_chain_complete (VhuChain  *self,
                    GError   **error)
{
  g_return_val_if_fail (self != NULL, FALSE);

  return complete (self, N_WRITTEN, error);
}

/**
 * vhu_chain_complete_full:
 * @self: a chain
 * @n_written: bytes that the device wrote, from the first writable one on
 * @error: return location for an error
 *
 * Gives the chain back to the driver, as finished, if it was not written with
 * [method@Chain.write].
 *
 * It must not be told more than was written: the driver would take old bytes of
 * its own for an answer. The caller keeps its reference. This function may be
 * called from any thread.
 *
 * Returns: %TRUE, or %FALSE if the handle is dead, or the writable part smaller
 *   than @n_written
 *
 * Since: 0.1
 */
gboolean
vhu_chain_complete_full (VhuChain  *self,
                         gsize      n_written,
                         GError   **error)
{
  g_return_val_if_fail (self != NULL, FALSE);

  if (n_written > self->writable_size)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
                   "%" G_GSIZE_FORMAT " bytes written to chain %u of queue %u, which has "
                   "room for %" G_GUINT64_FORMAT, n_written, self->head,
                   self->vring->index, self->writable_size);
      return FALSE;
    }

  return complete (self, n_written, error);
}

/**
 * vhu_chain_fail:
 * @self: a chain
 * @error: return location for an error
 *
 * Gives the chain back to the driver with the error status of the device.
 *
 * What that is, [vfunc@Backend.fail_chain] writes: on the ring's thread, from
 * the beginning of the writable part. Bytes written before do not count. The
 * caller keeps its reference. This function may be called from any thread.
 *
 * Returns: %TRUE, or %FALSE if the handle is dead
 *
 * Since: 0.1
 */
gboolean
vhu_chain_fail (VhuChain  *self,
                GError   **error)
{
  g_return_val_if_fail (self != NULL, FALSE);

  if (!vhu_vring_is_here (self->vring))
    {
      if (end_elsewhere (self, VHU_CHAIN_DROPPED, 0))
        return TRUE;
    }
  else if (vhu_chain_get_state (self) == VHU_CHAIN_HELD && claim (self, VHU_CHAIN_FAILING))
    {
      vhu_vring_fail_chain (self->vring, self);
      return TRUE;
    }

  vhu_chain_set_revoked (self, error);
  return FALSE;
}

/**
 * vhu_chain_park:
 * @self: a chain
 * @error: return location for an error
 *
 * Puts the chain back, to be popped again when the queue is started the next
 * time.
 *
 * It is for [vfunc@Backend.vring_stopping], and chains that wait for something
 * that may never come, such as buffers for events: they need no answer before
 * the queue can stop. The handle is dead from here on. When the queue goes on
 * where it was stopped, its parked chains come first and in their old order;
 * when it is set up anew they are forgotten.
 *
 * Returns: %TRUE, or %FALSE if the handle is dead or the caller is not on the
 *   thread of the ring
 *
 * Since: 0.1
 */
gboolean
vhu_chain_park (VhuChain  *self,
                GError   **error)
{
  gboolean is_here;

  g_return_val_if_fail (self != NULL, FALSE);

  is_here = vhu_vring_is_here (self->vring);
  if (!is_here && !vhu_chain_is_revoked (self))
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_STATE,
                   "chain %u of queue %u can be parked on the thread of its ring only",
                   self->head, self->vring->index);
      return FALSE;
    }

  /* A ring that is closed has no thread any more. */
  if (!is_here || !claim (self, VHU_CHAIN_PARKED))
    {
      vhu_chain_set_revoked (self, error);
      return FALSE;
    }

  vhu_vring_park_chain (self->vring, self);
  return TRUE;
}
