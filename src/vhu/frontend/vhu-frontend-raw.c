/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-frontend-private.h"

#include <string.h>
#include <sys/socket.h>

#include "vhu-error.h"

/* Everything that a front-end must not do. Part of VhuFrontend. */

/**
 * vhu_frontend_send_raw:
 * @self: a front-end
 * @request: the request number in the header
 * @flags: the flags in the header: 1 is a plain request, 9 one that wants to be
 *   acknowledged, everything else is wrong
 * @size: the payload size in the header
 * @payload: (nullable): what is really sent after the header
 * @fds: (array length=n_fds) (nullable): descriptors to send with the header;
 *   they stay the caller's
 * @n_fds: how many descriptors, at most 64
 *
 * Sends a message exactly as told, right or wrong.
 *
 * Nothing is checked: @size need not be that of @payload, flags may be
 * forbidden, and descriptors too many. This is how tests find out what a
 * back-end does about it; [method@Frontend.receive_raw] or
 * [method@Frontend.wait_closed] tells.
 *
 * Returns: true if everything was sent
 *
 * Since: 0.1
 */
gboolean
vhu_frontend_send_raw (VhuFrontend  *self,
                       guint         request,
                       guint         flags,
                       guint         size,
                       GBytes       *payload,
                       const int    *fds,
                       guint         n_fds,
                       GError      **error)
{
  const guint32 header[3] = { request, flags, size };
  g_autoptr(GByteArray) bytes = g_byte_array_new ();

  g_return_val_if_fail (VHU_IS_FRONTEND (self), FALSE);
  g_return_val_if_fail (n_fds == 0 || fds != NULL, FALSE);

  G_STATIC_ASSERT (sizeof header == VHU_HEADER_SIZE);
  g_byte_array_append (bytes, (const guint8 *) header, sizeof header);
  if (payload != NULL)
    g_byte_array_append (bytes, g_bytes_get_data (payload, NULL),
                         (guint) g_bytes_get_size (payload));

  return vhu_frontend_check_open (self, error) &&
         vhu_frontend_link_send_bytes (self->link, bytes->data, bytes->len,
                                       fds, n_fds, self->timeout, error);
}

/**
 * vhu_frontend_send_bytes:
 * @self: a front-end
 * @bytes: what to send; it need not be a message, nor a whole one
 * @fds: (array length=n_fds) (nullable): descriptors to send with the first
 *   byte; they stay the caller's
 * @n_fds: how many descriptors, at most 64
 *
 * Sends bytes as they are.
 *
 * Returns: true if everything was sent
 *
 * Since: 0.1
 */
gboolean
vhu_frontend_send_bytes (VhuFrontend  *self,
                         GBytes       *bytes,
                         const int    *fds,
                         guint         n_fds,
                         GError      **error)
{
  const guint8 *data;
  gsize size;

  g_return_val_if_fail (VHU_IS_FRONTEND (self), FALSE);
  g_return_val_if_fail (bytes != NULL, FALSE);
  g_return_val_if_fail (n_fds == 0 || fds != NULL, FALSE);

  data = g_bytes_get_data (bytes, &size);
  return vhu_frontend_check_open (self, error) &&
         vhu_frontend_link_send_bytes (self->link, data, size, fds, n_fds,
                                       self->timeout, error);
}

/**
 * vhu_frontend_receive_raw:
 * @self: a front-end
 * @request: (out) (optional): the request number in the header
 * @flags: (out) (optional): the flags in the header
 * @payload: (out) (optional) (transfer full): what came after the header
 *
 * Waits for the next reply, whatever it answers.
 *
 * Flags that no reply may have are an error. Descriptors that came with it can
 * be taken with [method@Frontend.steal_received_fd] until the next call.
 *
 * Returns: true if a reply came; false with %VHU_ERROR_TIMED_OUT if none did,
 *   or %VHU_ERROR_CLOSED if the back-end closed the connection
 *
 * Since: 0.1
 */
gboolean
vhu_frontend_receive_raw (VhuFrontend  *self,
                          guint        *request,
                          guint        *flags,
                          GBytes      **payload,
                          GError      **error)
{
  g_return_val_if_fail (VHU_IS_FRONTEND (self), FALSE);

  vhu_message_clear (&self->received);
  if (!vhu_frontend_check_open (self, error) ||
      !vhu_frontend_link_receive (self->link, &self->received, self->timeout,
                                  error))
    return FALSE;

  if (request != NULL)
    *request = self->received.request;
  if (flags != NULL)
    *flags = self->received.flags;
  if (payload != NULL)
    *payload = g_bytes_new (self->received.payload, self->received.size);
  return TRUE;
}

/**
 * vhu_frontend_steal_received_fd:
 * @self: a front-end
 * @number: which one, from 0
 *
 * Takes a descriptor that came with the last reply from
 * [method@Frontend.receive_raw].
 *
 * Returns: a descriptor, which is the caller's, or -1
 *
 * Since: 0.1
 */
int
vhu_frontend_steal_received_fd (VhuFrontend *self,
                                guint        number)
{
  g_return_val_if_fail (VHU_IS_FRONTEND (self), -1);

  if (number >= self->received.n_fds)
    return -1;

  return vhu_message_steal_fd (&self->received, number);
}

/**
 * vhu_frontend_shut_down_writing:
 * @self: a front-end
 *
 * Closes one half of the connection: the back-end reads the end of the stream,
 * but can still answer.
 *
 * Returns: true on success
 *
 * Since: 0.1
 */
gboolean
vhu_frontend_shut_down_writing (VhuFrontend  *self,
                                GError      **error)
{
  g_return_val_if_fail (VHU_IS_FRONTEND (self), FALSE);

  if (!vhu_frontend_check_open (self, error))
    return FALSE;

  if (shutdown (vhu_frontend_link_get_fd (self->link), SHUT_WR) < 0)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_FAILED,
                   "the connection cannot be shut down: %s",
                   g_strerror (errno));
      return FALSE;
    }
  return TRUE;
}

/**
 * vhu_frontend_wait_closed:
 * @self: a front-end
 *
 * Waits until the back-end closes the connection; replies that come before are
 * thrown away.
 *
 * Returns: true if it did; false with %VHU_ERROR_TIMED_OUT if it did not
 *
 * Since: 0.1
 */
gboolean
vhu_frontend_wait_closed (VhuFrontend  *self,
                          GError      **error)
{
  g_autoptr(GError) local_error = NULL;

  g_return_val_if_fail (VHU_IS_FRONTEND (self), FALSE);

  while (vhu_frontend_receive_raw (self, NULL, NULL, NULL, &local_error))
    continue;

  if (g_error_matches (local_error, VHU_ERROR, VHU_ERROR_CLOSED))
    return TRUE;

  g_propagate_error (error, g_steal_pointer (&local_error));
  return FALSE;
}
