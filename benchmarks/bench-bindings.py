#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a request costs in a device that is written in a script.

Usage: bench-bindings.py [ROUNDS]

The driver puts 64 requests of 4 KiB into the ring at a time. The device copies
each, and answers with 16 bytes. Printed is the processor time of the device's
process for each request, of the best of five runs, which is less noisy than the
time that passes. Run it in `meson devenv -C build`.
"""

import os
import pathlib
import shutil
import socket
import subprocess
import sys

import gi
gi.require_version('Vhu', '1.0')
from gi.repository import GLib, Vhu  # noqa: E402

HERE = pathlib.Path(__file__).parent
DEPTH = 64
RUNS = 5
TIMEOUT = 30000
REQUEST = GLib.Bytes(bytes(4096))


def processor_time(pid):
    """In seconds, of all threads."""
    total = 0
    for task in pathlib.Path(f'/proc/{pid}/task').iterdir():
        total += int((task / 'schedstat').read_text().split()[0])
    return total / 1e9


def run_batch(queue):
    for _ in range(DEPTH):
        queue.submit_bytes(REQUEST, 16)
    queue.kick()
    left = DEPTH
    while left:
        popped, _, _ = queue.pop()
        if popped:
            left -= 1
        else:
            queue.wait(TIMEOUT)


def measure(command, rounds):
    """Microseconds of processor time for each request, the best of all runs."""
    ours, theirs = socket.socketpair()
    with ours, theirs, subprocess.Popen(
            [command[0], command[1], str(theirs.fileno()), *command[2:]],
            pass_fds=[theirs.fileno()]) as process:
        try:
            frontend = Vhu.Frontend.new_for_fd(ours.fileno())
            frontend.set_timeout(TIMEOUT)
            frontend.negotiate()
            frontend.allocate_memory(4 << 20, 1)
            queue = frontend.add_queue(0, 2 * DEPTH)
            results = []
            run_batch(queue)
            for _ in range(RUNS):
                before = processor_time(process.pid)
                for _ in range(rounds):
                    run_batch(queue)
                spent = processor_time(process.pid) - before
                results.append(1e6 * spent / (rounds * DEPTH))
            return min(results)
        finally:
            process.kill()


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    python = ['Python', sys.executable, HERE / 'bench-device.py']
    javascript = ['JavaScript', shutil.which('gjs'), HERE / 'bench-device.js']
    print(f'{os.cpu_count()} processors, microseconds for each request')
    for (language, interpreter, script), where, threads in [
            (python, 'in the main loop', '0'), (python, 'on a thread', '1'),
            (javascript, 'in the main loop', '0')]:
        if interpreter is None:
            print(f'{language}: not here')
            continue
        cost = measure([interpreter, script, threads], rounds)
        print(f'{language} {where}: {cost:.1f}')


if __name__ == '__main__':
    main()
