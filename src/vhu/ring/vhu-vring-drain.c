/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <stdlib.h>

#include "vhu-debug-private.h"
#include "vhu-vring-struct-private.h"

/* Held chains and the memory they lie in */

VhuVringGeneration *
vhu_vring_generation_new (VhuMemory *memory)
{
  VhuVringGeneration *generation = g_new0 (VhuVringGeneration, 1);

  generation->memory = vhu_memory_ref (memory);
  generation->n_users = 1;
  return generation;
}

/* With the mutex, or with no chain of the generation out on another thread. */
static void
release_locked (VhuVringGeneration *generation)
{
  if (--generation->n_users > 0)
    return;

  vhu_memory_unref (generation->memory);
  g_free (generation);
}

void
vhu_vring_generation_release (VhuVring           *self,
                              VhuVringGeneration *generation)
{
  if (G_LIKELY (generation->n_users > 1))
    {
      generation->n_users--;
      return;
    }

  /* Its chains have all ended, but another thread that saw one of them before it
   * ended may still be copying. */
  g_mutex_lock (&self->mutex);
  release_locked (generation);
  g_mutex_unlock (&self->mutex);
}

static void
set_waited_for (VhuVring *self,
                VhuChain *chain)
{
  chain->is_waited_for = vhu_chain_touches (chain, self->wait_region->host,
                                            self->wait_region->size);
  if (chain->is_waited_for)
    self->n_waited_for++;
}

void
vhu_vring_hold (VhuVring *self,
                VhuChain *chain)
{
  chain->generation = self->generation;
  chain->generation->n_users++;
  vhu_vring_publish_value (&self->n_held, self->n_held + 1);

  chain->held_next = NULL;
  chain->held_previous = self->last_held;
  if (self->last_held != NULL)
    self->last_held->held_next = chain;
  else
    self->first_held = chain;
  self->last_held = chain;

  if (G_UNLIKELY (self->wait_region != NULL))
    set_waited_for (self, chain);
}

static void
unlink_held (VhuVring *self,
             VhuChain *chain)
{
  if (chain->held_previous != NULL)
    chain->held_previous->held_next = chain->held_next;
  else
    self->first_held = chain->held_next;
  if (chain->held_next != NULL)
    chain->held_next->held_previous = chain->held_previous;
  else
    self->last_held = chain->held_previous;

  vhu_vring_publish_value (&self->n_held, self->n_held - 1);
  if (G_UNLIKELY (chain->is_waited_for))
    self->n_waited_for--;
}

void
vhu_vring_let_go (VhuVring *self,
                  VhuChain *chain)
{
  unlink_held (self, chain);
  vhu_vring_generation_release (self, g_steal_pointer (&chain->generation));
}

/* A new memory table */

static VhuMemoryRegion *
find_region_of (VhuMemory    *memory,
                const guint8 *host)
{
  for (guint i = 0; i < memory->n_regions; i++)
    {
      VhuMemoryRegion *region = memory->regions[i];

      if ((guintptr) host - (guintptr) region->host < region->size)
        return region;
    }
  return NULL;
}

static gboolean
lies_in (VhuChain  *chain,
         VhuMemory *memory)
{
  VhuMemoryRegion *region = NULL;

  for (guint i = 0; i < chain->n_readable + chain->n_writable; i++)
    {
      const guint8 *host = chain->iov[i].iov_base;

      if (region != NULL && (guintptr) host - (guintptr) region->host < region->size)
        continue;

      region = find_region_of (chain->generation->memory, host);
      if (region == NULL || !vhu_memory_has_region (memory, region))
        return FALSE;
    }
  return TRUE;
}

static void
move_chains (VhuVring           *self,
             VhuVringGeneration *generation)
{
  for (VhuChain *chain = self->first_held; chain != NULL; chain = chain->held_next)
    {
      VhuVringGeneration *old = chain->generation;

      if (!lies_in (chain, generation->memory))
        continue;

      chain->generation = generation;
      generation->n_users++;
      vhu_vring_generation_release (self, old);
    }
}

