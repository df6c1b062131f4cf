/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-test-driver.h"

#include <sys/mman.h>
#include <unistd.h>

#include "vhu-fd-private.h"

#define DESC_OFFSET 0
#define AVAIL_OFFSET (1u << 20)
#define USED_OFFSET (AVAIL_OFFSET + (1u << 19))

static VhuMemoryRegion *
make_region (guint64 address,
             guint64 size)
{
  vhu_autofd int fd = memfd_create ("vhu-test", MFD_CLOEXEC);
  g_autoptr(GError) error = NULL;
  VhuMemoryRegion *region;

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (ftruncate (fd, (off_t) size), ==, 0);
  region = vhu_memory_region_new (fd, address, address + TEST_USER_OFFSET, size, 0, &error);
  g_assert_no_error (error);
  return region;
}

VhuMemory *
test_driver_make_table (TestDriver *self,
                        int         without)
{
  VhuMemoryRegion *regions[G_N_ELEMENTS (self->regions)];
  g_autoptr(GError) error = NULL;
  VhuMemory *memory;
  guint n = 0;

  for (int i = 0; i < (int) G_N_ELEMENTS (self->regions); i++)
    if (i != without)
      regions[n++] = self->regions[i];

  memory = vhu_memory_new (regions, n, &error);
  g_assert_no_error (error);
  return memory;
}

static void
wake_cb (VhuVring *vring,
         gpointer  owner_data)
{
  TestDriver *self = owner_data;

  __atomic_fetch_add (&self->n_wakes, 1, __ATOMIC_RELAXED);
  if (self->wake != NULL)
    self->wake (self->user_data);
}

static void
call_cb (VhuVring *vring,
         gpointer  owner_data)
{
  TestDriver *self = owner_data;

  self->n_calls++;
  if (self->call != NULL)
    self->call (self->user_data);
}

static void
broken_cb (VhuVring     *vring,
           const GError *error,
           gpointer      owner_data)
{
  TestDriver *self = owner_data;

  self->n_broken++;
  g_free (self->broken_message);
  self->broken_message = g_strdup (error->message);
}

static void
fail_cb (VhuVring *vring,
         VhuChain *chain,
         gpointer  owner_data)
{
  TestDriver *self = owner_data;

  self->n_fails++;
  if (self->fail != NULL)
    self->fail (chain, self->user_data);
}

static void
drained_cb (VhuVring *vring,
            gpointer  owner_data)
{
  TestDriver *self = owner_data;

  self->n_drained++;
  if (self->drained != NULL)
    self->drained (self->user_data);
}

static const VhuVringOwner owner = {
  .wake = wake_cb,
  .call = call_cb,
  .broken = broken_cb,
  .fail = fail_cb,
  .drained = drained_cb,
};

TestDriver *
test_driver_new_stopped (guint   size,
                         guint64 features,
                         guint16 base)
{
  TestDriver *self = g_new0 (TestDriver, 1);
  const guint64 rings = TEST_RING_ADDRESS + TEST_USER_OFFSET;

  self->regions[0] = make_region (TEST_RING_ADDRESS, TEST_RING_SIZE);
  self->regions[1] = make_region (TEST_FIRST_ADDRESS, TEST_FIRST_SIZE);
  self->regions[2] = make_region (TEST_SECOND_ADDRESS, TEST_SECOND_SIZE);
  self->memory = test_driver_make_table (self, -1);

  self->size = size;
  self->avail_index = base;
  self->setup = (VhuVringSetup) {
    .size = size,
    .features = features | TEST_FEATURE (VERSION_1),
    .desc = rings + DESC_OFFSET,
    .avail = rings + AVAIL_OFFSET,
    .used = rings + USED_OFFSET,
    .base = base,
  };
  test_driver_set_avail_index (self, base);
  *(guint16 *) test_driver_get_host (self, TEST_RING_ADDRESS + USED_OFFSET + 2) =
    GUINT16_TO_LE (base);

  self->vring = vhu_vring_new (3, 32768, NULL, &owner, self);
  return self;
}

void
test_driver_start (TestDriver *self)
{
  g_autoptr(GError) error = NULL;

  vhu_vring_start (self->vring, &self->setup, self->memory, &error);
  g_assert_no_error (error);
}

TestDriver *
test_driver_new (guint   size,
                 guint64 features,
                 guint16 base)
{
  TestDriver *self = test_driver_new_stopped (size, features, base);

  test_driver_start (self);
  vhu_vring_set_enabled (self->vring, TRUE);
  return self;
}

void
test_driver_free (TestDriver *self)
{
  if (self->vring != NULL)
    {
      vhu_vring_close (self->vring);
      g_object_unref (self->vring);
    }

  vhu_memory_unref (self->memory);
  for (guint i = 0; i < G_N_ELEMENTS (self->regions); i++)
    g_clear_pointer (&self->regions[i], vhu_memory_region_unref);
  g_free (self->broken_message);
  g_free (self);
}

