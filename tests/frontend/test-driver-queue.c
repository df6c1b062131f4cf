/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-driver-queue.h"

#include <string.h>
#include <unistd.h>

#include "fake-backend.h"
#include "vhu-error.h"
#include "vhu-fd-private.h"

#define BIT(n) (G_GUINT64_CONSTANT (1) << (n))
#define EVENT_IDX BIT (29)
#define NEXT 1
#define WRITE 2
#define INDIRECT 4

/* The rings as the specification has them, laid out by hand. */
typedef struct
{
  guint64 address;
  guint32 length;
  guint16 flags;
  guint16 next;
} Desc;

typedef struct
{
  FakeBackend *backend;
  VhuFrontend *frontend;
  VhuDriverQueue *queue;
  guint size;
  GError *error;

  /* The device's view. */
  Desc *desc;
  guint16 *avail; /* flags, index, ring[], used_event */
  guint16 *used;  /* flags, index, ring of two guint32, avail_event */
  guint16 last_avail;
} Fixture;

static void
set_up_queue (Fixture *test,
              guint    size,
              guint64  features)
{
  vhu_autofd int fd = -1;

  test->size = size;
  test->backend = fake_backend_new (&fd);
  test->frontend = vhu_frontend_new_for_fd (fd, &test->error);
  g_assert_true (vhu_frontend_set_features (test->frontend, features, NULL));
  g_assert_true (vhu_frontend_allocate_memory (test->frontend, 8 << 20, 2,
                                               &test->error));
  test->queue = vhu_driver_queue_new (test->frontend, 1, size, &test->error);
  g_assert_no_error (test->error);

  test->desc = vhu_frontend_get_host_pointer
    (test->frontend, vhu_driver_queue_get_desc_address (test->queue),
     16 * size);
  test->avail = vhu_frontend_get_host_pointer
    (test->frontend, vhu_driver_queue_get_avail_address (test->queue),
     6 + 2 * size);
  test->used = vhu_frontend_get_host_pointer
    (test->frontend, vhu_driver_queue_get_used_address (test->queue),
     6 + 8 * size);
  g_assert_nonnull (test->desc);
  g_assert_nonnull (test->avail);
  g_assert_nonnull (test->used);
}

static void
set_up (Fixture       *test,
        gconstpointer  features)
{
  set_up_queue (test, 8, (gsize) features);
}

static void
tear_down (Fixture       *test,
           gconstpointer  unused)
{
  g_clear_error (&test->error);
  g_assert_finalize_object (test->queue);
  g_assert_finalize_object (test->frontend);
  fake_backend_free (test->backend);
}

static int
submit (Fixture *test,
        guint    n_readable,
        guint    n_writable)
{
  VhuDriverSegment segments[2048];
  int id;

  g_assert_cmpuint (n_readable + n_writable, <=, G_N_ELEMENTS (segments));
  for (guint i = 0; i < n_readable + n_writable; i++)
    segments[i] = (VhuDriverSegment) {
      0x1000 * (i + 1), 100 + i, i >= n_readable
    };
  id = vhu_driver_queue_submit (test->queue, segments, n_readable + n_writable,
                                &test->error);
  g_assert_no_error (test->error);
  return id;
}

/* What a device does: takes the next head. */
static guint16
device_pop (Fixture *test)
{
  g_assert_cmpuint (test->avail[1], !=, test->last_avail);
  return test->avail[2 + test->last_avail++ % test->size];
}

static guint32 *
used_element (Fixture *test,
              guint    index)
{
  return (guint32 *) (gpointer) &test->used[2 + 4 * (index % test->size)];
}

static void
device_push (Fixture *test,
             guint32  id,
             guint32  length)
{
  guint32 *element = used_element (test, test->used[1]);

  element[0] = id;
  element[1] = length;
  test->used[1]++;
}

static void
device_set_avail_event (Fixture *test,
                        guint16  event)
{
  test->used[2 + 4 * test->size] = event;
}

static void
assert_desc (const Desc *desc,
             guint64     address,
             guint32     length,
             guint16     flags)
{
  g_assert_cmphex (desc->address, ==, address);
  g_assert_cmpuint (desc->length, ==, length);
  g_assert_cmpuint (desc->flags, ==, flags);
}

