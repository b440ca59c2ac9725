# SPDX-License-Identifier: Apache-2.0
"""Finds heaps through a program's symbols: by the names that allocators use, and by what its variables point to.

Approach: ESP-IDF has a list, FreeRTOS an array or regions, NuttX a pointer to a structure. Any other TLSF is where some
variable, or a member of one, points to a control block: its lists, which hold its own address, tell before more of it
is read. No type is needed: handles are `void *` everywhere, and a TLSF in ROM has no types at all. Only the block
headers of FreeRTOS are asked of debug information: vendors add members to them.
Rejected: `control_t` from debug information (its users do not have it); probing what points to code.
Cost: the variables of up to 256 bytes, in as few reads as they lie together; 512 bytes for each place that one of them
points to, of which 256 at most are looked at. Only where no list of heaps is known by name.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from typing import Iterator, List, Optional, Protocol, Set, Tuple

from gdbext.heap.caps import read_memory_types, read_registered
from gdbext.heap.facts import Region, Span, Variables
from gdbext.heap.layout import Link
from gdbext.heap.registry import LARGEST_HEAP, Recognised, recognise
from gdbext.heap.search_tlsf import heap_at_control
from gdbext.source.memory import Memory
from gdbext.symbols.shapes import Types

_LARGEST_VARIABLE = 256
_MOST_VARIABLES = 4096
_MOST_PROBES = 256
_PROBE = 512
_FEWEST_EMPTY = 4
_NEAR = 256  # variables this near to each other are read at once
_NUTTX = ("g_mmheap", "g_kmmheap", "g_pgheap")
_ALIGNMENTS = (8, 16, 4, 32)
_MOST_REGIONS = 32
_ALLOCATES = "pvPortMalloc"  # stands in the source that has the structures of its blocks
_LARGEST_LINK = 256
_LEAST_POOL = 64  # bytes of an array that a pool may be in
_MOST_NUTTX_REGIONS = 16


class Symbols(Protocol):
    """What is asked of a program, by GDB or without it."""

    def address_of(self, name: str) -> Optional[int]:
        """Address of a symbol, or None."""

    def size_of(self, name: str) -> Optional[int]:
        """Bytes of a variable, or None."""

    def objects(self) -> Iterator[Tuple[str, int, int]]:
        """Name, address and size of every variable."""


def link_of(types: Types, word: int) -> Optional[Link]:
    """What a block header of FreeRTOS is by debug information, if that is not what it is in the kernel itself."""
    found = types.variable_of(_ALLOCATES, "xStart")
    members = {} if found is None else found.shapes[0].members
    following, size = members.get("pxNextFreeBlock"), members.get("xBlockSize")
    if found is None or following is None or size is None or (following.size, size.size) != (word, word):
        return None
    link = Link(found.shapes[0].size, following.offset, size.offset)
    whole = max(link.next_at, link.size_at) + word <= link.size <= _LARGEST_LINK
    return link if whole and link != (2 * word, 0, word) else None


class Named:
    """The heaps of one program, and what to say where a name leads to none."""

    def __init__(self, memory: Memory, symbols: Symbols, types: Types) -> None:
        self.memory = memory
        self.symbols = symbols
        self.types = types
        self.word = memory.source.pointer_size
        self.regions: List[Region] = []
        self.problems: List[str] = []
        self._probed: Set[int] = set()

    def find(self) -> Named:
        """Looks by name first; where no list of heaps has one, at what variables point to."""
        head = self.symbols.address_of("registered_heaps")
        if head is not None:
            self._add_registered(head)
            return self
        self._add_freertos()
        self._add_nuttx()
        if not self.regions and not self.problems:
            self._add_pointed_to()
        return self

    def _add_registered(self, head: int) -> None:
        types = self.symbols.address_of("soc_memory_types")
        names = {} if types is None else read_memory_types(self.memory, types, self._count_of_types())
        self.regions, problem = read_registered(self.memory, head, names)
        for region in self.regions:
            self.memory.allow(region.start or region.address, region.end or region.address)
        if problem is not None:
            self.problems.append(problem)
        elif not self.regions:
            self.problems.append("no heap is registered yet: continue to main, then look again")

    def _count_of_types(self) -> Optional[int]:
        count = self.symbols.address_of("soc_memory_type_count")
        return None if count is None else self.memory.word(count)

    def _add_freertos(self) -> None:
        start, end = self.symbols.address_of("ucHeap"), self.symbols.address_of("pxEnd")
        if end is None:
            self._add_older_freertos(start)
        elif not self.memory.word(end):
            self.problems.append(
                "the heap of FreeRTOS is not initialised yet (pxEnd is NULL): continue, then look again"
            )
        elif start is not None:
            self._add_regions("freertos_heap_4", [(start, start + self._heap_bytes())], "the array ucHeap")
        else:
            self._add_table()

    def _add_older_freertos(self, start: Optional[int]) -> None:
        """heap_2 has an xEnd, no pxEnd; heap_1 counts by xNextFreeByte and has no list."""
        first, end, counted = (self.symbols.address_of(name) for name in ("xStart", "xEnd", "xNextFreeByte"))
        if start is None or (end is None and counted is None):
            return
        array = (start, start + self._heap_bytes())
        if first is not None and end is not None:
            self._add_heap_2(Variables(array, first, end, self.symbols.address_of("xFreeBytesRemaining")))
        elif counted is not None and first is None:
            self._add_heap_1(Variables(array, self._static("pucAlignedHeap"), None, None, counted))

    def _static(self, name: str) -> Optional[int]:
        """Address of a variable inside of a function: compilers number these."""
        found = ((place, one) for one, place, _ in self.symbols.objects() if one.split(".")[0] == name)
        return next((place for place, _ in found), None)

    def _add_heap_2(self, variables: Variables) -> None:
        low, high = variables.array or (0, 0)
        for place in (variables.start, variables.end, variables.remaining):
            self.memory.allow(place or 0, (place or 0) + 2 * self.word)
        if self.memory.word((variables.end or 0) + self.word) == 0:
            self.problems.append(
                "the heap of FreeRTOS is not initialised yet (xEnd has no size): continue, then look again"
            )
            return
        skipping = [(low + align) // align * align for align in _ALIGNMENTS]  # older versions skip aligned starts
        places = [*(-(-low // align) * align for align in _ALIGNMENTS), *skipping]
        if not self._add_best("freertos_heap_2", (low, high), places, "the array ucHeap", variables):
            self.problems.append(f"no blocks of FreeRTOS's heap_2 in the array ucHeap at {low:#x}")

    def _add_heap_1(self, variables: Variables) -> None:
        low, high = variables.array or (0, 0)
        told = None if variables.start is None else self.memory.word(variables.start)
        sound = told is not None and told % self.word == 0 and low <= told <= low + _ALIGNMENTS[-1] < high
        start = told if told is not None and sound else -(-low // _ALIGNMENTS[0]) * _ALIGNMENTS[0]
        self._add_best("freertos_heap_1", (low, high), [start], "the array ucHeap", variables)

    def _heap_bytes(self) -> int:
        """Bytes of the array ucHeap."""
        return self.symbols.size_of("ucHeap") or LARGEST_HEAP

    def _add_regions(self, kind: str, ranges: List[Tuple[int, int]], origin: str) -> bool:
        """Adds the heap of these ranges, of which the first may begin with some bytes for its alignment."""
        for low, high in ranges:
            self.memory.allow(low, high)
        places = [-(-ranges[0][0] // align) * align for align in _ALIGNMENTS]
        variables = Variables(link=link_of(self.types, self.word))
        sized = tuple(ranges) if ranges[0][1] - ranges[0][0] < LARGEST_HEAP else ()
        return self._add_best(kind, ranges[0], places, origin, variables, sized)

    def _add_best(
        self,
        kind: str,
        span: Span,
        places: List[int],
        origin: str,
        variables: Variables,
        pools: Tuple[Span, ...] = (),
    ) -> bool:
        """Adds the heap that most speaks for of those that may begin in one of some places."""
        self.memory.allow(*span)
        regions = [
            Region(kind, place, origin=origin, variables=variables, pools=pools) for place in dict.fromkeys(places)
        ]
        found = [(recognise(self.memory, region), region) for region in regions]
        read = [(one.weight, region) for one, region in found if isinstance(one, Recognised)]
        self.regions += [max(read, key=lambda pair: pair[0])[1]] if read else []
        return bool(read)

    def _add_table(self) -> None:
        """heap_5 keeps no list of its regions; the table that it was given is a variable."""
        for name, address, size in self.symbols.objects():
            table = self._table_of_regions(address) if 4 * self.word <= size <= 2 * _MOST_REGIONS * self.word else []
            if table and self._add_regions("freertos_heap_5", table, f"the table {name}"):
                return
        self.problems.append("no table of regions leads to the heap of FreeRTOS: use --heap freertos_heap_5@ADDRESS")

    def _table_of_regions(self, address: int) -> List[Tuple[int, int]]:
        """The regions of a HeapRegion_t array, which has pointers and sizes up to {0, 0}; empty if this is none."""
        regions: List[Tuple[int, int]] = []
        for place in range(address, address + 2 * _MOST_REGIONS * self.word, 2 * self.word):
            start, size = self.memory.word(place), self.memory.word(place + self.word)
            if not start and not size:
                return regions
            if not start or not size or size > LARGEST_HEAP or (regions and start < regions[-1][1]):
                return []
            if not regions and not self.memory.may_read(start, start + 1):
                return []
            regions.append((start, start + size))
        return []

    def _add_nuttx(self) -> None:
        for name in _NUTTX:
            variable = self.symbols.address_of(name)
            there = None if variable is None else self.memory.word(variable)
            if there and self.memory.may_read(there, there + self.word):
                words = list(self._words(there, _LARGEST_VARIABLE))
                before = len(self.regions)
                self._add_control(iter(words), f"a member of what {name} points to")
                found = self.regions[before:]
                self.regions[before:] = [replace(one, pools=_nuttx_pools(words, one.address)) for one in found]

    def _add_pointed_to(self) -> None:
        before = len(self.regions)
        for name, address, size in self._small_objects():
            self._add_control(self._words(address, size), f"the variable {name}")
        if self.regions[before:]:
            arrays = sorted((place, place + size) for _, place, size in self.symbols.objects() if size >= _LEAST_POOL)
            self.regions[before:] = [self._in_variables(region, arrays) for region in self.regions[before:]]

    def _in_variables(self, region: Region, arrays: List[Tuple[int, int]]) -> Region:
        """The region with the variables that its pools lie in: a pool ends with its array at the latest."""
        found = recognise(self.memory, region) if region.kind == "tlsf" else None
        places = [pool.first for pool in found.layout.pools] if isinstance(found, Recognised) else []
        holding = (arrays[bisect_right(arrays, (place, 1 << 64)) - 1] for place in places if arrays)
        pools = {span for span, place in zip(holding, places) if span[0] <= place < span[1]}
        return replace(region, pools=tuple(sorted(pools)))

    def _small_objects(self) -> List[Tuple[str, int, int]]:
        """The variables that are looked at, fetched together where they lie together."""
        named = {one[1]: one for one in self.symbols.objects() if self.word <= one[2] <= _LARGEST_VARIABLE}
        chosen = [named[address] for address in sorted(named) if self._is_there(*named[address])]
        chosen = chosen[:_MOST_VARIABLES]
        for low, high in _together([(address, address + size) for _, address, size in chosen]):
            self.memory.fetch(low, high - low)
        return chosen

    def _is_there(self, _: str, address: int, size: int) -> bool:
        return self.memory.may_read(address, address + size)

    def _words(self, address: int, size: int) -> Iterator[int]:
        first = -(-address // self.word) * self.word
        for place in range(first, address + size - self.word + 1, self.word):
            if self.memory.may_read(place, place + self.word):
                yield self.memory.word(place) or 0

    def _add_control(self, candidates: Iterator[int], origin: str) -> None:
        for control in candidates:
            if control and control % self.word == 0 and control not in self._probed and self._looks_like(control):
                self.memory.allow(control, control + LARGEST_HEAP)
                found = heap_at_control(self.memory, control, origin)
                if found is not None:
                    self.regions.append(found.region)

    def _looks_like(self, control: int) -> bool:
        """Whether the words behind an address hold it several times; nothing is read where nothing may be."""
        self._probed.add(control)
        if len(self._probed) > _MOST_PROBES or not self.memory.may_read(control, control + _PROBE):
            return False
        data = self.memory.get(control, _PROBE) or b""
        return data.count(control.to_bytes(self.word, self.memory.source.byte_order)) >= _FEWEST_EMPTY


def _nuttx_pools(words: List[int], control: int) -> Tuple[Tuple[int, int], ...]:
    """The regions of NuttX's struct mm_heap_s: the words in front of its TLSF are their starts, their ends and, if
    there may be several, their number. The first holds the control block.
    """
    index = len(words) - 1 - words[::-1].index(control)  # the first start may be the same
    for most in range(1, _MOST_NUTTX_REGIONS + 1):
        behind = index - (most > 1)
        count = words[behind] if most > 1 else 1
        low = behind - 2 * most
        pairs = list(zip(words[low : low + most], words[low + most : behind])) if low >= 0 else []
        regions = pairs[:count] if 0 < count <= most else []
        if regions and all(start < end for start, end in regions) and regions[0][0] <= control < regions[0][1]:
            return tuple(regions)
    return ()


def _together(spans: List[Tuple[int, int]]) -> List[Tuple[int, int]]:
    """Spans in order, those that are near made one."""
    joined: List[Tuple[int, int]] = []
    for low, high in spans:
        if joined and low - joined[-1][1] <= _NEAR:
            joined[-1] = (joined[-1][0], max(high, joined[-1][1]))
        else:
            joined.append((low, high))
    return joined
