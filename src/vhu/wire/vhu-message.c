/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-message-private.h"

#include "vhu-error.h"
#include "vhu-fd-private.h"

#include <string.h>

#define MEMORY_TABLE_HEAD_SIZE G_STRUCT_OFFSET (VhuMemoryTable, regions)

void
vhu_message_init (VhuMessage *self,
                  guint32     request,
                  guint32     flags)
{
  self->request = request;
  self->flags = flags;
  self->size = 0;
  self->n_fds = 0;
}

void
vhu_message_clear (VhuMessage *self)
{
  for (guint i = 0; i < self->n_fds; i++)
    vhu_clear_fd (&self->fds[i]);

  vhu_message_init (self, VHU_REQUEST_NONE, 0);
}

void
vhu_message_init_reply (VhuMessage       *self,
                        const VhuMessage *request)
{
  vhu_message_init (self, request->request, VHU_FLAGS_OF_REPLY);
}

void
vhu_message_append (VhuMessage    *self,
                    gconstpointer  data,
                    gsize          size)
{
  g_assert (size <= VHU_MAX_PAYLOAD - self->size);

  if (size > 0)
    memcpy (self->payload + self->size, data, size);
  self->size += size;
}

void
vhu_message_append_u64 (VhuMessage *self,
                        guint64     value)
{
  vhu_message_append (self, &value, sizeof value);
}

void
vhu_message_append_fd (VhuMessage *self,
                       int         fd)
{
  g_assert (self->n_fds < VHU_MAX_FDS);

  self->fds[self->n_fds++] = fd;
}

int
vhu_message_steal_fd (VhuMessage *self,
                      guint       index)
{
  return index < self->n_fds ? vhu_steal_fd (&self->fds[index]) : -1;
}

gboolean
vhu_message_needs_reply (const VhuMessage *self)
{
  return (self->flags & VHU_FLAG_NEED_REPLY) != 0;
}

gboolean
vhu_message_expect_fds (const VhuMessage  *self,
                        guint              minimum,
                        guint              maximum,
                        GError           **error)
{
  if (self->n_fds >= minimum && self->n_fds <= maximum)
    return TRUE;

  if (minimum == maximum)
    g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_MESSAGE,
                 "%u descriptors came along, expected %u",
                 self->n_fds, minimum);
  else
    g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_MESSAGE,
                 "%u descriptors came along, expected %u to %u",
                 self->n_fds, minimum, maximum);
  return FALSE;
}

static gboolean
expect_size (const VhuMessage  *self,
             gsize              size,
             GError           **error)
{
  if (self->size == size)
    return TRUE;

  g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_MESSAGE,
               "payload is %u bytes, expected %" G_GSIZE_FORMAT,
               self->size, size);
  return FALSE;
}

static gboolean
expect_head (const VhuMessage  *self,
             gsize              size,
             GError           **error)
{
  if (self->size >= size)
    return TRUE;

  g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_MESSAGE,
               "payload is %u bytes, expected at least %" G_GSIZE_FORMAT,
               self->size, size);
  return FALSE;
}

gboolean
vhu_message_read_empty (const VhuMessage  *self,
                        GError           **error)
{
  return expect_size (self, 0, error);
}

gboolean
vhu_message_read_u64 (const VhuMessage  *self,
                      guint64           *value,
                      GError           **error)
{
  if (!expect_size (self, sizeof *value, error))
    return FALSE;

  memcpy (value, self->payload, sizeof *value);
  return TRUE;
}

gboolean
vhu_message_read_vring_state (const VhuMessage  *self,
                              VhuVringState     *state,
                              GError           **error)
{
  if (!expect_size (self, sizeof *state, error))
    return FALSE;

  memcpy (state, self->payload, sizeof *state);
  return TRUE;
}

gboolean
vhu_message_read_vring_address (const VhuMessage  *self,
                                VhuVringAddress   *address,
                                GError           **error)
{
  VhuVringAddress read;

  if (!expect_size (self, sizeof read, error))
    return FALSE;

  memcpy (&read, self->payload, sizeof read);
  if ((read.flags & ~VHU_VRING_ADDRESS_LOG) != 0)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
                   "vring address flags are %#x, known are %#x",
                   read.flags, VHU_VRING_ADDRESS_LOG);
      return FALSE;
    }

  *address = read;
  return TRUE;
}

