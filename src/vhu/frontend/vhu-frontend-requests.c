/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-frontend-private.h"

#include <string.h>

#include "vhu-error.h"
#include "vhu-fd-private.h"

/* One call for each message of the protocol. Part of VhuFrontend. They send
 * what they are told: a test may ask for nonsense. */

static gboolean
query_u64 (VhuFrontend  *self,
           VhuRequest    request,
           guint64      *value,
           GError      **error)
{
  g_auto(VhuMessage) message = VHU_MESSAGE_INIT;
  g_auto(VhuMessage) reply = VHU_MESSAGE_INIT;

  vhu_message_init (&message, request, VHU_FLAG_VERSION);

  return vhu_frontend_exchange (self, &message, &reply, error) &&
         vhu_message_read_u64 (&reply, value, error);
}

static gboolean
send_empty (VhuFrontend  *self,
            VhuRequest    request,
            GError      **error)
{
  g_auto(VhuMessage) message = VHU_MESSAGE_INIT;

  vhu_message_init (&message, request, VHU_FLAG_VERSION);
  return vhu_frontend_send_message (self, &message, error);
}

static gboolean
send_u64 (VhuFrontend  *self,
          VhuRequest    request,
          guint64       value,
          GError      **error)
{
  g_auto(VhuMessage) message = VHU_MESSAGE_INIT;

  vhu_message_init (&message, request, VHU_FLAG_VERSION);
  vhu_message_append_u64 (&message, value);
  return vhu_frontend_send_message (self, &message, error);
}

static gboolean
send_vring_state (VhuFrontend  *self,
                  VhuRequest    request,
                  guint         index,
                  guint         num,
                  GError      **error)
{
  const VhuVringState state = { .index = index, .num = num };
  g_auto(VhuMessage) message = VHU_MESSAGE_INIT;

  vhu_message_init (&message, request, VHU_FLAG_VERSION);
  vhu_message_append (&message, &state, sizeof state);
  return vhu_frontend_send_message (self, &message, error);
}

static gboolean
append_dup_fd (VhuMessage  *message,
               int          fd,
               GError     **error)
{
  int own_fd = vhu_dup_fd (fd);

  if (own_fd < 0)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
                   "descriptor %d cannot be sent: %s", fd, g_strerror (errno));
      return FALSE;
    }
  vhu_message_append_fd (message, own_fd);
  return TRUE;
}

static gboolean
send_vring_event (VhuFrontend  *self,
                  VhuRequest    request,
                  guint         index,
                  int           fd,
                  GError      **error)
{
  g_auto(VhuMessage) message = VHU_MESSAGE_INIT;

  vhu_message_init (&message, request, VHU_FLAG_VERSION);
  vhu_message_append_u64 (&message,
                          index | (fd < 0 ? VHU_VRING_NOFD_MASK : 0));
  return (fd < 0 || append_dup_fd (&message, fd, error)) &&
         vhu_frontend_send_message (self, &message, error);
}

/**
 * vhu_frontend_query_features:
 * @self: a front-end
 * @features: (out): a mask of the offered features
 *
 * Asks which features the back-end has (GET_FEATURES).
 *
 * Because the back-end answers in order, this is also a barrier: when the
 * answer is here, all earlier messages have been dealt with.
 *
 * Returns: true on success
 *
 * Since: 0.1
 */
gboolean
vhu_frontend_query_features (VhuFrontend  *self,
                             guint64      *features,
                             GError      **error)
{
  guint64 value;

  g_return_val_if_fail (VHU_IS_FRONTEND (self), FALSE);

  if (!query_u64 (self, VHU_REQUEST_GET_FEATURES, &value, error))
    return FALSE;

  self->offered = value;
  *features = value;
  return TRUE;
}

/**
 * vhu_frontend_set_features:
 * @self: a front-end
 * @features: a mask of features
 *
 * Accepts features (SET_FEATURES), whether they were offered or not.
 *
 * Returns: true if the message was sent and, with acknowledgements, accepted
 *
 * Since: 0.1
 */
