#!/tools/busybox sh
# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=dash

# The guest's first and only process of ours: sets the stage, runs the
# scripts in one shell, reports the exit status and switches the machine off.

/tools/busybox --install -s /bin
export PATH=/bin HOME=/ TERM=dumb

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev 2> /dev/null
mount -t tmpfs tmpfs /tmp

# shellcheck source=/dev/null
. /values.sh
stty -F "$OUTPUT" raw -echo 2> /dev/null
exec < /dev/null > "$OUTPUT" 2>&1

# A busybox shell prefers its own applets to anything in PATH: a function of
# the same name is how the host's mke2fs wins over the small one.
for tool in /tools/*; do
  eval "${tool##*/} () { $tool \"\$@\"; }"
done

while read -r module; do
  insmod "/modules/$module.ko" || echo "# could not load $module"
done < /modules/order

# The subshell keeps us alive when a script exits or trips over `set -u`.
(
  # shellcheck source=tests/guest/scripts/checks.sh
  . /checks.sh
  for script in /scripts/*; do
    # shellcheck source=/dev/null
    [ -e "$script" ] && . "$script"
  done
  exit "$failures"
)
echo "@exit $?"

sync
poweroff -f
