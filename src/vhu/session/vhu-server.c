/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-server.h"

#include <gio/gunixsocketaddress.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "vhu-backend-private.h"
#include "vhu-error.h"
#include "vhu-fd-private.h"
#include "vhu-session-private.h"

#define DEFAULT_DRAIN_TIMEOUT_MS 30000
#define DEFAULT_POLL_US 32
#define MAX_THREADS 256
#define MAX_POLL_US 10000
/* Connections that wait for their turn; more are closed at once. */
#define MAX_WAITING 16
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

struct _VhuServer
{
  GObject parent_instance;

  VhuBackend *backend;
  guint n_threads;
  guint poll_us;
  int priority;
  guint drain_timeout_ms;
  gboolean exit_on_disconnect;

  GMainContext *context;
  GSocket *listener;
  GSocket *connected;  /* a single connection, until the start */
  char *path;          /* of a socket that we made */
  dev_t path_device;
  ino_t path_inode;

  gboolean running;
  GSource *accept_source;
  VhuSessionSettings settings;
  GPtrArray *sessions;  /* of VhuSession: waiting, being served, ending */
  VhuSession *session;  /* the one being served */
  guint n_ending;       /* sessions whose rings still drain */
  GTask *stop_task;
  gboolean stopping;

  guint64 n_sessions;
  guint64 n_completed;  /* of the sessions that ended */
  guint64 n_failed;
};

enum
{
  PROP_0,
  PROP_BACKEND,
  PROP_N_THREADS,
  PROP_POLL_US,
  PROP_PRIORITY,
  PROP_DRAIN_TIMEOUT,
  PROP_EXIT_ON_DISCONNECT,
  PROP_RUNNING,
  PROP_SESSION,
  N_PROPS
};

enum
{
  SIGNAL_SESSION_OPENED,
  SIGNAL_SESSION_CLOSED,
  SIGNAL_VRING_BROKEN,
  N_SIGNALS
};

static GParamSpec *properties[N_PROPS];
static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (VhuServer, vhu_server, G_TYPE_OBJECT)

static void maybe_finish_stop (VhuServer *self);
static void begin_stop        (VhuServer *self);

static void
clear_source (GSource **source)
{
  if (*source == NULL)
    return;

  g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

/* Sessions. */

static void
set_session (VhuServer  *self,
             VhuSession *session)
{
  if (g_set_object (&self->session, session))
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_SESSION]);
}

static gboolean
claim_cb (VhuSession *session,
          gpointer    user_data)
{
  VhuServer *self = user_data;

  if (self->session != NULL || self->stopping)
    return FALSE;

  self->n_sessions++;
  set_session (self, session);
  return TRUE;
}

/* Called when the session has its queues. */
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
  g_signal_emit (self, signals[SIGNAL_SESSION_OPENED], 0, session);
}

/* Whoever spoke first while another was served comes next. */
static void
resume_waiting (VhuServer *self)
{
  g_autoptr(GPtrArray) sessions = NULL;

  if (self->stopping)
    return;

  sessions = g_ptr_array_copy (self->sessions, (GCopyFunc) g_object_ref, NULL);
  for (guint i = 0; i < sessions->len && self->session == NULL; i++)
    vhu_session_resume (g_ptr_array_index (sessions, i));
  g_ptr_array_set_free_func (sessions, g_object_unref);
}

static void
hung_up_cb (VhuSession   *session,
            const GError *error,
            gpointer      user_data)
{
  VhuServer *self = user_data;

  if (session != self->session)
    return;

  self->n_ending++;
  set_session (self, NULL);
  g_signal_emit (self, signals[SIGNAL_SESSION_CLOSED], 0, session, error);

  /* A single connection has no successor. */
  if (self->exit_on_disconnect || self->listener == NULL)
    begin_stop (self);
  else
    resume_waiting (self);
}

