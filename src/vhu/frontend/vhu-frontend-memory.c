/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-frontend-private.h"

#include <string.h>

#include "vhu-error.h"
#include "vhu-fd-private.h"

/* Guest memory, and the messages that share it. Part of VhuFrontend. */

static void
describe_region (const VhuDriverRegion *region,
                 VhuRegionDescription  *description)
{
  description->guest_address = region->guest_address;
  description->size = region->size;
  description->user_address = region->user_address;
  description->mmap_offset = region->mmap_offset;
}

static gboolean
append_region_fd (VhuMessage             *message,
                  const VhuDriverRegion  *region,
                  GError                **error)
{
  int fd = vhu_dup_fd (region->fd);

  if (fd < 0)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_MEMORY,
                   "guest memory cannot be sent: %s", g_strerror (errno));
      return FALSE;
    }
  vhu_message_append_fd (message, fd);
  return TRUE;
}

static VhuDriverRegion *
get_region (VhuFrontend  *self,
            guint         number,
            GError      **error)
{
  guint n_regions = vhu_driver_memory_get_n_regions (self->memory);

  if (number < n_regions)
    return vhu_driver_memory_get_region (self->memory, number);

  g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
               "there is no memory region %u, there are %u", number, n_regions);
  return NULL;
}

/**
 * vhu_frontend_allocate_memory:
 * @self: a front-end
 * @size: how many bytes, rounded up to full pages
 * @n_regions: in how many regions of equal size
 *
 * Makes guest memory.
 *
 * The regions lie one after the other in a single sealed file, as those of a
 * virtual machine do below and above 4 GiB, and have a hole of guest addresses
 * between them. The back-end learns of them from
 * [method@Frontend.share_memory], or when the first queue starts.
 *
 * Returns: true on success
 *
 * Since: 0.1
 */
gboolean
vhu_frontend_allocate_memory (VhuFrontend  *self,
                              guint64       size,
                              guint         n_regions,
                              GError      **error)
{
  g_return_val_if_fail (VHU_IS_FRONTEND (self), FALSE);

  return vhu_driver_memory_add (self->memory, size, n_regions, error);
}

/**
 * vhu_frontend_set_mem_table:
 * @self: a front-end
 *
 * Shares all regions at once (SET_MEM_TABLE).
 *
 * A message holds eight regions; more are a [error@Vhu.Error] of the kind
 * `LIMIT`.
 *
 * Returns: true if the message was sent and, with acknowledgements, accepted
 *
 * Since: 0.1
 */
gboolean
vhu_frontend_set_mem_table (VhuFrontend  *self,
                            GError      **error)
{
  g_auto(VhuMessage) message = VHU_MESSAGE_INIT;
  VhuMemoryTable table = { 0 };
  guint n_regions;

  g_return_val_if_fail (VHU_IS_FRONTEND (self), FALSE);

  n_regions = vhu_driver_memory_get_n_regions (self->memory);
  if (n_regions > VHU_MAX_TABLE_REGIONS)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_LIMIT,
                   "%u memory regions do not fit into one message, the limit "
                   "is %u", n_regions, VHU_MAX_TABLE_REGIONS);
      return FALSE;
    }

  table.n_regions = n_regions;
  vhu_message_init (&message, VHU_REQUEST_SET_MEM_TABLE, VHU_FLAG_VERSION);
  for (guint i = 0; i < n_regions; i++)
    {
      VhuDriverRegion *region = vhu_driver_memory_get_region (self->memory, i);

      describe_region (region, &table.regions[i]);
      if (!append_region_fd (&message, region, error))
        return FALSE;
    }
  vhu_message_append (&message, &table,
                      G_STRUCT_OFFSET (VhuMemoryTable, regions) +
                        n_regions * sizeof table.regions[0]);
  if (!vhu_frontend_send_message (self, &message, error))
    return FALSE;

  for (guint i = 0; i < n_regions; i++)
    vhu_driver_memory_get_region (self->memory, i)->shared = TRUE;
  return TRUE;
}

static void
init_single_region (VhuMessage            *message,
                    VhuRequest             request,
                    const VhuDriverRegion *region)
{
  VhuSingleRegion single = { 0 };

  describe_region (region, &single.region);
  vhu_message_init (message, request, VHU_FLAG_VERSION);
  vhu_message_append (message, &single, sizeof single);
}

