/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-test-fds.h"
#include "vhu-test-log.h"
#include "vhu-test-memory.h"
#include "vhu-test-ring.h"

/* A driver that does what it must not breaks its ring, and nothing else: its
 * front-end is told, the log says so once, the other queue goes on, and a proper
 * start mends it. Queue 0 is the good one here, and queue 1 the bad one. */

#define SIZE 16
#define WAIT_MS 20000
#define BROKEN_LINE "test queue 1 is broken: "

#define NEXT 1
#define WRITE 2
#define INDIRECT 4

typedef struct
{
  VhuTestSession *session;
  VhuDriverQueue *queue;
  guint64 here; /* memory that may be used, of TABLE_SIZE bytes */
} Attack;

#define TABLE_SIZE 0x8000

static void
attack_init (Attack         *self,
             VhuTestSession *session)
{
  g_autoptr(GError) error = NULL;

  self->session = session;
  self->here = vhu_frontend_allocate (session->frontend, TABLE_SIZE, &error);
  g_assert_no_error (error);
  self->queue = vhu_frontend_add_queue (session->frontend, 1, SIZE, &error);
  g_assert_no_error (error);
  vhu_driver_queue_set_strict (self->queue, FALSE);
}

static void
attack_clear (Attack *self)
{
  g_clear_object (&self->queue);
}

#define ATTACK_INIT { NULL }
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Attack, attack_clear)

/* From GET_VRING_BASE to a ring as new. */
static void
restart (Attack *self)
{
  g_autoptr(GError) error = NULL;

  vhu_driver_queue_stop (self->queue, &error);
  g_assert_no_error (error);
  vhu_driver_queue_reset (self->queue);
  vhu_driver_queue_start (self->queue, &error);
  g_assert_no_error (error);
  vhu_test_session_echo (self->queue, "mended");
}

/* Nothing of the bad chain reached the device, nor do any later ones. */
static void
expect_broken (Attack     *self,
               int         n_processed,
               const char *reason)
{
  guint used = vhu_driver_queue_peek_used_index (self->queue);

  g_assert_true (vhu_driver_queue_wait_error (self->queue, WAIT_MS));
  vhu_test_wait_for (&self->session->n_broken, 1);
  g_assert_true (vhu_test_log_has (reason));

  vhu_driver_queue_poke_descriptor (self->queue, 0, self->here, 8, 0, 0);
  vhu_driver_queue_poke_head (self->queue, 0);
  for (guint i = 0; i < 10; i++)
    {
      vhu_driver_queue_kick_always (self->queue);
      vhu_test_session_echo (self->session->queue, "not my business");
    }
  g_assert_cmpint (g_atomic_int_get (&self->session->backend->n_processed), ==,
                   n_processed + 10);
  g_assert_cmpuint (vhu_driver_queue_peek_used_index (self->queue), ==, used);
  g_assert_false (vhu_driver_queue_wait_error (self->queue, 0));
}

typedef void (*AttackFunc) (Attack *self);

/* Everything that is promised about a broken ring. */
static void
run_attack (Attack     *self,
            AttackFunc  func,
            const char *reason)
{
  int n_processed;

  g_atomic_int_set (&self->session->n_broken, 0);
  vhu_test_log_clear ();
  n_processed = g_atomic_int_get (&self->session->backend->n_processed);
  func (self);
  vhu_driver_queue_kick_always (self->queue);

  expect_broken (self, n_processed, reason);
  restart (self);
  g_assert_cmpint (g_atomic_int_get (&self->session->n_broken), ==, 1);
  g_assert_cmpuint (vhu_test_log_count (BROKEN_LINE), ==, 1);
}

static void
poke (Attack *self,
      guint   number,
      guint64 address,
      guint   length,
      guint   flags,
      guint   next)
{
  vhu_driver_queue_poke_descriptor (self->queue, number, address, length, flags, next);
}

/* A chain of one descriptor. */
static void
submit_one (Attack *self,
            guint64 address,
            guint   length,
            guint   flags,
            guint   next)
{
  poke (self, 0, address, length, flags, next);
  vhu_driver_queue_poke_head (self->queue, 0);
}

/* The available ring. */

static void
jump (Attack *self,
      guint   distance)
{
  guint index = vhu_driver_queue_peek_avail_index (self->queue);

  vhu_driver_queue_poke_avail_index (self->queue, index + distance);
}

static void
jump_too_far (Attack *self)
{
  jump (self, SIZE + 1);
}

static void
jump_back (Attack *self)
{
  jump (self, G_MAXUINT16);
}

