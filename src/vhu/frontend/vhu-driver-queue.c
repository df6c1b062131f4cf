/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-driver-queue-private.h"

#include <sys/eventfd.h>

#include "vhu-error.h"
#include "vhu-fd-private.h"

/**
 * VhuDriverQueue:
 *
 * The driver's side of one queue: what a guest's driver does with it.
 *
 * A queue lies in the memory of a [class@Frontend], which must have been
 * negotiated with and have memory before. Chains are made of segments of guest
 * memory ([method@DriverQueue.submit]) or of bytes, which are copied there and
 * back ([method@DriverQueue.submit_bytes]). The device is woken by
 * [method@DriverQueue.kick], and what it finished comes out of
 * [method@DriverQueue.pop].
 *
 * Starting, stopping and the other calls that send messages belong to the
 * thread of the front-end. Submitting, kicking, waiting and popping belong to
 * one thread at a time, which may be another one while the queue is started.
 * [method@DriverQueue.submit], [method@DriverQueue.kick] and
 * [method@DriverQueue.pop] neither allocate nor lock and, but for the kick
 * itself, make no system call.
 *
 * The device is not trusted: what it uses must be in flight, and must not be
 * longer than there was room for, or the queue is broken and
 * [method@DriverQueue.check] tells why.
 *
 * Since: 0.1
 */

G_DEFINE_FINAL_TYPE (VhuDriverQueue, vhu_driver_queue, G_TYPE_OBJECT)

static void
vhu_driver_queue_finalize (GObject *object)
{
  VhuDriverQueue *self = VHU_DRIVER_QUEUE (object);

  vhu_driver_queue_clear_bytes (self);
  g_free (self->bytes);
  g_clear_pointer (&self->appended, g_array_unref);
  g_clear_pointer (&self->ring, vhu_driver_ring_free);
  g_clear_error (&self->broken);
  vhu_clear_fd (&self->kick_fd);
  vhu_clear_fd (&self->call_fd);
  vhu_clear_fd (&self->err_fd);
  g_clear_object (&self->frontend);

  G_OBJECT_CLASS (vhu_driver_queue_parent_class)->finalize (object);
}

static void
vhu_driver_queue_class_init (VhuDriverQueueClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = vhu_driver_queue_finalize;
}

static void
vhu_driver_queue_init (VhuDriverQueue *self)
{
  self->use_kick_fd = TRUE;
  self->use_call_fd = TRUE;
  self->kick_fd = -1;
  self->call_fd = -1;
  self->err_fd = -1;
}

static gboolean
create_event (int     *fd,
              GError **error)
{
  *fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (*fd >= 0)
    return TRUE;

  g_set_error (error, VHU_ERROR, VHU_ERROR_FAILED,
               "no eventfd can be created: %s", g_strerror (errno));
  return FALSE;
}

/**
 * vhu_driver_queue_new:
 * @frontend: a front-end that has memory
 * @index: the number of the queue, at most 255
 * @size: how many descriptors, a power of two up to 32768
 *
 * Makes the rings of a queue in guest memory. The back-end is not told yet.
 *
 * The features that were negotiated by now decide about the layout: EVENT_IDX
 * is used if it is among them.
 *
 * Returns: (transfer full): a new queue
 *
 * Since: 0.1
 */
VhuDriverQueue *
vhu_driver_queue_new (VhuFrontend  *frontend,
                      guint         index,
                      guint         size,
                      GError      **error)
{
  g_autoptr(VhuDriverQueue) self = NULL;

  g_return_val_if_fail (VHU_IS_FRONTEND (frontend), NULL);
  g_return_val_if_fail (index <= VHU_VRING_INDEX_MASK, NULL);

  if (size == 0 || size > VHU_MAX_QUEUE_SIZE || (size & (size - 1)) != 0)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
                   "a queue of %u descriptors is not possible, it must be a "
                   "power of two up to %u", size, VHU_MAX_QUEUE_SIZE);
      return NULL;
    }

  self = g_object_new (VHU_TYPE_DRIVER_QUEUE, NULL);
  self->frontend = g_object_ref (frontend);
  self->index = index;
  self->ring = vhu_driver_split_ring_new
    (frontend->memory, size,
     vhu_frontend_has_feature (frontend, VHU_FEATURE_EVENT_IDX), error);
  if (self->ring == NULL ||
      !create_event (&self->kick_fd, error) ||
      !create_event (&self->call_fd, error) ||
      !create_event (&self->err_fd, error))
    return NULL;

  return g_steal_pointer (&self);
}

