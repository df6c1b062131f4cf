/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

#include "vhu-version-macros.h"

G_BEGIN_DECLS

VHU_AVAILABLE_IN_ALL
void vhu_sigbus_guard_install (void);

G_END_DECLS
