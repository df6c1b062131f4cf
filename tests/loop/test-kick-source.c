/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-kick-source-private.h"

#include <sys/eventfd.h>
#include <time.h>

#include "vhu-fd-private.h"

#define N_MANY 64
#define N_WAKERS 4
#define N_WAKES 20000

typedef struct _Test Test;

/* A watch as the session has one, on an eventfd of which the front-end keeps
 * its own descriptor. */
typedef struct
{
  Test *test;
  VhuKickWatch *watch;
  int peer_fd;
  guint n_dispatched;
  guint n_died;
  guint n_peeked;
  guint n_left; /* marks itself ready as long as this is not 0 */
  int work;     /* atomic: found by peek, taken by dispatch */
  guint n_work_found;
  VhuKickWatch **victim;
  gboolean destroy_source;
} Queue;

struct _Test
{
  GMainContext *context;
  GSource *source;
  guint n_other;
  Queue queues[N_MANY];
};

static void
queue_dispatch (gpointer user_data)
{
  Queue *queue = user_data;

  queue->n_dispatched++;
  if (g_atomic_int_exchange (&queue->work, FALSE))
    queue->n_work_found++;

  if (queue->n_left > 0)
    {
      queue->n_left--;
      vhu_kick_watch_mark_ready (queue->watch);
    }

  if (queue->victim != NULL)
    g_clear_pointer (queue->victim, vhu_kick_watch_free);
  if (queue->destroy_source)
    g_source_destroy (queue->test->source);
}

static gboolean
queue_peek (gpointer user_data)
{
  Queue *queue = user_data;

  queue->n_peeked++;
  return g_atomic_int_get (&queue->work);
}

static void
queue_died (gpointer user_data)
{
  Queue *queue = user_data;

  queue->n_died++;
}

static const VhuKickFuncs queue_funcs = {
  .dispatch = queue_dispatch,
  .peek = queue_peek,
  .died = queue_died,
};

static VhuEvent *
make_event (int *peer_fd)
{
  g_autoptr(GError) error = NULL;
  VhuEvent *event;

  *peer_fd = eventfd (0, EFD_CLOEXEC);
  g_assert_cmpint (*peer_fd, >=, 0);
  event = vhu_event_new_take (vhu_dup_fd (*peer_fd), VHU_EVENT_READ, &error);
  g_assert_no_error (error);
  return event;
}

static void
set_event (Queue    *queue,
           VhuEvent *event)
{
  g_autoptr(GError) error = NULL;

  g_assert_true (vhu_kick_watch_set_event (queue->watch, event, &error));
  g_assert_no_error (error);
}

static void
give_new_eventfd (Queue *queue)
{
  g_autoptr(VhuEvent) event = NULL;

  vhu_clear_fd (&queue->peer_fd);
  event = make_event (&queue->peer_fd);
  set_event (queue, event);
}

static void
add_queue (Test  *test,
           Queue *queue)
{
  queue->test = test;
  queue->watch = vhu_kick_watch_new (test->source, &queue_funcs, queue);
  give_new_eventfd (queue);
}

static void
kick_fd (int fd)
{
  const guint64 one = 1;

  g_assert_cmpint (write (fd, &one, sizeof one), ==, sizeof one);
}

static guint
iterate (Test *test)
{
  guint n = 0;

  while (g_main_context_iteration (test->context, FALSE))
    n++;
  return n;
}

static void
test_set_up (Test          *test,
             gconstpointer  unused)
{
  g_autoptr(GError) error = NULL;

  test->context = g_main_context_new ();
  test->source = vhu_kick_source_new ("test-kicks", &error);
  g_assert_no_error (error);
  for (guint i = 0; i < N_MANY; i++)
    test->queues[i].peer_fd = -1;
}

static void
test_tear_down (Test          *test,
                gconstpointer  unused)
{
  for (guint i = 0; i < N_MANY; i++)
    {
      g_clear_pointer (&test->queues[i].watch, vhu_kick_watch_free);
      vhu_clear_fd (&test->queues[i].peer_fd);
    }
  g_source_destroy (test->source);
  g_source_unref (test->source);
  g_main_context_unref (test->context);
}

