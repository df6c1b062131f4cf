/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <vhu/vhu.h>

G_BEGIN_DECLS

/* A device that echoes what it reads, and counts what it is told. It offers all
 * features that there are, and what it counted as its driver's doing is zero after
 * a reset. What it does with chains can be changed by a test at any time. */
typedef enum
{
  VHU_TEST_ECHO,     /* writes back what it reads, at once */
  VHU_TEST_HOLD,     /* keeps chains in `held` */
  VHU_TEST_FAIL,     /* says that chains failed */
  VHU_TEST_SLOW,     /* echoes, and needs 300 us for each */
  VHU_TEST_DROP,     /* lets go of chains without completing them */
  VHU_TEST_LATER,    /* echoes from a source of its own on the ring's context */
  VHU_TEST_NEST      /* runs a nested main loop until `leave_nested` */
} VhuTestMode;

#define VHU_TYPE_TEST_BACKEND (vhu_test_backend_get_type ())
G_DECLARE_FINAL_TYPE (VhuTestBackend, vhu_test_backend, VHU, TEST_BACKEND, VhuBackend)

#define VHU_TEST_N_QUEUES 2
#define VHU_TEST_QUEUE_SIZE 256
#define VHU_TEST_FAIL_BYTE 0xee

/* The configuration space: zeros, then these bytes, of which the driver may
 * write some. */
#define VHU_TEST_CONFIG_OFFSET 0x20
#define VHU_TEST_CONFIG "\x11\x22\x33\x44\x55\x66\x77\x88"
#define VHU_TEST_CONFIG_SIZE 8
#define VHU_TEST_WRITABLE_OFFSET 0x22
#define VHU_TEST_WRITABLE_SIZE 4

struct _VhuTestBackend
{
  VhuBackend parent_instance;

  int mode;             /* atomic, a VhuTestMode */
  GMutex mutex;
  GPtrArray *held;      /* of VhuChain, with the mutex */
  gboolean park;        /* on vring_stopping, else complete */
  gboolean ignore_stop; /* keep holding */
  gboolean take_iov;    /* of chains that are held */
  int leave_nested;     /* atomic */
  int refuse_config;    /* atomic: what is written to the configuration */
  int refuse_memory;    /* atomic: changes of the memory */
  int config_origin;    /* atomic: the last VhuConfigOrigin */
  int event_idx;        /* atomic: what was told last, zero after a reset */

  /* atomic */
  int n_opened;
  int n_closed;
  int n_negotiated;
  int n_event_idx;
  int n_memory;
  int n_config;
  int n_channels;
  int n_reset;
  int n_started;
  int n_stopping;
  int n_stopped;
  int n_processed;      /* zero after a reset */
  int n_failed;
  int n_nested;
  int n_iterations;
};

VhuTestBackend *vhu_test_backend_new             (void);
VhuTestBackend *vhu_test_backend_new_with_queues (guint           n_queues);
void            vhu_test_backend_complete_held   (VhuTestBackend *self);

G_END_DECLS
