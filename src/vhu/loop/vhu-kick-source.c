/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-kick-source-private.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "vhu-debug-private.h"
#include "vhu-error.h"
#include "vhu-fd-private.h"

/* How many descriptors one epoll_wait() reports. The kernel rotates what is
 * ready, so that nobody starves when there are more. */
#define MAX_EVENTS 64

/* Polling keeps the thread inside one dispatch for at most this long, in
 * microseconds, before the other sources of the context get their turn. */
#define POLL_TOTAL_US 200

/* The shortest window that is worth the look at the clock. */
#define POLL_FLOOR_US 4

/* What a sleep and its wake-up add to the gap between two kicks; a gap that is
 * longer by no more than this might have been caught by polling. */
#define POLL_WAKE_COST_US 20

/* After so many full-length misses in a row, polling is given up for as many
 * dispatches as the second number says. */
#define POLL_MAX_MISSES 8
#define POLL_HOLD_OFF 256

typedef struct
{
  guint max_us;
  guint window_us;  /* how long the next spin lasts */
  guint n_misses;   /* full-length spins in a row that found nothing */
  guint hold_off;   /* dispatches that go by before windows may grow again */
  gint64 last_work; /* when a dispatch last had run its watches */
} PollState;

typedef struct
{
  GSource source;

  gpointer tag;
  int epoll_fd;
  int wake_fd;

  /* Watches that other threads woke, last first. Whoever makes it non-empty
   * writes to wake_fd; everybody after them saves the system call. */
  VhuKickWatch *woken;

  /* Watches to dispatch. Those that come in while a dispatch runs belong to the
   * next round, so that the other sources of the context come in between. */
  GQueue queue;
  guint64 round;

  GQueue watches;
  PollState poll;
} VhuKickSource;

struct _VhuKickWatch
{
  VhuKickSource *source;
  const VhuKickFuncs *funcs;
  gpointer user_data;
  VhuEvent *event;

  GList link;       /* in source->watches */
  GList queue_link; /* in source->queue */
  guint64 round;
  gboolean queued;

  VhuKickWatch *woken_next;
  int is_woken;     /* atomic: in source->woken */

  guint n_calls;    /* of our callbacks that are running: 1, or 0 */
  gboolean again;   /* asked for while it was running */
  gboolean dead;    /* the descriptor died; not yet told */
  gboolean freed;
};

static void
enqueue (VhuKickWatch *watch)
{
  if (watch->queued)
    return;

  watch->queued = TRUE;
  watch->round = watch->source->round;
  g_queue_push_tail_link (&watch->source->queue, &watch->queue_link);
}

static void
dequeue (VhuKickWatch *watch)
{
  if (!watch->queued)
    return;

  watch->queued = FALSE;
  g_queue_unlink (&watch->source->queue, &watch->queue_link);
}

static void
unwatch_event (VhuKickWatch *watch)
{
  if (watch->event == NULL)
    return;

  /* The other side holds the open file description too: without this it would
   * stay in the epoll set after our descriptor is closed. */
  epoll_ctl (watch->source->epoll_fd, EPOLL_CTL_DEL,
             vhu_event_get_fd (watch->event), NULL);
  g_clear_pointer (&watch->event, vhu_event_unref);
}

static void
empty_wake_fd (VhuKickSource *self)
{
  guint64 count;

  while (read (self->wake_fd, &count, sizeof count) < 0 && errno == EINTR)
    ;
}

/* The descriptor is emptied before this: whoever finds the list empty afterwards
 * writes again. */
static void
take_woken (VhuKickSource *self)
{
  VhuKickWatch *watch;

  do
    watch = g_atomic_pointer_get (&self->woken);
  while (!g_atomic_pointer_compare_and_exchange (&self->woken, watch, NULL));

  while (watch != NULL)
    {
      VhuKickWatch *next = watch->woken_next;

      /* From here on a wake counts anew, and the watch is dispatched later. */
      g_atomic_int_set (&watch->is_woken, FALSE);
      enqueue (watch);
      watch = next;
    }
}

/* Without being told by the descriptor. A writer that has not come to write yet
 * makes for a dispatch with nothing to do. */
static void
look_for_woken (VhuKickSource *self)
{
  if (g_atomic_pointer_get (&self->woken) == NULL)
    return;

  empty_wake_fd (self);
  take_woken (self);
}