/**
 * vhu_frontend_add_queue:
 * @self: a front-end that has memory
 * @index: the number of the queue, at most 255
 * @size: how many descriptors, a power of two up to 32768
 *
 * Makes a queue and starts it.
 *
 * Returns: (transfer full): a started queue
 *
 * Since: 0.1
 */
VhuDriverQueue *
vhu_frontend_add_queue (VhuFrontend  *self,
                        guint         index,
                        guint         size,
                        GError      **error)
{
  g_autoptr(VhuDriverQueue) queue = vhu_driver_queue_new (self, index, size,
                                                          error);

  if (queue == NULL || !vhu_driver_queue_start (queue, error))
    return NULL;

  return g_steal_pointer (&queue);
}

/**
 * vhu_driver_queue_get_frontend:
 * @self: a queue
 *
 * Returns the front-end that the queue belongs to.
 *
 * Returns: (transfer none): a front-end
 *
 * Since: 0.1
 */
VhuFrontend *
vhu_driver_queue_get_frontend (VhuDriverQueue *self)
{
  g_return_val_if_fail (VHU_IS_DRIVER_QUEUE (self), NULL);

  return self->frontend;
}

/**
 * vhu_driver_queue_get_index:
 * @self: a queue
 *
 * Returns the number of the queue.
 *
 * Returns: a number
 *
 * Since: 0.1
 */
guint
vhu_driver_queue_get_index (VhuDriverQueue *self)
{
  g_return_val_if_fail (VHU_IS_DRIVER_QUEUE (self), 0);

  return self->index;
}

/**
 * vhu_driver_queue_get_size:
 * @self: a queue
 *
 * Returns how many descriptors the queue has.
 *
 * Returns: a number
 *
 * Since: 0.1
 */
guint
vhu_driver_queue_get_size (VhuDriverQueue *self)
{
  g_return_val_if_fail (VHU_IS_DRIVER_QUEUE (self), 0);

  return self->ring->size;
}

/**
 * vhu_driver_queue_set_use_kick_fd:
 * @self: a queue
 * @use_fd: whether the back-end gets an eventfd to be woken by
 *
 * Decides, before the start, whether the back-end is to poll the queue; it is
 * not by default.
 *
 * Since: 0.1
 */
void
vhu_driver_queue_set_use_kick_fd (VhuDriverQueue *self,
                                  gboolean        use_fd)
{
  g_return_if_fail (VHU_IS_DRIVER_QUEUE (self));

  self->use_kick_fd = !!use_fd;
}

/**
 * vhu_driver_queue_set_use_call_fd:
 * @self: a queue
 * @use_fd: whether the back-end gets an eventfd to wake the driver by
 *
 * Decides, before the start, whether the driver polls the queue; it does not by
 * default.
 *
 * Since: 0.1
 */
void
vhu_driver_queue_set_use_call_fd (VhuDriverQueue *self,
                                  gboolean        use_fd)
{
  g_return_if_fail (VHU_IS_DRIVER_QUEUE (self));

  self->use_call_fd = !!use_fd;
}

static guint64
user_address (VhuDriverQueue *self,
              guint64         guest_address)
{
  return vhu_frontend_get_user_address (self->frontend, guest_address);
}

static gboolean
send_addresses (VhuDriverQueue  *self,
                GError         **error)
{
  VhuDriverRing *ring = self->ring;

  return vhu_frontend_set_vring_addr (self->frontend, self->index, 0,
                                      user_address (self, ring->desc_address),
                                      user_address (self, ring->used_address),
                                      user_address (self, ring->avail_address),
                                      0, error);
}

/**
 * vhu_driver_queue_start:
 * @self: a queue
 *
 * Tells the back-end about the queue and enables it.
 *
 * Sends SET_VRING_NUM, _BASE, _ADDR, _ERR, _KICK, _CALL and, if
 * PROTOCOL_FEATURES is agreed on, _ENABLE. Memory that has not been shared yet
 * is shared first. After a stop, the queue goes on where it stopped.
 *
 * Returns: true if everything was sent and, with acknowledgements, accepted
 *
 * Since: 0.1
 */
