/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-frontend.h"

#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake-backend.h"
#include "vhu-error.h"
#include "vhu-fd-private.h"

#define BIT(n) (G_GUINT64_CONSTANT (1) << (n))
#define ALL_PROTOCOL \
  (BIT (0) | BIT (3) | BIT (5) | BIT (9) | BIT (13) | BIT (15))
#define SHORT_TIMEOUT 20

typedef struct
{
  FakeBackend *backend;
  VhuFrontend *frontend;
  GError *error;
} Fixture;

static void
set_up (Fixture       *test,
        gconstpointer  unused)
{
  vhu_autofd int fd = -1;

  test->backend = fake_backend_new (&fd);
  test->frontend = vhu_frontend_new_for_fd (fd, &test->error);
  g_assert_no_error (test->error);
}

static void
tear_down (Fixture       *test,
           gconstpointer  unused)
{
  g_clear_error (&test->error);
  g_assert_finalize_object (test->frontend);
  fake_backend_free (test->backend);
}

/* Negotiates and throws the messages away. */
static void
negotiate (Fixture *test,
           guint64  features,
           guint64  protocol_features)
{
  fake_backend_offer (test->backend, features, protocol_features);
  g_assert_true (vhu_frontend_negotiate (test->frontend, &test->error));
  g_assert_no_error (test->error);
  for (;;)
    {
      g_autoptr(FakeMessage) message = fake_backend_take (test->backend);

      if (message->header[0] == 2)
        break;
    }
}

static void
expect (Fixture       *test,
        guint32        request,
        guint32        flags,
        gconstpointer  payload,
        gsize          size)
{
  g_autoptr(FakeMessage) message =
    fake_backend_expect (test->backend, request, flags, payload, size, 0);

  g_assert_nonnull (message);
}

static void
expect_u64 (Fixture *test,
            guint32  request,
            guint32  flags,
            guint64  value)
{
  expect (test, request, flags, &value, sizeof value);
}

static void
test_negotiates_in_the_order_of_qemu (Fixture       *test,
                                      gconstpointer  unused)
{
  const guint64 features = BIT (5) | BIT (26) | BIT (28) | BIT (29) | BIT (30) |
                           BIT (32) | BIT (34);
  const guint64 accepted = BIT (5) | BIT (28) | BIT (29) | BIT (30) | BIT (32);
  g_autoptr(FakeMessage) channel = NULL;

  fake_backend_offer (test->backend, features, ALL_PROTOCOL | BIT (12) | BIT (63));
  g_assert_true (vhu_frontend_negotiate (test->frontend, &test->error));
  g_assert_no_error (test->error);

  expect (test, 1, 0x1, NULL, 0);
  expect (test, 15, 0x1, NULL, 0);
  expect_u64 (test, 16, 0x1, ALL_PROTOCOL);
  expect (test, 17, 0x1, NULL, 0);
  expect (test, 36, 0x1, NULL, 0);
  channel = fake_backend_expect (test->backend, 21, 0x9, NULL, 0, 1);
  expect (test, 3, 0x9, NULL, 0);
  expect (test, 1, 0x1, NULL, 0);
  expect_u64 (test, 2, 0x9, accepted);
  fake_backend_expect_none (test->backend);

  g_assert_cmpuint (vhu_frontend_get_n_queues (test->frontend), ==, 2);
  g_assert_cmpuint (vhu_frontend_get_max_mem_slots (test->frontend), ==, 16);
  g_assert_true (vhu_frontend_offers_feature (test->frontend, 34));
  g_assert_false (vhu_frontend_has_feature (test->frontend, 34));
  g_assert_true (vhu_frontend_has_feature (test->frontend, 29));
  g_assert_true (vhu_frontend_offers_protocol_feature (test->frontend, 12));
  g_assert_false (vhu_frontend_has_protocol_feature (test->frontend, 12));
  g_assert_true (vhu_frontend_has_protocol_feature (test->frontend, 15));
  g_assert_false (vhu_frontend_has_feature (test->frontend, 64));
}

