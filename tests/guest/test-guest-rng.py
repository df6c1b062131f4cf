#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""QEMU's guest takes its randomness from our device, no faster than we let it."""

from vhuguest import testcase
from vhuguest.machine import RNG, Device, Qemu

RATE = 2048


def test_rng(test):
    front_end = Qemu()
    for rate in (0, RATE):
        options = [f'--rate={rate}'] if rate else []
        with test.rng_daemon(*options) as daemon:
            test.boot(front_end, ['rng.sh'], Device(RNG, test.socket),
                      values={'RATE': rate})
            test.end_daemon(daemon)


testcase.run(test_rng)
