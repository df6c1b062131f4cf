/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#if !defined(VHU_INSIDE) && !defined(VHU_COMPILATION)
#error "Only <vhu/vhu.h> can be included directly."
#endif

#include <glib.h>

#include "vhu-version.h"

/* The library is built with hidden visibility; a function that carries
 * one of the VHU_AVAILABLE_IN_ macros is exported. */
#ifndef _VHU_EXTERN
#define _VHU_EXTERN __attribute__ ((visibility ("default"))) extern
#endif

/**
 * VHU_VERSION_0_1:
 *
 * The 0.1 series, as a value for `VHU_VERSION_MIN_REQUIRED` and
 * `VHU_VERSION_MAX_ALLOWED`.
 *
 * Since: 0.1
 */
#define VHU_VERSION_0_1 (G_ENCODE_VERSION (0, 1))

#define VHU_VERSION_CURRENT \
  (G_ENCODE_VERSION (VHU_MAJOR_VERSION, VHU_MINOR_VERSION))

/* A program defines these two before it includes the header: use of what was
 * deprecated up to the first, or added after the second, is a warning. */
#ifndef VHU_VERSION_MIN_REQUIRED
#define VHU_VERSION_MIN_REQUIRED VHU_VERSION_CURRENT
#elif VHU_VERSION_MIN_REQUIRED == 0
#undef VHU_VERSION_MIN_REQUIRED
#define VHU_VERSION_MIN_REQUIRED VHU_VERSION_CURRENT
#endif

#ifndef VHU_VERSION_MAX_ALLOWED
#define VHU_VERSION_MAX_ALLOWED VHU_VERSION_CURRENT
#elif VHU_VERSION_MAX_ALLOWED == 0
#undef VHU_VERSION_MAX_ALLOWED
#define VHU_VERSION_MAX_ALLOWED VHU_VERSION_CURRENT
#endif

#if VHU_VERSION_MAX_ALLOWED < VHU_VERSION_MIN_REQUIRED
#error "VHU_VERSION_MAX_ALLOWED is older than VHU_VERSION_MIN_REQUIRED"
#endif
#if VHU_VERSION_MIN_REQUIRED < VHU_VERSION_0_1
#error "VHU_VERSION_MIN_REQUIRED is older than the first version, 0.1"
#endif

#define VHU_AVAILABLE_IN_ALL _VHU_EXTERN

/* Every version brings three macros of this kind: what it adds, what it
 * deprecates, and what it deprecates in favour of something else. */
#define VHU_DEPRECATED_IN_0_1 G_DEPRECATED _VHU_EXTERN
#define VHU_DEPRECATED_IN_0_1_FOR(f) G_DEPRECATED_FOR (f) _VHU_EXTERN

#if VHU_VERSION_MAX_ALLOWED < VHU_VERSION_0_1
#define VHU_AVAILABLE_IN_0_1 G_UNAVAILABLE (0, 1) _VHU_EXTERN
#else
#define VHU_AVAILABLE_IN_0_1 _VHU_EXTERN
#endif
