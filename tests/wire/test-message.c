/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-message-private.h"

#include "vhu-error.h"
#include "vhu-fd-private.h"
#include "vhu-test-fds.h"

#include <string.h>

#define REGION_SIZE sizeof (VhuRegionDescription)
#define UNTOUCHED 0xa5

static int
open_fd (void)
{
  int fd = open ("/dev/null", O_RDWR | O_CLOEXEC);

  g_assert_cmpint (fd, >=, 0);
  return fd;
}

static void
append_fds (VhuMessage *message,
            guint       n_fds)
{
  for (guint i = 0; i < n_fds; i++)
    vhu_message_append_fd (message, open_fd ());
}

static void
test_r5_message_owns_its_descriptors (void)
{
  VhuMessage message = VHU_MESSAGE_INIT;
  int kept = open_fd ();
  int stolen = open_fd ();

  vhu_message_init (&message, VHU_REQUEST_SET_MEM_TABLE, VHU_FLAG_VERSION);
  vhu_message_append_fd (&message, kept);
  vhu_message_append_fd (&message, stolen);

  g_assert_cmpint (vhu_message_steal_fd (&message, 1), ==, stolen);
  g_assert_cmpint (vhu_message_steal_fd (&message, 1), ==, -1);
  g_assert_cmpint (vhu_message_steal_fd (&message, 2), ==, -1);
  g_assert_cmpint (vhu_message_steal_fd (&message, G_MAXUINT), ==, -1);
  g_assert_cmpuint (message.n_fds, ==, 2);

  vhu_message_clear (&message);
  vhu_test_assert_closed (kept);
  g_assert_true (vhu_test_fd_is_open (stolen));
  g_assert_cmpint (close (stolen), ==, 0);

  g_assert_cmpuint (message.n_fds, ==, 0);
  g_assert_cmpuint (message.size, ==, 0);
  vhu_message_clear (&message);
}

static void
test_r5_message_that_goes_out_of_scope_closes (void)
{
  int fd = open_fd ();

  {
    g_auto(VhuMessage) message = VHU_MESSAGE_INIT;

    vhu_message_append_fd (&message, fd);
  }
  vhu_test_assert_closed (fd);
}

static void
test_r2_reply_has_exactly_the_flags_of_a_reply (void)
{
  VhuMessage request = VHU_MESSAGE_INIT;
  VhuMessage reply = VHU_MESSAGE_INIT;

  vhu_message_init (&request, VHU_REQUEST_GET_VRING_BASE,
                    VHU_FLAG_VERSION | VHU_FLAG_NEED_REPLY);
  vhu_message_init_reply (&reply, &request);
  vhu_message_append_u64 (&reply, 7);

  g_assert_cmpuint (reply.request, ==, VHU_REQUEST_GET_VRING_BASE);
  g_assert_cmphex (reply.flags, ==, 0x5);
  g_assert_cmpuint (reply.size, ==, 8);
  g_assert_false (vhu_message_needs_reply (&reply));
}

static void
test_r8_need_reply_is_a_flag (void)
{
  VhuMessage message = VHU_MESSAGE_INIT;

  vhu_message_init (&message, VHU_REQUEST_SET_OWNER, VHU_FLAG_VERSION);
  g_assert_false (vhu_message_needs_reply (&message));
  vhu_message_init (&message, VHU_REQUEST_SET_OWNER,
                    VHU_FLAG_VERSION | VHU_FLAG_NEED_REPLY);
  g_assert_true (vhu_message_needs_reply (&message));
}

static void
test_payload_is_appended (void)
{
  VhuMessage message = VHU_MESSAGE_INIT;
  guint8 rest[VHU_MAX_PAYLOAD - 12] = { 0 };
  guint64 value;

  vhu_message_append (&message, "abcd", 4);
  vhu_message_append_u64 (&message, G_GUINT64_CONSTANT (0x1122334455667788));
  vhu_message_append (&message, NULL, 0);
  g_assert_cmpuint (message.size, ==, 12);
  g_assert_cmpmem (message.payload, 4, "abcd", 4);
  memcpy (&value, message.payload + 4, sizeof value);
  g_assert_cmphex (value, ==, G_GUINT64_CONSTANT (0x1122334455667788));

  vhu_message_append (&message, rest, sizeof rest);
  g_assert_cmpuint (message.size, ==, VHU_MAX_PAYLOAD);
}

