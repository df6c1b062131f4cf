/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The numbers and layouts of the vhost-user protocol. Everything is in the
 * byte order of the host: both ends run on one machine.
 * Names follow QEMU's docs/interop/vhost-user.rst. */

#define VHU_HEADER_SIZE 12

#define VHU_FLAG_VERSION 0x1u
#define VHU_FLAG_VERSION_MASK 0x3u
#define VHU_FLAG_REPLY 0x4u
#define VHU_FLAG_NEED_REPLY 0x8u
/* A reply carries exactly this: QEMU drops the device on anything else. */
#define VHU_FLAGS_OF_REPLY (VHU_FLAG_VERSION | VHU_FLAG_REPLY)

/* The largest payload that is read; every legal message is smaller. */
#define VHU_MAX_PAYLOAD 4096
/* Descriptors with one message: as many as a memory table has regions. */
#define VHU_MAX_FDS 8
/* Regions in SET_MEM_TABLE, where no slots are negotiated. */
#define VHU_MAX_TABLE_REGIONS 8
/* Regions when they are added one by one; QEMU refuses to reconnect to less. */
#define VHU_MAX_MEM_SLOTS 509
#define VHU_MAX_CONFIG_SIZE 256
#define VHU_MAX_QUEUE_SIZE 32768

/* In the u64 of SET_VRING_KICK, _CALL and _ERR. */
#define VHU_VRING_INDEX_MASK 0xffu
#define VHU_VRING_NOFD_MASK 0x100u

/* VhuVringAddress.flags */
#define VHU_VRING_ADDRESS_LOG 0x1u

#define VHU_BIT(n) (G_GUINT64_CONSTANT (1) << (n))

/* Requests of the front-end. */
typedef enum
{
  VHU_REQUEST_NONE = 0,
  VHU_REQUEST_GET_FEATURES = 1,
  VHU_REQUEST_SET_FEATURES = 2,
  VHU_REQUEST_SET_OWNER = 3,
  VHU_REQUEST_RESET_OWNER = 4,
  VHU_REQUEST_SET_MEM_TABLE = 5,
  VHU_REQUEST_SET_LOG_BASE = 6,
  VHU_REQUEST_SET_LOG_FD = 7,
  VHU_REQUEST_SET_VRING_NUM = 8,
  VHU_REQUEST_SET_VRING_ADDR = 9,
  VHU_REQUEST_SET_VRING_BASE = 10,
  VHU_REQUEST_GET_VRING_BASE = 11,
  VHU_REQUEST_SET_VRING_KICK = 12,
  VHU_REQUEST_SET_VRING_CALL = 13,
  VHU_REQUEST_SET_VRING_ERR = 14,
  VHU_REQUEST_GET_PROTOCOL_FEATURES = 15,
  VHU_REQUEST_SET_PROTOCOL_FEATURES = 16,
  VHU_REQUEST_GET_QUEUE_NUM = 17,
  VHU_REQUEST_SET_VRING_ENABLE = 18,
  VHU_REQUEST_SEND_RARP = 19,
  VHU_REQUEST_NET_SET_MTU = 20,
  VHU_REQUEST_SET_BACKEND_REQ_FD = 21,
  VHU_REQUEST_IOTLB_MSG = 22,
  VHU_REQUEST_SET_VRING_ENDIAN = 23,
  VHU_REQUEST_GET_CONFIG = 24,
  VHU_REQUEST_SET_CONFIG = 25,
  VHU_REQUEST_CREATE_CRYPTO_SESSION = 26,
  VHU_REQUEST_CLOSE_CRYPTO_SESSION = 27,
  VHU_REQUEST_POSTCOPY_ADVISE = 28,
  VHU_REQUEST_POSTCOPY_LISTEN = 29,
  VHU_REQUEST_POSTCOPY_END = 30,
  VHU_REQUEST_GET_INFLIGHT_FD = 31,
  VHU_REQUEST_SET_INFLIGHT_FD = 32,
  VHU_REQUEST_GPU_SET_SOCKET = 33,
  VHU_REQUEST_RESET_DEVICE = 34,
  VHU_REQUEST_VRING_KICK = 35,
  VHU_REQUEST_GET_MAX_MEM_SLOTS = 36,
  VHU_REQUEST_ADD_MEM_REG = 37,
  VHU_REQUEST_REM_MEM_REG = 38,
  VHU_REQUEST_SET_STATUS = 39,
  VHU_REQUEST_GET_STATUS = 40,
  VHU_REQUEST_GET_SHARED_OBJECT = 41,
  VHU_REQUEST_SET_DEVICE_STATE_FD = 42,
  VHU_REQUEST_CHECK_DEVICE_STATE = 43,
  VHU_REQUEST_GET_SHMEM_CONFIG = 44
} VhuRequest;

