/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-device-state-internal-private.h"

#include <string.h>

#include "vhu-boxed-private.h"
#include "vhu-error.h"
#include "vhu-json-guard-private.h"
#include "vhu-json-writer-private.h"

/**
 * VhuDeviceState:
 *
 * What a device knows, as a document: to be kept, or to be taken to another
 * host.
 *
 * It says what kind of device it is of and in which version of that kind's own
 * layout, which features were negotiated, what stood in the configuration space,
 * where each queue was, and, as an object of the device's own making, everything
 * else. Written down it is JSON that people can read and compare:
 *
 * ```json
 * {
 *   "vhu-state": 1,
 *   "kind": "gpio",
 *   "version": 1,
 *   "features": "0x130000000",
 *   "config": "0800000010000000",
 *   "queues": [
 *     {
 *       "base": 17,
 *       "parked": []
 *     },
 *     {
 *       "base": 4,
 *       "parked": [2, 3]
 *     }
 *   ],
 *   "device": {
 *     "values": [0, 1, 1]
 *   }
 * }
 * ```
 *
 * Reading is strict: all members must be there and no others, each of the right
 * type and in range, in a document of at most 1 MiB and 32 levels. The error
 * names the member. Writing, reading and writing again yields the same bytes.
 *
 * A state may be handed from thread to thread, but only one at a time may use
 * it.
 *
 * Since: 0.1
 */
VHU_DEFINE_BOXED_TYPE (VhuDeviceState, vhu_device_state)

#define VHU_STATE_BIT(n) (G_GUINT64_CONSTANT (1) << (n))

static void
clear_queue (gpointer data)
{
  VhuDeviceStateQueue *queue = data;

  g_array_unref (queue->parked);
}

static JsonNode *
create_empty_device (void)
{
  JsonNode *node = json_node_new (JSON_NODE_OBJECT);

  json_node_take_object (node, json_object_new ());
  json_node_seal (node);
  return node;
}

static gboolean
kind_is_valid (const char *kind)
{
  return kind != NULL && *kind != '\0' &&
         strlen (kind) <= VHU_DEVICE_STATE_MAX_KIND_LENGTH &&
         g_utf8_validate (kind, -1, NULL);
}

gboolean
vhu_device_state_heads_are_valid (const guint16 *heads,
                                  gsize          n_heads)
{
  g_autofree guint8 *seen = NULL;

  if (n_heads > VHU_DEVICE_STATE_MAX_HEADS)
    return FALSE;

  seen = g_malloc0 (VHU_DEVICE_STATE_MAX_HEADS);
  for (gsize i = 0; i < n_heads; i++)
    if (heads[i] >= VHU_DEVICE_STATE_MAX_HEADS || seen[heads[i]]++ > 0)
      return FALSE;
  return TRUE;
}

/**
 * vhu_device_state_new:
 * @kind: the kind of the device, as [property@Backend:kind]
 * @version: the version of the layout of the device's own part, at least 1
 *
 * Makes a state with nothing in it yet: no features, no configuration, no
 * queues, and an empty object for the device.
 *
 * Returns: (transfer full): the state
 *
 * Since: 0.1
 */
VhuDeviceState *
vhu_device_state_new (const char *kind,
                      guint       version)
{
  VhuDeviceState *self;

  g_return_val_if_fail (kind_is_valid (kind), NULL);
  g_return_val_if_fail (version > 0, NULL);

  self = g_new0 (VhuDeviceState, 1);
  g_atomic_ref_count_init (&self->ref_count);
  self->kind = g_strdup (kind);
  self->version = version;
  self->config = g_bytes_new (NULL, 0);
  self->queues = g_array_new (FALSE, FALSE, sizeof (VhuDeviceStateQueue));
  g_array_set_clear_func (self->queues, clear_queue);
  self->device = create_empty_device ();
  return self;
}

static JsonNode *
parse (GBytes  *bytes,
       GError **error)
{
  g_autoptr(JsonParser) parser = NULL;
  gsize size;
  const char *text = g_bytes_get_data (bytes, &size);

  /* The parser is not for documents of strangers. */
  if (!vhu_json_guard_check (text, size, error))
    return NULL;

  parser = json_parser_new_immutable ();
  if (!json_parser_load_from_data (parser, text, size, error))
    return NULL;
  return json_parser_steal_root (parser);
}

/**
 * vhu_device_state_new_from_bytes:
 * @bytes: a document
 * @error: return location for an error
 *
 * Reads a state.
 *
 * Whether it is one for the device at hand is up to
 * [method@DeviceState.check_device]; what the device's own part holds is up to
 * the device.
 *
 * Returns: (transfer full): the state
 *
 * Since: 0.1
 */
VhuDeviceState *
vhu_device_state_new_from_bytes (GBytes  *bytes,
                                 GError **error)
{
  g_autoptr(JsonNode) node = NULL;
  VhuDeviceState *self = NULL;

  g_return_val_if_fail (bytes != NULL, NULL);

  node = parse (bytes, error);
  if (node != NULL)
    self = vhu_device_state_new_from_node (node, error);
  if (self == NULL)
    g_prefix_error (error, "device state: ");
  return self;
}

