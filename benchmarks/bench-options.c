/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "bench-options.h"

#include <errno.h>
#include <string.h>

#define MAX_DEPTH 32768
#define MAX_QUEUES 256
#define MAX_QUEUE_SIZE 32768
#define MAX_SECONDS 86400

/* Options that have to be understood before they are worth anything. */
typedef struct
{
  char *block_size;
  char *span;
  char *mode;
} BenchTexts;

static void
bench_texts_clear (BenchTexts *self)
{
  g_clear_pointer (&self->block_size, g_free);
  g_clear_pointer (&self->span, g_free);
  g_clear_pointer (&self->mode, g_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (BenchTexts, bench_texts_clear)

static const char *const mode_names[] = { "read", "write", "mix" };

const char *
bench_mode_to_string (BenchMode mode)
{
  return mode_names[mode];
}

/* 4096, 4K, 16M, 1G */
static gboolean
parse_size (const char  *name,
            const char  *text,
            guint64     *size,
            GError     **error)
{
  const char *units = "KMG";
  const char *unit = NULL;
  char *end;
  guint64 value;
  guint shift = 0;

  errno = 0;
  value = g_ascii_strtoull (text, &end, 10);
  if (*end != '\0')
    unit = strchr (units, g_ascii_toupper (*end));
  if (unit != NULL)
    {
      shift = 10 * (guint) (unit - units + 1);
      end++;
    }

  if (!g_ascii_isdigit (*text) || *end != '\0' || errno != 0 ||
      value > (guint64) G_MAXINT64 >> shift)
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                   "%s is \"%s\", allowed are bytes such as 4096, 4K, 16M or "
                   "1G", name, text);
      return FALSE;
    }
  *size = value << shift;
  return TRUE;
}

static gboolean
parse_mode (const char  *text,
            BenchMode   *mode,
            GError     **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (mode_names); i++)
    if (g_str_equal (text, mode_names[i]))
      {
        *mode = (BenchMode) i;
        return TRUE;
      }

  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
               "--mode is \"%s\", allowed are read, write and mix", text);
  return FALSE;
}

static gboolean
parse_texts (BenchOptions      *self,
             const BenchTexts  *texts,
             GError           **error)
{
  return (texts->block_size == NULL ||
          parse_size ("--block-size", texts->block_size, &self->block_size,
                      error)) &&
         (texts->span == NULL ||
          parse_size ("--span", texts->span, &self->span, error)) &&
         (texts->mode == NULL ||
          parse_mode (texts->mode, &self->mode, error));
}

static gboolean
check_range (const char  *name,
             double       value,
             double       minimum,
             double       maximum,
             GError     **error)
{
  if (value >= minimum && value <= maximum)
    return TRUE;

  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
               "%s is %g, allowed is %g to %g", name, value, minimum, maximum);
  return FALSE;
}

static gboolean
check_target (BenchOptions  *self,
              GError       **error)
{
  if ((self->socket_path != NULL) != (self->fd >= 0))
    return TRUE;

  g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                       "exactly one of --socket-path=PATH and --fd=N is "
                       "needed");
  return FALSE;
}

static gboolean
check_sizes (BenchOptions  *self,
             GError       **error)
{
  const char *problem = NULL;

  if (self->block_size == 0 || self->block_size % 512 != 0 ||
      self->block_size > 1 << 30)
    problem = "--block-size must be a multiple of 512 bytes up to 1G";
  else if ((self->queue_size & (self->queue_size - 1)) != 0)
    problem = "--queue-size must be a power of two";
  else if (self->depth > self->queue_size)
    problem = "--depth must not be more than --queue-size";
  if (problem == NULL)
    return TRUE;

  g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                       problem);
  return FALSE;
}

static gboolean
check_all (BenchOptions  *self,
           GError       **error)
{
  return check_target (self, error) &&
         check_range ("--depth", self->depth, 1, MAX_DEPTH, error) &&
         check_range ("--queues", self->n_queues, 1, MAX_QUEUES, error) &&
         check_range ("--queue-size", self->queue_size, 1, MAX_QUEUE_SIZE,
                      error) &&
         check_range ("--seconds", self->seconds, 0.001, MAX_SECONDS, error) &&
         check_range ("--warm-up", self->warm_up, 0, MAX_SECONDS, error) &&
         check_range ("--requests", (double) self->n_requests, 0,
                      (double) G_MAXINT64, error) &&
         check_range ("--pid", self->pid, 0, G_MAXINT, error) &&
         check_sizes (self, error);
}

