/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <stddef.h>
#include <stdint.h>

/* What a target defines, and an engine or driver.c calls again and again. It
 * returns 0; whatever is wrong ends the process. */
int LLVMFuzzerTestOneInput (const uint8_t *data,
                            size_t         size);
