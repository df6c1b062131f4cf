#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Prove that the walls between the rooms of the library stand.

Usage: check-walls.py SOURCE-ROOT BUILD-ROOT

Every room is asked, with the very command that compiles its sources, to
include the headers of every other room. What the floor plan allows has to
compile, and everything else has to fail for want of the file.
"""

import json
import os
import pathlib
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

# The plan stands here a second time on purpose: a wall that is torn down in
# src/vhu/meson.build has to be torn down here as well.
PLAN = {
    'base': '',
    'wire': 'base',
    'memory': 'base',
    'ring': 'base memory',
    'loop': 'base',
    'state': 'base',
    'channel': 'base wire',
    'backend': 'base memory ring state channel',
    'session': 'base wire memory ring loop state channel backend',
    'frontend': 'base wire memory ring',
}
# These know the library by its public headers only.
OUTSIDE = ('devices', 'daemons')


class Compiler:
    """The command that compiles the sources of one folder."""

    def __init__(self, entry):
        self.directory = entry['directory']
        self.command = []
        words = iter(shlex.split(entry['command']))
        for word in words:
            if word in ('-o', '-MF', '-MQ'):
                next(words)
            elif word not in ('-c', '-MD', entry['file']):
                self.command.append(word)
        self.command += ['-fsyntax-only', '-w', '-x', 'c', '-']

    def include(self, headers):
        """Returns the compiler's complaints, or an empty string."""
        text = ''.join(f'#include "{header}"\n' for header in headers)
        run = subprocess.run(self.command, cwd=self.directory, input=text,
                             capture_output=True, text=True, check=False,
                             env=dict(os.environ, LC_ALL='C'))
        if run.returncode == 0:
            return ''
        return run.stderr or f'compiler exits with {run.returncode}'


def find_compilers(source_root, build_root):
    compilers = {}
    folders = [f'src/vhu/{room}' for room in PLAN]
    folders += [f'src/{folder}' for folder in OUTSIDE]
    commands = json.loads((build_root / 'compile_commands.json').read_text())
    for entry in commands:
        path = pathlib.Path(entry['directory'], entry['file']).resolve()
        for folder in folders:
            if path.parent == source_root / folder:
                compilers.setdefault(path.parent.name, Compiler(entry))
    return compilers


def find_headers(source_root, build_root):
    headers = {}
    for room in PLAN:
        found = set()
        for root in (source_root, build_root):
            found.update(path.name
                         for path in (root / 'src/vhu' / room).glob('*.h'))
        headers[room] = sorted(found)
    return headers


def is_missing(complaint, header):
    """Tells a closed wall from a header that has an error of its own."""
    return (f'{header}: No such file' in complaint or
            f"'{header}' file not found" in complaint)


def check_open(compiler, headers):
    complaint = compiler.include(headers)
    return complaint.splitlines()[:5]


def check_closed(compiler, headers):
    return [f'{header} can be included' for header in headers
            if not is_missing(compiler.include([header]), header)]


def check_room(room, compilers, headers):
    """Yields a name and the faults for each other room."""
    if room not in compilers:
        # An empty room has no include path that could be wrong.
        return
    allowed = PLAN[room].split()
    for other in PLAN:
        if other == room or not headers[other]:
            continue
        if other in allowed:
            yield (f'{room} sees {other}',
                   check_open(compilers[room], headers[other]))
        else:
            yield (f'{room} does not see {other}',
                   check_closed(compilers[room], headers[other]))


def check_outside(folder, compilers, headers):
    if folder not in compilers:
        return
    private = [header for room in headers.values() for header in room
               if header.endswith('-private.h')]
    yield (f'{folder} see no private header',
           check_closed(compilers[folder], private))


def find_installed(build_root):
    plan = json.loads(
        (build_root / 'meson-info/intro-installed.json').read_text())
    return {pathlib.Path(path).name for path in plan.values()
            if '/vhu/' in path and path.endswith('.h')}


def check_public(source_root, build_root, compilers, headers):
    """The rooms, the installed headers and the umbrella have to agree."""
    public = sorted(header for room in compilers if room in PLAN
                    for header in headers[room]
                    if not header.endswith('-private.h'))
    installed = find_installed(build_root)
    umbrella = (source_root / 'src/vhu/vhu.h').read_text()
    yield ('every public header is installed',
           [f'{header} is listed in no meson.build' for header in public
            if header not in installed])
    yield ('no private header is installed',
           sorted(header for header in installed if 'private' in header))
    yield ('vhu.h includes every public header',
           [f'{header} is missing' for header in public
            if f'#include "{header}"' not in umbrella])


def main():
    source_root = pathlib.Path(sys.argv[1]).resolve()
    build_root = pathlib.Path(sys.argv[2]).resolve()
    compilers = find_compilers(source_root, build_root)
    headers = find_headers(source_root, build_root)

    with ThreadPoolExecutor(2) as pool:
        checks = [pool.submit(lambda check, *args: list(check(*args)), *task)
                  for task in
                  [(check_room, room, compilers, headers) for room in PLAN] +
                  [(check_outside, folder, compilers, headers)
                   for folder in OUTSIDE] +
                  [(check_public, source_root, build_root, compilers, headers)]]
    results = [result for check in checks for result in check.result()]

    print(f'1..{len(results)}')
    for number, (name, faults) in enumerate(results, 1):
        print(f'{"not ok" if faults else "ok"} {number} - {name}')
        for fault in faults:
            print(f'# {fault}')
    return any(faults for _, faults in results)


if __name__ == '__main__':
    sys.exit(main())
