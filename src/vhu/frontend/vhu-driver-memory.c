/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-driver-memory-private.h"

#include <sys/mman.h>

#include <gio/gio.h>

#include "vhu-error.h"
#include "vhu-fd-private.h"

/* Guest addresses begin here: low ones are good for tests that miss. */
#define FIRST_GUEST_ADDRESS G_GUINT64_CONSTANT (0x40000000)
/* At least this much lies between two regions and is nobody's. */
#define HOLE_SIZE G_GUINT64_CONSTANT (0x100000)
#define MIN_BLOCK_SHIFT 6
#define MAX_BLOCK_SHIFT 40
#define MAX_ALIGNMENT G_GUINT64_CONSTANT (4096)
#define MAX_MEMORY (G_GUINT64_CONSTANT (1) << MAX_BLOCK_SHIFT)

struct _VhuDriverMemory
{
  GMutex lock; /* of the blocks */
  GPtrArray *regions;
  guint64 next_guest_address;
  GArray *free_blocks[MAX_BLOCK_SHIFT + 1];
};

static guint64
round_up (guint64 value,
          guint64 unit)
{
  return (value + unit - 1) / unit * unit;
}

static void
region_free (gpointer data)
{
  VhuDriverRegion *region = data;

  munmap (region->host, region->size);
  vhu_clear_fd (&region->fd);
  g_free (region);
}

/* Nobody can cut the file short under the back-end: F_SEAL_SHRINK is what makes
 * its mapping safe. */
static int
create_sealed_file (guint64   size,
                    GError  **error)
{
  vhu_autofd int fd = memfd_create ("vhu-guest-memory",
                                    MFD_CLOEXEC | MFD_ALLOW_SEALING);

  if (fd < 0 ||
      ftruncate (fd, (off_t) size) < 0 ||
      fcntl (fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_MEMORY,
                   "%" G_GUINT64_FORMAT " bytes of guest memory cannot be "
                   "made: %s",
                   size, g_strerror (errno));
      return -1;
    }
  return vhu_steal_fd (&fd);
}

static VhuDriverRegion *
region_new (int       fd,
            guint64   guest_address,
            guint64   offset,
            guint64   size,
            GError  **error)
{
  vhu_autofd int own_fd = vhu_dup_fd (fd);
  VhuDriverRegion *region;
  gpointer base = MAP_FAILED;

  if (own_fd >= 0)
    base = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, own_fd,
                 (off_t) offset);
  if (base == MAP_FAILED)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_MEMORY,
                   "guest memory cannot be mapped: %s", g_strerror (errno));
      return NULL;
    }

  region = g_new0 (VhuDriverRegion, 1);
  region->guest_address = guest_address;
  region->size = size;
  region->user_address = (guint64) (gsize) base;
  region->mmap_offset = offset;
  region->host = base;
  region->fd = vhu_steal_fd (&own_fd);
  return region;
}

VhuDriverMemory *
vhu_driver_memory_new (void)
{
  VhuDriverMemory *self = g_new0 (VhuDriverMemory, 1);

  g_mutex_init (&self->lock);
  self->regions = g_ptr_array_new_with_free_func (region_free);
  self->next_guest_address = FIRST_GUEST_ADDRESS;
  return self;
}

void
vhu_driver_memory_free (VhuDriverMemory *self)
{
  g_ptr_array_unref (self->regions);
  for (guint i = 0; i <= MAX_BLOCK_SHIFT; i++)
    g_clear_pointer (&self->free_blocks[i], g_array_unref);
  g_mutex_clear (&self->lock);
  g_free (self);
}

gboolean
vhu_driver_memory_add (VhuDriverMemory  *self,
                       guint64           size,
                       guint             n_regions,
                       GError          **error)
{
  const guint64 page_size = (guint64) sysconf (_SC_PAGESIZE);
  g_autoptr(GPtrArray) added = g_ptr_array_new_with_free_func (region_free);
  guint64 guest_address = self->next_guest_address;
  vhu_autofd int fd = -1;
  guint64 part;

  if (size == 0 || size > MAX_MEMORY || n_regions == 0 || n_regions > size)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
                   "%" G_GUINT64_FORMAT " bytes of guest memory in %u regions "
                   "are not possible, the limit is %" G_GUINT64_FORMAT " bytes",
                   size, n_regions, MAX_MEMORY);
      return FALSE;
    }

  part = round_up (round_up (size, n_regions) / n_regions, page_size);
  fd = create_sealed_file (part * n_regions, error);
  if (fd < 0)
    return FALSE;

  for (guint i = 0; i < n_regions; i++)
    {
      VhuDriverRegion *region = region_new (fd, guest_address, i * part, part,
                                            error);

      if (region == NULL)
        return FALSE;
      g_ptr_array_add (added, region);
      guest_address = round_up (guest_address + part + HOLE_SIZE, HOLE_SIZE);
    }

  self->next_guest_address = guest_address;
  g_ptr_array_extend_and_steal (self->regions, g_steal_pointer (&added));
  return TRUE;
}

