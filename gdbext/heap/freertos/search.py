# SPDX-License-Identifier: Apache-2.0
"""Finds heap_4, heap_5 and heap_2 of FreeRTOS in memory without symbols.

Approach: every used block begins with a next pointer of NULL (or a canary, the same in the whole heap) and a size with
the top bit set. A regular expression finds such headers. From each the sizes are followed. A chain of enough blocks
begins a heap if all its used blocks store the same pointer. Free blocks before the first used one are found because
they point to the chain's first free block. A heap_2 is believed only with its xEnd and xStart; the size in xEnd gives
its start.
Rejected: looking for the end marker (it is 0, 0); following each word.
Cost: one pass of the regular expression engine, and a dictionary of headers.
Assumptions: no block has 16 MiB or more.
Limits: a heap without a used block is not found, nor is heap_1, which has no headers, nor heap_2 before V10.5, whose
used blocks have no mark.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from typing import Counter as Counts
from typing import Dict, Iterator, List, NamedTuple, Optional, Pattern, Sequence, Tuple

from gdbext.heap.allocator import BY_SIGNATURE, FoundHeap, Recognised, remember, spans_of
from gdbext.heap.freertos.allocators import HEAP_2, HEAP_4, HEAP_5
from gdbext.heap.freertos.heap_2 import Heap2Layout, first_header
from gdbext.heap.freertos.heap_4 import is_searched_out
from gdbext.heap.freertos.layout import FreeRtosLayout
from gdbext.heap.geometry import narrowed
from gdbext.model.region import Region, Span
from gdbext.model.said import Text, said
from gdbext.source.memory import Memory
from gdbext.source.snapshot import ByteOrder, Snapshot

_FEWEST_BLOCKS = 4
_MOST_HEADERS = 1 << 20
_MOST_CANDIDATES = 32
_FURTHEST_DAMAGE = 64 << 10
_MOST_FRAGMENTS = 3
_SOME_BASE = 0x1000


class _Chain(NamedTuple):
    """Headers that follow each other by their sizes."""

    first: int  # address of the first header
    first_free: int  # address of the first free block's header, or where the chain ends
    blocks: int
    ended: bool  # True if the chain ends on an end marker


def find_freertos(memory: Memory, snapshot: Snapshot, taken: Sequence[Span], left_out: List[Text]) -> List[FoundHeap]:
    """Returns every FreeRTOS heap in the snapshot, outside of the memory that other heaps take."""
    taken = list(taken)
    pieces = []  # each without a hole, because no chain goes across one
    for start, end in snapshot.extents():
        pieces.append(Snapshot(snapshot.pointer_size, snapshot.byte_order))
        pieces[-1].add(start, snapshot.get(start, end - start) or b"")
    for plain in (True, False):
        tried: List[_Chain] = []
        found = [heap for piece in pieces for heap in _heaps_of(memory, piece, plain, taken, tried, left_out)]
        if found:
            return found
    return []


def displaced_freertos(snapshot: Snapshot) -> Iterator[int]:
    """Yields how far memory lies from where the free blocks of heaps say that the next free block, or the end, is."""
    for start, end in snapshot.extents():
        data = snapshot.get(start, end - start) or b""
        for base in range(_SOME_BASE, _SOME_BASE + snapshot.pointer_size):  # another alignment may be the right one
            piece = Snapshot(snapshot.pointer_size, snapshot.byte_order)
            piece.add(base, data)
            for chain in _chains(piece, True, []):
                shifts = _shifts(piece, chain)
                ((shift, count),) = shifts.most_common(1) or [(0, 0)]
                if count > (0 if chain.ended else 1) and chain.blocks >= _FEWEST_BLOCKS:
                    yield shift + base - start


def _shifts(piece: Snapshot, chain: _Chain) -> Counts[int]:
    """Returns how far behind the next free block the pointers of a chain's free blocks lead, and how many do so."""
    width, allocated = piece.pointer_size, 1 << (8 * piece.pointer_size - 1)
    address, free = chain.first, []
    for _ in range(chain.blocks):
        size = piece.word(address + width) or 0
        free += [] if size & allocated else [address]
        address += size & ~allocated
    return Counter((piece.word(one) or 0) - following for one, following in zip(free, [*free[1:], address]))


def _lies_elsewhere(piece: Snapshot, chain: _Chain) -> bool:
    """True if most pointers of a chain lead equally far beside the blocks that they should lead to."""
    shifts = _shifts(piece, chain)
    ((shift, count),) = shifts.most_common(1) or [(0, 0)]
    return shift != 0 and count > 1 and 2 * count > sum(shifts.values())


def _heaps_of(
    memory: Memory, piece: Snapshot, plain: bool, taken: List[Span], tried: List[_Chain], left_out: List[Text]
) -> Iterator[FoundHeap]:
    fragments: List[_Chain] = []
    for chain in _chains(piece, plain, left_out):
        if any(low <= chain.first < high for low, high in taken):
            continue
        # So many headers do not follow each other by chance.
        if chain.blocks < (_FEWEST_BLOCKS if chain.ended else 4 * _FEWEST_BLOCKS):
            fragments.append(chain)
            continue
        if not piece.word(chain.first) and _lies_elsewhere(piece, chain):
            continue
        if is_searched_out(memory) or len(tried) == _MOST_CANDIDATES:
            text = said("freertos-candidates", places=len(tried))
            left_out += [] if text in left_out else [text]
            return
        tried.append(chain)
        near = [one for one in fragments if chain.first - one.first <= _FURTHEST_DAMAGE]
        longest = sorted(near, key=lambda one: -one.blocks)[:_MOST_FRAGMENTS]  # damage may have cut these off
        heap = _heap_of(memory, piece, [chain, *longest])
        if heap is not None:
            taken += heap[1]
            yield heap


