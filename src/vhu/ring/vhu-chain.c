/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-chain.h"

#include <string.h>

#include "vhu-boxed-private.h"
#include "vhu-error.h"
#include "vhu-vring-struct-private.h"

/* A copy that is larger than this is no sensible request: the driver decides how
 * long a chain is, and must not decide how much memory a device takes. */
#define COPY_LIMIT (64u << 20)

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
VHU_DEFINE_BOXED_TYPE (VhuChain, vhu_chain)

/* Access from other threads */

typedef enum
{
  ACCESS_NONE,
  ACCESS_DIRECT,
  ACCESS_LOCKED
} Access;

static void
set_revoked (VhuChain  *self,
             GError   **error)
{
  g_set_error (error, VHU_ERROR, VHU_ERROR_REVOKED,
               "chain %u of queue %u was completed or taken away",
               self->head, self->vring->index);
}

/* On the ring's thread nothing can come in between. Elsewhere the ring may be
 * about to revoke the chain, and waits for the mutex then. */
static Access
begin_access (VhuChain  *self,
              GError   **error)
{
  VhuVring *vring = self->vring;
  VhuChainState state;

  if (G_LIKELY (vhu_vring_is_here (vring)))
    {
      state = vhu_chain_get_state (self);
      if (G_LIKELY (state == VHU_CHAIN_HELD || state == VHU_CHAIN_FAILING))
        return ACCESS_DIRECT;
    }
  else
    {
      g_mutex_lock (&vring->mutex);
      if (vhu_chain_get_state (self) == VHU_CHAIN_HELD)
        return ACCESS_LOCKED;
      g_mutex_unlock (&vring->mutex);
    }

  set_revoked (self, error);
  return ACCESS_NONE;
}

static void
end_access (VhuChain *self,
            Access    access)
{
  if (access == ACCESS_LOCKED)
    g_mutex_unlock (&self->vring->mutex);
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

/* TRUE if the ring takes the last reference over. */
static gboolean
drop_held (VhuChain *self)
{
  VhuVring *vring = self->vring;

  if (!vhu_vring_is_here (vring))
    return vhu_chain_exchange_state (self, VHU_CHAIN_HELD, VHU_CHAIN_DROPPED) &&
           vhu_vring_hand_over (vring, self);

  if (vring->is_started)
    vhu_vring_fail_chain (vring, self);
  else
    vhu_vring_end_chain (vring, self, 0);
  return FALSE;
}

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

/* Reading and writing */

static inline gsize
get_piece (VhuChain        *self,
           VhuChainCursor  *cursor,
           guint8         **piece,
           gsize            size)
{
  const struct iovec *iov = &self->iov[cursor->iov];

  *piece = (guint8 *) iov->iov_base + cursor->offset;
  return MIN (size, iov->iov_len - cursor->offset);
}

/* @n is at most what is left of the piece. */
static inline void
advance (VhuChain       *self,
         VhuChainCursor *cursor,
         gsize           n)
{
  cursor->position += n;
  cursor->offset += n;
  if (cursor->offset == self->iov[cursor->iov].iov_len)
    {
      cursor->iov++;
      cursor->offset = 0;
    }
}

static gboolean
check_left (VhuChain    *self,
            const char  *part,
            gsize        wanted,
            guint64      left,
            GError     **error)
{
  if (G_LIKELY (wanted <= left))
    return TRUE;

  g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
               "%" G_GSIZE_FORMAT " bytes wanted, %" G_GUINT64_FORMAT
               " are left in the %s part of chain %u of queue %u",
               wanted, left, part, self->head, self->vring->index);
  return FALSE;
}

static gboolean
check_readable (VhuChain  *self,
                gsize      size,
                GError   **error)
{
  return check_left (self, "readable", size, self->readable_size - self->reader.position,
                     error);
}

static gboolean
check_writable (VhuChain  *self,
                gsize      size,
                GError   **error)
{
  return check_left (self, "writable", size, self->writable_size - self->writer.position,
                     error);
}

