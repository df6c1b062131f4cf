#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""One daemon serves a guest that reboots, and one front-end after another."""

from vhuguest import disk, testcase
from vhuguest.errors import Unavailable
from vhuguest.machine import Qemu, UserModeLinux


def front_ends(test):
    """Those that are there; each visits twice, in turn."""
    found = []
    for kind in (Qemu, UserModeLinux):
        try:
            found.append(kind())
        except Unavailable as reason:
            test.note(reason)
    if not found:
        raise Unavailable('neither QEMU nor user-mode Linux is here')
    return found * 2


def test_reboot(test):
    visitors = front_ends(test)
    disk.create(test.image, 64)
    booted = []
    with test.block_daemon() as daemon:
        for front_end in visitors:
            # QEMU keeps its connection when the guest reboots; user-mode
            # Linux, which would start anew, boots just once.
            boots = 3 if isinstance(front_end, Qemu) else 1
            first = len(booted) + 1
            test.boot(front_end, ['disk-reboot.sh'],
                      testcase.block_device(test),
                      on_event={'boot': booted.append},
                      values={'FIRST': first, 'LAST': len(booted) + boots})
        test.equal(booted, [str(number + 1) for number in range(len(booted))],
                   f'{len(booted)} boots in a row found what the last one left')
        test.end_daemon(daemon)


testcase.run(test_reboot)
