/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-session-internal-private.h"

#include "vhu-source-private.h"

/* The bits between 24 and 49 belong to the transport and the rings; of these we
 * show what the rings implement. All others belong to the kind of device. */
#define TRANSPORT_BITS \
  (((G_GUINT64_CONSTANT (1) << 50) - 1) & ~((G_GUINT64_CONSTANT (1) << 24) - 1))
#define RING_BITS                                                               \
  (VHU_BIT (VHU_FEATURE_INDIRECT_DESC) | VHU_BIT (VHU_FEATURE_EVENT_IDX) |     \
   VHU_BIT (VHU_FEATURE_VERSION_1))
#define PROTOCOL_BITS                                                           \
  (VHU_BIT (VHU_PROTOCOL_FEATURE_MQ) | VHU_BIT (VHU_PROTOCOL_FEATURE_REPLY_ACK) | \
   VHU_BIT (VHU_PROTOCOL_FEATURE_BACKEND_REQ) |                                 \
   VHU_BIT (VHU_PROTOCOL_FEATURE_CONFIG) |                                      \
   VHU_BIT (VHU_PROTOCOL_FEATURE_RESET_DEVICE) |                                \
   VHU_BIT (VHU_PROTOCOL_FEATURE_CONFIGURE_MEM_SLOTS))

/* Messages handled in one go before other sources of the context get a turn. */
#define MAX_MESSAGES_PER_DISPATCH 16

/**
 * VhuSession:
 *
 * One front-end that a [class@Server] serves: what was negotiated, and its
 * queues.
 *
 * A session is there from the front-end's first message until its last queue
 * has stopped. It belongs to the control context.
 *
 * Since: 0.1
 */

