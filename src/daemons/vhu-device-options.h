/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>
#include <glib/gi18n-lib.h>

G_BEGIN_DECLS

typedef enum
{
  VHU_DEVICE_OPTION_FLAG,   /* gboolean */
  VHU_DEVICE_OPTION_STRING, /* char * */
  VHU_DEVICE_OPTION_NUMBER, /* guint64, from min to max */
  VHU_DEVICE_OPTION_SIZE,   /* guint64, the same, with a suffix K, M, G or T */
  VHU_DEVICE_OPTION_CHOICE  /* guint, the index in choices */
} VhuDeviceOptionType;

/* VhuDeviceOption: one row of a daemon's table of options. From it come the help
 * and every complaint, so that a complaint names the option and what would have
 * been right. The table ends with a row without a name. */
typedef struct
{
  const char *name;
  VhuDeviceOptionType type;
  gpointer value;
  const char *argument; /* for --help: what stands after the = */
  const char *help;
  guint64 min;
  guint64 max;
  const char *const *choices;
} VhuDeviceOption;

#define VHU_DEVICE_FLAG(name_, value_, help_)                                   \
  { .name = name_, .type = VHU_DEVICE_OPTION_FLAG, .value = value_,             \
    .help = help_ }
#define VHU_DEVICE_STRING(name_, value_, argument_, help_)                      \
  { .name = name_, .type = VHU_DEVICE_OPTION_STRING, .value = value_,           \
    .argument = argument_, .help = help_ }
#define VHU_DEVICE_NUMBER(name_, value_, min_, max_, help_)                     \
  { .name = name_, .type = VHU_DEVICE_OPTION_NUMBER, .value = value_,           \
    .argument = N_("N"), .help = help_, .min = min_, .max = max_ }
#define VHU_DEVICE_SIZE(name_, value_, min_, max_, help_)                       \
  { .name = name_, .type = VHU_DEVICE_OPTION_SIZE, .value = value_,             \
    .argument = N_("SIZE"), .help = help_, .min = min_, .max = max_ }
#define VHU_DEVICE_CHOICE(name_, value_, choices_, help_)                       \
  { .name = name_, .type = VHU_DEVICE_OPTION_CHOICE, .value = value_,           \
    .argument = N_("MODE"), .help = help_, .choices = choices_ }
#define VHU_DEVICE_END { .name = NULL }

/* Parses both tables; all errors are GOptionErrors of one line. Prints the help
 * and exits if that is asked for. */
gboolean vhu_device_options_parse (const char             *summary,
                                   const VhuDeviceOption  *common,
                                   const VhuDeviceOption  *special,
                                   int                     argc,
                                   char                  **argv,
                                   GError                **error);

G_END_DECLS
