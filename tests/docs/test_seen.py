# SPDX-License-Identifier: Apache-2.0
"""The pages of what users meet: the first line of each answer says it, and the last one names the command to type next.

That the answers are what is printed is tested with all other sessions (test_shell.py, test_sessions.py).
"""

from __future__ import annotations

import pytest

from tests.support.documents import DOCS, blocks

# What begins the answers of a page, in their order, and the command that each names.
ANSWERS = {
    "see-corrupt-heap": [("who: write past the end of 0x3fca0fc0, by 1 byte", "memtrace last 0x3fca0fc0")],
    "see-invalid-data": [
        ("who (likely): write after free through 0x3fc922dc, at offset 32", "memtrace last 0x3fc922dc"),
        ("who (likely): write after free through 0x3fccaec0, at offset 64", "memtrace last 0x3fccaec0"),
    ],
    "see-free-outside-heap": [
        (
            "who: 0x80001b80 was freed, and is no heap's block but a pointer to the constant greeting",
            "memtrace refs 0x80001b80",
        )
    ],
    "see-two-allocators": [
        (
            "who: freertos_heap_4 at 0x20001000..0x20001fe0 and the C library's malloc (sbrk",
            "memtrace status",
        )
    ],
    "see-faulty-memory": [
        (
            "who: cannot be told: stray write of 1 byte: the bytes do not tell who; one bit",
            "memtrace watch last",
        )
    ],
}


@pytest.mark.parametrize("page", ANSWERS)
def test_the_first_line_says_it_and_the_last_names_a_command(page: str) -> None:
    assert f"(how-to/{page}.md)" in (DOCS / "README.md").read_text()
    shown = [one.text for kind in ("shell-session", "gdb-session") for one in blocks(kind) if one.path.stem == page]
    lines = [line for text in shown for line in text.splitlines()]
    first = [line for line in lines if line.startswith("who")]
    following = [line.rpartition("next: ")[2] for line in lines if line.startswith("trace: ") and "next: " in line]
    assert len(first) == len(following) == len(ANSWERS[page])
    for line, command, (begin, name) in zip(first, following, ANSWERS[page], strict=True):
        assert line.startswith(begin) and command.startswith(name)