/**
 * vhu_frontend_add_mem_reg:
 * @self: a front-end
 * @number: the number of a region
 *
 * Shares one region (ADD_MEM_REG).
 *
 * Returns: true if the message was sent and, with acknowledgements, accepted
 *
 * Since: 0.1
 */
gboolean
vhu_frontend_add_mem_reg (VhuFrontend  *self,
                          guint         number,
                          GError      **error)
{
  g_auto(VhuMessage) message = VHU_MESSAGE_INIT;
  VhuDriverRegion *region;

  g_return_val_if_fail (VHU_IS_FRONTEND (self), FALSE);

  region = get_region (self, number, error);
  if (region == NULL)
    return FALSE;

  init_single_region (&message, VHU_REQUEST_ADD_MEM_REG, region);
  if (!append_region_fd (&message, region, error) ||
      !vhu_frontend_send_message (self, &message, error))
    return FALSE;

  region->shared = TRUE;
  return TRUE;
}

/**
 * vhu_frontend_rem_mem_reg:
 * @self: a front-end
 * @number: the number of a region
 *
 * Takes one region back (REM_MEM_REG); it stays allocated.
 *
 * Returns: true if the message was sent and, with acknowledgements, accepted
 *
 * Since: 0.1
 */
gboolean
vhu_frontend_rem_mem_reg (VhuFrontend  *self,
                          guint         number,
                          GError      **error)
{
  g_auto(VhuMessage) message = VHU_MESSAGE_INIT;
  VhuDriverRegion *region;

  g_return_val_if_fail (VHU_IS_FRONTEND (self), FALSE);

  region = get_region (self, number, error);
  if (region == NULL)
    return FALSE;

  init_single_region (&message, VHU_REQUEST_REM_MEM_REG, region);
  if (!vhu_frontend_send_message (self, &message, error))
    return FALSE;

  region->shared = FALSE;
  return TRUE;
}

static gboolean
has_unshared_region (VhuFrontend *self)
{
  for (guint i = 0; i < vhu_frontend_get_n_regions (self); i++)
    if (!vhu_driver_memory_get_region (self->memory, i)->shared)
      return TRUE;

  return FALSE;
}

/**
 * vhu_frontend_share_memory:
 * @self: a front-end
 *
 * Tells the back-end about the regions that it does not know yet.
 *
 * With CONFIGURE_MEM_SLOTS they are added one by one; without, the whole table
 * is sent anew. Nothing is sent if there is nothing to tell.
 *
 * Returns: true on success
 *
 * Since: 0.1
 */
gboolean
vhu_frontend_share_memory (VhuFrontend  *self,
                           GError      **error)
{
  g_return_val_if_fail (VHU_IS_FRONTEND (self), FALSE);

  if (!has_unshared_region (self))
    return TRUE;

  if (!vhu_frontend_has_protocol_feature
         (self, VHU_PROTOCOL_FEATURE_CONFIGURE_MEM_SLOTS))
    return vhu_frontend_set_mem_table (self, error);

  for (guint i = 0; i < vhu_frontend_get_n_regions (self); i++)
    if (!vhu_driver_memory_get_region (self->memory, i)->shared &&
        !vhu_frontend_add_mem_reg (self, i, error))
      return FALSE;

  return TRUE;
}

/**
 * vhu_frontend_add_region:
 * @self: a front-end
 * @size: how many bytes, rounded up to full pages
 * @guest_address: (out) (optional): where the region begins
 *
 * Makes one more region, in a file of its own, and shares it.
 *
 * If the back-end does not accept it, it is gone again.
 *
 * Returns: true on success
 *
 * Since: 0.1
 */
gboolean
vhu_frontend_add_region (VhuFrontend  *self,
                         guint64       size,
                         guint64      *guest_address,
                         GError      **error)
{
  guint number;

  g_return_val_if_fail (VHU_IS_FRONTEND (self), FALSE);

  number = vhu_driver_memory_get_n_regions (self->memory);
  if (!vhu_driver_memory_add (self->memory, size, 1, error))
    return FALSE;

  if (!vhu_frontend_share_memory (self, error))
    {
      vhu_driver_memory_remove (self->memory, number);
      return FALSE;
    }

  if (guest_address != NULL)
    *guest_address =
      vhu_driver_memory_get_region (self->memory, number)->guest_address;
  return TRUE;
}

