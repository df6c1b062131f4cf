/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-sigbus-guard-private.h"

#include "vhu-fd-private.h"
#include "vhu-memory-private.h"

#include <linux/memfd.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define PAGE 4096
#define EXIT_STATUS_OF_OTHER 42

static VhuMemoryRegion *
create_region (int     fd,
               guint64 address,
               guint64 size)
{
  g_autoptr(GError) error = NULL;
  VhuMemoryRegion *region = vhu_memory_region_new (fd, address, address, size,
                                                   0, &error);

  g_assert_no_error (error);
  return region;
}

/* For the tests that are to live on in this process. */
static VhuMemoryRegion *
create_guarded_region (int     fd,
                       guint64 address,
                       guint64 size)
{
  vhu_sigbus_guard_install ();
  return create_region (fd, address, size);
}

static int
create_file (gsize size)
{
  int fd = memfd_create ("guest-memory", MFD_CLOEXEC);

  g_assert_cmpint (ftruncate (fd, size), ==, 0);
  return fd;
}

static void
truncate_file (int fd)
{
  g_assert_cmpint (ftruncate (fd, 0), ==, 0);
}

/* A read that the compiler cannot leave out. */
static guint8
peek (const guint8 *address)
{
  return *(const volatile guint8 *) address;
}

static gboolean
is_signalled (VhuEvent *event)
{
  struct pollfd pfd = { .fd = vhu_event_get_fd (event), .events = POLLIN };

  return poll (&pfd, 1, 0) == 1;
}

static void
test_danger_18_truncated_memory_reads_as_zeros (void)
{
  vhu_autofd int fd = create_file (4 * PAGE);
  g_autoptr(VhuMemoryRegion) region = create_guarded_region (fd, 0, 4 * PAGE);

  memset (region->host, 0x5a, 4 * PAGE);
  g_assert_false (vhu_memory_region_get_faulted (region));

  truncate_file (fd);
  for (guint i = 0; i < 4 * PAGE; i++)
    g_assert_cmpuint (peek (region->host + i), ==, 0);
  g_assert_true (vhu_memory_region_get_faulted (region));
}

static void
test_danger_18_truncated_memory_can_be_written (void)
{
  vhu_autofd int fd = create_file (4 * PAGE);
  g_autoptr(VhuMemoryRegion) region = create_guarded_region (fd, 0, 4 * PAGE);

  truncate_file (fd);
  memset (region->host, 0x5a, 4 * PAGE);
  g_assert_cmpuint (peek (region->host), ==, 0x5a);
  g_assert_true (vhu_memory_region_get_faulted (region));
}

/* Not the pages that are gone only: their neighbours are the same guest's. */
static void
test_whole_region_is_replaced (void)
{
  vhu_autofd int fd = create_file (4 * PAGE);
  g_autoptr(VhuMemoryRegion) region = create_guarded_region (fd, 0, 4 * PAGE);

  memset (region->host, 0x5a, 4 * PAGE);
  g_assert_cmpint (ftruncate (fd, 2 * PAGE), ==, 0);
  g_assert_cmpuint (peek (region->host), ==, 0x5a);
  g_assert_cmpuint (peek (region->host + 3 * PAGE), ==, 0);
  g_assert_cmpuint (peek (region->host), ==, 0);
}

static void
test_huge_pages_are_replaced_whole (void)
{
  vhu_autofd int fd = memfd_create ("huge", MFD_CLOEXEC | MFD_HUGETLB |
                                            MFD_HUGE_2MB);
  g_autoptr(VhuMemoryRegion) region = NULL;
  const gsize huge = 2 * 1024 * 1024;

  if (fd < 0 || ftruncate (fd, 2 * huge) < 0)
    {
      g_test_skip ("no hugetlbfs");
      return;
    }

  region = create_guarded_region (fd, 0, 2 * huge);
  truncate_file (fd);
  g_assert_cmpuint (peek (region->host + huge), ==, 0);
  g_assert_cmpuint (peek (region->host), ==, 0);
  g_assert_true (vhu_memory_region_get_faulted (region));
}

static void
test_only_the_session_it_concerns_is_told (void)
{
  vhu_autofd int fd = create_file (PAGE);
  vhu_autofd int other_fd = create_file (PAGE);
  g_autoptr(VhuMemoryRegion) region = create_guarded_region (fd, 0, PAGE);
  g_autoptr(VhuMemoryRegion) other = create_guarded_region (other_fd, PAGE, PAGE);
  VhuMemoryRegion *regions[] = { region };
  VhuMemoryRegion *other_regions[] = { other };
  g_autoptr(VhuMemory) memory = vhu_memory_new (regions, 1, NULL);
  g_autoptr(VhuMemory) other_memory = vhu_memory_new (other_regions, 1, NULL);
  g_autoptr(VhuEvent) event = vhu_event_new (NULL);
  g_autoptr(VhuEvent) other_event = vhu_event_new (NULL);

  vhu_memory_region_set_fault_event (region, event);
  vhu_memory_region_set_fault_event (other, other_event);
  other->host[0] = 0x5a;

  truncate_file (fd);
  peek (region->host);
  g_assert_true (is_signalled (event));
  g_assert_true (vhu_memory_get_faulted (memory));

  g_assert_cmpuint (peek (other->host), ==, 0x5a);
  g_assert_false (is_signalled (other_event));
  g_assert_false (vhu_memory_get_faulted (other_memory));
}