static void
test_danger_6_descriptors_that_do_not_belong_are_refused (void)
{
  for (guint n_fds = 0; n_fds <= VHU_MAX_FDS; n_fds++)
    {
      g_auto(VhuMessage) message = VHU_MESSAGE_INIT;
      g_autoptr(GError) none = NULL;
      g_autoptr(GError) one = NULL;

      append_fds (&message, n_fds);
      g_assert_cmpint (vhu_message_expect_fds (&message, 0, 0, &none), ==,
                       n_fds == 0);
      g_assert_cmpint (vhu_message_expect_fds (&message, 0, 1, &one), ==,
                       n_fds <= 1);
      if (n_fds > 1)
        {
          g_assert_error (none, VHU_ERROR, VHU_ERROR_BAD_MESSAGE);
          g_assert_error (one, VHU_ERROR, VHU_ERROR_BAD_MESSAGE);
        }
    }
}

static void
test_missing_descriptor_is_refused (void)
{
  VhuMessage message = VHU_MESSAGE_INIT;
  g_autoptr(GError) error = NULL;

  g_assert_false (vhu_message_expect_fds (&message, 1, 1, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_BAD_MESSAGE);
  g_assert_cmpstr (error->message, ==,
                   "0 descriptors came along, expected 1");
}

/* Readers of one size: that size is right, any other is a framing error, and
 * what the caller had stays as it was. */
typedef gboolean (*ReadFunc) (const VhuMessage  *message,
                              gpointer           value,
                              GError           **error);

static gboolean
read_empty (const VhuMessage  *message,
            gpointer           value,
            GError           **error)
{
  return vhu_message_read_empty (message, error);
}

typedef struct
{
  ReadFunc read;
  gsize payload_size;
  gsize value_size;
} Reader;

static const Reader readers[] = {
  { read_empty, 0, 0 },
  { (ReadFunc) vhu_message_read_u64, 8, 8 },
  { (ReadFunc) vhu_message_read_vring_state, 8, sizeof (VhuVringState) },
  { (ReadFunc) vhu_message_read_vring_address, 40, sizeof (VhuVringAddress) },
  { (ReadFunc) vhu_message_read_single_region, 40,
    sizeof (VhuRegionDescription) },
};

static void
test_r7_payload_size_is_exact (void)
{
  const guint sizes[] = { 0, 1, 4, 7, 8, 9, 12, 16, 39, 40, 41, 264,
                          VHU_MAX_PAYLOAD };

  for (guint i = 0; i < G_N_ELEMENTS (readers); i++)
    for (guint j = 0; j < G_N_ELEMENTS (sizes); j++)
      {
        VhuMessage message = VHU_MESSAGE_INIT;
        guint8 value[64];
        g_autoptr(GError) error = NULL;
        gboolean ok;

        memset (value, UNTOUCHED, sizeof value);
        message.size = sizes[j];
        ok = readers[i].read (&message, value, &error);
        g_assert_cmpint (ok, ==, sizes[j] == readers[i].payload_size);
        if (ok)
          {
            g_assert_no_error (error);
            for (guint k = 0; k < readers[i].value_size; k++)
              g_assert_cmpuint (value[k], ==, 0);
          }
        else
          {
            g_assert_error (error, VHU_ERROR, VHU_ERROR_BAD_MESSAGE);
            g_assert_cmpuint (value[0], ==, UNTOUCHED);
          }
      }
}

static void
test_vring_address_is_read (void)
{
  const VhuVringAddress sent = {
    .index = 3,
    .flags = VHU_VRING_ADDRESS_LOG,
    .desc_user_address = 0x1000,
    .used_user_address = 0x2000,
    .avail_user_address = 0x3000,
    .log_guest_address = 0x4000,
  };
  VhuMessage message = VHU_MESSAGE_INIT;
  VhuVringAddress read;
  g_autoptr(GError) error = NULL;

  vhu_message_append (&message, &sent, sizeof sent);
  g_assert_true (vhu_message_read_vring_address (&message, &read, &error));
  g_assert_no_error (error);
  g_assert_cmpmem (&read, sizeof read, &sent, sizeof sent);
}

static void
test_unknown_flags_of_a_vring_address_are_refused (void)
{
  VhuVringAddress address = { .flags = 0x2 };
  VhuMessage message = VHU_MESSAGE_INIT;
  g_autoptr(GError) error = NULL;

  vhu_message_append (&message, &address, sizeof address);
  g_assert_false (vhu_message_read_vring_address (&message, &address, &error));
  g_assert_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE);
}

