/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vhu-test-messages.h"
#include "vhu-test-ring.h"
#include "vhu-test-session.h"

/* Front-ends that mean harm. After each of them the next is served as if nothing
 * had happened, and no descriptor is left behind. */

#define PAGE 4096
#define FREE_ADDRESS G_GUINT64_CONSTANT (0x7000000000)
#define N_MONKEYS 200

static GBytes *
make_message (guint32       request,
              guint32       flags,
              guint32       announced,
              gconstpointer payload,
              gsize         size)
{
  const guint32 header[3] = { request, flags, announced };
  g_autoptr(GByteArray) bytes = g_byte_array_new ();

  g_byte_array_append (bytes, (const guint8 *) header, sizeof header);
  g_byte_array_append (bytes, payload, (guint) size);
  return g_byte_array_free_to_bytes (g_steal_pointer (&bytes));
}

static void
send_bytes (VhuFrontend *frontend,
            GBytes      *bytes)
{
  g_autoptr(GError) error = NULL;

  vhu_frontend_send_bytes (frontend, bytes, NULL, 0, &error);
  g_assert_no_error (error);
}

static void
expect_cut_off (VhuTestSession *session)
{
  vhu_test_expect_closed (session->frontend);
  vhu_test_session_come_back (session);
}

/* Danger 1. */
static void
test_wrong_flags_close (VhuTestSession *session,
                        gconstpointer   n_threads)
{
  static const guint32 flags[] = {
    0x0, 0x2, 0x3, 0x8, 0x4, VHU_TEST_REPLY, 0xd, 0x11, 0x19, 0x80000001, G_MAXUINT32,
  };

  for (guint i = 0; i < G_N_ELEMENTS (flags); i++)
    {
      vhu_test_send (session->frontend, VHU_TEST_GET_FEATURES, flags[i], NULL, 0, -1);
      expect_cut_off (session);
    }
}

/* Danger 2. The announcement is enough. */
static void
test_large_messages_close (VhuTestSession *session,
                           gconstpointer   n_threads)
{
  static const guint32 sizes[] = { 4097, 65536, 0x7fffffff, 0x80000000, G_MAXUINT32 };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      g_autoptr(GBytes) header =
        make_message (VHU_TEST_SET_CONFIG, VHU_TEST_PLAIN, sizes[i], NULL, 0);

      send_bytes (session->frontend, header);
      expect_cut_off (session);
    }
}

/* Danger 2: each request of a fixed size, too short and too long. */
static void
test_wrong_sizes_close (VhuTestSession *session,
                        gconstpointer   n_threads)
{
  static const struct
  {
    guint request;
    gsize size;
  } requests[] = {
    { VHU_TEST_GET_FEATURES, 0 },
    { VHU_TEST_SET_FEATURES, 8 },
    { VHU_TEST_SET_OWNER, 0 },
    { VHU_TEST_RESET_OWNER, 0 },
    { VHU_TEST_SET_VRING_NUM, 8 },
    { VHU_TEST_SET_VRING_ADDR, 40 },
    { VHU_TEST_SET_VRING_BASE, 8 },
    { VHU_TEST_GET_VRING_BASE, 8 },
    { VHU_TEST_SET_VRING_KICK, 8 },
    { VHU_TEST_SET_VRING_CALL, 8 },
    { VHU_TEST_SET_VRING_ERR, 8 },
    { VHU_TEST_GET_PROTOCOL_FEATURES, 0 },
    { VHU_TEST_SET_PROTOCOL_FEATURES, 8 },
    { VHU_TEST_GET_QUEUE_NUM, 0 },
    { VHU_TEST_SET_VRING_ENABLE, 8 },
    { VHU_TEST_RESET_DEVICE, 0 },
    { VHU_TEST_GET_MAX_MEM_SLOTS, 0 },
    { VHU_TEST_ADD_MEM_REG, 40 },
    { VHU_TEST_REM_MEM_REG, 40 },
  };
  const guint8 payload[64] = { 0 };

  for (guint i = 0; i < G_N_ELEMENTS (requests); i++)
    for (int change = -1; change <= 1; change += 2)
      {
        gsize size = requests[i].size + change;
        gboolean with_memory = requests[i].request == VHU_TEST_ADD_MEM_REG;
        int fd;

        if (size > sizeof payload)
          continue;
        /* Without it, its absence would be what is answered. */
        fd = with_memory ? memfd_create ("vhu-test", MFD_CLOEXEC) : -1;
        vhu_test_send (session->frontend, requests[i].request, VHU_TEST_NEED_REPLY,
                       payload, size, fd);
        if (fd >= 0)
          close (fd);
        expect_cut_off (session);
      }
}

