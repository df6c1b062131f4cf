/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <vhu/vhu.h>

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* The front-end against a back-end of somebody else: QEMU's storage daemon with
 * a block device. What both halves of this library understand in the same wrong
 * way does not pass here. */

#define PROGRAM "qemu-storage-daemon"
#define CAPACITY (8 << 20)
#define SECTOR 512
#define REQUEST_IN 0
#define REQUEST_OUT 1
#define REQUEST_GET_ID 8
#define STATUS_OK 0
#define CALL_TIMEOUT 10000

typedef struct
{
  char *directory;
  char *image;
  GSubprocess *daemon;
  VhuFrontend *frontend;
  VhuDriverQueue *queue;
  GError *error;
} Fixture;

/* A test that fails must not leave a daemon behind. */
static void
die_with_parent_cb (gpointer unused)
{
  prctl (PR_SET_PDEATHSIG, SIGKILL);
}

static GSubprocess *
spawn_daemon (Fixture *test,
              int      listener)
{
  g_autofree char *blockdev =
    g_strdup_printf ("driver=file,node-name=disk,filename=%s", test->image);
  g_autoptr(GSubprocessLauncher) launcher =
    g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_SILENCE);

  g_subprocess_launcher_take_fd (launcher, listener, 3);
  g_subprocess_launcher_set_child_setup (launcher, die_with_parent_cb, NULL,
                                         NULL);
  return g_subprocess_launcher_spawn
    (launcher, &test->error, PROGRAM,
     "--blockdev", blockdev,
     "--export", "type=vhost-user-blk,id=export,node-name=disk,writable=on,"
                 "num-queues=2,addr.type=fd,addr.str=3",
     NULL);
}

/* The socket listens before the daemon runs, so that nobody has to wait. */
static int
create_listener (const char *path)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  g_assert_no_errno (bind (fd, (struct sockaddr *) &address, sizeof address));
  g_assert_no_errno (listen (fd, 1));
  return fd;
}

