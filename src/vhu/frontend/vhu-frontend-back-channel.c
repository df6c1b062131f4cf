/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-frontend-private.h"

#include <sys/socket.h>

#include "vhu-error.h"
#include "vhu-fd-private.h"

/* The channel on which the back-end asks and we answer. Part of VhuFrontend. */

/**
 * vhu_frontend_open_back_channel:
 * @self: a front-end
 *
 * Makes a pair of sockets and gives one to the back-end
 * (SET_BACKEND_REQ_FD), in place of an earlier one.
 *
 * [method@Frontend.negotiate] does so if BACKEND_REQ was agreed on.
 *
 * Returns: true on success
 *
 * Since: 0.1
 */
gboolean
vhu_frontend_open_back_channel (VhuFrontend  *self,
                                GError      **error)
{
  g_autoptr(VhuFrontendLink) link = NULL;
  vhu_autofd int theirs = -1;
  int pair[2];

  g_return_val_if_fail (VHU_IS_FRONTEND (self), FALSE);

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_FAILED,
                   "no pair of sockets can be made: %s", g_strerror (errno));
      return FALSE;
    }

  theirs = pair[1];
  link = vhu_frontend_link_new_take (pair[0], VHU_STREAM_REQUESTS, error);
  if (link == NULL || !vhu_frontend_set_backend_req_fd (self, theirs, error))
    return FALSE;

  vhu_frontend_close_back_channel (self);
  self->back_channel = g_steal_pointer (&link);
  return TRUE;
}

/**
 * vhu_frontend_close_back_channel:
 * @self: a front-end
 *
 * Closes this end of the back-end's channel; the connection stays.
 *
 * Since: 0.1
 */
void
vhu_frontend_close_back_channel (VhuFrontend *self)
{
  g_return_if_fail (VHU_IS_FRONTEND (self));

  g_clear_pointer (&self->back_channel, vhu_frontend_link_free);
}

/**
 * vhu_frontend_set_back_channel_answer:
 * @self: a front-end
 * @answers: whether requests that want an answer get one
 * @answer: what to answer: 0 for success, anything else for failure
 *
 * Decides what the back-end hears on its channel: success, unless this is
 * called.
 *
 * Since: 0.1
 */
void
vhu_frontend_set_back_channel_answer (VhuFrontend *self,
                                      gboolean     answers,
                                      guint64      answer)
{
  g_return_if_fail (VHU_IS_FRONTEND (self));

  self->answers = !!answers;
  self->answer = answer;
}

static gboolean
answer_request (VhuFrontend       *self,
                const VhuMessage  *message,
                GError           **error)
{
  g_auto(VhuMessage) reply = VHU_MESSAGE_INIT;

  if (!self->answers || !vhu_message_needs_reply (message))
    return TRUE;

  vhu_message_init_reply (&reply, message);
  vhu_message_append_u64 (&reply, self->answer);
  return vhu_frontend_link_send (self->back_channel, &reply, self->timeout,
                                 error);
}

/**
 * vhu_frontend_serve_back_channel:
 * @self: a front-end
 * @request: (out) (optional): the number of the request
 *
 * Waits for one request of the back-end and answers it.
 *
 * Requests are not served while another call waits: a back-end must not make
 * an answer on the connection depend on one on its channel.
 *
 * Returns: true if there was a request; false with %VHU_ERROR_TIMED_OUT if none
 *   came
 *
 * Since: 0.1
 */
gboolean
vhu_frontend_serve_back_channel (VhuFrontend  *self,
                                 guint        *request,
                                 GError      **error)
{
  g_auto(VhuMessage) message = VHU_MESSAGE_INIT;

  g_return_val_if_fail (VHU_IS_FRONTEND (self), FALSE);

  if (self->back_channel == NULL)
    {
      g_set_error_literal (error, VHU_ERROR, VHU_ERROR_BAD_STATE,
                           "the back-end has no channel");
      return FALSE;
    }

  if (!vhu_frontend_link_receive (self->back_channel, &message, self->timeout,
                                  error))
    return FALSE;

  if (message.request == VHU_BACKEND_REQUEST_CONFIG_CHANGE_MSG)
    vhu_frontend_set_config_changed (self);
  if (request != NULL)
    *request = message.request;

  /* A handler of the signal may have closed the channel. */
  return self->back_channel == NULL || answer_request (self, &message, error);
}

/**
 * vhu_frontend_wait_config_change:
 * @self: a front-end
 *
 * Serves the back-end's channel until a change of the configuration space was
 * announced.
 *
 * Returns: true if one was; false with %VHU_ERROR_TIMED_OUT if none came
 *
 * Since: 0.1
 */
gboolean
vhu_frontend_wait_config_change (VhuFrontend  *self,
                                 GError      **error)
{
  const guint n_before = vhu_frontend_get_n_config_changes (self);

  while (self->n_config_changes == n_before)
    if (!vhu_frontend_serve_back_channel (self, NULL, error))
      return FALSE;

  return TRUE;
}

/**
 * vhu_frontend_get_n_config_changes:
 * @self: a front-end
 *
 * Returns how many changes of the configuration space were announced, and
 * served, so far.
 *
 * Returns: a count
 *
 * Since: 0.1
 */
guint
vhu_frontend_get_n_config_changes (VhuFrontend *self)
{
  g_return_val_if_fail (VHU_IS_FRONTEND (self), 0);

  return self->n_config_changes;
}
