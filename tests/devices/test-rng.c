/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "session/vhu-test-server.h"
#include "vhu-rng.h"

#define RATE 20000

typedef struct
{
  char *directory;
  char *path;
  int writer;
  VhuRng *rng;
  VhuTestServer *server;
  VhuFrontend *frontend;
  VhuDriverQueue *queue;
} Fixture;

static void
open_frontend (Fixture *self)
{
  g_autoptr(GError) error = NULL;

  self->frontend = vhu_test_server_open (self->server);
  vhu_frontend_negotiate (self->frontend, &error);
  g_assert_no_error (error);
  vhu_frontend_allocate_memory (self->frontend, 4 << 20, 1, &error);
  g_assert_no_error (error);
  self->queue = vhu_frontend_add_queue (self->frontend, 0, 4, &error);
  g_assert_no_error (error);
}

static void
close_frontend (Fixture *self)
{
  g_clear_object (&self->queue);
  vhu_frontend_close (self->frontend);
  g_clear_object (&self->frontend);
}

static void
serve (Fixture *self,
       guint64  rate)
{
  g_autoptr(GError) error = NULL;

  self->rng = vhu_rng_new (self->path, rate, &error);
  g_assert_no_error (error);
  self->server = vhu_test_server_new (VHU_BACKEND (self->rng), 1);
  open_frontend (self);
}

static void
set_up (Fixture       *self,
        gconstpointer  rate)
{
  self->writer = -1;
  serve (self, GPOINTER_TO_UINT (rate));
}

static void
make_path (Fixture *self)
{
  self->directory = g_dir_make_tmp ("vhu-rng-XXXXXX", NULL);
  self->path = g_build_filename (self->directory, "source", NULL);
}

/* A source that has what the test writes to it. */
static void
set_up_fifo (Fixture       *self,
             gconstpointer  rate)
{
  make_path (self);
  g_assert_cmpint (mkfifo (self->path, 0600), ==, 0);
  self->writer = open (self->path, O_RDWR | O_CLOEXEC);
  g_assert_cmpint (self->writer, >=, 0);
  serve (self, 0);
}

static void
set_up_file (Fixture       *self,
             gconstpointer  rate)
{
  self->writer = -1;
  make_path (self);
  g_assert_true (g_file_set_contents (self->path, "0123456789", 10, NULL));
  serve (self, 0);
}

static void
tear_down (Fixture       *self,
           gconstpointer  data)
{
  close_frontend (self);
  vhu_test_server_free (self->server);
  g_assert_finalize_object (self->rng);
  if (self->writer >= 0)
    close (self->writer);
  if (self->path != NULL)
    {
      g_unlink (self->path);
      g_rmdir (self->directory);
    }
  g_free (self->path);
  g_free (self->directory);
}

static guint
submit (Fixture *self,
        gsize    size)
{
  g_autoptr(GError) error = NULL;
  int id = vhu_driver_queue_submit_bytes (self->queue, NULL, size, &error);

  g_assert_no_error (error);
  vhu_driver_queue_kick (self->queue);

  return id;
}

/* Waits for the chain; what the device wrote. */
static GBytes *
take (Fixture *self,
      guint    expected)
{
  g_autoptr(GError) error = NULL;
  guint id;
  guint32 length;

  vhu_driver_queue_wait (self->queue, 20000, &error);
  g_assert_no_error (error);
  g_assert_true (vhu_driver_queue_pop (self->queue, &id, &length));
  g_assert_cmpuint (id, ==, expected);

  return vhu_driver_queue_take_result (self->queue, id);
}

static GBytes *
get (Fixture *self,
     gsize    size)
{
  return take (self, submit (self, size));
}

static void
test_fills_buffers (Fixture       *self,
                    gconstpointer  data)
{
  static const gsize sizes[] = { 1, 2, 64, 4095, 4096, 4097, 65536 };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      g_autoptr(GBytes) one = get (self, sizes[i]);
      g_autoptr(GBytes) two = get (self, sizes[i]);

      g_assert_cmpuint (g_bytes_get_size (one), ==, sizes[i]);
      g_assert_cmpuint (g_bytes_get_size (two), ==, sizes[i]);
      if (sizes[i] >= 64)
        g_assert_false (g_bytes_equal (one, two));
    }
}

/* A driver cannot keep the thread of its ring busy by one buffer. */
static void
test_fills_no_more_than_it_should (Fixture       *self,
                                   gconstpointer  data)
{
  g_autoptr(GBytes) bytes = get (self, 1 << 20);

  g_assert_cmpuint (g_bytes_get_size (bytes), ==, 65536);
}

/* A buffer for the device to read is nothing that can be filled. */
static void
test_nothing_to_fill (Fixture       *self,
                      gconstpointer  data)
{
  g_autoptr(GBytes) out = g_bytes_new_static ("driver", 6);
  g_autoptr(GBytes) in = NULL;
  g_autoptr(GBytes) good = NULL;
  g_autoptr(GError) error = NULL;

  in = vhu_driver_queue_request (self->queue, out, 0, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_bytes_get_size (in), ==, 0);
  g_assert_cmpuint (vhu_backend_get_n_errors (VHU_BACKEND (self->rng)), ==, 1);

  good = get (self, 64);
  g_assert_cmpuint (g_bytes_get_size (good), ==, 64);
}

