/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-test-client.h"
#include "vhu-test-server.h"

/* A device may stop its server wherever it is called, and then what called it
 * must not go on as if nothing had been. */

typedef enum
{
  AT_SESSION_OPENED,
  AT_FEATURES_NEGOTIATED,
  AT_SET_EVENT_IDX,
  AT_MEMORY_CHANGED,
  AT_VRING_STARTED,
  AT_PROCESS_CHAIN,
  AT_VRING_STOPPING,
  AT_VRING_STOPPED,
  AT_RESET,
  AT_SESSION_CLOSED,
  N_PLACES
} Place;

#define TEST_TYPE_STOPPER (test_stopper_get_type ())
G_DECLARE_FINAL_TYPE (TestStopper, test_stopper, TEST, STOPPER, VhuBackend)

struct _TestStopper
{
  VhuBackend parent_instance;

  Place place;
  VhuServer *server;
  gboolean was_there;
};

G_DEFINE_FINAL_TYPE (TestStopper, test_stopper, VHU_TYPE_BACKEND)

static void
arrive (VhuBackend *backend,
        Place       place)
{
  TestStopper *self = TEST_STOPPER (backend);

  if (place != self->place || self->server == NULL)
    return;

  self->was_there = TRUE;
  vhu_server_stop_async (self->server, NULL, NULL, NULL);
}

static void
test_stopper_session_opened (VhuBackend *backend)
{
  arrive (backend, AT_SESSION_OPENED);
}

static void
test_stopper_session_closed (VhuBackend *backend)
{
  arrive (backend, AT_SESSION_CLOSED);
}

static void
test_stopper_features_negotiated (VhuBackend *backend)
{
  arrive (backend, AT_FEATURES_NEGOTIATED);
}

static void
test_stopper_set_event_idx (VhuBackend *backend,
                            gboolean    enabled)
{
  arrive (backend, AT_SET_EVENT_IDX);
}

static gboolean
test_stopper_memory_changed (VhuBackend  *backend,
                             VhuMemory   *memory,
                             GError     **error)
{
  arrive (backend, AT_MEMORY_CHANGED);
  return TRUE;
}

static void
test_stopper_reset (VhuBackend *backend)
{
  arrive (backend, AT_RESET);
}

static void
test_stopper_vring_started (VhuBackend *backend,
                            VhuVring   *vring)
{
  arrive (backend, AT_VRING_STARTED);
}

static VhuChainResult
test_stopper_process_chain (VhuBackend *backend,
                            VhuVring   *vring,
                            VhuChain   *chain)
{
  arrive (backend, AT_PROCESS_CHAIN);
  vhu_chain_unref (chain);
  return VHU_CHAIN_RESULT_DONE;
}

static void
test_stopper_vring_stopping (VhuBackend *backend,
                             VhuVring   *vring)
{
  arrive (backend, AT_VRING_STOPPING);
}

static void
test_stopper_vring_stopped (VhuBackend *backend,
                            VhuVring   *vring)
{
  arrive (backend, AT_VRING_STOPPED);
}

static void
test_stopper_class_init (TestStopperClass *klass)
{
  VhuBackendClass *backend_class = VHU_BACKEND_CLASS (klass);

  backend_class->session_opened = test_stopper_session_opened;
  backend_class->session_closed = test_stopper_session_closed;
  backend_class->features_negotiated = test_stopper_features_negotiated;
  backend_class->set_event_idx = test_stopper_set_event_idx;
  backend_class->memory_changed = test_stopper_memory_changed;
  backend_class->reset = test_stopper_reset;
  backend_class->vring_started = test_stopper_vring_started;
  backend_class->process_chain = test_stopper_process_chain;
  backend_class->vring_stopping = test_stopper_vring_stopping;
  backend_class->vring_stopped = test_stopper_vring_stopped;
}

static void
test_stopper_init (TestStopper *self)
{
}

static void
ask_running (gpointer server,
             gpointer running)
{
  *(gboolean *) running = vhu_server_get_running (server);
}

static gboolean
is_stopped (gpointer server)
{
  gboolean running;

  vhu_test_server_run (server, ask_running, &running);
  return !running;
}

/* All that a front-end does, as far as it gets. */
static void
run_frontend (VhuFrontend *frontend)
{
  g_autoptr(VhuDriverQueue) first = NULL;
  g_autoptr(VhuDriverQueue) second = NULL;
  g_autoptr(GBytes) out = g_bytes_new_static ("request", 7);
  g_autoptr(GBytes) in = NULL;

  if (!vhu_frontend_negotiate (frontend, NULL) ||
      !vhu_frontend_allocate_memory (frontend, 4 << 20, 1, NULL) ||
      !vhu_frontend_share_memory (frontend, NULL))
    return;

  first = vhu_frontend_add_queue (frontend, 0, 64, NULL);
  second = vhu_frontend_add_queue (frontend, 1, 64, NULL);
  if (first == NULL || second == NULL)
    return;
  in = vhu_driver_queue_request (first, out, 0, NULL);
  if (in != NULL)
    vhu_frontend_reset_device (frontend, NULL);
}

/* The device gets to know the server in its context. */
static void
introduce (gpointer server,
           gpointer backend)
{
  TEST_STOPPER (backend)->server = server;
}

static void
test_stops_anywhere (gconstpointer place)
{
  TestStopper *backend = g_object_new (TEST_TYPE_STOPPER, "device-id", 42, "kind", "stopper",
                                       "n-queues", 2, NULL);
  g_autoptr(VhuFrontend) frontend = NULL;
  VhuTestServer *server;

  backend->place = GPOINTER_TO_UINT (place);
  server = vhu_test_server_new (VHU_BACKEND (backend), 0);
  vhu_test_server_run (server, introduce, backend);
  frontend = vhu_test_server_open (server);
  run_frontend (frontend);
  vhu_frontend_close (frontend);

  vhu_test_wait_until (is_stopped, server);
  g_assert_true (backend->was_there);
  g_assert_cmpuint (vhu_server_get_n_sessions (vhu_test_server_get (server)), ==, 1);
  vhu_test_server_free (server);
  g_assert_finalize_object (backend);
}

int
main (int    argc,
      char **argv)
{
  static const char *names[N_PLACES] = {
    "session-opened", "features-negotiated", "set-event-idx", "memory-changed",
    "vring-started", "process-chain", "vring-stopping", "vring-stopped", "reset",
    "session-closed",
  };

  g_test_init (&argc, &argv, NULL);

  for (guint i = 0; i < N_PLACES; i++)
    {
      g_autofree char *path = g_strdup_printf ("/server/stops-at/%s", names[i]);

      g_test_add_data_func (path, GUINT_TO_POINTER (i), test_stops_anywhere);
    }

  return g_test_run ();
}
