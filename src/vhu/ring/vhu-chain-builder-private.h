/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "vhu-chain-private.h"
#include "vhu-memory-private.h"

G_BEGIN_DECLS

/* Turns the buffers that descriptors name into the iovecs of a chain. What it is
 * given are copies of what the driver wrote; nothing here is trusted. Both ring
 * layouts share it. */
typedef struct
{
  VhuMemory *memory;     /* borrowed from the ring's generation */
  VhuMemoryRegion *hint; /* where the last buffer was */
  guint64 *table;        /* the copy of an indirect table */
  guint n_table_entries_allocated;
} VhuChainBuilder;

#define VHU_DESCRIPTOR_SIZE 16u
/* The sum of all lengths; a request cannot report more (virtio 1.3, 2.7.5). */
#define VHU_CHAIN_MAX_SIZE (G_GUINT64_CONSTANT (1) << 32)

void     vhu_chain_builder_clear      (VhuChainBuilder  *self);
void     vhu_chain_builder_set_memory (VhuChainBuilder  *self,
                                       VhuMemory        *memory);
/* Buffers that need a check to fail or more than one iovec. */
gboolean vhu_chain_builder_add_slowly (VhuChainBuilder  *self,
                                       VhuChain         *chain,
                                       guint64           address,
                                       guint32           length,
                                       gboolean          writable,
                                       GError          **error);
/* Copies an indirect table to self->table; it may span regions. */
gboolean vhu_chain_builder_copy_table (VhuChainBuilder  *self,
                                       guint64           address,
                                       guint32           length,
                                       guint             max_entries,
                                       GError          **error);

static inline void
vhu_chain_append (VhuChain *chain,
                  gpointer  host,
                  gsize     length,
                  gboolean  writable)
{
  struct iovec *iov = &chain->iov[chain->n_readable + chain->n_writable];

  iov->iov_base = host;
  iov->iov_len = length;
  if (writable)
    {
      chain->n_writable++;
      chain->writable_size += length;
    }
  else
    {
      chain->n_readable++;
      chain->readable_size += length;
    }
}

static inline gboolean
vhu_chain_builder_add (VhuChainBuilder  *self,
                       VhuChain         *chain,
                       guint64           address,
                       guint32           length,
                       gboolean          writable,
                       GError          **error)
{
  guint64 available = 0;
  gpointer host = vhu_memory_translate (self->memory, address, &self->hint, &available);

  /* @available is 0 outside of memory, so this holds for no empty buffer and
   * for none that overflows. */
  if (G_LIKELY (length - 1 < available && host != NULL && length != 0 &&
                (writable || chain->n_writable == 0) &&
                chain->n_readable + chain->n_writable < chain->n_iov_allocated &&
                chain->readable_size + chain->writable_size + length <=
                VHU_CHAIN_MAX_SIZE))
    {
      vhu_chain_append (chain, host, length, writable);
      return TRUE;
    }

  return vhu_chain_builder_add_slowly (self, chain, address, length, writable, error);
}

G_END_DECLS