static void
check_vring_event (guint64   value,
                   guint     n_fds,
                   int       expected_code,
                   guint     expected_index,
                   gboolean  expected_fd)
{
  g_auto(VhuMessage) message = VHU_MESSAGE_INIT;
  g_autoptr(GError) error = NULL;
  guint index = UNTOUCHED;
  gboolean has_fd = UNTOUCHED;
  gboolean ok;

  vhu_message_append_u64 (&message, value);
  append_fds (&message, n_fds);
  ok = vhu_message_read_vring_event (&message, &index, &has_fd, &error);
  g_assert_cmpint (ok, ==, expected_code < 0);
  if (ok)
    {
      g_assert_no_error (error);
      g_assert_cmpuint (index, ==, expected_index);
      g_assert_cmpint (has_fd, ==, expected_fd);
    }
  else
    {
      g_assert_error (error, VHU_ERROR, expected_code);
      g_assert_cmpuint (index, ==, UNTOUCHED);
      g_assert_cmpint (has_fd, ==, UNTOUCHED);
    }
}

static void
test_vring_event_names_queue_and_descriptor (void)
{
  check_vring_event (0, 1, -1, 0, TRUE);
  check_vring_event (255, 1, -1, 255, TRUE);
  check_vring_event (0x100, 0, -1, 0, FALSE);
  check_vring_event (0x1ff, 0, -1, 255, FALSE);
}

static void
test_danger_7_descriptor_and_nofd_must_agree (void)
{
  check_vring_event (0, 0, VHU_ERROR_BAD_VALUE, 0, FALSE);
  check_vring_event (0x100, 1, VHU_ERROR_BAD_VALUE, 0, FALSE);
  check_vring_event (0, 2, VHU_ERROR_BAD_MESSAGE, 0, FALSE);
  check_vring_event (0x100, 8, VHU_ERROR_BAD_MESSAGE, 0, FALSE);
}

static void
test_reserved_bits_of_a_vring_event_are_refused (void)
{
  for (guint bit = 9; bit < 64; bit++)
    {
      check_vring_event (VHU_BIT (bit), 1, VHU_ERROR_BAD_VALUE, 0, FALSE);
      check_vring_event (VHU_BIT (bit) | 0x101, 0, VHU_ERROR_BAD_VALUE, 0,
                         FALSE);
    }
}

static void
test_vring_event_of_another_size_is_refused (void)
{
  const guint sizes[] = { 0, 4, 7, 9, 16 };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      VhuMessage message = VHU_MESSAGE_INIT;
      g_autoptr(GError) error = NULL;
      gboolean has_fd;
      guint index;

      message.size = sizes[i];
      g_assert_false (vhu_message_read_vring_event (&message, &index, &has_fd,
                                                    &error));
      g_assert_error (error, VHU_ERROR, VHU_ERROR_BAD_MESSAGE);
    }
}

static void
fill_memory_table (VhuMessage *message,
                   guint32     n_regions,
                   gsize       payload_size,
                   guint       n_fds)
{
  memset (message->payload, 0x11, sizeof message->payload);
  memcpy (message->payload, &n_regions, sizeof n_regions);
  message->size = payload_size;
  append_fds (message, n_fds);
}

static void
check_memory_table_refused (guint32     n_regions,
                            gsize       payload_size,
                            guint       n_fds,
                            int         code,
                            const char *part)
{
  g_auto(VhuMessage) message = VHU_MESSAGE_INIT;
  g_autoptr(GError) error = NULL;
  VhuMemoryTable table;

  table.n_regions = UNTOUCHED;
  fill_memory_table (&message, n_regions, payload_size, n_fds);
  g_assert_false (vhu_message_read_memory_table (&message, &table, &error));
  g_assert_error (error, VHU_ERROR, code);
  g_assert_nonnull (strstr (error->message, part));
  g_assert_cmpuint (table.n_regions, ==, UNTOUCHED);
}

static void
test_memory_table_is_read (void)
{
  for (guint n = 1; n <= VHU_MAX_TABLE_REGIONS; n++)
    {
      g_auto(VhuMessage) message = VHU_MESSAGE_INIT;
      g_autoptr(GError) error = NULL;
      VhuMemoryTable table;

      fill_memory_table (&message, n, 8 + n * REGION_SIZE, n);
      g_assert_true (vhu_message_read_memory_table (&message, &table, &error));
      g_assert_no_error (error);
      g_assert_cmpuint (table.n_regions, ==, n);
      for (guint i = 0; i < VHU_MAX_TABLE_REGIONS; i++)
        g_assert_cmphex (table.regions[i].mmap_offset, ==,
                         i < n ? G_GUINT64_CONSTANT (0x1111111111111111) : 0);
    }
}

