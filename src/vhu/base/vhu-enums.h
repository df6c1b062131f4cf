/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

#include "vhu-version-macros.h"

G_BEGIN_DECLS

/**
 * VhuFeature:
 * @VHU_FEATURE_NOTIFY_ON_EMPTY: legacy devices only
 * @VHU_FEATURE_LOG_ALL: pages that the device writes are logged (migration)
 * @VHU_FEATURE_ANY_LAYOUT: legacy devices only
 * @VHU_FEATURE_INDIRECT_DESC: descriptors may point to tables of descriptors
 * @VHU_FEATURE_EVENT_IDX: both sides say at which index they want to be woken
 * @VHU_FEATURE_PROTOCOL_FEATURES: vhost-user's own features can be negotiated
 * @VHU_FEATURE_VERSION_1: the device follows virtio 1.0 or later
 * @VHU_FEATURE_ACCESS_PLATFORM: addresses are translated by an IOMMU
 * @VHU_FEATURE_RING_PACKED: the packed ring layout
 * @VHU_FEATURE_IN_ORDER: the device uses buffers in the order they were made
 *   available
 * @VHU_FEATURE_ORDER_PLATFORM: memory accesses are ordered as the platform
 *   orders them
 * @VHU_FEATURE_NOTIFICATION_DATA: the driver passes data with a kick
 * @VHU_FEATURE_RING_RESET: the driver may reset a single queue
 *
 * Bit numbers of the virtio features that belong to the transport and the
 * rings, not to a kind of device (virtio 1.3, section 6). The bits of a kind of
 * device stand in the kernel's `linux/virtio_*.h`.
 *
 * Since: 0.1
 */
typedef enum
{
  VHU_FEATURE_NOTIFY_ON_EMPTY = 24,
  VHU_FEATURE_LOG_ALL = 26,
  VHU_FEATURE_ANY_LAYOUT = 27,
  VHU_FEATURE_INDIRECT_DESC = 28,
  VHU_FEATURE_EVENT_IDX = 29,
  VHU_FEATURE_PROTOCOL_FEATURES = 30,
  VHU_FEATURE_VERSION_1 = 32,
  VHU_FEATURE_ACCESS_PLATFORM = 33,
  VHU_FEATURE_RING_PACKED = 34,
  VHU_FEATURE_IN_ORDER = 35,
  VHU_FEATURE_ORDER_PLATFORM = 36,
  VHU_FEATURE_NOTIFICATION_DATA = 38,
  VHU_FEATURE_RING_RESET = 40
} VhuFeature;

/**
 * VhuProtocolFeature:
 * @VHU_PROTOCOL_FEATURE_MQ: the number of queues can be asked for
 * @VHU_PROTOCOL_FEATURE_LOG_SHMFD: the dirty log is shared memory
 * @VHU_PROTOCOL_FEATURE_RARP: the device can announce its address (net)
 * @VHU_PROTOCOL_FEATURE_REPLY_ACK: any request can be acknowledged
 * @VHU_PROTOCOL_FEATURE_MTU: the device can be told its MTU (net)
 * @VHU_PROTOCOL_FEATURE_BACKEND_REQ: the back-end has a channel of its own to
 *   the front-end
 * @VHU_PROTOCOL_FEATURE_CROSS_ENDIAN: rings of the other byte order (legacy)
 * @VHU_PROTOCOL_FEATURE_CRYPTO_SESSION: crypto sessions
 * @VHU_PROTOCOL_FEATURE_PAGEFAULT: postcopy migration
 * @VHU_PROTOCOL_FEATURE_CONFIG: the back-end keeps the configuration space
 * @VHU_PROTOCOL_FEATURE_BACKEND_SEND_FD: descriptors travel on the back-end
 *   channel
 * @VHU_PROTOCOL_FEATURE_HOST_NOTIFIER: doorbell pages for queues
 * @VHU_PROTOCOL_FEATURE_INFLIGHT_SHMFD: requests in flight are recorded in
 *   shared memory, to survive a crash of the back-end
 * @VHU_PROTOCOL_FEATURE_RESET_DEVICE: the device can be reset
 * @VHU_PROTOCOL_FEATURE_INBAND_NOTIFICATIONS: kicks and calls as messages
 * @VHU_PROTOCOL_FEATURE_CONFIGURE_MEM_SLOTS: memory regions come and go one
 *   by one
 * @VHU_PROTOCOL_FEATURE_STATUS: the driver's status is passed on
 * @VHU_PROTOCOL_FEATURE_XEN_MMAP: Xen's memory mappings
 * @VHU_PROTOCOL_FEATURE_SHARED_OBJECT: dma-buf objects shared between devices
 * @VHU_PROTOCOL_FEATURE_DEVICE_STATE: the device's internal state migrates
 *
 * Bit numbers of vhost-user's protocol features, as QEMU's document
 * `docs/interop/vhost-user.rst` gives them.
 *
 * Since: 0.1
 */
