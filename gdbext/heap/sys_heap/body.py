# SPDX-License-Identifier: Apache-2.0
"""Zephyr's sys_heap as memtrace's allocator, and how its heaps are found.

Approach: symbols lead to structures that begin with a pointer to a struct z_heap: _system_heap (k_malloc),
z_malloc_heap (the C library), what K_HEAP_DEFINE has put into a section of its own, and the array of all heaps if the
program has one. In bare memory chunk 0 shows a heap: a used chunk of few units, with nothing to its left, and an
end_chunk that leads to an end marker.
Cost: some words for each structure; one regular expression over memory that is searched.
"""

from __future__ import annotations

import re
from typing import Dict, Iterator, List, Optional, Sequence, Union

from gdbext.heap.allocator import (
    BY_SIGNATURE,
    DECISIVE,
    LARGEST_HEAP,
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
from gdbext.heap.facts import Counters, HeapFacts
from gdbext.heap.geometry import Geometry, narrowed
from gdbext.heap.guards import Guards
from gdbext.heap.sys_heap.guards import trailers_of
from gdbext.heap.sys_heap.layout import UNIT, SysHeapLayout
from gdbext.heap.sys_heap.reading import recognise_sys_heap, walk_sys_heap, with_flaws
from gdbext.heap.sys_heap.rules import RULES
from gdbext.heap.tries import Tries
from gdbext.heap.walk import Walk
from gdbext.model.region import Region, Span
from gdbext.model.said import Said, Text, said
from gdbext.source.memory import Memory
from gdbext.source.snapshot import Snapshot, WordReader
from gdbext.symbols.shapes import Program

_KIND = "sys_heap"
_FEWEST = 2  # chunks that must agree where nobody says that a heap is there
_NAMED = ("_system_heap", "z_malloc_heap")
_SECTION = ("_k_heap_list_start", "_k_heap_list_end")
_ARRAY, _ARRAY_READER = "heaps", "sys_heap_array_get"
_MOST_SECTION_BYTES = 64 << 10
_MOST_CANDIDATES = 256


class _SysHeap(Allocator):
    """sys_heap in all its forms."""

    kind = _KIND
    rules = RULES

    def recognise(self, memory: Memory, region: Region) -> Union[Recognised, Unreadable]:
        """Recognises struct z_heap and its chunks."""
        claimed = region.kind == self.kind
        found = recognise_sys_heap(memory, region.address, claimed, region.hints.get("owner", 0))
        if found is None or (not claimed and found.chunks < _FEWEST):
            return Unreadable(region, "unreadable", said("no-sys-heap", place=region.address))
        layout = with_flaws(found.layout, PagedReader(memory, region.address))
        sure = found.head_fits and found.end_fits
        # A 64-bit heap with counters can have the marks of a 32-bit one with counters and trailers: its lists tell.
        weight = found.chunks + ((DECISIVE if not found.doubtful else DECISIVE // 2) if sure else 0)
        return Recognised(self, layout, _counters(memory, layout), weight, sure)

    def walk(self, layout: Geometry, read: WordReader, evidence: Evidence) -> Walk:
        """Returns the chunks and the lists of the free ones."""
        return walk_sys_heap(narrowed(layout, SysHeapLayout), read, evidence)

    def guards(self, walk: Walk, read: WordReader, snapshot: Snapshot) -> Guards:
        """Returns the canaries at the ends of chunks, if the heap has them."""
        return trailers_of(narrowed(walk.layout, SysHeapLayout), walk, read, snapshot)

    def evidence(self, facts: HeapFacts) -> Iterator[Said]:
        """Tells the form, and whether k_malloc's pointer stands in chunks."""
        layout = narrowed(facts.layout, SysHeapLayout)
        form = said("sys-heap-big") if layout.form.big else said("sys-heap-small")
        yield said("sys-heap-form", form=form, chunks=len(facts.walk.payloads))
        if layout.owner:
            yield said("sys-heap-k-malloc", owner=layout.owner)


def _counters(memory: Memory, layout: SysHeapLayout) -> Optional[Counters]:
    if not layout.form.stats:
        return None
    free = memory.word(layout.control + 16)
    return None if free is None else Counters(free, None, ())


def find_named(memory: Memory, program: Program) -> Named:
    """Returns the heaps that the structures of a program lead to, each under the name of its variable."""
    places: Dict[int, str] = {}  # the addresses of struct sys_heap, with the names that they have
    problems: List[Text] = []
    for name in _NAMED:
        place = program.address_of(name)
        if place is not None:
            places[place] = name
    regions = [_region(memory, place, name, said("sys-heap-by-name", name=name)) for place, name in places.items()]
    problems += [said("sys-heap-unset", name=name) for (_, name), one in zip(places.items(), regions) if one is None]
    for place in _in_section(memory, program):
        if place not in places:
            places[place] = name = _name_at(program, place)
            regions.append(_region(memory, place, name, said("sys-heap-by-section")))
    for place in _in_array(memory, program):
        if place not in places:
            places[place] = name = _name_at(program, place)
            regions.append(_region(memory, place, name, said("sys-heap-by-name", name=_ARRAY)))
    distinct = {region.address: region for region in reversed(regions) if region is not None}
    return Named(list(reversed(list(distinct.values()))), [] if distinct else problems)


def _region(memory: Memory, place: int, name: str, origin: Said) -> Optional[Region]:
    """Returns the heap that a struct sys_heap leads to; None if it leads to none yet."""
    word = memory.source.pointer_size
    memory.allow(place, place + 3 * word)
    heap = memory.word(place)
    if not heap or heap % UNIT:
        return None
    start, length = memory.word(place + word) or 0, memory.word(place + 2 * word) or 0
    if _is_extent(heap, start, length):
        memory.allow(start, start + length)
    return Region(_KIND, heap, name=name, origin=origin, hints={"owner": place})


def _is_extent(heap: int, start: int, length: int) -> bool:
    """True if memory of a struct sys_heap is that of its heap."""
    return 0 < length <= LARGEST_HEAP and -(-start // UNIT) * UNIT == heap


def _in_section(memory: Memory, program: Program) -> Iterator[int]:
    """Yields the addresses of the struct sys_heap that K_HEAP_DEFINE has put into its section."""
    start, end = (program.address_of(name) for name in _SECTION)
    if start is None or end is None or not start < end <= start + _MOST_SECTION_BYTES:
        return
    word = memory.source.pointer_size
    memory.allow(start, end)
    memory.fetch_known(start, end)
    for place in range(start, end - 2 * word, word):
        heap, begin, length = (memory.word(place + number * word) or 0 for number in range(3))
        if heap and heap % UNIT == 0 and (_is_extent(heap, begin, length) or _looks_like_heap(memory, heap)):
            yield place


def _looks_like_heap(memory: Memory, address: int) -> bool:
    return memory.may_read(address, address + 4 * UNIT) and recognise_sys_heap(memory, address, False) is not None


def _in_array(memory: Memory, program: Program) -> Iterator[int]:
    """Yields the addresses of the struct sys_heap in the array of all heaps."""
    array, size = program.address_of(_ARRAY), program.size_of(_ARRAY)
    if array is None or not size or size > _MOST_SECTION_BYTES or program.address_of(_ARRAY_READER) is None:
        return
    word = memory.source.pointer_size
    memory.allow(array, array + size)
    for place in range(array, array + size, word):
        heap = memory.word(place)
        if heap and heap % word == 0 and memory.may_read(heap, heap + 3 * word):
            yield heap


def _name_at(program: Program, place: int) -> str:
    """Returns the variable at a place, before the linker's own names for it, such as that of the section's begin."""
    found = (name for name, start, size in program.objects() if start <= place < start + max(1, size))
    return min(found, key=lambda name: name.startswith("_"), default=f"{place:#x}")


def find_sys_heaps(memory: Memory, snapshot: Snapshot, taken: Sequence[Span], left_out: List[Text]) -> List[FoundHeap]:
    """Returns every sys_heap whose struct z_heap and chunks are in the snapshot."""
    found: List[FoundHeap] = []
    claimed = list(taken)
    tries = Tries(_KIND, _MOST_CANDIDATES, left_out)
    for address in (one for start, end in snapshot.extents() for one in _candidates(snapshot, start, end)):
        if any(low <= address < high for low, high in claimed):
            continue
        if not tries.another(address):
            break
        reading = recognise_sys_heap(memory, address, False)
        if reading is not None and reading.chunks >= _FEWEST:
            region = Region(_KIND, address, origin=BY_SIGNATURE)
            found.append((region, spans_of(region, reading.layout)))
            claimed += found[-1][1]
    return found


def _candidates(snapshot: Snapshot, start: int, end: int) -> Iterator[int]:
    """Yields where chunk 0 may lie: nothing to its left, used, 3 to 24 units, and an end_chunk within memory."""
    data, little = snapshot.get(start, end - start) or b"", snapshot.byte_order == "little"
    sizes = b"[" + b"".join(b"\\x%02x" % (units << 1 | 1) for units in range(3, 25)) + b"]"
    small = rb"(?=\0\0" + (sizes + rb"\0" if little else rb"\0" + sizes) + rb")"
    big = rb"(?=\0\0\0\0" + (sizes + rb"\0\0\0" if little else rb"\0\0\0" + sizes) + rb")"
    for text in (big,) if snapshot.pointer_size == 8 else (small, big):
        for match in re.finditer(text, data, re.DOTALL):
            at = match.start()
            units = int.from_bytes(data[at + 8 : at + 12], snapshot.byte_order)
            if (start + at) % UNIT == 0 and units > 4 and UNIT * units <= len(data) - at:
                yield start + at


BODY = Body(allocators=(_SysHeap(),), find=find_named, search=find_sys_heaps)
