# SPDX-License-Identifier: Apache-2.0
"""The heaps of umm_malloc, and how they are found.

Approach: by the variables that hold their addresses (ESP8266 Arduino's heap_context[], upstream's umm_heap_current, the
older umm_heap): whatever word of them leads to such a heap. In bare memory by block 0, whose chain must be whole and
whose list must have every free block, or which some dozen blocks confirm.
Rejected: offsets in the context (statistics and metrics stand in it, by build).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Iterator, List, Pattern, Sequence, Union

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
from gdbext.heap.ends import PagedReader
from gdbext.heap.facts import HeapFacts
from gdbext.heap.geometry import FREE_BIT, Geometry, narrowed
from gdbext.heap.guards import Guards
from gdbext.heap.tries import Tries
from gdbext.heap.umm_malloc.layout import Found, UmmLayout, recognise_umm, walk_umm
from gdbext.heap.umm_malloc.poison import Poison, find_poison
from gdbext.heap.umm_malloc.rules import RULES
from gdbext.heap.walk import Walk
from gdbext.model.region import Region, Span
from gdbext.model.said import Said, Text, said
from gdbext.source.memory import Memory
from gdbext.source.snapshot import ByteOrder, Snapshot, WordReader
from gdbext.symbols.shapes import Program

_KIND = "umm_malloc"
_VARIABLES = ("heap_context", "umm_heap_current", "umm_heap")
_LARGEST_VARIABLE = 1024  # bytes
_MOST_CANDIDATES = 64
_BEYOND_CHANCE = 12  # blocks in a row that confirm each other
_FEWEST_USED = 4
_LARGEST = 32 << 16  # bytes of a heap
# Where ESP8266's heaps lie. Its fork knows them by these names.
_ESP8266 = ((0x3FFE_8000, 0x4000_0000, "DRAM"), (0x4010_0000, 0x4010_C000, "IRAM"))


class _Umm(Allocator):
    """umm_malloc."""

    kind = _KIND
    rules = RULES

    def recognise(self, memory: Memory, region: Region) -> Union[Recognised, Unreadable]:
        """Recognises blocks that confirm each other."""
        found = recognise_umm(memory, region, region.kind == self.kind)
        if found is None:
            return Unreadable(region, "unreadable", said("umm-none", place=region.address))
        some = found.blocks if region.kind == self.kind else found.row
        weight = DECISIVE if found.whole and _is_listed(memory, found) else some
        return Recognised(self, found.layout, None, weight)

    def walk(self, layout: Geometry, read: WordReader, evidence: Evidence) -> Walk:
        """Returns the blocks and the list of free ones."""
        return walk_umm(narrowed(layout, UmmLayout), read, evidence)

    def guards(self, walk: Walk, read: WordReader, snapshot: Snapshot) -> Guards:
        """Returns the form of the poison."""
        return find_poison(walk, snapshot)

    def evidence(self, facts: HeapFacts) -> Iterator[Said]:
        """Tells the size of blocks, and the poison."""
        yield said("umm-blocks", body=narrowed(facts.layout, UmmLayout).body)
        if isinstance(facts.guards, Poison):
            yield said("umm-poisoned", width=facts.guards.width)


def _is_listed(memory: Memory, found: Found) -> bool:
    """True if the free blocks are those on the list, and the list leads back through all of them. A few used blocks
    alone may be there by chance.
    """
    layout = found.layout
    walk = walk_umm(layout, PagedReader(memory, layout.first), Evidence())
    free = {payload for payload, word in zip(walk.payloads, walk.words) if word & FREE_BIT}
    before = {node.payload: node.prev_free for node in walk.nodes}
    if not free and found.row < _FEWEST_USED:
        return False
    sound = all(before[node.payload] == layout.number_of(node.previous or layout.payload_of(0)) for node in walk.nodes)
    return sound and not walk.breaks and free == set(before)


def find_named(memory: Memory, program: Program) -> Named:
    """Returns the heaps that the words of umm_malloc's own variables lead to."""
    found: List[Region] = []
    for name in _VARIABLES:
        place = program.address_of(name)
        if place is None:
            continue
        word, size = memory.source.pointer_size, program.size_of(name) or 2 * memory.source.pointer_size
        memory.fetch_known(place, place + min(size, _LARGEST_VARIABLE))
        for at in range(place, place + min(size, _LARGEST_VARIABLE) - word + 1, word):
            found += _led_to(memory, name, at)
    kept = {region.address: region for region in reversed(found)}
    problems: List[Text] = [] if kept or not _has_any(program) else [said("umm-uninitialised")]
    return Named(sorted(kept.values(), key=lambda region: region.address), problems)


