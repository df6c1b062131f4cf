# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The guest's file system: a cpio archive, written without any tool."""

import gzip
import os
import re
import stat
import subprocess

from .child import find_program
from .errors import Unavailable


def _record(inode, name, mode, data=b'', device=(0, 0)):
    """One member in the "newc" form: an ASCII header, the name, the data."""
    path = name.encode() + b'\0'
    fields = (inode, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(path), 0)
    head = b'070701' + b''.join(b'%08X' % field for field in fields) + path
    return head + b'\0' * (-len(head) % 4) + data + b'\0' * (-len(data) % 4)


def shared_libraries(program):
    """The files that the dynamic loader would map for a program."""
    listing = subprocess.run(['ldd', program], capture_output=True, text=True,
                             check=False).stdout
    return re.findall(r'(?:^|=>)\s*(/\S+)', listing, re.MULTILINE)


class Initramfs:
    def __init__(self):
        self.members = {}
        for folder in ('bin', 'dev', 'etc', 'mnt', 'proc', 'sys', 'tmp', 'tools'):
            self.add_folder(folder)
        self.members['dev/console'] = (stat.S_IFCHR | 0o600, b'', (5, 1))

    def add_folder(self, path):
        """Add a folder and those above it."""
        path = path.strip('/')
        if path and path not in self.members:
            self.add_folder(os.path.dirname(path))
            self.members[path] = (stat.S_IFDIR | 0o755, b'', (0, 0))

    def add_data(self, path, data, mode=0o644):
        path = path.strip('/')
        self.add_folder(os.path.dirname(path))
        self.members[path] = (stat.S_IFREG | mode, data, (0, 0))

    def add_file(self, path, source, mode=0o644):
        with open(source, 'rb') as file:
            self.add_data(path, file.read(), mode)

    def add_program(self, name):
        """Add a program of the host to /tools, with its libraries."""
        source = find_program(name)
        if source is None:
            raise Unavailable(f'{name} is not installed')
        self.add_file(f'tools/{name}', source, 0o755)
        for library in shared_libraries(source):
            self.add_file(library, library, 0o755)

    def write(self, path):
        with gzip.open(path, 'wb', compresslevel=1) as archive:
            for inode, (name, member) in enumerate(self.members.items(), 1):
                archive.write(_record(inode, name, *member))
            archive.write(_record(0, 'TRAILER!!!', 0))