static GOptionGroup *
create_group (BenchOptions *self,
              BenchTexts   *texts)
{
  const GOptionEntry entries[] = {
    { "socket-path", 0, 0, G_OPTION_ARG_FILENAME, &self->socket_path,
      "Connect to the back-end that listens at PATH", "PATH" },
    { "fd", 0, 0, G_OPTION_ARG_INT, &self->fd,
      "Use the connected socket that is open as descriptor N", "N" },
    { "block-size", 0, 0, G_OPTION_ARG_STRING, &texts->block_size,
      "Bytes of one request (4096)", "SIZE" },
    { "span", 0, 0, G_OPTION_ARG_STRING, &texts->span,
      "Use the first SIZE bytes (all, up to 1G, or 256M to verify)", "SIZE" },
    { "depth", 0, 0, G_OPTION_ARG_INT, &self->depth,
      "Requests in flight in each queue (32)", "N" },
    { "queues", 0, 0, G_OPTION_ARG_INT, &self->n_queues,
      "Queues, each with a thread of its own (1)", "N" },
    { "queue-size", 0, 0, G_OPTION_ARG_INT, &self->queue_size,
      "Descriptors of a queue (256)", "N" },
    { "mode", 0, 0, G_OPTION_ARG_STRING, &texts->mode,
      "read, write, or mix: 7 reads to 3 writes (read)", "MODE" },
    { "random", 0, G_OPTION_FLAG_REVERSE, G_OPTION_ARG_NONE, &self->sequential,
      "Go to random blocks (this is the default)", NULL },
    { "sequential", 0, 0, G_OPTION_ARG_NONE, &self->sequential,
      "Go from block to block", NULL },
    { "poll", 0, 0, G_OPTION_ARG_NONE, &self->poll,
      "Spin on the used ring instead of waiting for the eventfd", NULL },
    { "indirect", 0, 0, G_OPTION_ARG_NONE, &self->indirect,
      "Put each request into an indirect table, as Linux does", NULL },
    { "no-event-idx", 0, 0, G_OPTION_ARG_NONE, &self->no_event_idx,
      "Do not accept EVENT_IDX", NULL },
    { "verify", 0, 0, G_OPTION_ARG_NONE, &self->verify,
      "Write a pattern first, and check whatever is read; destroys data",
      NULL },
    { "seconds", 0, 0, G_OPTION_ARG_DOUBLE, &self->seconds,
      "How long to measure (3)", "S" },
    { "warm-up", 0, 0, G_OPTION_ARG_DOUBLE, &self->warm_up,
      "How long to run before that (0.3)", "S" },
    { "requests", 0, 0, G_OPTION_ARG_INT64, &self->n_requests,
      "Measure N requests, without warm-up, however long they take", "N" },
    { "pid", 0, 0, G_OPTION_ARG_INT, &self->pid,
      "The back-end's process, if it is not the one that made the socket",
      "N" },
    { "json", 0, 0, G_OPTION_ARG_NONE, &self->json,
      "Print JSON", NULL },
    { "version", 0, 0, G_OPTION_ARG_NONE, &self->version,
      "Print the version and exit", NULL },
    { NULL }
  };
  GOptionGroup *group = g_option_group_new ("main", NULL, NULL, NULL, NULL);

  g_option_group_add_entries (group, entries);
  return group;
}

static void
bench_options_init (BenchOptions *self)
{
  *self = (BenchOptions) {
    .fd = -1,
    .block_size = 4096,
    .depth = 32,
    .n_queues = 1,
    .queue_size = 256,
    .seconds = 3,
    .warm_up = 0.3,
  };
}

gboolean
bench_options_parse (BenchOptions   *self,
                     int            *argc,
                     char         ***argv,
                     GError        **error)
{
  g_autoptr(GOptionContext) context = g_option_context_new (NULL);
  g_auto(BenchTexts) texts = { NULL };

  bench_options_init (self);
  g_option_context_set_summary (context,
                                "Measures a vhost-user block device.");
  g_option_context_set_main_group (context, create_group (self, &texts));
  if (!g_option_context_parse (context, argc, argv, error))
    return FALSE;

  if (self->version)
    return TRUE;

  if (*argc > 1)
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                   "\"%s\" is no option, and nothing else is expected",
                   (*argv)[1]);
      return FALSE;
    }
  return parse_texts (self, &texts, error) && check_all (self, error);
}

void
bench_options_clear (BenchOptions *self)
{
  g_clear_pointer (&self->socket_path, g_free);
}
