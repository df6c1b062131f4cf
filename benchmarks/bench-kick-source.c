/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <glib-unix.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>

#include "vhu-fd-private.h"
#include "vhu-kick-source-private.h"

/* What a wake-up costs on one thread: write a kick, run the context once, read
 * the kick. Beside it the same with epoll alone, which is the floor, and with one
 * GSource per queue, which is what the kick source is there to avoid. */

#define MAX_QUEUES 256

static guint n_dispatched;

static void
kick (int fd)
{
  const guint64 one = 1;

  if (write (fd, &one, sizeof one) < 0)
    abort ();
}

static int
new_eventfd (void)
{
  int fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);

  if (fd < 0)
    abort ();
  return fd;
}

static gint64
cpu_time_ns (void)
{
  struct timespec now;

  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec * G_GINT64_CONSTANT (1000000000) + now.tv_nsec;
}

static void
report (const char *what,
        guint       n_queues,
        guint       n_rounds,
        gint64      start)
{
  gint64 duration = cpu_time_ns () - start;

  if (n_dispatched != n_rounds)
    abort ();
  g_print ("%-22s %4u queues %8.0f ns\n", what, n_queues, (double) duration / n_rounds);
  n_dispatched = 0;
}

static void
bench_epoll (guint n_queues,
             guint n_rounds)
{
  vhu_autofd int epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  int fds[MAX_QUEUES];
  gint64 start;

  for (guint i = 0; i < n_queues; i++)
    {
      struct epoll_event event = { .events = EPOLLIN, .data.u32 = i };

      fds[i] = new_eventfd ();
      epoll_ctl (epoll_fd, EPOLL_CTL_ADD, fds[i], &event);
    }

  start = cpu_time_ns ();
  for (guint i = 0; i < n_rounds; i++)
    {
      struct epoll_event event;
      guint64 count;

      kick (fds[i % n_queues]);
      if (epoll_wait (epoll_fd, &event, 1, -1) == 1 &&
          read (fds[event.data.u32], &count, sizeof count) > 0)
        n_dispatched++;
    }
  report ("epoll", n_queues, n_rounds, start);

  for (guint i = 0; i < n_queues; i++)
    close (fds[i]);
}

static gboolean
fd_source_cb (int           fd,
              GIOCondition  condition,
              gpointer      user_data)
{
  guint64 count;

  if (read (fd, &count, sizeof count) > 0)
    n_dispatched++;
  return G_SOURCE_CONTINUE;
}

static void
bench_source_per_queue (guint n_queues,
                        guint n_rounds)
{
  g_autoptr(GMainContext) context = g_main_context_new ();
  GSource *sources[MAX_QUEUES];
  int fds[MAX_QUEUES];
  gint64 start;

  for (guint i = 0; i < n_queues; i++)
    {
      fds[i] = new_eventfd ();
      sources[i] = g_unix_fd_source_new (fds[i], G_IO_IN);
      g_source_set_callback (sources[i], G_SOURCE_FUNC (fd_source_cb), NULL, NULL);
      g_source_attach (sources[i], context);
    }

  start = cpu_time_ns ();
  for (guint i = 0; i < n_rounds; i++)
    {
      kick (fds[i % n_queues]);
      while (n_dispatched <= i)
        g_main_context_iteration (context, TRUE);
    }
  report ("a source per queue", n_queues, n_rounds, start);

  for (guint i = 0; i < n_queues; i++)
    {
      g_source_destroy (sources[i]);
      g_source_unref (sources[i]);
      close (fds[i]);
    }
}

static void
count_dispatch (gpointer user_data)
{
  n_dispatched++;
}

static void
bench_kick_source (guint n_queues,
                   guint n_rounds)
{
  static const VhuKickFuncs funcs = { .dispatch = count_dispatch };
  g_autoptr(GMainContext) context = g_main_context_new ();
  g_autoptr(GSource) source = vhu_kick_source_new ("bench-kicks", NULL);
  VhuKickWatch *watches[MAX_QUEUES];
  VhuEvent *events[MAX_QUEUES];
  gint64 start;

  g_source_attach (source, context);
  for (guint i = 0; i < n_queues; i++)
    {
      events[i] = vhu_event_new (NULL);
      watches[i] = vhu_kick_watch_new (source, &funcs, NULL);
      if (!vhu_kick_watch_set_event (watches[i], events[i], NULL))
        abort ();
    }

  start = cpu_time_ns ();
  for (guint i = 0; i < n_rounds; i++)
    {
      kick (vhu_event_get_fd (events[i % n_queues]));
      while (n_dispatched <= i)
        g_main_context_iteration (context, TRUE);
    }
  report ("one kick source", n_queues, n_rounds, start);

  for (guint i = 0; i < n_queues; i++)
    {
      vhu_kick_watch_free (watches[i]);
      vhu_event_unref (events[i]);
    }
  g_source_destroy (source);
}

int
main (int   argc,
      char *argv[])
{
  const guint n_rounds = argc > 1 ? strtoul (argv[1], NULL, 10) : 200000;
  const guint n_queues[] = { 1, 8, 64, MAX_QUEUES };

  for (guint i = 0; i < G_N_ELEMENTS (n_queues); i++)
    {
      bench_epoll (n_queues[i], n_rounds);
      bench_source_per_queue (n_queues[i], n_rounds);
      bench_kick_source (n_queues[i], n_rounds);
    }

  return 0;
}
