# SPDX-License-Identifier: Apache-2.0
"""newlib's full malloc, dlmalloc 2.6: chunks that say of the one before whether it is used, and 128 bins.

Approach: chunks follow each other by their sizes up to the top chunk, whose address the bins' table has. A table is
known without symbols, too: most bins are empty and hold their own addresses. A chunk's payload runs on over the next
one's first word, which repeats a free chunk's size. Two headers of one word each fence memory that another has taken
from sbrk; behind it the chain goes on where sizes lead to the top chunk.
Rejected: following the bins alone (used chunks are in none).
Cost: two words for each chunk, five for each free one; without symbols one pass over the file's variables.
"""

from __future__ import annotations

from typing import Callable, Iterable, Iterator, List, Optional, Sequence, Set, Tuple

from gdbext.heap.allocator import LARGEST_HEAP
from gdbext.heap.cover import NOTHING_KNOWN, Agrees, Evidence
from gdbext.heap.ends import WINDOW_BYTES, PagedReader, follower, known_until
from gdbext.heap.geometry import FREE_BIT, PREV_FREE_BIT, Pool
from gdbext.heap.libc.layout import Chunks
from gdbext.heap.libc.variables import pairs_of_variables, words_of_variables
from gdbext.heap.walk import LinkFault, Node, Walk, walk_pools
from gdbext.model.record import replace
from gdbext.model.region import Region, Span
from gdbext.model.said import Said, said
from gdbext.source.memory import Memory
from gdbext.source.snapshot import WordReader

BINS = 128
LAST_REMAINDER = 1  # the bin of the chunk that was split last, whatever its size
_FEWEST_EMPTY = 32  # bins that hold their own addresses
_MOST_POOLS = 16
_FEWEST_CHUNKS = 2  # that must lead on behind a fence
# Up to which size >> 9 sizes are counted by which shift from which bin on: malloc's bin_index.
_STEPS = ((0, 0, 3), (4, 56, 6), (20, 91, 9), (84, 110, 12), (340, 119, 15), (1364, 124, 18))


