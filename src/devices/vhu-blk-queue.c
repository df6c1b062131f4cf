/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-blk-queue-private.h"

/* A broken disk fails every request; one line in so many seconds says it. */
#define REPORT_INTERVAL_US (5 * G_USEC_PER_SEC)

VhuBlkQueue *
vhu_blk_queue_new (VhuVring         *vring,
                   const VhuBlkDisk *disk,
                   VhuBlkLane       *lane)
{
  VhuBlkQueue *self = g_new0 (VhuBlkQueue, 1);

  self->vring = vring;
  self->disk = disk;
  self->lane = lane;
  self->last_report = -REPORT_INTERVAL_US;

  return self;
}

void
vhu_blk_queue_free (VhuBlkQueue *self)
{
  g_free (self);
}

static void
report_error (VhuBlkQueue   *self,
              VhuBlkRequest *request)
{
  gint64 now = g_get_monotonic_time ();

  if (now - self->last_report < REPORT_INTERVAL_US)
    {
      self->n_unreported++;
      return;
    }

  g_message ("request of type %u at offset %" G_GUINT64_FORMAT " failed: %s "
             "(%u more since the last such line)",
             request->type, request->io.offset,
             g_strerror (request->io.error), self->n_unreported);
  self->last_report = now;
  self->n_unreported = 0;
}

static void
count (VhuBlkQueue   *self,
       VhuBlkRequest *request)
{
  if (request->result != VIRTIO_BLK_S_OK)
    {
      self->statistics.n_errors++;
      return;
    }

  switch (request->type)
    {
    case VIRTIO_BLK_T_IN:
      self->statistics.n_reads++;
      self->statistics.bytes_read += request->n_bytes;
      break;
    case VIRTIO_BLK_T_OUT:
      self->statistics.n_writes++;
      self->statistics.bytes_written += request->n_bytes;
      break;
    default:
      self->statistics.n_others++;
      break;
    }
}

/* Hands the chain back. The driver is told at the end of the batch: by the
 * library if it is in the middle of process_queue, else by the lane. */
static void
answer (VhuBlkQueue   *self,
        VhuBlkRequest *request)
{
  VhuChain *chain = request->chain;
  gsize n_written = vhu_blk_request_answer (request);

  count (self, request);
  vhu_vring_push (self->vring, chain, n_written);
  vhu_chain_unref (chain);
}

/* A part of a request has ended: TRUE if another is to be carried out. If not,
 * the request is answered. */
static gboolean
go_on (VhuBlkQueue   *self,
       VhuBlkRequest *request)
{
  if (request->io.error == 0 && vhu_blk_request_next_segment (request))
    return TRUE;

  if (request->io.error != 0)
    {
      request->result = VIRTIO_BLK_S_IOERR;
      report_error (self, request);
    }
  answer (self, request);
  return FALSE;
}

/* Carries out what is left of a request, until a part of it is under way. */
static void
run (VhuBlkQueue   *self,
     VhuBlkRequest *request)
{
  while (vhu_blk_engine_submit (self->lane->engine, &request->io) &&
         go_on (self, request))
    ;
}

void
vhu_blk_queue_io_done (VhuBlkIo *io)
{
  VhuBlkRequest *request = (VhuBlkRequest *) io;
  VhuBlkQueue *self = request->queue;

  vhu_blk_lane_mark_dirty (self->lane, self);

  if (go_on (self, request))
    run (self, request);
}

static void
start (VhuBlkQueue *self,
       VhuChain    *chain)
{
  VhuBlkRequest *request = vhu_chain_get_data (chain);
  VhuBlkBuffers buffers;

  buffers.out = vhu_chain_get_readable_iov (chain, &buffers.n_out);
  buffers.out_size = vhu_chain_get_readable_size (chain);
  buffers.in = vhu_chain_get_writable_iov (chain, &buffers.n_in);
  buffers.in_size = vhu_chain_get_writable_size (chain);

  request->queue = self;
  request->chain = chain;

  switch (vhu_blk_request_parse (request, self->disk, &buffers))
    {
    case VHU_BLK_VERDICT_IO:
      run (self, request);
      break;
    case VHU_BLK_VERDICT_ANSWERED:
      answer (self, request);
      break;
    case VHU_BLK_VERDICT_MALFORMED:
    default:
      vhu_chain_fail (chain, NULL);
      vhu_chain_unref (chain);
      break;
    }
}

/* Where a request takes no time, telling the driver of each keeps it from going
 * to sleep: with eight requests in flight that is worth several times the rate.
 * It costs next to nothing, as a driver that is awake asks for no call. Where
 * the driver is quicker than the disk it would be woken for each request, so
 * there it is told at the end of the batch. */
void
vhu_blk_queue_process (VhuBlkQueue *self)
{
  gboolean is_instant = self->lane->engine->is_instant;
  VhuChain *chain;

  while ((chain = vhu_vring_pop (self->vring)) != NULL)
    {
      start (self, chain);
      if (is_instant)
        vhu_vring_signal (self->vring);
    }

  vhu_blk_engine_flush (self->lane->engine);
}
