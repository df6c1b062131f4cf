/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "vhu-memory-region-private.h"
#include "vhu-memory.h"

G_BEGIN_DECLS

/* Regions sorted by guest address; no two overlap, in guest or user address. */
struct _VhuMemory
{
  gatomicrefcount ref_count;
  guint n_regions;
  VhuMemoryRegion *regions[];
};

/* Tables are immutable: a change makes a new one, which shares the regions. */
VhuMemory *vhu_memory_new           (VhuMemoryRegion **regions,
                                     guint             n_regions,
                                     GError          **error);
VhuMemory *vhu_memory_new_empty     (void);
VhuMemory *vhu_memory_add_region    (VhuMemory        *self,
                                     VhuMemoryRegion  *region,
                                     GError          **error);
/* All three must match one region. */
VhuMemory *vhu_memory_remove_region (VhuMemory        *self,
                                     guint64           guest_address,
                                     guint64           user_address,
                                     guint64           size,
                                     GError          **error);
gboolean   vhu_memory_has_region    (VhuMemory        *self,
                                     VhuMemoryRegion  *region);
/* TRUE if a region was truncated, and zeros stand in its place. */
gboolean   vhu_memory_get_faulted   (VhuMemory        *self);

/* The region that holds @guest_address, or NULL. */
VhuMemoryRegion *vhu_memory_find    (VhuMemory        *self,
                                     guint64           guest_address);

/* Where @guest_address is mapped, and in *@available how many bytes from there
 * lie in the same mapping; NULL outside shared memory. The caller goes on at
 * the next region for longer ranges. @hint (may be NULL) is the caller's memory
 * of the region found last: most lookups hit it. */
static inline gpointer
vhu_memory_translate (VhuMemory        *self,
                      guint64           guest_address,
                      VhuMemoryRegion **hint,
                      guint64          *available)
{
  VhuMemoryRegion *region = hint != NULL ? *hint : NULL;
  guint64 offset;

  if (region == NULL || guest_address - region->guest_address >= region->size)
    {
      region = vhu_memory_find (self, guest_address);
      if (region == NULL)
        return NULL;
      if (hint != NULL)
        *hint = region;
    }

  offset = guest_address - region->guest_address;
  *available = region->size - offset;
  return region->host + offset;
}

/* Where a range of the front-end's own address space is mapped, if one region
 * holds all of it: ring parts must be contiguous. NULL otherwise. */
gpointer   vhu_memory_translate_user (VhuMemory       *self,
                                      guint64          user_address,
                                      guint64          size);

G_END_DECLS
