#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The harness itself: a guest that fails, hangs or dies is told from a good one."""

import glob
import os

from vhuguest import testcase
from vhuguest.machine import UserModeLinux


def boot(test, front_end, script, timeout=60):
    lines = []
    outcome = front_end.boot(test.folder, [script] if script else [],
                             timeout=timeout, on_line=lines.append)
    return outcome, lines


def processes_in(folder):
    """The command lines of all processes that have to do with a folder."""
    found = []
    for path in glob.glob('/proc/[0-9]*/cmdline'):
        try:
            with open(path, 'rb') as file:
                words = file.read().replace(b'\0', b' ').decode(errors='replace')
        except OSError:
            continue
        if folder in words:
            found.append(words)
    return found


def open_descriptors():
    return sorted(os.listdir('/proc/self/fd'), key=int)


def test_harness(test):
    front_end = UserModeLinux()
    before = open_descriptors()
    outcome, lines = boot(test, front_end, None)
    test.equal((outcome.status, lines), (0, []), 'a guest without a script')

    outcome, lines = boot(test, front_end, 'harness-fails.sh')
    test.equal(outcome.status, 1, 'the status is the number of failed checks')
    test.equal(lines, ['step what holds', 'ok what holds',
                       'step what does not hold', 'not ok what does not hold',
                       "# saw '3', expected '4'",
                       'step what is refused', 'ok what is refused',
                       '@event with words'],
               'every line arrives, and nothing else')

    outcome, lines = boot(test, front_end, 'harness-dies.sh')
    test.equal(outcome.status, None, 'a guest that dies has no status')

    outcome, lines = boot(test, front_end, 'harness-hangs.sh', timeout=8)
    test.equal((outcome.status, lines), (None, ['@hanging']),
               'a guest that hangs is ended')
    test.equal(processes_in(test.folder), [], 'no process outlives its guest')
    test.equal(open_descriptors(), before, 'no descriptor outlives its guest')


testcase.run(test_harness)
