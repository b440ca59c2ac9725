# SPDX-License-Identifier: Apache-2.0
"""Line numbers of `/* LINE: name */` markers, so that a test names a line of C instead of counting to it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

MARKER = re.compile(r"/\* LINE: ([\w, -]+?) \*/")


@cache
def marked_lines(source: Path) -> dict[str, int]:
    """Return {name: line} of every marker in `source`; one marker may hold several names, a name stands once."""
    found: dict[str, int] = {}
    for number, text in enumerate(source.read_text().splitlines(), start=1):
        for marker in MARKER.findall(text):
            for name in marker.split(","):
                if found.setdefault(name.strip(), number) != number:
                    raise ValueError(f"{source}:{number}: marker {name.strip()!r} stands twice")
    return found


def marked_line(source: Path, name: str) -> int:
    """Return the line of `/* LINE: name */` in `source`."""
    lines = marked_lines(source)
    if name not in lines:
        raise KeyError(f"{source} has no marker {name!r}; it has: {', '.join(lines) or 'none'}")
    return lines[name]
