/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-backend-locked.h"

#include "vhu-backend-private.h"
#include "vhu-enum-types.h"
#include "vhu-rw-lock-private.h"

/**
 * VhuBackendLocked:
 *
 * A backend around another one that is not safe to call from several threads.
 *
 * Everything that it is asked goes to the wrapped backend, one call at a time,
 * whichever thread it comes from. This serialises the queues: what several
 * threads are good for is lost, but for the time that is spent outside of the
 * device. A device that is meant to be fast guards its own state instead.
 *
 * The two are one device: identity, offered and negotiated features,
 * configuration space, channel and counters of the wrapped backend are also those
 * of the wrapper, whichever of them is asked or changed. A server is given the
 * wrapper.
 *
 * # The lock
 *
 * With %VHU_LOCK_MODE_MUTEX the lock is the one of [method@Backend.lock], so that
 * the wrapped backend's own threads and sources can take it. With
 * %VHU_LOCK_MODE_READ_WRITE it is a lock with two sides. Then
 * [vfunc@Backend.map_queue] and [method@BackendLocked.reader_lock] are readers,
 * and everything else writes; a waiting writer goes before new readers, and the
 * readers that waited go before the next writer, so that nobody starves.
 *
 * Within the virtual methods the lock is held, and neither it nor that of
 * [method@Backend.lock] may be taken there. Only the writer's side of this class
 * knows its owner: when one virtual method leads to another on the same thread,
 * as when a request fails while the queue is processed, it is not taken again. For
 * that reason code that completes or drops requests outside of the virtual
 * methods takes [method@BackendLocked.writer_lock], and not [method@Backend.lock].
 *
 * Since: 0.1
 */
struct _VhuBackendLocked
{
  VhuBackend parent_instance;

  VhuBackend *backend;
  VhuLockMode lock_mode;

  VhuRwLock rw_lock;
  GThread *owner; /* atomic: the thread that holds the writer's side */
  guint depth;    /* the owner's: how many times it has asked for it */
};

