/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "vhu-chain-private.h"

G_BEGIN_DECLS

/* A stack that any thread pushes to without a lock and one thread empties. Chains
 * are only ever taken off all at once, so a head that was seen and is still there
 * cannot have changed in between. */
typedef struct
{
  VhuChain *head; /* atomic */
} VhuChainStack;

/* The head of a stack that takes no more. */
#define VHU_CHAIN_STACK_CLOSED ((VhuChain *) 1)

/* FALSE if the stack is closed, or empty and @unless_empty. After TRUE the
 * chain and its ring may be gone already. */
static inline gboolean
vhu_chain_stack_push (VhuChainStack *self,
                      VhuChain      *chain,
                      gboolean       unless_empty,
                      gboolean      *was_empty)
{
  VhuChain *head = __atomic_load_n (&self->head, __ATOMIC_RELAXED);

  do
    {
      if (head == VHU_CHAIN_STACK_CLOSED || (head == NULL && unless_empty))
        return FALSE;
      chain->next = head;
    }
  while (!__atomic_compare_exchange_n (&self->head, &head, chain, TRUE,
                                       __ATOMIC_RELEASE, __ATOMIC_RELAXED));

  *was_empty = head == NULL;
  return TRUE;
}

static inline gboolean
vhu_chain_stack_is_filled (VhuChainStack *self)
{
  VhuChain *head = __atomic_load_n (&self->head, __ATOMIC_RELAXED);

  return head != NULL && head != VHU_CHAIN_STACK_CLOSED;
}

/* The last pushed comes first. Not for closed stacks. */
static inline VhuChain *
vhu_chain_stack_take_all (VhuChainStack *self)
{
  if (!vhu_chain_stack_is_filled (self))
    return NULL;
  return __atomic_exchange_n (&self->head, NULL, __ATOMIC_ACQUIRE);
}

static inline VhuChain *
vhu_chain_stack_close (VhuChainStack *self)
{
  return __atomic_exchange_n (&self->head, VHU_CHAIN_STACK_CLOSED, __ATOMIC_ACQ_REL);
}

static inline VhuChain *
vhu_chain_stack_reverse (VhuChain *list)
{
  VhuChain *reversed = NULL;

  while (list != NULL)
    {
      VhuChain *next = list->next;

      list->next = reversed;
      reversed = list;
      list = next;
    }
  return reversed;
}

G_END_DECLS
