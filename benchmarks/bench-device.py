#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""For bench-bindings.py: reads a request and answers with 16 bytes."""

import sys

import gi
gi.require_version('Vhu', '1.0')
from gi.repository import GLib, Vhu  # noqa: E402

ANSWER = GLib.Bytes(bytes(16))


class Device(Vhu.Backend):
    def do_process_chain(self, vring, chain):
        chain.dup_bytes()
        chain.write_bytes(ANSWER)
        return Vhu.ChainResult.DONE


server = Vhu.Server(backend=Device(), n_threads=int(sys.argv[2]))
server.use_fd(int(sys.argv[1]))
server.start()
GLib.MainLoop().run()
