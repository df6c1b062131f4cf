/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "fake-device.h"

static void
test_a_chain_has_the_bytes_of_the_specification (FakeDevice    *test,
                                                 gconstpointer  unused)
{
  FakeDesc *desc;
  guint16 head;

  fake_device_submit (test, 1, 2);
  g_assert_cmpuint (test->avail[0], ==, 0);
  g_assert_cmpuint (test->avail[1], ==, 1);

  head = fake_device_pop (test);
  desc = &test->desc[head];
  fake_device_assert_desc (desc, 0x1000, 100, NEXT);
  desc = &test->desc[desc->next];
  fake_device_assert_desc (desc, 0x2000, 101, NEXT | WRITE);
  desc = &test->desc[desc->next];
  fake_device_assert_desc (desc, 0x3000, 102, WRITE);
}

static void
test_the_three_parts_are_aligned_and_apart (FakeDevice    *test,
                                            gconstpointer  unused)
{
  const guint64 desc = vhu_driver_queue_get_desc_address (test->queue);
  const guint64 avail = vhu_driver_queue_get_avail_address (test->queue);
  const guint64 used = vhu_driver_queue_get_used_address (test->queue);

  g_assert_cmpuint (desc % 16, ==, 0);
  g_assert_cmpuint (avail % 2, ==, 0);
  g_assert_cmpuint (used % 4, ==, 0);
  g_assert_cmpuint (avail, >=, desc + 16 * 8);
  g_assert_cmpuint (used, >=, avail + 6 + 2 * 8);
}

static void
test_chains_come_back_in_any_order (FakeDevice    *test,
                                    gconstpointer  unused)
{
  const int first = fake_device_submit (test, 1, 1);
  const int second = fake_device_submit (test, 0, 3);

  g_assert_cmpint (first, !=, second);
  g_assert_cmpuint (vhu_driver_queue_get_n_free (test->queue), ==, 3);
  g_assert_cmpuint (vhu_driver_queue_get_n_in_flight (test->queue), ==, 2);
  fake_device_assert_pops_nothing (test);

  fake_device_push (test, (guint32) second, 7);
  g_assert_true (vhu_driver_queue_has_used (test->queue));
  fake_device_assert_pops (test, (guint) second, 7);
  fake_device_assert_pops_nothing (test);
  fake_device_push (test, (guint32) first, 0);
  fake_device_assert_pops (test, (guint) first, 0);
  g_assert_cmpuint (vhu_driver_queue_get_n_free (test->queue), ==, 8);
  g_assert_cmpuint (vhu_driver_queue_get_n_in_flight (test->queue), ==, 0);
}

static void
test_a_full_queue_refuses (FakeDevice    *test,
                           gconstpointer  unused)
{
  const VhuDriverSegment segments[4] = { { 0x1000, 1, 0 } };

  fake_device_submit (test, 5, 0);
  g_assert_cmpint (vhu_driver_queue_submit (test->queue, segments, 4,
                                            &test->error), ==, -1);
  g_assert_error (test->error, VHU_ERROR, VHU_ERROR_LIMIT);
  g_clear_error (&test->error);
  g_assert_cmpint (vhu_driver_queue_submit (test->queue, segments, 0,
                                            &test->error), ==, -1);
  g_assert_error (test->error, VHU_ERROR, VHU_ERROR_BAD_VALUE);
  g_clear_error (&test->error);
  g_assert_cmpuint (test->avail[1], ==, 1);

  fake_device_submit (test, 3, 0);
  g_assert_cmpuint (vhu_driver_queue_get_n_free (test->queue), ==, 0);
}

static void
test_an_indirect_chain_takes_one_descriptor (FakeDevice    *test,
                                             gconstpointer  unused)
{
  FakeDesc *desc;
  FakeDesc *table;

  vhu_driver_queue_set_indirect (test->queue, TRUE, 0);
  fake_device_submit (test, 20, 20);
  g_assert_cmpuint (vhu_driver_queue_get_n_free (test->queue), ==, 7);

  desc = &test->desc[fake_device_pop (test)];
  g_assert_cmpuint (desc->flags, ==, INDIRECT);
  g_assert_cmpuint (desc->length, ==, 40 * 16);
  table = vhu_frontend_get_host_pointer (test->frontend, desc->address,
                                         desc->length);
  for (guint i = 0; i < 40; i++)
    {
      fake_device_assert_desc (&table[i], 0x1000 * (i + 1), 100 + i,
                               (i < 39 ? NEXT : 0) | (i >= 20 ? WRITE : 0));
      if (i < 39)
        g_assert_cmpuint (table[i].next, ==, i + 1);
    }
}

