# SPDX-License-Identifier: Apache-2.0
"""docs/demo.svg: the terminal of `make demo`, drawn from what the demo really prints. `make demo-svg` writes it.

Approach: one <text> a line, so that the picture's text can be read back and compared; a test does.
Rejected: a recorder of terminals (a binary picture that no test reads), rich (a dependency for forty lines).
Assumptions: a monospaced font; the colours carry no meaning of their own.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from tests.support.documents import DOCS
from tests.support.paths import ROOT

FILE = DOCS / "demo.svg"
FIRST, LAST = "(gdb) source", "    freed"  # the last line is the first of the second command that begins so
CHARACTER, LINE, MARGIN = 7.25, 17, 14
COLOURS = (
    (re.compile(r"^(\(gdb\) .*)"), "prompt"),
    (re.compile(r"^(memtrace: heap assertion.*)|(DAMAGE \d+)|(\bdamaged$)"), "alarm"),
    (re.compile(r"^(who.*)"), "answer"),
    (re.compile(r"(BEING FREED|FREED)|(?<=likely)( +1\..*?)(?=  )"), "answer"),
)
STYLE = """\
text { font: 12px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #d0d4da; white-space: pre }
.prompt { fill: #ffffff; font-weight: bold }
.alarm { fill: #ff7b72; font-weight: bold }
.answer { fill: #f2cc60; font-weight: bold }
"""


def printed() -> str:
    """What `make demo` prints in a terminal that is wide enough."""
    line, wide = [sys.executable, "-m", "tests.demo"], {**os.environ, "COLUMNS": "1000"}
    done = subprocess.run(line, cwd=ROOT, env=wide, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


def excerpt(output: str) -> list[str]:
    """The lines that the picture has: from where memtrace is loaded to where the newest owner has freed the block."""
    lines = output.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith(FIRST))
    asked = next(number for number, line in enumerate(lines) if line.startswith("(gdb) memtrace last"))
    last = next(number for number, line in enumerate(lines) if number > asked and line.startswith(LAST))
    return lines[first : last + 1]


def drawn(lines: list[str]) -> str:
    """The picture."""
    width = round(max(map(len, lines)) * CHARACTER + 2 * MARGIN)
    height = len(lines) * LINE + 2 * MARGIN
    rows = [
        f'<text x="{MARGIN}" y="{MARGIN + LINE * number + 12}" textLength="{len(line) * CHARACTER:.0f}">'
        f"{_coloured(line)}</text>"
        for number, line in enumerate(lines)
    ]
    head = [
        "<!-- SPDX-License-Identifier: Apache-2.0 -->",
        "<!-- Written by `make demo-svg`; a test compares its text with what the demo prints. -->",
        f'<svg xmlns="http://www.w3.org/2000/svg" xml:space="preserve" viewBox="0 0 {width} {height}">',
        "<title>GDB with memtrace after a heap assertion: the block written after its free, and who freed it</title>",
        f"<style>\n{STYLE}</style>",
        f'<rect width="{width}" height="{height}" rx="8" fill="#15191f"/>',
    ]
    return "\n".join([*head, *rows, "</svg>", ""])


def _coloured(line: str) -> str:
    for pattern, name in COLOURS:
        found = pattern.search(line)
        if found:
            before, after = line[: found.start()], line[found.end() :]
            return f'{escape(before)}<tspan class="{name}">{escape(found[0])}</tspan>{_coloured(after)}'
    return escape(line)


def shown(picture: str) -> list[str]:
    """The lines of text of a picture."""
    tree = ElementTree.fromstring(picture)
    return ["".join(text.itertext()) for text in tree.iter("{http://www.w3.org/2000/svg}text")]


if __name__ == "__main__":
    FILE.write_text(drawn(excerpt(printed())), encoding="utf-8")
