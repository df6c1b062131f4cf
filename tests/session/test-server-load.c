/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <stdlib.h>

#include "vhu-test-client.h"
#include "vhu-test-server.h"

/* Many requests on many queues at once, each of which is looked at when it comes
 * back, while the front-end does to the rings what it does to them in a
 * migration. VHU_TEST_LOAD says how many requests there are in all. */

#define N_THREADS 2
#define N_QUEUES 4
#define QUEUE_SIZE 256
#define N_SLOTS (QUEUE_SIZE / 2)
#define SLOT_SIZE 16
#define WAIT_MS 20000

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define DEFAULT_LOAD 100000
#else
#define DEFAULT_LOAD 1000000
#endif

/* Writes the complement of the eight bytes that it reads, at once or from
 * threads of its own. */
#define TEST_TYPE_INVERTER (test_inverter_get_type ())
G_DECLARE_FINAL_TYPE (TestInverter, test_inverter, TEST, INVERTER, VhuBackend)

struct _TestInverter
{
  VhuBackend parent_instance;

  GThreadPool *pool; /* NULL: at once */
};

G_DEFINE_FINAL_TYPE (TestInverter, test_inverter, VHU_TYPE_BACKEND)

static void
invert (VhuChain *chain)
{
  guint64 value = 0;

  vhu_chain_read (chain, &value, sizeof value, NULL);
  value = ~value;
  vhu_chain_write (chain, &value, sizeof value, NULL);
}

static void
complete_cb (gpointer chain,
             gpointer unused)
{
  invert (chain);
  vhu_chain_complete (chain, NULL);
  vhu_chain_unref (chain);
}

static VhuChainResult
test_inverter_process_chain (VhuBackend *backend,
                             VhuVring   *vring,
                             VhuChain   *chain)
{
  TestInverter *self = TEST_INVERTER (backend);

  if (self->pool != NULL)
    {
      g_thread_pool_push (self->pool, chain, NULL);
      return VHU_CHAIN_RESULT_PENDING;
    }

  invert (chain);
  vhu_chain_unref (chain);
  return VHU_CHAIN_RESULT_DONE;
}

static guint
test_inverter_map_queue (VhuBackend *backend,
                         guint       queue,
                         guint       n_threads)
{
  return queue % n_threads;
}

static void
test_inverter_class_init (TestInverterClass *klass)
{
  VHU_BACKEND_CLASS (klass)->process_chain = test_inverter_process_chain;
  VHU_BACKEND_CLASS (klass)->map_queue = test_inverter_map_queue;
}

static void
test_inverter_init (TestInverter *self)
{
}

/* The front-end: a thread for each queue. */

typedef struct _Load Load;

typedef struct
{
  Load *load;
  VhuDriverQueue *queue;
  guint64 address;     /* of its slots, in the guest */
  guint64 *values;     /* the same for us: two for each slot */
  guint slots[N_SLOTS]; /* which are free */
  guint n_slots;
  guint slot_of_id[QUEUE_SIZE];
  guint64 n_sent;
  guint64 n_back;
  guint64 n_requests;
  guint64 next_stop;
} Driver;

struct _Load
{
  TestInverter *backend;
  VhuTestServer *server;
  VhuFrontend *frontend;
  GMutex mutex;        /* the front-end says one thing at a time */
  Driver drivers[N_QUEUES];
  guint stop_interval; /* requests from one stop of a queue to the next, or 0 */
  int n_finished;      /* atomic */
};

static guint64
get_load (void)
{
  const char *text = g_getenv ("VHU_TEST_LOAD");

  return text != NULL ? g_ascii_strtoull (text, NULL, 10) : DEFAULT_LOAD;
}

