# SPDX-License-Identifier: Apache-2.0
"""Two allocators over one memory: in a real program's file, over images of heap_4."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gdbext.report.json import to_json
from tests.cli.shell import memtrace
from tests.docs.sentences.world import ask, world
from tests.support import freertos_image, tlsf_image, two_owners
from tests.support.two_owners import CHUNK, END, HEAP, RAM, SHAPE

SIZE = 4064  # of the heap
LINE = (
    "who: freertos_heap_4 at 0x20001000..0x20001fe0 and the C library's malloc (sbrk from end on: "
    "0x20001420..0x20001480) own the same memory"
)


def asked(folder: Path, made: two_owners.Made, *more: str) -> Any:
    image = folder / "ram.bin"
    image.write_bytes(made.data)
    return memtrace("check", "--image", f"{made.base:#x}={image}", "--elf", made.elf, *more)


def test_the_first_line_names_both(tmp_path: Path) -> None:
    first, *_, last = asked(tmp_path, two_owners.make(tmp_path, 2 * CHUNK)).out.splitlines()
    assert first == LINE
    assert last.endswith("next: memtrace status")


def test_the_overlap_is_a_note_with_both_ranges(tmp_path: Path) -> None:
    report = asked(tmp_path, two_owners.make(tmp_path, 2 * CHUNK), "--json").json()
    (heap,) = report["heaps"]
    note = next(one for one in heap["findings"] if one["rule"] == "shared-memory")
    assert (note["severity"], note["address"]) == ("note", END)
    facts = note["text_facts"]
    assert (facts["low"], facts["high"], facts["other"]["sentence"]) == (END, END + 2 * CHUNK, "arena-sbrk")
    assert (report["who"]["kind"], report["who"]["certainty"]) == ("shared-memory", "shown")


def test_nothing_is_said_before_the_other_has_taken_anything(tmp_path: Path) -> None:
    report = asked(tmp_path, two_owners.make(tmp_path, 0), "--json").json()
    assert [heap["findings"] for heap in report["heaps"]] == [[]]


def test_sbrk_behind_the_heap_is_nobody_s_business(tmp_path: Path) -> None:
    report = asked(tmp_path, two_owners.make(tmp_path, 2 * CHUNK, at=HEAP + SIZE), "--json").json()
    assert [heap["findings"] for heap in report["heaps"]] == [[]]


def test_where_nobody_knows_how_far_it_came_it_is_a_warning(tmp_path: Path) -> None:
    """The variable that tells has another name."""
    made = two_owners.make(tmp_path, 0, END, "", "-Dheap_end=mine")
    report = asked(tmp_path, made, "--json").json()
    (note,) = report["heaps"][0]["findings"]
    assert (note["severity"], note["text_facts"]["sentence"]) == ("note", "shared-some-day")
    assert report["who"] is None


def test_a_variable_in_a_heap_is_named(tmp_path: Path) -> None:
    at_end = (f"-Wl,--section-start=.lost={HEAP + SIZE - 16:#x}", "-Wl,--no-check-sections")
    more = '__attribute__((section(".lost"), used)) uint32_t lost_buffer[8] = {1};'
    made = two_owners.make(tmp_path, 0, END, more, *at_end)
    made = made._replace(data=made.data[: END + 8 - RAM] + b"\x01" * 40 + made.data[END + 48 - RAM :])  # some damage
    notes = [one for one in asked(tmp_path, made, "--json").json()["heaps"][0]["findings"] if one["severity"] == "note"]
    assert [one["text_facts"]["other"]["name"] for one in notes if one["rule"] == "shared-memory"] == ["lost_buffer"]


POOL = ((40, True), (64, True), (200, False))


@pytest.mark.parametrize(("is_used", "shares"), [(True, False), (False, True)])
def test_a_heap_in_a_used_block_of_another_shares_nothing(is_used: bool, shares: bool) -> None:
    """A pool is mostly a block of another heap; in free memory it is not its own."""
    shape = tlsf_image.Shape(9, 5, dynamic=False, multi=False)
    blocks = ((40, True), (12000, is_used), (64, True), (400, False))
    inner = freertos_image.payloads(HEAP, blocks, SHAPE)[1] + 64
    data, pool = (
        bytearray(freertos_image.heap_4_image(HEAP, blocks, SHAPE)),
        tlsf_image.shaped_image(inner, POOL, shape),
    )
    assert len(pool) < 11_000
    data[inner - HEAP : inner - HEAP + len(pool)] = pool
    names = [f"freertos_heap_4@{HEAP:#x}", f"tlsf@{inner:#x}"]
    report = json.loads(to_json(ask(world([(HEAP, bytes(data))], names), "check", "--heap", names[1], heap=names[0])))
    assert [heap["status"] for heap in report["heaps"]] == ["clean", "clean"]
    rules = {one["rule"] for heap in report["heaps"] for one in heap["findings"]}
    assert ("shared-memory" in rules) == shares
