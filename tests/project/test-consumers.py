#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Use the library as others will: installed, and as a subproject.

Usage: test-consumers.py SOURCE-ROOT BUILD-ROOT
"""

import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile

PROGRAM = '''
#include <vhu/vhu.h>

int
main (void)
{
  return vhu_check_version (VHU_MAJOR_VERSION, VHU_MINOR_VERSION, 0) ? 0 : 1;
}
'''
VALA = '''
int main () {
  return Vhu.check_version (Vhu.MAJOR_VERSION, Vhu.MINOR_VERSION, 0) ? 0 : 1;
}
'''
SCRIPT = '''
import gi
gi.require_version('Vhu', '1.0')
from gi.repository import Vhu
assert Vhu.check_version(Vhu.MAJOR_VERSION, Vhu.MINOR_VERSION, 0)
'''
SUPERPROJECT = '''
project('consumer', 'c')
executable('program', 'program.c', dependencies: dependency('libvhu-1.0',
  fallback: 'libvhu',
  default_options: ['tests=false', 'introspection=disabled']))
'''


class Skip(Exception):
    pass


def run(*command, **keywords):
    done = subprocess.run([str(word) for word in command], text=True,
                          check=False, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, **keywords)
    if done.returncode != 0:
        raise RuntimeError(f'{command[0]} exits with {done.returncode}\n' +
                           done.stdout)
    return done.stdout


def need(tool):
    if not shutil.which(tool):
        raise Skip(f'there is no {tool}')


class Consumers:
    def __init__(self, source_root, build_root, folder):
        self.source_root = source_root
        self.folder = folder
        self.staging = folder / 'staging'
        run('meson', 'install', '-C', build_root, '--no-rebuild', '--quiet',
            '--destdir', self.staging)
        description, = self.staging.rglob('libvhu-1.0.pc')
        self.libdir = description.parent.parent
        # What was installed into a staging folder believes to be elsewhere.
        description.write_text(description.read_text().replace(
            'prefix=/', f'prefix={self.staging}/', 1))
        self.environment = dict(
            os.environ,
            PKG_CONFIG_PATH=str(description.parent),
            LD_LIBRARY_PATH=str(self.libdir),
            GI_TYPELIB_PATH=str(self.libdir / 'girepository-1.0'))
        (folder / 'program.c').write_text(PROGRAM)

    def flags(self):
        return shlex.split(run(
            'pkg-config', '--cflags', '--libs', 'libvhu-1.0',
            env=self.environment))

    def build(self, *compiler):
        program = self.folder / 'program'
        run(*compiler, self.folder / 'program.c', '-o', program,
            *self.flags(), env=self.environment)
        run(program, env=self.environment)

    def test_c(self):
        """a C program builds by pkg-config and runs"""
        need('cc')
        self.build('cc', '-Wall', '-Wextra', '-Werror')

    def test_cxx(self):
        """the headers are good for C++"""
        need('c++')
        self.build('c++', '-Wall', '-Wextra', '-Werror', '-x', 'c++')

    def test_private(self):
        """a private header is not installed"""
        headers = [path.name for path in self.staging.rglob('*.h')]
        assert headers
        assert not [name for name in headers if 'private' in name]

    def test_vala(self):
        """a Vala program builds and runs"""
        need('valac')
        vapis = list(self.staging.rglob('libvhu-1.0.vapi'))
        if not vapis:
            raise Skip('built without vapi')
        source = self.folder / 'program.vala'
        source.write_text(VALA)
        options = [f'--Xcc={flag}' for flag in self.flags()]
        run('valac', '--vapidir', vapis[0].parent, '--pkg', 'libvhu-1.0',
            *options, '-o', self.folder / 'vala', source,
            env=self.environment, cwd=self.folder)
        run(self.folder / 'vala', env=self.environment)

    def test_python(self):
        """a Python program imports it"""
        if not list(self.staging.rglob('Vhu-1.0.typelib')):
            raise Skip('built without introspection')
        try:
            run('/usr/bin/python3', '-c', 'import gi')
        except RuntimeError:
            raise Skip('there is no python3-gi') from None
        run('/usr/bin/python3', '-c', SCRIPT, env=self.environment)

    def test_subproject(self):
        """another project has it as a subproject"""
        project = self.folder / 'superproject'
        (project / 'subprojects').mkdir(parents=True)
        (project / 'subprojects/libvhu').symlink_to(self.source_root)
        (project / 'program.c').write_text(PROGRAM)
        (project / 'meson.build').write_text(SUPERPROJECT)
        run('meson', 'setup', '--buildtype=plain', project / 'build', project)
        run('ninja', '-C', project / 'build', 'program')
        run(project / 'build/program')


def report(number, test):
    line = f'{number} - {test.__doc__}'
    try:
        test()
    except Skip as reason:
        print(f'ok {line} # SKIP {reason}')
    except (AssertionError, OSError, RuntimeError) as error:
        print(f'not ok {line}')
        print('# ' + str(error).replace('\n', '\n# '))
        return False
    else:
        print(f'ok {line}')
    return True


def main():
    source_root = pathlib.Path(sys.argv[1]).resolve()
    build_root = pathlib.Path(sys.argv[2]).resolve()
    with tempfile.TemporaryDirectory() as folder:
        consumers = Consumers(source_root, build_root, pathlib.Path(folder))
        tests = [getattr(consumers, name) for name in dir(consumers)
                 if name.startswith('test_')]
        print(f'1..{len(tests)}', flush=True)
        good = [report(number, test) for number, test in enumerate(tests, 1)]
    return not all(good)


if __name__ == '__main__':
    sys.exit(main())
