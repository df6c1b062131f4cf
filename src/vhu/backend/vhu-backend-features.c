/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-backend-internal-private.h"

/* What the backend offers, and what was negotiated of it. */

/* Sets or clears one bit of a mask that is no longer changed once frozen. */
static void
change_offer (VhuBackend *self,
              guint64    *mask,
              guint       bit,
              gboolean    offered)
{
  VhuBackendPrivate *priv = vhu_backend_get_private (self);
  gboolean frozen;

  g_mutex_lock (&priv->lock);
  frozen = priv->frozen;
  if (!frozen && offered)
    *mask |= vhu_backend_bit (bit);
  else if (!frozen)
    *mask &= ~vhu_backend_bit (bit);
  g_mutex_unlock (&priv->lock);

  if (frozen)
    g_critical ("feature %u of a %s backend is changed while it is served",
                bit, G_OBJECT_TYPE_NAME (self));
}

static guint64
read_mask (VhuBackend    *self,
           const guint64 *mask)
{
  VhuBackendPrivate *priv = vhu_backend_get_private (self);
  guint64 value;

  g_mutex_lock (&priv->lock);
  value = *mask;
  g_mutex_unlock (&priv->lock);
  return value;
}

static void
write_mask (VhuBackend *self,
            guint64    *mask,
            guint64     value)
{
  VhuBackendPrivate *priv = vhu_backend_get_private (self);

  g_mutex_lock (&priv->lock);
  *mask = value;
  g_mutex_unlock (&priv->lock);
}

/**
 * vhu_backend_offer_feature:
 * @self: a backend that is not being served
 * @bit: a virtio feature bit, below 64
 *
 * Offers a feature to the driver.
 *
 * [enum@Vhu.Feature] has the bits of the transport and the rings; of these,
 * VERSION_1, INDIRECT_DESC and EVENT_IDX are offered from the start, and those
 * that the library does not implement are never shown to a driver.
 *
 * Since: 0.1
 */
void
vhu_backend_offer_feature (VhuBackend *self,
                           guint       bit)
{
  g_return_if_fail (VHU_IS_BACKEND (self));
  g_return_if_fail (bit < 64);

  change_offer (self, &vhu_backend_get_private (self)->offered, bit, TRUE);
}

/**
 * vhu_backend_withdraw_feature:
 * @self: a backend that is not being served
 * @bit: a virtio feature bit, below 64
 *
 * Takes back the offer of a feature.
 *
 * Since: 0.1
 */
void
vhu_backend_withdraw_feature (VhuBackend *self,
                              guint       bit)
{
  g_return_if_fail (VHU_IS_BACKEND (self));
  g_return_if_fail (bit < 64);

  change_offer (self, &vhu_backend_get_private (self)->offered, bit, FALSE);
}

/**
 * vhu_backend_offers_feature:
 * @self: a backend
 * @bit: a virtio feature bit, below 64
 *
 * Tells whether the backend offers a feature. Any thread may call this.
 *
 * Returns: %TRUE if it does
 *
 * Since: 0.1
 */
gboolean
vhu_backend_offers_feature (VhuBackend *self,
                            guint       bit)
{
  g_return_val_if_fail (VHU_IS_BACKEND (self), FALSE);
  g_return_val_if_fail (bit < 64, FALSE);

  return (vhu_backend_get_offered (self) & vhu_backend_bit (bit)) != 0;
}

/**
 * vhu_backend_has_feature:
 * @self: a backend
 * @bit: a virtio feature bit, below 64
 *
 * Tells whether driver and device agreed on a feature. Any thread may call
 * this; on the path of requests [method@Vring.has_feature] is quicker.
 *
 * Returns: %TRUE if the feature is negotiated
 *
 * Since: 0.1
 */