static void
test_an_indirect_table_may_follow_descriptors (FakeDevice    *test,
                                               gconstpointer  unused)
{
  FakeDesc *desc;
  FakeDesc *table;

  vhu_driver_queue_set_indirect (test->queue, TRUE, 2);
  fake_device_submit (test, 2, 2);
  g_assert_cmpuint (vhu_driver_queue_get_n_free (test->queue), ==, 5);

  desc = &test->desc[fake_device_pop (test)];
  fake_device_assert_desc (desc, 0x1000, 100, NEXT);
  desc = &test->desc[desc->next];
  fake_device_assert_desc (desc, 0x2000, 101, NEXT);
  desc = &test->desc[desc->next];
  g_assert_cmpuint (desc->flags, ==, INDIRECT);
  g_assert_cmpuint (desc->length, ==, 2 * 16);
  table = vhu_frontend_get_host_pointer (test->frontend, desc->address, 32);
  fake_device_assert_desc (&table[0], 0x3000, 102, NEXT | WRITE);
  fake_device_assert_desc (&table[1], 0x4000, 103, WRITE);

  /* A chain that is too short for a table has none. */
  fake_device_submit (test, 1, 1);
  desc = &test->desc[fake_device_pop (test)];
  fake_device_assert_desc (desc, 0x1000, 100, NEXT);
  fake_device_assert_desc (&test->desc[desc->next], 0x2000, 101, WRITE);
}

static void
test_indirect_tables_of_chains_are_apart (FakeDevice    *test,
                                          gconstpointer  unused)
{
  guint64 addresses[8];

  vhu_driver_queue_set_indirect (test->queue, TRUE, 0);
  for (guint round = 0; round < 3; round++)
    {
      for (guint i = 0; i < 8; i++)
        {
          int id = fake_device_submit (test, 1 + 10 * round, 1 + i);

          addresses[i] = test->desc[id].address;
          for (guint j = 0; j < i; j++)
            g_assert_cmpuint (ABS ((gint64) (addresses[i] - addresses[j])), >=,
                              16 * (2 + 10 * round));
        }
      for (guint i = 0; i < 8; i++)
        fake_device_push (test, fake_device_pop (test), 0);
      for (guint i = 0; i < 8; i++)
        {
          guint id;
          guint32 length;

          g_assert_true (vhu_driver_queue_pop (test->queue, &id, &length));
        }
    }
}

static void
test_appended_segments_make_a_chain (FakeDevice    *test,
                                     gconstpointer  unused)
{
  FakeDesc *desc;

  vhu_driver_queue_append_segment (test->queue, 0xabc, 5, FALSE);
  vhu_driver_queue_append_segment (test->queue, 0xdef, 6, TRUE);
  g_assert_cmpint (vhu_driver_queue_submit_appended (test->queue, &test->error),
                   >=, 0);
  desc = &test->desc[fake_device_pop (test)];
  fake_device_assert_desc (desc, 0xabc, 5, NEXT);
  fake_device_assert_desc (&test->desc[desc->next], 0xdef, 6, WRITE);

  g_assert_cmpint (vhu_driver_queue_submit_appended (test->queue, &test->error),
                   ==, -1);
  g_assert_error (test->error, VHU_ERROR, VHU_ERROR_BAD_VALUE);
}

/* The device returns chains out of order, and whatever the driver has in flight
 * must come back once, with the length that was said. */
static void
run_random_chains (FakeDevice *test,
                   guint       n_chains)
{
  g_autoptr(GArray) held = g_array_new (FALSE, FALSE, sizeof (guint16));
  g_autoptr(GHashTable) in_flight = g_hash_table_new (NULL, NULL);
  guint n_submitted = 0;

  while (n_submitted < n_chains || held->len > 0)
    {
      guint n_segments = (guint) g_test_rand_int_range (1, 4);

      vhu_driver_queue_set_indirect (test->queue, g_test_rand_bit (),
                                     (guint) g_test_rand_int_range (0, 3));
      if (n_submitted < n_chains &&
          vhu_driver_queue_get_n_free (test->queue) >= n_segments)
        {
          int id = fake_device_submit (test, 0, n_segments);
          guint16 head = fake_device_pop (test);

          g_assert_cmpint (id, ==, head);
          g_assert_true (g_hash_table_add (in_flight, GINT_TO_POINTER (id)));
          g_array_append_val (held, head);
          n_submitted++;
        }
      else
        {
          guint i = (guint) g_test_rand_int_range (0, (gint32) held->len);
          guint16 id = g_array_index (held, guint16, i);
          guint32 length = (guint32) g_test_rand_int_range (0, 100);

          fake_device_push (test, id, length);
          fake_device_assert_pops (test, id, length);
          g_assert_true (g_hash_table_remove (in_flight, GINT_TO_POINTER (id)));
          g_array_remove_index_fast (held, i);
        }
    }
  g_assert_cmpuint (vhu_driver_queue_get_n_free (test->queue), ==, test->size);
}

