/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "vhu-blk-store-file.h"
#include "vhu-blk-store-private.h"

G_BEGIN_DECLS

struct _VhuBlkStoreFile
{
  VhuBlkStore parent_instance;

  char *path;
  int fd;
  gboolean is_device;
  gboolean direct;
  guint memory_alignment;

  /* What the file turned out not to know, so that it is not asked for each
   * request; atomic, and wrong only for a moment. */
  gint no_nowait_read;
  gint no_nowait_write;
  gint no_dsync;
  gint no_zero_range;

  /* Why a flush failed; atomic, and 0 until then. */
  gint flush_error;
};

/* The requests; everything else is about opening the file. */
int vhu_blk_store_file_execute (VhuBlkStore    *store,
                                VhuBlkIo       *io,
                                VhuBlkPatience  patience);

G_END_DECLS
