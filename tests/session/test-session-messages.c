/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vhu-test-messages.h"
#include "vhu-test-ring.h"
#include "vhu-test-session.h"

/* How messages travel, and what becomes of those that are wrong. The numbers in
 * comments are those of tests/TRAPS.md. */

#define N_REQUESTS 64

/* Requests of which a request of the right form is refused by nobody, with the
 * payload that they are tried with. */
typedef struct
{
  guint request;
  gboolean replies;
  gsize size;
  union
  {
    guint64 u64;
    guint32 u32[2];
    VhuTestVringAddress address;
    struct
    {
      guint32 head[3];
      guint8 data[4];
    } config;
  } payload;
} Example;

#define ADDRESS(n) (0x1000 * (n))

static const Example examples[] = {
  { VHU_TEST_GET_FEATURES, TRUE, 0, { 0 } },
  { VHU_TEST_SET_FEATURES, FALSE, 8, { .u64 = VHU_TEST_BIT (30) | VHU_TEST_BIT (32) } },
  { VHU_TEST_SET_OWNER, FALSE, 0, { 0 } },
  { VHU_TEST_RESET_OWNER, FALSE, 0, { 0 } },
  { VHU_TEST_SET_VRING_NUM, FALSE, 8, { .u32 = { 0, 64 } } },
  { VHU_TEST_SET_VRING_ADDR, FALSE, 40,
    { .address = { 0, 0, ADDRESS (1), ADDRESS (3), ADDRESS (2), 0 } } },
  { VHU_TEST_SET_VRING_BASE, FALSE, 8, { .u32 = { 0, 0 } } },
  { VHU_TEST_GET_VRING_BASE, TRUE, 8, { .u32 = { 0, 0 } } },
  { VHU_TEST_SET_VRING_KICK, FALSE, 8, { .u64 = VHU_TEST_NOFD } },
  { VHU_TEST_SET_VRING_CALL, FALSE, 8, { .u64 = VHU_TEST_NOFD } },
  { VHU_TEST_SET_VRING_ERR, FALSE, 8, { .u64 = VHU_TEST_NOFD } },
  { VHU_TEST_GET_PROTOCOL_FEATURES, TRUE, 0, { 0 } },
  { VHU_TEST_SET_PROTOCOL_FEATURES, FALSE, 8, { .u64 = 0xa229 } },
  { VHU_TEST_GET_QUEUE_NUM, TRUE, 0, { 0 } },
  { VHU_TEST_SET_VRING_ENABLE, FALSE, 8, { .u32 = { 1, 1 } } },
  { VHU_TEST_GET_CONFIG, TRUE, 16, { .config = { { 0, 4, 0 }, { 0 } } } },
  { VHU_TEST_SET_CONFIG, FALSE, 16,
    { .config = { { VHU_TEST_WRITABLE_OFFSET, 4, 0 }, { 1, 2, 3, 4 } } } },
  { VHU_TEST_RESET_DEVICE, FALSE, 0, { 0 } },
  { VHU_TEST_GET_MAX_MEM_SLOTS, TRUE, 0, { 0 } },
};

/* Those that carry a descriptor, or memory, on top of that. */
static const guint other_requests[] = {
  VHU_TEST_SET_MEM_TABLE,
  VHU_TEST_SET_BACKEND_REQ_FD,
  VHU_TEST_ADD_MEM_REG,
  VHU_TEST_REM_MEM_REG,
};

static gboolean
is_known (guint request)
{
  for (guint i = 0; i < G_N_ELEMENTS (examples); i++)
    if (examples[i].request == request)
      return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (other_requests); i++)
    if (other_requests[i] == request)
      return TRUE;
  return FALSE;
}

static void
want_acks (VhuTestSession *session)
{
  g_autoptr(GError) error = NULL;

  vhu_frontend_set_protocol_features (session->frontend, 0xa229, &error);
  g_assert_no_error (error);
}

static void
set_up_with_acks (VhuTestSession *session,
                  gconstpointer   n_threads)
{
  vhu_test_session_connect (session, n_threads);
  want_acks (session);
}

static void
reopen_with_acks (VhuTestSession *session)
{
  vhu_test_session_leave (session);
  session->frontend = vhu_test_server_open (session->server);
  want_acks (session);
}

