/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-vring.h"

#include "vhu-debug-private.h"
#include "vhu-error.h"
#include "vhu-vring-struct-private.h"

/**
 * VhuVring:
 *
 * One queue of a device.
 *
 * A ring belongs to one thread: the one that runs
 * [method@Vring.get_context]. Whatever is not said to be callable from any
 * thread is called there, from the virtual methods of [class@Backend] that
 * concern rings or from sources of the device's own on that context.
 *
 * A device takes a chain with [method@Vring.pop] and ends it with
 * [method@Chain.complete], on any thread, or with [method@Vring.push]. What is
 * pushed becomes visible to the driver, which is woken if it asked for that,
 * when the virtual method returns, by [method@Vring.signal], or at once when a
 * chain is completed outside of these methods.
 *
 * Everything that a driver can put into a ring is checked. A driver that breaks
 * the rules finds that ring broken: it yields no more chains until it is set up
 * again, and nothing else is disturbed.
 *
 * Since: 0.1
 */

enum
{
  PROP_INDEX = 1,
  PROP_SIZE,
  PROP_ENABLED,
  PROP_STARTED,
  N_PROPERTIES
};

static GParamSpec *properties[N_PROPERTIES];

G_DEFINE_FINAL_TYPE (VhuVring, vhu_vring, G_TYPE_OBJECT)

static void
vhu_vring_get_property (GObject    *object,
                        guint       property_id,
                        GValue     *value,
                        GParamSpec *pspec)
{
  VhuVring *self = VHU_VRING (object);

  switch (property_id)
    {
    case PROP_INDEX:
      g_value_set_uint (value, vhu_vring_get_index (self));
      break;
    case PROP_SIZE:
      g_value_set_uint (value, vhu_vring_get_size (self));
      break;
    case PROP_ENABLED:
      g_value_set_boolean (value, vhu_vring_get_enabled (self));
      break;
    case PROP_STARTED:
      g_value_set_boolean (value, vhu_vring_get_started (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, property_id, pspec);
    }
}

static void
vhu_vring_dispose (GObject *object)
{
  /* Handles that are out yet bring the ring back to life here. */
  vhu_vring_close (VHU_VRING (object));

  G_OBJECT_CLASS (vhu_vring_parent_class)->dispose (object);
}

static void
vhu_vring_finalize (GObject *object)
{
  VhuVring *self = VHU_VRING (object);

  vhu_ring_layout_clear (&self->layout);
  vhu_chain_builder_clear (&self->builder);
  g_free (self->parked);
  g_free (self->ready);
  g_main_context_unref (self->context);
  g_mutex_clear (&self->mutex);

  G_OBJECT_CLASS (vhu_vring_parent_class)->finalize (object);
}

static void
vhu_vring_class_init (VhuVringClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  const GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS |
                            G_PARAM_EXPLICIT_NOTIFY;

  object_class->get_property = vhu_vring_get_property;
  object_class->dispose = vhu_vring_dispose;
  object_class->finalize = vhu_vring_finalize;

  /**
   * VhuVring:index: (getter get_index)
   *
   * The number of the queue.
   *
   * Since: 0.1
   */
  properties[PROP_INDEX] =
    g_param_spec_uint ("index", NULL, NULL, 0, G_MAXUINT, 0, flags);

  /**
   * VhuVring:size: (getter get_size)
   *
   * How many chains the ring can hold.
   *
   * Since: 0.1
   */
  properties[PROP_SIZE] =
    g_param_spec_uint ("size", NULL, NULL, 0, 32768, 0, flags);

  /**
   * VhuVring:enabled: (getter get_enabled)
   *
   * Whether the front-end enabled the ring.
   *
   * Since: 0.1
   */
  properties[PROP_ENABLED] =
    g_param_spec_boolean ("enabled", NULL, NULL, FALSE, flags);

  /**
   * VhuVring:started: (getter get_started)
   *
   * Whether the ring is set up and running.
   *
   * Since: 0.1
   */
  properties[PROP_STARTED] =
    g_param_spec_boolean ("started", NULL, NULL, FALSE, flags);

  g_object_class_install_properties (object_class, N_PROPERTIES, properties);
}

static void
vhu_vring_init (VhuVring *self)
{
  g_mutex_init (&self->mutex);
}

VhuVring *
vhu_vring_new (guint                index,
               guint                max_size,
               GMainContext        *context,
               const VhuVringOwner *owner,
               gpointer             owner_data)
{
  VhuVring *self = g_object_new (VHU_TYPE_VRING, NULL);

  self->index = index;
  self->max_size = max_size;
  self->size = max_size;
  self->context = g_main_context_ref (context != NULL ? context : g_main_context_default ());
  self->owner = owner;
  self->owner_data = owner_data;
  return self;
}

/* State */

/* A ring that may be popped from again: nobody looked at it in the meantime, and
 * nobody asked for kicks. */
void
vhu_vring_update_can_pop (VhuVring *self)
{
  gboolean could_pop = self->can_pop;

  self->can_pop = self->is_started && self->is_enabled && !self->is_broken &&
                  !self->is_suspended && !self->is_draining;
  if (!self->can_pop || could_pop)
    return;

  self->look_again = TRUE;
  if (self->n_nested == 0 && !self->keep_kicks_off)
    vhu_ring_layout_enable_kicks (&self->layout);
}

static void
set_state (VhuVring   *self,
           gboolean   *state,
           gboolean    value,
           GParamSpec *pspec)
{
  gboolean changed = *state != value;

  vhu_vring_publish_value (state, value);
  vhu_vring_update_can_pop (self);
  if (changed && pspec != NULL)
    g_object_notify_by_pspec (G_OBJECT (self), pspec);
}

static gboolean
check_start (VhuVring             *self,
             const VhuVringSetup  *setup,
             GError              **error)
{
  if (self->is_started || self->is_closed || self->n_held > 0)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_STATE,
                   "queue %u cannot be started: %s", self->index,
                   self->is_started ? "it runs" :
                   self->is_closed ? "it is closed" : "chains of its last run are held");
      return FALSE;
    }

  if (setup->size > self->max_size)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
                   "queue %u: ring has %u entries, at most %u are allowed",
                   self->index, setup->size, self->max_size);
      return FALSE;
    }

  if ((setup->features >> VHU_FEATURE_RING_PACKED) & 1)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_NOT_SUPPORTED,
                   "queue %u: packed rings are not supported", self->index);
      return FALSE;
    }

  return TRUE;
}

