# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The two ways in which a guest run does not even begin."""


class Unavailable(Exception):
    """Something this machine lacks, such as a program or a kernel.

    A test that meets it is skipped with this reason.
    """


class GuestError(Exception):
    """Something that should have worked and did not."""
