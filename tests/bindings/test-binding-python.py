#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What becomes of the mistakes of a device in Python.

Usage: test-binding-python.py FOLDER-OF-FAULTY.PY
"""

import os
import sys

from bindingtest import FAILED, GLib, ScriptDevice, Suite, Vhu, equal

SCRIPT = os.path.join(sys.argv[1], 'faulty.py')
DEAD = 'revoked'


def start(threads, way, *options):
    # Nothing that a script does wrong may be critical to GLib.
    return ScriptDevice([sys.executable, SCRIPT, threads, way, *options])


def assert_alive(driver, held=0, failed=None):
    words = driver.ask('state').decode().split()
    equal(words[1], str(held + 1))
    if failed is not None:
        equal(words[3::2], [str(failed), str(failed)])


def test_exception_fails_the_chain_at_once(*where):
    with start(*where) as device, device.connect() as driver:
        for number in range(1, 4):
            equal(driver.ask('raise'), FAILED)
            assert_alive(driver, failed=number)
        equal(driver.ask('echo and it goes on'), b'and it goes on')
        if where[1] != 'queue':
            equal(device.read_log().count('ValueError: '), 3)


def test_exceptions_leave_other_requests_alone(*where):
    with start(*where) as device, device.connect() as driver:
        words = ['echo a', 'raise', 'echo b', 'raise', 'raise', 'echo c'] * 5
        chains = [(driver.send(word), word) for word in words]
        for chain, word in chains:
            equal(driver.receive(chain), word[5:].encode() or FAILED)
        assert_alive(driver, failed=15)


def test_wrong_results_fail_the_chain(*where):
    wrong = ['nothing', 'text', 'number 0', 'number 3', 'number -1',
             'number 99999999999999999999']
    with start(*where) as device, device.connect() as driver:
        for number, request in enumerate(wrong, 1):
            equal(driver.ask(request), FAILED)
            assert_alive(driver, failed=number)
        # A number that means something is taken for it.
        equal(driver.ask('number 1'), b'1')


def test_method_that_fails_chains_may_raise(*where):
    with start(*where) as device, device.connect() as driver:
        equal(driver.ask('raise_twice'), b'')
        assert_alive(driver, failed=1)
        equal(driver.ask('raise'), FAILED)
        assert_alive(driver, failed=2)


def test_kept_chain_is_completed_later(*where):
    with start(*where) as device, device.connect() as driver:
        equal(driver.ask('later'), b'later')
        chains = [driver.send('later') for _ in range(10)]
        for chain in chains:
            equal(driver.receive(chain), b'later')
        assert_alive(driver, failed=0)


def test_kept_chain_waits_for_its_end(*where):
    with start(*where) as device, device.connect() as driver:
        first, second = driver.send('keep'), driver.send('keep')
        equal(driver.ask('echo'), b'')
        assert not driver.is_answered(first)
        assert_alive(driver, held=2, failed=0)
        driver.ask('complete_kept')
        equal([driver.receive(first), driver.receive(second)], [b'kept'] * 2)

        first = driver.send('keep')
        driver.ask('fail_kept')
        equal(driver.receive(first), FAILED)
        assert_alive(driver, failed=1)


def test_lost_chain_fails(*where):
    with start(*where) as device, device.connect() as driver:
        equal(driver.ask('lose'), FAILED)
        assert_alive(driver, failed=1)


def test_chain_in_a_cycle_fails_when_it_is_collected(*where):
    with start(*where) as device, device.connect() as driver:
        lost = driver.send('lose_in_cycle')
        assert_alive(driver, held=1)
        driver.ask('collect')
        equal(driver.receive(lost), FAILED)
        assert_alive(driver, failed=1)


def test_traceback_holds_a_dead_handle_only(*where):
    with start(*where) as device, device.connect() as driver:
        equal(driver.ask('raise'), FAILED)
        equal(driver.ask('look_into_traceback'), f'True True {DEAD}'.encode())
        assert_alive(driver, failed=1)


def test_kept_and_raised_is_failed(*where):
    with start(*where) as device, device.connect() as driver:
        equal(driver.ask('raise_and_keep'), FAILED)
        assert_use_of_kept(driver)
        assert_alive(driver, failed=1)


def assert_use_of_kept(driver):
    equal(driver.ask('use_kept').decode(),
          ' '.join([DEAD] * 8 + ['True', 'Vring']))


def test_second_end_of_a_chain_is_an_error(*where):
    with start(*where) as device, device.connect() as driver:
        equal(driver.ask('complete_twice'), b'once')
        equal(driver.ask('report').decode(), f'fine {DEAD}')
        equal(driver.ask('fail_and_complete'), FAILED)
        equal(driver.ask('report').decode(), f'fine {DEAD}')
        assert_alive(driver, failed=1)


def test_too_long_answer_fails_the_chain(*where):
    with start(*where) as device, device.connect() as driver:
        equal(driver.ask('write_too_much'), FAILED)
        assert_alive(driver, failed=1)


def test_handle_outlives_its_session(*where):
    with start(*where) as device:
        with device.connect() as driver:
            driver.send('keep')
            assert_alive(driver, held=1)
        # The drain takes its time, and the next session waits for it.
        with device.connect() as driver:
            assert_use_of_kept(driver)
            assert_alive(driver, failed=0)


def test_stop_revokes_what_is_kept(*where):
    with start(*where) as device, device.connect() as driver:
        driver.send('keep')
        assert_alive(driver, held=1)
        driver.queue.stop()
        driver.queue.reset()
        driver.queue.start()
        assert_use_of_kept(driver)


def test_server_stops_in_order(*where):
    with start(*where) as device:
        with device.connect() as driver:
            driver.ask('raise')
            driver.ask('echo')
            driver.send('keep')
            assert_alive(driver, held=1)
            equal(device.stop(), 0)
        assert 'completed 3 failed 1\n' in device.read_log()


def refused(function, *arguments):
    try:
        function(*arguments)
    except GLib.Error as error:
        return error.matches(Vhu.error_quark(), Vhu.Error.REFUSED)
    return False


def test_memory_may_be_refused(threads, way):
    for behaviour, reason in [
            ('raise', 'memory_changed() of'), ('nothing', 'memory_changed() of'),
            ('refuse', 'refused by the device')]:
        with start(threads, way, f'memory_changed={behaviour}') as device:
            frontend = Vhu.Frontend.open(device.path)
            frontend.negotiate()
            frontend.allocate_memory(1 << 20, 1)
            assert refused(frontend.share_memory), behaviour
            assert reason in device.read_log(), behaviour
            # The session lives.
            equal(frontend.get_config(0, 6).get_data(), b'config')
            frontend.close()


def test_configuration_may_be_refused(threads, way):
    for behaviour in ('raise', 'nothing', 'refuse'):
        with start(threads, way, f'config_written={behaviour}') as device, \
                device.connect() as driver:
            assert refused(driver.frontend.set_config, 0, GLib.Bytes(b'CON'),
                           Vhu.ConfigOrigin.DRIVER), behaviour
            equal(driver.frontend.get_config(0, 6).get_data(), b'config')
            equal(driver.ask('echo yes'), b'yes')


def test_other_methods_may_raise(threads, way):
    methods = ['session_opened', 'session_closed', 'features_negotiated',
               'set_event_idx', 'map_queue', 'reset', 'vring_started',
               'vring_stopping', 'vring_stopped', 'frontend_channel_ready']
    with start(threads, way, *[name + '=raise' for name in methods]) as device:
        for _ in range(2):
            with device.connect() as driver:
                equal(driver.ask('echo still'), b'still')
                driver.queue.stop()
                driver.queue.start()
                equal(driver.ask('echo here'), b'here')
                driver.queue.stop()
                driver.frontend.reset_device()
        equal(device.stop(), 0)
        assert device.read_log().count('ValueError: ') >= 2 * 7


class Plain(Vhu.Backend):
    pass


def raises(kind, function, *arguments, **keywords):
    try:
        function(*arguments, **keywords)
    except kind:
        return True
    return False


def test_properties_come_from_constructors():
    device = Plain(device_id=5, kind='plain', n_queues=3, queue_size=128)
    locked = Vhu.BackendLocked(backend=device,
                               lock_mode=Vhu.LockMode.READ_WRITE)
    for backend in (device, locked):
        equal([backend.props.device_id, backend.props.kind,
               backend.props.n_queues, backend.props.queue_size],
              [5, 'plain', 3, 128])
        equal([backend.get_device_id(), backend.get_kind(),
               backend.get_n_queues(), backend.get_queue_size()],
              [5, 'plain', 3, 128])
    equal(locked.get_lock_mode(), Vhu.LockMode.READ_WRITE)
    equal([Plain().props.kind, Plain().props.n_queues], ['device', 1])


def test_properties_are_checked():
    assert raises(TypeError, Vhu.Backend)
    assert raises(TypeError, Plain, size=3)


suite = Suite('/bindings/python')
suite.add(test_properties_come_from_constructors)
suite.add(test_properties_are_checked)
CHAIN_TESTS = [
    test_exception_fails_the_chain_at_once,
    test_exceptions_leave_other_requests_alone,
    test_method_that_fails_chains_may_raise,
    test_kept_chain_is_completed_later,
    test_kept_chain_waits_for_its_end,
    test_lost_chain_fails,
    test_chain_in_a_cycle_fails_when_it_is_collected,
    test_second_end_of_a_chain_is_an_error,
    test_handle_outlives_its_session,
    test_stop_revokes_what_is_kept,
    test_server_stops_in_order,
]
METHOD_TESTS = [
    test_wrong_results_fail_the_chain,
    test_traceback_holds_a_dead_handle_only,
    test_kept_and_raised_is_failed,
    test_too_long_answer_fails_the_chain,
    test_memory_may_be_refused,
    test_configuration_may_be_refused,
    test_other_methods_may_raise,
]
for context, n_threads in ('context', '0'), ('thread', '1'):
    for manner in ('chain', 'queue', 'locked'):
        tests = CHAIN_TESTS + (METHOD_TESTS if manner != 'queue' else [])
        for test in tests:
            suite.add(test, n_threads, manner, path=f'/{context}/{manner}')
suite.run()