static void
test_negotiates_without_protocol_features (Fixture       *test,
                                           gconstpointer  unused)
{
  fake_backend_offer (test->backend, BIT (32), 0);
  g_assert_true (vhu_frontend_negotiate (test->frontend, &test->error));

  expect (test, 1, 0x1, NULL, 0);
  expect (test, 3, 0x1, NULL, 0);
  expect (test, 1, 0x1, NULL, 0);
  expect_u64 (test, 2, 0x1, BIT (32));
  g_assert_cmpuint (vhu_frontend_get_n_queues (test->frontend), ==, 0);
}

static void
test_wishes_decide_what_is_accepted (Fixture       *test,
                                     gconstpointer  unused)
{
  vhu_frontend_want_feature (test->frontend, 29, FALSE);
  vhu_frontend_want_feature (test->frontend, 26, TRUE);
  vhu_frontend_want_protocol_feature (test->frontend, 5, FALSE);
  vhu_frontend_want_protocol_feature (test->frontend, 12, TRUE);
  negotiate (test, BIT (26) | BIT (29) | BIT (30), BIT (5) | BIT (12));

  g_assert_true (vhu_frontend_has_feature (test->frontend, 26));
  g_assert_false (vhu_frontend_has_feature (test->frontend, 29));
  g_assert_true (vhu_frontend_has_protocol_feature (test->frontend, 12));
  g_assert_false (vhu_frontend_has_protocol_feature (test->frontend, 5));
}

static void
test_a_nack_is_refused (Fixture       *test,
                        gconstpointer  unused)
{
  negotiate (test, BIT (30), BIT (3));
  fake_backend_acknowledge (test->backend, 8, 1);

  g_assert_false (vhu_frontend_set_vring_num (test->frontend, 0, 3,
                                              &test->error));
  g_assert_error (test->error, VHU_ERROR, VHU_ERROR_REFUSED);
  expect (test, 8, 0x9, (guint32[]) { 0, 3 }, 8);
}

static void
test_acknowledgements_can_be_left_out (Fixture       *test,
                                       gconstpointer  unused)
{
  negotiate (test, BIT (30), BIT (3));
  vhu_frontend_set_use_reply_ack (test->frontend, FALSE);

  g_assert_true (vhu_frontend_set_vring_num (test->frontend, 0, 3,
                                             &test->error));
  expect (test, 8, 0x1, (guint32[]) { 0, 3 }, 8);
}

static void
test_no_acknowledgement_is_asked_for_without_the_feature (Fixture       *test,
                                                          gconstpointer  unused)
{
  negotiate (test, BIT (30), BIT (0));

  g_assert_true (vhu_frontend_set_vring_num (test->frontend, 0, 3,
                                             &test->error));
  expect (test, 8, 0x1, (guint32[]) { 0, 3 }, 8);
}

static void
test_questions_are_not_acknowledged (Fixture       *test,
                                     gconstpointer  unused)
{
  guint64 features;
  guint base;

  negotiate (test, BIT (30), BIT (3));
  fake_backend_answer (test->backend, 11, (guint32[]) { 5, 77 }, 8);

  g_assert_true (vhu_frontend_query_features (test->frontend, &features,
                                              &test->error));
  expect (test, 1, 0x1, NULL, 0);
  g_assert_true (vhu_frontend_get_vring_base (test->frontend, 5, &base,
                                              &test->error));
  expect (test, 11, 0x1, (guint32[]) { 5, 0 }, 8);
  g_assert_cmpuint (base, ==, 77);
}

static void
test_messages_have_the_bytes_of_the_protocol (Fixture       *test,
                                              gconstpointer  unused)
{
  const guint64 addresses[5] = { 3 | BIT (32), 0x1000, 0x2000, 0x3000, 0x4000 };
  VhuFrontend *frontend = test->frontend;
  GError **error = &test->error;

  g_assert_true (vhu_frontend_set_owner (frontend, error));
  expect (test, 3, 0x1, NULL, 0);
  g_assert_true (vhu_frontend_reset_owner (frontend, error));
  expect (test, 4, 0x1, NULL, 0);
  g_assert_true (vhu_frontend_reset_device (frontend, error));
  expect (test, 34, 0x1, NULL, 0);
  g_assert_true (vhu_frontend_set_vring_base (frontend, 2, 65535, error));
  expect (test, 10, 0x1, (guint32[]) { 2, 65535 }, 8);
  g_assert_true (vhu_frontend_set_vring_enable (frontend, 2, TRUE, error));
  expect (test, 18, 0x1, (guint32[]) { 2, 1 }, 8);
  g_assert_true (vhu_frontend_set_vring_enable (frontend, 2, FALSE, error));
  expect (test, 18, 0x1, (guint32[]) { 2, 0 }, 8);
  g_assert_true (vhu_frontend_set_vring_addr (frontend, 3, 1, 0x1000, 0x2000,
                                              0x3000, 0x4000, error));
  expect (test, 9, 0x1, addresses, sizeof addresses);
}

