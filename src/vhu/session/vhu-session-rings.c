/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-session-internal-private.h"

#include <string.h>

static void
queue_broken_cb (guint         index,
                 const GError *error,
                 gpointer      user_data);

static const VhuQueueOwner queue_owner = {
  .broken = queue_broken_cb,
};

/* A broken ring is told in the control context, whatever thread it broke in. */
typedef struct
{
  VhuSession *session;
  guint index;
  GError *error;
} BrokenRing;

static void
broken_ring_free (gpointer data)
{
  BrokenRing *broken = data;

  g_object_unref (broken->session);
  g_error_free (broken->error);
  g_free (broken);
}

static gboolean
ring_broke_cb (gpointer user_data)
{
  BrokenRing *broken = user_data;
  VhuSession *self = broken->session;

  if (self->phase < VHU_SESSION_CLOSED)
    self->owner->ring_broke (self, broken->index, broken->error, self->owner_data);
  return G_SOURCE_REMOVE;
}

static void
queue_broken_cb (guint         index,
                 const GError *error,
                 gpointer      user_data)
{
  VhuSession *self = user_data;
  g_autoptr(GSource) source = g_idle_source_new ();
  BrokenRing *broken = g_new0 (BrokenRing, 1);

  broken->session = g_object_ref (self);
  broken->index = index;
  broken->error = g_error_copy (error);
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_static_name (source, "vhu-ring-broke");
  g_source_set_callback (source, ring_broke_cb, broken, broken_ring_free);
  g_source_attach (source, self->context);
}

void
vhu_session_create_queues (VhuSession *self)
{
  GPtrArray *threads = self->settings.threads;

  self->n_queues = vhu_backend_get_n_queues (self->backend);
  self->queues = g_new0 (VhuQueueState, self->n_queues);
  for (guint i = 0; i < self->n_queues; i++)
    {
      guint thread = vhu_backend_map_queue (self->backend, i, threads->len);

      self->queues[i].queue = vhu_queue_new (self->backend, i,
                                             g_ptr_array_index (threads, thread),
                                             &queue_owner, self);
      vhu_queue_set_limits (self->queues[i].queue, self->settings.drain_timeout_ms,
                            self->settings.budget_chains, self->settings.budget_us);
    }
}

/* NULL and an error unless the queue exists. */
static VhuQueueState *
find_queue (VhuSession  *self,
            guint        index,
            GError     **error)
{
  if (index < self->n_queues)
    return &self->queues[index];

  g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_QUEUE,
               "there is no queue %u: the device has %u", index, self->n_queues);
  return NULL;
}

/* The same, and the ring must not be armed. */
static VhuQueueState *
find_stopped_queue (VhuSession  *self,
                    guint        index,
                    GError     **error)
{
  VhuQueueState *state = find_queue (self, index, error);

  if (state == NULL || !state->armed)
    return state;

  g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_STATE, "queue %u runs", index);
  return NULL;
}

/* Splits a message about one queue that brings a number for it. */
static VhuQueueState *
read_state (VhuSession     *self,
            VhuCall        *call,
            VhuVringState  *message,
            GError        **error)
{
  if (!vhu_message_read_vring_state (&call->message, message, error))
    return NULL;
  return find_queue (self, message->index, error);
}

static VhuQueueState *
read_stopped_state (VhuSession     *self,
                    VhuCall        *call,
                    VhuVringState  *message,
                    GError        **error)
{
  if (!vhu_message_read_vring_state (&call->message, message, error))
    return NULL;
  return find_stopped_queue (self, message->index, error);
}

static void
nothing_cb (gpointer user_data)
{
  g_object_unref (user_data);
}

/* For what no message waits for. */
static VhuTransaction *
new_detached_transaction (VhuSession *self)
{
  return vhu_transaction_new (self->context, nothing_cb, g_object_ref (self));
}

/* Hands the ring to its thread as soon as everything about it is known, in
 * whatever order it was said. Features belong to it: they decide about the
 * layout, and a running ring cannot change that any more. */
