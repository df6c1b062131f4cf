/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-blk-engine-private.h"
#include "vhu-blk-store-private.h"

#include <errno.h>

#if HAVE_LIBURING

#include <liburing.h>

#define N_ENTRIES 256u
#define RETRY_AFTER_US 1000

/* One io_uring for all rings of a context. Its own descriptor is polled, which
 * is readable while completions wait: no eventfd has to be read. */
typedef struct
{
  VhuBlkEngine parent;

  struct io_uring ring;
  GSource *source;
  gboolean has_fixed_file;
  int fd;

  /* The kernel has room for so many completions. */
  guint n_under_way;
  guint limit;
  VhuBlkIo *first_waiting;
  VhuBlkIo **last_waiting;

  /* For what the kernel has no operation for, or would refuse. */
  VhuBlkEngine *slow;
} VhuBlkUring;

typedef struct
{
  GSource source;
  VhuBlkUring *engine;
} UringSource;

static void
prepare_transfer (VhuBlkUring         *self,
                  struct io_uring_sqe *sqe,
                  VhuBlkIo            *io)
{
  guint n_iov;
  const struct iovec *iov = vhu_blk_io_next (io, &n_iov);

  if (io->op == VHU_BLK_OP_READ)
    {
      if (n_iov == 1)
        io_uring_prep_read (sqe, self->fd, iov->iov_base, iov->iov_len,
                            io->offset);
      else
        io_uring_prep_readv (sqe, self->fd, iov, n_iov, io->offset);
      return;
    }

  if (n_iov == 1)
    io_uring_prep_write (sqe, self->fd, iov->iov_base, iov->iov_len,
                         io->offset);
  else
    io_uring_prep_writev (sqe, self->fd, iov, n_iov, io->offset);
  if ((io->flags & VHU_BLK_IO_DURABLE) != 0)
    sqe->rw_flags = RWF_DSYNC;
}

/* FALSE if the submission queue is full and the kernel takes nothing. */
static gboolean
prepare (VhuBlkUring *self,
         VhuBlkIo    *io)
{
  struct io_uring_sqe *sqe = io_uring_get_sqe (&self->ring);

  if (sqe == NULL && io_uring_submit (&self->ring) > 0)
    sqe = io_uring_get_sqe (&self->ring);
  if (sqe == NULL)
    return FALSE;

  prepare_transfer (self, sqe, io);
  if (self->has_fixed_file)
    sqe->flags |= IOSQE_FIXED_FILE;
  io_uring_sqe_set_data (sqe, io);
  self->n_under_way++;

  return TRUE;
}

static void
enqueue (VhuBlkUring *self,
         VhuBlkIo    *io)
{
  if (self->first_waiting == NULL && self->n_under_way < self->limit &&
      prepare (self, io))
    return;

  io->next = NULL;
  *self->last_waiting = io;
  self->last_waiting = &io->next;
}

static void
prepare_waiting (VhuBlkUring *self)
{
  while (self->first_waiting != NULL && self->n_under_way < self->limit)
    {
      VhuBlkIo *next = self->first_waiting->next;

      if (!prepare (self, self->first_waiting))
        return;
      self->first_waiting = next;
      if (next == NULL)
        self->last_waiting = &self->first_waiting;
    }
}

/* A flush waits in a thread either way, and the store has to see it fail. */
static gboolean
uring_submit (VhuBlkEngine *engine,
              VhuBlkIo     *io)
{
  VhuBlkUring *self = (VhuBlkUring *) engine;
  const VhuBlkTraits *traits = vhu_blk_store_get_traits (engine->store);

  if ((io->op != VHU_BLK_OP_READ && io->op != VHU_BLK_OP_WRITE) ||
      (traits->memory_alignment > 1 &&
       !vhu_blk_io_is_aligned (io, traits->memory_alignment)))
    return self->slow->ops->submit (self->slow, io);

  enqueue (self, io);
  return FALSE;
}

