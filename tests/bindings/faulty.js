#!/usr/bin/env gjs
// SPDX-FileCopyrightText: 2026 The libvhu authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// A device that does the wrong things that its driver asks for.
//
// Usage: faulty.js LISTENING-FD THREADS WAY [METHOD=raise|nothing|refuse...]
//
// WAY is how requests come: chain (the method process_chain), queue (a loop in
// process_queue) or locked (process_chain in a wrapper). The first word of a
// request says which of the methods below serves it.

imports.gi.versions.Vhu = '1.0';
const {GLib, GObject, Vhu} = imports.gi;
const System = imports.system;

const {DONE, PENDING} = Vhu.ChainResult;

function bytes(text) {
    return new GLib.Bytes(new TextEncoder().encode(text));
}

// What a call comes to, in one word.
function outcome(call) {
    try {
        call();
    } catch (error) {
        return error.matches(Vhu.Error, Vhu.Error.REVOKED) ? 'revoked' : `${error}`;
    }
    return 'fine';
}

const Faulty = GObject.registerClass(class Faulty extends Vhu.Backend {
    _init() {
        super._init({device_id: 42, kind: 'faulty', n_queues: 2});
        this.update_config(0, bytes('config'));
        this.add_writable_config(0, 6);
        this._kept = [];
        this._report = '';
        this._failRaises = false;
    }

    serve(vring, chain) {
        const text = new TextDecoder().decode(chain.dup_bytes().get_data());
        const [name, ...words] = text.split(' ');
        return this[`on_${name}`](vring, chain, ...words);
    }

    vfunc_fail_chain(vring, chain) {
        if (this._failRaises) {
            this._failRaises = false;
            throw new Error('fail_chain raises, too');
        }
        chain.write_bytes(new GLib.Bytes([0xff]));
    }

    // Good requests, and questions.

    on_echo(vring, chain, ...words) {
        chain.write_bytes(bytes(words.join(' ')));
        return DONE;
    }

    on_state(vring, chain) {
        chain.write_bytes(bytes(`held ${vring.get_n_held()} ` +
            `failed ${vring.get_n_failed()} errors ${this.get_n_errors()}`));
        return DONE;
    }

    on_report(vring, chain) {
        chain.write_bytes(bytes(this._report));
        return DONE;
    }

    // Wrong results.

    on_raise(_vring, chain) {
        chain.write_bytes(bytes('half an answer'));
        throw new Error('as the driver wants it');
    }

    on_raise_twice() {
        this._failRaises = true;
        throw new Error('as the driver wants it');
    }

    on_nothing(_vring, chain) {
        chain.write_bytes(bytes('nobody says that this is done'));
    }

    on_null() {
        return null;
    }

    on_text() {
        return 'DONE';
    }

    on_boolean() {
        return true;
    }

    on_number(_vring, chain, number) {
        chain.write_bytes(bytes(number));
        return Number(number);
    }

    // Chains that are kept.

    on_keep(_vring, chain) {
        this._kept.push(chain);
        return PENDING;
    }

    on_later(_vring, chain) {
        GLib.timeout_add(GLib.PRIORITY_DEFAULT, 1, () => {
            chain.write_bytes(bytes('later'));
            chain.complete();
            return GLib.SOURCE_REMOVE;
        });
        return PENDING;
    }

    on_complete_kept() {
        for (const kept of this._kept) {
            kept.write_bytes(bytes('kept'));
            kept.complete();
        }
        this._kept = [];
        return DONE;
    }

    on_fail_kept() {
        this._kept.forEach(kept => kept.fail());
        this._kept = [];
        return DONE;
    }

    on_lose() {
        return PENDING;
    }

    on_collect() {
        System.gc();
        return DONE;
    }

    // Handles that are dead.

    on_complete_twice(_vring, chain) {
        chain.write_bytes(bytes('once'));
        this._report = `${outcome(() => chain.complete())} ${outcome(() => chain.complete())}`;
        return DONE;
    }

    on_fail_and_complete(_vring, chain) {
        this._report = `${outcome(() => chain.fail())} ${outcome(() => chain.complete())}`;
        return DONE;
    }

    on_write_too_much(_vring, chain) {
        chain.write_bytes(new GLib.Bytes(new Uint8Array(chain.get_writable_size() + 1)));
        return DONE;
    }

    // What each method of a dead handle comes to.
    on_use_kept(_vring, chain) {
        const [kept] = this._kept;
        const words = [
            () => kept.complete(), () => kept.complete_full(1), () => kept.fail(),
            () => kept.park(), () => kept.dup_bytes(), () => kept.read_bytes(1),
            () => kept.write_bytes(bytes('!')), () => kept.seek(0, 0),
        ].map(outcome);
        chain.write_bytes(bytes([...words, kept.is_revoked(),
            kept.get_vring() instanceof Vhu.Vring].join(' ')));
        return DONE;
    }
});

// What each way of taking requests adds, and what the command line adds to it.
const ways = {
    chain: {
        vfunc_process_chain(vring, chain) {
            return this.serve(vring, chain);
        },
    },
    queue: {
        vfunc_process_queue(vring) {
            for (let chain = vring.pop(); chain; chain = vring.pop()) {
                try {
                    if (this.serve(vring, chain) === DONE)
                        vring.push(chain, chain.get_n_written());
                } catch (error) {
                    chain.fail();
                }
            }
        },
    },
};
ways.locked = ways.chain;

const behaviours = {
    raise: () => {
        throw new Error('as the command line wants it');
    },
    nothing: () => {},
    refuse: () => {
        throw new GLib.Error(Vhu.Error, Vhu.Error.REFUSED, 'refused by the device');
    },
};

function makeDevice(way, options) {
    const Device = class Device extends Faulty {};
    Object.assign(Device.prototype, ways[way]);
    for (const option of options) {
        const [name, behaviour] = option.split('=');
        Device.prototype[`vfunc_${name}`] = behaviours[behaviour];
    }
    const device = new (GObject.registerClass(Device))();
    return way === 'locked'
        ? Vhu.BackendLocked.new(device, Vhu.LockMode.MUTEX) : device;
}

const [fd, nThreads, way, ...options] = ARGV;
const loop = new GLib.MainLoop(null, false);
const server = new Vhu.Server({
    backend: makeDevice(way, options),
    n_threads: Number(nThreads),
    drain_timeout: 1,
});
server.use_fd(Number(fd));
server.start();
GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, 15, () => {
    server.stop_async(null, (source, result) => {
        server.stop_finish(result);
        print(`completed ${server.get_n_completed()} failed ${server.get_n_failed()}`);
        loop.quit();
    });
    return GLib.SOURCE_REMOVE;
});
loop.run();