static void
test_kick_before_attach_is_seen (Test          *test,
                                 gconstpointer  unused)
{
  Queue *queue = &test->queues[0];

  add_queue (test, queue);
  kick_fd (queue->peer_fd);
  g_source_attach (test->source, test->context);

  iterate (test);
  g_assert_cmpuint (queue->n_dispatched, ==, 1);
  g_assert_cmpstr (g_source_get_name (test->source), ==, "test-kicks");
}

static void
test_each_kick_reaches_its_own_watch (Test          *test,
                                      gconstpointer  unused)
{
  g_source_attach (test->source, test->context);
  for (guint i = 0; i < N_MANY; i++)
    add_queue (test, &test->queues[i]);

  for (guint i = 0; i < N_MANY; i++)
    {
      kick_fd (test->queues[i].peer_fd);
      iterate (test);
      for (guint j = 0; j < N_MANY; j++)
        g_assert_cmpuint (test->queues[j].n_dispatched, ==, j <= i ? 1 : 0);
    }

  for (guint i = 0; i < N_MANY; i++)
    kick_fd (test->queues[i].peer_fd);
  iterate (test);
  for (guint i = 0; i < N_MANY; i++)
    g_assert_cmpuint (test->queues[i].n_dispatched, ==, 2);
}

static void
test_kick_is_read_before_the_look (Test          *test,
                                   gconstpointer  unused)
{
  Queue *queue = &test->queues[0];
  guint64 count;

  add_queue (test, queue);
  g_source_attach (test->source, test->context);
  kick_fd (queue->peer_fd);
  kick_fd (queue->peer_fd);
  iterate (test);

  g_assert_cmpuint (queue->n_dispatched, ==, 1);
  g_assert_cmpint (fcntl (queue->peer_fd, F_SETFL, O_NONBLOCK), ==, 0);
  g_assert_cmpint (read (queue->peer_fd, &count, sizeof count), <, 0);
  g_assert_cmpint (errno, ==, EAGAIN);
}

static void
test_count_read_by_the_peer_does_no_harm (Test          *test,
                                          gconstpointer  unused)
{
  Queue *queue = &test->queues[0];
  Queue *thief = &test->queues[1];
  g_autoptr(VhuEvent) same = NULL;
  g_autoptr(GError) error = NULL;

  /* Two watches on one description: the first one to be drained leaves the other
   * with EAGAIN, in one and the same dispatch. */
  add_queue (test, queue);
  add_queue (test, thief);
  same = vhu_event_new_take (vhu_dup_fd (queue->peer_fd), VHU_EVENT_READ, &error);
  g_assert_no_error (error);
  set_event (thief, same);
  g_source_attach (test->source, test->context);

  kick_fd (queue->peer_fd);
  iterate (test);
  kick_fd (queue->peer_fd);
  iterate (test);

  g_assert_cmpuint (queue->n_dispatched, ==, 2);
  g_assert_cmpuint (thief->n_dispatched, ==, 2);
  g_assert_cmpuint (queue->n_died + thief->n_died, ==, 0);
}

static void
test_watch_goes_in_a_callback (Test          *test,
                               gconstpointer  unused)
{
  g_source_attach (test->source, test->context);
  for (guint i = 0; i < 3; i++)
    {
      add_queue (test, &test->queues[i]);
      kick_fd (test->queues[i].peer_fd);
    }

  /* The first one to run takes the next one with it, which was kicked too; the
   * third one takes itself. */
  test->queues[0].victim = &test->queues[1].watch;
  test->queues[1].victim = &test->queues[0].watch;
  test->queues[2].victim = &test->queues[2].watch;
  vhu_kick_watch_mark_ready (test->queues[2].watch);
  vhu_kick_watch_wake (test->queues[1].watch);
  vhu_kick_watch_wake (test->queues[0].watch);
  iterate (test);

  g_assert_cmpuint (test->queues[0].n_dispatched + test->queues[1].n_dispatched, ==, 1);
  g_assert_cmpuint (test->queues[2].n_dispatched, ==, 1);
  g_assert_null (test->queues[2].watch);

  for (guint i = 0; i < 3; i++)
    kick_fd (test->queues[i].peer_fd);
  iterate (test);
  g_assert_cmpuint (test->queues[2].n_dispatched, ==, 1);
}

