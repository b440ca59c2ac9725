# SPDX-License-Identifier: Apache-2.0
"""Files that contradict each other about an address: refused or told, in whatever order they are given."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path
from random import Random

import pytest

from gdbext.source.overlaps import MOST_COMPARED, Piece, first_difference
from tests.cli.shell import memtrace
from tests.support import fixtures
from tests.support.core import write_core
from tests.support.gdb import SOURCE, Capture, run_gdb

CASE = fixtures.case("a005")
BASE, DATA = CASE.images[0].base, CASE.images[0].data
HEAP = ("--heap", CASE.heap.option)


def image(folder: Path, name: str, base: int, data: bytes) -> str:
    (folder / name).write_bytes(data)
    return f"--image={base:#x}={folder / name}"


def changed(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


def test_images_that_differ_are_refused_in_any_order(tmp_path: Path) -> None:
    whole = image(tmp_path, "whole", BASE, DATA)
    part = image(tmp_path, "part", BASE + 4096, changed(DATA[4096:8192], 100))
    far = image(tmp_path, "far", BASE + (1 << 20), b"far")
    for words in permutations((whole, part, far)):
        said = memtrace("check", *words, *HEAP)
        assert (said.status, said.out, said.err.count("\n")) == (2, "", 1)
        assert f"{tmp_path / 'whole'}" in said.err and f"{tmp_path / 'part'}" in said.err
        assert f"hold different bytes at {BASE + 4196:#x}:" in said.err


def test_images_with_the_same_bytes_are_one_memory(tmp_path: Path) -> None:
    words = [image(tmp_path, f"{at}", BASE + at, DATA[at : at + 9000]) for at in range(0, len(DATA), 5000)]
    once = memtrace("check", image(tmp_path, "whole", BASE, DATA), *HEAP, "--json").same()
    assert memtrace("check", *words, *HEAP, "--json").same()["heaps"] == once["heaps"]


def test_an_image_that_differs_from_a_core_is_refused(tmp_path: Path) -> None:
    core = write_core(tmp_path / "core", [(BASE, DATA)])
    same = image(tmp_path, "same", BASE + 100, DATA[100:5000])
    other = image(tmp_path, "other", BASE + 100, changed(DATA[100:5000], 7))
    assert memtrace("check", core, same, *HEAP).status == 0
    said = memtrace("check", core, other, *HEAP)
    assert (said.status, said.out, said.err.count("\n")) == (2, "", 1)
    assert str(core) in said.err and str(tmp_path / "other") in said.err and f"at {BASE + 107:#x}:" in said.err


@pytest.mark.parametrize("order", [1, -1])
def test_segments_that_differ_are_told(order: int, tmp_path: Path) -> None:
    parts = [(BASE, DATA), (BASE + 4096, changed(DATA[4096:], 50))]
    core = write_core(tmp_path / "core", parts[::order])
    told = f"hold different bytes at the same addresses, first at {BASE + 4146:#x}: the one from {BASE:#x} on counts"
    report = memtrace("check", core, *HEAP, "--json").json()
    assert [item for item in report["skipped"] if told in item["why"]] and report["heaps"][0]["status"] == "clean"
    by_gdb = run_gdb([SOURCE, f"core-file {core}", Capture(f"heap-check --heap {CASE.heap.option} --json")]).json()
    assert [item for item in by_gdb["skipped"] if told in item["why"]]
    same = write_core(tmp_path / "same", [(BASE, DATA), (BASE + 4096, DATA[4096:])])
    assert not [item for item in memtrace("check", same, *HEAP, "--json").json()["skipped"] if "bytes" in item["why"]]


@pytest.mark.parametrize(
    ("count", "size", "spread", "skew", "whole"),
    [
        (60_000, 4096, 0, 0, True),
        (4000, 1 << 20, 0, 0, True),
        (60_000, 4096, 1, 2, False),
        (60_000, 65536, 1, 0, False),
    ],
)
def test_a_core_that_overlaps_thousands_of_times_costs_little(
    count: int, size: int, spread: int, skew: int, whole: bool
) -> None:
    """`spread` bytes apart in memory and `skew` in the file."""
    data = bytes(size + count * skew)
    places = range(count)
    pieces = [Piece(0x1000 + at * spread, 0x1000 + at * spread + size, at * skew, data) for at in places]
    assert first_difference(pieces, MOST_COMPARED) == (None, whole), "all was compared, or as many bytes as may be"


def test_the_first_difference_is_that_of_every_byte() -> None:
    random = Random(5)
    for _ in range(400):
        memory = bytes(random.randrange(3) for _ in range(64))
        pieces = []
        for _ in range(random.randrange(1, 6)):
            start = random.randrange(60)
            end = random.randrange(start + 1, 65)
            own = bytearray(memory[start:end])
            if random.random() < 0.3:
                own[random.randrange(len(own))] ^= 1
            pieces.append(Piece(start, end, 0, bytes(own)))
        differ = {
            at
            for at in range(64)
            if len({piece.data[at - piece.start] for piece in pieces if piece.start <= at < piece.end}) > 1
        }
        found, whole = first_difference(pieces)
        assert whole and (found is None) == (not differ)
        assert found is None or found[0] in differ
