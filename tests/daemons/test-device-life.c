/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <linux/virtio_blk.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <vhu/vhu.h>

#include "devices/vhu-blk-driver.h"
#include "vhu-test-daemon.h"

#define IMAGE_SECTORS ((8u << 20) / 512)

typedef struct
{
  VhuTestDaemon daemon;
  VhuBlkDriver driver;
} Fixture;

static void
set_up (Fixture       *self,
        gconstpointer  data)
{
  vhu_test_daemon_init (&self->daemon);
}

static void
tear_down (Fixture       *self,
           gconstpointer  data)
{
  if (self->driver.frontend != NULL)
    vhu_blk_driver_clear (&self->driver);
  vhu_test_daemon_clear (&self->daemon);
}

static void
start_blk (Fixture    *self,
           const char *more)
{
  const char *args[] = {
    "--socket-path=%SOCKET", "--blk-file=%IMAGE", "--serial=life", more, NULL
  };

  vhu_test_daemon_start (&self->daemon, "blk", args);
}

static void
open_driver (Fixture *self)
{
  g_autoptr(GError) error = NULL;
  VhuFrontend *frontend = vhu_frontend_open (self->daemon.path, &error);

  g_assert_no_error (error);
  vhu_blk_driver_init (&self->driver, frontend);
}

static void
open_driver_on_fd (Fixture *self,
                   int      fd)
{
  g_autoptr(GError) error = NULL;
  VhuFrontend *frontend = vhu_frontend_new_for_fd (fd, &error);

  g_assert_no_error (error);
  vhu_blk_driver_init (&self->driver, frontend);
}

static void
use_disk (Fixture *self,
          guint8   byte)
{
  g_assert_cmpuint (vhu_blk_driver_write (&self->driver, 8, 4096, byte), ==,
                    VIRTIO_BLK_S_OK);
  vhu_blk_driver_expect (&self->driver, 8, 4096, byte);
}

static void
expect_end (Fixture *self)
{
  vhu_test_daemon_wait (&self->daemon);
  g_assert_cmpint (self->daemon.status, ==, 0);
  g_assert_false (g_file_test (self->daemon.path, G_FILE_TEST_EXISTS));
}

static void
end (Fixture *self,
     int      signal_number)
{
  g_autofree char *state = NULL;

  vhu_test_daemon_signal (&self->daemon, signal_number);
  state = vhu_test_daemon_listen (&self->daemon);
  g_assert_cmpstr (state, ==, "STOPPING=1");
  expect_end (self);
}

/* One front-end after another, until a signal comes. */
static void
test_sessions (Fixture       *self,
               gconstpointer  signal_number)
{
  guint i;

  start_blk (self, NULL);
  for (i = 1; i <= 3; i++)
    {
      open_driver (self);
      use_disk (self, i);
      vhu_blk_driver_clear (&self->driver);
    }
  end (self, GPOINTER_TO_INT (signal_number));
  g_assert_nonnull (strstr (self->daemon.out, "sessions: 3, requests: 6, "
                            "failed: 0"));
  g_assert_nonnull (strstr (self->daemon.out, "reads: 3 (12288 bytes), "
                            "writes: 3 (12288 bytes), others: 0, refused: 0"));
}

/* It ends although a front-end is connected. */
static void
test_term_while_connected (Fixture       *self,
                           gconstpointer  data)
{
  start_blk (self, NULL);
  open_driver (self);
  use_disk (self, 1);
  end (self, SIGTERM);
}

static void
submit_reads (Fixture *self,
              guint    n)
{
  struct virtio_blk_outhdr header = { .type = GUINT32_TO_LE (VIRTIO_BLK_T_IN) };
  g_autoptr(GError) error = NULL;
  guint i;

  memcpy (self->driver.out, &header, sizeof header);
  for (i = 0; i < n; i++)
    {
      vhu_driver_queue_append_segment (self->driver.queue,
                                       self->driver.out_address, 16, FALSE);
      vhu_driver_queue_append_segment (self->driver.queue,
                                       self->driver.in_address, 4097, TRUE);
      vhu_driver_queue_submit_appended (self->driver.queue, &error);
      g_assert_no_error (error);
    }
  vhu_driver_queue_kick (self->driver.queue);
}