static void
test_woken_watch_can_go (Test          *test,
                         gconstpointer  unused)
{
  g_source_attach (test->source, test->context);
  add_queue (test, &test->queues[0]);
  add_queue (test, &test->queues[1]);

  vhu_kick_watch_wake (test->queues[0].watch);
  vhu_kick_watch_wake (test->queues[1].watch);
  g_clear_pointer (&test->queues[0].watch, vhu_kick_watch_free);
  iterate (test);

  g_assert_cmpuint (test->queues[0].n_dispatched, ==, 0);
  g_assert_cmpuint (test->queues[1].n_dispatched, ==, 1);
}

static void
test_source_goes_in_a_callback (Test          *test,
                                gconstpointer  unused)
{
  g_source_attach (test->source, test->context);
  for (guint i = 0; i < 2; i++)
    {
      add_queue (test, &test->queues[i]);
      test->queues[i].destroy_source = TRUE;
      kick_fd (test->queues[i].peer_fd);
    }
  iterate (test);

  g_assert_cmpuint (test->queues[0].n_dispatched + test->queues[1].n_dispatched, ==, 1);
}

static gboolean
other_source_cb (gpointer user_data)
{
  Test *test = user_data;

  test->n_other++;
  return G_SOURCE_CONTINUE;
}

static GSource *
add_other_source (Test *test)
{
  GSource *other = g_idle_source_new ();

  g_source_set_priority (other, G_PRIORITY_DEFAULT);
  g_source_set_static_name (other, "test-other");
  g_source_set_callback (other, other_source_cb, test, NULL);
  g_source_attach (other, test->context);
  return other;
}

static void
test_ready_watches_and_others_take_turns (Test          *test,
                                          gconstpointer  unused)
{
  g_autoptr(GSource) other = add_other_source (test);

  g_source_attach (test->source, test->context);
  for (guint i = 0; i < 3; i++)
    {
      add_queue (test, &test->queues[i]);
      test->queues[i].n_left = G_MAXUINT;
      vhu_kick_watch_mark_ready (test->queues[i].watch);
    }

  for (guint i = 1; i <= 100; i++)
    {
      g_main_context_iteration (test->context, FALSE);
      for (guint j = 0; j < 3; j++)
        g_assert_cmpuint (test->queues[j].n_dispatched, ==, i);
      g_assert_cmpuint (test->n_other, ==, i);
    }

  /* Nor does a kick have to wait for those that always have work. */
  add_queue (test, &test->queues[3]);
  kick_fd (test->queues[3].peer_fd);
  g_main_context_iteration (test->context, FALSE);
  g_assert_cmpuint (test->queues[3].n_dispatched, ==, 1);

  g_source_destroy (other);
}

static void
test_mark_ready_counts_once (Test          *test,
                             gconstpointer  unused)
{
  Queue *queue = &test->queues[0];

  add_queue (test, queue);
  g_source_attach (test->source, test->context);
  vhu_kick_watch_mark_ready (queue->watch);
  vhu_kick_watch_mark_ready (queue->watch);
  kick_fd (queue->peer_fd);
  iterate (test);

  g_assert_cmpuint (queue->n_dispatched, ==, 1);
}

static void
test_idle_source_sleeps (Test          *test,
                         gconstpointer  unused)
{
  Queue *queue = &test->queues[0];

  add_queue (test, queue);
  vhu_kick_source_set_poll_us (test->source, 50);
  g_source_attach (test->source, test->context);
  kick_fd (queue->peer_fd);
  vhu_kick_watch_wake (queue->watch);
  iterate (test);

  g_assert_false (g_main_context_pending (test->context));
}

