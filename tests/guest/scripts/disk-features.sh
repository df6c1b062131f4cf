# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=dash disable=SC2154

# What driver and device agreed on.  FEATURES are bit:name words that must be
# there, ABSENT those that must not; SERIAL, BLOCK_SIZE and CACHE are what the
# disk says of itself, and may be left empty.

disk_or_exit

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
if [ -n "$BLOCK_SIZE" ]; then
  check "blocks of $BLOCK_SIZE bytes" \
    equal "$(cat /sys/block/vda/queue/logical_block_size)" "$BLOCK_SIZE"
fi
if [ -n "$CACHE" ]; then
  check "the cache is $CACHE" equal "$(cat /sys/block/vda/cache_type)" "$CACHE"
fi
check "capacity" equal "$(cat /sys/block/vda/size)" "$SECTORS"
