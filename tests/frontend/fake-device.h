/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "fake-backend.h"
#include "vhu-driver-queue.h"
#include "vhu-error.h"
#include "vhu-fd-private.h"

G_BEGIN_DECLS

#define BIT(n) (G_GUINT64_CONSTANT (1) << (n))
#define EVENT_IDX BIT (29)
#define NEXT 1
#define WRITE 2
#define INDIRECT 4

/* The rings as the specification has them, laid out by hand. */
typedef struct
{
  guint64 address;
  guint32 length;
  guint16 flags;
  guint16 next;
} FakeDesc;

/* A front-end with a queue, and the device that looks at the same rings: the test
 * plays both. */
typedef struct
{
  FakeBackend *backend;
  VhuFrontend *frontend;
  VhuDriverQueue *queue;
  guint size;
  GError *error;

  /* The device's view. */
  FakeDesc *desc;
  guint16 *avail; /* flags, index, ring[], used_event */
  guint16 *used;  /* flags, index, ring of two guint32, avail_event */
  guint16 last_avail;
} FakeDevice;

/* @test is zero; the queue is number 1 and not started. */
void     fake_device_init                (FakeDevice *test,
                                          guint       size,
                                          guint64     features);
void     fake_device_set_up              (FakeDevice    *test,
                                          gconstpointer  features);
void     fake_device_tear_down           (FakeDevice    *test,
                                          gconstpointer  unused);
/* Submits a chain of buffers of 100, 101, ... bytes at 0x1000, 0x2000, ... */
int      fake_device_submit              (FakeDevice *test,
                                          guint       n_readable,
                                          guint       n_writable);
/* What a device does: takes the next head, and returns one. */
guint16  fake_device_pop                 (FakeDevice *test);
guint32 *fake_device_used_element        (FakeDevice *test,
                                          guint       index);
void     fake_device_push                (FakeDevice *test,
                                          guint32     id,
                                          guint32     length);
void     fake_device_set_avail_event     (FakeDevice *test,
                                          guint16     event);
void     fake_device_assert_desc         (const FakeDesc *desc,
                                          guint64         address,
                                          guint32         length,
                                          guint16         flags);
/* What the driver must see. */
void     fake_device_assert_pops         (FakeDevice *test,
                                          guint       expected_id,
                                          guint32     expected_length);
void     fake_device_assert_pops_nothing (FakeDevice *test);

G_END_DECLS