static void
test_closed_pipe_dies_once (Test          *test,
                            gconstpointer  unused)
{
  g_autoptr(VhuEvent) event = NULL;
  g_autoptr(GError) error = NULL;
  Queue *queue = &test->queues[0];
  int fds[2];

  g_source_attach (test->source, test->context);
  add_queue (test, queue);
  g_assert_cmpint (pipe2 (fds, O_CLOEXEC), ==, 0);
  event = vhu_event_new_take (fds[0], VHU_EVENT_READ, &error);
  g_assert_no_error (error);
  set_event (queue, event);

  kick_fd (fds[1]);
  iterate (test);
  g_assert_cmpuint (queue->n_dispatched, ==, 1);
  g_assert_cmpuint (queue->n_died, ==, 0);

  close (fds[1]);
  g_assert_cmpuint (iterate (test), <=, 2);
  g_assert_cmpuint (queue->n_died, ==, 1);

  give_new_eventfd (queue);
  kick_fd (queue->peer_fd);
  iterate (test);
  g_assert_cmpuint (queue->n_dispatched, ==, 2);
  g_assert_cmpuint (queue->n_died, ==, 1);
}

static void
test_new_descriptor_replaces_the_old (Test          *test,
                                      gconstpointer  unused)
{
  Queue *queue = &test->queues[0];
  vhu_autofd int old_fd = -1;

  g_source_attach (test->source, test->context);
  add_queue (test, queue);
  old_fd = vhu_steal_fd (&queue->peer_fd);
  give_new_eventfd (queue);

  kick_fd (old_fd);
  iterate (test);
  g_assert_cmpuint (queue->n_dispatched, ==, 0);

  kick_fd (queue->peer_fd);
  iterate (test);
  g_assert_cmpuint (queue->n_dispatched, ==, 1);

  set_event (queue, NULL);
  kick_fd (queue->peer_fd);
  iterate (test);
  g_assert_cmpuint (queue->n_dispatched, ==, 1);
}

static void
test_refused_descriptor_keeps_the_old (Test          *test,
                                       gconstpointer  unused)
{
  g_autoptr(VhuEvent) other = NULL;
  g_autoptr(GError) error = NULL;
  Queue *queue = &test->queues[0];
  int other_peer_fd;

  g_source_attach (test->source, test->context);
  add_queue (test, queue);
  add_queue (test, &test->queues[1]);
  other = make_event (&other_peer_fd);
  set_event (&test->queues[1], other);

  g_assert_false (vhu_kick_watch_set_event (queue->watch, other, &error));
  g_assert_nonnull (error);
  kick_fd (queue->peer_fd);
  iterate (test);
  g_assert_cmpuint (queue->n_dispatched, ==, 1);
  close (other_peer_fd);
}

/* Each waker says what it published, wakes, and waits until it was seen: a lost
 * wake-up hangs the test. */
typedef struct
{
  Queue *queue;
  VhuKickWatch *watch;
  int *n_running;
} Waker;

static gpointer
wake_many_times (gpointer user_data)
{
  Waker *waker = user_data;

  for (guint i = 0; i < N_WAKES; i++)
    {
      g_atomic_int_set (&waker->queue->work, TRUE);
      vhu_kick_watch_wake (waker->watch);
      if (i % 4 == 0)
        while (g_atomic_int_get (&waker->queue->work))
          g_thread_yield ();
    }

  g_atomic_int_add (waker->n_running, -1);
  vhu_kick_watch_wake (waker->watch);
  return NULL;
}

static void
wake_from_threads (Test     *test,
                   gboolean  one_watch)
{
  Waker wakers[N_WAKERS];
  GThread *threads[N_WAKERS];
  int n_running = N_WAKERS;

  g_source_attach (test->source, test->context);
  for (guint i = 0; i < N_WAKERS; i++)
    add_queue (test, &test->queues[i]);
  for (guint i = 0; i < N_WAKERS; i++)
    {
      Queue *queue = &test->queues[one_watch ? 0 : i];

      wakers[i] = (Waker) { queue, queue->watch, &n_running };
      threads[i] = g_thread_new ("waker", wake_many_times, &wakers[i]);
    }

  while (g_atomic_int_get (&n_running) > 0)
    g_main_context_iteration (test->context, TRUE);
  for (guint i = 0; i < N_WAKERS; i++)
    g_thread_join (threads[i]);
  iterate (test);

  for (guint i = 0; i < N_WAKERS; i++)
    g_assert_false (g_atomic_int_get (&test->queues[i].work));
  g_assert_cmpuint (test->queues[0].n_work_found, >=, N_WAKES / 4);
}

static void
test_no_wake_is_lost (Test          *test,
                      gconstpointer  unused)
{
  wake_from_threads (test, FALSE);
}

