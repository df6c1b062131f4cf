/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-session-internal-private.h"

#include <errno.h>
#include <sys/stat.h>

/* Front-ends differ in what they send before what: protocol features come before
 * the owner, queues are enabled before features are set. Hence requests are
 * gated on what we offer, and on what was negotiated only where their meaning
 * depends on it. */

static gboolean
get_features (VhuSession  *self,
              VhuCall     *call,
              GError     **error)
{
  if (!vhu_message_read_empty (&call->message, error))
    return FALSE;

  vhu_message_append_u64 (&call->reply, self->offered);
  return TRUE;
}

static gboolean
check_features (VhuSession  *self,
                guint64      features,
                GError     **error)
{
  guint64 changed = features ^ self->features;

  if ((features & ~self->offered) != 0)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
                   "features 0x%" G_GINT64_MODIFIER "x were not offered",
                   features & ~self->offered);
      return FALSE;
    }

  /* Multi-queue network front-ends repeat the same features while some of the
   * queues run already; a change is another matter. */
  changed &= ~VHU_BIT (VHU_FEATURE_LOG_ALL);
  if (changed != 0 && vhu_session_any_armed (self))
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_STATE,
                   "features 0x%" G_GINT64_MODIFIER "x cannot change while queues run",
                   changed);
      return FALSE;
    }
  return TRUE;
}

static gboolean
set_features (VhuSession  *self,
              VhuCall     *call,
              GError     **error)
{
  guint64 features;

  if (!vhu_message_read_u64 (&call->message, &features, error) ||
      !check_features (self, features, error))
    return FALSE;

  self->features = features;
  self->has_features = TRUE;
  vhu_backend_set_negotiated (self->backend, features);
  for (guint i = 0; i < self->n_queues; i++)
    vhu_queue_set_features (self->queues[i].queue, features, call->transaction);

  /* Without vhost-user's own features there is no message to enable a queue. */
  if ((features & VHU_BIT (VHU_FEATURE_PROTOCOL_FEATURES)) == 0)
    vhu_session_enable_all (self, TRUE);

  vhu_backend_set_event_idx (self->backend,
                             (features & VHU_BIT (VHU_FEATURE_EVENT_IDX)) != 0);
  vhu_backend_features_negotiated (self->backend);
  vhu_session_try_arm_all (self);
  return TRUE;
}

static gboolean
set_owner (VhuSession  *self,
           VhuCall     *call,
           GError     **error)
{
  if (!vhu_message_read_empty (&call->message, error))
    return FALSE;

  if (self->has_owner)
    {
      g_set_error_literal (error, VHU_ERROR, VHU_ERROR_BAD_STATE,
                           "this connection has an owner already");
      return FALSE;
    }
  self->has_owner = TRUE;
  return TRUE;
}

static gboolean
get_protocol_features (VhuSession  *self,
                       VhuCall     *call,
                       GError     **error)
{
  if (!vhu_message_read_empty (&call->message, error))
    return FALSE;

  vhu_message_append_u64 (&call->reply, self->offered_protocol);
  return TRUE;
}

static gboolean
has_reply_ack (VhuSession *self)
{
  return vhu_session_negotiated (self, VHU_PROTOCOL_FEATURE_REPLY_ACK);
}

static gboolean
set_protocol_features (VhuSession  *self,
                       VhuCall     *call,
                       GError     **error)
{
  guint64 features;

  if (!vhu_message_read_u64 (&call->message, &features, error))
    return FALSE;

  if ((features & ~self->offered_protocol) != 0)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
                   "protocol features 0x%" G_GINT64_MODIFIER "x were not offered",
                   features & ~self->offered_protocol);
      return FALSE;
    }
  if (features != self->protocol_features && vhu_session_any_armed (self))
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_STATE,
                   "protocol features 0x%" G_GINT64_MODIFIER "x cannot change while queues run",
                   features ^ self->protocol_features);
      return FALSE;
    }

  self->protocol_features = features;
  vhu_backend_set_negotiated_protocol (self->backend, features);
  if (self->channel != NULL)
    vhu_frontend_channel_set_reply_ack (self->channel, has_reply_ack (self));
  return TRUE;
}

static gboolean
get_queue_num (VhuSession  *self,
               VhuCall     *call,
               GError     **error)
{
  if (!vhu_message_read_empty (&call->message, error))
    return FALSE;

  vhu_message_append_u64 (&call->reply, self->n_queues);
  return TRUE;
}