static void
assert_pops (Fixture *test,
             guint    expected_id,
             guint32  expected_length)
{
  guint id = G_MAXUINT;
  guint32 length = G_MAXUINT32;

  g_assert_true (vhu_driver_queue_pop (test->queue, &id, &length));
  g_assert_cmpuint (id, ==, expected_id);
  g_assert_cmpuint (length, ==, expected_length);
}

static void
assert_pops_nothing (Fixture *test)
{
  guint id;
  guint32 length;

  g_assert_false (vhu_driver_queue_has_used (test->queue));
  g_assert_false (vhu_driver_queue_pop (test->queue, &id, &length));
  g_assert_true (vhu_driver_queue_check (test->queue, NULL));
}

static void
test_a_chain_has_the_bytes_of_the_specification (Fixture       *test,
                                                 gconstpointer  unused)
{
  Desc *desc;
  guint16 head;

  submit (test, 1, 2);
  g_assert_cmpuint (test->avail[0], ==, 0);
  g_assert_cmpuint (test->avail[1], ==, 1);

  head = device_pop (test);
  desc = &test->desc[head];
  assert_desc (desc, 0x1000, 100, NEXT);
  desc = &test->desc[desc->next];
  assert_desc (desc, 0x2000, 101, NEXT | WRITE);
  desc = &test->desc[desc->next];
  assert_desc (desc, 0x3000, 102, WRITE);
}