static void
test_indices_wrap (FakeDevice    *test,
                   gconstpointer  unused)
{
  run_random_chains (test, 70000);
  g_assert_cmpuint (test->avail[1], ==, 70000 - 65536);
  g_assert_cmpuint (test->used[1], ==, 70000 - 65536);
}

static void
test_all_sizes_work (void)
{
  for (guint size = 1; size <= 1024; size *= 2)
    {
      FakeDevice test = { 0 };

      fake_device_init (&test, size, 0);
      g_assert_cmpuint (vhu_driver_queue_get_size (test.queue), ==, size);
      for (guint i = 0; i < 3 * size; i++)
        {
          int id = fake_device_submit (&test, 1, 0);

          g_assert_cmpuint (fake_device_pop (&test), ==, id);
          fake_device_push (&test, (guint32) id, 0);
          fake_device_assert_pops (&test, (guint) id, 0);
        }
      fake_device_tear_down (&test, NULL);
    }
}

static void
test_sizes_that_are_no_power_of_two_are_refused (FakeDevice    *test,
                                                 gconstpointer  unused)
{
  const guint sizes[] = { 0, 3, 65536, G_MAXUINT };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      g_assert_null (vhu_driver_queue_new (test->frontend, 0, sizes[i],
                                           &test->error));
      g_assert_error (test->error, VHU_ERROR, VHU_ERROR_BAD_VALUE);
      g_clear_error (&test->error);
    }
  g_assert_null (vhu_driver_queue_new (test->frontend, 0, 32768 * 8,
                                       &test->error));
  g_clear_error (&test->error);
}

static void
test_a_queue_needs_memory (FakeDevice    *test,
                           gconstpointer  unused)
{
  g_autoptr(FakeBackend) backend = NULL;
  g_autoptr(VhuFrontend) frontend = NULL;
  vhu_autofd int fd = -1;

  backend = fake_backend_new (&fd);
  frontend = vhu_frontend_new_for_fd (fd, &test->error);
  g_assert_null (vhu_driver_queue_new (frontend, 0, 8, &test->error));
  g_assert_error (test->error, VHU_ERROR, VHU_ERROR_LIMIT);
}

static void
test_kicks_obey_the_flag_without_event_idx (FakeDevice    *test,
                                            gconstpointer  unused)
{
  g_assert_false (vhu_driver_queue_kick (test->queue));
  fake_device_submit (test, 1, 0);
  g_assert_true (vhu_driver_queue_kick (test->queue));
  g_assert_false (vhu_driver_queue_kick (test->queue));

  test->used[0] = 1;
  fake_device_submit (test, 1, 0);
  g_assert_false (vhu_driver_queue_kick (test->queue));
  g_assert_cmpuint (vhu_driver_queue_get_n_kicks (test->queue), ==, 1);
  vhu_driver_queue_kick_always (test->queue);
  g_assert_cmpuint (vhu_driver_queue_get_n_kicks (test->queue), ==, 2);
  g_assert_cmpuint (vhu_driver_queue_peek_used_flags (test->queue), ==, 1);
}

/* Whether one of the indices from @old on, and before @new, is @event: what the
 * specification's formula says in fewer steps. */
static gboolean
crosses (guint16 old,
         guint16 new,
         guint16 event)
{
  for (guint16 i = old; i != new; i++)
    if (i == event)
      return TRUE;

  return FALSE;
}

static void
test_kicks_obey_the_event_with_event_idx (FakeDevice    *test,
                                          gconstpointer  unused)
{
  guint16 index = 0;

  /* The flag means nothing here. */
  test->used[0] = 1;
  for (guint i = 0; i < 20000; i++)
    {
      guint n = (guint) g_test_rand_int_range (1, 9);
      guint16 event = (guint16) (index + g_test_rand_int_range (-9, 10));
      gboolean expected = crosses (index, (guint16) (index + n), event);

      fake_device_set_avail_event (test, event);
      g_assert_cmpuint (vhu_driver_queue_peek_avail_event (test->queue), ==,
                        event);
      for (guint j = 0; j < n; j++)
        {
          int id = fake_device_submit (test, 1, 0);

          fake_device_push (test, (guint32) id, 0);
          fake_device_assert_pops (test, (guint) id, 0);
        }
      index += (guint16) n;
      g_assert_cmpint (vhu_driver_queue_kick (test->queue), ==, expected);
    }
}

