#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A read-only disk can be read, and not a byte of its image changes."""

import os

from vhuguest import disk, testcase
from vhuguest.machine import UserModeLinux

MEBIBYTES = 32


def prepare(test):
    """An image with files and the list of their sums."""
    content = os.path.join(test.folder, 'content')
    os.mkdir(content)
    lines = []
    for size in (0, 1, 4095, 65537, 3 << 20):
        path = os.path.join(content, f'file-{size}')
        with open(path, 'wb') as file:
            file.write(os.urandom(size))
        lines.append(f'{disk.sha256(path)}  file-{size}\n')
    with open(os.path.join(content, 'sums'), 'w', encoding='utf-8') as file:
        file.writelines(lines)
    disk.create(test.image, MEBIBYTES)
    disk.make_file_system(test.image, content)


def test_read_only(test):
    front_end = UserModeLinux()
    prepare(test)
    before = disk.sha256(test.image)
    os.chmod(test.image, 0o444)
    with test.block_daemon('--read-only') as daemon:
        test.boot(front_end, ['disk-features.sh', 'disk-read-only.sh'],
                  testcase.block_device(test),
                  values={'FEATURES': '5:RO', 'SECTORS': MEBIBYTES << 11})
        test.end_daemon(daemon)
    test.equal(disk.sha256(test.image), before, 'the image is as it was')


testcase.run(test_read_only)