/* More than one chunk of slots; and slots that were given back. */
static void
test_many_regions_are_guarded (void)
{
  enum { N_REGIONS = 200 };
  VhuMemoryRegion *regions[N_REGIONS];
  int fds[N_REGIONS];

  for (guint round = 0; round < 2; round++)
    {
      for (guint i = 0; i < N_REGIONS; i++)
        {
          fds[i] = create_file (PAGE);
          regions[i] = create_guarded_region (fds[i], i * PAGE, PAGE);
        }

      for (guint i = 0; i < N_REGIONS; i++)
        {
          truncate_file (fds[i]);
          g_assert_false (vhu_memory_region_get_faulted (regions[i]));
          g_assert_cmpuint (peek (regions[i]->host), ==, 0);
          g_assert_true (vhu_memory_region_get_faulted (regions[i]));
        }

      for (guint i = 0; i < N_REGIONS; i++)
        {
          vhu_memory_region_unref (regions[i]);
          close (fds[i]);
        }
    }
}

static gpointer
read_pages_in_thread (gpointer data)
{
  const VhuMemoryRegion *region = data;

  for (guint i = 0; i < region->size; i += PAGE)
    g_assert_cmpuint (peek (region->host + i), ==, 0);

  return NULL;
}

static void
test_threads_may_fault_together (void)
{
  for (guint round = 0; round < 20; round++)
    {
      vhu_autofd int fd = create_file (64 * PAGE);
      g_autoptr(VhuMemoryRegion) region = create_guarded_region (fd, 0, 64 * PAGE);
      GThread *threads[4];

      truncate_file (fd);
      for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
        threads[i] = g_thread_new ("fault", read_pages_in_thread, region);
      for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
        g_thread_join (threads[i]);
      g_assert_true (vhu_memory_region_get_faulted (region));
    }
}

static gpointer
change_slots_in_thread (gpointer data)
{
  int *stop = data;
  vhu_autofd int fd = create_file (PAGE);

  while (!g_atomic_int_get (stop))
    vhu_memory_region_unref (create_guarded_region (fd, 0, PAGE));

  return NULL;
}

static void
test_lookup_goes_on_while_regions_come_and_go (void)
{
  int stop = FALSE;
  GThread *thread = g_thread_new ("slots", change_slots_in_thread, &stop);

  for (guint i = 0; i < 500; i++)
    {
      vhu_autofd int fd = create_file (PAGE);
      g_autoptr(VhuMemoryRegion) region = create_guarded_region (fd, 0, PAGE);

      truncate_file (fd);
      g_assert_cmpuint (peek (region->host), ==, 0);
    }

  g_atomic_int_set (&stop, TRUE);
  g_thread_join (thread);
}

/* What is not guarded goes its old way. Each case has a process of its own,
 * because the way may be death. The guard is installed once per process, so
 * these tests run before this program itself installs it. */

static void
other_handler_cb (int        signal_number,
                  siginfo_t *info,
                  void      *context)
{
  _exit (EXIT_STATUS_OF_OTHER);
}

static void
other_plain_handler_cb (int signal_number)
{
  _exit (EXIT_STATUS_OF_OTHER);
}

static void
failing_handler_cb (int signal_number)
{
  errno = EIO;
}

static void
set_other_handler (void)
{
  struct sigaction action = { .sa_flags = SA_SIGINFO };

  action.sa_sigaction = other_handler_cb;
  sigaction (SIGBUS, &action, NULL);
}

static void
access_unguarded_file (void)
{
  vhu_autofd int fd = create_file (PAGE);
  guint8 *mapping = mmap (NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);

  truncate_file (fd);
  peek (mapping);
}

static void
send_memory_error (int      code,
                   gpointer address)
{
  siginfo_t info = { .si_signo = SIGBUS, .si_code = code };

  info.si_addr = address;
  syscall (SYS_rt_sigqueueinfo, getpid (), SIGBUS, &info);
}

static void
fault_with_default_in_child (void)
{
  signal (SIGBUS, SIG_DFL);
  vhu_sigbus_guard_install ();
  access_unguarded_file ();
}

static void
fault_with_ignored_in_child (void)
{
  signal (SIGBUS, SIG_IGN);
  vhu_sigbus_guard_install ();
  access_unguarded_file ();
}

static void
kill_with_default_in_child (void)
{
  signal (SIGBUS, SIG_DFL);
  vhu_sigbus_guard_install ();
  kill (getpid (), SIGBUS);
}

static void
kill_with_ignored_in_child (void)
{
  signal (SIGBUS, SIG_IGN);
  vhu_sigbus_guard_install ();
  kill (getpid (), SIGBUS);
}

static void
fault_with_handler_in_child (void)
{
  set_other_handler ();
  vhu_sigbus_guard_install ();
  vhu_sigbus_guard_install ();
  access_unguarded_file ();
}