/**
 * vhu_frontend_remove_region:
 * @self: a front-end
 * @guest_address: where a region begins
 *
 * Takes a region back and frees it.
 *
 * With CONFIGURE_MEM_SLOTS the back-end is told; without, it learns of it from
 * the next table. Blocks that were allocated in the region are gone, and no
 * queue of this front-end may lie there.
 *
 * Returns: true on success; the region stays if the back-end refuses
 *
 * Since: 0.1
 */
gboolean
vhu_frontend_remove_region (VhuFrontend  *self,
                            guint64       guest_address,
                            GError      **error)
{
  int number;

  g_return_val_if_fail (VHU_IS_FRONTEND (self), FALSE);

  number = vhu_driver_memory_find (self->memory, guest_address);
  if (number < 0)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
                   "no memory region begins at 0x%" G_GINT64_MODIFIER "x",
                   guest_address);
      return FALSE;
    }

  if (vhu_driver_memory_get_region (self->memory, (guint) number)->shared &&
      vhu_frontend_has_protocol_feature
        (self, VHU_PROTOCOL_FEATURE_CONFIGURE_MEM_SLOTS) &&
      !vhu_frontend_rem_mem_reg (self, (guint) number, error))
    return FALSE;

  vhu_driver_memory_remove (self->memory, (guint) number);
  return TRUE;
}

/**
 * vhu_frontend_get_n_regions:
 * @self: a front-end
 *
 * Returns how many regions of guest memory there are, shared or not.
 *
 * Returns: the number of regions
 *
 * Since: 0.1
 */
guint
vhu_frontend_get_n_regions (VhuFrontend *self)
{
  g_return_val_if_fail (VHU_IS_FRONTEND (self), 0);

  return vhu_driver_memory_get_n_regions (self->memory);
}

/**
 * vhu_frontend_get_region:
 * @self: a front-end
 * @number: the number of a region
 * @guest_address: (out) (optional): where it begins for the guest
 * @size: (out) (optional): its length in bytes
 * @user_address: (out) (optional): where it begins in this process
 * @mmap_offset: (out) (optional): where it begins in its file
 *
 * Describes a region as the back-end is told of it.
 *
 * Returns: false if there is no region of that number
 *
 * Since: 0.1
 */
gboolean
vhu_frontend_get_region (VhuFrontend *self,
                         guint        number,
                         guint64     *guest_address,
                         guint64     *size,
                         guint64     *user_address,
                         guint64     *mmap_offset)
{
  VhuRegionDescription description;
  VhuDriverRegion *region;

  g_return_val_if_fail (VHU_IS_FRONTEND (self), FALSE);

  region = get_region (self, number, NULL);
  if (region == NULL)
    return FALSE;

  describe_region (region, &description);
  if (guest_address != NULL)
    *guest_address = description.guest_address;
  if (size != NULL)
    *size = description.size;
  if (user_address != NULL)
    *user_address = description.user_address;
  if (mmap_offset != NULL)
    *mmap_offset = description.mmap_offset;
  return TRUE;
}

/**
 * vhu_frontend_dup_region_fd:
 * @self: a front-end
 * @number: the number of a region
 *
 * Duplicates the descriptor of the file that a region lies in.
 *
 * Returns: a descriptor, which is the caller's, or -1
 *
 * Since: 0.1
 */
int
vhu_frontend_dup_region_fd (VhuFrontend *self,
                            guint        number)
{
  VhuDriverRegion *region;

  g_return_val_if_fail (VHU_IS_FRONTEND (self), -1);

  region = get_region (self, number, NULL);
  return region != NULL ? vhu_dup_fd (region->fd) : -1;
}

/**
 * vhu_frontend_allocate:
 * @self: a front-end
 * @size: how many bytes
 *
 * Takes a block of guest memory.
 *
 * A block is aligned to its size, rounded up to a power of two, at most to 4096
 * bytes, and lies in one region. Its content is whatever it was.
 *
 * This method may be called from any thread.
 *
 * Returns: the guest address of the block, or 0 if there is no room
 *
 * Since: 0.1
 */
guint64
vhu_frontend_allocate (VhuFrontend  *self,
                       gsize         size,
                       GError      **error)
{
  guint64 guest_address;

  g_return_val_if_fail (VHU_IS_FRONTEND (self), 0);

  if (!vhu_driver_memory_allocate (self->memory, size, &guest_address, error))
    return 0;

  return guest_address;
}

/**
 * vhu_frontend_release:
 * @self: a front-end
 * @guest_address: the guest address of a block
 * @size: the size that the block was allocated with
 *
 * Gives a block of guest memory back.
 *
 * This method may be called from any thread.
 *
 * Since: 0.1
 */