gboolean
vhu_frontend_set_features (VhuFrontend  *self,
                           guint64       features,
                           GError      **error)
{
  g_return_val_if_fail (VHU_IS_FRONTEND (self), FALSE);

  if (!send_u64 (self, VHU_REQUEST_SET_FEATURES, features, error))
    return FALSE;

  self->features = features;
  return TRUE;
}

/**
 * vhu_frontend_query_protocol_features:
 * @self: a front-end
 * @features: (out): a mask of the offered features
 *
 * Asks which protocol features the back-end has (GET_PROTOCOL_FEATURES).
 *
 * Returns: true on success
 *
 * Since: 0.1
 */
gboolean
vhu_frontend_query_protocol_features (VhuFrontend  *self,
                                      guint64      *features,
                                      GError      **error)
{
  guint64 value;

  g_return_val_if_fail (VHU_IS_FRONTEND (self), FALSE);

  if (!query_u64 (self, VHU_REQUEST_GET_PROTOCOL_FEATURES, &value, error))
    return FALSE;

  self->offered_protocol = value;
  *features = value;
  return TRUE;
}

/**
 * vhu_frontend_set_protocol_features:
 * @self: a front-end
 * @features: a mask of protocol features
 *
 * Accepts protocol features (SET_PROTOCOL_FEATURES), whether they were offered
 * or not.
 *
 * Returns: true if the message was sent and, with acknowledgements, accepted
 *
 * Since: 0.1
 */
gboolean
vhu_frontend_set_protocol_features (VhuFrontend  *self,
                                    guint64       features,
                                    GError      **error)
{
  g_return_val_if_fail (VHU_IS_FRONTEND (self), FALSE);

  if (!send_u64 (self, VHU_REQUEST_SET_PROTOCOL_FEATURES, features, error))
    return FALSE;

  self->protocol_features = features;
  return TRUE;
}

/**
 * vhu_frontend_query_n_queues:
 * @self: a front-end
 * @n_queues: (out): the number of queues
 *
 * Asks how many queues the back-end has (GET_QUEUE_NUM).
 *
 * Returns: true on success
 *
 * Since: 0.1
 */
gboolean
vhu_frontend_query_n_queues (VhuFrontend  *self,
                             guint64      *n_queues,
                             GError      **error)
{
  guint64 value;

  g_return_val_if_fail (VHU_IS_FRONTEND (self), FALSE);

  if (!query_u64 (self, VHU_REQUEST_GET_QUEUE_NUM, &value, error))
    return FALSE;

  self->n_queues = (guint) MIN (value, G_MAXUINT);
  *n_queues = value;
  return TRUE;
}

/**
 * vhu_frontend_query_max_mem_slots:
 * @self: a front-end
 * @n_slots: (out): the number of regions
 *
 * Asks how many memory regions the back-end takes (GET_MAX_MEM_SLOTS).
 *
 * Returns: true on success
 *
 * Since: 0.1
 */
gboolean
vhu_frontend_query_max_mem_slots (VhuFrontend  *self,
                                  guint64      *n_slots,
                                  GError      **error)
{
  guint64 value;

  g_return_val_if_fail (VHU_IS_FRONTEND (self), FALSE);

  if (!query_u64 (self, VHU_REQUEST_GET_MAX_MEM_SLOTS, &value, error))
    return FALSE;

  self->max_mem_slots = (guint) MIN (value, G_MAXUINT);
  *n_slots = value;
  return TRUE;
}

/**
 * vhu_frontend_set_owner:
 * @self: a front-end
 *
 * Begins the session (SET_OWNER).
 *
 * Returns: true if the message was sent and, with acknowledgements, accepted
 *
 * Since: 0.1
 */
gboolean
vhu_frontend_set_owner (VhuFrontend  *self,
                        GError      **error)
{
  g_return_val_if_fail (VHU_IS_FRONTEND (self), FALSE);

  return send_empty (self, VHU_REQUEST_SET_OWNER, error);
}

/**
 * vhu_frontend_reset_owner:
 * @self: a front-end
 *
 * Ends the session, in the way that the protocol gave up (RESET_OWNER).
 *
 * Returns: true if the message was sent and, with acknowledgements, accepted
 *
 * Since: 0.1
 */
