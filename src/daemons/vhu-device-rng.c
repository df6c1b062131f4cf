/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include <glib/gi18n-lib.h>

#include "vhu-device-main.h"
#include "vhu-rng.h"

static char *rng_source;
static guint64 rate;

static const VhuDeviceOption options[] = {
  VHU_DEVICE_STRING ("rng-source", &rng_source, N_("PATH"),
                     N_("Read from PATH (default: the kernel's random "
                        "numbers)")),
  VHU_DEVICE_SIZE ("rate", &rate, 1, G_GUINT64_CONSTANT (1) << 40,
                   N_("Give at most SIZE bytes per second (default: no "
                      "limit)")),
  VHU_DEVICE_END
};

static VhuBackend *
create (GError **error)
{
  return (VhuBackend *) vhu_rng_new (rng_source, rate, error);
}

static void
configure (VhuServer *server)
{
  vhu_server_set_n_threads (server, 1);
  vhu_server_set_poll_us (server, 0);
}

static const VhuDeviceKind kind = {
  .kind = "rng",
  .type = "rng",
  .summary = N_("Serves random numbers to virtual machines, as a vhost-user "
                "device."),
  .options = options,
  .create = create,
  .configure = configure,
};

int
main (int    argc,
      char **argv)
{
  return vhu_device_main (&kind, argc, argv);
}
