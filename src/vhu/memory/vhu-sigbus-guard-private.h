/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "vhu-event-private.h"
#include "vhu-sigbus-guard.h"

G_BEGIN_DECLS

/* VhuSigbusGuard: a mapping of a file that the front-end can truncate under us.
 *
 * If the handler is installed, the first access to a page that is gone maps
 * zeros over all of it and marks the guard. Whoever accesses the mapping must
 * keep the guard alive, and free it before unmapping. Any thread. */
typedef struct _VhuSigbusGuard VhuSigbusGuard;

VhuSigbusGuard *vhu_sigbus_guard_new         (gpointer        base,
                                              gsize           length);
void            vhu_sigbus_guard_free        (VhuSigbusGuard *self);

/* @event is signalled, from the signal handler, when a fault is covered; it must
 * be an eventfd. At most once per guard, before other threads use the mapping. */
void            vhu_sigbus_guard_set_event   (VhuSigbusGuard *self,
                                              VhuEvent       *event);
gboolean        vhu_sigbus_guard_get_faulted (VhuSigbusGuard *self);

G_END_DECLS
