# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=dash disable=SC2154

# Every boot reads a number from the disk and writes the next one.  The guest
# boots again until the number is LAST.

disk_or_exit

found=$(copy if=/dev/vda bs=4k count=1 iflag=direct 2> /dev/null | tr -d '\0')
boot=$((${found:-0} + 1))

write_number ()
{
  echo "$boot" | copy of=/dev/vda bs=4k conv=sync,notrunc,fsync
}

check "boot $boot reads the number that the last boot wrote" \
  at_least "$boot" "$FIRST"
check "boot $boot writes its own" write_number || exit 1
tell boot "$boot"
if [ "$boot" -lt "$LAST" ]; then
  reboot -f
fi
