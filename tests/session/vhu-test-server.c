/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-test-server.h"

#include <glib/gstdio.h>

#define WAIT_LIMIT_US (20 * G_USEC_PER_SEC)

struct _VhuTestServer
{
  VhuWorker *control;
  VhuServer *server;
  char *directory;
  char *path;

  GMutex mutex;
  GCond cond;
};

typedef struct
{
  VhuTestServer *self;
  GFunc func;
  gpointer user_data;
  gboolean done;
} Call;

static void
call_done (Call *call)
{
  g_mutex_lock (&call->self->mutex);
  call->done = TRUE;
  g_cond_broadcast (&call->self->cond);
  g_mutex_unlock (&call->self->mutex);
}

static void
call_wait (Call *call)
{
  g_mutex_lock (&call->self->mutex);
  while (!call->done)
    g_cond_wait (&call->self->cond, &call->self->mutex);
  g_mutex_unlock (&call->self->mutex);
}

static gboolean
run_cb (gpointer user_data)
{
  Call *call = user_data;

  call->func (call->self->server, call->user_data);
  call_done (call);
  return G_SOURCE_REMOVE;
}

void
vhu_test_server_run (VhuTestServer *self,
                     GFunc          func,
                     gpointer       user_data)
{
  Call call = { .self = self, .func = func, .user_data = user_data };

  vhu_worker_invoke (self->control, run_cb, &call, NULL);
  call_wait (&call);
}

static void
start_in_control (gpointer server,
                  gpointer unused)
{
  g_autoptr(GError) error = NULL;

  vhu_server_start (server, &error);
  g_assert_no_error (error);
}

VhuTestServer *
vhu_test_server_new (VhuBackend *backend,
                     guint       n_threads)
{
  VhuTestServer *self = g_new0 (VhuTestServer, 1);
  g_autoptr(GError) error = NULL;

  g_mutex_init (&self->mutex);
  g_cond_init (&self->cond);
  self->directory = g_dir_make_tmp ("vhu-test-XXXXXX", &error);
  g_assert_no_error (error);
  self->path = g_build_filename (self->directory, "socket", NULL);
  self->control = vhu_worker_new ("control", &error);
  g_assert_no_error (error);

  self->server = vhu_server_new (backend);
  vhu_server_set_n_threads (self->server, n_threads);
  vhu_server_listen (self->server, self->path, &error);
  g_assert_no_error (error);
  vhu_test_server_run (self, start_in_control, NULL);
  return self;
}

static void
stopped_cb (GObject      *object,
            GAsyncResult *result,
            gpointer      user_data)
{
  g_autoptr(GError) error = NULL;

  vhu_server_stop_finish (VHU_SERVER (object), result, &error);
  g_assert_no_error (error);
  call_done (user_data);
}

static gboolean
stop_cb (gpointer user_data)
{
  Call *call = user_data;

  vhu_server_stop_async (call->self->server, NULL, stopped_cb, call);
  return G_SOURCE_REMOVE;
}

void
vhu_test_server_free (VhuTestServer *self)
{
  Call call = { .self = self };

  vhu_worker_invoke (self->control, stop_cb, &call, NULL);
  call_wait (&call);
  vhu_worker_stop (self->control);
  g_assert_false (g_file_test (self->path, G_FILE_TEST_EXISTS));
  g_assert_cmpint (g_rmdir (self->directory), ==, 0);

  g_object_unref (self->server);
  g_object_unref (self->control);
  g_free (self->directory);
  g_free (self->path);
  g_mutex_clear (&self->mutex);
  g_cond_clear (&self->cond);
  g_free (self);
}

VhuServer *
vhu_test_server_get (VhuTestServer *self)
{
  return self->server;
}

const char *
vhu_test_server_get_path (VhuTestServer *self)
{
  return self->path;
}

VhuFrontend *
vhu_test_server_open (VhuTestServer *self)
{
  g_autoptr(GError) error = NULL;
  VhuFrontend *frontend = vhu_frontend_open (self->path, &error);

  g_assert_no_error (error);
  return frontend;
}

void
vhu_test_wait_for (const int *counter,
                   int        value)
{
  gint64 limit = g_get_monotonic_time () + WAIT_LIMIT_US;

  while (g_atomic_int_get (counter) < value)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, limit);
      g_thread_yield ();
    }
}
