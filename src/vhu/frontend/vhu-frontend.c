/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-frontend-private.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "vhu-debug-private.h"
#include "vhu-error.h"
#include "vhu-fd-private.h"

/**
 * VhuFrontend:
 *
 * The other half of the protocol: a front-end without a virtual machine.
 *
 * A front-end opens the socket of a back-end, negotiates, makes guest memory
 * out of nothing, and lets a [class@DriverQueue] play the driver on it. It is
 * there for tests, benchmarks and tools, and talks to any back-end, not only to
 * those of this library. Tests of a back-end's patience can send whatever they
 * like, see [method@Frontend.send_raw].
 *
 * ```c
 * g_autoptr(VhuFrontend) frontend = vhu_frontend_open (path, &error);
 * g_autoptr(VhuDriverQueue) queue = NULL;
 *
 * vhu_frontend_negotiate (frontend, &error);
 * vhu_frontend_allocate_memory (frontend, 16 << 20, 1, &error);
 * queue = vhu_frontend_add_queue (frontend, 0, 256, &error);
 * answer = vhu_driver_queue_request (queue, question, 512, &error);
 * ```
 *
 * Calls block, because a test is a sequence of steps; each of them returns
 * within [property@Frontend:timeout]. A program with a main loop calls them
 * from a thread of its own. All calls on one front-end come from one thread at a
 * time; its queues may be driven by other threads, one each, while they are
 * started.
 *
 * Since: 0.1
 */

#define DEFAULT_TIMEOUT 5000

/* Ring features that VhuDriverQueue has, and all bits of devices; the queue
 * could not keep what the others promise. */
#define WANTED_RING_FEATURES \
  (VHU_BIT (VHU_FEATURE_INDIRECT_DESC) | \
   VHU_BIT (VHU_FEATURE_EVENT_IDX) | \
   VHU_BIT (VHU_FEATURE_PROTOCOL_FEATURES) | \
   VHU_BIT (VHU_FEATURE_VERSION_1))
#define WANTED_DEVICE_FEATURES \
  ((VHU_BIT (24) - 1) | ~(VHU_BIT (50) - 1))
#define WANTED_PROTOCOL_FEATURES \
  (VHU_BIT (VHU_PROTOCOL_FEATURE_MQ) | \
   VHU_BIT (VHU_PROTOCOL_FEATURE_REPLY_ACK) | \
   VHU_BIT (VHU_PROTOCOL_FEATURE_BACKEND_REQ) | \
   VHU_BIT (VHU_PROTOCOL_FEATURE_CONFIG) | \
   VHU_BIT (VHU_PROTOCOL_FEATURE_RESET_DEVICE) | \
   VHU_BIT (VHU_PROTOCOL_FEATURE_CONFIGURE_MEM_SLOTS))

enum
{
  PROP_0,
  PROP_TIMEOUT,
  PROP_USE_REPLY_ACK,
  N_PROPS
};

enum
{
  CONFIG_CHANGED,
  N_SIGNALS
};

static GParamSpec *properties[N_PROPS];
static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (VhuFrontend, vhu_frontend, G_TYPE_OBJECT)

gboolean
vhu_frontend_check_open (VhuFrontend  *self,
                         GError      **error)
{
  if (self->link != NULL)
    return TRUE;

  g_set_error_literal (error, VHU_ERROR, VHU_ERROR_CLOSED,
                       "the front-end is closed");
  return FALSE;
}

/* Replies carry no number but that of the request: what comes next must be the
 * answer to what was asked last. */
static gboolean
receive_reply (VhuFrontend       *self,
               const VhuMessage  *request,
               VhuMessage        *reply,
               GError           **error)
{
  if (!vhu_frontend_link_receive (self->link, reply, self->timeout, error))
    {
      g_prefix_error (error, "%s: ", vhu_request_to_string (request->request));
      return FALSE;
    }

  if (reply->request == request->request)
    return TRUE;

  g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_MESSAGE,
               "request %u was answered with a reply to request %u",
               request->request, reply->request);
  vhu_message_clear (reply);
  return FALSE;
}

static gboolean
receive_ack (VhuFrontend       *self,
             const VhuMessage  *request,
             GError           **error)
{
  g_auto(VhuMessage) reply = VHU_MESSAGE_INIT;
  guint64 status;

  if (!receive_reply (self, request, &reply, error) ||
      !vhu_message_read_u64 (&reply, &status, error))
    return FALSE;

  if (status == 0)
    return TRUE;

  g_set_error (error, VHU_ERROR, VHU_ERROR_REFUSED,
               "the back-end refused %s (%" G_GUINT64_FORMAT ")",
               vhu_request_to_string (request->request), status);
  return FALSE;
}

static gboolean
send_now (VhuFrontend       *self,
          const VhuMessage  *message,
          GError           **error)
{
  VHU_TRACE (VHU_DEBUG_MESSAGES, "front-end sends %s: %u bytes, %u descriptors",
             vhu_request_to_string (message->request), message->size,
             message->n_fds);
  return vhu_frontend_check_open (self, error) &&
         vhu_frontend_link_send (self->link, message, self->timeout, error);
}

