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
from collections import Counter
from typing import Iterator, List, Optional, Sequence, Set, Tuple

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
_LOWEST_CONTROL = 0x1000  # no control block has a lower address
_NEAR_WORDS = 2  # by so many words a BASE may be wrong and its memory still look like a heap
_MOST_VOTED = 4  # places of one control block that are tried


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
    likely = [control for _, control in candidates[:_MOST_CANDIDATES] if not _lies_elsewhere(snapshot, control)]
    looked_at = (heap_at_control(memory, control, BY_SIGNATURE) for control in likely)
    return [heap for heap in looked_at if heap is not None]


def displaced_tlsf(snapshot: Snapshot) -> Iterator[int]:
    """Yields how far memory lies from where its control blocks say that they are.

    Rows of equal words are empty lists, which store the control block's address. The other lists' heads lead to blocks
    that store it too, as their next_free or prev_free. Each such pair of words votes for a place of the control block.
    """
    width = snapshot.pointer_size
    row = re.compile(b"(.{%d})\\1{%d}" % (width, _FEWEST_EMPTY - 1), re.DOTALL)
    seen: Set[int] = set()
    for start, end in snapshot.extents():
        data = snapshot.get(start, end - start) or b""
        for place in (place for found in row.finditer(data) for place in range(found.start(), found.start() + width)):
            control = int.from_bytes(data[place : place + width], snapshot.byte_order)
            if control < _LOWEST_CONTROL or control % width or control in seen or len(seen) >= _MOST_CANDIDATES:
                continue
            seen.add(control)
            votes = Counter(_votes(data, place, control, snapshot))
            yield from (control - start - at for at, _ in votes.most_common(_MOST_VOTED))


def _votes(data: bytes, row: int, control: int, snapshot: Snapshot) -> Iterator[int]:
    """Yields where in `data` pairs of words say that the control block begins. Some of its empty lists are at `row`."""
    width, word = snapshot.pointer_size, control.to_bytes(snapshot.pointer_size, snapshot.byte_order)
    low = row - min(row, _LARGEST_CONTROL) // width * width
    table = range(low, min(row + _LARGEST_CONTROL, len(data) - width), width)
    heads = {int.from_bytes(data[place : place + width], snapshot.byte_order) for place in table}
    away = {head - control for head in heads if head % width == 0 and abs(head - control) < LARGEST_HEAP}
    place = data.find(word)
    while place >= 0:
        around = data[max(0, place - 2 * width) : place + 3 * width]
        if word * 3 not in around:  # else it is in a row
            for offset in (0, *away):
                # Links of the null block and of listed blocks; in front of the control block, heap_data of multi_heap.
                for words in (2, 3) if offset else (2, 3, -1):
                    begin = place - words * width - offset
                    if 0 <= begin <= row <= begin + _LARGEST_CONTROL:
                        yield begin
        place = data.find(word, place + width)


def _lies_elsewhere(snapshot: Snapshot, control: int) -> bool:
    """True if more blocks on its lists lead back to a control block when they are taken to lie some words away."""
    width, reach = snapshot.pointer_size, range(2 - _NEAR_WORDS, 4 + _NEAR_WORDS)
    words = dict.fromkeys(snapshot.word(control + place) for place in range(0, _LARGEST_CONTROL, width))
    leads_back = [0] * (2 * _NEAR_WORDS + 1)
    for head in (word for word in words if word and word != control):
        back = [snapshot.word(head + place * width) == control for place in reach]
        if not any(map(all, zip(back, back[1:], back[2:], back[3:]))):  # else it leads into a row of empty lists
            leads_back = [count + back[at] + back[at + 1] for at, count in enumerate(leads_back)]
    # At the right place each list has two such words, its first prev_free and its last next_free; one word away, one.
    return 5 * max(leads_back) >= 9 * leads_back[_NEAR_WORDS] and max(leads_back) > 0


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
