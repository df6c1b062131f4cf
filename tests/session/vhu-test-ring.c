/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-test-ring.h"

#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define WAIT_MS 20000
#define N_OPPORTUNITIES 4

int
vhu_test_event_new (void)
{
  int fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);

  g_assert_cmpint (fd, >=, 0);
  return fd;
}

void
vhu_test_event_signal (int fd)
{
  const guint64 one = 1;

  g_assert_cmpint (write (fd, &one, sizeof one), ==, sizeof one);
}

gboolean
vhu_test_event_is_signalled (int fd)
{
  struct pollfd pfd = { .fd = fd, .events = POLLIN };

  return poll (&pfd, 1, 0) == 1;
}

void
vhu_test_event_wait (int fd)
{
  struct pollfd pfd = { .fd = fd, .events = POLLIN };
  guint64 count;

  g_assert_cmpint (poll (&pfd, 1, WAIT_MS), ==, 1);
  g_assert_cmpint (read (fd, &count, sizeof count), ==, sizeof count);
}

void
vhu_test_event_wait_taken (int fd)
{
  gint64 limit = g_get_monotonic_time () + WAIT_MS * 1000;

  while (vhu_test_event_is_signalled (fd))
    {
      g_assert_cmpint (g_get_monotonic_time (), <, limit);
      g_thread_yield ();
    }
}

void
vhu_test_ring_init (VhuTestRing *self,
                    VhuFrontend *frontend,
                    guint        index,
                    guint        size)
{
  g_autoptr(GError) error = NULL;

  self->frontend = g_object_ref (frontend);
  self->index = index;
  self->size = size;
  self->queue = vhu_driver_queue_new (frontend, index, size, &error);
  g_assert_no_error (error);
  vhu_driver_queue_set_use_call_fd (self->queue, FALSE);
  self->kick = vhu_test_event_new ();
  self->call = vhu_test_event_new ();
  self->error = vhu_test_event_new ();
}

void
vhu_test_ring_clear (VhuTestRing *self)
{
  g_clear_object (&self->queue);
  g_clear_object (&self->frontend);
  if (self->kick >= 0)
    close (self->kick);
  if (self->call >= 0)
    close (self->call);
  if (self->error >= 0)
    close (self->error);
  *self = (VhuTestRing) VHU_TEST_RING_INIT;
}

void
vhu_test_ring_send_num (VhuTestRing *self)
{
  g_autoptr(GError) error = NULL;

  vhu_frontend_set_vring_num (self->frontend, self->index, self->size, &error);
  g_assert_no_error (error);
}

void
vhu_test_ring_send_base (VhuTestRing *self,
                         guint        base)
{
  g_autoptr(GError) error = NULL;

  vhu_frontend_set_vring_base (self->frontend, self->index, base, &error);
  g_assert_no_error (error);
}

static guint64
get_user_address (VhuTestRing *self,
                  guint64      guest_address)
{
  return vhu_frontend_get_user_address (self->frontend, guest_address);
}

void
vhu_test_ring_send_addresses (VhuTestRing *self)
{
  g_autoptr(GError) error = NULL;

  vhu_frontend_set_vring_addr
    (self->frontend, self->index, 0,
     get_user_address (self, vhu_driver_queue_get_desc_address (self->queue)),
     get_user_address (self, vhu_driver_queue_get_used_address (self->queue)),
     get_user_address (self, vhu_driver_queue_get_avail_address (self->queue)),
     0, &error);
  g_assert_no_error (error);
}

void
vhu_test_ring_send_kick (VhuTestRing *self)
{
  g_autoptr(GError) error = NULL;

  vhu_frontend_set_vring_kick (self->frontend, self->index, self->kick, &error);
  g_assert_no_error (error);
}

void
vhu_test_ring_send_call (VhuTestRing *self)
{
  g_autoptr(GError) error = NULL;

  vhu_frontend_set_vring_call (self->frontend, self->index, self->call, &error);
  g_assert_no_error (error);
}

void
vhu_test_ring_send_error (VhuTestRing *self)
{
  g_autoptr(GError) error = NULL;

  vhu_frontend_set_vring_err (self->frontend, self->index, self->error, &error);
  g_assert_no_error (error);
}

void
vhu_test_ring_send_enable (VhuTestRing *self,
                           gboolean     enabled)
{
  g_autoptr(GError) error = NULL;

  vhu_frontend_set_vring_enable (self->frontend, self->index, enabled, &error);
  g_assert_no_error (error);
}

void
vhu_test_ring_prepare (VhuTestRing *self)
{
  vhu_test_ring_send_num (self);
  vhu_test_ring_send_base (self, 0);
  vhu_test_ring_send_addresses (self);
  vhu_test_ring_send_error (self);
  vhu_test_ring_send_call (self);
}

void
vhu_test_ring_start (VhuTestRing *self)
{
  vhu_test_ring_prepare (self);
  vhu_test_ring_send_kick (self);
  vhu_test_ring_send_enable (self, TRUE);
}

guint
vhu_test_ring_stop (VhuTestRing *self)
{
  g_autoptr(GError) error = NULL;
  guint base = G_MAXUINT;

  vhu_frontend_get_vring_base (self->frontend, self->index, &base, &error);
  g_assert_no_error (error);
  return base;
}

void
vhu_test_ring_submit (VhuTestRing *self,
                      const char  *text)
{
  g_autoptr(GBytes) bytes = g_bytes_new (text, strlen (text));
  g_autoptr(GError) error = NULL;

  vhu_driver_queue_submit_bytes (self->queue, bytes, strlen (text), &error);
  g_assert_no_error (error);
}

void
vhu_test_ring_signal_kick (VhuTestRing *self)
{
  vhu_test_event_signal (self->kick);
}

void
vhu_test_ring_expect (VhuTestRing *self,
                      const char  *text)
{
  g_autoptr(GBytes) result = NULL;
  g_autoptr(GError) error = NULL;
  guint32 length;
  guint id;

  vhu_driver_queue_wait (self->queue, WAIT_MS, &error);
  g_assert_no_error (error);
  g_assert_true (vhu_driver_queue_pop (self->queue, &id, &length));
  result = vhu_driver_queue_take_result (self->queue, id);
  g_assert_cmpmem (g_bytes_get_data (result, NULL), g_bytes_get_size (result),
                   text, strlen (text));
}

/* The error descriptor is handed over on the ring's own thread. */
void
vhu_test_ring_expect_nothing (VhuTestRing *self)
{
  for (guint i = 0; i < N_OPPORTUNITIES; i++)
    {
      vhu_test_ring_send_error (self);
      g_thread_yield ();
    }
  g_assert_false (vhu_driver_queue_has_used (self->queue));
}

void
vhu_test_ring_echo (VhuTestRing *self,
                    const char  *text)
{
  vhu_test_ring_submit (self, text);
  vhu_test_ring_signal_kick (self);
  vhu_test_ring_expect (self, text);
}