static void
arm (VhuSession     *self,
     guint           index,
     VhuTransaction *transaction)
{
  VhuQueueState *state = &self->queues[index];

  if (state->armed || !self->may_start || !self->has_features || !state->has_size ||
      !state->has_addresses || !state->has_kick ||
      vhu_memory_get_n_regions (self->memory) == 0)
    return;

  state->armed = TRUE;
  state->setup.features = self->features;
  vhu_queue_arm (state->queue, &state->setup, self->memory, state->kick, transaction);
}

void
vhu_session_try_arm (VhuSession *self,
                     guint       index)
{
  VhuTransaction *transaction;

  if (self->call.transaction != NULL)
    {
      arm (self, index, self->call.transaction);
      return;
    }

  transaction = new_detached_transaction (self);
  arm (self, index, transaction);
  vhu_transaction_release (transaction);
}

void
vhu_session_try_arm_all (VhuSession *self)
{
  for (guint i = 0; i < self->n_queues; i++)
    vhu_session_try_arm (self, i);
}

gboolean
vhu_session_any_armed (VhuSession *self)
{
  for (guint i = 0; i < self->n_queues; i++)
    if (self->queues[i].armed)
      return TRUE;
  return FALSE;
}

/* A stopped ring gives up its kick; it is armed again by the next one. */
static void
stop_queue (VhuQueueState  *state,
            gboolean        forget,
            guint32        *base,
            VhuTransaction *transaction)
{
  state->armed = FALSE;
  state->has_kick = FALSE;
  g_clear_pointer (&state->kick, vhu_event_unref);
  vhu_queue_stop (state->queue, forget, base, transaction);
}

/* Each ring's base is the index that it stopped at, as after GET_VRING_BASE. */
void
vhu_session_stop_all (VhuSession     *self,
                      gboolean        forget,
                      VhuTransaction *transaction)
{
  for (guint i = 0; i < self->n_queues; i++)
    stop_queue (&self->queues[i], forget, &self->queues[i].setup.base, transaction);
}

void
vhu_session_close_queues (VhuSession     *self,
                          VhuTransaction *transaction)
{
  for (guint i = 0; i < self->n_queues; i++)
    vhu_queue_close (self->queues[i].queue, transaction);
}

void
vhu_session_enable_all (VhuSession *self,
                        gboolean    enabled)
{
  for (guint i = 0; i < self->n_queues; i++)
    {
      self->queues[i].enabled = enabled;
      vhu_queue_set_enabled (self->queues[i].queue, enabled, self->call.transaction);
    }
}

gboolean
vhu_session_set_vring_num (VhuSession  *self,
                           VhuCall     *call,
                           GError     **error)
{
  guint max_size = vhu_backend_get_queue_size (self->backend);
  VhuVringState message;
  VhuQueueState *state;

  state = read_stopped_state (self, call, &message, error);
  if (state == NULL)
    return FALSE;

  if (message.num == 0 || message.num > max_size || (message.num & (message.num - 1)) != 0)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
                   "queue %u cannot have %u descriptors, only a power of 2 up to %u",
                   message.index, message.num, max_size);
      return FALSE;
    }

  state->setup.size = message.num;
  state->has_size = TRUE;
  vhu_session_try_arm (self, message.index);
  return TRUE;
}

static gboolean
addresses_equal (const VhuVringSetup   *setup,
                 const VhuVringAddress *address)
{
  return setup->desc == address->desc_user_address &&
         setup->avail == address->avail_user_address &&
         setup->used == address->used_user_address;
}

/* The whole extent of a part must be one mapping: said here rather than at the
 * start, so that the front-end hears of it. Front-ends that send addresses before
 * memory are checked when the ring starts. */
