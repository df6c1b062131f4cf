/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-queue-private.h"

#include "vhu-backend-private.h"
#include "vhu-debug-private.h"
#include "vhu-error.h"

/* How often a ring without a kick descriptor is looked at, in milliseconds. */
#define POLL_INTERVAL_MS 1

/* One thing that the control side asked for. */
typedef struct _Command Command;
/* Runs on the ring's thread; FALSE if finish_command() follows later. */
typedef gboolean (*CommandFunc) (VhuQueue *self,
                                 Command  *command);

struct _Command
{
  CommandFunc func;
  VhuQueue *queue;
  VhuTransaction *transaction;

  VhuVringSetup setup;
  VhuMemory *memory;
  VhuMemoryRegion *region;
  VhuEvent *event;
  guint64 features;
  gboolean flag;
  guint32 *base;
};

struct _VhuQueue
{
  gatomicrefcount ref_count;
  guint index;
  VhuBackend *backend;
  VhuRingThread *thread;
  const VhuQueueOwner *owner;
  gpointer owner_data;
  guint drain_timeout_ms;

  /* From here on the ring's thread only. */
  VhuVring *vring;
  VhuKickWatch *watch;
  VhuEvent *kick;
  VhuEvent *call;
  VhuEvent *error_event;
  VhuVringSetup setup;
  VhuMemory *memory;
  gboolean armed;
  gboolean started;
  gboolean start_failed;
  GSource *poll_timer; /* while armed without a kick descriptor */

  GQueue commands;   /* of Command; the head runs */
  gboolean running;  /* the head has begun and is not finished */
  gboolean drained;  /* what the running command waits for has happened */
  GSource *drain_timer;
  VhuLogGate log_gate;
};

static void run_commands (VhuQueue *self);

static void
command_free (Command *command)
{
  g_clear_pointer (&command->memory, vhu_memory_unref);
  g_clear_pointer (&command->region, vhu_memory_region_unref);
  g_clear_pointer (&command->event, vhu_event_unref);
  vhu_queue_unref (command->queue);
  g_free (command);
}

/* What the ring tells us. */

static void
vring_wake_cb (VhuVring *vring,
               gpointer  user_data)
{
  VhuQueue *self = user_data;

  vhu_kick_watch_wake (self->watch);
}

static void
vring_call_cb (VhuVring *vring,
               gpointer  user_data)
{
  VhuQueue *self = user_data;

  if (self->call != NULL)
    vhu_event_signal (self->call);
}

static void
vring_broken_cb (VhuVring     *vring,
                 const GError *error,
                 gpointer      user_data)
{
  VhuQueue *self = user_data;

  vhu_log_peer (&self->log_gate, "%s queue %u is broken: %s",
                vhu_backend_get_kind (self->backend), self->index, error->message);
  if (self->error_event != NULL)
    vhu_event_signal (self->error_event);
  self->owner->broken (self->index, error, self->owner_data);
}

static void
vring_fail_cb (VhuVring *vring,
               VhuChain *chain,
               gpointer  user_data)
{
  VhuQueue *self = user_data;

  vhu_backend_count_error (self->backend);
  vhu_backend_fail_chain (self->backend, vring, chain);
}

/* The last chain may have come back from within the device's own code: what
 * follows runs from the kick source, when that code has returned. */
static void
vring_drained_cb (VhuVring *vring,
                  gpointer  user_data)
{
  VhuQueue *self = user_data;

  self->drained = TRUE;
  vhu_kick_watch_mark_ready (self->watch);
}

static const VhuVringOwner vring_owner = {
  .wake = vring_wake_cb,
  .call = vring_call_cb,
  .broken = vring_broken_cb,
  .fail = vring_fail_cb,
  .drained = vring_drained_cb,
};

/* Serving the ring. */

