# SPDX-License-Identifier: Apache-2.0
"""Finds heap_4, heap_5 and heap_2 of FreeRTOS in memory that nothing names.

Approach: every used block begins with a next pointer of NULL (or a canary, one for the whole heap) and a size whose
top bit is set. The lowest bytes of that bit's word make a pattern that a regular expression finds. From each such
header the sizes are followed; a chain of many blocks whose used ones all keep the same word, and which ends on an end
marker, begins a heap. A free block may stand before its first used one: it is found by what it points to.
A heap_2 counts only together with its xEnd and xStart; the size in xEnd tells where it begins.
Rejected: looking for the end marker (it is 0, 0); following each word.
Cost: one pass of the regular expression engine, and a dictionary of headers.
Assumptions: no block has 16 MiB; a heap without any used block cannot be told from nothing, nor can heap_1, which has
no headers, or heap_2 before V10.5, whose used blocks have no mark.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Dict, Iterator, List, NamedTuple, Optional, Pattern, Sequence, Set, Tuple

from gdbext.heap.allocator import BY_SIGNATURE, FoundHeap, Recognised, spans_of
from gdbext.heap.freertos.allocators import HEAP_2, HEAP_4, HEAP_5
from gdbext.heap.freertos.heap_2 import Heap2Layout, first_header
from gdbext.heap.freertos.layout import FreeRtosLayout
from gdbext.heap.region import Region, Span
from gdbext.model.said import Text, said
from gdbext.source.memory import Memory
from gdbext.source.snapshot import Snapshot

_FEWEST_BLOCKS = 4
_MOST_HEADERS = 1 << 20
_MOST_CANDIDATES = 64
_FURTHEST_DAMAGE = 64 << 10
_MOST_FRAGMENTS = 3


def find_freertos(memory: Memory, held: Snapshot, taken: Sequence[Span], left_out: List[Text]) -> List[FoundHeap]:
    """Every FreeRTOS heap in what is held, outside of the memory that other heaps take."""
    taken = list(taken)
    pieces = [_Piece(held, start, held.get(start, end - start) or b"") for start, end in held.extents()]
    for plain in (True, False):
        found = [heap for piece in pieces for heap in _heaps_of(memory, piece, plain, taken, left_out)]
        if found:
            return found
    return []


def _heaps_of(
    memory: Memory, piece: _Piece, plain: bool, taken: List[Span], left_out: List[Text]
) -> Iterator[FoundHeap]:
    tried, fragments = 0, []
    for chain in piece.chains(plain, left_out):
        if any(low <= chain.first < high for low, high in taken):
            continue
        if not chain.is_convincing:
            fragments.append(chain)
            continue
        tried += 1
        if tried > _MOST_CANDIDATES:
            left_out.append(said("freertos-candidates", places=_MOST_CANDIDATES))
            return
        heap = _heap_of(memory, piece, [chain, *_near(fragments, chain)])
        if heap is not None:
            taken += heap.spans
            yield heap


def _near(fragments: List[_Chain], chain: _Chain) -> List[_Chain]:
    """The longest chains in front that damage may have cut off."""
    near = [one for one in fragments if chain.first - one.first <= _FURTHEST_DAMAGE]
    return sorted(near, key=lambda one: -one.blocks)[:_MOST_FRAGMENTS]


def _heap_of(memory: Memory, piece: _Piece, chains: List[_Chain]) -> Optional[FoundHeap]:
    """The heap that begins with one of these chains, or with a free block in front of it."""
    tried = [(chain, chain.first, _recognised(memory, chain.first)) for chain in chains]
    best = max(((one, first, found) for one, first, found in tried if found), key=_weight, default=None)
    if best is None:
        return None
    chain, first, found = best
    before = _begins_before(memory, piece, chain, found)
    earlier = _recognised(memory, before) if before is not None else None
    if before is not None and earlier is not None and earlier.weight > found.weight:
        first, found = before, earlier
    if found.allocator is HEAP_2 and not found.certain:
        return None  # without its variables it may as well be a damaged heap_4
    region = Region(found.allocator.kind, first, origin=BY_SIGNATURE)
    return FoundHeap(region, spans_of(region, found.layout))


def _begins_before(memory: Memory, piece: _Piece, chain: _Chain, found: Recognised) -> Optional[int]:
    """Where the heap begins, if free blocks stand in front of the first used one."""
    if isinstance(found.layout, Heap2Layout):
        return first_header(memory, found.layout)
    assert isinstance(found.layout, FreeRtosLayout)
    return piece.free_before(chain, found.layout.canary)


def _weight(candidate: Tuple[_Chain, int, Recognised]) -> Tuple[int, int]:
    """Blocks that agree; of two readings with as many, the one that needs fewer regions."""
    return candidate[2].weight, -len(candidate[2].layout.pools)


def _recognised(memory: Memory, address: int) -> Optional[Recognised]:
    if memory.word(address) is None:
        return None
    tried: List[Recognised] = []
    for allocator in (HEAP_2, HEAP_4, HEAP_5):
        one = allocator.recognise(memory, Region(allocator.kind, address))
        if isinstance(one, Recognised) and one.certain:
            return one
        tried += [one] if isinstance(one, Recognised) else []
    likely = [one for one in sorted(tried, key=lambda one: not one.usual) if one.weight >= _FEWEST_BLOCKS]
    return max(likely, key=lambda one: one.weight, default=None)


class _Chain(NamedTuple):
    """Headers that follow each other by their sizes."""

    first: int
    first_free: int  # address of the first free one's header, or of the end marker
    blocks: int
    ended: bool  # on an end marker

    @property
    def is_convincing(self) -> bool:
        """Whether so many headers do not follow each other by chance."""
        return self.blocks >= (_FEWEST_BLOCKS if self.ended else 4 * _FEWEST_BLOCKS)


class _Piece:
    """Memory without a hole, read as headers of FreeRTOS blocks."""

    def __init__(self, held: Snapshot, start: int, data: bytes) -> None:
        self.start = start
        self.data = data
        self.width = held.pointer_size
        self.order = held.byte_order
        self.allocated = 1 << (8 * self.width - 1)

    def word(self, address: int) -> Optional[int]:
        place = address - self.start
        part = self.data[place : place + self.width] if place >= 0 else b""
        return int.from_bytes(part, self.order) if len(part) == self.width else None

    def chains(self, plain: bool, left_out: List[Text]) -> Iterator[_Chain]:
        """Chains of headers, in address order. `plain`: only those whose used blocks keep NULL."""
        headers = self._used_headers(plain, left_out)
        seen: Set[int] = set()
        for first in headers:
            if first not in seen:
                yield self._chain(first, headers[first], seen)

    def _used_headers(self, plain: bool, left_out: List[Text]) -> Dict[int, int]:
        """Addresses of what may be headers of used blocks, and the word that each keeps in place of a pointer."""
        pattern, behind = self._pattern(plain)
        found: Dict[int, int] = {}
        for match in pattern.finditer(self.data):
            address = self.start + match.start() - behind
            if address % self.width == 0 and address >= self.start:
                found[address] = 0 if plain else self.word(address) or 0
            if len(found) == _MOST_HEADERS:
                left_out.append(said("freertos-headers", place=address))
                break
        kept = Counter(found.values())
        return {address: word for address, word in found.items() if kept[word] >= _FEWEST_BLOCKS}

    def _pattern(self, plain: bool) -> Tuple[Pattern[bytes], int]:
        """What finds size words of used blocks; and how far behind the header's begin a match begins."""
        width = self.width
        low = b"[" + b"".join(re.escape(bytes([value])) for value in range(0, 256, 4)) + b"]"
        next_word = rb"\0" * width if plain else b"." * width
        high = rb"\0" * (width - 4)
        if self.order == "little":
            text = rb"\x80(?<=" + next_word + low + b".." + high + rb"\x80)(?<!\x80\x80\x80)"
            return re.compile(text, re.DOTALL), 2 * width - 1
        return re.compile(rb"\x80(?<=" + next_word + rb"\x80)(?!\x80\x80)" + high + b".." + low, re.DOTALL), width

    def _chain(self, first: int, used_next: int, seen: Set[int]) -> _Chain:
        address, first_free, blocks = first, 0, 0
        while address not in seen:
            size, following = self.word(address + self.width), self.word(address)
            if not size or following is None:
                break
            length, used = size & ~self.allocated, bool(size & self.allocated)
            if length % 4 or length < 2 * self.width or (used and following != used_next):
                break
            seen.add(address)
            first_free = first_free or (0 if used else address)
            blocks += 1
            address += length
        return _Chain(first, first_free or address, blocks, self.word(address + self.width) == 0)

    def free_before(self, chain: _Chain, canary: int) -> Optional[int]:
        """The header of a free block that ends where the chain begins and points to its first free one."""
        pointer = (chain.first_free ^ canary).to_bytes(self.width, self.order)
        place = self.data.rfind(pointer, 0, max(0, chain.first - self.start))
        while place >= 0:
            address = self.start + place
            size = self.word(address + self.width)
            if size and address + size == chain.first:
                return address
            place = self.data.rfind(pointer, 0, place + self.width - 1)
        return None
