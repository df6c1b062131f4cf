#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Make sure that there is a kernel for QEMU guests, and print its path.

One that is installed or was fetched before is taken; otherwise Debian's or
Ubuntu's kernel package is downloaded and unpacked (not installed) into the
user's cache.  This is the only part of the guest tests that uses the network.
"""

import argparse
import sys

from vhuguest import kernel
from vhuguest.errors import GuestError, Unavailable


def main():
    argparse.ArgumentParser(description=__doc__.partition('\n')[0]).parse_args()
    try:
        found = kernel.fetch_kernel(lambda text: print(text, file=sys.stderr))
    except (GuestError, Unavailable) as error:
        print(f'fetch-kernel: {error}', file=sys.stderr)
        return 1
    print(found.image)
    return 0


sys.exit(main())
