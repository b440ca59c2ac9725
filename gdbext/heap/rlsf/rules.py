# SPDX-License-Identifier: Apache-2.0
"""The invariants of rlsf: blocks that lead on and back, doubly linked free lists, heads and bitmaps.

Approach: a link is judged with the link that should lead back. Of two that disagree, that one is wrong which nothing
else confirms. So most of a list can be checked without its head.
Cost: some operations for each free block and each list.
"""

from __future__ import annotations

from typing import Dict, Iterator, NamedTuple, Optional, Set, Tuple

from gdbext.heap.allocator import LARGEST_HEAP
from gdbext.heap.facts import Fault, HeapFacts, Rule
from gdbext.heap.geometry import FREE_BIT, narrowed
from gdbext.heap.rlsf.layout import LAST, USED, RlsfLayout, Table
from gdbext.heap.rules import NEIGHBOURS, SIZES, first_difference, low_byte, touching
from gdbext.model.said import Said, said

_NOWHERE = said("rlsf-nowhere")


def _of(facts: HeapFacts) -> RlsfLayout:
    return narrowed(facts.layout, RlsfLayout)


def _check_last(facts: HeapFacts) -> Iterator[Fault]:
    layout = _of(facts)
    for pool in layout.pools:
        place, want = pool.end - layout.header, layout.grain | LAST
        stored = facts.read(place)
        if stored is not None and stored != want:
            offset, length = first_difference(stored, want, layout.word, layout.order)
            text, touched = said("rlsf-last", place=place, stored=stored, expected=want), touching(pool.end)
            yield Fault("end-marker", place + offset, length, pool.end, text, touched, False, "size-word", want, stored)


def _check_before(facts: HeapFacts) -> Iterator[Fault]:
    layout = _of(facts)
    # Behind a part that is not at hand a pool may begin in its middle.
    firsts = {
        pool.first for before, pool in zip((None, *layout.pools), layout.pools) if before is None or not before.open
    }
    for payload in [*facts.walk.payloads, *(pool.end for pool in layout.pools)]:
        left = facts.left_of(payload)
        place = payload - layout.word
        stored, want = facts.read(place), 0 if left is None else left - layout.header
        if stored is None or (left is None and payload not in firsts) or stored == want:
            continue
        offset, length = first_difference(stored, want, layout.word, layout.order)
        text = said("rlsf-before", place=place, stored=stored, expected=want)
        yield Fault(
            "block-before", place + offset, length, payload, text, touching(left, payload), True, "prev-block", want,
            stored,
        )  # fmt: skip


class _Links(NamedTuple):
    """A free block's links, as payloads; 0 leads to none."""

    next: int
    prev: int


class _Lists:
    """The free blocks with their links, and the heads."""

    def __init__(self, facts: HeapFacts) -> None:
        self.facts, self.layout = facts, _of(facts)
        self.free: Dict[int, _Links] = {}
        for payload, word in zip(facts.walk.payloads, facts.walk.words):
            following, before = facts.read(payload), facts.read(payload + self.layout.word)
            if word & FREE_BIT and following is not None and before is not None:
                self.free[payload] = _Links(self._payload(following), self._payload(before))
        self.led = {links.next for links in self.free.values()}
        self.heads: Dict[int, int] = {}
        table = self.layout.table
        for slot in range(0 if table is None else table.lists**2):
            head = None if table is None else facts.snapshot.word(table.head_of(slot))
            if head is not None:
                self.heads[slot] = self._payload(head)
        self.at_heads = {head: slot for slot, head in self.heads.items() if head}

    def _payload(self, value: int) -> int:
        return value + self.layout.header if value else 0

    def stored(self, payload: int) -> int:
        """Returns the word of a link to a payload."""
        return payload - self.layout.header if payload else 0

    def unknown(self, payload: int) -> bool:
        """True if no block could be proven where a link leads, which is told by itself, or if that is not at hand."""
        return bool(payload and self._may_be(payload)) or self.facts.in_gap(payload)

    def _may_be(self, payload: int) -> bool:
        """True if a part of the heap that is not at hand may lie there."""
        absent = any(low <= payload < high for low, high in self.facts.absent)
        return absent or (
            payload not in self.free
            and any(pool.open and 0 <= payload - pool.end < LARGEST_HEAP for pool in self.layout.pools)
        )

    def slot(self, payload: int) -> Optional[int]:
        """Returns the list that a free block belongs on."""
        return self.layout.slot_of(self.facts.size_of(payload))

    def lead_back(self, payload: int) -> bool:
        """True if the block or head that a block's prev_free names leads to it."""
        links = self.free[payload]
        if links.prev:
            before = self.free.get(links.prev)
            return before is not None and before.next == payload
        return not self.heads or self.at_heads.get(payload) == self.slot(payload)

    def is_on(self, payload: int) -> bool:
        """True if anything confirms that a free block is on a list."""
        links = self.free[payload]
        following = self.free.get(links.next)
        heads = payload in self.led or payload in self.at_heads
        return heads or (following is not None and following.prev == payload) or self.unknown(links.prev)