static void
test_no_wake_of_one_watch_is_lost (Test          *test,
                                   gconstpointer  unused)
{
  wake_from_threads (test, TRUE);
}

static void
test_no_wake_is_lost_while_polling (Test          *test,
                                    gconstpointer  unused)
{
  vhu_kick_source_set_poll_us (test->source, 20);
  wake_from_threads (test, FALSE);
}

static void
kick_and_iterate (Test  *test,
                  Queue *queue,
                  guint  n)
{
  for (guint i = 0; i < n; i++)
    {
      kick_fd (queue->peer_fd);
      iterate (test);
    }
}

/* A driver that puts more into the queue as soon as it was emptied, and does not
 * kick. */
static void
refilled_dispatch (gpointer user_data)
{
  Queue *queue = user_data;

  queue->n_dispatched++;
  if (g_atomic_int_exchange (&queue->work, FALSE))
    queue->n_work_found++;
  if (queue->n_left > 0)
    {
      queue->n_left--;
      g_atomic_int_set (&queue->work, TRUE);
    }
}

static const VhuKickFuncs refilled_funcs = {
  .dispatch = refilled_dispatch,
  .peek = queue_peek,
};

static void
test_polling_finds_work_without_a_kick (Test          *test,
                                        gconstpointer  unused)
{
  Queue *queue = &test->queues[0];

  vhu_kick_source_set_poll_us (test->source, 50);
  g_source_attach (test->source, test->context);
  queue->test = test;
  queue->watch = vhu_kick_watch_new (test->source, &refilled_funcs, queue);
  give_new_eventfd (queue);

  /* On a loaded machine the kicks may seem rare now and then. */
  for (guint i = 0; i < 1000 && queue->n_work_found == 0; i++)
    {
      g_atomic_int_set (&queue->work, FALSE);
      queue->n_left = 1;
      kick_and_iterate (test, queue, 1);
    }

  g_assert_cmpuint (queue->n_work_found, >, 0);
}

static void
test_no_polling_means_no_look (Test          *test,
                               gconstpointer  unused)
{
  Queue *queue = &test->queues[0];

  g_source_attach (test->source, test->context);
  add_queue (test, queue);
  kick_and_iterate (test, queue, 10);

  g_assert_cmpuint (queue->n_dispatched, ==, 10);
  g_assert_cmpuint (queue->n_peeked, ==, 0);
}

static void
wait_us (gint64 duration)
{
  const gint64 end = g_get_monotonic_time () + duration;

  while (g_get_monotonic_time () < end)
    ;
}

static void
test_polling_gives_up_when_kicks_are_rare (Test          *test,
                                           gconstpointer  unused)
{
  Queue *queue = &test->queues[0];
  guint n_peeked;

  vhu_kick_source_set_poll_us (test->source, 20);
  g_source_attach (test->source, test->context);
  add_queue (test, queue);
  for (guint i = 0; i < 1000 && queue->n_peeked == 0; i++)
    kick_and_iterate (test, queue, 1);
  g_assert_cmpuint (queue->n_peeked, >, 0);

  for (guint i = 0; i < 10; i++)
    {
      wait_us (1000);
      kick_and_iterate (test, queue, 1);
    }

  n_peeked = queue->n_peeked;
  wait_us (1000);
  kick_and_iterate (test, queue, 1);
  g_assert_cmpuint (queue->n_peeked, ==, n_peeked);
}

static void
test_polling_lets_others_run (Test          *test,
                              gconstpointer  unused)
{
  g_autoptr(GSource) other = add_other_source (test);
  Queue *queue = &test->queues[0];

  vhu_kick_source_set_poll_us (test->source, 100);
  g_source_attach (test->source, test->context);
  queue->test = test;
  queue->watch = vhu_kick_watch_new (test->source, &refilled_funcs, queue);
  queue->n_left = G_MAXUINT;
  vhu_kick_watch_mark_ready (queue->watch);

  for (guint i = 1; i <= 100; i++)
    {
      g_main_context_iteration (test->context, FALSE);
      g_assert_cmpuint (test->n_other, ==, i);
      vhu_kick_watch_mark_ready (queue->watch);
    }

  g_source_destroy (other);
}

