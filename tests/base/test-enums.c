/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-enums.h"

/* Written down once more, from virtio 1.3 (section 6) and vhost-user.rst. */
static const struct
{
  int bit;
  int number;
} rows[] = {
  { VHU_FEATURE_NOTIFY_ON_EMPTY, 24 },
  { VHU_FEATURE_LOG_ALL, 26 },
  { VHU_FEATURE_ANY_LAYOUT, 27 },
  { VHU_FEATURE_INDIRECT_DESC, 28 },
  { VHU_FEATURE_EVENT_IDX, 29 },
  { VHU_FEATURE_PROTOCOL_FEATURES, 30 },
  { VHU_FEATURE_VERSION_1, 32 },
  { VHU_FEATURE_ACCESS_PLATFORM, 33 },
  { VHU_FEATURE_RING_PACKED, 34 },
  { VHU_FEATURE_IN_ORDER, 35 },
  { VHU_FEATURE_ORDER_PLATFORM, 36 },
  { VHU_FEATURE_NOTIFICATION_DATA, 38 },
  { VHU_FEATURE_RING_RESET, 40 },
  { VHU_PROTOCOL_FEATURE_MQ, 0 },
  { VHU_PROTOCOL_FEATURE_LOG_SHMFD, 1 },
  { VHU_PROTOCOL_FEATURE_RARP, 2 },
  { VHU_PROTOCOL_FEATURE_REPLY_ACK, 3 },
  { VHU_PROTOCOL_FEATURE_MTU, 4 },
  { VHU_PROTOCOL_FEATURE_BACKEND_REQ, 5 },
  { VHU_PROTOCOL_FEATURE_CROSS_ENDIAN, 6 },
  { VHU_PROTOCOL_FEATURE_CRYPTO_SESSION, 7 },
  { VHU_PROTOCOL_FEATURE_PAGEFAULT, 8 },
  { VHU_PROTOCOL_FEATURE_CONFIG, 9 },
  { VHU_PROTOCOL_FEATURE_BACKEND_SEND_FD, 10 },
  { VHU_PROTOCOL_FEATURE_HOST_NOTIFIER, 11 },
  { VHU_PROTOCOL_FEATURE_INFLIGHT_SHMFD, 12 },
  { VHU_PROTOCOL_FEATURE_RESET_DEVICE, 13 },
  { VHU_PROTOCOL_FEATURE_INBAND_NOTIFICATIONS, 14 },
  { VHU_PROTOCOL_FEATURE_CONFIGURE_MEM_SLOTS, 15 },
  { VHU_PROTOCOL_FEATURE_STATUS, 16 },
  { VHU_PROTOCOL_FEATURE_XEN_MMAP, 17 },
  { VHU_PROTOCOL_FEATURE_SHARED_OBJECT, 18 },
  { VHU_PROTOCOL_FEATURE_DEVICE_STATE, 19 },
};

static void
test_bits_have_the_numbers_of_the_specification (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    g_assert_cmpint (rows[i].bit, ==, rows[i].number);
}

/* Zero is what a script's function returns that raised an error. */
static void
test_failure_is_zero (void)
{
  g_assert_cmpint (VHU_CHAIN_RESULT_FAILED, ==, 0);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/base/enums/bits-have-the-numbers-of-the-specification",
                   test_bits_have_the_numbers_of_the_specification);
  g_test_add_func ("/base/enums/failure-is-zero", test_failure_is_zero);

  return g_test_run ();
}