static void
copy_out (VhuChain       *self,
          VhuChainCursor *cursor,
          guint8         *buffer,
          gsize           size)
{
  while (size > 0)
    {
      guint8 *piece;
      gsize n = get_piece (self, cursor, &piece, size);

      memcpy (buffer, piece, n);
      advance (self, cursor, n);
      buffer += n;
      size -= n;
    }

  /* The driver may rewrite its buffers: what the caller checks must be its copy,
   * even if all of this was inlined into the caller. */
  __asm__ volatile ("" : : : "memory");
}

static void
copy_in (VhuChain       *self,
         VhuChainCursor *cursor,
         const guint8   *buffer,
         gsize           size)
{
  while (size > 0)
    {
      guint8 *piece;
      gsize n = get_piece (self, cursor, &piece, size);

      memcpy (piece, buffer, n);
      advance (self, cursor, n);
      buffer += n;
      size -= n;
    }
}

/**
 * vhu_chain_read: (skip)
 * @self: a chain
 * @buffer: (out caller-allocates) (array length=size) (element-type guint8):
 *   where to copy to
 * @size: bytes
 * @error: return location for an error
 *
 * Copies the next bytes of the readable part, and moves on.
 *
 * It copies all of them, or nothing if fewer are left. The driver can change its
 * buffers at any time: what was checked must not be read again. This function
 * may be called from any thread.
 *
 * Returns: %TRUE if @buffer is filled
 *
 * Since: 0.1
 */
gboolean
vhu_chain_read (VhuChain  *self,
                gpointer   buffer,
                gsize      size,
                GError   **error)
{
  Access access;
  gboolean ok;

  g_return_val_if_fail (self != NULL, FALSE);
  g_return_val_if_fail (buffer != NULL || size == 0, FALSE);

  access = begin_access (self, error);
  if (access == ACCESS_NONE)
    return FALSE;

  ok = check_readable (self, size, error);
  if (ok)
    copy_out (self, &self->reader, buffer, size);
  end_access (self, access);
  return ok;
}

static gpointer
try_alloc (gsize    size,
           GError **error)
{
  gpointer buffer = size <= COPY_LIMIT ? g_try_malloc (MAX (size, 1)) : NULL;

  if (buffer == NULL)
    g_set_error (error, VHU_ERROR, VHU_ERROR_LIMIT,
                 "%" G_GSIZE_FORMAT " bytes cannot be copied at once, at most %u are",
                 size, COPY_LIMIT);
  return buffer;
}

static GBytes *
read_bytes (VhuChain        *self,
            VhuChainCursor  *cursor,
            gsize            size,
            GError         **error)
{
  g_autofree guint8 *buffer = try_alloc (size, error);

  if (buffer == NULL)
    return NULL;

  copy_out (self, cursor, buffer, size);
  return g_bytes_new_take (g_steal_pointer (&buffer), size);
}

/**
 * vhu_chain_read_bytes:
 * @self: a chain
 * @size: how many bytes
 * @error: return location for an error
 *
 * Copies the next bytes of the readable part, and moves on.
 *
 * It copies all of them, or fails with %VHU_ERROR_BAD_VALUE if fewer are left,
 * or with %VHU_ERROR_LIMIT if @size is larger than 64 MiB. This function may be
 * called from any thread.
 *
 * Returns: (transfer full): a copy
 *
 * Since: 0.1
 */
GBytes *
vhu_chain_read_bytes (VhuChain  *self,
                      gsize      size,
                      GError   **error)
{
  GBytes *bytes = NULL;
  Access access;

  g_return_val_if_fail (self != NULL, NULL);

  access = begin_access (self, error);
  if (access == ACCESS_NONE)
    return NULL;

  if (check_readable (self, size, error))
    bytes = read_bytes (self, &self->reader, size, error);
  end_access (self, access);
  return bytes;
}

/**
 * vhu_chain_dup_bytes:
 * @self: a chain
 * @error: return location for an error
 *
 * Copies the whole readable part, without regard to the position in it and
 * without changing that.
 *
 * It fails with %VHU_ERROR_LIMIT if the part is larger than 64 MiB. This
 * function may be called from any thread.
 *
 * Returns: (transfer full): a copy
 *
 * Since: 0.1
 */
