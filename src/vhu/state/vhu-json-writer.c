/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-json-writer-private.h"

#include <math.h>
#include <string.h>

#include "vhu-error.h"
#include "vhu-json-guard-private.h"

typedef struct
{
  GString *text;
  guint depth;
} Writer;

static gboolean write_node (Writer    *self,
                            JsonNode  *node,
                            GError   **error);

static void
begin_line (Writer *self)
{
  g_string_append_c (self->text, '\n');
  for (guint i = 0; i < self->depth; i++)
    g_string_append (self->text, "  ");
}

static void
write_char (Writer *self,
            char    c)
{
  static const char special[] = "\"\\\b\f\n\r\t";
  static const char letters[] = "\"\\bfnrt";
  const char *found = c != '\0' ? strchr (special, c) : NULL;

  if (found != NULL)
    {
      g_string_append_c (self->text, '\\');
      g_string_append_c (self->text, letters[found - special]);
    }
  else if ((guint8) c < 0x20)
    g_string_append_printf (self->text, "\\u%04x", (guint8) c);
  else
    g_string_append_c (self->text, c);
}

static void
write_string (Writer     *self,
              const char *string)
{
  g_string_append_c (self->text, '"');
  for (const char *at = string; *at != '\0'; at++)
    write_char (self, *at);
  g_string_append_c (self->text, '"');
}

/* The shortest text that is read as the same number again. */
static void
format_real (double  value,
             char   *text,
             gsize   size)
{
  static const char *const formats[] = { "%.15g", "%.16g", "%.17g" };

  for (guint i = 0; i < G_N_ELEMENTS (formats); i++)
    {
      g_ascii_formatd (text, size, formats[i], value);
      if (g_ascii_strtod (text, NULL) == value)
        break;
    }

  /* A real number stays one when it is read. */
  if (strpbrk (text, ".e") == NULL)
    g_strlcat (text, ".0", size);
}

static gboolean
write_real (Writer  *self,
            double   value,
            GError **error)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  if (!isfinite (value))
    {
      g_set_error_literal (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
                           "JSON has no infinite numbers, nor such that are none");
      return FALSE;
    }

  /* Not every reader keeps the sign of a zero. */
  format_real (value == 0 ? 0 : value, text, sizeof text);
  g_string_append (self->text, text);
  return TRUE;
}

static gboolean
write_value (Writer    *self,
             JsonNode  *node,
             GError   **error)
{
  switch (json_node_get_value_type (node))
    {
    case G_TYPE_BOOLEAN:
      g_string_append (self->text, json_node_get_boolean (node) ? "true" : "false");
      return TRUE;

    case G_TYPE_INT64:
      g_string_append_printf (self->text, "%" G_GINT64_FORMAT, json_node_get_int (node));
      return TRUE;

    case G_TYPE_DOUBLE:
      return write_real (self, json_node_get_double (node), error);

    case G_TYPE_STRING:
      if (json_node_get_string (node) == NULL)
        break;
      write_string (self, json_node_get_string (node));
      return TRUE;

    default:
      break;
    }

  g_string_append (self->text, "null");
  return TRUE;
}

static gboolean
write_object (Writer      *self,
              JsonObject  *object,
              GError     **error)
{
  JsonObjectIter iter;
  const char *name;
  JsonNode *member;
  const char *separator = "";

  g_string_append_c (self->text, '{');
  json_object_iter_init_ordered (&iter, object);
  while (json_object_iter_next_ordered (&iter, &name, &member))
    {
      g_string_append (self->text, separator);
      begin_line (self);
      write_string (self, name);
      g_string_append (self->text, ": ");
      if (!write_node (self, member, error))
        return FALSE;
      separator = ",";
    }

  self->depth--;
  if (*separator != '\0')
    begin_line (self);
  self->depth++;
  g_string_append_c (self->text, '}');
  return TRUE;
}

static gboolean
is_plain (JsonArray *array)
{
  for (guint i = 0; i < json_array_get_length (array); i++)
    {
      JsonNode *element = json_array_get_element (array, i);

      if (JSON_NODE_HOLDS_OBJECT (element) || JSON_NODE_HOLDS_ARRAY (element))
        return FALSE;
    }
  return TRUE;
}

static gboolean
write_array (Writer     *self,
             JsonArray  *array,
             GError    **error)
{
  gboolean plain = is_plain (array);

  g_string_append_c (self->text, '[');
  for (guint i = 0; i < json_array_get_length (array); i++)
    {
      if (i > 0)
        g_string_append (self->text, plain ? ", " : ",");
      if (!plain)
        begin_line (self);
      if (!write_node (self, json_array_get_element (array, i), error))
        return FALSE;
    }

  self->depth--;
  if (!plain)
    begin_line (self);
  self->depth++;
  g_string_append_c (self->text, ']');
  return TRUE;
}

static gboolean
write_container (Writer    *self,
                 JsonNode  *node,
                 GError   **error)
{
  gboolean ok;

  if (self->depth == VHU_JSON_MAX_DEPTH)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_LIMIT,
                   "nested deeper than %d levels", VHU_JSON_MAX_DEPTH);
      return FALSE;
    }

  self->depth++;
  if (JSON_NODE_HOLDS_OBJECT (node))
    ok = write_object (self, json_node_get_object (node), error);
  else
    ok = write_array (self, json_node_get_array (node), error);
  self->depth--;
  return ok;
}

static gboolean
write_node (Writer    *self,
            JsonNode  *node,
            GError   **error)
{
  switch (json_node_get_node_type (node))
    {
    case JSON_NODE_OBJECT:
    case JSON_NODE_ARRAY:
      return write_container (self, node, error);

    case JSON_NODE_VALUE:
      return write_value (self, node, error);

    case JSON_NODE_NULL:
    default:
      g_string_append (self->text, "null");
      return TRUE;
    }
}

GBytes *
vhu_json_write (JsonNode  *node,
                GError   **error)
{
  g_autoptr(GString) text = g_string_new (NULL);
  Writer writer = { .text = text };

  if (!write_node (&writer, node, error))
    return NULL;

  g_string_append_c (text, '\n');
  if (!vhu_json_guard_check (text->str, text->len, error))
    return NULL;
  return g_string_free_to_bytes (g_steal_pointer (&text));
}
