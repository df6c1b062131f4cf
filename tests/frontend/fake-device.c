/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "fake-device.h"

void
fake_device_init (FakeDevice *test,
                  guint       size,
                  guint64     features)
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

void
fake_device_set_up (FakeDevice    *test,
                    gconstpointer  features)
{
  fake_device_init (test, 8, (gsize) features);
}

void
fake_device_tear_down (FakeDevice    *test,
                       gconstpointer  unused)
{
  g_clear_error (&test->error);
  g_assert_finalize_object (test->queue);
  g_assert_finalize_object (test->frontend);
  fake_backend_free (test->backend);
}

int
fake_device_submit (FakeDevice *test,
                    guint       n_readable,
                    guint       n_writable)
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

guint16
fake_device_pop (FakeDevice *test)
{
  g_assert_cmpuint (test->avail[1], !=, test->last_avail);
  return test->avail[2 + test->last_avail++ % test->size];
}

guint32 *
fake_device_used_element (FakeDevice *test,
                          guint       index)
{
  return (guint32 *) (gpointer) &test->used[2 + 4 * (index % test->size)];
}

void
fake_device_push (FakeDevice *test,
                  guint32     id,
                  guint32     length)
{
  guint32 *element = fake_device_used_element (test, test->used[1]);

  element[0] = id;
  element[1] = length;
  test->used[1]++;
}

void
fake_device_set_avail_event (FakeDevice *test,
                             guint16     event)
{
  test->used[2 + 4 * test->size] = event;
}

void
fake_device_assert_desc (const FakeDesc *desc,
                         guint64         address,
                         guint32         length,
                         guint16         flags)
{
  g_assert_cmphex (desc->address, ==, address);
  g_assert_cmpuint (desc->length, ==, length);
  g_assert_cmpuint (desc->flags, ==, flags);
}

void
fake_device_assert_pops (FakeDevice *test,
                         guint       expected_id,
                         guint32     expected_length)
{
  guint id = G_MAXUINT;
  guint32 length = G_MAXUINT32;

  g_assert_true (vhu_driver_queue_pop (test->queue, &id, &length));
  g_assert_cmpuint (id, ==, expected_id);
  g_assert_cmpuint (length, ==, expected_length);
}

void
fake_device_assert_pops_nothing (FakeDevice *test)
{
  guint id;
  guint32 length;

  g_assert_false (vhu_driver_queue_has_used (test->queue));
  g_assert_false (vhu_driver_queue_pop (test->queue, &id, &length));
  g_assert_true (vhu_driver_queue_check (test->queue, NULL));
}
