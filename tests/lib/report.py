# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a script says of its cases: `ok`, `not ok` and `skip` lines."""


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

    @property
    def status(self):
        """What the script ends with."""
        return 1 if self.failed else 0
