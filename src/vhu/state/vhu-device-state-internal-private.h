/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "vhu-device-state.h"

G_BEGIN_DECLS

/* For the files of VhuDeviceState only. */

#define VHU_DEVICE_STATE_FORMAT 1

/* The limits of virtio and of vhost-user. */
#define VHU_DEVICE_STATE_MAX_CONFIG_SIZE 256
#define VHU_DEVICE_STATE_MAX_QUEUES 1024
#define VHU_DEVICE_STATE_MAX_HEADS 32768
#define VHU_DEVICE_STATE_MAX_KIND_LENGTH 64

typedef struct
{
  guint32 base;
  GArray *parked; /* of guint16 */
} VhuDeviceStateQueue;

struct _VhuDeviceState
{
  gatomicrefcount ref_count;
  char *kind;
  guint version;
  guint64 features;
  GBytes *config;
  GArray *queues; /* of VhuDeviceStateQueue */
  JsonNode *device; /* sealed */
  JsonNode *document; /* where it was read from: nodes point to their parents */
};

/* Whether they can be heads of one ring: in range, and each once. */
gboolean vhu_device_state_heads_are_valid (const guint16   *heads,
                                           gsize            n_heads);

/* The document as a tree, and back. */
JsonNode       *vhu_device_state_to_node  (VhuDeviceState  *self);
VhuDeviceState *vhu_device_state_new_from_node
                                          (JsonNode        *node,
                                           GError         **error);

G_END_DECLS
