#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Measure the tree against the house rules of CONTRIBUTING.md.

Usage: check-style.py [SOURCE-ROOT]

What can be counted is counted here: every rule is one TAP test, and every
fault is named with its file and line. What is longer than it should be, but
not too long, is a question and no failure.
"""

import ast
import collections
import fnmatch
import pathlib
import re
import subprocess
import sys

try:
    import tomllib
except ImportError:
    # Python before 3.11: a file that only REUSE.toml covers is a fault there.
    tomllib = None

LONG_FUNCTION = 40
LONGEST_FUNCTION = 100
LONGEST_FILE = 800
LONGEST_LINE = 100

# Functions that are tables: what a class has, and the cases of a test.
TABLES = re.compile(r'_class_init$|install_properties$|install_signals$|'
                    r'^main$')

# Names that stand for their folder, not for a thing of their own.
FOLDER_NAMES = {'meson.build', 'README.md', '.gitignore', '__init__.py'}
# Text whose lines are not ours to break.
FREE_LINES = ('.md', '.po', '.pot', '.svg', '.toml.in', '.doap')
BINARY = ('.png', '.img', '.bin', '.gmo')
SOURCES = ('.c', '.h')
# Folders that git would not list.
NOT_OURS = {'.git', '_build', 'build', 'subprojects', '__pycache__'}


def list_files(root):
    """Returns what belongs to the tree, as a release or as a checkout."""
    try:
        listing = subprocess.run(
            ['git', '-C', root, 'ls-files', '-z', '--cached', '--others',
             '--exclude-standard'],
            capture_output=True, text=True, check=True).stdout
        names = [name for name in listing.split('\0') if name]
    except (OSError, subprocess.CalledProcessError):
        paths = [path.relative_to(root) for path in root.rglob('*')]
        names = [str(path) for path in paths
                 if not NOT_OURS.intersection(path.parts)]
    return [name for name in sorted(set(names)) if (root / name).is_file()]


class Tree:
    def __init__(self, root):
        self.root = root
        self.files = list_files(root)
        self.text = {}
        for name in self.files:
            if (name.startswith('LICENSES/') or '/corpus/' in name or
                    name.endswith(BINARY)):
                continue
            try:
                self.text[name] = (root / name).read_text(encoding='utf-8')
            except UnicodeDecodeError:
                pass

    def lines(self, *suffixes):
        """Yields name, number and text of the lines of such files."""
        for name, text in self.text.items():
            if not suffixes or name.endswith(suffixes):
                for number, line in enumerate(text.split('\n'), 1):
                    yield name, number, line


def c_functions(text):
    """Yields name, first line and length of each function of a C file.

    The house style makes this easy: the name, the opening and the closing
    brace of a function each begin in the first column of a line.
    """
    name, start, opened = None, 0, False
    for number, line in enumerate(text.split('\n'), 1):
        head = re.match(r'(\w+) \(', line)
        if head and not opened:
            name, start = head.group(1), number
        elif line == '{' and name:
            opened = True
        elif line == '' and not opened:
            name = None
        elif line == '}' and opened:
            yield name, start, number - start + 1
            name, opened = None, False


def python_functions(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name, node.lineno, node.end_lineno - node.lineno + 1


def functions(tree):
    for name, text in tree.text.items():
        if name.endswith('.c'):
            found = c_functions(text)
        elif name.endswith('.py'):
            found = python_functions(text)
        else:
            continue
        for function, line, length in found:
            yield f'{name}:{line}: {function}', function, length


def long_functions(tree, limit):
    return [f'{where} has {length} lines'
            for where, function, length in functions(tree)
            if length > limit and not TABLES.search(function)]


def long_files(tree, folder):
    return [f'{name} has {length} lines: that is two types'
            for name, text in tree.text.items()
            if name.endswith('.c') and name.startswith(folder)
            for length in [text.count('\n')] if length > LONGEST_FILE]


def check_function_length(tree):
    """no function is longer than 100 lines"""
    return long_functions(tree, LONGEST_FUNCTION)


def check_file_length(tree):
    """no C file is longer than 800 lines"""
    return long_files(tree, 'src/')


def check_unique_names(tree):
    """file names are unique in the tree"""
    places = collections.defaultdict(list)
    for name in tree.files:
        path = pathlib.PurePath(name)
        if (path.name not in FOLDER_NAMES and not name.endswith('.license') and
                'corpus' not in path.parts):
            places[path.name].append(name)
    return [' and '.join(names) for names in places.values()
            if len(names) > 1]


def covered_by_reuse(tree):
    if 'REUSE.toml' not in tree.text or not tomllib:
        return []
    tables = tomllib.loads(tree.text['REUSE.toml']).get('annotations', [])
    patterns = []
    for table in tables:
        path = table['path']
        patterns += [path] if isinstance(path, str) else path
    return patterns


def check_spdx(tree):
    """every file names its authors and its licence"""
    patterns = covered_by_reuse(tree)
    faults = []
    for name in tree.files:
        if (name.startswith('LICENSES/') or name.endswith('.license') or
                name + '.license' in tree.files or
                any(fnmatch.fnmatch(name, pattern) for pattern in patterns)):
            continue
        head = '\n'.join(tree.text.get(name, '').split('\n')[:6])
        for tag in ('FileCopyrightText: ', 'License-Identifier: '):
            if 'SPDX-' + tag not in head:
                faults.append(f'{name}: no SPDX-{tag.rstrip(": ")}')
    return faults


def check_spdx_form(tree):
    """the licence of C files stands in their first two lines"""
    return [f'{name}: does not begin with the two SPDX lines'
            for name, text in tree.text.items() if name.endswith(SOURCES)
            if not re.match(r'/\* SPDX-FileCopyrightText: .+\n'
                            r' \* SPDX-License-Identifier: \S+ \*/\n', text)]


def check_private_includes(tree):
    """no public header includes a private one"""
    return [f'{name}:{number}: {line}'
            for name, number, line in tree.lines('.h')
            if not name.endswith('-private.h') and name.startswith('src/')
            and re.match(r'\s*#\s*include\b.*-private\.h', line)]


def check_bare_includes(tree):
    """no include of the library names a folder of the tree"""
    return [f'{name}:{number}: {line}'
            for name, number, line in tree.lines(*SOURCES)
            if name.startswith('src/vhu/')
            and re.match(r'\s*#\s*include\s+("[^"]*/|<vhu/)', line)]


def check_pragma_once(tree):
    """every header guards itself by #pragma once"""
    return [name for name, text in tree.text.items()
            if name.endswith(('.h', '.h.in'))
            and '\n#pragma once\n' not in text]


