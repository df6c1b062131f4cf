/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "vhu-blk-store-private.h"

G_BEGIN_DECLS

#define VHU_TYPE_TEST_STORE (vhu_test_store_get_type ())

G_DECLARE_FINAL_TYPE (VhuTestStore, vhu_test_store, VHU, TEST_STORE, VhuBlkStore)

/* A store that a test holds up and makes fail. Requests read zeroes. */
struct _VhuTestStore
{
  VhuBlkStore parent_instance;

  GMutex mutex;
  GCond cond;
  gboolean held;

  int n_waiting; /* atomic: requests that are held up */
  int n_durable; /* atomic: writes that were asked to be durable */
  int n_writes;  /* atomic */
  int n_flushes; /* atomic */
  int error;     /* atomic: what requests end with */
};

VhuTestStore *vhu_test_store_new     (guint64       size);
void          vhu_test_store_hold    (VhuTestStore *self);
void          vhu_test_store_release (VhuTestStore *self);

G_END_DECLS