static void
set_up_driver (Load  *load,
               guint  index)
{
  Driver *driver = &load->drivers[index];
  g_autoptr(GError) error = NULL;

  driver->load = load;
  driver->queue = vhu_frontend_add_queue (load->frontend, index, QUEUE_SIZE, &error);
  g_assert_no_error (error);
  driver->address = vhu_frontend_allocate (load->frontend, N_SLOTS * SLOT_SIZE, &error);
  g_assert_no_error (error);
  driver->values = vhu_frontend_get_host_pointer (load->frontend, driver->address,
                                                  N_SLOTS * SLOT_SIZE);
  for (guint i = 0; i < N_SLOTS; i++)
    driver->slots[i] = i;
  driver->n_slots = N_SLOTS;
}

static void
set_up (Load          *load,
        gconstpointer  n_pool_threads)
{
  g_autoptr(GError) error = NULL;

  load->backend = g_object_new (TEST_TYPE_INVERTER, "device-id", 42, "kind", "inverter",
                                "n-queues", N_QUEUES, "queue-size", QUEUE_SIZE, NULL);
  if (n_pool_threads != NULL)
    load->backend->pool = g_thread_pool_new (complete_cb, NULL,
                                             GPOINTER_TO_INT (n_pool_threads), TRUE, NULL);
  load->server = vhu_test_server_new (VHU_BACKEND (load->backend), N_THREADS);
  load->frontend = vhu_test_server_open (load->server);
  g_mutex_init (&load->mutex);
  vhu_frontend_negotiate (load->frontend, &error);
  g_assert_no_error (error);
  vhu_frontend_allocate_memory (load->frontend, 4 << 20, 2, &error);
  g_assert_no_error (error);
  vhu_frontend_share_memory (load->frontend, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < N_QUEUES; i++)
    set_up_driver (load, i);
}

static void
tear_down (Load          *load,
           gconstpointer  n_pool_threads)
{
  for (guint i = 0; i < N_QUEUES; i++)
    g_clear_object (&load->drivers[i].queue);
  vhu_frontend_close (load->frontend);
  g_clear_object (&load->frontend);
  vhu_test_server_free (load->server);
  if (load->backend->pool != NULL)
    g_thread_pool_free (load->backend->pool, FALSE, TRUE);
  g_assert_finalize_object (load->backend);
  g_mutex_clear (&load->mutex);
}

static void
submit_one (Driver *driver)
{
  guint slot = driver->slots[--driver->n_slots];
  guint64 address = driver->address + slot * SLOT_SIZE;
  const VhuDriverSegment segments[] = {
    { .address = address, .length = 8, .writable = FALSE },
    { .address = address + 8, .length = 8, .writable = TRUE },
  };
  g_autoptr(GError) error = NULL;
  int id;

  driver->values[2 * slot] = driver->n_sent++;
  driver->values[2 * slot + 1] = 0;
  id = vhu_driver_queue_submit (driver->queue, segments, 2, &error);
  g_assert_no_error (error);
  driver->slot_of_id[id] = slot;
}

static void
take_back (Driver *driver)
{
  guint32 length;
  guint id;

  while (vhu_driver_queue_pop (driver->queue, &id, &length))
    {
      guint slot = driver->slot_of_id[id];

      g_assert_cmpuint (length, ==, 8);
      g_assert_cmphex (driver->values[2 * slot + 1], ==, ~driver->values[2 * slot]);
      driver->slots[driver->n_slots++] = slot;
      driver->n_back++;
    }
}

/* What is under way when the queue stops is back, or comes after the start. */
static void
stop_and_start (Driver *driver)
{
  g_autoptr(GError) error = NULL;

  g_mutex_lock (&driver->load->mutex);
  vhu_driver_queue_stop (driver->queue, &error);
  g_assert_no_error (error);
  take_back (driver);
  vhu_driver_queue_start (driver->queue, &error);
  g_assert_no_error (error);
  g_mutex_unlock (&driver->load->mutex);
}

