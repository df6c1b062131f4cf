/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-device-options.h"

#include <errno.h>
#include <string.h>

typedef struct
{
  const VhuDeviceOption *tables[2];
} Parser;

static const VhuDeviceOption *
find_option (const Parser *parser,
             const char   *name,
             gsize         length)
{
  guint i;

  for (i = 0; i < G_N_ELEMENTS (parser->tables); i++)
    {
      const VhuDeviceOption *option;

      for (option = parser->tables[i]; option->name != NULL; option++)
        if (strncmp (option->name, name, length) == 0 &&
            option->name[length] == '\0')
          return option;
    }

  return NULL;
}

/* What may stand after the =. */
static char *
describe_allowed (const VhuDeviceOption *option)
{
  g_autofree char *from = NULL;
  g_autofree char *to = NULL;

  switch (option->type)
    {
    case VHU_DEVICE_OPTION_NUMBER:
      from = g_strdup_printf ("%" G_GUINT64_FORMAT, option->min);
      to = g_strdup_printf ("%" G_GUINT64_FORMAT, option->max);
      return g_strdup_printf (_("a number from %s to %s"), from, to);
    case VHU_DEVICE_OPTION_SIZE:
      from = g_strdup_printf ("%" G_GUINT64_FORMAT, option->min);
      return g_strdup_printf (_("a number of bytes from %s, which may end in K, "
                                "M, G or T"), from);
    case VHU_DEVICE_OPTION_CHOICE:
      from = g_strjoinv (", ", (char **) option->choices);
      return g_strdup_printf (_("one of %s"), from);
    case VHU_DEVICE_OPTION_STRING:
    case VHU_DEVICE_OPTION_FLAG:
    default:
      return g_strdup (_(option->argument));
    }
}

static gboolean
parse_number (const VhuDeviceOption *option,
              const char            *text,
              gboolean               suffixes)
{
  static const char letters[] = "KMGT";
  guint64 number;
  char *end;

  if (!g_ascii_isdigit (text[0]))
    return FALSE;

  errno = 0;
  number = g_ascii_strtoull (text, &end, 10);
  if (errno != 0)
    return FALSE;

  if (suffixes && *end != '\0')
    {
      const char *letter = strchr (letters, g_ascii_toupper (*end));
      guint shift = letter != NULL ? 10 * (letter - letters + 1) : 0;

      if (letter == NULL || number > (G_MAXUINT64 >> shift))
        return FALSE;
      number <<= shift;
      end++;
    }

  if (*end != '\0' || number < option->min || number > option->max)
    return FALSE;

  *(guint64 *) option->value = number;
  return TRUE;
}

static gboolean
parse_choice (const VhuDeviceOption *option,
              const char            *text)
{
  guint i;

  for (i = 0; option->choices[i] != NULL; i++)
    {
      if (strcmp (option->choices[i], text) == 0)
        {
          *(guint *) option->value = i;
          return TRUE;
        }
    }

  return FALSE;
}

static gboolean
parse_value (const VhuDeviceOption *option,
             const char            *text)
{
  switch (option->type)
    {
    case VHU_DEVICE_OPTION_FLAG:
      *(gboolean *) option->value = TRUE;
      return TRUE;
    case VHU_DEVICE_OPTION_STRING:
      g_free (*(char **) option->value);
      *(char **) option->value = g_strdup (text);
      return text[0] != '\0';
    case VHU_DEVICE_OPTION_NUMBER:
      return parse_number (option, text, FALSE);
    case VHU_DEVICE_OPTION_SIZE:
      return parse_number (option, text, TRUE);
    case VHU_DEVICE_OPTION_CHOICE:
      return parse_choice (option, text);
    default:
      return FALSE;
    }
}

static gboolean
option_cb (const char  *name,
           const char  *value,
           gpointer     data,
           GError     **error)
{
  const VhuDeviceOption *option = find_option (data, name + 2,
                                               strlen (name + 2));
  g_autofree char *allowed = NULL;

  if (option->type != VHU_DEVICE_OPTION_FLAG && value == NULL)
    {
      allowed = describe_allowed (option);
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                   _("%s has no value: expected %s"), name, allowed);
      return FALSE;
    }

  if (parse_value (option, value))
    return TRUE;

  allowed = describe_allowed (option);
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
               _("%s=%s: expected %s"), name, value, allowed);
  return FALSE;
}

/* A value is optional as far as GOption is concerned, so that it is we who
 * complain if it is missing. */
static GArray *
make_entries (const Parser *parser)
{
  GArray *entries = g_array_new (TRUE, TRUE, sizeof (GOptionEntry));
  guint i;

  for (i = 0; i < G_N_ELEMENTS (parser->tables); i++)
    {
      const VhuDeviceOption *option;

      for (option = parser->tables[i]; option->name != NULL; option++)
        {
          GOptionEntry entry = {
            .long_name = option->name,
            .flags = option->type == VHU_DEVICE_OPTION_FLAG
              ? G_OPTION_FLAG_NO_ARG : G_OPTION_FLAG_OPTIONAL_ARG,
            .arg = G_OPTION_ARG_CALLBACK,
            .arg_data = __extension__ (gpointer) option_cb,
            .description = option->help,
            .arg_description = option->argument,
          };

          g_array_append_val (entries, entry);
        }
    }

  return entries;
}

/* GOption would take --flag=no for --flag. */
static gboolean
check_flags (const Parser  *parser,
             int            argc,
             char         **argv,
             GError       **error)
{
  int i;

  for (i = 1; i < argc && strcmp (argv[i], "--") != 0; i++)
    {
      gsize length = strcspn (argv[i], "=");
      const VhuDeviceOption *option;

      if (!g_str_has_prefix (argv[i], "--") || argv[i][length] == '\0')
        continue;

      option = find_option (parser, argv[i] + 2, length - 2);
      if (option != NULL && option->type == VHU_DEVICE_OPTION_FLAG)
        {
          g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                       _("%s: expected no value"), argv[i]);
          return FALSE;
        }
    }

  return TRUE;
}

/* What GOption has left over is wrong. */
static gboolean
check_rest (int       argc,
            char    **argv,
            GError  **error)
{
  int rest = 1;

  if (rest < argc && strcmp (argv[rest], "--") == 0)
    rest++;
  if (rest >= argc)
    return TRUE;

  if (argv[rest][0] == '-')
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_UNKNOWN_OPTION,
                 _("%s: unknown option, expected one that --help lists"),
                 argv[rest]);
  else
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_UNKNOWN_OPTION,
                 _("%s: expected nothing but options, which --help lists"),
                 argv[rest]);

  return FALSE;
}

gboolean
vhu_device_options_parse (const char             *summary,
                          const VhuDeviceOption  *common,
                          const VhuDeviceOption  *special,
                          int                     argc,
                          char                  **argv,
                          GError                **error)
{
  g_autoptr(GOptionContext) context = g_option_context_new (NULL);
  Parser parser = { { special, common } };
  g_autoptr(GArray) entries = make_entries (&parser);
  GOptionGroup *group = g_option_group_new ("main", "", "", &parser, NULL);

  g_option_group_set_translation_domain (group, GETTEXT_PACKAGE);
  g_option_group_add_entries (group, (GOptionEntry *) entries->data);
  g_option_context_set_main_group (context, group);
  g_option_context_set_translation_domain (context, GETTEXT_PACKAGE);
  g_option_context_set_summary (context, summary);
  g_option_context_set_ignore_unknown_options (context, TRUE);

  return check_flags (&parser, argc, argv, error) &&
         g_option_context_parse (context, &argc, &argv, error) &&
         check_rest (argc, argv, error);
}
