/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-driver-queue-private.h"

/* Everything that a driver must not do with a ring. Part of VhuDriverQueue. */

static VhuSplitAvail *
get_avail (VhuDriverQueue *self)
{
  return (VhuSplitAvail *) self->ring->avail;
}

static VhuSplitUsed *
get_used (VhuDriverQueue *self)
{
  return (VhuSplitUsed *) self->ring->used;
}

/**
 * vhu_driver_queue_set_strict:
 * @self: a queue
 * @strict: whether the device may only use what was submitted
 *
 * Decides what [method@DriverQueue.pop] does with chains that it does not know.
 *
 * At first they break the queue. A test that makes chains by hand wants them
 * returned.
 *
 * Since: 0.1
 */
void
vhu_driver_queue_set_strict (VhuDriverQueue *self,
                             gboolean        strict)
{
  g_return_if_fail (VHU_IS_DRIVER_QUEUE (self));

  self->ring->strict = !!strict;
}

/**
 * vhu_driver_queue_get_desc_address:
 * @self: a queue
 *
 * Returns the guest address of the descriptor table.
 *
 * Returns: a guest address
 *
 * Since: 0.1
 */
guint64
vhu_driver_queue_get_desc_address (VhuDriverQueue *self)
{
  g_return_val_if_fail (VHU_IS_DRIVER_QUEUE (self), 0);

  return self->ring->desc_address;
}

/**
 * vhu_driver_queue_get_avail_address:
 * @self: a queue
 *
 * Returns the guest address of the available ring.
 *
 * Returns: a guest address
 *
 * Since: 0.1
 */
guint64
vhu_driver_queue_get_avail_address (VhuDriverQueue *self)
{
  g_return_val_if_fail (VHU_IS_DRIVER_QUEUE (self), 0);

  return self->ring->avail_address;
}

/**
 * vhu_driver_queue_get_used_address:
 * @self: a queue
 *
 * Returns the guest address of the used ring.
 *
 * Returns: a guest address
 *
 * Since: 0.1
 */
guint64
vhu_driver_queue_get_used_address (VhuDriverQueue *self)
{
  g_return_val_if_fail (VHU_IS_DRIVER_QUEUE (self), 0);

  return self->ring->used_address;
}

/**
 * vhu_driver_queue_poke_descriptor:
 * @self: a queue
 * @number: the number of a descriptor
 * @address: a guest address
 * @length: a length
 * @flags: 1 for next, 2 for writable, 4 for indirect, and the rest for nothing
 * @next: the number of another descriptor, or of none
 *
 * Writes a descriptor, whoever it belongs to.
 *
 * Since: 0.1
 */
void
vhu_driver_queue_poke_descriptor (VhuDriverQueue *self,
                                  guint           number,
                                  guint64         address,
                                  guint           length,
                                  guint           flags,
                                  guint           next)
{
  VhuSplitDesc *desc;

  g_return_if_fail (VHU_IS_DRIVER_QUEUE (self));
  g_return_if_fail (number < self->ring->size);

  desc = (VhuSplitDesc *) self->ring->desc + number;
  desc->address = GUINT64_TO_LE (address);
  desc->length = GUINT32_TO_LE (length);
  desc->flags = GUINT16_TO_LE ((guint16) flags);
  desc->next = GUINT16_TO_LE ((guint16) next);
}

/**
 * vhu_driver_queue_poke_avail_entry:
 * @self: a queue
 * @slot: a place in the available ring
 * @head: what to write there
 *
 * Writes an entry of the available ring.
 *
 * Since: 0.1
 */
void
vhu_driver_queue_poke_avail_entry (VhuDriverQueue *self,
                                   guint           slot,
                                   guint           head)
{
  g_return_if_fail (VHU_IS_DRIVER_QUEUE (self));
  g_return_if_fail (slot < self->ring->size);

  __atomic_store_n (&get_avail (self)->ring[slot],
                    GUINT16_TO_LE ((guint16) head), __ATOMIC_RELAXED);
}

/**
 * vhu_driver_queue_poke_avail_index:
 * @self: a queue
 * @index: an index
 *
 * Writes the index of the available ring; later submissions go on from there.
 *
 * Since: 0.1
 */
void
vhu_driver_queue_poke_avail_index (VhuDriverQueue *self,
                                   guint           index)
{
  g_return_if_fail (VHU_IS_DRIVER_QUEUE (self));

  self->ring->avail_index = (guint16) index;
  __atomic_store_n (&get_avail (self)->index, GUINT16_TO_LE ((guint16) index),
                    __ATOMIC_RELEASE);
}

/**
 * vhu_driver_queue_poke_avail_flags:
 * @self: a queue
 * @flags: 1 for "do not interrupt"
 *
 * Writes the flags of the available ring.
 *
 * Since: 0.1
 */