static void
add_counters (VhuServer  *self,
              VhuSession *session,
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

static void
ended_cb (VhuSession *session,
          gpointer    user_data)
{
  VhuServer *self = user_data;

  g_signal_handlers_disconnect_by_func (session, session_is_open_cb, self);
  if (vhu_session_get_n_vrings (session) > 0)
    {
      add_counters (self, session, &self->n_completed, &self->n_failed);
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
add_connection (VhuServer *self,
                GSocket   *socket)
{
  VhuSession *session;

  g_socket_set_blocking (socket, FALSE);
  session = vhu_session_new (self->backend, socket, &self->settings, &session_owner, self);
  g_signal_connect (session, "notify::is-open", G_CALLBACK (session_is_open_cb), self);
  g_ptr_array_add (self->sessions, session);
  if (self->session == NULL)
    vhu_session_resume (session);
}

/* Listening. */

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
      if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
        g_message ("a connection cannot be accepted: %s", error->message);
      return G_SOURCE_CONTINUE;
    }

  if (self->sessions->len >= MAX_WAITING)
    {
      g_message ("a connection is refused: %u wait already", self->sessions->len);
      return G_SOURCE_CONTINUE;
    }

  add_connection (self, socket);
  return G_SOURCE_CONTINUE;
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

static GSocketAddress *
make_address (const char  *path,
              GError     **error)
{
  struct sockaddr_un limit;

  if (strlen (path) >= sizeof limit.sun_path)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_LIMIT,
                   "socket path is %zu bytes long, at most %zu are possible: %s",
                   strlen (path), sizeof limit.sun_path - 1, path);
      return NULL;
    }
  return g_unix_socket_address_new (path);
}

/* A socket that nobody listens on is left over from a process that crashed. */
static void
remove_stale_socket (const char     *path,
                     GSocketAddress *address)
{
  g_autoptr(GSocket) probe = NULL;
  struct stat st;

  if (lstat (path, &st) < 0 || !S_ISSOCK (st.st_mode))
    return;

  probe = g_socket_new (G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, 0, NULL);
  if (probe != NULL && !g_socket_connect (probe, address, NULL, NULL))
    unlink (path);
}

static void
remember_path (VhuServer  *self,
               const char *path)
{
  struct stat st;

  if (lstat (path, &st) < 0)
    return;

  self->path = g_strdup (path);
  self->path_device = st.st_dev;
  self->path_inode = st.st_ino;
}

/* Only what we made: another server may have taken the path meanwhile. */
static void
unlink_path (VhuServer *self)
{
  struct stat st;

  if (self->path != NULL && lstat (self->path, &st) == 0 &&
      st.st_dev == self->path_device && st.st_ino == self->path_inode)
    unlink (self->path);
  g_clear_pointer (&self->path, g_free);
}

/* Starting and stopping. */

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
  if (self->n_threads == 0)
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
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_RUNNING]);
}

static void
maybe_finish_stop (VhuServer *self)
{
  g_autoptr(GTask) task = NULL;

  if (!self->stopping || self->sessions->len > 0 || !self->running)
    return;

  vhu_backend_forget_observer (self->backend);
  g_clear_pointer (&self->settings.threads, g_ptr_array_unref);
  self->stopping = FALSE;
  task = g_steal_pointer (&self->stop_task);
  set_running (self, FALSE);
  if (task != NULL)
    g_task_return_boolean (task, TRUE);
}

static void
begin_stop (VhuServer *self)
{
  g_autoptr(GPtrArray) sessions = NULL;

  if (self->stopping || !self->running)
    return;

  self->stopping = TRUE;
  clear_source (&self->accept_source);
  if (self->listener != NULL)
    g_socket_close (self->listener, NULL);
  g_clear_object (&self->listener);
  unlink_path (self);

  sessions = g_ptr_array_copy (self->sessions, (GCopyFunc) g_object_ref, NULL);
  g_ptr_array_set_free_func (sessions, g_object_unref);
  for (guint i = 0; i < sessions->len; i++)
    vhu_session_close (g_ptr_array_index (sessions, i), NULL);
  maybe_finish_stop (self);
}

