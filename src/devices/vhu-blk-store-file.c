/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-blk-store-file-private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <glib/gi18n-lib.h>

/**
 * VhuBlkStoreFile:
 *
 * Keeps the data in a file or on a block device.
 *
 * Since: 0.1
 */
G_DEFINE_TYPE (VhuBlkStoreFile, vhu_blk_store_file, VHU_TYPE_BLK_STORE)

static gboolean
set_errno_error (VhuBlkStoreFile  *self,
                 const char       *what,
                 GError          **error)
{
  int code = errno;

  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code),
               "%s: %s: %s", self->path, what, g_strerror (code));

  return FALSE;
}

static gboolean
vhu_blk_store_file_refresh (VhuBlkStore  *store,
                            GError      **error)
{
  VhuBlkStoreFile *self = VHU_BLK_STORE_FILE (store);
  struct stat st;
  guint64 size = 0;

  if (self->is_device)
    {
      if (ioctl (self->fd, BLKGETSIZE64, &size) < 0)
        return set_errno_error (self, _("cannot get its size"), error);
    }
  else
    {
      if (fstat (self->fd, &st) < 0)
        return set_errno_error (self, _("cannot get its size"), error);
      size = st.st_size;
    }

  vhu_blk_store_set_size (store, size);
  return TRUE;
}

static void
vhu_blk_store_file_finalize (GObject *object)
{
  VhuBlkStoreFile *self = VHU_BLK_STORE_FILE (object);

  /* The threads of the pool may be in the middle of an I/O; the parent waits
   * for them. */
  int fd = self->fd;

  g_free (self->path);
  G_OBJECT_CLASS (vhu_blk_store_file_parent_class)->finalize (object);

  if (fd >= 0)
    close (fd);
}

static void
vhu_blk_store_file_class_init (VhuBlkStoreFileClass *klass)
{
  VhuBlkStoreClass *store_class = VHU_BLK_STORE_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = vhu_blk_store_file_finalize;
  store_class->execute = vhu_blk_store_file_execute;
  store_class->refresh = vhu_blk_store_file_refresh;
}

static void
vhu_blk_store_file_init (VhuBlkStoreFile *self)
{
  self->fd = -1;
  self->memory_alignment = 1;
}

/* O_NONBLOCK, so that a FIFO is refused and not waited for. On a file it would
 * make io_uring give up where it should wait, and goes again. */
static gboolean
open_file (VhuBlkStoreFile  *self,
           gboolean          read_only,
           GError          **error)
{
  struct stat st;
  int flags = read_only ? O_RDONLY : O_RDWR;

  self->fd = open (self->path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (self->fd < 0)
    return set_errno_error (self, read_only ? _("cannot open it for reading")
                                            : _("cannot open it for writing"),
                            error);

  if (fstat (self->fd, &st) < 0)
    return set_errno_error (self, _("cannot get its size"), error);

  self->is_device = S_ISBLK (st.st_mode);
  if (!self->is_device && !S_ISREG (st.st_mode))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_REGULAR_FILE,
                   _("%s: neither a regular file nor a block device"),
                   self->path);
      return FALSE;
    }

  if (self->direct)
    flags |= O_DIRECT;
  if (fcntl (self->fd, F_SETFL, flags) < 0)
    return set_errno_error (self, _("no direct I/O here"), error);

  return TRUE;
}

