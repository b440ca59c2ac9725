# SPDX-License-Identifier: Apache-2.0
"""FreeRTOS's heap_2, with and without the allocated bit, in every width and byte order: clean, damaged, freed twice.

The images come from a model of the allocator under a seeded load (tests.support.heap_2_image); what is true of them are
its own books.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from gdbext.source.snapshot import ByteOrder
from tests.image.ask import check, places, search
from tests.support import damages
from tests.support.damages import Held, Subject
from tests.support.heap_2_image import STATICS, Build, Heap2, load

ARRAYS = (0x2000_1000, 0x2000_1004, 0x2000_2001)
BUILDS = {
    f"{8 * word}-{'big' if order == '>' else 'little'}-{'marked' if marked else 'old'}-align-{align}": Build(
        word, align, order, marked, skip=not marked, clear=align == 16
    )
    for word in (4, 8)
    for order in "<>"
    for marked in (True, False)
    for align in (8, 16)
}


def heap_of(build: Build, seed: int, steps: int, total: int = 8192) -> Heap2:
    rng = Random(f"{build}/{seed}")
    heap = Heap2(rng.choice(ARRAYS), total, build)
    load(heap, rng, steps)
    heap.malloc(24)
    return heap


def report_of(heap: Heap2, kind: str = "freertos_heap_2", statics: bool = True) -> Any:
    return check(heap.images(statics), f"{kind}@{heap.first:#x}")


def listed(report: Any, state: str) -> set[tuple[int, int]]:
    return {(block["payload"], block["size"]) for block in report["blocks"] if block["state"] == state}


def truth(heap: Heap2, used: bool) -> set[tuple[int, int]]:
    return {(payload, size) for payload, size, is_used in heap.blocks() if is_used is used}


@pytest.mark.parametrize("name", BUILDS)
def test_a_clean_heap_is_clean_and_whole(name: str) -> None:
    for kind, steps in (("freertos_heap_2", 0), ("auto", 12), ("freertos_heap_2", 160)):
        heap = heap_of(BUILDS[name], steps, steps)
        (report,) = report_of(heap, kind)["heaps"]
        assert (report["kind"], report["status"], report["findings"]) == ("freertos_heap_2", "clean", [])
        assert (report["start"], report["end"]) == (heap.first, heap.first + heap.adjusted)
        assert (listed(report, "used"), listed(report, "free")) == (truth(heap, True), truth(heap, False))
        assert report["free_bytes"] == sum(size for _, size in truth(heap, False))


@pytest.mark.parametrize("name", [name for name in BUILDS if "marked" in name])
def test_the_array_alone_is_enough_with_the_allocated_bit(name: str) -> None:
    heap = heap_of(BUILDS[name], 1, 200)
    (report,) = report_of(heap, statics=False)["heaps"]
    assert (report["status"], listed(report, "used"), report["end"]) == (
        "clean", truth(heap, True), heap.first + heap.adjusted,
    )  # fmt: skip


@pytest.mark.parametrize("name", [name for name in BUILDS if "old" in name])
def test_without_xstart_an_old_heap_says_that_it_guesses(name: str) -> None:
    heap = heap_of(BUILDS[name], 1, 200)
    said = report_of(heap, statics=False)
    (report,) = said["heaps"]
    assert (report["status"], report["end"]) == ("clean", heap.first + heap.adjusted)
    assert listed(report, "used") | listed(report, "free") == truth(heap, True) | truth(heap, False)
    assert [item["check"] for item in said["skipped"] if "xStart" in item["why"]] == ["free-flag"]


@pytest.mark.parametrize("name", BUILDS)
def test_an_array_that_is_cut_is_incomplete_and_not_damaged(name: str) -> None:
    """Its variables are cut, too: nothing tells where it ends."""
    heap, wrong = heap_of(BUILDS[name], 3, 160), {}
    ((array, data),) = heap.images(statics=False)
    places = [payload for payload, _, _ in heap.blocks()]
    for cut in (*Random(name).sample(range(256, len(data)), 12), *(payload - array for payload in places[4::9])):
        (report,) = check([(array, data[:cut])], f"freertos_heap_2@{heap.first:#x}")["heaps"]
        told = [finding["text"] for finding in report["findings"]]
        leads_out = max(at + size for at, size in listed(report, "used") | listed(report, "free")) > array + cut
        if told or (leads_out and (report["status"], report["end_known"]) != ("unreadable", False)):
            wrong[hex(cut)] = (report["status"], told)
    assert wrong == {}


@pytest.mark.parametrize("total", [10_000, 8190, 12_345])
@pytest.mark.parametrize("marked", [True, False])
def test_an_array_of_any_size(total: int, marked: bool) -> None:
    """The last block then has an odd size."""
    heap = heap_of(Build(marked=marked), 3, 120, total)
    (report,) = report_of(heap)["heaps"]
    assert (report["status"], report["findings"]) == ("clean", [])
    assert (report["end"], listed(report, "used")) == (heap.first + heap.adjusted, truth(heap, True))


def test_a_heap_inside_of_a_larger_memory_ends_where_xend_says() -> None:
    heap = heap_of(Build(), 5, 200)
    memory = bytearray(Random(5).randbytes(64 << 10))
    for base, data in heap.images():
        memory[base - STATICS : base - STATICS + len(data)] = data
    (report,) = check([(STATICS, bytes(memory))], f"freertos_heap_2@{heap.first:#x}")["heaps"]
    assert (report["status"], report["end"]) == ("clean", heap.first + heap.adjusted)
    assert listed(report, "used") == truth(heap, True)


@pytest.mark.parametrize("name", ["32-little-marked-align-8", "32-big-marked-align-16", "64-little-marked-align-8"])
def test_it_is_found_by_its_marks_with_its_variables_and_without_them_taken_for_nothing(name: str) -> None:
    heap = heap_of(BUILDS[name], 2, 120)
    order: ByteOrder = "big" if heap.build.order == ">" else "little"
    assert places(search(heap.images(), heap.build.word, order)) == {("freertos_heap_2", heap.first)}
    assert search(heap.images(statics=False), heap.build.word, order).regions == []


def subject_of(name: str, heap: Heap2, statics: bool) -> Subject:
    blocks = tuple(Held(payload, payload, size, used) for payload, size, used in heap.blocks())
    build, option = heap.build, f"freertos_heap_2@{heap.first:#x}"
    return Subject(
        name, option, tuple(heap.images(statics)), build.word, build.order, blocks, build.header, freertos=True,
        align=build.align,
    )  # fmt: skip


def subjects() -> Iterator[Subject]:
    for name, build in BUILDS.items():
        yield subject_of(name, heap_of(build, 7, 160), True)
        if build.marked:
            yield subject_of(f"{name}-alone", heap_of(build, 8, 160), False)


KINDS = ("overflow", "underflow", "header-zeroed", "size-word", "free-links", "own-bytes", "free-body")


def cases(kind: str, seeds: range) -> Iterator[tuple[str, list[str]]]:
    for subject in subjects():
        for seed in seeds:
            damage = damages.make(kind, subject, Random(f"{subject.name}/{kind}/{seed}"))
            if damage is not None:
                told = check(damage.images(subject), subject.option)
                yield f"{subject.name} {seed}", damages.problems(subject, decidable(subject, damage), told)


def decidable(subject: Subject, damage: damages.Damage) -> damages.Damage:
    """Without an allocated bit a list that leads to a used block may be right, and what it misses counts as used."""
    if damage.what != "free-links" or "-old-" not in subject.name:
        return damage
    return replace(damage, visible=None, harmed=frozenset(block.payload for block in subject.used))


@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_told_as_it_is(kind: str) -> None:
    found = dict(cases(kind, range(1)))
    wrong = {name: [text for text in problems if "block 0x" not in text] for name, problems in found.items()}
    assert {name: problems for name, problems in wrong.items() if problems} == {}
    assert [name for name, problems in found.items() if problems] == []


def test_a_block_that_was_freed_twice_makes_a_ring() -> None:
    heap = heap_of(Build(marked=False), 9, 160)
    payload, size, _ = next(block for block in heap.blocks() if not block[2])
    heap.free(payload)
    (report,) = report_of(heap)["heaps"]
    rings = [finding for finding in report["findings"] if finding["rule"] == "list-cycle"]
    same = {at for at, other, used in heap.blocks() if other == size and not used}
    assert report["status"] == "damaged" and rings and rings[0]["block"] in same
    assert "double-free" in [told["kind"] for told in rings[0]["explanations"]]
