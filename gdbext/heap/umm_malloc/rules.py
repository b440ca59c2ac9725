# SPDX-License-Identifier: Apache-2.0
"""The invariants of umm_malloc: blocks that confirm each other, a list of all free ones, poison around users' bytes.

Approach: each number is stored twice (next and prev, next free and previous free), so of two that disagree a third one
tells which is wrong.
"""

from __future__ import annotations

from collections import Counter
from typing import Dict, Iterator, List, Mapping, Optional, Tuple

from gdbext.heap.facts import Fault, HeapFacts, Rule
from gdbext.heap.geometry import narrowed
from gdbext.heap.rules import NEIGHBOURS, first_difference, touching
from gdbext.heap.umm_malloc.layout import FREE_MARK, NUMBER, UmmLayout
from gdbext.heap.umm_malloc.poison import MARK, Poison
from gdbext.model.said import Said, said

_HALF = 2  # bytes of a number


def _half(facts: HeapFacts, place: int) -> Optional[int]:
    data = facts.snapshot.get(place, _HALF)
    return None if data is None else int.from_bytes(data, facts.snapshot.byte_order)


def _layout(facts: HeapFacts) -> UmmLayout:
    return narrowed(facts.layout, UmmLayout)


def _changed(facts: HeapFacts, place: int, stored: int, want: int) -> Tuple[int, int]:
    """Returns the address and length of the bytes in which a number is not what it must be."""
    offset, length = first_difference(stored, want, _HALF, facts.snapshot.byte_order)
    return place + offset, length


def _check_next(facts: HeapFacts) -> Iterator[Fault]:
    layout = _layout(facts)
    for broken in facts.walk.breaks:
        place = layout.place_of_size(broken.payload)
        stored = None if broken.word is None else _half(facts, place)
        if stored is None:
            continue
        fits = broken.next - broken.payload >= layout.body and layout.is_place(broken.next)
        want = layout.number_of(broken.next) | (stored & FREE_MARK) if fits else None
        address, length = (place, _HALF) if want in (None, stored) else _changed(facts, place, stored, want or 0)
        text = said("umm-next", place=place, stored=stored & NUMBER, number=layout.number_of(broken.payload))
        yield Fault(
            "block-next",
            address,
            length,
            broken.payload,
            text,
            touching(broken.payload),
            True,
            "size-word",
            want,
            stored,
        )


def _check_before(facts: HeapFacts) -> Iterator[Fault]:
    layout, number = _layout(facts), 0
    ends = [*facts.walk.payloads, layout.end]
    starts = [broken.next for broken in facts.walk.breaks]
    for payload in ends:
        place = facts.header_of(payload) + _HALF
        stored = _half(facts, place)
        known = payload not in starts
        # umm_integrity_check marks the free blocks here while it runs.
        if stored is not None and known and stored != number:
            marking = stored & NUMBER == number and payload != layout.end and facts.is_free(payload)
            text = (
                said("umm-marked", place=place)
                if marking
                else said("umm-before", place=place, stored=stored, expected=number)
            )
            address, length = _changed(facts, place, stored, number)
            yield Fault(
                "block-before", address, length, payload, text, touching(payload), True, "prev-block", number, stored
            )
        number = layout.number_of(payload)


def _check_head(facts: HeapFacts) -> Iterator[Fault]:
    layout = _layout(facts)
    for member, place, want in (("next", layout.control, 1), ("prev", layout.control + _HALF, 0)):
        stored = _half(facts, place)
        if stored is not None and stored != want:
            text = said("umm-head", member=member, place=place, stored=stored, expected=want)
            address, length = _changed(facts, place, stored, want)
            yield Fault(
                "first-block", address, length, None, text, touching("control"), False, "constant", want, stored
            )


def _check_end(facts: HeapFacts) -> Iterator[Fault]:
    layout = _layout(facts)
    place = layout.end - layout.header
    stored = None if layout.is_open else _half(facts, place)
    if stored:
        text = said("umm-end", place=place, stored=stored)
        address, length = _changed(facts, place, stored, 0)
        yield Fault(
            "end-marker", address, length, layout.end, text, touching(layout.end), False, "size-word", 0, stored
        )


_Links = Dict[int, Optional[int]]


def _led_by(links: _Links) -> Dict[int, List[int]]:
    """Returns what leads to each target."""
    found: Dict[int, List[int]] = {}
    for block, target in links.items():
        if target is not None:
            found.setdefault(target, []).append(block)
    return found


