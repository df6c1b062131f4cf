/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "fake-device.h"

#include <string.h>
#include <unistd.h>

static void
test_bytes_travel_both_ways (FakeDevice    *test,
                             gconstpointer  unused)
{
  g_autoptr(GBytes) question = g_bytes_new_static ("question", 8);
  g_autoptr(GBytes) answer = NULL;
  guint8 *host;
  FakeDesc *desc;
  int id;

  id = vhu_driver_queue_submit_bytes (test->queue, question, 100, &test->error);
  g_assert_no_error (test->error);
  desc = &test->desc[fake_device_pop (test)];
  g_assert_cmpuint (desc->length, ==, 8);
  g_assert_cmpuint (desc->flags, ==, NEXT);
  host = vhu_frontend_get_host_pointer (test->frontend, desc->address, 8);
  g_assert_cmpmem (host, 8, "question", 8);
  desc = &test->desc[desc->next];
  g_assert_cmpuint (desc->length, ==, 100);
  g_assert_cmpuint (desc->flags, ==, WRITE);
  host = vhu_frontend_get_host_pointer (test->frontend, desc->address, 100);
  memcpy (host, "answer", 6);

  g_assert_null (vhu_driver_queue_take_result (test->queue, (guint) id));
  fake_device_push (test, (guint32) id, 6);
  fake_device_assert_pops (test, (guint) id, 6);
  answer = vhu_driver_queue_take_result (test->queue, (guint) id);
  g_assert_cmpmem (g_bytes_get_data (answer, NULL), g_bytes_get_size (answer),
                   "answer", 6);
  g_assert_null (vhu_driver_queue_take_result (test->queue, (guint) id));
  g_assert_null (vhu_driver_queue_take_result (test->queue, 4711));
}

static void
test_bytes_may_go_one_way (FakeDevice    *test,
                           gconstpointer  unused)
{
  g_autoptr(GBytes) out = g_bytes_new_static ("out", 3);
  g_autoptr(GBytes) nothing = NULL;
  int id;

  id = vhu_driver_queue_submit_bytes (test->queue, NULL, 64, &test->error);
  g_assert_cmpuint (test->desc[id].flags, ==, WRITE);
  id = vhu_driver_queue_submit_bytes (test->queue, out, 0, &test->error);
  g_assert_cmpuint (test->desc[id].flags, ==, 0);
  fake_device_push (test, (guint32) id, 0);
  fake_device_assert_pops (test, (guint) id, 0);
  nothing = vhu_driver_queue_take_result (test->queue, (guint) id);
  g_assert_cmpuint (g_bytes_get_size (nothing), ==, 0);

  g_assert_cmpint (vhu_driver_queue_submit_bytes (test->queue, NULL, 0,
                                                  &test->error), ==, -1);
  g_assert_error (test->error, VHU_ERROR, VHU_ERROR_BAD_VALUE);
}

/* There is memory for some eighty of them at a time. */
static void
test_buffers_of_bytes_are_released (FakeDevice    *test,
                                    gconstpointer  unused)
{
  g_autoptr(GBytes) out = g_bytes_new_static ("out", 3);

  for (guint i = 0; i < 10000; i++)
    {
      int id = vhu_driver_queue_submit_bytes (test->queue, out, 100000,
                                              &test->error);

      g_assert_no_error (test->error);
      if (i % 3 == 0)
        {
          vhu_driver_queue_reset (test->queue);
          continue;
        }
      fake_device_push (test, (guint32) id, 0);
      fake_device_assert_pops (test, (guint) id, 0);
    }

  g_assert_cmpint (vhu_driver_queue_submit_bytes (test->queue, out, 1 << 30,
                                                  &test->error), ==, -1);
  g_assert_error (test->error, VHU_ERROR, VHU_ERROR_LIMIT);
}

static void
expect_u32s (FakeDevice *test,
             guint32     request,
             guint32     first,
             guint32     second)
{
  const guint32 payload[2] = { first, second };
  g_autoptr(FakeMessage) message =
    fake_backend_expect (test->backend, request, 0x1, payload, 8, 0);

  g_assert_nonnull (message);
}

/* The descriptor that came with SET_VRING_KICK, _CALL or _ERR of queue 1. */
static int
expect_event (FakeDevice *test,
              guint32     request)
{
  const guint64 one = 1;
  g_autoptr(FakeMessage) message =
    fake_backend_expect (test->backend, request, 0x1, &one, 8, 1);

  return vhu_dup_fd (message->fds[0]);
}

typedef struct
{
  int kick;
  int call;
  int err;
} Events;