static void
vhu_server_get_property (GObject    *object,
                         guint       prop_id,
                         GValue     *value,
                         GParamSpec *pspec)
{
  VhuServer *self = VHU_SERVER (object);

  switch (prop_id)
    {
    case PROP_BACKEND:
      g_value_set_object (value, self->backend);
      break;

    case PROP_N_THREADS:
      g_value_set_uint (value, self->n_threads);
      break;

    case PROP_POLL_US:
      g_value_set_uint (value, self->poll_us);
      break;

    case PROP_PRIORITY:
      g_value_set_int (value, self->priority);
      break;

    case PROP_DRAIN_TIMEOUT:
      g_value_set_uint (value, self->drain_timeout_ms);
      break;

    case PROP_EXIT_ON_DISCONNECT:
      g_value_set_boolean (value, self->exit_on_disconnect);
      break;

    case PROP_RUNNING:
      g_value_set_boolean (value, self->running);
      break;

    case PROP_SESSION:
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
    case PROP_BACKEND:
      self->backend = g_value_dup_object (value);
      break;

    case PROP_N_THREADS:
      vhu_server_set_n_threads (self, g_value_get_uint (value));
      break;

    case PROP_POLL_US:
      vhu_server_set_poll_us (self, g_value_get_uint (value));
      break;

    case PROP_PRIORITY:
      vhu_server_set_priority (self, g_value_get_int (value));
      break;

    case PROP_DRAIN_TIMEOUT:
      vhu_server_set_drain_timeout (self, g_value_get_uint (value));
      break;

    case PROP_EXIT_ON_DISCONNECT:
      vhu_server_set_exit_on_disconnect (self, g_value_get_boolean (value));
      break;

    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

/* A server is kept alive while it runs, so that nothing can be running here. */
static void
vhu_server_finalize (GObject *object)
{
  VhuServer *self = VHU_SERVER (object);

  unlink_path (self);
  g_clear_object (&self->listener);
  g_clear_object (&self->connected);
  g_clear_object (&self->session);
  g_clear_pointer (&self->sessions, g_ptr_array_unref);
  g_clear_pointer (&self->settings.threads, g_ptr_array_unref);
  g_clear_pointer (&self->context, g_main_context_unref);
  g_clear_object (&self->backend);

  G_OBJECT_CLASS (vhu_server_parent_class)->finalize (object);
}

static void
install_properties (GObjectClass *object_class)
{
  const GParamFlags readable = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;
  const GParamFlags writable =
    G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  /**
   * VhuServer:backend: (getter get_backend)
   *
   * The device.
   *
   * Since: 0.1
   */
  properties[PROP_BACKEND] =
    g_param_spec_object ("backend", NULL, NULL, VHU_TYPE_BACKEND,
                         G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);

  /**
   * VhuServer:n-threads: (getter get_n_threads) (setter set_n_threads)
   *
   * How many threads serve the queues; 0 means the context of the caller.
   * Applies at the next start.
   *
   * Since: 0.1
   */
  properties[PROP_N_THREADS] =
    g_param_spec_uint ("n-threads", NULL, NULL, 0, MAX_THREADS, 0, writable);

  /**
   * VhuServer:poll-us: (getter get_poll_us) (setter set_poll_us)
   *
   * For how many microseconds at most a thread looks for more work before it
   * goes to sleep. It tunes itself below that; an idle device costs nothing. Has
   * no effect in a context of the caller. Applies at the next start.
   *
   * Since: 0.1
   */
  properties[PROP_POLL_US] =
    g_param_spec_uint ("poll-us", NULL, NULL, 0, MAX_POLL_US, DEFAULT_POLL_US, writable);

  /**
   * VhuServer:priority: (getter get_priority) (setter set_priority)
   *
   * The priority of queues in a context of the caller. Applies at the next
   * start.
   *
   * Since: 0.1
   */
  properties[PROP_PRIORITY] =
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
  properties[PROP_DRAIN_TIMEOUT] =
    g_param_spec_uint ("drain-timeout", NULL, NULL, 1, G_MAXUINT,
                       DEFAULT_DRAIN_TIMEOUT_MS, writable);

  /**
   * VhuServer:exit-on-disconnect: (getter get_exit_on_disconnect) (setter set_exit_on_disconnect)
   *
   * Whether the server stops when the first front-end that it served is gone.
   *
   * Since: 0.1
   */
  properties[PROP_EXIT_ON_DISCONNECT] =
    g_param_spec_boolean ("exit-on-disconnect", NULL, NULL, FALSE, writable);

  /**
   * VhuServer:running: (getter get_running)
   *
   * Whether front-ends are served.
   *
   * Since: 0.1
   */
  properties[PROP_RUNNING] =
    g_param_spec_boolean ("running", NULL, NULL, FALSE, readable);

  /**
   * VhuServer:session: (getter get_session)
   *
   * The front-end that is being served.
   *
   * Since: 0.1
   */
  properties[PROP_SESSION] =
    g_param_spec_object ("session", NULL, NULL, VHU_TYPE_SESSION, readable);

  g_object_class_install_properties (object_class, N_PROPS, properties);
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

  object_class->get_property = vhu_server_get_property;
  object_class->set_property = vhu_server_set_property;
  object_class->finalize = vhu_server_finalize;

  install_properties (object_class);
  install_signals (G_TYPE_FROM_CLASS (klass));
}

static void
vhu_server_init (VhuServer *self)
{
  self->poll_us = DEFAULT_POLL_US;
  self->priority = G_PRIORITY_DEFAULT_IDLE;
  self->drain_timeout_ms = DEFAULT_DRAIN_TIMEOUT_MS;
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
  g_autoptr(GSocketAddress) address = NULL;
  g_autoptr(GSocket) socket = NULL;

  g_return_val_if_fail (VHU_IS_SERVER (self), FALSE);
  g_return_val_if_fail (path != NULL, FALSE);

  if (!check_unused (self, error))
    return FALSE;
  address = make_address (path, error);
  if (address == NULL)
    return FALSE;
  socket = g_socket_new (G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, 0, error);
  if (socket == NULL)
    return FALSE;

  remove_stale_socket (path, address);
  if (!g_socket_bind (socket, address, FALSE, error))
    {
      g_prefix_error (error, "%s: ", path);
      return FALSE;
    }
  remember_path (self, path);
  if (!g_socket_listen (socket, error))
    {
      unlink_path (self);
      return FALSE;
    }
  self->listener = g_steal_pointer (&socket);
  return TRUE;
}

static gboolean
is_unix_stream (int fd)
{
  int domain, type;
  socklen_t length = sizeof (int);

  return getsockopt (fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 && domain == AF_UNIX &&
         getsockopt (fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type == SOCK_STREAM;
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
  vhu_autofd int copy = -1;
  g_autoptr(GSocket) socket = NULL;
  int listens = 0;
  socklen_t length = sizeof listens;

  g_return_val_if_fail (VHU_IS_SERVER (self), FALSE);

  if (!check_unused (self, error))
    return FALSE;
  copy = vhu_dup_fd (fd);
  if (copy < 0 || !is_unix_stream (copy) ||
      getsockopt (copy, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) < 0)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_FAILED,
                   "file descriptor %d is no Unix stream socket", fd);
      return FALSE;
    }

  socket = g_socket_new_from_fd (copy, error);
  if (socket == NULL)
    return FALSE;
  vhu_steal_fd (&copy);

  if (listens)
    self->listener = g_steal_pointer (&socket);
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
  g_autoptr(GSocketAddress) address = NULL;
  g_autoptr(GSocket) socket = NULL;

  g_return_val_if_fail (VHU_IS_SERVER (self), FALSE);
  g_return_val_if_fail (path != NULL, FALSE);

  if (!check_unused (self, error))
    return FALSE;
  address = make_address (path, error);
  if (address == NULL)
    return FALSE;
  socket = g_socket_new (G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, 0, error);
  if (socket == NULL)
    return FALSE;

  if (!g_socket_connect (socket, address, NULL, error))
    {
      g_prefix_error (error, "%s: ", path);
      return FALSE;
    }
  self->connected = g_steal_pointer (&socket);
  return TRUE;
}

static void
fill_settings (VhuServer *self)
{
  self->settings.drain_timeout_ms = self->drain_timeout_ms;
  self->settings.budget_chains = self->n_threads == 0 ? GUEST_CONTEXT_CHAINS : 0;
  self->settings.budget_us = self->n_threads == 0 ? GUEST_CONTEXT_US : 0;
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
  if (!create_threads (self, error))
    {
      g_clear_pointer (&self->settings.threads, g_ptr_array_unref);
      return FALSE;
    }

  g_clear_pointer (&self->context, g_main_context_unref);
  self->context = g_main_context_ref_thread_default ();
  fill_settings (self);
  vhu_backend_freeze (self->backend, &backend_observer, self);
  g_object_ref (self);
  set_running (self, TRUE);

  if (self->listener != NULL)
    {
      g_socket_set_blocking (self->listener, FALSE);
      self->accept_source = g_socket_create_source (self->listener, G_IO_IN, NULL);
      g_source_set_static_name (self->accept_source, "vhu-server-accept");
      g_source_set_callback (self->accept_source, G_SOURCE_FUNC (accept_cb), self, NULL);
      g_source_attach (self->accept_source, self->context);
    }
  else
    {
      add_connection (self, self->connected);
      g_clear_object (&self->connected);
    }
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
 * holds, and ends the threads.
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
  g_task_set_source_tag (task, vhu_server_stop_async);

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
  if (self->stopping)
    return;
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
  g_return_if_fail (n_threads <= MAX_THREADS);

  if (self->n_threads == n_threads)
    return;

  self->n_threads = n_threads;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_N_THREADS]);
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
  g_return_if_fail (poll_us <= MAX_POLL_US);

  if (self->poll_us == poll_us)
    return;

  self->poll_us = poll_us;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_POLL_US]);
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
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_PRIORITY]);
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
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_DRAIN_TIMEOUT]);
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
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_EXIT_ON_DISCONNECT]);
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
    add_counters (self, g_ptr_array_index (self->sessions, i), n_completed, n_failed);
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
