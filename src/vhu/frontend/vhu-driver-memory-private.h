/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* VhuDriverMemory: the memory of a guest that does not exist. Regions in sealed
 * memfds, mapped here, with a hole of guest addresses after each, and an
 * allocator that hands out blocks of them by guest address.
 *
 * Regions are added and removed by one thread while no other thread uses the
 * memory; blocks may be allocated and released by any thread. */
typedef struct _VhuDriverMemory VhuDriverMemory;

typedef struct
{
  guint64 guest_address;
  guint64 size;
  guint64 user_address; /* where we have it mapped: that is our address space */
  guint64 mmap_offset;
  guint8 *host;
  int fd;
  gboolean shared;      /* the back-end was told */
  guint64 n_allocated;  /* the allocator never goes below */
} VhuDriverRegion;

VhuDriverMemory *vhu_driver_memory_new           (void);
void             vhu_driver_memory_free          (VhuDriverMemory *self);

/* @n_regions regions side by side in one descriptor, so that all but the first
 * have an offset in it. */
gboolean         vhu_driver_memory_add           (VhuDriverMemory *self,
                                                  guint64          size,
                                                  guint            n_regions,
                                                  GError         **error);
void             vhu_driver_memory_remove        (VhuDriverMemory *self,
                                                  guint            index);
guint            vhu_driver_memory_get_n_regions (VhuDriverMemory *self);
VhuDriverRegion *vhu_driver_memory_get_region    (VhuDriverMemory *self,
                                                  guint            index);
/* The number of the region that begins at @guest_address, or -1. */
int              vhu_driver_memory_find          (VhuDriverMemory *self,
                                                  guint64          guest_address);

/* NULL unless the whole range lies in one region. */
gpointer         vhu_driver_memory_get_host      (VhuDriverMemory *self,
                                                  guint64          guest_address,
                                                  gsize            size);
gboolean         vhu_driver_memory_get_guest     (VhuDriverMemory *self,
                                                  gconstpointer    host,
                                                  guint64         *guest_address);

/* Blocks are aligned to their size, rounded up to a power of two, but at most
 * to 4096. A released block is handed out again for the same rounded size. */
gboolean         vhu_driver_memory_allocate      (VhuDriverMemory *self,
                                                  gsize            size,
                                                  guint64         *guest_address,
                                                  GError         **error);
void             vhu_driver_memory_release       (VhuDriverMemory *self,
                                                  guint64          guest_address,
                                                  gsize            size);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VhuDriverMemory, vhu_driver_memory_free)

G_END_DECLS
