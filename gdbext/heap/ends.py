# SPDX-License-Identifier: Apache-2.0
"""Finds where a heap ends when its own data does not tell.

Approach: a heap ends where its chain of blocks stops at an end marker, unless that marker is a damaged header with
blocks behind it. So there are three candidates: the place where the chain stops, the end of the known memory, and the
end of the longest chain that ends on a marker nearby. Each is walked in full. The one with the fewest contradictions
wins, and the nearest of equal ones.
Rejected: the first word of zero (a cleared header would hide the rest of the heap); the end of the image (it may hold
more than the heap).
Cost: one walk for each candidate, at most three; one pass over 64 KiB.
"""

from __future__ import annotations

from typing import Callable, Dict, Iterable, List, Optional, Set, Tuple

from gdbext.heap.cover import Agrees
from gdbext.heap.geometry import FLAG_BITS, PREV_FREE_BIT, Geometry
from gdbext.source.memory import Memory
from gdbext.source.snapshot import Snapshot, WordReader

_PAGE = 1024  # bytes that are read from a target at once
_HIGHEST = 1 << 64
# Other blocks are looked for in so many bytes behind the place where headers stop, or before a known block.
WINDOW_BYTES = 64 << 10
# If an image goes on for more bytes behind a heap, its end is no candidate: walking that far takes seconds.
FAR_BYTES = 1 << 20
# A marker with so many blocks in a row behind it is a damaged header.
CONVINCING_BLOCKS = 4


class PagedReader:
    """A reader of words. It fetches pages of 1,024 bytes from a target, and more at once where pages are needed one
    after the other; a file is read in place.
    """

    def __init__(self, memory: Memory, around: int) -> None:
        self._memory = memory
        self._known = (memory.held_around(around) or memory.snapshot).word_reader(around, around)
        self._tried: Set[int] = set()
        self._end = self._length = 0  # of the last fetch

    def __call__(self, address: int) -> Optional[int]:
        """Returns the word at an address; None if it cannot be read."""
        value = self._known(address)
        return self._fetched(address) if value is None else value

    def _fetched(self, address: int) -> Optional[int]:
        memory, page = self._memory, address & -_PAGE
        in_file = memory.held_around(address)
        if in_file is not None:
            self._known = in_file.word_reader(address, address)  # the next words will lie in the same range
            return in_file.word(address)
        if memory.ranges():
            return None
        value = memory.snapshot.word(address)
        if value is not None or page in self._tried:
            return value
        start, length = page, _PAGE
        if not memory.may_read(page, page + _PAGE):
            start, length = address, memory.source.pointer_size
        if start == self._end:
            more = min(2 * self._length, memory.link.piece())
            length = more if memory.may_read(start, start + more) else length
        self._end, self._length = start + length, length
        if start not in self._tried:
            self._tried.add(start)
            memory.fetch(start, length)
        return memory.snapshot.word(address)

    def whole(self, low: int, high: int) -> Snapshot:
        """Returns what it can read of a range, for a search through all of it."""
        if self._memory.ranges():
            return self._memory.held(low, high)
        self._memory.fetch(low, high - low)
        return self._memory.snapshot


def look_ahead(memory: Memory, stop: int, last: int) -> None:
    """Fetches 64 KiB behind the place where a chain of blocks stops, in one piece. Damage there may hide blocks."""
    if memory.held_around(stop) is None and last > stop:
        memory.fetch(stop, min(last - stop, WINDOW_BYTES))


def follow(layout: Geometry, header: WordReader, payload: int, high: int) -> Tuple[int, Optional[int], int]:
    """Follows good headers. Returns the payload where they stop, its header word, and the number of good ones."""
    step, smallest, odd, count = layout.header, layout.smallest, layout.align - 1, 0
    while True:
        word = header(payload - step) if payload <= high else None
        size = 0 if word is None else word & ~FLAG_BITS
        if size < smallest or size & odd or payload + size + step > high:
            return payload, word, count
        payload += size + step
        count += 1


def follower(layout: Geometry, header: WordReader, high: int) -> Callable[[int], Tuple[int, int]]:
    """Returns a function that follows good headers from a payload. It returns the payload where they stop, and the
    number of good ones. However many payloads it is called with, it reads each header once.
    """
    known: Dict[int, Tuple[int, int]] = {}

    def followed(payload: int) -> Tuple[int, int]:
        path: List[int] = []

        def read(address: int) -> Optional[int]:
            if address + layout.header in known:
                return None
            path.append(address + layout.header)
            return header(address)

        stop, _, count = follow(layout, read, payload, high)
        end, more = known.get(stop, (stop, 0))
        known.update((one, (end, count + more - at)) for at, one in enumerate(path))
        return end, count + more

    return followed


def known_until(memory: Memory, address: int, most: int) -> int:
    """Returns the end of the known memory around an address, but at most `address + most`."""
    return min(memory.known_end(address), address + most)


def chains(
    layout: Geometry, header: WordReader, agrees: Agrees, low: int, high: int, leads_to: Callable[[int], Optional[int]]
) -> Dict[int, Tuple[int, int]]:
    """Returns what `linked` does for every payload in low..high."""
    places = range(high - high % layout.align, low - 1, -layout.align)
    return linked(layout, ((payload, header(payload - layout.header) or 0) for payload in places), agrees, leads_to)


def linked(
    layout: Geometry, sizes: Iterable[Tuple[int, int]], agrees: Agrees, leads_to: Callable[[int], Optional[int]]
) -> Dict[int, Tuple[int, int]]:
    """Finds the payloads from which sound blocks lead to an end. Returns the number of blocks and the end for each.
    `sizes` yields payloads with their header words, the last first. `leads_to` returns the end that a payload stands
    for; None if it is no end.
    """
    step, smallest, odd = layout.header, layout.smallest, layout.align - 1
    found: Dict[int, Tuple[int, int]] = {}
    for payload, word in sizes:
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
    """Returns the number of blocks in the longest sound chain of low..high, and its end marker; (0, 0) if none."""

    def leads_to(payload: int) -> Optional[int]:
        word = header(payload - layout.header) if low <= payload <= high else None
        return payload if word is not None and not word & ~PREV_FREE_BIT and is_end(payload) else None

    return max(chains(layout, header, agrees, low, high, leads_to).values(), default=(0, 0))
