/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "vhu-backend.h"

G_BEGIN_DECLS

/* The feature that it offers beside those of the base. */
#define TEST_DEVICE_FEATURE 7

/* The slots of the class that are virtual methods. */
#define FIRST_SLOT G_STRUCT_OFFSET (VhuBackendClass, session_opened)
#define END_OF_SLOTS G_STRUCT_OFFSET (VhuBackendClass, padding)
#define N_SLOTS ((END_OF_SLOTS - FIRST_SLOT) / sizeof (gpointer))
#define SLOT(name) \
  ((G_STRUCT_OFFSET (VhuBackendClass, name) - FIRST_SLOT) / sizeof (gpointer))

/* A device that counts what reaches it. */
#define TEST_TYPE_DEVICE (test_device_get_type ())
G_DECLARE_FINAL_TYPE (TestDevice, test_device, TEST, DEVICE, VhuBackend)

struct _TestDevice
{
  VhuBackend parent_instance;

  guint n_calls[N_SLOTS];
  gboolean accepts;
  gboolean is_mute; /* refuses without an error, as scripts do */
  gpointer last_argument;
  VhuConfigOrigin last_origin;

  VhuBackend *wrapper; /* to call back into from process_queue */
  int n_inside;        /* atomic: calls that run at this moment */
  int n_meeting;       /* atomic: readers that are to meet, if any */
};

G_END_DECLS
