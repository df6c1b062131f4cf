/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-frontend-channel-private.h"

#include <sys/socket.h>

#include "vhu-debug-private.h"
#include "vhu-error.h"
#include "vhu-fd-private.h"
#include "vhu-source-private.h"
#include "vhu-stream-private.h"

/* More requests than a front-end that answers ever lets wait. */
#define MAX_WAITING 256

/**
 * VhuFrontendChannel:
 *
 * The way back: requests from the device to the front-end.
 *
 * A front-end that negotiates `VHU_PROTOCOL_FEATURE_BACKEND_REQ` gives the
 * device a second connection, on which the device asks and the front-end
 * answers. [vfunc@Backend.frontend_channel_ready] hands it to the device.
 *
 * Requests wait in a queue and go out one at a time. If acknowledgements were
 * negotiated, a request ends when the front-end answers, and otherwise as soon
 * as it is sent. While a queue is being stopped the front-end is waiting for the
 * device and cannot answer: requests that wait then are cancelled.
 *
 * A channel belongs to the context in which the server was started; all of its
 * methods are called on that thread. Other threads go there by
 * [method@GLib.Source.attach].
 *
 * Since: 0.1
 */
typedef struct
{
  VhuFrontendChannel *channel; /* not a reference: the task has one */
  GTask *task;                 /* NULL if the caller no longer waits */
  guint32 id;
  GBytes *payload;
  gboolean wants_reply;
  guint timeout_ms;
  GSource *timeout_source;
  GSource *cancelled_source;
} Request;

struct _VhuFrontendChannel
{
  GObject parent_instance;

  GMainContext *context;
  VhuStream *stream; /* NULL once it is closed */
  GSource *in_source;
  GSource *out_source; /* while the socket takes no more */
  VhuLogGate log_gate;

  GQueue waiting; /* Request */
  /* Sent, and not answered. Replies bear no serial number, so that there is only
   * one; when its caller gives up, its answer is still awaited, to be dropped. */
  Request *current;

  gboolean reply_ack;
  gboolean suspended;
};

enum
{
  PROP_0,
  PROP_IS_OPEN,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

G_DEFINE_FINAL_TYPE (VhuFrontendChannel, vhu_frontend_channel, G_TYPE_OBJECT)

static void pump (VhuFrontendChannel *self);

static GTask *
request_steal_task (Request *request)
{
  vhu_clear_source (&request->timeout_source);
  vhu_clear_source (&request->cancelled_source);
  return g_steal_pointer (&request->task);
}

static void
request_free (Request *request)
{
  g_autoptr(GTask) task = request_steal_task (request);

  g_clear_pointer (&request->payload, g_bytes_unref);
  g_free (request);
}

/* Takes @error. Does nothing if the caller no longer waits. */
static void
request_fail (Request *request,
              GError  *error)
{
  g_autoptr(GTask) task = request_steal_task (request);

  if (task != NULL)
    g_task_return_error (task, error);
  else
    g_error_free (error);
}

static void
request_succeed (Request *request)
{
  g_autoptr(GTask) task = request_steal_task (request);

  if (task != NULL)
    g_task_return_boolean (task, TRUE);
}

/* The caller gives up. What was sent keeps its place in the order of the wire.
 * The callback may do anything to the channel, so that @request is looked at no
 * more after it unless it is ours alone. */
static void
abandon (Request *request,
         GError  *error)
{
  gboolean unsent = g_queue_remove (&request->channel->waiting, request);

  request_fail (request, error);
  if (unsent)
    request_free (request);
}

static gboolean
timed_out_cb (gpointer user_data)
{
  Request *request = user_data;

  abandon (request,
           g_error_new (VHU_ERROR, VHU_ERROR_TIMED_OUT,
                        "the front-end did not answer %s within %u ms",
                        vhu_backend_request_to_string (request->id),
                        request->timeout_ms));
  return G_SOURCE_REMOVE;
}

static gboolean
cancelled_cb (GCancellable *cancellable,
              gpointer      user_data)
{
  Request *request = user_data;
  GError *error = NULL;

  g_cancellable_set_error_if_cancelled (cancellable, &error);
  if (error != NULL)
    abandon (request, error);
  return G_SOURCE_REMOVE;
}

static void
fail_all (VhuFrontendChannel *self,
          GQuark              domain,
          int                 code,
          const char         *message)
{
  GQueue waiting = self->waiting;

  g_queue_init (&self->waiting);
  if (self->current != NULL)
    request_fail (self->current, g_error_new_literal (domain, code, message));

  while (waiting.length > 0)
    {
      Request *request = g_queue_pop_head (&waiting);

      request_fail (request, g_error_new_literal (domain, code, message));
      request_free (request);
    }
}

static void
close_channel (VhuFrontendChannel *self,
               const char         *why)
{
  g_autoptr(VhuFrontendChannel) guard = g_object_ref (self);
  g_autofree char *message = NULL;

  if (self->stream == NULL)
    return;

  vhu_clear_source (&self->in_source);
  vhu_clear_source (&self->out_source);
  g_clear_pointer (&self->stream, vhu_stream_free);

  message = g_strdup_printf ("the channel to the front-end is closed: %s", why);
  fail_all (self, VHU_ERROR, VHU_ERROR_CLOSED, message);
  g_clear_pointer (&self->current, request_free);

  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_IS_OPEN]);
}

