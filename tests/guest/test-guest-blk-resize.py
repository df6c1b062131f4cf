#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The disk grows while the guest has it mounted and writes to it."""

import os
import signal

from vhuguest import disk, testcase
from vhuguest.errors import Unavailable
from vhuguest.machine import Qemu

BEFORE, AFTER = 32, 96


def test_resize(test):
    front_end = Qemu()
    disk.create(test.image, BEFORE)
    with test.block_daemon() as daemon:
        if daemon.is_peer:
            raise Unavailable('only our daemon grows a disk on SIGHUP')

        def grow(_words):
            os.truncate(test.image, AFTER << 20)
            daemon.signal(signal.SIGHUP)

        test.boot(front_end, ['disk-resize.sh'], testcase.block_device(test),
                  on_event={'grow': grow},
                  values={'SECTORS': AFTER << 11, 'MEBIBYTES': BEFORE + 8},
                  tools=['mke2fs', 'resize2fs'])
        test.end_daemon(daemon)
    test.check_disk()


testcase.run(test_resize)
