/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-device-systemd.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <gio/gio.h>
#include <glib/gi18n-lib.h>

#define FIRST_FD 3

void
vhu_device_notify_manager (const char *state)
{
  const char *path = g_getenv ("NOTIFY_SOCKET");
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  gsize length;
  int fd;

  if (path == NULL || (path[0] != '/' && path[0] != '@'))
    return;
  length = strlen (path);
  if (length > sizeof address.sun_path)
    return;

  memcpy (address.sun_path, path, length);
  if (path[0] == '@')
    address.sun_path[0] = '\0';

  fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return;

  /* A manager that does not listen is not our trouble. */
  (void) sendto (fd, state, strlen (state), MSG_NOSIGNAL | MSG_DONTWAIT,
                 (struct sockaddr *) &address,
                 offsetof (struct sockaddr_un, sun_path) + length);
  close (fd);
}

static gboolean
is_for_us (void)
{
  const char *pid = g_getenv ("LISTEN_PID");
  guint64 number;

  return pid != NULL &&
         g_ascii_string_to_unsigned (pid, 10, 1, G_MAXINT32, &number, NULL) &&
         (pid_t) number == getpid ();
}

int
vhu_device_take_socket (GError **error)
{
  const char *count = g_getenv ("LISTEN_FDS");
  g_autofree char *text = g_strdup (count);
  gboolean ours = count != NULL && is_for_us ();

  g_unsetenv ("LISTEN_PID");
  g_unsetenv ("LISTEN_FDS");
  g_unsetenv ("LISTEN_FDNAMES");
  if (!ours)
    return -1;

  if (strcmp (text, "1") != 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   _("LISTEN_FDS=%s: expected 1, a single socket"), text);
      return -1;
    }

  if (fcntl (FIRST_FD, F_SETFD, FD_CLOEXEC) < 0)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno),
                   _("LISTEN_FDS=%s: descriptor 3 is not open"), text);
      return -1;
    }

  return FIRST_FD;
}
