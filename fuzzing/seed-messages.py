#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Write the inputs from which fuzz-message starts.

Usage: seed-messages.py FOLDER

Here they can be read, and added to; fuzz-message.c tells how they are made.
Every name says what is in it. What an engine finds on its way lies in the
same folder, and is left alone.
"""

import pathlib
import struct
import sys

REQUESTS, REPLIES, ANY = range(3)
REQUEST, ASK, REPLY = 0x1, 0x9, 0x5


def message(request, payload=b'', flags=REQUEST, size=None):
    size = len(payload) if size is None else size
    return struct.pack('=III', request, flags, size) + payload


def u64(value):
    return struct.pack('=Q', value)


def vring(index, num):
    return struct.pack('=II', index, num)


def address(index, flags=0):
    return struct.pack('=IIQQQQ', index, flags, 0x7f0000000000,
                       0x7f0000002000, 0x7f0000001000, 0)


def region(guest=0, size=0x10000000, user=0x7f0000000000, offset=0):
    return struct.pack('=QQQQ', guest, size, user, offset)


def table(n_regions, regions=b''):
    return struct.pack('=II', n_regions, 0) + regions


def config(offset, size, data=None):
    data = bytes(size) if data is None else data
    return struct.pack('=III', offset, size, 0) + data


def seed(*messages, expect=REQUESTS, portion=256, pattern=0, n_fds=0):
    return bytes([expect, portion - 1, pattern, n_fds]) + b''.join(messages)


HANDSHAKE = [
    message(1), message(15), message(16, u64(0x8a2b)), message(17),
    message(36), message(3), message(1),
]
START = [
    message(2, u64(0x170000000), ASK), message(37, bytes(8) + region(), ASK),
    message(8, vring(0, 256), ASK), message(10, vring(0, 0), ASK),
    message(9, address(0), ASK), message(12, u64(0x100), ASK),
    message(13, u64(0x100), ASK), message(18, vring(0, 1), ASK),
]
STOP = [message(18, vring(0, 0), ASK), message(11, vring(0, 0)), message(34)]

SEEDS = {
    'empty': seed(),
    'handshake': seed(*HANDSHAKE),
    'handshake-dribbled': seed(*HANDSHAKE, portion=1),
    'start-and-stop': seed(*START, *STOP),
    'start-in-odd-portions': seed(*START, *STOP, portion=7),
    'replies': seed(message(1, u64(0x170000000), REPLY),
                    message(24, config(0, 60), REPLY),
                    message(24, b'', REPLY), expect=REPLIES),
    'requests-and-replies': seed(message(2, b'', ASK),
                                 message(2, u64(0), REPLY), expect=ANY),
    'memory-table': seed(message(5, table(2, region() + region(1 << 32))),
                         pattern=1, n_fds=2),
    'memory-table-full': seed(message(5, table(8, region() * 8)),
                              pattern=1, n_fds=8),
    'memory-table-with-room': seed(message(5, table(1, region() * 2)),
                                   pattern=1, n_fds=1),
    'memory-table-without-fds': seed(message(5, table(1, region()))),
    'memory-table-too-many': seed(message(5, table(9, region() * 9)),
                                  pattern=1, n_fds=8),
    'memory-table-huge-count': seed(message(5, table(0xffffffff, region())),
                                    pattern=1, n_fds=1),
    'memory-table-no-head': seed(message(5, bytes(4)), pattern=1, n_fds=1),
    'kick-with-fd': seed(message(12, u64(0)), pattern=1, n_fds=1),
    'kick-fd-and-nofd': seed(message(12, u64(0x100)), pattern=1, n_fds=1),
    'kick-reserved-bits': seed(message(12, u64(1 << 63 | 0x100))),
    'kick-dribbled-fds': seed(message(12, u64(0)), portion=4, pattern=7,
                              n_fds=2),
    'fds-with-payload': seed(message(12, u64(0)), portion=12, pattern=2,
                             n_fds=1),
    'nine-fds': seed(message(5, table(8, region() * 8)), pattern=1, n_fds=9),
    'nine-fds-in-portions': seed(message(5, table(8, region() * 8)),
                                 portion=3, pattern=7, n_fds=3),
    'fds-without-end': seed(message(1) * 20, portion=12, pattern=0xff,
                            n_fds=8),
    'config': seed(message(24, config(0, 60)), message(25, config(32, 1))),
    'config-whole': seed(message(24, config(0, 256))),
    'config-beyond': seed(message(24, config(249, 8))),
    'config-wraps': seed(message(24, config(0xfffffff8, 8))),
    'config-size-lies': seed(message(24, config(0, 8, bytes(7)))),
    'config-empty': seed(message(24, config(0, 0))),
    'vring-address-flags': seed(message(9, address(0, 0x3))),
    'version-0': seed(message(1, flags=0x0)),
    'version-2': seed(message(1, flags=0x2)),
    'reply-as-request': seed(message(1, flags=REPLY)),
    'reserved-flags': seed(message(1, flags=0x11)),
    'largest-payload': seed(message(77, bytes(4096))),
    'larger-payload': seed(message(77, bytes(4097))),
    'huge-payload': seed(message(77, b'', size=0xffffffff)),
    'request-0': seed(message(0, flags=ASK)),
    'unknown-request': seed(message(0xffffffff, flags=ASK), pattern=1,
                            n_fds=3),
    'end-in-header': seed(message(1)[:7]),
    'end-in-payload': seed(message(2, u64(0))[:17], pattern=1, n_fds=8),
}


LICENSE = """\
SPDX-FileCopyrightText: 2026 The libvhu authors

SPDX-License-Identifier: CC0-1.0
"""


def main():
    folder = pathlib.Path(sys.argv[1])
    for name, data in SEEDS.items():
        (folder / name).write_bytes(data)
        (folder / (name + '.license')).write_text(LICENSE)


if __name__ == '__main__':
    main()