static gboolean
ensure_started (VhuQueue *self)
{
  g_autoptr(GError) error = NULL;

  if (self->started)
    return TRUE;
  if (self->start_failed)
    return FALSE;

  if (!vhu_vring_start (self->vring, &self->setup, self->memory, &error))
    {
      self->start_failed = TRUE;
      vring_broken_cb (self->vring, error, self);
      return FALSE;
    }

  VHU_TRACE (VHU_DEBUG_RINGS, "queue %u starts: %u descriptors, base %u",
             self->index, self->setup.size, self->setup.base);
  self->started = TRUE;
  vhu_vring_begin_service (self->vring);
  vhu_backend_vring_started (self->backend, self->vring);
  vhu_vring_end_service (self->vring);
  return TRUE;
}

static gboolean
can_serve (VhuQueue *self)
{
  return self->started && !self->running && vhu_vring_get_enabled (self->vring) &&
         !vhu_vring_get_broken (self->vring);
}

/* Looks at the ring, whether or not a kick came. */
static void
serve (VhuQueue *self)
{
  if (!self->armed || self->running || !ensure_started (self) || !can_serve (self))
    return;

  vhu_vring_begin_service (self->vring);
  vhu_backend_process_queue (self->backend, self->vring);
  vhu_vring_end_service (self->vring);
}

static void
watch_dispatch_cb (gpointer user_data)
{
  VhuQueue *self = user_data;

  /* The watch lives as long as we do, but a command may close us. */
  vhu_queue_ref (self);

  vhu_vring_collect (self->vring);
  serve (self);
  run_commands (self);
  if (can_serve (self) && vhu_vring_has_work (self->vring))
    vhu_kick_watch_mark_ready (self->watch);

  vhu_queue_unref (self);
}

static gboolean
watch_peek_cb (gpointer user_data)
{
  VhuQueue *self = user_data;

  return can_serve (self) && vhu_vring_has_work (self->vring);
}

static void
watch_died_cb (gpointer user_data)
{
  VhuQueue *self = user_data;

  vhu_log_peer (&self->log_gate, "the kick descriptor of queue %u died", self->index);
  g_clear_pointer (&self->kick, vhu_event_unref);
}

static const VhuKickFuncs watch_funcs = {
  .dispatch = watch_dispatch_cb,
  .peek = watch_peek_cb,
  .died = watch_died_cb,
};

/* Asking. */

static void
finish_command (VhuQueue *self)
{
  Command *command = g_queue_pop_head (&self->commands);
  VhuTransaction *transaction = command->transaction;

  self->running = FALSE;
  vhu_vring_release (self->vring);
  command_free (command);
  vhu_transaction_release (transaction);
}

static void finish_drain (VhuQueue *self);

/* Runs what was asked, unless the device is in the middle of something: a nested
 * main loop can bring us here from inside of process_queue(). */
static void
run_commands (VhuQueue *self)
{
  if (vhu_vring_in_service (self->vring))
    return;

  if (self->running && self->drained)
    finish_drain (self);

  while (!self->running && !g_queue_is_empty (&self->commands))
    {
      Command *command = g_queue_peek_head (&self->commands);

      self->running = TRUE;
      if (command->func (self, command))
        finish_command (self);
      else if (self->drained)
        finish_drain (self);
    }
}

/* After a command the ring is looked at once: kicks may have come meanwhile. */
static void
command_arrived (Command *command)
{
  VhuQueue *self = vhu_queue_ref (command->queue);

  if (self->watch == NULL)
    self->watch = vhu_kick_watch_new (self->thread->kicks, &watch_funcs, self);
  g_queue_push_tail (&self->commands, command);
  run_commands (self);
  if (self->watch != NULL && can_serve (self) && vhu_vring_has_work (self->vring))
    vhu_kick_watch_mark_ready (self->watch);

  vhu_queue_unref (self);
}

static gboolean
command_arrived_cb (gpointer user_data)
{
  command_arrived (user_data);
  return G_SOURCE_REMOVE;
}

static Command *
command_new (VhuQueue       *self,
             CommandFunc     func,
             VhuTransaction *transaction)
{
  Command *command = g_new0 (Command, 1);

  command->func = func;
  command->queue = vhu_queue_ref (self);
  command->transaction = transaction;
  vhu_transaction_hold (transaction);
  return command;
}

/* Rings in the control context are asked directly; all others by a source in
 * their context, before anything else that waits there. */
