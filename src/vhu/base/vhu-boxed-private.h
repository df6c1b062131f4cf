/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib-object.h>

/* The type of a reference-counted struct. G_DEFINE_BOXED_TYPE() passes functions as
 * a transparent union, an extension that -Wpedantic objects to at every place of
 * use. */
#define VHU_DEFINE_BOXED_TYPE_FULL(TypeName, type_name, ref, unref)             \
  GType                                                                         \
  type_name##_get_type (void)                                                   \
  {                                                                             \
    static gsize registered;                                                    \
                                                                                \
    if (g_once_init_enter (&registered))                                        \
      {                                                                         \
        GType type =                                                            \
          g_boxed_type_register_static (g_intern_static_string (#TypeName),     \
                                        (GBoxedCopyFunc) ref,                   \
                                        (GBoxedFreeFunc) unref);                \
                                                                                \
        g_once_init_leave (&registered, type);                                  \
      }                                                                         \
                                                                                \
    return registered;                                                          \
  }

/* With type_name_ref() and type_name_unref(). */
#define VHU_DEFINE_BOXED_TYPE(TypeName, type_name)                              \
  VHU_DEFINE_BOXED_TYPE_FULL (TypeName, type_name,                              \
                              type_name##_ref, type_name##_unref)
