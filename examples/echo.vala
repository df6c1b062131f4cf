// SPDX-FileCopyrightText: 2026 The libvhu authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// A device that gives back what the driver sends: echo SOCKET [THREADS]

class Echo : Vhu.Backend {
    public Echo () {
        Object (device_id: 42, kind: "echo", n_queues: 1);
    }

    public override Vhu.ChainResult process_chain (Vhu.Vring vring, owned Vhu.Chain chain) {
        try {
            var request = chain.dup_bytes ();
            if (request.length >= 5 && Memory.cmp (request.get_data (), "raise", 5) == 0)
                throw new Vhu.Error.REFUSED ("this request was asked to fail");
            chain.write_bytes (request);
            return Vhu.ChainResult.DONE;
        } catch (Error error) {
            return Vhu.ChainResult.FAILED;
        }
    }

    public override void fail_chain (Vhu.Vring vring, Vhu.Chain chain) {
        try { chain.write_bytes (new Bytes ({ 0xff })); } catch (Error error) {}
    }
}

void main (string[] args) {
    var server = new Vhu.Server (new Echo ());
    server.n_threads = args.length > 2 ? int.parse (args[2]) : 0;
    try {
        server.listen (args[1]);
        server.start ();
    } catch (Error error) {
        printerr ("%s\n", error.message);
        Process.exit (1);
    }
    print ("%s is ready\n", args[1]);
    new MainLoop ().run ();
}
