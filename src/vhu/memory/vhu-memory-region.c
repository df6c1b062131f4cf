/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-memory-region-private.h"

#include "vhu-boxed-private.h"
#include "vhu-debug-private.h"
#include "vhu-error.h"

#include <errno.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* What a ring part is aligned to at most. */
#define ADDRESS_ALIGNMENT 16

/**
 * VhuMemoryRegion:
 *
 * One piece of the guest's memory, shared with us by the front-end.
 *
 * A region has an address in the guest, where the driver knows it, and one in
 * the front-end's own address space, in which some messages speak of it. It
 * never changes, and stays mapped as long as somebody holds a reference, also
 * when the front-end has taken it out of the guest meanwhile.
 *
 * All of its functions may be called from any thread.
 *
 * Since: 0.1
 */
VHU_DEFINE_BOXED_TYPE (VhuMemoryRegion, vhu_memory_region)

/* A range that ends at 2^64 is refused too, so that the end of every region is
 * a number that can be written. */
static gboolean
check_end (const char  *name,
           guint64      start,
           guint64      size,
           guint64      limit,
           GError     **error)
{
  if (size <= limit && start <= limit - size)
    return TRUE;

  g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
               "%s and size exceed %#" G_GINT64_MODIFIER "x", name, limit);
  return FALSE;
}

/* Ring parts are aligned in the addresses that the front-end names, but are
 * read with atomic instructions where they are mapped: both must agree. */
static gboolean
check_alignment (const VhuMemoryRegion  *self,
                 GError                **error)
{
  guint64 differing = (self->guest_address ^ self->mmap_offset) |
                      (self->user_address ^ self->mmap_offset);

  if (differing % ADDRESS_ALIGNMENT == 0)
    return TRUE;

  g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
               "addresses and offset are not aligned alike (modulo %d)",
               ADDRESS_ALIGNMENT);
  return FALSE;
}

static gboolean
check_values (const VhuMemoryRegion  *self,
              GError                **error)
{
  if (self->size == 0)
    {
      g_set_error_literal (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
                           "size is 0");
      return FALSE;
    }

  return check_end ("guest address", self->guest_address, self->size,
                    G_MAXUINT64, error) &&
         check_end ("user address", self->user_address, self->size,
                    G_MAXUINT64, error) &&
         check_end ("offset", self->mmap_offset, self->size,
                    G_MAXINT64, error) &&
         check_alignment (self, error);
}

/* Reading a page that the file does not have raises SIGBUS, so a file that is
 * too short is found here. The size of anything but a regular file (as memfd,
 * tmpfs and hugetlbfs have them) says nothing, hence the refusal. */
static gboolean
check_file (const VhuMemoryRegion  *self,
            int                     fd,
            GError                **error)
{
  struct stat st;

  if (fstat (fd, &st) < 0)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_MEMORY,
                   "file cannot be examined: %s", g_strerror (errno));
      return FALSE;
    }

  if (!S_ISREG (st.st_mode))
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_MEMORY,
                   "not a regular file (mode 0%o)", (guint) st.st_mode);
      return FALSE;
    }

  if (self->mmap_offset + self->size > (guint64) st.st_size)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_MEMORY,
                   "file has only %" G_GINT64_FORMAT " bytes",
                   (gint64) st.st_size);
      return FALSE;
    }

  return TRUE;
}

/* On hugetlbfs offset and length of a mapping are multiples of the huge page,
 * which is what that file system calls its block. */
static guint64
get_page_size (int fd)
{
  guint64 page_size = sysconf (_SC_PAGESIZE);
  struct statfs fs;

  if (fstatfs (fd, &fs) == 0 && fs.f_type == HUGETLBFS_MAGIC &&
      (guint64) fs.f_bsize > page_size)
    return fs.f_bsize;

  return page_size;
}

