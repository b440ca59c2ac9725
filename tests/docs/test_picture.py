# SPDX-License-Identifier: Apache-2.0
"""The picture on the first page is the demo: its text is what the demo prints."""

from __future__ import annotations

import re

from tests.docs import picture
from tests.support.documents import steady


def comparable(lines: list[str]) -> str:
    """Without the port and the numbers that differ from run to run."""
    return re.sub(r"127\.0\.0\.1:\d+", "HOST:PORT", steady("\n".join(lines)))


def test_the_picture_shows_what_the_demo_prints() -> None:
    drawn = picture.shown(picture.FILE.read_text(encoding="utf-8"))
    assert comparable(drawn) == comparable(picture.excerpt(picture.printed())), "run: make demo-svg"


def test_a_picture_can_be_read_back() -> None:
    lines = ["(gdb) a <b> & c", "  DAMAGE 1  x  FREED y", "", "heap: damaged"]
    assert picture.shown(picture.drawn(lines)) == lines