gboolean
vhu_driver_queue_start (VhuDriverQueue  *self,
                        GError         **error)
{
  VhuFrontend *frontend;
  guint index;

  g_return_val_if_fail (VHU_IS_DRIVER_QUEUE (self), FALSE);

  frontend = self->frontend;
  index = self->index;
  if (!vhu_frontend_share_memory (frontend, error) ||
      !vhu_frontend_set_vring_num (frontend, index, self->ring->size, error) ||
      !vhu_frontend_set_vring_base (frontend, index, self->base, error) ||
      !send_addresses (self, error) ||
      !vhu_frontend_set_vring_err (frontend, index, self->err_fd, error) ||
      !vhu_frontend_set_vring_kick (frontend, index,
                                    self->use_kick_fd ? self->kick_fd : -1,
                                    error) ||
      !vhu_frontend_set_vring_call (frontend, index,
                                    self->use_call_fd ? self->call_fd : -1,
                                    error))
    return FALSE;

  self->started = TRUE;
  return !vhu_frontend_has_feature (frontend,
                                    VHU_FEATURE_PROTOCOL_FEATURES) ||
         vhu_frontend_set_vring_enable (frontend, index, TRUE, error);
}

/**
 * vhu_driver_queue_stop:
 * @self: a queue
 *
 * Stops the queue (GET_VRING_BASE).
 *
 * Chains that the back-end finished before it answered can still be popped;
 * those that it did not begin are served after the next start.
 *
 * Returns: true if the back-end answered
 *
 * Since: 0.1
 */
gboolean
vhu_driver_queue_stop (VhuDriverQueue  *self,
                       GError         **error)
{
  g_return_val_if_fail (VHU_IS_DRIVER_QUEUE (self), FALSE);

  if (!vhu_frontend_get_vring_base (self->frontend, self->index, &self->base,
                                    error))
    return FALSE;

  self->started = FALSE;
  return TRUE;
}

/**
 * vhu_driver_queue_set_enabled:
 * @self: a queue
 * @enabled: whether the back-end may serve it
 *
 * Enables or disables the queue (SET_VRING_ENABLE); a start enables it.
 *
 * Returns: true if the message was sent and, with acknowledgements, accepted
 *
 * Since: 0.1
 */
gboolean
vhu_driver_queue_set_enabled (VhuDriverQueue  *self,
                              gboolean         enabled,
                              GError         **error)
{
  g_return_val_if_fail (VHU_IS_DRIVER_QUEUE (self), FALSE);

  return vhu_frontend_set_vring_enable (self->frontend, self->index, enabled,
                                        error);
}

/**
 * vhu_driver_queue_reset:
 * @self: a queue that the back-end does not serve
 *
 * Empties the rings: nothing is in flight, and the next start begins at 0.
 *
 * This is what a driver does after it reset the device, or when the back-end is
 * gone. It also mends a queue that the device broke.
 *
 * Since: 0.1
 */
void
vhu_driver_queue_reset (VhuDriverQueue *self)
{
  g_return_if_fail (VHU_IS_DRIVER_QUEUE (self));

  vhu_driver_queue_clear_bytes (self);
  self->ring->ops->reset (self->ring);
  self->base = 0;
  self->started = FALSE;
  vhu_driver_queue_take_event (self->kick_fd);
  vhu_driver_queue_take_event (self->call_fd);
  vhu_driver_queue_take_event (self->err_fd);
  g_clear_error (&self->broken);
}

/**
 * vhu_driver_queue_get_started:
 * @self: a queue
 *
 * Tells whether the queue was started and not stopped since.
 *
 * Returns: true if it is started
 *
 * Since: 0.1
 */
gboolean
vhu_driver_queue_get_started (VhuDriverQueue *self)
{
  g_return_val_if_fail (VHU_IS_DRIVER_QUEUE (self), FALSE);

  return self->started;
}

/**
 * vhu_driver_queue_get_base:
 * @self: a queue
 *
 * Returns where the queue stopped, which is where the next start begins.
 *
 * Returns: an index of the available ring
 *
 * Since: 0.1
 */
