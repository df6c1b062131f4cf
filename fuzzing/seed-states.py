#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Write the inputs from which fuzz-state starts.

Usage: seed-states.py FOLDER

Here they can be read, and added to. Every name says what is in it. What an
engine finds on its way lies in the same folder, and is left alone.
"""

import pathlib
import sys

STATE = '''{
  "vhu-state": 1,
  "kind": "gpio",
  "version": 2,
  "features": "0x130000000",
  "config": "0800ff",
  "queues": [
    {
      "base": 17,
      "parked": []
    },
    {
      "base": 65535,
      "parked": [3, 0, 32767]
    }
  ],
  "device": {
    "values": [0, 1.5, -2e-3, true, null],
    "name": "\\u00e9\\ud83d\\ude00\\n é"
  }
}
'''


def changed(old, new):
    assert STATE.count(old) == 1, old
    return STATE.replace(old, new)


def members(count):
    return '{' + ','.join(f'"{i}":{i}' for i in range(count)) + '}'


SEEDS = {
    'empty': '',
    'empty-object': '{}',
    'state': STATE,
    'state-least': '{"vhu-state":1,"kind":"a","version":1,"features":"0x0",'
                   '"config":"","queues":[],"device":{}}',
    'state-cut': STATE[:len(STATE) // 2],
    'format-unknown': changed('"vhu-state": 1', '"vhu-state": 2'),
    'kind-number': changed('"gpio"', '7'),
    'kind-missing': changed('  "kind": "gpio",\n', ''),
    'member-unknown': changed('"version": 2', '"version": 2, "more": 3'),
    'member-twice': changed('"version": 2', '"version": 2, "version": 3'),
    'member-escaped': changed('"kind"', '"kin\\u0064"'),
    'member-delete': changed('"device"', '"dev\x7fice"'),
    'version-real': changed('"version": 2', '"version": 2.0'),
    'features-bare': changed('"0x130000000"', '"130000000"'),
    'features-long': changed('0x130000000', '0x10000000000000000'),
    'config-odd': changed('0800ff', '0800f'),
    'config-long': changed('0800ff', '00' * 257),
    'parked-twice': changed('[3, 0, 32767]', '[3, 3]'),
    'parked-beyond': changed('32767', '32768'),
    'queue-number': changed('"queues": [', '"queues": [7,'),
    'device-array': changed('"device": {', '"device": [], "x": {'),
    'deep-32': '[' * 32 + ']' * 32,
    'deep-33': '[' * 33 + ']' * 33,
    'deep-arrays': '[' * 5000,
    'deep-objects': '{"a":' * 2000,
    'members-256': members(256),
    'members-257': members(257),
    'numbers': '[0,-0,1e400,1E-400,0.1,9223372036854775807,'
               '-9223372036854775808]',
    'numbers-whole': '[0,-0,1E-400,5e-324,0.1,123456789012345680.0,'
                     '9223372036854775807,-9223372036854775808]',
    'number-out-of-range': '9223372036854775808',
    'number-leading-zero': '[010]',
    'number-hexadecimal': '[0x10]',
    'strings': '["\\"\\\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f"]',
    'string-nul': '["\\u0000"]',
    'string-half-pair': '["\\ud800\\u0041"]',
    'javascript': 'var x = {"a": 1};',
    'comment': '/* a */ {} // b',
}
BYTES = {
    'not-utf-8': b'["\xc3("]',
    'nul': b'["a\0b"]',
    'byte-order-mark': b'\xef\xbb\xbf{}',
}


LICENSE = """\
SPDX-FileCopyrightText: 2026 The libvhu authors

SPDX-License-Identifier: CC0-1.0
"""


def main():
    folder = pathlib.Path(sys.argv[1])
    seeds = {name: text.encode() for name, text in SEEDS.items()} | BYTES
    for name, data in seeds.items():
        (folder / name).write_bytes(data)
        (folder / (name + '.license')).write_text(LICENSE)


if __name__ == '__main__':
    main()
