#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Hold the tables of traps to the tests that they name.

Usage: check-traps.py TRAPS.md TEST-PROGRAM...

Each name in the tables has to be a test of one of the programs, or to begin the
names of some. One that stands behind "to come" must not be there yet: a feature
that has come has its traps, too.
"""

import pathlib
import re
import subprocess
import sys

NAME = re.compile(r'`(/[^`]*)`')
TO_COME = 'to come'


def list_tests(programs):
    tests = set()
    for program in programs:
        output = subprocess.run([program, '-l'], check=True, text=True,
                                stdout=subprocess.PIPE).stdout
        tests.update(line for line in output.split('\n')
                     if line.startswith('/'))
    return tests


def exists(name, tests):
    start = name if name.endswith('/') else name + '/'
    return name in tests or any(test.startswith(start) for test in tests)


def read_rows(path):
    """Yields for each row what it names as there, and as still to come."""
    for line in path.read_text().split('\n'):
        if line.startswith('|'):
            parts = [part.partition(TO_COME) for part in line.split(';')]
            yield ([name for there, _, _ in parts for name in NAME.findall(there)],
                   [name for _, _, later in parts for name in NAME.findall(later)])


def report(number, title, faults):
    for fault in faults:
        print(f'# {fault}')
    print(f'{"not ok" if faults else "ok"} {number} - {title}')
    return bool(faults)


def main():
    tests = list_tests(sys.argv[2:])
    rows = list(read_rows(pathlib.Path(sys.argv[1])))
    named = [name for there, _ in rows for name in there]
    later = [name for _, to_come in rows for name in to_come]

    print('1..3')
    failed = [
        report(1, 'tables name tests', [] if named else ['there are none']),
        report(2, 'tests exist', [f'there is no test {name}' for name in named
                                  if not exists(name, tests)]),
        report(3, 'what is to come is not there', [
            f'the test {name} has come' for name in later
            if exists(name, tests)]),
    ]
    return any(failed)


if __name__ == '__main__':
    sys.exit(main())