def _has_any(program: Program) -> bool:
    return any(program.address_of(name) is not None for name in _VARIABLES[1:]) or (
        program.address_of("heap_context") is not None and program.address_of("umm_malloc") is not None
    )


def _led_to(memory: Memory, name: str, place: int) -> Iterator[Region]:
    """Yields the heap that a word leads to. The word behind it is the heap's end, or its size."""
    word = memory.source.pointer_size
    start, behind = memory.word(place), memory.word(place + word)
    if not start or start % 4:
        return
    memory.allow(start, start + 4)
    if not memory.may_read(start, start + 4):
        return
    length = 0 if behind is None else behind - start if behind > start else behind
    hints = {"bytes": length} if 0 < length <= _LARGEST and name != "umm_heap" else {}
    if not hints and name != "umm_heap":
        return
    memory.allow(start, start + hints.get("bytes", 0))
    origin = said("umm-context", name=name)
    region = Region(_KIND, start, name=_name_of(start) if name == "heap_context" else None, origin=origin, hints=hints)
    found = recognise_umm(memory, region, claimed=bool(hints))
    if found is not None and (found.whole or hints):
        yield region


def _name_of(address: int) -> Union[str, None]:
    return next((name for low, high, name in _ESP8266 if low <= address < high), None)


def find_heaps(memory: Memory, snapshot: Snapshot, taken: Sequence[Span], left_out: List[Text]) -> List[FoundHeap]:
    """Returns every heap whose block 0 is in the snapshot."""
    found: List[FoundHeap] = []
    spans = list(taken)
    tries = Tries(_KIND, _MOST_CANDIDATES, left_out)
    for address in _places(snapshot):
        if any(low <= address < high for low, high in spans):
            continue
        if not tries.another(address):
            break
        region = Region(_KIND, address, origin=BY_SIGNATURE)
        one = recognise_umm(memory, region, False, _BEYOND_CHANCE)
        if one is not None and (one.row >= _BEYOND_CHANCE or (one.whole and _is_listed(memory, one))):
            found.append((region, spans_of(region, one.layout)))
            spans += found[-1][1]
    return found


def _places(snapshot: Snapshot) -> Iterator[int]:
    """Yields where block 0 may lie."""
    for start, end in snapshot.extents():
        data = snapshot.get(start, end - start) or b""
        for match in _head_pattern(snapshot.byte_order).finditer(data):
            if not (start + match.start()) % 4 and _may_begin(data, match.start(), snapshot.byte_order):
                yield start + match.start()


@lru_cache(maxsize=None)
def _head_pattern(order: ByteOrder) -> Pattern[bytes]:
    """Returns a pattern for block 0: 1, 0, and two numbers of blocks."""
    if order == "little":
        return re.compile(rb"(?=\x01\0\0\0.[\0-\x7f].[\0-\x7f])", re.DOTALL)
    return re.compile(rb"(?=\0\x01\0\0[\0-\x7f].[\0-\x7f].)", re.DOTALL)


def _may_begin(data: bytes, at: int, order: ByteOrder) -> bool:
    """True if block 1, of some size of blocks, leads to one that leads back to it."""

    def half(place: int) -> int:
        return int.from_bytes(data[place : place + 2], order)

    def confirms(body: int) -> bool:
        following = half(at + body) & 0x7FFF
        return following > 1 and not half(at + body + 2) & 0x7FFF and half(at + following * body + 2) & 0x7FFF == 1

    return any(confirms(body) for body in range(8, 65, 4))


BODY = Body(allocators=(_Umm(),), find=find_named, search=find_heaps)
