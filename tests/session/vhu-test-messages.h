/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <vhu/vhu.h>

G_BEGIN_DECLS

/* Messages as bytes. The numbers and layouts are written down here once more,
 * from the specification: what the library believes about them is what is
 * tested. */

enum
{
  VHU_TEST_GET_FEATURES = 1,
  VHU_TEST_SET_FEATURES = 2,
  VHU_TEST_SET_OWNER = 3,
  VHU_TEST_RESET_OWNER = 4,
  VHU_TEST_SET_MEM_TABLE = 5,
  VHU_TEST_SET_VRING_NUM = 8,
  VHU_TEST_SET_VRING_ADDR = 9,
  VHU_TEST_SET_VRING_BASE = 10,
  VHU_TEST_GET_VRING_BASE = 11,
  VHU_TEST_SET_VRING_KICK = 12,
  VHU_TEST_SET_VRING_CALL = 13,
  VHU_TEST_SET_VRING_ERR = 14,
  VHU_TEST_GET_PROTOCOL_FEATURES = 15,
  VHU_TEST_SET_PROTOCOL_FEATURES = 16,
  VHU_TEST_GET_QUEUE_NUM = 17,
  VHU_TEST_SET_VRING_ENABLE = 18,
  VHU_TEST_SET_BACKEND_REQ_FD = 21,
  VHU_TEST_GET_CONFIG = 24,
  VHU_TEST_SET_CONFIG = 25,
  VHU_TEST_RESET_DEVICE = 34,
  VHU_TEST_GET_MAX_MEM_SLOTS = 36,
  VHU_TEST_ADD_MEM_REG = 37,
  VHU_TEST_REM_MEM_REG = 38
};

#define VHU_TEST_PLAIN 0x1      /* version 1 */
#define VHU_TEST_NEED_REPLY 0x9 /* and an acknowledgement is asked for */
#define VHU_TEST_REPLY 0x5
#define VHU_TEST_NOFD 0x100

#define VHU_TEST_BIT(n) (G_GUINT64_CONSTANT (1) << (n))

typedef struct
{
  guint32 index;
  guint32 num;
} VhuTestVringState;

typedef struct
{
  guint32 index;
  guint32 flags;
  guint64 desc;
  guint64 used;
  guint64 avail;
  guint64 log;
} VhuTestVringAddress;

typedef struct
{
  guint64 guest_address;
  guint64 size;
  guint64 user_address;
  guint64 mmap_offset;
} VhuTestRegion;

typedef struct
{
  guint32 offset;
  guint32 size;
  guint32 flags;
  guint8 data[4096 - 12];
} VhuTestConfig;

/* Sends a request with @flags; -1 for no descriptor. */
void    vhu_test_send           (VhuFrontend         *frontend,
                                 guint                request,
                                 guint                flags,
                                 gconstpointer        payload,
                                 gsize                size,
                                 int                  fd);
void    vhu_test_send_fds       (VhuFrontend         *frontend,
                                 guint                request,
                                 guint                flags,
                                 gconstpointer        payload,
                                 gsize                size,
                                 const int           *fds,
                                 guint                n_fds);
/* The next reply, which must be one to @request. */
GBytes *vhu_test_receive        (VhuFrontend         *frontend,
                                 guint                request);
guint64 vhu_test_receive_u64    (VhuFrontend         *frontend,
                                 guint                request);

/* Asks for an acknowledgement and expects that of success, or of failure. */
void    vhu_test_expect_taken   (VhuFrontend         *frontend,
                                 guint                request,
                                 gconstpointer        payload,
                                 gsize                size,
                                 int                  fd);
void    vhu_test_expect_refused (VhuFrontend         *frontend,
                                 guint                request,
                                 gconstpointer        payload,
                                 gsize                size,
                                 int                  fd);
/* Expects that nothing was answered so far: asks something else and gets the
 * answer to that. */
void    vhu_test_expect_silence (VhuFrontend         *frontend);
void    vhu_test_expect_closed  (VhuFrontend         *frontend);

/* As above, for memory. */
void    vhu_test_describe       (VhuFrontend         *frontend,
                                 guint                number,
                                 VhuTestRegion       *region);
guint64 vhu_test_send_regions   (VhuFrontend         *frontend,
                                 const VhuTestRegion *regions,
                                 guint                n_regions,
                                 const int           *fds,
                                 guint                n_fds);
guint64 vhu_test_send_region    (VhuFrontend         *frontend,
                                 guint                request,
                                 const VhuTestRegion *region,
                                 int                  fd);

G_END_DECLS
