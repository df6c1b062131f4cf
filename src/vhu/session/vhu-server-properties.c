/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-server-internal-private.h"

GParamSpec *vhu_server_properties[VHU_SERVER_N_PROPS];

static void
vhu_server_get_property (GObject    *object,
                         guint       prop_id,
                         GValue     *value,
                         GParamSpec *pspec)
{
  VhuServer *self = VHU_SERVER (object);

  switch (prop_id)
    {
    case VHU_SERVER_PROP_BACKEND:
      g_value_set_object (value, self->backend);
      break;

    case VHU_SERVER_PROP_N_THREADS:
      g_value_set_uint (value, self->n_threads);
      break;

    case VHU_SERVER_PROP_POLL_US:
      g_value_set_uint (value, self->poll_us);
      break;

    case VHU_SERVER_PROP_PRIORITY:
      g_value_set_int (value, self->priority);
      break;

    case VHU_SERVER_PROP_DRAIN_TIMEOUT:
      g_value_set_uint (value, self->drain_timeout_ms);
      break;

    case VHU_SERVER_PROP_EXIT_ON_DISCONNECT:
      g_value_set_boolean (value, self->exit_on_disconnect);
      break;

    case VHU_SERVER_PROP_RUNNING:
      g_value_set_boolean (value, self->running);
      break;

    case VHU_SERVER_PROP_SESSION:
      g_value_set_object (value, self->session);
      break;

    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
vhu_server_set_property (GObject      *object,
                         guint         prop_id,
                         const GValue *value,
                         GParamSpec   *pspec)
{
  VhuServer *self = VHU_SERVER (object);

  switch (prop_id)
    {
    case VHU_SERVER_PROP_BACKEND:
      self->backend = g_value_dup_object (value);
      break;

    case VHU_SERVER_PROP_N_THREADS:
      vhu_server_set_n_threads (self, g_value_get_uint (value));
      break;

    case VHU_SERVER_PROP_POLL_US:
      vhu_server_set_poll_us (self, g_value_get_uint (value));
      break;

    case VHU_SERVER_PROP_PRIORITY:
      vhu_server_set_priority (self, g_value_get_int (value));
      break;

    case VHU_SERVER_PROP_DRAIN_TIMEOUT:
      vhu_server_set_drain_timeout (self, g_value_get_uint (value));
      break;

    case VHU_SERVER_PROP_EXIT_ON_DISCONNECT:
      vhu_server_set_exit_on_disconnect (self, g_value_get_boolean (value));
      break;

    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
describe_settings (void)
{
  const GParamFlags writable =
    G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  /**
   * VhuServer:n-threads: (getter get_n_threads) (setter set_n_threads)
   *
   * How many threads serve the queues; 0 means the context of the caller.
   * Applies at the next start, which fails if the device is written in JavaScript
   * and this is not 0.
   *
   * Since: 0.1
   */
  vhu_server_properties[VHU_SERVER_PROP_N_THREADS] =
    g_param_spec_uint ("n-threads", NULL, NULL, 0, VHU_SERVER_MAX_THREADS, 0, writable);

  /**
   * VhuServer:poll-us: (getter get_poll_us) (setter set_poll_us)
   *
   * For how many microseconds at most a thread looks for more work before it
   * goes to sleep. It tunes itself below that; an idle device costs nothing. Has
   * no effect in a context of the caller. Applies at the next start.
   *
   * Since: 0.1
   */
  vhu_server_properties[VHU_SERVER_PROP_POLL_US] =
    g_param_spec_uint ("poll-us", NULL, NULL, 0, VHU_SERVER_MAX_POLL_US,
                       VHU_SERVER_DEFAULT_POLL_US, writable);

  /**
   * VhuServer:priority: (getter get_priority) (setter set_priority)
   *
   * The priority of queues in a context of the caller. Applies at the next
   * start.
   *
   * Since: 0.1
   */
  vhu_server_properties[VHU_SERVER_PROP_PRIORITY] =
    g_param_spec_int ("priority", NULL, NULL, G_MININT, G_MAXINT,
                      G_PRIORITY_DEFAULT_IDLE, writable);

  /**
   * VhuServer:drain-timeout: (getter get_drain_timeout) (setter set_drain_timeout)
   *
   * How many milliseconds a stop waits for chains that the device holds, before
   * their handles are revoked. Applies to sessions to come.
   *
   * Since: 0.1
   */
  vhu_server_properties[VHU_SERVER_PROP_DRAIN_TIMEOUT] =
    g_param_spec_uint ("drain-timeout", NULL, NULL, 1, G_MAXUINT,
                       VHU_SERVER_DEFAULT_DRAIN_TIMEOUT_MS, writable);

  /**
   * VhuServer:exit-on-disconnect: (getter get_exit_on_disconnect) (setter set_exit_on_disconnect)
   *
   * Whether the server stops when the first front-end that it served is gone.
   *
   * Since: 0.1
   */
  vhu_server_properties[VHU_SERVER_PROP_EXIT_ON_DISCONNECT] =
    g_param_spec_boolean ("exit-on-disconnect", NULL, NULL, FALSE, writable);
}

static void
describe_state (void)
{
  const GParamFlags readable = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;

  /**
   * VhuServer:backend: (getter get_backend)
   *
   * The device.
   *
   * Since: 0.1
   */
  vhu_server_properties[VHU_SERVER_PROP_BACKEND] =
    g_param_spec_object ("backend", NULL, NULL, VHU_TYPE_BACKEND,
                         G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);

  /**
   * VhuServer:running: (getter get_running)
   *
   * Whether front-ends are served.
   *
   * Since: 0.1
   */
  vhu_server_properties[VHU_SERVER_PROP_RUNNING] =
    g_param_spec_boolean ("running", NULL, NULL, FALSE, readable);

  /**
   * VhuServer:session: (getter get_session)
   *
   * The front-end that is being served.
   *
   * Since: 0.1
   */
  vhu_server_properties[VHU_SERVER_PROP_SESSION] =
    g_param_spec_object ("session", NULL, NULL, VHU_TYPE_SESSION, readable);
}

void
vhu_server_install_properties (GObjectClass *object_class)
{
  object_class->get_property = vhu_server_get_property;
  object_class->set_property = vhu_server_set_property;

  describe_settings ();
  describe_state ();
  g_object_class_install_properties (object_class, VHU_SERVER_N_PROPS,
                                     vhu_server_properties);
}

/* The requests of one session. */
void
vhu_server_add_counters (VhuSession *session,
                         guint64    *n_completed,
                         guint64    *n_failed)
{
  for (guint i = 0; i < vhu_session_get_n_vrings (session); i++)
    {
      VhuVring *vring = vhu_session_get_vring (session, i);

      if (vring == NULL)
        continue;
      *n_completed += vhu_vring_get_n_completed (vring);
      *n_failed += vhu_vring_get_n_failed (vring);
    }
}

/**
 * vhu_server_get_backend: (get-property backend)
 * @self: a server
 *
 * Gets the device.
 *
 * Returns: (transfer none): the value
 *
 * Since: 0.1
 */
VhuBackend *
vhu_server_get_backend (VhuServer *self)
{
  g_return_val_if_fail (VHU_IS_SERVER (self), NULL);

  return self->backend;
}

/**
 * vhu_server_get_running: (get-property running)
 * @self: a server
 *
 * Tells whether front-ends are served.
 *
 * Returns: the value
 *
 * Since: 0.1
 */
gboolean
vhu_server_get_running (VhuServer *self)
{
  g_return_val_if_fail (VHU_IS_SERVER (self), FALSE);

  return self->running;
}

/**
 * vhu_server_get_session: (get-property session)
 * @self: a server
 *
 * Gets the front-end that is being served.
 *
 * Returns: (transfer none) (nullable): the value
 *
 * Since: 0.1
 */
VhuSession *
vhu_server_get_session (VhuServer *self)
{
  g_return_val_if_fail (VHU_IS_SERVER (self), NULL);

  return self->session;
}

/**
 * vhu_server_get_n_threads: (get-property n-threads)
 * @self: a server
 *
 * Gets how many threads serve the queues.
 *
 * Returns: the value
 *
 * Since: 0.1
 */
guint
vhu_server_get_n_threads (VhuServer *self)
{
  g_return_val_if_fail (VHU_IS_SERVER (self), 0);

  return self->n_threads;
}

/**
 * vhu_server_set_n_threads: (set-property n-threads)
 * @self: a server
 * @n_threads: the new value
 *
 * Sets how many threads serve the queues.
 *
 * Since: 0.1
 */
void
vhu_server_set_n_threads (VhuServer *self,
                          guint     n_threads)
{
  g_return_if_fail (VHU_IS_SERVER (self));
  g_return_if_fail (n_threads <= VHU_SERVER_MAX_THREADS);

  if (self->n_threads == n_threads)
    return;

  self->n_threads = n_threads;
  g_object_notify_by_pspec (G_OBJECT (self), vhu_server_properties[VHU_SERVER_PROP_N_THREADS]);
}

/**
 * vhu_server_get_poll_us: (get-property poll-us)
 * @self: a server
 *
 * Gets for how many microseconds at most a thread looks for more work.
 *
 * Returns: the value
 *
 * Since: 0.1
 */
guint
vhu_server_get_poll_us (VhuServer *self)
{
  g_return_val_if_fail (VHU_IS_SERVER (self), 0);

  return self->poll_us;
}

/**
 * vhu_server_set_poll_us: (set-property poll-us)
 * @self: a server
 * @poll_us: the new value
 *
 * Sets for how many microseconds at most a thread looks for more work.
 *
 * Since: 0.1
 */
void
vhu_server_set_poll_us (VhuServer *self,
                        guint     poll_us)
{
  g_return_if_fail (VHU_IS_SERVER (self));
  g_return_if_fail (poll_us <= VHU_SERVER_MAX_POLL_US);

  if (self->poll_us == poll_us)
    return;

  self->poll_us = poll_us;
  g_object_notify_by_pspec (G_OBJECT (self), vhu_server_properties[VHU_SERVER_PROP_POLL_US]);
}

/**
 * vhu_server_get_priority: (get-property priority)
 * @self: a server
 *
 * Gets the priority of queues in a context of the caller.
 *
 * Returns: the value
 *
 * Since: 0.1
 */
int
vhu_server_get_priority (VhuServer *self)
{
  g_return_val_if_fail (VHU_IS_SERVER (self), 0);

  return self->priority;
}

/**
 * vhu_server_set_priority: (set-property priority)
 * @self: a server
 * @priority: the new value
 *
 * Sets the priority of queues in a context of the caller.
 *
 * Since: 0.1
 */
void
vhu_server_set_priority (VhuServer *self,
                         int       priority)
{
  g_return_if_fail (VHU_IS_SERVER (self));

  if (self->priority == priority)
    return;

  self->priority = priority;
  g_object_notify_by_pspec (G_OBJECT (self), vhu_server_properties[VHU_SERVER_PROP_PRIORITY]);
}

/**
 * vhu_server_get_drain_timeout: (get-property drain-timeout)
 * @self: a server
 *
 * Gets how long a stop waits for the device, in milliseconds.
 *
 * Returns: the value
 *
 * Since: 0.1
 */
guint
vhu_server_get_drain_timeout (VhuServer *self)
{
  g_return_val_if_fail (VHU_IS_SERVER (self), 0);

  return self->drain_timeout_ms;
}

/**
 * vhu_server_set_drain_timeout: (set-property drain-timeout)
 * @self: a server
 * @milliseconds: the new value
 *
 * Sets how long a stop waits for the device, in milliseconds.
 *
 * Since: 0.1
 */
void
vhu_server_set_drain_timeout (VhuServer *self,
                              guint     milliseconds)
{
  g_return_if_fail (VHU_IS_SERVER (self));
  g_return_if_fail (milliseconds > 0);

  if (self->drain_timeout_ms == milliseconds)
    return;

  self->drain_timeout_ms = milliseconds;
  g_object_notify_by_pspec (G_OBJECT (self), vhu_server_properties[VHU_SERVER_PROP_DRAIN_TIMEOUT]);
}

/**
 * vhu_server_get_exit_on_disconnect: (get-property exit-on-disconnect)
 * @self: a server
 *
 * Tells whether the server stops when a front-end is gone.
 *
 * Returns: the value
 *
 * Since: 0.1
 */
gboolean
vhu_server_get_exit_on_disconnect (VhuServer *self)
{
  g_return_val_if_fail (VHU_IS_SERVER (self), FALSE);

  return self->exit_on_disconnect;
}

/**
 * vhu_server_set_exit_on_disconnect: (set-property exit-on-disconnect)
 * @self: a server
 * @exit_on_disconnect: the new value
 *
 * Sets whether the server stops when a front-end is gone.
 *
 * Since: 0.1
 */
void
vhu_server_set_exit_on_disconnect (VhuServer *self,
                                   gboolean  exit_on_disconnect)
{
  g_return_if_fail (VHU_IS_SERVER (self));
  exit_on_disconnect = !!exit_on_disconnect;

  if (self->exit_on_disconnect == exit_on_disconnect)
    return;

  self->exit_on_disconnect = exit_on_disconnect;
  g_object_notify_by_pspec (G_OBJECT (self),
                            vhu_server_properties[VHU_SERVER_PROP_EXIT_ON_DISCONNECT]);
}

/**
 * vhu_server_get_n_sessions:
 * @self: a server
 *
 * Counts the front-ends that sent at least one message.
 *
 * Returns: the number of sessions so far
 *
 * Since: 0.1
 */
guint64
vhu_server_get_n_sessions (VhuServer *self)
{
  g_return_val_if_fail (VHU_IS_SERVER (self), 0);

  return self->n_sessions;
}

/* The sessions that are there, and those that were. */
static void
sum_counters (VhuServer *self,
              guint64   *n_completed,
              guint64   *n_failed)
{
  *n_completed = self->n_completed;
  *n_failed = self->n_failed;
  for (guint i = 0; i < self->sessions->len; i++)
    vhu_server_add_counters (g_ptr_array_index (self->sessions, i), n_completed, n_failed);
}

/**
 * vhu_server_get_n_completed:
 * @self: a server
 *
 * Counts the requests that were returned to drivers, in all sessions.
 *
 * Returns: the number of requests
 *
 * Since: 0.1
 */
guint64
vhu_server_get_n_completed (VhuServer *self)
{
  guint64 n_completed, n_failed;

  g_return_val_if_fail (VHU_IS_SERVER (self), 0);

  sum_counters (self, &n_completed, &n_failed);
  return n_completed;
}

/**
 * vhu_server_get_n_failed:
 * @self: a server
 *
 * Counts the requests that failed or were dropped, in all sessions; see
 * [method@Backend.get_n_errors].
 *
 * Returns: the number of requests
 *
 * Since: 0.1
 */
guint64
vhu_server_get_n_failed (VhuServer *self)
{
  guint64 n_completed, n_failed;

  g_return_val_if_fail (VHU_IS_SERVER (self), 0);

  sum_counters (self, &n_completed, &n_failed);
  return n_failed;
}

/**
 * vhu_server_get_worker:
 * @self: a server
 * @index: the number of a thread
 *
 * Gets one of the threads that serve queues.
 *
 * Returns: (transfer none) (nullable): the thread, or %NULL if there is none of
 *   that number
 *
 * Since: 0.1
 */
VhuWorker *
vhu_server_get_worker (VhuServer *self,
                       guint      index)
{
  GPtrArray *threads;

  g_return_val_if_fail (VHU_IS_SERVER (self), NULL);

  threads = self->settings.threads;
  if (threads == NULL || index >= threads->len)
    return NULL;
  return ((VhuRingThread *) g_ptr_array_index (threads, index))->worker;
}
