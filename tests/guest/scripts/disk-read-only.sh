# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=dash

# A disk that can be read and nothing else.

disk_or_exit

write_block () { copy if=/dev/zero of=/dev/vda bs=4k count=1 conv=notrunc,fsync; }

# busybox mounts read-only when it cannot mount read-write; the write shows.
mount_writable () { mount -t ext4 -o rw /dev/vda /mnt && touch /mnt/new; }

check "the driver knows that the disk is read-only" \
  equal "$(cat /sys/block/vda/ro)" 1
check "a write is refused" refused write_block
check "a discard is refused" refused blkdiscard /dev/vda
check "a writable mount is refused" refused mount_writable
umount /mnt 2> /dev/null
check "a read-only mount works" mount -t ext4 -o ro,noload /dev/vda /mnt
cd /mnt || exit 1
check "the host's files have the host's sums" sha256sum -c sums
cd / && umount /mnt