void
vhu_vring_set_memory (VhuVring  *self,
                      VhuMemory *memory)
{
  VhuVringGeneration *old;
  g_autoptr(GError) error = NULL;

  g_return_if_fail (VHU_IS_VRING (self));
  g_return_if_fail (memory != NULL);

  vhu_vring_enter (self);
  if (!self->is_started)
    return;

  /* What the driver does not see yet may lie in memory that goes away. */
  vhu_vring_flush (self);

  old = self->generation;
  self->generation = vhu_vring_generation_new (memory);
  move_chains (self, self->generation);
  vhu_chain_builder_set_memory (&self->builder, memory);

  self->is_suspended = !vhu_ring_layout_attach (&self->layout, memory, &error);
  if (self->is_suspended)
    VHU_TRACE (VHU_DEBUG_RINGS, "queue %u is suspended: %s", self->index, error->message);

  vhu_vring_generation_release (self, old);
  vhu_vring_update_can_pop (self);
  if (self->n_nested == 0)
    vhu_vring_flush (self);
}

/* Waiting */

void
vhu_vring_check_waits (VhuVring *self)
{
  gboolean is_drained, has_left_region;
  g_autoptr(VhuVring) alive = NULL;

  if (G_LIKELY (!self->wait_drained && self->wait_region == NULL))
    return;

  /* Inside of a call the device may still have its hands on a chain. */
  if (self->n_nested > 0)
    return;

  is_drained = self->wait_drained && self->n_held == 0;
  has_left_region = self->wait_region != NULL && self->n_waited_for == 0;
  alive = g_object_ref (self);
  if (is_drained)
    self->wait_drained = FALSE;
  if (has_left_region)
    g_clear_pointer (&self->wait_region, vhu_memory_region_unref);

  if (is_drained && self->owner != NULL && self->owner->drained != NULL)
    self->owner->drained (self, self->owner_data);
  if (has_left_region && self->owner != NULL && self->owner->drained != NULL)
    self->owner->drained (self, self->owner_data);
}

void
vhu_vring_wait_drained (VhuVring *self)
{
  g_return_if_fail (VHU_IS_VRING (self));

  vhu_vring_enter (self);
  self->is_draining = TRUE;
  vhu_vring_update_can_pop (self);
  self->wait_drained = TRUE;
  vhu_vring_check_waits (self);
}

void
vhu_vring_wait_region (VhuVring        *self,
                       VhuMemoryRegion *region)
{
  g_return_if_fail (VHU_IS_VRING (self));
  g_return_if_fail (region != NULL);

  vhu_vring_enter (self);
  g_clear_pointer (&self->wait_region, vhu_memory_region_unref);
  self->wait_region = vhu_memory_region_ref (region);
  self->n_waited_for = 0;
  for (VhuChain *chain = self->first_held; chain != NULL; chain = chain->held_next)
    set_waited_for (self, chain);
  vhu_vring_check_waits (self);
}

/* Chains that are under real I/O, or that another thread has just completed, are
 * not for us to take away. */
static gboolean
try_revoke (VhuVring *self,
            VhuChain *chain)
{
  if (chain->is_raw ||
      !vhu_chain_exchange_state (chain, VHU_CHAIN_HELD, VHU_CHAIN_REVOKED))
    return FALSE;

  unlink_held (self, chain);
  release_locked (g_steal_pointer (&chain->generation));
  return TRUE;
}

guint
vhu_vring_revoke (VhuVring        *self,
                  VhuMemoryRegion *region)
{
  guint n_left = 0;

  g_return_val_if_fail (VHU_IS_VRING (self), 0);

  vhu_vring_enter (self);
  g_mutex_lock (&self->mutex);
  for (VhuChain *chain = self->first_held, *next; chain != NULL; chain = next)
    {
      next = chain->held_next;
      if (region != NULL && !vhu_chain_touches (chain, region->host, region->size))
        continue;
      if (!try_revoke (self, chain))
        n_left++;
    }
  g_mutex_unlock (&self->mutex);

  vhu_vring_check_waits (self);
  return n_left;
}

