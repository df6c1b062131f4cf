/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vhu-error.h"
#include "vhu-fd-private.h"
#include "vhu-test-driver.h"

#define N_THREADS 4
#define SIZE 256
#define QUESTION_SIZE 16

/* A queue of chains between the ring's thread and the others. It is made of
 * pthreads' locks, which the thread sanitizer knows. */
typedef struct
{
  pthread_mutex_t mutex;
  pthread_cond_t cond;
  VhuChain *chains[SIZE];
  guint n;
  gboolean is_closed;
} Basket;

static void
basket_init (Basket *self)
{
  *self = (Basket) { 0 };
  pthread_mutex_init (&self->mutex, NULL);
  pthread_cond_init (&self->cond, NULL);
}

static void
basket_clear (Basket *self)
{
  g_assert_cmpuint (self->n, ==, 0);
  pthread_mutex_destroy (&self->mutex);
  pthread_cond_destroy (&self->cond);
}

static void
basket_put (Basket   *self,
            VhuChain *chain)
{
  pthread_mutex_lock (&self->mutex);
  g_assert_cmpuint (self->n, <, SIZE);
  self->chains[self->n++] = chain;
  pthread_cond_signal (&self->cond);
  pthread_mutex_unlock (&self->mutex);
}

static void
basket_close (Basket *self)
{
  pthread_mutex_lock (&self->mutex);
  self->is_closed = TRUE;
  pthread_cond_broadcast (&self->cond);
  pthread_mutex_unlock (&self->mutex);
}

/* NULL once it is closed and empty. */
static VhuChain *
basket_take (Basket *self)
{
  VhuChain *chain = NULL;

  pthread_mutex_lock (&self->mutex);
  while (self->n == 0 && !self->is_closed)
    pthread_cond_wait (&self->cond, &self->mutex);
  if (self->n > 0)
    chain = self->chains[--self->n];
  pthread_mutex_unlock (&self->mutex);
  return chain;
}

typedef struct
{
  TestDriver *driver;
  Basket basket;
  pthread_t threads[N_THREADS];
  int wake_fd;
  guint n_completed; /* atomic */
} Workshop;

static void
wake_cb (gpointer user_data)
{
  Workshop *self = user_data;

  g_assert_cmpint (eventfd_write (self->wake_fd, 1), ==, 0);
}

static void
workshop_init (Workshop *self,
               void     *(*work) (void *))
{
  self->n_completed = 0;
  self->driver = test_driver_new (SIZE, TEST_FEATURE (EVENT_IDX), 65000);
  self->wake_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  self->driver->wake = wake_cb;
  self->driver->user_data = self;
  basket_init (&self->basket);
  for (guint i = 0; i < N_THREADS; i++)
    g_assert_cmpint (pthread_create (&self->threads[i], NULL, work, self), ==, 0);
}

static void
workshop_join (Workshop *self)
{
  basket_close (&self->basket);
  for (guint i = 0; i < N_THREADS; i++)
    pthread_join (self->threads[i], NULL);
}

static void
workshop_clear (Workshop *self)
{
  basket_clear (&self->basket);
  test_driver_free (self->driver);
  close (self->wake_fd);
}

/* The others ended something, or will. */
static void
workshop_wait (Workshop *self)
{
  struct pollfd pfd = { .fd = self->wake_fd, .events = POLLIN };
  eventfd_t value;

  g_assert_cmpint (poll (&pfd, 1, 30000), ==, 1);
  eventfd_read (self->wake_fd, &value);
  vhu_vring_collect (self->driver->vring);
}

static VhuChain *
submit_and_pop (TestDriver *driver,
                guint       head)
{
  VhuChain *chain;

  test_driver_submit (driver, head);
  chain = vhu_vring_pop (driver->vring);
  g_assert_nonnull (chain);
  return chain;
}

/* Completions */