static gboolean
get_max_mem_slots (VhuSession  *self,
                   VhuCall     *call,
                   GError     **error)
{
  if (!vhu_message_read_empty (&call->message, error))
    return FALSE;

  vhu_message_append_u64 (&call->reply, VHU_MAX_MEM_SLOTS);
  return TRUE;
}

/* Requests from us would come back to us, or be read as answers to theirs. */
static gboolean
check_other_socket (VhuSession  *self,
                    int          fd,
                    GError     **error)
{
  struct stat main_socket, other;

  if (fstat (g_socket_get_fd (vhu_stream_get_socket (self->stream)), &main_socket) < 0 ||
      fstat (fd, &other) < 0)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
                   "the channel's socket cannot be examined: %s", g_strerror (errno));
      return FALSE;
    }
  if (main_socket.st_dev == other.st_dev && main_socket.st_ino == other.st_ino)
    {
      g_set_error_literal (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
                           "the channel's socket is that of the requests");
      return FALSE;
    }
  return TRUE;
}

static gboolean
set_backend_req_fd (VhuSession  *self,
                    VhuCall     *call,
                    GError     **error)
{
  vhu_autofd int fd = -1;
  VhuFrontendChannel *channel;

  if (!vhu_message_read_empty (&call->message, error))
    return FALSE;
  fd = vhu_message_steal_fd (&call->message, 0);
  if (!check_other_socket (self, fd, error))
    return FALSE;

  channel = vhu_frontend_channel_new_take (vhu_steal_fd (&fd), has_reply_ack (self), error);
  if (channel == NULL)
    return FALSE;

  if (self->channel != NULL)
    vhu_frontend_channel_close (self->channel);
  g_set_object (&self->channel, channel);
  g_object_unref (channel);
  vhu_backend_set_frontend_channel (self->backend, self->channel);
  vhu_backend_frontend_channel_ready (self->backend, self->channel);
  return TRUE;
}

static gboolean
get_config (VhuSession  *self,
            VhuCall     *call,
            GError     **error)
{
  VhuConfigPayload config;

  if (!vhu_message_read_config (&call->message, &config, error))
    return FALSE;

  /* A front-end may know a larger structure than the device: zeros follow. */
  vhu_backend_copy_config (self->backend, config.offset, config.data, config.size);
  vhu_message_append (&call->reply, &config, VHU_CONFIG_HEAD_SIZE + config.size);
  return TRUE;
}

static gboolean
set_config (VhuSession  *self,
            VhuCall     *call,
            GError     **error)
{
  VhuConfigPayload config;

  if (!vhu_message_read_config (&call->message, &config, error))
    return FALSE;

  if (config.flags > VHU_CONFIG_ORIGIN_MIGRATION)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
                   "configuration is written with flags 0x%x, which may be 0 or 1",
                   config.flags);
      return FALSE;
    }
  return vhu_backend_write_config (self->backend, config.offset, config.data, config.size,
                                   config.flags, error);
}

/* What each request takes. */

typedef gboolean (*VhuRequestFunc) (VhuSession  *self,
                                    VhuCall     *call,
                                    GError     **error);

typedef enum
{
  ANSWER_ACK,          /* acknowledged if the front-end asks for it */
  ANSWER_REPLY,        /* an answer of its own, none that means failure */
  ANSWER_REPLY_OR_EMPTY /* an empty answer means failure */
} AnswerKind;

typedef struct
{
  VhuRequestFunc func;
  AnswerKind answer;
  int protocol_bit;    /* must be offered; -1 for none */
  guint min_fds;
  guint max_fds;
} VhuRequestRow;

#define NO_BIT (-1)