static void
test_calls_are_asked_for_with_event_idx (FakeDevice    *test,
                                         gconstpointer  unused)
{
  guint16 *used_event = &test->avail[2 + 8];

  for (guint i = 0; i < 8; i++)
    fake_device_submit (test, 1, 0);

  g_assert_false (vhu_driver_queue_enable_calls (test->queue, 0));
  g_assert_cmpuint (*used_event, ==, 0);
  g_assert_false (vhu_driver_queue_enable_calls (test->queue, 2));
  g_assert_cmpuint (*used_event, ==, 2);
  fake_device_push (test, fake_device_pop (test), 0);
  fake_device_push (test, fake_device_pop (test), 0);
  g_assert_false (vhu_driver_queue_enable_calls (test->queue, 2));
  fake_device_push (test, fake_device_pop (test), 0);
  g_assert_true (vhu_driver_queue_enable_calls (test->queue, 2));

  for (guint i = 0; i < 3; i++)
    fake_device_assert_pops (test, test->used[2 + 4 * i], 0);
  vhu_driver_queue_disable_calls (test->queue);
  g_assert_cmpuint (test->avail[0], ==, 0);
  /* A device that looks only now at what was used before would not call. */
  for (guint16 new = 0; new <= 8; new++)
    for (guint16 old = 0; old <= new; old++)
      g_assert_false (crosses (old, new, *used_event));
}

static void
test_calls_are_asked_for_by_the_flag (FakeDevice    *test,
                                      gconstpointer  unused)
{
  fake_device_submit (test, 1, 0);
  vhu_driver_queue_disable_calls (test->queue);
  g_assert_cmpuint (test->avail[0], ==, 1);
  g_assert_false (vhu_driver_queue_enable_calls (test->queue, 0));
  g_assert_cmpuint (test->avail[0], ==, 0);
  fake_device_push (test, fake_device_pop (test), 0);
  g_assert_true (vhu_driver_queue_enable_calls (test->queue, 0));
}

static void
assert_broken (FakeDevice *test)
{
  guint id;
  guint32 length;

  g_assert_false (vhu_driver_queue_pop (test->queue, &id, &length));
  g_assert_false (vhu_driver_queue_check (test->queue, &test->error));
  g_assert_error (test->error, VHU_ERROR, VHU_ERROR_BAD_RING);
  g_clear_error (&test->error);
  g_assert_false (vhu_driver_queue_wait (test->queue, 0, &test->error));
  g_assert_error (test->error, VHU_ERROR, VHU_ERROR_BAD_RING);
  g_clear_error (&test->error);

  vhu_driver_queue_reset (test->queue);
  fake_device_assert_pops_nothing (test);
  g_assert_cmpuint (vhu_driver_queue_get_n_free (test->queue), ==, 8);
}

static void
test_a_device_that_breaks_the_rules_is_caught (FakeDevice    *test,
                                               gconstpointer  unused)
{
  /* An id that is not in flight, one that no queue of this size has, more bytes
   * than there is room for, and an index that jumps. */
  fake_device_submit (test, 1, 1);
  fake_device_push (test, 5, 0);
  assert_broken (test);

  fake_device_submit (test, 1, 1);
  fake_device_push (test, 8, 0);
  assert_broken (test);

  fake_device_push (test, (guint32) fake_device_submit (test, 1, 1), 102);
  assert_broken (test);

  fake_device_push (test, (guint32) fake_device_submit (test, 1, 1), 1);
  test->used[1] = 2;
  assert_broken (test);

  fake_device_submit (test, 1, 1);
  test->used[1] = 0xffff;
  assert_broken (test);
}

static void
test_a_chain_cannot_be_used_twice (FakeDevice    *test,
                                   gconstpointer  unused)
{
  const guint32 id = (guint32) fake_device_submit (test, 1, 1);

  fake_device_submit (test, 1, 1);
  fake_device_push (test, id, 101);
  fake_device_push (test, id, 101);
  fake_device_assert_pops (test, id, 101);
  assert_broken (test);
}

