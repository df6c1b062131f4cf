# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two front-ends that boot a guest: user-mode Linux and QEMU.

A guest runs shell scripts, and all that they print comes back line by line.
The kernel's own messages go elsewhere, to a file that is worth reading only
when something went wrong.
"""

import os
import re
import shlex
import subprocess
import time

from . import kernel
from .child import Child, Patience, find_program
from .errors import Unavailable
from .initramfs import Initramfs

HERE = os.path.dirname(os.path.abspath(__file__))
SCRIPTS = os.path.join(os.path.dirname(HERE), 'scripts')

# /proc/sys and blkdiscard, for example, are in every busybox; these are what
# init needs, so that a stripped one is noticed before a guest hangs.
APPLETS = {'sh', 'mount', 'insmod', 'stty', 'poweroff', 'sha256sum', 'dd'}

BLOCK, RNG = 2, 4
QEMU_DEVICES = {BLOCK: 'vhost-user-blk-pci', RNG: 'vhost-user-rng-pci'}
DRIVERS = {BLOCK: ['virtio_blk'], RNG: ['virtio_rng']}

# What a file system with checksums wants; built into some kernels.
COMMON_MODULES = ['crc32c_generic', 'ext4']


class Device:
    """A vhost-user device for the guest."""

    def __init__(self, virtio_id, socket, **properties):
        self.virtio_id = virtio_id
        self.socket = socket
        self.properties = {name.replace('num_queues', 'num-queues'): value
                           for name, value in properties.items()}


class Outcome:
    """How a guest ended: its exit status, or None and the reason."""

    def __init__(self, status, reason, seconds):
        self.status = status
        self.reason = reason
        self.seconds = seconds


class Machine:
    """What the two front-ends have in common."""

    name = None
    output = None
    bus_modules = ()
    boot_options = ''

    def __init__(self, the_kernel, memory=256, cpus=1):
        self.kernel = the_kernel
        self.memory = memory
        self.cpus = cpus

    def boot(self, folder, scripts, device=None, backend=None, tools=(),
             values=None, timeout=120, on_line=print):
        """Run scripts, one after another in one shell, in a new guest.

        `values` become shell variables, `tools` are programs of the host to
        take along; `on_line` sees every line that the guest prints.  If
        `backend` dies, the guest is not waited for much longer.
        """
        initramfs = self._pack(scripts, device, tools, values or {})
        archive = os.path.join(folder, 'initramfs.gz')
        initramfs.write(archive)
        argv = self.command(folder, archive, device)
        with open(self.log(folder), 'wb') as log:
            with Child(argv, cwd=folder, stdout=subprocess.PIPE, stderr=log,
                       env=self.environment(folder)) as child:
                return self._listen(child, Patience(timeout, backend), on_line)

    def works(self, folder):
        """Whether a guest comes up at all.

        /dev/kvm may open and not run a guest, and a container may forbid
        what user-mode Linux lives on.
        """
        outcome = self.boot(folder, [], timeout=30, on_line=lambda line: None)
        return outcome.status == 0

    def command(self, folder, archive, device):
        raise NotImplementedError

    def environment(self, _folder):
        return None

    @staticmethod
    def log(folder):
        """Where the front-end's own words and the kernel's go."""
        return os.path.join(folder, 'front-end.log')

    def kernel_log(self, folder):
        return self.log(folder)

    def _pack(self, scripts, device, tools, values):
        check_busybox()
        packed = Initramfs()
        packed.add_program('busybox')
        for tool in tools:
            packed.add_program(tool)
        packed.add_file('init', os.path.join(SCRIPTS, 'init.sh'), 0o755)
        packed.add_file('checks.sh', os.path.join(SCRIPTS, 'checks.sh'))
        packed.add_data('values.sh', ''.join(
            f'{name}={shlex.quote(str(value))}\n'
            for name, value in {'OUTPUT': self.output, **values}.items()).encode())
        for number, script in enumerate(scripts):
            packed.add_file(f'scripts/{number:02}.sh',
                            os.path.join(SCRIPTS, script))
        wanted = [*self.bus_modules, *COMMON_MODULES]
        wanted += DRIVERS[device.virtio_id] if device else []
        order = self.kernel.load_order(wanted)
        for name, data in order:
            packed.add_data(f'modules/{name}.ko', data)
        packed.add_data('modules/order', ''.join(
            f'{name}\n' for name, _ in order).encode())
        return packed

    @staticmethod
    def _listen(child, patience, on_line):
        began = time.monotonic()
        status = None
        try:
            for line in child.lines(patience):
                ended = re.fullmatch(r'@exit (\d+)', line)
                if ended:
                    status = int(ended[1])
                else:
                    on_line(line)
            child.wait(5)
        except TimeoutError as error:
            return Outcome(None, str(error), time.monotonic() - began)
        seconds = time.monotonic() - began
        if status is None:
            return Outcome(None, 'the guest died without an exit status '
                           f'(front-end: {child.stop()})', seconds)
        return Outcome(status, f'exit status {status}', seconds)


def check_busybox():
    busybox = find_program('busybox')
    if busybox is None:
        raise Unavailable('busybox (package busybox-static) is not installed')
    listed = subprocess.run([busybox, '--list'], capture_output=True, text=True,
                            check=False).stdout.split()
    missing = APPLETS.difference(listed)
    if missing:
        raise Unavailable(f'busybox has no {", ".join(sorted(missing))}')


def check_qemu():
    program = find_program('qemu-system-x86_64')
    if program is None:
        raise Unavailable('qemu-system-x86_64 is not installed')
    return program


def memory_folder(folder, mebibytes):
    """Where user-mode Linux puts the file that is its memory.

    On a tmpfs if there is room: a container's /dev/shm often is too small,
    and running out of it kills the guest in the middle.
    """
    try:
        room = os.statvfs('/dev/shm')
    except OSError:
        return folder
    fits = room.f_bavail * room.f_frsize >= (mebibytes + 128) << 20
    return '/dev/shm' if fits and os.access('/dev/shm', os.W_OK) else folder


class UserModeLinux(Machine):
    """A Linux kernel that is a process, with a front-end of its own."""

    name = 'user-mode Linux'
    output = '/dev/tty1'

    def __init__(self, memory=256):
        super().__init__(kernel.uml_kernel(), memory)

    def command(self, folder, archive, device):
        argv = [self.kernel.image, f'mem={self.memory}M', f'initrd={archive}',
                f'uml_dir={folder}/', f'mconsole=notify:{folder}/none',
                'con=null', 'con0=null,fd:2', 'con1=null,fd:1', 'ssl=null',
                'panic=-1', 'noreboot']
        if device:
            argv.append(f'virtio_uml.device={device.socket}:{device.virtio_id}')
        return argv

    def environment(self, folder):
        return {**os.environ, 'HOME': folder,
                'TMPDIR': memory_folder(folder, self.memory)}


class Qemu(Machine):
    """QEMU, emulating the processor unless `accelerator` is 'kvm'."""

    output = '/dev/ttyS1'
    bus_modules = ('virtio_pci',)

    def __init__(self, the_kernel=None, memory=256, cpus=1, accelerator='tcg'):
        self.program = check_qemu()
        super().__init__(the_kernel or kernel.find_kernel(), memory, cpus)
        self.accelerator = accelerator
        self.name = f'QEMU {accelerator.upper()}'

    def command(self, folder, archive, device):
        argv = [self.program, '-nodefaults', '-no-user-config',
                '-display', 'none', '-machine', 'q35,memory-backend=mem',
                '-accel', self.accelerator,
                '-cpu', 'host' if self.accelerator == 'kvm' else 'max',
                '-smp', self.cpus, '-m', f'{self.memory}M',
                '-object', 'memory-backend-memfd,id=mem,share=on,'
                f'size={self.memory}M',
                '-kernel', self.kernel.image, '-initrd', archive,
                '-append', 'console=ttyS0 panic=-1 quiet',
                '-serial', f'file:{self.kernel_log(folder)}',
                '-chardev', 'file,id=output,path=/dev/stdout',
                '-serial', 'chardev:output']
        if device:
            extra = ''.join(f',{name}={value}'
                            for name, value in device.properties.items())
            argv += ['-chardev', f'socket,id=vhu,path={device.socket}', '-device',
                     f'{QEMU_DEVICES[device.virtio_id]},chardev=vhu{extra}']
        return argv

    def kernel_log(self, folder):
        return os.path.join(folder, 'kernel.log')


def kvm_works(the_kernel, folder):
    return (os.access('/dev/kvm', os.R_OK | os.W_OK) and
            Qemu(the_kernel, accelerator='kvm').works(folder))