static void
test_events_travel_with_their_queue (Fixture       *test,
                                     gconstpointer  unused)
{
  vhu_autofd int fd = eventfd (0, EFD_CLOEXEC);
  const guint64 with_fd = 7;
  const guint64 without_fd = 7 | 0x100;
  const guint64 one = 1;
  guint64 count = 0;
  g_autoptr(FakeMessage) kick = NULL;

  g_assert_true (vhu_frontend_set_vring_kick (test->frontend, 7, fd, NULL));
  kick = fake_backend_expect (test->backend, 12, 0x1, &with_fd, 8, 1);
  g_assert_cmpint (write (kick->fds[0], &one, 8), ==, 8);
  g_assert_cmpint (read (fd, &count, 8), ==, 8);

  g_assert_true (vhu_frontend_set_vring_call (test->frontend, 7, -1, NULL));
  expect (test, 13, 0x1, &without_fd, 8);
  g_assert_true (vhu_frontend_set_vring_err (test->frontend, 7, -1, NULL));
  expect (test, 14, 0x1, &without_fd, 8);

  g_assert_false (vhu_frontend_set_vring_kick (test->frontend, 7, 12345,
                                               &test->error));
  g_assert_error (test->error, VHU_ERROR, VHU_ERROR_BAD_VALUE);
}

static void
test_config_is_read_and_written (Fixture       *test,
                                 gconstpointer  unused)
{
  const guint8 asked[12 + 4] = { 8, 0, 0, 0, 4, 0, 0, 0 };
  const guint8 answer[12 + 4] = { 8, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0,
                                  'b', 'l', 'k', '!' };
  const guint8 written[12 + 2] = { 32, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 2 };
  g_autoptr(GBytes) data = NULL;
  g_autoptr(GBytes) new_data = g_bytes_new (&written[12], 2);

  fake_backend_answer (test->backend, 24, answer, sizeof answer);
  data = vhu_frontend_get_config (test->frontend, 8, 4, &test->error);
  g_assert_no_error (test->error);
  g_assert_cmpmem (g_bytes_get_data (data, NULL), g_bytes_get_size (data),
                   "blk!", 4);
  expect (test, 24, 0x1, asked, sizeof asked);

  g_assert_true (vhu_frontend_set_config (test->frontend, 32, new_data,
                                          VHU_CONFIG_ORIGIN_MIGRATION,
                                          &test->error));
  expect (test, 25, 0x1, written, sizeof written);
}

static void
test_config_can_be_refused (Fixture       *test,
                            gconstpointer  unused)
{
  const guint8 other[12 + 4] = { 9, 0, 0, 0, 4 };

  fake_backend_answer (test->backend, 24, NULL, 0);
  g_assert_null (vhu_frontend_get_config (test->frontend, 8, 4, &test->error));
  g_assert_error (test->error, VHU_ERROR, VHU_ERROR_REFUSED);
  g_clear_error (&test->error);

  fake_backend_answer (test->backend, 24, other, sizeof other);
  g_assert_null (vhu_frontend_get_config (test->frontend, 8, 4, &test->error));
  g_assert_error (test->error, VHU_ERROR, VHU_ERROR_BAD_MESSAGE);
}

