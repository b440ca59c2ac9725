# SPDX-License-Identifier: Apache-2.0
"""Finds the heaps of NuttX: struct mm_heap_s, to which g_mmheap and its relatives point.

Approach: the struct tells all of a heap: where its regions start and end, the sum of their bytes, its control block and
the list of blocks whose free is delayed. It is recognised by its words, in every number of regions: the sum fits the
regions, or the control block lies where the first of them begins. One wrong word (the pointer to the control block, an
end) leaves the others to tell it.
Rejected: the type by debug information; only NuttX's own source file has it, and users load stripped kernels.
Cost: 256 bytes for each heap.
"""

from __future__ import annotations

from typing import Iterator, List, NamedTuple, Optional, Sequence, Tuple

from gdbext.heap.geometry import is_marker
from gdbext.heap.roots import root_hints
from gdbext.heap.tlsf.control import pool_end
from gdbext.heap.tlsf.pools import recognise_plain
from gdbext.model.region import Region, Span
from gdbext.model.said import Said
from gdbext.source.memory import Memory

_BYTES = 256
_MOST_REGIONS = 16
_LARGEST_CONTROL = 8192
_SUM_AT, _FIRST_START = 3, 4  # words from mm_heapsize to the first start; the least position of that start


class _Heap(NamedTuple):
    """The words of a struct mm_heap_s that matter."""

    regions: Tuple[Span, ...]
    place: int  # the address of mm_tlsf
    control: int  # its value
    delayed: int  # the address of mm_delaylist
    summed: bool  # mm_heapsize is the sum of the regions
    fits: bool  # the control block lies where the first region begins


def read_mm_heap(memory: Memory, address: int, origin: Said) -> Optional[Region]:
    """Returns the heap whose struct mm_heap_s is at `address`; None if there is no such struct."""
    word = memory.source.pointer_size
    memory.fetch_known(address, address + _BYTES)
    places = range(address, address + _BYTES, word)
    words = [memory.word(place) or 0 if memory.may_read(place, place + word) else 0 for place in places]
    readings = [(heap, _is_trusted(memory, heap)) for heap in _readings(words, address, word)]
    for heap, trusted in sorted(readings, key=lambda one: -(one[0].summed + one[0].fits + one[1])):
        for control in _controls(heap, words, word):
            memory.allow(control, min(control + _LARGEST_CONTROL, heap.regions[0][1]))
            # An overwritten control block is believed only if the sum of the regions speaks for it.
            if recognise_plain(memory, control, heap.regions, heap.summed) is not None:
                for low, high in heap.regions if trusted else ():
                    memory.allow(low, high)
                hints = {"mm_delaylist": heap.delayed, **root_hints("mm_tlsf", heap.place, control)}
                pools = heap.regions if trusted else ()
                return Region("tlsf", control, origin=origin, hints=hints, pools=pools, told=trusted)
    return None


def _readings(words: Sequence[int], address: int, width: int) -> Iterator[_Heap]:
    """Yields the possible readings of the struct's words."""
    for first in range(_FIRST_START, len(words) - 2):
        for most in range(1, _MOST_REGIONS + 1):
            ends = first + most
            place = ends + most + (most > 1)
            if place >= len(words) - 1:
                break
            count = words[ends + most] if most > 1 else 1
            regions = tuple(zip(words[first:ends], words[ends : ends + most]))[: count if 0 < count <= most else 0]
            if not regions or not all(0 < low < high for low, high in regions):
                continue
            (low, high), control = regions[0], words[place]
            summed = sum(high - low for low, high in regions) == words[first - _SUM_AT]
            fits = low <= control < high or 0 < low - control <= _LARGEST_CONTROL
            pooled = 2 if 0 < words[place + 1] < _LARGEST_CONTROL else 0  # mm_threshold and mm_mpool
            delayed = address + width * (place + 1 + pooled)
            if summed or fits:
                yield _Heap(regions, address + width * place, control, delayed, summed, fits)


def _is_trusted(memory: Memory, heap: _Heap) -> bool:
    """True if the ends are right: their sum tells so, or an end marker lies at each."""
    word = memory.source.pointer_size
    ends = (pool_end(low, high - low, word) - word for low, high in heap.regions)
    return heap.summed or all(is_marker(memory.word(end)) for end in ends if memory.may_read(end, end + word))


def _controls(heap: _Heap, words: Sequence[int], width: int) -> List[int]:
    """Returns where the control block may be: at mm_tlsf, and where words in front of the first region lead, most often
    first. Each empty list stores the address of its control block.
    """
    low, tried = heap.regions[0][0], [heap.control] if heap.fits else []
    if heap.summed:
        others = {one for one in words if heap.place < one <= low <= one + _LARGEST_CONTROL}
        tried += sorted(others, key=words.count, reverse=True)
    return [control for control in dict.fromkeys(tried) if control % width == 0]