static void
ask (VhuQueue *self,
     Command  *command)
{
  g_autoptr(GSource) source = NULL;

  vhu_vring_interrupt (self->vring);
  if (self->thread->worker == NULL)
    {
      command_arrived (command);
      return;
    }

  source = g_idle_source_new ();
  g_source_set_priority (source, G_PRIORITY_HIGH);
  g_source_set_static_name (source, "vhu-queue-command");
  g_source_set_callback (source, command_arrived_cb, command, NULL);
  g_source_attach (source, self->thread->context);
}

/* The commands, on the ring's thread. */

static void
watch_kick (VhuQueue *self,
            VhuEvent *kick)
{
  g_autoptr(GError) error = NULL;

  g_clear_pointer (&self->kick, vhu_event_unref);
  if (vhu_kick_watch_set_event (self->watch, kick, &error))
    self->kick = kick != NULL ? vhu_event_ref (kick) : NULL;
  else
    vhu_log_peer (&self->log_gate, "the kick descriptor of queue %u cannot be watched: %s",
                  self->index, error->message);
}

static gboolean
poll_timer_cb (gpointer user_data)
{
  VhuQueue *self = user_data;

  vhu_kick_watch_mark_ready (self->watch);
  return G_SOURCE_CONTINUE;
}

/* A front-end may give no descriptor and want the ring to be watched all the
 * time. That would be a whole processor for a device that is idle, and a context
 * that is not ours would hardly get to anything else: a look now and then, and
 * without a pause only while there are requests, has to do. */
static void
poll_ring (VhuQueue *self,
           gboolean  polls)
{
  if (self->poll_timer != NULL)
    g_source_destroy (self->poll_timer);
  g_clear_pointer (&self->poll_timer, g_source_unref);
  if (!polls)
    return;

  self->poll_timer = g_timeout_source_new (POLL_INTERVAL_MS);
  g_source_set_static_name (self->poll_timer, "vhu-queue-poll");
  g_source_set_priority (self->poll_timer, g_source_get_priority (self->thread->kicks));
  g_source_set_callback (self->poll_timer, poll_timer_cb, self, NULL);
  g_source_attach (self->poll_timer, self->thread->context);
}

static gboolean
arm_in_ring (VhuQueue *self,
             Command  *command)
{
  self->setup = command->setup;
  g_clear_pointer (&self->memory, vhu_memory_unref);
  self->memory = g_steal_pointer (&command->memory);
  self->armed = TRUE;
  self->start_failed = FALSE;
  poll_ring (self, command->event == NULL);
  watch_kick (self, command->event);

  /* A front-end may put requests into the ring before it gives the kick, and
   * not every one leaves a kick behind for them. */
  if (vhu_vring_get_enabled (self->vring))
    vhu_kick_watch_mark_ready (self->watch);
  return TRUE;
}

static gboolean
set_kick_in_ring (VhuQueue *self,
                  Command  *command)
{
  poll_ring (self, command->event == NULL);
  watch_kick (self, command->event);
  vhu_kick_watch_mark_ready (self->watch);
  return TRUE;
}

static gboolean
set_call_in_ring (VhuQueue *self,
                  Command  *command)
{
  g_clear_pointer (&self->call, vhu_event_unref);
  self->call = g_steal_pointer (&command->event);
  if (self->started && self->call != NULL)
    vhu_event_signal (self->call);
  return TRUE;
}

static gboolean
set_error_in_ring (VhuQueue *self,
                   Command  *command)
{
  g_clear_pointer (&self->error_event, vhu_event_unref);
  self->error_event = g_steal_pointer (&command->event);
  if (self->error_event != NULL &&
      (self->start_failed || vhu_vring_get_broken (self->vring)))
    vhu_event_signal (self->error_event);
  return TRUE;
}

static gboolean
set_enabled_in_ring (VhuQueue *self,
                     Command  *command)
{
  vhu_vring_set_enabled (self->vring, command->flag);
  if (command->flag && self->armed)
    vhu_kick_watch_mark_ready (self->watch);
  return TRUE;
}