static gpointer
drive (gpointer user_data)
{
  Driver *driver = user_data;
  guint stop_interval = driver->load->stop_interval;

  driver->next_stop = stop_interval;
  while (driver->n_back < driver->n_requests)
    {
      g_autoptr(GError) error = NULL;
      guint64 n_before = driver->n_back;

      while (driver->n_slots > 0 && driver->n_sent < driver->n_requests)
        submit_one (driver);
      vhu_driver_queue_kick (driver->queue);
      if (stop_interval > 0 && driver->n_sent >= driver->next_stop)
        {
          driver->next_stop += stop_interval;
          stop_and_start (driver);
        }

      take_back (driver);
      if (driver->n_back == n_before)
        vhu_driver_queue_wait (driver->queue, WAIT_MS, &error);
      g_assert_no_error (error);
    }
  g_atomic_int_inc (&driver->load->n_finished);
  return NULL;
}

static void
count_completed (gpointer server,
                 gpointer n_completed)
{
  *(guint64 *) n_completed = vhu_server_get_n_completed (server);
}

/* @meanwhile runs again and again as long as there are requests. */
static void
run (Load     *load,
     guint64   n_requests,
     void    (*meanwhile) (Load *load))
{
  GThread *threads[N_QUEUES];
  guint64 n_completed;

  for (guint i = 0; i < N_QUEUES; i++)
    {
      load->drivers[i].n_requests = n_requests / N_QUEUES;
      threads[i] = g_thread_new ("driver", drive, &load->drivers[i]);
    }
  while (meanwhile != NULL && g_atomic_int_get (&load->n_finished) < N_QUEUES)
    meanwhile (load);

  for (guint i = 0; i < N_QUEUES; i++)
    g_thread_join (threads[i]);
  for (guint i = 0; i < N_QUEUES; i++)
    g_assert_cmpuint (load->drivers[i].n_back, ==, n_requests / N_QUEUES);
  vhu_test_server_run (load->server, count_completed, &n_completed);
  g_assert_cmpuint (n_completed, ==, n_requests);
}

static void
test_every_request_comes_back (Load          *load,
                               gconstpointer  unused)
{
  run (load, get_load (), NULL);
}

static void
test_queues_stop_and_start (Load          *load,
                            gconstpointer  unused)
{
  load->stop_interval = 500;
  run (load, get_load () / 4, NULL);
}

static void
set_memory_table (Load *load)
{
  g_autoptr(GError) error = NULL;

  g_mutex_lock (&load->mutex);
  vhu_frontend_set_mem_table (load->frontend, &error);
  g_assert_no_error (error);
  g_mutex_unlock (&load->mutex);
}

static void
test_memory_table_changes (Load          *load,
                           gconstpointer  unused)
{
  load->stop_interval = 5000;
  run (load, get_load () / 4, set_memory_table);
}

static void
add_and_remove_region (Load *load)
{
  g_autoptr(GError) error = NULL;
  guint64 address;

  g_mutex_lock (&load->mutex);
  vhu_frontend_add_region (load->frontend, 2 << 20, &address, &error);
  g_assert_no_error (error);
  vhu_frontend_remove_region (load->frontend, address, &error);
  g_assert_no_error (error);
  g_mutex_unlock (&load->mutex);
}

static void
test_regions_come_and_go (Load          *load,
                          gconstpointer  unused)
{
  run (load, get_load () / 4, add_and_remove_region);
}

#define ADD(path, n_pool_threads, func) \
  g_test_add (path, Load, GINT_TO_POINTER (n_pool_threads), set_up, func, tear_down)

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ADD ("/server/load/every-request-comes-back", 0, test_every_request_comes_back);
  ADD ("/server/load/queues-stop-and-start", 0, test_queues_stop_and_start);
  ADD ("/server/load/queues-stop-and-start/other-threads", 3, test_queues_stop_and_start);
  ADD ("/server/load/memory-table-changes", 0, test_memory_table_changes);
  ADD ("/server/load/memory-table-changes/other-threads", 3, test_memory_table_changes);
  ADD ("/server/load/regions-come-and-go", 0, test_regions_come_and_go);
  ADD ("/server/load/regions-come-and-go/other-threads", 3, test_regions_come_and_go);

  return g_test_run ();
}