/* User-mode Linux always sends room for two. What is in it is not looked at. */
static void
test_memory_table_may_have_room_left (void)
{
  for (guint room = 1; room <= VHU_MAX_TABLE_REGIONS; room++)
    {
      g_auto(VhuMessage) message = VHU_MESSAGE_INIT;
      g_autoptr(GError) error = NULL;
      VhuMemoryTable table;

      fill_memory_table (&message, 1, 8 + room * REGION_SIZE, 1);
      g_assert_true (vhu_message_read_memory_table (&message, &table, &error));
      g_assert_no_error (error);
      g_assert_cmpuint (table.n_regions, ==, 1);
      g_assert_cmphex (table.regions[0].size, ==,
                       G_GUINT64_CONSTANT (0x1111111111111111));
      g_assert_cmphex (table.regions[1].size, ==, 0);
    }
}

static void
test_danger_13_memory_table_must_agree_with_itself (void)
{
  const int code = VHU_ERROR_BAD_VALUE;

  check_memory_table_refused (0, 8, 1, code,
                              "table of 0 memory regions, expected 1 to 8");
  check_memory_table_refused (9, 8 + 9 * REGION_SIZE, 8, code,
                              "table of 9 memory regions, expected 1 to 8");
  check_memory_table_refused (G_MAXUINT32, 8 + REGION_SIZE, 1, code,
                              "table of 4294967295 memory regions");
  check_memory_table_refused (2, 8 + 2 * REGION_SIZE, 1, code,
                              "came with 1 descriptors");
  check_memory_table_refused (1, 8 + REGION_SIZE, 2, code,
                              "came with 2 descriptors");
  check_memory_table_refused (1, 8 + 9 * REGION_SIZE, 1, code,
                              "table of 1 memory regions is 296 bytes");
  check_memory_table_refused (2, 8 + REGION_SIZE, 2, code,
                              "table of 2 memory regions is 40 bytes");
  check_memory_table_refused (1, 8 + REGION_SIZE - 1, 1, code, "is 39 bytes");
  check_memory_table_refused (1, 8 + REGION_SIZE + 1, 1, code, "is 41 bytes");
  check_memory_table_refused (1, 8, 1, code, "is 8 bytes");
  check_memory_table_refused (8, VHU_MAX_PAYLOAD, 8, code, "is 4096 bytes");
}

static void
test_danger_13_memory_table_without_a_head_is_no_message (void)
{
  for (guint size = 0; size < 8; size++)
    check_memory_table_refused (1, size, 1, VHU_ERROR_BAD_MESSAGE,
                                "at least 8");
}

/* The commonest mistake of all, in the command line of a virtual machine. */
static void
test_memory_that_is_not_shared_says_what_to_do (void)
{
  check_memory_table_refused (1, 8 + REGION_SIZE, 0, VHU_ERROR_BAD_VALUE,
                              "guest memory is not shared (no file descriptors "
                              "with SET_MEM_TABLE): start the VM with "
                              "memory-backend-memfd,share=on");
}

static void
test_single_region_is_behind_the_padding (void)
{
  const VhuSingleRegion sent = {
    .padding = G_MAXUINT64,
    .region = { 0x1000, 0x2000, 0x3000, 0x4000 },
  };
  VhuMessage message = VHU_MESSAGE_INIT;
  VhuRegionDescription read;

  vhu_message_append (&message, &sent, sizeof sent);
  g_assert_true (vhu_message_read_single_region (&message, &read, NULL));
  g_assert_cmpmem (&read, sizeof read, &sent.region, sizeof sent.region);
}

static void
fill_config (VhuMessage *message,
             guint32     offset,
             guint32     size,
             gsize       payload_size)
{
  const guint32 head[3] = { offset, size, 1 };

  memset (message->payload, 0x11, sizeof message->payload);
  memcpy (message->payload, head, sizeof head);
  message->size = payload_size;
}

static void
check_config_refused (guint32 offset,
                      guint32 size,
                      gsize   payload_size,
                      int     code)
{
  VhuMessage message = VHU_MESSAGE_INIT;
  VhuConfigPayload config;
  g_autoptr(GError) error = NULL;

  config.size = UNTOUCHED;
  fill_config (&message, offset, size, payload_size);
  g_assert_false (vhu_message_read_config (&message, &config, &error));
  g_assert_error (error, VHU_ERROR, code);
  g_assert_cmpuint (config.size, ==, UNTOUCHED);
}