static gboolean
set_features_in_ring (VhuQueue *self,
                      Command  *command)
{
  self->setup.features = command->features;
  if (self->started)
    vhu_vring_set_features (self->vring, command->features);
  return TRUE;
}

static gboolean drain_timeout_cb (gpointer user_data);

static void
start_drain_timer (VhuQueue *self)
{
  self->drained = FALSE;
  self->drain_timer = g_timeout_source_new (self->drain_timeout_ms);
  g_source_set_static_name (self->drain_timer, "vhu-queue-drain");
  g_source_set_callback (self->drain_timer, drain_timeout_cb, self, NULL);
  g_source_attach (self->drain_timer, self->thread->context);
}

static gboolean
drain_timeout_cb (gpointer user_data)
{
  VhuQueue *self = user_data;
  Command *command = g_queue_peek_head (&self->commands);
  guint n_left;

  n_left = vhu_vring_revoke (self->vring, command->region);
  if (n_left > 0)
    g_message ("%s queue %u: %u requests are still under way, the oldest for %"
               G_GINT64_FORMAT " ms",
               vhu_backend_get_kind (self->backend), self->index, n_left,
               vhu_vring_get_oldest_age (self->vring) / 1000);
  return G_SOURCE_CONTINUE;
}

static gboolean
set_memory_in_ring (VhuQueue *self,
                    Command  *command)
{
  g_clear_pointer (&self->memory, vhu_memory_unref);
  self->memory = vhu_memory_ref (command->memory);
  self->start_failed = FALSE;
  if (!self->started)
    {
      if (self->armed && vhu_vring_get_enabled (self->vring))
        vhu_kick_watch_mark_ready (self->watch);
      return TRUE;
    }

  vhu_vring_set_memory (self->vring, self->memory);
  if (command->region == NULL)
    return TRUE;

  start_drain_timer (self);
  vhu_vring_wait_region (self->vring, command->region);
  return FALSE;
}

static gboolean
stop_in_ring (VhuQueue *self,
              Command  *command)
{
  gboolean was_armed = self->armed;

  self->armed = FALSE;
  poll_ring (self, FALSE);
  watch_kick (self, NULL);

  if (!self->started)
    {
      if (command->flag)
        vhu_vring_forget_parked (self->vring);
      if (command->base != NULL && was_armed)
        *command->base = self->setup.base;
      g_clear_pointer (&self->call, vhu_event_unref);
      return TRUE;
    }

  start_drain_timer (self);
  vhu_vring_begin_service (self->vring);
  vhu_backend_vring_stopping (self->backend, self->vring);
  vhu_vring_end_service (self->vring);
  vhu_vring_wait_drained (self->vring);
  return FALSE;
}

static void
finish_stop (VhuQueue *self,
             Command  *command)
{
  guint32 base = vhu_vring_stop (self->vring);

  vhu_backend_vring_stopped (self->backend, self->vring);
  if (command->flag)
    vhu_vring_forget_parked (self->vring);
  if (command->base != NULL)
    *command->base = base;
  self->started = FALSE;
  g_clear_pointer (&self->call, vhu_event_unref);
  VHU_TRACE (VHU_DEBUG_RINGS, "queue %u stopped at base %u", self->index, base);
}

static void
finish_drain (VhuQueue *self)
{
  Command *command = g_queue_peek_head (&self->commands);

  self->drained = FALSE;
  g_source_destroy (self->drain_timer);
  g_clear_pointer (&self->drain_timer, g_source_unref);
  if (command->func == stop_in_ring)
    finish_stop (self, command);
  finish_command (self);
}

static gboolean
close_in_ring (VhuQueue *self,
               Command  *command)
{
  /* First, as until then another thread that completes a chain may be on its way
   * to wake the watch. */
  vhu_vring_close (self->vring);
  g_clear_pointer (&self->watch, vhu_kick_watch_free);
  g_clear_pointer (&self->kick, vhu_event_unref);
  g_clear_pointer (&self->call, vhu_event_unref);
  g_clear_pointer (&self->error_event, vhu_event_unref);
  g_clear_pointer (&self->memory, vhu_memory_unref);
  return TRUE;
}

/* The control side. */

