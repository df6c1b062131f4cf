# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=dash disable=SC2154

# Random bytes from the host.  RATE is the device's limit in bytes a second,
# or 0 for none.

tree=/sys/class/misc/hw_random

is_current () { cat $tree/rng_current | grep '^virtio_rng'; }

read_bytes () { copy if=/dev/hwrng of="$1" bs=256 count="$2" iflag=fullblock; }

# Random data does not compress: what gzip cannot shorten is no constant,
# counter or short cycle.
looks_random ()
{
  at_least "$(gzip -c "$1" | wc -c)" "$(wc -c < "$1")"
}

differ () { ! cmp -s "$1" "$2"; }

# The clock of an emulated guest may lag, so only the lower bound is held:
# N bytes may not come in less time than the limit allows, save the first
# second's worth, which may come at once.
slow_enough ()
{
  read -r began _ < /proc/uptime
  read_bytes /tmp/slow 32 || return 1
  read -r ended _ < /proc/uptime
  allowed=$(((32 * 256 - RATE) * 100 / RATE))
  at_least $((${ended%.*}${ended#*.} - ${began%.*}${began#*.})) $allowed
}

check "the kernel takes its randomness from virtio" wait_for 10 is_current
if [ "$RATE" = 0 ]; then
  check "64 KiB read" read_bytes /tmp/one 256
  check "they look random" looks_random /tmp/one
  check "64 KiB more read" read_bytes /tmp/two 256
  check "they differ from the first" differ /tmp/one /tmp/two
else
  check "8 KiB do not come faster than $RATE bytes a second" slow_enough
fi
