# SPDX-FileCopyrightText: 2026 The libvhu authors
# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=dash

# Says all that a guest can say, and fails.

check "what holds" true
check "what does not hold" equal 3 4
check "what is refused" refused false
tell event "with words"
