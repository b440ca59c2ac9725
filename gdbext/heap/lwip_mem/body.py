# SPDX-License-Identifier: Apache-2.0
"""The heap of lwIP, and how it is found.

Approach: the variables `ram` and `ram_end` lead to it; where `ram` is overwritten, the array `ram_heap` does. In bare
memory a heap shows itself by a last header that leads to itself: its offset tells where the first one is, and all
blocks between them must lead to the next one and back.
Rejected: a search for the first header, which is mostly zeros.
Cost: one pass of a regular expression, and the header of each block of what is found.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Dict, Iterator, List, Optional, Pattern, Sequence, Set, Tuple, Union

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
from gdbext.heap.guards import Guards
from gdbext.heap.lwip_mem.guards import find_guards
from gdbext.heap.lwip_mem.layout import FORMS, Chain, LwipLayout, Pointer, recognise, smallest_of
from gdbext.heap.lwip_mem.rules import RULES
from gdbext.heap.tries import Tries
from gdbext.heap.walk import Walk, walk_pools
from gdbext.model.region import Hints, Region, Span
from gdbext.model.said import Said, Text, said
from gdbext.source.memory import Memory
from gdbext.source.snapshot import ByteOrder, Snapshot, WordReader
from gdbext.symbols.shapes import Program

_KIND = "lwip_mem"
_FEWEST = 3  # blocks of a whole chain that do not fit by chance: each has 16 bits or more that lead back
_MOST_CANDIDATES = 4096
_POINTERS = ("ram", "ram_end", "lfree")


class _LwipMem(Allocator):
    """mem.c."""

    kind = _KIND
    rules = RULES

    def recognise(self, memory: Memory, region: Region) -> Union[Recognised, Unreadable]:
        """Recognises a whole chain; parts of one where the kind is given."""
        claimed = region.kind == self.kind
        end = _stored(memory, region.hints, "ram_end")
        chain = recognise(memory, region.address, claimed, None if end is None else end.value)
        if chain is None or not (claimed or chain.whole):
            return Unreadable(region, "unreadable", said("lwip-none", place=region.address))
        sure = chain.whole and chain.blocks >= _FEWEST
        return Recognised(self, _layout(memory, region, chain), None, DECISIVE if sure else chain.blocks)

    def walk(self, layout: Geometry, read: WordReader, evidence: Evidence) -> Walk:
        """A block agrees with what is around it if the one behind it leads back to it."""
        walk, lwip, control = Walk(layout), narrowed(layout, LwipLayout), layout.control + layout.header
        links = lwip.links(read)

        def agrees(payload: int, word: int, following: int) -> bool:
            one = links(following - layout.header)
            if one is None:
                return lwip.is_open
            if following == layout.end:
                return one.next == following - control
            return one.prev == payload - control and one.used <= 1

        walk_pools(walk, read, agrees, evidence)
        return walk

    def guards(self, walk: Walk, read: WordReader, snapshot: Snapshot) -> Guards:
        """Returns those of MEM_OVERFLOW_CHECK, if the heap has them."""
        return find_guards(narrowed(walk.layout, LwipLayout), walk, snapshot)

    def evidence(self, facts: HeapFacts) -> Iterator[Said]:
        """Tells how many blocks lead to the next one and back."""
        yield said("lwip-chain", count=len(facts.walk.payloads))


def _layout(memory: Memory, region: Region, chain: Chain) -> LwipLayout:
    form, base = chain.form, region.address
    pools = (Pool(base + form.header, base + chain.end + form.header, chain.is_open),)
    known = {name: _stored(memory, region.hints, name) for name in _POINTERS}
    wanted = {"ram": base, "ram_end": base + chain.end}
    flaws = tuple(
        Flaw(
            "heap-pointers", one.place, memory.source.pointer_size,
            said("lwip-pointer", name=name, place=one.place, stored=one.value, expected=wanted[name]),
            "pointer", wanted[name], one.value,
        )
        for name, one in known.items()
        if one is not None and name in wanted and one.value != wanted[name]
    )  # fmt: skip
    name, word = f"lwip-mem-{8 * form.width}-align-{form.align}", memory.source.pointer_size
    smallest = smallest_of(form.align)
    return LwipLayout(
        name,
        word,
        form.align,
        form.header,
        smallest,
        base,
        pools,
        flaws,
        form,
        memory.source.byte_order,
        known["lfree"],
    )


def _stored(memory: Memory, hints: Hints, name: str) -> Optional[Pointer]:
    """Returns a variable of which the program's symbols tell the place; None if they do not, or it cannot be read."""
    place = hints.get(name)
    value = None if place is None else memory.word(place)
    return None if place is None or value is None else Pointer(name, place, value)