static void
jump_halfway (Attack *self)
{
  jump (self, 0x8000);
}

static void
head_behind_the_table (Attack *self)
{
  vhu_driver_queue_poke_head (self->queue, SIZE);
}

static void
head_far_away (Attack *self)
{
  vhu_driver_queue_poke_head (self->queue, G_MAXUINT16);
}

static void
test_bad_available_rings_break (VhuTestSession *session,
                                gconstpointer   n_threads)
{
  g_auto(Attack) attack = ATTACK_INIT;

  attack_init (&attack, session);
  run_attack (&attack, jump_too_far, "a jump by 17");
  run_attack (&attack, jump_back, "a jump by 65535");
  run_attack (&attack, jump_halfway, "a jump by 32768");
  run_attack (&attack, head_behind_the_table, "is 16, the ring has 16 entries");
  run_attack (&attack, head_far_away, "is 65535, the ring has 16 entries");
}

/* Chains. */

static void
next_behind_the_table (Attack *self)
{
  submit_one (self, self->here, 8, NEXT, SIZE);
}

static void
next_is_itself (Attack *self)
{
  submit_one (self, self->here, 8, NEXT, 0);
}

static void
next_goes_in_circles (Attack *self)
{
  for (guint i = 0; i < SIZE; i++)
    poke (self, i, self->here, 8, NEXT, (i + 1) % SIZE);
  vhu_driver_queue_poke_head (self->queue, 3);
}

static void
readable_after_writable (Attack *self)
{
  poke (self, 0, self->here, 8, WRITE | NEXT, 1);
  poke (self, 1, self->here + 8, 8, 0, 0);
  vhu_driver_queue_poke_head (self->queue, 0);
}

static void
test_bad_chains_break (VhuTestSession *session,
                       gconstpointer   n_threads)
{
  g_auto(Attack) attack = ATTACK_INIT;

  attack_init (&attack, session);
  run_attack (&attack, next_behind_the_table, "descriptor 0 is followed by 16");
  run_attack (&attack, next_is_itself, "more than 16 descriptors");
  run_attack (&attack, next_goes_in_circles, "more than 16 descriptors");
  run_attack (&attack, readable_after_writable, "follows a writable one");
}

/* Buffers. */

static void
buffer_is_empty (Attack *self)
{
  submit_one (self, self->here, 0, 0, 0);
}

static void
buffer_wraps (Attack *self)
{
  submit_one (self, G_MAXUINT64 - 7, 16, 0, 0);
}

static void
buffer_is_outside (Attack *self)
{
  submit_one (self, 0, 8, WRITE, 0);
}

static void
buffer_is_too_long (Attack *self)
{
  submit_one (self, self->here, G_MAXUINT32, 0, 0);
}

static void
buffer_reaches_into_a_hole (Attack *self)
{
  VhuTestRegion own;

  vhu_test_describe (self->session->frontend, 0, &own);
  submit_one (self, own.guest_address + own.size - 8, 9, WRITE, 0);
}

/* The first buffers are good: none of them may have been used. */
static void
last_buffer_is_outside (Attack *self)
{
  for (guint i = 0; i < SIZE; i++)
    poke (self, i, i + 1 < SIZE ? self->here : VHU_TEST_ELSEWHERE, 8,
          WRITE | (i + 1 < SIZE ? NEXT : 0), i + 1);
  vhu_driver_queue_poke_head (self->queue, 0);
}

static void
test_bad_buffers_break (VhuTestSession *session,
                        gconstpointer   n_threads)
{
  g_auto(Attack) attack = ATTACK_INIT;

  attack_init (&attack, session);
  run_attack (&attack, buffer_is_empty, "has length 0");
  run_attack (&attack, buffer_wraps, "ends after 2^64");
  run_attack (&attack, buffer_is_outside, "is outside of memory");
  run_attack (&attack, buffer_is_too_long, "is outside of memory");
  run_attack (&attack, buffer_reaches_into_a_hole, "is outside of memory");
  run_attack (&attack, last_buffer_is_outside, "is outside of memory");
}

/* Indirect tables. */

static void
write_entry (Attack  *self,
             guint    number,
             guint64  address,
             guint32  length,
             guint16  flags,
             guint16  next)
{
  const guint64 entry[2] = {
    GUINT64_TO_LE (address),
    GUINT64_TO_LE (length | (guint64) flags << 32 | (guint64) next << 48),
  };
  g_autoptr(GBytes) bytes = g_bytes_new (entry, sizeof entry);
  g_autoptr(GError) error = NULL;

  vhu_frontend_write_memory (self->session->frontend, self->here + 16 * number,
                             bytes, &error);
  g_assert_no_error (error);
}

