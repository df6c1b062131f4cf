/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <string.h>

#include <glib/gi18n-lib.h>

#include "vhu-blk.h"
#include "vhu-blk-store-file.h"
#include "vhu-blk-store-null.h"
#include "vhu-blk-store-ram.h"
#include "vhu-device-main.h"

#define DEFAULT_POLL G_MAXUINT64
#define MAX_SIZE (G_GUINT64_CONSTANT (1) << 62)

static char *blk_file;
static guint64 ram_size;
static guint64 null_size;
static gboolean read_only;
static guint64 num_queues = 64;
static guint64 queue_size = 256;
static guint64 n_threads;
static guint64 poll_us = DEFAULT_POLL;
static guint block_size; /* an index */
static char *serial;
static guint cache = VHU_BLK_CACHE_WRITEBACK;
static guint io_mode = VHU_BLK_IO_MODE_AUTO;

static const char *const block_sizes[] = { "auto", "512", "4096", NULL };
static const char *const caches[] = {
  "writeback", "writethrough", "none", NULL
};
static const char *const io_modes[] = {
  "auto", "inline", "io_uring", "threads", NULL
};

static const VhuDeviceOption options[] = {
  VHU_DEVICE_STRING ("blk-file", &blk_file, N_("PATH"),
                     N_("Serve the file or block device at PATH")),
  VHU_DEVICE_SIZE ("ram", &ram_size, 4096, MAX_SIZE,
                   N_("Serve SIZE bytes of memory, lost at the end")),
  VHU_DEVICE_SIZE ("null", &null_size, 4096, MAX_SIZE,
                   N_("Serve SIZE bytes of nothing, to measure the rest")),
  VHU_DEVICE_FLAG ("read-only", &read_only, N_("Let nobody write")),
  VHU_DEVICE_NUMBER ("num-queues", &num_queues, 1, 256,
                     N_("Have N queues (default: 64)")),
  VHU_DEVICE_NUMBER ("queue-size", &queue_size, 4, 1024,
                     N_("Have N descriptors in a queue (default: 256)")),
  VHU_DEVICE_NUMBER ("threads", &n_threads, 1, 256,
                     N_("Serve with N threads (default: one for each CPU)")),
  VHU_DEVICE_NUMBER ("poll-us", &poll_us, 0, 10000,
                     N_("Look for requests for N microseconds before sleeping "
                        "(default: 32)")),
  VHU_DEVICE_CHOICE ("logical-block-size", &block_size, block_sizes,
                     N_("Have blocks of 512 or 4096 bytes (default: auto)")),
  VHU_DEVICE_STRING ("serial", &serial, N_("TEXT"),
                     N_("Have the serial number TEXT, at most 20 characters")),
  VHU_DEVICE_CHOICE ("cache", &cache, caches,
                     N_("Cache: writeback (default), writethrough or none")),
  VHU_DEVICE_CHOICE ("io", &io_mode, io_modes,
                     N_("Do I/O: auto (default), inline, io_uring, threads")),
  VHU_DEVICE_END
};

static gboolean
is_ascii_word (const char *text)
{
  for (; *text != '\0'; text++)
    if (!g_ascii_isprint (*text))
      return FALSE;

  return TRUE;
}

static gboolean
check (GError **error)
{
  guint n_stores = (blk_file != NULL) + (ram_size != 0) + (null_size != 0);

  if (n_stores == 0)
    return vhu_device_bad_option (error, _("no image: expected --blk-file=PATH, "
                                           "--ram=SIZE or --null=SIZE"));
  if (n_stores > 1)
    return vhu_device_bad_option (error, _("--blk-file, --ram and --null exclude "
                                           "each other: expected one of them"));
  if ((queue_size & (queue_size - 1)) != 0)
    return vhu_device_bad_option (error, _("--queue-size=%u: expected a power of "
                                           "two from %u to %u"),
                                  (guint) queue_size, 4, 1024);
  if (serial != NULL && (strlen (serial) > 20 || !is_ascii_word (serial)))
    return vhu_device_bad_option (error, _("--serial=%s: expected at most 20 "
                                           "printable ASCII characters"),
                                  serial);
  return TRUE;
}

static VhuBlkStore *
create_store (GError **error)
{
  static const guint sizes[] = { 0, 512, 4096 };
  guint size = sizes[block_size];

  if (blk_file != NULL)
    return vhu_blk_store_file_new (blk_file, read_only,
                                   cache == VHU_BLK_CACHE_NONE, size, error);
  if (ram_size != 0)
    return vhu_blk_store_ram_new (ram_size, size, error);

  return vhu_blk_store_null_new (null_size, size);
}

static VhuBackend *
create (GError **error)
{
  g_autoptr(VhuBlkStore) store = create_store (error);
  g_autoptr(VhuBlk) blk = NULL;

  if (store == NULL)
    return NULL;
  if (read_only)
    vhu_blk_store_set_read_only (store);

  blk = vhu_blk_new (store, num_queues, queue_size);
  vhu_blk_set_writethrough (blk, cache == VHU_BLK_CACHE_WRITETHROUGH);
  if (serial != NULL)
    vhu_blk_set_serial (blk, serial);
  if (!vhu_blk_set_io_mode (blk, io_mode, error))
    {
      g_prefix_error (error, "--io=%s: ", io_modes[io_mode]);
      return NULL;
    }

  return VHU_BACKEND (g_steal_pointer (&blk));
}

static void
configure (VhuServer *server)
{
  if (n_threads == 0)
    n_threads = CLAMP (g_get_num_processors (), 1, num_queues);
  vhu_server_set_n_threads (server, n_threads);
  if (poll_us != DEFAULT_POLL)
    vhu_server_set_poll_us (server, poll_us);
}

static void
reload (VhuBackend *backend)
{
  vhu_blk_refresh_later (VHU_BLK (backend));
}

static gboolean
flush (VhuBackend  *backend,
       GError     **error)
{
  return vhu_blk_store_flush (vhu_blk_get_store (VHU_BLK (backend)), error);
}

static char *
describe (VhuBackend *backend)
{
  return vhu_blk_describe (VHU_BLK (backend));
}

static const VhuDeviceKind kind = {
  .kind = "blk",
  .type = "block",
  .features = "\"blk-file\",\"read-only\"",
  .summary = N_("Serves a disk to virtual machines, as a vhost-user device."),
  .options = options,
  .check = check,
  .create = create,
  .configure = configure,
  .reload = reload,
  .flush = flush,
  .describe = describe,
};

int
main (int    argc,
      char **argv)
{
  return vhu_device_main (&kind, argc, argv);
}
