# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=dash

# What guest scripts say to the host, one line each:
#
#   step TEXT      what is being done, until the next line
#   ok TEXT        a check that held
#   not ok TEXT    a check that did not
#   # TEXT         something to know
#   @WORD ARGS     something for the host to act upon

failures=0

step () { echo "step $*"; }
note () { echo "# $*"; }
tell () { echo "@$*"; }

# check TEXT COMMAND...: run a command and say whether it succeeded; what it
# prints is shown only if it failed.
check ()
{
  text=$1
  shift
  step "$text"
  if "$@" > /tmp/check.log 2>&1; then
    echo "ok $text"
  else
    failures=$((failures + 1))
    echo "not ok $text"
    sed 's/^/# /' /tmp/check.log
    return 1
  fi
}

# dd without its statistics.
copy () { dd status=none "$@"; }

# equal SEEN EXPECTED
equal ()
{
  [ "$1" = "$2" ] || { echo "saw '$1', expected '$2'"; return 1; }
}

at_least ()
{
  [ "$1" -ge "$2" ] || { echo "saw $1, expected at least $2"; return 1; }
}

refused ()
{
  if "$@"; then
    echo "'$*' succeeded"
    return 1
  fi
}

# wait_for SECONDS COMMAND...: until the command succeeds.
wait_for ()
{
  left=$(($1 * 10))
  shift
  until "$@"; do
    left=$((left - 1))
    [ "$left" -gt 0 ] || { echo "'$*' never came true"; return 1; }
    sleep 0.1
  done
}

# For the first line of what uses the disk: without it nothing makes sense.
disk_or_exit ()
{
  wait_for 10 test -b /dev/vda > /dev/null && return
  check "the guest has a disk" false
  exit "$failures"
}

forget_caches ()
{
  sync
  echo 3 > /proc/sys/vm/drop_caches
}

# has_feature BIT: whether driver and device agreed on it; sysfs prints the
# bits as a row of digits that begins with bit 0.
has_feature ()
{
  bits=$(cat /sys/bus/virtio/devices/virtio0/features)
  [ "$(echo "$bits" | cut -c $(($1 + 1)))" = 1 ] || { echo "bit $1 is not set in $bits"; return 1; }
}
