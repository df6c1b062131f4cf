#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Plant one fault of each kind and see that check-style.py finds it.

Usage: test-check-style.py CHECKER
"""

import pathlib
import subprocess
import sys
import tempfile

# Put together here, so that no tool takes it for the licence of this file.
SPDX = ('/* SPDX-{}: 2026 The libvhu authors\n'
        ' * SPDX-{}: LGPL-2.1-or-later */\n\n').format(
            'FileCopyrightText', 'License-Identifier')
C = SPDX + '#include "config.h"\n\n'
H = SPDX + '#pragma once\n\n'
LONG = 'static void\nfoo (void)\n{\n' + '  bar ();\n' * 100 + '}\n'

# A path, its contents, and a word of the rule that has to be broken by it;
# None where nothing is wrong.
CASES = [
    ('src/good.c', C + 'struct a\n{\n  int b;\n};\n', None),
    ('src/long.c', C + LONG, 'no function is longer'),
    ('src/init.c', C + LONG.replace('foo', 'foo_class_init'), None),
    ('src/table.c', C + 'static int foo[] =\n{\n' + '  1,\n' * 200 + '};\n',
     None),
    ('src/huge.c', C + 'int foo;\n' * 800, 'no C file is longer'),
    ('tests/good.c', C + 'int foo;\n', 'unique'),
    ('data/notes', 'no licence\n', 'names its authors'),
    ('src/late.c', '\n' + C + 'int foo;\n', 'first two lines'),
    ('src/public.h', H + '#include "foo-private.h"\n', 'private one'),
    ('src/one-private.h', H + '#include "foo-private.h"\n', None),
    ('src/vhu/ring/path.c', C + '#include "../base/a.h"\n', 'names a folder'),
    ('src/vhu/ring/self.c', C + '#include <vhu/vhu.h>\n', 'names a folder'),
    ('src/twice.h', SPDX + 'int foo;\n', 'pragma once'),
    ('src/early.c', SPDX + '#include <glib.h>\n', 'begins with config.h'),
    ('src/brace.c', C + 'int\nfoo (void) {\n}\n', 'stands alone'),
    ('src/tab.c', C + '\tint foo;\n', 'no tabs'),
    ('src/space.c', C + 'int foo; \n', 'ends with a space'),
    ('src/wide.c', C + '/* ' + 'x' * 100 + ' */\n', '100 columns'),
    ('src/open.c', C + 'int foo;', 'one end of line'),
]


def run(checker, path, text):
    with tempfile.TemporaryDirectory() as folder:
        for name, contents in [('src/good.c', C + 'int good;\n'), (path, text)]:
            place = pathlib.Path(folder, name)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(contents)
        output = subprocess.run([sys.executable, checker, folder], text=True,
                                stdout=subprocess.PIPE, check=False).stdout
    return [line for line in output.splitlines() if line.startswith('not ok')]


def main():
    failed = False
    print(f'1..{len(CASES)}')
    for number, (path, text, rule) in enumerate(CASES, 1):
        faults = run(sys.argv[1], path, text)
        good = (rule in faults[0] if rule and len(faults) == 1
                else not rule and not faults)
        failed = failed or not good
        print(f'{"ok" if good else "not ok"} {number} - '
              f'{path} {"breaks: " + rule if rule else "is fine"}')
        for fault in [] if good else faults:
            print(f'# {fault}')
    return failed


if __name__ == '__main__':
    sys.exit(main())