static void
fault_with_plain_handler_in_child (void)
{
  signal (SIGBUS, other_plain_handler_cb);
  vhu_sigbus_guard_install ();
  access_unguarded_file ();
}

static void
fault_in_region_with_handler_in_child (void)
{
  vhu_autofd int fd = create_file (PAGE);
  g_autoptr(VhuMemoryRegion) region = create_region (fd, 0, PAGE);

  set_other_handler ();
  vhu_sigbus_guard_install ();
  truncate_file (fd);
  peek (region->host);
}

static void
fault_after_unref_in_child (void)
{
  vhu_autofd int fd = create_file (PAGE);
  VhuMemoryRegion *region = create_region (fd, 0, PAGE);
  gpointer host = region->host;

  set_other_handler ();
  vhu_sigbus_guard_install ();
  vhu_memory_region_unref (region);
  mmap (host, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0);
  truncate_file (fd);
  peek (host);
}

static void
memory_error_in_child (int code)
{
  vhu_autofd int fd = create_file (PAGE);
  g_autoptr(VhuMemoryRegion) region = create_region (fd, 0, PAGE);

  set_other_handler ();
  vhu_sigbus_guard_install ();
  send_memory_error (code, region->host);
}

static void
memory_error_now_in_child (void)
{
  memory_error_in_child (BUS_MCEERR_AR);
}

static void
memory_error_later_in_child (void)
{
  memory_error_in_child (BUS_MCEERR_AO);
}

static void
memory_error_with_default_in_child (void)
{
  vhu_autofd int fd = create_file (PAGE);
  g_autoptr(VhuMemoryRegion) region = create_region (fd, 0, PAGE);

  signal (SIGBUS, SIG_DFL);
  vhu_sigbus_guard_install ();
  send_memory_error (BUS_MCEERR_AO, region->host);
}

static void
keep_errno_in_child (void)
{
  signal (SIGBUS, failing_handler_cb);
  vhu_sigbus_guard_install ();
  errno = EXDEV;
  raise (SIGBUS);
  _exit (errno == EXDEV ? 0 : 1);
}

static int
run_in_child (void (*run) (void))
{
  pid_t child = fork ();
  int status;

  g_assert_cmpint (child, >=, 0);
  if (child == 0)
    {
      run ();
      _exit (0);
    }

  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  return status;
}

static void
check_dies (void (*run) (void))
{
  int status = run_in_child (run);

  g_assert_true (WIFSIGNALED (status));
  g_assert_cmpint (WTERMSIG (status), ==, SIGBUS);
}

static void
check_exits (void (*run) (void),
             int    expected)
{
  int status = run_in_child (run);

  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, expected);
}

static void
test_other_faults_go_their_old_way (void)
{
  check_dies (fault_with_default_in_child);
  check_dies (fault_with_ignored_in_child);
  check_dies (kill_with_default_in_child);
  check_exits (kill_with_ignored_in_child, 0);
  check_exits (fault_with_handler_in_child, EXIT_STATUS_OF_OTHER);
  check_exits (fault_with_plain_handler_in_child, EXIT_STATUS_OF_OTHER);
  check_exits (fault_in_region_with_handler_in_child, 0);
}

static void
test_released_region_is_not_guarded (void)
{
  check_exits (fault_after_unref_in_child, EXIT_STATUS_OF_OTHER);
}

static void
test_memory_errors_of_the_hardware_are_passed_on (void)
{
  check_exits (memory_error_now_in_child, EXIT_STATUS_OF_OTHER);
  check_exits (memory_error_later_in_child, EXIT_STATUS_OF_OTHER);
  check_dies (memory_error_with_default_in_child);
}

static void
test_errno_is_as_before (void)
{
  check_exits (keep_errno_in_child, 0);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

#define ADD(name, func) g_test_add_func ("/memory/sigbus-guard/" name, func)
  ADD ("other-faults-go-their-old-way", test_other_faults_go_their_old_way);
  ADD ("released-region-is-not-guarded", test_released_region_is_not_guarded);
  ADD ("memory-errors-of-the-hardware-are-passed-on",
       test_memory_errors_of_the_hardware_are_passed_on);
  ADD ("errno-is-as-before", test_errno_is_as_before);

  ADD ("danger-18-truncated-memory-reads-as-zeros",
       test_danger_18_truncated_memory_reads_as_zeros);
  ADD ("danger-18-truncated-memory-can-be-written",
       test_danger_18_truncated_memory_can_be_written);
  ADD ("whole-region-is-replaced", test_whole_region_is_replaced);
  ADD ("huge-pages-are-replaced-whole", test_huge_pages_are_replaced_whole);
  ADD ("only-the-session-it-concerns-is-told",
       test_only_the_session_it_concerns_is_told);
  ADD ("many-regions-are-guarded", test_many_regions_are_guarded);
  ADD ("threads-may-fault-together", test_threads_may_fault_together);
  ADD ("lookup-goes-on-while-regions-come-and-go",
       test_lookup_goes_on_while_regions_come_and_go);
#undef ADD

  return g_test_run ();
}
