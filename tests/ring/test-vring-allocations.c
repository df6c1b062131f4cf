/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <pthread.h>
#include <stdlib.h>

#include "vhu-test-driver.h"

/* In its steady state a ring allocates nothing and takes no lock. Both are
 * counted by standing in for the functions; sanitizers do so themselves, and
 * then there is nothing to be counted. */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CANNOT_COUNT
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CANNOT_COUNT
#endif
#elif !defined(__GLIBC__)
#define CANNOT_COUNT
#endif

static guint n_allocations;
static guint n_locks;

#ifndef CANNOT_COUNT

void *__libc_malloc (size_t size);
void *__libc_calloc (size_t n,
                     size_t size);
void *__libc_realloc (void  *memory,
                      size_t size);

void *
malloc (size_t size)
{
  __atomic_fetch_add (&n_allocations, 1, __ATOMIC_RELAXED);
  return __libc_malloc (size);
}

void *
calloc (size_t n,
        size_t size)
{
  __atomic_fetch_add (&n_allocations, 1, __ATOMIC_RELAXED);
  return __libc_calloc (n, size);
}

void *
realloc (void   *memory,
         size_t  size)
{
  __atomic_fetch_add (&n_allocations, 1, __ATOMIC_RELAXED);
  return __libc_realloc (memory, size);
}

/* The fast path of GLib's own, which is all that a test with one thread needs. */
void
g_mutex_lock (GMutex *mutex)
{
  n_locks++;
}

void
g_mutex_unlock (GMutex *mutex)
{
}

#endif

static void
end (VhuVring *vring,
     VhuChain *chain,
     guint     how)
{
  guint8 buffer[16];

  switch (how)
    {
    case 0:
      vhu_chain_read (chain, buffer, sizeof buffer, NULL);
      vhu_chain_write (chain, buffer, sizeof buffer, NULL);
      vhu_chain_complete (chain, NULL);
      break;
    case 1:
      vhu_vring_push (vring, chain, 1);
      break;
    case 2:
      vhu_chain_fail (chain, NULL);
      break;
    default:
      break;
    }
  vhu_chain_unref (chain);
}

/* Direct chains, and one whose buffers do not fit into the chain itself. */
static void
serve_round (TestDriver *driver)
{
  VhuChain *chains[17];
  guint n = 0;

  for (guint i = 0; i < 16; i++)
    test_driver_submit (driver, i);
  test_driver_add (driver, 20);
  test_driver_publish (driver);

  vhu_vring_begin_service (driver->vring);
  while ((chains[n] = vhu_vring_pop (driver->vring)) != NULL)
    if (++n == G_N_ELEMENTS (chains))
      break;
  g_assert_cmpuint (n, ==, 17);
  while (n-- > 0)
    end (driver->vring, chains[n], n % 4);
  vhu_vring_end_service (driver->vring);
}

static void
test_steady_state_allocates_and_locks_nothing (void)
{
  g_autoptr(TestDriver) driver = test_driver_new (64, TEST_FEATURE (INDIRECT_DESC) |
                                                      TEST_FEATURE (EVENT_IDX), 0);
  guint n_allocations_before, n_locks_before;

  vhu_vring_set_chain_data_size (driver->vring, 128);
  vhu_vring_set_budget (driver->vring, 64, 1000000);
  for (guint i = 0; i < 30; i++)
    test_driver_set_entry (driver, TEST_SECOND_ADDRESS, i, TEST_FIRST_ADDRESS + 64 * i, 64,
                           TEST_WRITE | (i < 29 ? TEST_NEXT : 0), (guint16) (i + 1));
  test_driver_set_desc (driver, 20, TEST_SECOND_ADDRESS, 16 * 30, TEST_INDIRECT, 0);

  /* Every chain of the pool must have had its turn with the long one. */
  for (guint i = 0; i < 100; i++)
    serve_round (driver);

  n_allocations_before = n_allocations;
  n_locks_before = n_locks;
  for (guint i = 0; i < 1000; i++)
    serve_round (driver);
  g_assert_cmpuint (n_allocations, ==, n_allocations_before);
  g_assert_cmpuint (n_locks, ==, n_locks_before);
  g_assert_cmpuint (driver->n_broken, ==, 0);

#ifdef CANNOT_COUNT
  g_test_skip ("a sanitizer stands where allocations are counted");
#else
  g_assert_cmpuint (n_allocations_before, >, 0);
#endif
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/vring/steady-state/allocates-and-locks-nothing",
                   test_steady_state_allocates_and_locks_nothing);

  return g_test_run ();
}