/* The other side broke the rules. */
static void
drop_channel (VhuFrontendChannel *self,
              const char         *why)
{
  vhu_log_peer (&self->log_gate, "channel to the front-end: %s", why);
  close_channel (self, why);
}

static void
finish_current (VhuFrontendChannel *self)
{
  Request *request = g_steal_pointer (&self->current);

  request_succeed (request);
  request_free (request);
}

static gboolean
read_reply (VhuFrontendChannel  *self,
            const VhuMessage    *reply,
            guint64             *result,
            GError             **error)
{
  if (self->current == NULL || !self->current->wants_reply ||
      vhu_stream_has_pending (self->stream))
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_MESSAGE,
                   "reply %s to no request",
                   vhu_backend_request_to_string (reply->request));
      return FALSE;
    }

  if (reply->request != self->current->id)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_MESSAGE,
                   "reply has request id %u, expected %u",
                   reply->request, self->current->id);
      return FALSE;
    }

  return vhu_message_expect_fds (reply, 0, 0, error) &&
         vhu_message_read_u64 (reply, result, error);
}

static gboolean
handle_reply (VhuFrontendChannel  *self,
              const VhuMessage    *reply,
              GError             **error)
{
  Request *request;
  guint64 result;

  if (!read_reply (self, reply, &result, error))
    return FALSE;

  request = g_steal_pointer (&self->current);
  if (result == 0)
    request_succeed (request);
  else
    request_fail (request,
                  g_error_new (VHU_ERROR, VHU_ERROR_REFUSED,
                               "the front-end answered %s with %" G_GUINT64_FORMAT,
                               vhu_backend_request_to_string (request->id), result));
  request_free (request);
  return TRUE;
}

static gboolean
receive_one (VhuFrontendChannel  *self,
             GError             **error)
{
  g_auto(VhuMessage) message = VHU_MESSAGE_INIT;

  switch (vhu_stream_receive (self->stream, &message, error))
    {
    case VHU_STREAM_STATUS_MESSAGE:
      return handle_reply (self, &message, error);

    case VHU_STREAM_STATUS_CLOSED:
      close_channel (self, "the front-end has gone");
      return TRUE;

    case VHU_STREAM_STATUS_ERROR:
      return FALSE;

    case VHU_STREAM_STATUS_AGAIN:
    default:
      return TRUE;
    }
}

