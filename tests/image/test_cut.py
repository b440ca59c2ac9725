# SPDX-License-Identifier: Apache-2.0
"""Images that lack a part: what is not there is missing and no damage, what is there is found."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from tests.image.ask import check, without
from tests.support import judge
from tests.support.fixtures import Case, load_cases

CUTS = 3
LARGEST = 45_000
Images = list[tuple[int, bytes]]
Hole = tuple[int, int]

SMALL = [case for case in load_cases() if sum(image.length for image in case.images) <= LARGEST]
CLEAN = [case for case in SMALL if case.truth.primary_status == "clean" and not case.truth.incomplete]
# Damage that shows by counters of the whole heap, or all through a block, needs the whole.
BY_THE_WHOLE = ("accounting-free", "accounting-pool", "free-list-cycle-1")
DAMAGED = [case for case in SMALL if case.truth.primary_status == "damaged" and case.damage_kind not in BY_THE_WHOLE]


def name(case: Case) -> str:
    return f"{case.id}-{case.layout}-{case.damage_kind}"


def behind_control(case: Case) -> int:
    """Where the first block is: what lies in front says what heap this is."""
    return min((block.raw for block in case.truth.blocks), default=case.heap.address) + 64


def holes(case: Case, random: Random) -> Iterator[Hole]:
    """The end missing, from one byte to half; holes of 4 bytes to half, over headers and within payloads."""
    for image in (image for image in case.images if image.length > 512):
        low, end = max(image.base, behind_control(case) if image is case.images[0] else 0), image.base + image.length
        if low + 128 >= end:
            continue
        yield from ((end - left, end) for left in (1, 4, 16, (end - low) // 2))
        for length in (4, 16, 200, (end - low) // 2):
            start = random.randrange(low, max(low + 1, end - length))
            yield start & ~3, min(end, (start & ~3) + length)
        for block in random.sample(case.truth.blocks, min(CUTS, len(case.truth.blocks))):
            if low <= block.raw - 16 and block.raw + block.size < end:
                yield block.raw - 4, block.raw
                yield block.raw + block.size // 2, block.raw + block.size // 2 + 4


def images_of(case: Case) -> Images:
    return [(image.base, image.data) for image in case.images]


def report(case: Case, hole: Hole) -> Any:
    return check(without(images_of(case), hole), case.heap.option)["heaps"][0]


@pytest.mark.parametrize("case", CLEAN, ids=name)
def test_what_is_not_there_is_no_damage(case: Case) -> None:
    wrong = {}
    for hole in holes(case, Random(case.id)):
        heap = report(case, hole)
        told = [finding["text"] for finding in heap["findings"] if finding["severity"] == "damage"]
        if told or heap["status"] not in ("clean", "unreadable"):
            wrong[f"{hole[0]:#x}..{hole[1]:#x}"] = (heap["status"], told)
    assert wrong == {}


@pytest.mark.parametrize("case", [case for case in CLEAN if case.heap.kind in ("tlsf", "multi_heap")], ids=name)
def test_a_control_block_with_a_hole_is_not_read_as_another(case: Case) -> None:
    """Where its tables end cannot be told, or by what is there: never by words that are not."""
    low, high = case.heap.address + 256, behind_control(case) - 64
    wrong = {}
    # A dynamic control block of 29 levels with 16 lists each would end here.
    for place in (case.heap.address + 0x7D8, *range(low, high, max(4, (high - low) // 16 & ~3))):
        heap = report(case, (place, place + 0x400))
        told = [finding["text"] for finding in heap["findings"] if finding["severity"] == "damage"]
        if told or heap["status"] not in ("clean", "unreadable"):
            wrong[f"{place:#x}"] = (heap["layout"], told)
    assert wrong == {}


@pytest.mark.parametrize("case", [case for case in CLEAN if case.heap.kind.startswith("freertos")], ids=name)
def test_freertos_ends_where_markers_prove_it(case: Case) -> None:
    """Not where an image ends or a hole does, wherever that is."""
    random, first, wrong = Random(case.id), case.images[0], {}
    for _ in range(24):
        low, high, other = sorted(random.sample(range(first.base + 64, first.base + first.length), 3))
        pieces = without(without(images_of(case)[:1], (low, high)), (other, first.base + first.length))
        for parts in (pieces, pieces[:1]):
            (heap,) = check([*parts, *images_of(case)[1:]], case.heap.option)["heaps"]
            told = [finding["text"] for finding in heap["findings"] if finding["severity"] == "damage"]
            if told:
                wrong[f"{low:#x}..{high:#x} {other:#x}"] = told
    assert wrong == {}


@pytest.mark.parametrize("case", CLEAN, ids=name)
def test_blocks_on_both_sides_of_a_hole_are_listed(case: Case) -> None:
    """But for a few next to it: old headers in a block whose own is missing cannot be told from new ones."""
    lacking = {}
    for low, high in holes(case, Random(case.id)):
        heap = report(case, (low, high))
        listed = {block["raw"] for block in heap["blocks"] if block["state"] == "used"}
        header = 16 if case.pointer_size == 8 else 8
        there = [block for block in case.truth.blocks if block.raw <= low or high <= block.raw - header]
        lost = [block.raw for block in there if block.raw not in listed]
        others = [] if case.more_heaps else lost
        if len(others) > 2 or any(raw < low for raw in others):
            lacking[f"{low:#x}..{high:#x}"] = [hex(raw) for raw in others]
    assert lacking == {}


@pytest.mark.parametrize(
    "case", [case for case in CLEAN if case.heap.kind == "multi_heap" and not case.more_heaps], ids=name
)
def test_what_is_missing_is_counted(case: Case) -> None:
    """A multi_heap says itself how large it is."""
    (image,) = case.images
    whole = check(images_of(case), case.heap.option)["heaps"][0]
    assert (whole["missing"], whole["end_known"]) == (0, True)
    middle = (whole["start"] + whole["end"]) // 2 & ~3
    assert report(case, (middle, middle + 64))["missing"] == 64
    assert report(case, (middle, image.base + image.length))["missing"] == whole["end"] - middle


@pytest.mark.parametrize("case", DAMAGED, ids=name)
def test_damage_is_found_in_what_is_there(case: Case) -> None:
    random, lost = Random(case.id), []
    hit = [(change.address - 512, change.address + len(change.after) + 512) for change in case.truth.damage]
    for hole in holes(case, random):
        if any(low < hole[1] and hole[0] < high for low, high in hit):
            continue
        heap = report(case, hole)
        damage = [finding for finding in heap["findings"] if finding["severity"] == "damage"]
        if not case.truth.undecidable and not any(judge.localises(case, finding) for finding in damage):
            lost.append((f"{hole[0]:#x}..{hole[1]:#x}", [finding["text"] for finding in damage]))
    assert len(lost) <= 1, lost
