/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-device-main.h"

#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <glib-unix.h>
#include <glib/gi18n-lib.h>

#include "vhu-device-log.h"
#include "vhu-device-systemd.h"

/* Promised are two seconds from the signal to the end. */
#define STOP_DEADLINE_MS 1700

#define NO_FD G_MAXUINT64

typedef struct
{
  const VhuDeviceKind *kind;
  GMainLoop *loop;
  VhuBackend *backend;
  VhuServer *server;
  gboolean stopping;
  int status;
} VhuDeviceMain;

static char *socket_path;
static guint64 socket_fd = NO_FD;
static gboolean exit_on_disconnect;
static gboolean print_capabilities;
static gboolean show_version;

static const VhuDeviceOption common_options[] = {
  VHU_DEVICE_STRING ("socket-path", &socket_path, N_("PATH"),
                     N_("Listen on a new Unix socket at PATH")),
  VHU_DEVICE_NUMBER ("fd", &socket_fd, 0, G_MAXINT,
                     N_("Use the socket N, which listens or is connected")),
  VHU_DEVICE_FLAG ("exit-on-disconnect", &exit_on_disconnect,
                   N_("Exit when a front-end is gone, and wait for no other")),
  VHU_DEVICE_FLAG ("print-capabilities", &print_capabilities,
                   N_("Print what this program can do, in JSON, and exit")),
  VHU_DEVICE_FLAG ("version", &show_version,
                   N_("Print the version and exit")),
  VHU_DEVICE_END
};

gboolean
vhu_device_bad_option (GError     **error,
                       const char  *format,
                       ...)
{
  va_list args;

  va_start (args, format);
  g_propagate_error (error, g_error_new_valist (G_OPTION_ERROR,
                                                G_OPTION_ERROR_BAD_VALUE,
                                                format, args));
  va_end (args);

  return FALSE;
}

/* One line, whatever is in the value that is complained about, and 2 for a
 * mistake on the command line. */
static int
complain (const VhuDeviceKind *kind,
          const GError        *error)
{
  g_autofree char *line = g_strdup (error->message);
  char *at;

  for (at = line; *at != '\0'; at++)
    if (g_ascii_iscntrl (*at))
      *at = '?';
  g_printerr ("vhu-device-%s: %s\n", kind->kind, line);

  return error->domain == G_OPTION_ERROR ? 2 : 1;
}

static void
say_capabilities (const VhuDeviceKind *kind)
{
  if (kind->features != NULL)
    g_print ("{\"type\":\"%s\",\"features\":[%s]}\n", kind->type,
             kind->features);
  else
    g_print ("{\"type\":\"%s\"}\n", kind->type);
}

/* QEMU's conventions: whatever else is given is ignored. */
static gboolean
wants_capabilities (int    argc,
                    char **argv)
{
  int i;

  for (i = 1; i < argc; i++)
    if (strcmp (argv[i], "--print-capabilities") == 0)
      return TRUE;

  return FALSE;
}

static gboolean
check_fd (GError **error)
{
  int type;
  socklen_t length = sizeof type;

  if (getsockopt (socket_fd, SOL_SOCKET, SO_TYPE, &type, &length) < 0 ||
      type != SOCK_STREAM)
    return vhu_device_bad_option (error, _("--fd=%u: expected the number of an "
                                           "open stream socket"),
                                  (guint) socket_fd);

  return TRUE;
}

static gboolean
check_common (GError **error)
{
  if (socket_path != NULL && socket_fd != NO_FD)
    return vhu_device_bad_option (error, _("--socket-path and --fd exclude each "
                                           "other: expected one of them"));

  return socket_fd == NO_FD || check_fd (error);
}

static gboolean
parse (const VhuDeviceKind  *kind,
       int                   argc,
       char                **argv,
       GError              **error)
{
  if (!vhu_device_options_parse (_(kind->summary), common_options,
                                 kind->options, argc, argv, error))
    return FALSE;

  return show_version ||
         (check_common (error) &&
          (kind->check == NULL || kind->check (error)));
}

/* The socket is the last thing that is made. */
static gboolean
find_socket (VhuDeviceMain  *self,
             GError        **error)
{
  g_autoptr(GError) local_error = NULL;
  gboolean found;

  if (socket_path != NULL)
    return vhu_server_listen (self->server, socket_path, error);

  if (socket_fd == NO_FD)
    {
      int fd = vhu_device_take_socket (&local_error);

      if (local_error != NULL)
        {
          g_propagate_error (error, g_steal_pointer (&local_error));
          return FALSE;
        }
      if (fd < 0)
        return vhu_device_bad_option (error, _("no socket: expected "
                                               "--socket-path=PATH, --fd=N or "
                                               "a socket from the service "
                                               "manager (LISTEN_FDS)"));
      socket_fd = fd;
    }

  /* The server has a copy of its own. */
  found = vhu_server_use_fd (self->server, socket_fd, error);
  close (socket_fd);

  return found;
}

/* Out, whatever is still under way: it stays as the driver sees it. */
static void
leave_now (VhuDeviceMain *self)
{
  _exit (self->status);
}