typedef enum
{
  VHU_PROTOCOL_FEATURE_MQ = 0,
  VHU_PROTOCOL_FEATURE_LOG_SHMFD = 1,
  VHU_PROTOCOL_FEATURE_RARP = 2,
  VHU_PROTOCOL_FEATURE_REPLY_ACK = 3,
  VHU_PROTOCOL_FEATURE_MTU = 4,
  VHU_PROTOCOL_FEATURE_BACKEND_REQ = 5,
  VHU_PROTOCOL_FEATURE_CROSS_ENDIAN = 6,
  VHU_PROTOCOL_FEATURE_CRYPTO_SESSION = 7,
  VHU_PROTOCOL_FEATURE_PAGEFAULT = 8,
  VHU_PROTOCOL_FEATURE_CONFIG = 9,
  VHU_PROTOCOL_FEATURE_BACKEND_SEND_FD = 10,
  VHU_PROTOCOL_FEATURE_HOST_NOTIFIER = 11,
  VHU_PROTOCOL_FEATURE_INFLIGHT_SHMFD = 12,
  VHU_PROTOCOL_FEATURE_RESET_DEVICE = 13,
  VHU_PROTOCOL_FEATURE_INBAND_NOTIFICATIONS = 14,
  VHU_PROTOCOL_FEATURE_CONFIGURE_MEM_SLOTS = 15,
  VHU_PROTOCOL_FEATURE_STATUS = 16,
  VHU_PROTOCOL_FEATURE_XEN_MMAP = 17,
  VHU_PROTOCOL_FEATURE_SHARED_OBJECT = 18,
  VHU_PROTOCOL_FEATURE_DEVICE_STATE = 19
} VhuProtocolFeature;

/**
 * VhuChainResult:
 * @VHU_CHAIN_RESULT_FAILED: the request failed; the device's error status is
 *   written for it and the chain goes back to the driver. It is 0, because that
 *   is what a language binding yields when the script raised an error.
 * @VHU_CHAIN_RESULT_DONE: the request is finished; the chain is completed with
 *   as many bytes as were written through it, unless that was done already
 * @VHU_CHAIN_RESULT_PENDING: the device keeps the chain and completes it later
 *
 * What became of a chain in [vfunc@Backend.process_chain].
 *
 * Since: 0.1
 */
typedef enum
{
  VHU_CHAIN_RESULT_FAILED = 0,
  VHU_CHAIN_RESULT_DONE = 1,
  VHU_CHAIN_RESULT_PENDING = 2
} VhuChainResult;

/**
 * VhuLockMode:
 * @VHU_LOCK_MODE_MUTEX: one call into the device at a time
 * @VHU_LOCK_MODE_READ_WRITE: pure getters may run side by side; everything
 *   else runs alone, and a waiting writer goes before new readers
 *
 * How a [class@BackendLocked] guards the device that it wraps.
 *
 * Since: 0.1
 */
typedef enum
{
  VHU_LOCK_MODE_MUTEX,
  VHU_LOCK_MODE_READ_WRITE
} VhuLockMode;

/**
 * VhuConfigOrigin:
 * @VHU_CONFIG_ORIGIN_DRIVER: the guest's driver wrote a field
 * @VHU_CONFIG_ORIGIN_MIGRATION: the front-end restores the space after a
 *   migration
 *
 * Why the configuration space was written.
 *
 * Since: 0.1
 */
typedef enum
{
  VHU_CONFIG_ORIGIN_DRIVER = 0,
  VHU_CONFIG_ORIGIN_MIGRATION = 1
} VhuConfigOrigin;

G_END_DECLS
