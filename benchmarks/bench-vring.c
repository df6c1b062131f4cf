/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <stdlib.h>

#include "vhu-test-driver.h"

/* What a chain costs from pop to push, without a device and without a driver on
 * another CPU: a batch of chains of three descriptors each is laid, then popped,
 * answered and pushed. Run it under callgrind for instructions. */

#define N_DESCRIPTORS 3

typedef struct
{
  guint batch;
  guint n_batches;
  gboolean with_bytes;
} Plan;

static void
lay_chains (TestDriver *driver,
            guint       n_chains)
{
  for (guint i = 0; i < n_chains; i++)
    {
      guint first = i * N_DESCRIPTORS;
      guint64 address = TEST_SECOND_ADDRESS + 8192 * i;

      test_driver_set_desc (driver, first, address, 16, TEST_NEXT, (guint16) (first + 1));
      test_driver_set_desc (driver, first + 1, address + 64, 4096, TEST_NEXT | TEST_WRITE,
                            (guint16) (first + 2));
      test_driver_set_desc (driver, first + 2, address + 32, 1, TEST_WRITE, 0);
    }
}

static void
serve_raw (VhuVring *vring)
{
  VhuChain *chain;

  while ((chain = vhu_vring_pop (vring)) != NULL)
    {
      vhu_vring_push (vring, chain, 4097);
      vhu_chain_unref (chain);
    }
}

static void
serve_bytes (VhuVring *vring)
{
  VhuChain *chain;
  guint8 header[16];

  while ((chain = vhu_vring_pop (vring)) != NULL)
    {
      if (vhu_chain_read (chain, header, sizeof header, NULL) &&
          vhu_chain_seek (chain, 16, 4096, NULL))
        vhu_chain_write (chain, "", 1, NULL);
      vhu_chain_complete (chain, NULL);
      vhu_chain_unref (chain);
    }
}

static gint64
run (TestDriver *driver,
     const Plan *plan)
{
  gint64 time = 0;

  for (guint n = 0; n < plan->n_batches; n++)
    {
      gint64 start;

      for (guint i = 0; i < plan->batch; i++)
        test_driver_add (driver, i * N_DESCRIPTORS);
      test_driver_publish (driver);

      start = g_get_monotonic_time ();
      vhu_vring_begin_service (driver->vring);
      if (plan->with_bytes)
        serve_bytes (driver->vring);
      else
        serve_raw (driver->vring);
      vhu_vring_end_service (driver->vring);
      time += g_get_monotonic_time () - start;
    }
  return time;
}

static void
measure (const char *name,
         const Plan *plan)
{
  g_autoptr(TestDriver) driver = test_driver_new (1024, TEST_FEATURE (EVENT_IDX), 0);
  const Plan warm_up = { plan->batch, plan->n_batches / 10, plan->with_bytes };
  guint64 n_chains = (guint64) plan->batch * plan->n_batches;
  gint64 time;

  lay_chains (driver, plan->batch);
  run (driver, &warm_up);
  time = run (driver, plan);
  g_print ("%-28s %8.1f ns per chain, %" G_GUINT64_FORMAT " chains\n",
           name, 1000.0 * (double) time / (double) n_chains, n_chains);
}

int
main (int   argc,
      char *argv[])
{
  guint scale = argc > 1 ? (guint) strtoul (argv[1], NULL, 10) : 100;

  measure ("pop and push, 256 at once", &(Plan) { 256, 100 * scale, FALSE });
  measure ("pop and push, 32 at once", &(Plan) { 32, 500 * scale, FALSE });
  measure ("read, write, complete, 256", &(Plan) { 256, 100 * scale, TRUE });
  measure ("read, write, complete, 32", &(Plan) { 32, 500 * scale, TRUE });
  return EXIT_SUCCESS;
}
