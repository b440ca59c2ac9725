# SPDX-License-Identifier: Apache-2.0
"""Recognises the control block of a TLSF: which of its layouts, with which constants.

Approach: every layout puts its lists' heads somewhere, and nearly all of them hold the control block's own address (an
empty list) or that of a block. So all layouts and constants are tried, the heads counted, and the best few compared
with their bitmaps and with the chain of blocks behind. Where a dynamic control block says the same thing several
times, what disagrees becomes a flaw of its own, not a reason to give up.
Rejected: version numbers; computing the constants from the pool's size (max_bytes may be larger than the pool); the
first layout that fits (a damaged control block fits none, and still is one).
Cost: some 4 KiB read, a hundred differences of a running sum, at most four chains.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Iterator, List, Optional, Tuple

from gdbext.heap.geometry import FLAG_BITS, Flaw, Pool
from gdbext.heap.tlsf.layout import TlsfLayout
from gdbext.model.record import Record
from gdbext.model.said import said
from gdbext.source.memory import Memory
from gdbext.source.snapshot import WordReader

_STATIC_LEVELS = range(1, 27)
_DYNAMIC_LEVELS = range(1, 30)
_DYNAMIC_BYTES = 36
_WORST = 4  # what a head that leads nowhere takes from a layout's score
_FACT = 24  # what an agreeing bit field, size or pointer of a dynamic control block adds
_CHAIN = 64  # what a chain of blocks that reaches the end adds
_TRIED = 4
_CHAIN_BLOCKS = 64
# Of a layout's lists, one in this many may be damaged.
_DAMAGED_LISTS = 3
# Of the others, one in this many is empty at the least.
_FEWEST_EMPTY = 8
_MOST_WORDS = 1100
_CONSTANTS = (said("its-bit-fields"), said("its-size"), said("its-bitmaps"), said("its-lists"))
# Of a dynamic control block's four facts, so many make up for lists that look damaged.
_FACTS_NEEDED = 3


class Tables(Record):
    """One layout of a control block, and how well the bytes fit it."""

    name: str
    levels: int
    second: int
    fl_bitmap: int
    sl_bitmaps: int
    lists: int
    end: int
    flaws: Tuple[Flaw, ...]
    facts: int  # of a dynamic control block: those that agree

    @property
    def slots(self) -> int:
        """How many lists it has."""
        return self.levels << self.second


class _Control:
    """The words of what may be a control block."""

    def __init__(self, memory: Memory, control: int, low: int, high: int) -> None:
        self.word = memory.source.pointer_size
        self.control = control
        memory.fetch(control, min(_MOST_WORDS * self.word, max(0, high - control)))
        self.read = memory.snapshot.word_reader(control, control)
        self.snapshot = memory.snapshot
        heads = [self.read(control + self.word * place) for place in range(_MOST_WORDS)]
        self._good = list(accumulate((self._leads_somewhere(head, low, high) for head in heads), initial=0))
        self._empty = list(accumulate((int(head == control) for head in heads), initial=0))
        self._unread = list(accumulate((int(head is None) for head in heads), initial=0))

    def _leads_somewhere(self, value: Optional[int], low: int, high: int) -> int:
        if value is None:
            return 0
        return 1 if value == self.control or (low <= value < high and value % 4 == 0) else 0

    def word32(self, address: int) -> Optional[int]:
        """A 32-bit word, whatever the pointer's size."""
        data = self.snapshot.get(address, 4)
        return None if data is None else int.from_bytes(data, self.snapshot.byte_order)

    def heads(self, tables: Tables) -> int:
        """How many of a layout's list heads may be some."""
        return self._count(self._good, tables)

    def empty(self, tables: Tables) -> int:
        """How many of them hold the control block's own address."""
        return self._count(self._empty, tables)

    def unread(self, tables: Tables) -> int:
        """How many of them could not be read."""
        return self._count(self._unread, tables)

    def _count(self, sums: List[int], tables: Tables) -> int:
        first = (tables.lists - self.control) // self.word
        last = first + tables.slots
        return sums[last] - sums[first] if last < len(sums) else 0


def _statics(control: int, word: int, names: Tuple[str, str]) -> Iterator[Tables]:
    for levels in _STATIC_LEVELS:
        bitmaps = control + 4 * word + 4
        lists = (bitmaps + 4 * levels + word - 1) & -word
        name = names[0] if word == 4 else names[1]
        yield Tables(name, levels, 5, bitmaps - 4, bitmaps, lists, lists + levels * 32 * word, (), 0)


