#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""A device that gives back what the driver sends: echo.py SOCKET [THREADS]"""

import sys

import gi
gi.require_version('Vhu', '1.0')
from gi.repository import GLib, Vhu  # noqa: E402


class Echo(Vhu.Backend):
    def __init__(self):
        super().__init__(device_id=42, kind='echo', n_queues=1)

    def do_process_chain(self, vring, chain):
        request = chain.dup_bytes()
        if request.get_data().startswith(b'raise'):
            raise ValueError('this request was asked to fail')
        chain.write_bytes(request)
        return Vhu.ChainResult.DONE

    def do_fail_chain(self, vring, chain):
        chain.write_bytes(GLib.Bytes.new(b'\xff'))


if __name__ == '__main__':
    server = Vhu.Server.new(Echo())
    server.props.n_threads = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    server.listen(sys.argv[1])
    server.start()
    print(sys.argv[1], 'is ready', flush=True)
    GLib.MainLoop().run()
