/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-backend-internal-private.h"

/* The messages that bring descriptors have 8 bits for the number of a queue. */
#define MAX_QUEUES 256
#define MAX_QUEUE_SIZE 32768
#define DEFAULT_QUEUE_SIZE 256

/**
 * VhuBackend:
 *
 * A virtio device that lives outside of the virtual machine monitor.
 *
 * A subclass says what the device is, in construct properties and with
 * [method@Backend.offer_feature] and [method@Backend.update_config], and does
 * the device's work in virtual methods. A [class@Server] brings it together with
 * the virtual machine. The least that a device must do is to implement
 * [vfunc@Backend.process_chain].
 *
 * # Threads
 *
 * Two kinds of threads call a backend. The *control context* is the
 * thread-default main context of [method@Server.start]; negotiation, memory and
 * configuration are told there. Each queue belongs to one thread, which is the
 * control context's own with [property@Server:n-threads] 0 and one of the
 * server's workers otherwise; the virtual methods that have a [class@Vring] run
 * there, several at a time if the queues are spread. A subclass that keeps state
 * across queues guards it itself, with [method@Backend.lock] if it likes, or is
 * wrapped in a [class@BackendLocked]. No virtual method is called with a lock of
 * the library held.
 *
 * # What is frozen
 *
 * Features, the size of the configuration space, queues and the queue map are
 * fixed when a server starts with the backend, as a driver may read them at any
 * time from then on.
 *
 * Since: 0.1
 */

