#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Lets a Linux guest use a disk that vhu-device-blk serves, and reports.

tools/demo runs this after it has installed and built what is needed.
"""

import argparse
import os
import shlex
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, 'tests', 'guest'))

# pylint: disable=wrong-import-position
from vhuguest import disk, kernel  # noqa: E402
from vhuguest.child import (  # noqa: E402
    Child, Patience, exit_on_signals, working_folder)
from vhuguest.daemon import Daemon, block_command  # noqa: E402
from vhuguest.errors import GuestError, Unavailable  # noqa: E402
from vhuguest.machine import (  # noqa: E402
    BLOCK, Device, Qemu, UserModeLinux, check_qemu, kvm_works)

MEBIBYTES = 1024
SERIAL = 'libvhu-demo'
SECTOR = 512

# How much the guest writes, in rounds of 6.6 MiB: an emulated processor is
# given less to do.
ROUNDS = {'tcg': 3, 'uml': 6, 'kvm': 24}


class Screen:
    """What the person in front of the terminal sees."""

    def __init__(self, ascii_only):
        self.live = sys.stdout.isatty()
        coloured = self.live and not os.environ.get('NO_COLOR')
        self.bold, self.green, self.red, self.dim, self.plain = (
            ('\033[1m', '\033[32m', '\033[31m', '\033[2m', '\033[0m')
            if coloured else ('',) * 5)
        self.good, self.bad, self.busy = (
            ('ok', 'FAILED', '..') if ascii_only else ('✓', '✗', '…'))
        self.passed = self.failed = 0
        self.part = None

    def heading(self, text):
        """Begin a part, unless it has begun."""
        if text != self.part:
            self._print(f'\n{self.bold}{text}{self.plain}')
        self.part = text

    def check(self, held, text, when=None):
        self.passed += bool(held)
        self.failed += not held
        mark = (f'{self.green}{self.good}{self.plain}' if held else
                f'{self.red}{self.bad}{self.plain}')
        self._print(f'  {mark} {self._clock(when)}{text}')
        return held

    def text(self, text):
        for line in text.splitlines():
            self._print(f'    {line}' if line else '')

    def pending(self, text, when=None):
        """A line that the next one replaces; nothing without a terminal."""
        if self.live:
            sys.stdout.write(f'\r\033[K  {self.dim}{self.busy} '
                             f'{self._clock(when)}{text}{self.plain}')
            sys.stdout.flush()

    @staticmethod
    def _clock(when):
        return '' if when is None else f'{when:5.1f} s  '

    def _print(self, line):
        if self.live:
            sys.stdout.write('\r\033[K')
        print(line, flush=True)


def mebibytes(count):
    return f'{count / (1 << 20):.1f} MiB'


class Demo:
    """One disk, one back-end, one guest."""

    def __init__(self, screen, build, folder):
        self.screen = screen
        self.build = build
        self.folder = folder
        self.image = os.path.join(folder, 'disk.img')
        self.socket = os.path.join(folder, 'disk.sock')
        self.program = os.environ.get('VHU_DEVICE_BLK') or os.path.join(
            build, 'src', 'daemons', 'vhu-device-blk')
        self.sums = {}
        self.stat = None
        self.alive = False
        self.began = None

    def serve(self):
        """Make the image and start the back-end on it."""
        self.screen.heading('Disk')
        if os.path.exists(self.image):
            os.unlink(self.image)
        disk.create(self.image, MEBIBYTES)
        self.screen.check(True, f'image: {self.image}, {MEBIBYTES} MiB, sparse')
        daemon = Daemon(block_command(self.program, self.socket, self.image,
                                      f'--serial={SERIAL}'),
                        self.socket, os.path.join(self.folder, 'daemon.log'))
        self.screen.check(True, f'back-end: {os.path.basename(self.program)}, '
                          f'process {daemon.pid}, listens on {self.socket}')
        return daemon

    def boot(self, machine, daemon, rounds):
        self.screen.heading('Guest')
        self.began = time.monotonic()
        self.screen.pending('the kernel boots', 0)
        failed = self.screen.failed
        outcome = machine.boot(
            self.folder, ['demo-begin.sh', 'disk-cycle.sh', 'demo-end.sh'],
            Device(BLOCK, self.socket, num_queues=machine.cpus), daemon,
            tools=['sfdisk', 'mke2fs'], timeout=300, on_line=self._show,
            values={'MEBIBYTES': MEBIBYTES, 'SERIAL': SERIAL, 'ROUNDS': rounds,
                    'TARGET': '/dev/vda1'})
        if not self.alive and not machine.works(self.folder):
            raise Unavailable(f'{machine.name} does not run on this machine')
        if outcome.status is None or outcome.status > self.screen.failed - failed:
            self.screen.check(False, f'cut short: {outcome.reason}')
            if daemon.running():
                self._show_end_of(machine.kernel_log(self.folder))
        else:
            self.screen.check(True, 'switched off',
                              time.monotonic() - self.began)
        return outcome

    def end(self, daemon):
        """SIGTERM the back-end and look at what it left."""
        self.screen.heading('Host')
        status, seconds = daemon.end()
        self.screen.check(status == 0, f'the back-end ended in order, in '
                          f'{seconds * 1000:.0f} ms' if status == 0 else
                          f'the back-end ended with status {status}')
        words = daemon.words()
        self.screen.text('\n'.join(words if status else words[-1:]))

    def examine(self):
        """Check the image without the guest and without the back-end."""
        offset = disk.partition_offset(self.image)
        complaint = disk.check_file_system(self.image, offset)
        self.screen.check(complaint is None, 'fsck finds no fault in the image')
        self.screen.text(complaint or '')
        files = os.path.join(self.folder, 'files')
        os.mkdir(files)
        disk.extract(self.image, offset, files)
        wrong = disk.wrong_sums(files, self.sums)
        self.screen.check(self.sums and not wrong,
                          f'{len(self.sums)} files, taken from the image, have '
                          'the sums that the guest computed' if not wrong else
                          f'wrong or missing: {", ".join(wrong)}')
        self._check_discards(offset)

    def _check_discards(self, offset):
        """What the guest freed must not take space on the host any more."""
        if not disk.can_punch_holes(self.folder):
            self.screen.text('the host cannot give discarded blocks back')
            return
        left = disk.undiscarded(self.image, offset)
        self.screen.check(left <= disk.DISCARD_SLACK,
                          f'discards arrived: free blocks take {mebibytes(left)}, '
                          f'the image {mebibytes(disk.allocated(self.image))}')

    def sum_up(self, seconds):
        def row(name, index, sectors=None):
            amount = '' if sectors is None else mebibytes(self.stat[sectors] * SECTOR)
            return f'  {self.stat[index]:8}  {name:24}{amount:>12}'.rstrip()

        self.screen.heading('What happened')
        self.screen.text('\n'.join((
            f'The guest lived {seconds:.1f} s. Its kernel counted',
            row('reads', 0, 2), row('writes and write-zeroes', 4, 6),
            row('discards', 11, 13), row('flushes', 15))))

    def _show(self, line):
        """Deal with one line of the guest, see tests/guest/scripts/checks.sh."""
        self.alive = True
        word, _, rest = line.partition(' ')
        when = time.monotonic() - self.began
        if word == 'step':
            self.screen.pending(rest, when)
        elif word == 'ok':
            self.screen.check(True, rest, when)
        elif line.startswith('not ok '):
            self.screen.check(False, line[len('not ok '):], when)
        elif word == '@sum':
            digest, _, name = rest.partition(' ')
            self.sums[name] = digest
        elif word == '@up':
            self.screen.check(True, 'Linux is up', when)
        elif word == '@stat':
            self.stat = [int(number) for number in rest.split()]
        else:
            self.screen.text(line.removeprefix('# '))

    def _show_end_of(self, path):
        if os.path.exists(path):
            with open(path, encoding='utf-8', errors='replace') as file:
                self.screen.text('\n'.join(file.read().splitlines()[-20:]))


def user_mode_linux(_screen, _folder):
    return UserModeLinux(), ROUNDS['uml']


def qemu(screen, folder):
    """QEMU with KVM if a guest comes up under it, else an emulated processor."""
    check_qemu()
    the_kernel = kernel.fetch_kernel(screen.text)
    screen.pending('trying KVM')
    accelerator = 'kvm' if kvm_works(the_kernel, folder) else 'tcg'
    if accelerator == 'tcg':
        screen.text('KVM is not usable here: QEMU will emulate the processor')
    processors = min(4, os.cpu_count() or 1)
    return Qemu(the_kernel, cpus=processors, accelerator=accelerator), ROUNDS[accelerator]


def run_guest(screen, build, folder, find_machine):
    """The whole story with one front-end; Unavailable if that one cannot."""
    screen.heading('Machine')
    machine, rounds = find_machine(screen, folder)
    screen.check(True, f'{machine.name}, Linux {machine.kernel.release}, '
                 f'{machine.cpus} processor{"s" * (machine.cpus > 1)}')
    demo = Demo(screen, build, folder)
    with demo.serve() as daemon:
        outcome = demo.boot(machine, daemon, rounds)
        demo.end(daemon)
    if demo.stat:
        demo.examine()
        demo.sum_up(outcome.seconds)


def run_bench(screen, build, folder):
    """No guest can be had: vhu-bench plays the driver instead."""
    program = os.path.join(build, 'benchmarks', 'vhu-bench')
    if not os.path.exists(program):
        screen.text('building benchmarks/vhu-bench, which plays the guest')
        subprocess.run(['ninja', '--quiet', '-C', build, 'benchmarks/vhu-bench'],
                       check=False)
    demo = Demo(screen, build, folder)
    with demo.serve() as daemon:
        screen.heading('Driver: vhu-bench')
        argv = [program, f'--socket-path={demo.socket}', '--verify']
        try:
            with Child(argv, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT) as child:
                for line in child.lines(Patience(120, daemon)):
                    screen.text(line)
                status = child.wait(10)
        except (OSError, TimeoutError) as error:
            raise GuestError(f'vhu-bench: {error or "no end"}') from error
        screen.check(status == 0, 'vhu-bench read back all that it wrote')
        demo.end(daemon)


def run_first_possible(screen, build, folder, prefer_qemu):
    choices = [user_mode_linux, qemu]
    for find_machine in choices[::-1] if prefer_qemu else choices:
        try:
            return run_guest(screen, build, folder, find_machine)
        except Unavailable as reason:
            screen.text(str(reason))
    screen.text('No Linux guest can run here. The same kind of traffic comes\n'
                'from vhu-bench then, through the front-end half of libvhu.')
    return run_bench(screen, build, folder)


def show_how_to_attach(screen, build):
    """The exact commands for a machine of one's own."""
    program = shlex.quote(os.path.join(build, 'src', 'daemons', 'vhu-device-blk'))
    screen.heading('To give such a disk to a virtual machine of your own')
    screen.text(f'''\
truncate -s 8G my-disk.img
{program} \\
  --socket-path=/tmp/my-disk.sock --blk-file=my-disk.img''')
    screen.heading('and in another terminal, with what else your machine has:')
    screen.text('''\
qemu-system-x86_64 -accel kvm -m 2G -machine q35,memory-backend=mem \\
  -object memory-backend-memfd,id=mem,size=2G,share=on \\
  -chardev socket,id=disk,path=/tmp/my-disk.sock \\
  -device vhost-user-blk-pci,chardev=disk''')


def verdict(screen):
    checks = screen.passed + screen.failed
    if screen.failed:
        screen.heading(f'{screen.red}{screen.failed} of {checks} checks failed.')
        return 1
    screen.heading(f'{screen.green}All {checks} checks held.')
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition('\n')[0])
    parser.add_argument('--qemu', action='store_true',
                        help='QEMU rather than user-mode Linux')
    parser.add_argument('--ascii', action='store_true',
                        help='mark checks with words, not with signs')
    parser.add_argument('build', help='the build folder')
    options = parser.parse_args()
    exit_on_signals()
    screen = Screen(options.ascii)
    try:
        with working_folder('vhu-demo-') as folder:
            run_first_possible(screen, os.path.abspath(options.build), folder,
                               options.qemu)
    except (GuestError, Unavailable) as error:
        screen.check(False, str(error))
    except BrokenPipeError:
        # Nobody reads any more; nor may Python's own last flush complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except SystemExit:
        screen.heading('Interrupted: everything is stopped and removed.')
        raise
    if not screen.failed:
        show_how_to_attach(screen, os.path.abspath(options.build))
    return verdict(screen)


sys.exit(main())
