# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Guest kernels: where one is, which modules it needs, how to fetch one."""

import glob
import gzip
import lzma
import os
import platform
import re
import shutil
import subprocess
import tempfile

from .child import find_program
from .errors import GuestError, Unavailable

# Debian's smallest kernel that runs in a virtual machine, then Ubuntu's.
PACKAGES = ('linux-image-cloud-amd64', 'linux-image-virtual')

# The packages that a meta package leads to: Debian and Ubuntu divide image
# and modules differently, and both have changed that over time.
PARTS = re.compile(r'linux-(image|binary|modules|base)-\d')


def cache_folder():
    base = os.environ.get('XDG_CACHE_HOME') or os.path.expanduser('~/.cache')
    return os.path.join(base, 'libvhu', 'guest-kernels')


def _module_name(path):
    return os.path.basename(path).split('.ko')[0].replace('-', '_')


def _unpack(path):
    if path.endswith('.zst'):
        zstd = find_program('zstd')
        if zstd is None:
            raise Unavailable(f'zstd, which {path} needs, is not installed')
        return subprocess.run([zstd, '-dcq', path], stdout=subprocess.PIPE,
                              check=True).stdout
    opener = {'.xz': lzma.open, '.gz': gzip.open}.get(path[-3:], open)
    with opener(path, 'rb') as file:
        return file.read()


def _needs(data):
    """The modules that a module's own .modinfo section says come before it.

    Reading them here works on a package that was unpacked and never
    installed, for which nobody has run depmod.
    """
    found = re.findall(rb'\0depends=([^\0]+)', data)
    found += re.findall(rb'\0softdep=pre: ([^\0]+?)(?= post:|\0)', data)
    return [name.replace('-', '_') for group in found
            for name in re.split('[, ]+', group.decode()) if name]


class Kernel:
    """A bootable image and the folder of its modules."""

    def __init__(self, image, modules):
        self.image = image
        self.modules = modules
        self.release = os.path.basename(modules)
        self._files = {}
        for pattern in ('**/*.ko', '**/*.ko.*'):
            for path in glob.iglob(os.path.join(modules, pattern), recursive=True):
                self._files[_module_name(path)] = path

    def has_module(self, name):
        return name.replace('-', '_') in self._files

    def load_order(self, names):
        """The (name, bytes) of these modules and of those they need, in order.

        A name without a file is left out: drivers are built in as often as
        not, and one that is truly missing shows in the guest.
        """
        ordered = {}

        def visit(name):
            name = name.replace('-', '_')
            if name in ordered or name not in self._files:
                return
            data = _unpack(self._files[name])
            for needed in _needs(data):
                visit(needed)
            ordered[name] = data

        for name in names:
            visit(name)
        return list(ordered.items())


def uml_kernel():
    image = find_program('linux.uml')
    if image is None:
        raise Unavailable('linux.uml (package user-mode-linux) is not installed')
    folders = sorted(glob.glob('/usr/lib/uml/modules/*'))
    if not folders:
        raise Unavailable('user-mode-linux has no modules in /usr/lib/uml/modules')
    return Kernel(image, folders[-1])


def _in_tree(root):
    """The kernel inside an unpacked package, or None."""
    folders = [folder for parent in ('lib', 'usr/lib')
               for folder in glob.glob(os.path.join(root, parent, 'modules/*'))]
    for modules in sorted(folders, reverse=True):
        release = os.path.basename(modules)
        for image in (os.path.join(root, 'boot', f'vmlinuz-{release}'),
                      os.path.join(modules, 'vmlinuz')):
            if os.access(image, os.R_OK):
                return Kernel(image, modules)
    return None


def _chosen_by_hand():
    root = os.environ.get('VHU_GUEST_KERNEL')
    if not root:
        return None
    kernel = _in_tree(root)
    if kernel is None:
        raise GuestError(f'VHU_GUEST_KERNEL={root} has no boot/vmlinuz-* that '
                         'matches a lib/modules/*')
    return kernel