static const VhuRequestRow request_table[] = {
  [VHU_REQUEST_GET_FEATURES] = { get_features, ANSWER_REPLY, NO_BIT, 0, 0 },
  [VHU_REQUEST_SET_FEATURES] = { set_features, ANSWER_ACK, NO_BIT, 0, 0 },
  [VHU_REQUEST_SET_OWNER] = { set_owner, ANSWER_ACK, NO_BIT, 0, 0 },
  [VHU_REQUEST_RESET_OWNER] = { vhu_session_reset_owner, ANSWER_ACK, NO_BIT, 0, 0 },
  [VHU_REQUEST_SET_MEM_TABLE] = { vhu_session_set_mem_table, ANSWER_ACK, NO_BIT,
                                  0, VHU_MAX_FDS },
  [VHU_REQUEST_SET_VRING_NUM] = { vhu_session_set_vring_num, ANSWER_ACK, NO_BIT, 0, 0 },
  [VHU_REQUEST_SET_VRING_ADDR] = { vhu_session_set_vring_addr, ANSWER_ACK, NO_BIT, 0, 0 },
  [VHU_REQUEST_SET_VRING_BASE] = { vhu_session_set_vring_base, ANSWER_ACK, NO_BIT, 0, 0 },
  [VHU_REQUEST_GET_VRING_BASE] = { vhu_session_get_vring_base, ANSWER_REPLY, NO_BIT, 0, 0 },
  [VHU_REQUEST_SET_VRING_KICK] = { vhu_session_set_vring_kick, ANSWER_ACK, NO_BIT, 0, 1 },
  [VHU_REQUEST_SET_VRING_CALL] = { vhu_session_set_vring_call, ANSWER_ACK, NO_BIT, 0, 1 },
  [VHU_REQUEST_SET_VRING_ERR] = { vhu_session_set_vring_err, ANSWER_ACK, NO_BIT, 0, 1 },
  [VHU_REQUEST_GET_PROTOCOL_FEATURES] = { get_protocol_features, ANSWER_REPLY, NO_BIT, 0, 0 },
  [VHU_REQUEST_SET_PROTOCOL_FEATURES] = { set_protocol_features, ANSWER_ACK, NO_BIT, 0, 0 },
  [VHU_REQUEST_GET_QUEUE_NUM] = { get_queue_num, ANSWER_REPLY,
                                  VHU_PROTOCOL_FEATURE_MQ, 0, 0 },
  [VHU_REQUEST_SET_VRING_ENABLE] = { vhu_session_set_vring_enable, ANSWER_ACK, NO_BIT, 0, 0 },
  [VHU_REQUEST_SET_BACKEND_REQ_FD] = { set_backend_req_fd, ANSWER_ACK,
                                       VHU_PROTOCOL_FEATURE_BACKEND_REQ, 1, 1 },
  [VHU_REQUEST_GET_CONFIG] = { get_config, ANSWER_REPLY_OR_EMPTY,
                               VHU_PROTOCOL_FEATURE_CONFIG, 0, 0 },
  [VHU_REQUEST_SET_CONFIG] = { set_config, ANSWER_ACK, VHU_PROTOCOL_FEATURE_CONFIG, 0, 0 },
  [VHU_REQUEST_RESET_DEVICE] = { vhu_session_reset_device, ANSWER_ACK,
                                 VHU_PROTOCOL_FEATURE_RESET_DEVICE, 0, 0 },
  [VHU_REQUEST_GET_MAX_MEM_SLOTS] = { get_max_mem_slots, ANSWER_REPLY,
                                      VHU_PROTOCOL_FEATURE_CONFIGURE_MEM_SLOTS, 0, 0 },
  [VHU_REQUEST_ADD_MEM_REG] = { vhu_session_add_mem_reg, ANSWER_ACK,
                                VHU_PROTOCOL_FEATURE_CONFIGURE_MEM_SLOTS, 0, 1 },
  [VHU_REQUEST_REM_MEM_REG] = { vhu_session_rem_mem_reg, ANSWER_ACK,
                                VHU_PROTOCOL_FEATURE_CONFIGURE_MEM_SLOTS, 0, 1 },
};

static const VhuRequestRow *
find_row (guint32 request)
{
  if (request >= G_N_ELEMENTS (request_table) || request_table[request].func == NULL)
    return NULL;
  return &request_table[request];
}

gboolean
vhu_session_request_replies (guint32   request,
                             gboolean *fails_empty)
{
  const VhuRequestRow *row = find_row (request);

  *fails_empty = row != NULL && row->answer == ANSWER_REPLY_OR_EMPTY;
  return row != NULL && row->answer != ANSWER_ACK;
}

gboolean
vhu_session_run_request (VhuSession  *self,
                         GError     **error)
{
  VhuCall *call = &self->call;
  const VhuRequestRow *row = find_row (call->message.request);

  if (row == NULL)
    {
      g_set_error_literal (error, VHU_ERROR, VHU_ERROR_NOT_SUPPORTED,
                           "this back-end does not know the request");
      return FALSE;
    }
  if (row->protocol_bit != NO_BIT &&
      (self->offered_protocol & VHU_BIT (row->protocol_bit)) == 0)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_NOT_SUPPORTED,
                   "protocol feature %d, which it belongs to, was not offered",
                   row->protocol_bit);
      return FALSE;
    }
  if (!vhu_message_expect_fds (&call->message, row->min_fds, row->max_fds, error))
    return FALSE;

  return row->func (self, call, error);
}
