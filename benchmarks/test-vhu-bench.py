#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Try vhu-bench: wrong options, no back-end, and QEMU's storage daemon.

Usage: test-vhu-bench.py VHU-BENCH
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

DAEMON = 'qemu-storage-daemon'
SIZE = 16 << 20
WRONG = [
    [],
    ['--bogus'],
    ['--socket-path=x', '--fd=3'],
    ['--socket-path=x', 'word'],
    ['--socket-path=x', '--depth=0'],
    ['--socket-path=x', '--depth=257'],
    ['--socket-path=x', '--depth=many'],
    ['--socket-path=x', '--queues=0'],
    ['--socket-path=x', '--queue-size=100'],
    ['--socket-path=x', '--block-size=1000'],
    ['--socket-path=x', '--block-size=-4096'],
    ['--socket-path=x', '--block-size=4P'],
    ['--socket-path=x', '--block-size=99999999999999999999'],
    ['--socket-path=x', '--mode=erase'],
    ['--socket-path=x', '--seconds=0'],
    ['--socket-path=x', '--seconds=nan'],
    ['--socket-path=x', '--requests=-1'],
]


class Skip(Exception):
    pass


def bench(program, *options, **keywords):
    return subprocess.run([program, *options], text=True, check=False,
                          timeout=60, capture_output=True, **keywords)


def expect_failure(done, status):
    lines = done.stderr.splitlines()
    assert done.returncode == status, (done.args, done.returncode, done.stderr)
    assert len(lines) == 1 and lines[0].startswith('vhu-bench: '), lines


@contextlib.contextmanager
def storage_daemon(driver):
    """A listening socket of a disk that is there before its daemon runs."""
    if not shutil.which(DAEMON):
        raise Skip(f'there is no {DAEMON}')
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'socket')
        image = os.path.join(folder, 'disk')
        with open(image, 'wb') as file:
            file.truncate(SIZE)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen(1)
            fd = listener.fileno()
            daemon = subprocess.Popen(
                [DAEMON,
                 '--blockdev', f'{driver},node-name=disk'.replace('@', image),
                 '--export', 'type=vhost-user-blk,id=export,node-name=disk,'
                 f'writable=on,num-queues=2,addr.type=fd,addr.str={fd}'],
                pass_fds=[fd])
        try:
            yield path, daemon.pid
        finally:
            daemon.send_signal(signal.SIGTERM)
            daemon.wait()


def test_wrong_options_are_one_line(program):
    for options in WRONG:
        expect_failure(bench(program, *options), 2)


def test_help_and_version(program):
    assert '--block-size' in bench(program, '--help').stdout
    assert bench(program, '--version').stdout.startswith('vhu-bench ')


def test_no_back_end_is_one_line(program):
    expect_failure(bench(program, '--socket-path=/nonexistent/socket'), 1)
    expect_failure(bench(program, '--fd=77'), 1)


def test_a_back_end_that_hangs_up(program):
    ours, theirs = socket.socketpair()
    with theirs:
        ours.close()
        expect_failure(bench(program, f'--fd={theirs.fileno()}',
                             pass_fds=[theirs.fileno()]), 1)


def test_data_is_verified(program):
    with storage_daemon('driver=file,filename=@') as (path, _):
        for options in [['--mode=read'],
                        ['--mode=write', '--sequential', '--poll'],
                        ['--mode=mix', '--queues=2', '--depth=7'],
                        ['--mode=mix', '--indirect', '--no-event-idx'],
                        ['--mode=mix', '--depth=128', '--block-size=512']]:
            done = bench(program, f'--socket-path={path}', '--verify',
                         '--span=4M', '--requests=2000', *options)
            assert done.returncode == 0, (options, done.stderr)


def test_wrong_data_is_found(program):
    with storage_daemon(f'driver=null-co,size={SIZE},read-zeroes=on') as (path, _):
        expect_failure(bench(program, f'--socket-path={path}', '--verify',
                             '--requests=100'), 1)


def test_too_much_is_refused(program):
    with storage_daemon(f'driver=null-co,size={SIZE},read-zeroes=on') as (path, _):
        for options in [['--queues=3'], ['--span=64K', '--depth=32']]:
            expect_failure(bench(program, f'--socket-path={path}', *options), 1)


def test_json_tells_all(program):
    with storage_daemon(f'driver=null-co,size={SIZE},read-zeroes=on') as (path, pid):
        done = bench(program, f'--socket-path={path}', '--requests=1001',
                     '--queues=2', '--mode=mix', '--json', f'--pid={pid}')
        assert done.returncode == 0, done.stderr
        result = json.loads(done.stdout)
        assert result['reads'] + result['writes'] == 1001, result
        assert 550 < result['reads'] < 850, result
        assert result['iops'] > 0 and result['errors'] == 0, result
        assert 0 < result['p50-us'] <= result['p99-us'] <= result['longest-us']
        assert result['backend-cpu-ns-per-request'] > 0, result


def test_time_ends_it(program):
    with storage_daemon(f'driver=null-co,size={SIZE},read-zeroes=on') as (path, _):
        done = bench(program, f'--socket-path={path}', '--seconds=0.1',
                     '--warm-up=0.01')
        assert done.returncode == 0, done.stderr
        assert 'IOPS' in done.stdout and 'p99.9' in done.stdout, done.stdout


def main():
    tests = [(name, function) for name, function in globals().items()
             if name.startswith('test_')]
    failed = 0
    print(f'1..{len(tests)}')
    for number, (name, function) in enumerate(tests, 1):
        text = f'{number} {name[5:].replace("_", " ")}'
        try:
            function(sys.argv[1])
            print('ok', text)
        except Skip as reason:
            print('ok', text, '# SKIP', reason)
        except (AssertionError, subprocess.SubprocessError, ValueError) as error:
            failed += 1
            print('not ok', text)
            print('#', repr(error))
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
