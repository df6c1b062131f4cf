/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-blk.h"

#include "vhu-blk-lane-private.h"
#include "vhu-blk-queue-private.h"
#include "vhu-blk-request-private.h"
#include "vhu-blk-store-private.h"

#include <stddef.h>
#include <string.h>

#include <glib/gi18n-lib.h>

#define BLOCK_DEVICE_ID 2
/* What a driver may put into one request besides header and status. Linux does
 * not look at the size of the queue, and QEMU gives it 128 entries. */
#define MAX_SEG_MAX 126u
/* How often a file is looked at, while somebody uses it. */
#define REFRESH_INTERVAL_S 1

/**
 * VhuBlk:
 *
 * A disk: the virtio block device.
 *
 * Each queue is served on the thread that it belongs to, without a lock; queue
 * `n` is on thread `n` modulo the number of threads. What is below the disk is a
 * [class@BlkStore].
 *
 * Set it up before it is served; the setters are not for later.
 *
 * Since: 0.1
 */
struct _VhuBlk
{
  VhuBackend parent_instance;

  VhuBlkStore *store;
  VhuBlkIoMode io_mode;
  gboolean starts_writethrough;
  VhuBlkDisk disk;
  GSource *refresh_timer;
  GCancellable *refreshing; /* while a thread is at it */

  /* Guarded by vhu_backend_lock(). */
  GHashTable *lanes; /* of VhuBlkLane, by GMainContext */
  VhuBlkStatistics statistics;
};

G_DEFINE_TYPE (VhuBlk, vhu_blk, VHU_TYPE_BACKEND)

/* virtio 1.3, 5.2.6.2: with CONFIG_WCE the driver's choice counts; without a
 * flush there is no cache that it could know of. */
static void
update_writethrough (VhuBlk *self)
{
  VhuBackend *backend = VHU_BACKEND (self);
  g_autoptr(GBytes) config = vhu_backend_dup_config (backend);
  const struct virtio_blk_config *fields = g_bytes_get_data (config, NULL);
  gboolean writethrough = fields->wce == 0 ||
    !vhu_backend_has_feature (backend, VIRTIO_BLK_F_FLUSH);

  __atomic_store_n (&self->disk.writethrough, writethrough, __ATOMIC_RELAXED);
}

static void
restore_wce (VhuBlk *self)
{
  guint8 wce = !self->starts_writethrough;
  g_autoptr(GBytes) bytes = g_bytes_new (&wce, sizeof wce);

  vhu_backend_update_config (VHU_BACKEND (self),
                             offsetof (struct virtio_blk_config, wce), bytes);
  update_writethrough (self);
}

/* A front-end that comes back does not repeat what its driver chose before, and
 * cannot be told from the first one of another machine. A driver that turned
 * the cache off must not find it on; one that finds it off sees so. */
static void
open_wce (VhuBlk *self)
{
  if (self->starts_writethrough)
    restore_wce (self);
  else
    update_writethrough (self);
}

/* Whole logical blocks, in sectors. */
static guint64
measure_capacity (VhuBlk *self)
{
  guint64 sectors =
    vhu_blk_store_get_size (self->store) >> VHU_BLK_SECTOR_SHIFT;

  return sectors & ~(guint64) (self->disk.block_sectors - 1);
}

/* Tells the driver, if the store has not the size that it knows. */
static void
update_capacity (VhuBlk *self)
{
  g_autoptr(GBytes) bytes = NULL;
  guint64 capacity = measure_capacity (self);
  guint64 le;

  if (capacity == self->disk.capacity)
    return;

  g_info ("capacity is now %" G_GUINT64_FORMAT " sectors", capacity);
  __atomic_store_n (&self->disk.capacity, capacity, __ATOMIC_RELAXED);
  le = GUINT64_TO_LE (capacity);
  bytes = g_bytes_new (&le, sizeof le);
  vhu_backend_update_config (VHU_BACKEND (self), 0, bytes);
}

static void
refresh_in_thread (GTask        *task,
                   gpointer      store,
                   gpointer      task_data,
                   GCancellable *cancellable)
{
  GError *error = NULL;

  if (vhu_blk_store_refresh (store, &error))
    g_task_return_boolean (task, TRUE);
  else
    g_task_return_error (task, error);
}

