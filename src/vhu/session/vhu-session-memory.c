/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-session-internal-private.h"

#include <glib-unix.h>

static gboolean
fault_cb (int          fd,
          GIOCondition condition,
          gpointer     user_data)
{
  VhuSession *self = user_data;
  g_autoptr(GError) error = NULL;

  vhu_event_drain (self->fault_event);
  if (!vhu_memory_get_faulted (self->memory))
    return G_SOURCE_CONTINUE;

  error = g_error_new_literal (VHU_ERROR, VHU_ERROR_BAD_MEMORY,
                               "a file of the guest's memory was truncated");
  vhu_log_peer (&self->log_gate, "%s: connection ends: %s",
                vhu_backend_get_kind (self->backend), error->message);
  vhu_session_close (self, error);
  return G_SOURCE_REMOVE;
}

/* Where a program guards against SIGBUS, zeros stand in for memory that is no
 * longer there. That keeps the process alive, but the device's data is garbage
 * from then on, and the front-end has to go. */
void
vhu_session_watch_faults (VhuSession *self)
{
  self->fault_event = vhu_event_new (NULL);
  if (self->fault_event == NULL)
    return;

  self->fault_source = g_unix_fd_source_new (vhu_event_get_fd (self->fault_event), G_IO_IN);
  g_source_set_static_name (self->fault_source, "vhu-session-faults");
  g_source_set_callback (self->fault_source, G_SOURCE_FUNC (fault_cb), self, NULL);
  g_source_attach (self->fault_source, self->context);
}

void
vhu_session_forget_faults (VhuSession *self)
{
  if (self->fault_source != NULL)
    g_source_destroy (self->fault_source);
  g_clear_pointer (&self->fault_source, g_source_unref);
  g_clear_pointer (&self->fault_event, vhu_event_unref);
}

/* Publishes @memory to all rings. The reply waits until each has taken it, and,
 * with @removed, until no chain has a buffer there. */
static gboolean
publish (VhuSession       *self,
         VhuCall          *call,
         VhuMemory        *memory,
         VhuMemoryRegion  *removed,
         GError          **error)
{
  if (!vhu_backend_memory_changed (self->backend, memory, error))
    return FALSE;

  g_clear_pointer (&self->memory, vhu_memory_unref);
  self->memory = vhu_memory_ref (memory);
  for (guint i = 0; i < self->n_queues; i++)
    if (self->queues[i].armed)
      vhu_queue_set_memory (self->queues[i].queue, memory, removed, call->transaction);
  vhu_session_try_arm_all (self);
  return TRUE;
}

/* The most frequent mistake of all: the guest's memory is private to the virtual
 * machine monitor. The message names the cure. */
static gboolean
check_shared (VhuMessage  *message,
              GError     **error)
{
  if (message->n_fds > 0)
    return TRUE;

  g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
               "guest memory is not shared (no file descriptors with %s): "
               "start the VM with memory-backend-memfd,share=on",
               vhu_request_to_string (message->request));
  return FALSE;
}

static VhuMemoryRegion *
map_region (VhuSession                  *self,
            guint                        index,
            const VhuRegionDescription  *description,
            GError                     **error)
{
  vhu_autofd int fd = vhu_message_steal_fd (&self->call.message, index);
  VhuMemoryRegion *region;

  region = vhu_memory_region_new (fd, description->guest_address, description->user_address,
                                  description->size, description->mmap_offset, error);
  if (region != NULL && self->fault_event != NULL)
    vhu_memory_region_set_fault_event (region, self->fault_event);
  return region;
}

gboolean
vhu_session_set_mem_table (VhuSession  *self,
                           VhuCall     *call,
                           GError     **error)
{
  g_autoptr(GPtrArray) regions =
    g_ptr_array_new_with_free_func ((GDestroyNotify) vhu_memory_region_unref);
  g_autoptr(VhuMemory) memory = NULL;
  VhuMemoryTable table;

  if (!check_shared (&call->message, error) ||
      !vhu_message_read_memory_table (&call->message, &table, error))
    return FALSE;

  for (guint i = 0; i < table.n_regions; i++)
    {
      VhuMemoryRegion *region = map_region (self, i, &table.regions[i], error);

      if (region == NULL)
        {
          g_prefix_error (error, "memory region %u: ", i);
          return FALSE;
        }
      g_ptr_array_add (regions, region);
    }

  memory = vhu_memory_new ((VhuMemoryRegion **) regions->pdata, regions->len, error);
  return memory != NULL && publish (self, call, memory, NULL, error);
}

gboolean
vhu_session_add_mem_reg (VhuSession  *self,
                         VhuCall     *call,
                         GError     **error)
{
  g_autoptr(VhuMemoryRegion) region = NULL;
  g_autoptr(VhuMemory) memory = NULL;
  VhuRegionDescription description;

  if (!check_shared (&call->message, error) ||
      !vhu_message_read_single_region (&call->message, &description, error))
    return FALSE;

  if (vhu_memory_get_n_regions (self->memory) >= VHU_MAX_MEM_SLOTS)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_LIMIT,
                   "all %u memory slots are taken", VHU_MAX_MEM_SLOTS);
      return FALSE;
    }

  region = map_region (self, 0, &description, error);
  if (region == NULL)
    return FALSE;
  memory = vhu_memory_add_region (self->memory, region, error);
  return memory != NULL && publish (self, call, memory, NULL, error);
}

static VhuMemoryRegion *
find_region (VhuMemory                  *memory,
             const VhuRegionDescription *description)
{
  VhuMemoryRegion *region = vhu_memory_find (memory, description->guest_address);

  return region != NULL ? vhu_memory_region_ref (region) : NULL;
}

/* The descriptor that older front-ends send along is closed with the message. */
gboolean
vhu_session_rem_mem_reg (VhuSession  *self,
                         VhuCall     *call,
                         GError     **error)
{
  g_autoptr(VhuMemoryRegion) removed = NULL;
  g_autoptr(VhuMemory) memory = NULL;
  VhuRegionDescription description;

  if (!vhu_message_read_single_region (&call->message, &description, error))
    return FALSE;

  removed = find_region (self->memory, &description);
  memory = vhu_memory_remove_region (self->memory, description.guest_address,
                                     description.user_address, description.size, error);
  return memory != NULL && publish (self, call, memory, removed, error);
}
