/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-json-guard-private.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "vhu-error.h"

/* The longest that "%.17g" writes is 24. */
#define MAX_NUMBER_LENGTH 40

/* A member's name, between its quotes. */
typedef struct
{
  const char *text;
  gsize length;
} Name;

typedef struct
{
  const char *text;
  const char *at;
  const char *end;
  guint depth;
  GArray *names; /* of Name, of all objects that are open */
} Scan;

static gboolean scan_value (Scan    *self,
                            GError **error);

G_GNUC_PRINTF (4, 5)
static gboolean
refuse (Scan        *self,
        GError     **error,
        VhuError     code,
        const char  *format,
        ...)
{
  g_autofree char *what = NULL;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, VHU_ERROR, code, "byte %" G_GSIZE_FORMAT ": %s",
               (gsize) (self->at - self->text), what);
  return FALSE;
}

/* Tells what stands where something else was expected. */
static gboolean
refuse_unexpected (Scan        *self,
                   const char  *expected,
                   GError     **error)
{
  if (self->at == self->end)
    return refuse (self, error, VHU_ERROR_BAD_VALUE,
                   "the document ends where %s should be", expected);
  if (g_ascii_isgraph (*self->at))
    return refuse (self, error, VHU_ERROR_BAD_VALUE,
                   "'%c' where %s should be", *self->at, expected);
  return refuse (self, error, VHU_ERROR_BAD_VALUE,
                 "byte 0x%02x where %s should be", (guint8) *self->at, expected);
}

static gboolean
next_is (Scan *self,
         char  wanted)
{
  return self->at < self->end && *self->at == wanted;
}

static gboolean
skip_char (Scan *self,
           char  wanted)
{
  if (!next_is (self, wanted))
    return FALSE;

  self->at++;
  return TRUE;
}

static void
skip_space (Scan *self)
{
  while (next_is (self, ' ') || next_is (self, '\n') || next_is (self, '\t') ||
         next_is (self, '\r'))
    self->at++;
}

static gboolean
scan_literal (Scan        *self,
              const char  *literal,
              GError     **error)
{
  gsize length = strlen (literal);

  if ((gsize) (self->end - self->at) < length ||
      memcmp (self->at, literal, length) != 0)
    return refuse_unexpected (self, "a value", error);

  self->at += length;
  return TRUE;
}

/* Numbers */

static gsize
skip_digits (Scan *self)
{
  const char *start = self->at;

  while (self->at < self->end && g_ascii_isdigit (*self->at))
    self->at++;
  return self->at - start;
}

/* "-0", "12", but not "012". */
static gboolean
scan_integer_part (Scan    *self,
                   GError **error)
{
  skip_char (self, '-');
  if (skip_char (self, '0'))
    return TRUE;
  return skip_digits (self) > 0 || refuse_unexpected (self, "a digit", error);
}

static gboolean
scan_fraction (Scan      *self,
               gboolean  *is_real,
               GError   **error)
{
  if (skip_char (self, '.'))
    {
      *is_real = TRUE;
      if (skip_digits (self) == 0)
        return refuse_unexpected (self, "a digit", error);
    }

  if (!skip_char (self, 'e') && !skip_char (self, 'E'))
    return TRUE;

  *is_real = TRUE;
  if (!skip_char (self, '+'))
    skip_char (self, '-');
  return skip_digits (self) > 0 || refuse_unexpected (self, "a digit", error);
}

static gboolean
fits (const char *number,
      gboolean    is_real)
{
  if (is_real)
    return isfinite (g_ascii_strtod (number, NULL));

  errno = 0;
  g_ascii_strtoll (number, NULL, 10);
  return errno != ERANGE;
}