static void
submit_table (Attack *self,
              guint   length)
{
  submit_one (self, self->here, length, INDIRECT, 0);
}

static void
table_is_empty (Attack *self)
{
  submit_table (self, 0);
}

static void
table_is_crooked (Attack *self)
{
  write_entry (self, 0, self->here, 8, 0, 0);
  submit_table (self, 24);
}

static void
table_is_too_long (Attack *self)
{
  write_entry (self, 0, self->here, 8, 0, 0);
  submit_table (self, 1025 * 16);
}

static void
table_is_outside (Attack *self)
{
  submit_one (self, VHU_TEST_ELSEWHERE, 16, INDIRECT, 0);
}

static void
table_wraps (Attack *self)
{
  submit_one (self, G_MAXUINT64 - 15, 32, INDIRECT, 0);
}

static void
table_in_a_table (Attack *self)
{
  write_entry (self, 0, self->here, 16, INDIRECT, 0);
  submit_table (self, 16);
}

static void
table_has_a_successor (Attack *self)
{
  write_entry (self, 0, self->here, 8, 0, 0);
  poke (self, 1, self->here, 8, 0, 0);
  submit_one (self, self->here, 16, INDIRECT | NEXT, 1);
}

static void
test_bad_indirect_descriptors_break (VhuTestSession *session,
                                     gconstpointer   n_threads)
{
  g_auto(Attack) attack = ATTACK_INIT;

  attack_init (&attack, session);
  run_attack (&attack, table_is_empty, "indirect table has 0 bytes");
  run_attack (&attack, table_is_crooked, "indirect table has 24 bytes");
  run_attack (&attack, table_is_too_long, "indirect table has 1025 entries");
  run_attack (&attack, table_is_outside, "of an indirect table is outside");
  run_attack (&attack, table_wraps, "ends after 2^64");
  run_attack (&attack, table_in_a_table, "of an indirect table is indirect");
  run_attack (&attack, table_has_a_successor, "has a successor");
}

static void
entry_behind_the_table (Attack *self)
{
  write_entry (self, 0, self->here, 8, NEXT, 2);
  submit_table (self, 32);
}

static void
entries_go_in_circles (Attack *self)
{
  write_entry (self, 0, self->here, 8, NEXT, 1);
  write_entry (self, 1, self->here, 8, NEXT, 0);
  submit_table (self, 32);
}

/* Eight gigabytes, of a few megabytes that are named again and again. */
static void
entries_are_too_much (Attack *self)
{
  for (guint i = 0; i < 1024; i++)
    write_entry (self, i, VHU_TEST_ELSEWHERE, 8 << 20, i < 1023 ? NEXT : 0,
                 (guint16) (i + 1));
  submit_table (self, 1024 * 16);
}

static void
test_bad_indirect_tables_break (VhuTestSession *session,
                                gconstpointer   n_threads)
{
  VhuTestRegion region = vhu_test_memory_region (8 << 20, 0);
  vhu_test_autofd int fd = vhu_test_memory_create_file (8 << 20);
  g_auto(Attack) attack = ATTACK_INIT;

  attack_init (&attack, session);
  vhu_test_memory_add (session, &region, fd);
  run_attack (&attack, entry_behind_the_table, "descriptor 0 is followed by 2");
  run_attack (&attack, entries_go_in_circles, "more than 2 descriptors");
  run_attack (&attack, entries_are_too_much, "bytes, at most 4294967296 are allowed");
}

static void
good_table (Attack *self)
{
  write_entry (self, 0, self->here, 8, 0, 0);
  submit_table (self, 16);
}

static void
test_indirect_descriptors_must_be_negotiated (VhuTestSession *session,
                                              gconstpointer   n_threads)
{
  g_auto(Attack) attack = ATTACK_INIT;

  vhu_frontend_want_feature (session->frontend, 28, FALSE);
  vhu_test_session_start (session);
  attack_init (&attack, session);
  run_attack (&attack, good_table, "the feature was not negotiated");
}