static void
nest_cb (gpointer user_data)
{
  Queue *queue = user_data;

  queue->n_dispatched++;
  if (queue->n_dispatched > 1)
    return;

  kick_fd (queue->peer_fd);
  kick_fd (queue[1].peer_fd);
  iterate (queue->test);

  /* The other queue was served, this one not: it is in use. */
  g_assert_cmpuint (queue[1].n_dispatched, ==, 1);
  g_assert_cmpuint (queue->n_dispatched, ==, 1);
}

static void
test_nested_loop_serves_other_watches_only (Test          *test,
                                            gconstpointer  unused)
{
  static const VhuKickFuncs funcs = { .dispatch = nest_cb };
  Queue *queue = &test->queues[0];

  g_source_attach (test->source, test->context);
  queue->test = test;
  queue->watch = vhu_kick_watch_new (test->source, &funcs, queue);
  give_new_eventfd (queue);
  add_queue (test, &test->queues[1]);

  kick_fd (queue->peer_fd);
  iterate (test);
  g_assert_cmpuint (queue->n_dispatched, ==, 2);
  g_assert_cmpuint (test->queues[1].n_dispatched, ==, 1);
}

static void
test_watch_outlives_its_source (Test          *test,
                                gconstpointer  unused)
{
  Queue *queue = &test->queues[0];

  g_source_attach (test->source, test->context);
  add_queue (test, queue);
  g_source_destroy (test->source);

  vhu_kick_watch_wake (queue->watch);
  vhu_kick_watch_mark_ready (queue->watch);
  give_new_eventfd (queue);
  kick_fd (queue->peer_fd);
  iterate (test);
  g_assert_cmpuint (queue->n_dispatched, ==, 0);
}

#define ADD_TEST(path, func) \
  g_test_add ("/loop/kick-source/" path, Test, NULL, test_set_up, func, test_tear_down)

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  ADD_TEST ("kick-before-attach-is-seen", test_kick_before_attach_is_seen);
  ADD_TEST ("each-kick-reaches-its-own-watch", test_each_kick_reaches_its_own_watch);
  ADD_TEST ("kick-is-read-before-the-look", test_kick_is_read_before_the_look);
  ADD_TEST ("count-read-by-the-peer-does-no-harm",
            test_count_read_by_the_peer_does_no_harm);
  ADD_TEST ("watch-goes-in-a-callback", test_watch_goes_in_a_callback);
  ADD_TEST ("woken-watch-can-go", test_woken_watch_can_go);
  ADD_TEST ("source-goes-in-a-callback", test_source_goes_in_a_callback);
  ADD_TEST ("ready-watches-and-others-take-turns",
            test_ready_watches_and_others_take_turns);
  ADD_TEST ("mark-ready-counts-once", test_mark_ready_counts_once);
  ADD_TEST ("idle-source-sleeps", test_idle_source_sleeps);
  ADD_TEST ("closed-pipe-dies-once", test_closed_pipe_dies_once);
  ADD_TEST ("new-descriptor-replaces-the-old", test_new_descriptor_replaces_the_old);
  ADD_TEST ("refused-descriptor-keeps-the-old", test_refused_descriptor_keeps_the_old);
  ADD_TEST ("no-wake-is-lost", test_no_wake_is_lost);
  ADD_TEST ("no-wake-of-one-watch-is-lost", test_no_wake_of_one_watch_is_lost);
  ADD_TEST ("no-wake-is-lost-while-polling", test_no_wake_is_lost_while_polling);
  ADD_TEST ("polling-finds-work-without-a-kick",
            test_polling_finds_work_without_a_kick);
  ADD_TEST ("no-polling-means-no-look", test_no_polling_means_no_look);
  ADD_TEST ("polling-gives-up-when-kicks-are-rare",
            test_polling_gives_up_when_kicks_are_rare);
  ADD_TEST ("polling-lets-others-run", test_polling_lets_others_run);
  ADD_TEST ("nested-loop-serves-other-watches-only",
            test_nested_loop_serves_other_watches_only);
  ADD_TEST ("watch-outlives-its-source", test_watch_outlives_its_source);

  return g_test_run ();
}