static void
test_the_three_parts_are_aligned_and_apart (Fixture       *test,
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
test_chains_come_back_in_any_order (Fixture       *test,
                                    gconstpointer  unused)
{
  const int first = submit (test, 1, 1);
  const int second = submit (test, 0, 3);

  g_assert_cmpint (first, !=, second);
  g_assert_cmpuint (vhu_driver_queue_get_n_free (test->queue), ==, 3);
  g_assert_cmpuint (vhu_driver_queue_get_n_in_flight (test->queue), ==, 2);
  assert_pops_nothing (test);

  device_push (test, (guint32) second, 7);
  g_assert_true (vhu_driver_queue_has_used (test->queue));
  assert_pops (test, (guint) second, 7);
  assert_pops_nothing (test);
  device_push (test, (guint32) first, 0);
  assert_pops (test, (guint) first, 0);
  g_assert_cmpuint (vhu_driver_queue_get_n_free (test->queue), ==, 8);
  g_assert_cmpuint (vhu_driver_queue_get_n_in_flight (test->queue), ==, 0);
}

static void
test_a_full_queue_refuses (Fixture       *test,
                           gconstpointer  unused)
{
  const VhuDriverSegment segments[4] = { { 0x1000, 1, 0 } };

  submit (test, 5, 0);
  g_assert_cmpint (vhu_driver_queue_submit (test->queue, segments, 4,
                                            &test->error), ==, -1);
  g_assert_error (test->error, VHU_ERROR, VHU_ERROR_LIMIT);
  g_clear_error (&test->error);
  g_assert_cmpint (vhu_driver_queue_submit (test->queue, segments, 0,
                                            &test->error), ==, -1);
  g_assert_error (test->error, VHU_ERROR, VHU_ERROR_BAD_VALUE);
  g_clear_error (&test->error);
  g_assert_cmpuint (test->avail[1], ==, 1);

  submit (test, 3, 0);
  g_assert_cmpuint (vhu_driver_queue_get_n_free (test->queue), ==, 0);
}

static void
test_an_indirect_chain_takes_one_descriptor (Fixture       *test,
                                             gconstpointer  unused)
{
  Desc *desc;
  Desc *table;

  vhu_driver_queue_set_indirect (test->queue, TRUE, 0);
  submit (test, 20, 20);
  g_assert_cmpuint (vhu_driver_queue_get_n_free (test->queue), ==, 7);

  desc = &test->desc[device_pop (test)];
  g_assert_cmpuint (desc->flags, ==, INDIRECT);
  g_assert_cmpuint (desc->length, ==, 40 * 16);
  table = vhu_frontend_get_host_pointer (test->frontend, desc->address,
                                         desc->length);
  for (guint i = 0; i < 40; i++)
    {
      assert_desc (&table[i], 0x1000 * (i + 1), 100 + i,
                   (i < 39 ? NEXT : 0) | (i >= 20 ? WRITE : 0));
      if (i < 39)
        g_assert_cmpuint (table[i].next, ==, i + 1);
    }
}

static void
test_an_indirect_table_may_follow_descriptors (Fixture       *test,
                                               gconstpointer  unused)
{
  Desc *desc;
  Desc *table;

  vhu_driver_queue_set_indirect (test->queue, TRUE, 2);
  submit (test, 2, 2);
  g_assert_cmpuint (vhu_driver_queue_get_n_free (test->queue), ==, 5);

  desc = &test->desc[device_pop (test)];
  assert_desc (desc, 0x1000, 100, NEXT);
  desc = &test->desc[desc->next];
  assert_desc (desc, 0x2000, 101, NEXT);
  desc = &test->desc[desc->next];
  g_assert_cmpuint (desc->flags, ==, INDIRECT);
  g_assert_cmpuint (desc->length, ==, 2 * 16);
  table = vhu_frontend_get_host_pointer (test->frontend, desc->address, 32);
  assert_desc (&table[0], 0x3000, 102, NEXT | WRITE);
  assert_desc (&table[1], 0x4000, 103, WRITE);

  /* A chain that is too short for a table has none. */
  submit (test, 1, 1);
  desc = &test->desc[device_pop (test)];
  assert_desc (desc, 0x1000, 100, NEXT);
  assert_desc (&test->desc[desc->next], 0x2000, 101, WRITE);
}

static void
test_indirect_tables_of_chains_are_apart (Fixture       *test,
                                          gconstpointer  unused)
{
  guint64 addresses[8];

  vhu_driver_queue_set_indirect (test->queue, TRUE, 0);
  for (guint round = 0; round < 3; round++)
    {
      for (guint i = 0; i < 8; i++)
        {
          int id = submit (test, 1 + 10 * round, 1 + i);

          addresses[i] = test->desc[id].address;
          for (guint j = 0; j < i; j++)
            g_assert_cmpuint (ABS ((gint64) (addresses[i] - addresses[j])), >=,
                              16 * (2 + 10 * round));
        }
      for (guint i = 0; i < 8; i++)
        device_push (test, device_pop (test), 0);
      for (guint i = 0; i < 8; i++)
        {
          guint id;
          guint32 length;

          g_assert_true (vhu_driver_queue_pop (test->queue, &id, &length));
        }
    }
}

static void
test_appended_segments_make_a_chain (Fixture       *test,
                                     gconstpointer  unused)
{
  Desc *desc;

  vhu_driver_queue_append_segment (test->queue, 0xabc, 5, FALSE);
  vhu_driver_queue_append_segment (test->queue, 0xdef, 6, TRUE);
  g_assert_cmpint (vhu_driver_queue_submit_appended (test->queue, &test->error),
                   >=, 0);
  desc = &test->desc[device_pop (test)];
  assert_desc (desc, 0xabc, 5, NEXT);
  assert_desc (&test->desc[desc->next], 0xdef, 6, WRITE);

  g_assert_cmpint (vhu_driver_queue_submit_appended (test->queue, &test->error),
                   ==, -1);
  g_assert_error (test->error, VHU_ERROR, VHU_ERROR_BAD_VALUE);
}

/* The device returns chains out of order, and whatever the driver has in flight
 * must come back once, with the length that was said. */
static void
run_random_chains (Fixture *test,
                   guint    n_chains)
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
          int id = submit (test, 0, n_segments);
          guint16 head = device_pop (test);

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

          device_push (test, id, length);
          assert_pops (test, id, length);
          g_assert_true (g_hash_table_remove (in_flight, GINT_TO_POINTER (id)));
          g_array_remove_index_fast (held, i);
        }
    }
  g_assert_cmpuint (vhu_driver_queue_get_n_free (test->queue), ==, test->size);
}

