/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-worker.h"

#include <string.h>
#include <sys/eventfd.h>

#include "vhu-error.h"
#include "vhu-fd-private.h"

/* The kernel keeps 15 bytes and refuses more. */
#define THREAD_NAME_MAX 15

/**
 * VhuWorker:
 *
 * A thread that runs a [struct@GLib.MainContext] of its own.
 *
 * Queues are served on workers, so that the thread that started a server stays
 * free. The context is the thread's thread-default one, and it exists before the
 * thread does: sources may be attached as soon as the worker is made.
 *
 * The thread ends with [method@Worker.stop], or when the worker is disposed of,
 * which is the same. It does not keep the worker alive.
 *
 * Since: 0.1
 */

/* What the thread and the object share. The thread must not hold the object: its
 * last reference would never go. */
typedef struct
{
  gatomicrefcount ref_count;
  GMainContext *context;
  int stopping; /* atomic */

  GMutex mutex;
  gboolean ended;   /* nobody runs the context any more */
  GQueue pending;   /* GSource, of functions that have not ended */
} WorkerState;

typedef struct
{
  WorkerState *state;
  GSource *source;
  GList link;       /* in state->pending */
  gboolean pending;
  GSourceFunc func;
  gpointer user_data;
  GDestroyNotify notify;
} Invocation;

struct _VhuWorker
{
  GObject parent_instance;

  char *name;
  WorkerState *state;
  GThread *thread; /* atomic */
};

enum
{
  PROP_0,
  PROP_NAME,
  N_PROPS
};

static GParamSpec *properties[N_PROPS];

static void vhu_worker_initable_iface_init (GInitableIface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (VhuWorker, vhu_worker, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_INITABLE,
                                                      vhu_worker_initable_iface_init))

static WorkerState *
worker_state_new (void)
{
  WorkerState *state = g_new0 (WorkerState, 1);

  g_atomic_ref_count_init (&state->ref_count);
  g_mutex_init (&state->mutex);
  g_queue_init (&state->pending);
  state->context = g_main_context_new ();

  return state;
}

static WorkerState *
worker_state_ref (WorkerState *state)
{
  g_atomic_ref_count_inc (&state->ref_count);
  return state;
}

static void
worker_state_unref (WorkerState *state)
{
  if (!g_atomic_ref_count_dec (&state->ref_count))
    return;

  g_main_context_unref (state->context);
  g_mutex_clear (&state->mutex);
  g_free (state);
}

static gboolean
invocation_dispatch_cb (gpointer user_data)
{
  Invocation *invocation = user_data;

  return invocation->func (invocation->user_data);
}

static void
invocation_free_cb (gpointer user_data)
{
  Invocation *invocation = user_data;
  WorkerState *state = invocation->state;

  g_mutex_lock (&state->mutex);
  if (invocation->pending)
    g_queue_unlink (&state->pending, &invocation->link);
  g_mutex_unlock (&state->mutex);

  if (invocation->notify != NULL)
    invocation->notify (invocation->user_data);

  worker_state_unref (state);
  g_free (invocation);
}

static GSource *
steal_pending (WorkerState *state)
{
  GSource *source = NULL;
  Invocation *invocation;

  g_mutex_lock (&state->mutex);
  state->ended = TRUE;
  invocation = g_queue_peek_head (&state->pending);
  if (invocation != NULL)
    source = g_source_ref (invocation->source);
  g_mutex_unlock (&state->mutex);

  return source;
}

/* Nobody will run what is left: others may hold the context for long, and what
 * the functions refer to must not live as long as that. */
static void
drop_pending_in_worker (WorkerState *state)
{
  GSource *source;

  while ((source = steal_pending (state)) != NULL)
    {
      g_source_destroy (source);
      g_source_unref (source);
    }
}

static gpointer
run_in_worker (gpointer user_data)
{
  WorkerState *state = user_data;

  g_main_context_push_thread_default (state->context);

  /* A GMainLoop forgets a quit that comes before its run. */
  while (!g_atomic_int_get (&state->stopping))
    g_main_context_iteration (state->context, TRUE);

  drop_pending_in_worker (state);
  g_main_context_pop_thread_default (state->context);
  worker_state_unref (state);

  return NULL;
}

