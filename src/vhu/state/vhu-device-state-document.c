/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-device-state-internal-private.h"

#include <string.h>

#include "vhu-error.h"

/* The document as a tree. Reading names the member that is wrong by its path,
 * such as "queues[3].base". */

static const char *const document_members[] = {
  "vhu-state", "kind", "version", "features", "config", "queues", "device", NULL
};
static const char *const queue_members[] = { "base", "parked", NULL };

/* Writing */

static void
add_hex (GString      *text,
         const guint8 *bytes,
         gsize         size)
{
  for (gsize i = 0; i < size; i++)
    g_string_append_printf (text, "%02x", bytes[i]);
}

static void
add_config (VhuDeviceState *self,
            JsonObject     *object)
{
  g_autoptr(GString) text = g_string_new (NULL);
  gsize size;
  const guint8 *bytes = g_bytes_get_data (self->config, &size);

  add_hex (text, bytes, size);
  json_object_set_string_member (object, "config", text->str);
}

static JsonArray *
create_parked (const VhuDeviceStateQueue *queue)
{
  JsonArray *parked = json_array_sized_new (queue->parked->len);

  for (guint i = 0; i < queue->parked->len; i++)
    json_array_add_int_element (parked, g_array_index (queue->parked, guint16, i));
  return parked;
}

static JsonArray *
create_queues (VhuDeviceState *self)
{
  JsonArray *queues = json_array_sized_new (self->queues->len);

  for (guint i = 0; i < self->queues->len; i++)
    {
      const VhuDeviceStateQueue *queue =
        &g_array_index (self->queues, VhuDeviceStateQueue, i);
      JsonObject *object = json_object_new ();

      json_object_set_int_member (object, "base", queue->base);
      json_object_set_array_member (object, "parked", create_parked (queue));
      json_array_add_object_element (queues, object);
    }
  return queues;
}

JsonNode *
vhu_device_state_to_node (VhuDeviceState *self)
{
  g_autofree char *features =
    g_strdup_printf ("0x%" G_GINT64_MODIFIER "x", self->features);
  JsonObject *object = json_object_new ();
  JsonNode *node = json_node_new (JSON_NODE_OBJECT);

  json_object_set_int_member (object, "vhu-state", VHU_DEVICE_STATE_FORMAT);
  json_object_set_string_member (object, "kind", self->kind);
  json_object_set_int_member (object, "version", self->version);
  json_object_set_string_member (object, "features", features);
  add_config (self, object);
  json_object_set_array_member (object, "queues", create_queues (self));
  json_object_set_member (object, "device", json_node_copy (self->device));
  json_node_take_object (node, object);
  return node;
}

/* Reading: any member */

static const char *
describe (JsonNode *node)
{
  switch (json_node_get_node_type (node))
    {
    case JSON_NODE_OBJECT:
      return "an object";

    case JSON_NODE_ARRAY:
      return "an array";

    case JSON_NODE_VALUE:
      switch (json_node_get_value_type (node))
        {
        case G_TYPE_INT64:
          return "an integer";

        case G_TYPE_DOUBLE:
          return "a real number";

        case G_TYPE_BOOLEAN:
          return "a boolean";

        default:
          return "a string";
        }

    case JSON_NODE_NULL:
    default:
      return "null";
    }
}

static gboolean
check_members (JsonObject         *object,
               const char         *path,
               const char *const  *names,
               GError            **error)
{
  JsonObjectIter iter;
  const char *name;

  json_object_iter_init_ordered (&iter, object);
  while (json_object_iter_next_ordered (&iter, &name, NULL))
    if (!g_strv_contains (names, name))
      {
        g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
                     "member \"%s%s\" is unknown", path, name);
        return FALSE;
      }
  return TRUE;
}

static gboolean
is_of_type (JsonNode     *node,
            JsonNodeType  node_type,
            GType         value_type)
{
  return json_node_get_node_type (node) == node_type &&
         (node_type != JSON_NODE_VALUE ||
          json_node_get_value_type (node) == value_type);
}

