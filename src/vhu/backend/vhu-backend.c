/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-backend-private.h"

#include <string.h>

#include "vhu-error.h"

#define MAX_CONFIG_SIZE 256
#define MAX_QUEUES 1024
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

typedef struct
{
  guint device_id;
  char *kind;
  guint n_queues;
  guint queue_size;

  GMutex user_lock; /* offered to subclasses; never taken here */

  GMutex lock; /* a leaf: nothing is called while it is held */
  guint64 offered;
  guint64 offered_protocol;
  guint64 negotiated;
  guint64 negotiated_protocol;
  GByteArray *config;
  guint8 config_writable[MAX_CONFIG_SIZE];
  VhuFrontendChannel *frontend_channel;
  gboolean frozen;
  const VhuBackendObserver *observer;
  gpointer observer_data;

  guint64 n_errors; /* atomic */
} VhuBackendPrivate;

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

static inline VhuBackendPrivate *
get_private (VhuBackend *self)
{
  return vhu_backend_get_instance_private (self);
}

static guint64
bit_mask (guint bit)
{
  return G_GUINT64_CONSTANT (1) << bit;
}

/* Sets or clears one bit of a mask that is no longer changed once frozen. */
static void
change_offer (VhuBackend *self,
              guint64    *mask,
              guint       bit,
              gboolean    offered)
{
  VhuBackendPrivate *priv = get_private (self);
  gboolean frozen;

  g_mutex_lock (&priv->lock);
  frozen = priv->frozen;
  if (!frozen && offered)
    *mask |= bit_mask (bit);
  else if (!frozen)
    *mask &= ~bit_mask (bit);
  g_mutex_unlock (&priv->lock);

  if (frozen)
    g_critical ("feature %u of a %s backend is changed while it is served",
                bit, G_OBJECT_TYPE_NAME (self));
}

static guint64
read_mask (VhuBackend    *self,
           const guint64 *mask)
{
  VhuBackendPrivate *priv = get_private (self);
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
  VhuBackendPrivate *priv = get_private (self);

  g_mutex_lock (&priv->lock);
  *mask = value;
  g_mutex_unlock (&priv->lock);
}

static void
tell_config_changed (VhuBackend *self)
{
  VhuBackendPrivate *priv = get_private (self);
  const VhuBackendObserver *observer;
  gpointer observer_data;

  g_mutex_lock (&priv->lock);
  observer = priv->observer;
  observer_data = priv->observer_data;
  g_mutex_unlock (&priv->lock);

  if (observer != NULL)
    observer->config_changed (self, observer_data);
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
  VhuBackendPrivate *priv = get_private (VHU_BACKEND (object));

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
  VhuBackendPrivate *priv = get_private (VHU_BACKEND (object));

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
  VhuBackendPrivate *priv = get_private (VHU_BACKEND (object));

  g_clear_object (&priv->frontend_channel);

  G_OBJECT_CLASS (vhu_backend_parent_class)->dispose (object);
}

static void
vhu_backend_finalize (GObject *object)
{
  VhuBackendPrivate *priv = get_private (VHU_BACKEND (object));

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
  VhuBackendPrivate *priv = get_private (self);

  g_mutex_init (&priv->user_lock);
  g_mutex_init (&priv->lock);
  priv->config = g_byte_array_new ();
  priv->offered = bit_mask (VHU_FEATURE_VERSION_1) |
                  bit_mask (VHU_FEATURE_INDIRECT_DESC) |
                  bit_mask (VHU_FEATURE_EVENT_IDX);
  priv->offered_protocol = bit_mask (VHU_PROTOCOL_FEATURE_MQ) |
                           bit_mask (VHU_PROTOCOL_FEATURE_REPLY_ACK) |
                           bit_mask (VHU_PROTOCOL_FEATURE_BACKEND_REQ) |
                           bit_mask (VHU_PROTOCOL_FEATURE_RESET_DEVICE) |
                           bit_mask (VHU_PROTOCOL_FEATURE_CONFIGURE_MEM_SLOTS);
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

  return get_private (self)->device_id;
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

  return get_private (self)->kind;
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

  return get_private (self)->n_queues;
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

  return get_private (self)->queue_size;
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

  change_offer (self, &get_private (self)->offered, bit, TRUE);
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

  change_offer (self, &get_private (self)->offered, bit, FALSE);
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

  return (vhu_backend_get_offered (self) & bit_mask (bit)) != 0;
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

  return (vhu_backend_get_negotiated (self) & bit_mask (bit)) != 0;
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

  change_offer (self, &get_private (self)->offered_protocol, bit, TRUE);
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

  change_offer (self, &get_private (self)->offered_protocol, bit, FALSE);
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

  return (vhu_backend_get_offered_protocol (self) & bit_mask (bit)) != 0;
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

  return (read_mask (self, &get_private (self)->negotiated_protocol) & bit_mask (bit)) != 0;
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

  priv = get_private (self);
  bytes = g_bytes_get_data (data, &size);
  g_return_if_fail (offset <= MAX_CONFIG_SIZE && size <= MAX_CONFIG_SIZE - offset);

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

  priv = get_private (self);
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
  g_return_if_fail (offset <= MAX_CONFIG_SIZE && size <= MAX_CONFIG_SIZE - offset);
  g_return_if_fail (!vhu_backend_is_frozen (self));

  priv = get_private (self);
  g_mutex_lock (&priv->lock);
  memset (priv->config_writable + offset, TRUE, size);
  g_mutex_unlock (&priv->lock);
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

  return __atomic_load_n (&get_private (self)->n_errors, __ATOMIC_RELAXED);
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

  priv = get_private (self);
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

  g_mutex_lock (&get_private (self)->user_lock);
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

  g_mutex_unlock (&get_private (self)->user_lock);
}