/**
 * vhu_device_state_ref:
 * @self: a state
 *
 * Adds a reference.
 *
 * Returns: (transfer full): the same state
 *
 * Since: 0.1
 */
VhuDeviceState *
vhu_device_state_ref (VhuDeviceState *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

/**
 * vhu_device_state_unref:
 * @self: (transfer full): a state
 *
 * Drops a reference.
 *
 * Since: 0.1
 */
void
vhu_device_state_unref (VhuDeviceState *self)
{
  g_return_if_fail (self != NULL);

  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  g_free (self->kind);
  g_bytes_unref (self->config);
  g_array_unref (self->queues);
  json_node_unref (self->device);
  g_clear_pointer (&self->document, json_node_unref);
  g_free (self);
}

/**
 * vhu_device_state_to_bytes:
 * @self: a state
 * @error: return location for an error
 *
 * Writes the document.
 *
 * This fails if the device's own part has what could not be read again: more
 * than 32 levels, strings that are not UTF-8, numbers that are not finite, names
 * of members that have more than 64 bytes or need to be escaped, more than 256
 * members in an object, or more than 1 MiB in all.
 *
 * Returns: (transfer full): the document
 *
 * Since: 0.1
 */
GBytes *
vhu_device_state_to_bytes (VhuDeviceState  *self,
                           GError         **error)
{
  g_autoptr(JsonNode) node = NULL;
  GBytes *bytes;

  g_return_val_if_fail (self != NULL, NULL);

  node = vhu_device_state_to_node (self);
  bytes = vhu_json_write (node, error);
  if (bytes == NULL)
    g_prefix_error (error, "state of a %s device: ", self->kind);
  return bytes;
}

/**
 * vhu_device_state_check_device:
 * @self: a state
 * @kind: the kind of a device
 * @newest_version: the newest version that the device can load
 * @error: return location for an error
 *
 * Tells whether this is the state of a device of that kind, in a version that
 * is known.
 *
 * Returns: %TRUE if the device may load it
 *
 * Since: 0.1
 */
gboolean
vhu_device_state_check_device (VhuDeviceState  *self,
                               const char      *kind,
                               guint            newest_version,
                               GError         **error)
{
  g_return_val_if_fail (self != NULL, FALSE);
  g_return_val_if_fail (kind != NULL, FALSE);

  if (!g_str_equal (self->kind, kind))
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
                   "device state: member \"kind\" is \"%s\", this device is a \"%s\"",
                   self->kind, kind);
      return FALSE;
    }
  if (self->version > newest_version)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_NOT_SUPPORTED,
                   "device state: member \"version\" is %u, "
                   "this device knows versions up to %u",
                   self->version, newest_version);
      return FALSE;
    }
  return TRUE;
}

/**
 * vhu_device_state_get_kind:
 * @self: a state
 *
 * Gets the kind of device that this is the state of.
 *
 * Returns: (transfer none): the kind
 *
 * Since: 0.1
 */
const char *
vhu_device_state_get_kind (VhuDeviceState *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->kind;
}

/**
 * vhu_device_state_get_version:
 * @self: a state
 *
 * Gets the version of the layout of the device's own part.
 *
 * Returns: the version, at least 1
 *
 * Since: 0.1
 */
guint
vhu_device_state_get_version (VhuDeviceState *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->version;
}

/**
 * vhu_device_state_has_feature:
 * @self: a state
 * @bit: a virtio feature bit, below 64
 *
 * Tells whether a feature was negotiated when the state was saved.
 *
 * Returns: %TRUE if it was
 *
 * Since: 0.1
 */
gboolean
vhu_device_state_has_feature (VhuDeviceState *self,
                              guint           bit)
{
  g_return_val_if_fail (self != NULL, FALSE);
  g_return_val_if_fail (bit < 64, FALSE);

  return (self->features & VHU_STATE_BIT (bit)) != 0;
}

/**
 * vhu_device_state_add_feature:
 * @self: a state
 * @bit: a virtio feature bit, below 64
 *
 * Notes that a feature is negotiated.
 *
 * Since: 0.1
 */
void
vhu_device_state_add_feature (VhuDeviceState *self,
                              guint           bit)
{
  g_return_if_fail (self != NULL);
  g_return_if_fail (bit < 64);

  self->features |= VHU_STATE_BIT (bit);
}

/**
 * vhu_device_state_get_features: (skip)
 * @self: a state
 *
 * Gets all features that were negotiated when the state was saved.
 *
 * Returns: a mask of bits
 *
 * Since: 0.1
 */
guint64
vhu_device_state_get_features (VhuDeviceState *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->features;
}

/**
 * vhu_device_state_set_features: (skip)
 * @self: a state
 * @features: a mask of bits
 *
 * Notes which features are negotiated, and that no others are.
 *
 * Since: 0.1
 */
