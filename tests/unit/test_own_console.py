# SPDX-License-Identifier: Apache-2.0
"""The records of memtrace's own console: read back, and never believed when they are torn."""

from __future__ import annotations

import re

import pytest

from gdbext.console.names import Chosen
from gdbext.console.reader import crashes_in
from gdbext.model.events import Frame
from gdbext.report.decode import Decoder
from gdbext.trace.console_records import decoded, encoded, record, record_in
from gdbext.trace.importers import Call, Item, Remark
from gdbext.trace.importers.memtrace_console import IMPORTER
from tests.support.own_console import Block, line, listing, stop
from tests.support.paths import ROOT

STACK = (0x4200_6E0C, 0x4200_7426, 0x4200_6244)
TEXT = "assert failed: tlsf_free tlsf.c:1120"


def test_a_record_is_read_back() -> None:
    printed = line("A", 0x3FC92008, 44, 0x1A2B, 3, 1, *STACK)
    found = record_in(f"I (12) tag: {printed}")
    assert found is not None
    assert (found.kind, [found.number(place) for place in range(5)]) == ("A", [0x3FC92008, 44, 0x1A2B, 3, 1])
    assert found.pcs == STACK
    assert record("A", found.fields) == printed.strip()


@pytest.mark.parametrize("at", range(4, 55, 5))
def test_a_torn_record_is_none(at: int) -> None:
    printed = line("A", 0x3FC92008, 44, 0x1A2B, 3, 1, *STACK)
    assert record_in(printed[:at] + printed[at + 1 :]) is None
    assert record_in(printed[:at] + "W (1) net: x" + printed[at:]) is None


@pytest.mark.parametrize("name", ["coap_rx", "two words", "100%", "-", "", "gr\u00fcn", "\x1b[31m#"])
def test_names_are_fields(name: str) -> None:
    assert re.fullmatch(r"[!-~]+", encoded(name))
    assert decoded(encoded(name)) == name


def test_a_stop_is_a_crash() -> None:
    text = stop("assert", TEXT, 900, 2, STACK, line("P", 0x3FC92008, 44, 800, 2, *STACK[1:]))
    (crash,) = crashes_in([b"hello\r\n" + text.encode()])
    assert crash.backtrace == STACK
    assert crash.calls == tuple(pc - 1 for pc in STACK)
    assert (crash.task, crash.build_id, crash.backtrace_by) == ("coap_rx", "98e81b951c0ffee0", "records")
    assert TEXT in [one.text for one in crash.lines]


def test_the_stacks_of_a_listing_get_their_names() -> None:
    blocks = [Block(0x3FC92008, 44, 9, 2, 1, STACK)]
    decoder = Decoder(lambda sha, build: Chosen(lambda asked: {at: (Frame(at, f"f_{at:x}"),) for at in asked}, None))
    text = listing(blocks, {1: "DRAM", 2: "coap_rx"}).encode()
    out = b"".join(one for one in [*decoder.add(text), *decoder.finish()] if isinstance(one, bytes))
    assert re.findall(r"--- 0x([0-9a-f]{8}): f_([0-9a-f]+)", out.decode()) == [
        (f"{pc:08x}", f"{pc - 1:x}") for pc in STACK
    ]


def test_the_examples_of_the_reference_have_right_sums() -> None:
    text = (ROOT / "docs" / "reference" / "console.md").read_text(encoding="utf-8")
    printed = re.findall(r"^    (MT1 .*)$", text, re.MULTILINE)
    assert len(printed) > 9
    assert [one for one in printed if record_in(one) is None] == []


BLOCKS = [
    Block(0x3FC92008, 68, 0x1A2B, 3, 1, STACK),
    Block(0x3FC92060, 30, 0x1A40, 3, 1, STACK[1:]),
    Block(0x3FC920A0, 7, 0x1A41, 0, 0, ()),
]
NAMES = {1: "DRAM", 3: "coap_rx"}


def items(text: str) -> list[Item]:
    return list(IMPORTER.calls([text.encode()], 243))


def test_a_listing_is_imported() -> None:
    calls = [item for item in items(listing(BLOCKS, NAMES)) if isinstance(item, Call)]
    assert [(call.address, call.size, call.stack) for call in calls] == [(one[0], one[1], one[5]) for one in BLOCKS]
    assert [(call.task, call.heap, call.listed) for call in calls] == [("coap_rx", "DRAM", True)] * 2 + [
        (None, None, True)
    ]
    assert [item for item in items(listing(BLOCKS, NAMES)) if item is None or isinstance(item, Remark)] == []


def test_a_torn_block_is_counted_and_missed() -> None:
    lines = listing(BLOCKS, NAMES).splitlines()
    lines[4] = lines[4][:30] + "W (809) mqtt: retry 48"
    found = items("\n".join([*lines, ""]))
    assert [call.address for call in found if isinstance(call, Call)] == [0x3FC92008, 0x3FC920A0]
    assert found.count(None) == 1
    assert [item.text.key for item in found if isinstance(item, Remark) and item.is_loss] == ["listing-differs"]


def test_a_lost_line_is_missed() -> None:
    lines = listing(BLOCKS, NAMES).splitlines(keepends=True)
    found = items("".join([*lines[:4], *lines[5:]]))
    assert [item.text.key for item in found if isinstance(item, Remark) and item.is_loss] == ["listing-differs"]


def test_it_is_known_amid_other_text() -> None:
    assert IMPORTER.line is not None
    assert IMPORTER.line.search(b"I (3) boot\r\n" + listing(BLOCKS, NAMES).encode())
    assert not IMPORTER.line.search(stop("assert", TEXT, 9, 2, STACK).encode())