enum
{
  PROP_0,
  PROP_IS_OPEN,
  PROP_N_VRINGS,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

G_DEFINE_FINAL_TYPE (VhuSession, vhu_session, G_TYPE_OBJECT)

static void read_messages (VhuSession *self);

/* Sources on the socket. */

static gboolean
input_cb (GSocket      *socket,
          GIOCondition  condition,
          gpointer      user_data)
{
  g_autoptr(VhuSession) self = g_object_ref (user_data);

  read_messages (self);
  return G_SOURCE_CONTINUE;
}

static gboolean
hang_up_cb (GSocket      *socket,
            GIOCondition  condition,
            gpointer      user_data)
{
  vhu_session_close (user_data, NULL);
  return G_SOURCE_REMOVE;
}

/* A front-end may die while nothing is read from it: nobody must wait for an
 * answer to it, nor for a turn that it does not take. */
static void
watch_socket (VhuSession      *self,
              VhuSessionWatch  watch)
{
  GSocket *socket = vhu_stream_get_socket (self->stream);
  gboolean inputs = watch == VHU_SESSION_WATCH_INPUT;

  if (self->input != NULL && self->watch == watch)
    return;

  vhu_clear_source (&self->input);
  self->watch = watch;
  self->input = g_socket_create_source (socket, inputs ? G_IO_IN : G_IO_HUP, NULL);
  g_source_set_static_name (self->input, "vhu-session-input");
  g_source_set_callback (self->input, G_SOURCE_FUNC (inputs ? input_cb : hang_up_cb),
                         self, NULL);
  g_source_attach (self->input, self->context);
}

static gboolean
output_cb (GSocket      *socket,
           GIOCondition  condition,
           gpointer      user_data)
{
  g_autoptr(VhuSession) self = g_object_ref (user_data);
  g_autoptr(GError) error = NULL;

  if (!vhu_stream_flush (self->stream, &error))
    {
      vhu_session_close (self, error);
      return G_SOURCE_REMOVE;
    }
  if (vhu_stream_has_pending (self->stream))
    return G_SOURCE_CONTINUE;

  g_clear_pointer (&self->output, g_source_unref);
  return G_SOURCE_REMOVE;
}

static void
send_message (VhuSession       *self,
              const VhuMessage *message)
{
  g_autoptr(GError) error = NULL;

  if (!vhu_stream_send (self->stream, message, &error))
    {
      vhu_session_close (self, error);
      return;
    }
  if (!vhu_stream_has_pending (self->stream) || self->output != NULL)
    return;

  self->output = g_socket_create_source (vhu_stream_get_socket (self->stream), G_IO_OUT, NULL);
  g_source_set_static_name (self->output, "vhu-session-output");
  g_source_set_callback (self->output, G_SOURCE_FUNC (output_cb), self, NULL);
  g_source_attach (self->output, self->context);
}

/* Answering. */

static gboolean
wants_ack (VhuSession       *self,
           const VhuMessage *message)
{
  return vhu_message_needs_reply (message) &&
         vhu_session_negotiated (self, VHU_PROTOCOL_FEATURE_REPLY_ACK);
}

static void
send_ack (VhuSession       *self,
          const VhuMessage *message,
          guint64           value)
{
  g_auto(VhuMessage) ack = VHU_MESSAGE_INIT;

  vhu_message_init_reply (&ack, message);
  vhu_message_append_u64 (&ack, value);
  send_message (self, &ack);
}

/* What a failure costs: a malformed message costs the connection, as nothing
 * after it can be trusted. Everything else is answered if the front-end can be
 * told at all; if it cannot, it must not go on believing that all is well. */
static void
answer_failure (VhuSession *self,
                VhuCall    *call)
{
  const VhuMessage *message = &call->message;
  gboolean fails_empty;

  vhu_log_peer (&self->log_gate, "%s: %s refused: %s",
                vhu_backend_get_kind (self->backend),
                vhu_request_to_string (message->request), call->error->message);

  if (g_error_matches (call->error, VHU_ERROR, VHU_ERROR_BAD_MESSAGE))
    vhu_session_close (self, call->error);
  else if (vhu_session_request_replies (message->request, &fails_empty))
    {
      vhu_message_clear (&call->reply);
      vhu_message_init_reply (&call->reply, message);
      if (fails_empty)
        send_message (self, &call->reply);
      else
        vhu_session_close (self, call->error);
    }
  else if (wants_ack (self, message))
    send_ack (self, message, 1);
  else
    vhu_session_close (self, call->error);
}

static void
answer (VhuSession *self,
        VhuCall    *call)
{
  gboolean fails_empty;

  if (call->error != NULL)
    answer_failure (self, call);
  else if (vhu_session_request_replies (call->message.request, &fails_empty))
    send_message (self, &call->reply);
  else if (wants_ack (self, &call->message))
    send_ack (self, &call->message, 0);
}

static void
call_clear (VhuCall *call)
{
  vhu_message_clear (&call->message);
  vhu_message_clear (&call->reply);
  g_clear_error (&call->error);
  call->finish = NULL;
  call->active = FALSE;
}

/* All rings have done their part. */
static void
call_done_cb (gpointer user_data)
{
  g_autoptr(VhuSession) self = user_data;
  VhuCall *call = &self->call;

  if (call->error == NULL && call->finish != NULL)
    call->finish (self, call);
  if (self->phase == VHU_SESSION_OPEN)
    answer (self, call);
  call_clear (call);

  if (self->channel != NULL)
    vhu_frontend_channel_resume (self->channel);
  if (self->phase == VHU_SESSION_OPEN)
    watch_socket (self, VHU_SESSION_WATCH_INPUT);
}

/* Runs the message in self->call. The call ends at once unless rings have to be
 * waited for; then reading stops until they have answered. */
static void
run_call (VhuSession *self)
{
  VhuCall *call = &self->call;

  call->active = TRUE;
  call->transaction = vhu_transaction_new (self->context, call_done_cb, g_object_ref (self));
  VHU_TRACE (VHU_DEBUG_MESSAGES, "%s, %u bytes, %u descriptors",
             vhu_request_to_string (call->message.request),
             call->message.size, call->message.n_fds);

  vhu_message_init_reply (&call->reply, &call->message);
  vhu_session_run_request (self, &call->error);
  vhu_transaction_release (g_steal_pointer (&call->transaction));
  g_clear_pointer (&call->closing, vhu_transaction_release);
  if (call->active && self->phase == VHU_SESSION_OPEN)
    {
      watch_socket (self, VHU_SESSION_WATCH_HANG_UP);
      if (self->channel != NULL)
        vhu_frontend_channel_suspend (self->channel);
    }
}

/* Reading. */

static gboolean
open_session (VhuSession *self)
{
  if (!self->owner->claim (self, self->owner_data))
    return FALSE;

  self->phase = VHU_SESSION_OPEN;
  vhu_backend_set_negotiated (self->backend, 0);
  vhu_backend_set_negotiated_protocol (self->backend, 0);
  vhu_session_create_queues (self);
  vhu_session_watch_faults (self);
  vhu_backend_session_opened (self->backend);
  if (self->phase == VHU_SESSION_OPEN)
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_IS_OPEN]);
  return TRUE;
}