class _List:
    """The list of free blocks: where each of them, and block 0, leads to in both directions.

    A block counts as free by its bit, unless the list contradicts it: `wrong` has those.
    """

    def __init__(self, facts: HeapFacts) -> None:
        self.facts, self.layout = facts, _layout(facts)
        self.head = self.layout.payload_of(0)
        marked = [self.head, *(payload for payload in facts.walk.payloads if facts.is_free(payload))]
        links = {one: (self._link(one), self._link(one + _HALF)) for one in marked}
        named = Counter(target for pair in links.values() for target in set(pair))
        used = (one for one in named if one is not None and one not in links and facts.is_block(one))
        self.cleared = [one for one in used if self._is_linked(one, links)]
        self.set = [one for one in marked[1:] if not named[one] and not self._may_be_linked(one, links)]
        self.blocks = sorted({*marked, *self.cleared} - set(self.set))
        self.next: _Links = {one: self._link(one) for one in self.blocks}
        self.before: _Links = {one: self._link(one + _HALF) for one in self.blocks}
        self.led_forth, self.led_back = _led_by(self.next), _led_by(self.before)

    def _is_linked(self, block: int, links: Mapping[int, Tuple[Optional[int], Optional[int]]]) -> bool:
        """True if one of a block's own links leads to a free block that leads back."""
        following, before = self._link(block), self._link(block + _HALF)
        forth = following is not None and links.get(following, (None, None))[1] == block
        return forth or (before is not None and links.get(before, (None, None))[0] == block)

    def _may_be_linked(self, block: int, links: Mapping[int, Tuple[Optional[int], Optional[int]]]) -> bool:
        """The same, or one of its links was not read, or leads to a block that was not."""
        targets = links[block]
        unread = any(one is None or (one >= 0 and _half(self.facts, one) is None) for one in targets)
        return unread or self._is_linked(block, links)

    def _link(self, place: int) -> Optional[int]:
        """Returns the payload that a link leads to; -1 if it leads to no place of a block; None if it was not read,
        or leads out of the memory at hand.
        """
        number = _half(self.facts, place)
        if number is None:
            return None
        if self.layout.is_open and self.layout.last <= number <= NUMBER:
            return None
        return self.layout.payload_of(number) if number < self.layout.last else -1

    def is_wrong(self, block: int, target: int, there: _Links, back: _Links) -> bool:
        """True if a link is the wrong one: it leads to no free block, or to one that a third block leads to."""
        if target not in back:
            return not self.facts.in_gap(target)
        third = back[target]
        return third != block and third is not None and there.get(third) == target


def _check_lists(facts: HeapFacts) -> Iterator[Fault]:
    """Yields what is wrong with the free list, and the blocks that it contradicts."""
    links = _List(facts)
    for check in (_check_flags, _check_forth, _check_back, _check_listed):
        yield from check(links)


def _check_flags(links: _List) -> Iterator[Fault]:
    facts = links.facts
    for block in sorted((*links.cleared, *links.set)):
        place = facts.header_of(block)
        stored = _half(facts, place) or 0
        want = stored ^ FREE_MARK
        address, length = _changed(facts, place, stored, want)
        state, right = ("used", "free") if block in links.cleared else ("free", "used")
        text, touched = said("umm-flag", stored=stored, state=state, right=right), touching(block)
        yield Fault("free-flag", address, length, block, text, touched, True, "size-word", want, stored)


def _check_forth(links: _List) -> Iterator[Fault]:
    for block in links.blocks:
        target = links.next[block]
        if target is not None and links.is_wrong(block, target, links.next, links.before):
            yield _link_fault(links, block, block, target)


def _check_back(links: _List) -> Iterator[Fault]:
    for block in links.blocks:
        target = links.before[block]
        if target is not None and target not in links.next and not links.facts.in_gap(target):
            yield _link_fault(links, block, block + _HALF, target)
        elif target in links.next and links.next[target] not in (block, None):
            leads = links.next[target] or 0
            if not links.is_wrong(target, leads, links.next, links.before):
                yield _link_fault(links, block, block + _HALF, target)


def _link_fault(links: _List, block: int, place: int, target: int) -> Fault:
    facts = links.facts
    stored = _half(facts, place) or 0
    holders = (links.led_back if place == block else links.led_forth).get(block, [])
    want = links.layout.number_of(holders[0]) if len(holders) == 1 else None
    text = said("umm-link", place=place, stored=stored, why=_why(links, target))
    of_head = block == links.head
    role = "list-head" if of_head else "next-free" if place == block else "prev-free"
    touched = touching(*(() if of_head else (block,)), target if target in links.next else None)
    address, length = (place, _HALF) if want in (None, stored) else _changed(facts, place, stored, want or 0)
    hit = None if of_head else block
    rule = "list-link" if place == block else "back-link"
    return Fault(rule, address, length, hit, text, touched, True, role, want, stored)


