# SPDX-License-Identifier: Apache-2.0
"""The invariants of a byte pool: a ring of blocks, an owner in each, and counters in the control block.

Approach: the two counters are what the kernel never compares with the blocks; together they tell every pointer that
leads past a block. Free blocks side by side are legal: the kernel joins them only while it looks for memory.
"""

from __future__ import annotations

from typing import Callable, Iterator, Optional

from gdbext.heap.facts import Fault, HeapFacts, Rule, once
from gdbext.heap.geometry import narrowed
from gdbext.heap.rules import check_flaws, first_difference, touching
from gdbext.heap.threadx_pool.control import Field
from gdbext.heap.threadx_pool.layout import PoolLayout, blocks_of
from gdbext.model.said import Said, said


def _check_next(facts: HeapFacts) -> Iterator[Fault]:
    layout = narrowed(facts.layout, PoolLayout)
    for broken in facts.walk.breaks:
        if broken.word is None:
            continue
        place, want = layout.place_of_size(broken.payload), broken.next - layout.header
        stored = facts.read(place) or 0
        fits = broken.next - broken.payload >= layout.smallest + layout.header
        offset, length = first_difference(stored, want, layout.word, facts.snapshot.byte_order)
        text = said("threadx-next", place=place, stored=stored, why=_problem(layout, broken.payload, stored))
        if not fits or stored == want:
            offset, length = 0, layout.word
        yield Fault(
            "block-next", place + offset, length, broken.payload, text, touching(broken.payload), True,
            "size-word", want if fits else None, stored,
        )  # fmt: skip


def _problem(layout: PoolLayout, payload: int, stored: int) -> Said:
    if not layout.begin <= stored <= layout.end - layout.header:
        return said("threadx-next-outside")
    if stored % layout.align:
        return said("threadx-next-odd")
    return said("threadx-next-back") if stored <= payload else said("threadx-next-covers")


def _check_owners(facts: HeapFacts) -> Iterator[Fault]:
    layout, order = narrowed(facts.layout, PoolLayout), facts.snapshot.byte_order
    for payload in facts.walk.payloads:
        place = payload - layout.word
        stored = facts.read(place)
        if stored is None or layout.is_owner(stored):
            continue
        rights = (layout.pool.address, *layout.marks)
        spans = {right: first_difference(stored, right, layout.word, order) for right in rights}
        want = min(rights, key=lambda right: (spans[right][1], right != layout.pool.address))
        offset, length = spans[want]
        text, touched = said("threadx-owner", place=place, stored=stored), touching(payload)
        yield Fault("block-owner", place + offset, length, payload, text, touched, True, "owner-word", want, stored)


def _check_end(facts: HeapFacts) -> Iterator[Fault]:
    layout = narrowed(facts.layout, PoolLayout)
    header = layout.end - layout.header
    for place, want in ((header, layout.begin), (header + layout.word, layout.pool.address)):
        stored = facts.read(place)
        if stored is not None and stored != want:
            offset, length = first_difference(stored, want, layout.word, facts.snapshot.byte_order)
            text = said("threadx-end", place=place, stored=stored, expected=want)
            touched = touching(layout.end)
            yield Fault(
                "end-marker", place + offset, length, layout.end, text, touched, False, "size-word", want, stored
            )


def _check_search(facts: HeapFacts) -> Iterator[Fault]:
    layout = narrowed(facts.layout, PoolLayout)
    one = layout.pool.fields["search"]
    if facts.in_gap(one.value + layout.header) or one.value in blocks_of(layout, facts.walk):
        return
    text, touched = said("threadx-search", place=one.place, stored=one.value), touching("control")
    yield Fault("pool-search", one.place, one.width, None, text, touched, True, "constant", None, one.value)


@once
def _unsound(facts: HeapFacts) -> Optional[Said]:
    """Says why blocks cannot be counted; returns None if they can."""
    layout = narrowed(facts.layout, PoolLayout)
    owners = (facts.read(payload - layout.word) for payload in facts.walk.payloads)
    return said("threadx-unsound") if facts.walk.breaks or not all(map(layout.is_owner, owners)) else None


def _counter(facts: HeapFacts, rule: str, name: str, want: int, text: Callable[[Field], Said]) -> Iterator[Fault]:
    one = narrowed(facts.layout, PoolLayout).pool.fields[name]
    if _unsound(facts) is None and one.value != want:
        touched = touching("counters")
        yield Fault(rule, one.place, one.width, None, text(one), touched, True, "counter", want, one.value)


def _check_available(facts: HeapFacts) -> Iterator[Fault]:
    free = facts.free_sizes()
    held = sum(free) + facts.layout.header * len(free)

    def text(one: Field) -> Said:
        return said("threadx-available", place=one.place, counted=one.value, held=held)

    return _counter(facts, "pool-available", "available", held, text)


def _check_fragments(facts: HeapFacts) -> Iterator[Fault]:
    held = len(facts.walk.payloads) + 1

    def text(one: Field) -> Said:
        return said("threadx-fragments", place=one.place, counted=one.value, held=held)

    return _counter(facts, "pool-fragments", "fragments", held, text)


RULES = (
    Rule("block-next", "Each block's pointer leads to the next block, which lies behind it.", _check_next, "header"),
    Rule("end-marker", "The last block belongs to the pool and leads back to its first block.", _check_end, "header"),
    Rule("block-owner", "A block's owner is its pool, or the mark of a free block.", _check_owners, "header"),
    Rule("pool-control", "tx_byte_pool_id, _list, _start and _size say what the blocks say.", check_flaws),
    Rule("pool-ring", "The pools before and behind in the ring of created pools lead back."),
    Rule("pool-search", "tx_byte_pool_search leads to a block.", _check_search),
    Rule(
        "pool-available", "tx_byte_pool_available is what the free blocks hold.", _check_available, "counters",
        derived=True, lacks=_unsound,
    ),
    Rule(
        "pool-fragments", "tx_byte_pool_fragments is the number of blocks.", _check_fragments, "counters",
        derived=True, lacks=_unsound,
    ),
)  # fmt: skip