static void
test_term_under_load (Fixture       *self,
                      gconstpointer  mode)
{
  start_blk (self, mode);
  open_driver (self);
  submit_reads (self, 60);
  end (self, SIGTERM);

  /* Each was either answered or left for whoever comes next. */
  g_assert_cmpuint (vhu_driver_queue_peek_used_index (self->driver.queue), <=,
                    60);
}

/* Whether the daemon takes a preloaded library: the sanitizers want to be the
 * first. */
static gboolean
preload_slow_storage (Fixture *self)
{
#if defined (__SANITIZE_ADDRESS__)
  g_test_skip ("the address sanitizer is preloaded");
  return FALSE;
#else
  g_autofree char *library =
    g_test_build_filename (G_TEST_BUILT, "daemons", "slow-storage.so", NULL);

  g_subprocess_launcher_setenv (self->daemon.launcher, "LD_PRELOAD", library,
                                TRUE);
  return TRUE;
#endif
}

/* Storage that does not answer delays the end, but not for long. */
static void
test_term_with_stuck_storage (Fixture       *self,
                              gconstpointer  data)
{
  if (!preload_slow_storage (self))
    return;

  start_blk (self, GPOINTER_TO_INT (data) ? "--io=inline" : "--io=threads");
  open_driver (self);
  submit_reads (self, 20);
  end (self, SIGTERM);
  g_assert_cmpuint (vhu_driver_queue_peek_used_index (self->driver.queue), ==,
                    0);
}

/* For slow-storage.c. */
#define STUCK_SIZE 6320640

/* Nor does asking for its size hold up anything. */
static void
test_term_while_size_hangs (Fixture       *self,
                            gconstpointer  data)
{
  if (!preload_slow_storage (self))
    return;

  start_blk (self, "--io=threads");
  open_driver (self);
  g_assert_cmpint (truncate (self->daemon.image, STUCK_SIZE), ==, 0);
  vhu_test_daemon_signal (&self->daemon, SIGHUP);
  end (self, SIGTERM);
}

/* The second signal is for those who cannot wait. */
static void
test_term_twice (Fixture       *self,
                 gconstpointer  data)
{
  g_autofree char *state = NULL;
  gint64 start;

  if (!preload_slow_storage (self))
    return;

  start_blk (self, "--io=threads");
  open_driver (self);
  submit_reads (self, 20);
  vhu_test_daemon_signal (&self->daemon, SIGTERM);
  state = vhu_test_daemon_listen (&self->daemon);
  start = g_get_monotonic_time ();
  vhu_test_daemon_signal (&self->daemon, SIGTERM);
  expect_end (self);
  g_assert_cmpint (g_get_monotonic_time () - start, <, G_USEC_PER_SEC);
}

static void
test_resize (Fixture       *self,
             gconstpointer  data)
{
  struct virtio_blk_config config;
  g_autoptr(GError) error = NULL;

  start_blk (self, NULL);
  open_driver (self);
  g_assert_cmpint (truncate (self->daemon.image, 32 << 20), ==, 0);
  vhu_test_daemon_signal (&self->daemon, SIGHUP);
  vhu_frontend_wait_config_change (self->driver.frontend, &error);
  g_assert_no_error (error);
  vhu_blk_driver_config (&self->driver, &config);
  g_assert_cmpuint (GUINT64_FROM_LE (config.capacity), ==, 4 * IMAGE_SECTORS);
  vhu_blk_driver_expect (&self->driver, 4 * IMAGE_SECTORS - 1, 512, 0);

  end (self, SIGTERM);
}

static void
test_exit_on_disconnect (Fixture       *self,
                         gconstpointer  data)
{
  start_blk (self, "--exit-on-disconnect");
  open_driver (self);
  use_disk (self, 1);
  vhu_blk_driver_clear (&self->driver);
  expect_end (self);
}

static int
listen_at (const char *path)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  g_assert_cmpint (bind (fd, (struct sockaddr *) &address, sizeof address), ==,
                   0);
  g_assert_cmpint (listen (fd, 8), ==, 0);

  return fd;
}

