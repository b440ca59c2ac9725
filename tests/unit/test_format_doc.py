# SPDX-License-Identifier: Apache-2.0
"""The examples of docs/reference/format.md are bytes of real rings: each is parsed, and is what the page says of it."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from gdbext.model.record import replace
from gdbext.source.memory import Memory
from gdbext.source.snapshot import snapshot_of
from gdbext.trace.format import KINDS, Header, Widths
from gdbext.trace.log import LogEvent, LogReader, items_of
from gdbext.trace.ring import read_ring
from gdbext.trace.trace import Trace
from tests.support.paths import ROOT
from tests.unit.recorder import run

TEXT = (ROOT / "docs" / "reference" / "format.md").read_text()
PAIRS = re.findall(r"```hex\n(.*?)```\n\n```json\n(.*?)```", TEXT, re.DOTALL)
EXAMPLES = [(text, json.loads(expected)) for text, expected in PAIRS]
WIDTHS = {4: Widths(27, 16, 8, 12, 12, 3), 8: Widths(59, 32, 24, 28, 28, 3)}


def parsed_hex(text: str) -> bytes:
    """The bytes of a dump: offset, colon, bytes; `*` repeats the line before it up to the next offset."""
    data, last, repeat = bytearray(), b"", False
    for line in text.splitlines():
        if line == "*":
            repeat = True
            continue
        offset, _, row = line.partition(": ")
        while repeat and len(data) < int(offset, 16):
            data += last
        repeat, last = False, bytes.fromhex(row)
        assert len(data) == int(offset, 16), line
        data += last
    return bytes(data)


def example(form: str) -> list[tuple[bytes, dict[str, Any]]]:
    return [(parsed_hex(text), expected) for text, expected in EXAMPLES if expected["form"] == form]


def read(data: bytes, expected: dict[str, Any]) -> Trace:
    image = snapshot_of([(expected["address"], data)], expected["pointer_size"], expected["byte_order"])
    return read_ring(Memory(image), expected["address"])


def test_every_hex_block_has_its_parse_and_all_forms_are_shown() -> None:
    assert len(PAIRS) == TEXT.count("```hex") == TEXT.count("```json")
    shapes = {(e["pointer_size"], e["byte_order"]) for _, e in EXAMPLES if e["form"] == "event"}
    assert {(4, "little"), (4, "big"), (8, "little")} <= shapes
    assert (len(example("ring")), len(example("log"))) == (1, 3)


@pytest.mark.parametrize(("data", "expected"), example("event"))
def test_events(data: bytes, expected: dict[str, Any]) -> None:
    wanted = dict(expected)
    wanted.pop("form")
    size, order = wanted.pop("pointer_size"), wanted.pop("byte_order")
    header = replace(read(*example("ring")[0]).header, pointer_size=size, byte_order=order, widths=WIDTHS[size])
    assert len(data) == 4 * size
    assert header.event(header.words(data, 0))._asdict() == wanted


@pytest.mark.parametrize(("data", "expected"), example("log"))
def test_logs(data: bytes, expected: dict[str, Any]) -> None:
    reader = LogReader()
    header, *events = items_of(reader, [data])
    assert isinstance(header, Header)
    assert {name: getattr(header, name) for name in ("pointer_size", "byte_order", "required")} == {
        name: expected[name] for name in ("pointer_size", "byte_order", "required")
    }
    assert (reader.lost, reader.unread) == (expected["lost"], expected["unread"])
    assert {str(number): list(pcs) for number, pcs in reader.stacks.items()} == expected["stacks"]
    assert {str(number): list(name) for number, name in reader.names.items()} == expected["names"]
    for event, wanted in zip(events, expected["events"], strict=True):
        assert isinstance(event, LogEvent)
        told = {**event._asdict(), "kind": KINDS[event.kind]}
        assert {name: told[name] for name in wanted} == wanted


@pytest.mark.parametrize(("data", "expected"), example("ring"))
def test_the_ring(data: bytes, expected: dict[str, Any]) -> None:
    trace = read(data, expected)
    header = trace.header
    assert (header.pointer_size, header.byte_order) == (expected["pointer_size"], expected["byte_order"])
    assert (header.capacity, header.issued, trace.info.state) == (
        expected["capacity"],
        expected["issued"],
        expected["state"],
    )
    assert (trace.info.kept, trace.info.lost, len(data)) == (expected["kept"], expected["lost"], 1024)
    assert {name: list(table) for name, table in header.tables.items()} == expected["tables"]
    assert trace.assertion is not None
    found = {"text": trace.assertion.text, "function": trace.assertion.function}
    assert {**found, "line": header.assert_line, "seq": trace.assertion.seq} == expected["assertion"]
    for event, wanted in zip(trace.events, expected["events"], strict=True):
        assert {name: getattr(event, name) for name in wanted} == {**wanted, "stack": tuple(wanted["stack"])}


def test_the_ring_is_what_the_recorder_writes_today() -> None:
    """But for its own address, and what follows from that: the recorder's pointers and a task's handle."""
    data, expected = example("ring")[0]
    fresh = run(32, ("-DMEMTRACE_QUICK=0",), "kinds")
    names = expected["tables"]["names"][0]
    masked = [range(24, 32), range(416, 428), range(names + 3 * 32, names + 3 * 32 + 8)]
    holes = {at for span in masked for at in span}
    differ = [at for at in range(1024) if data[at] != fresh.data[at] and at not in holes]
    assert differ == []


def test_the_header_table_is_the_compilers(tmp_path: Path) -> None:
    rows = re.findall(r"^\| (\d+) \| (\d+) \| `(\w+)` \|", TEXT, re.MULTILINE)
    assert len(rows) == 49
    source = tmp_path / "check.c"
    checks = [
        f"_Static_assert(offsetof(struct memtrace_header, {name}) == {offset} && "
        f'sizeof ((struct memtrace_header *)0)->{name} == {size}, "{name}");'
        for offset, size, name in rows
    ]
    source.write_text("\n".join(['#include "memtrace_format.h"', *checks, ""]))
    include = f"-I{ROOT / 'c_helpers/include'}"
    done = subprocess.run(["gcc", "-std=c11", include, "-fsyntax-only", str(source)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    ends = [int(offset) + int(size) for offset, size, _ in rows]
    assert ends[-1] == 416
