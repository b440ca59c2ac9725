# SPDX-License-Identifier: Apache-2.0
"""Where a heap ends when nothing says so: candidates, and how to choose among them.

Approach: a heap ends where its chain of blocks stops at an end marker, unless the marker is a damaged header: then
blocks lie behind it. So the place where the chain stops, the end of the memory that is known, and the best chain that
ends on any marker nearby are walked in full, and the one with the fewest contradictions wins; the nearest among equals.
Rejected: the first word of zero (a cleared header would hide the rest of the heap); the end of the image (it may hold
more than the heap).
Cost: one walk a candidate, at most three; one pass over 64 KiB.
"""

from __future__ import annotations

from typing import Callable, Dict, Optional, Set, Tuple

from gdbext.heap.cover import Agrees
from gdbext.heap.geometry import FLAG_BITS, PREV_FREE_BIT, Geometry
from gdbext.source.memory import Memory
from gdbext.source.snapshot import WordReader

_PAGE = 1024  # bytes that are read at once
_HIGHEST = 1 << 64
# Bytes behind the place where headers stop, or before a known block, in which other blocks are looked for.
WINDOW_BYTES = 64 << 10
# A heap in an image that goes on for more bytes does not end with it: walking all of that takes seconds.
FAR_BYTES = 1 << 20
# So many blocks that follow each other behind a marker make it a damaged header.
CONVINCING_BLOCKS = 4


def paged_reader(memory: Memory, around: int) -> WordReader:
    """Reads words. Of a target it fetches a page of 1,024 bytes at a time, which near headers share; a file it reads in
    place.
    """
    known = (memory.held_around(around) or memory.snapshot).word_reader(around, around)
    width = memory.source.pointer_size
    tried: Set[int] = set()

    def read(address: int) -> Optional[int]:
        value = known(address)
        if value is not None:
            return value
        held, page = memory.held_around(address), address & -_PAGE
        if held is not None:
            return held.word(address)
        start, length = (page, _PAGE) if memory.may_read(page, page + _PAGE) else (address, width)
        if start not in tried:
            tried.add(start)
            memory.fetch(start, length)
        return memory.snapshot.word(address)

    return read


def look_ahead(memory: Memory, stop: int, last: int) -> None:
    """Fetches 64 KiB behind the place where a chain of blocks stops, in one piece: damage there may hide blocks."""
    if memory.held_around(stop) is None and last > stop:
        memory.fetch(stop, min(last - stop, WINDOW_BYTES))


def follow(layout: Geometry, header: WordReader, payload: int, high: int) -> Tuple[int, Optional[int], int]:
    """Follows good headers: the payload where they stop, its header word, and how many there were."""
    step, smallest, odd, count = layout.header, layout.smallest, layout.align - 1, 0
    while True:
        word = header(payload - step) if payload <= high else None
        size = 0 if word is None else word & ~FLAG_BITS
        if size < smallest or size & odd or payload + size + step > high:
            return payload, word, count
        payload += size + step
        count += 1


def known_until(memory: Memory, address: int, most: int) -> int:
    """The end of the known memory around an address, `most` bytes on at most."""
    return min(memory.known_end(address), address + most)


def chains(
    layout: Geometry, header: WordReader, agrees: Agrees, low: int, high: int, leads_to: Callable[[int], Optional[int]]
) -> Dict[int, Tuple[int, int]]:
    """The payloads of low..high from which sound blocks lead to an end: each with the number of blocks, and that end.
    `leads_to` says which end a payload is, or None.
    """
    step, smallest, odd = layout.header, layout.smallest, layout.align - 1
    found: Dict[int, Tuple[int, int]] = {}
    for payload in range(high - high % layout.align, low - 1, -layout.align):
        word = header(payload - step) or 0
        size = word & ~FLAG_BITS
        if size < smallest or size & odd:
            continue
        following = payload + size + step
        after = found.get(following)
        end = leads_to(following) if after is None else after[1]
        if end is not None and agrees(payload, word, following):
            found[payload] = (1 if after is None else after[0] + 1, end)
    return found


def chains_behind(
    layout: Geometry,
    header: WordReader,
    agrees: Agrees,
    is_end: Callable[[int], bool],
    low: int,
    high: int,
) -> Tuple[int, int]:
    """How many blocks the longest chain of sound ones in low..high has, and the end marker behind it; 0 of none."""

    def leads_to(payload: int) -> Optional[int]:
        word = header(payload - layout.header) if low <= payload <= high else None
        return payload if word is not None and not word & ~PREV_FREE_BIT and is_end(payload) else None

    return max(chains(layout, header, agrees, low, high, leads_to).values(), default=(0, 0))
