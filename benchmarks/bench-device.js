#!/usr/bin/env gjs
// SPDX-FileCopyrightText: 2026 The libvhu authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// For bench-bindings.py: reads a request and answers with 16 bytes.

imports.gi.versions.Vhu = '1.0';
const {GLib, GObject, Vhu} = imports.gi;

const answer = new GLib.Bytes(new Uint8Array(16));

const Device = GObject.registerClass(class Device extends Vhu.Backend {
    vfunc_process_queue(vring) {
        for (let chain = vring.pop(); chain; chain = vring.pop()) {
            chain.dup_bytes();
            chain.write_bytes(answer);
            chain.complete();
        }
    }
});

const server = Vhu.Server.new(new Device());
server.use_fd(Number(ARGV[0]));
server.start();
new GLib.MainLoop(null, false).run();
