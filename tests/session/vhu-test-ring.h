/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <vhu/vhu.h>

G_BEGIN_DECLS

/* A queue whose messages the test sends one by one, in the order that it likes
 * and with event descriptors that it can get at. The driver's side polls. */
typedef struct
{
  VhuFrontend *frontend;
  VhuDriverQueue *queue;
  guint index;
  guint size;
  int kick;
  int call;
  int error;
} VhuTestRing;

#define VHU_TEST_RING_INIT { .kick = -1, .call = -1, .error = -1 }

/* Makes the ring in guest memory; nothing is sent. */
void     vhu_test_ring_init           (VhuTestRing *self,
                                       VhuFrontend *frontend,
                                       guint        index,
                                       guint        size);
void     vhu_test_ring_clear          (VhuTestRing *self);

/* One message each, which has to be taken. */
void     vhu_test_ring_send_num       (VhuTestRing *self);
void     vhu_test_ring_send_base      (VhuTestRing *self,
                                       guint        base);
void     vhu_test_ring_send_addresses (VhuTestRing *self);
void     vhu_test_ring_send_kick      (VhuTestRing *self);
void     vhu_test_ring_send_call      (VhuTestRing *self);
void     vhu_test_ring_send_error     (VhuTestRing *self);
void     vhu_test_ring_send_enable    (VhuTestRing *self,
                                       gboolean     enabled);
/* Size, base 0, addresses, error and call, but no kick. */
void     vhu_test_ring_prepare        (VhuTestRing *self);
/* All of that, the kick, and enables it. */
void     vhu_test_ring_start          (VhuTestRing *self);
guint    vhu_test_ring_stop           (VhuTestRing *self);

/* Makes a request available that is to be echoed; nobody is woken. */
void     vhu_test_ring_submit         (VhuTestRing *self,
                                       const char  *text);
void     vhu_test_ring_signal_kick    (VhuTestRing *self);
/* Waits for the oldest answer, which must be @text. */
void     vhu_test_ring_expect         (VhuTestRing *self,
                                       const char  *text);
/* Gives the ring's thread every opportunity to answer, which it must not take.
 * Serves for no more than that: it cannot wait for something not to happen. */
void     vhu_test_ring_expect_nothing (VhuTestRing *self);
/* Submits, wakes and expects. */
void     vhu_test_ring_echo           (VhuTestRing *self,
                                       const char  *text);

/* An eventfd that never blocks us. */
int      vhu_test_event_new           (void);
void     vhu_test_event_signal        (int          fd);
gboolean vhu_test_event_is_signalled  (int          fd);
/* Waits until it is signalled, and takes that. */
void     vhu_test_event_wait          (int          fd);
/* Waits until the other side has taken it. */
void     vhu_test_event_wait_taken    (int          fd);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (VhuTestRing, vhu_test_ring_clear)

G_END_DECLS
