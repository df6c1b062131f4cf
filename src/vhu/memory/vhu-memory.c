/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-memory-private.h"

#include "vhu-boxed-private.h"
#include "vhu-error.h"

#include <stdlib.h>
#include <string.h>

/* More than any request is worth; a wrong size is told from a large one so. */
#define READ_LIMIT (G_GUINT64_CONSTANT (1) << 30)

/**
 * VhuMemory:
 *
 * The guest's memory, as a table of [struct@MemoryRegion]s.
 *
 * A table never changes: when the front-end adds or removes memory, a new table
 * takes its place, and whoever holds the old one can go on with it.
 *
 * All of its functions may be called from any thread.
 *
 * Since: 0.1
 */
VHU_DEFINE_BOXED_TYPE (VhuMemory, vhu_memory)

static VhuMemory *
memory_alloc (guint n_regions)
{
  VhuMemory *self;

  self = g_malloc0 (sizeof *self + n_regions * sizeof self->regions[0]);
  g_atomic_ref_count_init (&self->ref_count);
  return self;
}

static void
memory_append (VhuMemory       *self,
               VhuMemoryRegion *region)
{
  self->regions[self->n_regions++] = vhu_memory_region_ref (region);
}

static int
compare_guest_addresses (gconstpointer a,
                         gconstpointer b)
{
  const VhuMemoryRegion *one = *(VhuMemoryRegion *const *) a;
  const VhuMemoryRegion *other = *(VhuMemoryRegion *const *) b;

  return (one->guest_address > other->guest_address) -
         (one->guest_address < other->guest_address);
}

static int
compare_user_addresses (gconstpointer a,
                        gconstpointer b)
{
  const VhuMemoryRegion *one = *(VhuMemoryRegion *const *) a;
  const VhuMemoryRegion *other = *(VhuMemoryRegion *const *) b;

  return (one->user_address > other->user_address) -
         (one->user_address < other->user_address);
}

static gboolean
check_distance (const char  *name,
                guint64      address,
                guint64      size,
                guint64      next_address,
                GError     **error)
{
  if (next_address - address >= size)
    return TRUE;

  g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
               "regions overlap: %#" G_GINT64_MODIFIER "x bytes at %s address "
               "%#" G_GINT64_MODIFIER "x reach into the region at "
               "%#" G_GINT64_MODIFIER "x", size, name, address, next_address);
  return FALSE;
}

static gboolean
check_guest_overlap (VhuMemoryRegion *const  *sorted,
                     guint                    n_regions,
                     GError                 **error)
{
  for (guint i = 1; i < n_regions; i++)
    if (!check_distance ("guest",
                         sorted[i - 1]->guest_address, sorted[i - 1]->size,
                         sorted[i]->guest_address, error))
      return FALSE;

  return TRUE;
}

static gboolean
check_user_overlap (VhuMemoryRegion *const  *regions,
                    guint                    n_regions,
                    GError                 **error)
{
  g_autofree VhuMemoryRegion **sorted =
    g_memdup2 (regions, n_regions * sizeof *regions);

  if (n_regions < 2)
    return TRUE;

  qsort (sorted, n_regions, sizeof *sorted, compare_user_addresses);
  for (guint i = 1; i < n_regions; i++)
    if (!check_distance ("user",
                         sorted[i - 1]->user_address, sorted[i - 1]->size,
                         sorted[i]->user_address, error))
      return FALSE;

  return TRUE;
}

/* Sorts the regions of a new table and refuses it if two of them overlap. */
static gboolean
memory_complete (VhuMemory  *self,
                 GError    **error)
{
  if (self->n_regions > 1)
    qsort (self->regions, self->n_regions, sizeof self->regions[0],
           compare_guest_addresses);

  return check_guest_overlap (self->regions, self->n_regions, error) &&
         check_user_overlap (self->regions, self->n_regions, error);
}

VhuMemory *
vhu_memory_new (VhuMemoryRegion **regions,
                guint             n_regions,
                GError          **error)
{
  g_autoptr(VhuMemory) self = memory_alloc (n_regions);

  for (guint i = 0; i < n_regions; i++)
    memory_append (self, regions[i]);

  if (!memory_complete (self, error))
    return NULL;

  return g_steal_pointer (&self);
}

VhuMemory *
vhu_memory_new_empty (void)
{
  return memory_alloc (0);
}