gint64
vhu_vring_get_oldest_age (VhuVring *self)
{
  g_return_val_if_fail (VHU_IS_VRING (self), 0);

  if (self->first_held == NULL)
    return 0;
  return MAX (g_get_monotonic_time () - self->first_held->popped_at, 1);
}

/* Parked chains */

void
vhu_vring_park_chain (VhuVring *self,
                      VhuChain *chain)
{
  vhu_chain_set_state (chain, VHU_CHAIN_PARKED);
  self->parked[self->n_parked++] = (VhuParkedHead) { chain->head, chain->sequence };
  vhu_vring_let_go (self, chain);
  vhu_vring_check_waits (self);
}

static int
compare_parked (gconstpointer a,
                gconstpointer b)
{
  const VhuParkedHead *one = a;
  const VhuParkedHead *two = b;

  return one->sequence < two->sequence ? -1 : one->sequence > two->sequence;
}

/* A ring that is stopped before it delivered all of them has both kinds. */
void
vhu_vring_make_ready (VhuVring *self)
{
  while (self->next_ready < self->n_ready)
    self->parked[self->n_parked++] = self->ready[self->next_ready++];

  for (guint i = 0; i < self->n_parked; i++)
    self->ready[i] = self->parked[i];
  self->n_ready = self->n_parked;
  self->next_ready = 0;
  self->n_parked = 0;

  qsort (self->ready, self->n_ready, sizeof *self->ready, compare_parked);
}

void
vhu_vring_forget_parked (VhuVring *self)
{
  g_return_if_fail (VHU_IS_VRING (self));

  vhu_vring_enter (self);
  for (guint i = 0; i < self->n_parked; i++)
    vhu_ring_layout_forget (&self->layout, self->parked[i].head);
  for (guint i = self->next_ready; i < self->n_ready; i++)
    vhu_ring_layout_forget (&self->layout, self->ready[i].head);

  self->n_parked = 0;
  self->n_ready = 0;
  self->next_ready = 0;
  self->was_stopped = FALSE;
}

/* The end */

gboolean
vhu_vring_drop_chain (VhuVring *self,
                      VhuChain *chain)
{
  if (chain->generation != NULL)
    release_locked (g_steal_pointer (&chain->generation));
  vhu_chain_pool_drop (&self->pool, chain);
  return self->pool.n_chains == 0;
}

static void
close_held (VhuVring *self)
{
  for (VhuChain *chain = self->first_held, *next; chain != NULL; chain = next)
    {
      next = chain->held_next;
      vhu_chain_set_state (chain, VHU_CHAIN_REVOKED);
      unlink_held (self, chain);
      /* Real I/O may go on into the memory of the others, until their handles
       * are dropped. */
      if (!chain->is_raw)
        release_locked (g_steal_pointer (&chain->generation));
    }
}

static void
close_chains (VhuVring *self)
{
  VhuChain *list = vhu_chain_stack_close (&self->ended);

  close_held (self);
  while (list != NULL)
    {
      VhuChain *next = list->next;

      if (vhu_chain_drop_ref (list))
        vhu_vring_drop_chain (self, list);
      list = next;
    }
  vhu_chain_pool_close (&self->pool);
}

void
vhu_vring_close (VhuVring *self)
{
  g_return_if_fail (VHU_IS_VRING (self));

  if (self->is_closed)
    return;

  self->is_closed = TRUE;
  g_mutex_lock (&self->mutex);
  self->owner = NULL;
  g_mutex_unlock (&self->mutex);
  if (self->is_started)
    vhu_vring_halt (self);

  g_mutex_lock (&self->mutex);
  vhu_vring_publish_value (&self->thread, 0);
  close_chains (self);
  /* The last handle that comes back drops this reference. */
  if (self->pool.n_chains > 0)
    g_object_ref (self);
  g_mutex_unlock (&self->mutex);

  g_clear_pointer (&self->wait_region, vhu_memory_region_unref);
  vhu_vring_set_user_data (self, NULL, NULL);
}
