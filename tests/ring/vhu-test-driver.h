/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "vhu-memory-private.h"
#include "vhu-vring-private.h"

G_BEGIN_DECLS

/* The driver's half of a split ring, which lays chains without any check of its
 * own, and a ring whose owner counts what it is told. */

#define TEST_NEXT 1
#define TEST_WRITE 2
#define TEST_INDIRECT 4

/* The guest's memory: the rings, and data. FIRST and SECOND touch each other,
 * HOLE does not exist. */
#define TEST_RING_ADDRESS G_GUINT64_CONSTANT (0x100000)
#define TEST_RING_SIZE (2u << 20)
#define TEST_FIRST_ADDRESS G_GUINT64_CONSTANT (0x1000000)
#define TEST_FIRST_SIZE (1u << 20)
#define TEST_SECOND_ADDRESS (TEST_FIRST_ADDRESS + TEST_FIRST_SIZE)
#define TEST_SECOND_SIZE (4u << 20)
#define TEST_HOLE_ADDRESS (TEST_SECOND_ADDRESS + TEST_SECOND_SIZE)
#define TEST_USER_OFFSET G_GUINT64_CONSTANT (0x7f0000000000)

#define TEST_FEATURE(name) (G_GUINT64_CONSTANT (1) << VHU_FEATURE_##name)

typedef struct
{
  VhuMemoryRegion *regions[3]; /* the rings, first, second */
  VhuMemory *memory;

  VhuVring *vring;
  VhuVringSetup setup;
  guint size;
  guint16 avail_index; /* published or not */

  int n_wakes; /* atomic */
  guint n_calls;
  guint n_broken;
  guint n_fails;
  guint n_drained;
  char *broken_message;
  /* What the device does for a failed chain. */
  void (*fail) (VhuChain *chain,
                gpointer  user_data);
  void (*drained) (gpointer user_data);
  void (*wake) (gpointer user_data);
  void (*call) (gpointer user_data);
  gpointer user_data;
} TestDriver;

/* Started and enabled. */
TestDriver *test_driver_new           (guint            size,
                                       guint64          features,
                                       guint16          base);
/* Not started. */
TestDriver *test_driver_new_stopped   (guint            size,
                                       guint64          features,
                                       guint16          base);
void        test_driver_start         (TestDriver      *self);
void        test_driver_free          (TestDriver      *self);

gpointer    test_driver_get_host      (TestDriver      *self,
                                       guint64          address);
void        test_driver_set_desc      (TestDriver      *self,
                                       guint            index,
                                       guint64          address,
                                       guint32          length,
                                       guint16          flags,
                                       guint16          next);
/* The same for an entry of a table anywhere in memory. */
void        test_driver_set_entry     (TestDriver      *self,
                                       guint64          table,
                                       guint            index,
                                       guint64          address,
                                       guint32          length,
                                       guint16          flags,
                                       guint16          next);
/* Puts a head into the available ring; test_driver_publish() shows it. */
void        test_driver_add           (TestDriver      *self,
                                       guint            head);
void        test_driver_publish       (TestDriver      *self);
/* One readable buffer of 16 bytes and one writable, shown. */
void        test_driver_submit        (TestDriver      *self,
                                       guint            head);
void        test_driver_set_avail_index (TestDriver    *self,
                                       guint16          index);

guint16     test_driver_get_used_index (TestDriver     *self);
void        test_driver_get_used      (TestDriver      *self,
                                       guint16          index,
                                       guint32         *head,
                                       guint32         *length);
guint16     test_driver_get_used_flags (TestDriver     *self);
guint16     test_driver_get_avail_event (TestDriver    *self);
void        test_driver_set_used_event (TestDriver     *self,
                                       guint16          index);
void        test_driver_set_avail_flags (TestDriver    *self,
                                       guint16          flags);
/* Would the driver kick for what it has added since @old? */
gboolean    test_driver_wants_kick    (TestDriver      *self,
                                       guint16          old);

/* A table of regions without the one at @index of self->regions. */
VhuMemory  *test_driver_make_table    (TestDriver      *self,
                                       int              without);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TestDriver, test_driver_free)

G_END_DECLS