/* The question says what is to be done, the answer repeats it. */
static void
answer (VhuChain *chain)
{
  guint8 question[QUESTION_SIZE];

  g_assert_true (vhu_chain_read (chain, question, sizeof question, NULL));
  switch (question[0])
    {
    case 0:
      g_assert_true (vhu_chain_fail (chain, NULL));
      g_assert_false (vhu_chain_complete (chain, NULL));
      break;
    case 1:
      break;
    case 2:
      g_assert_true (vhu_chain_write (chain, question, sizeof question, NULL));
      g_assert_true (vhu_chain_complete_full (chain, sizeof question, NULL));
      break;
    default:
      g_assert_true (vhu_chain_write (chain, question, sizeof question, NULL));
      g_assert_true (vhu_chain_complete (chain, NULL));
      g_assert_false (vhu_chain_complete (chain, NULL));
    }
  vhu_chain_unref (chain);
}

static void *
answer_all (void *data)
{
  Workshop *self = data;
  VhuChain *chain;

  while ((chain = basket_take (&self->basket)) != NULL)
    answer (chain);
  return NULL;
}

static guint8 *
get_question (TestDriver *driver,
              guint       head)
{
  return test_driver_get_host (driver, TEST_FIRST_ADDRESS + 64 * head);
}

static void
ask (TestDriver *driver,
     guint       head)
{
  guint8 *question = get_question (driver, head);

  for (guint i = 0; i < QUESTION_SIZE; i++)
    question[i] = (guint8) g_test_rand_int_range (0, 256);
  if (g_test_rand_int_range (0, 4) == 0)
    question[0] %= 3;
  memset (question + 32, 0, QUESTION_SIZE);
  test_driver_submit (driver, head);
}

static void
check_answer (TestDriver *driver,
              guint       head,
              guint       length)
{
  guint8 *question = get_question (driver, head);

  if (question[0] < 2)
    g_assert_cmpuint (length, ==, 0);
  else
    g_assert_cmpmem (question + 32, length, question, QUESTION_SIZE);
}

static void
test_completions_from_four_threads (void)
{
  const guint n_total = g_test_slow () ? 1000000 : 100000;
  guint16 used_index = 65000;
  gboolean is_out[SIZE / 2] = { FALSE };
  guint n_asked = 0, n_answered = 0;
  Workshop shop;

  workshop_init (&shop, answer_all);
  while (n_answered < n_total)
    {
      VhuVring *vring = shop.driver->vring;
      VhuChain *chain;

      for (guint head = 0; head < SIZE / 2 && n_asked < n_total; head++)
        if (!is_out[head])
          {
            ask (shop.driver, head);
            is_out[head] = TRUE;
            n_asked++;
          }

      vhu_vring_begin_service (vring);
      while ((chain = vhu_vring_pop (vring)) != NULL)
        basket_put (&shop.basket, chain);
      vhu_vring_end_service (vring);

      if (test_driver_get_used_index (shop.driver) == used_index)
        workshop_wait (&shop);
      for (; used_index != test_driver_get_used_index (shop.driver); used_index++)
        {
          guint32 head, length;

          test_driver_get_used (shop.driver, used_index, &head, &length);
          g_assert_true (is_out[head]);
          is_out[head] = FALSE;
          check_answer (shop.driver, head, length);
          n_answered++;
        }
    }

  g_assert_cmpuint (vhu_vring_get_n_held (shop.driver->vring), ==, 0);
  g_assert_cmpuint (vhu_vring_get_n_completed (shop.driver->vring), ==, n_total);
  g_assert_cmpuint (vhu_vring_get_n_failed (shop.driver->vring), ==, shop.driver->n_fails);
  g_assert_cmpuint (shop.driver->n_broken, ==, 0);
  workshop_join (&shop);
  workshop_clear (&shop);
}