static void
collect_events (VhuKickSource *self)
{
  struct epoll_event events[MAX_EVENTS];
  int n_events = epoll_wait (self->epoll_fd, events, G_N_ELEMENTS (events), 0);

  for (int i = 0; i < n_events; i++)
    {
      VhuKickWatch *watch = events[i].data.ptr;

      if (watch == NULL)
        {
          empty_wake_fd (self);
          take_woken (self);
          continue;
        }

      /* Taken before the ring is looked at: a kick that comes after the look
       * makes the descriptor readable again. */
      if (!vhu_event_drain (watch->event))
        {
          VHU_TRACE (VHU_DEBUG_LOOP, "%s: a watched descriptor died",
                     g_source_get_name (&self->source));
          unwatch_event (watch);
          watch->dead = TRUE;
        }
      enqueue (watch);
    }
}

static void
run_watch (VhuKickWatch *watch)
{
  /* The device runs a main loop of its own inside the callback of this very
   * watch. Devices need not be re-entrant: remember it until that returns. */
  if (watch->n_calls > 0)
    {
      watch->again = TRUE;
      return;
    }

  watch->n_calls++;
  if (watch->dead)
    {
      watch->dead = FALSE;
      if (watch->funcs->died != NULL)
        watch->funcs->died (watch->user_data);
    }
  else
    {
      watch->funcs->dispatch (watch->user_data);
    }
  watch->n_calls--;

  if (watch->freed)
    {
      g_free (watch);
    }
  else if (watch->again)
    {
      watch->again = FALSE;
      enqueue (watch);
    }
}

static gboolean
run_queue (VhuKickSource *self)
{
  const guint64 round = self->round++;
  gboolean ran = FALSE;
  GList *head;

  while ((head = self->queue.head) != NULL && !g_source_is_destroyed (&self->source))
    {
      VhuKickWatch *watch = head->data;

      if (watch->round > round)
        break;
      dequeue (watch);
      run_watch (watch);
      ran = TRUE;
    }

  return ran;
}

static gboolean
peek_all (VhuKickSource *self)
{
  gboolean found = FALSE;

  look_for_woken (self);

  for (GList *l = self->watches.head; l != NULL; l = l->next)
    {
      VhuKickWatch *watch = l->data;

      if (watch->funcs->peek != NULL && watch->n_calls == 0 &&
          watch->funcs->peek (watch->user_data))
        {
          enqueue (watch);
          found = TRUE;
        }
    }

  return found || self->queue.length > 0;
}

static inline void
relax_cpu (void)
{
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause ();
#elif defined(__aarch64__)
  __asm__ volatile ("isb" ::: "memory");
#else
  __asm__ volatile ("" ::: "memory");
#endif
}

static gboolean
spin (VhuKickSource *self,
      gint64         start)
{
  const gint64 end = start + self->poll.window_us;

  do
    {
      if (peek_all (self))
        {
          self->poll.n_misses = 0;
          return TRUE;
        }
      relax_cpu ();
    }
  while (g_get_monotonic_time () < end);

  if (self->poll.window_us == self->poll.max_us)
    self->poll.n_misses++;
  return FALSE;
}

/* A kick came after the thread had gone to sleep, @gap_us after the last work:
 * would polling have caught it? */
static void
tune_poll_window (PollState *poll,
                  gint64     gap_us)
{
  if (poll->hold_off > 0)
    {
      poll->hold_off--;
      return;
    }

  if (poll->n_misses >= POLL_MAX_MISSES)
    {
      poll->n_misses = 0;
      poll->window_us = 0;
      poll->hold_off = POLL_HOLD_OFF;
    }
  else if (gap_us <= (gint64) poll->max_us + POLL_WAKE_COST_US)
    {
      poll->window_us = MIN (MAX (poll->window_us * 2, POLL_FLOOR_US), poll->max_us);
    }
  else
    {
      poll->window_us /= 2;
      if (poll->window_us < POLL_FLOOR_US)
        poll->window_us = 0;
    }
}

static void
run_and_poll (VhuKickSource *self)
{
  const gint64 start = g_get_monotonic_time ();
  gint64 now = start;

  if (self->poll.last_work != 0)
    tune_poll_window (&self->poll, start - self->poll.last_work);

  while (run_queue (self) && !g_source_is_destroyed (&self->source))
    {
      now = g_get_monotonic_time ();
      self->poll.last_work = now;
      if (now - start >= POLL_TOTAL_US || self->poll.window_us == 0 ||
          !spin (self, now))
        break;
    }
}

static gboolean
vhu_kick_source_prepare (GSource *source,
                         int     *timeout)
{
  VhuKickSource *self = (VhuKickSource *) source;

  *timeout = -1;
  return self->queue.length > 0;
}

static gboolean
vhu_kick_source_dispatch (GSource     *source,
                          GSourceFunc  callback,
                          gpointer     user_data)
{
  VhuKickSource *self = (VhuKickSource *) source;

  if (g_source_query_unix_fd (source, self->tag) != 0)
    collect_events (self);

  if (self->poll.max_us > 0)
    run_and_poll (self);
  else
    run_queue (self);

  return G_SOURCE_CONTINUE;
}