static void
end_io (VhuBlkUring *self,
        VhuBlkIo    *io,
        int          error)
{
  io->error = error;
  self->parent.owner->done (io, self->parent.owner_data);
}

/* A pool thread waits and has other ways where this one is refused. */
static void
retry_slowly (VhuBlkUring *self,
              VhuBlkIo    *io)
{
  if (self->slow->ops->submit (self->slow, io))
    self->parent.owner->done (io, self->parent.owner_data);
}

static void
handle_completion (VhuBlkUring *self,
                   VhuBlkIo    *io,
                   int          result)
{
  switch (result)
    {
    case -EINTR:
      enqueue (self, io);
      return;
    case -EAGAIN:
    case -EINVAL:
    case -EOPNOTSUPP:
      retry_slowly (self, io);
      return;
    default:
      break;
    }

  if (result < 0)
    {
      end_io (self, io, -result);
      return;
    }

  /* Nothing at all means that the file is shorter than it was. */
  vhu_blk_io_advance (io, result);
  if (io->left == 0 || result == 0)
    end_io (self, io, io->left == 0 ? 0 : EIO);
  else
    enqueue (self, io);
}

static gboolean
reap (VhuBlkUring *self)
{
  struct io_uring_cqe *cqe;
  gboolean any = FALSE;

  while (io_uring_peek_cqe (&self->ring, &cqe) == 0)
    {
      VhuBlkIo *io = io_uring_cqe_get_data (cqe);
      int result = cqe->res;

      io_uring_cqe_seen (&self->ring, cqe);
      self->n_under_way--;
      handle_completion (self, io, result);
      any = TRUE;
    }

  return any;
}

/* FALSE if the kernel takes nothing now; then it is asked again soon. */
static gboolean
submit_prepared (VhuBlkUring *self)
{
  if (io_uring_sq_ready (&self->ring) == 0 ||
      io_uring_submit (&self->ring) >= 0)
    return TRUE;

  g_source_set_ready_time (self->source,
                           g_get_monotonic_time () + RETRY_AFTER_US);
  return FALSE;
}

/* One system call for the batch, and whatever ended in it is taken at once.
 * That may leave the rest of a transfer to submit, or make room for others. */
static void
uring_flush (VhuBlkEngine *engine)
{
  VhuBlkUring *self = (VhuBlkUring *) engine;
  gboolean any = FALSE;
  gboolean more = TRUE;

  while (more)
    {
      prepare_waiting (self);
      more = submit_prepared (self);
      if (reap (self))
        any = TRUE;
      else
        more = FALSE;
    }

  if (any)
    engine->owner->batch_done (engine->owner_data);
}

static gboolean
has_work (VhuBlkUring *self)
{
  return io_uring_cq_ready (&self->ring) > 0;
}

static gboolean
uring_source_prepare (GSource *source,
                      gint    *timeout)
{
  *timeout = -1;
  return has_work (((UringSource *) source)->engine);
}

static gboolean
uring_source_dispatch (GSource     *source,
                       GSourceFunc  callback,
                       gpointer     user_data)
{
  VhuBlkUring *self = ((UringSource *) source)->engine;

  g_source_set_ready_time (source, -1);
  uring_flush (&self->parent);

  return G_SOURCE_CONTINUE;
}

static GSourceFuncs uring_source_funcs = {
  .prepare = uring_source_prepare,
  .dispatch = uring_source_dispatch,
};

static void
uring_free (VhuBlkEngine *engine)
{
  VhuBlkUring *self = (VhuBlkUring *) engine;

  if (self->source != NULL)
    {
      g_source_destroy (self->source);
      g_source_unref (self->source);
    }
  if (self->slow != NULL)
    vhu_blk_engine_free (self->slow);
  io_uring_queue_exit (&self->ring);
  g_free (self);
}

static const VhuBlkEngineOps uring_ops = {
  .submit = uring_submit,
  .flush = uring_flush,
  .free = uring_free,
};

