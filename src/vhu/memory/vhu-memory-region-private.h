/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "vhu-memory-region.h"

G_BEGIN_DECLS

/* Immutable after creation; the mapping lives as long as the last reference. */
struct _VhuMemoryRegion
{
  gatomicrefcount ref_count;
  guint64 guest_address;
  guint64 user_address;
  guint64 size;
  guint64 mmap_offset;
  guint8 *host;       /* where guest_address is mapped */
  gpointer map_base;  /* what mmap returned: page or huge page aligned */
  gsize map_length;
};

/* Maps @fd, which stays the caller's. Refuses what cannot work before it maps:
 * empty, overflowing, larger than the file. The offset is aligned down to the
 * file's page size (huge pages too) and the length rounded up to it. */
VhuMemoryRegion *vhu_memory_region_new     (int              fd,
                                            guint64          guest_address,
                                            guint64          user_address,
                                            guint64          size,
                                            guint64          mmap_offset,
                                            GError         **error);

G_END_DECLS
