/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "vhu-driver-queue.h"
#include "vhu-driver-ring-private.h"
#include "vhu-frontend-private.h"

G_BEGIN_DECLS

/* The buffers of a chain that was submitted as bytes, and what came back. */
typedef struct
{
  guint64 out_address;
  gsize out_size;
  guint64 in_address;
  gsize in_size;
  gboolean in_flight;
  GBytes *result;
} VhuDriverBytes;

struct _VhuDriverQueue
{
  GObject parent_instance;

  VhuFrontend *frontend;
  VhuDriverRing *ring;
  guint index;
  guint base;
  gboolean started;
  gboolean use_kick_fd;
  gboolean use_call_fd;
  int kick_fd;
  int call_fd;
  int err_fd;
  guint64 n_kicks;
  guint64 n_calls;
  GError *broken; /* by the device */

  VhuDriverBytes *bytes; /* by chain id; NULL until the first one */
  GArray *appended;
};

/* TRUE if the eventfd was signalled; it no longer is. */
gboolean vhu_driver_queue_take_event   (int             fd);
/* Copies the result of chain @id, if it is one of bytes, when it is popped. */
void     vhu_driver_queue_finish_bytes (VhuDriverQueue *self,
                                        guint           id,
                                        gsize           length);
/* Gives up what the chains of bytes hold. */
void     vhu_driver_queue_clear_bytes  (VhuDriverQueue *self);

G_END_DECLS
