/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "vhu-test-messages.h"
#include "vhu-test-session.h"

G_BEGIN_DECLS

/* Guest memory that the test itself makes and describes to the back-end. The
 * front-end does not know of it. */

#define VHU_TEST_PAGE 4096

/* Guest and user addresses that no memory of the front-end's own has. */
#define VHU_TEST_ELSEWHERE G_GUINT64_CONSTANT (0x10000000000)
#define VHU_TEST_USER_ELSEWHERE G_GUINT64_CONSTANT (0x20000000000)

/* A file that may shrink. */
int           vhu_test_memory_create_file    (gsize                size);
void          vhu_test_memory_write          (int                  fd,
                                              guint64              offset,
                                              const char          *text);
void          vhu_test_memory_assert         (int                  fd,
                                              guint64              offset,
                                              const char          *text);

/* Asks the device to echo from one guest address to another. */
void          vhu_test_memory_submit         (VhuDriverQueue      *queue,
                                              guint64              from,
                                              guint64              to,
                                              guint                length);
void          vhu_test_memory_expect_used    (VhuDriverQueue      *queue,
                                              guint                expected);
/* The same, from @address to a place a little behind. Both are looked at through
 * the file, at @offset, and not through anybody's table. */
void          vhu_test_memory_echo           (VhuDriverQueue      *queue,
                                              int                  fd,
                                              guint64              address,
                                              guint64              offset,
                                              const char          *text);

/* A region that lies elsewhere. */
VhuTestRegion vhu_test_memory_region         (guint64              size,
                                              guint64              mmap_offset);
/* The memory of the queue, as it was shared; returns its file. */
int           vhu_test_memory_get_own        (VhuTestSession      *session,
                                              VhuTestRegion       *region);

/* One message each, with the answer that is expected. */
void          vhu_test_memory_add            (VhuTestSession      *session,
                                              const VhuTestRegion *region,
                                              int                  fd);
void          vhu_test_memory_remove         (VhuTestSession      *session,
                                              const VhuTestRegion *region);
void          vhu_test_memory_refuse         (VhuTestSession      *session,
                                              const VhuTestRegion *region,
                                              int                  fd);
void          vhu_test_memory_refuse_removal (VhuTestSession      *session,
                                              const VhuTestRegion *region);
/* Sends a table of the queue's own memory and @region, and returns the answer. */
guint64       vhu_test_memory_send_table     (VhuTestSession      *session,
                                              const VhuTestRegion *region,
                                              int                  fd);

G_END_DECLS