/* Danger 3. Neither a session that dribbles nor a connection that never gets to
 * its first message is in anybody's way. */
static void
test_slow_messages_hold_up_nobody (VhuTestSession *session,
                                   gconstpointer   n_threads)
{
  g_autoptr(VhuFrontend) slow = vhu_test_server_open (session->server);
  g_autoptr(GBytes) message =
    make_message (VHU_TEST_GET_FEATURES, VHU_TEST_PLAIN, 0, NULL, 0);
  g_autoptr(GBytes) start = g_bytes_new_from_bytes (message, 0, 5);
  g_autoptr(GBytes) rest = g_bytes_new_from_bytes (message, 5, 7);

  send_bytes (slow, start);
  send_bytes (session->frontend, start);
  for (guint i = 0; i < 20; i++)
    vhu_test_session_echo (session->queue, "rings do not wait for messages");
  send_bytes (session->frontend, rest);
  vhu_test_receive_u64 (session->frontend, VHU_TEST_GET_FEATURES);

  /* Its turn comes when the other has left. */
  send_bytes (slow, rest);
  vhu_test_session_echo (session->queue, "still the first");
  g_clear_object (&session->queue);
  vhu_frontend_close (session->frontend);
  vhu_test_receive_u64 (slow, VHU_TEST_GET_FEATURES);
  vhu_frontend_close (slow);
  vhu_test_session_come_back (session);
}

/* Danger 6. */
static void
test_descriptors_where_none_belong_close (VhuTestSession *session,
                                          gconstpointer   n_threads)
{
  static const struct
  {
    guint request;
    gsize size;
    guint n_fds;
  } messages[] = {
    { VHU_TEST_GET_FEATURES, 0, 1 },
    { VHU_TEST_SET_OWNER, 0, 8 },
    { VHU_TEST_SET_VRING_NUM, 8, 1 },
    { VHU_TEST_SET_VRING_ADDR, 40, 1 },
    { VHU_TEST_GET_VRING_BASE, 8, 1 },
    { VHU_TEST_SET_VRING_KICK, 8, 2 },
    { VHU_TEST_SET_VRING_CALL, 8, 8 },
    { VHU_TEST_SET_VRING_ENABLE, 8, 1 },
    { VHU_TEST_SET_BACKEND_REQ_FD, 0, 0 },
    { VHU_TEST_SET_BACKEND_REQ_FD, 0, 2 },
    { VHU_TEST_ADD_MEM_REG, 40, 2 },
    { VHU_TEST_REM_MEM_REG, 40, 2 },
    { VHU_TEST_GET_FEATURES, 0, 9 },
    { VHU_TEST_SET_MEM_TABLE, 40, 9 },
    { VHU_TEST_SET_MEM_TABLE, 40, 64 },
    { 1000, 0, 64 },
  };
  const guint8 payload[64] = { 0 };

  for (guint i = 0; i < G_N_ELEMENTS (messages); i++)
    {
      int fd = vhu_test_event_new ();
      int fds[64];

      for (guint j = 0; j < G_N_ELEMENTS (fds); j++)
        fds[j] = fd;
      vhu_test_send_fds (session->frontend, messages[i].request, VHU_TEST_NEED_REPLY,
                         payload, messages[i].size, fds, messages[i].n_fds);
      close (fd);
      expect_cut_off (session);
    }
}

/* Danger 6: they belong to the header, and come with its bytes. */
static void
test_descriptors_with_a_payload_close (VhuTestSession *session,
                                       gconstpointer   n_threads)
{
  const guint64 event = 0;
  g_autoptr(GBytes) message =
    make_message (VHU_TEST_SET_VRING_KICK, VHU_TEST_PLAIN, 8, &event, 8);
  g_autoptr(GBytes) header = g_bytes_new_from_bytes (message, 0, 12);
  g_autoptr(GBytes) payload = g_bytes_new_from_bytes (message, 12, 8);
  g_autoptr(GError) error = NULL;
  int fd = vhu_test_event_new ();

  send_bytes (session->frontend, header);
  vhu_frontend_send_bytes (session->frontend, payload, &fd, 1, &error);
  g_assert_no_error (error);
  close (fd);
  expect_cut_off (session);
}

