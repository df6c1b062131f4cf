/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vhu-test-fds.h"
#include "vhu-test-log.h"
#include "vhu-test-messages.h"
#include "vhu-test-ring.h"
#include "vhu-test-session.h"

/* The guest's memory: what may be shared, and that rings go on while it changes.
 * The numbers of traps are those of tests/TRAPS.md. */

#define RING_SIZE 64
#define MAX_SLOTS 509
#define PAGE 4096
/* Far from what the front-end has, guest and user. */
#define FREE_ADDRESS G_GUINT64_CONSTANT (0x7000000000)
#define NOT_SHARED \
  "guest memory is not shared (no file descriptors with SET_MEM_TABLE): " \
  "start the VM with memory-backend-memfd,share=on"

static int
make_file (gsize size)
{
  int fd = memfd_create ("vhu-test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (ftruncate (fd, (off_t) size), ==, 0);
  return fd;
}

/* A chain that is read at @from and written at @to. */
static void
copy_in_guest (VhuTestSession *session,
               guint64         from,
               guint64         to,
               guint           size)
{
  const VhuDriverSegment segments[] = {
    { from, size, FALSE },
    { to, size, TRUE },
  };
  g_autoptr(GError) error = NULL;
  guint32 length;
  guint id;

  vhu_driver_queue_submit (session->queue, segments, G_N_ELEMENTS (segments), &error);
  g_assert_no_error (error);
  vhu_driver_queue_kick_always (session->queue);
  vhu_driver_queue_wait (session->queue, 20000, &error);
  g_assert_no_error (error);
  g_assert_true (vhu_driver_queue_pop (session->queue, &id, &length));
  g_assert_cmpuint (length, ==, size);
}

static void
check_copy (VhuTestSession *session,
            guint64         from,
            guint64         to,
            const char     *text)
{
  const guint size = (guint) strlen (text);
  g_autoptr(GBytes) bytes = g_bytes_new (text, size);
  g_autoptr(GBytes) back = NULL;
  g_autoptr(GError) error = NULL;

  vhu_frontend_write_memory (session->frontend, from, bytes, &error);
  g_assert_no_error (error);
  copy_in_guest (session, from, to, size);
  back = vhu_frontend_read_memory (session->frontend, to, size, &error);
  g_assert_no_error (error);
  g_assert_true (g_bytes_equal (bytes, back));
}

static guint64
get_region_address (VhuTestSession *session,
                    guint           number)
{
  VhuTestRegion region;

  vhu_test_describe (session->frontend, number, &region);
  return region.guest_address;
}

/* Trap 18: all regions lie in one file, each at an offset of its own. */
static void
test_regions_may_begin_within_a_file (VhuTestSession *session,
                                      gconstpointer   n_threads)
{
  g_autoptr(GError) error = NULL;
  VhuTestRegion region;

  vhu_frontend_negotiate (session->frontend, &error);
  g_assert_no_error (error);
  vhu_frontend_allocate_memory (session->frontend, 8 << 20, 8, &error);
  g_assert_no_error (error);
  vhu_test_describe (session->frontend, 7, &region);
  g_assert_cmpuint (region.mmap_offset, ==, 7 << 20);
  session->queue = vhu_frontend_add_queue (session->frontend, 0, RING_SIZE, &error);
  g_assert_no_error (error);

  for (guint i = 0; i < 8; i++)
    for (guint j = 0; j < 8; j++)
      check_copy (session, get_region_address (session, i) + (512 << 10),
                  get_region_address (session, j) + (768 << 10), "across regions");
}

/* Buffers that adjoin in the guest need not be of one region. */
static void
test_buffers_may_go_on_in_the_next_region (VhuTestSession *session,
                                           gconstpointer   n_threads)
{
  int first = make_file (PAGE);
  int second = make_file (PAGE);
  const VhuTestRegion regions[] = {
    { FREE_ADDRESS, PAGE, FREE_ADDRESS, 0 },
    { FREE_ADDRESS + PAGE, PAGE, FREE_ADDRESS + 0x100000, 0 },
  };
  guint64 to = vhu_frontend_allocate (session->frontend, 8, NULL);
  g_autoptr(GBytes) back = NULL;

  g_assert_cmpint (pwrite (first, "left", 4, PAGE - 4), ==, 4);
  g_assert_cmpint (pwrite (second, "over", 4, 0), ==, 4);
  g_assert_cmpuint (vhu_test_send_region (session->frontend, VHU_TEST_ADD_MEM_REG,
                                          &regions[0], first), ==, 0);
  g_assert_cmpuint (vhu_test_send_region (session->frontend, VHU_TEST_ADD_MEM_REG,
                                          &regions[1], second), ==, 0);
  copy_in_guest (session, FREE_ADDRESS + PAGE - 4, to, 8);
  back = vhu_frontend_read_memory (session->frontend, to, 8, NULL);
  g_assert_cmpmem (g_bytes_get_data (back, NULL), 8, "leftover", 8);
  close (first);
  close (second);
}

/* Trap 19. The queue takes the first slot. */
static void
test_all_509_slots_can_be_used (VhuTestSession *session,
                                gconstpointer   n_threads)
{
  const VhuTestRegion one_more = { FREE_ADDRESS, PAGE, FREE_ADDRESS, 0 };
  g_autoptr(GError) error = NULL;
  int fd = make_file (PAGE);

  g_assert_cmpuint (vhu_frontend_get_max_mem_slots (session->frontend), ==, MAX_SLOTS);
  vhu_frontend_allocate_memory (session->frontend, (MAX_SLOTS - 1) * PAGE,
                                MAX_SLOTS - 1, &error);
  g_assert_no_error (error);
  vhu_frontend_share_memory (session->frontend, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (vhu_frontend_get_n_regions (session->frontend), ==, MAX_SLOTS);
  g_assert_cmpuint (vhu_test_send_region (session->frontend, VHU_TEST_ADD_MEM_REG,
                                          &one_more, fd), !=, 0);

  check_copy (session, get_region_address (session, MAX_SLOTS - 1),
              get_region_address (session, MAX_SLOTS / 2), "the last slot");
  vhu_frontend_rem_mem_reg (session->frontend, MAX_SLOTS - 1, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (vhu_test_send_region (session->frontend, VHU_TEST_ADD_MEM_REG,
                                          &one_more, fd), ==, 0);
  close (fd);
}

/* The log has to say what to do: it is the most frequent mistake of all. */
static void
test_memory_that_is_not_shared_says_what_to_do (VhuTestSession *session,
                                                gconstpointer   n_threads)
{
  const VhuTestRegion region = { FREE_ADDRESS, PAGE, FREE_ADDRESS, 0 };

  vhu_test_log_clear ();
  g_assert_cmpuint (vhu_test_send_regions (session->frontend, &region, 1, NULL, 0), !=, 0);
  g_assert_true (vhu_test_log_has (NOT_SHARED));

  vhu_test_log_clear ();
  g_assert_cmpuint (vhu_test_send_region (session->frontend, VHU_TEST_ADD_MEM_REG,
                                          &region, -1), !=, 0);
  g_assert_true (vhu_test_log_has ("memory-backend-memfd,share=on"));
  vhu_test_session_echo (session->queue, "what is shared, is shared");
}

/* Front-ends of which the answer is not asked are cut off, with the same line. */
static void
test_memory_that_is_not_shared_closes (VhuTestSession *session,
                                       gconstpointer   n_threads)
{
  const guint32 table[10] = { 1 };

  vhu_test_log_clear ();
  vhu_test_send (session->frontend, VHU_TEST_SET_MEM_TABLE, VHU_TEST_PLAIN,
                 table, sizeof table, -1);
  vhu_test_expect_closed (session->frontend);
  g_assert_true (vhu_test_log_has (NOT_SHARED));
  vhu_test_session_come_back (session);
}

/* Danger 13: what the table says of itself. The old one stays. */
static void
test_tables_must_agree_with_themselves (VhuTestSession *session,
                                        gconstpointer   n_threads)
{
  VhuTestRegion regions[9];
  int fds[9];

  for (guint i = 0; i < G_N_ELEMENTS (regions); i++)
    {
      fds[i] = make_file (PAGE);
      regions[i] = (VhuTestRegion) { FREE_ADDRESS + i * PAGE, PAGE,
                                     FREE_ADDRESS + i * PAGE, 0 };
    }

  g_assert_cmpuint (vhu_test_send_regions (session->frontend, regions, 0, fds, 1), !=, 0);
  g_assert_cmpuint (vhu_test_send_regions (session->frontend, regions, 1, fds, 2), !=, 0);
  g_assert_cmpuint (vhu_test_send_regions (session->frontend, regions, 2, fds, 1), !=, 0);
  g_assert_cmpuint (vhu_test_send_regions (session->frontend, regions, 9, fds, 8), !=, 0);
  vhu_test_session_echo (session->queue, "in the old table");
  g_assert_cmpint (session->backend->n_memory, ==, 1);

  g_assert_cmpuint (vhu_test_send_regions (session->frontend, regions, 8, fds, 8), ==, 0);
  g_assert_cmpint (session->backend->n_memory, ==, 2);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    close (fds[i]);
}

/* Dangers 13, 14, 16 and 17 for one region. The file has four pages. */
static const VhuTestRegion bad_regions[] = {
  { FREE_ADDRESS, 0, FREE_ADDRESS, 0 },
  { FREE_ADDRESS, 5 * PAGE, FREE_ADDRESS, 0 },
  { FREE_ADDRESS, PAGE, FREE_ADDRESS, 4 * PAGE },
  { FREE_ADDRESS, 4 * PAGE, FREE_ADDRESS, 1 * PAGE },
  { FREE_ADDRESS, PAGE, FREE_ADDRESS, G_MAXUINT64 - PAGE + 1 },
  { FREE_ADDRESS, PAGE, FREE_ADDRESS, G_MAXUINT64 },
  { FREE_ADDRESS, G_MAXUINT64, FREE_ADDRESS, 0 },
  { FREE_ADDRESS, G_MAXUINT64 - PAGE + 1, FREE_ADDRESS, PAGE },
};

static void
test_impossible_regions_are_refused (VhuTestSession *session,
                                     gconstpointer   n_threads)
{
  int fd = make_file (4 * PAGE);

  for (guint i = 0; i < G_N_ELEMENTS (bad_regions); i++)
    {
      const VhuTestRegion *region = &bad_regions[i];

      g_assert_cmpuint (vhu_test_send_regions (session->frontend, region, 1, &fd, 1), !=, 0);
      g_assert_cmpuint (vhu_test_send_region (session->frontend, VHU_TEST_ADD_MEM_REG,
                                              region, fd), !=, 0);
    }
  vhu_test_session_echo (session->queue, "in the old memory");
  close (fd);
}

/* Trap 43. */
static void
test_a_region_that_wraps_is_refused (VhuTestSession *session,
                                     gconstpointer   n_threads)
{
  static const VhuTestRegion regions[] = {
    { FREE_ADDRESS, 4 * PAGE, G_MAXUINT64 - PAGE + 1, 0 },
    { FREE_ADDRESS, 4 * PAGE, G_MAXUINT64 - 3 * PAGE + 1, 0 },
    { G_MAXUINT64 - PAGE + 1, 4 * PAGE, FREE_ADDRESS, 0 },
    { G_MAXUINT64 - 3 * PAGE + 1, 4 * PAGE, FREE_ADDRESS, 0 },
    { G_MAXUINT64, 4 * PAGE, G_MAXUINT64, 0 },
  };
  int fd = make_file (4 * PAGE);

  for (guint i = 0; i < G_N_ELEMENTS (regions); i++)
    {
      g_assert_cmpuint (vhu_test_send_regions (session->frontend, &regions[i], 1, &fd, 1),
                        !=, 0);
      g_assert_cmpuint (vhu_test_send_region (session->frontend, VHU_TEST_ADD_MEM_REG,
                                              &regions[i], fd), !=, 0);
    }
  vhu_test_session_echo (session->queue, "in the old memory");
  close (fd);
}

/* Danger 15, in guest addresses and in those of the front-end. */
static void
test_overlapping_regions_are_refused (VhuTestSession *session,
                                      gconstpointer   n_threads)
{
  static const VhuTestRegion others[] = {
    { FREE_ADDRESS, 2 * PAGE, FREE_ADDRESS + 0x1000000, 0 },
    { FREE_ADDRESS + PAGE, 2 * PAGE, FREE_ADDRESS + 0x1000000, 0 },
    { FREE_ADDRESS - PAGE, 4 * PAGE, FREE_ADDRESS + 0x1000000, 0 },
    { FREE_ADDRESS + 0x1000000, 2 * PAGE, FREE_ADDRESS, 0 },
    { FREE_ADDRESS + 0x1000000, 2 * PAGE, FREE_ADDRESS + PAGE, 0 },
    { FREE_ADDRESS + 0x1000000, 4 * PAGE, FREE_ADDRESS - PAGE, 0 },
  };
  const VhuTestRegion region = { FREE_ADDRESS, 2 * PAGE, FREE_ADDRESS, 0 };
  int fds[2] = { make_file (4 * PAGE) };

  fds[1] = fds[0];
  g_assert_cmpuint (vhu_test_send_region (session->frontend, VHU_TEST_ADD_MEM_REG,
                                          &region, fds[0]), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    {
      const VhuTestRegion both[] = { region, others[i] };

      g_assert_cmpuint (vhu_test_send_region (session->frontend, VHU_TEST_ADD_MEM_REG,
                                              &others[i], fds[0]), !=, 0);
      g_assert_cmpuint (vhu_test_send_regions (session->frontend, both, 2, fds, 2), !=, 0);
    }
  vhu_test_session_echo (session->queue, "in the old memory");
  close (fds[0]);
}

/* Danger 19. */
static void
test_other_files_are_refused (VhuTestSession *session,
                              gconstpointer   n_threads)
{
  const VhuTestRegion region = { FREE_ADDRESS, PAGE, FREE_ADDRESS, 0 };
  g_autofree char *path = NULL;
  int file = make_file (PAGE);
  int fds[6];

  path = g_strdup_printf ("/proc/self/fd/%d", file);
  fds[0] = open (path, O_RDONLY | O_CLOEXEC);
  fds[1] = open (path, O_PATH | O_CLOEXEC);
  fds[2] = open ("/dev/zero", O_RDWR | O_CLOEXEC);
  fds[3] = open ("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  fds[4] = vhu_test_event_new ();
  fds[5] = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  close (file);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      g_assert_cmpint (fds[i], >=, 0);
      g_assert_cmpuint (vhu_test_send_regions (session->frontend, &region, 1, &fds[i], 1),
                        !=, 0);
      g_assert_cmpuint (vhu_test_send_region (session->frontend, VHU_TEST_ADD_MEM_REG,
                                              &region, fds[i]), !=, 0);
      close (fds[i]);
    }
  vhu_test_session_echo (session->queue, "in the old memory");
}

/* Danger 20. */
static void
test_only_what_is_there_is_removed (VhuTestSession *session,
                                    gconstpointer   n_threads)
{
  VhuTestRegion region;
  VhuTestRegion wrong[5];

  vhu_test_describe (session->frontend, 0, &region);
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    wrong[i] = region;
  wrong[0].guest_address += PAGE;
  wrong[1].user_address += PAGE;
  wrong[2].size -= PAGE;
  wrong[3].size = 0;
  wrong[4].guest_address = G_MAXUINT64;
  for (guint i = 0; i < G_N_ELEMENTS (wrong); i++)
    g_assert_cmpuint (vhu_test_send_region (session->frontend, VHU_TEST_REM_MEM_REG,
                                            &wrong[i], -1), !=, 0);
  vhu_test_session_echo (session->queue, "still there");
}

/* Trap 50. Nor is the offset in the file looked at. */
static void
test_removal_may_carry_a_descriptor (VhuTestSession *session,
                                     gconstpointer   n_threads)
{
  const VhuTestRegion region = { FREE_ADDRESS, PAGE, FREE_ADDRESS, 0 };
  VhuTestRegion removed = region;
  int fd = make_file (PAGE);
  guint n_fds = vhu_test_count_fds ();

  removed.mmap_offset = 12345;
  for (guint i = 0; i < 10; i++)
    {
      g_assert_cmpuint (vhu_test_send_region (session->frontend, VHU_TEST_ADD_MEM_REG,
                                              &region, fd), ==, 0);
      g_assert_cmpuint (vhu_test_send_region (session->frontend, VHU_TEST_REM_MEM_REG,
                                              i % 2 ? &removed : &region, fd), ==, 0);
    }
  vhu_test_wait_for_fds (n_fds);
  close (fd);
}

static void
test_what_the_device_refuses_stays_out (VhuTestSession *session,
                                        gconstpointer   n_threads)
{
  const VhuTestRegion region = { FREE_ADDRESS, PAGE, FREE_ADDRESS, 0 };
  int fd = make_file (PAGE);

  g_atomic_int_set (&session->backend->refuse_memory, TRUE);
  g_assert_cmpuint (vhu_test_send_regions (session->frontend, &region, 1, &fd, 1), !=, 0);
  g_assert_cmpuint (vhu_test_send_region (session->frontend, VHU_TEST_ADD_MEM_REG,
                                          &region, fd), !=, 0);
  g_atomic_int_set (&session->backend->refuse_memory, FALSE);
  vhu_test_session_echo (session->queue, "in the old memory");
  g_assert_cmpuint (vhu_test_send_region (session->frontend, VHU_TEST_REM_MEM_REG,
                                          &region, -1), !=, 0);
  close (fd);
}

/* Changes while rings run. */

typedef struct
{
  VhuTestRing ring;
  int stop; /* atomic */
  guint n_done;
} Load;

static gpointer
run_load (gpointer user_data)
{
  Load *load = user_data;

  while (!g_atomic_int_get (&load->stop))
    {
      vhu_test_ring_echo (&load->ring, "under load");
      load->n_done++;
    }
  return NULL;
}

typedef void (*ChangeFunc) (VhuTestSession *session);

static void
change_under_load (VhuTestSession *session,
                   ChangeFunc      change)
{
  Load load = { .ring = VHU_TEST_RING_INIT };
  GThread *thread;

  vhu_test_ring_init (&load.ring, session->frontend, 1, RING_SIZE);
  vhu_test_ring_start (&load.ring);
  thread = g_thread_new ("load", run_load, &load);
  for (guint i = 0; i < 300; i++)
    change (session);
  g_atomic_int_set (&load.stop, TRUE);
  g_thread_join (thread);
  g_assert_cmpuint (load.n_done, >, 0);
  vhu_test_ring_clear (&load.ring);
}

static void
add_and_remove (VhuTestSession *session)
{
  const VhuTestRegion region = { FREE_ADDRESS, PAGE, FREE_ADDRESS, 0 };
  int fd = make_file (PAGE);

  g_assert_cmpuint (vhu_test_send_region (session->frontend, VHU_TEST_ADD_MEM_REG,
                                          &region, fd), ==, 0);
  close (fd);
  g_assert_cmpuint (vhu_test_send_region (session->frontend, VHU_TEST_REM_MEM_REG,
                                          &region, -1), ==, 0);
}

static void
test_regions_come_and_go_under_load (VhuTestSession *session,
                                     gconstpointer   n_threads)
{
  change_under_load (session, add_and_remove);
}

/* All that the rings use is mapped anew each time, at other addresses. */
static void
replace_table (VhuTestSession *session)
{
  g_autoptr(GError) error = NULL;

  vhu_frontend_set_mem_table (session->frontend, &error);
  g_assert_no_error (error);
}

static void
test_tables_may_be_replaced_under_load (VhuTestSession *session,
                                        gconstpointer   n_threads)
{
  change_under_load (session, replace_table);
}

/* Danger 22: the ring rests until its memory is back. */
static void
remove_and_add_back (VhuTestSession *session)
{
  g_autoptr(GError) error = NULL;

  vhu_frontend_rem_mem_reg (session->frontend, 0, &error);
  g_assert_no_error (error);
  vhu_frontend_add_mem_reg (session->frontend, 0, &error);
  g_assert_no_error (error);
}

static void
test_the_region_of_a_ring_may_leave_under_load (VhuTestSession *session,
                                                gconstpointer   n_threads)
{
  change_under_load (session, remove_and_add_back);
}

static void
test_a_ring_rests_without_its_memory (VhuTestSession *session,
                                      gconstpointer   n_threads)
{
  g_auto(VhuTestRing) ring = VHU_TEST_RING_INIT;
  g_autoptr(GError) error = NULL;

  vhu_test_ring_init (&ring, session->frontend, 1, RING_SIZE);
  vhu_test_ring_start (&ring);
  for (guint i = 0; i < 10; i++)
    {
      vhu_test_ring_echo (&ring, "with it");
      vhu_frontend_rem_mem_reg (session->frontend, 0, &error);
      g_assert_no_error (error);
      vhu_test_ring_submit (&ring, "without");
      vhu_test_ring_signal_kick (&ring);
      vhu_test_ring_expect_nothing (&ring);
      vhu_frontend_add_mem_reg (session->frontend, 0, &error);
      g_assert_no_error (error);
      vhu_test_ring_expect (&ring, "without");
    }
  g_assert_false (vhu_test_event_is_signalled (ring.error));
  g_assert_cmpint (session->backend->n_started, ==, 2);
}

/* Without its memory a ring has a base all the same, and can be stopped. */
static void
test_a_ring_stops_without_its_memory (VhuTestSession *session,
                                      gconstpointer   n_threads)
{
  g_auto(VhuTestRing) ring = VHU_TEST_RING_INIT;
  g_autoptr(GError) error = NULL;

  vhu_test_ring_init (&ring, session->frontend, 1, RING_SIZE);
  vhu_test_ring_start (&ring);
  vhu_test_ring_echo (&ring, "with it");
  vhu_frontend_rem_mem_reg (session->frontend, 0, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (vhu_test_ring_stop (&ring), ==, 1);

  vhu_frontend_add_mem_reg (session->frontend, 0, &error);
  g_assert_no_error (error);
  vhu_test_ring_send_kick (&ring);
  vhu_test_ring_echo (&ring, "again");
}

/* Danger 21: the answer comes when no request is in the region any more. */
static void
run_nothing (gpointer server,
             gpointer unused)
{
}

static gpointer
complete_later (gpointer user_data)
{
  VhuTestSession *session = user_data;

  /* The answer would have gone out by then, if it did not wait. */
  vhu_test_wait_for (&session->backend->n_memory, 3);
  for (guint i = 0; i < 10; i++)
    vhu_test_server_run (session->server, run_nothing, NULL);
  vhu_test_backend_complete_held (session->backend);
  return NULL;
}

static void
test_removal_waits_for_requests (VhuTestSession *session,
                                 gconstpointer   n_threads)
{
  g_autoptr(GBytes) written = NULL;
  g_autoptr(GError) error = NULL;
  VhuDriverSegment segments[2] = { { 0, 8, FALSE }, { 0, 8, TRUE } };
  GThread *thread;

  vhu_frontend_add_region (session->frontend, PAGE, &segments[1].address, &error);
  g_assert_no_error (error);
  segments[0].address = vhu_frontend_allocate (session->frontend, 8, NULL);
  memcpy (vhu_frontend_get_host_pointer (session->frontend, segments[0].address, 8),
          "in time!", 8);
  g_atomic_int_set (&session->backend->mode, VHU_TEST_HOLD);
  vhu_driver_queue_submit (session->queue, segments, 2, &error);
  g_assert_no_error (error);
  vhu_driver_queue_kick (session->queue);
  vhu_test_wait_for (&session->backend->n_processed, 1);

  thread = g_thread_new ("completer", complete_later, session);
  vhu_frontend_rem_mem_reg (session->frontend, 1, &error);
  g_assert_no_error (error);
  written = vhu_frontend_read_memory (session->frontend, segments[1].address, 8, &error);
  g_assert_cmpmem (g_bytes_get_data (written, NULL), 8, "in time!", 8);
  g_assert_true (vhu_driver_queue_has_used (session->queue));
  g_thread_join (thread);
}

/* Requests elsewhere are none of its business. */
static void
test_removal_waits_for_its_own_requests_only (VhuTestSession *session,
                                              gconstpointer   n_threads)
{
  g_auto(VhuTestRing) ring = VHU_TEST_RING_INIT;
  g_autoptr(GError) error = NULL;
  guint64 address;

  vhu_frontend_add_region (session->frontend, PAGE, &address, &error);
  g_assert_no_error (error);
  g_atomic_int_set (&session->backend->mode, VHU_TEST_HOLD);
  vhu_test_ring_init (&ring, session->frontend, 1, RING_SIZE);
  vhu_test_ring_start (&ring);
  vhu_test_ring_submit (&ring, "elsewhere");
  vhu_test_ring_signal_kick (&ring);
  vhu_test_wait_for (&session->backend->n_processed, 1);
  vhu_frontend_remove_region (session->frontend, address, &error);
  g_assert_no_error (error);
  g_assert_false (vhu_driver_queue_has_used (ring.queue));
  vhu_test_backend_complete_held (session->backend);
  vhu_test_ring_expect (&ring, "elsewhere");
}

#define ADD(name, set_up, func) \
  VHU_TEST_SESSION_ADD ("/session/regions/" name, set_up, func)
#define ADD_STARTED(name, func) \
  ADD (name, vhu_test_session_set_up, func)

static void
add_change_tests (void)
{
  ADD_STARTED ("regions-come-and-go-under-load", test_regions_come_and_go_under_load);
  ADD_STARTED ("tables-may-be-replaced-under-load", test_tables_may_be_replaced_under_load);
  ADD_STARTED ("danger-22-the-region-of-a-ring-may-leave-under-load",
               test_the_region_of_a_ring_may_leave_under_load);
  ADD_STARTED ("danger-22-a-ring-rests-without-its-memory",
               test_a_ring_rests_without_its_memory);
  ADD_STARTED ("a-ring-stops-without-its-memory", test_a_ring_stops_without_its_memory);
  ADD_STARTED ("danger-21-removal-waits-for-requests", test_removal_waits_for_requests);
  ADD_STARTED ("removal-waits-for-its-own-requests-only",
               test_removal_waits_for_its_own_requests_only);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  vhu_test_log_install ();

  ADD ("regions-may-begin-within-a-file", vhu_test_session_connect,
       test_regions_may_begin_within_a_file);
  ADD_STARTED ("buffers-may-go-on-in-the-next-region",
               test_buffers_may_go_on_in_the_next_region);
  ADD_STARTED ("all-509-slots-can-be-used", test_all_509_slots_can_be_used);
  ADD_STARTED ("memory-that-is-not-shared-says-what-to-do",
               test_memory_that_is_not_shared_says_what_to_do);
  ADD_STARTED ("memory-that-is-not-shared-closes", test_memory_that_is_not_shared_closes);
  ADD_STARTED ("danger-13-tables-must-agree-with-themselves",
               test_tables_must_agree_with_themselves);
  ADD_STARTED ("danger-14-impossible-regions-are-refused",
               test_impossible_regions_are_refused);
  ADD_STARTED ("a-region-that-wraps-is-refused", test_a_region_that_wraps_is_refused);
  ADD_STARTED ("danger-15-overlapping-regions-are-refused",
               test_overlapping_regions_are_refused);
  ADD_STARTED ("danger-19-other-files-are-refused", test_other_files_are_refused);
  ADD_STARTED ("danger-20-only-what-is-there-is-removed",
               test_only_what_is_there_is_removed);
  ADD_STARTED ("removal-may-carry-a-descriptor", test_removal_may_carry_a_descriptor);
  ADD_STARTED ("what-the-device-refuses-stays-out", test_what_the_device_refuses_stays_out);
  add_change_tests ();

  return g_test_run ();
}