static void
test_memory_is_one_table_without_slots (Fixture       *test,
                                        gconstpointer  unused)
{
  g_autoptr(FakeMessage) message = NULL;
  guint64 table[1 + 2 * 4] = { 2 };
  struct stat st;

  negotiate (test, BIT (30), 0);
  g_assert_true (vhu_frontend_allocate_memory (test->frontend, 1 << 20, 2,
                                               &test->error));
  for (guint i = 0; i < 2; i++)
    {
      guint64 *region = &table[1 + 4 * i];

      g_assert_true (vhu_frontend_get_region (test->frontend, i, &region[0],
                                              &region[1], &region[2],
                                              &region[3]));
      g_assert_cmpuint (region[1], ==, 1 << 19);
      g_assert_cmpuint (region[2], ==,
                        vhu_frontend_get_user_address (test->frontend,
                                                       region[0]));
      g_assert_cmpuint (region[3], ==, i << 19);
    }

  g_assert_true (vhu_frontend_share_memory (test->frontend, &test->error));
  message = fake_backend_expect (test->backend, 5, 0x1, table, sizeof table, 2);
  for (guint i = 0; i < 2; i++)
    {
      g_assert_no_errno (fstat (message->fds[i], &st));
      g_assert_cmpint (st.st_size, ==, 1 << 20);
    }

  /* There is nothing new to tell. */
  g_assert_true (vhu_frontend_share_memory (test->frontend, &test->error));
  fake_backend_expect_none (test->backend);
}

static void
test_memory_comes_and_goes_with_slots (Fixture       *test,
                                       gconstpointer  unused)
{
  g_autoptr(FakeMessage) added = NULL;
  g_autoptr(FakeMessage) taken = NULL;
  g_autoptr(FakeMessage) again = NULL;
  g_autoptr(FakeMessage) removed = NULL;
  guint64 region[5] = { 0 };

  negotiate (test, BIT (30), BIT (15));
  g_assert_true (vhu_frontend_add_region (test->frontend, 1 << 16, &region[1],
                                          &test->error));
  vhu_frontend_get_region (test->frontend, 0, NULL, &region[2], &region[3],
                           &region[4]);
  added = fake_backend_expect (test->backend, 37, 0x1, region, 40, 1);

  /* Taken back, it is new to the back-end again. */
  g_assert_true (vhu_frontend_rem_mem_reg (test->frontend, 0, &test->error));
  g_assert_true (vhu_frontend_share_memory (test->frontend, &test->error));
  taken = fake_backend_expect (test->backend, 38, 0x1, region, 40, 0);
  again = fake_backend_expect (test->backend, 37, 0x1, region, 40, 1);

  g_assert_true (vhu_frontend_remove_region (test->frontend, region[1],
                                             &test->error));
  removed = fake_backend_expect (test->backend, 38, 0x1, region, 40, 0);
  g_assert_cmpuint (vhu_frontend_get_n_regions (test->frontend), ==, 0);

  g_assert_false (vhu_frontend_remove_region (test->frontend, region[1],
                                              &test->error));
  g_assert_error (test->error, VHU_ERROR, VHU_ERROR_BAD_VALUE);
}

static void
test_a_refused_region_changes_nothing (Fixture       *test,
                                       gconstpointer  unused)
{
  guint64 address;

  negotiate (test, BIT (30), BIT (3) | BIT (15));
  fake_backend_acknowledge (test->backend, 37, 1);
  g_assert_false (vhu_frontend_add_region (test->frontend, 4096, NULL,
                                           &test->error));
  g_assert_error (test->error, VHU_ERROR, VHU_ERROR_REFUSED);
  g_assert_cmpuint (vhu_frontend_get_n_regions (test->frontend), ==, 0);
  g_clear_error (&test->error);

  fake_backend_acknowledge (test->backend, 37, 0);
  fake_backend_acknowledge (test->backend, 38, 1);
  g_assert_true (vhu_frontend_add_region (test->frontend, 4096, &address,
                                          &test->error));
  g_assert_false (vhu_frontend_remove_region (test->frontend, address,
                                              &test->error));
  g_assert_error (test->error, VHU_ERROR, VHU_ERROR_REFUSED);
  g_assert_cmpuint (vhu_frontend_get_n_regions (test->frontend), ==, 1);
}

