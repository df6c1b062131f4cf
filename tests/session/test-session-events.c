/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "vhu-test-fds.h"
#include "vhu-test-messages.h"
#include "vhu-test-ring.h"
#include "vhu-test-session.h"

/* The three descriptors of a ring: kick, call and error. Their files belong to
 * the front-end, which may do with them whatever it likes. The numbers in comments
 * are those of tests/TRAPS.md; dangers are those that a hostile front-end is. */

#define RING_SIZE 64
#define N_EXCHANGES 1000
#define N_REQUESTS 3000
#define WAIT_MS 20000

static void
start_ring (VhuTestSession *session,
            VhuTestRing    *ring,
            guint           index)
{
  vhu_test_ring_init (ring, session->frontend, index, RING_SIZE);
  vhu_test_ring_start (ring);
}

static void
replace_fd (int *fd,
            int  new_fd)
{
  g_assert_cmpint (new_fd, >=, 0);
  close (*fd);
  *fd = new_fd;
}

/* Trap 11. Nor is the error descriptor needed. */
static void
test_a_ring_runs_without_a_call (VhuTestSession *session,
                                 gconstpointer   n_threads)
{
  g_auto(VhuTestRing) ring = VHU_TEST_RING_INIT;

  vhu_test_ring_init (&ring, session->frontend, 0, RING_SIZE);
  vhu_test_ring_send_num (&ring);
  vhu_test_ring_send_base (&ring, 0);
  vhu_test_ring_send_addresses (&ring);
  vhu_test_ring_send_kick (&ring);
  vhu_test_ring_send_enable (&ring, TRUE);
  vhu_test_ring_echo (&ring, "nobody is called");
  g_assert_false (vhu_test_event_is_signalled (ring.call));
}

/* Trap 3. */
static void
test_a_new_kick_leaves_the_ring_enabled (VhuTestSession *session,
                                         gconstpointer   n_threads)
{
  g_auto(VhuTestRing) ring = VHU_TEST_RING_INIT;

  vhu_test_ring_init (&ring, session->frontend, 0, RING_SIZE);
  vhu_test_ring_prepare (&ring);
  vhu_test_ring_send_enable (&ring, TRUE);
  vhu_test_ring_send_kick (&ring);
  vhu_test_ring_echo (&ring, "enabled before the kick");
  vhu_test_ring_send_kick (&ring);
  vhu_test_ring_echo (&ring, "and after");
}

/* Trap 35. */
static void
test_second_kick_replaces_the_first (VhuTestSession *session,
                                     gconstpointer   n_threads)
{
  g_auto(VhuTestRing) ring = VHU_TEST_RING_INIT;
  int first;

  start_ring (session, &ring, 0);
  vhu_test_ring_echo (&ring, "one");
  first = ring.kick;
  ring.kick = vhu_test_event_new ();
  vhu_test_ring_send_kick (&ring);
  for (guint i = 0; i < 10; i++)
    vhu_test_ring_echo (&ring, "two");

  /* Nobody listens to the first any more. */
  vhu_test_event_signal (first);
  vhu_test_ring_expect_nothing (&ring);
  g_assert_true (vhu_test_event_is_signalled (first));
  close (first);
}

/* Trap 37: the count is gone when the ring's thread comes to read it, and the
 * descriptor may be a blocking one. */
static void
test_a_kick_read_by_someone_else_is_harmless (VhuTestSession *session,
                                              gconstpointer   n_threads)
{
  g_auto(VhuTestRing) ring = VHU_TEST_RING_INIT;
  guint64 count;

  vhu_test_ring_init (&ring, session->frontend, 0, RING_SIZE);
  replace_fd (&ring.kick, eventfd (0, EFD_CLOEXEC));
  vhu_test_ring_start (&ring);
  for (guint i = 0; i < 2000; i++)
    {
      vhu_test_event_signal (ring.kick);
      /* The ring's thread may be first, and our own read must not block. */
      fcntl (ring.kick, F_SETFL, O_NONBLOCK);
      if (read (ring.kick, &count, sizeof count) < 0)
        g_assert_cmpint (errno, ==, EAGAIN);
      fcntl (ring.kick, F_SETFL, 0);
    }
  vhu_test_ring_echo (&ring, "still awake");
  g_assert_cmpint (fcntl (ring.kick, F_GETFL) & O_NONBLOCK, ==, 0);
}

/* Trap 38: kicks go to the descriptor of before, which is exchanged while they
 * are under way. */
