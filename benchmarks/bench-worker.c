/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "bench-worker.h"

#include <string.h>

#define STUCK_MS 10000
/* Between two looks at the clock; some microseconds. */
#define SPINS 4096
#define STATUS_OFFSET 16
#define NO_STATUS 0xff
#define MIX_READS 7
#define MIX_TOTAL 10
#define HEADER_SIZE 64

/* A request: its place in guest memory and what it is doing. A slot has every
 * depth-th block of its worker's share to itself, so that no two requests in
 * flight touch the same block, and what is read can be checked. */
typedef struct
{
  BenchBlkHeader *header; /* the status is behind it */
  guint8 *data;
  VhuDriverSegment segments[3];
  guint64 n_blocks; /* of this slot */
  guint64 cursor;
  guint64 block;
  gboolean is_write;
  gint64 started;
} BenchSlot;

struct _BenchWorker
{
  BenchDisk *disk;
  const BenchOptions *options;
  BenchSchedule schedule;
  VhuDriverQueue *queue;
  GThread *thread;
  GError *error;

  guint index;
  guint depth;
  BenchSlot *slots;
  BenchSlot **slots_by_id;
  BenchSlot **ready;
  guint n_ready;
  guint n_in_flight;
  guint64 first_block;
  guint64 random;
  gint64 n_left;        /* requests to begin; -1 for no limit */
  BenchPass pass;
  guint8 *generations;  /* how often each block was written; to verify */

  gboolean is_measuring;
  guint64 n_kicks_before;
  guint64 n_calls_before;
  BenchCounts counts;
  guint64 n_errors;
  guint64 n_wrong;
};

static guint64
next_random (BenchWorker *self)
{
  self->random ^= self->random << 13;
  self->random ^= self->random >> 7;
  self->random ^= self->random << 17;
  return self->random;
}

/* Every eight bytes of the disk differ, and differ from what they were before:
 * a finalizer in the manner of MurmurHash. */
static guint64
pattern_at (guint64 offset,
            guint   generation)
{
  guint64 value = offset + ((guint64) generation << 56);

  value = (value ^ value >> 33) * G_GUINT64_CONSTANT (0xff51afd7ed558ccd);
  return value ^ value >> 29;
}

static void
write_pattern (BenchWorker *self,
               BenchSlot   *slot)
{
  const guint64 size = self->options->block_size;
  const guint generation = ++self->generations[slot->block - self->first_block];
  guint64 *words = (guint64 *) (gpointer) slot->data;

  for (guint64 i = 0; i < size / 8; i++)
    words[i] = pattern_at (slot->block * size + i * 8, generation);
}

static gboolean
check_pattern (BenchWorker *self,
               BenchSlot   *slot)
{
  const guint64 size = self->options->block_size;
  const guint generation = self->generations[slot->block - self->first_block];
  const guint64 *words = (const guint64 *) (gpointer) slot->data;

  for (guint64 i = 0; i < size / 8; i++)
    if (words[i] != pattern_at (slot->block * size + i * 8, generation))
      return FALSE;

  return TRUE;
}

static gboolean
choose_direction (BenchWorker *self)
{
  switch (self->pass)
    {
    case BENCH_PASS_FILL:
      return TRUE;
    case BENCH_PASS_CHECK:
      return FALSE;
    case BENCH_PASS_MEASURE:
    default:
      break;
    }

  if (self->options->mode == BENCH_MODE_MIX)
    return next_random (self) % MIX_TOTAL >= MIX_READS;
  return self->options->mode == BENCH_MODE_WRITE;
}

static guint64
choose_stripe (BenchWorker *self,
               BenchSlot   *slot)
{
  if (self->pass == BENCH_PASS_MEASURE && !self->options->sequential)
    /* The upper half of a product maps 32 random bits to the range. */
    return (next_random (self) >> 32) * slot->n_blocks >> 32;

  if (self->pass == BENCH_PASS_MEASURE && slot->cursor == slot->n_blocks)
    slot->cursor = 0;
  return slot->cursor++;
}

/* FALSE if there is nothing left to do for this slot. */
static gboolean
choose_request (BenchWorker *self,
                BenchSlot   *slot)
{
  if (self->pass != BENCH_PASS_MEASURE && slot->cursor == slot->n_blocks)
    return FALSE;
  if (self->n_left == 0)
    return FALSE;
  if (self->n_left > 0)
    self->n_left--;

  slot->is_write = choose_direction (self);
  slot->block = self->first_block +
                choose_stripe (self, slot) * self->depth +
                (guint64) (slot - self->slots);
  if (self->generations != NULL && slot->is_write)
    write_pattern (self, slot);
  return TRUE;
}

