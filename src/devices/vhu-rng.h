/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <vhu/vhu.h>

G_BEGIN_DECLS

#define VHU_TYPE_RNG (vhu_rng_get_type ())

G_DECLARE_FINAL_TYPE (VhuRng, vhu_rng, VHU, RNG, VhuBackend)

VhuRng *vhu_rng_new (const char  *source,
                     guint64      rate,
                     GError     **error);

G_END_DECLS