static gboolean
scan_number (Scan    *self,
             GError **error)
{
  const char *start = self->at;
  char number[MAX_NUMBER_LENGTH + 1];
  gboolean is_real = FALSE;
  gsize length;

  if (!scan_integer_part (self, error) || !scan_fraction (self, &is_real, error))
    return FALSE;

  length = self->at - start;
  self->at = start;
  if (length > MAX_NUMBER_LENGTH)
    return refuse (self, error, VHU_ERROR_LIMIT,
                   "number of %" G_GSIZE_FORMAT " characters, at most %d are allowed",
                   length, MAX_NUMBER_LENGTH);

  memcpy (number, start, length);
  number[length] = '\0';
  if (!fits (number, is_real))
    return refuse (self, error, VHU_ERROR_BAD_VALUE, "%s is out of range", number);

  self->at += length;
  return TRUE;
}

/* Strings */

/* The four digits after "\u". */
static gboolean
scan_code_unit (Scan     *self,
                guint    *unit,
                GError  **error)
{
  *unit = 0;
  for (guint i = 0; i < 4; i++)
    {
      if (self->at == self->end || !g_ascii_isxdigit (*self->at))
        return refuse_unexpected (self, "a hexadecimal digit", error);
      *unit = *unit << 4 | (guint) g_ascii_xdigit_value (*self->at++);
    }
  return TRUE;
}

static gboolean
is_low_surrogate (guint unit)
{
  return unit >= 0xdc00 && unit <= 0xdfff;
}

static gboolean
is_high_surrogate (guint unit)
{
  return unit >= 0xd800 && unit <= 0xdbff;
}

static gboolean
scan_unicode (Scan    *self,
              GError **error)
{
  guint unit, low;

  if (!scan_code_unit (self, &unit, error))
    return FALSE;
  if (unit == 0)
    return refuse (self, error, VHU_ERROR_BAD_VALUE, "a string contains NUL");
  if (is_low_surrogate (unit))
    return refuse (self, error, VHU_ERROR_BAD_VALUE, "half of a surrogate pair: %04x", unit);
  if (!is_high_surrogate (unit))
    return TRUE;

  if (!skip_char (self, '\\') || !skip_char (self, 'u'))
    return refuse (self, error, VHU_ERROR_BAD_VALUE, "half of a surrogate pair: %04x", unit);
  if (!scan_code_unit (self, &low, error))
    return FALSE;
  return is_low_surrogate (low) ||
         refuse (self, error, VHU_ERROR_BAD_VALUE, "half of a surrogate pair: %04x", unit);
}

static gboolean
scan_escape (Scan    *self,
             GError **error)
{
  if (skip_char (self, 'u'))
    return scan_unicode (self, error);

  if (self->at == self->end || *self->at == '\0' ||
      strchr ("\"\\/bfnrt", *self->at) == NULL)
    return refuse_unexpected (self, "an escape", error);

  self->at++;
  return TRUE;
}

static gboolean
scan_string (Scan    *self,
             GError **error)
{
  self->at++;
  while (!next_is (self, '"'))
    {
      if (self->at == self->end || (guint8) *self->at < 0x20)
        return refuse_unexpected (self, "the end of a string", error);
      if (*self->at++ == '\\' && !scan_escape (self, error))
        return FALSE;
    }

  self->at++;
  return TRUE;
}

/* Objects and arrays */

/* An escape could hide that two names are the same. */
static gboolean
check_name (Scan        *self,
            const Name  *name,
            guint        first,
            GError     **error)
{
  if (name->length > VHU_JSON_MAX_NAME_LENGTH)
    return refuse (self, error, VHU_ERROR_LIMIT,
                   "the name of a member has %" G_GSIZE_FORMAT " bytes, at most %d are allowed",
                   name->length, VHU_JSON_MAX_NAME_LENGTH);

  if (memchr (name->text, '\\', name->length) != NULL)
    return refuse (self, error, VHU_ERROR_BAD_VALUE,
                   "member \"%.*s\" has a backslash in its name",
                   (int) name->length, name->text);

  if (self->names->len - first >= VHU_JSON_MAX_MEMBERS)
    return refuse (self, error, VHU_ERROR_LIMIT,
                   "an object has more than %d members", VHU_JSON_MAX_MEMBERS);

  for (guint i = first; i < self->names->len; i++)
    {
      const Name *other = &g_array_index (self->names, Name, i);

      if (other->length == name->length &&
          memcmp (other->text, name->text, name->length) == 0)
        return refuse (self, error, VHU_ERROR_BAD_VALUE, "member \"%.*s\" stands twice",
                       (int) name->length, name->text);
    }

  return TRUE;
}

