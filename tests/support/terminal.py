# SPDX-License-Identifier: Apache-2.0
"""What a terminal may be given: printable characters, newlines, and with colours the codes that set them."""

from __future__ import annotations

import re

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")

# Each would do something to a terminal, to the order of a line's characters, or to a report's lines.
HOSTILE = (
    "\x1b[31m",
    "\x1b]0;x\x07",
    "\r",
    "\nclean",
    "\x08\x7f",
    "\x9b2J",
    "\u202egnp",
    "\u2028",
    "\u2066",
    "\u200b",
    "\0",
)


def commanding(text: str, *, colours: bool = False) -> list[str]:
    """The characters of a text that a terminal must not be given."""
    plain = _COLOURS.sub("", text) if colours else text
    return sorted({one for one in plain if one != "\n" and not one.isprintable()})
