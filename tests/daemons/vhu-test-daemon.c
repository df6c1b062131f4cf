/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-test-daemon.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <glib/gstdio.h>

#define IMAGE_SIZE (8u << 20)
#define PATIENCE_MS 20000
#define STOP_LIMIT_US (2 * G_USEC_PER_SEC)

char *
vhu_test_daemon_find (const char *kind)
{
  g_autofree char *name = g_strconcat ("vhu-device-", kind, NULL);
  const char *directory = g_getenv ("VHU_DAEMONS");

  if (directory != NULL)
    return g_build_filename (directory, name, NULL);

  return g_test_build_filename (G_TEST_BUILT, "..", "src", "daemons", name, NULL);
}

static GPtrArray *
make_argv (const char        *kind,
           const char *const *args)
{
  GPtrArray *argv = g_ptr_array_new_with_free_func (g_free);

  g_ptr_array_add (argv, vhu_test_daemon_find (kind));
  for (; *args != NULL; args++)
    g_ptr_array_add (argv, g_strdup (*args));
  g_ptr_array_add (argv, NULL);

  return argv;
}

void
vhu_test_run_daemon (VhuTestRun        *run,
                     const char        *kind,
                     const char *const *args)
{
  g_autoptr(GSubprocessLauncher) launcher = NULL;
  g_autoptr(GSubprocess) process = NULL;
  g_autoptr(GPtrArray) argv = make_argv (kind, args);
  g_autoptr(GError) error = NULL;

  launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE |
                                        G_SUBPROCESS_FLAGS_STDERR_PIPE);
  g_subprocess_launcher_setenv (launcher, "LC_ALL", "C", TRUE);
  g_subprocess_launcher_unsetenv (launcher, "NOTIFY_SOCKET");
  process = g_subprocess_launcher_spawnv (launcher,
                                          (const char *const *) argv->pdata,
                                          &error);
  g_assert_no_error (error);

  g_subprocess_communicate_utf8 (process, NULL, NULL, &run->out, &run->err,
                                 &error);
  g_assert_no_error (error);
  run->status = g_subprocess_get_if_exited (process)
    ? g_subprocess_get_exit_status (process) : -1;
}

void
vhu_test_run_clear (VhuTestRun *run)
{
  g_clear_pointer (&run->out, g_free);
  g_clear_pointer (&run->err, g_free);
}

void
vhu_test_run_expect (VhuTestRun *run,
                     int         status,
                     const char *part)
{
  char *end = strchr (run->err, '\n');

  g_test_message ("%s", run->err);
  g_assert_cmpint (run->status, ==, status);
  g_assert_cmpstr (run->out, ==, "");
  g_assert_nonnull (end);
  g_assert_cmpstr (end, ==, "\n");
  g_assert_nonnull (strstr (run->err, part));
}

/* A test that fails leaves no daemon behind. */
static void
child_setup (gpointer user_data)
{
  prctl (PR_SET_PDEATHSIG, SIGKILL);
}

/* The manager's socket; its name goes into the environment of the daemon. */
static void
make_notify_socket (VhuTestDaemon *self)
{
  g_autofree char *path = g_build_filename (self->directory, "notify", NULL);
  struct sockaddr_un address = { .sun_family = AF_UNIX };

  self->notify_fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint (self->notify_fd, >=, 0);
  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  g_assert_cmpint (bind (self->notify_fd, (struct sockaddr *) &address,
                         sizeof address), ==, 0);
  g_subprocess_launcher_setenv (self->launcher, "NOTIFY_SOCKET", path, TRUE);
}

void
vhu_test_daemon_init (VhuTestDaemon *self)
{
  g_autoptr(GError) error = NULL;
  int fd;

  memset (self, 0, sizeof *self);
  self->directory = g_dir_make_tmp ("vhu-daemon-XXXXXX", &error);
  g_assert_no_error (error);
  self->path = g_build_filename (self->directory, "socket", NULL);
  self->image = g_build_filename (self->directory, "image", NULL);
  fd = g_creat (self->image, 0600);
  g_assert_cmpint (ftruncate (fd, IMAGE_SIZE), ==, 0);
  close (fd);

  self->launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE);
  g_subprocess_launcher_setenv (self->launcher, "LC_ALL", "C", TRUE);
  g_subprocess_launcher_set_child_setup (self->launcher, child_setup, NULL, NULL);
  make_notify_socket (self);
}

static void
remove_file (VhuTestDaemon *self,
             const char    *name)
{
  g_autofree char *path = g_build_filename (self->directory, name, NULL);

  g_unlink (path);
}

void
vhu_test_daemon_clear (VhuTestDaemon *self)
{
  if (self->process != NULL)
    {
      g_subprocess_force_exit (self->process);
      g_subprocess_wait (self->process, NULL, NULL);
      g_object_unref (self->process);
    }
  g_object_unref (self->launcher);
  close (self->notify_fd);

  remove_file (self, "notify");
  remove_file (self, "image");
  remove_file (self, "socket");
  g_assert_cmpint (g_rmdir (self->directory), ==, 0);
  g_free (self->directory);
  g_free (self->path);
  g_free (self->image);
  g_free (self->out);
}

static char *
substitute (VhuTestDaemon *self,
            const char    *arg)
{
  g_autoptr(GString) string = g_string_new (arg);

  g_string_replace (string, "%SOCKET", self->path, 0);
  g_string_replace (string, "%IMAGE", self->image, 0);

  return g_string_free (g_steal_pointer (&string), FALSE);
}

void
vhu_test_daemon_start (VhuTestDaemon     *self,
                       const char        *kind,
                       const char *const *args)
{
  g_autoptr(GPtrArray) argv = make_argv (kind, args);
  g_autoptr(GError) error = NULL;
  g_autofree char *state = NULL;
  guint i;

  for (i = 1; i + 1 < argv->len; i++)
    {
      char *arg = substitute (self, argv->pdata[i]);

      g_free (argv->pdata[i]);
      argv->pdata[i] = arg;
    }
  self->process =
    g_subprocess_launcher_spawnv (self->launcher,
                                  (const char *const *) argv->pdata, &error);
  g_assert_no_error (error);

  state = vhu_test_daemon_listen (self);
  g_assert_cmpstr (state, ==, "READY=1");
}

char *
vhu_test_daemon_listen (VhuTestDaemon *self)
{
  struct pollfd poll_fd = { .fd = self->notify_fd, .events = POLLIN };
  char text[256];
  gssize n;

  g_assert_cmpint (poll (&poll_fd, 1, PATIENCE_MS), ==, 1);
  n = recv (self->notify_fd, text, sizeof text, 0);
  g_assert_cmpint (n, >=, 0);

  return g_strndup (text, n);
}

void
vhu_test_daemon_signal (VhuTestDaemon *self,
                        int            signal_number)
{
  self->signalled_at = g_get_monotonic_time ();
  g_subprocess_send_signal (self->process, signal_number);
}

void
vhu_test_daemon_wait (VhuTestDaemon *self)
{
  g_autoptr(GError) error = NULL;

  g_subprocess_communicate_utf8 (self->process, NULL, NULL, &self->out, NULL,
                                 &error);
  g_assert_no_error (error);
  g_assert_true (g_subprocess_get_if_exited (self->process));
  self->status = g_subprocess_get_exit_status (self->process);
  if (self->signalled_at != 0)
    g_assert_cmpint (g_get_monotonic_time () - self->signalled_at, <,
                     STOP_LIMIT_US);
  g_clear_object (&self->process);
}
