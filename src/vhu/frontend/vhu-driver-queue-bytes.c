/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-driver-queue-private.h"

#include "vhu-error.h"

/* Chains of bytes, for those who do not want to think of guest memory. Part of
 * VhuDriverQueue. */

static void
release_buffers (VhuDriverQueue *self,
                 VhuDriverBytes *bytes)
{
  if (bytes->out_size > 0)
    vhu_frontend_release (self->frontend, bytes->out_address, bytes->out_size);
  if (bytes->in_size > 0)
    vhu_frontend_release (self->frontend, bytes->in_address, bytes->in_size);
  bytes->out_size = 0;
  bytes->in_size = 0;
  bytes->in_flight = FALSE;
}

void
vhu_driver_queue_clear_bytes (VhuDriverQueue *self)
{
  for (guint i = 0; self->bytes != NULL && i < self->ring->size; i++)
    {
      release_buffers (self, &self->bytes[i]);
      g_clear_pointer (&self->bytes[i].result, g_bytes_unref);
    }
}

void
vhu_driver_queue_finish_bytes (VhuDriverQueue *self,
                               guint           id,
                               gsize           length)
{
  VhuDriverBytes *bytes;

  if (id >= self->ring->size || !self->bytes[id].in_flight)
    return;

  bytes = &self->bytes[id];
  g_clear_pointer (&bytes->result, g_bytes_unref);
  bytes->result = bytes->in_size > 0
    ? vhu_frontend_read_memory (self->frontend, bytes->in_address,
                                MIN (length, bytes->in_size), NULL)
    : g_bytes_new (NULL, 0);
  release_buffers (self, bytes);
}

static gboolean
allocate_buffer (VhuDriverQueue  *self,
                 gsize            wanted,
                 guint64         *address,
                 gsize           *size,
                 GError         **error)
{
  if (wanted == 0)
    return TRUE;

  *address = vhu_frontend_allocate (self->frontend, wanted, error);
  if (*address == 0)
    return FALSE;

  *size = wanted;
  return TRUE;
}

static gboolean
prepare_buffers (VhuDriverQueue  *self,
                 VhuDriverBytes  *bytes,
                 GBytes          *out,
                 gsize            in_size,
                 GError         **error)
{
  const gsize out_size = out != NULL ? g_bytes_get_size (out) : 0;

  if (out_size > G_MAXUINT32 || in_size > G_MAXUINT32)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_LIMIT,
                   "%" G_GSIZE_FORMAT " bytes out and %" G_GSIZE_FORMAT
                   " bytes in do not fit into a chain", out_size, in_size);
      return FALSE;
    }

  return allocate_buffer (self, out_size, &bytes->out_address,
                          &bytes->out_size, error) &&
         allocate_buffer (self, in_size, &bytes->in_address,
                          &bytes->in_size, error) &&
         (out_size == 0 ||
          vhu_frontend_write_memory (self->frontend, bytes->out_address, out,
                                     error));
}

static int
submit_buffers (VhuDriverQueue        *self,
                const VhuDriverBytes  *bytes,
                GError               **error)
{
  VhuDriverSegment segments[2];
  guint n_segments = 0;

  if (bytes->out_size > 0)
    segments[n_segments++] = (VhuDriverSegment) {
      bytes->out_address, (guint32) bytes->out_size, FALSE
    };
  if (bytes->in_size > 0)
    segments[n_segments++] = (VhuDriverSegment) {
      bytes->in_address, (guint32) bytes->in_size, TRUE
    };
  return vhu_driver_queue_submit (self, segments, n_segments, error);
}

/**
 * vhu_driver_queue_submit_bytes:
 * @self: a queue
 * @out: (nullable): what the device reads
 * @in_size: how many bytes the device may write
 *
 * Makes a chain of one segment for @out and one of @in_size bytes, in blocks of
 * guest memory that are released when the chain is popped.
 *
 * The device is not woken. After [method@DriverQueue.pop] returned the id,
 * [method@DriverQueue.take_result] returns what the device wrote.
 *
 * Returns: the id of the chain, or -1 with an error
 *
 * Since: 0.1
 */
int
vhu_driver_queue_submit_bytes (VhuDriverQueue  *self,
                               GBytes          *out,
                               gsize            in_size,
                               GError         **error)
{
  VhuDriverBytes bytes = { 0 };
  int id = -1;

  g_return_val_if_fail (VHU_IS_DRIVER_QUEUE (self), -1);

  if (prepare_buffers (self, &bytes, out, in_size, error))
    id = submit_buffers (self, &bytes, error);
  if (id < 0)
    {
      release_buffers (self, &bytes);
      return -1;
    }

  if (self->bytes == NULL)
    self->bytes = g_new0 (VhuDriverBytes, self->ring->size);
  g_clear_pointer (&self->bytes[id].result, g_bytes_unref);
  bytes.in_flight = TRUE;
  self->bytes[id] = bytes;
  return id;
}

/**
 * vhu_driver_queue_take_result:
 * @self: a queue
 * @id: the id of a chain of bytes
 *
 * Returns what the device wrote into a chain that was popped; as many bytes as
 * the device says that it wrote.
 *
 * Returns: (transfer full) (nullable): the bytes, or %NULL if the chain was not
 *   popped yet, was not submitted as bytes, or its result was taken before
 *
 * Since: 0.1
 */
GBytes *
vhu_driver_queue_take_result (VhuDriverQueue *self,
                              guint           id)
{
  g_return_val_if_fail (VHU_IS_DRIVER_QUEUE (self), NULL);

  if (self->bytes == NULL || id >= self->ring->size)
    return NULL;

  return g_steal_pointer (&self->bytes[id].result);
}

/**
 * vhu_driver_queue_request:
 * @self: a queue
 * @out: (nullable): what the device reads
 * @in_size: how many bytes the device may write
 *
 * Submits a chain of bytes, wakes the device and waits, at most for
 * [property@Frontend:timeout] each time, until that chain is finished.
 *
 * Other chains that are finished in the meantime are popped.
 *
 * Returns: (transfer full): what the device wrote
 *
 * Since: 0.1
 */
GBytes *
vhu_driver_queue_request (VhuDriverQueue  *self,
                          GBytes          *out,
                          gsize            in_size,
                          GError         **error)
{
  int id = vhu_driver_queue_submit_bytes (self, out, in_size, error);
  guint popped = G_MAXUINT;
  guint32 length;

  if (id < 0)
    return NULL;

  vhu_driver_queue_kick (self);
  while (popped != (guint) id)
    if (!vhu_driver_queue_pop (self, &popped, &length) &&
        !vhu_driver_queue_wait (self, self->frontend->timeout, error))
      return NULL;

  return vhu_driver_queue_take_result (self, popped);
}