static void
test_config_is_read (void)
{
  const guint sizes[] = { 1, 60, 255, 256 };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      VhuMessage message = VHU_MESSAGE_INIT;
      VhuConfigPayload config;
      const guint32 offset = VHU_MAX_CONFIG_SIZE - sizes[i];

      fill_config (&message, offset, sizes[i], 12 + sizes[i]);
      g_assert_true (vhu_message_read_config (&message, &config, NULL));
      g_assert_cmpuint (config.offset, ==, offset);
      g_assert_cmpuint (config.size, ==, sizes[i]);
      g_assert_cmpuint (config.flags, ==, 1);
      for (guint j = 0; j < VHU_MAX_CONFIG_SIZE; j++)
        g_assert_cmphex (config.data[j], ==, j < sizes[i] ? 0x11 : 0);
    }
}

static void
test_config_of_another_size_is_no_message (void)
{
  const int code = VHU_ERROR_BAD_MESSAGE;

  check_config_refused (0, 8, 0, code);
  check_config_refused (0, 8, 11, code);
  check_config_refused (0, 8, 12, code);
  check_config_refused (0, 8, 19, code);
  check_config_refused (0, 8, 21, code);
  check_config_refused (0, 0, 20, code);
  check_config_refused (0, G_MAXUINT32 - 11, 0, code);
  check_config_refused (0, G_MAXUINT32, 11, code);
}

static void
test_config_outside_of_the_space_is_refused (void)
{
  const int code = VHU_ERROR_BAD_VALUE;

  check_config_refused (0, 0, 12, code);
  check_config_refused (256, 0, 12, code);
  check_config_refused (256, 1, 13, code);
  check_config_refused (249, 8, 20, code);
  check_config_refused (0, 257, 269, code);
  check_config_refused (G_MAXUINT32, 1, 13, code);
  check_config_refused (G_MAXUINT32 - 7, 8, 20, code);
  check_config_refused (0, VHU_MAX_PAYLOAD - 12, VHU_MAX_PAYLOAD, code);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define ADD(name, func) g_test_add_func ("/wire/message/" name, func)
  ADD ("r5-message-owns-its-descriptors",
       test_r5_message_owns_its_descriptors);
  ADD ("r5-message-that-goes-out-of-scope-closes",
       test_r5_message_that_goes_out_of_scope_closes);
  ADD ("r2-reply-has-exactly-the-flags-of-a-reply",
       test_r2_reply_has_exactly_the_flags_of_a_reply);
  ADD ("r8-need-reply-is-a-flag", test_r8_need_reply_is_a_flag);
  ADD ("payload-is-appended", test_payload_is_appended);
  ADD ("danger-6-descriptors-that-do-not-belong-are-refused",
       test_danger_6_descriptors_that_do_not_belong_are_refused);
  ADD ("missing-descriptor-is-refused", test_missing_descriptor_is_refused);
  ADD ("r7-payload-size-is-exact", test_r7_payload_size_is_exact);
  ADD ("vring-address-is-read", test_vring_address_is_read);
  ADD ("unknown-flags-of-a-vring-address-are-refused",
       test_unknown_flags_of_a_vring_address_are_refused);
  ADD ("vring-event-names-queue-and-descriptor",
       test_vring_event_names_queue_and_descriptor);
  ADD ("danger-7-descriptor-and-nofd-must-agree",
       test_danger_7_descriptor_and_nofd_must_agree);
  ADD ("reserved-bits-of-a-vring-event-are-refused",
       test_reserved_bits_of_a_vring_event_are_refused);
  ADD ("vring-event-of-another-size-is-refused",
       test_vring_event_of_another_size_is_refused);
  ADD ("memory-table-is-read", test_memory_table_is_read);
  ADD ("memory-table-may-have-room-left",
       test_memory_table_may_have_room_left);
  ADD ("danger-13-memory-table-must-agree-with-itself",
       test_danger_13_memory_table_must_agree_with_itself);
  ADD ("danger-13-memory-table-without-a-head-is-no-message",
       test_danger_13_memory_table_without_a_head_is_no_message);
  ADD ("memory-that-is-not-shared-says-what-to-do",
       test_memory_that_is_not_shared_says_what_to_do);
  ADD ("single-region-is-behind-the-padding",
       test_single_region_is_behind_the_padding);
  ADD ("config-is-read", test_config_is_read);
  ADD ("config-of-another-size-is-no-message",
       test_config_of_another_size_is_no_message);
  ADD ("config-outside-of-the-space-is-refused",
       test_config_outside_of_the_space_is_refused);
#undef ADD

  return g_test_run ();
}