static gboolean
check_part (VhuSession  *self,
            const char  *part,
            guint64      address,
            guint64      size,
            guint        alignment,
            GError     **error)
{
  if ((address & (alignment - 1)) != 0)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
                   "the %s at 0x%" G_GINT64_MODIFIER "x is not aligned to %u bytes",
                   part, address, alignment);
      return FALSE;
    }
  if (vhu_memory_get_n_regions (self->memory) > 0 &&
      vhu_memory_translate_user (self->memory, address, size) == NULL)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_MEMORY,
                   "the %s, %" G_GUINT64_FORMAT " bytes at 0x%" G_GINT64_MODIFIER
                   "x, is not inside of one memory region", part, size, address);
      return FALSE;
    }
  return TRUE;
}

static gboolean
check_addresses (VhuSession            *self,
                 VhuQueueState         *state,
                 const VhuVringAddress *address,
                 GError               **error)
{
  guint64 size = state->has_size ? state->setup.size : 1;
  guint64 event = (self->features & VHU_BIT (VHU_FEATURE_EVENT_IDX)) != 0 ? 2 : 0;

  return check_part (self, "descriptor table", address->desc_user_address, 16 * size, 16, error) &&
         check_part (self, "available ring", address->avail_user_address,
                     4 + 2 * size + event, 2, error) &&
         check_part (self, "used ring", address->used_user_address,
                     4 + 8 * size + event, 4, error);
}

gboolean
vhu_session_set_vring_addr (VhuSession  *self,
                            VhuCall     *call,
                            GError     **error)
{
  VhuVringAddress address;
  VhuQueueState *state;

  if (!vhu_message_read_vring_address (&call->message, &address, error))
    return FALSE;
  state = find_queue (self, address.index, error);
  if (state == NULL)
    return FALSE;

  /* Sent again on a running ring to switch the log on or off: nothing else may
   * change, and the indices must not be read anew. */
  if (state->armed && !addresses_equal (&state->setup, &address))
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_STATE,
                   "queue %u runs: its addresses cannot change", address.index);
      return FALSE;
    }
  if (!check_addresses (self, state, &address, error))
    return FALSE;

  state->setup.desc = address.desc_user_address;
  state->setup.avail = address.avail_user_address;
  state->setup.used = address.used_user_address;
  state->setup.log = address.log_guest_address;
  state->setup.log_used = (address.flags & VHU_VRING_ADDRESS_LOG) != 0;
  state->has_addresses = TRUE;
  vhu_session_try_arm (self, address.index);
  return TRUE;
}

gboolean
vhu_session_set_vring_base (VhuSession  *self,
                            VhuCall     *call,
                            GError     **error)
{
  VhuVringState message;
  VhuQueueState *state;

  state = read_stopped_state (self, call, &message, error);
  if (state == NULL)
    return FALSE;

  if (message.num > G_MAXUINT16)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
                   "queue %u cannot start at index %u, a split ring's are at most %u",
                   message.index, message.num, (guint) G_MAXUINT16);
      return FALSE;
    }
  state->setup.base = message.num;
  return TRUE;
}

static void
finish_get_vring_base (VhuSession *self,
                       VhuCall    *call)
{
  VhuVringState state = { .index = call->queue, .num = call->base };

  self->queues[call->queue].setup.base = call->base;
  vhu_message_append (&call->reply, &state, sizeof state);
}

gboolean
vhu_session_get_vring_base (VhuSession  *self,
                            VhuCall     *call,
                            GError     **error)
{
  VhuVringState message;
  VhuQueueState *state;

  state = read_state (self, call, &message, error);
  if (state == NULL)
    return FALSE;

  call->queue = message.index;
  call->base = state->setup.base;
  call->finish = finish_get_vring_base;
  stop_queue (state, FALSE, &call->base, call->transaction);
  return TRUE;
}

