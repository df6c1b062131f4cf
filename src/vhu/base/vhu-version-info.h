/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include "vhu-version-macros.h"

G_BEGIN_DECLS

VHU_AVAILABLE_IN_0_1
guint vhu_get_major_version (void);
VHU_AVAILABLE_IN_0_1
guint vhu_get_minor_version (void);
VHU_AVAILABLE_IN_0_1
guint vhu_get_micro_version (void);
VHU_AVAILABLE_IN_0_1
gboolean vhu_check_version (guint required_major,
                            guint required_minor,
                            guint required_micro);

G_END_DECLS