static void
test_kicks_may_be_exchanged_under_load (VhuTestSession *session,
                                        gconstpointer   n_threads)
{
  g_auto(VhuTestRing) ring = VHU_TEST_RING_INIT;

  start_ring (session, &ring, 0);
  vhu_frontend_set_use_reply_ack (session->frontend, FALSE);
  for (guint i = 0; i < N_EXCHANGES; i++)
    {
      vhu_test_ring_submit (&ring, "kicked somewhere");
      vhu_test_ring_signal_kick (&ring);
      replace_fd (&ring.kick, vhu_test_event_new ());
      vhu_test_ring_send_kick (&ring);
      vhu_test_ring_expect (&ring, "kicked somewhere");
    }
  vhu_frontend_set_use_reply_ack (session->frontend, TRUE);
  vhu_test_ring_echo (&ring, "the last one");
}

/* A driver in a thread of its own, as fast as it can. */
typedef struct
{
  VhuTestRing *ring;
  int stop; /* atomic */
  guint n_done;
} Load;

static gpointer
run_load (gpointer user_data)
{
  Load *load = user_data;

  while (!g_atomic_int_get (&load->stop))
    {
      vhu_test_ring_echo (load->ring, "load");
      load->n_done++;
    }
  return NULL;
}

/* What interrupts of a guest do, when they are masked and unmasked. */
static void
test_calls_may_be_exchanged_under_load (VhuTestSession *session,
                                        gconstpointer   n_threads)
{
  g_auto(VhuTestRing) ring = VHU_TEST_RING_INIT;
  Load load = { .ring = &ring };
  GThread *thread;
  guint n_fds;

  start_ring (session, &ring, 0);
  n_fds = vhu_test_count_fds ();
  thread = g_thread_new ("load", run_load, &load);
  for (guint i = 0; i < N_EXCHANGES; i++)
    {
      replace_fd (&ring.call, vhu_test_event_new ());
      vhu_test_ring_send_call (&ring);
      vhu_test_event_wait (ring.call);
    }
  g_atomic_int_set (&load.stop, TRUE);
  g_thread_join (thread);
  g_assert_cmpuint (load.n_done, >, 0);
  vhu_test_wait_for_fds (n_fds);
}

/* A call may have gone to the old one in the very moment. */
static void
test_a_new_call_is_signalled_once (VhuTestSession *session,
                                   gconstpointer   n_threads)
{
  g_auto(VhuTestRing) ring = VHU_TEST_RING_INIT;
  guint64 count;
  int old;

  start_ring (session, &ring, 0);
  vhu_test_ring_echo (&ring, "started");
  vhu_test_event_wait (ring.call);
  old = ring.call;
  ring.call = vhu_test_event_new ();
  vhu_test_ring_send_call (&ring);
  g_assert_cmpint (read (ring.call, &count, sizeof count), ==, sizeof count);
  g_assert_cmpuint (count, ==, 1);

  vhu_driver_queue_enable_calls (ring.queue, 0);
  vhu_test_ring_echo (&ring, "called here");
  vhu_test_event_wait (ring.call);
  g_assert_false (vhu_test_event_is_signalled (old));
  close (old);
}

/* Trap 30. One request at a time, and the driver sleeps until it is called: a
 * single wake-up that is missing, of either side, is found out. */
static void
check_notifications (VhuTestSession *session,
                     gboolean        event_idx)
{
  g_autoptr(GBytes) out = g_bytes_new_static ("wake me", 7);
  g_autoptr(GError) error = NULL;
  guint32 length;
  guint id;

  vhu_frontend_want_feature (session->frontend, VHU_FEATURE_EVENT_IDX, event_idx);
  vhu_test_session_start (session);
  for (guint i = 0; i < N_REQUESTS; i++)
    {
      guint n_left = 1 + i % 3;

      for (guint j = 0; j < n_left; j++)
        {
          vhu_driver_queue_submit_bytes (session->queue, out, 7, &error);
          g_assert_no_error (error);
          vhu_driver_queue_kick (session->queue);
        }
      while (n_left > 0)
        {
          while (vhu_driver_queue_pop (session->queue, &id, &length))
            {
              g_bytes_unref (vhu_driver_queue_take_result (session->queue, id));
              n_left--;
            }
          if (n_left > 0 && !vhu_driver_queue_enable_calls (session->queue, 0))
            g_assert_true (vhu_driver_queue_wait_call (session->queue, WAIT_MS));
        }
      vhu_driver_queue_disable_calls (session->queue);
    }
}

static void
test_no_notification_is_lost_under_load (VhuTestSession *session,
                                         gconstpointer   n_threads)
{
  check_notifications (session, FALSE);
  vhu_test_session_leave (session);
  session->frontend = vhu_test_server_open (session->server);
  check_notifications (session, TRUE);
}