GBytes *
vhu_chain_dup_bytes (VhuChain  *self,
                     GError   **error)
{
  VhuChainCursor cursor = { 0 };
  GBytes *bytes;
  Access access;

  g_return_val_if_fail (self != NULL, NULL);

  access = begin_access (self, error);
  if (access == ACCESS_NONE)
    return NULL;

  bytes = read_bytes (self, &cursor, self->readable_size, error);
  end_access (self, access);
  return bytes;
}

/**
 * vhu_chain_write: (skip)
 * @self: a chain
 * @buffer: (array length=size) (element-type guint8): what to write
 * @size: bytes
 * @error: return location for an error
 *
 * Copies bytes to the writable part, and moves on.
 *
 * It copies all of them, or nothing if there is no room. This function may be
 * called from any thread.
 *
 * Returns: %TRUE if all is written
 *
 * Since: 0.1
 */
gboolean
vhu_chain_write (VhuChain       *self,
                 gconstpointer   buffer,
                 gsize           size,
                 GError        **error)
{
  Access access;
  gboolean ok;

  g_return_val_if_fail (self != NULL, FALSE);
  g_return_val_if_fail (buffer != NULL || size == 0, FALSE);

  access = begin_access (self, error);
  if (access == ACCESS_NONE)
    return FALSE;

  ok = check_writable (self, size, error);
  if (ok && size > 0)
    {
      copy_in (self, &self->writer, buffer, size);
      self->n_written = MAX (self->n_written, self->writer.position);
    }
  end_access (self, access);
  return ok;
}

/**
 * vhu_chain_write_bytes:
 * @self: a chain
 * @bytes: what to write
 * @error: return location for an error
 *
 * Copies bytes to the writable part, and moves on.
 *
 * It copies all of them, or fails with %VHU_ERROR_BAD_VALUE if there is no room.
 * This function may be called from any thread.
 *
 * Returns: %TRUE if all is written
 *
 * Since: 0.1
 */
gboolean
vhu_chain_write_bytes (VhuChain  *self,
                       GBytes    *bytes,
                       GError   **error)
{
  gconstpointer data;
  gsize size;

  g_return_val_if_fail (self != NULL, FALSE);
  g_return_val_if_fail (bytes != NULL, FALSE);

  data = g_bytes_get_data (bytes, &size);
  return vhu_chain_write (self, data, size, error);
}

static VhuChainCursor
find_position (VhuChain *self,
               guint     first_iov,
               guint64   position)
{
  VhuChainCursor cursor = { .iov = first_iov };
  guint64 left = position;

  while (left > 0 && left >= self->iov[cursor.iov].iov_len)
    left -= self->iov[cursor.iov++].iov_len;

  cursor.offset = left;
  cursor.position = position;
  return cursor;
}

/**
 * vhu_chain_seek:
 * @self: a chain
 * @readable_offset: the new position in the readable part
 * @writable_offset: the new position in the writable part
 * @error: return location for an error
 *
 * Moves both positions.
 *
 * An offset may be the size of its part, which is the end, but not more. Bytes
 * that are passed over are not written; they do count as written if later ones
 * are. This function may be called from any thread.
 *
 * Returns: %TRUE if both offsets are inside of the chain
 *
 * Since: 0.1
 */
gboolean
vhu_chain_seek (VhuChain  *self,
                guint64    readable_offset,
                guint64    writable_offset,
                GError   **error)
{
  Access access;
  gboolean ok;

  g_return_val_if_fail (self != NULL, FALSE);

  access = begin_access (self, error);
  if (access == ACCESS_NONE)
    return FALSE;

  ok = check_left (self, "readable", readable_offset, self->readable_size, error) &&
       check_left (self, "writable", writable_offset, self->writable_size, error);
  if (ok)
    {
      self->reader = find_position (self, 0, readable_offset);
      self->writer = find_position (self, self->n_readable, writable_offset);
    }
  end_access (self, access);
  return ok;
}

