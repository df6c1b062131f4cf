# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The back-end under test: one of our daemons, or a peer in its place."""

import os
import signal
import subprocess
import time

from .child import Child, find_program
from .errors import GuestError, Unavailable

PEER = 'qemu-storage-daemon'

# SO_ACCEPTCONN among the flags of /proc/net/unix: somebody listens.
LISTENING = 0x10000


def is_listening(path):
    """Whether a server listens there, learned without a visit to it."""
    with open('/proc/net/unix', encoding='utf-8', errors='replace') as table:
        return any(line.rstrip('\n').endswith(' ' + path) and
                   int(line.split()[3], 16) & LISTENING
                   for line in table.readlines()[1:])


def locate(program):
    found = find_program(program)
    if found is None:
        raise Unavailable(f'{program} is not there')
    return found


# How the peer says what our options say.
PEER_EXPORT = {'--read-only': 'writable=off',
               '--logical-block-size=4096': 'logical-block-size=4096'}


def _peer_options(socket, image, options):
    only_read = 'on' if '--read-only' in options else 'off'
    export = ['writable=on', *(PEER_EXPORT[option] for option in options
                               if option in PEER_EXPORT)]
    return ['--blockdev', f'driver=file,node-name=disk,filename={image},'
            f'discard=unmap,read-only={only_read}',
            '--export', 'type=vhost-user-blk,id=export,node-name=disk,'
            f'num-queues=4,addr.type=unix,addr.path={socket},'
            f'{",".join(export)}']


def block_command(program, socket, image, *options):
    """The command line that serves an image with `program`.

    The peer does not know all of our options: it goes without those.
    """
    if os.path.basename(program) == PEER:
        return [program, *_peer_options(socket, image, options)]
    return [program, f'--socket-path={socket}', f'--blk-file={image}', *options]


class Daemon(Child):
    """A back-end that runs and listens; what it says goes to a file."""

    def __init__(self, argv, socket, log):
        argv = [locate(argv[0]), *argv[1:]]
        self.is_peer = os.path.basename(argv[0]) == PEER
        self.socket = socket
        self.log = log
        with open(log, 'wb') as file:
            super().__init__(argv, stdout=file, stderr=subprocess.STDOUT)
        try:
            self._wait_until_it_listens(20)
        except BaseException:
            self.stop()
            raise

    def words(self):
        with open(self.log, encoding='utf-8', errors='replace') as file:
            return file.read().splitlines()

    def end(self, patience=10):
        """Ask it to end: its exit status, None if it would not, and the time."""
        began = time.monotonic()
        if self.running():
            self.signal(signal.SIGTERM)
        status = self.wait(patience)
        return status, time.monotonic() - began

    def _wait_until_it_listens(self, patience):
        end = time.monotonic() + patience
        while not is_listening(self.socket):
            if not self.running():
                raise GuestError(f'{self.argv[0]} ended with status '
                                 f'{self.process.returncode}: '
                                 f'{" / ".join(self.words()) or "no message"}')
            if time.monotonic() > end:
                raise GuestError(f'{self.argv[0]} does not listen on '
                                 f'{self.socket} after {patience} s')
            time.sleep(0.02)
