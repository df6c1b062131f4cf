# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Looks at a disk image from the host, without mounting it or being root."""

import hashlib
import json
import os
import re
import subprocess

from .child import find_program
from .errors import GuestError, Unavailable

# What may be left of discarded blocks: a host may keep the rim of a hole.
DISCARD_SLACK = 256 << 10


def _run(name, *words, **options):
    program = find_program(name)
    if program is None:
        raise Unavailable(f'{name} is not installed')
    return subprocess.run([program, *words], text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          **options)


def create(path, mebibytes):
    """A sparse image."""
    with open(path, 'xb') as image:
        image.truncate(mebibytes << 20)


def allocated(path):
    """The bytes that a sparse image takes up on the host."""
    return os.stat(path).st_blocks * 512


def can_punch_holes(folder):
    """Whether the host's file system can give discarded blocks back."""
    path = os.path.join(folder, 'punch')
    with open(path, 'wb') as file:
        file.write(b'x' * 65536)
    result = _run('fallocate', '--punch-hole', '--offset', '0',
                  '--length', '65536', path)
    os.unlink(path)
    return result.returncode == 0


def partition_offset(path, number=1):
    """Where a partition begins, in bytes."""
    result = _run('sfdisk', '--json', path)
    try:
        table = json.loads(result.stdout)['partitiontable']
        partition = table['partitions'][number - 1]
        return partition['start'] * table.get('sectorsize', 512)
    except (ValueError, KeyError, IndexError):
        raise GuestError(f'{path} has no partition {number}: '
                         f'{result.stdout.strip()}') from None


def make_file_system(path, content):
    """An ext4 file system over the whole image, holding a folder's files."""
    result = _run('mke2fs', '-q', '-F', '-t', 'ext4', '-d', content, path)
    if result.returncode != 0:
        raise GuestError(f'mke2fs: {result.stdout.strip()}')


def check_file_system(path, offset=0):
    """None if fsck finds nothing to say, else what it says."""
    result = _run('e2fsck', '-f', '-n', f'{path}?offset={offset}')
    return None if result.returncode == 0 else result.stdout.strip()


def extract(path, offset, folder):
    """Copy all files out of the file system in an image."""
    _run('debugfs', '-R', f'rdump / {folder}', f'{path}?offset={offset}')


def _free_ranges(path, offset):
    """Where the file system has free blocks: (first byte, length) in the image."""
    dump = _run('dumpe2fs', f'{path}?offset={offset}').stdout
    size = re.search(r'^Block size:\s*(\d+)', dump, re.MULTILINE)
    if size is None:
        raise GuestError(f'dumpe2fs: {dump.strip()}')
    block = int(size[1])
    for ranges in re.findall(r'^  Free blocks: (\S.*)$', dump, re.MULTILINE):
        for each in ranges.split(', '):
            first, _, last = each.partition('-')
            length = int(last or first) - int(first) + 1
            yield offset + int(first) * block, length * block


def _data_in(image, start, length):
    """How much of a part of a sparse file is not a hole."""
    total, position, end = 0, start, start + length
    while position < end:
        try:
            data = os.lseek(image, position, os.SEEK_DATA)
        except OSError:
            break
        position = min(os.lseek(image, data, os.SEEK_HOLE), end)
        total += max(position - data, 0)
    return total


def undiscarded(path, offset):
    """The bytes that free blocks of the file system still take on the host."""
    image = os.open(path, os.O_RDONLY)
    try:
        return sum(_data_in(image, *each) for each in _free_ranges(path, offset))
    finally:
        os.close(image)


def sha256(path):
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        for block in iter(lambda: file.read(1 << 20), b''):
            digest.update(block)
    return digest.hexdigest()


def wrong_sums(folder, expected):
    """The names, out of {name: sum}, whose file is missing or differs."""
    def matches(name, digest):
        path = os.path.join(folder, name)
        return os.path.isfile(path) and sha256(path) == digest

    return [name for name, digest in expected.items()
            if not matches(name, digest)]
