/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-server-internal-private.h"

#include "vhu-backend-private.h"
#include "vhu-error.h"
#include "vhu-source-private.h"

/* Connections that wait for their turn; more are closed at once. */
#define MAX_WAITING 16
/* After a connection that could not be taken. */
#define ACCEPT_PAUSE_MS 100
/* What one dispatch may take of a context that is not ours. */
#define GUEST_CONTEXT_CHAINS 64
#define GUEST_CONTEXT_US 1000

/**
 * VhuServer:
 *
 * Brings a [class@Backend] together with the front-ends of virtual machines.
 *
 * A server listens on a Unix socket, takes over a socket that was opened by
 * somebody else, or calls a front-end that listens. It serves one front-end
 * after another until it is stopped: a virtual machine may come and go, and a
 * connection that never sends a message costs nothing. While one is served,
 * others wait.
 *
 * With [property@Server:n-threads] 0 the queues are served in the thread-default
 * main context of whoever calls [method@Server.start], which is right for
 * scripts and for devices with little traffic. Daemons use threads.
 *
 * All methods are for the thread that starts the server.
 *
 * Since: 0.1
 */

enum
{
  SIGNAL_SESSION_OPENED,
  SIGNAL_SESSION_CLOSED,
  SIGNAL_VRING_BROKEN,
  N_SIGNALS
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (VhuServer, vhu_server, G_TYPE_OBJECT)

static void maybe_finish_stop (VhuServer *self);
static void begin_stop        (VhuServer *self);

/* Sessions. */

static gboolean
claim_cb (VhuSession *session,
          gpointer    user_data)
{
  VhuServer *self = user_data;

  if (self->session != NULL || self->stopping)
    return FALSE;

  /* It is told when the session has its queues: whoever hears of it may do
   * anything with it. */
  self->n_sessions++;
  self->session = g_object_ref (session);
  return TRUE;
}

static void
session_is_open_cb (GObject    *object,
                    GParamSpec *pspec,
                    gpointer    user_data)
{
  VhuServer *self = user_data;
  VhuSession *session = VHU_SESSION (object);

  if (!vhu_session_get_is_open (session))
    return;

  if (self->n_ending == 0)
    vhu_session_allow_start (session);
  g_object_notify_by_pspec (G_OBJECT (self), vhu_server_properties[VHU_SERVER_PROP_SESSION]);
  if (vhu_session_get_is_open (session))
    g_signal_emit (self, signals[SIGNAL_SESSION_OPENED], 0, session);
}

static gpointer
ref_session (gconstpointer session,
             gpointer      unused)
{
  return g_object_ref ((gpointer) session);
}

/* Sessions come and go while each of them is told something. */
static GPtrArray *
copy_sessions (VhuServer *self)
{
  GPtrArray *copy = g_ptr_array_copy (self->sessions, ref_session, NULL);

  g_ptr_array_set_free_func (copy, g_object_unref);
  return copy;
}

/* Whoever spoke first while another was served comes next. */
static void
resume_waiting (VhuServer *self)
{
  g_autoptr(GPtrArray) sessions = NULL;

  if (self->stopping)
    return;

  sessions = copy_sessions (self);
  for (guint i = 0; i < sessions->len && self->session == NULL; i++)
    vhu_session_resume (g_ptr_array_index (sessions, i));
}

static void
hung_up_cb (VhuSession   *session,
            const GError *error,
            gpointer      user_data)
{
  VhuServer *self = user_data;

  if (session != self->session)
    {
      /* Perhaps it never said a word: a single connection has no successor. */
      if (self->listener == NULL)
        begin_stop (self);
      return;
    }

  self->n_ending++;
  g_clear_object (&self->session);
  g_object_notify_by_pspec (G_OBJECT (self), vhu_server_properties[VHU_SERVER_PROP_SESSION]);
  g_signal_emit (self, signals[SIGNAL_SESSION_CLOSED], 0, session, error);

  if (self->exit_on_disconnect || self->listener == NULL)
    begin_stop (self);
  else
    resume_waiting (self);
}

static void
ended_cb (VhuSession *session,
          gpointer    user_data)
{
  g_autoptr(VhuServer) self = g_object_ref (user_data);

  g_signal_handlers_disconnect_by_data (session, self);
  if (vhu_session_get_n_vrings (session) > 0)
    {
      vhu_server_add_counters (session, &self->n_completed, &self->n_failed);
      self->n_ending--;
    }
  g_ptr_array_remove (self->sessions, session);

  if (self->n_ending == 0 && self->session != NULL)
    vhu_session_allow_start (self->session);
  maybe_finish_stop (self);
}

static void
ring_broke_cb (VhuSession   *session,
               guint         index,
               const GError *error,
               gpointer      user_data)
{
  VhuServer *self = user_data;

  g_signal_emit (self, signals[SIGNAL_VRING_BROKEN], 0, index, error);
}

static const VhuSessionOwner session_owner = {
  .claim = claim_cb,
  .hung_up = hung_up_cb,
  .ended = ended_cb,
  .ring_broke = ring_broke_cb,
};

static void
fill_settings (VhuServer *self)
{
  self->settings.drain_timeout_ms = self->drain_timeout_ms;
  self->settings.budget_chains = self->serves_in_context ? GUEST_CONTEXT_CHAINS : 0;
  self->settings.budget_us = self->serves_in_context ? GUEST_CONTEXT_US : 0;
}

static void
add_connection (VhuServer *self,
                GSocket   *socket)
{
  VhuSession *session;

  fill_settings (self);
  g_socket_set_blocking (socket, FALSE);
  session = vhu_session_new (self->backend, socket, &self->settings, &session_owner, self);
  g_signal_connect (session, "notify::is-open", G_CALLBACK (session_is_open_cb), self);
  g_ptr_array_add (self->sessions, session);
  if (self->session == NULL)
    vhu_session_resume (session);
}

/* Listening. */

static void pause_accepting (VhuServer *self);

static gboolean
accept_cb (GSocket      *listener,
           GIOCondition  condition,
           gpointer      user_data)
{
  VhuServer *self = user_data;
  g_autoptr(GError) error = NULL;
  g_autoptr(GSocket) socket = NULL;

  socket = g_socket_accept (listener, NULL, &error);
  if (socket == NULL)
    {
      if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
        return G_SOURCE_CONTINUE;

      vhu_log_peer (&self->log_gate, "a connection cannot be accepted: %s", error->message);
      pause_accepting (self);
      return G_SOURCE_REMOVE;
    }

  if (self->sessions->len >= MAX_WAITING)
    {
      vhu_log_peer (&self->log_gate, "a connection is refused: %u wait already",
                    self->sessions->len);
      return G_SOURCE_CONTINUE;
    }

  add_connection (self, socket);
  return G_SOURCE_CONTINUE;
}

static void
accept_connections (VhuServer *self)
{
  GSocket *socket = vhu_listener_get_socket (self->listener);

  vhu_clear_source (&self->accept_source);
  self->accept_source = g_socket_create_source (socket, G_IO_IN, NULL);
  g_source_set_static_name (self->accept_source, "vhu-server-accept");
  g_source_set_callback (self->accept_source, G_SOURCE_FUNC (accept_cb), self, NULL);
  g_source_attach (self->accept_source, self->context);
}

static gboolean
accept_again_cb (gpointer user_data)
{
  accept_connections (user_data);
  return G_SOURCE_REMOVE;
}

/* The connection that could not be taken, for want of descriptors say, is still
 * there, and the socket readable: trying at once would take all of a processor
 * until somebody else in the process closes a descriptor. */
static void
pause_accepting (VhuServer *self)
{
  vhu_clear_source (&self->accept_source);
  self->accept_source = g_timeout_source_new (ACCEPT_PAUSE_MS);
  g_source_set_static_name (self->accept_source, "vhu-server-accept-again");
  g_source_set_callback (self->accept_source, accept_again_cb, self, NULL);
  g_source_attach (self->accept_source, self->context);
}

static gboolean
check_unused (VhuServer  *self,
              GError    **error)
{
  if (self->listener == NULL && self->connected == NULL)
    return TRUE;

  g_set_error_literal (error, VHU_ERROR, VHU_ERROR_BAD_STATE,
                       "this server has a socket already");
  return FALSE;
}

/* Starting and stopping. */

/* Refused here, as each request would be lost otherwise. */
static gboolean
check_threads (VhuServer  *self,
               GError    **error)
{
  if (self->n_threads == 0 || !vhu_backend_is_bound_to_thread (self->backend))
    return TRUE;

  g_set_error (error, VHU_ERROR, VHU_ERROR_NOT_SUPPORTED,
               "a device written in JavaScript is served by its own thread: "
               "n-threads is %u, must be 0", self->n_threads);
  return FALSE;
}

static gboolean
add_thread (VhuServer  *self,
            VhuWorker  *worker,
            GError    **error)
{
  VhuRingThread *thread = vhu_ring_thread_new (worker, self->priority, self->poll_us, error);

  if (thread == NULL)
    return FALSE;
  g_ptr_array_add (self->settings.threads, thread);
  return TRUE;
}

static gboolean
create_threads (VhuServer  *self,
                GError    **error)
{
  self->settings.threads =
    g_ptr_array_new_with_free_func ((GDestroyNotify) vhu_ring_thread_unref);
  self->serves_in_context = self->n_threads == 0;
  if (self->serves_in_context)
    return add_thread (self, NULL, error);

  for (guint i = 0; i < self->n_threads; i++)
    {
      g_autofree char *name = g_strdup_printf ("%s-%u", vhu_backend_get_kind (self->backend), i);
      g_autoptr(VhuWorker) worker = vhu_worker_new (name, error);

      if (worker == NULL || !add_thread (self, worker, error))
        return FALSE;
    }
  return TRUE;
}

/* Whoever was told that it runs may have stopped it again. */
static void
begin_to_serve (VhuServer *self)
{
  g_autoptr(GSocket) connected = g_steal_pointer (&self->connected);

  if (self->stopping || !self->running)
    return;

  if (connected != NULL)
    {
      add_connection (self, connected);
      return;
    }

  g_socket_set_blocking (vhu_listener_get_socket (self->listener), FALSE);
  accept_connections (self);
}

static gboolean
config_changed_in_control_cb (gpointer user_data)
{
  VhuServer *self = user_data;

  if (self->session != NULL)
    vhu_session_config_changed (self->session);
  return G_SOURCE_REMOVE;
}

static void
config_changed_cb (VhuBackend *backend,
                   gpointer    user_data)
{
  VhuServer *self = user_data;
  g_autoptr(GSource) source = g_idle_source_new ();

  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_static_name (source, "vhu-config-changed");
  g_source_set_callback (source, config_changed_in_control_cb,
                         g_object_ref (self), g_object_unref);
  g_source_attach (source, self->context);
}

static const VhuBackendObserver backend_observer = {
  .config_changed = config_changed_cb,
};

static void
set_running (VhuServer *self,
             gboolean   running)
{
  if (self->running == running)
    return;

  self->running = running;
  g_object_notify_by_pspec (G_OBJECT (self), vhu_server_properties[VHU_SERVER_PROP_RUNNING]);
}

/* Others may still have a reference to a thread, but it does not run on. */
static void
end_threads (VhuServer *self)
{
  for (guint i = 0; i < self->settings.threads->len; i++)
    {
      VhuRingThread *thread = g_ptr_array_index (self->settings.threads, i);

      if (thread->worker != NULL)
        vhu_worker_stop (thread->worker);
    }
  g_clear_pointer (&self->settings.threads, g_ptr_array_unref);
}

static void
maybe_finish_stop (VhuServer *self)
{
  g_autoptr(GTask) task = NULL;

  if (!self->stopping || self->sessions->len > 0 || !self->running)
    return;

  vhu_backend_forget_observer (self->backend);
  end_threads (self);
  self->stopping = FALSE;
  vhu_clear_source (&self->stop_cancelled);
  task = g_steal_pointer (&self->stop_task);
  set_running (self, FALSE);
  if (task != NULL)
    g_task_return_boolean (task, TRUE);
  g_object_unref (self); /* of the start */
}

static void
begin_stop (VhuServer *self)
{
  g_autoptr(VhuServer) guard = g_object_ref (self);
  g_autoptr(GPtrArray) sessions = NULL;

  if (self->stopping || !self->running)
    return;

  self->stopping = TRUE;
  vhu_clear_source (&self->accept_source);
  g_clear_pointer (&self->listener, vhu_listener_free);

  sessions = copy_sessions (self);
  for (guint i = 0; i < sessions->len; i++)
    vhu_session_close (g_ptr_array_index (sessions, i), NULL);
  maybe_finish_stop (self);
}

/* Whoever asked for the stop does not wait for it any longer. */
static gboolean
stop_cancelled_cb (GCancellable *cancellable,
                   gpointer      user_data)
{
  VhuServer *self = user_data;
  g_autoptr(GTask) task = g_steal_pointer (&self->stop_task);

  vhu_clear_source (&self->stop_cancelled);
  g_task_return_error_if_cancelled (task);
  return G_SOURCE_REMOVE;
}

static void
watch_cancellable (VhuServer    *self,
                   GCancellable *cancellable)
{
  if (cancellable == NULL)
    return;

  self->stop_cancelled = g_cancellable_source_new (cancellable);
  g_source_set_static_name (self->stop_cancelled, "vhu-server-stop-cancelled");
  g_source_set_callback (self->stop_cancelled, G_SOURCE_FUNC (stop_cancelled_cb), self, NULL);
  g_source_attach (self->stop_cancelled, self->context);
}

/* A server is kept alive while it runs, so that nothing can be running here. */
static void
vhu_server_finalize (GObject *object)
{
  VhuServer *self = VHU_SERVER (object);

  g_clear_pointer (&self->listener, vhu_listener_free);
  g_clear_object (&self->connected);
  g_clear_object (&self->session);
  g_clear_pointer (&self->sessions, g_ptr_array_unref);
  g_clear_pointer (&self->settings.threads, g_ptr_array_unref);
  g_clear_pointer (&self->context, g_main_context_unref);
  g_clear_object (&self->backend);

  G_OBJECT_CLASS (vhu_server_parent_class)->finalize (object);
}

static void
install_signals (GType type)
{
  /**
   * VhuServer::session-opened:
   * @self: the server
   * @session: the session
   *
   * A front-end's first message arrived.
   *
   * Since: 0.1
   */
  signals[SIGNAL_SESSION_OPENED] =
    g_signal_new ("session-opened", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                  G_TYPE_NONE, 1, VHU_TYPE_SESSION);

  /**
   * VhuServer::session-closed:
   * @self: the server
   * @session: the session
   * @error: (nullable): what ended it, or %NULL if the front-end just left
   *
   * The connection to a front-end ended. Its queues may still be draining.
   *
   * Since: 0.1
   */
  signals[SIGNAL_SESSION_CLOSED] =
    g_signal_new ("session-closed", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                  G_TYPE_NONE, 2, VHU_TYPE_SESSION, G_TYPE_ERROR);

  /**
   * VhuServer::vring-broken:
   * @self: the server
   * @index: the number of the queue
   * @error: what is wrong with it
   *
   * The driver's ring is corrupt. The other queues go on.
   *
   * Since: 0.1
   */
  signals[SIGNAL_VRING_BROKEN] =
    g_signal_new ("vring-broken", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                  G_TYPE_NONE, 2, G_TYPE_UINT, G_TYPE_ERROR);
}

static void
vhu_server_class_init (VhuServerClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = vhu_server_finalize;

  vhu_server_install_properties (object_class);
  install_signals (G_TYPE_FROM_CLASS (klass));
}

static void
vhu_server_init (VhuServer *self)
{
  self->poll_us = VHU_SERVER_DEFAULT_POLL_US;
  self->priority = G_PRIORITY_DEFAULT_IDLE;
  self->drain_timeout_ms = VHU_SERVER_DEFAULT_DRAIN_TIMEOUT_MS;
  self->sessions = g_ptr_array_new_with_free_func (g_object_unref);
}

/**
 * vhu_server_new:
 * @backend: the device
 *
 * Creates a server for a device. A device has one server at a time.
 *
 * Returns: (transfer full): the server
 *
 * Since: 0.1
 */
VhuServer *
vhu_server_new (VhuBackend *backend)
{
  g_return_val_if_fail (VHU_IS_BACKEND (backend), NULL);

  return g_object_new (VHU_TYPE_SERVER, "backend", backend, NULL);
}

/**
 * vhu_server_listen:
 * @self: a server that is not running
 * @path: (type filename): where the socket is to be
 * @error: return location for an error
 *
 * Makes a socket for front-ends to connect to. A socket that a crashed process
 * left at @path is replaced; one that is in use is not. It is removed when the
 * server stops.
 *
 * Returns: %TRUE if it is there
 *
 * Since: 0.1
 */
gboolean
vhu_server_listen (VhuServer   *self,
                   const char  *path,
                   GError     **error)
{
  g_return_val_if_fail (VHU_IS_SERVER (self), FALSE);
  g_return_val_if_fail (path != NULL, FALSE);

  if (!check_unused (self, error))
    return FALSE;

  self->listener = vhu_listener_new_for_path (path, error);
  return self->listener != NULL;
}

/**
 * vhu_server_use_fd:
 * @self: a server that is not running
 * @fd: a Unix stream socket, which stays the caller's
 * @error: return location for an error
 *
 * Uses a socket that somebody else opened: either one that listens, or one that
 * is connected to a front-end. With the latter the server stops when that
 * front-end is gone.
 *
 * Returns: %TRUE if the socket can be used
 *
 * Since: 0.1
 */
gboolean
vhu_server_use_fd (VhuServer  *self,
                   int         fd,
                   GError    **error)
{
  g_autoptr(GSocket) socket = NULL;
  gboolean listens;

  g_return_val_if_fail (VHU_IS_SERVER (self), FALSE);

  if (!check_unused (self, error))
    return FALSE;
  socket = vhu_listener_examine_fd (fd, &listens, error);
  if (socket == NULL)
    return FALSE;

  if (listens)
    self->listener = vhu_listener_new (socket);
  else
    self->connected = g_steal_pointer (&socket);
  return TRUE;
}

/**
 * vhu_server_dial:
 * @self: a server that is not running
 * @path: (type filename): where a front-end listens
 * @error: return location for an error
 *
 * Calls a front-end. The server stops when it is gone.
 *
 * Returns: %TRUE if there is a connection
 *
 * Since: 0.1
 */
gboolean
vhu_server_dial (VhuServer   *self,
                 const char  *path,
                 GError     **error)
{
  g_return_val_if_fail (VHU_IS_SERVER (self), FALSE);
  g_return_val_if_fail (path != NULL, FALSE);

  if (!check_unused (self, error))
    return FALSE;

  self->connected = vhu_listener_dial (path, error);
  return self->connected != NULL;
}

/**
 * vhu_server_start:
 * @self: a server with a socket
 * @error: return location for an error
 *
 * Begins to serve front-ends. The thread-default main context of the caller
 * becomes the control context. The server keeps itself alive until it is
 * stopped.
 *
 * Returns: %TRUE if it runs
 *
 * Since: 0.1
 */
gboolean
vhu_server_start (VhuServer  *self,
                  GError    **error)
{
  g_return_val_if_fail (VHU_IS_SERVER (self), FALSE);
  g_return_val_if_fail (!self->running, FALSE);

  if (self->listener == NULL && self->connected == NULL)
    {
      g_set_error_literal (error, VHU_ERROR, VHU_ERROR_BAD_STATE, "this server has no socket");
      return FALSE;
    }
  if (vhu_backend_is_frozen (self->backend))
    {
      g_set_error_literal (error, VHU_ERROR, VHU_ERROR_BAD_STATE,
                           "the backend is being served by another server");
      return FALSE;
    }
  if (!check_threads (self, error))
    return FALSE;
  if (!create_threads (self, error))
    {
      g_clear_pointer (&self->settings.threads, g_ptr_array_unref);
      return FALSE;
    }

  g_clear_pointer (&self->context, g_main_context_unref);
  self->context = g_main_context_ref_thread_default ();
  vhu_backend_freeze (self->backend, &backend_observer, self);
  g_object_ref (self);
  set_running (self, TRUE);
  begin_to_serve (self);
  return TRUE;
}

/**
 * vhu_server_stop_async:
 * @self: a server
 * @cancellable: (nullable): a cancellable, which ends the wait but not the stop
 * @callback: called when nothing is served any more
 * @user_data: data for @callback
 *
 * Stops in good order: takes no more connections, lets the device finish what it
 * holds, and ends the threads. One caller at a time can wait for that.
 *
 * Since: 0.1
 */
void
vhu_server_stop_async (VhuServer           *self,
                       GCancellable        *cancellable,
                       GAsyncReadyCallback  callback,
                       gpointer             user_data)
{
  g_autoptr(GTask) task = NULL;

  g_return_if_fail (VHU_IS_SERVER (self));

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_name (task, "vhu_server_stop_async");

  if (!self->running)
    {
      g_task_return_boolean (task, TRUE);
      return;
    }
  if (self->stop_task != NULL)
    {
      g_task_return_new_error (task, VHU_ERROR, VHU_ERROR_BAD_STATE,
                               "the server is being stopped already");
      return;
    }

  self->stop_task = g_steal_pointer (&task);
  watch_cancellable (self, cancellable);
  begin_stop (self);
}

/**
 * vhu_server_stop_finish:
 * @self: a server
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Gets the result of [method@Server.stop_async].
 *
 * Returns: %TRUE if the server has stopped
 *
 * Since: 0.1
 */
gboolean
vhu_server_stop_finish (VhuServer     *self,
                        GAsyncResult  *result,
                        GError       **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}
