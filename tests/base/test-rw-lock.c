/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-rw-lock-private.h"

#define N_ROUNDS 2000
#define N_READERS 3

typedef struct
{
  VhuRwLock lock;
  GMutex mutex;
  GString *order; /* one letter for each that got in */
} Test;

/* A thread that takes the lock, leaves its letter and lets go. */
typedef struct
{
  Test *test;
  char letter;
  gboolean writes;
  GThread *thread;
} Visitor;

static void
set_up (Test          *test,
        gconstpointer  unused)
{
  vhu_rw_lock_init (&test->lock);
  g_mutex_init (&test->mutex);
  test->order = g_string_new (NULL);
}

static void
tear_down (Test          *test,
           gconstpointer  unused)
{
  g_string_free (test->order, TRUE);
  g_mutex_clear (&test->mutex);
  vhu_rw_lock_clear (&test->lock);
}

static void
leave_letter (Visitor *visitor)
{
  g_mutex_lock (&visitor->test->mutex);
  g_string_append_c (visitor->test->order, visitor->letter);
  g_mutex_unlock (&visitor->test->mutex);
}

static gpointer
visit (gpointer user_data)
{
  Visitor *visitor = user_data;
  VhuRwLock *lock = &visitor->test->lock;

  if (visitor->writes)
    {
      vhu_rw_lock_writer_lock (lock);
      leave_letter (visitor);
      vhu_rw_lock_writer_unlock (lock);
    }
  else
    {
      vhu_rw_lock_reader_lock (lock);
      leave_letter (visitor);
      vhu_rw_lock_reader_unlock (lock);
    }
  return NULL;
}

static guint64
count_visitors (VhuRwLock *lock)
{
  guint64 n;

  g_mutex_lock (&lock->mutex);
  n = lock->next_ticket + lock->n_waiting_readers;
  g_mutex_unlock (&lock->mutex);
  return n;
}

/* Returns when the thread waits for the lock. */
static void
start_and_let_wait (Visitor *visitor)
{
  guint64 n = count_visitors (&visitor->test->lock);

  visitor->thread = g_thread_new ("visitor", visit, visitor);
  while (count_visitors (&visitor->test->lock) == n)
    g_thread_yield ();
}

static void
join_all (Visitor *visitors,
          guint    n)
{
  for (guint i = 0; i < n; i++)
    g_thread_join (visitors[i].thread);
}

static void
test_readers_share (Test          *test,
                    gconstpointer  unused)
{
  Visitor reader = { test, 'r', FALSE };

  vhu_rw_lock_reader_lock (&test->lock);
  reader.thread = g_thread_new ("visitor", visit, &reader);
  join_all (&reader, 1);
  g_assert_cmpstr (test->order->str, ==, "r");
  vhu_rw_lock_reader_unlock (&test->lock);
}

static void
test_waiting_writer_goes_before_new_readers (Test          *test,
                                             gconstpointer  unused)
{
  Visitor visitors[] = { { test, 'w', TRUE }, { test, 'r', FALSE } };

  vhu_rw_lock_reader_lock (&test->lock);
  start_and_let_wait (&visitors[0]);
  start_and_let_wait (&visitors[1]);
  g_assert_cmpstr (test->order->str, ==, "");
  vhu_rw_lock_reader_unlock (&test->lock);

  join_all (visitors, 2);
  g_assert_cmpstr (test->order->str, ==, "wr");
}

static void
test_waiting_readers_go_before_the_next_writer (Test          *test,
                                                gconstpointer  unused)
{
  Visitor visitors[] = {
    { test, 'w', TRUE }, { test, 'r', FALSE }, { test, 'r', FALSE },
  };

  vhu_rw_lock_writer_lock (&test->lock);
  for (guint i = 0; i < G_N_ELEMENTS (visitors); i++)
    start_and_let_wait (&visitors[i]);
  g_assert_cmpstr (test->order->str, ==, "");
  vhu_rw_lock_writer_unlock (&test->lock);

  join_all (visitors, G_N_ELEMENTS (visitors));
  g_assert_cmpstr (test->order->str, ==, "rrw");
}