static void
set_size (VhuVring *self,
          guint     size)
{
  gboolean changed = self->size != size;

  self->parked = g_renew (VhuParkedHead, self->parked, size);
  self->ready = g_renew (VhuParkedHead, self->ready, size);
  vhu_vring_publish_value (&self->size, size);
  if (changed)
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_SIZE]);
}

gboolean
vhu_vring_start (VhuVring             *self,
                 const VhuVringSetup  *setup,
                 VhuMemory            *memory,
                 GError              **error)
{
  gboolean keep;

  g_return_val_if_fail (VHU_IS_VRING (self), FALSE);

  vhu_vring_enter (self);
  if (!check_start (self, setup, error))
    return FALSE;

  /* What a ring remembers is worth something only if it goes on exactly where
   * it was stopped. */
  keep = self->was_stopped && setup->base == self->base && setup->size == self->size;
  if (!keep)
    vhu_vring_forget_parked (self);

  if (!vhu_ring_layout_start (&self->layout, setup, memory, keep, error))
    {
      g_prefix_error (error, "queue %u: ", self->index);
      return FALSE;
    }

  set_size (self, setup->size);
  vhu_vring_make_ready (self);
  vhu_vring_publish_value (&self->features, setup->features);
  self->generation = vhu_vring_generation_new (memory);
  vhu_chain_builder_set_memory (&self->builder, memory);
  self->keep_kicks_off = FALSE;
  self->is_draining = FALSE;
  self->is_suspended = FALSE;
  vhu_vring_publish_value (&self->is_broken, FALSE);
  set_state (self, &self->is_started, TRUE, properties[PROP_STARTED]);
  vhu_vring_flush (self);
  VHU_TRACE (VHU_DEBUG_RINGS, "queue %u starts at %u with %u entries",
             self->index, setup->base, setup->size);
  return TRUE;
}

