/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-error.h"

#include <gio/gio.h>

/**
 * vhu_error_quark:
 *
 * Returns the error domain of this library.
 *
 * Returns: the domain, as in `VHU_ERROR`
 *
 * Since: 0.1
 */
G_DEFINE_QUARK (vhu-error-quark, vhu_error)

/**
 * vhu_error_is_transient:
 * @error: an error of any domain
 *
 * Tells whether trying again on a new connection can help: the other side
 * went away or did not answer, but nothing that it sent was wrong.
 *
 * Returns: %TRUE if a new connection may succeed
 *
 * Since: 0.1
 */
gboolean
vhu_error_is_transient (const GError *error)
{
  g_return_val_if_fail (error != NULL, FALSE);

  return g_error_matches (error, VHU_ERROR, VHU_ERROR_CLOSED) ||
         g_error_matches (error, VHU_ERROR, VHU_ERROR_TIMED_OUT) ||
         g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED) ||
         g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED) ||
         g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
}
