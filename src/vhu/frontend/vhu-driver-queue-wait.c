/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-driver-queue-private.h"

#include <poll.h>
#include <unistd.h>

#include "vhu-error.h"

/* Waiting for the device. Part of VhuDriverQueue. */

gboolean
vhu_driver_queue_take_event (int fd)
{
  guint64 count;

  return read (fd, &count, sizeof count) == sizeof count;
}

static gboolean
wait_for_event (int   fd,
                guint milliseconds)
{
  struct pollfd pfd = { .fd = fd, .events = POLLIN };
  const gint64 deadline =
    g_get_monotonic_time () + (gint64) milliseconds * 1000;
  gint64 left;

  while ((left = deadline - g_get_monotonic_time ()) > 0 &&
         !vhu_driver_queue_take_event (fd))
    poll (&pfd, 1, (int) MIN ((left + 999) / 1000, G_MAXINT));

  return left > 0 || vhu_driver_queue_take_event (fd);
}

static gboolean
spin_for_used (VhuDriverQueue *self,
               gint64          deadline)
{
  do
    {
      for (guint i = 0; i < 64; i++)
        if (vhu_driver_queue_has_used (self))
          return TRUE;
      g_thread_yield ();
    }
  while (g_get_monotonic_time () < deadline);

  return FALSE;
}

/* TRUE if it makes sense to look again. */
static gboolean
sleep_for_call (VhuDriverQueue  *self,
                gint64           deadline,
                GError         **error)
{
  VhuFrontendLink *link = self->frontend->link;
  struct pollfd pfds[2] = {
    { .fd = self->call_fd, .events = POLLIN },
    { .fd = link != NULL ? vhu_frontend_link_get_fd (link) : -1,
      .events = POLLRDHUP },
  };
  gint64 left = deadline - g_get_monotonic_time ();

  if (left <= 0)
    return FALSE;

  if (poll (pfds, G_N_ELEMENTS (pfds),
            (int) MIN ((left + 999) / 1000, G_MAXINT)) <= 0)
    return TRUE;

  if (vhu_driver_queue_take_event (self->call_fd))
    {
      self->n_calls++;
      return TRUE;
    }
  if (pfds[1].revents == 0)
    return TRUE;

  g_set_error_literal (error, VHU_ERROR, VHU_ERROR_CLOSED,
                       "the back-end closed the connection");
  return FALSE;
}

static gboolean
wait_for_used (VhuDriverQueue  *self,
               gint64           deadline,
               GError         **error)
{
  gboolean found;

  if (!self->use_call_fd)
    return spin_for_used (self, deadline);

  while (!(found = self->ring->ops->enable_calls (self->ring, 0)))
    if (!sleep_for_call (self, deadline, error))
      break;

  /* With EVENT_IDX, used_event lies behind by itself. */
  if (!self->ring->event_idx)
    self->ring->ops->disable_calls (self->ring);
  return found || vhu_driver_queue_has_used (self);
}

/* Whose fault it is can be told from the indices: a kick or a call is due when
 * an index has passed the event of the other side. */
static void
set_time_out_error (VhuDriverQueue  *self,
                    guint            milliseconds,
                    GError         **error)
{
  VhuDriverRing *ring = self->ring;

  g_set_error (error, VHU_ERROR, VHU_ERROR_TIMED_OUT,
               "queue %u: no chain came back in %u ms, %u are in flight "
               "(available up to %u, device flags %u and event %u; used up to "
               "%u, driver flags %u and event %u)",
               self->index, milliseconds, ring->n_in_flight, ring->avail_index,
               vhu_driver_queue_peek_used_flags (self),
               vhu_driver_queue_peek_avail_event (self), ring->used_index,
               GUINT16_FROM_LE (((VhuSplitAvail *) ring->avail)->flags),
               GUINT16_FROM_LE (*vhu_split_used_event (ring)));
}

/**
 * vhu_driver_queue_wait:
 * @self: a queue
 * @milliseconds: how long to wait
 *
 * Waits until the device has finished a chain.
 *
 * The driver asks to be woken and sleeps, or polls if the queue has no call
 * descriptor. Afterwards it does not want to be woken until it waits again.
 *
 * Returns: true if [method@DriverQueue.pop] has something to return; false with
 *   %VHU_ERROR_TIMED_OUT, %VHU_ERROR_CLOSED or what the device did
 *
 * Since: 0.1
 */
gboolean
vhu_driver_queue_wait (VhuDriverQueue  *self,
                       guint            milliseconds,
                       GError         **error)
{
  g_autoptr(GError) local_error = NULL;
  gint64 deadline;

  g_return_val_if_fail (VHU_IS_DRIVER_QUEUE (self), FALSE);

  if (!vhu_driver_queue_check (self, error))
    return FALSE;

  deadline = g_get_monotonic_time () + (gint64) milliseconds * 1000;
  if (vhu_driver_queue_has_used (self) ||
      wait_for_used (self, deadline, &local_error))
    return TRUE;

  if (local_error == NULL)
    set_time_out_error (self, milliseconds, &local_error);
  g_propagate_error (error, g_steal_pointer (&local_error));
  return FALSE;
}

/**
 * vhu_driver_queue_wait_call:
 * @self: a queue
 * @milliseconds: how long to wait
 *
 * Waits for the device to wake the driver, whether it finished something or
 * not.
 *
 * Returns: true if the driver was woken since this was last asked
 *
 * Since: 0.1
 */
gboolean
vhu_driver_queue_wait_call (VhuDriverQueue *self,
                            guint           milliseconds)
{
  g_return_val_if_fail (VHU_IS_DRIVER_QUEUE (self), FALSE);

  if (!wait_for_event (self->call_fd, milliseconds))
    return FALSE;

  self->n_calls++;
  return TRUE;
}

/**
 * vhu_driver_queue_wait_error:
 * @self: a queue
 * @milliseconds: how long to wait
 *
 * Waits for the back-end to report that the queue is broken (SET_VRING_ERR).
 *
 * Returns: true if it did since this was last asked
 *
 * Since: 0.1
 */
gboolean
vhu_driver_queue_wait_error (VhuDriverQueue *self,
                             guint           milliseconds)
{
  g_return_val_if_fail (VHU_IS_DRIVER_QUEUE (self), FALSE);

  return wait_for_event (self->err_fd, milliseconds);
}

/**
 * vhu_driver_queue_enable_calls:
 * @self: a queue
 * @n_ahead: how many chains may be finished without waking the driver; this
 *   takes EVENT_IDX, without it the device wakes for every chain
 *
 * Asks the device to wake the driver.
 *
 * Returns: true if more than @n_ahead chains are finished already; then the
 *   device may never wake the driver for them
 *
 * Since: 0.1
 */
gboolean
vhu_driver_queue_enable_calls (VhuDriverQueue *self,
                               guint           n_ahead)
{
  g_return_val_if_fail (VHU_IS_DRIVER_QUEUE (self), FALSE);

  return self->ring->ops->enable_calls (self->ring, n_ahead);
}

/**
 * vhu_driver_queue_disable_calls:
 * @self: a queue
 *
 * Asks the device not to wake the driver. It may do so nevertheless.
 *
 * Since: 0.1
 */
void
vhu_driver_queue_disable_calls (VhuDriverQueue *self)
{
  g_return_if_fail (VHU_IS_DRIVER_QUEUE (self));

  self->ring->ops->disable_calls (self->ring);
}
