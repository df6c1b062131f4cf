#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Sum up the test logs of one or several build folders.

Usage: summarize-tests.py LOG...

LOG is Meson's testlog.json, or broken:FOLDER for a build that failed. Every
line of a TAP program counts, and every other program counts once. Skipped
tests are shown with their reasons and failed ones with their output; the last
line is "N passed, N failed, N skipped".
"""

import json
import pathlib
import re
import sys

TAP = re.compile(r'(ok|not ok)\b[ \d]*(?:- )?(.*?)'
                 r'(?:# *(SKIP|TODO)\S* *(.*))?', re.IGNORECASE)
PLAN = re.compile(r'^1\.\.\d', re.MULTILINE)
EMPTY_PLAN = re.compile(r'1\.\.0\b[^#]*(?:# *(?:SKIP\S*)? *(.*))?',
                        re.IGNORECASE)
LONGEST_LOG = 200


class Sum:
    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.skipped = 0

    def add_tap(self, name, output):
        """Counts the lines of a TAP program; returns if any has failed."""
        failed = False
        for line in output.splitlines():
            point = TAP.fullmatch(line)
            plan = EMPTY_PLAN.fullmatch(line)
            if plan:
                self.add_skip(name, plan.group(1))
            elif point and point.group(3):
                self.add_skip(f'{name}: {point.group(2).strip()}',
                              point.group(4))
            elif point and point.group(1).lower() == 'ok':
                self.passed += 1
            elif point:
                self.failed += 1
                failed = True
        return failed

    def add_skip(self, name, reason):
        self.skipped += 1
        print(f'Skipped: {name}: {reason or "no reason given"}')

    def add(self, folder, test):
        name = test['name'].replace('libvhu:', '')
        output = test.get('stdout') or ''
        before = self.passed + self.failed + self.skipped
        failed = bool(PLAN.search(output)) and self.add_tap(name, output)
        silent = self.passed + self.failed + self.skipped == before

        if test['result'] in ('OK', 'EXPECTEDFAIL'):
            self.passed += silent
        elif test['result'] == 'SKIP':
            if silent:
                self.add_skip(name, output.strip().rpartition('\n')[2])
        else:
            # A program that breaks down after its last good line has failed
            # as well.
            self.failed += not failed
            self.show(folder, name, test)

    def show(self, folder, name, test):
        print(f'\nFailed: {name} in {folder} ({test["result"].lower()}, '
              f'status {test["returncode"]})')
        text = (test.get('stdout') or '') + (test.get('stderr') or '')
        lines = text.splitlines()
        if len(lines) > LONGEST_LOG:
            print(f'  ... {len(lines) - LONGEST_LOG} lines before')
        for line in lines[-LONGEST_LOG:]:
            print(f'  {line}')


def main():
    total = Sum()
    print()
    for log in sys.argv[1:]:
        path = pathlib.Path(log)
        if log.startswith('broken:'):
            print(f'Failed: the build in {log.partition(":")[2]}')
            total.failed += 1
        elif not path.exists():
            print(f'Failed: no test was run for {log}')
            total.failed += 1
        else:
            for line in path.read_text(encoding='utf-8').splitlines():
                total.add(path.parents[1], json.loads(line))
    print(f'{total.passed} passed, {total.failed} failed, '
          f'{total.skipped} skipped')
    return total.failed > 0


if __name__ == '__main__':
    sys.exit(main())
