/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-frontend-private.h"

/* Features: what is wanted, offered and agreed on. Part of VhuFrontend. */

static gboolean
mask_has (guint64 mask,
          guint   bit)
{
  return bit < 64 && (mask & VHU_BIT (bit)) != 0;
}

static void
mask_set (guint64  *mask,
          guint     bit,
          gboolean  value)
{
  if (value)
    *mask |= VHU_BIT (bit);
  else
    *mask &= ~VHU_BIT (bit);
}

/**
 * vhu_frontend_want_feature:
 * @self: a front-end
 * @bit: the number of a virtio feature, below 64
 * @wanted: whether [method@Frontend.negotiate] accepts it where it is offered
 *
 * Decides about a feature before the negotiation.
 *
 * Wanted at first are all features of devices and those features of the rings
 * that [class@DriverQueue] has: INDIRECT_DESC, EVENT_IDX and VERSION_1.
 *
 * Since: 0.1
 */
void
vhu_frontend_want_feature (VhuFrontend *self,
                           guint        bit,
                           gboolean     wanted)
{
  g_return_if_fail (VHU_IS_FRONTEND (self));
  g_return_if_fail (bit < 64);

  mask_set (&self->wanted, bit, wanted);
}

/**
 * vhu_frontend_want_protocol_feature:
 * @self: a front-end
 * @bit: the number of a protocol feature, below 64
 * @wanted: whether [method@Frontend.negotiate] accepts it where it is offered
 *
 * Decides about a feature of the protocol before the negotiation.
 *
 * Wanted at first are MQ, REPLY_ACK, BACKEND_REQ, CONFIG, RESET_DEVICE and
 * CONFIGURE_MEM_SLOTS.
 *
 * Since: 0.1
 */
void
vhu_frontend_want_protocol_feature (VhuFrontend *self,
                                    guint        bit,
                                    gboolean     wanted)
{
  g_return_if_fail (VHU_IS_FRONTEND (self));
  g_return_if_fail (bit < 64);

  mask_set (&self->wanted_protocol, bit, wanted);
}

static gboolean
negotiate_protocol (VhuFrontend  *self,
                    GError      **error)
{
  guint64 offered;
  guint64 value;

  if (!vhu_frontend_query_protocol_features (self, &offered, error) ||
      !vhu_frontend_set_protocol_features (self,
                                           offered & self->wanted_protocol,
                                           error))
    return FALSE;

  if (vhu_frontend_has_protocol_feature (self, VHU_PROTOCOL_FEATURE_MQ) &&
      !vhu_frontend_query_n_queues (self, &value, error))
    return FALSE;

  return !vhu_frontend_has_protocol_feature
            (self, VHU_PROTOCOL_FEATURE_CONFIGURE_MEM_SLOTS) ||
         vhu_frontend_query_max_mem_slots (self, &value, error);
}

/**
 * vhu_frontend_negotiate:
 * @self: a front-end
 *
 * Greets the back-end and agrees on features with it.
 *
 * The messages come in the order in which QEMU sends them: GET_FEATURES,
 * GET_PROTOCOL_FEATURES, SET_PROTOCOL_FEATURES, GET_QUEUE_NUM,
 * GET_MAX_MEM_SLOTS, SET_BACKEND_REQ_FD, SET_OWNER, GET_FEATURES; those between
 * the first and SET_OWNER only if the back-end has the feature that they
 * belong to. SET_FEATURES is the last one here, while QEMU waits for the driver
 * with it.
 *
 * Returns: true if everything was answered
 *
 * Since: 0.1
 */
gboolean
vhu_frontend_negotiate (VhuFrontend  *self,
                        GError      **error)
{
  guint64 offered;

  g_return_val_if_fail (VHU_IS_FRONTEND (self), FALSE);

  if (!vhu_frontend_query_features (self, &offered, error))
    return FALSE;

  if (mask_has (offered & self->wanted, VHU_FEATURE_PROTOCOL_FEATURES) &&
      !negotiate_protocol (self, error))
    return FALSE;

  if (vhu_frontend_has_protocol_feature (self,
                                         VHU_PROTOCOL_FEATURE_BACKEND_REQ) &&
      !vhu_frontend_open_back_channel (self, error))
    return FALSE;

  return vhu_frontend_set_owner (self, error) &&
         vhu_frontend_query_features (self, &offered, error) &&
         vhu_frontend_set_features (self, offered & self->wanted, error);
}

/**
 * vhu_frontend_offers_feature:
 * @self: a front-end
 * @bit: the number of a virtio feature
 *
 * Tells whether the back-end offered a feature when it was asked last.
 *
 * Returns: true if it did
 *
 * Since: 0.1
 */
gboolean
vhu_frontend_offers_feature (VhuFrontend *self,
                             guint        bit)
{
  g_return_val_if_fail (VHU_IS_FRONTEND (self), FALSE);

  return mask_has (self->offered, bit);
}

/**
 * vhu_frontend_has_feature:
 * @self: a front-end
 * @bit: the number of a virtio feature
 *
 * Tells whether a feature was accepted.
 *
 * Returns: true if it was
 *
 * Since: 0.1
 */
gboolean
vhu_frontend_has_feature (VhuFrontend *self,
                          guint        bit)
{
  g_return_val_if_fail (VHU_IS_FRONTEND (self), FALSE);

  return mask_has (self->features, bit);
}

/**
 * vhu_frontend_offers_protocol_feature:
 * @self: a front-end
 * @bit: the number of a protocol feature
 *
 * Tells whether the back-end offered a protocol feature when it was asked last.
 *
 * Returns: true if it did
 *
 * Since: 0.1
 */
gboolean
vhu_frontend_offers_protocol_feature (VhuFrontend *self,
                                      guint        bit)
{
  g_return_val_if_fail (VHU_IS_FRONTEND (self), FALSE);

  return mask_has (self->offered_protocol, bit);
}

/**
 * vhu_frontend_has_protocol_feature:
 * @self: a front-end
 * @bit: the number of a protocol feature
 *
 * Tells whether a protocol feature was accepted.
 *
 * Returns: true if it was
 *
 * Since: 0.1
 */
gboolean
vhu_frontend_has_protocol_feature (VhuFrontend *self,
                                   guint        bit)
{
  g_return_val_if_fail (VHU_IS_FRONTEND (self), FALSE);

  return mask_has (self->protocol_features, bit);
}

/**
 * vhu_frontend_get_n_queues:
 * @self: a front-end
 *
 * Returns how many queues the back-end said that it has.
 *
 * Returns: the number of queues; 0 as long as the back-end was not asked
 *
 * Since: 0.1
 */
guint
vhu_frontend_get_n_queues (VhuFrontend *self)
{
  g_return_val_if_fail (VHU_IS_FRONTEND (self), 0);

  return self->n_queues;
}

/**
 * vhu_frontend_get_max_mem_slots:
 * @self: a front-end
 *
 * Returns how many memory regions the back-end said that it takes.
 *
 * Returns: the number of regions; 0 as long as the back-end was not asked
 *
 * Since: 0.1
 */
guint
vhu_frontend_get_max_mem_slots (VhuFrontend *self)
{
  g_return_val_if_fail (VHU_IS_FRONTEND (self), 0);

  return self->max_mem_slots;
}