gboolean
vhu_message_read_vring_event (const VhuMessage  *self,
                              guint             *index,
                              gboolean          *has_fd,
                              GError           **error)
{
  guint64 value;
  gboolean wants_fd;

  if (!vhu_message_expect_fds (self, 0, 1, error) ||
      !vhu_message_read_u64 (self, &value, error))
    return FALSE;

  if (value > (VHU_VRING_INDEX_MASK | VHU_VRING_NOFD_MASK))
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
                   "value is %#" G_GINT64_MODIFIER "x, at most %#x has a "
                   "meaning", value, VHU_VRING_INDEX_MASK | VHU_VRING_NOFD_MASK);
      return FALSE;
    }

  wants_fd = (value & VHU_VRING_NOFD_MASK) == 0;
  if (wants_fd != (self->n_fds == 1))
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
                   "%u descriptors came along, but the value %#"
                   G_GINT64_MODIFIER "x says %u",
                   self->n_fds, value, wants_fd ? 1 : 0);
      return FALSE;
    }

  *index = value & VHU_VRING_INDEX_MASK;
  *has_fd = wants_fd;
  return TRUE;
}

/* Memory that the front-end did not share is a mistake in the command line of
 * many a virtual machine, so its message says what to do. */
static gboolean
check_memory_table (const VhuMessage  *self,
                    guint32            n_regions,
                    GError           **error)
{
  if (self->n_fds == 0)
    g_set_error_literal (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
                         "guest memory is not shared (no file descriptors "
                         "with SET_MEM_TABLE): start the VM with "
                         "memory-backend-memfd,share=on");
  else if (n_regions == 0 || n_regions > VHU_MAX_TABLE_REGIONS)
    g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
                 "table of %u memory regions, expected 1 to %d",
                 n_regions, VHU_MAX_TABLE_REGIONS);
  else if (n_regions != self->n_fds)
    g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
                 "table of %u memory regions came with %u descriptors",
                 n_regions, self->n_fds);
  /* User-mode Linux always sends room for two regions, whether or not there are
   * as many: whole regions may follow the last one, and are not looked at. */
  else if (self->size < MEMORY_TABLE_HEAD_SIZE + n_regions * sizeof (VhuRegionDescription) ||
           self->size > sizeof (VhuMemoryTable) ||
           (self->size - MEMORY_TABLE_HEAD_SIZE) % sizeof (VhuRegionDescription) != 0)
    g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
                 "table of %u memory regions is %u bytes",
                 n_regions, self->size);
  else
    return TRUE;

  return FALSE;
}

gboolean
vhu_message_read_memory_table (const VhuMessage  *self,
                               VhuMemoryTable    *table,
                               GError           **error)
{
  guint32 n_regions;

  if (!expect_head (self, MEMORY_TABLE_HEAD_SIZE, error))
    return FALSE;

  memcpy (&n_regions, self->payload, sizeof n_regions);
  if (!check_memory_table (self, n_regions, error))
    return FALSE;

  memset (table, 0, sizeof *table);
  memcpy (table, self->payload,
          MEMORY_TABLE_HEAD_SIZE + n_regions * sizeof (VhuRegionDescription));
  return TRUE;
}

gboolean
vhu_message_read_single_region (const VhuMessage     *self,
                                VhuRegionDescription *region,
                                GError              **error)
{
  if (!expect_size (self, sizeof (VhuSingleRegion), error))
    return FALSE;

  memcpy (region, self->payload + G_STRUCT_OFFSET (VhuSingleRegion, region),
          sizeof *region);
  return TRUE;
}

static gboolean
check_config_range (const VhuConfigPayload  *config,
                    GError                 **error)
{
  if (config->size > 0 && config->size <= VHU_MAX_CONFIG_SIZE &&
      config->offset <= VHU_MAX_CONFIG_SIZE - config->size)
    return TRUE;

  g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
               "configuration of %u bytes at offset %u, expected at least 1 "
               "byte and an end of at most %d",
               config->size, config->offset, VHU_MAX_CONFIG_SIZE);
  return FALSE;
}

gboolean
vhu_message_read_config (const VhuMessage  *self,
                         VhuConfigPayload  *config,
                         GError           **error)
{
  VhuConfigPayload head;

  if (!expect_head (self, VHU_CONFIG_HEAD_SIZE, error))
    return FALSE;

  memcpy (&head, self->payload, VHU_CONFIG_HEAD_SIZE);
  if (head.size != self->size - VHU_CONFIG_HEAD_SIZE)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_MESSAGE,
                   "configuration of %u bytes came in a payload of %u bytes",
                   head.size, self->size);
      return FALSE;
    }
  if (!check_config_range (&head, error))
    return FALSE;

  memset (config, 0, sizeof *config);
  memcpy (config, self->payload, self->size);
  return TRUE;
}
