/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-sigbus-guard-private.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

/* The handler may run in any thread at any instant, also while another thread
 * changes the list, so it takes no lock: guards are slots of chunks that are
 * never freed, and a slot is guarded by a sequence number that is odd while it
 * changes. The guard of the address that faulted is not changing, because
 * whoever faulted holds it; it is the others that the number is for. */
struct _VhuSigbusGuard
{
  guint sequence;
  gpointer base; /* NULL: the slot is free */
  gsize length;
  gboolean faulted;
  VhuEvent *event;
};

#define CHUNK_SLOTS 64

typedef struct _Chunk Chunk;

struct _Chunk
{
  Chunk *next;
  VhuSigbusGuard slots[CHUNK_SLOTS];
};

static Chunk first_chunk;
static GMutex writer_mutex;
static struct sigaction previous_action;

/* The release stores keep the order odd, fields, even. */
static void
set_slot (VhuSigbusGuard *self,
          gpointer        base,
          gsize           length)
{
  guint sequence = __atomic_load_n (&self->sequence, __ATOMIC_RELAXED);

  __atomic_store_n (&self->sequence, sequence + 1, __ATOMIC_RELAXED);
  __atomic_store_n (&self->base, base, __ATOMIC_RELEASE);
  __atomic_store_n (&self->length, length, __ATOMIC_RELEASE);
  __atomic_store_n (&self->sequence, sequence + 2, __ATOMIC_RELEASE);
}

/* FALSE while the slot changes; then it cannot be the one that is looked for. */
static gboolean
get_slot (VhuSigbusGuard  *self,
          guint8         **base,
          gsize           *length)
{
  guint sequence = __atomic_load_n (&self->sequence, __ATOMIC_ACQUIRE);

  *base = __atomic_load_n (&self->base, __ATOMIC_ACQUIRE);
  *length = __atomic_load_n (&self->length, __ATOMIC_ACQUIRE);

  return sequence % 2 == 0 &&
         sequence == __atomic_load_n (&self->sequence, __ATOMIC_RELAXED) &&
         *base != NULL;
}

static Chunk *
get_next (Chunk *chunk)
{
  return __atomic_load_n (&chunk->next, __ATOMIC_ACQUIRE);
}

static VhuSigbusGuard *
find_free_slot (Chunk *chunk)
{
  for (guint i = 0; i < CHUNK_SLOTS; i++)
    if (chunk->slots[i].base == NULL)
      return &chunk->slots[i];

  if (get_next (chunk) == NULL)
    __atomic_store_n (&chunk->next, g_new0 (Chunk, 1), __ATOMIC_RELEASE);

  return find_free_slot (get_next (chunk));
}

VhuSigbusGuard *
vhu_sigbus_guard_new (gpointer base,
                      gsize    length)
{
  VhuSigbusGuard *self;

  g_mutex_lock (&writer_mutex);
  self = find_free_slot (&first_chunk);
  __atomic_store_n (&self->faulted, FALSE, __ATOMIC_RELAXED);
  set_slot (self, base, length);
  g_mutex_unlock (&writer_mutex);

  return self;
}

void
vhu_sigbus_guard_free (VhuSigbusGuard *self)
{
  g_clear_pointer (&self->event, vhu_event_unref);

  g_mutex_lock (&writer_mutex);
  set_slot (self, NULL, 0);
  g_mutex_unlock (&writer_mutex);
}

void
vhu_sigbus_guard_set_event (VhuSigbusGuard *self,
                            VhuEvent       *event)
{
  g_return_if_fail (self->event == NULL);

  __atomic_store_n (&self->event, vhu_event_ref (event), __ATOMIC_RELEASE);
}

gboolean
vhu_sigbus_guard_get_faulted (VhuSigbusGuard *self)
{
  return __atomic_load_n (&self->faulted, __ATOMIC_ACQUIRE);
}

/* From here on everything runs in a signal handler. */

