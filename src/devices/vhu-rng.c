/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-rng.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define ENTROPY_DEVICE_ID 4
#define QUEUE_SIZE 64
#define PIECE 4096
/* However large a buffer is, a ring is not held up for longer than this takes. */
#define MAX_FILL (64 * 1024)
/* When there is nothing to read now, look again after this many microseconds. */
#define RETRY_US (100 * 1000)

/**
 * VhuRng:
 *
 * An entropy source: the simplest virtio device there is, and the one to read
 * first.
 *
 * A driver hands in buffers, the device fills them with random bytes. All that
 * makes it more than a page is that bytes may run out, at the source or by a
 * rate limit: then buffers are kept and filled later, from a timer. A device
 * never sleeps, as other queues may share its thread.
 *
 * Since: 0.1
 */
struct _VhuRng
{
  VhuBackend parent_instance;

  int fd;       /* of the source; -1 is the kernel's own */
  guint64 rate; /* bytes per second; 0 is no limit */

  /* There is one queue, so one thread uses these. */
  guint64 tokens; /* bytes that may be given now */
  gint64 filled_at;
  GQueue waiting; /* of VhuChain, oldest first */
  GSource *timer;
};

G_DEFINE_TYPE (VhuRng, vhu_rng, VHU_TYPE_BACKEND)

/* Reads up to @size bytes; 0 if there are none now. Neither way waits. */
static gsize
read_source (VhuRng *self,
             guint8 *buffer,
             gsize   size)
{
  gssize n;

  do
    n = self->fd < 0 ? getrandom (buffer, size, GRND_NONBLOCK)
                     : read (self->fd, buffer, size);
  while (n < 0 && errno == EINTR);

  return MAX (n, 0);
}

/* The bucket holds a second's worth of bytes, but no less than a driver can be
 * expected to ask for at once. */
static guint64
get_capacity (VhuRng *self)
{
  return MAX (self->rate, PIECE);
}

/* Bytes drip into the bucket all the time. */
static void
fill_bucket (VhuRng *self)
{
  gint64 now = g_get_monotonic_time ();
  guint64 elapsed = MIN (now - self->filled_at, G_USEC_PER_SEC);
  guint64 n = self->rate * elapsed / G_USEC_PER_SEC;

  if (n == 0)
    return;

  self->tokens = MIN (self->tokens + n, get_capacity (self));
  self->filled_at = now;
}

/* Writes as much as there is, and as fits. A driver asks for more if it needs
 * more: what matters is that the length it is told is the truth. The limit is
 * kept by waiting, though, not by giving less: Linux, when a reader took the first
 * part of what it got, asks for no more before it wants the rest. */
static gsize
fill_chain (VhuRng   *self,
            VhuChain *chain)
{
  guint64 left = MIN (vhu_chain_get_writable_size (chain), MAX_FILL);
  gsize n_written = 0;
  guint8 piece[PIECE];

  if (self->rate > 0)
    left = MIN (left, get_capacity (self));
  if (self->rate > 0 && self->tokens < left)
    return 0;

  while (left > 0)
    {
      gsize n = read_source (self, piece, MIN (left, sizeof piece));

      if (n == 0 || !vhu_chain_write (chain, piece, n, NULL))
        break;
      n_written += n;
      left -= n;
    }

  if (self->rate > 0)
    self->tokens -= n_written;

  return n_written;
}

static void
serve_waiting (VhuRng *self)
{
  VhuChain *chain;

  fill_bucket (self);
  while ((chain = g_queue_peek_head (&self->waiting)) != NULL)
    {
      if (fill_chain (self, chain) == 0)
        break;

      vhu_chain_complete (chain, NULL);
      vhu_chain_unref (g_queue_pop_head (&self->waiting));
    }
}

/* By then the bucket has a tenth of what it holds, and the source perhaps some
 * more: a wake-up should be worth it. */
static void
set_timer (VhuRng *self)
{
  gint64 when = -1;

  if (!g_queue_is_empty (&self->waiting))
    when = g_get_monotonic_time () + RETRY_US;
  g_source_set_ready_time (self->timer, when);
}

static gboolean
timer_cb (gpointer user_data)
{
  VhuRng *self = user_data;

  serve_waiting (self);
  set_timer (self);

  return G_SOURCE_CONTINUE;
}