def find_named(memory: Memory, program: Program) -> Named:
    """Returns the heap that ram leads to, or that lies in the array ram_heap."""
    places = {name: program.address_of(name) for name in _POINTERS}
    hints: Dict[str, int] = {name: place for name, place in places.items() if place is not None}
    if "ram" not in hints or "ram_end" not in hints:
        return Named([], [])
    ram = memory.word(hints["ram"])
    if ram is None:
        return Named([], [said("root-unreadable", name="ram", place=hints["ram"])])
    if not ram:
        return Named([], [said("lwip-not-begun")])
    array = program.address_of("ram_heap")
    aligned = [] if array is None else [-(-array // form.align) * form.align for form in FORMS]
    for base in dict.fromkeys((ram, *aligned)):
        chain = recognise(memory, base, True, memory.word(hints["ram_end"]))
        if chain is not None and chain.blocks:
            return Named([Region(_KIND, base, origin=said("lwip-variables"), hints=hints)], [])
    return Named([], [said("lwip-lost", place=hints["ram"])])


def find_heaps(memory: Memory, snapshot: Snapshot, taken: Sequence[Span], left_out: List[Text]) -> List[FoundHeap]:
    """Returns every heap all of whose blocks lead to the next one and back."""
    found: Dict[int, FoundHeap] = {}
    tried: Set[int] = set()
    tries = Tries(_KIND, _MOST_CANDIDATES, left_out)
    for base, width, offset in _ends_in(snapshot):
        if base in tried or any(low <= base < high for low, high in taken):
            continue
        tried.add(base)
        if not tries.another(base):
            break
        chain = recognise(memory, base, claimed=False)
        if chain is not None and (chain.form.width, chain.end) == (width, offset) and chain.blocks >= _FEWEST:
            region = Region(_KIND, base, origin=BY_SIGNATURE)
            found[base] = (region, spans_of(region, _layout(memory, region, chain)))
    return list(found.values())


def _ends_in(snapshot: Snapshot) -> Iterator[Tuple[int, int, int]]:
    """Yields where a last header's heap begins, if something like a first header is there; the bytes of its offsets,
    and its own.
    """
    for start, end in snapshot.extents():
        data = bytes(snapshot.read(start, end - start) or b"")
        for width in (2, 4):
            for match in _last_header(width, snapshot.byte_order).finditer(data):
                offset = int.from_bytes(match.group(1), snapshot.byte_order)
                place = match.start() - offset
                if not offset or place < 0 or (start + place) & 3:
                    continue
                if data[place + 2 * width] <= 1 and not any(data[place + width : place + 2 * width]):
                    yield start + place, width, offset


@lru_cache(maxsize=None)
def _last_header(width: int, order: ByteOrder) -> Pattern[bytes]:
    """Returns a pattern for the last header: the same offset twice, a multiple of 4, and 1."""
    low, rest = b"[" + b"".join(rb"\x%02x" % number for number in range(0, 256, 4)) + b"]", b"." * (width - 1)
    return re.compile(rb"(?s)(?=(" + (low + rest if order == "little" else rest + low) + rb")\1\x01)")


BODY = Body(allocators=(_LwipMem(),), find=find_named, search=find_heaps)