gboolean
vhu_frontend_send_message (VhuFrontend  *self,
                           VhuMessage   *message,
                           GError      **error)
{
  gboolean wants_ack =
    self->use_reply_ack &&
    vhu_frontend_has_protocol_feature (self, VHU_PROTOCOL_FEATURE_REPLY_ACK);

  if (wants_ack)
    message->flags |= VHU_FLAG_NEED_REPLY;

  return send_now (self, message, error) &&
         (!wants_ack || receive_ack (self, message, error));
}

gboolean
vhu_frontend_exchange (VhuFrontend       *self,
                       const VhuMessage  *message,
                       VhuMessage        *reply,
                       GError           **error)
{
  return send_now (self, message, error) &&
         receive_reply (self, message, reply, error);
}

void
vhu_frontend_set_config_changed (VhuFrontend *self)
{
  self->n_config_changes++;
  g_signal_emit (self, signals[CONFIG_CHANGED], 0);
}

static void
vhu_frontend_get_property (GObject    *object,
                           guint       prop_id,
                           GValue     *value,
                           GParamSpec *pspec)
{
  VhuFrontend *self = VHU_FRONTEND (object);

  switch (prop_id)
    {
    case PROP_TIMEOUT:
      g_value_set_uint (value, self->timeout);
      break;
    case PROP_USE_REPLY_ACK:
      g_value_set_boolean (value, self->use_reply_ack);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
vhu_frontend_set_property (GObject      *object,
                           guint         prop_id,
                           const GValue *value,
                           GParamSpec   *pspec)
{
  VhuFrontend *self = VHU_FRONTEND (object);

  switch (prop_id)
    {
    case PROP_TIMEOUT:
      vhu_frontend_set_timeout (self, g_value_get_uint (value));
      break;
    case PROP_USE_REPLY_ACK:
      vhu_frontend_set_use_reply_ack (self, g_value_get_boolean (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
vhu_frontend_finalize (GObject *object)
{
  VhuFrontend *self = VHU_FRONTEND (object);

  vhu_frontend_close (self);
  vhu_driver_memory_free (self->memory);

  G_OBJECT_CLASS (vhu_frontend_parent_class)->finalize (object);
}

static void
vhu_frontend_class_init (VhuFrontendClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = vhu_frontend_get_property;
  object_class->set_property = vhu_frontend_set_property;
  object_class->finalize = vhu_frontend_finalize;

  /**
   * VhuFrontend:timeout:
   *
   * The longest time that any call may wait for the back-end, in milliseconds.
   *
   * Since: 0.1
   */
  properties[PROP_TIMEOUT] =
    g_param_spec_uint ("timeout", NULL, NULL, 0, G_MAXINT, DEFAULT_TIMEOUT,
                       G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                         G_PARAM_EXPLICIT_NOTIFY);
  /**
   * VhuFrontend:use-reply-ack:
   *
   * Whether the back-end is asked to acknowledge messages that have no answer
   * of their own, once `REPLY_ACK` is negotiated.
   *
   * Without it, a call returns when its message is sent, and nothing tells
   * whether the back-end took it.
   *
   * Since: 0.1
   */
  properties[PROP_USE_REPLY_ACK] =
    g_param_spec_boolean ("use-reply-ack", NULL, NULL, TRUE,
                          G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                            G_PARAM_EXPLICIT_NOTIFY);
  g_object_class_install_properties (object_class, N_PROPS, properties);

  /**
   * VhuFrontend::config-changed:
   * @self: the front-end
   *
   * The back-end said on its channel that the configuration space changed.
   *
   * Emitted from within [method@Frontend.serve_back_channel], before the
   * back-end gets its answer.
   *
   * Since: 0.1
   */
  signals[CONFIG_CHANGED] =
    g_signal_new ("config-changed", G_TYPE_FROM_CLASS (klass),
                  G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
vhu_frontend_init (VhuFrontend *self)
{
  self->timeout = DEFAULT_TIMEOUT;
  self->use_reply_ack = TRUE;
  self->wanted = WANTED_RING_FEATURES | WANTED_DEVICE_FEATURES;
  self->wanted_protocol = WANTED_PROTOCOL_FEATURES;
  self->memory = vhu_driver_memory_new ();
  self->answers = TRUE;
}

static VhuFrontend *
frontend_new_take (int      fd,
                   GError **error)
{
  VhuFrontendLink *link = vhu_frontend_link_new_take (fd, VHU_STREAM_REPLIES,
                                                      error);
  VhuFrontend *self;

  if (link == NULL)
    return NULL;

  self = g_object_new (VHU_TYPE_FRONTEND, NULL);
  self->link = link;
  return self;
}

/**
 * vhu_frontend_open:
 * @path: (type filename): the path of a back-end's listening socket
 *
 * Connects to a back-end.
 *
 * Nothing is sent yet.
 *
 * Returns: (transfer full): a new front-end
 *
 * Since: 0.1
 */
VhuFrontend *
vhu_frontend_open (const char  *path,
                   GError     **error)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  vhu_autofd int fd = -1;

  g_return_val_if_fail (path != NULL, NULL);

  if (g_strlcpy (address.sun_path, path, sizeof address.sun_path) >=
      sizeof address.sun_path)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
                   "socket path is %zu bytes long, the limit is %zu: %s",
                   strlen (path), sizeof address.sun_path - 1, path);
      return NULL;
    }

  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 ||
      connect (fd, (struct sockaddr *) &address, sizeof address) < 0)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_CLOSED,
                   "no connection to %s: %s", path, g_strerror (errno));
      return NULL;
    }

  return frontend_new_take (vhu_steal_fd (&fd), error);
}

/**
 * vhu_frontend_new_for_fd:
 * @fd: a connected socket; it is duplicated and stays the caller's
 *
 * Makes a front-end of a connection that somebody else made.
 *
 * Returns: (transfer full): a new front-end
 *
 * Since: 0.1
 */
VhuFrontend *
vhu_frontend_new_for_fd (int      fd,
                         GError **error)
{
  int own_fd;

  own_fd = vhu_dup_fd (fd);
  if (own_fd < 0)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
                   "descriptor %d cannot be used: %s", fd, g_strerror (errno));
      return NULL;
    }
  return frontend_new_take (own_fd, error);
}