Pair = Tuple[int, int]


def _link(lists: _Lists, payload: int, back: bool, text: Said, want: Optional[int]) -> Fault:
    layout = lists.layout
    place = payload + (layout.word if back else 0)
    stored = lists.facts.read(place)
    rule, role = ("back-link", "prev-free") if back else ("list-link", "next-free")
    links = lists.free[payload]
    other = links.prev if back else links.next
    touched = touching(payload, other if lists.facts.is_block(other) else None)
    return Fault(rule, place, layout.word, payload, text, touched, lists.facts.is_block(other), role, want, stored)


def _check_lists(facts: HeapFacts) -> Iterator[Fault]:
    """Yields what is wrong with the links, the heads and the bitmaps."""
    lists, table = _Lists(facts), _of(facts).table
    yield from _check_links(lists)
    if table is not None:
        heads = list(_check_heads(lists, table))
        yield from heads
        yield from _check_bitmaps(lists, table, {fault.address for fault in heads if fault.rule == "list-head"})


def _check_links(lists: _Lists) -> Iterator[Fault]:
    found: Dict[int, Fault] = {}
    for payload in lists.free:
        faults = [_unlisted(lists, payload)] if not lists.is_on(payload) and lists.heads else _links(lists, payload)
        for fault in faults:
            if fault is not None:
                found.setdefault(fault.address, fault)
    yield from found.values()


def _unlisted(lists: _Lists, payload: int) -> Optional[Fault]:
    links, layout = lists.free[payload], lists.layout
    slot = lists.slot(payload)
    if not links.prev and slot is not None and _is_wrong_head(lists, slot):
        return None  # the head is told
    if any(lists.unknown(other) for other in links) or _led_by_wrong(lists, payload):
        return next(_links(lists, payload), None)
    place = layout.place_of_size(payload)
    stored = lists.facts.read(place)
    want = None if stored is None else stored | USED
    low = low_byte(lists.facts, place, layout.word)
    text = said("rlsf-unlisted")
    return Fault("free-not-listed", low, 1, payload, text, touching(payload), True, "size-word", want, stored)


def _led_by_wrong(lists: _Lists, payload: int) -> bool:
    """True if the block that prev_free names is free, and its own next_free leads to no free block."""
    before = lists.free.get(lists.free[payload].prev)
    return before is not None and before.next not in lists.free


def _links(lists: _Lists, payload: int) -> Iterator[Fault]:
    yield from _next(lists, payload)
    yield from _prev(lists, payload)


def _next(lists: _Lists, payload: int) -> Iterator[Fault]:
    links = lists.free[payload]
    target = lists.free.get(links.next)
    if not links.next or lists.unknown(links.next) or (target is not None and target.prev == payload):
        return
    place, stored = payload, lists.stored(links.next)
    if target is None:
        used = _still_listed(lists, links.next, payload)
        text = said("rlsf-next", place=place, stored=stored, why=_NOWHERE)
        yield used or _link(lists, payload, False, text, None)
    elif lists.lead_back(links.next):
        text = said("rlsf-next", place=place, stored=stored, why=said("rlsf-not-back"))
        yield _link(lists, payload, False, text, None)
    else:
        want = lists.stored(payload)
        text = said(
            "rlsf-prev", place=links.next + lists.layout.word, stored=lists.stored(target.prev),
            why=said("rlsf-expected", expected=want),
        )  # fmt: skip
        yield _link(lists, links.next, True, text, want)


def _prev(lists: _Lists, payload: int) -> Iterator[Fault]:
    links, word = lists.free[payload], lists.layout.word
    before = lists.free.get(links.prev)
    if not links.prev or lists.unknown(links.prev) or (before is not None and before.next == payload):
        return
    following = None if before is None else lists.free.get(before.next)
    confirmed = following is not None and following.prev == links.prev
    if before is None or confirmed or payload in lists.led or payload in lists.at_heads:
        if _still_listed(lists, links.prev, None) is not None:
            return  # the block before is marked used: what leads to it tells that
        why = _NOWHERE if before is None else said("rlsf-not-back")
        text = said("rlsf-prev", place=payload + word, stored=lists.stored(links.prev), why=why)
        yield _link(lists, payload, True, text, 0 if payload in lists.at_heads else None)
    elif not lists.unknown(before.next):
        want = lists.stored(payload)
        why = said("rlsf-expected", expected=want)
        text = said("rlsf-next", place=links.prev, stored=lists.stored(before.next), why=why)
        yield _link(lists, links.prev, False, text, want)


