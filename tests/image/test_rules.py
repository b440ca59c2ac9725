# SPDX-License-Identifier: Apache-2.0
"""Every invariant fires: a sound heap, one thing broken, and the finding that must come of it.

PROOFS has an entry for each rule of each allocator, and for what the trace and the heap must agree on. The tests run
over the rules that the registry has, so a rule without a proof fails. Allocators that share a rule share its proof.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from random import Random
from typing import Any

import pytest

from gdbext.analyse.rules_trace import TRACE_RULES
from gdbext.heap.facts import Rule
from gdbext.heap.registry import allocators
from gdbext.heap.roots import root_hints
from gdbext.heap.tlsf.nuttx import read_mm_heap
from gdbext.model.region import Region
from gdbext.model.said import said
from gdbext.source.memory import Memory
from gdbext.source.snapshot import snapshot_of
from tests.image.ask import check, check_region
from tests.image.broken import BY_HAND, SOUND, Heap
from tests.image.proofs import Reports
from tests.image.proofs import proofs as of_families
from tests.support import fixtures
from tests.support.freertos_image import Shape, heap_4_image
from tests.support.heap_2_image import Array, Build, Heap1, Heap2, load
from tests.support.nuttx_image import NuttX
from tests.support.ring import Ring

ARRAY, TOTAL = 0x2000_1004, 8192
RING = 0x1000_0000

Ask = Callable[[bytearray], Any]


# What was done to a real heap, undone and done again.
BY_FIXTURE = {
    "multi_heap poison-tail": "a022",
    "multi_heap poison-head": "a026",
    "multi_heap poison-length": "a026",
    "multi_heap poison-fill": "a033",
    "multi_heap list-cycle": "a046",
    "freertos_heap_4 end-marker": "a104",
    "freertos_heap_4 used-link": "a075",
    "freertos_heap_4 free-flag": "a080",
    "freertos_heap_4 list-link": "a077",
}


def broken_by(break_it: Callable[[Heap], None], case_id: str = SOUND.id) -> Reports:
    heap = Heap(fixtures.case(case_id))
    before = heap.report()
    break_it(heap)
    return before, heap.report()


def done_again(case_id: str) -> Reports:
    case = fixtures.case(case_id)
    heap = Heap(case)
    for damage in case.truth.damage:
        heap.write(damage.address, damage.before)
    before = heap.report()
    for damage in case.truth.damage:
        heap.write(damage.address, damage.after)
    return before, heap.report()


def name_an_owner(heap: Heap) -> None:
    """A word that no task can have, where ESP-IDF's task tracking keeps the owner."""
    blocks = [block["raw"] for block in heap.report()["blocks"] if block["state"] == "used"]
    heap.put(blocks[len(blocks) // 2] + 4, 0x6E776F72)


def write_into_the_slack(heap: Heap) -> None:
    """Behind a tail canary of 4 bytes, in what the allocator rounded up."""
    used = [block for block in heap.report()["blocks"] if block["state"] == "used"]
    ends = [(one["payload"] + one["requested"] + 4, one["raw"] + one["size"]) for one in used]
    canary_end = next(low for low, high in ends if high - low > 2)
    heap.write(canary_end, b"\x41")


def region_of(heap: Array) -> Region:
    """What symbols tell of it."""
    hints = {"array_start": ARRAY, "array_end": ARRAY + TOTAL}
    if isinstance(heap, Heap2):
        hints |= {"xStart": heap.start, "xEnd": heap.end, "xFreeBytesRemaining": heap.remaining}
        return Region("freertos_heap_2", heap.first, hints=hints)
    assert isinstance(heap, Heap1)
    return Region("freertos_heap_1", heap.first, hints={**hints, "xNextFreeByte": heap.next_byte})


def of_heap_1(break_it: Callable[[Heap1], None]) -> Reports:
    heap = Heap1(ARRAY, TOTAL, Build())
    for wanted in (100, 7, 64, 1000):
        heap.malloc(wanted)
    return _of_array(heap, partial(break_it, heap))


def of_heap_2(break_it: Callable[[Heap2], None]) -> Reports:
    heap = Heap2(ARRAY, TOTAL, Build())
    load(heap, Random(5), 150)
    return _of_array(heap, partial(break_it, heap))


def _of_array(heap: Array, break_it: Callable[[], None]) -> Reports:
    before = check_region(heap.images(), region_of(heap))["heaps"][0]
    break_it()
    return before, check_region(heap.images(), region_of(heap))["heaps"][0]


def some(heap: Heap2, used: bool) -> int:
    """The header of one of its blocks, in the middle."""
    found = [payload - heap.build.header for payload, _, is_used in heap.blocks() if is_used is used]
    return found[len(found) // 2]


def clear_the_allocated_bit(heap: Heap2) -> None:
    block = some(heap, used=True)
    heap.put(block + 4, heap.get(block + 4) & ~heap.allocated)


def skip_a_free_block(heap: Heap2) -> None:
    """The pointer before a block of the same size as its follower leads past it: the order stays right."""
    before = heap.get(heap.start)
    while heap.get(block := heap.get(before)) == heap.end or heap.get(block + 4) != heap.get(heap.get(block) + 4):
        before = block
    heap.put(before, heap.get(block))


OF_HEAP_2: dict[str, Callable[[Heap2], None]] = {
    "used-link": lambda heap: heap.put(some(heap, used=True), 0x41414141),
    "free-flag": clear_the_allocated_bit,
    "list-link": lambda heap: heap.put(heap.start, 24),
    "free-not-listed": skip_a_free_block,
    "list-end": lambda heap: heap.put(heap.end, 0x41414141, 0x41414141),
    "free-bytes": lambda heap: heap.put(heap.remaining, 4000),
}
Event = tuple[str, int, int]  # kind, address and size


def by_trace(events: Sequence[Event]) -> Any:
    """The report on the sound heap with these events in its trace."""
    ring = Ring(RING, 4, names=[(1, "main")], capacity=16)
    for kind, address, size in events:
        ring.event(kind, address, size, stack=ring.stack(0x4200_1000))
    return check([*Heap().images(), (RING, ring.data())], SOUND.heap.option, RING)["heaps"][0]


def traced(rule: str) -> Reports:
    """Without the last event or two the trace and the heap agree."""
    (used, size), (free, _) = Heap().blocks(free=False)[5], max(Heap().blocks(free=True))
    events: dict[str, tuple[list[Event], list[Event]]] = {
        "double-free": ([("alloc", free, 40), ("free", free, 0)], [("free", free, 0)]),
        "refused-free": ([("alloc", used, size)], [("free", used + 8, 0), ("assert", 0, 0)]),
        "trace-live-free": ([("alloc", used, size)], [("alloc", free, 40)]),
        "trace-overlap": ([("alloc", used, size)], [("alloc", used + 8, 4)]),
    }
    before, more = events[rule]
    return by_trace(before), by_trace([*before, *more])


def by_interrupt() -> Reports:
    """The same allocation by a task and by an interrupt, in a heap whose calls keep only tasks out."""
    image = heap_4_image(ARRAY, [(64, True), (128, False)], Shape())
    reports = []
    for context in (3, 1):
        ring = Ring(address=RING, capacity=8, names=[(1, ""), (1, ""), (1, ""), (1, "main")])
        ring.event("alloc", ARRAY + 8, 64, context=context)
        images = [(ARRAY, image), (RING, ring.data())]
        reports.append(check(images, f"freertos_heap_4@{ARRAY:#x}", RING)["heaps"][0])
    return reports[0], reports[1]


OF_A_KERNEL: dict[str, Callable[[], Reports]] = {"interrupt-use": by_interrupt}


def of_nuttx() -> Reports:
    """Its own pointer to the control block is overwritten."""
    heap = NuttX([(64, True), (112, True), (320, False)])
    region = read_mm_heap(Memory(snapshot_of(heap.images())), heap.heap, said("found-by-member"))
    assert region is not None
    before = check_region(list(heap.images()), region)["heaps"][0]
    heap.put(heap.mm_tlsf, 0x4141_4141)
    return before, check_region(list(heap.images()), region)["heaps"][0]


def of_px_end() -> Reports:
    """The variable pxEnd is overwritten."""
    shape, place = Shape(), 0x3000_0000
    image = heap_4_image(ARRAY - 4, [(64, True), (128, False), (32, True)], shape)
    marker = ARRAY - 4 + len(image) - shape.header
    region = Region("freertos_heap_4", ARRAY - 4, hints=root_hints("pxEnd", place, marker))
    images = [[(ARRAY - 4, image), (place, value.to_bytes(4, "little"))] for value in (marker, 0x4141_4141)]
    before, after = (check_region(one, region)["heaps"][0] for one in images)
    return before, after


def proofs() -> Iterator[tuple[str, Callable[[], Reports]]]:
    """The reports before and after, by the allocator and its rule."""
    for rule, by_hand in BY_HAND.items():
        yield f"multi_heap {rule}", partial(broken_by, by_hand)
    yield "multi_heap owner-word", partial(broken_by, name_an_owner, "a006")
    yield "multi_heap poison-slack", partial(broken_by, write_into_the_slack, "a036")
    for rule, case_id in BY_FIXTURE.items():
        yield rule, partial(done_again, case_id)
    yield "tlsf root-pointer", of_nuttx
    yield "freertos_heap_4 root-pointer", of_px_end
    for rule, break_it in OF_HEAP_2.items():
        yield f"freertos_heap_2 {rule}", partial(of_heap_2, break_it)
    yield "freertos_heap_1 next-byte", partial(of_heap_1, lambda heap: heap.put(heap.next_byte, 1203))
    yield from of_families()
    for trace_rule in TRACE_RULES:
        of_kernel = OF_A_KERNEL.get(trace_rule.id)
        yield f"trace {trace_rule.id}", of_kernel or partial(traced, trace_rule.id)


PROOFS = dict(proofs())


def rules() -> list[str]:
    """Every rule there is, by the first allocator that has it."""
    found: dict[Rule, str] = {}
    for allocator in allocators():
        for rule in allocator.rules:
            found.setdefault(rule, f"{allocator.kind} {rule.id}")
    return [*found.values(), *(f"trace {rule.id}" for rule in TRACE_RULES)]


def told(report: Any) -> set[str]:
    return {finding["rule"] for finding in report["findings"]}


@pytest.mark.parametrize("name", sorted({*rules(), *PROOFS}))
def test_the_rule_fires(name: str) -> None:
    assert name in PROOFS, f"{name} is a rule that nothing proves: break a sound heap so that it fires"
    kind, rule = name.split()
    before, after = PROOFS[name]()
    assert (before["status"], told(before)) == ("clean", set())
    assert rule in told(after)
    if kind != "trace":
        assert (after["kind"], after["status"]) == (kind, "damaged")


def test_nothing_is_proven_that_is_no_rule() -> None:
    of_allocators = {f"{allocator.kind} {rule.id}" for allocator in allocators() for rule in allocator.rules}
    assert set(PROOFS) <= of_allocators | {f"trace {rule.id}" for rule in TRACE_RULES}
