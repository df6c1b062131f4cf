/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What the library logged, for tests of what an administrator gets to read.
 * Lines are printed as always, too. */

/* First thing in main(). */
void     vhu_test_log_install (void);
/* Forgets all lines up to now. */
void     vhu_test_log_clear   (void);
/* Whether a line since then contains @text. The library logs before it answers:
 * whoever has the answer need not wait for the line. */
gboolean vhu_test_log_has     (const char *text);
/* How many do. */
guint    vhu_test_log_count   (const char *text);

G_END_DECLS
