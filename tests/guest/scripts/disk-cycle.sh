# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=dash disable=SC2154

# The life of a disk: partition, format, mount, write, check, discard,
# remount, check again, unmount.  TARGET is /dev/vda1, or /dev/vda to leave the
# partitions out; ROUNDS says how often the list of file sizes below is gone
# through.  Tells the host the sums of the files that are left.

disk_or_exit

sizes='1 511 512 513 4095 4096 4097 65537 300001 1048576 2097153 3145729'

n_files=$((ROUNDS * 12))

make_partition ()
{
  echo 'label: gpt
        start=2048, type=L' | sfdisk --quiet --wipe always /dev/vda &&
    wait_for 10 test -b "$TARGET"
}

write_files ()
{
  round=0
  while [ $round -lt "$ROUNDS" ]; do
    mkdir "round-$round" || return 1
    for size in $sizes; do
      # One read: under user-mode Linux each system call is dear.
      copy if=/dev/urandom of="round-$round/$size" bs="$size" count=1 \
        iflag=fullblock || return 1
    done
    round=$((round + 1))
  done
  find . -type f -path './round*' | sort | xargs sha256sum > sums && sync
}

# Every second file goes, and with it its line in the list of sums.
remove_half ()
{
  sed -n 'n;p' sums | sed 's/^[^ ]*  //' | xargs rm &&
    sed -n 'p;n' sums > left && mv left sums && sync
}

sums_match () { sha256sum -c sums; }

count_discards () { awk '{ print $12 }' /sys/block/vda/stat; }

discard_free_space ()
{
  before=$(count_discards)
  fstrim -v /mnt && at_least "$(count_discards)" $((before + 1))
}

remount () { cd / && umount /mnt && mount "$TARGET" /mnt && cd /mnt || return; }

let_go () { cd / && umount /mnt; }

if [ "$TARGET" = /dev/vda1 ]; then
  check "GPT partition table written and read back" make_partition
fi
check "ext4 made on $TARGET" mke2fs -q -t ext4 "$TARGET"
check "mounted" mount -t ext4 "$TARGET" /mnt && cd /mnt || exit 1
rmdir lost+found

check "$n_files files written and synced" write_files
forget_caches
check "$n_files sums match after the caches were dropped" sums_match

check "every second file removed" remove_half
if has_feature 13 > /dev/null; then
  check "free space discarded" discard_free_space
else
  note "the device offers no discard"
fi

check "unmounted and mounted again" remount
check "$((n_files / 2)) sums still match" sums_match
sed 's/^\([^ ]*\)  /@sum \1 /' sums
check "unmounted" let_go
