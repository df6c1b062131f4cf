/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "vhu-backend.h"
#include "vhu-event-private.h"
#include "vhu-ring-thread-private.h"
#include "vhu-transaction-private.h"
#include "vhu-vring-private.h"

G_BEGIN_DECLS

/* VhuQueue: one queue of one session, on its ring's thread. It binds the ring to
 * its kick, call and error descriptors and to the backend's virtual methods, and
 * it stops the ring in good order.
 *
 * The control side asks with the functions below. Each of them runs on the
 * ring's thread, in the order asked, never inside of a virtual method of the
 * device, and lets go of its hold on the transaction when its effect is visible
 * there, which for a stop is when the last chain came back. */
typedef struct _VhuQueue VhuQueue;

typedef struct
{
  /* In the ring's thread: the ring broke. */
  void (*broken) (guint         index,
                  const GError *error,
                  gpointer      user_data);
} VhuQueueOwner;

VhuQueue *vhu_queue_new           (VhuBackend           *backend,
                                   guint                 index,
                                   VhuRingThread        *thread,
                                   const VhuQueueOwner  *owner,
                                   gpointer              owner_data);
VhuQueue *vhu_queue_ref           (VhuQueue             *self);
void      vhu_queue_unref         (VhuQueue             *self);
VhuVring *vhu_queue_get_vring     (VhuQueue             *self);

/* Before anything else is asked. */
void      vhu_queue_set_limits    (VhuQueue             *self,
                                   guint                 drain_timeout_ms,
                                   guint                 budget_chains,
                                   guint                 budget_us);

/* Watches @kick from now on (NULL: polling, there is no kick descriptor) and
 * looks at the ring once. The ring starts at the first kick, or at once if it is
 * enabled. */
void      vhu_queue_arm           (VhuQueue             *self,
                                   const VhuVringSetup  *setup,
                                   VhuMemory            *memory,
                                   VhuEvent             *kick,
                                   VhuTransaction       *transaction);
void      vhu_queue_set_kick      (VhuQueue             *self,
                                   VhuEvent             *kick,
                                   VhuTransaction       *transaction);
/* Signals once through the new descriptor: a wake-up may have gone to the old. */
void      vhu_queue_set_call      (VhuQueue             *self,
                                   VhuEvent             *call,
                                   VhuTransaction       *transaction);
void      vhu_queue_set_error     (VhuQueue             *self,
                                   VhuEvent             *error_event,
                                   VhuTransaction       *transaction);
void      vhu_queue_set_enabled   (VhuQueue             *self,
                                   gboolean              enabled,
                                   VhuTransaction       *transaction);
void      vhu_queue_set_features  (VhuQueue             *self,
                                   guint64               features,
                                   VhuTransaction       *transaction);
/* With @removed: lets go of the transaction when no chain has a buffer in it. */
void      vhu_queue_set_memory    (VhuQueue             *self,
                                   VhuMemory            *memory,
                                   VhuMemoryRegion      *removed,
                                   VhuTransaction       *transaction);
/* Drains and stops; *@base is written before the transaction is let go of, if the
 * ring was armed. With @forget, parked chains are forgotten. */
void      vhu_queue_stop          (VhuQueue             *self,
                                   gboolean              forget,
                                   guint32              *base,
                                   VhuTransaction       *transaction);
/* The session is over and the queue stopped: nothing is asked after this. */
void      vhu_queue_close         (VhuQueue             *self,
                                   VhuTransaction       *transaction);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VhuQueue, vhu_queue_unref)

G_END_DECLS
