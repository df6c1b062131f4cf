#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""See that the prose is about the code that is there.

Usage: check-docs.py [SOURCE-ROOT]

Code in README.md and docs/ is taken from examples/, line by line, as those
are compiled and run; and what is called like something of the library is
declared by it.
"""

import pathlib
import re
import sys


def prose(root):
    return [root / 'README.md', *sorted((root / 'docs').glob('*.md'))]


CODE = re.compile(r'^```(?:c|python)\n(.*?)\n*^```$', re.MULTILINE | re.DOTALL)


def check_code(root):
    """code in the prose is taken from the examples"""
    examples = [path.read_text(encoding='utf-8')
                for path in (root / 'examples').iterdir()
                if path.suffix in ('.c', '.py')]
    return [f'{path.name}: no example has: {block.splitlines()[0]} …'
            for path in prose(root)
            for block in CODE.findall(path.read_text(encoding='utf-8'))
            if not any(f'\n{block}\n' in example for example in examples)]


def check_names(root):
    """functions and constants in the prose are declared"""
    declared = set()
    for path in (root / 'src').glob('*/**/*.h'):
        declared.update(re.findall(r'\b(?:vhu|VHU)_\w+',
                                   path.read_text(encoding='utf-8')))
    return [f'{path.name}: {name} is declared nowhere'
            for path in prose(root)
            for name in re.findall(r'\b(vhu_\w+(?=\()|VHU_(?!DEBUG\b)\w+)',
                                   CODE.sub('', path.read_text(encoding='utf-8')))
            if name not in declared]


CHECKS = [check_code, check_names]


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else '.').resolve()
    failed = False

    print(f'1..{len(CHECKS)}')
    for number, check in enumerate(CHECKS, 1):
        faults = check(root)
        failed = failed or bool(faults)
        print(f'{"not ok" if faults else "ok"} {number} - {check.__doc__}')
        for fault in faults:
            print(f'# {fault}')
    return failed


if __name__ == '__main__':
    sys.exit(main())