/* Nothing of the ring is touched from here on. */
void
vhu_vring_halt (VhuVring *self)
{
  self->base = vhu_ring_layout_get_base (&self->layout);
  self->was_stopped = TRUE;
  vhu_ring_layout_detach (&self->layout);
  vhu_chain_builder_set_memory (&self->builder, NULL);
  vhu_vring_generation_release (self, g_steal_pointer (&self->generation));
  self->is_draining = FALSE;
  vhu_vring_publish_value (&self->is_broken, FALSE);
  set_state (self, &self->is_started, FALSE, properties[PROP_STARTED]);
}

guint32
vhu_vring_stop (VhuVring *self)
{
  g_return_val_if_fail (VHU_IS_VRING (self), 0);

  vhu_vring_enter (self);
  if (!self->is_started)
    return self->base;

  vhu_vring_flush (self);
  vhu_vring_halt (self);
  VHU_TRACE (VHU_DEBUG_RINGS, "queue %u stops at %u", self->index, self->base);
  return self->base;
}

guint32
vhu_vring_get_base (VhuVring *self)
{
  return self->is_started ? vhu_ring_layout_get_base (&self->layout) : self->base;
}

void
vhu_vring_set_enabled (VhuVring *self,
                       gboolean  enabled)
{
  g_return_if_fail (VHU_IS_VRING (self));

  vhu_vring_enter (self);
  set_state (self, &self->is_enabled, !!enabled, properties[PROP_ENABLED]);
}

/* The extents of a running ring were checked with the features it had. */
void
vhu_vring_set_features (VhuVring *self,
                        guint64   features)
{
  const guint64 changeable = G_GUINT64_CONSTANT (1) << VHU_FEATURE_LOG_ALL;

  g_return_if_fail (VHU_IS_VRING (self));

  vhu_vring_enter (self);
  if (self->is_started)
    features = (features & changeable) | (self->features & ~changeable);
  vhu_vring_publish_value (&self->features, features);
}

void
vhu_vring_take_broken (VhuVring *self,
                       GError   *error)
{
  g_autoptr(GError) owned = error;

  if (self->is_broken || !self->is_started)
    return;

  set_state (self, &self->is_broken, TRUE, NULL);
  g_prefix_error (&owned, "queue %u: ", self->index);
  VHU_TRACE (VHU_DEBUG_RINGS, "%s", owned->message);
  if (self->owner != NULL && self->owner->broken != NULL)
    self->owner->broken (self, owned, self->owner_data);
}

/**
 * vhu_vring_raise_error:
 * @self: a ring
 * @error: what is wrong with it
 *
 * Declares the ring broken, because its driver does what it must not.
 *
 * It yields no chains from now on, until the front-end sets it up again; chains
 * that are held can still be completed. The front-end is told by the ring's
 * error descriptor, and the message is logged. A ring that is broken already,
 * or not started, is left as it is.
 *
 * Since: 0.1
 */
void
vhu_vring_raise_error (VhuVring     *self,
                       const GError *error)
{
  g_return_if_fail (VHU_IS_VRING (self));
  g_return_if_fail (error != NULL);

  vhu_vring_take_broken (self, g_error_copy (error));
}

/* What can be asked of a ring */

/**
 * vhu_vring_get_index:
 * @self: a ring
 *
 * Gets the number of the queue: the first is 0.
 *
 * This function may be called from any thread.
 *
 * Returns: the number
 *
 * Since: 0.1
 */
guint
vhu_vring_get_index (VhuVring *self)
{
  g_return_val_if_fail (VHU_IS_VRING (self), 0);

  return self->index;
}

/**
 * vhu_vring_get_size:
 * @self: a ring
 *
 * Gets how many chains the ring can hold.
 *
 * Before the ring is started for the first time this is the largest size that
 * the device allows. This function may be called from any thread.
 *
 * Returns: the number of entries, a power of two
 *
 * Since: 0.1
 */
