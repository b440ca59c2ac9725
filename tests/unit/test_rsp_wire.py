# SPDX-License-Identifier: Apache-2.0
"""Packets, cut anywhere."""

from __future__ import annotations

import pytest

from tests.support import rsp_wire
from tests.support.rsp_target import Memory
from tests.support.rsp_wire import Splitter, contents, escaped, packet, unescaped


def test_a_stream_cut_anywhere_gives_the_same_items() -> None:
    items = [b"+", packet(b"m80000000,4"), b"\x03", b"-", packet(b""), packet(b"OK")]
    stream = b"".join(items)
    for cut in range(len(stream)):
        splitter = Splitter()
        assert [*splitter.feed(stream[:cut]), *splitter.feed(stream[cut:])] == items


def test_contents_are_checked() -> None:
    assert packet(b"OK") == b"$OK#9a"
    assert contents(b"$OK#9A") == b"OK"
    assert contents(b"$OK#9b") is None


def test_escapes_come_back() -> None:
    every = bytes(range(256))
    assert unescaped(escaped(every)) == every
    assert not set(b"#$*") & set(escaped(every))


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"m80000000,4", "m"),
        (b"Z0,80000000,2", "Z0"),
        (b"qSupported:multiprocess+", "qSupported"),
        (b"vCont?", "vCont?"),
        (b"vCont;c:p1.-1", "vCont"),
        (b"QStartNoAckMode", "QStartNoAckMode"),
        (b"?", "?"),
    ],
)
def test_kinds(data: bytes, kind: str) -> None:
    assert rsp_wire.kind(data) == kind


def test_memory_has_ends_and_holes() -> None:
    memory = Memory.of([(100, b"abcdef"), (106, b"gh"), (200, b"z")])
    memory.unmap(102, 104)
    assert memory.read(100, 8) == b"ab"
    assert memory.read(102, 1) == b""
    assert memory.read(104, 100) == b"efgh"
    assert not memory.write(101, b"xx")
    assert memory.write(105, b"FG")
    assert memory.read(104, 4) == b"eFGh"
