#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""QEMU, with four queues on four processors, uses our disk."""

from vhuguest import disk, testcase
from vhuguest.machine import Qemu

FEATURES = ('2:SEG_MAX 6:BLK_SIZE 9:FLUSH 10:TOPOLOGY 11:CONFIG_WCE 12:MQ '
            '13:DISCARD 14:WRITE_ZEROES 28:INDIRECT_DESC 29:EVENT_IDX '
            '32:VERSION_1')
MEBIBYTES = 256


def test_disk(test):
    front_end = Qemu(cpus=4)
    disk.create(test.image, MEBIBYTES)
    with test.block_daemon('--serial=vhu-test-4711') as daemon:
        device = testcase.block_device(test, num_queues=4)
        # What a disk says of itself; the peer says other things.
        own = {'SERIAL': 'vhu-test-4711', 'CACHE': 'write back'}
        test.boot(front_end, ['disk-features.sh', 'disk-parallel.sh',
                              'disk-raw.sh', 'disk-cycle.sh'], device,
                  values={'FEATURES': FEATURES, 'ABSENT': '5:RO',
                          'SECTORS': MEBIBYTES << 11, 'QUEUES': 4, 'ROUNDS': 2,
                          'TARGET': '/dev/vda1', **({} if daemon.is_peer else own)},
                  tools=['sfdisk', 'mke2fs', 'blkdiscard'], timeout=240)
        test.end_daemon(daemon)
    offset = disk.partition_offset(test.image)
    test.check_disk(offset)
    test.check_discards(offset)


testcase.run(test_disk)
