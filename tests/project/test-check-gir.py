#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Plant one fault of each kind and see that check-gir.py finds it.

Usage: test-check-gir.py CHECKER
"""

import subprocess
import sys
import tempfile

GIR = '''<?xml version="1.0"?>
<repository xmlns="http://www.gtk.org/introspection/core/1.0"
            xmlns:c="http://www.gtk.org/introspection/c/1.0"
            xmlns:glib="http://www.gtk.org/introspection/glib/1.0">
  <namespace name="Test" version="1.0">
    <class name="Thing" version="0.1">
      <virtual-method name="work" invoker="work"/>
      <method name="work" c:identifier="test_thing_work" version="0.1">
        <return-value><type name="none"/></return-value>
        <parameters>{parameters}</parameters>
      </method>
      <method name="get_size" c:identifier="test_thing_get_size" version="0.1"
              glib:get-property="size"/>
      <property name="size" getter="get_size"/>
      {members}
    </class>
  </namespace>
</repository>
'''
METHOD = '<method name="{}" c:identifier="test_{}" version="0.1" {}/>'
PARAMETER = '<parameter name="it" {}><type name="{}" c:type="{}"/></parameter>'
ARRAY = '<parameter name="it"><array {}><type name="guint"/></array></parameter>'


def method(name, attributes=''):
    return METHOD.format(name, name, attributes)


# What is said of the case, members and parameters that are added, and a word
# of the check that has to fail; None where nothing is wrong.
CASES = [
    ('a good class', '', '', None),
    ('a method notify', method('notify'), '', 'hides'),
    ('a signal connect', '<glib:signal name="connect"/>', '', 'hides'),
    ('a virtual method dispose',
     '<virtual-method name="dispose"/>' + method('dispose'), '', 'hides'),
    ('a method with the name of a property', method('size'), '', 'hides'),
    ('a method raise', method('raise'), '', 'hides'),
    ('a virtual method alone', '<virtual-method name="rest"/>', '',
     'virtual function'),
    ('a virtual method with a method of another name',
     '<virtual-method name="rest" invoker="sleep"/>' + method('sleep'), '',
     'virtual function'),
    ('a property without a getter', '<property name="age"/>', '', 'getter'),
    ('a property without a setter',
     '<property name="age" writable="1" getter="get_age"/>' +
     method('get_age', 'glib:get-property="age"'), '', 'getter'),
    ('a property that is written once',
     '<property name="age" writable="1" construct-only="1" getter="get_age"/>' +
     method('get_age', 'glib:get-property="age"'), '', None),
    ('a getter that knows no property',
     '<property name="age" getter="get_age"/>' + method('get_age'), '',
     'getter'),
    ('a method that scripts do not see',
     method('secret', 'introspectable="0"'), '', 'twin'),
    ('a pointer', '', PARAMETER.format('', 'gpointer', 'gpointer'), 'address'),
    ('data of a callback', '',
     PARAMETER.format('scope="call" closure="1"', 'GLib.Func', 'GFunc') +
     PARAMETER.format('', 'gpointer', 'gpointer'), None),
    ('an array without a length', '', ARRAY.format('zero-terminated="0"'),
     'length'),
    ('an array with a length', '', ARRAY.format('length="1"'), None),
    ('a callback without a scope', '',
     PARAMETER.format('', 'GLib.Func', 'GFunc'), 'scope'),
    ('a method of unknown age',
     '<method name="old" c:identifier="test_old"/>', '', 'since'),
]


def run(checker, members, parameters):
    with tempfile.NamedTemporaryFile('w', suffix='.gir') as file:
        file.write(GIR.format(members=members, parameters=parameters))
        file.flush()
        output = subprocess.run([sys.executable, checker, file.name], text=True,
                                stdout=subprocess.PIPE, check=False).stdout
    return output.splitlines()


def main():
    failed = False
    print(f'1..{len(CASES)}')
    for number, (name, members, parameters, word) in enumerate(CASES, 1):
        lines = run(sys.argv[1], members, parameters)
        faults = [line for line in lines if line.startswith('not ok')]
        good = bool(lines) and (
            word in faults[0] if word and len(faults) == 1
            else not word and not faults)
        failed = failed or not good
        print(f'{"ok" if good else "not ok"} {number} - {name} '
              f'{"is found" if word else "is fine"}')
        for line in [] if good else lines:
            print(f'# {line}')
    return failed


if __name__ == '__main__':
    sys.exit(main())