class DlChunks(Chunks):
    """Chunks of dlmalloc: the size word with PREV_INUSE in bit 0, then the payload."""

    bins: int  # address of __malloc_av_
    top: int  # payload of the top chunk, which is in no bin

    ends_at: Said = said("ends-at-top-chunk")

    def header_reader(self, read: WordReader) -> WordReader:
        """Returns a reader of a payload's size and both flags. The next header tells whether a chunk is free."""
        word, odd, impossible = self.word, 2 * self.word - 1, 1 << 8 * self.word
        top, first, end = self.top - self.word, self.first, self.behind

        def read_header(address: int) -> Optional[int]:
            value = read(address)
            if not value:
                return value
            size, before = value & ~3, 0 if value & 1 else PREV_FREE_BIT
            if size & odd or value & 2:
                return impossible
            if address == top:
                sound = address - word + size == end and size >= 4 * word and not before
                return size - 2 * word | FREE_BIT if sound else impossible
            if size < 4 * word:
                return impossible
            after = read(address + size)
            if after is not None and after & ~1 != word and ((after & ~3) >= end - first or after & (odd & ~1)):
                free = read(address + size - word) == size  # that header is damaged; a free chunk's size is repeated
            else:
                free = after is not None and not after & 1
            return size - word | before | (FREE_BIT if free else 0)

        return read_header

    def size_word(self, size: int, stored: int, before: Optional[int], following: Optional[int]) -> int:
        """Returns the size of the whole chunk, with the flag by the chunk before."""
        used = before is None or not before & FREE_BIT
        return size + self.word | (1 if used else 0)

    def possible(self, words: Sequence[int], largest: int) -> Optional[List[Tuple[int, int]]]:
        """Returns None: whether a chunk is free hangs on the next header."""
        return None

    def payload_of(self, value: Optional[int]) -> Optional[int]:
        """Returns the payload of the chunk that a pointer leads to; None if none can lie there."""
        payload = None if value is None else value + 2 * self.word
        if payload is None or payload % (2 * self.word):
            return None
        return payload if self.pool_of(payload) is not None else None

    def bin_of(self, size: int) -> int:
        """Returns the bin for free chunks of a payload."""
        whole = size + self.word
        steps = ((base + (whole >> shift)) for most, base, shift in _STEPS if whole >> 9 <= most)
        return next(steps, 126)

    def head_of(self, number: int) -> int:
        """Returns the address of a bin as its chunks have it: it stands for a chunk."""
        return self.bins + 2 * number * self.word

    def rounded(self, requested: int) -> int:
        """Returns the payload that a request takes at least."""
        unit = 2 * self.word
        return max(4 * self.word, (requested + self.word + unit - 1) // unit * unit) - self.word

    def own_words(self, payload: int, size: int, read: WordReader) -> List[Span]:
        """Returns a free chunk's two links."""
        low, high = self.bins, self.head_of(BINS)
        places = (payload, payload + self.word)
        links = ((place, read(place) or 0) for place in places)
        return [(one, one + self.word) for one, to in links if low <= to < high or self.payload_of(to) is not None]


def recognise_dlmalloc(memory: Memory, region: Region) -> Optional[DlChunks]:
    """Returns the layout of the heap whose first chunk is at a region's address; None if there is none."""
    word, address = memory.source.pointer_size, region.address
    if address % (2 * word):
        return None
    tables = [region.hints["bins"]] if "bins" in region.hints else list(_tables(memory))
    found = (_with_table(memory, region, table) for table in tables)
    return next((layout for layout in found if layout is not None), None)


def _tables(memory: Memory) -> Iterator[int]:
    """Yields where a table of bins may lie in a file: its empty bins hold the address two words before them."""
    word = memory.source.pointer_size
    places = [place for place, one, other in pairs_of_variables(memory) if one == other == place - 2 * word]
    while len(places) >= _FEWEST_EMPTY:
        table = places[-1] - 2 * BINS * word  # the last bin is for chunks of megabytes
        if sum(1 for place in places if place >= table) >= _FEWEST_EMPTY:
            yield table
        places = [place for place in places if place < table]


def _with_table(memory: Memory, region: Region, table: int) -> Optional[DlChunks]:
    word, address = memory.source.pointer_size, region.address
    top = memory.word(table + 2 * word)
    high = known_until(memory, address, LARGEST_HEAP)
    if top is None or not address <= top < address + LARGEST_HEAP or top % (2 * word):
        return None
    end, is_open = _end_of(memory, region, top, high)
    first, whole = address + 2 * word, Pool(address + 2 * word, end + word)
    layout = DlChunks(
        f"newlib-dl-{8 * word}", word, word, word, 3 * word, address, (whole,), (), 2 * word, table, top + 2 * word
    )
    pools = list(_extents(layout, PagedReader(memory, address), first, end + word))
    return replace(layout, pools=(*pools[:-1], replace(pools[-1], open=is_open)))


def _end_of(memory: Memory, region: Region, top: int, high: int) -> Tuple[int, bool]:
    """Returns the end of the heap, and whether it goes on in memory that is not at hand. If the size of the top chunk
    leads out of the known memory, a variable must know that end, too.
    """
    word, address = memory.source.pointer_size, region.address
    stored = memory.word(top + word)
    if stored is None:
        return top + word, True
    high = max(high, known_until(memory, top, LARGEST_HEAP))
    end = region.hints.get("end", top + (stored & ~3))
    if end > high and end - address <= LARGEST_HEAP and end in words_of_variables(memory, address):
        return end, False
    return (end, False) if top + 2 * word < end <= high else (high - (high - address) % word, False)


def _extents(layout: DlChunks, read: WordReader, first: int, end: int) -> Iterator[Pool]:
    """Yields the pieces that sbrk has given. Two headers of one word each close all but the last."""
    word, followed = layout.word, follower(layout, layout.header_reader(read), layout.top)
    for _ in range(_MOST_POOLS):
        stop, _ = followed(first)
        if stop >= layout.top or not _is_fenced(read, stop, word):
            break
        low = stop + 2 * word
        low += -low % (2 * word)
        starts = range(low, min(layout.top, low + WINDOW_BYTES) + 1, 2 * word)
        following = _behind_fence(layout, followed, read, starts)
        if following is None:
            break
        yield Pool(first, stop)
        first = following
    yield Pool(first, end)


def _behind_fence(
    layout: DlChunks, followed: Callable[[int], Tuple[int, int]], read: WordReader, starts: Iterable[int]
) -> Optional[int]:
    """Returns where chunks go on behind a fence: from there sizes lead to the top chunk or to another fence. If none
    do, because of damage, the start of the longest chain is taken.
    """
    longest = _FEWEST_CHUNKS
    best: Optional[int] = None
    for start in starts:
        stop, count = followed(start)
        if stop == layout.top or (count and _is_fenced(read, stop, layout.word)):
            return start
        longest, best = (count, start) if count > longest else (longest, best)
    return best


def _is_fenced(read: WordReader, payload: int, word: int) -> bool:
    """True if two headers of one word stand where a chunk would begin."""
    return read(payload - word) in (word, word | 1) and read(payload) == word | 1


def dl_agrees(layout: DlChunks, read: WordReader) -> Agrees:
    """Returns a check that the word behind a free chunk repeats its size."""

    def agrees(payload: int, word: int, following: int) -> bool:
        if not word & FREE_BIT or payload == layout.top:
            return True
        return read(following - 2 * layout.word) in (following - payload, None)

    return agrees


def walk_dlmalloc(layout: DlChunks, read: WordReader, evidence: Evidence = NOTHING_KNOWN) -> Walk:
    """Returns every chunk that can be proven, with the chunks in bins."""
    walk = Walk(layout)
    seen: Set[int] = {layout.top}
    for number in range(1, BINS):
        _follow_bin(walk, layout, read, number, seen)
    nodes = walk.nodes
    walk.nodes = [*nodes, Node(layout.top, 0, layout.bins + 2 * layout.word, None, None, None)]
    walk_pools(walk, read, dl_agrees(layout, read), evidence)
    walk.nodes = nodes
    return walk


def _follow_bin(walk: Walk, layout: DlChunks, read: WordReader, number: int, seen: Set[int]) -> None:
    head = layout.head_of(number)
    place = head + 2 * layout.word
    previous: Optional[int] = None
    value = read(place)
    while value != head:
        target = layout.payload_of(value)
        if value is None:
            walk.cut_slots.add(number)
            return
        if target is None or target in seen:
            rule = "list-link" if target is None else "list-cycle"
            why = said("chunk-nowhere") if target is None else said("chunk-again")
            leads_to = value + 2 * layout.word
            walk.faults.append(LinkFault(rule, place, value, number, previous, leads_to, target, why))
            walk.cut_slots.add(number)
            return
        seen.add(target)
        walk.nodes.append(Node(target, number, place, previous, read(target), read(target + layout.word)))
        place, previous, value = target, target, read(target)
