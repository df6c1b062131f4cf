/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

/* Shared by the files of VhuBackend; nobody else includes this. */

#include "vhu-backend-private.h"

G_BEGIN_DECLS

#define VHU_BACKEND_MAX_CONFIG_SIZE 256

typedef struct _VhuBackendPrivate VhuBackendPrivate;

struct _VhuBackendPrivate
{
  VhuBackend *instance;      /* whose this is */
  VhuBackendPrivate *shared; /* that of a wrapped backend, used instead */

  guint device_id;
  char *kind;
  guint n_queues;
  guint queue_size;

  GMutex user_lock; /* offered to subclasses; never taken here */

  GMutex lock; /* a leaf: nothing is called while it is held */
  guint64 offered;
  guint64 offered_protocol;
  guint64 negotiated;
  guint64 negotiated_protocol;
  GByteArray *config;
  guint8 config_writable[VHU_BACKEND_MAX_CONFIG_SIZE];
  VhuFrontendChannel *frontend_channel;
  gboolean frozen;
  const VhuBackendObserver *observer;
  gpointer observer_data;

  guint64 n_errors; /* atomic */
};

/* Of the wrapped backend, if @self wraps one. */
VhuBackendPrivate *vhu_backend_get_private (VhuBackend *self);

static inline guint64
vhu_backend_bit (guint bit)
{
  return G_GUINT64_CONSTANT (1) << bit;
}

G_END_DECLS