gpointer
test_driver_get_host (TestDriver *self,
                      guint64     address)
{
  for (guint i = 0; i < G_N_ELEMENTS (self->regions); i++)
    {
      VhuMemoryRegion *region = self->regions[i];

      if (region != NULL && address - region->guest_address < region->size)
        return region->host + (address - region->guest_address);
    }
  g_assert_not_reached ();
}

void
test_driver_set_entry (TestDriver *self,
                       guint64     table,
                       guint       index,
                       guint64     address,
                       guint32     length,
                       guint16     flags,
                       guint16     next)
{
  guint8 entry[16];

  *(guint64 *) (gpointer) entry = GUINT64_TO_LE (address);
  *(guint32 *) (gpointer) (entry + 8) = GUINT32_TO_LE (length);
  *(guint16 *) (gpointer) (entry + 12) = GUINT16_TO_LE (flags);
  *(guint16 *) (gpointer) (entry + 14) = GUINT16_TO_LE (next);

  /* The table may be anywhere, and go on in the next region. */
  for (guint i = 0; i < sizeof entry; i++)
    *(guint8 *) test_driver_get_host (self, table + 16 * index + i) = entry[i];
}

void
test_driver_set_desc (TestDriver *self,
                      guint       index,
                      guint64     address,
                      guint32     length,
                      guint16     flags,
                      guint16     next)
{
  guint64 *desc = (guint64 *) (gpointer) (self->regions[0]->host + DESC_OFFSET) + 2 * index;

  __atomic_store_n (desc, GUINT64_TO_LE (address), __ATOMIC_RELAXED);
  __atomic_store_n (desc + 1,
                    GUINT64_TO_LE (length | (guint64) flags << 32 | (guint64) next << 48),
                    __ATOMIC_RELAXED);
}

static guint16 *
get_avail (TestDriver *self)
{
  return (guint16 *) (gpointer) (self->regions[0]->host + AVAIL_OFFSET);
}

static guint16 *
get_used (TestDriver *self)
{
  return (guint16 *) (gpointer) (self->regions[0]->host + USED_OFFSET);
}

void
test_driver_add (TestDriver *self,
                 guint       head)
{
  guint16 *place = get_avail (self) + 2 + self->avail_index % self->size;

  __atomic_store_n (place, GUINT16_TO_LE ((guint16) head), __ATOMIC_RELAXED);
  self->avail_index++;
}

void
test_driver_set_avail_index (TestDriver *self,
                             guint16     index)
{
  __atomic_store_n (get_avail (self) + 1, GUINT16_TO_LE (index), __ATOMIC_RELEASE);
}

void
test_driver_publish (TestDriver *self)
{
  test_driver_set_avail_index (self, self->avail_index);
}

void
test_driver_submit (TestDriver *self,
                    guint       head)
{
  guint tail = (head + self->size / 2) % self->size;

  test_driver_set_desc (self, head, TEST_FIRST_ADDRESS + 64 * head, 16, TEST_NEXT,
                        (guint16) tail);
  test_driver_set_desc (self, tail, TEST_FIRST_ADDRESS + 64 * head + 32, 16, TEST_WRITE, 0);
  test_driver_add (self, head);
  test_driver_publish (self);
}

guint16
test_driver_get_used_index (TestDriver *self)
{
  return GUINT16_FROM_LE (__atomic_load_n (get_used (self) + 1, __ATOMIC_ACQUIRE));
}

void
test_driver_get_used (TestDriver *self,
                      guint16     index,
                      guint32    *head,
                      guint32    *length)
{
  guint32 *element = (guint32 *) (gpointer) (get_used (self) + 2) + 2 * (index % self->size);

  *head = GUINT32_FROM_LE (__atomic_load_n (element, __ATOMIC_RELAXED));
  *length = GUINT32_FROM_LE (__atomic_load_n (element + 1, __ATOMIC_RELAXED));
}

guint16
test_driver_get_used_flags (TestDriver *self)
{
  return GUINT16_FROM_LE (__atomic_load_n (get_used (self), __ATOMIC_RELAXED));
}

guint16
test_driver_get_avail_event (TestDriver *self)
{
  return GUINT16_FROM_LE (__atomic_load_n (get_used (self) + 2 + 4 * self->size,
                                           __ATOMIC_RELAXED));
}

void
test_driver_set_used_event (TestDriver *self,
                            guint16     index)
{
  __atomic_store_n (get_avail (self) + 2 + self->size, GUINT16_TO_LE (index),
                    __ATOMIC_RELAXED);
}

void
test_driver_set_avail_flags (TestDriver *self,
                             guint16     flags)
{
  __atomic_store_n (get_avail (self), GUINT16_TO_LE (flags), __ATOMIC_RELAXED);
}

gboolean
test_driver_wants_kick (TestDriver *self,
                        guint16     old)
{
  guint16 event;

  __atomic_thread_fence (__ATOMIC_SEQ_CST);
  if (!(self->setup.features & TEST_FEATURE (EVENT_IDX)))
    return !(test_driver_get_used_flags (self) & 1);

  event = test_driver_get_avail_event (self);
  return (guint16) (self->avail_index - event - 1) < (guint16) (self->avail_index - old);
}
