/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

/* GMutex is a futex that the thread sanitizer cannot see, unless GLib was built
 * with it. In such a build these take the place of GLib's functions for the code
 * that is linked into the test. */

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WITH_THREAD_SANITIZER
#endif
#elif defined(__SANITIZE_THREAD__)
#define WITH_THREAD_SANITIZER
#endif

#ifdef WITH_THREAD_SANITIZER

#include <pthread.h>
#include <stdlib.h>

#include <glib.h>

/* Nor can it see the reference count of an object that another thread frees. */
const char *__tsan_default_suppressions (void);

const char *
__tsan_default_suppressions (void)
{
  return "race:g_type_free_instance\n";
}

/* Static ones are never initialised, only zero. */
static pthread_mutex_t *
get_mutex (GMutex *mutex)
{
  pthread_mutex_t *made, *there = NULL;

  made = __atomic_load_n ((pthread_mutex_t **) &mutex->p, __ATOMIC_ACQUIRE);
  if (made != NULL)
    return made;

  made = malloc (sizeof *made);
  pthread_mutex_init (made, NULL);
  if (__atomic_compare_exchange_n ((pthread_mutex_t **) &mutex->p, &there, made, FALSE,
                                   __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
    return made;

  pthread_mutex_destroy (made);
  free (made);
  return there;
}

void
g_mutex_init (GMutex *mutex)
{
  mutex->p = NULL;
}

void
g_mutex_clear (GMutex *mutex)
{
  if (mutex->p != NULL)
    pthread_mutex_destroy (mutex->p);
  free (mutex->p);
}

void
g_mutex_lock (GMutex *mutex)
{
  pthread_mutex_lock (get_mutex (mutex));
}

gboolean
g_mutex_trylock (GMutex *mutex)
{
  return pthread_mutex_trylock (get_mutex (mutex)) == 0;
}

void
g_mutex_unlock (GMutex *mutex)
{
  pthread_mutex_unlock (get_mutex (mutex));
}

#else

/* ISO C wants a file to declare something. */
typedef int NothingToDo;

#endif