/* @value_type is for values; @expected says the same in words. */
static JsonNode *
get_member (JsonObject    *object,
            const char    *path,
            const char    *name,
            JsonNodeType   node_type,
            GType          value_type,
            const char    *expected,
            GError       **error)
{
  JsonNode *node = json_object_get_member (object, name);

  if (node == NULL)
    g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
                 "member \"%s%s\" is missing", path, name);
  else if (!is_of_type (node, node_type, value_type))
    g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
                 "member \"%s%s\" is %s, expected %s", path, name, describe (node), expected);
  else
    return node;

  return NULL;
}

static gboolean
get_uint (JsonObject  *object,
          const char  *path,
          const char  *name,
          guint        minimum,
          guint       *value,
          GError     **error)
{
  JsonNode *node = get_member (object, path, name, JSON_NODE_VALUE, G_TYPE_INT64,
                               "an integer", error);
  gint64 seen;

  if (node == NULL)
    return FALSE;

  seen = json_node_get_int (node);
  if (seen < minimum || seen > G_MAXUINT32)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
                   "member \"%s%s\" is %" G_GINT64_FORMAT ", expected %u to %u",
                   path, name, seen, minimum, G_MAXUINT32);
      return FALSE;
    }

  *value = (guint) seen;
  return TRUE;
}

static const char *
get_string (JsonObject  *object,
            const char  *name,
            GError     **error)
{
  JsonNode *node = get_member (object, "", name, JSON_NODE_VALUE, G_TYPE_STRING,
                               "a string", error);

  return node != NULL ? json_node_get_string (node) : NULL;
}

/* Reading: the members of the document */

/* A later format may look different in every other respect. */
static gboolean
check_format (JsonObject  *object,
              GError     **error)
{
  guint format;

  if (!get_uint (object, "", "vhu-state", 1, &format, error))
    return FALSE;
  if (format == VHU_DEVICE_STATE_FORMAT)
    return TRUE;

  g_set_error (error, VHU_ERROR, VHU_ERROR_NOT_SUPPORTED,
               "member \"vhu-state\" is %u, only format %d is known",
               format, VHU_DEVICE_STATE_FORMAT);
  return FALSE;
}

static VhuDeviceState *
read_head (JsonObject  *object,
           GError     **error)
{
  const char *kind = get_string (object, "kind", error);
  guint version;

  if (kind == NULL || !get_uint (object, "", "version", 1, &version, error))
    return NULL;

  if (*kind == '\0' || strlen (kind) > VHU_DEVICE_STATE_MAX_KIND_LENGTH)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
                   "member \"kind\" has %" G_GSIZE_FORMAT " bytes, expected 1 to %d",
                   strlen (kind), VHU_DEVICE_STATE_MAX_KIND_LENGTH);
      return NULL;
    }
  return vhu_device_state_new (kind, version);
}

/* As it is written, so that one number has one form. */
static gboolean
read_features (VhuDeviceState  *self,
               JsonObject      *object,
               GError         **error)
{
  const char *text = get_string (object, "features", error);
  gsize n_digits;

  if (text == NULL)
    return FALSE;

  if (g_str_has_prefix (text, "0x"))
    {
      const char *digits = text + 2;

      n_digits = strspn (digits, "0123456789abcdef");
      if (n_digits >= 1 && n_digits <= 16 && digits[n_digits] == '\0' &&
          (n_digits == 1 || *digits != '0'))
        {
          self->features = g_ascii_strtoull (digits, NULL, 16);
          return TRUE;
        }
    }

  g_set_error_literal (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
                       "member \"features\" is not \"0x\" and 1 to 16 "
                       "lower-case hexadecimal digits");
  return FALSE;
}

static gboolean
read_config (VhuDeviceState  *self,
             JsonObject      *object,
             GError         **error)
{
  const char *text = get_string (object, "config", error);
  guint8 bytes[VHU_DEVICE_STATE_MAX_CONFIG_SIZE];
  gsize length;

  if (text == NULL)
    return FALSE;

  length = strlen (text);
  if (length % 2 != 0 || length / 2 > sizeof bytes ||
      strspn (text, "0123456789abcdef") != length)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
                   "member \"config\" is not at most %" G_GSIZE_FORMAT " bytes of two "
                   "lower-case hexadecimal digits each", sizeof bytes);
      return FALSE;
    }

  for (gsize i = 0; i < length / 2; i++)
    bytes[i] = (guint8) (g_ascii_xdigit_value (text[2 * i]) << 4 |
                         g_ascii_xdigit_value (text[2 * i + 1]));
  g_bytes_unref (self->config);
  self->config = g_bytes_new (bytes, length / 2);
  return TRUE;
}

