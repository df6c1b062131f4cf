/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* VhuTransaction: one control request that rings have to take part in.
 *
 * It begins with one hold. Each ring that is asked takes another in the control
 * thread and lets go of it in its own; when the last one is gone, `done` runs in
 * the control context, at once if the last one to let go is the control thread.
 * The control context never waits. */
typedef struct _VhuTransaction VhuTransaction;

typedef void (*VhuTransactionFunc) (gpointer user_data);

/* Called in the control thread. */
VhuTransaction *vhu_transaction_new     (GMainContext       *control,
                                         VhuTransactionFunc  done,
                                         gpointer            user_data);
void            vhu_transaction_hold    (VhuTransaction     *self);
/* Any thread. */
void            vhu_transaction_release (VhuTransaction     *self);

G_END_DECLS