/* Trap 15. Requests that have an answer of their own get that one only. */
static void
test_every_request_can_be_acknowledged (VhuTestSession *session,
                                        gconstpointer   n_threads)
{
  for (guint i = 0; i < G_N_ELEMENTS (examples); i++)
    {
      const Example *example = &examples[i];
      g_autoptr(GBytes) reply = NULL;

      vhu_test_send (session->frontend, example->request, VHU_TEST_NEED_REPLY,
                     &example->payload, example->size, -1);
      if (example->replies)
        reply = vhu_test_receive (session->frontend, example->request);
      else
        g_assert_cmpuint (vhu_test_receive_u64 (session->frontend, example->request), ==, 0);
      vhu_test_expect_silence (session->frontend);
    }
}

/* The rest of trap 15: memory and descriptors. */
static void
test_requests_with_descriptors_can_be_acknowledged (VhuTestSession *session,
                                                    gconstpointer   n_threads)
{
  g_autoptr(GError) error = NULL;
  VhuTestRegion region;
  int fd;

  vhu_frontend_allocate_memory (session->frontend, 1 << 20, 1, &error);
  g_assert_no_error (error);
  vhu_test_describe (session->frontend, 0, &region);
  fd = vhu_frontend_dup_region_fd (session->frontend, 0);

  g_assert_cmpuint (vhu_test_send_regions (session->frontend, &region, 1, &fd, 1), ==, 0);
  g_assert_cmpuint (vhu_test_send_region (session->frontend, VHU_TEST_REM_MEM_REG,
                                          &region, -1), ==, 0);
  g_assert_cmpuint (vhu_test_send_region (session->frontend, VHU_TEST_ADD_MEM_REG,
                                          &region, fd), ==, 0);
  vhu_test_expect_silence (session->frontend);
  vhu_frontend_open_back_channel (session->frontend, &error);
  g_assert_no_error (error);
  close (fd);
}

/* Nobody asked, nobody is answered. */
static void
test_no_acknowledgement_comes_unasked (VhuTestSession *session,
                                       gconstpointer   n_threads)
{
  for (guint i = 0; i < G_N_ELEMENTS (examples); i++)
    if (!examples[i].replies)
      {
        vhu_test_send (session->frontend, examples[i].request, VHU_TEST_PLAIN,
                       &examples[i].payload, examples[i].size, -1);
        vhu_test_expect_silence (session->frontend);
      }
}

/* Trap 45: a table of all that is offered, with the request of each. */
static void
test_what_is_offered_is_handled (VhuTestSession *session,
                                 gconstpointer   n_threads)
{
  static const struct
  {
    guint bit;
    guint request;
  } rows[] = {
    { VHU_PROTOCOL_FEATURE_MQ, VHU_TEST_GET_QUEUE_NUM },
    { VHU_PROTOCOL_FEATURE_BACKEND_REQ, VHU_TEST_SET_BACKEND_REQ_FD },
    { VHU_PROTOCOL_FEATURE_CONFIG, VHU_TEST_GET_CONFIG },
    { VHU_PROTOCOL_FEATURE_RESET_DEVICE, VHU_TEST_RESET_DEVICE },
    { VHU_PROTOCOL_FEATURE_CONFIGURE_MEM_SLOTS, VHU_TEST_GET_MAX_MEM_SLOTS },
  };
  g_autoptr(GError) error = NULL;
  guint64 left;

  vhu_frontend_query_protocol_features (session->frontend, &left, &error);
  g_assert_no_error (error);
  left &= ~VHU_TEST_BIT (VHU_PROTOCOL_FEATURE_REPLY_ACK);
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_assert_true (left & VHU_TEST_BIT (rows[i].bit));
      g_assert_true (is_known (rows[i].request));
      left &= ~VHU_TEST_BIT (rows[i].bit);
    }
  g_assert_cmphex (left, ==, 0);

  /* That these are handled is what the tests of the others show. */
  test_every_request_can_be_acknowledged (session, n_threads);
  test_requests_with_descriptors_can_be_acknowledged (session, n_threads);
}

/* Every request that there is a number for, but no feature offered. */
static void
test_what_is_not_offered_is_refused (VhuTestSession *session,
                                     gconstpointer   n_threads)
{
  const guint64 payload[2] = { 0 };

  for (guint request = 1; request < N_REQUESTS; request++)
    if (!is_known (request))
      {
        vhu_test_expect_refused (session->frontend, request, NULL, 0, -1);
        vhu_test_expect_refused (session->frontend, request, payload, sizeof payload, -1);
      }
  vhu_test_session_come_back (session);
}

/* Trap 27, and danger 5: the descriptor that comes along is closed, which the
 * tear-down looks at. */