static gboolean
read_heads (JsonArray  *array,
            GArray     *heads)
{
  for (guint i = 0; i < json_array_get_length (array); i++)
    {
      JsonNode *node = json_array_get_element (array, i);
      gint64 seen;
      guint16 head;

      if (!is_of_type (node, JSON_NODE_VALUE, G_TYPE_INT64))
        return FALSE;
      seen = json_node_get_int (node);
      if (seen < 0 || seen > G_MAXUINT16)
        return FALSE;

      head = (guint16) seen;
      g_array_append_val (heads, head);
    }
  return vhu_device_state_heads_are_valid ((guint16 *) heads->data, heads->len);
}

static gboolean
read_queue_members (VhuDeviceState  *self,
                    JsonObject      *object,
                    const char      *path,
                    GError         **error)
{
  g_autoptr(GArray) heads = g_array_new (FALSE, FALSE, sizeof (guint16));
  JsonNode *parked;
  guint base;

  if (!check_members (object, path, queue_members, error) ||
      !get_uint (object, path, "base", 0, &base, error))
    return FALSE;
  parked = get_member (object, path, "parked", JSON_NODE_ARRAY, G_TYPE_INVALID,
                       "an array", error);
  if (parked == NULL)
    return FALSE;

  if (!read_heads (json_node_get_array (parked), heads))
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
                   "member \"%sparked\" is not an array of different integers from 0 to %d",
                   path, VHU_DEVICE_STATE_MAX_HEADS - 1);
      return FALSE;
    }

  vhu_device_state_add_queue (self, base, (guint16 *) heads->data, heads->len);
  return TRUE;
}

static gboolean
read_queue (VhuDeviceState  *self,
            JsonNode        *node,
            guint            index,
            GError         **error)
{
  g_autofree char *path = g_strdup_printf ("queues[%u].", index);

  if (JSON_NODE_HOLDS_OBJECT (node))
    return read_queue_members (self, json_node_get_object (node), path, error);

  g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
               "member \"queues[%u]\" is %s, expected an object", index, describe (node));
  return FALSE;
}

static gboolean
read_queues (VhuDeviceState  *self,
             JsonObject      *object,
             GError         **error)
{
  JsonNode *node = get_member (object, "", "queues", JSON_NODE_ARRAY, G_TYPE_INVALID,
                               "an array", error);
  JsonArray *queues;

  if (node == NULL)
    return FALSE;

  queues = json_node_get_array (node);
  if (json_array_get_length (queues) > VHU_DEVICE_STATE_MAX_QUEUES)
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_LIMIT,
                   "member \"queues\" has %u elements, at most %d are allowed",
                   json_array_get_length (queues), VHU_DEVICE_STATE_MAX_QUEUES);
      return FALSE;
    }

  for (guint i = 0; i < json_array_get_length (queues); i++)
    if (!read_queue (self, json_array_get_element (queues, i), i, error))
      return FALSE;
  return TRUE;
}

static gboolean
read_device (VhuDeviceState  *self,
             JsonObject      *object,
             GError         **error)
{
  JsonNode *node = get_member (object, "", "device", JSON_NODE_OBJECT, G_TYPE_INVALID,
                               "an object", error);

  if (node == NULL)
    return FALSE;

  vhu_device_state_set_device (self, node);
  return TRUE;
}

VhuDeviceState *
vhu_device_state_new_from_node (JsonNode  *node,
                                GError   **error)
{
  g_autoptr(VhuDeviceState) self = NULL;
  JsonObject *object;

  if (!JSON_NODE_HOLDS_OBJECT (node))
    {
      g_set_error (error, VHU_ERROR, VHU_ERROR_BAD_VALUE,
                   "the document is %s, expected an object", describe (node));
      return NULL;
    }

  object = json_node_get_object (node);
  if (!check_format (object, error) ||
      !check_members (object, "", document_members, error))
    return NULL;

  self = read_head (object, error);
  if (self == NULL || !read_features (self, object, error) ||
      !read_config (self, object, error) || !read_queues (self, object, error) ||
      !read_device (self, object, error))
    return NULL;

  self->document = json_node_ref (node);
  return g_steal_pointer (&self);
}