/* What a chain or a table may do: go on from one region to the next. */
static void
test_buffers_may_span_regions (VhuTestSession *session,
                               gconstpointer   n_threads)
{
  VhuTestRegion low = vhu_test_memory_region (VHU_TEST_PAGE, VHU_TEST_PAGE);
  VhuTestRegion high = vhu_test_memory_region (VHU_TEST_PAGE, 0);
  vhu_test_autofd int fd = vhu_test_memory_create_file (2 * VHU_TEST_PAGE);
  guint64 end = VHU_TEST_ELSEWHERE + VHU_TEST_PAGE;

  high.guest_address += VHU_TEST_PAGE;
  high.user_address += VHU_TEST_PAGE;
  vhu_test_memory_add (session, &low, fd);
  vhu_test_memory_add (session, &high, fd);
  vhu_test_memory_write (fd, 2 * VHU_TEST_PAGE - 4, "from");
  vhu_test_memory_write (fd, 0, "here");
  vhu_test_memory_submit (session->queue, end - 4, end - 80, 8);
  vhu_test_memory_expect_used (session->queue, 8);
  vhu_test_memory_assert (fd, 2 * VHU_TEST_PAGE - 80, "fromhere");
}

static void
write_table_entry (int     fd,
                   guint64 offset,
                   guint64 address,
                   guint64 rest)
{
  const guint64 entry[2] = { GUINT64_TO_LE (address), GUINT64_TO_LE (rest) };

  g_assert_cmpint (pwrite (fd, entry, sizeof entry, (off_t) offset), ==, sizeof entry);
}

static void
test_indirect_tables_may_span_regions (VhuTestSession *session,
                                       gconstpointer   n_threads)
{
  VhuTestRegion low = vhu_test_memory_region (VHU_TEST_PAGE, VHU_TEST_PAGE);
  VhuTestRegion high = vhu_test_memory_region (VHU_TEST_PAGE, 0);
  vhu_test_autofd int fd = vhu_test_memory_create_file (2 * VHU_TEST_PAGE);
  guint64 end = VHU_TEST_ELSEWHERE + VHU_TEST_PAGE;
  g_auto(Attack) attack = ATTACK_INIT;

  high.guest_address += VHU_TEST_PAGE;
  high.user_address += VHU_TEST_PAGE;
  attack_init (&attack, session);
  vhu_test_memory_add (session, &low, fd);
  vhu_test_memory_add (session, &high, fd);
  vhu_test_memory_write (fd, 64, "from");
  write_table_entry (fd, 2 * VHU_TEST_PAGE - 16, end + 64,
                     4 | (guint64) NEXT << 32 | G_GUINT64_CONSTANT (1) << 48);
  write_table_entry (fd, 0, end + 128, 4 | (guint64) WRITE << 32);
  submit_one (&attack, end - 16, 32, INDIRECT, 0);
  vhu_driver_queue_kick_always (attack.queue);
  vhu_test_memory_expect_used (attack.queue, 4);
  vhu_test_memory_assert (fd, 128, "from");
}

static void
head_twice (Attack *self)
{
  vhu_driver_queue_poke_head (self->queue, 0);
}

/* While the device works on a chain, it cannot be had a second time. */
static void
test_a_head_in_flight_is_not_taken_again (VhuTestSession *session,
                                          gconstpointer   n_threads)
{
  g_auto(Attack) attack = ATTACK_INIT;
  int n_processed;

  attack_init (&attack, session);
  n_processed = g_atomic_int_get (&session->backend->n_processed);
  g_atomic_int_set (&session->backend->mode, VHU_TEST_HOLD);
  submit_one (&attack, attack.here, 8, WRITE, 0);
  vhu_driver_queue_kick_always (attack.queue);
  vhu_test_wait_for (&session->backend->n_processed, n_processed + 1);

  head_twice (&attack);
  vhu_driver_queue_kick_always (attack.queue);
  g_assert_true (vhu_driver_queue_wait_error (attack.queue, WAIT_MS));
  g_assert_true (vhu_test_log_has ("is in flight already"));

  /* The one that the device holds can be completed all the same. */
  g_atomic_int_set (&session->backend->mode, VHU_TEST_ECHO);
  restart (&attack);
  g_assert_cmpint (g_atomic_int_get (&session->n_broken), ==, 1);
}

/* Storms. Nothing is known of how they end, but that they do. */

static void
scribble (Attack *self,
          guint64 address,
          guint   size)
{
  guint32 *words = vhu_frontend_get_host_pointer (self->session->frontend, address, size);
  guint n_words = (guint) g_test_rand_int_range (1, 8);

  for (guint i = 0; i < n_words; i++)
    __atomic_store_n (&words[g_test_rand_int_range (0, (int) size / 4)],
                      g_test_rand_bit () ? (guint32) g_test_rand_int_range (0, 2 * SIZE)
                                         : (guint32) g_test_rand_int (),
                      __ATOMIC_RELAXED);
}

