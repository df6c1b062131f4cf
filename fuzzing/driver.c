/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

/* Runs a fuzz target without an engine: on every file of a folder, as a test,
 * or on single files, to look at what an engine has found. */

#include "config.h"

#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

static void
add_folder (GPtrArray  *paths,
            const char *folder)
{
  g_autoptr(GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    if (!g_str_has_suffix (name, ".license"))
      g_ptr_array_add (paths, g_build_filename (folder, name, NULL));
}

static int
compare_paths (gconstpointer a,
               gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

/* Neither the order of files nor the byte that GLib puts behind the end of one
 * may make a difference. */
static gboolean
replay (const char *path)
{
  g_autofree char *contents = NULL;
  g_autofree guint8 *exact = NULL;
  gsize size;

  if (!g_file_get_contents (path, &contents, &size, NULL))
    return FALSE;

  exact = g_memdup2 (contents, size);
  return LLVMFuzzerTestOneInput (exact, size) == 0;
}

int
main (int   argc,
      char *argv[])
{
  g_autoptr(GPtrArray) paths = g_ptr_array_new_with_free_func (g_free);
  int result = EXIT_SUCCESS;

  for (int i = 1; i < argc; i++)
    if (g_file_test (argv[i], G_FILE_TEST_IS_DIR))
      add_folder (paths, argv[i]);
    else
      g_ptr_array_add (paths, g_strdup (argv[i]));

  if (paths->len == 0)
    {
      printf ("Bail out! no inputs\n");
      return EXIT_FAILURE;
    }

  g_ptr_array_sort (paths, compare_paths);
  printf ("1..%u\n", paths->len);
  for (guint i = 0; i < paths->len; i++)
    {
      g_autofree char *name = g_path_get_basename (paths->pdata[i]);
      gboolean ok;

      /* The name of the input that ends this process is the last one. */
      printf ("# %s\n", name);
      fflush (stdout);
      ok = replay (paths->pdata[i]);
      printf ("%s %u - %s\n", ok ? "ok" : "not ok", i + 1, name);
      if (!ok)
        result = EXIT_FAILURE;
    }

  return result;
}
