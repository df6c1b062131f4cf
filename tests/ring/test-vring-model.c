/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <string.h>

#include "vhu-error.h"
#include "vhu-test-driver.h"

/* Random chains against a model: the driver lays them in any form, the device
 * ends them in any order, and after every step both sides are compared. */

#define MAX_LENGTH 600
/* Every head has a slot of its own for its buffers, and one for its table. */
#define SLOT 1024

typedef struct
{
  gboolean in_use;      /* with the device */
  guint n_descs;
  guint descs[8];       /* of the ring's table */
  guint readable_size;
  guint writable_size;
  guint64 readable[16]; /* the address of each buffer */
  guint readable_length[16];
  guint n_readable;
  guint64 writable[16];
  guint writable_length[16];
  guint n_writable;
  guint8 question[MAX_LENGTH];
  guint8 answer[MAX_LENGTH];
  guint answer_size;
  gboolean answered;
} Request;

typedef struct
{
  TestDriver *driver;
  GRand *random;
  guint size;
  guint64 buffers; /* the first slot */
  guint64 tables;
  gboolean has_event_idx;
  gboolean has_indirect;

  Request *requests; /* by head */
  guint *free_descs;
  guint n_free;
  GQueue waiting; /* heads that were made available and not popped */
  GPtrArray *held;
  guint16 used_index; /* as the driver has read it */
  guint n_in_flight;

  guint16 used_event;
  guint16 flags;
  guint16 evaluated;
  gboolean never_evaluated;
  guint n_calls;
} Model;

static guint
pick (Model *model,
      guint  n)
{
  return (guint) g_rand_int_range (model->random, 0, (gint32) n);
}

/* Cuts @size bytes into at most @n pieces of at least one byte. */
static guint
cut (Model *model,
     guint  size,
     guint  n,
     guint *lengths)
{
  guint n_pieces = 0;

  while (size > 0)
    {
      guint length = n_pieces + 1 == n ? size : 1 + pick (model, size);

      lengths[n_pieces++] = length;
      size -= length;
    }
  return n_pieces;
}

/* Every head has a slot of the window of its own; pieces do not overlap. */
static void
place (guint64  slot,
       guint    n,
       guint   *lengths,
       guint64 *addresses)
{
  for (guint i = 0; i < n; i++)
    {
      addresses[i] = slot;
      slot += lengths[i];
    }
}

static void
copy_to_guest (Model        *model,
               guint64       address,
               const guint8 *from,
               guint         length)
{
  for (guint i = 0; i < length; i++)
    *(guint8 *) test_driver_get_host (model->driver, address + i) = from[i];
}

static gboolean
guest_has (Model        *model,
           guint64       address,
           const guint8 *expected,
           guint         length)
{
  for (guint i = 0; i < length; i++)
    if (*(guint8 *) test_driver_get_host (model->driver, address + i) != expected[i])
      return FALSE;
  return TRUE;
}

static void
fill (Model  *model,
      guint8 *bytes,
      guint   size)
{
  for (guint i = 0; i < size; i++)
    bytes[i] = (guint8) pick (model, 256);
}

static void
make_request (Model   *model,
              guint    head,
              Request *request,
              guint    max_pieces)
{
  guint64 slot = model->buffers + (guint64) head * SLOT;
  guint n_for_readable = max_pieces > 1 ? 1 + pick (model, max_pieces - 1) : 1;
  guint readable = pick (model, MAX_LENGTH / 2);
  guint writable = pick (model, MAX_LENGTH / 2);
  guint8 *question = request->question;

  if (max_pieces == 1)
    *(pick (model, 2) ? &readable : &writable) = 0;
  if (readable + writable == 0)
    readable = 1;

  request->readable_size = readable;
  request->writable_size = writable;
  request->n_readable = cut (model, readable, n_for_readable, request->readable_length);
  request->n_writable = cut (model, writable, MAX (1, max_pieces - request->n_readable),
                             request->writable_length);
  place (slot, request->n_readable, request->readable_length, request->readable);
  place (slot + readable, request->n_writable, request->writable_length, request->writable);

  fill (model, question, readable);
  for (guint i = 0; i < request->n_readable; i++)
    {
      copy_to_guest (model, request->readable[i], question, request->readable_length[i]);
      question += request->readable_length[i];
    }
}