static void
refreshed_cb (GObject      *store,
              GAsyncResult *result,
              gpointer      user_data)
{
  VhuBlk *self = user_data;
  g_autoptr(GError) error = NULL;

  /* Then the disk may be gone. */
  if (g_cancellable_is_cancelled (g_task_get_cancellable (G_TASK (result))))
    return;

  g_clear_object (&self->refreshing);
  if (g_task_propagate_boolean (G_TASK (result), &error))
    update_capacity (self);
  else
    g_info ("%s", error->message);
}

static gboolean
refresh_cb (gpointer user_data)
{
  vhu_blk_refresh_later (user_data);

  return G_SOURCE_CONTINUE;
}

static void
vhu_blk_session_opened (VhuBackend *backend)
{
  VhuBlk *self = VHU_BLK (backend);
  g_autoptr(GError) error = NULL;

  open_wce (self);
  if (!vhu_blk_refresh (self, &error))
    g_debug ("%s", error->message);
  if (self->refresh_timer != NULL ||
      vhu_blk_store_get_traits (self->store)->fd < 0)
    return;

  /* inotify would tell of each write of the guest, and never of a device. */
  self->refresh_timer = g_timeout_source_new_seconds (REFRESH_INTERVAL_S);
  g_source_set_static_name (self->refresh_timer, "vhu-blk size");
  g_source_set_callback (self->refresh_timer, refresh_cb, self, NULL);
  g_source_attach (self->refresh_timer, g_main_context_get_thread_default ());
}

static void
stop_refreshing (VhuBlk *self)
{
  if (self->refresh_timer != NULL)
    g_source_destroy (self->refresh_timer);
  g_clear_pointer (&self->refresh_timer, g_source_unref);

  if (self->refreshing != NULL)
    g_cancellable_cancel (self->refreshing);
  g_clear_object (&self->refreshing);
}

static void
vhu_blk_session_closed (VhuBackend *backend)
{
  stop_refreshing (VHU_BLK (backend));
}

static void
vhu_blk_reset (VhuBackend *backend)
{
  restore_wce (VHU_BLK (backend));
}

static void
vhu_blk_features_negotiated (VhuBackend *backend)
{
  update_writethrough (VHU_BLK (backend));
}

static gboolean
vhu_blk_config_written (VhuBackend       *backend,
                        guint             offset,
                        GBytes           *data,
                        VhuConfigOrigin   origin,
                        GError          **error)
{
  update_writethrough (VHU_BLK (backend));

  return TRUE;
}

static guint
vhu_blk_map_queue (VhuBackend *backend,
                   guint       queue,
                   guint       n_threads)
{
  return queue % n_threads;
}

/* Rings of several threads start at the same time, but those of a lane all on
 * the same one. */
static VhuBlkLane *
take_lane (VhuBlk       *self,
           GMainContext *context)
{
  VhuBlkLane *lane;

  vhu_backend_lock (VHU_BACKEND (self));
  lane = g_hash_table_lookup (self->lanes, context);
  vhu_backend_unlock (VHU_BACKEND (self));

  if (lane == NULL)
    {
      lane = vhu_blk_lane_new (self->store, self->io_mode, context);
      vhu_backend_lock (VHU_BACKEND (self));
      g_hash_table_insert (self->lanes, context, lane);
      vhu_backend_unlock (VHU_BACKEND (self));
    }
  lane->n_queues++;

  return lane;
}

static void
leave_lane (VhuBlk     *self,
            VhuBlkLane *lane)
{
  if (--lane->n_queues > 0)
    return;

  vhu_backend_lock (VHU_BACKEND (self));
  g_hash_table_remove (self->lanes, lane->context);
  vhu_backend_unlock (VHU_BACKEND (self));

  vhu_blk_lane_free (lane);
}

static void
vhu_blk_vring_started (VhuBackend *backend,
                       VhuVring   *vring)
{
  VhuBlk *self = VHU_BLK (backend);
  VhuBlkLane *lane = take_lane (self, vhu_vring_get_context (vring));

  vhu_vring_set_chain_data_size (vring, sizeof (VhuBlkRequest));
  vhu_vring_set_user_data (vring,
                           vhu_blk_queue_new (vring, &self->disk, lane), NULL);
}

static void
add_statistics (VhuBlkStatistics       *sum,
                const VhuBlkStatistics *more)
{
  sum->n_reads += more->n_reads;
  sum->n_writes += more->n_writes;
  sum->n_others += more->n_others;
  sum->n_errors += more->n_errors;
  sum->bytes_read += more->bytes_read;
  sum->bytes_written += more->bytes_written;
}