gboolean
vhu_frontend_reset_owner (VhuFrontend  *self,
                          GError      **error)
{
  g_return_val_if_fail (VHU_IS_FRONTEND (self), FALSE);

  return send_empty (self, VHU_REQUEST_RESET_OWNER, error);
}

/**
 * vhu_frontend_reset_device:
 * @self: a front-end
 *
 * Resets the device (RESET_DEVICE).
 *
 * Returns: true if the message was sent and, with acknowledgements, accepted
 *
 * Since: 0.1
 */
gboolean
vhu_frontend_reset_device (VhuFrontend  *self,
                           GError      **error)
{
  g_return_val_if_fail (VHU_IS_FRONTEND (self), FALSE);

  return send_empty (self, VHU_REQUEST_RESET_DEVICE, error);
}

/**
 * vhu_frontend_set_vring_num:
 * @self: a front-end
 * @index: the number of a queue
 * @size: the number of descriptors
 *
 * Tells the size of a queue (SET_VRING_NUM).
 *
 * Returns: true if the message was sent and, with acknowledgements, accepted
 *
 * Since: 0.1
 */
gboolean
vhu_frontend_set_vring_num (VhuFrontend  *self,
                            guint         index,
                            guint         size,
                            GError      **error)
{
  g_return_val_if_fail (VHU_IS_FRONTEND (self), FALSE);

  return send_vring_state (self, VHU_REQUEST_SET_VRING_NUM, index, size, error);
}

/**
 * vhu_frontend_set_vring_addr:
 * @self: a front-end
 * @index: the number of a queue
 * @flags: 1 if writes to the used ring are to be logged
 * @desc: user address of the descriptor table
 * @used: user address of the used ring
 * @avail: user address of the available ring
 * @log: guest address of the used ring, for the log
 *
 * Tells where the parts of a queue lie (SET_VRING_ADDR).
 *
 * User addresses are those of this process; see
 * [method@Frontend.get_user_address].
 *
 * Returns: true if the message was sent and, with acknowledgements, accepted
 *
 * Since: 0.1
 */
gboolean
vhu_frontend_set_vring_addr (VhuFrontend  *self,
                             guint         index,
                             guint         flags,
                             guint64       desc,
                             guint64       used,
                             guint64       avail,
                             guint64       log,
                             GError      **error)
{
  const VhuVringAddress address = {
    .index = index,
    .flags = flags,
    .desc_user_address = desc,
    .used_user_address = used,
    .avail_user_address = avail,
    .log_guest_address = log,
  };
  g_auto(VhuMessage) message = VHU_MESSAGE_INIT;

  g_return_val_if_fail (VHU_IS_FRONTEND (self), FALSE);

  vhu_message_init (&message, VHU_REQUEST_SET_VRING_ADDR, VHU_FLAG_VERSION);
  vhu_message_append (&message, &address, sizeof address);
  return vhu_frontend_send_message (self, &message, error);
}

/**
 * vhu_frontend_set_vring_base:
 * @self: a front-end
 * @index: the number of a queue
 * @base: the index in the available ring
 *
 * Tells where a queue begins (SET_VRING_BASE).
 *
 * Returns: true if the message was sent and, with acknowledgements, accepted
 *
 * Since: 0.1
 */
gboolean
vhu_frontend_set_vring_base (VhuFrontend  *self,
                             guint         index,
                             guint         base,
                             GError      **error)
{
  g_return_val_if_fail (VHU_IS_FRONTEND (self), FALSE);

  return send_vring_state (self, VHU_REQUEST_SET_VRING_BASE, index, base,
                           error);
}

/**
 * vhu_frontend_get_vring_base:
 * @self: a front-end
 * @index: the number of a queue
 * @base: (out): where the queue stopped
 *
 * Stops a queue (GET_VRING_BASE).
 *
 * The back-end finishes what it has begun before it answers, and forgets the
 * kick and call descriptors.
 *
 * Returns: true on success
 *
 * Since: 0.1
 */
