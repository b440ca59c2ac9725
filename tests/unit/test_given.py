# SPDX-License-Identifier: Apache-2.0
"""What a pointer is that the calls at a stop gave to the allocator, or were about to get from it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from gdbext.analyse.rules_given import foreign_function
from gdbext.heap.facts import HeapFacts
from gdbext.heap.names import allocator_run, freed_by
from gdbext.model.diagnosis import Explanation, Finding, Given
from gdbext.model.events import Frame, Generation
from gdbext.model.region import Region
from tests.support import fixtures
from tests.unit.given_world import CALLER, FILLED, PLAIN, block, dead, given

KINDS = ("freertos_heap_4", "freertos_heap_5")
OF_FREERTOS = [
    next(one for one in fixtures.select(kind=kind) if one.truth.status == "clean" and not one.truth.incomplete)
    for kind in KINDS
]


def told(case: fixtures.Case, with_: Given, *lives: Generation) -> tuple[Finding, Explanation]:
    """The only finding, and its first explanation."""
    report = dead(case, with_, *lives)
    (finding,) = [one for heap in report.heaps for one in heap.findings]
    return finding, finding.explanations[0]


@pytest.mark.parametrize("case", [PLAIN, FILLED, *OF_FREERTOS], ids=["plain", "filled", *KINDS])
def test_a_free_block_is_freed_twice(case: fixtures.Case) -> None:
    free = block(case, "free")
    finding, explanation = told(case, given(free.payload))
    assert (finding.rule, finding.severity, explanation.kind) == ("double-free", "damage", "double-free")
    assert [one.state for one in finding.suspects] == ["freeing"]
    assert [frame.pc for frame in finding.suspects[0].freed or ()] == [CALLER]


def test_the_first_free_is_named_from_whatever_trace_there_is() -> None:
    free = block(PLAIN, "free")
    finding, _ = told(PLAIN, given(free.payload), Generation(free.payload, 20, "net", 7, (1,), 8, "ui", (2,)))
    first, second = finding.suspects
    assert (first.state, first.seq, first.freed_task) == ("freed", 7, "ui")
    assert (second.state, second.seq) == ("freeing", None)


@pytest.mark.parametrize("case", [PLAIN, FILLED, *OF_FREERTOS], ids=["plain", "filled", *KINDS])
def test_a_place_inside_of_a_block_is_no_block(case: fixtures.Case) -> None:
    used = block(case, "used")
    finding, explanation = told(case, given(used.payload + 16))
    assert (finding.rule, finding.severity, explanation.kind) == ("refused-free", "note", "invalid-free")
    assert finding.suspects[0].payload == used.payload


NOWHERE = {
    0x1234: "is-small", 0x9000_1004: "is-nowhere", 0xCECE_CECE: "fill-new", 0x2073_6563: "is-text", 0: "is-zeros",
}  # fmt: skip


def test_what_no_heap_holds_is_no_block() -> None:
    for pointer, key in NOWHERE.items():
        finding, explanation = told(PLAIN, given(pointer))
        assert (finding.rule, finding.address, explanation.kind) == ("refused-free", pointer, "invalid-free")
        assert dict(finding.text.values)["place"].key == key  # type: ignore[union-attr]
        (reading,) = finding.readings
        assert (reading.value, reading.got_is) == (pointer, finding.got_is)


def test_another_heap_s_block_is_given_back_to_the_wrong_one() -> None:
    used = block(PLAIN, "used")
    finding, explanation = told(PLAIN, given(used.payload, "multi_heap_free", 0x7000_0000))
    assert (finding.rule, explanation.kind) == ("refused-free", "wrong-heap-free")


@pytest.mark.parametrize("case", [PLAIN, FILLED], ids=["plain", "filled"])
def test_a_used_block_of_its_own_heap_is_what_a_free_should_get(case: fixtures.Case) -> None:
    """Of the user, and where the guards lie between, of an inner function."""
    used = block(case, "used")
    for pointer in {used.payload, used.raw}:
        for heaps in ((), (case.heap.address,)):
            report = dead(case, given(pointer, "tlsf_free", *heaps))
            assert [finding for heap in report.heaps for finding in heap.findings] == []


def test_a_used_block_that_was_made_to_look_free_was_not_freed_twice() -> None:
    """The allocator refuses it with the same words; the free bit is the damage."""
    used = block(PLAIN, "used")
    report = dead(PLAIN, given(used.payload, "tlsf_free"), flipped=used.payload - 4)
    told = {finding.rule for heap in report.heaps for finding in heap.findings}
    assert told and "double-free" not in told


@pytest.mark.parametrize("in_order", [True, False])
def test_a_block_whose_fill_changed_names_its_last_owner(in_order: bool) -> None:
    """malloc under comprehensive poisoning has the block as used already; ESP-IDF's records have no order of frees."""
    used = block(FILLED, "used")
    life = Generation(used.payload, 20, "net", 7, (1,), 8 if in_order else None, "net", (2,))
    finding, explanation = told(FILLED, given(used.raw, "multi_heap_malloc", handed_out=True), life)
    assert (finding.rule, finding.severity) == ("handed-out", "damage")
    assert (explanation.kind, explanation.payload) == ("write-after-free", used.payload)
    assert finding.suspects[0].freed, "who freed it last"


def test_the_calls_of_the_allocator_are_a_row() -> None:
    """A wrapper's helper may stand between two of them."""
    names = ["abort", "tlsf_free", "multi_heap_free", "owned_free", "__wrap_heap_caps_free", "free", "app_main", "main"]
    assert allocator_run(tuple(Frame(0, name) for name in names)) == range(1, 6)
    assert allocator_run((Frame(0, "main"),)) == range(1, 1)
    assert freed_by("__wrap_heap_caps_free") == freed_by("heap_caps_free") == (0, None)


WHOSE = [
    ("multi_heap", ("multi_heap_free", "heap_caps_free", "free"), None),
    ("multi_heap", ("vPortFree",), "vPortFree"),
    ("freertos_heap_4", ("vPortFree", "free"), None),
    ("freertos_heap_4", ("_free_r", "free"), "_free_r"),
    ("freertos_heap_4", ("free",), None),  # whose it is nobody knows
    ("newlib_nano", ("_free_r", "free"), None),
    ("newlib_nano", ("vPortFree",), "vPortFree"),
    ("nuttx_mm", ("mm_free", "kmm_free", "free"), None),
    ("nuttx_mm", ("heap_caps_free",), "heap_caps_free"),
]


@pytest.mark.parametrize(("kind", "functions", "stranger"), WHOSE)
def test_a_free_is_foreign_only_if_it_is_another_allocator_s(
    kind: str, functions: tuple[str, ...], stranger: str | None
) -> None:
    facts = cast(HeapFacts, SimpleNamespace(region=Region(kind, 0x2000_0000)))
    assert foreign_function(facts, given(0x2000_0100, functions=functions)) == stranger