VhuQueue *
vhu_queue_new (VhuBackend          *backend,
               guint                index,
               VhuRingThread       *thread,
               const VhuQueueOwner *owner,
               gpointer             owner_data)
{
  VhuQueue *self = g_new0 (VhuQueue, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->index = index;
  self->backend = g_object_ref (backend);
  self->thread = vhu_ring_thread_ref (thread);
  self->owner = owner;
  self->owner_data = owner_data;
  self->vring = vhu_vring_new (index, vhu_backend_get_queue_size (backend),
                               thread->context, &vring_owner, self);
  g_queue_init (&self->commands);
  return self;
}

VhuQueue *
vhu_queue_ref (VhuQueue *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
vhu_queue_unref (VhuQueue *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  g_clear_object (&self->vring);
  g_clear_object (&self->backend);
  g_clear_pointer (&self->thread, vhu_ring_thread_unref);
  g_free (self);
}

VhuVring *
vhu_queue_get_vring (VhuQueue *self)
{
  return self->vring;
}

void
vhu_queue_set_limits (VhuQueue *self,
                      guint     drain_timeout_ms,
                      guint     budget_chains,
                      guint     budget_us)
{
  self->drain_timeout_ms = drain_timeout_ms;
  vhu_vring_set_budget (self->vring, budget_chains, budget_us);
}

static VhuEvent *
ref_event (VhuEvent *event)
{
  return event != NULL ? vhu_event_ref (event) : NULL;
}

void
vhu_queue_arm (VhuQueue            *self,
               const VhuVringSetup *setup,
               VhuMemory           *memory,
               VhuEvent            *kick,
               VhuTransaction      *transaction)
{
  Command *command = command_new (self, arm_in_ring, transaction);

  command->setup = *setup;
  command->memory = vhu_memory_ref (memory);
  command->event = ref_event (kick);
  ask (self, command);
}

static void
ask_with_event (VhuQueue       *self,
                CommandFunc     func,
                VhuEvent       *event,
                VhuTransaction *transaction)
{
  Command *command = command_new (self, func, transaction);

  command->event = ref_event (event);
  ask (self, command);
}

void
vhu_queue_set_kick (VhuQueue       *self,
                    VhuEvent       *kick,
                    VhuTransaction *transaction)
{
  ask_with_event (self, set_kick_in_ring, kick, transaction);
}

void
vhu_queue_set_call (VhuQueue       *self,
                    VhuEvent       *call,
                    VhuTransaction *transaction)
{
  ask_with_event (self, set_call_in_ring, call, transaction);
}

void
vhu_queue_set_error (VhuQueue       *self,
                     VhuEvent       *error_event,
                     VhuTransaction *transaction)
{
  ask_with_event (self, set_error_in_ring, error_event, transaction);
}

void
vhu_queue_set_enabled (VhuQueue       *self,
                       gboolean        enabled,
                       VhuTransaction *transaction)
{
  Command *command = command_new (self, set_enabled_in_ring, transaction);

  command->flag = enabled;
  ask (self, command);
}

void
vhu_queue_set_features (VhuQueue       *self,
                        guint64         features,
                        VhuTransaction *transaction)
{
  Command *command = command_new (self, set_features_in_ring, transaction);

  command->features = features;
  ask (self, command);
}

void
vhu_queue_set_memory (VhuQueue        *self,
                      VhuMemory       *memory,
                      VhuMemoryRegion *removed,
                      VhuTransaction  *transaction)
{
  Command *command = command_new (self, set_memory_in_ring, transaction);

  command->memory = vhu_memory_ref (memory);
  if (removed != NULL)
    command->region = vhu_memory_region_ref (removed);
  ask (self, command);
}

void
vhu_queue_stop (VhuQueue       *self,
                gboolean        forget,
                guint32        *base,
                VhuTransaction *transaction)
{
  Command *command = command_new (self, stop_in_ring, transaction);

  command->flag = forget;
  command->base = base;
  ask (self, command);
}

void
vhu_queue_close (VhuQueue       *self,
                 VhuTransaction *transaction)
{
  ask (self, command_new (self, close_in_ring, transaction));
}
