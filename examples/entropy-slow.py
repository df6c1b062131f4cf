#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""An entropy source that takes its time, on the socket that is given."""

import os
import signal
import sys

import gi
gi.require_version('Vhu', '1.0')
from gi.repository import GLib, Vhu  # noqa: E402


class SlowEntropy(Vhu.Backend):
    def __init__(self):
        super().__init__(device_id=4, kind='entropy', n_queues=1)
        self.waiting = []

    def do_process_chain(self, vring, chain):
        self.waiting.append(chain)
        source = GLib.timeout_source_new(10)
        source.set_callback(self.answer)
        source.attach(vring.get_context())
        return Vhu.ChainResult.PENDING

    def answer(self, *unused):
        if self.waiting:
            chain = self.waiting.pop(0)
            chain.write_bytes(GLib.Bytes(os.urandom(16)))
            chain.complete()
        return GLib.SOURCE_REMOVE

    def do_vring_stopping(self, vring):
        for chain in self.waiting:
            chain.park()
        self.waiting.clear()


def main():
    loop = GLib.MainLoop()
    server = Vhu.Server.new(SlowEntropy())
    server.listen(sys.argv[1])
    server.start()

    def stopped(server, result):
        server.stop_finish(result)
        loop.quit()

    def terminate():
        server.stop_async(None, stopped)
        return GLib.SOURCE_REMOVE

    GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, signal.SIGTERM, terminate)
    GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, signal.SIGINT, terminate)
    loop.run()


main()