/**
 * vhu_frontend_close:
 * @self: a front-end
 *
 * Closes the connection, as a virtual machine that is killed would.
 *
 * Guest memory stays until the front-end itself goes away. May be called more
 * than once.
 *
 * Since: 0.1
 */
void
vhu_frontend_close (VhuFrontend *self)
{
  g_return_if_fail (VHU_IS_FRONTEND (self));

  vhu_frontend_close_back_channel (self);
  vhu_message_clear (&self->received);
  g_clear_pointer (&self->link, vhu_frontend_link_free);
}

/**
 * vhu_frontend_get_is_open:
 * @self: a front-end
 *
 * Tells whether [method@Frontend.close] has not been called yet.
 *
 * Returns: true until the front-end is closed from this side
 *
 * Since: 0.1
 */
gboolean
vhu_frontend_get_is_open (VhuFrontend *self)
{
  g_return_val_if_fail (VHU_IS_FRONTEND (self), FALSE);

  return self->link != NULL;
}

/**
 * vhu_frontend_get_peer_pid:
 * @self: a front-end
 *
 * Looks up the process at the other end of the connection.
 *
 * It is the process that called `listen()` or `socketpair()`, which need not be
 * the one that serves.
 *
 * Returns: a process id, or -1 if it is not known
 *
 * Since: 0.1
 */
int
vhu_frontend_get_peer_pid (VhuFrontend *self)
{
  struct ucred credentials;
  socklen_t size = sizeof credentials;

  g_return_val_if_fail (VHU_IS_FRONTEND (self), -1);

  if (self->link == NULL ||
      getsockopt (vhu_frontend_link_get_fd (self->link), SOL_SOCKET,
                  SO_PEERCRED, &credentials, &size) < 0 ||
      credentials.pid <= 0)
    return -1;

  return credentials.pid;
}

/**
 * vhu_frontend_get_timeout:
 * @self: a front-end
 *
 * Returns the longest time that a call waits.
 *
 * Returns: milliseconds
 *
 * Since: 0.1
 */
guint
vhu_frontend_get_timeout (VhuFrontend *self)
{
  g_return_val_if_fail (VHU_IS_FRONTEND (self), 0);

  return self->timeout;
}

/**
 * vhu_frontend_set_timeout:
 * @self: a front-end
 * @milliseconds: the new limit
 *
 * Sets the longest time that a call waits.
 *
 * Since: 0.1
 */
void
vhu_frontend_set_timeout (VhuFrontend *self,
                          guint        milliseconds)
{
  g_return_if_fail (VHU_IS_FRONTEND (self));

  if (self->timeout == milliseconds)
    return;

  self->timeout = milliseconds;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_TIMEOUT]);
}

/**
 * vhu_frontend_get_use_reply_ack:
 * @self: a front-end
 *
 * Tells whether acknowledgements are asked for where they are negotiated.
 *
 * Returns: true if they are
 *
 * Since: 0.1
 */
gboolean
vhu_frontend_get_use_reply_ack (VhuFrontend *self)
{
  g_return_val_if_fail (VHU_IS_FRONTEND (self), FALSE);

  return self->use_reply_ack;
}

/**
 * vhu_frontend_set_use_reply_ack:
 * @self: a front-end
 * @use_reply_ack: whether to ask for acknowledgements
 *
 * Sets whether acknowledgements are asked for where they are negotiated.
 *
 * Since: 0.1
 */
void
vhu_frontend_set_use_reply_ack (VhuFrontend *self,
                                gboolean     use_reply_ack)
{
  g_return_if_fail (VHU_IS_FRONTEND (self));

  if (self->use_reply_ack == !!use_reply_ack)
    return;

  self->use_reply_ack = !!use_reply_ack;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_USE_REPLY_ACK]);
}