static void
test_indices_wrap (Fixture       *test,
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
      Fixture test = { 0 };

      set_up_queue (&test, size, 0);
      g_assert_cmpuint (vhu_driver_queue_get_size (test.queue), ==, size);
      for (guint i = 0; i < 3 * size; i++)
        {
          int id = submit (&test, 1, 0);

          g_assert_cmpuint (device_pop (&test), ==, id);
          device_push (&test, (guint32) id, 0);
          assert_pops (&test, (guint) id, 0);
        }
      tear_down (&test, NULL);
    }
}

static void
test_sizes_that_are_no_power_of_two_are_refused (Fixture       *test,
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
test_a_queue_needs_memory (Fixture       *test,
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
test_kicks_obey_the_flag_without_event_idx (Fixture       *test,
                                            gconstpointer  unused)
{
  g_assert_false (vhu_driver_queue_kick (test->queue));
  submit (test, 1, 0);
  g_assert_true (vhu_driver_queue_kick (test->queue));
  g_assert_false (vhu_driver_queue_kick (test->queue));

  test->used[0] = 1;
  submit (test, 1, 0);
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
test_kicks_obey_the_event_with_event_idx (Fixture       *test,
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

      device_set_avail_event (test, event);
      g_assert_cmpuint (vhu_driver_queue_peek_avail_event (test->queue), ==,
                        event);
      for (guint j = 0; j < n; j++)
        {
          int id = submit (test, 1, 0);

          device_push (test, (guint32) id, 0);
          assert_pops (test, (guint) id, 0);
        }
      index += (guint16) n;
      g_assert_cmpint (vhu_driver_queue_kick (test->queue), ==, expected);
    }
}

static void
test_calls_are_asked_for_with_event_idx (Fixture       *test,
                                         gconstpointer  unused)
{
  guint16 *used_event = &test->avail[2 + 8];

  for (guint i = 0; i < 8; i++)
    submit (test, 1, 0);

  g_assert_false (vhu_driver_queue_enable_calls (test->queue, 0));
  g_assert_cmpuint (*used_event, ==, 0);
  g_assert_false (vhu_driver_queue_enable_calls (test->queue, 2));
  g_assert_cmpuint (*used_event, ==, 2);
  device_push (test, device_pop (test), 0);
  device_push (test, device_pop (test), 0);
  g_assert_false (vhu_driver_queue_enable_calls (test->queue, 2));
  device_push (test, device_pop (test), 0);
  g_assert_true (vhu_driver_queue_enable_calls (test->queue, 2));

  for (guint i = 0; i < 3; i++)
    assert_pops (test, test->used[2 + 4 * i], 0);
  vhu_driver_queue_disable_calls (test->queue);
  g_assert_cmpuint (test->avail[0], ==, 0);
  /* A device that looks only now at what was used before would not call. */
  for (guint16 new = 0; new <= 8; new++)
    for (guint16 old = 0; old <= new; old++)
      g_assert_false (crosses (old, new, *used_event));
}

static void
test_calls_are_asked_for_by_the_flag (Fixture       *test,
                                      gconstpointer  unused)
{
  submit (test, 1, 0);
  vhu_driver_queue_disable_calls (test->queue);
  g_assert_cmpuint (test->avail[0], ==, 1);
  g_assert_false (vhu_driver_queue_enable_calls (test->queue, 0));
  g_assert_cmpuint (test->avail[0], ==, 0);
  device_push (test, device_pop (test), 0);
  g_assert_true (vhu_driver_queue_enable_calls (test->queue, 0));
}

static void
assert_broken (Fixture *test)
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
  assert_pops_nothing (test);
  g_assert_cmpuint (vhu_driver_queue_get_n_free (test->queue), ==, 8);
}

static void
test_a_device_that_breaks_the_rules_is_caught (Fixture       *test,
                                               gconstpointer  unused)
{
  /* An id that is not in flight, one that no queue of this size has, more bytes
   * than there is room for, and an index that jumps. */
  submit (test, 1, 1);
  device_push (test, 5, 0);
  assert_broken (test);

  submit (test, 1, 1);
  device_push (test, 8, 0);
  assert_broken (test);

  device_push (test, (guint32) submit (test, 1, 1), 102);
  assert_broken (test);

  device_push (test, (guint32) submit (test, 1, 1), 1);
  test->used[1] = 2;
  assert_broken (test);

  submit (test, 1, 1);
  test->used[1] = 0xffff;
  assert_broken (test);
}

static void
test_a_chain_cannot_be_used_twice (Fixture       *test,
                                   gconstpointer  unused)
{
  const guint32 id = (guint32) submit (test, 1, 1);

  submit (test, 1, 1);
  device_push (test, id, 101);
  device_push (test, id, 101);
  assert_pops (test, id, 101);
  assert_broken (test);
}

static void
test_chains_made_by_hand_come_back (Fixture       *test,
                                    gconstpointer  unused)
{
  guint id;
  guint length;

  vhu_driver_queue_set_strict (test->queue, FALSE);
  vhu_driver_queue_poke_descriptor (test->queue, 6, 0x123456789, 77,
                                    WRITE | NEXT, 6);
  vhu_driver_queue_poke_head (test->queue, 6);
  g_assert_true (vhu_driver_queue_kick (test->queue));

  g_assert_cmpuint (device_pop (test), ==, 6);
  assert_desc (&test->desc[6], 0x123456789, 77, WRITE | NEXT);
  g_assert_cmpuint (test->desc[6].next, ==, 6);
  device_push (test, 6, 99);
  g_assert_cmpuint (vhu_driver_queue_peek_used_index (test->queue), ==, 1);
  vhu_driver_queue_peek_used_element (test->queue, 0, &id, &length);
  g_assert_cmpuint (id, ==, 6);
  g_assert_cmpuint (length, ==, 99);
  assert_pops (test, 6, 99);

  /* Ordinary chains go on behind it. */
  id = (guint) submit (test, 1, 0);
  g_assert_cmpuint (device_pop (test), ==, id);
  device_push (test, id, 0);
  assert_pops (test, id, 0);
}

static void
test_pokes_hit_what_they_say (Fixture       *test,
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

  submit (test, 1, 0);
  g_assert_cmphex (test->avail[1], ==, 0x8766);
}

static void
test_bytes_travel_both_ways (Fixture       *test,
                             gconstpointer  unused)
{
  g_autoptr(GBytes) question = g_bytes_new_static ("question", 8);
  g_autoptr(GBytes) answer = NULL;
  guint8 *host;
  Desc *desc;
  int id;

  id = vhu_driver_queue_submit_bytes (test->queue, question, 100, &test->error);
  g_assert_no_error (test->error);
  desc = &test->desc[device_pop (test)];
  g_assert_cmpuint (desc->length, ==, 8);
  g_assert_cmpuint (desc->flags, ==, NEXT);
  host = vhu_frontend_get_host_pointer (test->frontend, desc->address, 8);
  g_assert_cmpmem (host, 8, "question", 8);
  desc = &test->desc[desc->next];
  g_assert_cmpuint (desc->length, ==, 100);
  g_assert_cmpuint (desc->flags, ==, WRITE);
  host = vhu_frontend_get_host_pointer (test->frontend, desc->address, 100);
  memcpy (host, "answer", 6);

  g_assert_null (vhu_driver_queue_take_result (test->queue, (guint) id));
  device_push (test, (guint32) id, 6);
  assert_pops (test, (guint) id, 6);
  answer = vhu_driver_queue_take_result (test->queue, (guint) id);
  g_assert_cmpmem (g_bytes_get_data (answer, NULL), g_bytes_get_size (answer),
                   "answer", 6);
  g_assert_null (vhu_driver_queue_take_result (test->queue, (guint) id));
  g_assert_null (vhu_driver_queue_take_result (test->queue, 4711));
}

static void
test_bytes_may_go_one_way (Fixture       *test,
                           gconstpointer  unused)
{
  g_autoptr(GBytes) out = g_bytes_new_static ("out", 3);
  g_autoptr(GBytes) nothing = NULL;
  int id;

  id = vhu_driver_queue_submit_bytes (test->queue, NULL, 64, &test->error);
  g_assert_cmpuint (test->desc[id].flags, ==, WRITE);
  id = vhu_driver_queue_submit_bytes (test->queue, out, 0, &test->error);
  g_assert_cmpuint (test->desc[id].flags, ==, 0);
  device_push (test, (guint32) id, 0);
  assert_pops (test, (guint) id, 0);
  nothing = vhu_driver_queue_take_result (test->queue, (guint) id);
  g_assert_cmpuint (g_bytes_get_size (nothing), ==, 0);

  g_assert_cmpint (vhu_driver_queue_submit_bytes (test->queue, NULL, 0,
                                                  &test->error), ==, -1);
  g_assert_error (test->error, VHU_ERROR, VHU_ERROR_BAD_VALUE);
}

/* There is memory for some eighty of them at a time. */
static void
test_buffers_of_bytes_are_released (Fixture       *test,
                                    gconstpointer  unused)
{
  g_autoptr(GBytes) out = g_bytes_new_static ("out", 3);

  for (guint i = 0; i < 10000; i++)
    {
      int id = vhu_driver_queue_submit_bytes (test->queue, out, 100000,
                                              &test->error);

      g_assert_no_error (test->error);
      if (i % 3 == 0)
        {
          vhu_driver_queue_reset (test->queue);
          continue;
        }
      device_push (test, (guint32) id, 0);
      assert_pops (test, (guint) id, 0);
    }

  g_assert_cmpint (vhu_driver_queue_submit_bytes (test->queue, out, 1 << 30,
                                                  &test->error), ==, -1);
  g_assert_error (test->error, VHU_ERROR, VHU_ERROR_LIMIT);
}

static void
expect_u32s (Fixture *test,
             guint32  request,
             guint32  first,
             guint32  second)
{
  const guint32 payload[2] = { first, second };
  g_autoptr(FakeMessage) message =
    fake_backend_expect (test->backend, request, 0x1, payload, 8, 0);

  g_assert_nonnull (message);
}

/* The descriptor that came with SET_VRING_KICK, _CALL or _ERR of queue 1. */
static int
expect_event (Fixture *test,
              guint32  request)
{
  const guint64 one = 1;
  g_autoptr(FakeMessage) message =
    fake_backend_expect (test->backend, request, 0x1, &one, 8, 1);

  return vhu_dup_fd (message->fds[0]);
}

typedef struct
{
  int kick;
  int call;
  int err;
} Events;

static void
start (Fixture *test,
       Events  *events,
       guint    base)
{
  g_autoptr(FakeMessage) features = fake_backend_take (test->backend);
  g_autoptr(FakeMessage) memory = NULL;
  g_autoptr(FakeMessage) addr = NULL;
  guint64 addresses[5] = {
    1,
    (gsize) test->desc,
    (gsize) test->used,
    (gsize) test->avail,
    0,
  };

  g_assert_cmpuint (features->header[0], ==, 2);
  g_assert_true (vhu_driver_queue_start (test->queue, &test->error));
  g_assert_true (vhu_driver_queue_get_started (test->queue));
  memory = fake_backend_take (test->backend);
  g_assert_cmpuint (memory->header[0], ==, 5);
  expect_u32s (test, 8, 1, 8);
  expect_u32s (test, 10, 1, base);
  addr = fake_backend_expect (test->backend, 9, 0x1, addresses, 40, 0);
  events->err = expect_event (test, 14);
  events->kick = expect_event (test, 12);
  events->call = expect_event (test, 13);
}

static void
close_events (Events *events)
{
  vhu_clear_fd (&events->kick);
  vhu_clear_fd (&events->call);
  vhu_clear_fd (&events->err);
}

static void
signal_event (int fd)
{
  const guint64 one = 1;

  g_assert_cmpint (write (fd, &one, sizeof one), ==, sizeof one);
}

static void
test_a_start_tells_all (Fixture       *test,
                        gconstpointer  unused)
{
  Events events;
  guint64 count;

  start (test, &events, 0);
  /* Without PROTOCOL_FEATURES there is nothing to enable. */
  fake_backend_expect_none (test->backend);

  vhu_driver_queue_kick_always (test->queue);
  vhu_driver_queue_kick_always (test->queue);
  g_assert_cmpint (read (events.kick, &count, sizeof count), ==, sizeof count);
  g_assert_cmpuint (count, ==, 2);

  g_assert_false (vhu_driver_queue_wait_error (test->queue, 0));
  signal_event (events.err);
  g_assert_true (vhu_driver_queue_wait_error (test->queue, 1000));
  g_assert_false (vhu_driver_queue_wait_error (test->queue, 0));

  g_assert_false (vhu_driver_queue_wait_call (test->queue, 1));
  signal_event (events.call);
  g_assert_true (vhu_driver_queue_wait_call (test->queue, 1000));
  g_assert_cmpuint (vhu_driver_queue_get_n_calls (test->queue), ==, 1);
  close_events (&events);
}

static void
test_a_queue_stops_and_goes_on (Fixture       *test,
                                gconstpointer  unused)
{
  Events events;

  start (test, &events, 0);
  close_events (&events);
  fake_backend_answer (test->backend, 11, (guint32[]) { 1, 4711 }, 8);
  g_assert_true (vhu_driver_queue_stop (test->queue, &test->error));
  g_assert_false (vhu_driver_queue_get_started (test->queue));
  g_assert_cmpuint (vhu_driver_queue_get_base (test->queue), ==, 4711);
  expect_u32s (test, 11, 1, 0);

  g_assert_true (vhu_driver_queue_start (test->queue, &test->error));
  expect_u32s (test, 8, 1, 8);
  expect_u32s (test, 10, 1, 4711);

  vhu_driver_queue_set_base (test->queue, 5);
  g_assert_cmpuint (vhu_driver_queue_get_base (test->queue), ==, 5);
  vhu_driver_queue_reset (test->queue);
  g_assert_cmpuint (vhu_driver_queue_get_base (test->queue), ==, 0);
}

static void
test_polling_needs_no_descriptors (Fixture       *test,
                                   gconstpointer  unused)
{
  const guint64 payload = 1 | 0x100;

  vhu_driver_queue_set_use_kick_fd (test->queue, FALSE);
  vhu_driver_queue_set_use_call_fd (test->queue, FALSE);
  g_assert_true (vhu_driver_queue_start (test->queue, &test->error));
  for (;;)
    {
      g_autoptr(FakeMessage) message = fake_backend_take (test->backend);

      if (message->header[0] == 12 || message->header[0] == 13)
        {
          g_assert_cmpmem (message->payload, message->header[2], &payload, 8);
          g_assert_cmpuint (message->n_fds, ==, 0);
        }
      if (message->header[0] == 13)
        break;
    }

  g_assert_false (vhu_driver_queue_wait (test->queue, 1, &test->error));
  g_assert_error (test->error, VHU_ERROR, VHU_ERROR_TIMED_OUT);
  g_clear_error (&test->error);
  device_push (test, (guint32) submit (test, 1, 0), 0);
  g_assert_true (vhu_driver_queue_wait (test->queue, 1, &test->error));
}

static void
test_waiting_has_an_end (Fixture       *test,
                         gconstpointer  unused)
{
  Events events;
  int id;

  start (test, &events, 0);
  id = submit (test, 1, 1);
  signal_event (events.call);
  g_assert_false (vhu_driver_queue_wait (test->queue, 2, &test->error));
  g_assert_error (test->error, VHU_ERROR, VHU_ERROR_TIMED_OUT);
  g_clear_error (&test->error);
  /* Who does not wait does not want to be called. */
  g_assert_cmpuint (test->avail[0], ==, 1);

  device_push (test, (guint32) id, 1);
  g_assert_true (vhu_driver_queue_wait (test->queue, 2, &test->error));
  assert_pops (test, (guint) id, 1);

  fake_backend_hang_up (test->backend);
  g_assert_false (vhu_driver_queue_wait (test->queue, 5000, &test->error));
  g_assert_error (test->error, VHU_ERROR, VHU_ERROR_CLOSED);
  close_events (&events);
}

typedef struct
{
  Fixture *test;
  Events events;
} Device;

/* Answers one chain after the other with its own question, as long as the kick
 * descriptor says that there is one, until it reads "end". */
static gpointer
device_thread (gpointer data)
{
  Device *device = data;
  Fixture *test = device->test;
  gboolean is_over = FALSE;

  while (!is_over)
    {
      guint64 count;
      guint16 head;
      guint8 *question;
      guint8 *answer;
      Desc *desc;

      while (__atomic_load_n (&test->avail[1], __ATOMIC_ACQUIRE) ==
             test->last_avail)
        if (read (device->events.kick, &count, sizeof count) < 0)
          g_thread_yield ();

      head = device_pop (test);
      desc = &test->desc[head];
      question = vhu_frontend_get_host_pointer (test->frontend, desc->address,
                                                desc->length);
      answer = vhu_frontend_get_host_pointer
        (test->frontend, test->desc[desc->next].address, desc->length);
      is_over = memcmp (question, "end", 3) == 0;
      memcpy (answer, question, desc->length);
      used_element (test, test->used[1])[0] = head;
      used_element (test, test->used[1])[1] = desc->length;
      __atomic_store_n (&test->used[1], (guint16) (test->used[1] + 1),
                        __ATOMIC_SEQ_CST);
      signal_event (device->events.call);
    }
  return NULL;
}

static void
test_requests_are_served_by_another_thread (Fixture       *test,
                                            gconstpointer  unused)
{
  Device device = { test, { -1, -1, -1 } };
  GThread *thread;

  start (test, &device.events, 0);
  thread = g_thread_new ("device", device_thread, &device);
  for (guint i = 0; i <= 1000; i++)
    {
      g_autofree char *text = i < 1000 ? g_strdup_printf ("question %u", i)
                                       : g_strdup ("end");
      g_autoptr(GBytes) question = g_bytes_new (text, strlen (text));
      g_autoptr(GBytes) answer = vhu_driver_queue_request (test->queue,
                                                           question, 64,
                                                           &test->error);

      g_assert_no_error (test->error);
      g_assert_true (g_bytes_equal (answer, question));
    }
  g_thread_join (thread);
  close_events (&device.events);
}

/* The data path must cost next to nothing, or benchmarks measure it. Run with
 * -m perf. */
static void
test_performance (void)
{
  const VhuDriverSegment segments[3] = {
    { 0x1000, 16, 0 }, { 0x2000, 4096, 1 }, { 0x3000, 1, 1 },
  };
  const guint n_chains = g_test_perf () ? 20000000 : 200000;
  Fixture test = { 0 };
  double elapsed;
  guint32 length;
  guint id;

  set_up_queue (&test, 256, EVENT_IDX);
  g_test_timer_start ();
  for (guint i = 0; i < n_chains; i++)
    {
      id = (guint) vhu_driver_queue_submit (test.queue, segments, 3, NULL);
      vhu_driver_queue_kick (test.queue);
      device_push (&test, id, 4097);
      if (!vhu_driver_queue_pop (test.queue, &id, &length))
        g_assert_not_reached ();
    }
  elapsed = g_test_timer_elapsed () * 1e9 / n_chains;
  g_test_minimized_result (elapsed, "%.1f ns for a chain of three", elapsed);
  tear_down (&test, NULL);
}

#define ADD(name, features, function) \
  g_test_add ("/frontend/driver-queue/" name, Fixture, \
              GSIZE_TO_POINTER (features), set_up, function, tear_down)

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

static void
add_life_tests (void)
{
  ADD ("a-start-tells-all", 0, test_a_start_tells_all);
  ADD ("a-queue-stops-and-goes-on", 0, test_a_queue_stops_and_goes_on);
  ADD ("polling-needs-no-descriptors", 0, test_polling_needs_no_descriptors);
  ADD ("waiting-has-an-end", 0, test_waiting_has_an_end);
  ADD ("requests-are-served-by-another-thread", 0,
       test_requests_are_served_by_another_thread);
  ADD ("requests-are-served-by-another-thread-with-event-idx", EVENT_IDX,
       test_requests_are_served_by_another_thread);
  g_test_add_func ("/frontend/driver-queue/performance", test_performance);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  add_chain_tests ();
  add_event_tests ();
  add_trouble_tests ();
  ADD ("bytes-travel-both-ways", 0, test_bytes_travel_both_ways);
  ADD ("bytes-may-go-one-way", 0, test_bytes_may_go_one_way);
  ADD ("buffers-of-bytes-are-released", 0, test_buffers_of_bytes_are_released);
  add_life_tests ();

  return g_test_run ();
}