static gboolean
is_on_memory_file_system (VhuBlkStoreFile *self)
{
  struct statfs fs;

  return !self->is_device && fstatfs (self->fd, &fs) == 0 &&
         (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
}

/* Punching a hole where there is nothing changes nothing, and tells whether it
 * can be done. */
static gboolean
can_punch (VhuBlkStoreFile *self)
{
  guint64 end = vhu_blk_store_get_size (VHU_BLK_STORE (self));

  return fallocate (self->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                    (end + 4095) & ~G_GUINT64_CONSTANT (4095), 4096) == 0;
}

static void
measure_device (VhuBlkStoreFile *self,
                VhuBlkTraits    *traits)
{
  int logical = 512;
  guint physical = 0;
  guint min_io = 0;
  guint opt_io = 0;
  int offset = 0;

  if (ioctl (self->fd, BLKSSZGET, &logical) == 0 && logical > 0)
    traits->logical_block_size = logical;
  if (ioctl (self->fd, BLKPBSZGET, &physical) == 0)
    traits->physical_block_size = physical;
  if (ioctl (self->fd, BLKIOMIN, &min_io) == 0)
    traits->min_io_size = min_io;
  if (ioctl (self->fd, BLKIOOPT, &opt_io) == 0)
    traits->opt_io_size = opt_io;
  if (ioctl (self->fd, BLKALIGNOFF, &offset) == 0 && offset > 0)
    traits->alignment_offset = offset;

  traits->discard_granularity = traits->physical_block_size;
  traits->can_discard = !traits->read_only;
  traits->can_write_zeroes = !traits->read_only;
  traits->may_unmap = FALSE;
}

static void
measure_file (VhuBlkStoreFile *self,
              VhuBlkTraits    *traits)
{
  struct stat st;

  traits->physical_block_size = 4096;
  if (fstat (self->fd, &st) == 0 && st.st_blksize >= 512 &&
      st.st_blksize <= 65536)
    traits->physical_block_size = st.st_blksize;
  traits->min_io_size = traits->physical_block_size;

  traits->discard_granularity = traits->physical_block_size;
  traits->can_discard = !traits->read_only && can_punch (self);
  traits->can_write_zeroes = !traits->read_only;
  traits->may_unmap = traits->can_discard;
}

/* What direct I/O demands of offsets and of memory. Some kernels want the length
 * of each buffer to be a multiple of the former too. */
static gboolean
measure_direct (VhuBlkStoreFile  *self,
                VhuBlkTraits     *traits,
                guint             offset_alignment,
                GError          **error)
{
#ifdef STATX_DIOALIGN
  struct statx stx;

  if (statx (self->fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &stx) == 0 &&
      (stx.stx_mask & STATX_DIOALIGN) != 0 && stx.stx_dio_offset_align > 0)
    {
      offset_alignment = stx.stx_dio_offset_align;
      self->memory_alignment = MAX (stx.stx_dio_mem_align, offset_alignment);
    }
  else
#endif
    self->memory_alignment = 4096;

  if (offset_alignment > traits->logical_block_size)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                   _("%s: direct I/O needs logical blocks of %u bytes here, "
                     "not %u"),
                   self->path, offset_alignment, traits->logical_block_size);
      return FALSE;
    }

  traits->memory_alignment = self->memory_alignment;
  return TRUE;
}

static gboolean
measure (VhuBlkStoreFile  *self,
         VhuBlkTraits     *traits,
         guint             logical_block_size,
         GError          **error)
{
  guint64 size;
  guint own_block_size;

  if (!vhu_blk_store_file_refresh (VHU_BLK_STORE (self), error))
    return FALSE;

  if (self->is_device)
    measure_device (self, traits);
  else
    measure_file (self, traits);

  own_block_size = traits->logical_block_size;
  if (logical_block_size != 0)
    traits->logical_block_size = logical_block_size;
  if (self->direct && !measure_direct (self, traits, own_block_size, error))
    return FALSE;

  size = vhu_blk_store_get_size (VHU_BLK_STORE (self));
  if (size < traits->logical_block_size)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                   _("%s: %llu bytes are too short, a disk has at least one "
                     "block of %u bytes"),
                   self->path, (unsigned long long) size, traits->logical_block_size);
      return FALSE;
    }

  return TRUE;
}

/**
 * vhu_blk_store_file_new:
 * @path: of the file or block device
 * @read_only: whether it is opened for reading only
 * @direct: whether the page cache of the host is left out
 * @logical_block_size: in bytes, or 0 for the device's own
 *
 * Opens a file or a block device.
 *
 * Returns: (transfer full): the store
 *
 * Since: 0.1
 */
VhuBlkStore *
vhu_blk_store_file_new (const char  *path,
                        gboolean     read_only,
                        gboolean     direct,
                        guint        logical_block_size,
                        GError     **error)
{
  g_autoptr(VhuBlkStoreFile) self = NULL;
  VhuBlkTraits traits;

  g_return_val_if_fail (path != NULL, NULL);

  self = g_object_new (VHU_TYPE_BLK_STORE_FILE, NULL);
  self->path = g_strdup (path);
  self->direct = direct;
  if (!open_file (self, read_only, error))
    return NULL;

  traits = *vhu_blk_store_get_traits (VHU_BLK_STORE (self));
  traits.read_only = read_only;
  if (!measure (self, &traits, logical_block_size, error))
    return NULL;

  traits.fd = self->fd;
  traits.in_memory = is_on_memory_file_system (self);
  traits.try_no_wait = !direct;
  vhu_blk_store_set_traits (VHU_BLK_STORE (self), &traits);

  return VHU_BLK_STORE (g_steal_pointer (&self));
}
