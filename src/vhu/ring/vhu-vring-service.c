/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <time.h>

#include "vhu-error.h"
#include "vhu-vring-struct-private.h"

/* How many chains of a batch the driver is shown at once. */
#define EARLY_CHAINS 4

/* How many chains are popped between two looks at the clock. */
#define CLOCK_INTERVAL 8

/* The coarse clock is read without a system call and within a few nanoseconds,
 * and is good enough for the age of a chain. */
static gint64
read_clock (clockid_t clock)
{
  struct timespec now;

  clock_gettime (clock, &now);
  return (gint64) now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

/* Popping */

static gboolean
is_within_budget (VhuVring *self)
{
  if (self->n_nested == 0)
    {
      self->now = read_clock (CLOCK_MONOTONIC_COARSE);
      return TRUE;
    }

  if (self->budget_chains > 0 && self->n_popped >= self->budget_chains)
    return FALSE;

  /* A device in a script may need as long for one chain as there is for all. */
  if (self->budget_us > 0)
    {
      self->now = read_clock (CLOCK_MONOTONIC);
      return self->n_popped == 0 || self->now < self->deadline;
    }

  if (self->n_popped % CLOCK_INTERVAL == CLOCK_INTERVAL - 1)
    self->now = read_clock (CLOCK_MONOTONIC_COARSE);
  return TRUE;
}

static VhuChain *
hand_out (VhuVring *self,
          VhuChain *chain,
          guint     head,
          guint64   sequence)
{
  chain->head = head;
  chain->sequence = sequence;
  chain->popped_at = self->now;
  vhu_chain_rewind (chain);
  vhu_vring_hold (self, chain);
  self->n_popped++;
  vhu_chain_set_state (chain, VHU_CHAIN_HELD);
  return chain;
}

static VhuChain *
build (VhuVring  *self,
       guint      head,
       GError   **error)
{
  VhuChain *chain = vhu_chain_pool_take (&self->pool, self);

  if (G_LIKELY (vhu_ring_layout_walk (&self->layout, &self->builder, chain, head, error)))
    return chain;

  vhu_chain_pool_give (&self->pool, chain);
  g_prefix_error (error, "chain %u: ", head);
  return NULL;
}

/* The descriptors of a parked chain are read anew: they are still the driver's
 * to change, as if they had just been made available. */
static VhuChain *
pop_parked (VhuVring  *self,
            GError   **error)
{
  VhuParkedHead parked = self->ready[self->next_ready];
  VhuChain *chain = build (self, parked.head, error);

  if (chain == NULL)
    return NULL;

  self->next_ready++;
  return hand_out (self, chain, parked.head, parked.sequence);
}

static VhuChain *
pop_next (VhuVring  *self,
          GError   **error)
{
  VhuChain *chain;
  guint head;

  if (!vhu_ring_layout_next (&self->layout, &head, error))
    return NULL;

  chain = build (self, head, error);
  if (G_UNLIKELY (chain == NULL))
    return NULL;

  vhu_ring_layout_take (&self->layout, head);
  return hand_out (self, chain, head, self->sequence++);
}

/**
 * vhu_vring_pop:
 * @self: a ring
 *
 * Takes the next chain that the driver made available.
 *
 * Chains that were parked before the ring was last stopped come first. There is
 * none, even if the driver made some available, while the ring is stopped,
 * disabled, broken, being stopped, or without its memory; while a request of
 * the front-end waits to be served on this thread; and when the device had its
 * share of this dispatch. In the last two cases the device is called again soon.
 *
 * Returns: (transfer full) (nullable): the chain, or %NULL if there is none now
 *
 * Since: 0.1
 */
VhuChain *
vhu_vring_pop (VhuVring *self)
{
  g_autoptr(GError) error = NULL;
  VhuChain *chain;

  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (!self->is_started || vhu_vring_is_here (self), NULL);

  if (!self->can_pop)
    return NULL;

  if (G_UNLIKELY (vhu_vring_read_value (&self->n_interrupts) > 0 ||
                  !is_within_budget (self)))
    {
      self->look_again = TRUE;
      return NULL;
    }

  if (G_UNLIKELY (self->next_ready < self->n_ready))
    chain = pop_parked (self, &error);
  else
    chain = pop_next (self, &error);

  if (G_UNLIKELY (error != NULL))
    vhu_vring_take_broken (self, g_steal_pointer (&error));
  return chain;
}

/* Ending chains */

/* What the ring was pushed becomes the driver's. */
void
vhu_vring_flush (VhuVring *self)
{
  if (!vhu_ring_layout_publish (&self->layout) ||
      !vhu_ring_layout_wants_signal (&self->layout))
    return;

  vhu_vring_publish_value (&self->n_signals, self->n_signals + 1);
  if (self->owner != NULL && self->owner->call != NULL)
    self->owner->call (self, self->owner_data);
}

/* A driver that sees nothing before the whole batch is done goes to sleep, and
 * the two sides take turns instead of working side by side. With EVENT_IDX the
 * driver says for itself whether it wants to be woken, so that showing it a few
 * at a time costs a fence; without it, each time would cost a system call. */
static inline gboolean
should_publish_early (VhuVring *self)
{
  return vhu_ring_layout_get_n_unpublished (&self->layout) >= EARLY_CHAINS &&
         (self->features >> VHU_FEATURE_EVENT_IDX & 1) != 0;
}

void
vhu_vring_end_chain (VhuVring *self,
                     VhuChain *chain,
                     guint32   n_written)
{
  vhu_chain_set_state (chain, VHU_CHAIN_ENDED);
  vhu_vring_let_go (self, chain);
  /* A stopped ring is the driver's alone: the chain stays in flight. */
  if (G_LIKELY (self->is_started))
    {
      vhu_ring_layout_put (&self->layout, chain->head, n_written);
      vhu_vring_publish_value (&self->n_completed, self->n_completed + 1);
      if (self->n_nested == 0 || should_publish_early (self))
        vhu_vring_flush (self);
    }
  vhu_vring_check_waits (self);
}

/* The device is called, and is served like in any other call. */
void
vhu_vring_fail_chain (VhuVring *self,
                      VhuChain *chain)
{
  g_autoptr(VhuVring) alive = g_object_ref (self);

  vhu_chain_set_state (chain, VHU_CHAIN_FAILING);
  vhu_chain_rewind (chain);
  vhu_vring_publish_value (&self->n_failed, self->n_failed + 1);

  self->n_nested++;
  if (self->owner != NULL && self->owner->fail != NULL)
    self->owner->fail (self, chain, self->owner_data);
  self->n_nested--;

  if (vhu_chain_get_state (chain) == VHU_CHAIN_FAILING)
    vhu_vring_end_chain (self, chain, (guint32) MIN (chain->n_written, G_MAXUINT32));
  else if (self->n_nested == 0)
    vhu_vring_flush (self);
  vhu_vring_check_waits (self);
}

/**
 * vhu_vring_push:
 * @self: a ring
 * @chain: (transfer none): a chain of this ring
 * @n_written: bytes that the device wrote, from the first writable one on
 *
 * Gives a chain back to the driver, which may see it later.
 *
 * It is shown after a few more, or by [method@Vring.signal], or when the call into
 * the device ends.
 * The handle is dead from here on; a chain whose handle is dead already is left
 * as it is. [method@Chain.complete] does the same on any thread.
 *
 * Since: 0.1
 */
void
vhu_vring_push (VhuVring *self,
                VhuChain *chain,
                gsize     n_written)
{
  g_return_if_fail (self != NULL);
  g_return_if_fail (chain != NULL && chain->vring == self);
  g_return_if_fail (n_written <= chain->writable_size);

  if (G_UNLIKELY (!vhu_vring_is_here (self)))
    {
      vhu_chain_complete_full (chain, n_written, NULL);
      return;
    }

  /* Inside of a service nothing is published. */
  self->n_nested++;
  vhu_chain_complete_full (chain, n_written, NULL);
  self->n_nested--;
  vhu_vring_check_waits (self);
}

/**
 * vhu_vring_signal:
 * @self: a ring
 *
 * Shows the driver the chains that were pushed, and wakes it if it wants to be
 * woken for them.
 *
 * It does nothing if there are none. A device calls it in the middle of a long
 * batch, so that the driver can go on meanwhile.
 *
 * Since: 0.1
 */
void
vhu_vring_signal (VhuVring *self)
{
  g_return_if_fail (self != NULL);
  g_return_if_fail (!self->is_started || vhu_vring_is_here (self));

  vhu_vring_flush (self);
}

/* Chains that end on other threads */

gboolean
vhu_vring_hand_over (VhuVring *self,
                     VhuChain *chain)
{
  gboolean was_empty;
  gboolean pushed;

  /* The ring may be gone as soon as the chain is on the stack. The first one is
   * therefore pushed under the mutex: the owner is to be called, and no ring is
   * closed or freed without that mutex. */
  if (vhu_chain_stack_push (&self->ended, chain, TRUE, &was_empty))
    return TRUE;

  g_mutex_lock (&self->mutex);
  pushed = vhu_chain_stack_push (&self->ended, chain, FALSE, &was_empty);
  if (pushed && was_empty && self->owner != NULL && self->owner->wake != NULL)
    self->owner->wake (self, self->owner_data);
  g_mutex_unlock (&self->mutex);
  return pushed;
}

static void
return_to_closed_ring (VhuVring *self,
                       VhuChain *chain)
{
  gboolean was_last;

  g_mutex_lock (&self->mutex);
  was_last = vhu_vring_drop_chain (self, chain);
  g_mutex_unlock (&self->mutex);

  /* The close took this reference for the sake of chains that were out. */
  if (was_last)
    g_object_unref (self);
}

void
vhu_vring_return_chain (VhuVring *self,
                        VhuChain *chain)
{
  gboolean was_empty;

  if (vhu_vring_is_here (self) && !self->is_closed)
    vhu_chain_pool_give (&self->pool, chain);
  else if (!vhu_chain_stack_push (&self->pool.returned, chain, FALSE, &was_empty))
    return_to_closed_ring (self, chain);
}

static void
collect_chain (VhuVring *self,
               VhuChain *chain)
{
  if (vhu_chain_get_state (chain) == VHU_CHAIN_COMPLETED)
    vhu_vring_end_chain (self, chain, chain->n_used);
  else if (self->is_started)
    vhu_vring_fail_chain (self, chain);
  else
    vhu_vring_end_chain (self, chain, 0);

  vhu_chain_unref (chain);
}

static void
collect (VhuVring *self)
{
  VhuChain *list = vhu_chain_stack_take_all (&self->ended);

  list = vhu_chain_stack_reverse (list);
  while (list != NULL)
    {
      VhuChain *chain = list;

      list = chain->next;
      collect_chain (self, chain);
    }
}

void
vhu_vring_collect (VhuVring *self)
{
  g_return_if_fail (VHU_IS_VRING (self));

  /* Not a service: the device does not look at the ring. */
  vhu_vring_enter (self);
  self->n_nested++;
  collect (self);
  self->n_nested--;
  if (self->n_nested == 0)
    vhu_vring_flush (self);
  vhu_vring_check_waits (self);
}

/* Services */

void
vhu_vring_begin_service (VhuVring *self)
{
  g_return_if_fail (self != NULL);

  vhu_vring_enter (self);
  if (self->n_nested++ > 0)
    return;

  self->n_popped = 0;
  self->look_again = FALSE;
  self->now = read_clock (self->budget_us > 0 ? CLOCK_MONOTONIC : CLOCK_MONOTONIC_COARSE);
  self->deadline = self->now + self->budget_us;
  if (self->can_pop && !self->keep_kicks_off)
    vhu_ring_layout_disable_kicks (&self->layout);
}

static gboolean
has_avail (VhuVring *self)
{
  return self->next_ready < self->n_ready || vhu_ring_layout_has_avail (&self->layout);
}

/* Kicks stay off as long as the device has to be called again anyway. A device
 * that left chains in the ring though it could have had them is called when new
 * ones come. */
static void
ask_for_kicks (VhuVring *self)
{
  g_autoptr(GError) error = NULL;

  if (!self->can_pop || self->keep_kicks_off)
    return;

  if (self->look_again && has_avail (self))
    return;

  if (!vhu_ring_layout_look (&self->layout, &self->look_again, &error))
    {
      vhu_vring_take_broken (self, g_steal_pointer (&error));
      return;
    }

  if (self->look_again)
    return;

  vhu_ring_layout_enable_kicks_for_new (&self->layout);
  self->look_again = vhu_ring_layout_has_new (&self->layout);
}

void
vhu_vring_end_service (VhuVring *self)
{
  g_return_if_fail (self != NULL && self->n_nested > 0);

  vhu_vring_enter (self);
  if (self->n_nested == 1)
    {
      collect (self);
      vhu_vring_flush (self);
      ask_for_kicks (self);
    }

  self->n_nested--;
  vhu_vring_check_waits (self);
}

gboolean
vhu_vring_in_service (VhuVring *self)
{
  return self->n_nested > 0;
}

gboolean
vhu_vring_has_work (VhuVring *self)
{
  if (vhu_chain_stack_is_filled (&self->ended))
    return TRUE;

  if (!self->can_pop)
    return FALSE;

  if (self->look_again)
    return has_avail (self);

  return !self->keep_kicks_off && vhu_ring_layout_has_new (&self->layout);
}

void
vhu_vring_interrupt (VhuVring *self)
{
  __atomic_fetch_add (&self->n_interrupts, 1, __ATOMIC_RELAXED);
}

void
vhu_vring_release (VhuVring *self)
{
  __atomic_fetch_sub (&self->n_interrupts, 1, __ATOMIC_RELAXED);
}

void
vhu_vring_set_budget (VhuVring *self,
                      guint     n_chains,
                      guint     microseconds)
{
  self->budget_chains = n_chains;
  self->budget_us = microseconds;
}

/**
 * vhu_vring_disable_kicks:
 * @self: a ring
 *
 * Tells the driver that the device does not want to be woken by new chains.
 *
 * This is for devices that do not take chains as they come, such as the
 * receiving queue of a network card. It lasts beyond the call into the device,
 * until [method@Vring.enable_kicks]; a device that never calls it is asked to
 * work whenever there are new chains, and kicks are off meanwhile anyway.
 *
 * Since: 0.1
 */
void
vhu_vring_disable_kicks (VhuVring *self)
{
  g_return_if_fail (self != NULL);
  g_return_if_fail (!self->is_started || vhu_vring_is_here (self));

  self->keep_kicks_off = TRUE;
  if (self->can_pop)
    vhu_ring_layout_disable_kicks (&self->layout);
}

/**
 * vhu_vring_enable_kicks:
 * @self: a ring
 *
 * Undoes [method@Vring.disable_kicks], and tells the driver to wake the device
 * for the next chain.
 *
 * A chain that came before the driver could know that brings no kick: if this
 * returns true, the device has to look at the ring again.
 *
 * Returns: %TRUE if there are chains already
 *
 * Since: 0.1
 */
gboolean
vhu_vring_enable_kicks (VhuVring *self)
{
  g_return_val_if_fail (self != NULL, FALSE);
  g_return_val_if_fail (!self->is_started || vhu_vring_is_here (self), FALSE);

  self->keep_kicks_off = FALSE;
  if (!self->can_pop)
    return FALSE;

  vhu_ring_layout_enable_kicks (&self->layout);
  return has_avail (self);
}