static void
vhu_blk_vring_stopped (VhuBackend *backend,
                       VhuVring   *vring)
{
  VhuBlk *self = VHU_BLK (backend);
  VhuBlkQueue *queue = vhu_vring_get_user_data (vring);

  vhu_backend_lock (backend);
  add_statistics (&self->statistics, &queue->statistics);
  vhu_backend_unlock (backend);

  vhu_vring_set_user_data (vring, NULL, NULL);
  leave_lane (self, queue->lane);
  vhu_blk_queue_free (queue);
}

static void
vhu_blk_process_queue (VhuBackend *backend,
                       VhuVring   *vring)
{
  vhu_blk_queue_process (vhu_vring_get_user_data (vring));
}

/* Nothing but the status is written, and the driver is told of no length: what
 * else is in its buffers is its own. */
static void
vhu_blk_fail_chain (VhuBackend *backend,
                    VhuVring   *vring,
                    VhuChain   *chain)
{
  guint n_iov;
  const struct iovec *iov = vhu_chain_get_writable_iov (chain, &n_iov);
  guint8 *status = vhu_blk_status_byte (iov, n_iov);

  if (status != NULL)
    *status = VIRTIO_BLK_S_IOERR;
}

static void
vhu_blk_dispose (GObject *object)
{
  VhuBlk *self = VHU_BLK (object);

  stop_refreshing (self);
  g_clear_object (&self->store);

  G_OBJECT_CLASS (vhu_blk_parent_class)->dispose (object);
}

static void
vhu_blk_finalize (GObject *object)
{
  VhuBlk *self = VHU_BLK (object);

  g_hash_table_unref (self->lanes);

  G_OBJECT_CLASS (vhu_blk_parent_class)->finalize (object);
}

static void
vhu_blk_class_init (VhuBlkClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  VhuBackendClass *backend_class = VHU_BACKEND_CLASS (klass);

  object_class->dispose = vhu_blk_dispose;
  object_class->finalize = vhu_blk_finalize;

  backend_class->session_opened = vhu_blk_session_opened;
  backend_class->session_closed = vhu_blk_session_closed;
  backend_class->features_negotiated = vhu_blk_features_negotiated;
  backend_class->config_written = vhu_blk_config_written;
  backend_class->reset = vhu_blk_reset;
  backend_class->map_queue = vhu_blk_map_queue;
  backend_class->vring_started = vhu_blk_vring_started;
  backend_class->vring_stopped = vhu_blk_vring_stopped;
  backend_class->process_queue = vhu_blk_process_queue;
  backend_class->fail_chain = vhu_blk_fail_chain;
}

static void
vhu_blk_init (VhuBlk *self)
{
  self->lanes = g_hash_table_new (NULL, NULL);
  vhu_blk_set_serial (self, "vhu-blk");
}

static void
offer_features (VhuBlk *self)
{
  VhuBackend *backend = VHU_BACKEND (self);

  vhu_backend_offer_feature (backend, VIRTIO_BLK_F_SEG_MAX);
  vhu_backend_offer_feature (backend, VIRTIO_BLK_F_BLK_SIZE);
  vhu_backend_offer_feature (backend, VIRTIO_BLK_F_TOPOLOGY);
  vhu_backend_offer_feature (backend, VIRTIO_BLK_F_FLUSH);
  vhu_backend_offer_feature (backend, VIRTIO_BLK_F_CONFIG_WCE);

  if (vhu_backend_get_n_queues (backend) > 1)
    vhu_backend_offer_feature (backend, VIRTIO_BLK_F_MQ);
  if (self->disk.read_only)
    vhu_backend_offer_feature (backend, VIRTIO_BLK_F_RO);
  if (self->disk.can_discard)
    vhu_backend_offer_feature (backend, VIRTIO_BLK_F_DISCARD);
  if (self->disk.can_write_zeroes)
    vhu_backend_offer_feature (backend, VIRTIO_BLK_F_WRITE_ZEROES);
}

static guint
exponent_of (guint physical,
             guint logical)
{
  return physical > logical ? g_bit_nth_msf (physical / logical, -1) : 0;
}

/* virtio 1.3, 5.2.4: TOPOLOGY counts in logical blocks, the limits in sectors
 * of 512 bytes. */
