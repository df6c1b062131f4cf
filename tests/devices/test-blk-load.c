/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <errno.h>
#include <linux/virtio_blk.h>
#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "session/vhu-test-server.h"
#include "vhu-blk-engine-private.h"
#include "vhu-blk-store-file.h"
#include "vhu-blk-store-ram.h"
#include "vhu-blk.h"

#define N_QUEUES 4
#define N_THREADS 2
#define QUEUE_SIZE 128
#define DEPTH 32
#define DATA_SIZE 4096
#define SLOT_SIZE 8192
#define MEMORY_SIZE (16u << 20)
#define DISK_SIZE ((guint64) N_QUEUES * DEPTH * SLOTS_PER_JOB * DATA_SIZE)
/* Each job has so many places on the disk to itself. */
#define SLOTS_PER_JOB 8

typedef struct
{
  const char *name;
  gboolean in_ram;
  gboolean direct;
  VhuBlkIoMode mode;
  guint n_requests;
} Setup;

typedef struct
{
  guint64 address;
  struct virtio_blk_outhdr *header;
  guint64 *data;
  guint8 *status;
  guint slot;
  gboolean writes;
  gboolean busy;
  guint64 stamps[SLOTS_PER_JOB];
} Job;

typedef struct
{
  VhuDriverQueue *queue;
  Job jobs[DEPTH];
  Job *by_id[QUEUE_SIZE];
  guint index;
  guint n_submitted;
  guint n_done;
} Queue;

typedef struct
{
  char *path;
  VhuBlkStore *store;
  VhuBlk *blk;
  VhuTestServer *server;
  VhuFrontend *frontend;
  Queue queues[N_QUEUES];
  guint64 stamp;
} Fixture;

static void
open_store (Fixture     *self,
            const Setup *setup)
{
  int fd;

  if (setup->in_ram)
    {
      self->store = vhu_blk_store_ram_new (DISK_SIZE, 0, NULL);
      return;
    }

  fd = g_file_open_tmp ("vhu-blk-XXXXXX", &self->path, NULL);
  g_assert_cmpint (ftruncate (fd, DISK_SIZE), ==, 0);
  close (fd);
  self->store = vhu_blk_store_file_new (self->path, FALSE, setup->direct, 0,
                                        NULL);
}

static void
init_job (Fixture *self,
          Job     *job)
{
  guint8 *host;

  job->address = vhu_frontend_allocate (self->frontend, SLOT_SIZE, NULL);
  host = vhu_frontend_get_host_pointer (self->frontend, job->address, SLOT_SIZE);
  g_assert_nonnull (host);
  job->data = (guint64 *) host;
  job->header = (struct virtio_blk_outhdr *) (host + DATA_SIZE);
  job->status = host + DATA_SIZE + 64;
}

static void
init_queue (Fixture *self,
            guint    index)
{
  Queue *queue = &self->queues[index];
  g_autoptr(GError) error = NULL;
  guint i;

  queue->index = index;
  queue->queue = vhu_frontend_add_queue (self->frontend, index, QUEUE_SIZE,
                                         &error);
  g_assert_no_error (error);
  for (i = 0; i < DEPTH; i++)
    init_job (self, &queue->jobs[i]);
}

static void
set_up (Fixture       *self,
        gconstpointer  data)
{
  const Setup *setup = data;
  g_autoptr(GError) error = NULL;
  guint i;

  open_store (self, setup);
  if (self->store == NULL)
    return;
  self->blk = vhu_blk_new (self->store, N_QUEUES, QUEUE_SIZE);
  if (!vhu_blk_set_io_mode (self->blk, setup->mode, NULL))
    return;

  self->server = vhu_test_server_new (VHU_BACKEND (self->blk), N_THREADS);
  self->frontend = vhu_test_server_open (self->server);
  vhu_frontend_negotiate (self->frontend, &error);
  g_assert_no_error (error);
  vhu_frontend_allocate_memory (self->frontend, MEMORY_SIZE, 2, &error);
  g_assert_no_error (error);
  for (i = 0; i < N_QUEUES; i++)
    init_queue (self, i);
}

static void
tear_down (Fixture       *self,
           gconstpointer  data)
{
  guint i;

  if (self->frontend != NULL)
    {
      for (i = 0; i < N_QUEUES; i++)
        g_object_unref (self->queues[i].queue);
      vhu_frontend_close (self->frontend);
      g_object_unref (self->frontend);
      vhu_test_server_free (self->server);
    }
  if (self->blk != NULL)
    g_assert_finalize_object (self->blk);
  if (self->store != NULL)
    g_assert_finalize_object (self->store);
  if (self->path != NULL)
    g_unlink (self->path);
  g_free (self->path);
}

static gboolean
is_missing (Fixture *self)
{
  if (self->frontend != NULL)
    return FALSE;

  g_test_skip ("not to be had here");
  return TRUE;
}

static guint64
sector_of (const Queue *queue,
           const Job   *job)
{
  guint number = job - queue->jobs;

  return ((queue->index * DEPTH + number) * SLOTS_PER_JOB + job->slot) *
         (guint64) (DATA_SIZE / 512);
}