def check_config(tree):
    """every C file begins with config.h"""
    return [name for name, text in tree.text.items()
            if name.endswith('.c') and name.startswith(('src/', 'tests/'))
            and (re.findall(r'#include (\S+)', text) or [''])[0]
            != '"config.h"']


def check_braces(tree):
    """the brace that opens a function stands alone"""
    return [f'{name}:{number}: {line}'
            for name, number, line in tree.lines('.c')
            if re.match(r'[a-z]\w*\b.*\)\s*\{$', line)]


def check_tabs(tree):
    """there are no tabs"""
    return [f'{name}:{number}' for name, number, line in tree.lines()
            if '\t' in line and not name.endswith(FREE_LINES)]


def check_trailing_space(tree):
    """no line ends with a space"""
    return [f'{name}:{number}' for name, number, line in tree.lines()
            if line != line.rstrip()]


def check_line_length(tree):
    """no line is longer than 100 columns"""
    return [f'{name}:{number} has {len(line)} columns'
            for name, number, line in tree.lines()
            if len(line) > LONGEST_LINE and not name.endswith(FREE_LINES)]


def check_last_line(tree):
    """every file ends with one end of line"""
    return [name for name, text in tree.text.items()
            if text and (not text.endswith('\n') or text.endswith('\n\n'))]


CHECKS = [
    check_function_length,
    check_file_length,
    check_unique_names,
    check_spdx,
    check_spdx_form,
    check_private_includes,
    check_bare_includes,
    check_pragma_once,
    check_config,
    check_braces,
    check_tabs,
    check_trailing_space,
    check_line_length,
    check_last_line,
]


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else '.').resolve()
    tree = Tree(root)
    failed = False

    print(f'1..{len(CHECKS)}')
    for number, check in enumerate(CHECKS, 1):
        faults = check(tree)
        failed = failed or bool(faults)
        print(f'{"not ok" if faults else "ok"} {number} - {check.__doc__}')
        for fault in faults:
            print(f'# {fault}')

    for fault in (long_functions(tree, LONG_FUNCTION) +
                  long_files(tree, 'tests/')):
        print(f'# question: {fault}')
    return failed


if __name__ == '__main__':
    sys.exit(main())