static void
fill_topology (struct virtio_blk_config *config,
               const VhuBlkTraits       *traits)
{
  guint logical = traits->logical_block_size;

  config->blk_size = GUINT32_TO_LE (logical);
  config->physical_block_exp = exponent_of (traits->physical_block_size, logical);
  config->alignment_offset = MIN (traits->alignment_offset / logical, G_MAXUINT8);
  config->min_io_size = GUINT16_TO_LE (CLAMP (traits->min_io_size / logical, 1,
                                              G_MAXUINT16));
  config->opt_io_size = GUINT32_TO_LE (traits->opt_io_size / logical);
}

static void
fill_limits (struct virtio_blk_config *config,
             const VhuBlkDisk         *disk,
             const VhuBlkTraits       *traits)
{
  guint granularity = MAX (traits->discard_granularity,
                           traits->logical_block_size);

  config->max_discard_sectors = GUINT32_TO_LE (VHU_BLK_MAX_DISCARD_SECTORS);
  config->max_discard_seg = GUINT32_TO_LE (VHU_BLK_MAX_SEGMENTS);
  config->discard_sector_alignment =
    GUINT32_TO_LE (granularity >> VHU_BLK_SECTOR_SHIFT);
  config->max_write_zeroes_sectors =
    GUINT32_TO_LE (VHU_BLK_MAX_WRITE_ZEROES_SECTORS);
  config->max_write_zeroes_seg = GUINT32_TO_LE (VHU_BLK_MAX_SEGMENTS);
  config->write_zeroes_may_unmap = disk->may_unmap;
}

/* The fields of features that nobody offers are left out at the end. */
static void
fill_config (VhuBlk *self)
{
  VhuBackend *backend = VHU_BACKEND (self);
  guint queue_size = vhu_backend_get_queue_size (backend);
  struct virtio_blk_config config = { 0, };
  g_autoptr(GBytes) bytes = NULL;

  config.capacity = GUINT64_TO_LE (self->disk.capacity);
  config.seg_max = GUINT32_TO_LE (CLAMP (queue_size, 3, MAX_SEG_MAX + 2) - 2);
  config.wce = !self->starts_writethrough;
  config.num_queues = GUINT16_TO_LE (vhu_backend_get_n_queues (backend));
  fill_topology (&config, vhu_blk_store_get_traits (self->store));
  fill_limits (&config, &self->disk, vhu_blk_store_get_traits (self->store));

  bytes = g_bytes_new (&config, offsetof (struct virtio_blk_config,
                                          max_secure_erase_sectors));
  vhu_backend_update_config (backend, 0, bytes);
  vhu_backend_add_writable_config (backend,
                                   offsetof (struct virtio_blk_config, wce), 1);
}

static void
set_store (VhuBlk      *self,
           VhuBlkStore *store)
{
  const VhuBlkTraits *traits = vhu_blk_store_get_traits (store);

  self->store = g_object_ref (store);
  self->disk.block_sectors = traits->logical_block_size >> VHU_BLK_SECTOR_SHIFT;
  self->disk.capacity = measure_capacity (self);
  self->disk.writethrough = TRUE;
  self->disk.read_only = traits->read_only;
  self->disk.can_discard = traits->can_discard;
  self->disk.can_write_zeroes = traits->can_write_zeroes;
  self->disk.may_unmap = traits->may_unmap;
}

/**
 * vhu_blk_new:
 * @store: what the disk's data are on
 * @n_queues: how many queues the driver may use
 * @queue_size: how many descriptors a queue may have, a power of two
 *
 * Creates a disk.
 *
 * Returns: (transfer full): the disk
 *
 * Since: 0.1
 */
VhuBlk *
vhu_blk_new (VhuBlkStore *store,
             guint        n_queues,
             guint        queue_size)
{
  VhuBlk *self;

  g_return_val_if_fail (VHU_IS_BLK_STORE (store), NULL);

  self = g_object_new (VHU_TYPE_BLK,
                       "device-id", BLOCK_DEVICE_ID,
                       "kind", "blk",
                       "n-queues", n_queues,
                       "queue-size", queue_size,
                       NULL);
  set_store (self, store);
  offer_features (self);
  fill_config (self);

  return self;
}

/**
 * vhu_blk_get_store:
 *
 * Gets what is below the disk.
 *
 * Returns: (transfer none): the store
 *
 * Since: 0.1
 */