def _in_cache():
    folders = glob.glob(os.path.join(cache_folder(), '*'))
    for folder in sorted(folders, key=os.path.getmtime, reverse=True):
        kernel = _in_tree(folder)
        if kernel is not None:
            return kernel
    return None


def find_kernel():
    """A kernel for QEMU that is already on this machine."""
    kernel = _chosen_by_hand() or _in_cache() or _in_tree('/')
    if kernel is None:
        raise Unavailable('no kernel for QEMU is here (python3 '
                          'tests/guest/fetch-kernel.py fetches one)')
    return kernel


def _apt(program, *words):
    # As root, apt would download as a user who cannot write our folder.
    argv = [program, '-q', '-o', 'APT::Sandbox::User=root', *words]
    result = subprocess.run(argv, capture_output=True, text=True, check=False,
                            env={**os.environ, 'LC_ALL': 'C'})
    if result.returncode != 0:
        raise GuestError(f'{" ".join(argv)}: {result.stderr.strip()}')
    return result.stdout


def _dependencies(package):
    lines = _apt('apt-cache', 'depends', '--important', package)
    return re.findall(r'Depends: (\S+)', lines)


def _parts_of(package):
    """All the packages that hold a piece of the kernel behind a meta package."""
    found = []
    pending = [package]
    while pending:
        name = pending.pop()
        if PARTS.match(name) and name not in found:
            found.append(name)
        pending += [each for each in _dependencies(name)
                    if PARTS.match(each) and each not in found]
    return found


def _unpack_package(package, root):
    """Unpack the image and the modules, and nothing else, of a .deb file."""
    with subprocess.Popen(['dpkg-deb', '--fsys-tarfile', package],
                          stdout=subprocess.PIPE) as contents:
        subprocess.run(['tar', '-x', '-C', root, '--wildcards', '--no-anchored',
                        'vmlinuz*', 'lib/modules/*'],
                       stdin=contents.stdout, stderr=subprocess.DEVNULL,
                       check=False)


def _fetch_into(folder, parts):
    for part in parts:
        subprocess.run(['apt-get', '-qq', '-o', 'APT::Sandbox::User=root',
                        'download', part], cwd=folder, check=True,
                       stdout=subprocess.DEVNULL)
    for package in glob.glob(os.path.join(folder, '*.deb')):
        _unpack_package(package, folder)
        os.unlink(package)
    if _in_tree(folder) is None:
        raise GuestError(f'{", ".join(parts)}: no kernel and modules inside')


def _meta_package():
    if platform.machine() != 'x86_64':
        raise Unavailable(f'no guest kernel is known for {platform.machine()}')
    if find_program('apt-get') is None or find_program('dpkg-deb') is None:
        raise Unavailable('no kernel for QEMU is here and this system has no '
                          'apt to fetch one with')
    for package in PACKAGES:
        parts = _parts_of(package) if _known(package) else []
        if parts:
            return package, parts
    raise Unavailable(f'apt knows none of {", ".join(PACKAGES)} '
                      '(run apt-get update)')


def _known(package):
    return bool(_apt('apt-cache', 'search', '--names-only', f'^{package}$'))


def fetch_kernel(say=lambda text: None):
    """Like find_kernel(), but downloads a package rather than give up.

    Nothing is installed: the package is unpacked into the user's cache.
    """
    try:
        return find_kernel()
    except Unavailable:
        pass
    package, parts = _meta_package()
    target = os.path.join(cache_folder(), parts[0])
    os.makedirs(cache_folder(), exist_ok=True)
    say(f'downloading {" ".join(parts)} (apt-get download) into {target}')
    folder = tempfile.mkdtemp(prefix='.new-', dir=cache_folder())
    try:
        _fetch_into(folder, parts)
        shutil.rmtree(target, ignore_errors=True)
        os.rename(folder, target)
    except (subprocess.CalledProcessError, OSError) as error:
        raise GuestError(f'could not fetch {package}: {error}') from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return find_kernel()