VhuMemory *
vhu_memory_add_region (VhuMemory        *self,
                       VhuMemoryRegion  *region,
                       GError          **error)
{
  g_autoptr(VhuMemory) grown = memory_alloc (self->n_regions + 1);

  for (guint i = 0; i < self->n_regions; i++)
    memory_append (grown, self->regions[i]);
  memory_append (grown, region);

  if (!memory_complete (grown, error))
    return NULL;

  return g_steal_pointer (&grown);
}

static gboolean
region_matches (const VhuMemoryRegion *region,
                guint64                guest_address,
                guint64                user_address,
                guint64                size)
{
  return region->guest_address == guest_address &&
         region->user_address == user_address &&
         region->size == size;
}

VhuMemory *
vhu_memory_remove_region (VhuMemory  *self,
                          guint64     guest_address,
                          guint64     user_address,
                          guint64     size,
                          GError    **error)
{
  VhuMemoryRegion *region = vhu_memory_find (self, guest_address);
  VhuMemory *shrunk;

  if (region == NULL ||
      !region_matches (region, guest_address, user_address, size))
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
                   "there is no region of %#" G_GINT64_MODIFIER "x bytes at "
                   "guest address %#" G_GINT64_MODIFIER "x, "
                   "user address %#" G_GINT64_MODIFIER "x",
                   size, guest_address, user_address);
      return NULL;
    }

  shrunk = memory_alloc (self->n_regions - 1);
  for (guint i = 0; i < self->n_regions; i++)
    if (self->regions[i] != region)
      memory_append (shrunk, self->regions[i]);

  return shrunk;
}

gboolean
vhu_memory_has_region (VhuMemory       *self,
                       VhuMemoryRegion *region)
{
  return vhu_memory_find (self, region->guest_address) == region;
}

gboolean
vhu_memory_get_faulted (VhuMemory *self)
{
  for (guint i = 0; i < self->n_regions; i++)
    if (vhu_memory_region_get_faulted (self->regions[i]))
      return TRUE;

  return FALSE;
}

VhuMemoryRegion *
vhu_memory_find (VhuMemory *self,
                 guint64    guest_address)
{
  guint low = 0;
  guint high = self->n_regions;
  VhuMemoryRegion *region;

  /* The first region that begins behind the address is the one at `low`. */
  while (low < high)
    {
      guint middle = low + (high - low) / 2;

      if (self->regions[middle]->guest_address <= guest_address)
        low = middle + 1;
      else
        high = middle;
    }

  if (low == 0)
    return NULL;

  region = self->regions[low - 1];
  return guest_address - region->guest_address < region->size ? region : NULL;
}

gpointer
vhu_memory_translate_user (VhuMemory *self,
                           guint64    user_address,
                           guint64    size)
{
  for (guint i = 0; i < self->n_regions; i++)
    {
      VhuMemoryRegion *region = self->regions[i];
      guint64 offset = user_address - region->user_address;

      if (offset < region->size)
        return size <= region->size - offset ? region->host + offset : NULL;
    }

  return NULL;
}

/* Calls @copy for every mapped piece of a range; without @copy it only looks
 * whether there is no hole. The table cannot change between two walks. */
typedef void (*PieceFunc) (gpointer host,
                           gpointer bytes,
                           gsize    size);

static gboolean
walk_pieces (VhuMemory *self,
             guint64    guest_address,
             guint8    *bytes,
             gsize      size,
             PieceFunc  copy)
{
  VhuMemoryRegion *hint = NULL;

  while (size > 0)
    {
      guint64 available;
      gpointer host = vhu_memory_translate (self, guest_address, &hint,
                                            &available);
      gsize piece;

      if (host == NULL)
        return FALSE;

      piece = MIN (size, available);
      if (copy != NULL)
        {
          copy (host, bytes, piece);
          bytes += piece;
        }

      /* No region reaches 2^64, so this cannot wrap. */
      guest_address += piece;
      size -= piece;
    }

  return TRUE;
}

static void
copy_from_guest (gpointer host,
                 gpointer bytes,
                 gsize    size)
{
  memcpy (bytes, host, size);
}

static void
copy_to_guest (gpointer host,
               gpointer bytes,
               gsize    size)
{
  memcpy (host, bytes, size);
}