void
vhu_device_state_set_features (VhuDeviceState *self,
                               guint64         features)
{
  g_return_if_fail (self != NULL);

  self->features = features;
}

/**
 * vhu_device_state_get_config:
 * @self: a state
 *
 * Gets what stood in the configuration space.
 *
 * Returns: (transfer none): its bytes
 *
 * Since: 0.1
 */
GBytes *
vhu_device_state_get_config (VhuDeviceState *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->config;
}

/**
 * vhu_device_state_set_config:
 * @self: a state
 * @config: the bytes of the space, at most 256
 *
 * Notes what stands in the configuration space.
 *
 * Since: 0.1
 */
void
vhu_device_state_set_config (VhuDeviceState *self,
                             GBytes         *config)
{
  g_return_if_fail (self != NULL);
  g_return_if_fail (config != NULL);
  g_return_if_fail (g_bytes_get_size (config) <= VHU_DEVICE_STATE_MAX_CONFIG_SIZE);

  g_bytes_ref (config);
  g_bytes_unref (self->config);
  self->config = config;
}

/**
 * vhu_device_state_get_n_queues:
 * @self: a state
 *
 * Gets how many queues are described.
 *
 * Returns: the number of queues
 *
 * Since: 0.1
 */
guint
vhu_device_state_get_n_queues (VhuDeviceState *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->queues->len;
}

/**
 * vhu_device_state_add_queue:
 * @self: a state
 * @base: where the queue stopped, as it was told to the front-end
 * @parked: (array length=n_parked) (nullable): the heads of the chains that the
 *   device parked, the oldest first
 * @n_parked: how many they are
 *
 * Describes the next queue. There may be 1024 of them; heads are below 32768,
 * and no head is there twice.
 *
 * Since: 0.1
 */
void
vhu_device_state_add_queue (VhuDeviceState *self,
                            guint           base,
                            const guint16  *parked,
                            gsize           n_parked)
{
  VhuDeviceStateQueue queue = { .base = base };

  g_return_if_fail (self != NULL);
  g_return_if_fail (self->queues->len < VHU_DEVICE_STATE_MAX_QUEUES);
  g_return_if_fail (n_parked == 0 || parked != NULL);
  g_return_if_fail (vhu_device_state_heads_are_valid (parked, n_parked));

  queue.parked = g_array_sized_new (FALSE, FALSE, sizeof (guint16), n_parked);
  if (n_parked > 0)
    g_array_append_vals (queue.parked, parked, n_parked);
  g_array_append_val (self->queues, queue);
}

/**
 * vhu_device_state_get_queue_base:
 * @self: a state
 * @index: the number of a queue that is described
 *
 * Gets where a queue stopped.
 *
 * What is parked belongs to that place: if the queue starts elsewhere, the
 * driver has begun anew.
 *
 * Returns: its base, as it was told to the front-end
 *
 * Since: 0.1
 */
guint
vhu_device_state_get_queue_base (VhuDeviceState *self,
                                 guint           index)
{
  g_return_val_if_fail (self != NULL, 0);
  g_return_val_if_fail (index < self->queues->len, 0);

  return g_array_index (self->queues, VhuDeviceStateQueue, index).base;
}

/**
 * vhu_device_state_get_queue_parked:
 * @self: a state
 * @index: the number of a queue that is described
 * @n_parked: (out): how many they are
 *
 * Gets the heads of the chains that the device had parked.
 *
 * Returns: (transfer none) (array length=n_parked): the heads, the oldest first
 *
 * Since: 0.1
 */
const guint16 *
vhu_device_state_get_queue_parked (VhuDeviceState *self,
                                   guint           index,
                                   gsize          *n_parked)
{
  VhuDeviceStateQueue *queue;

  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (index < self->queues->len, NULL);
  g_return_val_if_fail (n_parked != NULL, NULL);

  queue = &g_array_index (self->queues, VhuDeviceStateQueue, index);
  *n_parked = queue->parked->len;
  return (const guint16 *) queue->parked->data;
}

/**
 * vhu_device_state_get_device:
 * @self: a state
 *
 * Gets the device's own part. It cannot be changed.
 *
 * Returns: (transfer none): a node that holds an object
 *
 * Since: 0.1
 */
JsonNode *
vhu_device_state_get_device (VhuDeviceState *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->device;
}

/**
 * vhu_device_state_set_device:
 * @self: a state
 * @device: a node that holds an object
 *
 * Notes the device's own part.
 *
 * Its members keep the order in which they were added. The node is sealed: it
 * cannot be changed from here on.
 *
 * Since: 0.1
 */
void
vhu_device_state_set_device (VhuDeviceState *self,
                             JsonNode       *device)
{
  g_return_if_fail (self != NULL);
  g_return_if_fail (device != NULL && JSON_NODE_HOLDS_OBJECT (device));

  json_node_seal (device);
  json_node_ref (device);
  json_node_unref (self->device);
  self->device = device;
}