/* GLib aborts the process when it gets no descriptor for a new context. Another
 * thread may still take them between this look and that; what is left is to do
 * as well as one can. */
static gboolean
descriptors_are_left (GError **error)
{
  vhu_autofd int first = eventfd (0, EFD_CLOEXEC);
  vhu_autofd int second = eventfd (0, EFD_CLOEXEC);

  if (first >= 0 && second >= 0)
    return TRUE;

  g_set_error (error, VHU_ERROR, VHU_ERROR_FAILED,
               "no descriptors are left for another thread: %s", g_strerror (errno));
  return FALSE;
}

static char *
make_thread_name (const char *name)
{
  const char *end;

  g_utf8_validate (name, MIN (strlen (name), THREAD_NAME_MAX), &end);
  return g_strndup (name, end - name);
}

static gboolean
vhu_worker_initable_init (GInitable     *initable,
                          GCancellable  *cancellable,
                          GError       **error)
{
  VhuWorker *self = VHU_WORKER (initable);
  g_autofree char *thread_name = make_thread_name (self->name);

  if (self->state != NULL)
    return TRUE;

  if (!descriptors_are_left (error))
    return FALSE;

  self->state = worker_state_new ();
  self->thread = g_thread_try_new (thread_name, run_in_worker,
                                   worker_state_ref (self->state), error);
  if (self->thread == NULL)
    {
      worker_state_unref (self->state);
      g_clear_pointer (&self->state, worker_state_unref);
      return FALSE;
    }

  return TRUE;
}

static void
vhu_worker_initable_iface_init (GInitableIface *iface)
{
  iface->init = vhu_worker_initable_init;
}