/* Splits an event message; *@event is NULL where the front-end gives none. */
static VhuQueueState *
read_event (VhuSession   *self,
            VhuCall      *call,
            VhuEventUse   use,
            VhuEvent    **event,
            guint        *index,
            GError      **error)
{
  VhuQueueState *state;
  gboolean has_fd;

  if (!vhu_message_read_vring_event (&call->message, index, &has_fd, error))
    return NULL;
  state = find_queue (self, *index, error);
  if (state == NULL)
    return NULL;

  *event = NULL;
  if (has_fd)
    {
      *event = vhu_event_new_take (vhu_message_steal_fd (&call->message, 0), use, error);
      if (*event == NULL)
        return NULL;
    }
  return state;
}

gboolean
vhu_session_set_vring_kick (VhuSession  *self,
                            VhuCall     *call,
                            GError     **error)
{
  VhuEvent *event;
  VhuQueueState *state;
  guint index;

  state = read_event (self, call, VHU_EVENT_READ, &event, &index, error);
  if (state == NULL)
    return FALSE;

  g_clear_pointer (&state->kick, vhu_event_unref);
  state->kick = event;
  state->has_kick = TRUE;
  if (state->armed)
    vhu_queue_set_kick (state->queue, state->kick, call->transaction);
  else
    vhu_session_try_arm (self, index);
  return TRUE;
}

typedef void (*SetEventFunc) (VhuQueue       *queue,
                              VhuEvent       *event,
                              VhuTransaction *transaction);

static gboolean
set_written_event (VhuSession    *self,
                   VhuCall       *call,
                   SetEventFunc   set_event,
                   GError       **error)
{
  g_autoptr(VhuEvent) event = NULL;
  VhuQueueState *state;
  guint index;

  state = read_event (self, call, VHU_EVENT_WRITE, &event, &index, error);
  if (state == NULL)
    return FALSE;

  set_event (state->queue, event, call->transaction);
  return TRUE;
}

gboolean
vhu_session_set_vring_call (VhuSession  *self,
                            VhuCall     *call,
                            GError     **error)
{
  return set_written_event (self, call, vhu_queue_set_call, error);
}

gboolean
vhu_session_set_vring_err (VhuSession  *self,
                           VhuCall     *call,
                           GError     **error)
{
  return set_written_event (self, call, vhu_queue_set_error, error);
}

gboolean
vhu_session_set_vring_enable (VhuSession  *self,
                              VhuCall     *call,
                              GError     **error)
{
  VhuVringState message;
  VhuQueueState *state;

  state = read_state (self, call, &message, error);
  if (state == NULL)
    return FALSE;

  if (message.num > 1)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
                   "queue %u is enabled with %u, which may be 0 or 1",
                   message.index, message.num);
      return FALSE;
    }
  state->enabled = message.num != 0;
  vhu_queue_set_enabled (state->queue, state->enabled, call->transaction);
  return TRUE;
}

static void
finish_reset_owner (VhuSession *self,
                    VhuCall    *call)
{
  self->has_owner = FALSE;
}

/* An old message whose effect was never quite agreed upon. Rings stop and are
 * disabled; what was negotiated stays. */
gboolean
vhu_session_reset_owner (VhuSession  *self,
                         VhuCall     *call,
                         GError     **error)
{
  if (!vhu_message_read_empty (&call->message, error))
    return FALSE;

  call->finish = finish_reset_owner;
  vhu_session_stop_all (self, FALSE, call->transaction);
  vhu_session_enable_all (self, FALSE);
  return TRUE;
}

static void
finish_reset_device (VhuSession *self,
                     VhuCall    *call)
{
  for (guint i = 0; i < self->n_queues; i++)
    {
      VhuQueueState *state = &self->queues[i];

      memset (&state->setup, 0, sizeof state->setup);
      state->has_size = FALSE;
      state->has_addresses = FALSE;
    }
  vhu_backend_reset (self->backend);
}

gboolean
vhu_session_reset_device (VhuSession  *self,
                          VhuCall     *call,
                          GError     **error)
{
  if (!vhu_message_read_empty (&call->message, error))
    return FALSE;

  call->finish = finish_reset_device;
  vhu_session_stop_all (self, TRUE, call->transaction);
  vhu_session_enable_all (self, FALSE);
  return TRUE;
}
