# SPDX-License-Identifier: Apache-2.0
"""The variables beside a list heap: the heads of its lists, and where sbrk's memory ends.

Approach: symbols tell where they are, as hints of a region. Without symbols one is known: __malloc_sbrk_start holds the
first chunk's address, and the compilers of all distributions put __malloc_free_list beside it.
Assumptions: the word beside it is taken for the head only if it is 0 or leads to a chunk. What else stands there is
another build's, and no damage.
"""

from __future__ import annotations

from typing import Iterator, List, NamedTuple, Optional, Sequence, Tuple

from gdbext.heap.libc.layout import ListChunks
from gdbext.model.region import Hints, Region, Span
from gdbext.source.memory import Memory

FREE_LIST, SBRK_START, SBRK_TOP = "free_list", "sbrk_start", "sbrk_top"  # names of hints: addresses of variables
BUCKETS, BUCKET_COUNT = "buckets", "bucket_count"
_MOST_BUCKETS = 16
_SEARCHED_BYTES = 1 << 20  # of a file
_MOST_PLACES = 16
# Where the head is looked for, in words from the variable with the first chunk's address, the likeliest first.
_NANO_NEAREST = (-1, 1)
_PICO_NEAREST = (1, -1)
_FLAGGED_NEAREST = (1, 2, -1, -2, 3, -3, 4, -4)  # further, because a flag proves what a pointer leads to


class Variables(NamedTuple):
    """What the variables hold; `told`: by symbols."""

    head: Optional[Span]  # address and value
    buckets: Tuple[Span, ...]
    top: Optional[int]
    told: bool

    @classmethod
    def of(cls, memory: Memory, region: Region, layout: ListChunks) -> Variables:
        """Returns the variables that a region's hints name, or that are found in a file."""
        if FREE_LIST in region.hints:
            return cls._told(memory, region.hints)
        places = _places_of_start(memory, region.address)
        near = [_head_near(memory, layout, place) for place in places]
        found = [one for one in near if one is not None]
        return cls(max(found, key=lambda head: bool(head[1]), default=None), (), None, False)

    @classmethod
    def _told(cls, memory: Memory, hints: Hints) -> Variables:
        word, first = memory.source.pointer_size, hints.get(BUCKETS)
        count = min(hints.get(BUCKET_COUNT, 0), _MOST_BUCKETS)
        places = [] if first is None else range(first, first + count * word, word)
        heads = [_value(memory, place) for place in (hints[FREE_LIST], *places)]
        known = all(head is not None for head in heads)
        top = memory.word(hints[SBRK_TOP]) if SBRK_TOP in hints else None
        return cls(heads[0], tuple(head for head in heads[1:] if head is not None), top, known)


def _value(memory: Memory, place: int) -> Optional[Span]:
    value = memory.word(place)
    return None if value is None else (place, value)


def _ranges(memory: Memory, address: int) -> Iterator[Span]:
    """Yields the parts of a file that may hold variables: small ranges, and what lies before the heap in its own."""
    left = _SEARCHED_BYTES
    for start, end in memory.ranges():
        end = address if start <= address < end else end
        if end - start <= left:
            left -= end - start
            yield start, end


def _words(memory: Memory, start: int, end: int) -> Sequence[int]:
    word = memory.source.pointer_size
    low, high = -(-start // word) * word, end // word * word
    return memory.held(low, high).words(low, high) or () if low < high else ()


def words_of_variables(memory: Memory, address: int) -> Iterator[int]:
    """Yields the words of a file's small ranges, and of what lies before the heap at an address."""
    for start, end in _ranges(memory, address):
        yield from _words(memory, start, end)


def _places_of_start(memory: Memory, address: int) -> List[int]:
    """Returns where the address of the first chunk stands. nano's variable may lie a few bytes before it."""
    word = memory.source.pointer_size
    found: List[int] = []
    for start, end in _ranges(memory, address):
        low = -(-start // word) * word
        words = _words(memory, start, end)
        found += [low + index * word for index, value in enumerate(words) if address - word < value <= address]
    return found[:_MOST_PLACES]


def _head_near(memory: Memory, layout: ListChunks, place: int) -> Optional[Span]:
    """Returns the word beside a place that leads to a chunk, else the first that is 0; None if there is neither."""
    word = layout.word
    empty: Optional[Span] = None
    for beside in _NANO_NEAREST if layout.leads else _FLAGGED_NEAREST if layout.flagged else _PICO_NEAREST:
        head = _value(memory, place + beside * word)
        payload = None if head is None else layout.payload_of(head[1])
        following = None if payload is None else layout.payload_of(memory.word(payload))
        if any(one is not None and _is_chunk(memory, layout, one) for one in (payload, following)):
            return head
        if head is not None and head[1] == 0 and empty is None:
            empty = head
    return empty


def _is_chunk(memory: Memory, layout: ListChunks, payload: int) -> bool:
    stored = memory.word(payload - layout.word) or 0
    size = stored & ~layout.flagged
    if layout.flagged and not stored & 1:
        return False
    return size % layout.word == 0 and layout.smallest <= size <= layout.end - payload


def pairs_of_variables(memory: Memory) -> Iterator[Tuple[int, int, int]]:
    """Yields the address of each two words of a file's first MiB, with both, in address order."""
    word = memory.source.pointer_size
    for start, end in _ranges(memory, -1):
        low, words = -(-start // word) * word, _words(memory, start, end)
        yield from zip(range(low, end, word), words, words[1:])