static gboolean
deadline_cb (gpointer user_data)
{
  g_message ("storage has not answered in time");
  leave_now (user_data);

  return G_SOURCE_REMOVE;
}

static void
flush_in_thread (GTask        *task,
                 gpointer      source_object,
                 gpointer      task_data,
                 GCancellable *cancellable)
{
  VhuDeviceMain *self = task_data;
  GError *error = NULL;

  if (self->kind->flush (self->backend, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static void
flushed_cb (GObject      *source_object,
            GAsyncResult *result,
            gpointer      user_data)
{
  VhuDeviceMain *self = user_data;
  g_autoptr(GError) error = NULL;

  if (!g_task_propagate_boolean (G_TASK (result), &error))
    {
      g_warning ("%s", error->message);
      self->status = 1;
    }
  g_main_loop_quit (self->loop);
}

/* However it came to stop: by a signal, or because the only front-end is
 * gone. */
static void
running_cb (VhuServer     *server,
            GParamSpec    *pspec,
            VhuDeviceMain *self)
{
  g_autoptr(GTask) task = NULL;

  if (vhu_server_get_running (server))
    return;

  if (self->kind->flush == NULL)
    {
      g_main_loop_quit (self->loop);
      return;
    }

  task = g_task_new (NULL, NULL, flushed_cb, self);
  g_task_set_task_data (task, self, NULL);
  g_task_run_in_thread (task, flush_in_thread);
}

static gboolean
terminate_cb (gpointer user_data)
{
  VhuDeviceMain *self = user_data;

  if (self->stopping)
    leave_now (self);

  self->stopping = TRUE;
  vhu_device_notify_manager ("STOPPING=1");
  g_timeout_add (STOP_DEADLINE_MS, deadline_cb, self);
  vhu_server_stop_async (self->server, NULL, NULL, NULL);

  return G_SOURCE_CONTINUE;
}

static gboolean
reload_cb (gpointer user_data)
{
  VhuDeviceMain *self = user_data;

  if (self->kind->reload != NULL)
    self->kind->reload (self->backend);

  return G_SOURCE_CONTINUE;
}

static gboolean
set_up (VhuDeviceMain  *self,
        GError        **error)
{
  self->backend = self->kind->create (error);
  if (self->backend == NULL)
    return FALSE;

  self->server = vhu_server_new (self->backend);
  vhu_server_set_exit_on_disconnect (self->server, exit_on_disconnect);
  self->kind->configure (self->server);
  g_signal_connect (self->server, "notify::running", G_CALLBACK (running_cb),
                    self);

  return find_socket (self, error) && vhu_server_start (self->server, error);
}

static void
serve (VhuDeviceMain *self)
{
  signal (SIGPIPE, SIG_IGN);
  g_unix_signal_add (SIGTERM, terminate_cb, self);
  g_unix_signal_add (SIGINT, terminate_cb, self);
  g_unix_signal_add (SIGHUP, reload_cb, self);

  vhu_device_notify_manager ("READY=1");
  g_main_loop_run (self->loop);
}

static void
sum_up (VhuDeviceMain *self)
{
  g_autofree char *details = NULL;

  if (self->kind->describe != NULL)
    details = self->kind->describe (self->backend);

  g_print (_("vhu-device-%s: sessions: %llu, requests: %llu, failed: %llu"),
           self->kind->kind,
           (unsigned long long) vhu_server_get_n_sessions (self->server),
           (unsigned long long) vhu_server_get_n_completed (self->server),
           (unsigned long long) vhu_server_get_n_failed (self->server));
  g_print ("%s%s\n", details != NULL ? "; " : "",
           details != NULL ? details : "");
}

static void
clear (VhuDeviceMain *self)
{
  if (self->server != NULL)
    g_signal_handlers_disconnect_by_data (self->server, self);
  g_clear_object (&self->server);
  g_clear_object (&self->backend);
  g_main_loop_unref (self->loop);
}

static int
run (const VhuDeviceKind *kind)
{
  VhuDeviceMain self = { .kind = kind };
  g_autoptr(GError) error = NULL;

  self.loop = g_main_loop_new (NULL, FALSE);
  if (set_up (&self, &error))
    {
      serve (&self);
      sum_up (&self);
    }
  else
    {
      self.status = complain (kind, error);
    }
  clear (&self);

  return self.status;
}

int
vhu_device_main (const VhuDeviceKind *kind,
                 int                  argc,
                 char               **argv)
{
  g_autoptr(GError) error = NULL;

  setlocale (LC_ALL, "");
  bindtextdomain (GETTEXT_PACKAGE, LOCALEDIR);
  bind_textdomain_codeset (GETTEXT_PACKAGE, "UTF-8");
  textdomain (GETTEXT_PACKAGE);

  if (wants_capabilities (argc, argv))
    {
      say_capabilities (kind);
      return 0;
    }

  if (!parse (kind, argc, argv, &error))
    return complain (kind, error);

  if (show_version)
    {
      g_print ("vhu-device-%s (libvhu) %s\n", kind->kind, PACKAGE_VERSION);
      return 0;
    }

  vhu_device_log_init (kind->kind, socket_path);
  vhu_sigbus_guard_install ();

  return run (kind);
}
