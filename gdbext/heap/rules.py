# SPDX-License-Identifier: Apache-2.0
"""The rules that allocators share, and helpers to write rules with."""

from __future__ import annotations

from typing import FrozenSet, Hashable, Iterator, Optional, Tuple

from gdbext.heap.facts import Fault, HeapFacts, Rule
from gdbext.heap.geometry import FLAG_BITS, FREE_BIT
from gdbext.model.said import said
from gdbext.source.snapshot import ByteOrder


def touching(*things: Optional[Hashable]) -> FrozenSet[Hashable]:
    """Returns the set of things that a fault touches. None is left out."""
    return frozenset(thing for thing in things if thing is not None)


def first_difference(have: int, want: int, width: int, order: ByteOrder) -> Tuple[int, int]:
    """Returns the offset of the first byte in which two words differ, and the number of bytes up to the last one."""
    pairs = zip(have.to_bytes(width, order), want.to_bytes(width, order))
    different = [offset for offset, (one, other) in enumerate(pairs) if one != other]
    return (different[0], different[-1] - different[0] + 1) if different else (0, width)


def low_byte(facts: HeapFacts, place: int, width: int) -> int:
    """Returns the address of the lowest byte of a number of `width` bytes at a place: flags are in it."""
    return place + (width - 1 if facts.snapshot.byte_order == "big" else 0)


def check_sizes(facts: HeapFacts) -> Iterator[Fault]:
    """Yields a fault for each size word at which the walk could not go on."""
    layout = facts.layout
    for broken in facts.walk.breaks:
        if broken.word is None:
            continue
        led = broken.before if facts.is_block(broken.before) else None  # a later break may have dropped it
        place = layout.place_of_size(broken.payload)
        stored, width = layout.stored(facts.read, place) or 0, layout.size_bytes
        offset, length, want = 0, width, None
        size = broken.next - layout.header - broken.payload
        if size >= layout.smallest and size % layout.align == 0:  # one block can fill the gap
            before = None if led is None else facts.word_of(led)
            following = layout.stored(facts.read, layout.place_of_size(broken.next))
            want = layout.size_word(size, stored, before, following)
        if want is not None:
            offset, length = first_difference(stored, want, width, facts.snapshot.byte_order)
        text = said("size-word", place=place, stored=stored, why=broken.why)
        # If the block before is free and on no list, it has just been taken off one to be split: its rest has no
        # header yet. No call makes a size larger than the heap.
        split = led is not None and facts.is_free(led) and led not in facts.listed
        transient = split and stored & ~FLAG_BITS <= facts.end - facts.start
        yield Fault(
            "block-size", place + offset, length, broken.payload, text, touching(broken.payload), transient,
            "size-word", want, stored,
        )  # fmt: skip


def check_neighbours(facts: HeapFacts) -> Iterator[Fault]:
    """Yields a fault for each two free blocks side by side. It is for allocators that join free blocks."""
    for payload, word, following, next_word in facts.edges:
        if word & next_word & FREE_BIT:
            text = said("neighbours-free", behind=facts.user(following))
            place, touched = facts.layout.place_of_size(payload), touching(payload, following)
            yield Fault("free-neighbours", place, 4, payload, text, touched)


def check_flaws(facts: HeapFacts) -> Iterator[Fault]:
    """Yields a fault for each flaw that the recogniser found in control data and variables."""
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