static gboolean
submit (BenchWorker *self,
        BenchSlot   *slot,
        gint64       now)
{
  const guint64 n_sectors = self->options->block_size / BENCH_SECTOR_SIZE;
  int id;

  slot->header->type = GUINT32_TO_LE (slot->is_write ? BENCH_BLK_OUT
                                                     : BENCH_BLK_IN);
  slot->header->sector = GUINT64_TO_LE (slot->block * n_sectors);
  ((guint8 *) slot->header)[STATUS_OFFSET] = NO_STATUS;
  slot->segments[1].writable = !slot->is_write;
  slot->started = now;
  id = vhu_driver_queue_submit (self->queue, slot->segments,
                                G_N_ELEMENTS (slot->segments), &self->error);
  if (id < 0)
    return FALSE;

  self->slots_by_id[id] = slot;
  self->n_in_flight++;
  return TRUE;
}

static gboolean
submit_ready (BenchWorker *self,
              gint64       now)
{
  for (guint i = 0; i < self->n_ready; i++)
    if (choose_request (self, self->ready[i]) &&
        !submit (self, self->ready[i], now))
      return FALSE;

  self->n_ready = 0;
  vhu_driver_queue_kick (self->queue);
  return TRUE;
}

/* Lets the other half of the core, and the memory, breathe. */
static inline void
relax (void)
{
#if defined (__x86_64__) || defined (__i386__)
  __builtin_ia32_pause ();
#elif defined (__aarch64__)
  __asm__ volatile ("yield");
#endif
}

static gboolean
spin (BenchWorker *self)
{
  const gint64 deadline = bench_now () + STUCK_MS * G_GINT64_CONSTANT (1000000);

  do
    for (guint i = 0; i < SPINS; i++)
      {
        if (vhu_driver_queue_has_used (self->queue))
          return TRUE;
        relax ();
      }
  while (bench_now () < deadline);

  /* This finds words for it. */
  return vhu_driver_queue_wait (self->queue, 1, &self->error);
}

static gboolean
await (BenchWorker *self)
{
  return self->options->poll
           ? spin (self)
           : vhu_driver_queue_wait (self->queue, STUCK_MS, &self->error);
}

static void
finish (BenchWorker *self,
        BenchSlot   *slot,
        gint64       now)
{
  const guint8 status = ((guint8 *) slot->header)[STATUS_OFFSET];

  self->ready[self->n_ready++] = slot;
  self->n_in_flight--;
  if (status != BENCH_BLK_S_OK)
    self->n_errors++;
  else if (self->generations != NULL && !slot->is_write &&
           !check_pattern (self, slot))
    self->n_wrong++;

  if (!self->is_measuring)
    return;

  *(slot->is_write ? &self->counts.n_writes : &self->counts.n_reads) += 1;
  bench_histogram_add (&self->counts.latency, (guint64) (now - slot->started));
}

/* All that came back at once get the same time: reading a clock for each would
 * cost as much as the rest. */
static gboolean
reap (BenchWorker *self,
      gint64       now)
{
  guint32 length;
  guint id;

  while (vhu_driver_queue_pop (self->queue, &id, &length))
    finish (self, self->slots_by_id[id], now);

  return vhu_driver_queue_check (self->queue, &self->error);
}

static void
begin_to_measure (BenchWorker *self)
{
  self->is_measuring = TRUE;
  self->n_kicks_before = vhu_driver_queue_get_n_kicks (self->queue);
  self->n_calls_before = vhu_driver_queue_get_n_calls (self->queue);
  bench_usage_take (&self->counts.begin, self->disk->pid);
}

static void
cease_to_measure (BenchWorker *self)
{
  bench_usage_take (&self->counts.end, self->disk->pid);
  self->counts.n_kicks = vhu_driver_queue_get_n_kicks (self->queue) -
                         self->n_kicks_before;
  self->counts.n_calls = vhu_driver_queue_get_n_calls (self->queue) -
                         self->n_calls_before;
  self->is_measuring = FALSE;
}

static void
look_at_schedule (BenchWorker *self,
                  gint64       now)
{
  if (self->is_measuring)
    {
      if (now >= self->schedule.end)
        cease_to_measure (self);
    }
  else if (now >= self->schedule.begin && now < self->schedule.end)
    begin_to_measure (self);
}

static gboolean
run_pass (BenchWorker *self)
{
  gint64 now = bench_now ();

  for (;;)
    {
      look_at_schedule (self, now);
      if (now < self->schedule.end && !submit_ready (self, now))
        return FALSE;
      if (self->n_in_flight == 0)
        return TRUE;
      if (!await (self))
        return FALSE;

      now = bench_now ();
      if (!reap (self, now))
        return FALSE;
    }
}

static gpointer
worker_thread (gpointer data)
{
  BenchWorker *self = data;

  run_pass (self);
  if (self->is_measuring)
    cease_to_measure (self);
  return NULL;
}

static gint64
share_of_requests (BenchWorker *self)
{
  const gint64 n_requests = self->options->n_requests;
  const gint64 n_queues = self->options->n_queues;

  return n_requests / n_queues + (self->index < n_requests % n_queues);
}