/* Requests of the back-end, on the channel from SET_BACKEND_REQ_FD. */
typedef enum
{
  VHU_BACKEND_REQUEST_IOTLB_MSG = 1,
  VHU_BACKEND_REQUEST_CONFIG_CHANGE_MSG = 2,
  VHU_BACKEND_REQUEST_VRING_HOST_NOTIFIER_MSG = 3,
  VHU_BACKEND_REQUEST_VRING_CALL = 4,
  VHU_BACKEND_REQUEST_VRING_ERR = 5,
  VHU_BACKEND_REQUEST_SHARED_OBJECT_ADD = 6,
  VHU_BACKEND_REQUEST_SHARED_OBJECT_REMOVE = 7,
  VHU_BACKEND_REQUEST_SHARED_OBJECT_LOOKUP = 8,
  VHU_BACKEND_REQUEST_SHMEM_MAP = 9,
  VHU_BACKEND_REQUEST_SHMEM_UNMAP = 10
} VhuBackendRequest;

/* SET_VRING_NUM, _BASE, _ENABLE, GET_VRING_BASE */
typedef struct
{
  guint32 index;
  guint32 num;
} VhuVringState;

/* SET_VRING_ADDR; mind the order: used comes before avail. */
typedef struct
{
  guint32 index;
  guint32 flags;
  guint64 desc_user_address;
  guint64 used_user_address;
  guint64 avail_user_address;
  guint64 log_guest_address;
} VhuVringAddress;

/* One region in SET_MEM_TABLE, ADD_MEM_REG and REM_MEM_REG. */
typedef struct
{
  guint64 guest_address;
  guint64 size;
  guint64 user_address;
  guint64 mmap_offset;
} VhuRegionDescription;

/* ADD_MEM_REG, REM_MEM_REG */
typedef struct
{
  guint64 padding;
  VhuRegionDescription region;
} VhuSingleRegion;

/* The head of SET_MEM_TABLE; the regions follow. */
typedef struct
{
  guint32 n_regions;
  guint32 padding;
  VhuRegionDescription regions[VHU_MAX_TABLE_REGIONS];
} VhuMemoryTable;

/* GET_CONFIG, SET_CONFIG; @size bytes follow the head. */
typedef struct
{
  guint32 offset;
  guint32 size;
  guint32 flags;
  guint8 data[VHU_MAX_CONFIG_SIZE];
} VhuConfigPayload;

#define VHU_CONFIG_HEAD_SIZE 12

G_STATIC_ASSERT (sizeof (VhuVringState) == 8);
G_STATIC_ASSERT (sizeof (VhuVringAddress) == 40);
G_STATIC_ASSERT (sizeof (VhuRegionDescription) == 32);
G_STATIC_ASSERT (sizeof (VhuSingleRegion) == 40);
G_STATIC_ASSERT (G_STRUCT_OFFSET (VhuMemoryTable, regions) == 8);
G_STATIC_ASSERT (G_STRUCT_OFFSET (VhuConfigPayload, data) == VHU_CONFIG_HEAD_SIZE);

/* "SET_MEM_TABLE", or "request 77" in a static per-thread buffer. */
const char *vhu_request_to_string         (guint32 request);
const char *vhu_backend_request_to_string (guint32 request);

G_END_DECLS
