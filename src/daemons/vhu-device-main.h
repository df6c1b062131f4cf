/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#pragma once

#include <vhu/vhu.h>

#include "vhu-device-options.h"

G_BEGIN_DECLS

/* VhuDeviceKind: what a daemon adds to what all daemons have in common. */
typedef struct
{
  const char *kind;        /* vhu-device-KIND */
  const char *type;        /* as QEMU's docs/interop/vhost-user.json calls it */
  const char *features;    /* the same: members of a JSON array, or NULL */
  const char *summary;
  const VhuDeviceOption *options;

  /* Options that are wrong only taken together; a GOptionError. May be NULL. */
  gboolean     (*check)     (GError    **error);
  /* Makes the device, and creates nothing that would stay if it failed. */
  VhuBackend * (*create)    (GError    **error);
  /* Sets n-threads and the like. */
  void         (*configure) (VhuServer  *server);
  /* SIGHUP. May be NULL. */
  void         (*reload)    (VhuBackend *backend);
  /* After the last request, on a thread of its own. May be NULL. */
  gboolean     (*flush)     (VhuBackend *backend,
                             GError    **error);
  /* What the device did, for the line at the end. May be NULL. */
  char *       (*describe)  (VhuBackend *backend);
} VhuDeviceKind;

/* For VhuDeviceKind:check. */
gboolean vhu_device_bad_option (GError             **error,
                                const char          *format,
                                ...) G_GNUC_PRINTF (2, 3);

/* The main() of a daemon: returns its exit status. */
int      vhu_device_main       (const VhuDeviceKind *kind,
                                int                  argc,
                                char               **argv);

G_END_DECLS