enum
{
  PROP_0,
  PROP_BACKEND,
  PROP_LOCK_MODE,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

G_DEFINE_FINAL_TYPE (VhuBackendLocked, vhu_backend_locked, VHU_TYPE_BACKEND)

static gboolean
is_owner (VhuBackendLocked *self)
{
  /* Nobody but this thread ever writes this thread here. */
  return g_atomic_pointer_get (&self->owner) == g_thread_self ();
}

static void
lock_for_writing (VhuBackendLocked *self)
{
  if (is_owner (self))
    {
      self->depth++;
      return;
    }

  if (self->lock_mode == VHU_LOCK_MODE_MUTEX)
    vhu_backend_lock (self->backend);
  else
    vhu_rw_lock_writer_lock (&self->rw_lock);

  self->depth = 1;
  g_atomic_pointer_set (&self->owner, g_thread_self ());
}

static void
unlock_for_writing (VhuBackendLocked *self)
{
  if (--self->depth > 0)
    return;

  g_atomic_pointer_set (&self->owner, NULL);
  if (self->lock_mode == VHU_LOCK_MODE_MUTEX)
    vhu_backend_unlock (self->backend);
  else
    vhu_rw_lock_writer_unlock (&self->rw_lock);
}

static void
lock_for_reading (VhuBackendLocked *self)
{
  if (self->lock_mode == VHU_LOCK_MODE_MUTEX || is_owner (self))
    lock_for_writing (self);
  else
    vhu_rw_lock_reader_lock (&self->rw_lock);
}

static void
unlock_for_reading (VhuBackendLocked *self)
{
  if (self->lock_mode == VHU_LOCK_MODE_MUTEX || is_owner (self))
    unlock_for_writing (self);
  else
    vhu_rw_lock_reader_unlock (&self->rw_lock);
}

static void
vhu_backend_locked_session_opened (VhuBackend *backend)
{
  VhuBackendLocked *self = VHU_BACKEND_LOCKED (backend);

  lock_for_writing (self);
  vhu_backend_session_opened (self->backend);
  unlock_for_writing (self);
}

static void
vhu_backend_locked_session_closed (VhuBackend *backend)
{
  VhuBackendLocked *self = VHU_BACKEND_LOCKED (backend);

  lock_for_writing (self);
  vhu_backend_session_closed (self->backend);
  unlock_for_writing (self);
}

static void
vhu_backend_locked_features_negotiated (VhuBackend *backend)
{
  VhuBackendLocked *self = VHU_BACKEND_LOCKED (backend);

  lock_for_writing (self);
  vhu_backend_features_negotiated (self->backend);
  unlock_for_writing (self);
}

static void
vhu_backend_locked_set_event_idx (VhuBackend *backend,
                                  gboolean    enabled)
{
  VhuBackendLocked *self = VHU_BACKEND_LOCKED (backend);

  lock_for_writing (self);
  vhu_backend_set_event_idx (self->backend, enabled);
  unlock_for_writing (self);
}

static gboolean
vhu_backend_locked_memory_changed (VhuBackend  *backend,
                                   VhuMemory   *memory,
                                   GError     **error)
{
  VhuBackendLocked *self = VHU_BACKEND_LOCKED (backend);
  gboolean accepted;

  lock_for_writing (self);
  accepted = vhu_backend_memory_changed (self->backend, memory, error);
  unlock_for_writing (self);

  return accepted;
}

static gboolean
vhu_backend_locked_config_written (VhuBackend       *backend,
                                   guint             offset,
                                   GBytes           *data,
                                   VhuConfigOrigin   origin,
                                   GError          **error)
{
  VhuBackendLocked *self = VHU_BACKEND_LOCKED (backend);
  gboolean accepted;

  lock_for_writing (self);
  accepted = vhu_backend_config_written (self->backend, offset, data, origin, error);
  unlock_for_writing (self);

  return accepted;
}

static void
vhu_backend_locked_frontend_channel_ready (VhuBackend         *backend,
                                           VhuFrontendChannel *channel)
{
  VhuBackendLocked *self = VHU_BACKEND_LOCKED (backend);

  lock_for_writing (self);
  vhu_backend_frontend_channel_ready (self->backend, channel);
  unlock_for_writing (self);
}

static void
vhu_backend_locked_reset (VhuBackend *backend)
{
  VhuBackendLocked *self = VHU_BACKEND_LOCKED (backend);

  lock_for_writing (self);
  vhu_backend_reset (self->backend);
  unlock_for_writing (self);
}

static guint
vhu_backend_locked_map_queue (VhuBackend *backend,
                              guint       queue,
                              guint       n_threads)
{
  VhuBackendLocked *self = VHU_BACKEND_LOCKED (backend);
  guint thread;

  lock_for_reading (self);
  thread = vhu_backend_map_queue (self->backend, queue, n_threads);
  unlock_for_reading (self);

  return thread;
}

static void
vhu_backend_locked_vring_started (VhuBackend *backend,
                                  VhuVring   *vring)
{
  VhuBackendLocked *self = VHU_BACKEND_LOCKED (backend);

  lock_for_writing (self);
  vhu_backend_vring_started (self->backend, vring);
  unlock_for_writing (self);
}

static void
vhu_backend_locked_process_queue (VhuBackend *backend,
                                  VhuVring   *vring)
{
  VhuBackendLocked *self = VHU_BACKEND_LOCKED (backend);

  lock_for_writing (self);
  vhu_backend_process_queue (self->backend, vring);
  unlock_for_writing (self);
}

static VhuChainResult
vhu_backend_locked_process_chain (VhuBackend *backend,
                                  VhuVring   *vring,
                                  VhuChain   *chain)
{
  VhuBackendLocked *self = VHU_BACKEND_LOCKED (backend);
  VhuChainResult result;

  lock_for_writing (self);
  result = vhu_backend_process_chain (self->backend, vring, chain);
  unlock_for_writing (self);

  return result;
}

static void
vhu_backend_locked_fail_chain (VhuBackend *backend,
                               VhuVring   *vring,
                               VhuChain   *chain)
{
  VhuBackendLocked *self = VHU_BACKEND_LOCKED (backend);

  lock_for_writing (self);
  vhu_backend_fail_chain (self->backend, vring, chain);
  unlock_for_writing (self);
}

static void
vhu_backend_locked_vring_stopping (VhuBackend *backend,
                                   VhuVring   *vring)
{
  VhuBackendLocked *self = VHU_BACKEND_LOCKED (backend);

  lock_for_writing (self);
  vhu_backend_vring_stopping (self->backend, vring);
  unlock_for_writing (self);
}

static void
vhu_backend_locked_vring_stopped (VhuBackend *backend,
                                  VhuVring   *vring)
{
  VhuBackendLocked *self = VHU_BACKEND_LOCKED (backend);

  lock_for_writing (self);
  vhu_backend_vring_stopped (self->backend, vring);
  unlock_for_writing (self);
}

static void
vhu_backend_locked_get_property (GObject    *object,
                                 guint       prop_id,
                                 GValue     *value,
                                 GParamSpec *pspec)
{
  VhuBackendLocked *self = VHU_BACKEND_LOCKED (object);

  switch (prop_id)
    {
    case PROP_BACKEND:
      g_value_set_object (value, self->backend);
      break;

    case PROP_LOCK_MODE:
      g_value_set_enum (value, self->lock_mode);
      break;

    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
vhu_backend_locked_set_property (GObject      *object,
                                 guint         prop_id,
                                 const GValue *value,
                                 GParamSpec   *pspec)
{
  VhuBackendLocked *self = VHU_BACKEND_LOCKED (object);

  switch (prop_id)
    {
    case PROP_BACKEND:
      self->backend = g_value_dup_object (value);
      break;

    case PROP_LOCK_MODE:
      self->lock_mode = g_value_get_enum (value);
      break;

    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
vhu_backend_locked_constructed (GObject *object)
{
  VhuBackendLocked *self = VHU_BACKEND_LOCKED (object);

  G_OBJECT_CLASS (vhu_backend_locked_parent_class)->constructed (object);

  /* Without a backend, which only g_object_new() can bring about, each virtual
   * method complains and does nothing. */
  if (self->backend != NULL)
    vhu_backend_share (VHU_BACKEND (self), self->backend);
}

/* The wrapped backend stays until the end: the base looks into it. */
static void
vhu_backend_locked_finalize (GObject *object)
{
  VhuBackendLocked *self = VHU_BACKEND_LOCKED (object);

  g_clear_object (&self->backend);
  vhu_rw_lock_clear (&self->rw_lock);

  G_OBJECT_CLASS (vhu_backend_locked_parent_class)->finalize (object);
}

static void
override_virtual_methods (VhuBackendClass *backend_class)
{
  backend_class->session_opened = vhu_backend_locked_session_opened;
  backend_class->session_closed = vhu_backend_locked_session_closed;
  backend_class->features_negotiated = vhu_backend_locked_features_negotiated;
  backend_class->set_event_idx = vhu_backend_locked_set_event_idx;
  backend_class->memory_changed = vhu_backend_locked_memory_changed;
  backend_class->config_written = vhu_backend_locked_config_written;
  backend_class->frontend_channel_ready = vhu_backend_locked_frontend_channel_ready;
  backend_class->reset = vhu_backend_locked_reset;
  backend_class->map_queue = vhu_backend_locked_map_queue;
  backend_class->vring_started = vhu_backend_locked_vring_started;
  backend_class->process_queue = vhu_backend_locked_process_queue;
  backend_class->process_chain = vhu_backend_locked_process_chain;
  backend_class->fail_chain = vhu_backend_locked_fail_chain;
  backend_class->vring_stopping = vhu_backend_locked_vring_stopping;
  backend_class->vring_stopped = vhu_backend_locked_vring_stopped;
}

static void
vhu_backend_locked_class_init (VhuBackendLockedClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  const GParamFlags flags =
    G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS;

  object_class->get_property = vhu_backend_locked_get_property;
  object_class->set_property = vhu_backend_locked_set_property;
  object_class->constructed = vhu_backend_locked_constructed;
  object_class->finalize = vhu_backend_locked_finalize;

  override_virtual_methods (VHU_BACKEND_CLASS (klass));

  /**
   * VhuBackendLocked:backend: (getter get_backend)
   *
   * The wrapped backend.
   *
   * Since: 0.1
   */
  properties[PROP_BACKEND] =
    g_param_spec_object ("backend", NULL, NULL, VHU_TYPE_BACKEND, flags);

  /**
   * VhuBackendLocked:lock-mode: (getter get_lock_mode)
   *
   * How the wrapped backend is guarded.
   *
   * Since: 0.1
   */
  properties[PROP_LOCK_MODE] =
    g_param_spec_enum ("lock-mode", NULL, NULL, VHU_TYPE_LOCK_MODE,
                       VHU_LOCK_MODE_MUTEX, flags);

  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
vhu_backend_locked_init (VhuBackendLocked *self)
{
  vhu_rw_lock_init (&self->rw_lock);
}

/**
 * vhu_backend_locked_new:
 * @backend: the backend to wrap
 * @mode: how to guard it
 *
 * Wraps a backend that is not safe to call from several threads.
 *
 * Returns: (transfer full): the wrapper
 *
 * Since: 0.1
 */
VhuBackend *
vhu_backend_locked_new (VhuBackend  *backend,
                        VhuLockMode  mode)
{
  g_return_val_if_fail (VHU_IS_BACKEND (backend), NULL);

  return g_object_new (VHU_TYPE_BACKEND_LOCKED,
                       "backend", backend,
                       "lock-mode", mode,
                       NULL);
}

/**
 * vhu_backend_locked_get_backend: (get-property backend)
 * @self: a wrapper
 *
 * Gets the wrapped backend. Any thread may call this.
 *
 * Returns: (transfer none): the backend
 *
 * Since: 0.1
 */
VhuBackend *
vhu_backend_locked_get_backend (VhuBackendLocked *self)
{
  g_return_val_if_fail (VHU_IS_BACKEND_LOCKED (self), NULL);

  return self->backend;
}

/**
 * vhu_backend_locked_get_lock_mode: (get-property lock-mode)
 * @self: a wrapper
 *
 * Gets how the wrapped backend is guarded. Any thread may call this.
 *
 * Returns: the mode
 *
 * Since: 0.1
 */
VhuLockMode
vhu_backend_locked_get_lock_mode (VhuBackendLocked *self)
{
  g_return_val_if_fail (VHU_IS_BACKEND_LOCKED (self), VHU_LOCK_MODE_MUTEX);

  return self->lock_mode;
}

/**
 * vhu_backend_locked_reader_lock:
 * @self: a wrapper
 *
 * Waits until nobody writes, and keeps writers out.
 *
 * In mutex mode this is the same as [method@BackendLocked.writer_lock]. It does
 * not recurse: a reader that asks again waits for a writer that waits for it. Any
 * thread may call this.
 *
 * Since: 0.1
 */
void
vhu_backend_locked_reader_lock (VhuBackendLocked *self)
{
  g_return_if_fail (VHU_IS_BACKEND_LOCKED (self));
  g_return_if_fail (self->backend != NULL);

  lock_for_reading (self);
}

/**
 * vhu_backend_locked_reader_unlock:
 * @self: a wrapper
 *
 * Lets go of the lock of [method@BackendLocked.reader_lock], on the same thread.
 *
 * Since: 0.1
 */
void
vhu_backend_locked_reader_unlock (VhuBackendLocked *self)
{
  g_return_if_fail (VHU_IS_BACKEND_LOCKED (self));
  g_return_if_fail (self->backend != NULL);

  unlock_for_reading (self);
}

/**
 * vhu_backend_locked_writer_lock:
 * @self: a wrapper
 *
 * Waits until nobody else is in the wrapped backend, and keeps everybody out.
 *
 * For the wrapped backend's state outside of its virtual methods, and around the
 * completion of requests there. The virtual methods that this leads to on the
 * same thread do not wait for it. Any thread may call this, but one that holds
 * [method@BackendLocked.reader_lock].
 *
 * Since: 0.1
 */
void
vhu_backend_locked_writer_lock (VhuBackendLocked *self)
{
  g_return_if_fail (VHU_IS_BACKEND_LOCKED (self));
  g_return_if_fail (self->backend != NULL);

  lock_for_writing (self);
}

/**
 * vhu_backend_locked_writer_unlock:
 * @self: a wrapper
 *
 * Lets go of the lock of [method@BackendLocked.writer_lock], on the same thread.
 *
 * Since: 0.1
 */
void
vhu_backend_locked_writer_unlock (VhuBackendLocked *self)
{
  g_return_if_fail (VHU_IS_BACKEND_LOCKED (self));
  g_return_if_fail (self->backend != NULL);
  g_return_if_fail (is_owner (self));

  unlock_for_writing (self);
}
