# SPDX-License-Identifier: Apache-2.0
"""Heaps found by their signature: all that are there, in every byte order, and none where there is none."""

from __future__ import annotations

import gzip
import json
import random
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from gdbext.source.snapshot import ByteOrder
from tests.image.ask import places, search
from tests.support import fixtures
from tests.support.fixtures import Case
from tests.support.gdb import SOURCE, Capture, remote, run_gdb
from tests.support.paths import ROOT, SHARED
from tests.support.rsp_stub import stub_of
from tests.support.tlsf_image import heap_image

BASE = 0x3C00_0000
FORMATS: tuple[tuple[int, ByteOrder], ...] = ((4, "little"), (8, "little"), (4, "big"), (8, "big"))
BUFFERS = heap_image(BASE, [(1_400_000, True), (1_440_000, False)] * 12)


def wanted(case: Case) -> set[tuple[str, int]]:
    """What the truth has. heap_5 with one region differs from heap_4 in nothing."""
    single = case.heap.kind == "freertos_heap_5" and len(case.heap.regions) == 1
    kind = "freertos_heap_4" if single else case.heap.kind
    return {(kind, case.heap.address)} | {(heap.kind, heap.address) for heap in case.more_heaps}


def swapped(data: bytes, width: int, narrow: range = range(0)) -> bytes:
    """The same words in the other byte order; those in `narrow` are of 32 bits."""
    out = bytearray(data[: len(data) // width * width])
    for place in range(0, len(out), width):
        step = 4 if place in narrow else width
        for part in range(place, place + width, step):
            out[part : part + step] = out[part : part + step][::-1]
    return bytes(out)


@pytest.mark.parametrize("case", fixtures.select(), ids=lambda case: f"{case.id}-{case.damage_kind}")
def test_every_heap_is_found_and_nothing_else(case: Case) -> None:
    found = search(((image.base, image.data) for image in case.images), case.pointer_size)
    assert (places(found), found.problems) == (wanted(case), [])


@pytest.mark.parametrize("name", ["a001", "a005", "a063", "a064", "a070", "a077"])
def test_the_other_byte_order(name: str) -> None:
    case = fixtures.case(name)
    images = [(image.base, swapped(image.data, case.pointer_size)) for image in case.images]
    assert places(search(images, case.pointer_size, "big")) == wanted(case)


def test_the_other_byte_order_with_bitmaps_narrower_than_pointers() -> None:
    case = next(case for case in fixtures.select(layout="mattconte-64") if case.damage_kind == "none")
    image = case.images[0]
    bitmaps = case.heap.address - image.base + 32
    data = swapped(image.data, 8, range(bitmaps, bitmaps + 4 * 26))
    assert places(search([(image.base, data)], 8, "big")) == wanted(case)


@pytest.mark.parametrize("name", ["a005", "a020", "a062", "a064", "a070", "a099"])
def test_a_heap_in_the_middle_of_a_larger_memory(name: str) -> None:
    case = fixtures.case(name)
    image = max(case.images, key=lambda image: image.length)
    before, behind = random.Random(name).randbytes(1 << 20), bytes(3 << 20)
    found = search([(image.base - len(before), before + image.data + behind)], case.pointer_size)
    assert places(found) == wanted(case)


def words(base: int, count: int, of: Sequence[int]) -> bytes:
    return struct.pack(
        f"<{count}I", *(of[place % len(of)] + (base if of[place % len(of)] else 0) for place in range(count))
    )


def text() -> bytes:
    return b"".join(path.read_bytes() for path in sorted(ROOT.glob("gdbext/**/*.py")))


def code() -> bytes:
    return Path(sys.executable).read_bytes()[: 4 << 20]


def flash() -> bytes:
    return b"".join(
        gzip.decompress(path.read_bytes())
        for path in sorted((SHARED / "fixtures" / "flash" / "images").glob("*.gz"))[:40]
    )


NOTHING = {
    "zeros": lambda: bytes(4 << 20),
    "ones": lambda: b"\xff" * (4 << 20),
    "0x80": lambda: b"\x80" * (1 << 20),
    "random": lambda: random.Random(1).randbytes(4 << 20),
    "text": text,
    "code": code,
    "flash": flash,
    "pointers": lambda: words(BASE, 1 << 18, [random.Random(2).randrange(4, 1 << 20, 4) for _ in range(5000)]),
    "tables": lambda: words(BASE, 1 << 14, [0, 64, *[64] * 200, *[0] * 50]),
    "buckets": lambda: words(BASE, 1 << 10, [0, *[4] * 500]),
}  # fmt: skip


@pytest.mark.parametrize("what", NOTHING)
@pytest.mark.parametrize("base", [0, BASE, 0x8000_0000])
def test_there_is_nothing_in(what: str, base: int) -> None:
    data = NOTHING[what]()
    for width, order in FORMATS:
        assert search([(base, data)], width, order).regions == []


def test_a_copy_and_a_heap_that_was_written_over_are_no_heaps() -> None:
    case = fixtures.case("a005")
    image = case.images[0]
    assert search([(image.base + 0x100, image.data)]).regions == []
    control = case.heap.control_bytes
    assert control is not None
    over = random.Random(3).randbytes(image.length)
    stale = image.data[: control + 20] + over[control + 20 :]
    assert search([(image.base, stale)]).regions == []


def check(*options: str) -> Any:
    command = [sys.executable, "-m", "gdbext", "check", "--json", *options]
    return json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout)


@pytest.mark.parametrize("name", ["a005", "a062", "a077", "a095"])
def test_check_without_a_name_is_check_with_it(name: str) -> None:
    case = fixtures.case(name)
    images = [f"--image={image.base:#x}={image.path}" for image in case.images]
    names = [f"--heap={heap.option}" for heap in (case.heap, *case.more_heaps)]
    searched, named = check(*images), check(*images, *names)
    assert searched["heaps"] == sorted(named["heaps"], key=lambda heap: int(heap["address"]))
    assert searched["cost"]["bytes"] >= sum(image.length for image in case.images)


def test_a_large_heap_is_found_and_read_by_its_headers(tmp_path: Path) -> None:
    image = tmp_path / "buffers.bin"
    image.write_bytes(BUFFERS)
    searched, named = (
        check(f"--image={BASE:#x}={image}"),
        check(f"--image={BASE:#x}={image}", f"--heap=multi_heap@{BASE:#x}"),
    )
    assert searched["heaps"] == named["heaps"]
    assert (searched["heaps"][0]["used_blocks"], searched["heaps"][0]["status"]) == (12, "clean")
    assert named["cost"]["bytes"] - len(BUFFERS) <= 64 << 10  # the whole image is searched for a ring
    assert searched["cost"]["bytes"] - 2 * len(BUFFERS) <= 64 << 10  # and for heaps


def test_a_live_target_is_searched_only_where_it_is_asked() -> None:
    case = fixtures.case("a005")
    image = case.images[0]
    span = f"{image.base:#x},{image.base + image.length:#x}"
    with stub_of([(image.base, image.data)]) as stub:
        commands = ["set architecture riscv:rv32", SOURCE, remote(stub.remote)]
        captures = [Capture("heap-check"), Capture(f"heap-check --search {span} --json"), Capture("memtrace status")]
        done = run_gdb([*commands, *captures])
    assert "--search START,END" in (done.captured[0].error or "")
    assert [heap["address"] for heap in done.json(1)["heaps"]] == [case.heap.address]
    assert f"searching {image.length:,} bytes" in done.stderr
