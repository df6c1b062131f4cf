#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""User-mode Linux, a front-end with one queue, uses our disk."""

from vhuguest import disk, testcase
from vhuguest.machine import UserModeLinux


def test_disk(test):
    front_end = UserModeLinux()
    disk.create(test.image, 512)
    with test.block_daemon('--serial=vhu-test') as daemon:
        test.boot(front_end, ['disk-raw.sh', 'disk-cycle.sh'],
                  testcase.block_device(test), values={'ROUNDS': 3, 'TARGET': '/dev/vda1'},
                  tools=['sfdisk', 'mke2fs', 'blkdiscard'])
        test.end_daemon(daemon)
    offset = disk.partition_offset(test.image)
    test.check_disk(offset)
    test.check_discards(offset)


testcase.run(test_disk)
