/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-backend.h"

#include "vhu-error.h"

/* The public face of each virtual method: checks its arguments and calls.
 * These are what bindings and wrapping backends use; the virtual methods
 * themselves are reached through nothing else. */

/* A script that raises what is no GError, or returns nothing where a boolean was
 * expected, has refused without a reason: PyGObject sets no error then. */
static gboolean
conclude (VhuBackend  *self,
          const char  *method,
          gboolean     accepted,
          GError      *reason,
          GError     **error)
{
  if (accepted)
    {
      g_clear_error (&reason);
      return TRUE;
    }

  if (reason == NULL)
    reason = g_error_new (VHU_ERROR, VHU_ERROR_FAILED,
                          "%s() of %s is false, without an error", method,
                          G_OBJECT_TYPE_NAME (self));
  g_propagate_error (error, reason);
  return FALSE;
}

/**
 * vhu_backend_session_opened: (virtual session_opened)
 * @self: a backend
 *
 * A front-end's first message arrived. Runs in the control context.
 *
 * Since: 0.1
 */
void
vhu_backend_session_opened (VhuBackend *self)
{
  g_return_if_fail (VHU_IS_BACKEND (self));

  VHU_BACKEND_GET_CLASS (self)->session_opened (self);
}

/**
 * vhu_backend_session_closed: (virtual session_closed)
 * @self: a backend
 *
 * The front-end is gone and all queues are stopped. Runs in the control
 * context.
 *
 * Since: 0.1
 */
void
vhu_backend_session_closed (VhuBackend *self)
{
  g_return_if_fail (VHU_IS_BACKEND (self));

  VHU_BACKEND_GET_CLASS (self)->session_closed (self);
}

/**
 * vhu_backend_features_negotiated: (virtual features_negotiated)
 * @self: a backend
 *
 * The driver chose among the offered features;
 * [method@Backend.has_feature] tells which. Front-ends may repeat this, also
 * while queues run. Runs in the control context.
 *
 * Since: 0.1
 */
void
vhu_backend_features_negotiated (VhuBackend *self)
{
  g_return_if_fail (VHU_IS_BACKEND (self));

  VHU_BACKEND_GET_CLASS (self)->features_negotiated (self);
}

/**
 * vhu_backend_set_event_idx: (virtual set_event_idx)
 * @self: a backend
 * @enabled: whether EVENT_IDX was negotiated
 *
 * Told with each negotiation, for devices that want to know; the rings take
 * care of it themselves. Runs in the control context.
 *
 * Since: 0.1
 */
void
vhu_backend_set_event_idx (VhuBackend *self,
                           gboolean    enabled)
{
  g_return_if_fail (VHU_IS_BACKEND (self));

  VHU_BACKEND_GET_CLASS (self)->set_event_idx (self, enabled);
}

/**
 * vhu_backend_memory_changed: (virtual memory_changed)
 * @self: a backend
 * @memory: the guest's memory as it will be
 * @error: return location for an error
 *
 * The front-end wants to change what memory it shares. Called before the
 * change; when this fails, the front-end is refused and the old table stays.
 * Runs in the control context.
 *
 * Returns: %TRUE if the device can work with @memory
 *
 * Since: 0.1
 */
gboolean
vhu_backend_memory_changed (VhuBackend  *self,
                            VhuMemory   *memory,
                            GError     **error)
{
  GError *reason = NULL;
  gboolean accepted;

  g_return_val_if_fail (VHU_IS_BACKEND (self), FALSE);
  g_return_val_if_fail (memory != NULL, FALSE);

  accepted = VHU_BACKEND_GET_CLASS (self)->memory_changed (self, memory, &reason);
  return conclude (self, "memory_changed", accepted, reason, error);
}

/**
 * vhu_backend_config_written: (virtual config_written)
 * @self: a backend
 * @offset: where the write begins in the configuration space, in bytes
 * @data: what stands there now, with bytes that may not be written as they were
 * @origin: why it was written
 * @error: return location for an error
 *
 * The driver wrote to the configuration space. When this fails, the old bytes
 * come back and the front-end is refused. Runs in the control context.
 *
 * Returns: %TRUE if the new value is accepted
 *
 * Since: 0.1
 */
gboolean
vhu_backend_config_written (VhuBackend       *self,
                            guint             offset,
                            GBytes           *data,
                            VhuConfigOrigin   origin,
                            GError          **error)
{
  GError *reason = NULL;
  gboolean accepted;

  g_return_val_if_fail (VHU_IS_BACKEND (self), FALSE);
  g_return_val_if_fail (data != NULL, FALSE);

  accepted = VHU_BACKEND_GET_CLASS (self)->config_written (self, offset, data, origin,
                                                           &reason);
  return conclude (self, "config_written", accepted, reason, error);
}

/**
 * vhu_backend_frontend_channel_ready: (virtual frontend_channel_ready)
 * @self: a backend
 * @channel: the channel
 *
 * The front-end accepts requests from the device on @channel. Runs in the
 * control context.
 *
 * Since: 0.1
 */
void
vhu_backend_frontend_channel_ready (VhuBackend         *self,
                                    VhuFrontendChannel *channel)
{
  g_return_if_fail (VHU_IS_BACKEND (self));
  g_return_if_fail (VHU_IS_FRONTEND_CHANNEL (channel));

  VHU_BACKEND_GET_CLASS (self)->frontend_channel_ready (self, channel);
}

/**
 * vhu_backend_reset: (virtual reset)
 * @self: a backend
 *
 * The device is reset: it forgets what the driver told it. All queues are
 * stopped. Runs in the control context.
 *
 * Since: 0.1
 */