void
vhu_driver_queue_poke_avail_flags (VhuDriverQueue *self,
                                   guint           flags)
{
  g_return_if_fail (VHU_IS_DRIVER_QUEUE (self));

  __atomic_store_n (&get_avail (self)->flags, GUINT16_TO_LE ((guint16) flags),
                    __ATOMIC_RELAXED);
}

/**
 * vhu_driver_queue_poke_used_event:
 * @self: a queue
 * @index: an index of the used ring
 *
 * Writes the index at which the device is to wake the driver.
 *
 * Since: 0.1
 */
void
vhu_driver_queue_poke_used_event (VhuDriverQueue *self,
                                  guint           index)
{
  g_return_if_fail (VHU_IS_DRIVER_QUEUE (self));

  __atomic_store_n (vhu_split_used_event (self->ring),
                    GUINT16_TO_LE ((guint16) index), __ATOMIC_RELAXED);
}

/**
 * vhu_driver_queue_poke_head:
 * @self: a queue
 * @head: the first descriptor of a chain, or not
 *
 * Makes a chain available that was made by hand: writes the next entry of the
 * available ring and advances the index by one.
 *
 * Since: 0.1
 */
void
vhu_driver_queue_poke_head (VhuDriverQueue *self,
                            guint           head)
{
  g_return_if_fail (VHU_IS_DRIVER_QUEUE (self));

  vhu_driver_queue_poke_avail_entry (self,
                                     self->ring->avail_index &
                                       (self->ring->size - 1),
                                     head);
  vhu_driver_queue_poke_avail_index (self, self->ring->avail_index + 1u);
}

/**
 * vhu_driver_queue_peek_avail_index:
 * @self: a queue
 *
 * Reads the index of the available ring.
 *
 * Returns: an index
 *
 * Since: 0.1
 */
guint
vhu_driver_queue_peek_avail_index (VhuDriverQueue *self)
{
  g_return_val_if_fail (VHU_IS_DRIVER_QUEUE (self), 0);

  return GUINT16_FROM_LE (__atomic_load_n (&get_avail (self)->index,
                                           __ATOMIC_RELAXED));
}

/**
 * vhu_driver_queue_peek_avail_event:
 * @self: a queue
 *
 * Reads the index at which the device wants to be woken.
 *
 * Returns: an index of the available ring
 *
 * Since: 0.1
 */
guint
vhu_driver_queue_peek_avail_event (VhuDriverQueue *self)
{
  g_return_val_if_fail (VHU_IS_DRIVER_QUEUE (self), 0);

  return GUINT16_FROM_LE (__atomic_load_n (vhu_split_avail_event (self->ring),
                                           __ATOMIC_ACQUIRE));
}

/**
 * vhu_driver_queue_peek_used_index:
 * @self: a queue
 *
 * Reads the index of the used ring.
 *
 * Returns: an index
 *
 * Since: 0.1
 */
guint
vhu_driver_queue_peek_used_index (VhuDriverQueue *self)
{
  g_return_val_if_fail (VHU_IS_DRIVER_QUEUE (self), 0);

  return GUINT16_FROM_LE (__atomic_load_n (&get_used (self)->index,
                                           __ATOMIC_ACQUIRE));
}

/**
 * vhu_driver_queue_peek_used_flags:
 * @self: a queue
 *
 * Reads the flags of the used ring.
 *
 * Returns: 1 for "do not kick", if EVENT_IDX is not in use
 *
 * Since: 0.1
 */
guint
vhu_driver_queue_peek_used_flags (VhuDriverQueue *self)
{
  g_return_val_if_fail (VHU_IS_DRIVER_QUEUE (self), 0);

  return GUINT16_FROM_LE (__atomic_load_n (&get_used (self)->flags,
                                           __ATOMIC_ACQUIRE));
}

/**
 * vhu_driver_queue_peek_used_element:
 * @self: a queue
 * @slot: a place in the used ring
 * @id: (out) (optional): the id of a chain
 * @length: (out) (optional): how many bytes were written
 *
 * Reads an element of the used ring.
 *
 * Since: 0.1
 */
void
vhu_driver_queue_peek_used_element (VhuDriverQueue *self,
                                    guint           slot,
                                    guint          *id,
                                    guint          *length)
{
  VhuSplitUsedElement *element;

  g_return_if_fail (VHU_IS_DRIVER_QUEUE (self));
  g_return_if_fail (slot < self->ring->size);

  element = &get_used (self)->ring[slot];
  if (id != NULL)
    *id = GUINT32_FROM_LE (element->id);
  if (length != NULL)
    *length = GUINT32_FROM_LE (element->length);
}