/* A socket that is not ours is not ours to remove. */
static void
test_listening_fd (Fixture       *self,
                   gconstpointer  data)
{
  const char *args[] = { "--fd=5", "--blk-file=%IMAGE", NULL };

  g_subprocess_launcher_take_fd (self->daemon.launcher,
                                 listen_at (self->daemon.path), 5);
  vhu_test_daemon_start (&self->daemon, "blk", args);
  g_subprocess_launcher_close (self->daemon.launcher);
  open_driver (self);
  use_disk (self, 1);
  vhu_blk_driver_clear (&self->driver);
  open_driver (self);
  use_disk (self, 2);

  vhu_test_daemon_signal (&self->daemon, SIGTERM);
  vhu_test_daemon_wait (&self->daemon);
  g_assert_cmpint (self->daemon.status, ==, 0);
  g_assert_true (g_file_test (self->daemon.path, G_FILE_TEST_EXISTS));
}

/* A connection has no successor. */
static void
test_connected_fd (Fixture       *self,
                   gconstpointer  data)
{
  const char *args[] = { "--fd=4", "--blk-file=%IMAGE", NULL };
  int fds[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==,
                   0);
  g_subprocess_launcher_take_fd (self->daemon.launcher, fds[1], 4);
  vhu_test_daemon_start (&self->daemon, "blk", args);
  g_subprocess_launcher_close (self->daemon.launcher);
  open_driver_on_fd (self, fds[0]);
  close (fds[0]);
  use_disk (self, 1);
  vhu_blk_driver_clear (&self->driver);
  expect_end (self);
}

/* Only a process itself can know its number in time. */
static void
activate (Fixture    *self,
          const char *script)
{
  g_autofree char *program = vhu_test_daemon_find ("blk");
  g_autofree char *state = NULL;
  g_autoptr(GError) error = NULL;

  g_subprocess_launcher_take_fd (self->daemon.launcher,
                                 listen_at (self->daemon.path), 3);
  self->daemon.process =
    g_subprocess_launcher_spawn (self->daemon.launcher, &error, "/bin/sh", "-c",
                                 script, "sh", program, "--null=8M", NULL);
  g_assert_no_error (error);
  g_subprocess_launcher_close (self->daemon.launcher);
}

static void
test_activation (Fixture       *self,
                 gconstpointer  data)
{
  g_autofree char *state = NULL;

  activate (self, "LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=a exec \"$@\"");
  state = vhu_test_daemon_listen (&self->daemon);
  g_assert_cmpstr (state, ==, "READY=1");
  open_driver (self);
  g_assert_cmpuint (vhu_blk_driver_write (&self->driver, 0, 512, 0), ==,
                    VIRTIO_BLK_S_OK);
  vhu_test_daemon_signal (&self->daemon, SIGTERM);
  vhu_test_daemon_wait (&self->daemon);
  g_assert_cmpint (self->daemon.status, ==, 0);
}

/* The sockets were for somebody else. */
static void
test_activation_of_others (Fixture       *self,
                           gconstpointer  data)
{
  activate (self, "LISTEN_PID=1 LISTEN_FDS=1 exec \"$@\" 2>/dev/null");
  vhu_test_daemon_wait (&self->daemon);
  g_assert_cmpint (self->daemon.status, ==, 2);
}

static void
test_activation_with_two (Fixture       *self,
                          gconstpointer  data)
{
  activate (self, "LISTEN_PID=$$ LISTEN_FDS=2 exec \"$@\" 2>/dev/null");
  vhu_test_daemon_wait (&self->daemon);
  g_assert_cmpint (self->daemon.status, ==, 1);
}

/* A socket that a dead daemon left is taken over; one in use is not. */
static void
test_socket_in_use (Fixture       *self,
                    gconstpointer  data)
{
  g_autofree char *option = g_strconcat ("--socket-path=", self->daemon.path,
                                         NULL);
  const char *args[] = { "--null=1M", option, NULL };
  VhuTestRun run;
  int fd = listen_at (self->daemon.path);

  vhu_test_run_daemon (&run, "blk", args);
  vhu_test_run_expect (&run, 1, self->daemon.path);
  vhu_test_run_clear (&run);

  close (fd);
  start_blk (self, NULL);
  end (self, SIGTERM);
}

