# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=dash

# What the guest's kernel counted.

read -r stat < /sys/block/vda/stat
tell stat "$stat"
