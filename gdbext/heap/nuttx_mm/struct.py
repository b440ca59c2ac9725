# SPDX-License-Identifier: Apache-2.0
"""Reads struct mm_heap_s of NuttX's default allocator: its regions, its heads, and the form of its nodes.

    lock, mm_heapsize [mm_maxused mm_curused] mm_heapstart[R] mm_heapend[R] [mm_nregions] mm_nodelist[] mm_delaylist[]

Approach: the heads are found first, for they tell by themselves where they lie. What stands in front of them are the
regions. The first and the last node of a region are used by nobody and have no payload, so their sizes are that of a
node's header, which tells the form. mm_heapsize, the sum of the regions, speaks for it, or tells the one end that was
overwritten.
Rejected: the types by debug information, which say no more than these words.
Cost: 2 KiB, and two nodes for each region.
"""

from __future__ import annotations

from typing import Iterator, List, NamedTuple, Optional, Tuple

from gdbext.heap.geometry import Flaw
from gdbext.heap.mm_heads import Heads, heads_behind, known_words
from gdbext.heap.nuttx_mm.layout import LARGEST_SHIFT, PREVIOUS_FREE, SMALL_SHIFT, NodeForm
from gdbext.model.region import Span
from gdbext.model.said import Said, said
from gdbext.source.memory import Memory
from gdbext.source.snapshot import narrow

_MOST_REGIONS = 16
_LARGEST_HEADER = 1024
_SUM_AT = (1, 3)  # words from mm_heapsize to the first start, without and with mm_maxused and mm_curused
_FEWEST_SOUND = 2
_MOST_MISSED = 12  # heads in front of one that was overwritten


class MmHeap(NamedTuple):
    """What a struct mm_heap_s tells."""

    place: int  # of mm_heapsize
    heads: Heads
    form: NodeForm
    regions: Tuple[Span, ...]  # the addresses of each region's first node and of its last one
    sound: int  # regions' ends with a guard, and 1 if mm_heapsize is their sum
    flaws: Tuple[Flaw, ...]


class _Starts(NamedTuple):
    """The regions, as the words in front of the heads have them if there is room for `most` of them."""

    regions: Tuple[Span, ...]
    place: int  # of mm_heapstart
    most: int


def read_mm_heap(memory: Memory, address: int) -> Optional[MmHeap]:
    """Returns what the struct mm_heap_s at `address` tells, or one right behind it; None if none is there."""
    heads = heads_behind(memory, address)
    return None if heads is None else read_around(memory, heads)


def read_around(memory: Memory, heads: Heads) -> Optional[MmHeap]:
    """Returns what the struct around these heads tells. A head, which then hides those before it, may have been
    overwritten.
    """
    found: List[MmHeap] = []
    for missed in range(_MOST_MISSED):
        if any(one.sound >= _FEWEST_SOUND for one in found):
            break
        first = heads.first - missed * heads.stride
        reader = _Reader(memory, heads._replace(first=first, lists=heads.lists + missed))
        for starts in reader.readings():
            heaps = (reader.heap(starts, form) for form in reader.forms())
            found += [heap for heap in heaps if _are_apart(heap.regions)]
    best = max(found, key=lambda one: (one.sound, -len(one.flaws)), default=None)
    return best if best is not None and best.sound >= _FEWEST_SOUND else None


def _are_apart(regions: Tuple[Span, ...]) -> bool:
    """True if each region ends behind its begin and before the next one."""
    ends = [place for region in sorted(regions) for place in region]
    return all(low < high for low, high in zip(ends, ends[1:]))