static void
get_buffer (const Request *request,
            guint          i,
            guint64       *address,
            guint         *length,
            guint16       *flags)
{
  gboolean writable = i >= request->n_readable;
  guint index = writable ? i - request->n_readable : i;

  *address = writable ? request->writable[index] : request->readable[index];
  *length = writable ? request->writable_length[index] : request->readable_length[index];
  *flags = writable ? TEST_WRITE : 0;
  if (i + 1 < request->n_readable + request->n_writable)
    *flags |= TEST_NEXT;
}

/* Entries of an indirect table stand in any order, but the first is first. */
static void
lay_indirect (Model         *model,
              const Request *request,
              guint64        table,
              guint          first)
{
  guint n = request->n_readable + request->n_writable - first;
  guint8 order[16];

  for (guint i = 0; i < n; i++)
    order[i] = (guint8) i;
  for (guint i = n; i-- > 2;)
    {
      guint other = 1 + pick (model, i);
      guint8 swap = order[i];

      order[i] = order[other];
      order[other] = swap;
    }

  for (guint i = 0; i < n; i++)
    {
      guint64 address;
      guint length;
      guint16 flags;

      get_buffer (request, first + i, &address, &length, &flags);
      test_driver_set_entry (model->driver, table, order[i], address, length, flags,
                             i + 1 < n ? order[i + 1] : 0xffff);
    }
}

static void
lay_request (Model   *model,
             guint    head,
             Request *request,
             guint    n_direct)
{
  guint n = request->n_readable + request->n_writable;
  gboolean ends_indirect = n_direct < n;

  for (guint i = 0; i < n_direct; i++)
    {
      guint64 address;
      guint length;
      guint16 flags;

      get_buffer (request, i, &address, &length, &flags);
      test_driver_set_desc (model->driver, request->descs[i], address, length, flags,
                            i + 1 < request->n_descs ? (guint16) request->descs[i + 1] : 0);
    }

  if (ends_indirect)
    {
      /* A table may lie at any address. */
      guint64 table = model->tables + (guint64) head * SLOT + pick (model, 256);

      lay_indirect (model, request, table, n_direct);
      test_driver_set_desc (model->driver, request->descs[n_direct], table, 16 * (n - n_direct),
                            TEST_INDIRECT, 0);
    }
}

static void
submit (Model *model)
{
  guint max_direct = MIN (model->n_free, 6);
  gboolean indirect = model->has_indirect && pick (model, 2) == 0;
  guint max_pieces = indirect ? 12 : max_direct;
  Request *request;
  guint n_direct, n, head;

  if (max_direct == 0)
    return;

  head = model->free_descs[model->n_free - 1];
  request = &model->requests[head];
  g_assert_false (request->in_use);
  make_request (model, head, request, max_pieces);

  n = request->n_readable + request->n_writable;
  n_direct = indirect ? pick (model, MIN (max_direct, n)) : n;
  request->n_descs = n_direct + (n_direct < n ? 1 : 0);
  for (guint i = 0; i < request->n_descs; i++)
    request->descs[i] = model->free_descs[--model->n_free];

  lay_request (model, head, request, n_direct);
  request->in_use = TRUE;
  request->answered = FALSE;
  model->n_in_flight++;
  test_driver_add (model->driver, head);
  g_queue_push_tail (&model->waiting, GUINT_TO_POINTER (head));
}

/* The device's side */

static void
pop (Model *model)
{
  VhuChain *chain = vhu_vring_pop (model->driver->vring);
  g_autoptr(GBytes) bytes = NULL;
  Request *request;
  guint head;

  if (chain == NULL)
    {
      g_assert_cmpstr (model->driver->broken_message, ==, NULL);
      g_assert_true (g_queue_is_empty (&model->waiting));
      return;
    }

  head = GPOINTER_TO_UINT (g_queue_pop_head (&model->waiting));
  request = &model->requests[head];
  g_assert_cmpuint (vhu_chain_get_id (chain), ==, head);
  g_assert_cmpuint (vhu_chain_get_readable_size (chain), ==, request->readable_size);
  g_assert_cmpuint (vhu_chain_get_writable_size (chain), ==, request->writable_size);

  bytes = vhu_chain_dup_bytes (chain, NULL);
  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes),
                   request->question, request->readable_size);
  g_ptr_array_add (model->held, chain);
}