/* Answers are kept for a front-end that is slow to read, but not for ever. */
static void
test_who_never_reads_is_cut_off (VhuTestSession *session,
                                 gconstpointer   n_threads)
{
  g_autoptr(GBytes) question =
    make_message (VHU_TEST_GET_FEATURES, VHU_TEST_PLAIN, 0, NULL, 0);
  g_autoptr(GError) error = NULL;
  guint64 n_sent = 0;

  while (vhu_frontend_send_bytes (session->frontend, question, NULL, 0, &error))
    g_assert_cmpuint (n_sent++, <, 1000000);
  g_assert_error (error, VHU_ERROR, VHU_ERROR_CLOSED);
  vhu_test_session_come_back (session);
}

/* All answers come, in order, however many are asked for before one is read. */
static void
test_a_storm_is_answered (VhuTestSession *session,
                          gconstpointer   n_threads)
{
  const VhuTestVringState on = { 0, 1 };
  const VhuTestVringState off = { 0, 0 };
  const guint64 nofd = VHU_TEST_NOFD;
  const guint n_rounds = 300;

  for (guint i = 0; i < n_rounds; i++)
    {
      vhu_test_send (session->frontend, VHU_TEST_SET_VRING_ENABLE, VHU_TEST_NEED_REPLY,
                     i % 2 ? &on : &off, sizeof on, -1);
      vhu_test_send (session->frontend, VHU_TEST_GET_VRING_BASE, VHU_TEST_PLAIN,
                     &off, sizeof off, -1);
      vhu_test_send (session->frontend, VHU_TEST_SET_VRING_KICK, VHU_TEST_NEED_REPLY,
                     &nofd, sizeof nofd, -1);
    }
  for (guint i = 0; i < n_rounds; i++)
    {
      g_assert_cmpuint (vhu_test_receive_u64 (session->frontend, VHU_TEST_SET_VRING_ENABLE),
                        ==, 0);
      g_assert_cmpuint (vhu_test_receive_u64 (session->frontend, VHU_TEST_GET_VRING_BASE),
                        ==, 0);
      g_assert_cmpuint (vhu_test_receive_u64 (session->frontend, VHU_TEST_SET_VRING_KICK),
                        ==, 0);
    }
  vhu_test_session_come_back (session);
}

/* The front-end asks for the base of a ring whose device takes its time, and is
 * gone before the answer. */
static void
test_leaving_within_a_drain_is_harmless (VhuTestSession *session,
                                         gconstpointer   n_threads)
{
  const VhuTestVringState state = { 0, 0 };
  g_autoptr(GBytes) out = g_bytes_new_static ("hold", 4);
  g_autoptr(GError) error = NULL;

  for (guint i = 0; i < 10; i++)
    {
      int n_processed = g_atomic_int_get (&session->backend->n_processed);
      int n_stopping = g_atomic_int_get (&session->backend->n_stopping);

      session->backend->ignore_stop = TRUE;
      g_atomic_int_set (&session->backend->mode, VHU_TEST_HOLD);
      vhu_driver_queue_submit_bytes (session->queue, out, 4, &error);
      g_assert_no_error (error);
      vhu_driver_queue_kick_always (session->queue);
      vhu_test_wait_for (&session->backend->n_processed, n_processed + 1);
      vhu_test_send (session->frontend, VHU_TEST_GET_VRING_BASE, VHU_TEST_PLAIN,
                     &state, sizeof state, -1);
      vhu_test_wait_for (&session->backend->n_stopping, n_stopping + 1);
      vhu_frontend_close (session->frontend);
      session->backend->ignore_stop = FALSE;
      vhu_test_backend_complete_held (session->backend);
      vhu_test_session_come_back (session);
    }
}

/* Connections at random moments of their life, in great number. */
static void
test_connections_come_and_go (VhuTestSession *session,
                              gconstpointer   n_threads)
{
  g_autoptr(GBytes) questions = NULL;
  g_autoptr(GByteArray) array = g_byte_array_new ();

  for (guint i = 0; i < 4; i++)
    {
      g_autoptr(GBytes) one = make_message (VHU_TEST_GET_FEATURES, VHU_TEST_PLAIN, 0, NULL, 0);

      g_byte_array_append (array, g_bytes_get_data (one, NULL), 12);
    }
  questions = g_byte_array_free_to_bytes (g_steal_pointer (&array));

  vhu_test_session_leave (session);
  for (guint i = 0; i < 100; i++)
    {
      g_autoptr(VhuFrontend) frontend = vhu_test_server_open (session->server);
      g_autoptr(GBytes) part =
        g_bytes_new_from_bytes (questions, 0, (gsize) g_test_rand_int_range (0, 49));

      send_bytes (frontend, part);
    }
  vhu_test_wait_for_fds (session->n_fds);
  session->frontend = vhu_test_server_open (session->server);
  vhu_test_session_start (session);
  vhu_test_session_echo (session->queue, "after all of them");
}

