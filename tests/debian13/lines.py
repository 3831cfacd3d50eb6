#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""lines.py TESTLOG: the tests in a log of meson as `ok`, `not ok` and `skip` lines, and
what those that failed have printed."""

import json
import sys

WORDS = {"OK": "ok", "EXPECTEDFAIL": "ok", "SKIP": "skip"}
LOG_LINES = 40


def main():
    with open(sys.argv[1], encoding="utf-8") as log:
        tests = [json.loads(line) for line in log]
    for test in tests:
        name = test["name"].rsplit(" / ", 1)[-1]
        word = WORDS.get(test["result"], "not ok")
        reason = "" if word == "ok" else f": {test['result'].lower()} in Debian 13"
        print(f"{word} debian13 {name}{reason}")
        if word == "not ok":
            output = (test.get("stdout") or "") + (test.get("stderr") or "")
            print("\n".join(f"  {line}" for line in output.splitlines()[-LOG_LINES:]))
    return 0 if tests else 1


if __name__ == "__main__":
    sys.exit(main())