enum
{
  PROP_0,
  PROP_DEVICE_ID,
  PROP_KIND,
  PROP_N_QUEUES,
  PROP_QUEUE_SIZE,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (VhuBackend, vhu_backend, G_TYPE_OBJECT)

VhuBackendPrivate *
vhu_backend_get_private (VhuBackend *self)
{
  VhuBackendPrivate *own = vhu_backend_get_instance_private (self);

  return own->shared != NULL ? own->shared : own;
}

/* The defaults of the virtual methods. */

static void
vhu_backend_real_session_opened (VhuBackend *self)
{
}

static void
vhu_backend_real_session_closed (VhuBackend *self)
{
}

static void
vhu_backend_real_features_negotiated (VhuBackend *self)
{
}

static void
vhu_backend_real_set_event_idx (VhuBackend *self,
                                gboolean    enabled)
{
}

static gboolean
vhu_backend_real_memory_changed (VhuBackend  *self,
                                 VhuMemory   *memory,
                                 GError     **error)
{
  return TRUE;
}

static gboolean
vhu_backend_real_config_written (VhuBackend       *self,
                                 guint             offset,
                                 GBytes           *data,
                                 VhuConfigOrigin   origin,
                                 GError          **error)
{
  return TRUE;
}

static void
vhu_backend_real_frontend_channel_ready (VhuBackend         *self,
                                         VhuFrontendChannel *channel)
{
}

static void
vhu_backend_real_reset (VhuBackend *self)
{
}

static guint
vhu_backend_real_map_queue (VhuBackend *self,
                            guint       queue,
                            guint       n_threads)
{
  return 0;
}

static void
vhu_backend_real_vring_started (VhuBackend *self,
                                VhuVring   *vring)
{
}

static void
vhu_backend_real_vring_stopping (VhuBackend *self,
                                 VhuVring   *vring)
{
}

static void
vhu_backend_real_vring_stopped (VhuBackend *self,
                                VhuVring   *vring)
{
}

/* Our own reference stays here over the call, so that a chain that the device
 * lets go of can still be completed or failed. */
static void
process_one (VhuBackend *self,
             VhuVring   *vring,
             VhuChain   *chain)
{
  switch (vhu_backend_process_chain (self, vring, vhu_chain_ref (chain)))
    {
    case VHU_CHAIN_RESULT_DONE:
      vhu_chain_complete (chain, NULL);
      break;

    case VHU_CHAIN_RESULT_PENDING:
      break;

    case VHU_CHAIN_RESULT_FAILED:
    default:
      vhu_chain_fail (chain, NULL);
      break;
    }

  vhu_chain_unref (chain);
}

static void
vhu_backend_real_process_queue (VhuBackend *self,
                                VhuVring   *vring)
{
  VhuChain *chain;

  while ((chain = vhu_vring_pop (vring)) != NULL)
    process_one (self, vring, chain);
}

static VhuChainResult
vhu_backend_real_process_chain (VhuBackend *self,
                                VhuVring   *vring,
                                VhuChain   *chain)
{
  vhu_chain_unref (chain);
  return VHU_CHAIN_RESULT_FAILED;
}

static void
vhu_backend_real_fail_chain (VhuBackend *self,
                             VhuVring   *vring,
                             VhuChain   *chain)
{
}

static void
vhu_backend_get_property (GObject    *object,
                          guint       prop_id,
                          GValue     *value,
                          GParamSpec *pspec)
{
  VhuBackendPrivate *priv = vhu_backend_get_private (VHU_BACKEND (object));

  switch (prop_id)
    {
    case PROP_DEVICE_ID:
      g_value_set_uint (value, priv->device_id);
      break;

    case PROP_KIND:
      g_value_set_string (value, priv->kind);
      break;

    case PROP_N_QUEUES:
      g_value_set_uint (value, priv->n_queues);
      break;

    case PROP_QUEUE_SIZE:
      g_value_set_uint (value, priv->queue_size);
      break;

    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
vhu_backend_set_property (GObject      *object,
                          guint         prop_id,
                          const GValue *value,
                          GParamSpec   *pspec)
{
  VhuBackendPrivate *priv = vhu_backend_get_instance_private (VHU_BACKEND (object));

  switch (prop_id)
    {
    case PROP_DEVICE_ID:
      priv->device_id = g_value_get_uint (value);
      break;

    case PROP_KIND:
      priv->kind = g_value_dup_string (value);
      break;

    case PROP_N_QUEUES:
      priv->n_queues = g_value_get_uint (value);
      break;

    case PROP_QUEUE_SIZE:
      priv->queue_size = g_value_get_uint (value);
      break;

    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
vhu_backend_dispose (GObject *object)
{
  VhuBackendPrivate *priv = vhu_backend_get_instance_private (VHU_BACKEND (object));

  g_clear_object (&priv->frontend_channel);

  G_OBJECT_CLASS (vhu_backend_parent_class)->dispose (object);
}

static void
vhu_backend_finalize (GObject *object)
{
  VhuBackendPrivate *priv = vhu_backend_get_instance_private (VHU_BACKEND (object));

  g_clear_pointer (&priv->kind, g_free);
  g_clear_pointer (&priv->config, g_byte_array_unref);
  g_mutex_clear (&priv->user_lock);
  g_mutex_clear (&priv->lock);

  G_OBJECT_CLASS (vhu_backend_parent_class)->finalize (object);
}

static void
install_properties (GObjectClass *object_class)
{
  const GParamFlags flags =
    G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS;

  /**
   * VhuBackend:device-id:
   *
   * The virtio device id (virtio 1.3, section 5), such as 4 for an entropy
   * source.
   *
   * Since: 0.1
   */
  properties[PROP_DEVICE_ID] =
    g_param_spec_uint ("device-id", NULL, NULL, 0, G_MAXUINT16, 0, flags);

  /**
   * VhuBackend:kind:
   *
   * A short name of the kind of device, such as `rng`, for logs and state.
   *
   * Since: 0.1
   */
  properties[PROP_KIND] =
    g_param_spec_string ("kind", NULL, NULL, "device", flags);

  /**
   * VhuBackend:n-queues:
   *
   * How many queues the device has at most.
   *
   * Since: 0.1
   */
  properties[PROP_N_QUEUES] =
    g_param_spec_uint ("n-queues", NULL, NULL, 1, MAX_QUEUES, 1, flags);

  /**
   * VhuBackend:queue-size:
   *
   * How many descriptors a queue may have at most.
   *
   * Since: 0.1
   */
  properties[PROP_QUEUE_SIZE] =
    g_param_spec_uint ("queue-size", NULL, NULL, 1, MAX_QUEUE_SIZE,
                       DEFAULT_QUEUE_SIZE, flags);

  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
vhu_backend_class_init (VhuBackendClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = vhu_backend_get_property;
  object_class->set_property = vhu_backend_set_property;
  object_class->dispose = vhu_backend_dispose;
  object_class->finalize = vhu_backend_finalize;

  klass->session_opened = vhu_backend_real_session_opened;
  klass->session_closed = vhu_backend_real_session_closed;
  klass->features_negotiated = vhu_backend_real_features_negotiated;
  klass->set_event_idx = vhu_backend_real_set_event_idx;
  klass->memory_changed = vhu_backend_real_memory_changed;
  klass->config_written = vhu_backend_real_config_written;
  klass->frontend_channel_ready = vhu_backend_real_frontend_channel_ready;
  klass->reset = vhu_backend_real_reset;
  klass->map_queue = vhu_backend_real_map_queue;
  klass->vring_started = vhu_backend_real_vring_started;
  klass->process_queue = vhu_backend_real_process_queue;
  klass->process_chain = vhu_backend_real_process_chain;
  klass->fail_chain = vhu_backend_real_fail_chain;
  klass->vring_stopping = vhu_backend_real_vring_stopping;
  klass->vring_stopped = vhu_backend_real_vring_stopped;

  install_properties (object_class);
}

static void
vhu_backend_init (VhuBackend *self)
{
  VhuBackendPrivate *priv = vhu_backend_get_instance_private (self);

  priv->instance = self;
  g_mutex_init (&priv->user_lock);
  g_mutex_init (&priv->lock);
  priv->config = g_byte_array_new ();
  priv->offered = vhu_backend_bit (VHU_FEATURE_VERSION_1) |
                  vhu_backend_bit (VHU_FEATURE_INDIRECT_DESC) |
                  vhu_backend_bit (VHU_FEATURE_EVENT_IDX);
  priv->offered_protocol = vhu_backend_bit (VHU_PROTOCOL_FEATURE_MQ) |
                           vhu_backend_bit (VHU_PROTOCOL_FEATURE_REPLY_ACK) |
                           vhu_backend_bit (VHU_PROTOCOL_FEATURE_BACKEND_REQ) |
                           vhu_backend_bit (VHU_PROTOCOL_FEATURE_RESET_DEVICE) |
                           vhu_backend_bit (VHU_PROTOCOL_FEATURE_CONFIGURE_MEM_SLOTS);
}

/**
 * vhu_backend_get_device_id: (get-property device-id)
 * @self: a backend
 *
 * Gets the virtio device id.
 *
 * Returns: the id
 *
 * Since: 0.1
 */
guint
vhu_backend_get_device_id (VhuBackend *self)
{
  g_return_val_if_fail (VHU_IS_BACKEND (self), 0);

  return vhu_backend_get_private (self)->device_id;
}

/**
 * vhu_backend_get_kind: (get-property kind)
 * @self: a backend
 *
 * Gets the short name of the kind of device.
 *
 * Returns: the name
 *
 * Since: 0.1
 */
const char *
vhu_backend_get_kind (VhuBackend *self)
{
  g_return_val_if_fail (VHU_IS_BACKEND (self), NULL);

  return vhu_backend_get_private (self)->kind;
}

/**
 * vhu_backend_get_n_queues: (get-property n-queues)
 * @self: a backend
 *
 * Gets how many queues the device has at most.
 *
 * Returns: the number of queues
 *
 * Since: 0.1
 */
guint
vhu_backend_get_n_queues (VhuBackend *self)
{
  g_return_val_if_fail (VHU_IS_BACKEND (self), 0);

  return vhu_backend_get_private (self)->n_queues;
}

/**
 * vhu_backend_get_queue_size: (get-property queue-size)
 * @self: a backend
 *
 * Gets how many descriptors a queue may have at most.
 *
 * Returns: the number of descriptors
 *
 * Since: 0.1
 */
guint
vhu_backend_get_queue_size (VhuBackend *self)
{
  g_return_val_if_fail (VHU_IS_BACKEND (self), 0);

  return vhu_backend_get_private (self)->queue_size;
}

/**
 * vhu_backend_get_n_errors:
 * @self: a backend
 *
 * Counts the requests that failed, in all sessions: those that the device
 * answered with an error itself are not among them. Any thread may call this.
 *
 * Returns: the number of failed requests
 *
 * Since: 0.1
 */
guint64
vhu_backend_get_n_errors (VhuBackend *self)
{
  g_return_val_if_fail (VHU_IS_BACKEND (self), 0);

  return __atomic_load_n (&vhu_backend_get_private (self)->n_errors, __ATOMIC_RELAXED);
}

/**
 * vhu_backend_dup_frontend_channel:
 * @self: a backend
 *
 * Gets the channel for requests from the device to the front-end. The channel
 * itself may be used in the control context only.
 *
 * Returns: (transfer full) (nullable): the channel, or %NULL if the front-end
 *   gave none
 *
 * Since: 0.1
 */
VhuFrontendChannel *
vhu_backend_dup_frontend_channel (VhuBackend *self)
{
  VhuBackendPrivate *priv;
  VhuFrontendChannel *channel;

  g_return_val_if_fail (VHU_IS_BACKEND (self), NULL);

  priv = vhu_backend_get_private (self);
  g_mutex_lock (&priv->lock);
  channel = priv->frontend_channel != NULL ? g_object_ref (priv->frontend_channel) : NULL;
  g_mutex_unlock (&priv->lock);
  return channel;
}

/**
 * vhu_backend_lock:
 * @self: a backend
 *
 * Takes a lock that belongs to the subclass. The library itself never takes it;
 * a [class@BackendLocked] in mutex mode does, around each virtual method. It
 * does not recurse.
 *
 * Since: 0.1
 */
void
vhu_backend_lock (VhuBackend *self)
{
  g_return_if_fail (VHU_IS_BACKEND (self));

  g_mutex_lock (&vhu_backend_get_private (self)->user_lock);
}

/**
 * vhu_backend_unlock:
 * @self: a backend
 *
 * Lets go of the lock of [method@Backend.lock].
 *
 * Since: 0.1
 */
void
vhu_backend_unlock (VhuBackend *self)
{
  g_return_if_fail (VHU_IS_BACKEND (self));

  g_mutex_unlock (&vhu_backend_get_private (self)->user_lock);
}

/* What the session asks for; see vhu-backend-private.h. */

void
vhu_backend_share (VhuBackend *self,
                   VhuBackend *backend)
{
  VhuBackendPrivate *own = vhu_backend_get_instance_private (self);

  own->shared = vhu_backend_get_private (backend);
}

void
vhu_backend_freeze (VhuBackend               *self,
                    const VhuBackendObserver *observer,
                    gpointer                  observer_data)
{
  VhuBackendPrivate *priv = vhu_backend_get_private (self);

  g_mutex_lock (&priv->lock);
  if (priv->config->len > 0)
    priv->offered_protocol |= vhu_backend_bit (VHU_PROTOCOL_FEATURE_CONFIG);
  priv->frozen = TRUE;
  priv->observer = observer;
  priv->observer_data = observer_data;
  g_mutex_unlock (&priv->lock);
}

void
vhu_backend_forget_observer (VhuBackend *self)
{
  VhuBackendPrivate *priv = vhu_backend_get_private (self);

  g_mutex_lock (&priv->lock);
  priv->frozen = FALSE;
  priv->observer = NULL;
  priv->observer_data = NULL;
  g_mutex_unlock (&priv->lock);
}

gboolean
vhu_backend_is_frozen (VhuBackend *self)
{
  VhuBackendPrivate *priv = vhu_backend_get_private (self);
  gboolean frozen;

  g_mutex_lock (&priv->lock);
  frozen = priv->frozen;
  g_mutex_unlock (&priv->lock);
  return frozen;
}

/* GJS marks the types that scripts define, as all its versions did. It answers a
 * call from another thread with a critical message, and leaves the result as it
 * found it. */
gboolean
vhu_backend_is_bound_to_thread (VhuBackend *self)
{
  GQuark mark = g_quark_try_string ("gjs::custom-type");
  GType type = G_OBJECT_TYPE (vhu_backend_get_private (self)->instance);

  if (mark == 0)
    return FALSE;

  while (type != VHU_TYPE_BACKEND)
    {
      if (g_type_get_qdata (type, mark) != NULL)
        return TRUE;
      type = g_type_parent (type);
    }
  return FALSE;
}

void
vhu_backend_set_frontend_channel (VhuBackend         *self,
                                  VhuFrontendChannel *channel)
{
  VhuBackendPrivate *priv = vhu_backend_get_private (self);
  g_autoptr(VhuFrontendChannel) old = NULL;

  g_mutex_lock (&priv->lock);
  old = g_steal_pointer (&priv->frontend_channel);
  priv->frontend_channel = channel != NULL ? g_object_ref (channel) : NULL;
  g_mutex_unlock (&priv->lock);
}

void
vhu_backend_count_error (VhuBackend *self)
{
  __atomic_fetch_add (&vhu_backend_get_private (self)->n_errors, 1, __ATOMIC_RELAXED);
}