static const struct iovec *
give_out_iov (VhuChain *self,
              guint     first,
              guint     n,
              guint    *n_iov)
{
  Access access;

  *n_iov = 0;
  access = begin_access (self, NULL);
  if (access == ACCESS_NONE)
    return NULL;

  self->is_raw = TRUE;
  end_access (self, access);
  *n_iov = n;
  return self->iov + first;
}

/**
 * vhu_chain_get_readable_iov: (skip)
 * @self: a chain
 * @n_iov: (out): how many there are
 *
 * Gets the buffers of the readable part, for input and output without a copy.
 *
 * They point into the guest's memory, which the driver can change at any time,
 * and they are valid until the chain ends. A chain whose buffers were given out
 * is never revoked, since the kernel may be at work on them: its queue stops
 * only when the device ended the chain. This function may be called from any
 * thread.
 *
 * Returns: (transfer none) (nullable) (array length=n_iov): the buffers, or
 *   %NULL if the handle is dead
 *
 * Since: 0.1
 */
const struct iovec *
vhu_chain_get_readable_iov (VhuChain *self,
                            guint    *n_iov)
{
  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (n_iov != NULL, NULL);

  return give_out_iov (self, 0, self->n_readable, n_iov);
}

/**
 * vhu_chain_get_writable_iov: (skip)
 * @self: a chain
 * @n_iov: (out): how many there are
 *
 * Gets the buffers of the writable part, for input and output without a copy.
 *
 * What is true of vhu_chain_get_readable_iov() is true here. Bytes that are
 * written through the buffers are reported by vhu_chain_complete_full().
 *
 * Returns: (transfer none) (nullable) (array length=n_iov): the buffers, or
 *   %NULL if the handle is dead
 *
 * Since: 0.1
 */
const struct iovec *
vhu_chain_get_writable_iov (VhuChain *self,
                            guint    *n_iov)
{
  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (n_iov != NULL, NULL);

  return give_out_iov (self, self->n_readable, self->n_writable, n_iov);
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
complete_elsewhere (VhuChain      *self,
                    VhuChainState  state,
                    guint32        n_written)
{
  if (!vhu_chain_exchange_state (self, VHU_CHAIN_HELD, state))
    return FALSE;

  self->n_used = n_written;
  vhu_chain_ref (self);
  if (vhu_vring_hand_over (self->vring, self))
    return TRUE;

  vhu_chain_set_state (self, VHU_CHAIN_REVOKED);
  vhu_chain_unref (self);
  return FALSE;
}

/* The used length has 32 bits, and the longest chain is one byte longer. */
static gboolean
complete (VhuChain  *self,
          guint64    n_written,
          GError   **error)
{
  const guint32 n_used = (guint32) MIN (n_written, G_MAXUINT32);

  if (G_UNLIKELY (!vhu_vring_is_here (self->vring)))
    {
      if (complete_elsewhere (self, VHU_CHAIN_COMPLETED, n_used))
        return TRUE;
    }
  else if (G_LIKELY (claim (self, VHU_CHAIN_ENDED)))
    {
      vhu_vring_end_chain (self->vring, self, n_used);
      return TRUE;
    }

  set_revoked (self, error);
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

  return complete (self, self->n_written, error);
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
      if (complete_elsewhere (self, VHU_CHAIN_DROPPED, 0))
        return TRUE;
    }
  else if (vhu_chain_get_state (self) == VHU_CHAIN_HELD && claim (self, VHU_CHAIN_FAILING))
    {
      vhu_vring_fail_chain (self->vring, self);
      return TRUE;
    }

  set_revoked (self, error);
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
  g_return_val_if_fail (self != NULL, FALSE);

  if (!vhu_vring_is_here (self->vring))
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_STATE,
                   "chain %u of queue %u can be parked on the thread of its ring only",
                   self->head, self->vring->index);
      return FALSE;
    }

  if (!claim (self, VHU_CHAIN_PARKED))
    {
      set_revoked (self, error);
      return FALSE;
    }

  vhu_vring_park_chain (self->vring, self);
  return TRUE;
}
