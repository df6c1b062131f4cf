/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "vhu-chain.h"
#include "vhu-memory-private.h"
#include "vhu-vring.h"

G_BEGIN_DECLS

/* What the session asks of a ring. A ring belongs to one thread: everything here
 * runs on the thread that iterates vhu_vring_get_context(), unless it says "any
 * thread". A ring knows no descriptors, sources or messages: it tells its owner
 * what happens through these callbacks. */
typedef struct
{
  /* Any thread: chains ended on another thread; call vhu_vring_collect() soon
   * on the ring's thread. Called once per empty-to-filled, not per chain, and
   * under a lock of the ring: it must call nothing of the ring. */
  void (*wake)    (VhuVring     *vring,
                   gpointer      owner_data);
  /* Wake the driver (its call descriptor). */
  void (*call)    (VhuVring     *vring,
                   gpointer      owner_data);
  /* The ring just broke; it stays broken until it is stopped. */
  void (*broken)  (VhuVring     *vring,
                   const GError *error,
                   gpointer      owner_data);
  /* A chain failed or was dropped: let the device write its error status. The
   * ring pushes it afterwards with what was written. */
  void (*fail)    (VhuVring     *vring,
                   VhuChain     *chain,
                   gpointer      owner_data);
  /* What vhu_vring_wait_drained() or _wait_region() waits for has happened. */
  void (*drained) (VhuVring     *vring,
                   gpointer      owner_data);
} VhuVringOwner;

/* Everything the messages said about a ring, in the front-end's terms. */
typedef struct
{
  guint32 size;       /* SET_VRING_NUM */
  guint64 features;   /* SET_FEATURES */
  guint64 desc;       /* user addresses of SET_VRING_ADDR */
  guint64 avail;
  guint64 used;
  guint64 log;        /* guest address, if log_used */
  gboolean log_used;
  guint32 base;       /* SET_VRING_BASE */
} VhuVringSetup;

/* @owner must outlive the ring or vhu_vring_close() whichever comes first.
 * @context may be NULL for the global default one. */
VhuVring *vhu_vring_new            (guint                index,
                                    guint                max_size,
                                    GMainContext        *context,
                                    const VhuVringOwner *owner,
                                    gpointer             owner_data);

/* Translates and checks the three ring parts (whole extents, alignment, size),
 * reads the used index from the ring, and makes chains pop from @setup->base.
 * Parked chains are kept if the base is the one that stop returned, and forgotten
 * otherwise: then the driver has begun anew. Clears "broken". */
gboolean  vhu_vring_start          (VhuVring            *self,
                                    const VhuVringSetup *setup,
                                    VhuMemory           *memory,
                                    GError             **error);
/* Publishes what is pushed, and returns the base for GET_VRING_BASE. Requires a
 * drained ring. */
guint32   vhu_vring_stop           (VhuVring            *self);
/* What a stop would return, or what the last stop returned. */
guint32   vhu_vring_get_base       (VhuVring            *self);
void      vhu_vring_set_enabled    (VhuVring            *self,
                                    gboolean             enabled);
/* A new generation: ring parts are translated again; a ring whose parts are gone
 * is suspended (pops nothing, is not broken) until a later table has them.
 * Chains whose buffers lie in regions that the new table shares move to it; the
 * others keep the old table alive until they are done. */
void      vhu_vring_set_memory     (VhuVring            *self,
                                    VhuMemory           *memory);
/* SET_FEATURES on a started ring (LOG_ALL may be toggled there). */
void      vhu_vring_set_features   (VhuVring            *self,
                                    guint64              features);

/* Bracket every call into the device on the ring's thread (they nest, when the
 * device runs a nested main loop). The last end publishes the batch and signals,
 * and runs what other threads completed. */
void      vhu_vring_begin_service  (VhuVring            *self);
void      vhu_vring_end_service    (VhuVring            *self);
gboolean  vhu_vring_in_service     (VhuVring            *self);
/* Cheap, for polling: are there chains that the device had no chance to look at,
 * or chains that ended elsewhere? Chains that it left in the ring though it could
 * have had them are no work until more come; nor is anything after
 * vhu_vring_disable_kicks(). */
gboolean  vhu_vring_has_work       (VhuVring            *self);
/* Runs what other threads completed, failed or dropped. */
void      vhu_vring_collect        (VhuVring            *self);
/* Any thread: while interrupted, pop returns nothing, so that a control request
 * is served next. Counted: one release per interrupt. */
void      vhu_vring_interrupt      (VhuVring            *self);
void      vhu_vring_release        (VhuVring            *self);
/* How many chains and microseconds one dispatch may pop; 0 = no limit. When it
 * is used up pop returns nothing and vhu_vring_has_work() stays TRUE. Counted
 * anew at every outermost begin_service. */
void      vhu_vring_set_budget     (VhuVring            *self,
                                    guint                n_chains,
                                    guint                microseconds);

/* Draining: from here pop returns nothing; `drained` is called (perhaps at once,
 * from within) when no chain is held. vhu_vring_start() pops again. */
void      vhu_vring_wait_drained   (VhuVring            *self);
/* `drained` is called when no held chain has a buffer in @region. */
void      vhu_vring_wait_region    (VhuVring            *self,
                                    VhuMemoryRegion     *region);
/* Handles of all held chains (with @region: of those that have a buffer in it) go
 * dead, but for those whose raw iovecs were given out: these may be under real
 * I/O. Returns how many are left. */
guint     vhu_vring_revoke         (VhuVring            *self,
                                    VhuMemoryRegion     *region);
/* The age in microseconds of the oldest chain that is held, or 0. */
gint64    vhu_vring_get_oldest_age (VhuVring            *self);
/* The device is reset: parked chains are forgotten. */
void      vhu_vring_forget_parked  (VhuVring            *self);
/* The owner goes away: no callback is called from here on. Requires a drained
 * ring; handles that others still hold stay valid memory and answer REVOKED. */
void      vhu_vring_close          (VhuVring            *self);

G_END_DECLS
