#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The disk works without EVENT_IDX and without INDIRECT_DESC."""

from vhuguest import disk, testcase
from vhuguest.machine import Qemu

MEBIBYTES = 256


def test_disk(test):
    front_end = Qemu(cpus=2)
    disk.create(test.image, MEBIBYTES)
    with test.block_daemon() as daemon:
        device = testcase.block_device(test, num_queues=2, event_idx='off',
                                       indirect_desc='off')
        test.boot(front_end, ['disk-features.sh', 'disk-parallel.sh',
                              'disk-cycle.sh'], device,
                  values={'FEATURES': '12:MQ 32:VERSION_1',
                          'ABSENT': '28:INDIRECT_DESC 29:EVENT_IDX',
                          'SECTORS': MEBIBYTES << 11,
                          'QUEUES': 2, 'ROUNDS': 1, 'TARGET': '/dev/vda1'},
                  tools=['sfdisk', 'mke2fs'], timeout=240)
        test.end_daemon(daemon)
    offset = disk.partition_offset(test.image)
    test.check_disk(offset)
    test.check_discards(offset)


testcase.run(test_disk)