gboolean
vhu_frontend_get_vring_base (VhuFrontend  *self,
                             guint         index,
                             guint        *base,
                             GError      **error)
{
  const VhuVringState state = { .index = index };
  g_auto(VhuMessage) message = VHU_MESSAGE_INIT;
  g_auto(VhuMessage) reply = VHU_MESSAGE_INIT;
  VhuVringState answer;

  g_return_val_if_fail (VHU_IS_FRONTEND (self), FALSE);

  vhu_message_init (&message, VHU_REQUEST_GET_VRING_BASE, VHU_FLAG_VERSION);
  vhu_message_append (&message, &state, sizeof state);
  if (!vhu_frontend_exchange (self, &message, &reply, error) ||
      !vhu_message_read_vring_state (&reply, &answer, error))
    return FALSE;

  if (answer.index != index)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_MESSAGE,
                   "queue %u was asked for its base, queue %u answered",
                   index, answer.index);
      return FALSE;
    }
  *base = answer.num;
  return TRUE;
}

/**
 * vhu_frontend_set_vring_kick:
 * @self: a front-end
 * @index: the number of a queue, at most 255
 * @fd: an eventfd or pipe, or -1 for a back-end that polls
 *
 * Gives the descriptor that wakes the back-end (SET_VRING_KICK).
 *
 * The descriptor is duplicated and stays the caller's.
 *
 * Returns: true if the message was sent and, with acknowledgements, accepted
 *
 * Since: 0.1
 */
gboolean
vhu_frontend_set_vring_kick (VhuFrontend  *self,
                             guint         index,
                             int           fd,
                             GError      **error)
{
  g_return_val_if_fail (VHU_IS_FRONTEND (self), FALSE);
  g_return_val_if_fail (index <= VHU_VRING_INDEX_MASK, FALSE);

  return send_vring_event (self, VHU_REQUEST_SET_VRING_KICK, index, fd, error);
}

/**
 * vhu_frontend_set_vring_call:
 * @self: a front-end
 * @index: the number of a queue, at most 255
 * @fd: an eventfd or pipe, or -1 for a driver that polls
 *
 * Gives the descriptor that wakes the driver (SET_VRING_CALL).
 *
 * The descriptor is duplicated and stays the caller's.
 *
 * Returns: true if the message was sent and, with acknowledgements, accepted
 *
 * Since: 0.1
 */
gboolean
vhu_frontend_set_vring_call (VhuFrontend  *self,
                             guint         index,
                             int           fd,
                             GError      **error)
{
  g_return_val_if_fail (VHU_IS_FRONTEND (self), FALSE);
  g_return_val_if_fail (index <= VHU_VRING_INDEX_MASK, FALSE);

  return send_vring_event (self, VHU_REQUEST_SET_VRING_CALL, index, fd, error);
}

/**
 * vhu_frontend_set_vring_err:
 * @self: a front-end
 * @index: the number of a queue, at most 255
 * @fd: an eventfd or pipe, or -1 for none
 *
 * Gives the descriptor by which a broken queue is reported (SET_VRING_ERR).
 *
 * The descriptor is duplicated and stays the caller's.
 *
 * Returns: true if the message was sent and, with acknowledgements, accepted
 *
 * Since: 0.1
 */
gboolean
vhu_frontend_set_vring_err (VhuFrontend  *self,
                            guint         index,
                            int           fd,
                            GError      **error)
{
  g_return_val_if_fail (VHU_IS_FRONTEND (self), FALSE);
  g_return_val_if_fail (index <= VHU_VRING_INDEX_MASK, FALSE);

  return send_vring_event (self, VHU_REQUEST_SET_VRING_ERR, index, fd, error);
}

/**
 * vhu_frontend_set_vring_enable:
 * @self: a front-end
 * @index: the number of a queue
 * @enabled: whether the back-end may serve it
 *
 * Enables or disables a queue (SET_VRING_ENABLE).
 *
 * Returns: true if the message was sent and, with acknowledgements, accepted
 *
 * Since: 0.1
 */
gboolean
vhu_frontend_set_vring_enable (VhuFrontend  *self,
                               guint         index,
                               gboolean      enabled,
                               GError      **error)
{
  g_return_val_if_fail (VHU_IS_FRONTEND (self), FALSE);

  return send_vring_state (self, VHU_REQUEST_SET_VRING_ENABLE, index, !!enabled,
                           error);
}