static void
test_wake_comes_once_until_collected (void)
{
  Workshop shop;

  workshop_init (&shop, answer_all);
  for (guint i = 0; i < 8; i++)
    {
      get_question (shop.driver, i)[0] = 3;
      basket_put (&shop.basket, submit_and_pop (shop.driver, i));
    }
  workshop_join (&shop);
  g_assert_cmpint (shop.driver->n_wakes, ==, 1);
  g_assert_true (vhu_vring_has_work (shop.driver->vring));
  g_assert_cmpuint (vhu_vring_get_n_held (shop.driver->vring), ==, 8);
  g_assert_cmpuint (test_driver_get_used_index (shop.driver), ==, 65000);

  workshop_wait (&shop);
  g_assert_cmpuint (vhu_vring_get_n_held (shop.driver->vring), ==, 0);
  g_assert_cmpuint (test_driver_get_used_index (shop.driver), ==, 65008);
  g_assert_false (vhu_vring_has_work (shop.driver->vring));
  workshop_clear (&shop);
}

static void *
complete_in_order (void *data)
{
  VhuChain **chains = data;

  for (guint i = 0; i < 16; i++)
    {
      g_assert_true (vhu_chain_complete (chains[i], NULL));
      vhu_chain_unref (chains[i]);
    }
  return NULL;
}

static void
test_order_of_one_thread_is_kept (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (SIZE, 0, 0);
  VhuChain *chains[16];
  pthread_t thread;

  for (guint i = 0; i < 16; i++)
    chains[i] = submit_and_pop (driver, (i * 7) % 16);
  g_assert_cmpint (pthread_create (&thread, NULL, complete_in_order, chains), ==, 0);
  pthread_join (thread, NULL);
  vhu_vring_collect (driver->vring);

  for (guint i = 0; i < 16; i++)
    {
      guint32 head, length;

      test_driver_get_used (driver, (guint16) i, &head, &length);
      g_assert_cmpuint (head, ==, (i * 7) % 16);
    }
}

static void *
drop_all (void *data)
{
  Workshop *self = data;
  VhuChain *chain;

  while ((chain = basket_take (&self->basket)) != NULL)
    vhu_chain_unref (chain);
  return NULL;
}

/* Handles of chains that ended are dropped elsewhere, and used again here. */
static void
test_ended_handles_dropped_elsewhere (void)
{
  Workshop shop;

  workshop_init (&shop, drop_all);
  for (guint n = 0; n < 20000; n++)
    {
      VhuChain *chain = submit_and_pop (shop.driver, n % (SIZE / 2));

      if (n % 64 == 0)
        {
          /* The basket has as many places as chains can be out. */
          workshop_join (&shop);
          basket_clear (&shop.basket);
          basket_init (&shop.basket);
          for (guint i = 0; i < N_THREADS; i++)
            pthread_create (&shop.threads[i], NULL, drop_all, &shop);
        }
      g_assert_true (vhu_chain_complete (chain, NULL));
      basket_put (&shop.basket, chain);
    }
  workshop_join (&shop);
  g_assert_cmpuint (vhu_vring_get_n_failed (shop.driver->vring), ==, 0);
  g_assert_cmpint (shop.driver->n_wakes, ==, 0);
  workshop_clear (&shop);
}