guint
vhu_vring_get_size (VhuVring *self)
{
  g_return_val_if_fail (VHU_IS_VRING (self), 0);

  return vhu_vring_read_value (&self->size);
}

/**
 * vhu_vring_get_started:
 * @self: a ring
 *
 * Gets whether the ring is set up and running.
 *
 * This function may be called from any thread.
 *
 * Returns: %TRUE between start and stop
 *
 * Since: 0.1
 */
gboolean
vhu_vring_get_started (VhuVring *self)
{
  g_return_val_if_fail (VHU_IS_VRING (self), FALSE);

  return vhu_vring_read_value (&self->is_started);
}

/**
 * vhu_vring_get_enabled:
 * @self: a ring
 *
 * Gets whether the front-end enabled the ring.
 *
 * A ring that is started but not enabled yields no chains. This function may be
 * called from any thread.
 *
 * Returns: %TRUE if it is enabled
 *
 * Since: 0.1
 */
gboolean
vhu_vring_get_enabled (VhuVring *self)
{
  g_return_val_if_fail (VHU_IS_VRING (self), FALSE);

  return vhu_vring_read_value (&self->is_enabled);
}

/**
 * vhu_vring_get_broken:
 * @self: a ring
 *
 * Gets whether the driver broke the rules of the ring, or
 * [method@Vring.raise_error] was called.
 *
 * This function may be called from any thread.
 *
 * Returns: %TRUE until the ring is set up again
 *
 * Since: 0.1
 */
gboolean
vhu_vring_get_broken (VhuVring *self)
{
  g_return_val_if_fail (VHU_IS_VRING (self), FALSE);

  return vhu_vring_read_value (&self->is_broken);
}

/**
 * vhu_vring_has_feature:
 * @self: a ring
 * @bit: the number of a virtio feature, for instance a [enum@Feature]
 *
 * Gets whether a feature was negotiated when the ring was started.
 *
 * This function may be called from any thread.
 *
 * Returns: %TRUE if the feature is in use
 *
 * Since: 0.1
 */
gboolean
vhu_vring_has_feature (VhuVring *self,
                       guint     bit)
{
  g_return_val_if_fail (VHU_IS_VRING (self), FALSE);

  return bit < 64 && ((vhu_vring_read_value (&self->features) >> bit) & 1) != 0;
}

/**
 * vhu_vring_get_context:
 * @self: a ring
 *
 * Gets the main context that the ring belongs to.
 *
 * Sources of a device that touch the ring are attached to it, after the ring
 * was started and for as long as it runs. This function may be called from any
 * thread.
 *
 * Returns: (transfer none): the context
 *
 * Since: 0.1
 */
GMainContext *
vhu_vring_get_context (VhuVring *self)
{
  g_return_val_if_fail (VHU_IS_VRING (self), NULL);

  return self->context;
}

/**
 * vhu_vring_get_memory:
 * @self: a ring
 *
 * Gets the guest's memory as the ring sees it now.
 *
 * Returns: (transfer none) (nullable): the memory, or %NULL while the ring is
 *   stopped
 *
 * Since: 0.1
 */
VhuMemory *
vhu_vring_get_memory (VhuVring *self)
{
  g_return_val_if_fail (VHU_IS_VRING (self), NULL);

  return self->generation != NULL ? self->generation->memory : NULL;
}

/**
 * vhu_vring_get_avail_index:
 * @self: a ring
 *
 * Gets the index of the chain that is popped next, as the driver counts.
 *
 * Returns: the index, modulo 65536
 *
 * Since: 0.1
 */
guint
vhu_vring_get_avail_index (VhuVring *self)
{
  g_return_val_if_fail (VHU_IS_VRING (self), 0);

  return vhu_vring_get_base (self);
}

/**
 * vhu_vring_get_used_index:
 * @self: a ring
 *
 * Gets the index at which the chain that ends next is given back, as the driver
 * counts.
 *
 * Returns: the index, modulo 65536
 *
 * Since: 0.1
 */
