/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-listener-private.h"

#include <gio/gunixsocketaddress.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "vhu-error.h"
#include "vhu-fd-private.h"

struct _VhuListener
{
  GSocket *socket;
  char *path; /* NULL if somebody else made the socket */
  dev_t device;
  ino_t inode;
};

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

/* A socket that nobody listens on is left over from a process that crashed. The
 * look must not block, as it would with a server whose backlog is full, and any
 * other answer than a refusal leaves the socket to whoever has it. */
static void
remove_stale_socket (const char     *path,
                     GSocketAddress *address)
{
  g_autoptr(GSocket) probe = NULL;
  g_autoptr(GError) error = NULL;
  struct stat st;

  if (lstat (path, &st) < 0 || !S_ISSOCK (st.st_mode))
    return;

  probe = g_socket_new (G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, 0, NULL);
  if (probe == NULL)
    return;

  g_socket_set_blocking (probe, FALSE);
  if (!g_socket_connect (probe, address, NULL, &error) &&
      g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED))
    unlink (path);
}

static void
remember_path (VhuListener *self,
               const char  *path)
{
  struct stat st;

  if (lstat (path, &st) < 0)
    return;

  self->path = g_strdup (path);
  self->device = st.st_dev;
  self->inode = st.st_ino;
}

/* Only what we made: another server may have taken the path meanwhile. */
static void
unlink_path (VhuListener *self)
{
  struct stat st;

  if (self->path != NULL && lstat (self->path, &st) == 0 &&
      st.st_dev == self->device && st.st_ino == self->inode)
    unlink (self->path);
  g_clear_pointer (&self->path, g_free);
}

VhuListener *
vhu_listener_new (GSocket *socket)
{
  VhuListener *self = g_new0 (VhuListener, 1);

  self->socket = g_object_ref (socket);
  return self;
}

VhuListener *
vhu_listener_new_for_path (const char  *path,
                           GError     **error)
{
  g_autoptr(GSocketAddress) address = NULL;
  g_autoptr(GSocket) socket = NULL;
  g_autoptr(VhuListener) self = NULL;

  address = make_address (path, error);
  if (address == NULL)
    return NULL;
  socket = g_socket_new (G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, 0, error);
  if (socket == NULL)
    return NULL;

  remove_stale_socket (path, address);
  if (!g_socket_bind (socket, address, FALSE, error))
    {
      g_prefix_error (error, "%s: ", path);
      return NULL;
    }

  self = vhu_listener_new (socket);
  remember_path (self, path);
  if (!g_socket_listen (socket, error))
    return NULL;
  return g_steal_pointer (&self);
}

void
vhu_listener_free (VhuListener *self)
{
  unlink_path (self);
  g_socket_close (self->socket, NULL);
  g_clear_object (&self->socket);
  g_free (self);
}

GSocket *
vhu_listener_get_socket (VhuListener *self)
{
  return self->socket;
}

static gboolean
is_unix_stream (int fd)
{
  int domain, type;
  socklen_t length = sizeof (int);

  return getsockopt (fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 && domain == AF_UNIX &&
         getsockopt (fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type == SOCK_STREAM;
}

static gboolean
is_connected (int fd)
{
  struct sockaddr_un peer;
  socklen_t length = sizeof peer;

  return getpeername (fd, (struct sockaddr *) &peer, &length) == 0;
}

GSocket *
vhu_listener_examine_fd (int        fd,
                         gboolean  *listens,
                         GError   **error)
{
  vhu_autofd int copy = vhu_dup_fd (fd);
  socklen_t length = sizeof (int);
  int accepts = 0;
  GSocket *socket;

  if (copy < 0 || !is_unix_stream (copy) ||
      getsockopt (copy, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &length) < 0)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_FAILED,
                   "file descriptor %d is no Unix stream socket", fd);
      return NULL;
    }

  if (!accepts && !is_connected (copy))
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_FAILED,
                   "file descriptor %d is a socket that neither listens nor is connected", fd);
      return NULL;
    }

  socket = g_socket_new_from_fd (copy, error);
  if (socket == NULL)
    return NULL;
  vhu_steal_fd (&copy);
  *listens = accepts != 0;
  return socket;
}

GSocket *
vhu_listener_dial (const char  *path,
                   GError     **error)
{
  g_autoptr(GSocketAddress) address = NULL;
  g_autoptr(GSocket) socket = NULL;

  address = make_address (path, error);
  if (address == NULL)
    return NULL;
  socket = g_socket_new (G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, 0, error);
  if (socket == NULL)
    return NULL;

  if (!g_socket_connect (socket, address, NULL, error))
    {
      g_prefix_error (error, "%s: ", path);
      return NULL;
    }
  return g_steal_pointer (&socket);
}