static void *
park_elsewhere (void *data)
{
  VhuChain *chain = data;
  g_autoptr(GError) error = NULL;

  g_assert_false (vhu_chain_park (chain, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_BAD_STATE);
  return NULL;
}

static void
test_no_parking_elsewhere (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (SIZE, 0, 0);
  VhuChain *chain = submit_and_pop (driver, 0);
  pthread_t thread;

  g_assert_cmpint (pthread_create (&thread, NULL, park_elsewhere, chain), ==, 0);
  pthread_join (thread, NULL);
  g_assert_true (vhu_chain_complete (chain, NULL));
  vhu_chain_unref (chain);
}

typedef struct
{
  VhuChain *chain;
  int go; /* atomic */
  guint n_completed;
} Race;

static void *
race_to_complete (void *data)
{
  Race *race = data;

  __atomic_store_n (&race->go, 1, __ATOMIC_RELEASE);
  race->n_completed += vhu_chain_complete (race->chain, NULL);
  vhu_chain_unref (race->chain);
  return NULL;
}

/* A device must not do this, and a ring must not be broken by it. */
static void
test_two_threads_complete_one_chain (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (SIZE, 0, 0);

  for (guint round = 0; round < 300; round++)
    {
      VhuChain *chain = submit_and_pop (driver, round % (SIZE / 2));
      Race race = { vhu_chain_ref (chain), 0, 0 };
      pthread_t thread;
      guint n_completed;

      g_assert_cmpint (pthread_create (&thread, NULL, race_to_complete, &race), ==, 0);
      while (__atomic_load_n (&race.go, __ATOMIC_ACQUIRE) == 0)
        sched_yield ();
      n_completed = vhu_chain_complete (chain, NULL);
      vhu_chain_unref (chain);
      pthread_join (thread, NULL);
      vhu_vring_collect (driver->vring);
      g_assert_cmpuint (n_completed + race.n_completed, ==, 1);
      g_assert_cmpuint (test_driver_get_used_index (driver), ==, (guint16) (round + 1));
      g_assert_cmpuint (vhu_vring_get_n_held (driver->vring), ==, 0);
    }
}

/* Sleeping */

/* Descriptors would make a thread sleep for real, and so seldom that the moment
 * in which a wake-up could get lost is never met: two flags are enough. */
typedef struct
{
  TestDriver *driver;
  int kicked; /* atomic */
  int called; /* atomic */
  int is_over; /* atomic */
  gint64 end;
} Sleepers;

/* Whoever waits for seconds was forgotten. */
static void
wait_for (int *flag)
{
  gint64 end = 0;

  for (guint n = 1; __atomic_exchange_n (flag, 0, __ATOMIC_ACQUIRE) == 0; n++)
    if (n % 256 == 0)
      {
        sched_yield ();
        if (end == 0)
          end = g_get_monotonic_time () + 20 * G_USEC_PER_SEC;
        g_assert_cmpint (g_get_monotonic_time (), <, end);
      }
}

static void
call_driver_cb (gpointer user_data)
{
  Sleepers *self = user_data;

  __atomic_store_n (&self->called, 1, __ATOMIC_RELEASE);
}

static void
think (GRand *random)
{
  for (int n = g_rand_int_range (random, 0, 64); n > 0; n--)
    __atomic_signal_fence (__ATOMIC_SEQ_CST);
}

/* Adds a chain or two, kicks if it is asked to, and sleeps if none has come
 * back. */
static void *
drive (void *data)
{
  Sleepers *self = data;
  TestDriver *driver = self->driver;
  const gboolean has_event_idx = (driver->setup.features & TEST_FEATURE (EVENT_IDX)) != 0;
  guint16 used = driver->avail_index;
  guint n_sent = 0, n_done = 0;
  g_autoptr(GRand) random = g_rand_new_with_seed (17);

  while (n_done < n_sent || g_get_monotonic_time () < self->end)
    {
      guint16 old = driver->avail_index;
      guint n = (guint) g_rand_int_range (random, 1, 3);

      if (n_done < n_sent && g_get_monotonic_time () >= self->end)
        n = 0;
      for (; n > 0 && n_sent - n_done < 4; n--, n_sent++)
        test_driver_add (driver, driver->avail_index % 4);
      test_driver_publish (driver);
      if (old != driver->avail_index && test_driver_wants_kick (driver, old))
        __atomic_store_n (&self->kicked, 1, __ATOMIC_RELEASE);

      /* The driver's half of the same promise: ask, fence, look again. */
      think (random);
      if (has_event_idx)
        test_driver_set_used_event (driver, used);
      else
        test_driver_set_avail_flags (driver, 0);
      __atomic_thread_fence (__ATOMIC_SEQ_CST);
      if (used == test_driver_get_used_index (driver))
        wait_for (&self->called);
      if (!has_event_idx)
        test_driver_set_avail_flags (driver, 1);
      for (; used != test_driver_get_used_index (driver); used++)
        n_done++;
    }

  g_test_message ("%u chains", n_done);
  __atomic_store_n (&self->is_over, 1, __ATOMIC_RELAXED);
  __atomic_store_n (&self->kicked, 1, __ATOMIC_RELEASE);
  return NULL;
}

/* How often that is tried depends on how busy the machine is. */
static void
test_nobody_sleeps_on_work (gconstpointer features)
{
  Sleepers self = {
    .driver = test_driver_new (SIZE, GPOINTER_TO_SIZE (features), 64000),
    .end = g_get_monotonic_time () + (g_test_slow () ? 60 : 1) * G_USEC_PER_SEC,
  };
  VhuVring *vring = self.driver->vring;
  pthread_t thread;

  for (guint i = 0; i < 4; i++)
    test_driver_set_desc (self.driver, i, TEST_FIRST_ADDRESS, 16, 0, 0);
  self.driver->call = call_driver_cb;
  self.driver->user_data = &self;
  g_assert_cmpint (pthread_create (&thread, NULL, drive, &self), ==, 0);
  while (!__atomic_load_n (&self.is_over, __ATOMIC_RELAXED))
    {
      VhuChain *chain;

      if (!vhu_vring_has_work (vring))
        wait_for (&self.kicked);
      vhu_vring_begin_service (vring);
      while ((chain = vhu_vring_pop (vring)) != NULL)
        {
          vhu_chain_complete (chain, NULL);
          vhu_chain_unref (chain);
        }
      vhu_vring_end_service (vring);
    }
  pthread_join (thread, NULL);

  g_assert_cmpuint (self.driver->n_broken, ==, 0);
  test_driver_free (self.driver);
}

/* Revocation */

static void *
use_until_revoked (void *data)
{
  Workshop *self = data;
  VhuChain *chain;

  while ((chain = basket_take (&self->basket)) != NULL)
    {
      g_autoptr(GError) error = NULL;
      char buffer[QUESTION_SIZE];

      while (vhu_chain_seek (chain, 0, 0, &error) &&
             vhu_chain_read (chain, buffer, sizeof buffer, &error) &&
             vhu_chain_write (chain, buffer, sizeof buffer, &error))
        ;
      g_assert_error (error, VHU_ERROR, VHU_ERROR_REVOKED);
      g_assert_false (vhu_chain_complete (chain, NULL));
      vhu_chain_unref (chain);
    }
  return NULL;
}

/* When the revocation returns nobody touches the memory: it is unmapped here,
 * and a late access would crash. */
static void
test_revoke_waits_for_accessors (void)
{
  for (guint round = 0; round < 50; round++)
    {
      Workshop shop;

      workshop_init (&shop, use_until_revoked);
      for (guint i = 0; i < N_THREADS; i++)
        basket_put (&shop.basket, submit_and_pop (shop.driver, i));
      vhu_vring_wait_drained (shop.driver->vring);
      if (round % 2 == 0)
        sched_yield ();

      g_assert_cmpuint (vhu_vring_revoke (shop.driver->vring, NULL), ==, 0);
      g_assert_cmpuint (shop.driver->n_drained, ==, 1);
      vhu_vring_stop (shop.driver->vring);
      g_assert_true (g_atomic_ref_count_compare (&shop.driver->memory->ref_count, 1));
      g_clear_pointer (&shop.driver->memory, vhu_memory_unref);
      for (guint i = 0; i < 3; i++)
        g_clear_pointer (&shop.driver->regions[i], vhu_memory_region_unref);

      shop.driver->memory = vhu_memory_new_empty ();
      workshop_join (&shop);
      workshop_clear (&shop);
    }
}

static void *
complete_or_drop (void *data)
{
  Workshop *self = data;
  VhuChain *chain;

  while ((chain = basket_take (&self->basket)) != NULL)
    {
      if (vhu_chain_get_id (chain) % 2 == 0 && vhu_chain_complete (chain, NULL))
        __atomic_fetch_add (&self->n_completed, 1, __ATOMIC_RELAXED);
      vhu_chain_unref (chain);
    }
  return NULL;
}

/* Each chain is either completed, failed or revoked, and never two of it. */
static void
test_revoke_races_with_completions (void)
{
  for (guint round = 0; round < 200; round++)
    {
      Workshop shop;
      guint n_left, n_used;

      workshop_init (&shop, complete_or_drop);
      for (guint i = 0; i < 64; i++)
        basket_put (&shop.basket, submit_and_pop (shop.driver, i));

      vhu_vring_wait_drained (shop.driver->vring);
      n_left = vhu_vring_revoke (shop.driver->vring, NULL);
      g_assert_cmpuint (shop.driver->n_drained, ==, n_left == 0 ? 1 : 0);
      workshop_join (&shop);
      vhu_vring_collect (shop.driver->vring);
      g_assert_cmpuint (shop.driver->n_drained, ==, 1);

      n_used = (guint16) (test_driver_get_used_index (shop.driver) - 65000);
      g_assert_cmpuint (n_used, ==, shop.n_completed + shop.driver->n_fails);
      g_assert_cmpuint (n_used, >=, n_left);
      workshop_clear (&shop);
    }
}

/* The end */

static void
test_close_races_with_drops (void)
{
  for (guint round = 0; round < 200; round++)
    {
      Workshop shop;

      workshop_init (&shop, drop_all);
      for (guint i = 0; i < 64; i++)
        basket_put (&shop.basket, submit_and_pop (shop.driver, i));

      vhu_vring_revoke (shop.driver->vring, NULL);
      vhu_vring_stop (shop.driver->vring);
      vhu_vring_close (shop.driver->vring);
      g_clear_object (&shop.driver->vring);
      workshop_join (&shop);
      g_assert_true (g_atomic_ref_count_compare (&shop.driver->memory->ref_count, 1));
      workshop_clear (&shop);
    }
}

static void *
interrupt_often (void *data)
{
  VhuVring *vring = data;

  for (guint n = 0; n < 10000; n++)
    {
      vhu_vring_interrupt (vring);
      vhu_vring_get_n_completed (vring);
      vhu_vring_get_n_held (vring);
      vhu_vring_get_started (vring);
      vhu_vring_has_feature (vring, 5);
      vhu_vring_release (vring);
    }
  return NULL;
}

static void
test_any_thread_may_ask_and_interrupt (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (SIZE, 0, 0);
  pthread_t thread;

  g_assert_cmpint (pthread_create (&thread, NULL, interrupt_often, driver->vring), ==, 0);
  for (guint n = 0; n < 10000; n++)
    {
      VhuChain *chain;

      test_driver_submit (driver, n % 16);
      while ((chain = vhu_vring_pop (driver->vring)) == NULL)
        ;
      g_assert_true (vhu_chain_complete (chain, NULL));
      vhu_chain_unref (chain);
    }
  pthread_join (thread, NULL);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/vring/threads/completions-from-four", test_completions_from_four_threads);
  g_test_add_func ("/vring/threads/one-wake-until-collected",
                   test_wake_comes_once_until_collected);
  g_test_add_func ("/vring/threads/order-is-kept", test_order_of_one_thread_is_kept);
  g_test_add_func ("/vring/threads/ended-handles-dropped-elsewhere",
                   test_ended_handles_dropped_elsewhere);
  g_test_add_func ("/vring/threads/no-parking-elsewhere", test_no_parking_elsewhere);
  g_test_add_func ("/vring/threads/two-complete-one-chain",
                   test_two_threads_complete_one_chain);
  g_test_add_data_func ("/vring/threads/nobody-sleeps-on-work/flags", NULL,
                        test_nobody_sleeps_on_work);
  g_test_add_data_func ("/vring/threads/nobody-sleeps-on-work/event-index",
                        GSIZE_TO_POINTER ((gsize) TEST_FEATURE (EVENT_IDX)),
                        test_nobody_sleeps_on_work);
  g_test_add_func ("/vring/threads/revoke-waits-for-accessors",
                   test_revoke_waits_for_accessors);
  g_test_add_func ("/vring/threads/revoke-races-with-completions",
                   test_revoke_races_with_completions);
  g_test_add_func ("/vring/threads/close-races-with-drops", test_close_races_with_drops);
  g_test_add_func ("/vring/threads/any-may-ask", test_any_thread_may_ask_and_interrupt);

  return g_test_run ();
}
