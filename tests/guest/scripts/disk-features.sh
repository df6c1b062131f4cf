# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=dash disable=SC2154

# What driver and device agreed on.  FEATURES are bit:name words that must be
# there, ABSENT those that must not; SERIAL is what the disk calls itself.

expect_features ()
{
  for feature in $FEATURES; do
    check "${feature#*:} acknowledged" has_feature "${feature%:*}"
  done
  for feature in $ABSENT; do
    check "${feature#*:} not acknowledged" refused has_feature "${feature%:*}"
  done
}

expect_features
if [ -n "$SERIAL" ]; then
  check "serial number" equal "$(cat /sys/block/vda/serial)" "$SERIAL"
fi
check "capacity" equal "$(cat /sys/block/vda/size)" "$SECTORS"