VhuBlkStore *
vhu_blk_get_store (VhuBlk *self)
{
  g_return_val_if_fail (VHU_IS_BLK (self), NULL);

  return self->store;
}

/**
 * vhu_blk_set_serial:
 * @serial: at most 20 bytes of ASCII; what is longer is cut off
 *
 * Sets what the driver is told as the serial number of the disk.
 *
 * Since: 0.1
 */
void
vhu_blk_set_serial (VhuBlk     *self,
                    const char *serial)
{
  g_return_if_fail (VHU_IS_BLK (self));
  g_return_if_fail (serial != NULL);

  memset (self->disk.serial, 0, sizeof self->disk.serial);
  memcpy (self->disk.serial, serial,
          MIN (strlen (serial), sizeof self->disk.serial));
}

/**
 * vhu_blk_set_writethrough:
 * @writethrough: whether a write is stable when it ends
 *
 * Sets how the disk starts. A driver may choose otherwise (CONFIG_WCE), until
 * the device is reset. That writes are stable holds for later front-ends too,
 * as one may be the same machine after a reconnection.
 *
 * Since: 0.1
 */
void
vhu_blk_set_writethrough (VhuBlk   *self,
                          gboolean  writethrough)
{
  g_return_if_fail (VHU_IS_BLK (self));

  self->starts_writethrough = writethrough;
  restore_wce (self);
}

/**
 * vhu_blk_set_io_mode:
 * @mode: how requests are carried out
 *
 * Sets how requests are carried out. It fails for a mode that cannot be had
 * here, so that nobody measures one thing and believes it to be another.
 *
 * Returns: %TRUE if it will be so
 *
 * Since: 0.1
 */
gboolean
vhu_blk_set_io_mode (VhuBlk        *self,
                     VhuBlkIoMode   mode,
                     GError       **error)
{
  g_return_val_if_fail (VHU_IS_BLK (self), FALSE);

  if (mode == VHU_BLK_IO_MODE_IO_URING && !vhu_blk_engine_uring_probe (error))
    return FALSE;

  self->io_mode = mode;
  return TRUE;
}

/**
 * vhu_blk_refresh:
 *
 * Looks whether the store has grown or shrunk, and tells the driver if it has.
 *
 * Call it in the control context.
 *
 * Returns: %TRUE if the size is known
 *
 * Since: 0.1
 */
gboolean
vhu_blk_refresh (VhuBlk  *self,
                 GError **error)
{
  g_return_val_if_fail (VHU_IS_BLK (self), FALSE);

  if (!vhu_blk_store_refresh (self->store, error))
    return FALSE;

  update_capacity (self);
  return TRUE;
}

/**
 * vhu_blk_refresh_later:
 *
 * The same as [method@Blk.refresh], without waiting for the store: storage that
 * hangs may not even say how large it is.
 *
 * Call it in the control context.
 *
 * Since: 0.1
 */
void
vhu_blk_refresh_later (VhuBlk *self)
{
  g_autoptr(GTask) task = NULL;

  g_return_if_fail (VHU_IS_BLK (self));

  if (self->refreshing != NULL)
    return;

  self->refreshing = g_cancellable_new ();
  task = g_task_new (self->store, self->refreshing, refreshed_cb, self);
  g_task_set_name (task, "vhu-blk size");
  g_task_run_in_thread (task, refresh_in_thread);
}

/**
 * vhu_blk_describe:
 *
 * Says what has gone through the queues that were stopped.
 *
 * Returns: (transfer full): a line for people
 *
 * Since: 0.1
 */
char *
vhu_blk_describe (VhuBlk *self)
{
  VhuBlkStatistics sum;

  g_return_val_if_fail (VHU_IS_BLK (self), NULL);

  vhu_backend_lock (VHU_BACKEND (self));
  sum = self->statistics;
  vhu_backend_unlock (VHU_BACKEND (self));

  return g_strdup_printf (_("reads: %llu (%llu bytes), writes: %llu (%llu "
                            "bytes), others: %llu, refused: %llu"),
                          (unsigned long long) sum.n_reads,
                          (unsigned long long) sum.bytes_read,
                          (unsigned long long) sum.n_writes,
                          (unsigned long long) sum.bytes_written,
                          (unsigned long long) sum.n_others,
                          (unsigned long long) sum.n_errors);
}
