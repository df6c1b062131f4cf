/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "vhu-memory-region.h"
#include "vhu-sigbus-guard-private.h"

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
  VhuSigbusGuard *guard;
};

/* Maps @fd, which stays the caller's. Refuses what cannot work before it maps:
 * empty, overflowing, larger than the file, no regular file, addresses and
 * offset that differ modulo 16 (a ring aligned for the guest must be so for us).
 * The offset is aligned down to the file's page size (huge pages too) and the
 * length rounded up to it. Values that cannot be are VHU_ERROR_BAD_VALUE, files
 * that will not do VHU_ERROR_BAD_MEMORY. */
VhuMemoryRegion *vhu_memory_region_new     (int              fd,
                                            guint64          guest_address,
                                            guint64          user_address,
                                            guint64          size,
                                            guint64          mmap_offset,
                                            GError         **error);

/* Where vhu_sigbus_guard_install() was called, a file that is truncated under its
 * mapping is replaced by zeros. The session whose memory it was learns of it by
 * @event (once per region, before the region is shared with other threads), and
 * tells its own regions apart by the flag. */
void             vhu_memory_region_set_fault_event
                                           (VhuMemoryRegion *self,
                                            VhuEvent        *event);
gboolean         vhu_memory_region_get_faulted
                                           (VhuMemoryRegion *self);

G_END_DECLS