gboolean
vhu_backend_has_feature (VhuBackend *self,
                         guint       bit)
{
  g_return_val_if_fail (VHU_IS_BACKEND (self), FALSE);
  g_return_val_if_fail (bit < 64, FALSE);

  return (vhu_backend_get_negotiated (self) & vhu_backend_bit (bit)) != 0;
}

/**
 * vhu_backend_offer_protocol_feature:
 * @self: a backend that is not being served
 * @bit: a [enum@Vhu.ProtocolFeature]
 *
 * Offers a feature of vhost-user itself to the front-end.
 *
 * MQ, REPLY_ACK, BACKEND_REQ, RESET_DEVICE and CONFIGURE_MEM_SLOTS are offered
 * from the start, and CONFIG as soon as the device has a configuration space.
 *
 * Since: 0.1
 */
void
vhu_backend_offer_protocol_feature (VhuBackend *self,
                                    guint       bit)
{
  g_return_if_fail (VHU_IS_BACKEND (self));
  g_return_if_fail (bit < 64);

  change_offer (self, &vhu_backend_get_private (self)->offered_protocol, bit, TRUE);
}

/**
 * vhu_backend_withdraw_protocol_feature:
 * @self: a backend that is not being served
 * @bit: a [enum@Vhu.ProtocolFeature]
 *
 * Takes back the offer of a feature of vhost-user itself.
 *
 * Since: 0.1
 */
void
vhu_backend_withdraw_protocol_feature (VhuBackend *self,
                                       guint       bit)
{
  g_return_if_fail (VHU_IS_BACKEND (self));
  g_return_if_fail (bit < 64);

  change_offer (self, &vhu_backend_get_private (self)->offered_protocol, bit, FALSE);
}

/**
 * vhu_backend_offers_protocol_feature:
 * @self: a backend
 * @bit: a [enum@Vhu.ProtocolFeature]
 *
 * Tells whether the backend offers a feature of vhost-user itself. Any thread
 * may call this.
 *
 * Returns: %TRUE if it does
 *
 * Since: 0.1
 */
gboolean
vhu_backend_offers_protocol_feature (VhuBackend *self,
                                     guint       bit)
{
  g_return_val_if_fail (VHU_IS_BACKEND (self), FALSE);
  g_return_val_if_fail (bit < 64, FALSE);

  return (vhu_backend_get_offered_protocol (self) & vhu_backend_bit (bit)) != 0;
}

/**
 * vhu_backend_has_protocol_feature:
 * @self: a backend
 * @bit: a [enum@Vhu.ProtocolFeature]
 *
 * Tells whether front-end and back-end agreed on a feature of vhost-user
 * itself. Any thread may call this.
 *
 * Returns: %TRUE if the feature is negotiated
 *
 * Since: 0.1
 */
gboolean
vhu_backend_has_protocol_feature (VhuBackend *self,
                                  guint       bit)
{
  g_return_val_if_fail (VHU_IS_BACKEND (self), FALSE);
  g_return_val_if_fail (bit < 64, FALSE);

  return (read_mask (self, &vhu_backend_get_private (self)->negotiated_protocol) &
          vhu_backend_bit (bit)) != 0;
}

guint64
vhu_backend_get_offered (VhuBackend *self)
{
  return read_mask (self, &vhu_backend_get_private (self)->offered);
}

guint64
vhu_backend_get_offered_protocol (VhuBackend *self)
{
  return read_mask (self, &vhu_backend_get_private (self)->offered_protocol);
}

guint64
vhu_backend_get_negotiated (VhuBackend *self)
{
  return read_mask (self, &vhu_backend_get_private (self)->negotiated);
}

void
vhu_backend_set_negotiated (VhuBackend *self,
                            guint64     features)
{
  write_mask (self, &vhu_backend_get_private (self)->negotiated, features);
}

void
vhu_backend_set_negotiated_protocol (VhuBackend *self,
                                     guint64     features)
{
  write_mask (self, &vhu_backend_get_private (self)->negotiated_protocol, features);
}