static void
test_unknown_requests_are_refused (VhuTestSession *session,
                                   gconstpointer   n_threads)
{
  static const guint requests[] = { 0, 63, 64, 1000, 0x80000000, G_MAXUINT32 };
  int fd = vhu_test_event_new ();

  for (guint i = 0; i < G_N_ELEMENTS (requests); i++)
    {
      vhu_test_expect_refused (session->frontend, requests[i], NULL, 0, -1);
      vhu_test_expect_refused (session->frontend, requests[i], "payload", 7, fd);
    }
  close (fd);

  for (guint i = 0; i < G_N_ELEMENTS (requests); i++)
    {
      fd = vhu_test_event_new ();
      vhu_test_send (session->frontend, requests[i], VHU_TEST_PLAIN, "payload", 7, fd);
      close (fd);
      vhu_test_expect_closed (session->frontend);
      reopen_with_acks (session);
    }
}

/* Trap 45. */
static void
test_a_refusal_leaves_the_connection_open (VhuTestSession *session,
                                           gconstpointer   n_threads)
{
  const VhuTestVringState size = { 1, 3 };

  for (guint i = 0; i < 20; i++)
    {
      vhu_test_expect_refused (session->frontend, VHU_TEST_SET_VRING_NUM,
                               &size, sizeof size, -1);
      vhu_test_session_echo (session->queue, "the connection lives, and the ring");
    }
}

/* Without acknowledgements the front-end cannot learn that it was not heard. */
static void
test_a_refusal_that_nobody_asked_for_closes (VhuTestSession *session,
                                             gconstpointer   n_threads)
{
  const VhuTestVringState size = { 1, 3 };

  vhu_test_send (session->frontend, VHU_TEST_SET_VRING_NUM, VHU_TEST_PLAIN,
                 &size, sizeof size, -1);
  vhu_test_expect_closed (session->frontend);
  vhu_test_session_come_back (session);
}

static GBytes *
make_message (guint         request,
              guint         flags,
              guint         announced,
              gconstpointer payload,
              gsize         size)
{
  const guint32 header[3] = { request, flags, announced };
  g_autoptr(GByteArray) bytes = g_byte_array_new ();

  g_byte_array_append (bytes, (const guint8 *) header, sizeof header);
  g_byte_array_append (bytes, payload, (guint) size);
  return g_byte_array_free_to_bytes (g_steal_pointer (&bytes));
}

/* Trap 23. */
static void
test_a_message_may_come_byte_by_byte (VhuTestSession *session,
                                      gconstpointer   n_threads)
{
  const VhuTestVringState state = { 0, 64 };
  g_autoptr(GBytes) message =
    make_message (VHU_TEST_SET_VRING_NUM, VHU_TEST_NEED_REPLY, sizeof state,
                  &state, sizeof state);
  g_autoptr(GError) error = NULL;

  for (guint round = 0; round < 3; round++)
    {
      for (gsize i = 0; i < g_bytes_get_size (message); i++)
        {
          g_autoptr(GBytes) byte = g_bytes_new_from_bytes (message, i, 1);

          vhu_frontend_send_bytes (session->frontend, byte, NULL, 0, &error);
          g_assert_no_error (error);
        }
      g_assert_cmpuint (vhu_test_receive_u64 (session->frontend, VHU_TEST_SET_VRING_NUM),
                        ==, 0);
    }
}

/* The reader does not take what belongs to the next message, nor its
 * descriptors. */
static void
test_messages_may_come_in_one_piece (VhuTestSession *session,
                                     gconstpointer   n_threads)
{
  const guint64 nofd = VHU_TEST_NOFD | 1;
  g_autoptr(GByteArray) all = g_byte_array_new ();
  g_autoptr(GBytes) one =
    make_message (VHU_TEST_SET_VRING_CALL, VHU_TEST_NEED_REPLY, 8, &nofd, 8);
  g_autoptr(GBytes) bytes = NULL;
  g_autoptr(GError) error = NULL;

  for (guint i = 0; i < 100; i++)
    g_byte_array_append (all, g_bytes_get_data (one, NULL), (guint) g_bytes_get_size (one));
  bytes = g_byte_array_free_to_bytes (g_steal_pointer (&all));
  vhu_frontend_send_bytes (session->frontend, bytes, NULL, 0, &error);
  g_assert_no_error (error);
  for (guint i = 0; i < 100; i++)
    g_assert_cmpuint (vhu_test_receive_u64 (session->frontend, VHU_TEST_SET_VRING_CALL),
                      ==, 0);
}

