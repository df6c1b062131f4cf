#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What becomes of the mistakes of a device in JavaScript.

Usage: test-binding-gjs.py FOLDER-OF-FAULTY.JS
"""

import os
import shutil
import sys

from bindingtest import (END_TIMEOUT, FAILED, GLib, ScriptDevice, Suite, Vhu,
                         equal, need)

SCRIPT = os.path.join(sys.argv[1], 'faulty.js')
# A collector that is asked again has done what it can.
COLLECTIONS = 20


def start(way, *options, threads='0'):
    need(shutil.which('gjs'), 'there is no gjs')
    # What a script throws out of a virtual method is critical to GJS.
    return ScriptDevice(['gjs', SCRIPT, threads, way, *options], debug='')


def assert_alive(driver, held=0, failed=None):
    words = driver.ask('state').decode().split()
    equal(words[1], str(held + 1))
    if failed is not None:
        equal(words[3::2], [str(failed), str(failed)])


def test_exception_fails_the_chain_at_once(way):
    with start(way) as device, device.connect() as driver:
        for number in range(1, 4):
            equal(driver.ask('raise'), FAILED)
            assert_alive(driver, failed=number)
        equal(driver.ask('echo and it goes on'), b'and it goes on')


def test_wrong_results_fail_the_chain(way):
    wrong = ['nothing', 'null', 'text', 'boolean', 'number 0', 'number 7',
             'number -1', 'number 1e30', 'number NaN']
    with start(way) as device, device.connect() as driver:
        for number, request in enumerate(wrong, 1):
            equal(driver.ask(request), FAILED)
            assert_alive(driver, failed=number)
        equal(driver.ask('number 1'), b'1')


def test_method_that_fails_chains_may_raise(way):
    with start(way) as device, device.connect() as driver:
        equal(driver.ask('raise_twice'), b'')
        assert_alive(driver, failed=1)
        equal(driver.ask('raise'), FAILED)


def test_kept_chain_is_completed_later(way):
    with start(way) as device, device.connect() as driver:
        chains = [driver.send('later') for _ in range(10)]
        for chain in chains:
            equal(driver.receive(chain), b'later')
        first = driver.send('keep')
        assert_alive(driver, held=1, failed=0)
        driver.ask('complete_kept')
        equal(driver.receive(first), b'kept')
        first = driver.send('keep')
        driver.ask('fail_kept')
        equal(driver.receive(first), FAILED)


def test_lost_chain_fails_when_it_is_collected(way):
    with start(way) as device, device.connect() as driver:
        lost = driver.send('lose')
        assert_alive(driver, held=1)
        for _ in range(COLLECTIONS):
            driver.ask('collect')
        equal(driver.receive(lost), FAILED)
        assert_alive(driver, failed=1)
        assert 'garbage collection' not in device.read_log()


def test_lost_argument_waits_for_the_stop(way):
    with start(way) as device, device.connect() as driver:
        driver.send('lose')
        driver.ask('collect')
        assert_alive(driver, held=1, failed=0)
        driver.queue.stop()


def test_second_end_of_a_chain_is_an_error(way):
    with start(way) as device, device.connect() as driver:
        equal(driver.ask('complete_twice'), b'once')
        equal(driver.ask('report').decode(), 'fine revoked')
        equal(driver.ask('fail_and_complete'), FAILED)
        equal(driver.ask('report').decode(), 'fine revoked')


def test_too_long_answer_fails_the_chain(way):
    with start(way) as device, device.connect() as driver:
        equal(driver.ask('write_too_much'), FAILED)
        assert_alive(driver, failed=1)


def test_handle_outlives_its_session(way):
    with start(way) as device:
        with device.connect() as driver:
            driver.send('keep')
            assert_alive(driver, held=1)
        with device.connect() as driver:
            equal(driver.ask('use_kept').decode(),
                  ' '.join(['revoked'] * 8 + ['true'] * 2))


def test_server_stops_in_order(way):
    with start(way) as device:
        with device.connect() as driver:
            driver.ask('raise')
            driver.ask('echo')
            driver.send('keep')
            assert_alive(driver, held=1)
            equal(device.stop(), 0)
        assert 'completed 3 failed 1\n' in device.read_log()


def test_memory_may_be_refused(way):
    for behaviour in ('raise', 'nothing', 'refuse'):
        with start(way, f'memory_changed={behaviour}') as device:
            frontend = Vhu.Frontend.open(device.path)
            frontend.negotiate()
            frontend.allocate_memory(1 << 20, 1)
            try:
                frontend.share_memory()
                raise AssertionError('the memory was accepted')
            except GLib.Error as error:
                assert error.matches(Vhu.error_quark(), Vhu.Error.REFUSED)
            frontend.close()


def test_threads_are_refused(way):
    with start(way, threads='1') as device:
        equal(device.process.wait(END_TIMEOUT), 1)
        assert 'n-threads is 1, must be 0' in device.read_log()


suite = Suite('/bindings/gjs')
TESTS = [
    test_exception_fails_the_chain_at_once,
    test_method_that_fails_chains_may_raise,
    test_kept_chain_is_completed_later,
    test_second_end_of_a_chain_is_an_error,
    test_too_long_answer_fails_the_chain,
    test_handle_outlives_its_session,
    test_server_stops_in_order,
    test_threads_are_refused,
]
for manner in ('chain', 'queue', 'locked'):
    for test in TESTS:
        suite.add(test, manner, path=f'/{manner}')
for manner in ('chain', 'locked'):
    suite.add(test_wrong_results_fail_the_chain, manner, path=f'/{manner}')
    suite.add(test_lost_argument_waits_for_the_stop, manner, path=f'/{manner}')
    suite.add(test_memory_may_be_refused, manner, path=f'/{manner}')
suite.add(test_lost_chain_fails_when_it_is_collected, 'queue', path='/queue')
suite.run()