/* Buffers are held, not refused, and the limit holds over time. */
static void
test_rate (Fixture       *self,
           gconstpointer  data)
{
  gint64 start = g_get_monotonic_time ();
  gsize n_bytes = 0;
  gint64 elapsed;

  while (n_bytes < RATE + RATE / 2)
    {
      g_autoptr(GBytes) bytes = get (self, 64);

      g_assert_cmpuint (g_bytes_get_size (bytes), >, 0);
      n_bytes += g_bytes_get_size (bytes);
    }

  elapsed = g_get_monotonic_time () - start;
  g_assert_cmpint (n_bytes, <=,
                   RATE + 64 + elapsed * RATE / G_USEC_PER_SEC);
  g_assert_cmpint (elapsed, <, 10 * G_USEC_PER_SEC);
}

static void
assert_text (GBytes     *bytes,
             const char *text)
{
  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes),
                   text, strlen (text));
}

/* A source that has less than the driver wants, or nothing now. */
static void
test_slow_source (Fixture       *self,
                  gconstpointer  data)
{
  g_autoptr(GBytes) one = NULL;
  g_autoptr(GBytes) two = NULL;
  guint first, second;

  first = submit (self, 64);
  second = submit (self, 64);
  g_assert_cmpint (write (self->writer, "short", 5), ==, 5);
  one = take (self, first);
  assert_text (one, "short");

  g_assert_false (vhu_driver_queue_has_used (self->queue));
  g_assert_cmpint (write (self->writer, "again", 5), ==, 5);
  two = take (self, second);
  assert_text (two, "again");
}

/* What waits when the queue stops is served after the next start. */
static void
test_parks (Fixture       *self,
            gconstpointer  data)
{
  g_autoptr(GBytes) one = NULL;
  g_autoptr(GBytes) two = NULL;
  g_autoptr(GError) error = NULL;
  guint first = submit (self, 64);
  guint second = submit (self, 64);

  vhu_driver_queue_stop (self->queue, &error);
  g_assert_no_error (error);
  g_assert_cmpint (write (self->writer, "after", 5), ==, 5);
  vhu_driver_queue_start (self->queue, &error);
  g_assert_no_error (error);

  one = take (self, first);
  assert_text (one, "after");
  g_assert_cmpint (write (self->writer, "that", 4), ==, 4);
  two = take (self, second);
  assert_text (two, "that");
}

/* A front-end that goes away leaves nothing for the next one. */
static void
test_reconnect (Fixture       *self,
                gconstpointer  data)
{
  g_autoptr(GBytes) bytes = NULL;

  submit (self, 64);
  submit (self, 64);
  close_frontend (self);
  open_frontend (self);
  g_assert_cmpint (write (self->writer, "new", 3), ==, 3);
  bytes = get (self, 64);
  assert_text (bytes, "new");
}

/* The end of a file is no reason to answer with nothing: a driver would ask
 * again at once. If the file grows, so be it. */
static void
test_end_of_file (Fixture       *self,
                  gconstpointer  data)
{
  g_autoptr(GBytes) one = get (self, 64);
  g_autoptr(GBytes) two = NULL;
  guint id;
  int fd;

  assert_text (one, "0123456789");
  id = submit (self, 64);
  fd = open (self->path, O_WRONLY | O_APPEND | O_CLOEXEC);
  g_assert_cmpint (write (fd, "more", 4), ==, 4);
  close (fd);
  two = take (self, id);
  assert_text (two, "more");
}

static void
test_no_source (void)
{
  g_autoptr(GError) error = NULL;

  g_assert_null (vhu_rng_new ("/does/not/exist", 0, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_clear_error (&error);

  g_assert_null (vhu_rng_new (g_get_tmp_dir (), 0, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_IS_DIRECTORY);
}

static void
add (const char *path,
     guint       rate,
     void      (*fixture_set_up) (Fixture *, gconstpointer),
     void      (*func) (Fixture *, gconstpointer))
{
  g_autofree char *full = g_strconcat ("/devices/rng/", path, NULL);

  g_test_add (full, Fixture, GUINT_TO_POINTER (rate), fixture_set_up, func,
              tear_down);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  add ("fills-buffers", 0, set_up, test_fills_buffers);
  add ("fills-no-more-than-it-should", 0, set_up,
       test_fills_no_more_than_it_should);
  add ("nothing-to-fill", 0, set_up, test_nothing_to_fill);
  add ("rate", RATE, set_up, test_rate);
  add ("slow-source", 0, set_up_fifo, test_slow_source);
  add ("parks", 0, set_up_fifo, test_parks);
  add ("reconnect", 0, set_up_fifo, test_reconnect);
  add ("end-of-file", 0, set_up_file, test_end_of_file);
  g_test_add_func ("/devices/rng/no-source", test_no_source);

  return g_test_run ();
}
