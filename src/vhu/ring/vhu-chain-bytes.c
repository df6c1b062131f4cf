/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-chain.h"

#include <string.h>

#include "vhu-error.h"
#include "vhu-vring-struct-private.h"

/* The bytes of a chain: copied by the position, or given out as they lie. */

/* A copy that is larger than this is no sensible request: the driver decides how
 * long a chain is, and must not decide how much memory a device takes. */
#define COPY_LIMIT (64u << 20)

/* Access from other threads */

typedef enum
{
  ACCESS_NONE,
  ACCESS_DIRECT,
  ACCESS_LOCKED
} Access;

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

  vhu_chain_set_revoked (self, error);
  return ACCESS_NONE;
}

static void
end_access (VhuChain *self,
            Access    access)
{
  if (access == ACCESS_LOCKED)
    g_mutex_unlock (&self->vring->mutex);
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
