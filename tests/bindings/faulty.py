#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A device that does the wrong things that its driver asks for.

Usage: faulty.py LISTENING-FD THREADS WAY [METHOD=raise|nothing|refuse...]

WAY is how requests come: chain (the method process_chain), queue (a loop in
process_queue) or locked (process_chain in a wrapper). The first word of a
request says which of the methods below serves it.
"""

import gc
import signal
import sys

import gi
gi.require_version('Vhu', '1.0')
from gi.repository import GLib, Vhu  # noqa: E402

DONE = Vhu.ChainResult.DONE
PENDING = Vhu.ChainResult.PENDING


def answer(chain, text):
    chain.write_bytes(GLib.Bytes(text.encode()))


def outcome(function, *arguments):
    """What a call comes to, in one word."""
    try:
        function(*arguments)
    except GLib.Error as error:
        return Vhu.Error(error.code).value_nick \
            if error.matches(Vhu.error_quark(), error.code) else error.domain
    return 'fine'


class Faulty(Vhu.Backend):
    def __init__(self):
        super().__init__(device_id=42, kind='faulty', n_queues=2)
        self.update_config(0, GLib.Bytes(b'config'))
        self.add_writable_config(0, 6)
        self.kept = []
        self.report = ''
        self.fail_raises = False

    def do_process_chain(self, vring, chain):
        words = chain.dup_bytes().get_data().decode().split()
        return getattr(self, 'on_' + words[0])(vring, chain, *words[1:])

    def do_fail_chain(self, vring, chain):
        if self.fail_raises:
            self.fail_raises = False
            raise RuntimeError('fail_chain raises, too')
        chain.write_bytes(GLib.Bytes(b'\xff'))

    # Good requests, and questions.

    def on_echo(self, vring, chain, *words):
        answer(chain, ' '.join(words))
        return DONE

    def on_state(self, vring, chain):
        answer(chain, f'held {vring.get_n_held()} '
               f'failed {vring.get_n_failed()} errors {self.get_n_errors()}')
        return DONE

    def on_report(self, vring, chain):
        answer(chain, self.report)
        return DONE

    # Wrong results.

    def on_raise(self, vring, chain):
        answer(chain, 'half an answer')
        raise ValueError('as the driver wants it')

    def on_raise_twice(self, vring, chain):
        self.fail_raises = True
        raise ValueError('as the driver wants it')

    def on_nothing(self, vring, chain):
        answer(chain, 'nobody says that this is done')

    def on_text(self, vring, chain):
        return 'DONE'

    def on_number(self, vring, chain, number):
        answer(chain, number)
        return int(number)

    # Chains that are kept.

    def on_keep(self, vring, chain):
        self.kept.append(chain)
        return PENDING

    def on_later(self, vring, chain):
        def answer_later():
            answer(chain, 'later')
            chain.complete()
            return GLib.SOURCE_REMOVE

        GLib.timeout_add(1, answer_later)
        return PENDING

    def on_complete_kept(self, vring, chain):
        for kept in self.kept:
            answer(kept, 'kept')
            kept.complete()
        self.kept.clear()
        return DONE

    def on_fail_kept(self, vring, chain):
        for kept in self.kept:
            kept.fail()
        self.kept.clear()
        return DONE

    def on_lose(self, vring, chain):
        return PENDING

    def on_lose_in_cycle(self, vring, chain):
        cycle = [chain]
        cycle.append(cycle)
        return PENDING

    def on_collect(self, vring, chain):
        gc.collect()
        return DONE

    def on_raise_and_keep(self, vring, chain):
        self.kept.append(chain)
        raise ValueError('and the chain is kept')

    def on_look_into_traceback(self, vring, chain):
        frame = sys.last_value.__traceback__
        while frame.tb_next:
            frame = frame.tb_next
        held = frame.tb_frame.f_locals['chain']
        answer(chain, f'{held is not chain} {held.is_revoked()} '
               f'{outcome(held.complete)}')
        return DONE

    # Handles that are dead.

    def on_complete_twice(self, vring, chain):
        answer(chain, 'once')
        self.report = f'{outcome(chain.complete)} {outcome(chain.complete)}'
        return DONE

    def on_fail_and_complete(self, vring, chain):
        self.report = f'{outcome(chain.fail)} {outcome(chain.complete)}'
        return DONE

    def on_write_too_much(self, vring, chain):
        chain.write_bytes(GLib.Bytes(bytes(chain.get_writable_size() + 1)))
        return DONE

    def on_use_kept(self, vring, chain):
        """What each method of a dead handle comes to."""
        kept = self.kept[0]
        words = [outcome(kept.complete), outcome(kept.complete_full, 1),
                 outcome(kept.fail), outcome(kept.park),
                 outcome(kept.dup_bytes), outcome(kept.read_bytes, 1),
                 outcome(kept.write_bytes, GLib.Bytes(b'!')),
                 outcome(kept.seek, 0, 0), str(kept.is_revoked()),
                 type(kept.get_vring()).__name__]
        answer(chain, ' '.join(words))
        return DONE


class FaultyQueue(Faulty):
    """The same by a loop, which has to see to failures itself."""

    def do_process_queue(self, vring):
        for chain in iter(vring.pop, None):
            try:
                if self.do_process_chain(vring, chain) == DONE:
                    vring.push(chain, chain.get_n_written())
            except ValueError:
                chain.fail()


def raising(*unused):
    raise ValueError('as the command line wants it')


def nothing(*unused):
    pass


def refusing(*unused):
    raise GLib.Error.new_literal(Vhu.error_quark(), 'refused by the device',
                                 Vhu.Error.REFUSED)


BEHAVIOUR = {'raise': raising, 'nothing': nothing, 'refuse': refusing}


def make_device(way, options):
    methods = {}
    for option in options:
        name, _, behaviour = option.partition('=')
        methods['do_' + name] = BEHAVIOUR[behaviour]
    base = FaultyQueue if way == 'queue' else Faulty
    device = type('Device', (base,), methods)()
    if way == 'locked':
        return Vhu.BackendLocked.new(device, Vhu.LockMode.MUTEX)
    return device


def main():
    loop = GLib.MainLoop()
    server = Vhu.Server(backend=make_device(sys.argv[3], sys.argv[4:]),
                        n_threads=int(sys.argv[2]), drain_timeout=1)
    server.use_fd(int(sys.argv[1]))
    server.start()

    def stopped(source, result):
        server.stop_finish(result)
        print('completed', server.get_n_completed(),
              'failed', server.get_n_failed(), flush=True)
        loop.quit()

    def terminate():
        server.stop_async(None, stopped)
        return GLib.SOURCE_REMOVE

    GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, signal.SIGTERM, terminate)
    loop.run()


main()