void
vhu_frontend_release (VhuFrontend *self,
                      guint64      guest_address,
                      gsize        size)
{
  g_return_if_fail (VHU_IS_FRONTEND (self));

  vhu_driver_memory_release (self->memory, guest_address, size);
}

static guint8 *
get_host (VhuFrontend  *self,
          guint64       guest_address,
          gsize         size,
          GError      **error)
{
  guint8 *host = vhu_driver_memory_get_host (self->memory, guest_address, size);

  if (host == NULL)
    g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_MEMORY,
                 "no memory region holds %" G_GSIZE_FORMAT " bytes at "
                 "0x%" G_GINT64_MODIFIER "x", size, guest_address);
  return host;
}

/**
 * vhu_frontend_read_memory:
 * @self: a front-end
 * @guest_address: a guest address
 * @size: how many bytes
 *
 * Copies bytes out of guest memory; they must lie in one region.
 *
 * Returns: (transfer full): the bytes
 *
 * Since: 0.1
 */
GBytes *
vhu_frontend_read_memory (VhuFrontend  *self,
                          guint64       guest_address,
                          gsize         size,
                          GError      **error)
{
  const guint8 *host;

  g_return_val_if_fail (VHU_IS_FRONTEND (self), NULL);

  host = get_host (self, guest_address, size, error);
  return host != NULL ? g_bytes_new (host, size) : NULL;
}

/**
 * vhu_frontend_write_memory:
 * @self: a front-end
 * @guest_address: a guest address
 * @bytes: what to write there
 *
 * Copies bytes into guest memory; they must fit into one region.
 *
 * Returns: true on success
 *
 * Since: 0.1
 */
gboolean
vhu_frontend_write_memory (VhuFrontend  *self,
                           guint64       guest_address,
                           GBytes       *bytes,
                           GError      **error)
{
  gconstpointer data;
  guint8 *host;
  gsize size;

  g_return_val_if_fail (VHU_IS_FRONTEND (self), FALSE);
  g_return_val_if_fail (bytes != NULL, FALSE);

  data = g_bytes_get_data (bytes, &size);
  host = get_host (self, guest_address, size, error);
  if (host == NULL)
    return FALSE;

  if (size > 0)
    memcpy (host, data, size);
  return TRUE;
}

/**
 * vhu_frontend_get_host_pointer: (skip)
 * @self: a front-end
 * @guest_address: a guest address
 * @size: how many bytes are needed from there
 *
 * Looks up where guest memory lies in this process.
 *
 * The pointer is good until the region is removed or the front-end goes away.
 * Languages without pointers use [method@Frontend.read_memory] and
 * [method@Frontend.write_memory].
 *
 * Returns: (transfer none) (nullable): a pointer, or %NULL if the range does
 *   not lie in one region
 *
 * Since: 0.1
 */
gpointer
vhu_frontend_get_host_pointer (VhuFrontend *self,
                               guint64      guest_address,
                               gsize        size)
{
  g_return_val_if_fail (VHU_IS_FRONTEND (self), NULL);

  return vhu_driver_memory_get_host (self->memory, guest_address, size);
}

/**
 * vhu_frontend_get_guest_address: (skip)
 * @self: a front-end
 * @host: a pointer into guest memory
 * @guest_address: (out): the guest's address of the same byte
 *
 * Looks up the guest address that belongs to a pointer.
 *
 * Returns: false if the pointer does not point into guest memory
 *
 * Since: 0.1
 */
gboolean
vhu_frontend_get_guest_address (VhuFrontend   *self,
                                gconstpointer  host,
                                guint64       *guest_address)
{
  g_return_val_if_fail (VHU_IS_FRONTEND (self), FALSE);

  return vhu_driver_memory_get_guest (self->memory, host, guest_address);
}

/**
 * vhu_frontend_get_user_address:
 * @self: a front-end
 * @guest_address: a guest address
 *
 * Looks up the user address of a byte of guest memory, which is what messages
 * about queues carry.
 *
 * Returns: a user address, or 0 if no region holds @guest_address
 *
 * Since: 0.1
 */
guint64
vhu_frontend_get_user_address (VhuFrontend *self,
                               guint64      guest_address)
{
  g_return_val_if_fail (VHU_IS_FRONTEND (self), 0);

  return (gsize) vhu_driver_memory_get_host (self->memory, guest_address, 1);
}