static VhuSigbusGuard *
find_guard (const guint8  *address,
            guint8       **base,
            gsize         *length)
{
  for (Chunk *chunk = &first_chunk; chunk != NULL; chunk = get_next (chunk))
    for (guint i = 0; i < CHUNK_SLOTS; i++)
      if (get_slot (&chunk->slots[i], base, length) &&
          (guintptr) address - (guintptr) *base < *length)
        return &chunk->slots[i];

  return NULL;
}

/* All of the mapping goes: half of a guest's memory is of no use to anyone, and
 * a huge page cannot be replaced in part. Threads that fault at the same time
 * map their zeros one after the other, which does no harm. */
static gboolean
cover_fault (gpointer address)
{
  guint8 *base;
  gsize length;
  VhuSigbusGuard *guard = find_guard (address, &base, &length);
  VhuEvent *event;

  if (guard == NULL)
    return FALSE;

  if (mmap (base, length, PROT_READ | PROT_WRITE,
            MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
            -1, 0) == MAP_FAILED)
    return FALSE;

  madvise (base, length, MADV_DONTDUMP);
  __atomic_store_n (&guard->faulted, TRUE, __ATOMIC_RELEASE);

  /* poll() and write(), which a signal handler may call. */
  event = __atomic_load_n (&guard->event, __ATOMIC_ACQUIRE);
  if (event != NULL)
    vhu_event_signal (event);
  return TRUE;
}

/* With the default action back in place, an instruction that faulted does so
 * again when we return, and dies where it stands, as it would have without us.
 * A signal that no instruction caused has to be sent again. */
static void
pass_on_to_default (int              signal_number,
                    const siginfo_t *info)
{
  gboolean is_sent = info->si_code <= 0 || info->si_code == BUS_MCEERR_AO;

  if (previous_action.sa_handler == SIG_IGN && is_sent)
    return;

  signal (signal_number, SIG_DFL);
  if (is_sent)
    raise (signal_number);
}

static void
pass_on (int        signal_number,
         siginfo_t *info,
         gpointer   context)
{
  if ((previous_action.sa_flags & SA_SIGINFO) != 0)
    previous_action.sa_sigaction (signal_number, info, context);
  else if (previous_action.sa_handler == SIG_DFL ||
           previous_action.sa_handler == SIG_IGN)
    pass_on_to_default (signal_number, info);
  else
    previous_action.sa_handler (signal_number);
}

/* BUS_ADRERR is an access behind the end of a file. Broken hardware has codes of
 * its own, and zeros in its place would be a lie. */
static void
sigbus_cb (int        signal_number,
           siginfo_t *info,
           void      *context)
{
  int saved_errno = errno;

  if (info->si_code != BUS_ADRERR || !cover_fault (info->si_addr))
    pass_on (signal_number, info, context);

  errno = saved_errno;
}

/**
 * vhu_sigbus_guard_install:
 *
 * Lets this process outlive guest memory that is truncated while it is mapped.
 *
 * Guest memory is a file of the front-end. If the front-end makes it shorter,
 * the next access to what is gone raises `SIGBUS`, which ends the process and
 * with it all other sessions. This function installs a handler for that signal.
 * For addresses in guest memory it puts zeros in the place of the whole region
 * and has the session closed; everything else goes to the handler that was
 * installed before, or to the default action. So do memory errors of the
 * hardware.
 *
 * A signal handler belongs to the whole process, so the library installs none
 * unasked. A program calls this function once, at its start, after others that
 * install a handler of this kind; more calls do nothing. No thread may block the
 * signal.
 *
 * System calls that are handed a pointer to memory that is gone raise no signal:
 * they fail with `EFAULT`.
 *
 * This function may be called from any thread.
 *
 * Since: 0.1
 */
void
vhu_sigbus_guard_install (void)
{
  static gsize installed;

  if (g_once_init_enter (&installed))
    {
      struct sigaction action = { .sa_flags = SA_SIGINFO | SA_ONSTACK };

      action.sa_sigaction = sigbus_cb;
      sigemptyset (&action.sa_mask);

      /* Asked for first: our handler may be called as soon as it is set. */
      sigaction (SIGBUS, NULL, &previous_action);
      sigaction (SIGBUS, &action, NULL);
      g_once_init_leave (&installed, 1);
    }
}