class _Reader:
    def __init__(self, memory: Memory, heads: Heads) -> None:
        self.memory = memory
        self.heads = heads
        self.word = known_words(memory)
        self.width = memory.source.pointer_size

    def number(self, place: int, size: int) -> Optional[int]:
        """Returns a number of so many bytes."""
        return narrow(self.word, place, size, self.width, self.memory.source.byte_order)

    def readings(self) -> Iterator[_Starts]:
        """Yields the possible readings of the words in front of the heads. What fits their sum is known memory."""
        width, word = self.width, self.word
        for most in range(1, _MOST_REGIONS + 1):
            ends = self.heads.first - (most + (most > 1)) * width
            place = ends - most * width
            pairs = [(word(place + n * width) or 0, word(ends + n * width) or 0) for n in range(most)]
            used = [pair for pair in pairs if any(pair)]
            if not used or used != pairs[: len(used)] or sum(low < high for low, high in used) < len(used) - 1:
                continue
            for total in self.totals(place):
                if 0 < total - sum(high - low for low, high in used) <= _LARGEST_HEADER * len(used):
                    for low, high in used:
                        self.memory.allow(low, high + _LARGEST_HEADER)
            yield _Starts(tuple(used), place, most)

    def totals(self, starts: int) -> List[int]:
        """Returns what mm_heapsize may be."""
        return [self.word(starts - distance * self.width) or 0 for distance in _SUM_AT]

    def forms(self) -> Iterator[NodeForm]:
        """Yields the forms of nodes whose links lie where those of the heads do."""
        link_at, width = self.heads.link_at, self.width
        for size in dict.fromkeys((width, 4, 2)):
            least = max(2 * size, link_at - 2 * width + 1)
            for header in range(-(-least // size) * size, link_at + 1, size):
                for generation in ("now", "low", "top"):
                    yield NodeForm(generation, size, header, link_at)

    def is_first(self, form: NodeForm, node: int) -> bool:
        """True if the first node of a region begins there."""
        size, preceding = (self.number(node + at, form.size_bytes) for at in (form.size_at, form.preceding_at))
        return size == form.header | form.used_flag if form.now else (size, preceding) == (form.header, form.used_flag)

    def is_last(self, form: NodeForm, node: int) -> bool:
        """True if the last node of a region begins there."""
        size, preceding = (self.number(node + at, form.size_bytes) for at in (form.size_at, form.preceding_at))
        if size is None or preceding is None:
            return False
        if form.now:
            return size & ~PREVIOUS_FREE == form.header | form.used_flag
        return size == form.header and bool(preceding & form.used_flag)

    def heap(self, starts: _Starts, form: NodeForm) -> MmHeap:
        """Returns the heap with nodes of this form, and what speaks for it."""
        regions, flaws = self.mended(starts, form)
        sound = sum(self.is_first(form, low) + self.is_last(form, high) for low, high in regions)
        held = sum(high + form.header - low for low, high in regions)
        totals, width = self.totals(starts.place), self.width
        distance = next((far for far, total in zip(_SUM_AT, totals) if total == held), None)
        if distance is None:  # it was overwritten: mm_curused and mm_maxused tell where it lies
            current, most = (self.word(starts.place - n * width) or 0 for n in (1, 2))
            distance = _SUM_AT[form.now and 0 < current <= most <= held + _LARGEST_HEADER * width]
        place = starts.place - distance * width
        stored = self.word(place) or 0
        if stored != held:
            flaws.append(_flaw(place, width, said("mm-heapsize", place=place, stored=stored, held=held), held, stored))
        count_at = self.heads.first - width
        count = self.number(count_at, 4) if starts.most > 1 else len(regions)
        if count is not None and count != len(regions):
            text = said("mm-nregions", place=count_at, stored=count, regions=len(regions))
            flaws.append(_flaw(count_at, 4, text, len(regions), count))
        heads = self.heads._replace(lists=_lists_of(form, self.heads, width))
        return MmHeap(place, heads, form, tuple(regions), sound + (stored == held), tuple(flaws))

    def mended(self, starts: _Starts, form: NodeForm) -> Tuple[List[Span], List[Flaw]]:
        """Returns the regions. One wrong end is told by mm_heapsize and the other ends."""
        regions, width = list(starts.regions), self.width
        for number, (low, high) in enumerate(regions):
            first, last = self.is_first(form, low), self.is_last(form, high)
            others = sum(there + form.header - here for here, there in regions if (here, there) != (low, high))
            for left in (total - others - form.header for total in self.totals(starts.place)):
                if first and not last and self.is_last(form, low + left):
                    place = starts.place + (starts.most + number) * width
                    regions[number] = low, low + left
                    return regions, [_pointer_flaw("mm_heapend", number, place, width, low + left, high)]
                if last and not first and self.is_first(form, high - left):
                    place = starts.place + number * width
                    regions[number] = high - left, high
                    return regions, [_pointer_flaw("mm_heapstart", number, place, width, high - left, low)]
        return regions, []


def _lists_of(form: NodeForm, heads: Heads, width: int) -> int:
    """Returns the number of lists. The size of a free node tells it, up to 11.0 what nodes keep besides their sizes."""
    shifts, kept = [(heads.stride - 1).bit_length()], form.header - 2 * form.size_bytes
    if not form.now:
        shifts.append((4 if width == 4 else 5) + (0 if not kept else 1 if kept < 4 + width else 2))
    most = SMALL_SHIFT if form.size_bytes == 2 else LARGEST_SHIFT
    possible = sorted(most + 1 - shift for shift in shifts)
    return next((lists for lists in possible if lists >= heads.lists), possible[-1])


def _flaw(place: int, size: int, text: Said, expected: int, stored: int) -> Flaw:
    return Flaw("heap-struct", place, size, text, "constant", expected, stored)


def _pointer_flaw(name: str, number: int, place: int, size: int, expected: int, stored: int) -> Flaw:
    text = said("mm-region-end", name=name, number=number, place=place, stored=stored, expected=expected)
    return _flaw(place, size, text, expected, stored)