void
bench_worker_start (BenchWorker         *self,
                    BenchPass            pass,
                    const BenchSchedule *schedule)
{
  self->pass = pass;
  self->schedule = *schedule;
  self->n_ready = 0;
  for (guint i = 0; i < self->depth; i++)
    {
      self->slots[i].cursor = 0;
      self->ready[self->n_ready++] = &self->slots[i];
    }

  self->n_left = -1;
  if (pass == BENCH_PASS_MEASURE && self->options->n_requests > 0)
    self->n_left = share_of_requests (self);

  self->thread = g_thread_new ("queue", worker_thread, self);
}

gboolean
bench_worker_join (BenchWorker  *self,
                   GError      **error)
{
  g_clear_pointer (&self->thread, g_thread_join);
  if (self->error == NULL)
    return TRUE;

  g_propagate_error (error, g_steal_pointer (&self->error));
  return FALSE;
}

static gboolean
init_slot (BenchWorker  *self,
           BenchSlot    *slot,
           GError      **error)
{
  VhuFrontend *frontend = self->disk->frontend;
  const gsize size = self->options->block_size;
  guint64 header = vhu_frontend_allocate (frontend, HEADER_SIZE, error);
  guint64 data = header != 0 ? vhu_frontend_allocate (frontend, size, error)
                             : 0;

  if (data == 0)
    return FALSE;

  slot->header = vhu_frontend_get_host_pointer (frontend, header, HEADER_SIZE);
  slot->data = vhu_frontend_get_host_pointer (frontend, data, size);
  slot->segments[0] = (VhuDriverSegment) { header, sizeof *slot->header, 0 };
  slot->segments[1] = (VhuDriverSegment) { data, (guint32) size, 0 };
  slot->segments[2] = (VhuDriverSegment) { header + STATUS_OFFSET, 1, 1 };
  memset (slot->data, 0x5a, size);
  return TRUE;
}

/* Each worker has an equal share of the blocks, each slot one of its worker's. */
static gboolean
init_slots (BenchWorker  *self,
            GError      **error)
{
  const guint64 n_blocks = self->disk->n_blocks /
                           (guint) self->options->n_queues;

  self->first_block = self->index * n_blocks;
  self->slots = g_new0 (BenchSlot, self->depth);
  self->slots_by_id = g_new0 (BenchSlot *, self->options->queue_size);
  self->ready = g_new0 (BenchSlot *, self->depth);
  if (self->options->verify)
    self->generations = g_malloc0 (n_blocks);

  for (guint i = 0; i < self->depth; i++)
    {
      self->slots[i].n_blocks = n_blocks / self->depth;
      if (!init_slot (self, &self->slots[i], error))
        return FALSE;
    }
  return TRUE;
}

/* Three descriptors for each request, unless they do not fit: then a table. */
static gboolean
choose_layout (BenchWorker  *self,
               GError      **error)
{
  const guint n_needed = 3 * self->depth;
  gboolean has_indirect =
    vhu_frontend_has_feature (self->disk->frontend, VHU_FEATURE_INDIRECT_DESC);

  if (n_needed > (guint) self->options->queue_size && !has_indirect)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_LIMIT,
                   "%u requests in flight need %u descriptors, because the "
                   "back-end takes no indirect ones; the queue has %d",
                   self->depth, n_needed, self->options->queue_size);
      return FALSE;
    }

  vhu_driver_queue_set_indirect (self->queue,
                                 self->options->indirect ||
                                   n_needed > (guint) self->options->queue_size,
                                 0);
  return TRUE;
}

BenchWorker *
bench_worker_new (BenchDisk           *disk,
                  const BenchOptions  *options,
                  guint                index,
                  GError             **error)
{
  g_autoptr(BenchWorker) self = g_new0 (BenchWorker, 1);

  self->disk = disk;
  self->options = options;
  self->index = index;
  self->depth = (guint) options->depth;
  self->random = G_GUINT64_CONSTANT (0x9e3779b97f4a7c15) * (index + 1);
  self->queue = vhu_driver_queue_new (disk->frontend, index,
                                      (guint) options->queue_size, error);
  if (self->queue == NULL ||
      !choose_layout (self, error) ||
      !init_slots (self, error) ||
      !vhu_driver_queue_start (self->queue, error))
    return NULL;

  if (options->poll)
    vhu_driver_queue_disable_calls (self->queue);
  return g_steal_pointer (&self);
}

void
bench_worker_free (BenchWorker *self)
{
  g_clear_pointer (&self->thread, g_thread_join);
  g_clear_object (&self->queue);
  g_clear_error (&self->error);
  g_free (self->slots);
  g_free (self->slots_by_id);
  g_free (self->ready);
  g_free (self->generations);
  g_free (self);
}

const BenchCounts *
bench_worker_get_counts (BenchWorker *self)
{
  return &self->counts;
}

guint64
bench_worker_get_n_errors (BenchWorker *self)
{
  return self->n_errors;
}

guint64
bench_worker_get_n_wrong (BenchWorker *self)
{
  return self->n_wrong;
}
