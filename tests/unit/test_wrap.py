# SPDX-License-Identifier: Apache-2.0
"""Reports at the width of a terminal: no word is lost, no line too wide, and what goes on looks like no new line."""

from __future__ import annotations

import re
from random import Random

import pytest

from gdbext.report.style import for_terminal
from gdbext.report.wrap import wrapped
from tests.support.documents import blocks

OUTPUTS = [shown for kind in ("gdb-output", "gdb-session", "shell-session") for shown in blocks(kind)]
WIDTHS = (40, 60, 80, 100, 132)


def indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


@pytest.mark.parametrize("width", WIDTHS)
def test_what_the_documents_show_fits_and_keeps_its_structure(width: int) -> None:
    lines = [line for shown in OUTPUTS for line in shown.text.splitlines()]
    assert any(len(line) > 132 for line in lines)
    for line in lines:
        first, *others = wrapped(line, width).split("\n")
        assert indent(first) == indent(line)
        assert all(len(one) <= width for one in (first, *others))
        assert all(indent(one) > indent(line) for one in others)
        assert re.sub(r"\s", "", "".join((first, *others))) == re.sub(r"\s", "", line)
        if not others:
            assert first == line


def test_text_goes_on_behind_its_label() -> None:
    line = "    likely   1. write after free through 0x801017f4   [the damage begins at its start]"
    assert wrapped(line, 60).split("\n") == [
        "    likely   1. write after free through 0x801017f4",
        "                [the damage begins at its start]",
    ]
    assert wrapped("  DAMAGE 1  block 0x80101bf8: larger than the heap", 40).split("\n") == [
        "  DAMAGE 1  block 0x80101bf8: larger",
        "              than the heap",
    ]


def test_advice_is_not_torn() -> None:
    line = "trace: 1,844 events kept; frozen; read 12.3 KiB in 8 reads.   next: last-malloc 0x801017f4"
    assert wrapped(line, 80).split("\n")[1] == "    next: last-malloc 0x801017f4"


def test_wide_and_combining_characters_count_as_they_are_shown() -> None:
    assert wrapped("中" * 30, 40).split("\n") == ["中" * 20, "    " + "中" * 10]
    accented = "e\u0301" * 30
    assert wrapped(accented, 30) == accented


def test_random_lines_lose_nothing_and_end() -> None:
    random = Random(12)
    for _ in range(2000):
        words = ["x" * random.randrange(1, 60) + random.choice(["", "中", "."]) for _ in range(random.randrange(1, 9))]
        line = " " * random.randrange(30) + "".join(word + " " * random.randrange(1, 5) for word in words).rstrip()
        width = random.randrange(1, 140)
        pieces = wrapped(line, width).split("\n")
        assert max(len(one) + one.count("中") for one in pieces) <= max(width, 20)
        assert re.sub(r"\s", "", "".join(pieces)) == re.sub(r"\s", "", line)


@pytest.mark.parametrize(
    ("line", "colour"),
    [
        ("memtrace: heap assertion in tlsf_free: block already marked as free", "\x1b[1;31m"),
        ("not checked: trace: no ring was found by its magic; has memtrace_init run?", "\x1b[2m"),
        ("read 12.3 KiB in 8 reads.   next: last-malloc 0x801017f4", "\x1b[32m"),
    ],
)
def test_a_coloured_line_stays_so_to_its_end(line: str, colour: str) -> None:
    shown = for_terminal(line, 40, True)
    assert "\n" in shown and colour in shown and shown.endswith("\x1b[0m")
    assert re.sub(r"\x1b\[[0-9;]*m", "", shown) == wrapped(line, 40)


def test_nothing_is_wrapped_without_a_terminal() -> None:
    text = "\n".join(line for shown in OUTPUTS for line in shown.text.splitlines())
    assert for_terminal(text, None, False) == text
