#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""See that nothing is left untranslated, and nothing is left out.

Usage: check-po.py SOURCE-ROOT

POTFILES has to list the files with marked texts and no others; the languages
that are kept complete have to translate each text that is in these files now,
without running into a difference of format.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

COMPLETE = ('de', 'zh_CN')
MARK = re.compile(r'(?<![\w"])(?:_|N_|C_|NC_|ngettext|g_dngettext) ?\(')
KEYWORDS = ('_', 'N_', 'C_:1c,2', 'NC_:1c,2', 'ngettext:1,2',
            'g_dngettext:2,3')


def read_list(path):
    return [line for line in path.read_text().split('\n')
            if line and not line.startswith('#')]


def check_potfiles(root):
    listed = read_list(root / 'po/POTFILES')
    marked = set()
    for path in (root / 'src').rglob('*.[ch]'):
        if MARK.search(path.read_text()):
            marked.add(str(path.relative_to(root)))
    sources = {name for name in listed if name.endswith(('.c', '.h'))}
    return ([f'{name} is not listed' for name in sorted(marked - sources)] +
            [f'{name} has no texts' for name in sorted(sources - marked)] +
            [f'{name} does not exist' for name in listed
             if not (root / name).exists()] +
            [f'{name} is not in order' for name, other
             in zip(listed, sorted(listed)) if name != other])


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False)


def check_language(root, language):
    po = root / f'po/{language}.po'
    if language not in read_list(root / 'po/LINGUAS') or not po.exists():
        return [f'{language} is missing']
    with tempfile.TemporaryDirectory() as folder:
        pot = pathlib.Path(folder, 'texts.pot')
        merged = pathlib.Path(folder, 'merged.po')
        command = ['xgettext', '--from-code=UTF-8', '--force-po',
                   '--flag=ngettext:1:c-format', f'--directory={root}',
                   f'--files-from={root / "po/POTFILES"}', f'--output={pot}']
        command += [f'--keyword={keyword}' for keyword in KEYWORDS]
        for step in (command,
                     ['msgmerge', '--quiet', '--no-fuzzy-matching', po, pot,
                      f'--output-file={merged}'],
                     ['msgfmt', '--check', po, '--output-file=/dev/null']):
            done = run(*step)
            if done.returncode != 0:
                return done.stderr.splitlines()
        missing = run('msgattrib', '--untranslated', '--no-obsolete', merged)
        fuzzy = run('msgattrib', '--only-fuzzy', '--no-obsolete', merged)
    texts = re.findall(r'^msgid (.*(?:\n".*)*)',
                       missing.stdout + fuzzy.stdout, re.MULTILINE)
    return [f'not translated: {text}' for text in texts
            if text != '""']


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    results = [('POTFILES lists every file with texts', check_potfiles(root))]
    for language in COMPLETE:
        results.append((f'{language} is complete',
                        check_language(root, language)))

    print(f'1..{len(results)}')
    for number, (name, faults) in enumerate(results, 1):
        print(f'{"not ok" if faults else "ok"} {number} - {name}')
        for fault in faults:
            print('# ' + fault.replace('\n', '\n# '))
    return any(faults for _, faults in results)


if __name__ == '__main__':
    sys.exit(main())