void
vhu_backend_reset (VhuBackend *self)
{
  g_return_if_fail (VHU_IS_BACKEND (self));

  VHU_BACKEND_GET_CLASS (self)->reset (self);
}

/**
 * vhu_backend_map_queue: (virtual map_queue)
 * @self: a backend
 * @queue: the number of a queue
 * @n_threads: how many threads serve queues, at least 1
 *
 * Chooses the thread that serves a queue. Asked once per session and queue, in
 * the control context. The default is thread 0 for all.
 *
 * Returns: the number of a thread; what is too large counts as the last one
 *
 * Since: 0.1
 */
guint
vhu_backend_map_queue (VhuBackend *self,
                       guint       queue,
                       guint       n_threads)
{
  guint thread;

  g_return_val_if_fail (VHU_IS_BACKEND (self), 0);
  g_return_val_if_fail (n_threads > 0, 0);

  thread = VHU_BACKEND_GET_CLASS (self)->map_queue (self, queue, n_threads);
  return MIN (thread, n_threads - 1);
}

/**
 * vhu_backend_vring_started: (virtual vring_started)
 * @self: a backend
 * @vring: a queue
 *
 * A queue starts: its memory is mapped and chains can be popped. Sources of the
 * device may be attached to [method@Vring.get_context] from here on.
 * Runs in the context of the queue.
 *
 * Since: 0.1
 */
void
vhu_backend_vring_started (VhuBackend *self,
                           VhuVring   *vring)
{
  g_return_if_fail (VHU_IS_BACKEND (self));
  g_return_if_fail (VHU_IS_VRING (vring));

  VHU_BACKEND_GET_CLASS (self)->vring_started (self, vring);
}

/**
 * vhu_backend_process_queue: (virtual process_queue)
 * @self: a backend
 * @vring: a queue
 *
 * The driver may have put chains into the queue. The default pops them one by
 * one and calls [vfunc@Backend.process_chain]; a device that wants whole batches
 * overrides this, pops all it can, and may leave the signalling to the library.
 * Runs in the context of the queue.
 *
 * Since: 0.1
 */
void
vhu_backend_process_queue (VhuBackend *self,
                           VhuVring   *vring)
{
  g_return_if_fail (VHU_IS_BACKEND (self));
  g_return_if_fail (VHU_IS_VRING (vring));

  VHU_BACKEND_GET_CLASS (self)->process_queue (self, vring);
}

/**
 * vhu_backend_process_chain: (virtual process_chain)
 * @self: a backend
 * @vring: the queue
 * @chain: (transfer full): one request of the driver
 *
 * Does the work of one request, or begins it.
 *
 * A device that needs time keeps @chain, returns %VHU_CHAIN_RESULT_PENDING, and
 * calls [method@Chain.complete] later, from any thread. If the method of a script
 * raises an error, the result is %VHU_CHAIN_RESULT_FAILED. Runs in the context of
 * the queue.
 *
 * Returns: what became of the request
 *
 * Since: 0.1
 */
VhuChainResult
vhu_backend_process_chain (VhuBackend *self,
                           VhuVring   *vring,
                           VhuChain   *chain)
{
  g_return_val_if_fail (VHU_IS_BACKEND (self), VHU_CHAIN_RESULT_FAILED);
  g_return_val_if_fail (VHU_IS_VRING (vring), VHU_CHAIN_RESULT_FAILED);
  g_return_val_if_fail (chain != NULL, VHU_CHAIN_RESULT_FAILED);

  return VHU_BACKEND_GET_CLASS (self)->process_chain (self, vring, chain);
}

/**
 * vhu_backend_fail_chain: (virtual fail_chain)
 * @self: a backend
 * @vring: the queue
 * @chain: the request
 *
 * A request failed, or its last handle was dropped before it was completed. The
 * device writes its kind's error status to @chain; the library returns it to the
 * driver afterwards. The default writes nothing, so that the driver sees a length
 * of 0. Runs in the context of the queue.
 *
 * Since: 0.1
 */
void
vhu_backend_fail_chain (VhuBackend *self,
                        VhuVring   *vring,
                        VhuChain   *chain)
{
  g_return_if_fail (VHU_IS_BACKEND (self));
  g_return_if_fail (VHU_IS_VRING (vring));
  g_return_if_fail (chain != NULL);

  VHU_BACKEND_GET_CLASS (self)->fail_chain (self, vring, chain);
}

/**
 * vhu_backend_vring_stopping: (virtual vring_stopping)
 * @self: a backend
 * @vring: a queue
 *
 * A queue is about to stop: the device completes, fails or parks the chains that
 * it holds, now or soon. Nothing can be popped any more, and the front-end waits.
 * Runs in the context of the queue.
 *
 * Since: 0.1
 */
void
vhu_backend_vring_stopping (VhuBackend *self,
                            VhuVring   *vring)
{
  g_return_if_fail (VHU_IS_BACKEND (self));
  g_return_if_fail (VHU_IS_VRING (vring));

  VHU_BACKEND_GET_CLASS (self)->vring_stopping (self, vring);
}

/**
 * vhu_backend_vring_stopped: (virtual vring_stopped)
 * @self: a backend
 * @vring: a queue
 *
 * A queue has stopped: no chain is held any more, and guest memory must not be
 * touched. Sources of the device on the queue's context are to be destroyed.
 * Runs in the context of the queue.
 *
 * Since: 0.1
 */
void
vhu_backend_vring_stopped (VhuBackend *self,
                           VhuVring   *vring)
{
  g_return_if_fail (VHU_IS_BACKEND (self));
  g_return_if_fail (VHU_IS_VRING (vring));

  VHU_BACKEND_GET_CLASS (self)->vring_stopped (self, vring);
}
