#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# skip.sh REASON: stands for a test that could not be built, so that it is seen to be skipped.

printf '1..0 # SKIP %s\n' "$1"
