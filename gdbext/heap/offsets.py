# SPDX-License-Identifier: Apache-2.0
"""The rules of heaps whose headers hold offsets from the first one: to the next block, and to the one in front.

Approach: lwIP's mem.c and RT-Thread's, which was made of it, chain their blocks so. A header that leads wrong is told
from the two around it, which must lead to each other past it.
"""

from __future__ import annotations

from typing import Callable, Iterator, Optional, Protocol

from gdbext.heap.facts import Fault, HeapFacts, Rule
from gdbext.heap.geometry import Geometry, narrowed
from gdbext.heap.rules import first_difference, touching
from gdbext.model.said import Said, said
from gdbext.source.snapshot import WordReader


class Linked(Protocol):
    """A header as it is stored."""

    @property
    def next(self) -> int:
        """Returns the offset of the next header."""

    @property
    def prev(self) -> int:
        """Returns the offset of the header in front; 0 if there is none."""


class OffsetLayout(Geometry):
    """Blocks whose headers hold offsets. `place_of_size` is where `next` lies; `prev` follows it."""

    @property
    def origin(self) -> int:
        """Returns the address of the first header, from which offsets count."""
        raise NotImplementedError

    @property
    def offset_bytes(self) -> int:
        """Returns the bytes of an offset."""
        raise NotImplementedError

    def links(self, read: WordReader) -> Callable[[int], Optional[Linked]]:
        """Returns a reader of headers, which takes a header's address."""
        raise NotImplementedError


def _check_next(facts: HeapFacts) -> Iterator[Fault]:
    layout = narrowed(facts.layout, OffsetLayout)
    links, width = layout.links(facts.read), layout.offset_bytes
    for broken in facts.walk.breaks:
        header, place = broken.payload - layout.header, layout.place_of_size(broken.payload)
        one = None if broken.word is None else links(header)
        if one is None:
            continue
        fits = broken.next - broken.payload >= layout.smallest + layout.header
        want = broken.next - layout.header - layout.origin if fits else None
        offset, length = 0, width
        if want is not None and want != one.next:
            offset, length = first_difference(one.next, want, width, facts.snapshot.byte_order)
        text = said("offset-next", place=place, stored=one.next, why=_problem(layout, header, one.next))
        yield Fault(
            "block-next", place + offset, length, broken.payload, text, touching(broken.payload), True,
            "size-word", want, one.next,
        )  # fmt: skip


def _problem(layout: OffsetLayout, header: int, stored: int) -> Said:
    if stored > layout.end - layout.header - layout.origin:
        return said("offset-outside")
    if stored % layout.align:
        return said("offset-odd")
    return said("offset-back") if stored <= header - layout.origin else said("offset-covers")


def _check_prev(facts: HeapFacts) -> Iterator[Fault]:
    layout = narrowed(facts.layout, OffsetLayout)
    links, width = layout.links(facts.read), layout.offset_bytes
    for payload in facts.walk.payloads:
        before = facts.left_of(payload)
        one = links(payload - layout.header)
        if one is None or (before is None and payload != layout.first):
            continue
        want = 0 if before is None else before - layout.header - layout.origin
        if one.prev != want:
            place = layout.place_of_size(payload) + width
            offset, length = first_difference(one.prev, want, width, facts.snapshot.byte_order)
            text = said("offset-prev", place=place, stored=one.prev, expected=want)
            touched = touching(before, payload)
            yield Fault(
                "block-prev", place + offset, length, payload, text, touched, True, "prev-block", want, one.prev
            )


NEXT = Rule("block-next", "Each block's next leads to a block that lies behind it.", _check_next, "header")
PREV = Rule("block-prev", "Each block's prev leads to the block in front of it.", _check_prev, "header")
