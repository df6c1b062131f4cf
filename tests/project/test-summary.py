#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""See that the last line of tools/check tells the truth.

Usage: test-summary.py SUMMARIZER
"""

import json
import pathlib
import subprocess
import sys
import tempfile

# What a test printed, Meson's verdict, and the sum that has to come out.
CASES = [
    ('a TAP program counts by its lines', '1..2\nok 1 /a\nok 2 - b\n', 'OK',
     '2 passed, 0 failed, 0 skipped'),
    ('a number sign is no skip', 'ok 1 /a#1\n1..1\n', 'OK',
     '1 passed, 0 failed, 0 skipped'),
    ('a skipped line is skipped', '1..2\nok 1 /a # SKIP no luck\nok 2 /b\n',
     'OK', '1 passed, 0 failed, 1 skipped'),
    ('a bad line fails', '1..2\nok 1 /a\nnot ok 2 /b\n', 'FAIL',
     '1 passed, 1 failed, 0 skipped'),
    ('a crash after good lines fails', '1..2\nok 1 /a\n', 'ERROR',
     '1 passed, 1 failed, 0 skipped'),
    ('a program that hangs fails', '', 'TIMEOUT',
     '0 passed, 1 failed, 0 skipped'),
    ('an empty plan is skipped', '1..0 # SKIP no guest\n', 'SKIP',
     '0 passed, 0 failed, 1 skipped'),
    ('a program without TAP counts once', 'ok then\nok again\n', 'OK',
     '1 passed, 0 failed, 0 skipped'),
    ('it may be skipped as well', 'no tool\n', 'SKIP',
     '0 passed, 0 failed, 1 skipped'),
]


def summarize(summarizer, logs):
    run = subprocess.run([sys.executable, summarizer, *logs], text=True,
                         stdout=subprocess.PIPE, check=False)
    return run.stdout.splitlines()[-1], run.returncode


def main():
    summarizer = sys.argv[1]
    results = []
    with tempfile.TemporaryDirectory() as folder:
        log = pathlib.Path(folder, 'testlog.json')
        for name, output, verdict, expected in CASES:
            log.write_text(json.dumps({
                'name': 'libvhu:case / test', 'stdout': output,
                'result': verdict, 'returncode': 0}) + '\n')
            line, status = summarize(summarizer, [log])
            results.append((name, line == expected and
                            status == (' 0 failed' not in expected)))
        line, status = summarize(summarizer, ['broken:x', folder + '/none'])
        results.append(('a broken build and a missing log fail',
                        line == '0 passed, 2 failed, 0 skipped' and status))

    print(f'1..{len(results)}')
    for number, (name, good) in enumerate(results, 1):
        print(f'{"ok" if good else "not ok"} {number} - {name}')
    return not all(good for _, good in results)


if __name__ == '__main__':
    sys.exit(main())