/* Without a kick descriptor the device looks by itself. */
static void
test_a_ring_may_be_polled (VhuTestSession *session,
                           gconstpointer   n_threads)
{
  const guint64 nofd = VHU_TEST_NOFD | 1;
  g_auto(VhuTestRing) ring = VHU_TEST_RING_INIT;
  g_autoptr(GError) error = NULL;

  vhu_test_ring_init (&ring, session->frontend, 1, RING_SIZE);
  vhu_test_ring_prepare (&ring);
  vhu_test_expect_taken (session->frontend, VHU_TEST_SET_VRING_KICK, &nofd, 8, -1);
  vhu_test_ring_send_enable (&ring, TRUE);
  for (guint i = 0; i < 20; i++)
    {
      vhu_test_ring_submit (&ring, "found");
      vhu_test_ring_expect (&ring, "found");
      vhu_test_session_echo (session->queue, "the other one is kicked");
    }

  /* It rests while it is disabled or stopped. */
  vhu_test_ring_send_enable (&ring, FALSE);
  vhu_test_ring_submit (&ring, "not found");
  vhu_test_ring_expect_nothing (&ring);
  g_assert_cmpuint (vhu_test_ring_stop (&ring), ==, 20);
  vhu_test_ring_send_enable (&ring, TRUE);
  vhu_test_ring_expect_nothing (&ring);
  vhu_test_expect_taken (session->frontend, VHU_TEST_SET_VRING_KICK, &nofd, 8, -1);
  vhu_test_ring_expect (&ring, "not found");
}

/* A ring that runs can go over from one to the other. */
static void
test_polling_may_begin_and_end (VhuTestSession *session,
                                gconstpointer   n_threads)
{
  const guint64 nofd = VHU_TEST_NOFD;
  g_auto(VhuTestRing) ring = VHU_TEST_RING_INIT;

  start_ring (session, &ring, 0);
  for (guint i = 0; i < 20; i++)
    {
      vhu_test_ring_echo (&ring, "kicked");
      vhu_test_expect_taken (session->frontend, VHU_TEST_SET_VRING_KICK, &nofd, 8, -1);
      vhu_test_ring_submit (&ring, "found");
      vhu_test_ring_expect (&ring, "found");
      vhu_test_ring_send_kick (&ring);
    }
}

/* User-mode Linux has pipes for eventfds, and blocking ones. */
static void
test_pipes_are_event_descriptors (VhuTestSession *session,
                                  gconstpointer   n_threads)
{
  g_auto(VhuTestRing) ring = VHU_TEST_RING_INIT;
  int kick[2], call[2];
  guint64 one = 1;

  g_assert_cmpint (pipe2 (kick, O_CLOEXEC), ==, 0);
  g_assert_cmpint (pipe2 (call, O_CLOEXEC), ==, 0);
  vhu_test_ring_init (&ring, session->frontend, 0, RING_SIZE);
  replace_fd (&ring.kick, kick[0]);
  replace_fd (&ring.call, call[1]);
  vhu_test_ring_start (&ring);
  for (guint i = 0; i < 10; i++)
    {
      vhu_driver_queue_enable_calls (ring.queue, 0);
      vhu_test_ring_submit (&ring, "through a pipe");
      g_assert_cmpint (write (kick[1], &one, sizeof one), ==, sizeof one);
      vhu_test_ring_expect (&ring, "through a pipe");
      g_assert_cmpint (read (call[0], &one, sizeof one), ==, sizeof one);
    }

  /* Its end is no kick for ever: the ring lives, and can be given another. */
  close (kick[1]);
  close (call[0]);
  vhu_test_ring_expect_nothing (&ring);
  replace_fd (&ring.kick, vhu_test_event_new ());
  vhu_test_ring_send_kick (&ring);
  vhu_test_ring_echo (&ring, "through an eventfd");
}

/* Danger 7. */
static void
test_descriptors_come_exactly_if_announced (VhuTestSession *session,
                                            gconstpointer   n_threads)
{
  static const guint requests[] = {
    VHU_TEST_SET_VRING_KICK, VHU_TEST_SET_VRING_CALL, VHU_TEST_SET_VRING_ERR,
  };
  const guint64 with = 0;
  const guint64 without = VHU_TEST_NOFD;
  g_auto(VhuTestRing) ring = VHU_TEST_RING_INIT;

  start_ring (session, &ring, 0);
  for (guint i = 0; i < G_N_ELEMENTS (requests); i++)
    {
      guint64 reserved = VHU_TEST_BIT (9 + 10 * i);

      vhu_test_expect_refused (session->frontend, requests[i], &with, 8, -1);
      vhu_test_expect_refused (session->frontend, requests[i], &without, 8, ring.kick);
      vhu_test_expect_refused (session->frontend, requests[i], &reserved, 8, ring.kick);
      vhu_test_ring_echo (&ring, "with the ones of before");
      vhu_test_expect_taken (session->frontend, requests[i], &without, 8, -1);
    }
}