/* @first is where the names of this object begin in @names. */
static gboolean
scan_name (Scan    *self,
           guint    first,
           GError **error)
{
  Name name;

  if (!next_is (self, '"'))
    return refuse_unexpected (self, "the name of a member", error);

  name.text = self->at + 1;
  if (!scan_string (self, error))
    return FALSE;
  name.length = self->at - 1 - name.text;
  if (!check_name (self, &name, first, error))
    return FALSE;

  g_array_append_val (self->names, name);
  return TRUE;
}

static gboolean
scan_member (Scan    *self,
             guint    first,
             GError **error)
{
  skip_space (self);
  if (!scan_name (self, first, error))
    return FALSE;

  skip_space (self);
  if (!skip_char (self, ':'))
    return refuse_unexpected (self, "':'", error);
  return scan_value (self, error);
}

static gboolean
scan_members (Scan    *self,
              GError **error)
{
  guint first = self->names->len;

  do
    if (!scan_member (self, first, error))
      return FALSE;
  while (skip_char (self, ','));

  g_array_set_size (self->names, first);
  return skip_char (self, '}') || refuse_unexpected (self, "',' or '}'", error);
}

static gboolean
scan_elements (Scan    *self,
               GError **error)
{
  do
    if (!scan_value (self, error))
      return FALSE;
  while (skip_char (self, ','));

  return skip_char (self, ']') || refuse_unexpected (self, "',' or ']'", error);
}

static gboolean
scan_container (Scan    *self,
                GError **error)
{
  gboolean is_object = *self->at == '{';
  gboolean ok;

  if (self->depth == VHU_JSON_MAX_DEPTH)
    return refuse (self, error, VHU_ERROR_LIMIT,
                   "nested deeper than %d levels", VHU_JSON_MAX_DEPTH);

  self->at++;
  skip_space (self);
  if (skip_char (self, is_object ? '}' : ']'))
    return TRUE;

  self->depth++;
  ok = is_object ? scan_members (self, error) : scan_elements (self, error);
  self->depth--;
  return ok;
}

static gboolean
scan_bare_value (Scan    *self,
                 GError **error)
{
  switch (self->at < self->end ? *self->at : '\0')
    {
    case '{':
    case '[':
      return scan_container (self, error);

    case '"':
      return scan_string (self, error);

    case 't':
      return scan_literal (self, "true", error);

    case 'f':
      return scan_literal (self, "false", error);

    case 'n':
      return scan_literal (self, "null", error);

    case '-':
    case '0': case '1': case '2': case '3': case '4':
    case '5': case '6': case '7': case '8': case '9':
      return scan_number (self, error);

    default:
      return refuse_unexpected (self, "a value", error);
    }
}

/* With the space around it. */
static gboolean
scan_value (Scan    *self,
            GError **error)
{
  skip_space (self);
  if (!scan_bare_value (self, error))
    return FALSE;

  skip_space (self);
  return TRUE;
}

gboolean
vhu_json_guard_check (const char  *text,
                      gsize        size,
                      GError     **error)
{
  g_autoptr(GArray) names = NULL;
  Scan scan = { .text = size > 0 ? text : "" };

  if (size > VHU_JSON_MAX_SIZE)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_LIMIT,
                   "a document of %" G_GSIZE_FORMAT " bytes, at most %d are allowed",
                   size, VHU_JSON_MAX_SIZE);
      return FALSE;
    }

  if (!g_utf8_validate_len (scan.text, size, &scan.at))
    return refuse (&scan, error, VHU_ERROR_BAD_VALUE, "not UTF-8");

  names = g_array_new (FALSE, FALSE, sizeof (Name));
  scan.names = names;
  scan.at = scan.text;
  scan.end = scan.text + size;
  if (!scan_value (&scan, error))
    return FALSE;
  return scan.at == scan.end || refuse_unexpected (&scan, "the end of the document", error);
}
