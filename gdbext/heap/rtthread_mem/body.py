# SPDX-License-Identifier: Apache-2.0
"""The heap of RT-Thread's small memory, and how it is found.

Approach: `system_heap` leads to its object, in 3.1 `heap_ptr` to its first item. In bare memory a heap shows itself by
its last item, which leads to itself: its offset tells where the first one is, and all blocks between them must have the
heap's mark and lead to the next one and back.
Cost: one pass over the words of a memory, and the item of each block of what is found.
"""

from __future__ import annotations

import re
from typing import Iterator, List, Optional, Sequence, Set, Tuple, Union

from gdbext.heap.allocator import (
    BY_SIGNATURE,
    DECISIVE,
    Allocator,
    Body,
    FoundHeap,
    Named,
    Recognised,
    Unreadable,
    spans_of,
)
from gdbext.heap.cover import Evidence
from gdbext.heap.facts import HeapFacts
from gdbext.heap.geometry import Flaw, Geometry, Pool, narrowed
from gdbext.heap.guards import NO_GUARDS, Guards
from gdbext.heap.rtthread_mem.layout import MOST_BYTES, Chain, SmallMemLayout, item_reader, marks_of, recognise
from gdbext.heap.rtthread_mem.owners import ThreadNames
from gdbext.heap.rtthread_mem.rules import RULES
from gdbext.heap.tries import Tries
from gdbext.heap.walk import Walk, walk_pools
from gdbext.model.region import Hints, Region, Span
from gdbext.model.said import Said, Text, said
from gdbext.source.memory import Memory
from gdbext.source.snapshot import Snapshot, WordReader
from gdbext.symbols.shapes import Program

_KIND = "rtthread_mem"
_FEWEST = 2  # blocks of a whole chain that do not fit by chance: each has a mark, and words that lead back
_MOST_CANDIDATES = 1024
_FARTHEST = 256  # bytes from an object to its first item


class _SmallMem(Allocator):
    """mem.c."""

    kind = _KIND
    rules = RULES

    def recognise(self, memory: Memory, region: Region) -> Union[Recognised, Unreadable]:
        """Recognises a whole chain; parts of one where the kind is given."""
        claimed = region.kind == self.kind
        chain = recognise(memory, region.address, claimed)
        if chain is None or not (claimed or chain.whole):
            return Unreadable(region, "unreadable", said("rtt-none", place=region.address))
        sure = chain.whole and chain.blocks >= _FEWEST
        return Recognised(self, _layout(memory, chain, region.hints), None, DECISIVE if sure else chain.blocks)

    def walk(self, layout: Geometry, read: WordReader, evidence: Evidence) -> Walk:
        """A block agrees with what is around it if it is marked and the one behind it leads back to it."""
        walk, own = Walk(layout), narrowed(layout, SmallMemLayout)
        items, base = own.links(read), own.base + layout.header

        def agrees(payload: int, word: int, following: int) -> bool:
            here, behind = items(payload - layout.header), items(following - layout.header)
            if here is None or behind is None or not here.marked:
                return False
            if following == layout.end:
                return behind.next == following - base
            return behind.marked and behind.prev == payload - base

        walk_pools(walk, read, agrees, evidence)
        return walk

    def guards(self, walk: Walk, read: WordReader, snapshot: Snapshot) -> Guards:
        """Returns the threads' names, if items have them."""
        layout = narrowed(walk.layout, SmallMemLayout)
        form, mark = layout.form, layout.mark_stored(layout.mark_of(True))
        at, stored = form.link + 2 * layout.word, mark.to_bytes(layout.mark_bytes, layout.order)
        return ThreadNames("none", form.header, at, layout.word, stored) if form.named else NO_GUARDS

    def evidence(self, facts: HeapFacts) -> Iterator[Said]:
        """Tells how many blocks lead to the next one and back."""
        yield said("rtt-chain", count=len(facts.walk.payloads))


def _layout(memory: Memory, chain: Chain, hints: Hints) -> SmallMemLayout:
    form, place, word, order = chain.form, chain.place, memory.source.pointer_size, memory.source.byte_order
    pools = (Pool(place.base + form.header, place.base + chain.end + form.header),)
    own = place.control
    name = f"rtthread-mem-{'object' if form.owned else 'magic'}-{8 * word}-align-{form.align}"
    return SmallMemLayout(
        name + ("-named" if form.named else ""), word, form.align, form.header, form.align, place.address, pools,
        _flaws(memory, chain, hints), form, order, place.base, own, _lfree(memory, chain, hints),
        _mark(memory, chain),
    )  # fmt: skip