static gboolean
check_range (VhuMemory  *self,
             guint64     guest_address,
             gsize       size,
             GError    **error)
{
  if (walk_pieces (self, guest_address, NULL, size, NULL))
    return TRUE;

  g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_MEMORY,
               "%#" G_GINT64_MODIFIER "x bytes at guest address "
               "%#" G_GINT64_MODIFIER "x are not all in shared memory",
               (guint64) size, guest_address);
  return FALSE;
}

/**
 * vhu_memory_ref:
 * @self: a table
 *
 * Takes a reference, which keeps all regions of the table mapped.
 *
 * Returns: (transfer full): @self
 *
 * Since: 0.1
 */
VhuMemory *
vhu_memory_ref (VhuMemory *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

/**
 * vhu_memory_unref:
 * @self: (transfer full): a table
 *
 * Gives a reference back. The last one gives up the table's regions, which are
 * unmapped unless another table shares them.
 *
 * Since: 0.1
 */
void
vhu_memory_unref (VhuMemory *self)
{
  g_return_if_fail (self != NULL);

  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  for (guint i = 0; i < self->n_regions; i++)
    vhu_memory_region_unref (self->regions[i]);
  g_free (self);
}

/**
 * vhu_memory_get_n_regions:
 * @self: a table
 *
 * Gets the number of regions.
 *
 * Returns: the number of regions
 *
 * Since: 0.1
 */
guint
vhu_memory_get_n_regions (VhuMemory *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->n_regions;
}

/**
 * vhu_memory_get_region:
 * @self: a table
 * @index: less than [method@Memory.get_n_regions]
 *
 * Gets one of the regions, which are sorted by guest address.
 *
 * Returns: (transfer none): the region
 *
 * Since: 0.1
 */
VhuMemoryRegion *
vhu_memory_get_region (VhuMemory *self,
                       guint      index)
{
  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (index < self->n_regions, NULL);

  return self->regions[index];
}

/**
 * vhu_memory_read:
 * @self: a table
 * @guest_address: where to begin, in guest physical addresses
 * @size: how many bytes, at most 1 GiB
 * @error: where an error goes
 *
 * Copies bytes out of the guest's memory.
 *
 * The range may go on from one region to the next where they adjoin. The guest
 * may change its memory at any time: check the copy and use the copy, and do
 * not read again what was checked.
 *
 * Returns: (transfer full): the bytes; on failure %NULL with
 *   %VHU_ERROR_BAD_MEMORY if a part of the range is not shared memory, or
 *   %VHU_ERROR_LIMIT if @size is too large
 *
 * Since: 0.1
 */
GBytes *
vhu_memory_read (VhuMemory  *self,
                 guint64     guest_address,
                 gsize       size,
                 GError    **error)
{
  g_autofree guint8 *bytes = NULL;

  g_return_val_if_fail (self != NULL, NULL);

  if (!check_range (self, guest_address, size, error))
    return NULL;

  bytes = size <= READ_LIMIT ? g_try_malloc (size) : NULL;
  if (bytes == NULL && size > 0)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_LIMIT,
                   "%#" G_GINT64_MODIFIER "x bytes are too many to copy, "
                   "at most %#" G_GINT64_MODIFIER "x", (guint64) size,
                   READ_LIMIT);
      return NULL;
    }

  walk_pieces (self, guest_address, bytes, size, copy_from_guest);
  return g_bytes_new_take (g_steal_pointer (&bytes), size);
}

/**
 * vhu_memory_write:
 * @self: a table
 * @guest_address: where to begin, in guest physical addresses
 * @bytes: what to write
 * @error: where an error goes
 *
 * Copies bytes into the guest's memory.
 *
 * The range may go on from one region to the next where they adjoin. If a part
 * of it is not shared memory, nothing is written.
 *
 * A device writes to its driver through the buffers of a chain. This function
 * is for memory that was agreed upon in another way.
 *
 * Returns: %TRUE if all was written; otherwise the error is
 *   %VHU_ERROR_BAD_MEMORY
 *
 * Since: 0.1
 */
gboolean
vhu_memory_write (VhuMemory  *self,
                  guint64     guest_address,
                  GBytes     *bytes,
                  GError    **error)
{
  gsize size;
  gconstpointer data;

  g_return_val_if_fail (self != NULL, FALSE);
  g_return_val_if_fail (bytes != NULL, FALSE);

  data = g_bytes_get_data (bytes, &size);
  if (!check_range (self, guest_address, size, error))
    return FALSE;

  walk_pieces (self, guest_address, (guint8 *) data, size, copy_to_guest);
  return TRUE;
}
