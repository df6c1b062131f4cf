# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=dash disable=SC2154

# QUEUES writers at once, one on each processor and so one on each queue.
# Writer n owns the n-th part of the disk.

disk_or_exit

disk=/dev/vda
part=$((4 << 20))

# writer NUMBER: three times, write random bytes, and read the same ones.
writer ()
{
  file=/tmp/writer-$1
  for block in 4096 65536 524288; do
    first=$(($1 * part / block))
    count=$((part / block))
    copy if=/dev/urandom of="$file" bs=$block count=$count || return 1
    copy if="$file" of=$disk bs=$block seek=$first oflag=direct conv=notrunc || return 1
    copy if=$disk bs=$block skip=$first count=$count iflag=direct |
      cmp - "$file" || return 1
  done
}

# stay_on NUMBER: keep this shell on one processor.  In a subshell $$ remains
# that of the shell around it, which /proc/self does not.
stay_on ()
{
  read -r pid _ < /proc/self/stat
  taskset -p "$(printf %x $((1 << $1)))" "$pid"
}

all_writers ()
{
  jobs=
  number=0
  while [ $number -lt "$QUEUES" ]; do
    (stay_on $number && writer $number) &
    jobs="$jobs $!"
    number=$((number + 1))
  done
  bad=0
  for job in $jobs; do
    wait "$job" || bad=1
  done
  return $bad
}

# One interrupt vector per queue; all processors' counts are added up.
every_queue_interrupted ()
{
  grep 'virtio0-req' /proc/interrupts
  busy=$(awk '/virtio0-req/ { sum = 0; for (i = 2; i <= NF && $i ~ /^[0-9]+$/; i++) sum += $i
                              if (sum > 0) busy++ } END { print busy + 0 }' /proc/interrupts)
  equal "$busy" "$QUEUES"
}

check "$QUEUES queues" equal "$(find /sys/block/vda/mq/* -maxdepth 0 | wc -l)" "$QUEUES"
check "$QUEUES parallel writers read back what they wrote" all_writers
check "every queue had traffic" every_queue_interrupted