static gboolean
map (VhuMemoryRegion  *self,
     int               fd,
     GError          **error)
{
  guint64 page_size = get_page_size (fd);
  guint64 delta = self->mmap_offset % page_size;
  guint64 length = delta + self->size;
  gpointer base;

  /* The file is longer than offset and size, so this adds up; but its last
   * page may be the one that a 32-bit address space has no room for. */
  length += (page_size - length % page_size) % page_size;
  if (length > G_MAXSSIZE)
    {
      g_set_error_literal (error, VHU_ERROR, VHU_ERROR_BAD_MEMORY,
                           "does not fit into the address space");
      return FALSE;
    }

  base = mmap (NULL, length, PROT_READ | PROT_WRITE,
               MAP_SHARED | MAP_NORESERVE, fd, self->mmap_offset - delta);
  if (base == MAP_FAILED)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_MEMORY,
                   "cannot be mapped: %s", g_strerror (errno));
      return FALSE;
    }

  /* The guest's secrets, and its gigabytes, have no place in our core dump. */
  madvise (base, length, MADV_DONTDUMP);

  self->map_base = base;
  self->map_length = length;
  self->host = (guint8 *) base + delta;
  self->guard = vhu_sigbus_guard_new (base, length);
  return TRUE;
}

VhuMemoryRegion *
vhu_memory_region_new (int       fd,
                       guint64   guest_address,
                       guint64   user_address,
                       guint64   size,
                       guint64   mmap_offset,
                       GError  **error)
{
  g_autoptr(VhuMemoryRegion) self = g_new0 (VhuMemoryRegion, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->guest_address = guest_address;
  self->user_address = user_address;
  self->size = size;
  self->mmap_offset = mmap_offset;

  if (!check_values (self, error) ||
      !check_file (self, fd, error) ||
      !map (self, fd, error))
    {
      g_prefix_error (error,
                      "region of %#" G_GINT64_MODIFIER "x bytes at "
                      "guest address %#" G_GINT64_MODIFIER "x, "
                      "user address %#" G_GINT64_MODIFIER "x, "
                      "offset %#" G_GINT64_MODIFIER "x: ",
                      size, guest_address, user_address, mmap_offset);
      return NULL;
    }

  VHU_TRACE (VHU_DEBUG_MEMORY,
             "mapped %#" G_GINT64_MODIFIER "x bytes at guest address %#"
             G_GINT64_MODIFIER "x to %p", size, guest_address,
             (gpointer) self->host);
  return g_steal_pointer (&self);
}

void
vhu_memory_region_set_fault_event (VhuMemoryRegion *self,
                                   VhuEvent        *event)
{
  vhu_sigbus_guard_set_event (self->guard, event);
}

gboolean
vhu_memory_region_get_faulted (VhuMemoryRegion *self)
{
  return vhu_sigbus_guard_get_faulted (self->guard);
}

/**
 * vhu_memory_region_ref:
 * @self: a region
 *
 * Takes a reference, which keeps the region mapped.
 *
 * Returns: (transfer full): @self
 *
 * Since: 0.1
 */
VhuMemoryRegion *
vhu_memory_region_ref (VhuMemoryRegion *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

/**
 * vhu_memory_region_unref:
 * @self: (transfer full): a region
 *
 * Gives a reference back. The last one unmaps the region.
 *
 * Since: 0.1
 */
void
vhu_memory_region_unref (VhuMemoryRegion *self)
{
  g_return_if_fail (self != NULL);

  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  if (self->map_base != NULL)
    {
      vhu_sigbus_guard_free (self->guard);
      munmap (self->map_base, self->map_length);
    }
  g_free (self);
}

/**
 * vhu_memory_region_get_guest_address:
 * @self: a region
 *
 * Gets the guest physical address at which the region begins.
 *
 * Returns: the address
 *
 * Since: 0.1
 */
guint64
vhu_memory_region_get_guest_address (VhuMemoryRegion *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->guest_address;
}

/**
 * vhu_memory_region_get_user_address:
 * @self: a region
 *
 * Gets the address at which the region begins in the front-end's own address
 * space.
 *
 * It means nothing in this process; messages use it to name places in memory.
 *
 * Returns: the address
 *
 * Since: 0.1
 */
guint64
vhu_memory_region_get_user_address (VhuMemoryRegion *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->user_address;
}

/**
 * vhu_memory_region_get_size:
 * @self: a region
 *
 * Gets the size of the region.
 *
 * Returns: the size in bytes
 *
 * Since: 0.1
 */
guint64
vhu_memory_region_get_size (VhuMemoryRegion *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->size;
}
