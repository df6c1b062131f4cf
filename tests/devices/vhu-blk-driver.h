/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <vhu/vhu.h>

#include <linux/virtio_blk.h>

G_BEGIN_DECLS

/* Room for the data of one request. */
#define VHU_BLK_DRIVER_ROOM (256u << 10)
#define VHU_BLK_DRIVER_POISON 0xee

/* VhuBlkDriver: the least of a virtio-blk driver, which lays out its requests as
 * it is told. One request at a time; where the device may write it leaves
 * poison. */
typedef struct
{
  VhuFrontend *frontend;
  VhuDriverQueue *queue;
  gsize piece; /* how large descriptors are, or 0 for one for each part */

  guint64 out_address;
  guint64 in_address;
  guint8 *out; /* header and data */
  guint8 *in;  /* data and status */
  guint32 used_length;
} VhuBlkDriver;

/* A started queue of @frontend, which is connected and nothing else. */
void   vhu_blk_driver_init     (VhuBlkDriver *self,
                                VhuFrontend  *frontend);
void   vhu_blk_driver_clear    (VhuBlkDriver *self);

/* Sends a chain of so many bytes as they stand in @out; the last byte of @in, or
 * poison. */
guint8 vhu_blk_driver_send     (VhuBlkDriver *self,
                                gsize         out_size,
                                gsize         in_size);
/* The same, with header and status around the data; returns the status. */
guint8 vhu_blk_driver_request  (VhuBlkDriver *self,
                                guint32       type,
                                guint64       sector,
                                gsize         out_size,
                                gsize         in_size);
guint8 vhu_blk_driver_write    (VhuBlkDriver *self,
                                guint64       sector,
                                gsize         size,
                                guint8        byte);
/* That all bytes there are @byte. */
void   vhu_blk_driver_expect   (VhuBlkDriver *self,
                                guint64       sector,
                                gsize         size,
                                guint8        byte);
void   vhu_blk_driver_segment  (VhuBlkDriver *self,
                                guint         index,
                                guint64       sector,
                                guint32       n_sectors,
                                guint32       flags);

void   vhu_blk_driver_config   (VhuBlkDriver             *self,
                                struct virtio_blk_config *config);
void   vhu_blk_driver_set_wce  (VhuBlkDriver *self,
                                gboolean      wce);

G_END_DECLS
