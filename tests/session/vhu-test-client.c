/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-test-client.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define WAIT_LIMIT_MS 20000

/* GET_FEATURES of the protocol: its number, version 1, no payload. */
static const guint32 query[3] = { 1, 1, 0 };

void
vhu_test_connect_socket (int         fd,
                         const char *path)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };

  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  g_assert_no_errno (connect (fd, (struct sockaddr *) &address, sizeof address));
}

int
vhu_test_connect (const char *path)
{
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_assert_cmpint (fd, >=, 0);
  vhu_test_connect_socket (fd, path);
  return fd;
}

void
vhu_test_send_query (int fd)
{
  g_assert_cmpint (send (fd, query, sizeof query, MSG_NOSIGNAL), ==, sizeof query);
}

static gboolean
poll_readable (int fd,
               int timeout_ms)
{
  struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

  return poll (&poll_fd, 1, timeout_ms) == 1;
}

gboolean
vhu_test_is_readable (int fd)
{
  return poll_readable (fd, 0);
}

void
vhu_test_expect_answer (int fd)
{
  guint32 answer[5];

  g_assert_true (poll_readable (fd, WAIT_LIMIT_MS));
  g_assert_cmpint (recv (fd, answer, sizeof answer, MSG_WAITALL), ==, sizeof answer);
  g_assert_cmpuint (answer[0], ==, query[0]);
  g_assert_cmpuint (answer[2], ==, 8);
}

void
vhu_test_expect_hang_up (int fd)
{
  char byte;

  g_assert_true (poll_readable (fd, WAIT_LIMIT_MS));
  g_assert_cmpint (recv (fd, &byte, 1, 0), <=, 0);
}

void
vhu_test_iterate_until (VhuTestCondition condition,
                        gpointer         user_data)
{
  gint64 limit = g_get_monotonic_time () + WAIT_LIMIT_MS * 1000;

  while (!condition (user_data))
    {
      g_assert_cmpint (g_get_monotonic_time (), <, limit);
      if (!g_main_context_iteration (NULL, FALSE))
        g_thread_yield ();
    }
}

void
vhu_test_wait_until (VhuTestCondition condition,
                     gpointer         user_data)
{
  gint64 limit = g_get_monotonic_time () + WAIT_LIMIT_MS * 1000;

  while (!condition (user_data))
    {
      g_assert_cmpint (g_get_monotonic_time (), <, limit);
      g_thread_yield ();
    }
}

static gboolean
is_readable (gpointer fd)
{
  return vhu_test_is_readable (GPOINTER_TO_INT (fd));
}

void
vhu_test_iterate_query (int fd)
{
  vhu_test_send_query (fd);
  vhu_test_iterate_until (is_readable, GINT_TO_POINTER (fd));
  vhu_test_expect_answer (fd);
}

static guint
count_entries (const char *directory)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GDir) dir = g_dir_open (directory, 0, &error);
  guint n = 0;

  g_assert_no_error (error);
  while (g_dir_read_name (dir) != NULL)
    n++;
  return n;
}

guint
vhu_test_count_fds (void)
{
  return count_entries ("/proc/self/fd");
}

guint
vhu_test_count_threads (void)
{
  return count_entries ("/proc/self/task");
}

guint
vhu_test_count_mappings (void)
{
  g_autofree char *maps = NULL;
  guint n = 0;

  g_file_get_contents ("/proc/self/maps", &maps, NULL, NULL);
  for (const char *at = maps; (at = strstr (at, "memfd:")) != NULL; at++)
    n++;
  return n;
}
