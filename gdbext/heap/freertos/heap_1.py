# SPDX-License-Identifier: Apache-2.0
"""FreeRTOS heap_1, which never frees: an array, and a variable that counts the bytes handed out.

Approach: the heap itself does not tell one block from the next. So it is read as a used part and a free part. Only the
trace knows the blocks in the used part.
Rejected: guessing blocks from the bytes that their users wrote.
Limits: the heap cannot be read without the program's symbols, because its variables lie outside of it.
"""

from __future__ import annotations

from typing import Iterator, List, Optional, Union

from gdbext.heap.allocator import Allocator, Recognised, Unreadable
from gdbext.heap.cover import Evidence
from gdbext.heap.facts import HeapFacts, Rule
from gdbext.heap.freertos.layout import USUAL_ALIGNMENT
from gdbext.heap.geometry import FREE_BIT, Flaw, Geometry, Pool, narrowed
from gdbext.heap.rules import check_flaws
from gdbext.heap.walk import Walk
from gdbext.model.region import Region
from gdbext.model.reports.base import Skipped
from gdbext.model.said import Said, said
from gdbext.source.memory import Memory
from gdbext.source.snapshot import WordReader

_NEXT_BYTE = "xNextFreeByte of heap_1 is aligned and inside of the array, and pucAlignedHeap is where that begins."


class Heap1Layout(Geometry):
    """The array from its aligned start on, and how much of it is in use."""

    taken: int  # bytes in use

    has_markers = False
    has_headers = False
    joins_free = False  # nothing is ever freed

    def counted_used(self) -> Optional[int]:
        """Returns the bytes in use by the counter."""
        return self.taken


class Heap1(Allocator):
    """heap_1, which never frees."""

    kind = "freertos_heap_1"
    rules = (Rule("next-byte", _NEXT_BYTE, check_flaws),)
    needs_variables = True

    def recognise(self, memory: Memory, region: Region) -> Union[Recognised, Unreadable]:
        """Recognises the array. It needs the heap's variables."""
        hints, start, word = region.hints, region.address, memory.source.pointer_size
        low, high, place = hints.get("array_start", start), hints.get("array_end", start), hints.get("xNextFreeByte")
        taken = None if place is None else memory.word(place)
        if place is None or taken is None or not low <= start < high:
            return Unreadable(region, "unreadable", said("heap-1-symbols"))
        align = word if start % USUAL_ALIGNMENT else USUAL_ALIGNMENT
        whole = (high - low - align) & -word
        flaws: List[Flaw] = []
        if taken > whole:
            text = said("next-byte-large", place=place, stored=taken, whole=whole)
            flaws.append(Flaw("next-byte", place, word, text, "variable", None, taken))
        elif taken % align and taken % word:
            text = said("next-byte-odd", place=place, stored=taken, align=align)
            flaws.append(Flaw("next-byte", place, word, text, "variable", None, taken))
        aligned = hints.get("pucAlignedHeap", 0)
        value = memory.word(aligned) if aligned else None
        if value is not None and value != start and (value or taken):
            text = said("aligned-heap", place=aligned, stored=value, expected=start)
            flaws.append(Flaw("next-byte", aligned, word, text, "variable", start, value))
        name, pool = f"freertos-heap1-{8 * word}", Pool(start, start + whole)
        counted = min(taken, whole) & -word
        layout = Heap1Layout(name, word, align, 0, align, start, (pool,), tuple(flaws), counted)
        return Recognised(self, layout, None, 1)

    def walk(self, layout: Geometry, read: WordReader, evidence: Evidence) -> Walk:
        """Returns the used blocks that the trace knows, and the free part as one block."""
        behind = layout.first + narrowed(layout, Heap1Layout).taken
        used = sorted(payload for payload in evidence.proven if layout.first <= payload < behind)
        walk = Walk(layout, used, [layout.rounded(evidence.proven[payload][0]) for payload in used])
        if layout.end > behind:
            walk.payloads.append(behind)
            walk.words.append((layout.end - behind) | FREE_BIT)
        return walk

    def remarks(self, facts: HeapFacts) -> Iterator[Skipped]:
        """Remarks that only the counter can be checked."""
        yield Skipped(f"heap {facts.region.address:#x}", said("heap-1-counter"))

    def evidence(self, facts: HeapFacts) -> Iterator[Said]:
        """Names the counter's value."""
        layout = narrowed(facts.layout, Heap1Layout)
        yield said("bytes-in-use", used=layout.taken, whole=layout.end - layout.first)
