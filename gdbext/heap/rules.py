# SPDX-License-Identifier: Apache-2.0
"""The rules that allocators share, and what rules are written with."""

from __future__ import annotations

from typing import FrozenSet, Hashable, Iterator, Optional, Tuple

from gdbext.heap.facts import Fault, HeapFacts, Rule
from gdbext.heap.geometry import FREE_BIT
from gdbext.heap.walk import Break
from gdbext.model.said import said
from gdbext.source.snapshot import ByteOrder


def touching(*things: Optional[Hashable]) -> FrozenSet[Hashable]:
    """What a fault touches; None is nothing."""
    return frozenset(thing for thing in things if thing is not None)


def first_difference(have: int, want: int, width: int, order: ByteOrder) -> Tuple[int, int]:
    """Offset of the first byte in which two words differ, and how many bytes to the last one."""
    pairs = zip(have.to_bytes(width, order), want.to_bytes(width, order))
    different = [offset for offset, (one, other) in enumerate(pairs) if one != other]
    return (different[0], different[-1] - different[0] + 1) if different else (0, width)


def expected_word(facts: HeapFacts, broken: Break) -> Optional[int]:
    """What a bad size word was, if one block filled the gap behind it; None if that cannot be."""
    layout = facts.layout
    size = broken.next - layout.header - broken.payload
    if size < layout.smallest or size % layout.align:
        return None
    before = None if broken.before is None else facts.word_of(broken.before)
    following = facts.read(broken.next - layout.word)
    return layout.size_word(size, facts.stored_size(broken.payload), before, following)


def check_sizes(facts: HeapFacts) -> Iterator[Fault]:
    """The size words at which the walk could not go on."""
    for broken in facts.walk.breaks:
        if broken.word is None:
            continue
        place, stored = facts.place_of_size(broken.payload), facts.stored_size(broken.payload)
        offset, length, want = 0, facts.layout.word, expected_word(facts, broken)
        if want is not None:
            offset, length = first_difference(stored, want, facts.layout.word, facts.snapshot.byte_order)
        text = said("size-word", place=place, stored=stored, why=broken.why)
        transient = _is_mid_split(facts, broken)
        yield Fault(
            "block-size", place + offset, length, broken.payload, text, touching(broken.payload), transient,
            "size-word", want, stored,
        )  # fmt: skip


def _is_mid_split(facts: HeapFacts, broken: Break) -> bool:
    """Whether the block before has just been taken off its list to be split: then the rest has no header yet."""
    before = broken.before
    return before is not None and facts.is_free(before) and before not in facts.listed


def check_neighbours(facts: HeapFacts) -> Iterator[Fault]:
    """Free blocks side by side, where the allocator joins them."""
    for payload, word, following, next_word in facts.edges:
        if word & next_word & FREE_BIT:
            text = said("neighbours-free", behind=facts.user(following))
            yield Fault("free-neighbours", facts.place_of_size(payload), 4, payload, text, touching(payload, following))


def check_flaws(facts: HeapFacts) -> Iterator[Fault]:
    """What the recogniser found wrong with control data and variables."""
    counted = () if facts.counters is None else facts.counters.flaws
    for flaw in (*facts.layout.flaws, *counted):
        yield Fault(
            flaw.rule, flaw.address, flaw.length, None, flaw.text, touching("control"), False,
            flaw.role, flaw.expected, flaw.actual,
        )  # fmt: skip


SIZES = Rule(
    "block-size", "Every size word is one that the allocator makes and leads to the next block.", check_sizes, "header"
)
NEIGHBOURS = Rule("free-neighbours", "No two free blocks lie side by side.", check_neighbours, "inside")