static void
test_more_than_eight_regions_need_slots (Fixture       *test,
                                         gconstpointer  unused)
{
  g_assert_true (vhu_frontend_allocate_memory (test->frontend, 9 << 16, 9,
                                               &test->error));
  g_assert_false (vhu_frontend_set_mem_table (test->frontend, &test->error));
  g_assert_error (test->error, VHU_ERROR, VHU_ERROR_LIMIT);
}

static void
test_guest_memory_is_read_and_written (Fixture       *test,
                                       gconstpointer  unused)
{
  g_autoptr(GBytes) bytes = g_bytes_new_static ("libvhu", 6);
  g_autoptr(GBytes) read_back = NULL;
  guint64 address;
  guint64 end;
  guint64 found;

  g_assert_true (vhu_frontend_allocate_memory (test->frontend, 4096, 1,
                                               &test->error));
  address = vhu_frontend_allocate (test->frontend, 6, &test->error);
  g_assert_true (vhu_frontend_write_memory (test->frontend, address, bytes,
                                            &test->error));
  read_back = vhu_frontend_read_memory (test->frontend, address, 6,
                                        &test->error);
  g_assert_true (g_bytes_equal (read_back, bytes));
  g_assert_true (vhu_frontend_get_guest_address
    (test->frontend,
     vhu_frontend_get_host_pointer (test->frontend, address, 6), &found));
  g_assert_cmpuint (found, ==, address);

  end = (address & ~G_GUINT64_CONSTANT (4095)) + 4096;
  g_assert_null (vhu_frontend_read_memory (test->frontend, end - 1, 2,
                                           &test->error));
  g_assert_error (test->error, VHU_ERROR, VHU_ERROR_BAD_MEMORY);
  g_clear_error (&test->error);
  g_assert_false (vhu_frontend_write_memory (test->frontend, end - 5, bytes,
                                             &test->error));
  g_assert_error (test->error, VHU_ERROR, VHU_ERROR_BAD_MEMORY);
}

static void
test_a_silent_back_end_is_a_timeout (Fixture       *test,
                                     gconstpointer  unused)
{
  guint64 features;

  vhu_frontend_set_timeout (test->frontend, SHORT_TIMEOUT);
  fake_backend_stop_at (test->backend, 1);
  g_assert_false (vhu_frontend_query_features (test->frontend, &features,
                                               &test->error));
  g_assert_error (test->error, VHU_ERROR, VHU_ERROR_TIMED_OUT);
  g_assert_true (vhu_error_is_transient (test->error));
}

static void
test_a_back_end_that_hangs_up_is_noticed (Fixture       *test,
                                          gconstpointer  unused)
{
  guint64 features;

  fake_backend_hang_up_at (test->backend, 1);
  g_assert_false (vhu_frontend_query_features (test->frontend, &features,
                                               &test->error));
  g_assert_error (test->error, VHU_ERROR, VHU_ERROR_CLOSED);
  g_clear_error (&test->error);

  g_assert_true (vhu_frontend_wait_closed (test->frontend, &test->error));
  g_assert_no_error (test->error);
}

static void
test_wrong_answers_are_errors (Fixture       *test,
                               gconstpointer  unused)
{
  const guint32 other_request[3] = { 15, 0x5, 8 };
  const guint32 with_need_reply[3] = { 1, 0xd, 8 };
  const guint64 value = 0;
  guint64 features;
  guint base;

  fake_backend_answer (test->backend, 11, (guint32[]) { 1, 0 }, 8);
  g_assert_false (vhu_frontend_get_vring_base (test->frontend, 0, &base,
                                               &test->error));
  g_assert_error (test->error, VHU_ERROR, VHU_ERROR_BAD_MESSAGE);
  g_clear_error (&test->error);

  fake_backend_answer (test->backend, 1, &value, 4);
  g_assert_false (vhu_frontend_query_features (test->frontend, &features,
                                               &test->error));
  g_assert_error (test->error, VHU_ERROR, VHU_ERROR_BAD_MESSAGE);
  g_clear_error (&test->error);

  fake_backend_answer_raw (test->backend, 1, other_request, &value, 8);
  g_assert_false (vhu_frontend_query_features (test->frontend, &features,
                                               &test->error));
  g_assert_error (test->error, VHU_ERROR, VHU_ERROR_BAD_MESSAGE);
  g_clear_error (&test->error);

  fake_backend_answer_raw (test->backend, 1, with_need_reply, &value, 8);
  g_assert_false (vhu_frontend_query_features (test->frontend, &features,
                                               &test->error));
  g_assert_error (test->error, VHU_ERROR, VHU_ERROR_BAD_MESSAGE);
}