def _mark(memory: Memory, chain: Chain) -> int:
    """Returns the mark of free blocks: of those that a heap may have, the one that the first items have."""
    place, form, word = chain.place, chain.form, memory.source.pointer_size
    items = item_reader(memory.word, word, memory.source.byte_order, place.address, form.owned, form.link)
    marks = marks_of(place.address, form.owned, word)
    for at in (0, chain.end):
        one = items(place.base + at)
        if form.owned and one is not None and one.marked:
            return one.mark & ~1
    return marks[0]


def _lfree(memory: Memory, chain: Chain, hints: Hints) -> Optional[Tuple[int, int]]:
    if chain.place.control is not None:
        place: Optional[int] = chain.place.control.place + 2 * memory.source.pointer_size
    else:
        place = hints.get("lfree")
    value = None if place is None else memory.word(place)
    return None if place is None or value is None else (place, value)


def _flaws(memory: Memory, chain: Chain, hints: Hints) -> Tuple[Flaw, ...]:
    base, end, word = chain.place.base, chain.place.base + chain.end, memory.source.pointer_size
    control = chain.place.control
    found = []
    if control is not None:
        size, begin = chain.end - chain.form.header, control.place - 4 * word
        wanted = (
            ("address", 0, base), ("total", 1, size), ("heap_ptr", 4, base), ("heap_end", 5, end),
            ("mem_size_aligned", 7, size),
        )  # fmt: skip
        found = [(name, begin + index * word, control.words[index], want) for name, index, want in wanted]
    else:
        for name, want in (("heap_ptr", base), ("heap_end", end)):
            stored = None if name not in hints else memory.word(hints[name])
            if stored is not None:
                found.append((name, hints[name], stored, want))
    return tuple(
        Flaw(
            "object-members", place, word, said("rtt-member", name=name, place=place, stored=stored, expected=want),
            "pointer", want, stored,
        )
        for name, place, stored, want in found
        if stored != want
    )  # fmt: skip


def find_named(memory: Memory, program: Program) -> Named:
    """Returns the heap that system_heap leads to, or in 3.1 heap_ptr."""
    name = "system_heap" if program.address_of("rt_smem_alloc") is not None else "heap_ptr"
    place = program.address_of(name)
    if place is None:
        return Named([], [])
    value = memory.word(place)
    if value is None:
        return Named([], [said("root-unreadable", name=name, place=place)])
    if not value:
        return Named([], [said("rtt-not-begun", name=name)])
    known = {} if name == "system_heap" else {one: program.address_of(one) for one in (name, "heap_end", "lfree")}
    hints = {one: at for one, at in known.items() if at is not None}
    if recognise(memory, value, True) is None:
        return Named([], [said("rtt-lost", name=name, place=place)])
    return Named([Region(_KIND, value, origin=said("rtt-variable", name=name), hints=hints)], [])


def find_heaps(memory: Memory, snapshot: Snapshot, taken: Sequence[Span], left_out: List[Text]) -> List[FoundHeap]:
    """Returns every heap all of whose blocks have its mark and lead to the next one and back."""
    found: List[FoundHeap] = []
    tried: Set[int] = set()
    tries = Tries(_KIND, _MOST_CANDIDATES, left_out)
    for address in (one for start, end in snapshot.extents() for one in _addresses(snapshot, start, end)):
        if address in tried or any(low <= address < high for low, high in taken):
            continue
        tried.add(address)
        if not tries.another(address):
            break
        chain = recognise(memory, address, claimed=False)
        if chain is not None and chain.blocks >= _FEWEST:
            region = Region(_KIND, address, origin=BY_SIGNATURE)
            found.append((region, spans_of(region, _layout(memory, chain, {}))))
    return found


def _addresses(snapshot: Snapshot, start: int, end: int) -> Iterator[int]:
    """Yields the addresses that items at a heap's end speak for: those that lead to themselves."""
    word, order = snapshot.pointer_size, snapshot.byte_order
    data = bytes(snapshot.read(start, end - start) or b"")
    magic = (0x1EA0).to_bytes(2, order) + (1).to_bytes(2, order)
    for match in re.finditer(b"(?s)(?=" + re.escape(magic) + b")", data):
        offset = int.from_bytes(data[match.start() + word : match.start() + 2 * word], order)
        if offset and start <= start + match.start() - offset:
            yield start + match.start() - offset
    words = memoryview(data[: len(data) // word * word]).cast("I" if word == 4 else "Q")
    if order != "little" or start % word:
        return
    high = start & ~0xFFFF_FFFF if word > 4 else 0
    for at, value in enumerate(words):
        if not value & 1:
            continue
        address = value - 1 if start <= value < end else high | (value - 1)
        place = start + at * word
        if not start <= address < place or place - address > MOST_BYTES:
            continue
        for link in (1, 2) if word > 4 else (1,):
            base = place - words[at + link] if at + link < len(words) else 0
            if address < base <= address + _FARTHEST:
                yield address


BODY = Body(allocators=(_SmallMem(),), find=find_named, search=find_heaps)
