# SPDX-License-Identifier: Apache-2.0
"""Finds the control blocks of TLSF in memory without symbols.

Approach: an empty list stores the address of its control block, and most lists are empty. So every control block has
rows of equal words that point to its own start. In each 64 KiB of addresses the upper half of such a word is known, so
a regular expression can find it as a literal; back references ask for the same word again. Each candidate is then
recognised, and must agree with its bitmaps and its blocks.
Rejected: looking for bit fields or sizes (only the dynamic layout has them).
Cost: one pass of the regular expression engine, 1 ns for each byte; some 3 ms for each candidate.
Assumptions: four lists in a row are empty somewhere. A heap with free blocks of every size may have no such row.
"""

from __future__ import annotations

import re
from typing import List, Optional, Sequence, Set, Tuple

from gdbext.heap.allocator import BY_SIGNATURE, LARGEST_HEAP, FoundHeap
from gdbext.heap.ends import PagedReader, follow, known_until
from gdbext.heap.geometry import FLAG_BITS, FREE_BIT, Pool, is_marker
from gdbext.heap.tlsf.control import pool_end, recognise_tlsf
from gdbext.heap.tlsf.layout import TlsfLayout
from gdbext.heap.tlsf.multi_heap import INFO_WORDS, read_multi_heap
from gdbext.model.record import replace
from gdbext.model.region import Region, Span
from gdbext.model.said import Said, Text, said
from gdbext.source.memory import Memory
from gdbext.source.snapshot import Snapshot, WordReader

_WINDOW_BITS = 16
_LARGEST_CONTROL = 8192
_FEWEST_EMPTY = 12  # empty lists that a candidate must have; any layout has at least 32 lists, most of them empty
_MOST_CANDIDATES = 64


def find_tlsf(memory: Memory, snapshot: Snapshot, taken: Sequence[Span], left_out: List[Text]) -> List[FoundHeap]:
    """Returns every TLSF whose control block lies in the snapshot."""
    candidates: List[Tuple[int, int]] = []  # number of lists that look empty, and the address
    for start, end in snapshot.extents():
        data = snapshot.get(start, end - start) or b""
        for control in _addresses(snapshot, start, data):
            place, word = control - start, control.to_bytes(snapshot.pointer_size, snapshot.byte_order)
            empty = data.count(word, place, place + _LARGEST_CONTROL) if place >= 0 else 0
            candidates += [(empty, control)] if empty >= _FEWEST_EMPTY else []
    candidates.sort(reverse=True)
    if len(candidates) > _MOST_CANDIDATES:
        left_out.append(said("tlsf-candidates", places=len(candidates) - _MOST_CANDIDATES))
    looked_at = (heap_at_control(memory, control, BY_SIGNATURE) for _, control in candidates[:_MOST_CANDIDATES])
    return [heap for heap in looked_at if heap is not None]


def _addresses(snapshot: Snapshot, start: int, data: bytes) -> Set[int]:
    """Returns the aligned addresses that words in a row store, at most 8 KiB (a control block) behind the address."""
    width, order = snapshot.pointer_size, snapshot.byte_order
    found: Set[int] = set()
    last = min(start + len(data), 1 << 8 * width) - 1  # no word can point higher
    for window in range(start >> _WINDOW_BITS, (last >> _WINDOW_BITS) + 1):
        low = (window << _WINDOW_BITS) - start
        upper = re.escape(window.to_bytes(width - 2, order))
        if order == "little":  # the first group is the first or the second word that points into the window
            pattern = re.compile(upper + b"(?=(.." + upper + rb")\1\1)(?:\1)+", re.DOTALL)
        else:
            pattern = re.compile(upper + b"(?=..(" + upper + rb"..)\1\1)..(?:\1)+", re.DOTALL)
        for match in pattern.finditer(data, max(0, low), max(0, low + (1 << _WINDOW_BITS) + _LARGEST_CONTROL)):
            place = match.start(1) + -(start + match.start(1)) % width
            control = int.from_bytes(data[place : place + width], order)
            if control % width == 0 and 0 < control < start + place <= control + _LARGEST_CONTROL:
                found.add(control)
    return found


def heap_at_control(memory: Memory, control: int, origin: Said) -> Optional[FoundHeap]:
    """Returns the heap whose control block is at `control`, if its lists and blocks agree; else None. It is a
    multi_heap if its struct lies before the control block.
    """
    word = memory.source.pointer_size
    memory.fetch(control, word)
    ranges = memory.ranges() or [(control, known_until(memory, control, LARGEST_HEAP))]
    low, high = min(start for start, _ in ranges), max(end for _, end in ranges)
    layout = recognise_tlsf(memory, control, low, high, ("", ""), None)
    end = known_until(memory, control, LARGEST_HEAP)
    if layout is None or layout.tables_end + 4 * word > end:
        return None
    layout = replace(layout, pools=(Pool(layout.first, end - end % word),))
    read = PagedReader(memory, control)
    stop = _believed_until(memory, layout, read)
    if stop is None:
        return None
    address = control - INFO_WORDS * word
    info = read_multi_heap(memory, address)
    if info is not None and info.pool_size and (info.minimum_free or 0) <= info.pool_size:
        # It is a struct multi_heap_info if heap_data is right, or pool_size leads to an end marker.
        marker = pool_end(control, info.pool_size, word) - word
        if not info.flaws or (info.free_bytes <= info.pool_size and is_marker(read(marker))):
            return Region("multi_heap", address, origin=origin), [(control, stop)]
    return Region("tlsf", control, origin=origin), [(control, stop)]


def _believed_until(memory: Memory, layout: TlsfLayout, read: WordReader) -> Optional[int]:
    """Returns where the blocks end, if three in four lists agree with their bits and blocks follow the control block.
    Else returns None.
    """
    slots = layout.slots
    agreeing = [_list_agrees(memory, layout, read, slot) for slot in range(slots)]
    if 4 * agreeing.count(0) > slots:
        return None
    stop, word, blocks = follow(layout, read, layout.first, layout.end)
    whole = blocks > 0 and is_marker(word)
    return stop if whole or blocks // 4 + agreeing.count(2) >= 2 else None


def _list_agrees(memory: Memory, layout: TlsfLayout, read: WordReader, slot: int) -> int:
    """Returns 1 if a list is empty and its bit is clear; 2 if its bit is set and its first block is free and belongs
    on it; else 0.
    """
    place, bitmap, shift = layout.slot_words(slot)
    head, data = read(place), memory.get(bitmap, 4)
    if head is None or data is None:
        return 0
    bit = int.from_bytes(data, memory.source.byte_order) >> shift & 1
    if head == layout.control:
        return 1 - bit
    word = read(head + layout.word) if layout.pool_of(head + 2 * layout.word) is not None else None
    belongs = word is not None and word & FREE_BIT and layout.slot_of(word & ~FLAG_BITS) == slot
    return 2 if bit and belongs else 0
