# SPDX-License-Identifier: Apache-2.0
"""FreeRTOS heap_1, which never frees: an array, and a variable that counts the bytes that were handed out.

Approach: nothing in the heap tells one block from the next. So the heap is a used and a free part; which blocks the
used part has only the trace knows.
Rejected: guessing blocks from what their users wrote.
Limits: without the program's symbols nothing can be said, as both variables lie outside of the heap.
"""

from __future__ import annotations

from typing import Iterator, List, Optional, Tuple

from gdbext.heap.cover import Evidence
from gdbext.heap.freertos.layout import USUAL_ALIGNMENT
from gdbext.heap.geometry import FREE_BIT, Flaw, Geometry, Pool
from gdbext.heap.region import Hints
from gdbext.heap.walk import Walk
from gdbext.model.said import said
from gdbext.source.memory import Memory


class Heap1Layout(Geometry):
    """The array from its aligned start on, and how much of it is in use."""

    taken: int

    has_markers = False
    has_headers = False

    def counted_used(self) -> Optional[int]:
        """The bytes in use, as the counter says."""
        return self.taken


def recognise_heap_1(memory: Memory, start: int, hints: Hints) -> Optional[Heap1Layout]:
    """The heap whose array is aligned at `start`; None without the symbols of its variables."""
    place, word = hints.get("xNextFreeByte"), memory.source.pointer_size
    low, high = hints.get("array_start", start), hints.get("array_end", start)
    taken = None if place is None else memory.word(place)
    if place is None or taken is None or not low <= start < high:
        return None
    align = word if start % USUAL_ALIGNMENT else USUAL_ALIGNMENT
    whole = (high - low - align) & -word
    pool = Pool(start, start + whole)
    flaws = tuple(_flaws(hints, place, taken, (start, whole, align, word), memory))
    return Heap1Layout(
        f"freertos-heap1-{8 * word}", word, align, 0, align, start, (pool,), flaws, min(taken, whole) & -word
    )


def _flaws(hints: Hints, place: int, taken: int, heap: Tuple[int, int, int, int], memory: Memory) -> Iterator[Flaw]:
    start, whole, align, word = heap
    if taken > whole:
        text = said("next-byte-large", place=place, stored=taken, whole=whole)
        yield Flaw("next-byte", place, word, text, "variable", None, taken)
    elif taken % align and taken % word:
        text = said("next-byte-odd", place=place, stored=taken, align=align)
        yield Flaw("next-byte", place, word, text, "variable", None, taken)
    aligned = hints.get("pucAlignedHeap", 0)
    value = memory.word(aligned) if aligned else None
    if value is not None and value != start and (value or taken):
        text = said("aligned-heap", place=aligned, stored=value, expected=start)
        yield Flaw("next-byte", aligned, word, text, "variable", start, value)


def walk_heap_1(layout: Heap1Layout, evidence: Evidence) -> Walk:
    """The blocks that the trace knows in the used part, and the free part."""
    walk, start = Walk(layout), layout.first
    used = sorted(payload for payload in evidence.proven if start <= payload < start + layout.taken)
    sizes: List[int] = [layout.rounded(evidence.proven[payload].size) for payload in used]
    walk.payloads, walk.words = used, sizes
    if layout.end > start + layout.taken:
        walk.payloads.append(start + layout.taken)
        walk.words.append((layout.end - start - layout.taken) | FREE_BIT)
    return walk