static void
test_raw_messages_are_sent_as_told (Fixture       *test,
                                    gconstpointer  unused)
{
  vhu_autofd int fd = eventfd (0, EFD_CLOEXEC);
  const int fds[3] = { fd, fd, fd };
  const guint8 reply[2] = { 1, 2 };
  g_autoptr(GBytes) payload = g_bytes_new_static ("xyz", 3);
  g_autoptr(GBytes) answer = NULL;
  g_autoptr(FakeMessage) message = NULL;
  guint request;
  guint flags;

  fake_backend_answer (test->backend, 63, reply, sizeof reply);
  g_assert_true (vhu_frontend_send_raw (test->frontend, 63, 0xdeadbeef, 3,
                                        payload, fds, 3, &test->error));
  message = fake_backend_expect (test->backend, 63, 0xdeadbeef, "xyz", 3, 3);

  g_assert_true (vhu_frontend_receive_raw (test->frontend, &request, &flags,
                                           &answer, &test->error));
  g_assert_cmpuint (request, ==, 63);
  g_assert_cmpuint (flags, ==, 0x5);
  g_assert_cmpmem (g_bytes_get_data (answer, NULL), g_bytes_get_size (answer),
                   reply, sizeof reply);
  g_assert_cmpint (vhu_frontend_steal_received_fd (test->frontend, 0), ==, -1);
}

static void
test_bytes_make_up_a_message_one_by_one (Fixture       *test,
                                         gconstpointer  unused)
{
  const guint32 header[4] = { 3, 0x1, 4, 99 };
  const guint8 *data = (const guint8 *) header;

  for (guint i = 0; i < sizeof header; i++)
    {
      g_autoptr(GBytes) byte = g_bytes_new (&data[i], 1);

      fake_backend_expect_none (test->backend);
      g_assert_true (vhu_frontend_send_bytes (test->frontend, byte, NULL, 0,
                                              &test->error));
    }
  expect (test, 3, 0x1, &header[3], 4);
}

static void
test_one_half_can_be_closed (Fixture       *test,
                             gconstpointer  unused)
{
  guint64 features;

  fake_backend_answer_u64 (test->backend, 1, 5);
  g_assert_true (vhu_frontend_send_raw (test->frontend, 1, 1, 0, NULL, NULL, 0,
                                        &test->error));
  g_assert_true (vhu_frontend_shut_down_writing (test->frontend, &test->error));
  g_assert_true (vhu_frontend_receive_raw (test->frontend, NULL, NULL, NULL,
                                           &test->error));
  g_assert_false (vhu_frontend_query_features (test->frontend, &features,
                                               &test->error));
  g_assert_error (test->error, VHU_ERROR, VHU_ERROR_CLOSED);
}

static void
test_a_closed_front_end_says_so (Fixture       *test,
                                 gconstpointer  unused)
{
  vhu_frontend_close (test->frontend);
  vhu_frontend_close (test->frontend);
  g_assert_false (vhu_frontend_get_is_open (test->frontend));
  g_assert_cmpint (vhu_frontend_get_peer_pid (test->frontend), ==, -1);
  g_assert_false (vhu_frontend_set_owner (test->frontend, &test->error));
  g_assert_error (test->error, VHU_ERROR, VHU_ERROR_CLOSED);
  g_clear_error (&test->error);
  g_assert_false (vhu_frontend_receive_raw (test->frontend, NULL, NULL, NULL,
                                            &test->error));
  g_assert_error (test->error, VHU_ERROR, VHU_ERROR_CLOSED);
}