/* Danger 8. What is always readable would keep the thread busy for ever. */
static void
test_other_descriptors_are_refused (VhuTestSession *session,
                                    gconstpointer   n_threads)
{
  const guint64 event = 0;
  const int fds[] = {
    memfd_create ("no-event", MFD_CLOEXEC),
    open ("/dev/null", O_RDWR | O_CLOEXEC),
    open ("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
    epoll_create1 (EPOLL_CLOEXEC),
    timerfd_create (CLOCK_MONOTONIC, TFD_CLOEXEC),
    socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
  };
  g_auto(VhuTestRing) ring = VHU_TEST_RING_INIT;
  int pair[2];

  start_ring (session, &ring, 0);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      g_assert_cmpint (fds[i], >=, 0);
      for (guint request = VHU_TEST_SET_VRING_KICK; request <= VHU_TEST_SET_VRING_ERR; request++)
        vhu_test_expect_refused (session->frontend, request, &event, 8, fds[i]);
      close (fds[i]);
    }

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
  vhu_test_expect_refused (session->frontend, VHU_TEST_SET_VRING_KICK, &event, 8, pair[0]);
  close (pair[0]);
  close (pair[1]);
  vhu_test_ring_echo (&ring, "with the ones of before");
}

static void
fill (int fd)
{
  int flags = fcntl (fd, F_GETFL);

  fcntl (fd, F_SETFL, flags | O_NONBLOCK);
  while (write (fd, "........", 8) == 8)
    continue;
  fcntl (fd, F_SETFL, flags);
}

/* Danger 9. A thread that waits for a front-end serves nobody. */
static void
check_full_call (VhuTestSession *session,
                 int             call)
{
  const guint64 event = 0;
  g_auto(VhuTestRing) ring = VHU_TEST_RING_INIT;

  start_ring (session, &ring, 0);
  vhu_test_expect_taken (session->frontend, VHU_TEST_SET_VRING_CALL, &event, 8, call);
  for (guint i = 0; i < 10; i++)
    {
      vhu_driver_queue_enable_calls (ring.queue, 0);
      vhu_test_ring_echo (&ring, "nobody takes the calls");
    }
  vhu_test_ring_stop (&ring);
}

static void
test_a_full_call_blocks_nobody (VhuTestSession *session,
                                gconstpointer   n_threads)
{
  const guint64 most = G_MAXUINT64 - 1;
  int full = eventfd (0, EFD_CLOEXEC);
  int pipes[2], sockets[2];

  g_assert_cmpint (write (full, &most, sizeof most), ==, sizeof most);
  check_full_call (session, full);
  close (full);

  g_assert_cmpint (pipe2 (pipes, O_CLOEXEC), ==, 0);
  fill (pipes[1]);
  check_full_call (session, pipes[1]);
  close (pipes[0]);
  close (pipes[1]);

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), ==, 0);
  fill (sockets[1]);
  check_full_call (session, sockets[1]);
  close (sockets[0]);
  close (sockets[1]);
}

/* Danger 10: kicks that no reading ever ends. The rings beside it, the messages
 * and the stop get their turns. */
static void
test_a_kick_without_end_starves_nobody (VhuTestSession *session,
                                        gconstpointer   n_threads)
{
  const guint64 most = G_MAXUINT64 - 1;
  VhuTestRing rings[3] = { VHU_TEST_RING_INIT, VHU_TEST_RING_INIT, VHU_TEST_RING_INIT };

  for (guint i = 0; i < 3; i++)
    {
      vhu_test_ring_init (&rings[i], session->frontend, i, RING_SIZE);
      if (i == 0)
        replace_fd (&rings[i].kick, eventfd (0, EFD_CLOEXEC | EFD_SEMAPHORE));
      vhu_test_ring_start (&rings[i]);
    }
  g_assert_cmpint (write (rings[0].kick, &most, sizeof most), ==, sizeof most);
  for (guint i = 0; i < 50; i++)
    for (guint j = 1; j < 3; j++)
      {
        vhu_test_ring_echo (&rings[j], "beside it");
        vhu_test_expect_silence (session->frontend);
      }
  vhu_test_ring_submit (&rings[0], "kicked enough");
  vhu_test_ring_expect (&rings[0], "kicked enough");
  g_assert_cmpuint (vhu_test_ring_stop (&rings[0]), ==, 1);
  for (guint i = 0; i < 3; i++)
    vhu_test_ring_clear (&rings[i]);
}