static void
test_scribbled_rings_are_survived (VhuTestSession *session,
                                   gconstpointer   n_threads)
{
  g_auto(Attack) attack = ATTACK_INIT;

  attack_init (&attack, session);
  for (guint i = 0; i < 100; i++)
    {
      for (guint j = 0; j < SIZE; j++)
        poke (&attack, j, attack.here, 8, j % 4 < 3 ? NEXT : WRITE, j + 1);
      for (guint j = 0; j < SIZE; j += 4)
        vhu_driver_queue_poke_head (attack.queue, j);
      scribble (&attack, vhu_driver_queue_get_desc_address (attack.queue), 16 * SIZE);
      vhu_driver_queue_kick_always (attack.queue);
      scribble (&attack, vhu_driver_queue_get_desc_address (attack.queue), 16 * SIZE);
      scribble (&attack, vhu_driver_queue_get_avail_address (attack.queue), 4 + 2 * SIZE);
      vhu_driver_queue_kick_always (attack.queue);
      restart (&attack);
    }
  vhu_test_session_echo (session->queue, "unimpressed");
}

typedef struct
{
  Attack *attack;
  int finish; /* atomic */
} Rewriter;

/* Good and bad by turns, faster than anyone can check and use. */
static gpointer
rewrite_in_thread (gpointer user_data)
{
  Rewriter *self = user_data;
  Attack *attack = self->attack;

  while (!g_atomic_int_get (&self->finish))
    {
      poke (attack, 1, VHU_TEST_ELSEWHERE, 8, WRITE, 0);
      poke (attack, 1, attack->here, 8, WRITE, 0);
      poke (attack, 1, attack->here, G_MAXUINT32, NEXT | WRITE, G_MAXUINT16);
      poke (attack, 1, attack->here, 8, WRITE, 0);
    }
  return NULL;
}

static void
test_descriptors_may_change_while_they_are_read (VhuTestSession *session,
                                                 gconstpointer   n_threads)
{
  g_auto(Attack) attack = ATTACK_INIT;
  Rewriter rewriter = { .attack = &attack };
  g_autoptr(GError) error = NULL;
  GThread *thread;

  attack_init (&attack, session);
  thread = g_thread_new ("rewriter", rewrite_in_thread, &rewriter);
  for (guint i = 0; i < 200; i++)
    {
      poke (&attack, 0, attack.here + 64, 8, NEXT, 1);
      vhu_driver_queue_poke_head (attack.queue, 0);
      vhu_driver_queue_kick_always (attack.queue);
      if (i % 4 > 0)
        continue;

      vhu_driver_queue_stop (attack.queue, &error);
      g_assert_no_error (error);
      vhu_driver_queue_reset (attack.queue);
      vhu_driver_queue_start (attack.queue, &error);
      g_assert_no_error (error);
    }
  g_atomic_int_set (&rewriter.finish, TRUE);
  g_thread_join (thread);
  restart (&attack);
  vhu_test_session_echo (session->queue, "unimpressed");
}

int
main (int    argc,
      char **argv)
{
  vhu_test_log_install ();
  g_test_init (&argc, &argv, NULL);

#define ADD(name, set_up, func)                                                 \
  VHU_TEST_SESSION_ADD_COME_BACK ("/session/hostile-rings/" name, set_up, func)

  ADD ("bad-available-rings-break", vhu_test_session_set_up,
       test_bad_available_rings_break);
  ADD ("bad-chains-break", vhu_test_session_set_up,
       test_bad_chains_break);
  ADD ("bad-buffers-break", vhu_test_session_set_up,
       test_bad_buffers_break);
  ADD ("bad-indirect-descriptors-break", vhu_test_session_set_up,
       test_bad_indirect_descriptors_break);
  ADD ("bad-indirect-tables-break", vhu_test_session_set_up,
       test_bad_indirect_tables_break);
  ADD ("indirect-descriptors-must-be-negotiated", vhu_test_session_connect,
       test_indirect_descriptors_must_be_negotiated);
  ADD ("buffers-may-span-regions", vhu_test_session_set_up,
       test_buffers_may_span_regions);
  ADD ("indirect-tables-may-span-regions", vhu_test_session_set_up,
       test_indirect_tables_may_span_regions);
  ADD ("a-head-in-flight-is-not-taken-again", vhu_test_session_set_up,
       test_a_head_in_flight_is_not_taken_again);
  ADD ("scribbled-rings-are-survived", vhu_test_session_set_up,
       test_scribbled_rings_are_survived);
  ADD ("descriptors-may-change-while-they-are-read", vhu_test_session_set_up,
       test_descriptors_may_change_while_they_are_read);

  return g_test_run ();
}
