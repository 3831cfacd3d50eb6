# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a script says of its cases: `ok`, `not ok` and `skip` lines, or TAP."""

import time


class Skip(Exception):
    """str() is why a case cannot be run here."""


class Failure(Exception):
    """str() is what is not all right."""


def check(condition, reason):
    if not condition:
        raise Failure(reason)


class Cases(list):
    """Functions, each a case that its docstring names. As a decorator it adds one."""

    def __call__(self, function):
        self.append(function)
        return function


class Report:
    failed = 0

    def case(self, name, reason=None):
        """The reason is why it is not all right, None if it is."""
        if reason is None:
            print(f"ok {name}", flush=True)
        else:
            self.failed += 1
            print(f"not ok {name}: {reason}", flush=True)

    def skip(self, name, reason):
        print(f"skip {name}: {reason}", flush=True)

    def run(self, function, *arguments):
        """A case that its docstring names."""
        try:
            function(*arguments)
        except Skip as reason:
            self.skip(function.__doc__, reason)
        except Exception as error:  # pylint: disable=broad-except
            self.case(function.__doc__, "; ".join(str(error).splitlines()) or repr(error))
        else:
            self.case(function.__doc__)

    @property
    def status(self):
        """What the script ends with."""
        return 1 if self.failed else 0


def print_tap(cases):
    """Prints what is wrong below each; returns what the script ends with."""
    print(f"1..{len(cases)}")
    for number, (name, problems) in enumerate(cases, 1):
        print(f"{'not ok' if problems else 'ok'} {number} {name}")
        for problem in problems:
            print(f"# {problem}")
    return 1 if any(problems for _, problems in cases) else 0


def run_tap(members, *arguments):
    """Calls what is named test_ among the members of a script, and prints TAP with how long
    each took; returns what the script ends with."""
    tests = [(name[5:], run) for name, run in members.items() if name.startswith("test_")]
    failed = 0
    print(f"1..{len(tests)}")
    for number, (name, run) in enumerate(tests, 1):
        begin = time.monotonic()
        try:
            run(*arguments)
            print(f"ok {number} {name}")
        except Exception as error:  # pylint: disable=broad-except; whatever it is, it failed
            failed += 1
            print(f"not ok {number} {name}")
            print(f"# {type(error).__name__}: {error}")
        print(f"# {time.monotonic() - begin:.2f} s", flush=True)
    return 1 if failed else 0
