/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-backend-internal-private.h"

#include <string.h>

#include "vhu-error.h"

/* The configuration space: its bytes are kept here, so that the front-end can
 * read them at any time without a call into the device. */

/* With the lock, as the observer may go away in its own thread: it only makes a
 * note of the change. */
static void
tell_config_changed (VhuBackend *self)
{
  VhuBackendPrivate *priv = vhu_backend_get_private (self);

  g_mutex_lock (&priv->lock);
  if (priv->observer != NULL)
    priv->observer->config_changed (self, priv->observer_data);
  g_mutex_unlock (&priv->lock);
}

/**
 * vhu_backend_update_config:
 * @self: a backend
 * @offset: where @data goes in the configuration space, in bytes
 * @data: the new bytes
 *
 * Writes to the device's configuration space, and tells the driver if that
 * changed it.
 *
 * The space, at most 256 bytes, is as large as the furthest byte written before
 * the backend is served. Its layout is that of the kind of device (virtio 1.3,
 * section 5), in little-endian order. Any thread may call this.
 *
 * Since: 0.1
 */
void
vhu_backend_update_config (VhuBackend *self,
                           guint       offset,
                           GBytes     *data)
{
  VhuBackendPrivate *priv;
  const guint8 *bytes;
  gsize size;
  gboolean fits, changed = FALSE;

  g_return_if_fail (VHU_IS_BACKEND (self));
  g_return_if_fail (data != NULL);

  priv = vhu_backend_get_private (self);
  bytes = g_bytes_get_data (data, &size);
  g_return_if_fail (offset <= VHU_BACKEND_MAX_CONFIG_SIZE);
  g_return_if_fail (size <= VHU_BACKEND_MAX_CONFIG_SIZE - offset);

  g_mutex_lock (&priv->lock);
  fits = offset + size <= priv->config->len || !priv->frozen;
  if (fits && offset + size > priv->config->len)
    {
      guint old_size = priv->config->len;

      g_byte_array_set_size (priv->config, offset + size);
      memset (priv->config->data + old_size, 0, priv->config->len - old_size);
    }
  if (fits && size > 0 && memcmp (priv->config->data + offset, bytes, size) != 0)
    {
      memcpy (priv->config->data + offset, bytes, size);
      changed = TRUE;
    }
  g_mutex_unlock (&priv->lock);

  g_return_if_fail (fits);
  if (changed)
    tell_config_changed (self);
}

/**
 * vhu_backend_dup_config:
 * @self: a backend
 *
 * Copies the device's configuration space. Any thread may call this.
 *
 * Returns: (transfer full): its bytes
 *
 * Since: 0.1
 */
GBytes *
vhu_backend_dup_config (VhuBackend *self)
{
  VhuBackendPrivate *priv;
  GBytes *copy;

  g_return_val_if_fail (VHU_IS_BACKEND (self), NULL);

  priv = vhu_backend_get_private (self);
  g_mutex_lock (&priv->lock);
  copy = g_bytes_new (priv->config->data, priv->config->len);
  g_mutex_unlock (&priv->lock);
  return copy;
}

/**
 * vhu_backend_add_writable_config:
 * @self: a backend that is not being served
 * @offset: where the range begins, in bytes
 * @size: its length in bytes
 *
 * Declares that the driver may write a part of the configuration space. What it
 * writes elsewhere is ignored, as some front-ends send the whole space back for
 * one field.
 *
 * Since: 0.1
 */
void
vhu_backend_add_writable_config (VhuBackend *self,
                                 guint       offset,
                                 guint       size)
{
  VhuBackendPrivate *priv;

  g_return_if_fail (VHU_IS_BACKEND (self));
  g_return_if_fail (offset <= VHU_BACKEND_MAX_CONFIG_SIZE);
  g_return_if_fail (size <= VHU_BACKEND_MAX_CONFIG_SIZE - offset);
  g_return_if_fail (!vhu_backend_is_frozen (self));

  priv = vhu_backend_get_private (self);
  g_mutex_lock (&priv->lock);
  memset (priv->config_writable + offset, TRUE, size);
  g_mutex_unlock (&priv->lock);
}

guint
vhu_backend_get_config_size (VhuBackend *self)
{
  VhuBackendPrivate *priv = vhu_backend_get_private (self);
  guint size;

  g_mutex_lock (&priv->lock);
  size = priv->config->len;
  g_mutex_unlock (&priv->lock);
  return size;
}

void
vhu_backend_copy_config (VhuBackend *self,
                         guint       offset,
                         guint8     *data,
                         guint       size)
{
  VhuBackendPrivate *priv = vhu_backend_get_private (self);

  memset (data, 0, size);
  g_mutex_lock (&priv->lock);
  if (offset < priv->config->len)
    memcpy (data, priv->config->data + offset, MIN (size, priv->config->len - offset));
  g_mutex_unlock (&priv->lock);
}

/* Puts what may be written into the space; @old has the whole space of before.
 * Returns how many bytes may be written. */
static guint
merge_config (VhuBackendPrivate *priv,
              guint              offset,
              const guint8      *data,
              guint              size,
              gboolean           everything,
              guint8            *old)
{
  guint n_writable = 0;

  memcpy (old, priv->config->data, priv->config->len);
  for (guint i = 0; i < size && offset + i < priv->config->len; i++)
    if (everything || priv->config_writable[offset + i])
      {
        priv->config->data[offset + i] = data[i];
        n_writable++;
      }
  return n_writable;
}

/* The device refused: takes back what was merged, but not what somebody else has
 * written over it since. */
static void
unmerge_config (VhuBackendPrivate *priv,
                guint              offset,
                const guint8      *data,
                guint              size,
                gboolean           everything,
                const guint8      *old)
{
  for (guint i = 0; i < size && offset + i < priv->config->len; i++)
    if ((everything || priv->config_writable[offset + i]) &&
        priv->config->data[offset + i] == data[i])
      priv->config->data[offset + i] = old[offset + i];
}

gboolean
vhu_backend_write_config (VhuBackend       *self,
                          guint             offset,
                          const guint8     *data,
                          guint             size,
                          VhuConfigOrigin   origin,
                          GError          **error)
{
  VhuBackendPrivate *priv = vhu_backend_get_private (self);
  g_autoptr(GBytes) written = NULL;
  gboolean everything = origin == VHU_CONFIG_ORIGIN_MIGRATION;
  guint8 old[VHU_BACKEND_MAX_CONFIG_SIZE];
  guint n_writable;

  g_mutex_lock (&priv->lock);
  n_writable = merge_config (priv, offset, data, size, everything, old);
  if (n_writable > 0)
    written = g_bytes_new (priv->config->data + offset,
                           MIN (size, priv->config->len - offset));
  g_mutex_unlock (&priv->lock);

  if (n_writable == 0)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
                   "bytes %u to %u of the configuration space cannot be written",
                   offset, offset + size - 1);
      return FALSE;
    }

  if (vhu_backend_config_written (self, offset, written, origin, error))
    return TRUE;

  g_mutex_lock (&priv->lock);
  unmerge_config (priv, offset, data, size, everything, old);
  g_mutex_unlock (&priv->lock);
  return FALSE;
}
