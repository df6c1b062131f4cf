/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "test-device.h"

#include "vhu-error.h"

G_DEFINE_FINAL_TYPE (TestDevice, test_device, VHU_TYPE_BACKEND)

static TestDevice *
count (VhuBackend *backend,
       guint       slot,
       gpointer    argument)
{
  TestDevice *self = TEST_DEVICE (backend);

  self->n_calls[slot]++;
  self->last_argument = argument;
  return self;
}

static void
test_device_session_opened (VhuBackend *backend)
{
  count (backend, SLOT (session_opened), NULL);
}

static void
test_device_session_closed (VhuBackend *backend)
{
  count (backend, SLOT (session_closed), NULL);
}

static void
test_device_features_negotiated (VhuBackend *backend)
{
  count (backend, SLOT (features_negotiated), NULL);
}

static void
test_device_set_event_idx (VhuBackend *backend,
                           gboolean    enabled)
{
  count (backend, SLOT (set_event_idx), GINT_TO_POINTER (enabled));
}

static gboolean
answer (TestDevice  *self,
        GError     **error)
{
  if (!self->accepts && !self->is_mute)
    g_set_error_literal (error, VHU_ERROR, VHU_ERROR_REFUSED, "as the test wants it");
  return self->accepts;
}

static gboolean
test_device_memory_changed (VhuBackend  *backend,
                            VhuMemory   *memory,
                            GError     **error)
{
  return answer (count (backend, SLOT (memory_changed), memory), error);
}

static gboolean
test_device_config_written (VhuBackend       *backend,
                            guint             offset,
                            GBytes           *data,
                            VhuConfigOrigin   origin,
                            GError          **error)
{
  TestDevice *self = count (backend, SLOT (config_written), GUINT_TO_POINTER (offset));

  self->last_origin = origin;
  return answer (self, error);
}

static void
test_device_frontend_channel_ready (VhuBackend         *backend,
                                    VhuFrontendChannel *channel)
{
  count (backend, SLOT (frontend_channel_ready), channel);
}

static void
test_device_reset (VhuBackend *backend)
{
  count (backend, SLOT (reset), NULL);
}

static guint
test_device_map_queue (VhuBackend *backend,
                       guint       queue,
                       guint       n_threads)
{
  TestDevice *self = TEST_DEVICE (backend);

  /* Not counted while readers meet: they do so at the same time. */
  if (g_atomic_int_get (&self->n_meeting) == 0)
    {
      count (backend, SLOT (map_queue), GUINT_TO_POINTER (queue));
      return queue % n_threads;
    }

  g_atomic_int_inc (&self->n_inside);
  while (g_atomic_int_get (&self->n_inside) < g_atomic_int_get (&self->n_meeting))
    g_thread_yield ();
  return queue % n_threads;
}

static void
test_device_vring_started (VhuBackend *backend,
                           VhuVring   *vring)
{
  count (backend, SLOT (vring_started), vring);
}

static void
test_device_process_queue (VhuBackend *backend,
                           VhuVring   *vring)
{
  TestDevice *self = count (backend, SLOT (process_queue), vring);

  g_assert_cmpint (g_atomic_int_add (&self->n_inside, 1), ==, 0);
  if (self->wrapper != NULL)
    vhu_backend_fail_chain (self->wrapper, vring, (VhuChain *) self);
  g_thread_yield ();
  g_atomic_int_add (&self->n_inside, -1);
}

static VhuChainResult
test_device_process_chain (VhuBackend *backend,
                           VhuVring   *vring,
                           VhuChain   *chain)
{
  count (backend, SLOT (process_chain), chain);
  return VHU_CHAIN_RESULT_PENDING;
}

static void
test_device_fail_chain (VhuBackend *backend,
                        VhuVring   *vring,
                        VhuChain   *chain)
{
  count (backend, SLOT (fail_chain), chain);
}

static void
test_device_vring_stopping (VhuBackend *backend,
                            VhuVring   *vring)
{
  count (backend, SLOT (vring_stopping), vring);
}

static void
test_device_vring_stopped (VhuBackend *backend,
                           VhuVring   *vring)
{
  count (backend, SLOT (vring_stopped), vring);
}

static void
test_device_class_init (TestDeviceClass *klass)
{
  VhuBackendClass *backend_class = VHU_BACKEND_CLASS (klass);

  backend_class->session_opened = test_device_session_opened;
  backend_class->session_closed = test_device_session_closed;
  backend_class->features_negotiated = test_device_features_negotiated;
  backend_class->set_event_idx = test_device_set_event_idx;
  backend_class->memory_changed = test_device_memory_changed;
  backend_class->config_written = test_device_config_written;
  backend_class->frontend_channel_ready = test_device_frontend_channel_ready;
  backend_class->reset = test_device_reset;
  backend_class->map_queue = test_device_map_queue;
  backend_class->vring_started = test_device_vring_started;
  backend_class->process_queue = test_device_process_queue;
  backend_class->process_chain = test_device_process_chain;
  backend_class->fail_chain = test_device_fail_chain;
  backend_class->vring_stopping = test_device_vring_stopping;
  backend_class->vring_stopped = test_device_vring_stopped;
}

static void
test_device_init (TestDevice *self)
{
  const guint8 config[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
  g_autoptr(GBytes) bytes = g_bytes_new (config, sizeof config);

  self->accepts = TRUE;
  vhu_backend_offer_feature (VHU_BACKEND (self), TEST_DEVICE_FEATURE);
  vhu_backend_update_config (VHU_BACKEND (self), 0, bytes);
  vhu_backend_add_writable_config (VHU_BACKEND (self), 4, 2);
}
