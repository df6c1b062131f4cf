#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The smallest device: an entropy source, on the socket that is given."""

import os
import signal
import sys

import gi
gi.require_version('Vhu', '1.0')
from gi.repository import GLib, Vhu  # noqa: E402


class Entropy(Vhu.Backend):
    def __init__(self):
        super().__init__(device_id=4, kind='entropy', n_queues=1)

    def do_process_chain(self, vring, chain):
        size = min(chain.get_writable_size(), 256)
        chain.write_bytes(GLib.Bytes(os.urandom(size)))
        return Vhu.ChainResult.DONE


def main():
    loop = GLib.MainLoop()
    server = Vhu.Server.new(Entropy())
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
