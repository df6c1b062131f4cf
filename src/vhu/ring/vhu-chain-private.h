/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "vhu-chain.h"

G_BEGIN_DECLS

/* Most requests need fewer: a header, a status, and data in a few pieces. */
#define VHU_CHAIN_N_INLINE_IOV 8

/* A memory table with the chains that were translated by it. */
typedef struct _VhuVringGeneration VhuVringGeneration;

/* HELD is the only state in which a thread other than the ring's may do anything
 * with a chain, and it leaves that state by an atomic exchange. */
typedef enum
{
  VHU_CHAIN_FREE,      /* in the pool */
  VHU_CHAIN_HELD,      /* with the device */
  VHU_CHAIN_COMPLETED, /* completed on another thread, not collected yet */
  VHU_CHAIN_DROPPED,   /* failed or dropped on another thread, likewise */
  VHU_CHAIN_FAILING,   /* the device writes its error status right now */
  VHU_CHAIN_ENDED,     /* given back to the driver */
  VHU_CHAIN_PARKED,    /* the head is remembered, the handle is dead */
  VHU_CHAIN_REVOKED    /* stays in flight, the handle is dead */
} VhuChainState;

typedef struct
{
  guint iov;        /* index into the iovecs of both directions */
  gsize offset;     /* within that one */
  guint64 position; /* within the direction */
} VhuChainCursor;

struct _VhuChain
{
  int ref_count; /* atomic */
  int state;     /* atomic, a VhuChainState */
  VhuVring *vring;
  VhuChain *next; /* in the pool, or on a stack */

  VhuChain *held_previous;
  VhuChain *held_next;
  VhuVringGeneration *generation;
  guint64 sequence; /* the order in which chains were popped */
  gint64 popped_at; /* microseconds, monotonic */
  guint head;
  guint32 n_used; /* what was completed elsewhere */

  /* The readable ones come first. */
  struct iovec *iov;
  guint n_iov_allocated;
  guint n_readable;
  guint n_writable;
  guint64 readable_size;
  guint64 writable_size;

  VhuChainCursor reader;
  VhuChainCursor writer;
  guint64 n_written;

  gboolean is_raw; /* its iovecs were given out */
  gboolean is_waited_for;

  gpointer data;
  gsize data_size;

  struct iovec inline_iov[VHU_CHAIN_N_INLINE_IOV];
};

static inline VhuChainState
vhu_chain_get_state (VhuChain *self)
{
  return (VhuChainState) __atomic_load_n (&self->state, __ATOMIC_ACQUIRE);
}

static inline void
vhu_chain_set_state (VhuChain      *self,
                     VhuChainState  state)
{
  __atomic_store_n (&self->state, (int) state, __ATOMIC_RELEASE);
}

/* TRUE for the one thread that takes the chain out of @from. */
static inline gboolean
vhu_chain_exchange_state (VhuChain      *self,
                          VhuChainState  from,
                          VhuChainState  to)
{
  int expected = (int) from;

  return __atomic_compare_exchange_n (&self->state, &expected, (int) to, FALSE,
                                      __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

/* A sole owner sees 1, and nobody can change that but itself. */
static inline gboolean
vhu_chain_has_one_owner (VhuChain *self)
{
  return __atomic_load_n (&self->ref_count, __ATOMIC_ACQUIRE) == 1;
}

/* TRUE if that was the last reference. */
static inline gboolean
vhu_chain_drop_ref (VhuChain *self)
{
  return vhu_chain_has_one_owner (self) ||
         __atomic_fetch_sub (&self->ref_count, 1, __ATOMIC_ACQ_REL) == 1;
}

static inline void
vhu_chain_rewind (VhuChain *self)
{
  self->reader = (VhuChainCursor) { 0 };
  self->writer = (VhuChainCursor) { .iov = self->n_readable };
  self->n_written = 0;
}

/* The error of every call on a handle that is dead. */
void     vhu_chain_set_revoked (VhuChain     *self,
                                GError      **error);
/* TRUE if a buffer of the chain lies in [@host, @host + @size). */
gboolean vhu_chain_touches     (VhuChain     *self,
                                const guint8 *host,
                                guint64       size);

G_END_DECLS
