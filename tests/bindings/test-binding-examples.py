#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The examples in Python, JavaScript and Vala serve real requests.

Usage: test-binding-examples.py EXAMPLES [VALA-PROGRAM]
"""

import os
import shutil
import sys

from bindingtest import (ExampleDevice, FAILED, GLib, Suite, Vhu, equal, need)

LONGEST_EXAMPLE = 40
MANY = 300

SOURCES = sys.argv[1]
VALA_PROGRAM = sys.argv[2] if len(sys.argv) > 2 else None


def start(example, *options):
    if example == 'echo.vala':
        need(VALA_PROGRAM, 'there is no compiler of Vala')
        return ExampleDevice([VALA_PROGRAM], *options)
    interpreter = sys.executable
    if example == 'echo.js':
        interpreter = shutil.which('gjs')
        need(interpreter, 'there is no gjs')
    return ExampleDevice([interpreter, os.path.join(SOURCES, example)],
                         *options)


def test_is_short(example):
    with open(os.path.join(SOURCES, example), encoding='utf-8') as file:
        length = len(file.readlines())
    assert length <= LONGEST_EXAMPLE, f'{example} has {length} lines'


def test_echoes(example, *options):
    with start(example, *options) as device, device.connect() as driver:
        equal('echo-0' in device.thread_names(), bool(options))
        equal(driver.ask('hello'), b'hello')
        equal(driver.ask(b'\0\xff' * 2000, 4000), b'\0\xff' * 2000)
        for number in range(MANY):
            equal(driver.ask(f'request {number}'), f'request {number}'.encode())


def test_answers_in_batches(example, *options):
    with start(example, *options) as device, device.connect() as driver:
        driver.queue.set_indirect(True, 0)
        for _ in range(8):
            sent = {driver.send(f'{number}'): number
                    for number in range(driver.queue.get_size() // 4)}
            for chain, number in sent.items():
                equal(driver.receive(chain), f'{number}'.encode())


def test_fails_what_raises(example, *options):
    with start(example, *options) as device, device.connect() as driver:
        for number in range(3):
            equal(driver.ask('raise it'), FAILED)
            equal(driver.ask(f'{number}'), f'{number}'.encode())


def test_fails_what_does_not_fit(example, *options):
    with start(example, *options) as device, device.connect() as driver:
        equal(driver.ask('longer than its answer may be', 4), FAILED)
        equal(driver.ask('short', 5), b'short')


def test_goes_on_after_a_stop(example, *options):
    with start(example, *options) as device, device.connect() as driver:
        equal(driver.ask('one'), b'one')
        driver.queue.stop()
        driver.queue.start()
        equal(driver.ask('two'), b'two')


def test_serves_one_front_end_after_another(example, *options):
    with start(example, *options) as device:
        for number in range(3):
            with device.connect() as driver:
                equal(driver.ask(f'{number}'), f'{number}'.encode())


suite = Suite('/bindings/examples')
TESTS = [
    test_echoes,
    test_answers_in_batches,
    test_fails_what_raises,
    test_fails_what_does_not_fit,
    test_goes_on_after_a_stop,
    test_serves_one_front_end_after_another,
]
for source_name in ('echo.py', 'echo.js', 'echo.vala'):
    suite.add(test_is_short, source_name, path=f'/{source_name}')
for path, arguments in [
        ('/echo.py/context', ['echo.py']),
        ('/echo.py/thread', ['echo.py', '1']),
        ('/echo.js/context', ['echo.js']),
        ('/echo.vala/context', ['echo.vala']),
        ('/echo.vala/thread', ['echo.vala', '1'])]:
    for test in TESTS:
        suite.add(test, *arguments, path=path)
suite.run()
