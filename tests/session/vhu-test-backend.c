/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-test-backend.h"

G_DEFINE_FINAL_TYPE (VhuTestBackend, vhu_test_backend, VHU_TYPE_BACKEND)

static void
echo (VhuChain *chain)
{
  g_autoptr(GBytes) bytes = vhu_chain_dup_bytes (chain, NULL);
  gsize size = MIN (g_bytes_get_size (bytes), vhu_chain_get_writable_size (chain));
  g_autoptr(GBytes) part = g_bytes_new_from_bytes (bytes, 0, size);

  vhu_chain_write_bytes (chain, part, NULL);
}

void
vhu_test_backend_complete_held (VhuTestBackend *self)
{
  g_autoptr(GPtrArray) held = NULL;

  g_mutex_lock (&self->mutex);
  held = g_steal_pointer (&self->held);
  self->held = g_ptr_array_new_with_free_func ((GDestroyNotify) vhu_chain_unref);
  g_mutex_unlock (&self->mutex);

  for (guint i = 0; i < held->len; i++)
    {
      VhuChain *chain = g_ptr_array_index (held, i);

      if (!vhu_chain_is_revoked (chain))
        echo (chain);
      vhu_chain_complete (chain, NULL);
    }
}

static void
vhu_test_backend_session_opened (VhuBackend *backend)
{
  g_atomic_int_inc (&VHU_TEST_BACKEND (backend)->n_opened);
}

static void
vhu_test_backend_session_closed (VhuBackend *backend)
{
  g_atomic_int_inc (&VHU_TEST_BACKEND (backend)->n_closed);
}

static void
vhu_test_backend_features_negotiated (VhuBackend *backend)
{
  g_atomic_int_inc (&VHU_TEST_BACKEND (backend)->n_negotiated);
}

static void
vhu_test_backend_set_event_idx (VhuBackend *backend,
                                gboolean    enabled)
{
  VhuTestBackend *self = VHU_TEST_BACKEND (backend);

  g_atomic_int_set (&self->event_idx, enabled);
  g_atomic_int_inc (&self->n_event_idx);
}

static gboolean
refuse (GError **error)
{
  g_set_error_literal (error, VHU_ERROR, VHU_ERROR_FAILED, "the test says no");
  return FALSE;
}

static gboolean
vhu_test_backend_memory_changed (VhuBackend  *backend,
                                 VhuMemory   *memory,
                                 GError     **error)
{
  VhuTestBackend *self = VHU_TEST_BACKEND (backend);

  g_atomic_int_inc (&self->n_memory);
  return !g_atomic_int_get (&self->refuse_memory) || refuse (error);
}

static gboolean
vhu_test_backend_config_written (VhuBackend       *backend,
                                 guint             offset,
                                 GBytes           *data,
                                 VhuConfigOrigin   origin,
                                 GError          **error)
{
  VhuTestBackend *self = VHU_TEST_BACKEND (backend);

  g_atomic_int_set (&self->config_origin, (int) origin);
  g_atomic_int_inc (&self->n_config);
  return !g_atomic_int_get (&self->refuse_config) || refuse (error);
}

static void
vhu_test_backend_frontend_channel_ready (VhuBackend         *backend,
                                         VhuFrontendChannel *channel)
{
  g_atomic_int_inc (&VHU_TEST_BACKEND (backend)->n_channels);
}

static void
vhu_test_backend_reset (VhuBackend *backend)
{
  VhuTestBackend *self = VHU_TEST_BACKEND (backend);

  g_atomic_int_set (&self->n_processed, 0);
  g_atomic_int_set (&self->event_idx, FALSE);
  g_atomic_int_inc (&self->n_reset);
}

static guint
vhu_test_backend_map_queue (VhuBackend *backend,
                            guint       queue,
                            guint       n_threads)
{
  return queue % n_threads;
}

static void
vhu_test_backend_vring_started (VhuBackend *backend,
                                VhuVring   *vring)
{
  g_atomic_int_inc (&VHU_TEST_BACKEND (backend)->n_started);
}

static gboolean
go_on_cb (gpointer user_data)
{
  return G_SOURCE_CONTINUE;
}

static void
run_nested_loop (VhuTestBackend *self,
                 GMainContext   *context)
{
  g_autoptr(GSource) source = g_timeout_source_new (1);

  g_source_set_callback (source, go_on_cb, NULL, NULL);
  g_source_attach (source, context);
  while (!g_atomic_int_get (&self->leave_nested))
    {
      g_main_context_iteration (context, TRUE);
      g_atomic_int_inc (&self->n_iterations);
    }
  g_source_destroy (source);
  g_atomic_int_inc (&self->n_nested);
}

static gboolean
echo_later_cb (gpointer user_data)
{
  VhuChain *chain = user_data;

  echo (chain);
  vhu_chain_complete (chain, NULL);
  return G_SOURCE_REMOVE;
}

static void
echo_later (VhuVring *vring,
            VhuChain *chain)
{
  g_autoptr(GSource) source = g_idle_source_new ();

  g_source_set_callback (source, echo_later_cb, vhu_chain_ref (chain),
                         (GDestroyNotify) vhu_chain_unref);
  g_source_attach (source, vhu_vring_get_context (vring));
}

static void
take_time (void)
{
  gint64 end = g_get_monotonic_time () + 300;

  while (g_get_monotonic_time () < end)
    ;
}

