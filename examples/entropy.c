/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* The smallest device: an entropy source, on the socket that is given. */

#include <glib-unix.h>
#include <sys/random.h>
#include <vhu/vhu.h>

#define ENTROPY_TYPE_DEVICE (entropy_device_get_type ())
G_DECLARE_FINAL_TYPE (EntropyDevice, entropy_device, ENTROPY, DEVICE, VhuBackend)

struct _EntropyDevice
{
  VhuBackend parent_instance;
};

G_DEFINE_FINAL_TYPE (EntropyDevice, entropy_device, VHU_TYPE_BACKEND)

static VhuChainResult
entropy_device_process_chain (VhuBackend *backend,
                              VhuVring   *vring,
                              VhuChain   *chain)
{
  g_autoptr(VhuChain) owned = chain;
  guint8 bytes[256];
  gsize size = MIN (vhu_chain_get_writable_size (owned), sizeof bytes);

  if (getrandom (bytes, size, 0) != (gssize) size ||
      !vhu_chain_write (owned, bytes, size, NULL))
    return VHU_CHAIN_RESULT_FAILED;

  return VHU_CHAIN_RESULT_DONE;
}

static void
entropy_device_class_init (EntropyDeviceClass *klass)
{
  VHU_BACKEND_CLASS (klass)->process_chain = entropy_device_process_chain;
}

static void
entropy_device_init (EntropyDevice *self)
{
}

static void
stopped_cb (GObject      *server,
            GAsyncResult *result,
            gpointer      loop)
{
  vhu_server_stop_finish (VHU_SERVER (server), result, NULL);
  g_main_loop_quit (loop);
}

typedef struct
{
  VhuServer *server;
  GMainLoop *loop;
} Program;

static gboolean
terminate_cb (gpointer user_data)
{
  Program *program = user_data;

  vhu_server_stop_async (program->server, NULL, stopped_cb, program->loop);
  return G_SOURCE_REMOVE;
}

int
main (int   argc,
      char *argv[])
{
  g_autoptr(VhuBackend) backend = g_object_new (ENTROPY_TYPE_DEVICE,
                                                "device-id", 4,
                                                "kind", "entropy",
                                                "n-queues", 1,
                                                NULL);
  g_autoptr(VhuServer) server = vhu_server_new (backend);
  g_autoptr(GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr(GError) error = NULL;
  Program program = { server, loop };

  if (argc != 2)
    {
      g_printerr ("Usage: entropy SOCKET\n");
      return 2;
    }

  if (!vhu_server_listen (server, argv[1], &error) || !vhu_server_start (server, &error))
    {
      g_printerr ("%s\n", error->message);
      return 1;
    }

  g_unix_signal_add (SIGTERM, terminate_cb, &program);
  g_unix_signal_add (SIGINT, terminate_cb, &program);
  g_main_loop_run (loop);
  return 0;
}