/**
 * vhu_frontend_set_backend_req_fd:
 * @self: a front-end
 * @fd: one end of a pair of sockets, or anything else
 *
 * Gives the back-end a channel of its own (SET_BACKEND_REQ_FD).
 *
 * The descriptor is duplicated and stays the caller's.
 * [method@Frontend.open_back_channel] makes a channel and serves it.
 *
 * Returns: true if the message was sent and, with acknowledgements, accepted
 *
 * Since: 0.1
 */
gboolean
vhu_frontend_set_backend_req_fd (VhuFrontend  *self,
                                 int           fd,
                                 GError      **error)
{
  g_auto(VhuMessage) message = VHU_MESSAGE_INIT;

  g_return_val_if_fail (VHU_IS_FRONTEND (self), FALSE);

  vhu_message_init (&message, VHU_REQUEST_SET_BACKEND_REQ_FD, VHU_FLAG_VERSION);
  return append_dup_fd (&message, fd, error) &&
         vhu_frontend_send_message (self, &message, error);
}

/* The payload of a request for @size bytes is as long as that of the answer. */
static void
init_config_message (VhuMessage    *message,
                     VhuRequest     request,
                     guint          offset,
                     guint          size,
                     guint          flags,
                     gconstpointer  data)
{
  VhuConfigPayload config = { .offset = offset, .size = size, .flags = flags };

  if (data != NULL)
    memcpy (config.data, data, size);
  vhu_message_init (message, request, VHU_FLAG_VERSION);
  vhu_message_append (message, &config, VHU_CONFIG_HEAD_SIZE + size);
}

/**
 * vhu_frontend_get_config:
 * @self: a front-end
 * @offset: where in the configuration space
 * @size: how many bytes, at most 256
 *
 * Reads the configuration space (GET_CONFIG).
 *
 * Returns: (transfer full): the bytes
 *
 * Since: 0.1
 */
GBytes *
vhu_frontend_get_config (VhuFrontend  *self,
                         guint         offset,
                         guint         size,
                         GError      **error)
{
  g_auto(VhuMessage) message = VHU_MESSAGE_INIT;
  g_auto(VhuMessage) reply = VHU_MESSAGE_INIT;
  VhuConfigPayload config;

  g_return_val_if_fail (VHU_IS_FRONTEND (self), NULL);
  g_return_val_if_fail (size <= VHU_MAX_CONFIG_SIZE, NULL);

  init_config_message (&message, VHU_REQUEST_GET_CONFIG, offset, size, 0, NULL);
  if (!vhu_frontend_exchange (self, &message, &reply, error))
    return NULL;

  if (reply.size == 0)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_REFUSED,
                   "the back-end refused to give %u bytes at %u of the "
                   "configuration space", size, offset);
      return NULL;
    }

  if (!vhu_message_read_config (&reply, &config, error))
    return NULL;

  if (config.size != size || config.offset != offset)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_MESSAGE,
                   "%u bytes at %u of the configuration space came, expected "
                   "%u at %u", config.size, config.offset, size, offset);
      return NULL;
    }
  return g_bytes_new (config.data, config.size);
}

/**
 * vhu_frontend_set_config:
 * @self: a front-end
 * @offset: where in the configuration space
 * @data: at most 256 bytes
 * @origin: on whose behalf
 *
 * Writes the configuration space (SET_CONFIG).
 *
 * Returns: true if the message was sent and, with acknowledgements, accepted
 *
 * Since: 0.1
 */
gboolean
vhu_frontend_set_config (VhuFrontend      *self,
                         guint             offset,
                         GBytes           *data,
                         VhuConfigOrigin   origin,
                         GError          **error)
{
  g_auto(VhuMessage) message = VHU_MESSAGE_INIT;

  g_return_val_if_fail (VHU_IS_FRONTEND (self), FALSE);
  g_return_val_if_fail (g_bytes_get_size (data) <= VHU_MAX_CONFIG_SIZE, FALSE);

  init_config_message (&message, VHU_REQUEST_SET_CONFIG, offset,
                       (guint) g_bytes_get_size (data), origin,
                       g_bytes_get_data (data, NULL));
  return vhu_frontend_send_message (self, &message, error);
}
