/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-event-private.h"

#include "vhu-error.h"
#include "vhu-fd-private.h"
#include "vhu-test-fds.h"

#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

/* The largest count that an eventfd holds: the next write would block. */
#define EVENTFD_FULL (G_MAXUINT64 - 1)

/* What the front-end does: it keeps one descriptor and sends us another of the
 * same open file description. */
static VhuEvent *
event_from_peer (int         peer_fd,
                 VhuEventUse use)
{
  g_autoptr(GError) error = NULL;
  VhuEvent *event = vhu_event_new_take (vhu_dup_fd (peer_fd), use, &error);

  g_assert_no_error (error);
  g_assert_nonnull (event);
  return event;
}

static gboolean
is_readable (int fd)
{
  struct pollfd pfd = { .fd = fd, .events = POLLIN };

  return poll (&pfd, 1, 0) == 1 && (pfd.revents & POLLIN) != 0;
}

static void
write_count (int     fd,
             guint64 count)
{
  g_assert_cmpint (write (fd, &count, sizeof count), ==, sizeof count);
}

static guint64
read_count (int fd)
{
  guint64 count = 0;

  g_assert_cmpint (read (fd, &count, sizeof count), ==, sizeof count);
  return count;
}

static void
test_signal_wakes_and_drain_takes (void)
{
  g_autoptr(VhuEvent) event = vhu_event_new (NULL);
  int fd = vhu_event_get_fd (event);

  g_assert_false (is_readable (fd));
  vhu_event_signal (event);
  vhu_event_signal (event);
  g_assert_true (is_readable (fd));
  g_assert_true (vhu_event_drain (event));
  g_assert_false (is_readable (fd));
  g_assert_true (vhu_event_drain (event));
}

static void
test_signal_reaches_the_peer (void)
{
  vhu_autofd int peer_fd = eventfd (0, EFD_CLOEXEC);
  g_autoptr(VhuEvent) event = event_from_peer (peer_fd, VHU_EVENT_WRITE);

  vhu_event_signal (event);
  g_assert_cmpuint (read_count (peer_fd), ==, 1);
}

/* This test, and the next, hang when they fail. */
static void
test_full_blocking_eventfd_never_blocks_signal (void)
{
  vhu_autofd int peer_fd = eventfd (0, EFD_CLOEXEC);
  g_autoptr(VhuEvent) event = event_from_peer (peer_fd, VHU_EVENT_WRITE);

  write_count (peer_fd, EVENTFD_FULL);
  vhu_event_signal (event);
  g_assert_cmpuint (read_count (peer_fd), ==, EVENTFD_FULL);
}

static void
test_empty_blocking_eventfd_never_blocks_drain (void)
{
  vhu_autofd int peer_fd = eventfd (0, EFD_CLOEXEC);
  g_autoptr(VhuEvent) event = event_from_peer (peer_fd, VHU_EVENT_READ);

  g_assert_true (vhu_event_drain (event));
}

static void
test_semaphore_is_read_once_per_drain (void)
{
  vhu_autofd int peer_fd = eventfd (3, EFD_CLOEXEC | EFD_SEMAPHORE);
  g_autoptr(VhuEvent) event = event_from_peer (peer_fd, VHU_EVENT_READ);

  g_assert_true (vhu_event_drain (event));
  g_assert_cmpuint (read_count (peer_fd), ==, 1);
  g_assert_cmpuint (read_count (peer_fd), ==, 1);
  g_assert_false (is_readable (peer_fd));
}

static void
check_flags_stay (int         peer_fd,
                  VhuEventUse use)
{
  int flags = fcntl (peer_fd, F_GETFL);
  g_autoptr(VhuEvent) event = event_from_peer (peer_fd, use);

  if (use == VHU_EVENT_WRITE)
    vhu_event_signal (event);
  else
    g_assert_true (vhu_event_drain (event));

  g_assert_cmpint (fcntl (peer_fd, F_GETFL), ==, flags);
}

static void
test_peers_flags_stay_as_they_are (void)
{
  const int eventfd_flags[] = { 0, EFD_NONBLOCK };
  const int pipe_flags[] = { 0, O_NONBLOCK };

  for (guint i = 0; i < 2; i++)
    {
      vhu_autofd int fd = eventfd (0, EFD_CLOEXEC | eventfd_flags[i]);
      int ends[2];

      check_flags_stay (fd, VHU_EVENT_WRITE);
      check_flags_stay (fd, VHU_EVENT_READ);

      g_assert_cmpint (pipe2 (ends, O_CLOEXEC | pipe_flags[i]), ==, 0);
      check_flags_stay (ends[0], VHU_EVENT_READ);
      check_flags_stay (ends[1], VHU_EVENT_WRITE);
      close (ends[0]);
      close (ends[1]);
    }
}