guint
vhu_driver_queue_get_base (VhuDriverQueue *self)
{
  g_return_val_if_fail (VHU_IS_DRIVER_QUEUE (self), 0);

  return self->base;
}

/**
 * vhu_driver_queue_set_base:
 * @self: a queue
 * @base: an index of the available ring
 *
 * Sets where the next start begins.
 *
 * After a back-end crashed, a front-end that has no record of what was in
 * flight goes on at the used index, see [method@DriverQueue.peek_used_index].
 *
 * Since: 0.1
 */
void
vhu_driver_queue_set_base (VhuDriverQueue *self,
                           guint           base)
{
  g_return_if_fail (VHU_IS_DRIVER_QUEUE (self));

  self->base = base;
}

/**
 * vhu_driver_queue_check:
 * @self: a queue
 *
 * Tells whether the device has kept the rules so far.
 *
 * Returns: false with an error that says what the device did
 *
 * Since: 0.1
 */
gboolean
vhu_driver_queue_check (VhuDriverQueue  *self,
                        GError         **error)
{
  g_return_val_if_fail (VHU_IS_DRIVER_QUEUE (self), FALSE);

  if (self->broken == NULL)
    return TRUE;

  if (error != NULL)
    *error = g_error_copy (self->broken);
  return FALSE;
}

/**
 * vhu_driver_queue_set_indirect:
 * @self: a queue
 * @use_indirect: whether later chains use an indirect table
 * @n_direct: how many segments at the beginning of a chain are put into
 *   descriptors of their own nevertheless
 *
 * Decides about the layout of chains: one descriptor for each segment, which is
 * how it is at first, or a table that one descriptor points to, or both.
 *
 * Whether INDIRECT_DESC was negotiated is not looked at.
 *
 * Since: 0.1
 */
void
vhu_driver_queue_set_indirect (VhuDriverQueue *self,
                               gboolean        use_indirect,
                               guint           n_direct)
{
  g_return_if_fail (VHU_IS_DRIVER_QUEUE (self));

  self->ring->use_indirect = !!use_indirect;
  self->ring->n_direct = n_direct;
}

/**
 * vhu_driver_queue_submit: (skip)
 * @self: a queue
 * @segments: the buffers of a chain, those that the device reads first
 * @n_segments: how many there are
 *
 * Makes a chain available to the device, which is not woken.
 *
 * Where the buffers lie, and in which order, is not checked. The id that is
 * returned is less than the size of the queue, and is not used again until
 * [method@DriverQueue.pop] has returned it.
 *
 * Languages other than C use [method@DriverQueue.append_segment] and
 * [method@DriverQueue.submit_appended].
 *
 * Returns: the id of the chain, or -1 with %VHU_ERROR_LIMIT if it does not fit
 *   into the queue now
 *
 * Since: 0.1
 */
int
vhu_driver_queue_submit (VhuDriverQueue          *self,
                         const VhuDriverSegment  *segments,
                         guint                    n_segments,
                         GError                 **error)
{
  return self->ring->ops->submit (self->ring, segments, n_segments, error);
}

/**
 * vhu_driver_queue_append_segment:
 * @self: a queue
 * @address: the guest address of a buffer
 * @length: its length in bytes
 * @writable: whether the device writes it, or reads it
 *
 * Adds a segment to the chain that [method@DriverQueue.submit_appended] will
 * make.
 *
 * Since: 0.1
 */
void
vhu_driver_queue_append_segment (VhuDriverQueue *self,
                                 guint64         address,
                                 guint           length,
                                 gboolean        writable)
{
  const VhuDriverSegment segment = { address, length, !!writable };

  g_return_if_fail (VHU_IS_DRIVER_QUEUE (self));

  if (self->appended == NULL)
    self->appended = g_array_new (FALSE, FALSE, sizeof segment);
  g_array_append_val (self->appended, segment);
}

/**
 * vhu_driver_queue_submit_appended:
 * @self: a queue
 *
 * Makes a chain of the segments that were appended, and makes it available to
 * the device.
 *
 * Returns: the id of the chain, or -1 with %VHU_ERROR_LIMIT if it does not fit
 *   into the queue now; the segments are gone in any case
 *
 * Since: 0.1
 */