static VhuChainResult
vhu_test_backend_process_chain (VhuBackend *backend,
                                VhuVring   *vring,
                                VhuChain   *chain)
{
  VhuTestBackend *self = VHU_TEST_BACKEND (backend);
  g_autoptr(VhuChain) owned = chain;

  g_atomic_int_inc (&self->n_processed);
  switch (g_atomic_int_get (&self->mode))
    {
    case VHU_TEST_HOLD:
      if (self->take_iov)
        {
          guint n_iov;

          vhu_chain_get_readable_iov (chain, &n_iov);
        }
      g_mutex_lock (&self->mutex);
      g_ptr_array_add (self->held, g_steal_pointer (&owned));
      g_mutex_unlock (&self->mutex);
      return VHU_CHAIN_RESULT_PENDING;

    case VHU_TEST_FAIL:
      return VHU_CHAIN_RESULT_FAILED;

    case VHU_TEST_DROP:
      return VHU_CHAIN_RESULT_PENDING;

    case VHU_TEST_LATER:
      echo_later (vring, chain);
      return VHU_CHAIN_RESULT_PENDING;

    case VHU_TEST_NEST:
      run_nested_loop (self, vhu_vring_get_context (vring));
      echo (chain);
      return VHU_CHAIN_RESULT_DONE;

    case VHU_TEST_SLOW:
      take_time ();
      echo (chain);
      return VHU_CHAIN_RESULT_DONE;

    case VHU_TEST_ECHO:
    default:
      echo (chain);
      return VHU_CHAIN_RESULT_DONE;
    }
}

static void
vhu_test_backend_fail_chain (VhuBackend *backend,
                             VhuVring   *vring,
                             VhuChain   *chain)
{
  static const guint8 status = VHU_TEST_FAIL_BYTE;

  g_atomic_int_inc (&VHU_TEST_BACKEND (backend)->n_failed);
  if (vhu_chain_get_writable_size (chain) > 0)
    vhu_chain_write (chain, &status, 1, NULL);
}

static void
vhu_test_backend_vring_stopping (VhuBackend *backend,
                                 VhuVring   *vring)
{
  VhuTestBackend *self = VHU_TEST_BACKEND (backend);

  g_atomic_int_inc (&self->n_stopping);
  if (self->ignore_stop)
    return;
  if (!self->park)
    {
      vhu_test_backend_complete_held (self);
      return;
    }

  g_mutex_lock (&self->mutex);
  for (guint i = 0; i < self->held->len; i++)
    vhu_chain_park (g_ptr_array_index (self->held, i), NULL);
  g_ptr_array_set_size (self->held, 0);
  g_mutex_unlock (&self->mutex);
}

static void
vhu_test_backend_vring_stopped (VhuBackend *backend,
                                VhuVring   *vring)
{
  g_atomic_int_inc (&VHU_TEST_BACKEND (backend)->n_stopped);
}

static void
vhu_test_backend_finalize (GObject *object)
{
  VhuTestBackend *self = VHU_TEST_BACKEND (object);

  g_clear_pointer (&self->held, g_ptr_array_unref);
  g_mutex_clear (&self->mutex);

  G_OBJECT_CLASS (vhu_test_backend_parent_class)->finalize (object);
}

static void
vhu_test_backend_class_init (VhuTestBackendClass *klass)
{
  VhuBackendClass *backend_class = VHU_BACKEND_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = vhu_test_backend_finalize;

  backend_class->session_opened = vhu_test_backend_session_opened;
  backend_class->session_closed = vhu_test_backend_session_closed;
  backend_class->features_negotiated = vhu_test_backend_features_negotiated;
  backend_class->set_event_idx = vhu_test_backend_set_event_idx;
  backend_class->memory_changed = vhu_test_backend_memory_changed;
  backend_class->config_written = vhu_test_backend_config_written;
  backend_class->frontend_channel_ready = vhu_test_backend_frontend_channel_ready;
  backend_class->reset = vhu_test_backend_reset;
  backend_class->map_queue = vhu_test_backend_map_queue;
  backend_class->vring_started = vhu_test_backend_vring_started;
  backend_class->process_chain = vhu_test_backend_process_chain;
  backend_class->fail_chain = vhu_test_backend_fail_chain;
  backend_class->vring_stopping = vhu_test_backend_vring_stopping;
  backend_class->vring_stopped = vhu_test_backend_vring_stopped;
}

static void
vhu_test_backend_init (VhuTestBackend *self)
{
  VhuBackend *backend = VHU_BACKEND (self);
  g_autoptr(GBytes) config =
    g_bytes_new_static (VHU_TEST_CONFIG, VHU_TEST_CONFIG_SIZE);

  g_mutex_init (&self->mutex);
  self->held = g_ptr_array_new_with_free_func ((GDestroyNotify) vhu_chain_unref);

  for (guint bit = 0; bit < 64; bit++)
    {
      vhu_backend_offer_feature (backend, bit);
      vhu_backend_offer_protocol_feature (backend, bit);
    }
  vhu_backend_update_config (backend, VHU_TEST_CONFIG_OFFSET, config);
  vhu_backend_add_writable_config (backend, VHU_TEST_WRITABLE_OFFSET,
                                   VHU_TEST_WRITABLE_SIZE);
}

VhuTestBackend *
vhu_test_backend_new_with_queues (guint n_queues)
{
  return g_object_new (VHU_TYPE_TEST_BACKEND,
                       "device-id", 42,
                       "kind", "test",
                       "n-queues", n_queues,
                       "queue-size", VHU_TEST_QUEUE_SIZE,
                       NULL);
}

VhuTestBackend *
vhu_test_backend_new (void)
{
  return vhu_test_backend_new_with_queues (VHU_TEST_N_QUEUES);
}