def _heap_of(memory: Memory, piece: Snapshot, chains: List[_Chain]) -> Optional[FoundHeap]:
    """Returns the heap that begins with one of these chains or with a free block before it; None if there is none."""
    read: List[Tuple[_Chain, Recognised]] = []
    for chain in chains:
        if chain is not chains[0] and is_searched_out(memory):
            break
        found = _recognised(memory, chain.first)
        read += [(chain, found)] if found is not None else []
    # Of two readings with equal weight, the one with fewer regions is better.
    best = max(read, key=lambda pair: (pair[1].weight, -len(pair[1].layout.pools)), default=None)
    if best is None:
        return None
    chain, found = best
    first = chain.first
    if isinstance(found.layout, Heap2Layout):
        before = first_header(memory, found.layout)
    else:
        before = _free_before(piece, chain, narrowed(found.layout, FreeRtosLayout).canary)
    earlier = _recognised(memory, before) if before is not None else None
    if before is not None and earlier is not None and earlier.weight > found.weight:
        first, found = before, earlier
    if found.allocator is HEAP_2 and not found.certain:
        return None  # without heap_2's variables it may be a damaged heap_4 instead
    region = Region(found.allocator.kind, first, origin=BY_SIGNATURE)
    remember(memory, region, found)
    return region, spans_of(region, found.layout)


def _recognised(memory: Memory, address: int) -> Optional[Recognised]:
    if memory.word(address) is None:
        return None
    tried: List[Recognised] = []
    for allocator in (HEAP_2, HEAP_4, HEAP_5):
        one = allocator.recognise(memory, Region(allocator.kind, address))
        if isinstance(one, Recognised) and one.certain:
            return one
        tried += [one] if isinstance(one, Recognised) else []
        if allocator is HEAP_4 and tried and is_searched_out(memory):
            break
    likely = [one for one in sorted(tried, key=lambda one: not one.usual) if one.weight >= _FEWEST_BLOCKS]
    return max(likely, key=lambda one: one.weight, default=None)


def _chains(piece: Snapshot, plain: bool, left_out: List[Text]) -> Iterator[_Chain]:
    """Yields chains of headers in address order. `plain`: only those whose used blocks store NULL."""
    width, allocated = piece.pointer_size, 1 << (8 * piece.pointer_size - 1)
    headers, seen = _used_headers(piece, plain, left_out), set()
    for first in headers:
        if first in seen:
            continue
        address, first_free, blocks = first, 0, 0
        while address not in seen:
            size, following = piece.word(address + width), piece.word(address)
            if not size or following is None:
                break
            length, used = size & ~allocated, bool(size & allocated)
            if length % 4 or length < 2 * width or (used and following != headers[first]):
                break
            seen.add(address)
            first_free = first_free or (0 if used else address)
            blocks += 1
            address += length
        yield _Chain(first, first_free or address, blocks, piece.word(address + width) == 0)


def _used_headers(piece: Snapshot, plain: bool, left_out: List[Text]) -> Dict[int, int]:
    """Returns the addresses that may be headers of used blocks, and the word that each stores as its next pointer."""
    pattern, behind = _size_pattern(piece.pointer_size, piece.byte_order, plain)
    ((start, end),) = piece.extents()
    found: Dict[int, int] = {}
    for match in pattern.finditer(piece.get(start, end - start) or b""):
        address = start + match.start() - behind
        if address % piece.pointer_size == 0 and address >= start:
            found[address] = 0 if plain else piece.word(address) or 0
        if len(found) == _MOST_HEADERS:
            left_out.append(said("freertos-headers", place=address))
            break
    kept = Counter(found.values())
    return {address: word for address, word in found.items() if kept[word] >= _FEWEST_BLOCKS}


@lru_cache(maxsize=None)
def _size_pattern(width: int, order: ByteOrder, plain: bool) -> Tuple[Pattern[bytes], int]:
    """Returns a pattern that finds size words of used blocks, and the bytes from a header's start to its match."""
    low = b"[" + b"".join(re.escape(bytes([value])) for value in range(0, 256, 4)) + b"]"
    next_word = rb"\0" * width if plain else b"." * width
    high = rb"\0" * (width - 4)
    if order == "little":
        text = rb"\x80(?<=" + next_word + low + b".." + high + rb"\x80)(?<!\x80\x80\x80)"
        return re.compile(text, re.DOTALL), 2 * width - 1
    return re.compile(rb"\x80(?<=" + next_word + rb"\x80)(?!\x80\x80)" + high + b".." + low, re.DOTALL), width


def _free_before(piece: Snapshot, chain: _Chain, canary: int) -> Optional[int]:
    """Returns the header of a free block that ends where the chain begins and points to the chain's first free block.
    Returns None if there is none.
    """
    width, ((start, end),) = piece.pointer_size, piece.extents()
    data = piece.get(start, end - start) or b""
    if chain.first_free >> 8 * width:  # memory ends where addresses do
        return None
    pointer = (chain.first_free ^ canary).to_bytes(width, piece.byte_order)
    place = data.rfind(pointer, 0, max(0, chain.first - start))
    while place >= 0:
        size = piece.word(start + place + width)
        if size and start + place + size == chain.first:
            return start + place
        place = data.rfind(pointer, 0, place + width - 1)
    return None
