# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=dash

# Requests straight to the disk, past the guest's page cache.

disk_or_exit

disk=/dev/vda
size=$((4 << 20))

# Random bytes in one system call: under user-mode Linux each is dear.
random () { copy if=/dev/urandom bs="$1" count=1 iflag=fullblock; }

# holds NUMBER < DATA: whether the disk has these bytes in that mebibyte.
holds ()
{
  equal "$(copy if=$disk bs=1M skip="$1" count=1 iflag=direct | sha256sum)" \
        "$(sha256sum)"
}

write_direct ()
{
  copy if=/tmp/data of=$disk bs="$1" oflag=direct conv=notrunc
}

reads_back ()
{
  equal "$(copy if=$disk bs="$1" count=$((size / $1)) iflag=direct | sha256sum)" \
        "$(sha256sum < /tmp/data)"
}

direct_in_blocks_of ()
{
  random $size > /tmp/data
  write_direct "$1" && reads_back "$2"
}

count_flushes () { awk '{ print $16 }' /sys/block/vda/stat; }

fsync_flushes ()
{
  before=$(count_flushes)
  copy if=/tmp/data of=$disk bs=64k count=1 conv=notrunc,fsync &&
    at_least "$(count_flushes)" $((before + 1))
}

mebibyte () { copy if=/tmp/data bs=1M skip="$1" count=1; }

# Three mebibytes side by side; the middle one goes, its neighbours stay.
neighbours_stay () { mebibyte 0 | holds 0 && mebibyte 2 | holds 2; }

discard_middle ()
{
  write_direct 1M && blkdiscard -o $((1 << 20)) -l $((1 << 20)) $disk &&
    neighbours_stay
}

zero_middle ()
{
  write_direct 1M && blkdiscard -z -o $((1 << 20)) -l $((1 << 20)) $disk &&
    head -c $((1 << 20)) /dev/zero | holds 1 &&
    neighbours_stay
}

# The driver may switch the device's write cache by a write to its config.
write_cache ()
{
  echo "$1" > /sys/block/vda/cache_type &&
    equal "$(cat /sys/block/vda/cache_type)" "$1"
}

check "O_DIRECT: written in 1 MiB, read in 4 KiB" direct_in_blocks_of 1048576 4096
check "O_DIRECT: written in 4 KiB, read in 1 MiB" direct_in_blocks_of 4096 1048576
check "O_DIRECT: written in 64 KiB, read in 512 bytes" direct_in_blocks_of 65536 512
check "write cache switched off" write_cache "write through"
check "write cache switched on" write_cache "write back"
check "fsync reaches the device as a flush" fsync_flushes
check "a discard leaves its neighbours alone" discard_middle
check "write-zeroes zeroes what it should and no more" zero_middle
