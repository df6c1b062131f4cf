# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=dash disable=SC2154

# The disk grows to SECTORS while a file system on it is mounted and written.

disk_or_exit

has_size () { [ "$(cat /sys/block/vda/size)" = "$SECTORS" ]; }

write_until_stopped ()
{
  while [ ! -e /tmp/stop ]; do
    copy if=/dev/urandom of=/mnt/busy bs=64k count=16 conv=fsync || return 1
  done
}

stop_writing () { : > /tmp/stop; wait "$writer"; }

# A file that cannot fit into what the disk was before.
fill_beyond ()
{
  copy if=/dev/urandom of=/mnt/large bs=1M count="$MEBIBYTES" iflag=fullblock &&
    sync && sha256sum /mnt/large > /tmp/sum
}

still_the_same () { sha256sum -c /tmp/sum; }

check "ext4 made" mke2fs -q -t ext4 /dev/vda
check "mounted" mount -t ext4 /dev/vda /mnt || exit 1
rmdir /mnt/lost+found
write_until_stopped &
writer=$!

tell grow
check "the guest learns of the new size" wait_for 30 has_size
check "writing went on all the while" stop_writing
check "blockdev agrees" equal "$(blockdev --getsize64 /dev/vda)" $((SECTORS * 512))
check "the mounted file system grown" resize2fs /dev/vda
check "a file larger than the old disk written" fill_beyond
forget_caches
check "its sum matches" still_the_same
sed 's|^\([^ ]*\)  /mnt/|@sum \1 |' /tmp/sum
check "unmounted" umount /mnt
