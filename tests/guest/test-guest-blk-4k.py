#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A disk of 4096-byte blocks that writes through."""

from vhuguest import disk, testcase
from vhuguest.machine import UserModeLinux

MEBIBYTES = 256


def test_disk(test):
    front_end = UserModeLinux()
    disk.create(test.image, MEBIBYTES)
    with test.block_daemon('--logical-block-size=4096',
                           '--cache=writethrough') as daemon:
        test.boot(front_end, ['disk-features.sh', 'disk-cycle.sh'],
                  testcase.block_device(test),
                  values={'FEATURES': '6:BLK_SIZE', 'BLOCK_SIZE': 4096,
                          'CACHE': 'write through', 'SECTORS': MEBIBYTES << 11,
                          'ROUNDS': 1, 'TARGET': '/dev/vda'},
                  tools=['mke2fs'])
        test.end_daemon(daemon)
    test.check_disk()
    test.check_discards()


testcase.run(test_disk)
