#!/usr/bin/env gjs
// SPDX-FileCopyrightText: 2026 The libvhu authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// A device that gives back what the driver sends: echo.js SOCKET

imports.gi.versions.Vhu = '1.0';
const {GLib, GObject, Vhu} = imports.gi;

const Echo = GObject.registerClass(class Echo extends Vhu.Backend {
    _init() {
        super._init({device_id: 42, kind: 'echo', n_queues: 1});
    }

    vfunc_process_queue(vring) {
        for (let chain = vring.pop(); chain; chain = vring.pop()) {
            try {
                const request = chain.dup_bytes();
                if (new TextDecoder().decode(request.get_data()).startsWith('raise'))
                    throw new Error('this request was asked to fail');
                chain.write_bytes(request);
                chain.complete();
            } catch (error) {
                logError(error);
                chain.fail();
            }
        }
    }

    vfunc_fail_chain(vring, chain) {
        chain.write_bytes(new GLib.Bytes([0xff]));
    }
});

const server = Vhu.Server.new(new Echo());
server.listen(ARGV[0]);
server.start();
print(`${ARGV[0]} is ready`);
new GLib.MainLoop(null, false).run();