int
vhu_driver_queue_submit_appended (VhuDriverQueue  *self,
                                  GError         **error)
{
  g_autoptr(GArray) segments = NULL;

  g_return_val_if_fail (VHU_IS_DRIVER_QUEUE (self), -1);

  segments = g_steal_pointer (&self->appended);
  return vhu_driver_queue_submit
    (self,
     segments != NULL ? (const VhuDriverSegment *) segments->data : NULL,
     segments != NULL ? segments->len : 0, error);
}

/**
 * vhu_driver_queue_kick:
 * @self: a queue
 *
 * Wakes the device if it wants to be woken for what was submitted since the
 * last kick.
 *
 * Returns: true if the device was woken
 *
 * Since: 0.1
 */
gboolean
vhu_driver_queue_kick (VhuDriverQueue *self)
{
  if (!self->ring->ops->needs_kick (self->ring))
    return FALSE;

  vhu_driver_queue_kick_always (self);
  return TRUE;
}

/**
 * vhu_driver_queue_kick_always:
 * @self: a queue
 *
 * Wakes the device, whether it wants it or not.
 *
 * Since: 0.1
 */
void
vhu_driver_queue_kick_always (VhuDriverQueue *self)
{
  static const guint64 one = 1;

  /* A counter that is full has woken the device already. */
  if (write (self->kick_fd, &one, sizeof one) == sizeof one)
    self->n_kicks++;
}

static G_GNUC_NO_INLINE gboolean
break_queue (VhuDriverQueue *self,
             GError         *error)
{
  g_prefix_error (&error, "queue %u: ", self->index);
  g_clear_error (&self->broken);
  self->broken = error;
  return FALSE;
}

/**
 * vhu_driver_queue_pop:
 * @self: a queue
 * @id: (out): the id of a chain
 * @length: (out): how many bytes the device says that it wrote
 *
 * Takes the next chain that the device has finished.
 *
 * Returns: false if there is none, or if the device broke the queue, see
 *   [method@DriverQueue.check]
 *
 * Since: 0.1
 */
gboolean
vhu_driver_queue_pop (VhuDriverQueue *self,
                      guint          *id,
                      guint32        *length)
{
  GError *error = NULL;

  if (G_UNLIKELY (self->broken != NULL))
    return FALSE;

  if (!self->ring->ops->pop (self->ring, id, length, &error))
    return error != NULL ? break_queue (self, error) : FALSE;

  if (self->bytes != NULL)
    vhu_driver_queue_finish_bytes (self, *id, *length);
  return TRUE;
}

/**
 * vhu_driver_queue_has_used:
 * @self: a queue
 *
 * Tells whether [method@DriverQueue.pop] has something to return.
 *
 * Returns: true if the device has finished a chain
 *
 * Since: 0.1
 */
gboolean
vhu_driver_queue_has_used (VhuDriverQueue *self)
{
  return self->ring->ops->has_used (self->ring);
}

/**
 * vhu_driver_queue_get_n_free:
 * @self: a queue
 *
 * Returns how many descriptors are free.
 *
 * Returns: a number
 *
 * Since: 0.1
 */
guint
vhu_driver_queue_get_n_free (VhuDriverQueue *self)
{
  return self->ring->n_free;
}

/**
 * vhu_driver_queue_get_n_in_flight:
 * @self: a queue
 *
 * Returns how many chains were submitted and not popped yet.
 *
 * Returns: a number
 *
 * Since: 0.1
 */
guint
vhu_driver_queue_get_n_in_flight (VhuDriverQueue *self)
{
  return self->ring->n_in_flight;
}

/**
 * vhu_driver_queue_get_n_kicks:
 * @self: a queue
 *
 * Returns how often the device was woken.
 *
 * Returns: a count
 *
 * Since: 0.1
 */
guint64
vhu_driver_queue_get_n_kicks (VhuDriverQueue *self)
{
  return self->n_kicks;
}

/**
 * vhu_driver_queue_get_n_calls:
 * @self: a queue
 *
 * Returns how often the driver was seen to be woken while it waited.
 *
 * Returns: a count
 *
 * Since: 0.1
 */
guint64
vhu_driver_queue_get_n_calls (VhuDriverQueue *self)
{
  return self->n_calls;
}
