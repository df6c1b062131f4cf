/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <pthread.h>

#include "vhu-chain-builder-private.h"
#include "vhu-chain-pool-private.h"
#include "vhu-chain-private.h"
#include "vhu-chain-stack-private.h"
#include "vhu-ring-layout-private.h"
#include "vhu-vring-private.h"

G_BEGIN_DECLS

/* What the files of a ring share among each other; other rooms use
 * vhu-vring-private.h. */

struct _VhuVringGeneration
{
  VhuMemory *memory;
  guint n_users; /* its held chains, and the ring while it is the current one */
};

/* The head of a chain that waits for the next start. */
typedef struct
{
  guint head;
  guint64 sequence;
} VhuParkedHead;

struct _VhuVring
{
  GObject parent_instance;

  guint index;
  guint max_size;
  GMainContext *context;
  gsize thread; /* atomic: who iterates the context, as last seen; 0: nobody */

  /* Guards what chains on other threads need: the owner, against a close; the
   * memory of chains, against a revocation. */
  GMutex mutex;
  const VhuVringOwner *owner; /* NULL once closed */
  gpointer owner_data;
  gboolean is_closed;

  /* Any of these makes pop return nothing; can_pop sums them up. */
  gboolean is_started;   /* atomic, written on the ring's thread */
  gboolean is_enabled;   /* likewise */
  gboolean is_broken;    /* likewise */
  gboolean is_suspended;
  gboolean is_draining;
  gboolean can_pop;
  int n_interrupts;      /* atomic */

  guint64 features;      /* atomic, written on the ring's thread */
  guint size;
  VhuRingLayout layout;
  VhuChainBuilder builder;
  VhuVringGeneration *generation; /* NULL while stopped */
  guint32 base;                   /* of the last stop */
  gboolean was_stopped;

  VhuChainPool pool;
  VhuChainStack ended; /* on other threads */
  VhuChain *first_held;
  VhuChain *last_held;
  guint n_held;        /* atomic, written on the ring's thread */
  guint64 sequence;

  guint n_nested;         /* services */
  gboolean look_again;    /* there may be more than the device has seen */
  gboolean keep_kicks_off; /* the device said so */
  guint budget_chains;
  guint budget_us;
  guint n_popped;         /* in this service */
  gint64 deadline;
  gint64 now;             /* a recent time */

  VhuParkedHead *parked;  /* since the start, in any order */
  guint n_parked;
  VhuParkedHead *ready;   /* from before it, in the order they were popped */
  guint n_ready;
  guint next_ready;

  gboolean wait_drained;
  VhuMemoryRegion *wait_region;
  guint n_waited_for;     /* held chains in that region */

  guint64 n_completed;    /* atomic, written on the ring's thread */
  guint64 n_failed;
  guint64 n_signals;

  gpointer user_data;
  GDestroyNotify user_data_destroy;
};

/* Remembers who runs the ring. Everything private begins with it. */
static inline void
vhu_vring_enter (VhuVring *self)
{
  gsize thread = (gsize) pthread_self ();

  if (__atomic_load_n (&self->thread, __ATOMIC_RELAXED) != thread)
    __atomic_store_n (&self->thread, thread, __ATOMIC_RELAXED);
}

static inline gboolean
vhu_vring_is_here (VhuVring *self)
{
  return __atomic_load_n (&self->thread, __ATOMIC_RELAXED) == (gsize) pthread_self ();
}

/* For values with one writer and readers on any thread. */
#define vhu_vring_publish_value(place, value) \
  __atomic_store_n ((place), (value), __ATOMIC_RELAXED)
#define vhu_vring_read_value(place) __atomic_load_n ((place), __ATOMIC_RELAXED)

/* vhu-vring.c */
void vhu_vring_update_can_pop     (VhuVring           *self);
void vhu_vring_take_broken        (VhuVring           *self,
                                   GError             *error);
void vhu_vring_halt               (VhuVring           *self);

/* vhu-vring-service.c: a chain in state HELD (claimed) leaves the device. */
void vhu_vring_end_chain          (VhuVring           *self,
                                   VhuChain           *chain,
                                   guint32             n_written);
void vhu_vring_fail_chain         (VhuVring           *self,
                                   VhuChain           *chain);
/* On any thread but the ring's; the reference of the caller goes to the ring.
 * FALSE, and it stays the caller's, if the ring is closed. */
gboolean vhu_vring_hand_over      (VhuVring           *self,
                                   VhuChain           *chain);
/* The last reference of a chain that is not held. */
void vhu_vring_return_chain       (VhuVring           *self,
                                   VhuChain           *chain);
void vhu_vring_flush              (VhuVring           *self);

/* vhu-vring-drain.c */
VhuVringGeneration *
     vhu_vring_generation_new     (VhuMemory          *memory);
/* Waits for accessors on other threads before it lets the memory go. */
void vhu_vring_generation_release (VhuVring           *self,
                                   VhuVringGeneration *generation);
/* A chain that comes back after the close; with the mutex. TRUE if it was the last
 * one that was out. */
gboolean vhu_vring_drop_chain     (VhuVring           *self,
                                   VhuChain           *chain);
/* The chain becomes one that is held, or ceases to be one. */
void vhu_vring_hold               (VhuVring           *self,
                                   VhuChain           *chain);
void vhu_vring_let_go             (VhuVring           *self,
                                   VhuChain           *chain);
void vhu_vring_check_waits        (VhuVring           *self);
void vhu_vring_park_chain         (VhuVring           *self,
                                   VhuChain           *chain);
/* Makes the parked chains those that pop delivers first. */
void vhu_vring_make_ready         (VhuVring           *self);

G_END_DECLS
