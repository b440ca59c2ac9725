# SPDX-License-Identifier: Apache-2.0
"""Every real heap image through the shell, some through a real GDB: verdict, place, blocks and totals are the truth."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.shell import memtrace
from tests.support import judge
from tests.support.fixtures import Case, load_cases, select
from tests.support.gdb import SOURCE, Capture, remote, run_gdb
from tests.support.rsp_stub import stub_of

CASES = load_cases()
# One of each 32-bit layout and poisoning, damaged where there is one.
BY_LAYOUT = {(case.layout, case.poisoning): case for case in sorted(CASES, key=lambda case: case.truth.status)}
IN_GDB = tuple(case for case in BY_LAYOUT.values() if case.pointer_size == 4 and "heap5" not in case.layout)
HEAP_5 = next(case for case in CASES if case.layout == "freertos-heap5-32" and case.truth.status == "clean")
EXIT = {"clean": 0, "uninitialised": 0, "damaged": 1, "unreadable": 2}


def name(case: Case) -> str:
    return f"{case.id}-{case.layout}-{case.damage_kind}"


def heaps_of(case: Case) -> list[str]:
    return [f"--heap={heap.option}" for heap in (case.heap, *case.more_heaps)]


def images_of(case: Case) -> list[str]:
    return [f"--image={image.base:#x}={image.path}" for image in case.images]


def problems(case: Case, report: Any) -> list[str]:
    """In what a report differs from the truth about all heaps of a case."""
    found = judge.problems(case, report)
    for more, heap in zip(case.more_heaps, report["heaps"][1:], strict=True):
        found += [] if heap["status"] == more.status else [f"the heap at {more.address:#x} is {heap['status']}"]
        found += list(judge.totals_problems(more.totals, heap)) if more.totals else []
    return found


@pytest.mark.parametrize("case", CASES, ids=name)
def test_report_is_as_the_truth_says(case: Case) -> None:
    said = memtrace("check", *images_of(case), *heaps_of(case), "--json", "--blocks")
    report = said.json()
    assert problems(case, report) == []
    assert said.status == max(EXIT[heap["status"]] for heap in report["heaps"])
    heap = report["heaps"][0]
    assert (heap["layout"], heap["poisoning"]) == (case.layout, case.poisoning)
    groups = {finding["group"] for heap in report["heaps"] for finding in heap["findings"]}
    assert len(groups) <= 1, "one cause is one group"
    _requests_are_right(case, heap)


def _requests_are_right(case: Case, heap: Any) -> None:
    """Poison tells what was asked for."""
    listed = {block["payload"]: block["requested"] for block in heap["blocks"]}
    for block in case.truth.blocks if case.poisoning != "none" else ():
        if not block.affected and block.payload not in case.truth.damaged_blocks:
            assert listed[block.payload] == block.requested


@pytest.mark.parametrize("case", CASES, ids=name)
def test_auto_finds_the_kind(case: Case) -> None:
    report = memtrace("check", *images_of(case), f"--heap=auto@{case.heap.address:#x}", "--json", "--blocks").json()
    kind = report["heaps"][0]["kind"]
    assert kind == case.heap.kind or {kind, case.heap.kind} == {"freertos_heap_4", "freertos_heap_5"}
    assert judge.problems(case, report) == []


@pytest.mark.parametrize("case", IN_GDB, ids=name)
def test_gdb_says_the_same(case: Case) -> None:
    heaps = " ".join(heaps_of(case))
    with stub_of((image.base, image.data) for image in case.images) as stub:
        done = run_gdb([SOURCE, remote(stub.remote), Capture(f"heap-check {heaps} --json --blocks")])
    assert problems(case, done.json()) == []


def test_a_live_heap_of_several_regions() -> None:
    """Where the chain leads to memory that may not be read it is not called damaged, and the report says so."""
    case, (first, second) = HEAP_5, HEAP_5.heap.regions
    check = Capture(f"heap-check --heap={case.heap.option} --json --blocks")
    more = f"set memtrace memory {second.first_block:#x},{case.images[1].base + case.images[1].length:#x}"
    with stub_of((image.base, image.data) for image in case.images) as stub:
        done = run_gdb([SOURCE, remote(stub.remote), check, more, check])
    alone, both = done.json(0), done.json(1)
    assert (alone["heaps"][0]["status"], alone["heaps"][0]["findings"]) == ("clean", [])
    assert alone["heaps"][0]["end"] <= first.end_marker + 8
    assert any("set memtrace memory" in skipped["why"] for skipped in alone["skipped"])
    assert judge.problems(case, both) == []


def test_the_cases_are_there() -> None:
    assert len(CASES) >= 104
    assert {case.truth.status for case in CASES} == {"clean", "damaged"}
    assert len(select(layout="espressif-dynamic", poisoning="none", kind="multi_heap")) >= 35
    assert len(IN_GDB) >= 9
