/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "vhu-chain-private.h"
#include "vhu-chain-stack-private.h"

G_BEGIN_DECLS

/* The chains of one ring. Once as many exist as are ever held at a time, no
 * request allocates. The ring's thread takes and gives; others return chains on
 * the stack, from where they are fetched when the list has run out. */
typedef struct
{
  VhuChain *free_chains;
  VhuChainStack returned;
  guint n_chains; /* in the pool, on the stack, or with somebody */
  gsize data_size;
} VhuChainPool;

/* With one reference, state FREE and no iovecs. */
VhuChain *vhu_chain_pool_take  (VhuChainPool *self,
                                VhuVring     *vring);
void      vhu_chain_pool_give  (VhuChainPool *self,
                                VhuChain     *chain);
/* Frees @chain instead of keeping it. */
void      vhu_chain_pool_drop  (VhuChainPool *self,
                                VhuChain     *chain);
/* From here chains that come back must be dropped. */
void      vhu_chain_pool_close (VhuChainPool *self);

G_END_DECLS