/* Whoever is told of a new session may run a main loop of their own: what comes
 * next from the front-end has to wait for the first message. They may also stop
 * the server, and then the message is not for anybody. */
static gboolean
claim_session (VhuSession *self)
{
  gboolean claimed;

  self->call.active = TRUE;
  claimed = open_session (self);
  self->call.active = FALSE;
  return claimed;
}

/* FALSE when there is nothing more to do now. */
static gboolean
handle_message (VhuSession *self)
{
  if (self->phase == VHU_SESSION_CANDIDATE && !claim_session (self))
    {
      watch_socket (self, VHU_SESSION_WATCH_HANG_UP);
      return FALSE;
    }

  if (self->phase == VHU_SESSION_OPEN)
    run_call (self);
  return self->phase == VHU_SESSION_OPEN && !self->call.active;
}

static gboolean
read_message (VhuSession *self)
{
  g_autoptr(GError) error = NULL;

  switch (vhu_stream_receive (self->stream, &self->call.message, &error))
    {
    case VHU_STREAM_STATUS_MESSAGE:
      return handle_message (self);

    case VHU_STREAM_STATUS_AGAIN:
      return FALSE;

    case VHU_STREAM_STATUS_CLOSED:
      vhu_session_close (self, NULL);
      return FALSE;

    case VHU_STREAM_STATUS_ERROR:
    default:
      vhu_log_peer (&self->log_gate, "%s: connection ends: %s",
                    vhu_backend_get_kind (self->backend), error->message);
      vhu_session_close (self, error);
      return FALSE;
    }
}

static void
read_messages (VhuSession *self)
{
  for (guint i = 0; i < MAX_MESSAGES_PER_DISPATCH; i++)
    if (self->call.active || self->phase > VHU_SESSION_OPEN || !read_message (self))
      break;
}

/* Closing. */

static void
closed_cb (gpointer user_data)
{
  g_autoptr(VhuSession) self = user_data;

  /* The device is told when the guest's memory is gone. */
  self->phase = VHU_SESSION_CLOSED;
  vhu_session_forget_faults (self);
  g_clear_pointer (&self->memory, vhu_memory_unref);
  vhu_backend_session_closed (self->backend);
  self->owner->ended (self, self->owner_data);

  for (guint i = 0; i < self->n_queues; i++)
    {
      g_clear_pointer (&self->queues[i].queue, vhu_queue_unref);
      g_clear_pointer (&self->queues[i].kick, vhu_event_unref);
    }
  g_clear_pointer (&self->settings.threads, g_ptr_array_unref);
}

static void
stopped_cb (gpointer user_data)
{
  VhuSession *self = user_data;
  VhuTransaction *transaction;

  transaction = vhu_transaction_new (self->context, closed_cb, self);
  vhu_session_close_queues (self, transaction);
  vhu_transaction_release (transaction);
}

static void
close_channel (VhuSession *self)
{
  if (self->channel == NULL)
    return;

  vhu_frontend_channel_close (self->channel);
  vhu_backend_set_frontend_channel (self->backend, NULL);
  g_clear_object (&self->channel);
}

void
vhu_session_close (VhuSession   *self,
                   const GError *error)
{
  VhuTransaction *transaction;
  gboolean was_open = self->phase == VHU_SESSION_OPEN;

  if (self->phase >= VHU_SESSION_CLOSING)
    return;

  g_object_ref (self);
  self->phase = VHU_SESSION_CLOSING;
  vhu_clear_source (&self->input);
  vhu_clear_source (&self->output);
  g_socket_close (vhu_stream_get_socket (self->stream), NULL);
  close_channel (self);
  self->owner->hung_up (self, error, self->owner_data);

  if (!was_open)
    {
      vhu_message_clear (&self->call.message);
      self->phase = VHU_SESSION_CLOSED;
      self->owner->ended (self, self->owner_data);
      g_object_unref (self);
      return;
    }

  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_IS_OPEN]);
  transaction = vhu_transaction_new (self->context, stopped_cb, self);
  vhu_session_stop_all (self, TRUE, transaction);

  /* The device may close us from within a request, which needs its queues until
   * it returns. */
  if (self->call.transaction != NULL)
    self->call.closing = transaction;
  else
    vhu_transaction_release (transaction);
}