static void
vhu_worker_get_property (GObject    *object,
                         guint       prop_id,
                         GValue     *value,
                         GParamSpec *pspec)
{
  VhuWorker *self = VHU_WORKER (object);

  switch (prop_id)
    {
    case PROP_NAME:
      g_value_set_string (value, self->name);
      break;

    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
vhu_worker_set_property (GObject      *object,
                         guint         prop_id,
                         const GValue *value,
                         GParamSpec   *pspec)
{
  VhuWorker *self = VHU_WORKER (object);

  switch (prop_id)
    {
    case PROP_NAME:
      self->name = g_value_dup_string (value);
      if (self->name == NULL)
        self->name = g_strdup ("vhu-worker");
      break;

    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
vhu_worker_dispose (GObject *object)
{
  vhu_worker_stop (VHU_WORKER (object));

  G_OBJECT_CLASS (vhu_worker_parent_class)->dispose (object);
}

static void
vhu_worker_finalize (GObject *object)
{
  VhuWorker *self = VHU_WORKER (object);

  g_clear_pointer (&self->state, worker_state_unref);
  g_clear_pointer (&self->name, g_free);

  G_OBJECT_CLASS (vhu_worker_parent_class)->finalize (object);
}

static void
vhu_worker_class_init (VhuWorkerClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->get_property = vhu_worker_get_property;
  object_class->set_property = vhu_worker_set_property;
  object_class->dispose = vhu_worker_dispose;
  object_class->finalize = vhu_worker_finalize;

  /**
   * VhuWorker:name:
   *
   * The name of the thread, for debuggers and `top`; the kernel keeps its first
   * 15 bytes.
   *
   * Since: 0.1
   */
  properties[PROP_NAME] =
    g_param_spec_string ("name", NULL, NULL,
                         "vhu-worker",
                         G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY |
                         G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY);

  g_object_class_install_properties (object_class, N_PROPS, properties);
}

static void
vhu_worker_init (VhuWorker *self)
{
}

/**
 * vhu_worker_new:
 * @name: what the thread is called; the kernel keeps the first 15 bytes
 * @error: return location for an error
 *
 * Makes a worker and starts its thread.
 *
 * Fails when the process has no thread or descriptor left.
 *
 * Returns: (transfer full): a new worker, or %NULL with an error
 *
 * Since: 0.1
 */
VhuWorker *
vhu_worker_new (const char  *name,
                GError     **error)
{
  g_return_val_if_fail (name != NULL, NULL);

  return g_initable_new (VHU_TYPE_WORKER, NULL, error, "name", name, NULL);
}

/**
 * vhu_worker_get_name:
 * @self: a worker
 *
 * Gets the name in full. May be called from any thread.
 *
 * Returns: (transfer none): the name
 *
 * Since: 0.1
 */
const char *
vhu_worker_get_name (VhuWorker *self)
{
  g_return_val_if_fail (VHU_IS_WORKER (self), NULL);

  return self->name;
}

/**
 * vhu_worker_get_context:
 * @self: a worker
 *
 * Gets the context that the thread runs. May be called from any thread.
 *
 * After a stop nothing runs it any more.
 *
 * Returns: (transfer none): the context
 *
 * Since: 0.1
 */
GMainContext *
vhu_worker_get_context (VhuWorker *self)
{
  g_return_val_if_fail (VHU_IS_WORKER (self), NULL);
  g_return_val_if_fail (self->state != NULL, NULL);

  return self->state->context;
}

static void
attach_invocation (WorkerState *state,
                   Invocation  *invocation)
{
  g_mutex_lock (&state->mutex);
  if (!state->ended)
    {
      invocation->pending = TRUE;
      g_queue_push_tail_link (&state->pending, &invocation->link);
      g_source_attach (invocation->source, state->context);
    }
  g_mutex_unlock (&state->mutex);
}

/**
 * vhu_worker_invoke:
 * @self: a worker
 * @func: (scope notified) (closure user_data) (destroy notify): what to run
 * @user_data: data for @func
 * @notify: (nullable): frees @user_data
 *
 * Runs a function on the worker's thread, as a source of default priority.
 *
 * Functions run in the order of these calls, never within the call, also when it
 * is made on the thread itself. A function that returns %G_SOURCE_CONTINUE is
 * called again. What has not run when the thread ends does not run at all; only
 * @notify is called then, on the worker's thread, or at once on the caller's if
 * the thread had ended before.
 *
 * May be called from any thread.
 *
 * Since: 0.1
 */
void
vhu_worker_invoke (VhuWorker      *self,
                   GSourceFunc     func,
                   gpointer        user_data,
                   GDestroyNotify  notify)
{
  g_autoptr(GSource) source = NULL;
  Invocation *invocation;

  g_return_if_fail (VHU_IS_WORKER (self));
  g_return_if_fail (self->state != NULL);
  g_return_if_fail (func != NULL);

  source = g_idle_source_new ();
  g_source_set_static_name (source, "vhu-worker-invoke");
  g_source_set_priority (source, G_PRIORITY_DEFAULT);

  invocation = g_new0 (Invocation, 1);
  invocation->state = worker_state_ref (self->state);
  invocation->source = source;
  invocation->link.data = invocation;
  invocation->func = func;
  invocation->user_data = user_data;
  invocation->notify = notify;
  g_source_set_callback (source, invocation_dispatch_cb, invocation,
                         invocation_free_cb);

  /* If the thread has ended the source goes with our reference, and calls
   * @notify. */
  attach_invocation (self->state, invocation);
}

/**
 * vhu_worker_stop:
 * @self: a worker
 *
 * Ends the thread and waits for its end.
 *
 * The function that it runs at the moment is finished first. On the worker's own
 * thread this does not wait: the thread ends by itself when the caller has
 * returned to the context. Stopping twice does nothing.
 *
 * May be called from any thread; when several do so at a time, one of them
 * waits.
 *
 * Since: 0.1
 */
void
vhu_worker_stop (VhuWorker *self)
{
  GThread *thread;

  g_return_if_fail (VHU_IS_WORKER (self));

  if (self->state == NULL)
    return;

  g_atomic_int_set (&self->state->stopping, TRUE);
  g_main_context_wakeup (self->state->context);

  do
    thread = g_atomic_pointer_get (&self->thread);
  while (thread != NULL &&
         !g_atomic_pointer_compare_and_exchange (&self->thread, thread, NULL));

  if (thread == g_thread_self ())
    g_thread_unref (thread);
  else if (thread != NULL)
    g_thread_join (thread);
}
