# SPDX-License-Identifier: LGPL-2.1-or-later

"""Text in the format of man, in ASCII, as not all readers of pages take more."""

import re

SPECIAL = {"\\": "\\e", "-": "\\-", "'": "\\(aq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti", '"': "\\(dq"}


def escape(text):
    text = "".join(SPECIAL.get(c, c if c.isascii() else f"\\[u{ord(c):04X}]") for c in text)
    return f"\\&{text}" if text.startswith(".") else text


def mark_up(text):
    """Running text, with options in bold."""
    parts = re.split(r"(?<![\w-])(--[a-z][a-z-]*)", text)
    return "".join(f"\\fB{escape(part)}\\fR" if number % 2 else escape(part)
                   for number, part in enumerate(parts))


def heading(page, section, version):
    return f'.TH "{escape(page.upper())}" {section} "" "lp2p {version}" ""'