def _still_listed(lists: _Lists, payload: int, before: Optional[int]) -> Optional[Fault]:
    """Returns the fault of a block that is marked used but has the links of a free one; None if it has not.
    `before`: what leads to it; 0: a head; None: whatever.
    """
    facts, layout = lists.facts, lists.layout
    if not facts.is_block(payload) or facts.is_free(payload):
        return None
    following, back = facts.read(payload), facts.read(payload + layout.word)
    if not layout.is_link(following) or not layout.is_link(back):
        return None
    if before is not None and back != lists.stored(before):
        return None
    target = None if not following else lists.free.get(following + layout.header)
    if following and (target is None or target.prev != payload):
        return None
    if before is None and payload not in lists.led and payload not in lists.at_heads:
        return None
    place = layout.place_of_size(payload)
    stored = facts.read(place) or 0
    low, touched = low_byte(facts, place, layout.word), touching(payload)
    return Fault(
        "listed-not-free", low, 1, payload, said("rlsf-used"), touched, True, "size-word", stored & ~USED, stored
    )


def _is_wrong_head(lists: _Lists, slot: int) -> bool:
    head = lists.heads.get(slot, 0)
    return not head or head not in lists.free or lists.slot(head) != slot


def _check_heads(lists: _Lists, table: Table) -> Iterator[Fault]:
    begins = {}
    for payload, links in lists.free.items():
        if not links.prev and payload not in lists.led:
            begins[lists.slot(payload)] = payload
    for slot, head in lists.heads.items():
        first = begins.get(slot)
        if (not head and first is None) or lists.unknown(head):
            continue
        if head in lists.free and lists.slot(head) == slot:
            before = lists.free.get(lists.free[head].prev)
            if before is None or before.next != head:
                continue  # a wrong prev_free is told with that block
        used = _still_listed(lists, head, 0) if head else None
        yield used or _head(lists, slot, table.head_of(slot), head, first)


def _head(lists: _Lists, slot: int, place: int, head: int, first: Optional[int]) -> Fault:
    why = _NOWHERE if head not in lists.free else said("rlsf-head-other")
    if first is not None and not head:
        why = said("rlsf-head-lacks", expected=lists.stored(first))
    stored, want = lists.stored(head), None if first is None else lists.stored(first)
    text = said("rlsf-head", list=slot, place=place, stored=stored, why=why)
    touched = touching(("list", slot), first, head if lists.facts.is_block(head) else None)
    return Fault("list-head", place, lists.layout.word, first, text, touched, True, "list-head", want, stored)


def _check_bitmaps(lists: _Lists, table: Table, wrong: Set[int]) -> Iterator[Fault]:
    """Yields the wrong bits. `wrong`: where heads lie that are wrong themselves, of which a bit says nothing."""
    facts, bits, filled, unsure = lists.facts, table.lists, 0, 0
    for level in range(bits):
        slots = range(level * bits, (level + 1) * bits)
        want = sum(1 << slot - slots.start for slot in slots if lists.heads.get(slot))
        doubt = sum(1 << slot - slots.start for slot in slots if table.head_of(slot) in wrong)
        yield from _bits(facts, table.second + level * table.word, want, doubt)
        filled |= (want != 0) << level
        unsure |= bool(doubt and not want & ~doubt) << level
    yield from _bits(facts, table.first, filled, unsure)


def _bits(facts: HeapFacts, place: int, want: int, doubtful: int) -> Iterator[Fault]:
    stored, word = facts.snapshot.word(place), facts.layout.word
    changed = 0 if stored is None else (stored ^ want) & ~doubtful
    for bit in range(8 * word):
        if stored is not None and changed >> bit & 1:
            at = word - 1 - bit // 8 if facts.snapshot.byte_order == "big" else bit // 8
            text, touched = said("rlsf-bit", bit=bit, place=place, stored=stored), touching(("bitmap", place))
            yield Fault("bitmaps", place + at, 1, None, text, touched, True, "bitmap", want, stored)


def _no_table(facts: HeapFacts) -> Optional[Said]:
    return said("rlsf-no-table") if _of(facts).table is None else None


RULES = (
    SIZES,
    Rule("end-marker", "The last block of a pool has the size of four words and both flags.", _check_last, "header"),
    Rule("block-before", "Each block's prev_phys_block is the block before it.", _check_before, "header"),
    NEIGHBOURS,
    Rule("list-link", "Each next_free leads to a free block that leads back.", _check_lists, "inside"),
    Rule("back-link", "Each prev_free leads to a free block that leads here.", struck="inside"),
    Rule("listed-not-free", "Only free blocks are on free lists.", struck="header"),
    Rule("free-not-listed", "Every free block is on a free list.", struck="header", lacks=_no_table),
    Rule("list-head", "Each list's head leads to the list's first block.", lacks=_no_table),
    Rule("bitmaps", "A bit is set exactly if its list, or one of its class, has a block.", derived=True),
)
