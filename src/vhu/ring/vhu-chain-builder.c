/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-chain-builder-private.h"

#include <string.h>

#include "vhu-error.h"

void
vhu_chain_builder_clear (VhuChainBuilder *self)
{
  g_clear_pointer (&self->table, g_free);
  self->n_table_entries_allocated = 0;
  vhu_chain_builder_set_memory (self, NULL);
}

void
vhu_chain_builder_set_memory (VhuChainBuilder *self,
                              VhuMemory       *memory)
{
  self->memory = memory;
  self->hint = NULL;
}

static gboolean
check_buffer (VhuChain  *chain,
              guint64    address,
              guint32    length,
              gboolean   writable,
              GError   **error)
{
  if (length == 0)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_RING,
                   "buffer at 0x%" G_GINT64_MODIFIER "x has length 0", address);
      return FALSE;
    }

  if (!writable && chain->n_writable > 0)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_RING,
                   "readable buffer at 0x%" G_GINT64_MODIFIER "x follows a writable one",
                   address);
      return FALSE;
    }

  if (address + (length - 1) < address)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_RING,
                   "buffer at 0x%" G_GINT64_MODIFIER "x of %u bytes ends after 2^64",
                   address, length);
      return FALSE;
    }

  if (chain->readable_size + chain->writable_size + length > VHU_CHAIN_MAX_SIZE)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_RING,
                   "chain holds %" G_GUINT64_FORMAT " bytes, at most %" G_GUINT64_FORMAT
                   " are allowed",
                   chain->readable_size + chain->writable_size + length,
                   VHU_CHAIN_MAX_SIZE);
      return FALSE;
    }

  return TRUE;
}

static void
grow_iov (VhuChain *chain)
{
  guint n = chain->n_iov_allocated;
  struct iovec *iov = g_new (struct iovec, 2 * n);

  memcpy (iov, chain->iov, n * sizeof *iov);
  if (chain->iov != chain->inline_iov)
    g_free (chain->iov);
  chain->iov = iov;
  chain->n_iov_allocated = 2 * n;
}

gboolean
vhu_chain_builder_add_slowly (VhuChainBuilder  *self,
                              VhuChain         *chain,
                              guint64           address,
                              guint32           length,
                              gboolean          writable,
                              GError          **error)
{
  if (!check_buffer (chain, address, length, writable, error))
    return FALSE;

  while (length > 0)
    {
      guint64 available;
      gpointer host = vhu_memory_translate (self->memory, address, &self->hint, &available);
      guint32 n;

      if (host == NULL)
        {
          g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_RING,
                       "address 0x%" G_GINT64_MODIFIER "x of a buffer, %u bytes before "
                       "its end, is outside of memory", address, length);
          return FALSE;
        }

      if (chain->n_readable + chain->n_writable == chain->n_iov_allocated)
        grow_iov (chain);

      n = MIN (length, available);
      vhu_chain_append (chain, host, n, writable);
      address += n;
      length -= n;
    }
  return TRUE;
}

static gboolean
check_table (guint64   address,
             guint32   length,
             guint     max_entries,
             GError  **error)
{
  if (length == 0 || length % VHU_DESCRIPTOR_SIZE != 0)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_RING,
                   "indirect table has %u bytes, not a multiple of %u",
                   length, VHU_DESCRIPTOR_SIZE);
      return FALSE;
    }

  if (length / VHU_DESCRIPTOR_SIZE > max_entries)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_RING,
                   "indirect table has %u entries, at most %u are allowed",
                   length / VHU_DESCRIPTOR_SIZE, max_entries);
      return FALSE;
    }

  if (address + (length - 1) < address)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_RING,
                   "indirect table at 0x%" G_GINT64_MODIFIER "x of %u bytes ends after 2^64",
                   address, length);
      return FALSE;
    }

  return TRUE;
}

gboolean
vhu_chain_builder_copy_table (VhuChainBuilder  *self,
                              guint64           address,
                              guint32           length,
                              guint             max_entries,
                              GError          **error)
{
  guint8 *to;

  if (!check_table (address, length, max_entries, error))
    return FALSE;

  if (length / VHU_DESCRIPTOR_SIZE > self->n_table_entries_allocated)
    {
      g_free (self->table);
      self->table = g_malloc (length);
      self->n_table_entries_allocated = length / VHU_DESCRIPTOR_SIZE;
    }

  for (to = (guint8 *) self->table; length > 0;)
    {
      guint64 available;
      gpointer host = vhu_memory_translate (self->memory, address, &self->hint, &available);
      gsize n;

      if (host == NULL)
        {
          g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_RING,
                       "address 0x%" G_GINT64_MODIFIER "x of an indirect table is outside "
                       "of memory", address);
          return FALSE;
        }

      n = MIN (length, available);
      memcpy (to, host, n);
      to += n;
      address += n;
      length -= n;
    }

  /* The driver may rewrite the table now: what is checked must be the copy, and
   * the compiler must not go back to the source for it. */
  __asm__ volatile ("" : : : "memory");
  return TRUE;
}