/* The flags are newer than io_uring itself and only make it cheaper. */
static int
init_ring (struct io_uring *ring)
{
  struct io_uring_params params = {
    .flags = IORING_SETUP_CLAMP | IORING_SETUP_CQSIZE |
             IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SINGLE_ISSUER,
    .cq_entries = 16 * N_ENTRIES,
  };
  int result = io_uring_queue_init_params (N_ENTRIES, ring, &params);

  if (result != -EINVAL)
    return result;

  params = (struct io_uring_params) {
    .flags = IORING_SETUP_CLAMP | IORING_SETUP_CQSIZE,
    .cq_entries = 16 * N_ENTRIES,
  };

  return io_uring_queue_init_params (N_ENTRIES, ring, &params);
}

/* 0 or a negative errno. */
static int
try_ring (struct io_uring *ring)
{
  struct io_uring_sqe *sqe = io_uring_get_sqe (ring);
  struct io_uring_cqe *cqe;
  int result;

  if (sqe == NULL)
    return -EBUSY;

  io_uring_prep_nop (sqe);
  result = io_uring_submit (ring);
  if (result >= 0)
    result = io_uring_wait_cqe (ring, &cqe);
  if (result >= 0)
    io_uring_cqe_seen (ring, cqe);

  return result;
}

/* A ring that can be had is of no use where a filter denies to submit. */
static int
open_ring (struct io_uring *ring)
{
  int result = init_ring (ring);

  if (result < 0)
    return result;

  result = try_ring (ring);
  if (result < 0)
    io_uring_queue_exit (ring);

  return result;
}

static void
attach_source (VhuBlkUring  *self,
               GMainContext *context)
{
  self->source = g_source_new (&uring_source_funcs, sizeof (UringSource));
  ((UringSource *) self->source)->engine = self;
  g_source_set_static_name (self->source, "vhu-blk io_uring");
  g_source_add_unix_fd (self->source, self->ring.ring_fd, G_IO_IN);
  g_source_attach (self->source, context);
}

VhuBlkEngine *
vhu_blk_engine_uring_new (VhuBlkStore             *store,
                          GMainContext            *context,
                          const VhuBlkEngineOwner *owner,
                          gpointer                 owner_data,
                          GError                 **error)
{
  VhuBlkUring *self = g_new0 (VhuBlkUring, 1);
  int result = open_ring (&self->ring);

  if (result < 0)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (-result),
                   "%s", g_strerror (-result));
      g_free (self);
      return NULL;
    }

  self->parent.ops = &uring_ops;
  self->parent.store = store;
  self->parent.owner = owner;
  self->parent.owner_data = owner_data;
  self->limit = *self->ring.cq.kring_entries;
  self->last_waiting = &self->first_waiting;
  self->slow = vhu_blk_engine_threads_new (store, context, owner, owner_data);

  self->fd = vhu_blk_store_get_traits (store)->fd;
  self->has_fixed_file =
    io_uring_register_files (&self->ring, &self->fd, 1) == 0;
  if (self->has_fixed_file)
    self->fd = 0;
  attach_source (self, context);

  return &self->parent;
}

/* Whether this process may have an io_uring at all: containers often may not. */
gboolean
vhu_blk_engine_uring_probe (GError **error)
{
  struct io_uring ring;
  int result = open_ring (&ring);

  if (result < 0)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (-result),
                   "%s", g_strerror (-result));
      return FALSE;
    }

  io_uring_queue_exit (&ring);
  return TRUE;
}

#else

VhuBlkEngine *
vhu_blk_engine_uring_new (VhuBlkStore             *store,
                          GMainContext            *context,
                          const VhuBlkEngineOwner *owner,
                          gpointer                 owner_data,
                          GError                 **error)
{
  vhu_blk_engine_uring_probe (error);

  return NULL;
}

gboolean
vhu_blk_engine_uring_probe (GError **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                       "built without liburing");

  return FALSE;
}

#endif
