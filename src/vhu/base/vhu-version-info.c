/* SPDX-FileCopyrightText: 2026 The libvhu authors
 * SPDX-License-Identifier: LGPL-2.1-or-later */

#include "config.h"

#include "vhu-version-info.h"

/**
 * vhu_get_major_version:
 *
 * Returns the major version of the library that is running.
 *
 * It may differ from `VHU_MAJOR_VERSION`, which is fixed when a program is
 * compiled.
 *
 * Returns: the major version
 *
 * Since: 0.1
 */
guint
vhu_get_major_version (void)
{
  return VHU_MAJOR_VERSION;
}

/**
 * vhu_get_minor_version:
 *
 * Returns the minor version of the library that is running.
 *
 * Returns: the minor version
 *
 * Since: 0.1
 */
guint
vhu_get_minor_version (void)
{
  return VHU_MINOR_VERSION;
}

/**
 * vhu_get_micro_version:
 *
 * Returns the micro version of the library that is running.
 *
 * Returns: the micro version
 *
 * Since: 0.1
 */
guint
vhu_get_micro_version (void)
{
  return VHU_MICRO_VERSION;
}

/**
 * vhu_check_version:
 * @required_major: the lowest major version that will do
 * @required_minor: the lowest minor version that will do
 * @required_micro: the lowest micro version that will do
 *
 * Tells whether the library that is running is new enough.
 *
 * This function may be called from any thread.
 *
 * Returns: true if the library is of the required version or a later one
 *
 * Since: 0.1
 */
gboolean
vhu_check_version (guint required_major,
                   guint required_minor,
                   guint required_micro)
{
  const guint64 running = (guint64) VHU_MAJOR_VERSION << 32 |
                          VHU_MINOR_VERSION;
  const guint64 required = (guint64) required_major << 32 | required_minor;

  if (running != required)
    return running > required;

  return VHU_MICRO_VERSION >= required_micro;
}