def _why(links: _List, target: int) -> Said:
    if target in links.next:
        return said("umm-link-other")
    return said("umm-link-used") if target >= 0 and links.facts.is_block(target) else said("umm-link-nowhere")


def _check_listed(links: _List) -> Iterator[Fault]:
    facts = links.facts
    leads = {target for target in links.next.values() if target is not None}
    unread = any(target is None for target in links.next.values()) or facts.walk.breaks
    for block in links.blocks[1:]:
        if block not in leads and not unread:
            before = links.before[block]
            touched = touching(block, before if before in links.next and before != links.head else None)
            text = said("umm-unlisted", number=links.layout.number_of(block))
            yield Fault("free-not-listed", facts.header_of(block), _HALF, block, text, touched)


def _poison(facts: HeapFacts) -> Optional[Poison]:
    return facts.guards if isinstance(facts.guards, Poison) else None


def _check_head_poison(facts: HeapFacts) -> Iterator[Fault]:
    poison = _poison(facts)
    if poison is None:
        return
    for raw, size in facts.walk.used():
        yield from _of_mark(facts, (raw, size), raw + poison.width, "poison-head", "head-canary")


def _check_tail_poison(facts: HeapFacts) -> Iterator[Fault]:
    poison = _poison(facts)
    if poison is None:
        return
    for raw, size in facts.walk.used():
        tail = poison.tail(facts.snapshot, raw, size)
        if tail is not None:
            yield from _of_mark(facts, (raw, size), tail, "poison-tail", "tail-canary")


def _of_mark(facts: HeapFacts, block: Tuple[int, int], place: int, rule: str, role: str) -> Iterator[Fault]:
    poison, (raw, size), data = _poison(facts), block, facts.snapshot.get(place, len(MARK))
    if poison is None or data is None or data == MARK or not poison.is_poisoned(facts.snapshot, raw, size):
        return
    wrong = [at for at, byte in enumerate(data) if byte != MARK[0]]
    order = facts.snapshot.byte_order
    want, stored = int.from_bytes(MARK, order), int.from_bytes(data, order)
    behind = raw + size + facts.layout.header if rule == "poison-tail" else None
    text = said("umm-poison", place=place, stored=stored, expected=want)
    at, length, touched = place + wrong[0], wrong[-1] - wrong[0] + 1, touching(raw, behind)
    yield Fault(rule, at, length, raw, text, touched, True, role, want, stored)


def _check_length(facts: HeapFacts) -> Iterator[Fault]:
    poison = _poison(facts)
    if poison is None:
        return
    for raw, size in facts.walk.used():
        length = poison.length(facts.snapshot, raw)
        if length is None or not poison.is_poisoned(facts.snapshot, raw, size):
            continue
        smaller = size - facts.layout.header - facts.layout.smallest
        if not max(poison.around, smaller) < length <= size:
            text = said("umm-length", place=raw, stored=length, size=size)
            yield Fault(
                "poison-length", raw, poison.width, raw, text, touching(raw), True, "requested-length", None, length
            )


RULES = (
    Rule("block-next", "Each block's next number is that of a block behind it.", _check_next, "header"),
    Rule("end-marker", "The last block's next number is 0.", _check_end, "header"),
    Rule("block-before", "Each block's prev number is that of the block in front of it.", _check_before, "header"),
    Rule("first-block", "Block 0 leads to block 1, and nothing is in front of it.", _check_head),
    Rule("poison-tail", "Behind the bytes of a used block stands its poison.", _check_tail_poison, "behind"),
    Rule("poison-head", "In front of the bytes of a used block stands its poison.", _check_head_poison, "before"),
    Rule("poison-length", "The length in front of the poison fits its block.", _check_length, "before"),
    Rule("free-flag", "A block is marked free exactly if it is on the list.", _check_lists, "header"),
    Rule("list-link", "Each link of the free list leads to a free block, which leads back.", struck="inside"),
    Rule("back-link", "Each free block leads back to the one before it on the list.", struck="inside"),
    Rule("free-not-listed", "Every free block is on the list.", struck="inside", derived=True),
    NEIGHBOURS,
)