static void
start_daemon (Fixture *test)
{
  g_autofree char *socket_path = NULL;
  int fd;

  test->directory = g_dir_make_tmp ("vhu-test-XXXXXX", &test->error);
  g_assert_no_error (test->error);
  test->image = g_build_filename (test->directory, "disk", NULL);
  socket_path = g_build_filename (test->directory, "socket", NULL);
  fd = open (test->image, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  g_assert_no_errno (ftruncate (fd, CAPACITY));
  close (fd);

  test->daemon = spawn_daemon (test, create_listener (socket_path));
  g_assert_no_error (test->error);
  test->frontend = vhu_frontend_open (socket_path, &test->error);
  g_assert_no_error (test->error);
  unlink (socket_path);
  vhu_frontend_set_timeout (test->frontend, CALL_TIMEOUT);
}

static void
set_up (Fixture       *test,
        gconstpointer  unused)
{
  g_autofree char *program = g_find_program_in_path (PROGRAM);

  if (program == NULL)
    {
      g_test_skip (PROGRAM " is not installed");
      return;
    }

  start_daemon (test);
  g_assert_true (vhu_frontend_negotiate (test->frontend, &test->error));
  g_assert_no_error (test->error);
  g_assert_true (vhu_frontend_allocate_memory (test->frontend, 4 << 20, 2,
                                               &test->error));
}

static void
tear_down (Fixture       *test,
           gconstpointer  unused)
{
  if (test->daemon == NULL)
    return;

  g_clear_object (&test->queue);
  g_assert_finalize_object (g_steal_pointer (&test->frontend));
  g_subprocess_send_signal (test->daemon, SIGTERM);
  g_subprocess_wait (test->daemon, NULL, NULL);
  g_clear_object (&test->daemon);
  unlink (test->image);
  rmdir (test->directory);
  g_free (test->image);
  g_free (test->directory);
}

static gboolean
is_skipped (Fixture *test)
{
  return test->daemon == NULL;
}

static void
add_queue (Fixture *test,
           guint    index)
{
  g_clear_object (&test->queue);
  test->queue = vhu_frontend_add_queue (test->frontend, index, 64,
                                        &test->error);
  g_assert_no_error (test->error);
}

static GBytes *
make_request (guint32       type,
              guint64       sector,
              gconstpointer data,
              gsize         size)
{
  const guint32 head[2] = { GUINT32_TO_LE (type), 0 };
  GByteArray *bytes = g_byte_array_new ();

  sector = GUINT64_TO_LE (sector);
  g_byte_array_append (bytes, (const guint8 *) head, sizeof head);
  g_byte_array_append (bytes, (const guint8 *) &sector, sizeof sector);
  if (size > 0)
    g_byte_array_append (bytes, data, (guint) size);
  return g_byte_array_free_to_bytes (bytes);
}

static void
write_sector (Fixture      *test,
              guint64       sector,
              const guint8 *data)
{
  g_autoptr(GBytes) request = make_request (REQUEST_OUT, sector, data, SECTOR);
  g_autoptr(GBytes) answer = vhu_driver_queue_request (test->queue, request, 1,
                                                       &test->error);

  g_assert_no_error (test->error);
  g_assert_cmpmem (g_bytes_get_data (answer, NULL), g_bytes_get_size (answer),
                   "\0", 1);
}

static void
assert_sector (Fixture      *test,
               guint64       sector,
               const guint8 *expected)
{
  g_autoptr(GBytes) request = make_request (REQUEST_IN, sector, NULL, 0);
  g_autoptr(GBytes) answer = vhu_driver_queue_request (test->queue, request,
                                                       SECTOR + 1,
                                                       &test->error);
  const guint8 *data;

  g_assert_no_error (test->error);
  g_assert_cmpuint (g_bytes_get_size (answer), ==, SECTOR + 1);
  data = g_bytes_get_data (answer, NULL);
  g_assert_cmpuint (data[SECTOR], ==, STATUS_OK);
  g_assert_cmpmem (data, SECTOR, expected, SECTOR);
}

static void
fill (guint8 *sector)
{
  for (guint i = 0; i < SECTOR; i++)
    sector[i] = (guint8) g_test_rand_int ();
}

static void
test_negotiates (Fixture       *test,
                 gconstpointer  unused)
{
  g_autoptr(GBytes) config = NULL;
  guint64 capacity;

  if (is_skipped (test))
    return;

  g_assert_cmpuint (vhu_frontend_get_n_queues (test->frontend), ==, 2);
  g_assert_true (vhu_frontend_has_feature (test->frontend,
                                           VHU_FEATURE_VERSION_1));
  g_assert_true (vhu_frontend_has_feature (test->frontend,
                                           VHU_FEATURE_EVENT_IDX));
  g_assert_true (vhu_frontend_has_protocol_feature
    (test->frontend, VHU_PROTOCOL_FEATURE_CONFIG));

  config = vhu_frontend_get_config (test->frontend, 0, sizeof capacity,
                                    &test->error);
  g_assert_no_error (test->error);
  memcpy (&capacity, g_bytes_get_data (config, NULL), sizeof capacity);
  g_assert_cmpuint (GUINT64_FROM_LE (capacity), ==, CAPACITY / SECTOR);
}

static void
test_data_comes_back (Fixture       *test,
                      gconstpointer  unused)
{
  guint8 sectors[16][SECTOR];

  if (is_skipped (test))
    return;

  add_queue (test, 0);
  for (guint i = 0; i < G_N_ELEMENTS (sectors); i++)
    {
      fill (sectors[i]);
      vhu_driver_queue_set_indirect (test->queue, i % 2, 0);
      write_sector (test, 3 * i, sectors[i]);
    }
  for (guint i = 0; i < G_N_ELEMENTS (sectors); i++)
    {
      vhu_driver_queue_set_indirect (test->queue, i % 3 == 0, 0);
      assert_sector (test, 3 * i, sectors[i]);
    }
}

static void
test_many_segments_are_one_request (Fixture       *test,
                                    gconstpointer  unused)
{
  g_autoptr(GBytes) id_request = make_request (REQUEST_GET_ID, 0, NULL, 0);
  g_autoptr(GBytes) result = NULL;
  guint64 address;
  guint32 length;
  guint id;

  if (is_skipped (test))
    return;

  add_queue (test, 0);
  address = vhu_frontend_allocate (test->frontend, 64, &test->error);
  g_assert_true (vhu_frontend_write_memory (test->frontend, address,
                                            id_request, &test->error));
  for (guint i = 0; i < 16; i += 4)
    vhu_driver_queue_append_segment (test->queue, address + i, 4, FALSE);
  for (guint i = 0; i < 21; i += 3)
    vhu_driver_queue_append_segment (test->queue, address + 16 + i, 3, TRUE);
  g_assert_cmpint (vhu_driver_queue_submit_appended (test->queue,
                                                     &test->error), >=, 0);
  vhu_driver_queue_kick (test->queue);
  g_assert_true (vhu_driver_queue_wait (test->queue, CALL_TIMEOUT,
                                        &test->error));
  g_assert_true (vhu_driver_queue_pop (test->queue, &id, &length));
  g_assert_cmpuint (length, ==, 21);
  result = vhu_frontend_read_memory (test->frontend, address + 16, 21,
                                     &test->error);
  g_assert_cmpstr (g_bytes_get_data (result, NULL), ==, "vhost_user_blk");
}

static void
test_a_queue_stops_and_goes_on (Fixture       *test,
                                gconstpointer  unused)
{
  guint8 sector[SECTOR];

  if (is_skipped (test))
    return;

  fill (sector);
  add_queue (test, 0);
  write_sector (test, 1, sector);
  for (guint i = 1; i < 5; i++)
    {
      g_assert_true (vhu_driver_queue_stop (test->queue, &test->error));
      g_assert_cmpuint (vhu_driver_queue_get_base (test->queue), ==, i);
      g_assert_true (vhu_driver_queue_start (test->queue, &test->error));
      assert_sector (test, 1, sector);
    }
}

static void
test_the_driver_may_poll (Fixture       *test,
                          gconstpointer  unused)
{
  g_autoptr(GBytes) request = make_request (REQUEST_GET_ID, 0, NULL, 0);
  const gint64 deadline = g_get_monotonic_time () + CALL_TIMEOUT * 1000;
  guint32 length;
  guint id;

  if (is_skipped (test))
    return;

  /* The call descriptor cannot be left out: the daemon breaks the queue at its
   * first call, which is due for the first chain in any case. */
  add_queue (test, 1);
  vhu_driver_queue_submit_bytes (test->queue, request, 21, &test->error);
  vhu_driver_queue_kick (test->queue);
  g_assert_true (vhu_driver_queue_wait (test->queue, CALL_TIMEOUT, NULL));
  g_assert_true (vhu_driver_queue_pop (test->queue, &id, &length));
  vhu_driver_queue_disable_calls (test->queue);
  for (guint i = 0; i < 100; i++)
    {
      vhu_driver_queue_submit_bytes (test->queue, request, 21, &test->error);
      vhu_driver_queue_kick (test->queue);
      while (!vhu_driver_queue_pop (test->queue, &id, &length))
        g_assert_cmpint (g_get_monotonic_time (), <, deadline);
      g_assert_cmpuint (length, ==, 21);
    }
}

static void
test_memory_comes_and_goes (Fixture       *test,
                            gconstpointer  unused)
{
  guint8 sector[SECTOR];
  guint64 address;

  if (is_skipped (test))
    return;

  fill (sector);
  add_queue (test, 0);
  /* The rings leave no room for this in the regions that there are. */
  g_assert_cmpuint (vhu_frontend_allocate (test->frontend, 4 << 20, NULL), ==,
                    0);
  g_assert_true (vhu_frontend_add_region (test->frontend, 4 << 20, &address,
                                          &test->error));
  g_assert_cmpuint (vhu_frontend_allocate (test->frontend, 4 << 20, NULL), ==,
                    address);
  vhu_frontend_release (test->frontend, address, SECTOR);
  write_sector (test, 9, sector);
  assert_sector (test, 9, sector);
  g_assert_true (vhu_frontend_remove_region (test->frontend, address,
                                             &test->error));
  g_assert_no_error (test->error);
  assert_sector (test, 9, sector);
}

#define ADD(name, function) \
  g_test_add ("/frontend/" PROGRAM "/" name, Fixture, NULL, set_up, function, \
              tear_down)

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  ADD ("negotiates", test_negotiates);
  ADD ("data-comes-back", test_data_comes_back);
  ADD ("many-segments-are-one-request", test_many_segments_are_one_request);
  ADD ("a-queue-stops-and-goes-on", test_a_queue_stops_and_goes_on);
  ADD ("the-driver-may-poll", test_the_driver_may_poll);
  ADD ("memory-comes-and-goes", test_memory_comes_and_goes);

  return g_test_run ();
}
