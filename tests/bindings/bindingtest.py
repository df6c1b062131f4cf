# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Devices that are written in other languages, and a driver for them.

A device runs in a process of its own, as what it does wrong may end it. The
driver is the library's own front-end, used from Python as a script would.
"""

import glob
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import traceback

try:
    import gi
    gi.require_version('Vhu', '1.0')
    from gi.repository import GLib, Vhu
except (ImportError, ValueError) as reason:
    print(f'1..0 # SKIP {reason}')
    sys.exit(0)

# In milliseconds and seconds: what takes longer will never come.
ANSWER_TIMEOUT = 30000
END_TIMEOUT = 30

MEMORY_SIZE = 1 << 20
QUEUE_SIZE = 64
FAILED = b'\xff'


class Skip(Exception):
    pass


def need(condition, reason):
    if not condition:
        raise Skip(reason)


class Device:
    """The process of a device, with a folder for its socket.

    Unless debug is empty, what GLib calls critical ends it.
    """

    def __init__(self, command, debug='fatal-criticals', **keywords):
        self.folder = tempfile.TemporaryDirectory(prefix='vhu-binding-')
        self.path = os.path.join(self.folder.name, 'socket')
        self.log_path = os.path.join(self.folder.name, 'log')
        with open(self.log_path, 'w', encoding='utf-8') as log:
            self.process = self.start(
                [str(word) for word in command], stdin=subprocess.DEVNULL,
                stderr=log, env=dict(os.environ, G_DEBUG=debug), **keywords)

    def start(self, command, **keywords):
        raise NotImplementedError

    def __enter__(self):
        return self

    def __exit__(self, kind, *unused):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        if kind:
            for line in self.read_log().splitlines():
                print(f'# {line}')
        self.folder.cleanup()

    def connect(self):
        return Driver(self.path)

    def read_log(self):
        with open(self.log_path, encoding='utf-8', errors='replace') as log:
            return log.read()

    def thread_names(self):
        names = []
        for path in glob.glob(f'/proc/{self.process.pid}/task/*/comm'):
            with open(path, encoding='utf-8') as file:
                names.append(file.read().strip())
        return names

    def stop(self):
        """Ends it in order."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(END_TIMEOUT)


class ScriptDevice(Device):
    """One that is given a listening descriptor: COMMAND FD OPTION..."""

    def start(self, command, **keywords):
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self.path)
            listener.listen()
            return subprocess.Popen(
                [*command[:2], str(listener.fileno()), *command[2:]],
                pass_fds=[listener.fileno()], stdout=keywords['stderr'],
                **keywords)


class ExampleDevice(Device):
    """One that makes its socket, and says so: COMMAND PATH OPTION..."""

    def __init__(self, command, *options, **keywords):
        self.options = options
        super().__init__(command, **keywords)
        ready, _, _ = select.select([self.process.stdout], [], [], END_TIMEOUT)
        line = self.process.stdout.readline() if ready else b'too slow'
        if line.decode() != f'{self.path} is ready\n':
            self.__exit__(AssertionError)
            raise AssertionError(f'the device is not ready: {line!r}')

    def start(self, command, **keywords):
        return subprocess.Popen([*command, self.path, *self.options],
                                stdout=subprocess.PIPE, **keywords)


class Driver:
    """A front-end with one queue."""

    def __init__(self, path, index=0):
        self.frontend = Vhu.Frontend.open(path)
        self.frontend.set_timeout(ANSWER_TIMEOUT)
        self.frontend.negotiate()
        self.frontend.allocate_memory(MEMORY_SIZE, 1)
        self.queue = self.frontend.add_queue(index, QUEUE_SIZE)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.frontend.close()

    def send(self, request, room=256):
        """Submits a request and returns its number."""
        if isinstance(request, str):
            request = request.encode()
        number = self.queue.submit_bytes(GLib.Bytes(request), room)
        self.queue.kick()
        return number

    def receive(self, number):
        """Waits for the answer to one request, in whatever order they come."""
        while True:
            answer = self.queue.take_result(number)
            if answer:
                return answer.get_data() or b''
            popped, _, _ = self.queue.pop()
            if not popped:
                self.queue.wait(ANSWER_TIMEOUT)

    def is_answered(self, number):
        """Looks without waiting; an answer is gone after that."""
        while self.queue.pop()[0]:
            pass
        return self.queue.take_result(number) is not None

    def ask(self, request, room=256):
        return self.receive(self.send(request, room))


class Suite:
    """Runs functions as tests, and reports them as TAP lines."""

    def __init__(self, prefix):
        self.prefix = prefix
        self.tests = []

    def add(self, function, *arguments, path=''):
        name = function.__name__.replace('test_', '', 1).replace('_', '-')
        self.tests.append((f'{self.prefix}{path}/{name}', function, arguments))

    def run(self):
        failed = 0
        print(f'1..{len(self.tests)}', flush=True)
        for number, (name, function, arguments) in enumerate(self.tests, 1):
            line = f'{number} - {name}'
            try:
                function(*arguments)
                print(f'ok {line}', flush=True)
            except Skip as skipped:
                print(f'ok {line} # SKIP {skipped}', flush=True)
            except Exception:
                failed += 1
                for text in traceback.format_exc().splitlines():
                    print(f'# {text}')
                print(f'not ok {line}', flush=True)
        sys.exit(failed > 0)


def equal(seen, expected):
    assert seen == expected, f'saw {seen!r}, expected {expected!r}'