static void
test_pipe_carries_calls (void)
{
  int ends[2];
  guint8 byte;

  g_assert_cmpint (pipe2 (ends, O_CLOEXEC), ==, 0);
  {
    g_autoptr(VhuEvent) event = event_from_peer (ends[1], VHU_EVENT_WRITE);

    vhu_event_signal (event);
    g_assert_cmpint (read (ends[0], &byte, 1), ==, 1);
  }
  close (ends[0]);
  close (ends[1]);
}

static void
test_full_blocking_pipe_never_blocks_signal (void)
{
  int ends[2];
  int capacity;

  g_assert_cmpint (pipe2 (ends, O_CLOEXEC), ==, 0);
  capacity = fcntl (ends[1], F_SETPIPE_SZ, 4096);
  g_assert_cmpint (capacity, >=, 4096);
  {
    g_autoptr(VhuEvent) event = event_from_peer (ends[1], VHU_EVENT_WRITE);

    for (int i = 0; i <= capacity; i++)
      vhu_event_signal (event);
  }
  close (ends[0]);
  close (ends[1]);
}

static void
test_pipe_is_drained (void)
{
  int ends[2];

  g_assert_cmpint (pipe2 (ends, O_CLOEXEC), ==, 0);
  {
    g_autoptr(VhuEvent) event = event_from_peer (ends[0], VHU_EVENT_READ);

    g_assert_cmpint (write (ends[1], "x", 1), ==, 1);
    g_assert_true (is_readable (vhu_event_get_fd (event)));
    g_assert_true (vhu_event_drain (event));
    g_assert_false (is_readable (vhu_event_get_fd (event)));
    g_assert_true (vhu_event_drain (event));
  }
  close (ends[0]);
  close (ends[1]);
}

static void
test_closed_kick_pipe_is_dead (void)
{
  int ends[2];

  g_assert_cmpint (pipe2 (ends, O_CLOEXEC), ==, 0);
  {
    g_autoptr(VhuEvent) event = event_from_peer (ends[0], VHU_EVENT_READ);

    g_assert_cmpint (write (ends[1], "x", 1), ==, 1);
    close (ends[1]);
    g_assert_true (vhu_event_drain (event));
    g_assert_false (vhu_event_drain (event));
  }
  close (ends[0]);
}

/* A front-end that closes the other end of its call pipe must not raise SIGPIPE
 * here, which kills a process that does not ignore it. */
static void
test_call_pipe_without_reader_raises_no_signal (void)
{
  int ends[2];

  signal (SIGPIPE, SIG_DFL);
  g_assert_cmpint (pipe2 (ends, O_CLOEXEC), ==, 0);
  {
    g_autoptr(VhuEvent) event = event_from_peer (ends[1], VHU_EVENT_WRITE);

    close (ends[0]);
    vhu_event_signal (event);
  }
  close (ends[1]);
}

/* Such a pipe cannot be opened for writing alone any more. */
static void
test_call_pipe_without_reader_is_accepted (void)
{
  int ends[2];

  g_assert_cmpint (pipe2 (ends, O_CLOEXEC), ==, 0);
  close (ends[0]);
  {
    g_autoptr(VhuEvent) event = event_from_peer (ends[1], VHU_EVENT_WRITE);

    vhu_event_signal (event);
  }
  close (ends[1]);
}

static void
check_refused (int fd)
{
  g_autoptr(GError) error = NULL;
  VhuEvent *event = vhu_event_new_take (fd, VHU_EVENT_READ, &error);

  g_assert_null (event);
  g_assert_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE);
  g_assert_nonnull (strstr (error->message, "neither an eventfd nor a pipe"));
  vhu_test_assert_closed (fd);
}