static void
test_writers_go_in_order (Test          *test,
                          gconstpointer  unused)
{
  Visitor visitors[] = {
    { test, 'a', TRUE }, { test, 'b', TRUE }, { test, 'c', TRUE }, { test, 'd', TRUE },
  };

  vhu_rw_lock_writer_lock (&test->lock);
  for (guint i = 0; i < G_N_ELEMENTS (visitors); i++)
    start_and_let_wait (&visitors[i]);
  vhu_rw_lock_writer_unlock (&test->lock);

  join_all (visitors, G_N_ELEMENTS (visitors));
  g_assert_cmpstr (test->order->str, ==, "abcd");
}

/* Everybody goes on until the last one has had its rounds. */
typedef struct
{
  VhuRwLock lock;
  int n_unfinished; /* atomic */
  int n_inside;     /* atomic; a writer counts 1000 */
} Crowd;

static void
check_and_leave (Crowd *crowd,
                 int    weight)
{
  int inside = g_atomic_int_add (&crowd->n_inside, weight);

  if (weight > 1)
    g_assert_cmpint (inside, ==, 0);
  else
    g_assert_cmpint (inside, <, 1000);
  g_thread_yield ();
  g_atomic_int_add (&crowd->n_inside, -weight);
}

static gpointer
read_again_and_again (gpointer user_data)
{
  Crowd *crowd = user_data;

  for (guint i = 0; g_atomic_int_get (&crowd->n_unfinished) > 0; i++)
    {
      vhu_rw_lock_reader_lock (&crowd->lock);
      check_and_leave (crowd, 1);
      vhu_rw_lock_reader_unlock (&crowd->lock);
      if (i == N_ROUNDS)
        g_atomic_int_add (&crowd->n_unfinished, -1);
    }
  return NULL;
}

static gpointer
write_again_and_again (gpointer user_data)
{
  Crowd *crowd = user_data;

  for (guint i = 0; g_atomic_int_get (&crowd->n_unfinished) > 0; i++)
    {
      vhu_rw_lock_writer_lock (&crowd->lock);
      check_and_leave (crowd, 1000);
      vhu_rw_lock_writer_unlock (&crowd->lock);
      if (i == N_ROUNDS)
        g_atomic_int_add (&crowd->n_unfinished, -1);
    }
  return NULL;
}

static void
test_nobody_starves (gconstpointer user_data)
{
  const guint n_writers = GPOINTER_TO_UINT (user_data);
  Crowd crowd = { .n_unfinished = N_READERS + n_writers };
  GThread *threads[N_READERS + 2];

  vhu_rw_lock_init (&crowd.lock);
  for (guint i = 0; i < N_READERS + n_writers; i++)
    threads[i] = g_thread_new ("visitor",
                               i < N_READERS ? read_again_and_again
                                             : write_again_and_again,
                               &crowd);
  for (guint i = 0; i < N_READERS + n_writers; i++)
    g_thread_join (threads[i]);

  g_assert_cmpint (crowd.n_inside, ==, 0);
  vhu_rw_lock_clear (&crowd.lock);
}

#define ADD_TEST(path, func) \
  g_test_add ("/base/rw-lock/" path, Test, NULL, set_up, func, tear_down)

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  ADD_TEST ("readers-share", test_readers_share);
  ADD_TEST ("waiting-writer-goes-before-new-readers",
            test_waiting_writer_goes_before_new_readers);
  ADD_TEST ("waiting-readers-go-before-the-next-writer",
            test_waiting_readers_go_before_the_next_writer);
  ADD_TEST ("writers-go-in-order", test_writers_go_in_order);
  g_test_add_data_func ("/base/rw-lock/one-writer-and-readers-do-not-starve",
                        GUINT_TO_POINTER (1), test_nobody_starves);
  g_test_add_data_func ("/base/rw-lock/two-writers-and-readers-do-not-starve",
                        GUINT_TO_POINTER (2), test_nobody_starves);

  return g_test_run ();
}
