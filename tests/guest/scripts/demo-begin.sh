# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=dash disable=SC2154

# Introduces the disk to whoever watches the demo.

disk_or_exit

tell up
n_queues=$(find /sys/block/vda/mq/* -maxdepth 0 | wc -l)
[ "$n_queues" = 1 ] && queues="1 queue" || queues="$n_queues queues"
check "/dev/vda found: $MEBIBYTES MiB, serial number $SERIAL, $queues" \
  equal "$(cat /sys/block/vda/size) $(cat /sys/block/vda/serial)" \
        "$((MEBIBYTES << 11)) $SERIAL"