static void
forget_blocks_of (VhuDriverMemory       *self,
                  const VhuDriverRegion *region)
{
  for (guint shift = 0; shift <= MAX_BLOCK_SHIFT; shift++)
    {
      GArray *blocks = self->free_blocks[shift];

      for (guint i = blocks != NULL ? blocks->len : 0; i > 0; i--)
        {
          guint64 address = g_array_index (blocks, guint64, i - 1);

          if (address - region->guest_address < region->size)
            g_array_remove_index_fast (blocks, i - 1);
        }
    }
}

void
vhu_driver_memory_remove (VhuDriverMemory *self,
                          guint            index)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  forget_blocks_of (self, g_ptr_array_index (self->regions, index));
  g_ptr_array_remove_index (self->regions, index);
}

guint
vhu_driver_memory_get_n_regions (VhuDriverMemory *self)
{
  return self->regions->len;
}

VhuDriverRegion *
vhu_driver_memory_get_region (VhuDriverMemory *self,
                              guint            index)
{
  return g_ptr_array_index (self->regions, index);
}

int
vhu_driver_memory_find (VhuDriverMemory *self,
                        guint64          guest_address)
{
  for (guint i = 0; i < self->regions->len; i++)
    {
      VhuDriverRegion *region = g_ptr_array_index (self->regions, i);

      if (region->guest_address == guest_address)
        return (int) i;
    }
  return -1;
}

gpointer
vhu_driver_memory_get_host (VhuDriverMemory *self,
                            guint64          guest_address,
                            gsize            size)
{
  for (guint i = 0; i < self->regions->len; i++)
    {
      VhuDriverRegion *region = g_ptr_array_index (self->regions, i);
      guint64 offset = guest_address - region->guest_address;

      if (offset < region->size)
        return size <= region->size - offset ? region->host + offset : NULL;
    }
  return NULL;
}

gboolean
vhu_driver_memory_get_guest (VhuDriverMemory *self,
                             gconstpointer    host,
                             guint64         *guest_address)
{
  for (guint i = 0; i < self->regions->len; i++)
    {
      VhuDriverRegion *region = g_ptr_array_index (self->regions, i);
      gsize offset = (gsize) host - (gsize) region->host;

      if (offset < region->size)
        {
          *guest_address = region->guest_address + offset;
          return TRUE;
        }
    }
  return FALSE;
}

static guint
block_shift (gsize size)
{
  return MAX (MIN_BLOCK_SHIFT, size > 1 ? g_bit_storage (size - 1) : 0);
}

static gboolean
allocate_from_free_blocks (VhuDriverMemory *self,
                           guint            shift,
                           guint64         *guest_address)
{
  GArray *blocks = self->free_blocks[shift];

  if (blocks == NULL || blocks->len == 0)
    return FALSE;

  *guest_address = g_array_index (blocks, guint64, blocks->len - 1);
  g_array_set_size (blocks, blocks->len - 1);
  return TRUE;
}

static gboolean
allocate_from_region (VhuDriverRegion *region,
                      guint64          size,
                      guint64         *guest_address)
{
  guint64 offset = round_up (region->n_allocated, MIN (size, MAX_ALIGNMENT));

  if (offset > region->size || size > region->size - offset)
    return FALSE;

  region->n_allocated = offset + size;
  *guest_address = region->guest_address + offset;
  return TRUE;
}

gboolean
vhu_driver_memory_allocate (VhuDriverMemory  *self,
                            gsize             size,
                            guint64          *guest_address,
                            GError          **error)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&self->lock);

  if (size <= MAX_MEMORY)
    {
      guint shift = block_shift (size);

      if (allocate_from_free_blocks (self, shift, guest_address))
        return TRUE;

      for (guint i = 0; i < self->regions->len; i++)
        if (allocate_from_region (g_ptr_array_index (self->regions, i),
                                  G_GUINT64_CONSTANT (1) << shift,
                                  guest_address))
          return TRUE;
    }

  g_set_error (error, VHU_ERROR, VHU_ERROR_LIMIT,
               "no region has %" G_GSIZE_FORMAT " bytes of guest memory left",
               size);
  return FALSE;
}

void
vhu_driver_memory_release (VhuDriverMemory *self,
                           guint64          guest_address,
                           gsize            size)
{
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new (&self->lock);
  guint shift = block_shift (size);

  g_return_if_fail (size <= MAX_MEMORY);

  if (self->free_blocks[shift] == NULL)
    self->free_blocks[shift] = g_array_new (FALSE, FALSE, sizeof (guint64));
  g_array_append_val (self->free_blocks[shift], guest_address);
}