static void
vhu_kick_source_finalize (GSource *source)
{
  VhuKickSource *self = (VhuKickSource *) source;

  vhu_clear_fd (&self->epoll_fd);
  vhu_clear_fd (&self->wake_fd);
}

static GSourceFuncs vhu_kick_source_funcs = {
  .prepare = vhu_kick_source_prepare,
  .dispatch = vhu_kick_source_dispatch,
  .finalize = vhu_kick_source_finalize,
};

GSource *
vhu_kick_source_new (const char  *name,
                     GError     **error)
{
  vhu_autofd int epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  vhu_autofd int wake_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  struct epoll_event event = { .events = EPOLLIN };
  VhuKickSource *self;
  GSource *source;

  if (epoll_fd < 0 || wake_fd < 0 ||
      epoll_ctl (epoll_fd, EPOLL_CTL_ADD, wake_fd, &event) < 0)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_FAILED,
                   "no epoll set for kicks can be created: %s", g_strerror (errno));
      return NULL;
    }

  source = g_source_new (&vhu_kick_source_funcs, sizeof (VhuKickSource));
  self = (VhuKickSource *) source;
  self->epoll_fd = vhu_steal_fd (&epoll_fd);
  self->wake_fd = vhu_steal_fd (&wake_fd);
  g_queue_init (&self->queue);
  g_queue_init (&self->watches);

  /* GLib takes a source that may not recurse out of its poll set and puts it
   * back at each dispatch, which writes to the context's own wake-up descriptor.
   * run_watch() keeps a watch from being entered twice. */
  g_source_set_can_recurse (source, TRUE);
  g_source_set_static_name (source, name);
  self->tag = g_source_add_unix_fd (source, self->epoll_fd, G_IO_IN);

  return source;
}

void
vhu_kick_source_set_poll_us (GSource *source,
                             guint    poll_us)
{
  VhuKickSource *self = (VhuKickSource *) source;

  self->poll = (PollState) { .max_us = MIN (poll_us, POLL_TOTAL_US) };
}

VhuKickWatch *
vhu_kick_watch_new (GSource            *source,
                    const VhuKickFuncs *funcs,
                    gpointer            user_data)
{
  VhuKickWatch *self = g_new0 (VhuKickWatch, 1);

  self->source = (VhuKickSource *) g_source_ref (source);
  self->funcs = funcs;
  self->user_data = user_data;
  self->link.data = self;
  self->queue_link.data = self;
  g_queue_push_tail_link (&self->source->watches, &self->link);

  return self;
}

gboolean
vhu_kick_watch_set_event (VhuKickWatch  *self,
                          VhuEvent      *event,
                          GError       **error)
{
  struct epoll_event wanted = { .events = EPOLLIN, .data.ptr = self };

  if (self->event == event)
    return TRUE;

  if (event != NULL &&
      epoll_ctl (self->source->epoll_fd, EPOLL_CTL_ADD,
                 vhu_event_get_fd (event), &wanted) < 0)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_FAILED,
                   "event descriptor %d cannot be watched: %s",
                   vhu_event_get_fd (event), g_strerror (errno));
      return FALSE;
    }

  unwatch_event (self);
  self->dead = FALSE;
  if (event != NULL)
    self->event = vhu_event_ref (event);

  return TRUE;
}

void
vhu_kick_watch_mark_ready (VhuKickWatch *self)
{
  enqueue (self);
}

void
vhu_kick_watch_wake (VhuKickWatch *self)
{
  static const guint64 one = 1;
  VhuKickSource *source = self->source;
  VhuKickWatch *head;

  if (!g_atomic_int_compare_and_exchange (&self->is_woken, FALSE, TRUE))
    return;

  do
    {
      head = g_atomic_pointer_get (&source->woken);
      self->woken_next = head;
    }
  while (!g_atomic_pointer_compare_and_exchange (&source->woken, head, self));

  if (head != NULL)
    return;

  while (write (source->wake_fd, &one, sizeof one) < 0 && errno == EINTR)
    ;
}

void
vhu_kick_watch_free (VhuKickWatch *self)
{
  VhuKickSource *source = self->source;

  unwatch_event (self);
  look_for_woken (source);
  dequeue (self);
  g_queue_unlink (&source->watches, &self->link);
  g_source_unref (&source->source);

  /* Within its own callback: run_watch() frees it. */
  if (self->n_calls > 0)
    self->freed = TRUE;
  else
    g_free (self);
}