static void
submit (Fixture *self,
        Queue   *queue,
        Job     *job)
{
  VhuDriverSegment segments[3];
  g_autoptr(GError) error = NULL;
  int id;

  job->slot = g_test_rand_int_range (0, SLOTS_PER_JOB);
  job->writes = g_test_rand_bit ();
  job->busy = TRUE;
  job->header->type = GUINT32_TO_LE (job->writes ? VIRTIO_BLK_T_OUT
                                                 : VIRTIO_BLK_T_IN);
  job->header->sector = GUINT64_TO_LE (sector_of (queue, job));
  *job->status = 0xff;
  memset (job->data, 0xee, DATA_SIZE);
  if (job->writes)
    {
      job->stamps[job->slot] = ++self->stamp;
      job->data[0] = self->stamp;
      job->data[DATA_SIZE / 8 - 1] = ~self->stamp;
    }

  segments[0] = (VhuDriverSegment) { job->address + DATA_SIZE, 16, 0 };
  segments[1] = (VhuDriverSegment) { job->address, DATA_SIZE, !job->writes };
  segments[2] = (VhuDriverSegment) { job->address + DATA_SIZE + 64, 1, 1 };
  id = vhu_driver_queue_submit (queue->queue, segments, 3, &error);
  g_assert_no_error (error);
  queue->by_id[id] = job;
  queue->n_submitted++;
}

static void
check (Queue   *queue,
       guint    id,
       guint32  length)
{
  Job *job = queue->by_id[id];
  guint64 stamp = job->stamps[job->slot];

  g_assert_true (job->busy);
  job->busy = FALSE;
  queue->n_done++;
  g_assert_cmpuint (*job->status, ==, VIRTIO_BLK_S_OK);
  g_assert_cmpuint (length, ==, job->writes ? 1 : DATA_SIZE + 1);
  if (job->writes)
    return;

  g_assert_cmpuint (job->data[0], ==, stamp);
  g_assert_cmpuint (job->data[DATA_SIZE / 8 - 1], ==, stamp != 0 ? ~stamp : 0);
}

static void
take_done (Queue *queue)
{
  g_autoptr(GError) error = NULL;
  guint id;
  guint32 length;

  while (vhu_driver_queue_pop (queue->queue, &id, &length))
    check (queue, id, length);
  vhu_driver_queue_check (queue->queue, &error);
  g_assert_no_error (error);
}

static void
submit_idle (Fixture *self,
             Queue   *queue,
             guint    limit)
{
  guint i;

  for (i = 0; i < DEPTH && queue->n_submitted < limit; i++)
    if (!queue->jobs[i].busy)
      submit (self, queue, &queue->jobs[i]);
  vhu_driver_queue_kick (queue->queue);
}

/* Every answer is right, in whatever order and from whichever thread. */
static void
test_verify (Fixture       *self,
             gconstpointer  data)
{
  const Setup *setup = data;
  guint limit = setup->n_requests / N_QUEUES;
  guint n_done = 0;
  guint i;

  if (is_missing (self))
    return;

  while (n_done < N_QUEUES * limit)
    {
      n_done = 0;
      for (i = 0; i < N_QUEUES; i++)
        {
          Queue *queue = &self->queues[i];

          submit_idle (self, queue, limit);
          if (queue->n_done < queue->n_submitted)
            g_assert_true (vhu_driver_queue_wait (queue->queue, 20000, NULL));
          take_done (queue);
          n_done += queue->n_done;
        }
    }
}

/* Queues stop in the middle of everything: what was begun is finished when the
 * answer comes, the rest is done after the next start, and nothing twice. */
static void
test_stop_and_start (Fixture       *self,
                     gconstpointer  data)
{
  g_autoptr(GError) error = NULL;
  guint round, i;

  if (is_missing (self))
    return;

  for (round = 0; round < 60; round++)
    {
      Queue *queue = &self->queues[round % N_QUEUES];

      for (i = 0; i < N_QUEUES; i++)
        submit_idle (self, &self->queues[i], G_MAXUINT);
      vhu_driver_queue_stop (queue->queue, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (vhu_driver_queue_get_base (queue->queue), ==,
                        vhu_driver_queue_peek_used_index (queue->queue));
      for (i = 0; i < N_QUEUES; i++)
        take_done (&self->queues[i]);
      vhu_driver_queue_start (queue->queue, &error);
      g_assert_no_error (error);
    }

  for (i = 0; i < N_QUEUES; i++)
    {
      Queue *queue = &self->queues[i];

      while (queue->n_done < queue->n_submitted)
        {
          g_assert_true (vhu_driver_queue_wait (queue->queue, 20000, NULL));
          take_done (queue);
        }
    }
}

static const Setup setups[] = {
  { "ram", TRUE, FALSE, VHU_BLK_IO_MODE_AUTO, 100000 },
  { "auto", FALSE, FALSE, VHU_BLK_IO_MODE_AUTO, 20000 },
  { "inline", FALSE, FALSE, VHU_BLK_IO_MODE_INLINE, 20000 },
  { "io_uring", FALSE, FALSE, VHU_BLK_IO_MODE_IO_URING, 20000 },
  { "threads", FALSE, FALSE, VHU_BLK_IO_MODE_THREADS, 20000 },
  { "direct-io_uring", FALSE, TRUE, VHU_BLK_IO_MODE_IO_URING, 4000 },
  { "direct-threads", FALSE, TRUE, VHU_BLK_IO_MODE_THREADS, 4000 },
};

static void
add (const Setup *setup,
     const char  *what,
     void       (*func) (Fixture *, gconstpointer))
{
  g_autofree char *path = g_strdup_printf ("/devices/blk-load/%s/%s",
                                           setup->name, what);

  g_test_add (path, Fixture, setup, set_up, func, tear_down);
}

int
main (int    argc,
      char **argv)
{
  guint i;

  g_test_init (&argc, &argv, NULL);

  for (i = 0; i < G_N_ELEMENTS (setups); i++)
    {
      add (&setups[i], "verify", test_verify);
      add (&setups[i], "stop-and-start", test_stop_and_start);
    }

  return g_test_run ();
}