static void
start (FakeDevice *test,
       Events     *events,
       guint       base)
{
  g_autoptr(FakeMessage) features = fake_backend_take (test->backend);
  g_autoptr(FakeMessage) memory = NULL;
  g_autoptr(FakeMessage) addr = NULL;
  guint64 addresses[5] = {
    1,
    (gsize) test->desc,
    (gsize) test->used,
    (gsize) test->avail,
    0,
  };

  g_assert_cmpuint (features->header[0], ==, 2);
  g_assert_true (vhu_driver_queue_start (test->queue, &test->error));
  g_assert_true (vhu_driver_queue_get_started (test->queue));
  memory = fake_backend_take (test->backend);
  g_assert_cmpuint (memory->header[0], ==, 5);
  expect_u32s (test, 8, 1, 8);
  expect_u32s (test, 10, 1, base);
  addr = fake_backend_expect (test->backend, 9, 0x1, addresses, 40, 0);
  events->err = expect_event (test, 14);
  events->kick = expect_event (test, 12);
  events->call = expect_event (test, 13);
}

static void
close_events (Events *events)
{
  vhu_clear_fd (&events->kick);
  vhu_clear_fd (&events->call);
  vhu_clear_fd (&events->err);
}

static void
signal_event (int fd)
{
  const guint64 one = 1;

  g_assert_cmpint (write (fd, &one, sizeof one), ==, sizeof one);
}

static void
test_a_start_tells_all (FakeDevice    *test,
                        gconstpointer  unused)
{
  Events events;
  guint64 count;

  start (test, &events, 0);
  /* Without PROTOCOL_FEATURES there is nothing to enable. */
  fake_backend_expect_none (test->backend);

  vhu_driver_queue_kick_always (test->queue);
  vhu_driver_queue_kick_always (test->queue);
  g_assert_cmpint (read (events.kick, &count, sizeof count), ==, sizeof count);
  g_assert_cmpuint (count, ==, 2);

  g_assert_false (vhu_driver_queue_wait_error (test->queue, 0));
  signal_event (events.err);
  g_assert_true (vhu_driver_queue_wait_error (test->queue, 1000));
  g_assert_false (vhu_driver_queue_wait_error (test->queue, 0));

  g_assert_false (vhu_driver_queue_wait_call (test->queue, 1));
  signal_event (events.call);
  g_assert_true (vhu_driver_queue_wait_call (test->queue, 1000));
  g_assert_cmpuint (vhu_driver_queue_get_n_calls (test->queue), ==, 1);
  close_events (&events);
}

static void
test_a_queue_stops_and_goes_on (FakeDevice    *test,
                                gconstpointer  unused)
{
  Events events;

  start (test, &events, 0);
  close_events (&events);
  fake_backend_answer (test->backend, 11, (guint32[]) { 1, 4711 }, 8);
  g_assert_true (vhu_driver_queue_stop (test->queue, &test->error));
  g_assert_false (vhu_driver_queue_get_started (test->queue));
  g_assert_cmpuint (vhu_driver_queue_get_base (test->queue), ==, 4711);
  expect_u32s (test, 11, 1, 0);

  g_assert_true (vhu_driver_queue_start (test->queue, &test->error));
  expect_u32s (test, 8, 1, 8);
  expect_u32s (test, 10, 1, 4711);

  vhu_driver_queue_set_base (test->queue, 5);
  g_assert_cmpuint (vhu_driver_queue_get_base (test->queue), ==, 5);
  vhu_driver_queue_reset (test->queue);
  g_assert_cmpuint (vhu_driver_queue_get_base (test->queue), ==, 0);
}

static void
test_polling_needs_no_descriptors (FakeDevice    *test,
                                   gconstpointer  unused)
{
  const guint64 payload = 1 | 0x100;

  vhu_driver_queue_set_use_kick_fd (test->queue, FALSE);
  vhu_driver_queue_set_use_call_fd (test->queue, FALSE);
  g_assert_true (vhu_driver_queue_start (test->queue, &test->error));
  for (;;)
    {
      g_autoptr(FakeMessage) message = fake_backend_take (test->backend);

      if (message->header[0] == 12 || message->header[0] == 13)
        {
          g_assert_cmpmem (message->payload, message->header[2], &payload, 8);
          g_assert_cmpuint (message->n_fds, ==, 0);
        }
      if (message->header[0] == 13)
        break;
    }

  g_assert_false (vhu_driver_queue_wait (test->queue, 1, &test->error));
  g_assert_error (test->error, VHU_ERROR, VHU_ERROR_TIMED_OUT);
  g_clear_error (&test->error);
  fake_device_push (test, (guint32) fake_device_submit (test, 1, 0), 0);
  g_assert_true (vhu_driver_queue_wait (test->queue, 1, &test->error));
}

static void
test_waiting_has_an_end (FakeDevice    *test,
                         gconstpointer  unused)
{
  Events events;
  int id;

  start (test, &events, 0);
  id = fake_device_submit (test, 1, 1);
  signal_event (events.call);
  g_assert_false (vhu_driver_queue_wait (test->queue, 2, &test->error));
  g_assert_error (test->error, VHU_ERROR, VHU_ERROR_TIMED_OUT);
  g_clear_error (&test->error);
  /* Who does not wait does not want to be called. */
  g_assert_cmpuint (test->avail[0], ==, 1);

  fake_device_push (test, (guint32) id, 1);
  g_assert_true (vhu_driver_queue_wait (test->queue, 2, &test->error));
  fake_device_assert_pops (test, (guint) id, 1);

  fake_backend_hang_up (test->backend);
  g_assert_false (vhu_driver_queue_wait (test->queue, 5000, &test->error));
  g_assert_error (test->error, VHU_ERROR, VHU_ERROR_CLOSED);
  close_events (&events);
}