static void
test_chains_made_by_hand_come_back (FakeDevice    *test,
                                    gconstpointer  unused)
{
  guint id;
  guint length;

  vhu_driver_queue_set_strict (test->queue, FALSE);
  vhu_driver_queue_poke_descriptor (test->queue, 6, 0x123456789, 77,
                                    WRITE | NEXT, 6);
  vhu_driver_queue_poke_head (test->queue, 6);
  g_assert_true (vhu_driver_queue_kick (test->queue));

  g_assert_cmpuint (fake_device_pop (test), ==, 6);
  fake_device_assert_desc (&test->desc[6], 0x123456789, 77, WRITE | NEXT);
  g_assert_cmpuint (test->desc[6].next, ==, 6);
  fake_device_push (test, 6, 99);
  g_assert_cmpuint (vhu_driver_queue_peek_used_index (test->queue), ==, 1);
  vhu_driver_queue_peek_used_element (test->queue, 0, &id, &length);
  g_assert_cmpuint (id, ==, 6);
  g_assert_cmpuint (length, ==, 99);
  fake_device_assert_pops (test, 6, 99);

  /* Ordinary chains go on behind it. */
  id = (guint) fake_device_submit (test, 1, 0);
  g_assert_cmpuint (fake_device_pop (test), ==, id);
  fake_device_push (test, id, 0);
  fake_device_assert_pops (test, id, 0);
}

static void
test_pokes_hit_what_they_say (FakeDevice    *test,
                              gconstpointer  unused)
{
  vhu_driver_queue_poke_avail_entry (test->queue, 3, 0xfffe);
  vhu_driver_queue_poke_avail_index (test->queue, 0x8765);
  vhu_driver_queue_poke_avail_flags (test->queue, 0x4321);
  vhu_driver_queue_poke_used_event (test->queue, 0x1111);

  g_assert_cmphex (test->avail[0], ==, 0x4321);
  g_assert_cmphex (test->avail[1], ==, 0x8765);
  g_assert_cmphex (test->avail[2 + 3], ==, 0xfffe);
  g_assert_cmphex (test->avail[2 + 8], ==, 0x1111);
  g_assert_cmphex (vhu_driver_queue_peek_avail_index (test->queue), ==, 0x8765);

  fake_device_submit (test, 1, 0);
  g_assert_cmphex (test->avail[1], ==, 0x8766);
}

#define ADD(name, features, function) \
  g_test_add ("/frontend/driver-queue/" name, FakeDevice, \
              GSIZE_TO_POINTER (features), fake_device_set_up, function, \
              fake_device_tear_down)

static void
add_chain_tests (void)
{
  ADD ("a-chain-has-the-bytes-of-the-specification", 0,
       test_a_chain_has_the_bytes_of_the_specification);
  ADD ("the-three-parts-are-aligned-and-apart", 0,
       test_the_three_parts_are_aligned_and_apart);
  ADD ("chains-come-back-in-any-order", 0, test_chains_come_back_in_any_order);
  ADD ("a-full-queue-refuses", 0, test_a_full_queue_refuses);
  ADD ("an-indirect-chain-takes-one-descriptor", 0,
       test_an_indirect_chain_takes_one_descriptor);
  ADD ("an-indirect-table-may-follow-descriptors", 0,
       test_an_indirect_table_may_follow_descriptors);
  ADD ("indirect-tables-of-chains-are-apart", 0,
       test_indirect_tables_of_chains_are_apart);
  ADD ("appended-segments-make-a-chain", 0,
       test_appended_segments_make_a_chain);
  ADD ("indices-wrap", 0, test_indices_wrap);
  g_test_add_func ("/frontend/driver-queue/all-sizes-work",
                   test_all_sizes_work);
  ADD ("sizes-that-are-no-power-of-two-are-refused", 0,
       test_sizes_that_are_no_power_of_two_are_refused);
  ADD ("a-queue-needs-memory", 0, test_a_queue_needs_memory);
}

static void
add_event_tests (void)
{
  ADD ("kicks-obey-the-flag-without-event-idx", 0,
       test_kicks_obey_the_flag_without_event_idx);
  ADD ("kicks-obey-the-event-with-event-idx", EVENT_IDX,
       test_kicks_obey_the_event_with_event_idx);
  ADD ("calls-are-asked-for-with-event-idx", EVENT_IDX,
       test_calls_are_asked_for_with_event_idx);
  ADD ("calls-are-asked-for-by-the-flag", 0,
       test_calls_are_asked_for_by_the_flag);
}

static void
add_trouble_tests (void)
{
  ADD ("a-device-that-breaks-the-rules-is-caught", 0,
       test_a_device_that_breaks_the_rules_is_caught);
  ADD ("a-chain-cannot-be-used-twice", 0, test_a_chain_cannot_be_used_twice);
  ADD ("chains-made-by-hand-come-back", 0, test_chains_made_by_hand_come_back);
  ADD ("pokes-hit-what-they-say", 0, test_pokes_hit_what_they_say);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  add_chain_tests ();
  add_event_tests ();
  add_trouble_tests ();

  return g_test_run ();
}