static void
test_all_modes (Fixture       *self,
                gconstpointer  more)
{
  g_autofree char *id = NULL;

  start_blk (self, more);
  open_driver (self);
  use_disk (self, 3);
  g_assert_cmpuint (vhu_blk_driver_request (&self->driver, VIRTIO_BLK_T_FLUSH, 0,
                                            0, 0), ==, VIRTIO_BLK_S_OK);
  g_assert_cmpuint (vhu_blk_driver_request (&self->driver, VIRTIO_BLK_T_GET_ID,
                                            0, 0, 20), ==, VIRTIO_BLK_S_OK);
  g_assert_cmpstr ((char *) self->driver.in, ==, "life");
  end (self, SIGTERM);
}

static void
test_rng (Fixture       *self,
          gconstpointer  data)
{
  const char *args[] = { "--socket-path=%SOCKET", NULL };
  g_autoptr(VhuFrontend) frontend = NULL;
  g_autoptr(VhuDriverQueue) queue = NULL;
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) bytes = NULL;

  vhu_test_daemon_start (&self->daemon, "rng", args);
  frontend = vhu_frontend_open (self->daemon.path, &error);
  g_assert_no_error (error);
  g_assert_true (vhu_frontend_negotiate (frontend, NULL));
  g_assert_true (vhu_frontend_allocate_memory (frontend, 1 << 20, 1, NULL));
  queue = vhu_frontend_add_queue (frontend, 0, 4, &error);
  g_assert_no_error (error);
  bytes = vhu_driver_queue_request (queue, NULL, 64, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_bytes_get_size (bytes), ==, 64);
  end (self, SIGTERM);
}

static void
add (const char    *path,
     gconstpointer  data,
     void         (*func) (Fixture *, gconstpointer))
{
  g_autofree char *full = g_strconcat ("/daemons/life/", path, NULL);

  g_test_add (full, Fixture, data, set_up, func, tear_down);
}

int
main (int    argc,
      char **argv)
{
  static const char *const modes[] = {
    "--io=inline", "--io=threads", "--io=auto", "--threads=4", "--num-queues=1",
    "--cache=writethrough", "--poll-us=0", "--queue-size=128",
  };
  guint i;

  g_test_init (&argc, &argv, NULL);

  add ("sessions-then-term", GINT_TO_POINTER (SIGTERM), test_sessions);
  add ("sessions-then-int", GINT_TO_POINTER (SIGINT), test_sessions);
  add ("term-while-connected", NULL, test_term_while_connected);
  add ("term-under-load/auto", "--io=auto", test_term_under_load);
  add ("term-under-load/threads", "--io=threads", test_term_under_load);
  add ("term-with-stuck-storage/threads", GINT_TO_POINTER (FALSE),
       test_term_with_stuck_storage);
  add ("term-with-stuck-storage/inline", GINT_TO_POINTER (TRUE),
       test_term_with_stuck_storage);
  add ("term-while-size-hangs", NULL, test_term_while_size_hangs);
  add ("term-twice", NULL, test_term_twice);
  add ("resize-by-signal", NULL, test_resize);
  add ("exit-on-disconnect", NULL, test_exit_on_disconnect);
  add ("listening-fd", NULL, test_listening_fd);
  add ("connected-fd", NULL, test_connected_fd);
  add ("activation", NULL, test_activation);
  add ("activation-of-others", NULL, test_activation_of_others);
  add ("activation-with-two", NULL, test_activation_with_two);
  add ("socket-in-use", NULL, test_socket_in_use);
  add ("rng", NULL, test_rng);
  for (i = 0; i < G_N_ELEMENTS (modes); i++)
    {
      g_autofree char *path = g_strconcat ("mode/", modes[i] + 2, NULL);

      add (path, modes[i], test_all_modes);
    }

  return g_test_run ();
}