/* Configuration changes. */

static void send_config_change (VhuSession *self);

static void
config_change_sent_cb (GObject      *object,
                       GAsyncResult *result,
                       gpointer      user_data)
{
  g_autoptr(VhuSession) self = user_data;
  g_autoptr(GError) error = NULL;

  self->config_message_sent = FALSE;
  if (!vhu_frontend_channel_send_config_change_finish (VHU_FRONTEND_CHANNEL (object),
                                                       result, &error))
    {
      /* A drain came between: the front-end is told when it is over. */
      if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        self->config_message_due = TRUE;
      else if (self->phase == VHU_SESSION_OPEN)
        vhu_log_peer (&self->log_gate,
                      "the front-end did not take a change of the configuration: %s",
                      error->message);
    }
  if (self->config_message_due)
    send_config_change (self);
}

static void
send_config_change (VhuSession *self)
{
  self->config_message_due = FALSE;
  if (self->channel == NULL || !vhu_frontend_channel_get_is_open (self->channel))
    return;

  self->config_message_sent = TRUE;
  vhu_frontend_channel_send_config_change_async (self->channel, VHU_CONFIG_CHANGE_TIMEOUT_MS,
                                                 NULL, config_change_sent_cb,
                                                 g_object_ref (self));
}

void
vhu_session_config_changed (VhuSession *self)
{
  if (self->phase != VHU_SESSION_OPEN ||
      !vhu_session_negotiated (self, VHU_PROTOCOL_FEATURE_CONFIG))
    return;

  /* The front-end reads the space when it is told: one message stands for all
   * changes before it, but not for those after. */
  if (self->config_message_sent)
    self->config_message_due = TRUE;
  else
    send_config_change (self);
}

/* Life. */

VhuSession *
vhu_session_new (VhuBackend               *backend,
                 GSocket                  *socket,
                 const VhuSessionSettings *settings,
                 const VhuSessionOwner    *owner,
                 gpointer                  owner_data)
{
  VhuSession *self = g_object_new (VHU_TYPE_SESSION, NULL);

  self->backend = g_object_ref (backend);
  self->settings = *settings;
  self->settings.threads = g_ptr_array_ref (settings->threads);
  self->owner = owner;
  self->owner_data = owner_data;
  self->stream = vhu_stream_new (socket, VHU_STREAM_REQUESTS);
  self->offered = vhu_backend_get_offered (backend) & (~TRANSPORT_BITS | RING_BITS);
  self->offered |= VHU_BIT (VHU_FEATURE_PROTOCOL_FEATURES);
  self->offered_protocol = vhu_backend_get_offered_protocol (backend) & PROTOCOL_BITS;
  watch_socket (self, VHU_SESSION_WATCH_HANG_UP);
  return self;
}

void
vhu_session_resume (VhuSession *self)
{
  g_autoptr(VhuSession) guard = g_object_ref (self);

  if (self->phase != VHU_SESSION_CANDIDATE)
    return;

  watch_socket (self, VHU_SESSION_WATCH_INPUT);
  if (self->call.message.request != VHU_REQUEST_NONE || self->call.message.flags != 0)
    handle_message (self);
}

void
vhu_session_allow_start (VhuSession *self)
{
  if (self->may_start)
    return;

  self->may_start = TRUE;
  if (self->phase == VHU_SESSION_OPEN)
    vhu_session_try_arm_all (self);
}

gboolean
vhu_session_is_candidate (VhuSession *self)
{
  return self->phase == VHU_SESSION_CANDIDATE;
}