/* What the session asks for; see vhu-backend-private.h. */

void
vhu_backend_freeze (VhuBackend               *self,
                    const VhuBackendObserver *observer,
                    gpointer                  observer_data)
{
  VhuBackendPrivate *priv = get_private (self);

  g_mutex_lock (&priv->lock);
  if (priv->config->len > 0)
    priv->offered_protocol |= bit_mask (VHU_PROTOCOL_FEATURE_CONFIG);
  priv->frozen = TRUE;
  priv->observer = observer;
  priv->observer_data = observer_data;
  g_mutex_unlock (&priv->lock);
}

void
vhu_backend_forget_observer (VhuBackend *self)
{
  VhuBackendPrivate *priv = get_private (self);

  g_mutex_lock (&priv->lock);
  priv->frozen = FALSE;
  priv->observer = NULL;
  priv->observer_data = NULL;
  g_mutex_unlock (&priv->lock);
}

gboolean
vhu_backend_is_frozen (VhuBackend *self)
{
  VhuBackendPrivate *priv = get_private (self);
  gboolean frozen;

  g_mutex_lock (&priv->lock);
  frozen = priv->frozen;
  g_mutex_unlock (&priv->lock);
  return frozen;
}

guint64
vhu_backend_get_offered (VhuBackend *self)
{
  return read_mask (self, &get_private (self)->offered);
}

guint64
vhu_backend_get_offered_protocol (VhuBackend *self)
{
  return read_mask (self, &get_private (self)->offered_protocol);
}

guint64
vhu_backend_get_negotiated (VhuBackend *self)
{
  return read_mask (self, &get_private (self)->negotiated);
}

void
vhu_backend_set_negotiated (VhuBackend *self,
                            guint64     features)
{
  write_mask (self, &get_private (self)->negotiated, features);
}

void
vhu_backend_set_negotiated_protocol (VhuBackend *self,
                                     guint64     features)
{
  write_mask (self, &get_private (self)->negotiated_protocol, features);
}

void
vhu_backend_set_frontend_channel (VhuBackend         *self,
                                  VhuFrontendChannel *channel)
{
  VhuBackendPrivate *priv = get_private (self);
  g_autoptr(VhuFrontendChannel) old = NULL;

  g_mutex_lock (&priv->lock);
  old = g_steal_pointer (&priv->frontend_channel);
  priv->frontend_channel = channel != NULL ? g_object_ref (channel) : NULL;
  g_mutex_unlock (&priv->lock);
}

guint
vhu_backend_get_config_size (VhuBackend *self)
{
  VhuBackendPrivate *priv = get_private (self);
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
  VhuBackendPrivate *priv = get_private (self);

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

gboolean
vhu_backend_write_config (VhuBackend       *self,
                          guint             offset,
                          const guint8     *data,
                          guint             size,
                          VhuConfigOrigin   origin,
                          GError          **error)
{
  VhuBackendPrivate *priv = get_private (self);
  g_autoptr(GBytes) written = NULL;
  guint8 old[MAX_CONFIG_SIZE];
  guint n_writable;

  g_mutex_lock (&priv->lock);
  n_writable = merge_config (priv, offset, data, size,
                             origin == VHU_CONFIG_ORIGIN_MIGRATION, old);
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
  memcpy (priv->config->data, old, priv->config->len);
  g_mutex_unlock (&priv->lock);
  return FALSE;
}

void
vhu_backend_count_error (VhuBackend *self)
{
  __atomic_fetch_add (&get_private (self)->n_errors, 1, __ATOMIC_RELAXED);
}