static void
test_other_descriptors_are_refused (void)
{
  int ends[2];

  check_refused (memfd_create ("no-event", MFD_CLOEXEC));
  check_refused (epoll_create1 (EPOLL_CLOEXEC));
  check_refused (timerfd_create (CLOCK_MONOTONIC, TFD_CLOEXEC));
  check_refused (open ("/dev/null", O_RDWR | O_CLOEXEC));
  check_refused (open ("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends),
                   ==, 0);
  check_refused (ends[0]);
  check_refused (ends[1]);
}

/* What user-mode Linux gives for calls. */
static void
test_unix_socket_is_written_without_waiting (void)
{
  g_autoptr(VhuEvent) event = NULL;
  g_autoptr(GError) error = NULL;
  vhu_autofd int reader = -1;
  int ends[2];
  guint64 count;

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends),
                   ==, 0);
  reader = ends[1];
  event = vhu_event_new_take (ends[0], VHU_EVENT_WRITE, &error);
  g_assert_no_error (error);

  vhu_event_signal (event);
  g_assert_cmpint (read (reader, &count, sizeof count), ==, sizeof count);
  g_assert_cmpuint (count, ==, 1);

  /* Neither a full socket nor one without a reader stops or kills us. */
  for (guint i = 0; i < 100000; i++)
    vhu_event_signal (event);
  vhu_clear_fd (&reader);
  vhu_event_signal (event);
}

static void
test_missing_descriptor_is_an_error (void)
{
  g_autoptr(GError) error = NULL;

  g_assert_null (vhu_event_new_take (-1, VHU_EVENT_READ, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE);
}

static void
test_last_reference_closes (void)
{
  guint n_fds = vhu_test_count_fds ();
  VhuEvent *event = vhu_event_new (NULL);
  int ends[2];

  vhu_event_unref (vhu_event_ref (event));
  g_assert_true (vhu_test_fd_is_open (vhu_event_get_fd (event)));
  vhu_event_unref (event);
  g_assert_cmpuint (vhu_test_count_fds (), ==, n_fds);

  g_assert_cmpint (pipe2 (ends, O_CLOEXEC), ==, 0);
  event = event_from_peer (ends[0], VHU_EVENT_READ);
  vhu_event_unref (event);
  close (ends[0]);
  close (ends[1]);
  g_assert_cmpuint (vhu_test_count_fds (), ==, n_fds);
}

static void
test_descriptors_close_on_exec (void)
{
  g_autoptr(VhuEvent) event = vhu_event_new (NULL);
  g_autoptr(VhuEvent) kick = NULL;
  int ends[2];

  g_assert_cmpint (fcntl (vhu_event_get_fd (event), F_GETFD), ==, FD_CLOEXEC);

  g_assert_cmpint (pipe (ends), ==, 0);
  kick = event_from_peer (ends[0], VHU_EVENT_READ);
  g_assert_cmpint (fcntl (vhu_event_get_fd (kick), F_GETFD), ==, FD_CLOEXEC);
  close (ends[0]);
  close (ends[1]);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define ADD(name, func) g_test_add_func ("/base/event/" name, func)
  ADD ("signal-wakes-and-drain-takes", test_signal_wakes_and_drain_takes);
  ADD ("signal-reaches-the-peer", test_signal_reaches_the_peer);
  ADD ("full-blocking-eventfd-never-blocks-signal",
       test_full_blocking_eventfd_never_blocks_signal);
  ADD ("empty-blocking-eventfd-never-blocks-drain",
       test_empty_blocking_eventfd_never_blocks_drain);
  ADD ("semaphore-is-read-once-per-drain",
       test_semaphore_is_read_once_per_drain);
  ADD ("peers-flags-stay-as-they-are", test_peers_flags_stay_as_they_are);
  ADD ("pipe-carries-calls", test_pipe_carries_calls);
  ADD ("full-blocking-pipe-never-blocks-signal",
       test_full_blocking_pipe_never_blocks_signal);
  ADD ("pipe-is-drained", test_pipe_is_drained);
  ADD ("closed-kick-pipe-is-dead", test_closed_kick_pipe_is_dead);
  ADD ("call-pipe-without-reader-raises-no-signal",
       test_call_pipe_without_reader_raises_no_signal);
  ADD ("call-pipe-without-reader-is-accepted",
       test_call_pipe_without_reader_is_accepted);
  ADD ("other-descriptors-are-refused", test_other_descriptors_are_refused);
  ADD ("unix-socket-is-written-without-waiting", test_unix_socket_is_written_without_waiting);
  ADD ("missing-descriptor-is-an-error", test_missing_descriptor_is_an_error);
  ADD ("last-reference-closes", test_last_reference_closes);
  ADD ("descriptors-close-on-exec", test_descriptors_close_on_exec);
#undef ADD

  return g_test_run ();
}