typedef struct
{
  FakeDevice *test;
  Events events;
} Device;

/* Answers one chain after the other with its own question, as long as the kick
 * descriptor says that there is one, until it reads "end". */
static gpointer
device_thread (gpointer data)
{
  Device *device = data;
  FakeDevice *test = device->test;
  gboolean is_over = FALSE;

  while (!is_over)
    {
      guint64 count;
      guint16 head;
      guint8 *question;
      guint8 *answer;
      FakeDesc *desc;

      while (__atomic_load_n (&test->avail[1], __ATOMIC_ACQUIRE) ==
             test->last_avail)
        if (read (device->events.kick, &count, sizeof count) < 0)
          g_thread_yield ();

      head = fake_device_pop (test);
      desc = &test->desc[head];
      question = vhu_frontend_get_host_pointer (test->frontend, desc->address,
                                                desc->length);
      answer = vhu_frontend_get_host_pointer
        (test->frontend, test->desc[desc->next].address, desc->length);
      is_over = memcmp (question, "end", 3) == 0;
      memcpy (answer, question, desc->length);
      fake_device_used_element (test, test->used[1])[0] = head;
      fake_device_used_element (test, test->used[1])[1] = desc->length;
      __atomic_store_n (&test->used[1], (guint16) (test->used[1] + 1),
                        __ATOMIC_SEQ_CST);
      signal_event (device->events.call);
    }
  return NULL;
}

static void
test_requests_are_served_by_another_thread (FakeDevice    *test,
                                            gconstpointer  unused)
{
  Device device = { test, { -1, -1, -1 } };
  GThread *thread;

  start (test, &device.events, 0);
  thread = g_thread_new ("device", device_thread, &device);
  for (guint i = 0; i <= 1000; i++)
    {
      g_autofree char *text = i < 1000 ? g_strdup_printf ("question %u", i)
                                       : g_strdup ("end");
      g_autoptr(GBytes) question = g_bytes_new (text, strlen (text));
      g_autoptr(GBytes) answer = vhu_driver_queue_request (test->queue,
                                                           question, 64,
                                                           &test->error);

      g_assert_no_error (test->error);
      g_assert_true (g_bytes_equal (answer, question));
    }
  g_thread_join (thread);
  close_events (&device.events);
}

/* The data path must cost next to nothing, or benchmarks measure it. Run with
 * -m perf. */
static void
test_performance (void)
{
  const VhuDriverSegment segments[3] = {
    { 0x1000, 16, 0 }, { 0x2000, 4096, 1 }, { 0x3000, 1, 1 },
  };
  const guint n_chains = g_test_perf () ? 20000000 : 200000;
  FakeDevice test = { 0 };
  double elapsed;
  guint32 length;
  guint id;

  fake_device_init (&test, 256, EVENT_IDX);
  g_test_timer_start ();
  for (guint i = 0; i < n_chains; i++)
    {
      id = (guint) vhu_driver_queue_submit (test.queue, segments, 3, NULL);
      vhu_driver_queue_kick (test.queue);
      fake_device_push (&test, id, 4097);
      if (!vhu_driver_queue_pop (test.queue, &id, &length))
        g_assert_not_reached ();
    }
  elapsed = g_test_timer_elapsed () * 1e9 / n_chains;
  g_test_minimized_result (elapsed, "%.1f ns for a chain of three", elapsed);
  fake_device_tear_down (&test, NULL);
}

#define ADD(name, features, function) \
  g_test_add ("/frontend/driver-queue-life/" name, FakeDevice, \
              GSIZE_TO_POINTER (features), fake_device_set_up, function, \
              fake_device_tear_down)

static void
add_life_tests (void)
{
  ADD ("a-start-tells-all", 0, test_a_start_tells_all);
  ADD ("a-queue-stops-and-goes-on", 0, test_a_queue_stops_and_goes_on);
  ADD ("polling-needs-no-descriptors", 0, test_polling_needs_no_descriptors);
  ADD ("waiting-has-an-end", 0, test_waiting_has_an_end);
  ADD ("requests-are-served-by-another-thread", 0,
       test_requests_are_served_by_another_thread);
  ADD ("requests-are-served-by-another-thread-with-event-idx", EVENT_IDX,
       test_requests_are_served_by_another_thread);
  g_test_add_func ("/frontend/driver-queue-life/performance", test_performance);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  ADD ("bytes-travel-both-ways", 0, test_bytes_travel_both_ways);
  ADD ("bytes-may-go-one-way", 0, test_bytes_may_go_one_way);
  ADD ("buffers-of-bytes-are-released", 0, test_buffers_of_bytes_are_released);
  add_life_tests ();

  return g_test_run ();
}
