# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Child processes that end when we do, and a working folder likewise."""

import contextlib
import ctypes
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time

PR_SET_PDEATHSIG = 1
SYSTEM_PATHS = ('/usr/local/sbin', '/usr/sbin', '/sbin')

# A Unix socket address holds 108 bytes with the terminating zero.
LONGEST_FOLDER = 70

_libc = ctypes.CDLL(None, use_errno=True)


def find_program(name):
    """The path of a program, or None.

    The system folders are searched too: on Debian they are not in an
    unprivileged user's PATH, but mke2fs and its kin work without privilege.
    """
    path = os.pathsep.join((os.environ.get('PATH', os.defpath), *SYSTEM_PATHS))
    return shutil.which(name, path=path)


def exit_on_signals():
    """Turn the usual deadly signals into SystemExit, so that `with` cleans up."""
    def leave(number, _frame):
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(each, signal.SIG_IGN)
        raise SystemExit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)


@contextlib.contextmanager
def working_folder(prefix='vhu-guest-'):
    """A new folder, removed at the end; short enough for a socket's path."""
    base = tempfile.gettempdir()
    if len(os.path.join(base, prefix)) > LONGEST_FOLDER:
        base = '/tmp'
    folder = tempfile.mkdtemp(prefix=prefix, dir=base)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _lead_own_group():
    """Runs in the child before exec.

    Its own process group lets us end it together with its children; the
    parent-death signal covers the case that we are killed without warning.
    """
    os.setpgid(0, 0)
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Patience:
    """How long to wait for a guest, and not much longer for an orphaned one.

    A guest whose back-end died may wait for its disk for ever.
    """

    def __init__(self, seconds, backend=None):
        self.reason = f'no end after {seconds} seconds'
        self._end = time.monotonic() + seconds
        self._backend = backend

    def left(self):
        if self._backend is not None and not self._backend.running():
            self.reason = f'the back-end died ({self._backend.process.returncode})'
            self._end = min(self._end, time.monotonic() + 5)
            self._backend = None
        return self._end - time.monotonic()


class Child:
    """One process and all that it starts, to be used in a `with` block."""

    def __init__(self, argv, **options):
        options.setdefault('stdin', subprocess.DEVNULL)
        self.argv = [str(word) for word in argv]
        self.process = subprocess.Popen(self.argv, close_fds=True,
                                        preexec_fn=_lead_own_group, **options)
        self.pid = self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_unused):
        self.stop()

    def running(self):
        return self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, seconds):
        """The exit status, or None if it still runs after that time."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def stop(self, patience=5):
        """End it and its children; returns the exit status."""
        if self.running():
            self.process.terminate()
            self.wait(patience)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        status = self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        return status

    def lines(self, patience):
        """Yield lines of its standard output until it closes.

        Raises TimeoutError when patience is at its end.
        """
        descriptor = self.process.stdout.fileno()
        rest = b''
        while True:
            left = patience.left()
            if left <= 0:
                raise TimeoutError(patience.reason)
            if not select.select([descriptor], [], [], min(left, 1))[0]:
                continue
            data = os.read(descriptor, 65536)
            *whole, rest = (rest + data).split(b'\n')
            for line in whole:
                yield line.decode(errors='replace').rstrip('\r')
            if not data:
                if rest:
                    yield rest.decode(errors='replace').rstrip('\r')
                return