/* How the server saw the last session end, with the control context's leave. */
typedef struct
{
  int n_closed; /* atomic */
  int had_error;
} Ending;

static void
session_closed_cb (VhuServer    *server,
                   VhuSession   *session,
                   const GError *error,
                   gpointer      user_data)
{
  Ending *ending = user_data;

  ending->had_error = error != NULL;
  g_atomic_int_inc (&ending->n_closed);
}

static void
check_ending (VhuTestSession *session,
              GBytes         *last_bytes,
              gboolean        is_error)
{
  Ending ending = { 0 };
  VhuServer *server = vhu_test_server_get (session->server);
  gulong handler = g_signal_connect (server, "session-closed",
                                     G_CALLBACK (session_closed_cb), &ending);
  g_autoptr(GError) error = NULL;

  vhu_frontend_send_bytes (session->frontend, last_bytes, NULL, 0, &error);
  g_assert_no_error (error);
  vhu_frontend_close (session->frontend);
  vhu_test_wait_for (&ending.n_closed, 1);
  g_assert_cmpint (ending.had_error, ==, is_error);
  g_signal_handler_disconnect (server, handler);
}

/* Trap 24. */
static void
test_leaving_between_messages_is_no_error (VhuTestSession *session,
                                           gconstpointer   n_threads)
{
  g_autoptr(GBytes) message =
    make_message (VHU_TEST_RESET_OWNER, VHU_TEST_PLAIN, 0, NULL, 0);

  check_ending (session, message, FALSE);
}

/* Trap 24, and danger 4. */
static void
test_leaving_within_a_message_is_one (VhuTestSession *session,
                                      gconstpointer   n_threads)
{
  const guint64 features = 0;
  g_autoptr(GBytes) message =
    make_message (VHU_TEST_SET_FEATURES, VHU_TEST_PLAIN, 8, &features, 8);

  for (gsize length = 1; length < g_bytes_get_size (message); length++)
    {
      g_autoptr(GBytes) start = g_bytes_new_from_bytes (message, 0, length);

      check_ending (session, start, TRUE);
      vhu_test_session_come_back (session);
    }
}

/* Danger 4: what came with the first half is closed. */
static void
test_half_a_message_keeps_no_descriptor (VhuTestSession *session,
                                         gconstpointer   n_threads)
{
  g_autoptr(GBytes) half = g_bytes_new_static ("\x0c\0\0\0\1\0", 6);
  g_autoptr(GError) error = NULL;
  int fd = vhu_test_event_new ();

  vhu_frontend_send_bytes (session->frontend, half, &fd, 1, &error);
  g_assert_no_error (error);
  close (fd);
  vhu_test_session_come_back (session);
}

#define ADD(name, set_up, func) \
  VHU_TEST_SESSION_ADD ("/session/messages/" name, set_up, func)

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ADD ("every-request-can-be-acknowledged", set_up_with_acks,
       test_every_request_can_be_acknowledged);
  ADD ("requests-with-descriptors-can-be-acknowledged", set_up_with_acks,
       test_requests_with_descriptors_can_be_acknowledged);
  ADD ("no-acknowledgement-comes-unasked", set_up_with_acks,
       test_no_acknowledgement_comes_unasked);
  ADD ("what-is-offered-is-handled", set_up_with_acks, test_what_is_offered_is_handled);
  ADD ("what-is-not-offered-is-refused", set_up_with_acks,
       test_what_is_not_offered_is_refused);
  ADD ("unknown-requests-are-refused", set_up_with_acks, test_unknown_requests_are_refused);
  ADD ("a-refusal-leaves-the-connection-open", vhu_test_session_set_up,
       test_a_refusal_leaves_the_connection_open);
  ADD ("a-refusal-that-nobody-asked-for-closes", vhu_test_session_set_up,
       test_a_refusal_that_nobody_asked_for_closes);
  ADD ("a-message-may-come-byte-by-byte", set_up_with_acks,
       test_a_message_may_come_byte_by_byte);
  ADD ("messages-may-come-in-one-piece", set_up_with_acks,
       test_messages_may_come_in_one_piece);
  ADD ("leaving-between-messages-is-no-error", vhu_test_session_set_up,
       test_leaving_between_messages_is_no_error);
  ADD ("leaving-within-a-message-is-one", vhu_test_session_set_up,
       test_leaving_within_a_message_is_one);
  ADD ("half-a-message-keeps-no-descriptor", vhu_test_session_set_up,
       test_half_a_message_keeps_no_descriptor);

  return g_test_run ();
}
