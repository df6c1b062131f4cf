# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A guest test: what the guest says, and the host finds, as TAP lines."""

import os
import sys
import traceback

from . import daemon, disk, machine
from .child import exit_on_signals, find_program, working_folder
from .errors import GuestError, Unavailable

LOG_LINES = 40


class TestCase:
    """Counts checks and knows where the things of one test are."""

    def __init__(self, folder):
        self.folder = folder
        self.socket = os.path.join(folder, 'device.sock')
        self.image = os.path.join(folder, 'disk.img')
        self.sums = {}
        self.step = 'the kernel boots'
        self.backend = None
        self.count = 0
        self.failed = 0

    def ok(self, held, text):
        self.count += 1
        self.failed += not held
        self._print(f'{"ok" if held else "not ok"} {self.count} - {text}')
        return held

    def equal(self, seen, expected, text):
        if not self.ok(seen == expected, text):
            self.note(f'saw {seen!r}, expected {expected!r}')

    def skip(self, text, reason):
        self.count += 1
        self._print(f'ok {self.count} - {text} # SKIP {reason}')

    def note(self, text):
        for line in str(text).splitlines():
            self._print(f'# {line}')

    def finish(self):
        self._print(f'1..{self.count}')
        return 1 if self.failed else 0

    def block_daemon(self, *options):
        """Start the daemon under test on self.image."""
        program = os.environ.get('VHU_DEVICE_BLK', 'vhu-device-blk')
        return self._start(daemon.block_command(program, self.socket,
                                                self.image, *options))

    def rng_daemon(self, *options):
        program = os.environ.get('VHU_DEVICE_RNG', 'vhu-device-rng')
        return self._start([program, f'--socket-path={self.socket}', *options])

    def boot(self, front_end, scripts, device=None, on_event=None, **options):
        """Run a guest; its checks become ours."""
        def on_line(line):
            self._take(line, on_event or {})

        self.note(f'{front_end.name}, Linux {front_end.kernel.release}')
        failed = self.failed
        outcome = front_end.boot(self.folder, scripts, device, self.backend,
                                 on_line=on_line, **options)
        # A script that stops early leaves a status without a failed check.
        whole = (outcome.status is not None and
                 outcome.status <= self.failed - failed)
        if not self.ok(whole, 'the guest ran to its end'):
            self.note(f'{outcome.reason}; last seen: {self.step}')
            self._show_log(os.path.join(self.folder, 'daemon.log'))
            self._show_log(front_end.log(self.folder))
            self._show_log(front_end.kernel_log(self.folder))
        self.note(f'{outcome.seconds:.1f} s')
        return outcome

    def end_daemon(self, running):
        """SIGTERM must end it in order, and quickly."""
        status, seconds = running.end()
        self.equal(status, 0, 'the daemon ends with status 0 on SIGTERM')
        if not running.is_peer:
            self.ok(seconds < 2, f'the daemon took {seconds:.2f} s to end')
            self.ok(not os.path.exists(self.socket),
                    'the daemon removed its socket')
        if status != 0:
            self._show_log(running.log)

    def check_disk(self, offset=0):
        """fsck finds nothing, and the files have the sums the guest told us."""
        complaint = disk.check_file_system(self.image, offset)
        self.ok(complaint is None, 'fsck on the host finds no fault')
        self.note(complaint or '')
        files = os.path.join(self.folder, 'files')
        os.mkdir(files)
        disk.extract(self.image, offset, files)
        wrong = disk.wrong_sums(files, self.sums)
        self.ok(self.sums and not wrong,
                f'the host reads the same {len(self.sums)} files')
        self.note('\n'.join(wrong))

    def check_discards(self, offset=0):
        """Free blocks of the file system take no space on the host."""
        text = 'discarded blocks are holes on the host'
        if not disk.can_punch_holes(self.folder):
            self.skip(text, 'the file system of the image has no holes')
            return
        left = disk.undiscarded(self.image, offset)
        if not self.ok(left <= disk.DISCARD_SLACK, text):
            self.note(f'{left} bytes are still there')

    def _start(self, argv):
        if find_program(argv[0]) is None:
            raise Unavailable(f'{argv[0]} is not built')
        self.backend = daemon.Daemon(argv, self.socket, os.path.join(
            self.folder, 'daemon.log'))
        return self.backend

    def _take(self, line, on_event):
        """Deal with one line of the guest, see scripts/checks.sh."""
        word, _, rest = line.partition(' ')
        if word == 'ok':
            self.ok(True, rest)
        elif line.startswith('not ok '):
            self.ok(False, line[len('not ok '):])
        elif word == 'step':
            self.step = rest
        elif word == '@sum':
            digest, _, name = rest.partition(' ')
            self.sums[name] = digest
        elif word.startswith('@'):
            on_event.get(word[1:], lambda words: None)(rest)
        else:
            self.note(line.removeprefix('# '))

    def _show_log(self, path):
        if os.path.exists(path):
            with open(path, encoding='utf-8', errors='replace') as file:
                lines = file.read().splitlines()[-LOG_LINES:]
            self.note('\n'.join([f'--- {os.path.basename(path)}', *lines]))

    @staticmethod
    def _print(line):
        print(line, flush=True)


def block_device(test, **properties):
    return machine.Device(machine.BLOCK, test.socket, **properties)


def run(function):
    """Run a test function and exit as TAP consumers expect it."""
    exit_on_signals()
    with working_folder() as folder:
        test = TestCase(folder)
        try:
            function(test)
        except Unavailable as reason:
            if test.count == 0:
                print(f'1..0 # SKIP {reason}')
                sys.exit(0)
            test.skip('the rest', reason)
        except GuestError as error:
            test.ok(False, str(error))
        except Exception:
            test.ok(False, 'the test itself works')
            test.note(traceback.format_exc())
        status = test.finish()
    sys.exit(status)