guint
vhu_vring_get_used_index (VhuVring *self)
{
  g_return_val_if_fail (VHU_IS_VRING (self), 0);

  return vhu_ring_layout_get_used_index (&self->layout);
}

/**
 * vhu_vring_get_n_held:
 * @self: a ring
 *
 * Gets how many chains were popped and have not ended.
 *
 * Parked and revoked chains do not count. This function may be called from any
 * thread.
 *
 * Returns: the number of chains
 *
 * Since: 0.1
 */
guint
vhu_vring_get_n_held (VhuVring *self)
{
  g_return_val_if_fail (VHU_IS_VRING (self), 0);

  return vhu_vring_read_value (&self->n_held);
}

/**
 * vhu_vring_get_n_completed:
 * @self: a ring
 *
 * Gets how many chains were given back to the driver, failed ones among them.
 *
 * This function may be called from any thread.
 *
 * Returns: the number of chains since the ring was made
 *
 * Since: 0.1
 */
guint64
vhu_vring_get_n_completed (VhuVring *self)
{
  g_return_val_if_fail (VHU_IS_VRING (self), 0);

  return vhu_vring_read_value (&self->n_completed);
}

/**
 * vhu_vring_get_n_failed:
 * @self: a ring
 *
 * Gets how many chains failed: by [method@Chain.fail], or because they were
 * dropped without being completed.
 *
 * This function may be called from any thread.
 *
 * Returns: the number of chains since the ring was made
 *
 * Since: 0.1
 */
guint64
vhu_vring_get_n_failed (VhuVring *self)
{
  g_return_val_if_fail (VHU_IS_VRING (self), 0);

  return vhu_vring_read_value (&self->n_failed);
}

/**
 * vhu_vring_get_n_signals:
 * @self: a ring
 *
 * Gets how often the driver was woken.
 *
 * This function may be called from any thread.
 *
 * Returns: the number of signals since the ring was made
 *
 * Since: 0.1
 */
guint64
vhu_vring_get_n_signals (VhuVring *self)
{
  g_return_val_if_fail (VHU_IS_VRING (self), 0);

  return vhu_vring_read_value (&self->n_signals);
}

/* What a device keeps with a ring */

/**
 * vhu_vring_set_chain_data_size: (skip)
 * @self: a ring
 * @size: bytes
 *
 * Gives every chain of the ring an area of the device's own, for the state of a
 * request: [method@Chain.get_data].
 *
 * It is meant for [vfunc@Backend.vring_started]: chains that are popped already
 * keep the area they have. An area is zeroed when it is made and not between
 * one use of a chain and the next.
 *
 * Since: 0.1
 */
void
vhu_vring_set_chain_data_size (VhuVring *self,
                               gsize     size)
{
  g_return_if_fail (VHU_IS_VRING (self));

  self->pool.data_size = size;
}

/**
 * vhu_vring_set_user_data: (skip)
 * @self: a ring
 * @user_data: (nullable): what the device keeps with the ring
 * @destroy: (nullable): frees @user_data when it is replaced or the ring is
 *   closed
 *
 * Keeps something for the device with the ring.
 *
 * Since: 0.1
 */
void
vhu_vring_set_user_data (VhuVring       *self,
                         gpointer        user_data,
                         GDestroyNotify  destroy)
{
  gpointer old_data;
  GDestroyNotify old_destroy;

  g_return_if_fail (VHU_IS_VRING (self));

  old_data = self->user_data;
  old_destroy = self->user_data_destroy;
  self->user_data = user_data;
  self->user_data_destroy = destroy;
  if (old_destroy != NULL)
    old_destroy (old_data);
}

/**
 * vhu_vring_get_user_data: (skip)
 * @self: a ring
 *
 * Gets what was given to vhu_vring_set_user_data().
 *
 * Returns: (transfer none) (nullable): the data
 *
 * Since: 0.1
 */
gpointer
vhu_vring_get_user_data (VhuVring *self)
{
  g_return_val_if_fail (VHU_IS_VRING (self), NULL);

  return self->user_data;
}