static gboolean
timer_dispatch (GSource     *source,
                GSourceFunc  callback,
                gpointer     user_data)
{
  return callback (user_data);
}

static GSourceFuncs timer_funcs = {
  .dispatch = timer_dispatch,
};

/* A device's own sources go on the context of the ring, and live from here to
 * vring_stopping. */
static void
vhu_rng_vring_started (VhuBackend *backend,
                       VhuVring   *vring)
{
  VhuRng *self = VHU_RNG (backend);

  self->timer = g_source_new (&timer_funcs, sizeof (GSource));
  g_source_set_static_name (self->timer, "vhu-rng");
  g_source_set_callback (self->timer, timer_cb, self, NULL);
  g_source_set_ready_time (self->timer, -1);
  g_source_attach (self->timer, vhu_vring_get_context (vring));
}

/* What is parked comes back first when the ring starts again. */
static void
vhu_rng_vring_stopping (VhuBackend *backend,
                        VhuVring   *vring)
{
  VhuRng *self = VHU_RNG (backend);
  VhuChain *chain;

  g_source_destroy (self->timer);
  g_clear_pointer (&self->timer, g_source_unref);

  while ((chain = g_queue_pop_head (&self->waiting)) != NULL)
    {
      vhu_chain_park (chain, NULL);
      vhu_chain_unref (chain);
    }
}

/* Chains are served in the order in which they came. One without room for a
 * single byte is a mistake of the driver's, and fails. */
static VhuChainResult
vhu_rng_process_chain (VhuBackend *backend,
                       VhuVring   *vring,
                       VhuChain   *chain)
{
  VhuRng *self = VHU_RNG (backend);

  if (vhu_chain_get_writable_size (chain) == 0)
    {
      vhu_chain_unref (chain);
      return VHU_CHAIN_RESULT_FAILED;
    }

  g_queue_push_tail (&self->waiting, chain);
  serve_waiting (self);
  set_timer (self);

  return VHU_CHAIN_RESULT_PENDING;
}

static void
vhu_rng_finalize (GObject *object)
{
  VhuRng *self = VHU_RNG (object);

  if (self->fd >= 0)
    close (self->fd);

  G_OBJECT_CLASS (vhu_rng_parent_class)->finalize (object);
}

static void
vhu_rng_class_init (VhuRngClass *klass)
{
  VhuBackendClass *backend_class = VHU_BACKEND_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = vhu_rng_finalize;
  backend_class->vring_started = vhu_rng_vring_started;
  backend_class->vring_stopping = vhu_rng_vring_stopping;
  backend_class->process_chain = vhu_rng_process_chain;
}

static void
vhu_rng_init (VhuRng *self)
{
  self->fd = -1;
  self->filled_at = g_get_monotonic_time ();
}

/* A directory can be opened, but would keep the driver waiting for ever. */
static gboolean
open_source (VhuRng      *self,
             const char  *path,
             GError     **error)
{
  struct stat st;
  int code = 0;

  self->fd = open (path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (self->fd < 0 || fstat (self->fd, &st) < 0)
    code = errno;
  else if (S_ISDIR (st.st_mode))
    code = EISDIR;

  if (code == 0)
    return TRUE;

  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code),
               "%s: %s", path, g_strerror (code));
  return FALSE;
}

/**
 * vhu_rng_new:
 * @source: (nullable): the path of a file or device to read from, or %NULL for
 *   the kernel's random numbers
 * @rate: how many bytes the driver gets in a second, or 0 for as many as it
 *   likes
 *
 * Creates an entropy source.
 *
 * Returns: (transfer full): the device
 *
 * Since: 0.1
 */
VhuRng *
vhu_rng_new (const char  *source,
             guint64      rate,
             GError     **error)
{
  g_autoptr(VhuRng) self = g_object_new (VHU_TYPE_RNG,
                                         "device-id", ENTROPY_DEVICE_ID,
                                         "kind", "rng",
                                         "queue-size", QUEUE_SIZE,
                                         NULL);

  self->rate = rate;
  if (source == NULL)
    return g_steal_pointer (&self);

  if (!open_source (self, source, error))
    return NULL;

  return g_steal_pointer (&self);
}