static gboolean
readable_cb (GSocket      *socket,
             GIOCondition  condition,
             gpointer      user_data)
{
  g_autoptr(VhuFrontendChannel) self = g_object_ref (user_data);
  g_autoptr(GError) error = NULL;

  /* One message at a time: a front-end that floods us is read, and found out,
   * beside everything else in this context. */
  if (!receive_one (self, &error))
    drop_channel (self, error->message);
  pump (self);

  return self->stream != NULL ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

static gboolean
writable_cb (GSocket      *socket,
             GIOCondition  condition,
             gpointer      user_data)
{
  g_autoptr(VhuFrontendChannel) self = g_object_ref (user_data);
  g_autoptr(GError) error = NULL;

  if (!vhu_stream_flush (self->stream, &error))
    close_channel (self, error->message);
  else if (vhu_stream_has_pending (self->stream))
    return G_SOURCE_CONTINUE;

  vhu_clear_source (&self->out_source);
  if (self->current != NULL && !self->current->wants_reply)
    finish_current (self);
  pump (self);

  return G_SOURCE_REMOVE;
}

static GSource *
watch_socket (VhuFrontendChannel *self,
              GIOCondition        condition,
              GSocketSourceFunc   func,
              const char         *name)
{
  GSource *source = g_socket_create_source (vhu_stream_get_socket (self->stream),
                                            condition, NULL);

  g_source_set_static_name (source, name);
  g_source_set_callback (source, G_SOURCE_FUNC (func), self, NULL);
  g_source_attach (source, self->context);

  return source;
}

static gboolean
send_current (VhuFrontendChannel  *self,
              GError             **error)
{
  g_auto(VhuMessage) message = VHU_MESSAGE_INIT;
  Request *request = self->current;
  gconstpointer data;
  gsize size;

  request->wants_reply = self->reply_ack;
  vhu_message_init (&message, request->id,
                    VHU_FLAG_VERSION | (request->wants_reply ? VHU_FLAG_NEED_REPLY : 0));
  if (request->payload != NULL)
    {
      data = g_bytes_get_data (request->payload, &size);
      vhu_message_append (&message, data, size);
    }

  VHU_TRACE (VHU_DEBUG_MESSAGES, "to the front-end: %s",
             vhu_backend_request_to_string (request->id));
  return vhu_stream_send (self->stream, &message, error);
}

static void
pump (VhuFrontendChannel *self)
{
  /* Callbacks run within. */
  g_autoptr(VhuFrontendChannel) guard = g_object_ref (self);

  while (self->stream != NULL && !self->suspended && self->current == NULL &&
         self->waiting.length > 0)
    {
      g_autoptr(GError) error = NULL;

      self->current = g_queue_pop_head (&self->waiting);
      if (!send_current (self, &error))
        close_channel (self, error->message);
      else if (vhu_stream_has_pending (self->stream))
        self->out_source = watch_socket (self, G_IO_OUT, writable_cb,
                                         "vhu-frontend-channel-out");
      else if (!self->current->wants_reply)
        finish_current (self);
    }
}

static void
vhu_frontend_channel_get_property (GObject    *object,
                                   guint       prop_id,
                                   GValue     *value,
                                   GParamSpec *pspec)
{
  VhuFrontendChannel *self = VHU_FRONTEND_CHANNEL (object);

  switch (prop_id)
    {
    case PROP_IS_OPEN:
      g_value_set_boolean (value, vhu_frontend_channel_get_is_open (self));
      break;

    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
vhu_frontend_channel_dispose (GObject *object)
{
  vhu_frontend_channel_close (VHU_FRONTEND_CHANNEL (object));

  G_OBJECT_CLASS (vhu_frontend_channel_parent_class)->dispose (object);
}

static void
vhu_frontend_channel_finalize (GObject *object)
{
  VhuFrontendChannel *self = VHU_FRONTEND_CHANNEL (object);

  g_clear_pointer (&self->context, g_main_context_unref);

  G_OBJECT_CLASS (vhu_frontend_channel_parent_class)->finalize (object);
}

static void
vhu_frontend_channel_class_init (VhuFrontendChannelClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = vhu_frontend_channel_get_property;
  object_class->dispose = vhu_frontend_channel_dispose;
  object_class->finalize = vhu_frontend_channel_finalize;

  /**
   * VhuFrontendChannel:is-open: (getter get_is_open)
   *
   * Whether requests can still be sent.
   *
   * Since: 0.1
   */
  properties[PROP_IS_OPEN] =
    g_param_spec_boolean ("is-open", NULL, NULL,
                          FALSE,
                          G_PARAM_READABLE | G_PARAM_STATIC_STRINGS |
                          G_PARAM_EXPLICIT_NOTIFY);

  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
vhu_frontend_channel_init (VhuFrontendChannel *self)
{
  g_queue_init (&self->waiting);
}

static gboolean
has_socket_option (int fd,
                   int option,
                   int wanted)
{
  int value = -1;
  socklen_t length = sizeof value;

  return getsockopt (fd, SOL_SOCKET, option, &value, &length) == 0 &&
         value == wanted;
}

static gboolean
has_peer (int fd)
{
  struct sockaddr_storage address;
  socklen_t length = sizeof address;

  return getpeername (fd, (struct sockaddr *) &address, &length) == 0;
}

static GSocket *
make_socket (int      fd,
             GError **error)
{
  vhu_autofd int owned_fd = fd;
  GSocket *socket;

  /* The front-end chose the descriptor: it can be anything. */
  if (!has_socket_option (fd, SO_DOMAIN, AF_UNIX) ||
      !has_socket_option (fd, SO_TYPE, SOCK_STREAM) ||
      !has_peer (fd))
    {
      g_set_error_literal (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
                           "descriptor for the channel to the front-end is no "
                           "connected Unix stream socket");
      return NULL;
    }

  fcntl (fd, F_SETFD, FD_CLOEXEC);
  socket = g_socket_new_from_fd (fd, error);
  if (socket == NULL)
    {
      g_prefix_error (error, "channel to the front-end: ");
      return NULL;
    }

  vhu_steal_fd (&owned_fd);
  g_socket_set_blocking (socket, FALSE);
  return socket;
}

VhuFrontendChannel *
vhu_frontend_channel_new_take (int        fd,
                               gboolean   reply_ack,
                               GError   **error)
{
  g_autoptr(GSocket) socket = make_socket (fd, error);
  VhuFrontendChannel *self;

  if (socket == NULL)
    return NULL;

  self = g_object_new (VHU_TYPE_FRONTEND_CHANNEL, NULL);
  self->context = g_main_context_ref_thread_default ();
  self->reply_ack = reply_ack;
  self->stream = vhu_stream_new (socket, VHU_STREAM_REPLIES);
  self->in_source = watch_socket (self, G_IO_IN, readable_cb,
                                  "vhu-frontend-channel-in");
  return self;
}

void
vhu_frontend_channel_set_reply_ack (VhuFrontendChannel *self,
                                    gboolean            reply_ack)
{
  /* What was sent before was sent under the old rule. */
  self->reply_ack = reply_ack;
}

void
vhu_frontend_channel_close (VhuFrontendChannel *self)
{
  close_channel (self, "the session has ended");
}

void
vhu_frontend_channel_suspend (VhuFrontendChannel *self)
{
  self->suspended = TRUE;
  fail_all (self, G_IO_ERROR, G_IO_ERROR_CANCELLED,
            "the front-end waits for the device and cannot answer");
}

void
vhu_frontend_channel_resume (VhuFrontendChannel *self)
{
  self->suspended = FALSE;
  pump (self);
}

static void
watch_request (Request      *request,
               GCancellable *cancellable)
{
  GMainContext *context = request->channel->context;

  if (request->timeout_ms > 0)
    {
      request->timeout_source = g_timeout_source_new (request->timeout_ms);
      g_source_set_static_name (request->timeout_source,
                                "vhu-frontend-channel-timeout");
      g_source_set_callback (request->timeout_source, timed_out_cb, request, NULL);
      g_source_attach (request->timeout_source, context);
    }

  if (cancellable != NULL)
    {
      request->cancelled_source = g_cancellable_source_new (cancellable);
      g_source_set_static_name (request->cancelled_source,
                                "vhu-frontend-channel-cancelled");
      g_source_set_callback (request->cancelled_source,
                             G_SOURCE_FUNC (cancelled_cb), request, NULL);
      g_source_attach (request->cancelled_source, context);
    }
}

/* Takes @task. */
static void
queue_request (VhuFrontendChannel *self,
               GTask              *task,
               guint32             id,
               GBytes             *payload,
               guint               timeout_ms)
{
  g_autoptr(GTask) owned_task = task;
  Request *request;

  if (g_task_return_error_if_cancelled (task))
    return;

  if (self->stream == NULL)
    {
      g_task_return_new_error (task, VHU_ERROR, VHU_ERROR_CLOSED,
                               "the channel to the front-end is closed");
      return;
    }

  if (self->waiting.length >= MAX_WAITING)
    {
      g_task_return_new_error (task, VHU_ERROR, VHU_ERROR_LIMIT,
                               "%u requests wait for the front-end already",
                               self->waiting.length);
      return;
    }

  request = g_new0 (Request, 1);
  request->channel = self;
  request->task = g_steal_pointer (&owned_task);
  request->id = id;
  request->payload = payload != NULL ? g_bytes_ref (payload) : NULL;
  request->timeout_ms = timeout_ms;
  watch_request (request, g_task_get_cancellable (task));

  g_queue_push_tail (&self->waiting, request);
  pump (self);
}

/**
 * vhu_frontend_channel_get_is_open: (get-property is-open)
 * @self: a channel
 *
 * Tells whether requests can still be sent.
 *
 * A channel closes for good when its session ends, when the front-end closes it,
 * or when the front-end sends what is no answer.
 *
 * Returns: %TRUE until the channel is closed
 *
 * Since: 0.1
 */
gboolean
vhu_frontend_channel_get_is_open (VhuFrontendChannel *self)
{
  g_return_val_if_fail (VHU_IS_FRONTEND_CHANNEL (self), FALSE);

  return self->stream != NULL;
}

/**
 * vhu_frontend_channel_send_config_change_async:
 * @self: a channel
 * @timeout_ms: how long to wait, in milliseconds; 0 for as long as it takes
 * @cancellable: (nullable): to stop waiting
 * @callback: (scope async): called when the request has ended
 * @user_data: data for @callback
 *
 * Tells the front-end that the configuration space has changed.
 *
 * [method@Backend.update_config] leads to this by itself; a device need not call
 * it. The front-end usually reads the space before it answers.
 *
 * The request fails with `VHU_ERROR_REFUSED` if the front-end answers that it
 * failed, with `VHU_ERROR_TIMED_OUT` when the time is up, with
 * `VHU_ERROR_CLOSED` when the channel closes, with `VHU_ERROR_LIMIT` when too
 * many requests wait, and with `G_IO_ERROR_CANCELLED` when @cancellable is
 * cancelled or a queue is being stopped. What was sent and then given up may have
 * happened all the same.
 *
 * Since: 0.1
 */
void
vhu_frontend_channel_send_config_change_async (VhuFrontendChannel  *self,
                                               guint                timeout_ms,
                                               GCancellable        *cancellable,
                                               GAsyncReadyCallback  callback,
                                               gpointer             user_data)
{
  GTask *task;

  g_return_if_fail (VHU_IS_FRONTEND_CHANNEL (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_name (task, "vhu_frontend_channel_send_config_change_async");
  queue_request (self, task, VHU_BACKEND_REQUEST_CONFIG_CHANGE_MSG, NULL, timeout_ms);
}

/**
 * vhu_frontend_channel_send_config_change_finish:
 * @self: a channel
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Ends [method@FrontendChannel.send_config_change_async].
 *
 * Returns: %TRUE if the front-end has taken note, or was at least told so if no
 *   acknowledgements were negotiated
 *
 * Since: 0.1
 */
gboolean
vhu_frontend_channel_send_config_change_finish (VhuFrontendChannel  *self,
                                                GAsyncResult        *result,
                                                GError             **error)
{
  g_return_val_if_fail (VHU_IS_FRONTEND_CHANNEL (self), FALSE);
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}