static void
test_no_socket_no_connection (void)
{
  g_autofree char *long_path = g_strnfill (200, 'x');
  g_autoptr(GError) error = NULL;

  g_assert_null (vhu_frontend_open ("/nonexistent/socket", &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_CLOSED);
  g_clear_error (&error);
  g_assert_null (vhu_frontend_open (long_path, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE);
  g_clear_error (&error);
  g_assert_null (vhu_frontend_new_for_fd (-1, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE);
}

/* The back-end's end of its channel, which came with SET_BACKEND_REQ_FD. */
static int
take_channel (Fixture *test)
{
  g_autoptr(FakeMessage) message = NULL;

  g_assert_true (vhu_frontend_open_back_channel (test->frontend, &test->error));
  message = fake_backend_take (test->backend);
  g_assert_cmpuint (message->header[0], ==, 21);
  g_assert_cmpuint (message->n_fds, ==, 1);
  return vhu_dup_fd (message->fds[0]);
}

static void
ask (int     channel,
     guint32 request,
     guint32 flags)
{
  const guint32 header[3] = { request, flags, 0 };

  g_assert_cmpint (send (channel, header, sizeof header, MSG_NOSIGNAL), ==,
                   sizeof header);
}

static void
count_cb (VhuFrontend *frontend,
          guint       *n_emissions)
{
  (*n_emissions)++;
}

static void
test_config_changes_are_answered_and_counted (Fixture       *test,
                                              gconstpointer  unused)
{
  vhu_autofd int channel = take_channel (test);
  const guint32 answer[5] = { 2, 0x5, 8, 0, 0 };
  guint8 received[64];
  guint n_emissions = 0;
  guint request;

  g_signal_connect (test->frontend, "config-changed", G_CALLBACK (count_cb),
                    &n_emissions);
  ask (channel, 2, 0x9);
  g_assert_true (vhu_frontend_serve_back_channel (test->frontend, &request,
                                                  &test->error));
  g_assert_cmpuint (request, ==, 2);
  g_assert_cmpint (recv (channel, received, sizeof received, 0), ==, 20);
  g_assert_cmpmem (received, 20, answer, 20);

  ask (channel, 2, 0x1);
  g_assert_true (vhu_frontend_wait_config_change (test->frontend,
                                                  &test->error));
  g_assert_cmpint (recv (channel, received, sizeof received, MSG_DONTWAIT), <,
                   0);
  g_assert_cmpuint (vhu_frontend_get_n_config_changes (test->frontend), ==, 2);
  g_assert_cmpuint (n_emissions, ==, 2);
}

static void
test_the_answer_on_the_channel_can_be_chosen (Fixture       *test,
                                              gconstpointer  unused)
{
  vhu_autofd int channel = take_channel (test);
  const guint32 answer[5] = { 2, 0x5, 8, 22, 0 };
  guint8 received[64];

  vhu_frontend_set_back_channel_answer (test->frontend, TRUE, 22);
  ask (channel, 2, 0x9);
  g_assert_true (vhu_frontend_serve_back_channel (test->frontend, NULL, NULL));
  g_assert_cmpint (recv (channel, received, sizeof received, 0), ==, 20);
  g_assert_cmpmem (received, 20, answer, 20);

  vhu_frontend_set_back_channel_answer (test->frontend, FALSE, 0);
  ask (channel, 2, 0x9);
  g_assert_true (vhu_frontend_serve_back_channel (test->frontend, NULL, NULL));
  g_assert_cmpint (recv (channel, received, sizeof received, MSG_DONTWAIT), <,
                   0);
}

static void
test_the_channel_waits_and_closes (Fixture       *test,
                                   gconstpointer  unused)
{
  vhu_autofd int channel = -1;
  guint8 byte;

  g_assert_false (vhu_frontend_serve_back_channel (test->frontend, NULL,
                                                   &test->error));
  g_assert_error (test->error, VHU_ERROR, VHU_ERROR_BAD_STATE);
  g_clear_error (&test->error);

  channel = take_channel (test);
  vhu_frontend_set_timeout (test->frontend, SHORT_TIMEOUT);
  g_assert_false (vhu_frontend_wait_config_change (test->frontend,
                                                   &test->error));
  g_assert_error (test->error, VHU_ERROR, VHU_ERROR_TIMED_OUT);

  vhu_frontend_close_back_channel (test->frontend);
  g_assert_cmpint (recv (channel, &byte, 1, 0), ==, 0);
}

static void
count_change_cb (VhuFrontend *frontend,
                 GParamSpec  *pspec,
                 guint       *n_changes)
{
  (*n_changes)++;
}

static void
test_properties_tell_of_changes (Fixture       *test,
                                 gconstpointer  unused)
{
  guint n_changes = 0;
  guint timeout;

  g_signal_connect (test->frontend, "notify::timeout",
                    G_CALLBACK (count_change_cb), &n_changes);
  g_object_set (test->frontend, "timeout", 17, "use-reply-ack", FALSE, NULL);
  g_object_get (test->frontend, "timeout", &timeout, NULL);
  g_assert_cmpuint (timeout, ==, 17);
  vhu_frontend_set_timeout (test->frontend, 17);
  g_assert_cmpuint (vhu_frontend_get_timeout (test->frontend), ==, 17);
  g_assert_cmpuint (n_changes, ==, 1);
  g_assert_false (vhu_frontend_get_use_reply_ack (test->frontend));
}

#define ADD(name, function) \
  g_test_add ("/frontend/frontend/" name, Fixture, NULL, set_up, function, \
              tear_down)

static void
add_message_tests (void)
{
  ADD ("negotiates-in-the-order-of-qemu", test_negotiates_in_the_order_of_qemu);
  ADD ("negotiates-without-protocol-features",
       test_negotiates_without_protocol_features);
  ADD ("wishes-decide-what-is-accepted", test_wishes_decide_what_is_accepted);
  ADD ("a-nack-is-refused", test_a_nack_is_refused);
  ADD ("acknowledgements-can-be-left-out",
       test_acknowledgements_can_be_left_out);
  ADD ("no-acknowledgement-is-asked-for-without-the-feature",
       test_no_acknowledgement_is_asked_for_without_the_feature);
  ADD ("questions-are-not-acknowledged", test_questions_are_not_acknowledged);
  ADD ("messages-have-the-bytes-of-the-protocol",
       test_messages_have_the_bytes_of_the_protocol);
  ADD ("events-travel-with-their-queue", test_events_travel_with_their_queue);
  ADD ("config-is-read-and-written", test_config_is_read_and_written);
  ADD ("config-can-be-refused", test_config_can_be_refused);
}

static void
add_memory_tests (void)
{
  ADD ("memory-is-one-table-without-slots",
       test_memory_is_one_table_without_slots);
  ADD ("memory-comes-and-goes-with-slots",
       test_memory_comes_and_goes_with_slots);
  ADD ("a-refused-region-changes-nothing",
       test_a_refused_region_changes_nothing);
  ADD ("more-than-eight-regions-need-slots",
       test_more_than_eight_regions_need_slots);
  ADD ("guest-memory-is-read-and-written",
       test_guest_memory_is_read_and_written);
}

static void
add_trouble_tests (void)
{
  ADD ("a-silent-back-end-is-a-timeout", test_a_silent_back_end_is_a_timeout);
  ADD ("a-back-end-that-hangs-up-is-noticed",
       test_a_back_end_that_hangs_up_is_noticed);
  ADD ("wrong-answers-are-errors", test_wrong_answers_are_errors);
  ADD ("raw-messages-are-sent-as-told", test_raw_messages_are_sent_as_told);
  ADD ("bytes-make-up-a-message-one-by-one",
       test_bytes_make_up_a_message_one_by_one);
  ADD ("one-half-can-be-closed", test_one_half_can_be_closed);
  ADD ("a-closed-front-end-says-so", test_a_closed_front_end_says_so);
  g_test_add_func ("/frontend/frontend/no-socket-no-connection",
                   test_no_socket_no_connection);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  add_message_tests ();
  add_memory_tests ();
  add_trouble_tests ();
  ADD ("config-changes-are-answered-and-counted",
       test_config_changes_are_answered_and_counted);
  ADD ("the-answer-on-the-channel-can-be-chosen",
       test_the_answer_on_the_channel_can_be_chosen);
  ADD ("the-channel-waits-and-closes", test_the_channel_waits_and_closes);
  ADD ("properties-tell-of-changes", test_properties_tell_of_changes);

  return g_test_run ();
}