static void
vhu_session_get_property (GObject    *object,
                          guint       prop_id,
                          GValue     *value,
                          GParamSpec *pspec)
{
  VhuSession *self = VHU_SESSION (object);

  switch (prop_id)
    {
    case PROP_IS_OPEN:
      g_value_set_boolean (value, vhu_session_get_is_open (self));
      break;

    case PROP_N_VRINGS:
      g_value_set_uint (value, self->n_queues);
      break;

    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
vhu_session_finalize (GObject *object)
{
  VhuSession *self = VHU_SESSION (object);

  vhu_clear_source (&self->input);
  vhu_clear_source (&self->output);
  call_clear (&self->call);
  g_free (self->queues);
  g_clear_pointer (&self->memory, vhu_memory_unref);
  g_clear_object (&self->channel);
  g_clear_pointer (&self->stream, vhu_stream_free);
  g_clear_pointer (&self->settings.threads, g_ptr_array_unref);
  g_clear_pointer (&self->context, g_main_context_unref);
  g_clear_object (&self->backend);

  G_OBJECT_CLASS (vhu_session_parent_class)->finalize (object);
}

static void
vhu_session_class_init (VhuSessionClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = vhu_session_get_property;
  object_class->finalize = vhu_session_finalize;

  /**
   * VhuSession:is-open: (getter get_is_open)
   *
   * Whether the front-end is connected.
   *
   * Since: 0.1
   */
  properties[PROP_IS_OPEN] =
    g_param_spec_boolean ("is-open", NULL, NULL, FALSE,
                          G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * VhuSession:n-vrings: (getter get_n_vrings)
   *
   * The number of queues.
   *
   * Since: 0.1
   */
  properties[PROP_N_VRINGS] =
    g_param_spec_uint ("n-vrings", NULL, NULL, 0, G_MAXUINT, 0,
                       G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
vhu_session_init (VhuSession *self)
{
  self->context = g_main_context_ref_thread_default ();
  self->memory = vhu_memory_new_empty ();
}

/**
 * vhu_session_get_is_open: (get-property is-open)
 * @self: a session
 *
 * Tells whether the front-end is connected.
 *
 * Returns: %TRUE until the connection ends
 *
 * Since: 0.1
 */
gboolean
vhu_session_get_is_open (VhuSession *self)
{
  g_return_val_if_fail (VHU_IS_SESSION (self), FALSE);

  return self->phase == VHU_SESSION_OPEN;
}

/**
 * vhu_session_has_feature:
 * @self: a session
 * @bit: a virtio feature bit, below 64
 *
 * Tells whether a feature was negotiated in this session.
 *
 * Returns: %TRUE if it was
 *
 * Since: 0.1
 */
gboolean
vhu_session_has_feature (VhuSession *self,
                         guint       bit)
{
  g_return_val_if_fail (VHU_IS_SESSION (self), FALSE);
  g_return_val_if_fail (bit < 64, FALSE);

  return (self->features & VHU_BIT (bit)) != 0;
}

/**
 * vhu_session_has_protocol_feature:
 * @self: a session
 * @bit: a [enum@Vhu.ProtocolFeature]
 *
 * Tells whether a feature of vhost-user itself was negotiated in this session.
 *
 * Returns: %TRUE if it was
 *
 * Since: 0.1
 */
gboolean
vhu_session_has_protocol_feature (VhuSession *self,
                                  guint       bit)
{
  g_return_val_if_fail (VHU_IS_SESSION (self), FALSE);
  g_return_val_if_fail (bit < 64, FALSE);

  return vhu_session_negotiated (self, bit);
}

/**
 * vhu_session_get_n_vrings: (get-property n-vrings)
 * @self: a session
 *
 * Gets the number of queues.
 *
 * Returns: the number
 *
 * Since: 0.1
 */
guint
vhu_session_get_n_vrings (VhuSession *self)
{
  g_return_val_if_fail (VHU_IS_SESSION (self), 0);

  return self->n_queues;
}

/**
 * vhu_session_get_vring:
 * @self: a session
 * @index: the number of a queue
 *
 * Gets one of the queues. A queue belongs to the thread of its context.
 *
 * Returns: (transfer none) (nullable): the queue, or %NULL if there is none of
 *   that number or the session is over
 *
 * Since: 0.1
 */
VhuVring *
vhu_session_get_vring (VhuSession *self,
                       guint       index)
{
  g_return_val_if_fail (VHU_IS_SESSION (self), NULL);

  if (index >= self->n_queues || self->queues[index].queue == NULL)
    return NULL;
  return vhu_queue_get_vring (self->queues[index].queue);
}
