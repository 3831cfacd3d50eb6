#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What data/lib-setup.sh says and does while it installs and builds, with programs that only
# look like those of the system.

set -eu

exec python3 "$(dirname "$0")/setup.py"