/* Who gives the error descriptor late hears of it all the same. */
static void
test_an_error_is_told_late (VhuTestSession *session,
                            gconstpointer   n_threads)
{
  g_auto(VhuTestRing) ring = VHU_TEST_RING_INIT;

  vhu_test_ring_init (&ring, session->frontend, 1, RING_SIZE);
  vhu_test_ring_send_num (&ring);
  vhu_test_ring_send_base (&ring, 1000);
  vhu_test_ring_send_addresses (&ring);
  vhu_test_ring_send_enable (&ring, TRUE);
  vhu_test_ring_signal_kick (&ring);
  vhu_test_ring_send_kick (&ring);
  vhu_test_event_wait_taken (ring.kick);
  vhu_test_ring_send_error (&ring);
  vhu_test_event_wait (ring.error);
}

static void
set_up_three_queues (VhuTestSession *session,
                     gconstpointer   n_threads)
{
  vhu_test_session_connect_to (session, vhu_test_backend_new_with_queues (3), n_threads);
  vhu_test_session_negotiate (session);
}

/* A program that is started by the device's must not have the guest's memory. */
static void
test_descriptors_close_on_exec (VhuTestSession *session,
                                gconstpointer   n_threads)
{
  g_auto(VhuTestRing) ring = VHU_TEST_RING_INIT;
  g_autoptr(GDir) dir = NULL;
  const char *name;

  start_ring (session, &ring, 1);
  vhu_test_ring_echo (&ring, "everything is open");
  dir = g_dir_open ("/proc/self/fd", 0, NULL);
  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_strdup_printf ("/proc/self/fd/%s", name);
      g_autofree char *target = g_file_read_link (path, NULL);
      int flags = fcntl (atoi (name), F_GETFD);

      if (target != NULL && flags >= 0 &&
          (strstr (target, "eventfd") || strstr (target, "memfd") ||
           g_str_has_prefix (target, "socket:")))
        g_assert_cmpint (flags & FD_CLOEXEC, ==, FD_CLOEXEC);
    }
}

#define ADD(name, set_up, func) \
  VHU_TEST_SESSION_ADD ("/session/rings/" name, set_up, func)
#define ADD_PLAIN(name, func) \
  ADD (name, vhu_test_session_set_up_without_queue, func)

static void
add_danger_tests (void)
{
  ADD_PLAIN ("danger-7-descriptors-come-exactly-if-announced",
             test_descriptors_come_exactly_if_announced);
  ADD_PLAIN ("danger-8-other-descriptors-are-refused", test_other_descriptors_are_refused);
  ADD_PLAIN ("danger-9-a-full-call-blocks-nobody", test_a_full_call_blocks_nobody);
  ADD ("danger-10-a-kick-without-end-starves-nobody", set_up_three_queues,
       test_a_kick_without_end_starves_nobody);
  ADD_PLAIN ("descriptors-close-on-exec", test_descriptors_close_on_exec);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ADD_PLAIN ("a-ring-runs-without-a-call", test_a_ring_runs_without_a_call);
  ADD_PLAIN ("a-new-kick-leaves-the-ring-enabled", test_a_new_kick_leaves_the_ring_enabled);
  ADD_PLAIN ("second-kick-replaces-the-first", test_second_kick_replaces_the_first);
  ADD_PLAIN ("a-kick-read-by-someone-else-is-harmless",
             test_a_kick_read_by_someone_else_is_harmless);
  ADD_PLAIN ("kicks-may-be-exchanged-under-load", test_kicks_may_be_exchanged_under_load);
  ADD_PLAIN ("calls-may-be-exchanged-under-load", test_calls_may_be_exchanged_under_load);
  ADD_PLAIN ("a-new-call-is-signalled-once", test_a_new_call_is_signalled_once);
  ADD ("no-notification-is-lost-under-load", vhu_test_session_connect,
       test_no_notification_is_lost_under_load);
  ADD ("a-ring-may-be-polled", vhu_test_session_set_up, test_a_ring_may_be_polled);
  ADD_PLAIN ("polling-may-begin-and-end", test_polling_may_begin_and_end);
  ADD_PLAIN ("an-error-is-told-late", test_an_error_is_told_late);
  ADD_PLAIN ("pipes-are-event-descriptors", test_pipes_are_event_descriptors);
  add_danger_tests ();

  return g_test_run ();
}
