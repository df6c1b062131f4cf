# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Boots a small Linux guest in front of a vhost-user back-end.

`initramfs` packs what the guest needs, `kernel` finds or fetches a kernel,
`machine` boots it under user-mode Linux or QEMU, `daemon` runs the back-end,
`child` makes sure that nothing outlives us, and `tap` turns what the guest
says into a test report.  Only Python's standard library is used.
"""