/* Monkeys: messages of known form with unlikely content. */

static guint64
random_number (void)
{
  static const guint64 favourites[] = {
    0, 1, 2, 3, 16, 64, 255, 256, 0x1000, 0x40000000, 0x7fffffff, G_MAXUINT32,
    VHU_TEST_BIT (32), FREE_ADDRESS, G_MAXUINT64 - PAGE, G_MAXUINT64,
  };

  return favourites[g_test_rand_int_range (0, G_N_ELEMENTS (favourites))];
}

static int
make_random_fd (void)
{
  int fd = -1;

  switch (g_test_rand_int_range (0, 4))
    {
    case 0:
      fd = vhu_test_event_new ();
      break;
    case 1:
      fd = memfd_create ("monkey", MFD_CLOEXEC);
      g_assert_cmpint (ftruncate (fd, 4 * PAGE), ==, 0);
      break;
    case 2:
      fd = open ("/dev/null", O_RDWR | O_CLOEXEC);
      break;
    default:
      break;
    }
  return fd;
}

static gboolean
send_random_message (VhuFrontend *frontend)
{
  static const gsize sizes[] = { 0, 8, 8, 8, 40, 40, 12, 20, 264, 7, 4096 };
  const gsize size = sizes[g_test_rand_int_range (0, G_N_ELEMENTS (sizes))];
  guint64 payload[512];
  g_autoptr(GBytes) bytes = NULL;
  gboolean sent;
  int fd = make_random_fd ();

  for (guint i = 0; i < G_N_ELEMENTS (payload); i++)
    payload[i] = random_number ();
  if (g_test_rand_bit ())
    payload[0] &= 0xffffffff00000001;
  bytes = g_bytes_new (payload, size);
  sent = vhu_frontend_send_raw (frontend, (guint) g_test_rand_int_range (0, 50),
                                g_test_rand_bit () ? VHU_TEST_PLAIN : VHU_TEST_NEED_REPLY,
                                (guint) size, bytes, &fd, fd >= 0 ? 1 : 0, NULL);
  if (fd >= 0)
    close (fd);
  return sent;
}

static void
test_monkeys_break_nothing (VhuTestSession *session,
                            gconstpointer   n_threads)
{
  for (guint i = 0; i < N_MONKEYS; i++)
    {
      const guint64 protocol_features = VHU_TEST_BIT (3);

      vhu_test_send (session->frontend, VHU_TEST_SET_PROTOCOL_FEATURES, VHU_TEST_PLAIN,
                     &protocol_features, sizeof protocol_features, -1);
      for (guint j = 0; j < 50 && send_random_message (session->frontend); j++)
        continue;
      vhu_test_session_leave (session);
      session->frontend = vhu_test_server_open (session->server);
    }
  vhu_test_session_come_back (session);
}

#define ADD(name, func) \
  VHU_TEST_SESSION_ADD ("/session/hostile/" name, vhu_test_session_set_up, func)

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ADD ("danger-1-wrong-flags-close", test_wrong_flags_close);
  ADD ("danger-2-large-messages-close", test_large_messages_close);
  ADD ("danger-2-wrong-sizes-close", test_wrong_sizes_close);
  ADD ("danger-3-slow-messages-hold-up-nobody", test_slow_messages_hold_up_nobody);
  ADD ("danger-6-descriptors-where-none-belong-close",
       test_descriptors_where_none_belong_close);
  ADD ("danger-6-descriptors-with-a-payload-close", test_descriptors_with_a_payload_close);
  ADD ("who-never-reads-is-cut-off", test_who_never_reads_is_cut_off);
  ADD ("a-storm-is-answered", test_a_storm_is_answered);
  ADD ("leaving-within-a-drain-is-harmless", test_leaving_within_a_drain_is_harmless);
  ADD ("connections-come-and-go", test_connections_come_and_go);
  ADD ("monkeys-break-nothing", test_monkeys_break_nothing);

  return g_test_run ();
}
