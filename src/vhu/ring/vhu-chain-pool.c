/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-chain-pool-private.h"

static VhuChain *
chain_new (VhuVring *vring)
{
  VhuChain *chain = g_new0 (VhuChain, 1);

  chain->vring = vring;
  chain->iov = chain->inline_iov;
  chain->n_iov_allocated = VHU_CHAIN_N_INLINE_IOV;
  return chain;
}

static void
chain_free (VhuChain *chain)
{
  if (chain->iov != chain->inline_iov)
    g_free (chain->iov);
  g_free (chain->data);
  g_free (chain);
}

static void
set_data_size (VhuChain *chain,
               gsize     size)
{
  g_free (chain->data);
  chain->data = size > 0 ? g_malloc0 (size) : NULL;
  chain->data_size = size;
}

static VhuChain *
find_or_make (VhuChainPool *self,
              VhuVring     *vring)
{
  VhuChain *chain = self->free_chains;

  if (chain == NULL)
    chain = vhu_chain_stack_take_all (&self->returned);

  if (chain == NULL)
    {
      self->n_chains++;
      return chain_new (vring);
    }

  self->free_chains = chain->next;
  return chain;
}

VhuChain *
vhu_chain_pool_take (VhuChainPool *self,
                     VhuVring     *vring)
{
  VhuChain *chain = find_or_make (self, vring);

  if (G_UNLIKELY (chain->data_size != self->data_size))
    set_data_size (chain, self->data_size);

  __atomic_store_n (&chain->ref_count, 1, __ATOMIC_RELAXED);
  vhu_chain_set_state (chain, VHU_CHAIN_FREE);
  chain->n_readable = 0;
  chain->n_writable = 0;
  chain->readable_size = 0;
  chain->writable_size = 0;
  chain->is_raw = FALSE;
  chain->is_waited_for = FALSE;
  return chain;
}

void
vhu_chain_pool_give (VhuChainPool *self,
                     VhuChain     *chain)
{
  chain->next = self->free_chains;
  self->free_chains = chain;
}

void
vhu_chain_pool_drop (VhuChainPool *self,
                     VhuChain     *chain)
{
  self->n_chains--;
  chain_free (chain);
}

static void
drop_list (VhuChainPool *self,
           VhuChain     *list)
{
  while (list != NULL)
    {
      VhuChain *next = list->next;

      vhu_chain_pool_drop (self, list);
      list = next;
    }
}

void
vhu_chain_pool_close (VhuChainPool *self)
{
  drop_list (self, vhu_chain_stack_close (&self->returned));
  drop_list (self, g_steal_pointer (&self->free_chains));
}
