# SPDX-License-Identifier: Apache-2.0
"""Lines of consoles: what is around them goes, what the device wrote stays."""

from __future__ import annotations

import pytest

from gdbext.source.console_text import as_utf_8, clean, utf_16_of

SAID = "  0x42000700:0x4200088a"


@pytest.mark.parametrize(
    "line",
    [
        f"\x1b[0;32m{SAID}\x1b[0m\r",
        f"[0;32m{SAID}[0m",
        f"[2026-11-28 14:31:28.375] {SAID}",
        f"2026-11-28 17:12:00 {SAID}\r\r",
        f"14:16:22.423 -> {SAID}",
        f"14:16:22.423 > {SAID}",
        f"Nov 28 14:40:57 gateway ser2net[812]: {SAID}",
        f"> > {SAID.lstrip()}",
        f"> 14:16:22.423 -> {SAID}",
    ],
)
def test_what_is_around_a_line_goes(line: str) -> None:
    assert clean(line.encode()).strip() == SAID.strip()


@pytest.mark.parametrize("line", [SAID, "c906>memleak 0", "3fc8f610: 0x0000 0x0000", "==> Round [1] <==", "[  1.5] x"])
def test_what_the_device_wrote_stays(line: str) -> None:
    assert clean(line.encode()) == line


def test_bytes_that_are_no_text_raise_nothing() -> None:
    assert clean(b"\xff\x00ab\xc3") == "ab"


@pytest.mark.parametrize("coding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_becomes_utf_8_in_pieces_cut_anywhere(coding: str) -> None:
    text = f"{SAID}\r\n" * 9
    data = text.encode(coding)
    pieces = [data[:101], data[101:102], data[102:]]
    assert b"".join(as_utf_8(pieces)).decode().strip("\ufeff") == text


@pytest.mark.parametrize("data", [b"", b"\xff", b"\0" * 64, SAID.encode() * 4])
def test_all_else_is_handed_on(data: bytes) -> None:
    assert utf_16_of(data) == ""
    assert b"".join(as_utf_8([data[:1], data[1:]])) == data