static void
read_in_pieces (Model    *model,
                VhuChain *chain,
                Request  *request)
{
  guint8 buffer[MAX_LENGTH];
  guint done = 0;

  while (done < request->readable_size)
    {
      guint n = 1 + pick (model, request->readable_size - done);

      g_assert_true (vhu_chain_read (chain, buffer, n, NULL));
      g_assert_cmpmem (buffer, n, request->question + done, n);
      done += n;
    }
  g_assert_false (vhu_chain_read (chain, buffer, 1, NULL));
}

static void
write_in_pieces (Model    *model,
                 VhuChain *chain,
                 Request  *request)
{
  guint size = pick (model, request->writable_size + 1);
  guint done = 0;

  fill (model, request->answer, size);
  while (done < size)
    {
      guint n = 1 + pick (model, size - done);

      g_assert_true (vhu_chain_write (chain, request->answer + done, n, NULL));
      done += n;
    }
  request->answer_size = size;
}

static void
end_one (Model *model)
{
  VhuChain *chain;
  Request *request;

  if (model->held->len == 0)
    return;

  chain = g_ptr_array_steal_index_fast (model->held, pick (model, model->held->len));
  request = &model->requests[vhu_chain_get_id (chain)];
  if (pick (model, 2) == 0)
    read_in_pieces (model, chain, request);

  request->answer_size = 0;
  request->answered = TRUE;
  switch (pick (model, 8))
    {
    case 0:
      break;
    case 1:
      g_assert_true (vhu_chain_fail (chain, NULL));
      break;
    case 2:
      write_in_pieces (model, chain, request);
      vhu_vring_push (model->driver->vring, chain, request->answer_size);
      vhu_vring_signal (model->driver->vring);
      break;
    default:
      write_in_pieces (model, chain, request);
      g_assert_true (vhu_chain_complete (chain, NULL));
    }
  vhu_chain_unref (chain);
}

/* The driver's side */

static void
reap (Model *model)
{
  guint16 index = test_driver_get_used_index (model->driver);

  while (model->used_index != index)
    {
      guint32 head, length;
      Request *request;
      guint8 *answer;

      test_driver_get_used (model->driver, model->used_index++, &head, &length);
      g_assert_cmpuint (head, <, model->size);
      request = &model->requests[head];
      g_assert_true (request->in_use);
      g_assert_true (request->answered);
      g_assert_cmpuint (length, ==, request->answer_size);

      answer = request->answer;
      for (guint i = 0; i < request->n_writable && length > 0; i++)
        {
          guint n = MIN (length, request->writable_length[i]);

          g_assert_true (guest_has (model, request->writable[i], answer, n));
          answer += n;
          length -= n;
        }

      request->in_use = FALSE;
      model->n_in_flight--;
      while (request->n_descs > 0)
        model->free_descs[model->n_free++] = request->descs[--request->n_descs];
    }
}

/* What the driver last asked for decides, for everything that was published in
 * one go. */
static void
check_calls (Model *model)
{
  guint16 index = test_driver_get_used_index (model->driver);
  gboolean wanted = FALSE;

  if (index == model->evaluated)
    {
      g_assert_cmpuint (model->driver->n_calls, ==, model->n_calls);
      return;
    }

  if (!model->has_event_idx)
    wanted = !(model->flags & 1);
  else if (model->never_evaluated)
    wanted = TRUE;
  else
    for (guint16 i = model->evaluated; i != index; i++)
      if (i == model->used_event)
        wanted = TRUE;

  model->never_evaluated = FALSE;
  model->evaluated = index;
  if (wanted)
    model->n_calls++;
  g_assert_cmpuint (model->driver->n_calls, ==, model->n_calls);
}

static void
change_wishes (Model *model)
{
  model->used_event = (guint16) (model->evaluated + pick (model, 5) - 1);
  model->flags = (guint16) pick (model, 2);
  test_driver_set_avail_flags (model->driver, model->flags);
  if (model->has_event_idx)
    test_driver_set_used_event (model->driver, model->used_event);
}

/* One call into the device, which pops some and ends some. Nothing of it is seen
 * before the end, unless the device signals; then it pops all there is, and a
 * driver that adds after it is asked to kick. */