def _dynamics(found: _Control) -> Iterator[Tables]:
    words = [found.word32(found.control + 4 * place) for place in range(_DYNAMIC_BYTES // 4)]
    known = [word for word in words if word is not None]
    if found.word != 4 or len(known) < len(words):
        return
    for second in (5, 4, 3):
        for levels in _DYNAMIC_LEVELS:
            flaws = tuple(_control_flaws(known, found.control, levels, second))
            size, bitmaps, lists = _expected(found.control, levels, second)[1:]
            control = found.control
            yield Tables(
                "espressif-dynamic", levels, second, control + 24, bitmaps, lists, control + size, flaws, 4 - len(flaws)
            )


def _expected(control: int, levels: int, second: int) -> Tuple[int, int, int, int]:
    """What the bitfields, the size and the two pointers must be for these constants."""
    shift = second + 2
    bits = levels | shift << 5 | (levels + shift - 1) << 8 | 1 << second << 14 | second << 20 | 1 << shift << 23
    lists = control + _DYNAMIC_BYTES + 4 * levels
    return bits & 0x7FFFFFFF, lists - control + (4 * levels << second), control + _DYNAMIC_BYTES, lists


def _control_flaws(words: List[int], control: int, levels: int, second: int) -> Iterator[Flaw]:
    facts = (words[4] & 0x7FFFFFFF, words[5], words[7], words[8])
    for name, place, have, want in zip(_CONSTANTS, (16, 20, 28, 32), facts, _expected(control, levels, second)):
        if have != want:
            text = said("control-constant", constant=name, stored=have, expected=want)
            yield Flaw("control-constants", control + place, 4, text, "constant", want, have)


def recognise_tlsf(
    memory: Memory, control: int, low: int, high: int, static_names: Tuple[str, str], end: Optional[int]
) -> Optional[Tables]:
    """The layout of the control block at `control`, or None. Its blocks lie in low..high; `end`: of its pool."""
    if control % memory.source.pointer_size:
        return None
    found = _Control(memory, control, low, high)
    scored = [(_first_score(found, tables), tables) for tables in _all(found, static_names) if tables.end + 16 <= high]
    best = sorted((pair for pair in scored if pair[0] is not None), key=lambda pair: -(pair[0] or 0))[:_TRIED]
    whole = (tables for _, tables in best if not _is_cut(found, tables, high, end))
    return max(whole, key=lambda tables: _score(found, tables, high, end), default=None)


def _is_cut(found: _Control, tables: Tables, high: int, end: Optional[int]) -> bool:
    """Whether so much of a control block could not be read that its constants cannot be told: nothing of it says them,
    and no block is seen behind it.
    """
    holes = found.snapshot.missing(found.control, found.control + _MOST_WORDS * found.word)
    if not holes or tables.facts > _FACTS_NEEDED:
        return False
    unread = tables.end <= holes[0][0] < tables.end + found.word and not tables.facts
    return not unread and _chain_score(found, tables, high, end) == 0


def _all(found: _Control, names: Tuple[str, str]) -> Iterator[Tables]:
    yield from _dynamics(found)
    yield from _statics(found.control, found.word, names)


def _first_score(found: _Control, tables: Tables) -> Optional[int]:
    """What the heads and the facts say for a layout; None if too little. Each level has more lists empty than not: what
    was written over the blocks behind the lists, pointers to other blocks, must not be read as more of them.
    """
    good, empty, unread = found.heads(tables), found.empty(tables), found.unread(tables)
    bad = tables.slots - good - unread
    unlike = max(bad, unread) > tables.slots // _DAMAGED_LISTS or _FEWEST_EMPTY * empty < good
    if unlike and tables.facts < _FACTS_NEEDED:
        return None
    return 2 * empty - good - _WORST * bad + _FACT * tables.facts


def _score(found: _Control, tables: Tables, high: int, end: Optional[int]) -> int:
    first = _first_score(found, tables) or 0
    return first - 2 * _bits_wrong(found, tables) + _chain_score(found, tables, high, end)


def _bits_wrong(found: _Control, tables: Tables) -> int:
    """Lists whose bit says the opposite of their head."""
    wrong = 0
    for level in range(tables.levels):
        bits = found.word32(tables.sl_bitmaps + 4 * level) or 0
        place = tables.lists + (level << tables.second) * found.word
        for bit in range(1 << tables.second):
            if (found.read(place + bit * found.word) != found.control) != bool(bits >> bit & 1):
                wrong += 1
    return wrong


def _chain_score(found: _Control, tables: Tables, high: int, end: Optional[int]) -> int:
    """Whether blocks follow each other behind a control block that ends there."""
    payload, last, blocks = tables.end + found.word, end if end is not None else high, 0
    while blocks < _CHAIN_BLOCKS and payload < last:
        word = found.read(payload - found.word)
        size = (word or 0) & ~FLAG_BITS
        if size < 3 * found.word or size % 4 or payload + size + found.word > last:
            return blocks
        payload += size + found.word
        blocks += 1
    return _CHAIN


def static_shift(word: int) -> int:
    """log2 of the smallest size that the first level of a static control block does not hold."""
    return 7 if word == 4 else 8


def tlsf_layout(tables: Tables, control: int, word: int, pools: Tuple[Pool, ...]) -> TlsfLayout:
    """The full description of a heap with these tables and pools."""
    dynamic = tables.name == "espressif-dynamic"
    return TlsfLayout(
        name=tables.name, word=word, align=word if not dynamic else 4, header=word, smallest=3 * word,
        control=control, pools=pools, flaws=tables.flaws, fl_count=tables.levels, sl_log2=tables.second,
        shift=tables.second + 2 if dynamic else static_shift(word), fl_bitmap=tables.fl_bitmap,
        sl_bitmaps=tables.sl_bitmaps, lists=tables.lists, tables_end=tables.end,
    )  # fmt: skip


def pool_end(start: int, length: int, word: int) -> int:
    """Where a pool of `length` bytes at `start` ends: its blocks are whole words."""
    return start + 2 * word + ((length - 2 * word) & -word)


def first_payload(tables: Tables, word: int) -> int:
    """Payload of the first block of the pool behind the control block."""
    return tables.end + word


def reads_empty(read: WordReader, place: int) -> bool:
    """Whether a word is what an end marker keeps: size 0, used."""
    value = read(place)
    return value is not None and not value & ~2