static void
serve (Model *model)
{
  VhuVring *vring = model->driver->vring;
  guint16 old;

  vhu_vring_begin_service (vring);
  for (guint n = pick (model, 20); n > 0; n--)
    {
      if (pick (model, 2) == 0)
        pop (model);
      else
        end_one (model);
      check_calls (model);
    }
  while (!g_queue_is_empty (&model->waiting))
    pop (model);
  pop (model);
  vhu_vring_end_service (vring);
  check_calls (model);
  g_assert_false (vhu_vring_has_work (vring));

  old = model->driver->avail_index;
  submit (model);
  if (model->driver->avail_index != old)
    {
      test_driver_publish (model->driver);
      g_assert_true (test_driver_wants_kick (model->driver, old));
      g_assert_true (vhu_vring_has_work (vring));
    }
}

static void
step (Model *model)
{
  switch (pick (model, 6))
    {
    case 0:
      for (guint n = pick (model, model->size) + 1; n > 0; n--)
        submit (model);
      test_driver_publish (model->driver);
      break;
    case 1:
      reap (model);
      change_wishes (model);
      break;
    case 2:
      pop (model);
      break;
    case 3:
      end_one (model);
      check_calls (model);
      break;
    default:
      serve (model);
    }

  g_assert_cmpuint (vhu_vring_get_n_held (model->driver->vring), ==, model->held->len);
}

static void
model_init (Model  *model,
            guint   size,
            guint64 features,
            guint16 base)
{
  *model = (Model) {
    .driver = test_driver_new (size, features, base),
    .random = g_rand_new_with_seed (g_test_rand_int ()),
    .size = size,
    .has_event_idx = (features & TEST_FEATURE (EVENT_IDX)) != 0,
    .has_indirect = (features & TEST_FEATURE (INDIRECT_DESC)) != 0,
    .requests = g_new0 (Request, size),
    .free_descs = g_new0 (guint, size),
    .held = g_ptr_array_new (),
    .used_index = base,
    .evaluated = base,
    .never_evaluated = TRUE,
  };
  g_queue_init (&model->waiting);

  /* Either the buffers or the tables of some head lie in two regions. */
  model->buffers = TEST_SECOND_ADDRESS + (1u << 20);
  model->tables = TEST_SECOND_ADDRESS + (2u << 20);
  *(pick (model, 2) ? &model->buffers : &model->tables) =
    TEST_SECOND_ADDRESS - SLOT * (guint64) (size / 2) - 300;

  /* Descriptors are taken from a heap in disorder. */
  for (guint i = 0; i < size; i++)
    {
      guint other = pick (model, i + 1);

      model->free_descs[i] = model->free_descs[other];
      model->free_descs[other] = i;
    }
  model->n_free = size;
}

static void
model_clear (Model *model)
{
  g_assert_cmpuint (model->driver->n_broken, ==, 0);
  g_ptr_array_unref (model->held);
  g_queue_clear (&model->waiting);
  g_free (model->free_descs);
  g_free (model->requests);
  g_rand_free (model->random);
  test_driver_free (model->driver);
}

static void
finish (Model *model)
{
  test_driver_publish (model->driver);
  while (!g_queue_is_empty (&model->waiting))
    pop (model);
  while (model->held->len > 0)
    {
      end_one (model);
      check_calls (model);
    }
  reap (model);
  g_assert_cmpuint (model->n_in_flight, ==, 0);
  g_assert_cmpuint (model->n_free, ==, model->size);
}

static void
test_random_chains (gconstpointer data)
{
  const guint64 features = GPOINTER_TO_SIZE (data);

  for (guint size = 1; size <= 1024; size *= 2)
    {
      Model model;

      model_init (&model, size, features, (guint16) (65536 - MIN (2 * size, 200)));
      for (guint n = 0; n < 2000; n++)
        step (&model);
      finish (&model);
      model_clear (&model);
    }
}

int
main (int   argc,
      char *argv[])
{
  const gsize event_idx = TEST_FEATURE (EVENT_IDX);
  const gsize indirect = TEST_FEATURE (INDIRECT_DESC);

  g_test_init (&argc, &argv, NULL);

  g_test_add_data_func ("/vring/model/plain", NULL, test_random_chains);
  g_test_add_data_func ("/vring/model/event-index", GSIZE_TO_POINTER (event_idx),
                        test_random_chains);
  g_test_add_data_func ("/vring/model/indirect", GSIZE_TO_POINTER (indirect),
                        test_random_chains);
  g_test_add_data_func ("/vring/model/event-index-and-indirect",
                        GSIZE_TO_POINTER (event_idx | indirect), test_random_chains);

  return g_test_run ();
}
