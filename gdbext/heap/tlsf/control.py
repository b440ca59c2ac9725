# SPDX-License-Identifier: Apache-2.0
"""Recognises the control block of a TLSF, its layout and its constants.

Approach: in the right layout nearly all list heads are the control block's own address (an empty list) or the address
of a block. So all layouts and constants are tried, and such heads are counted. They are compared with their bitmaps and
with the chain of blocks behind. A dynamic control block stores its constants in several places. If one disagrees with
the others, that is a flaw, and the layout still counts. Constants that agree outweigh damaged lists. If no layout's
lists convince, the first chain of blocks does. Words that were not read are no evidence against a layout.
Rejected: version numbers; computing the constants from the pool's size (max_bytes may be larger than the pool); the
first layout that fits (a damaged control block fits none).
Cost: some 4 KiB read, a hundred differences of a running sum, and as many chains, of which the wrong ones end at once.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Iterator, List, Optional, Tuple

from gdbext.heap.ends import PagedReader, follow
from gdbext.heap.geometry import FLAG_BITS, Flaw, Pool, is_marker
from gdbext.heap.tlsf.layout import TlsfLayout
from gdbext.model.said import said
from gdbext.source.memory import Memory
from gdbext.source.snapshot import Snapshot, WordReader

_STATIC_LEVELS = range(1, 27)
_DYNAMIC_LEVELS = range(1, 30)
_DYNAMIC_BYTES = 36
_WORST = 4  # points that a head that leads nowhere takes from a layout
_FACT = 24  # points for an agreeing bit field, size or pointer of a dynamic control block
_CHAIN = 64  # points for a chain of blocks that nothing breaks off
_CHAIN_BLOCKS = 64  # a chain of so many is no chance
_LONG_CHAIN_BLOCKS = 16  # nor is one of so many to an end marker, or to memory that was not read
# One in so many of a layout's lists may be damaged.
_DAMAGED_LISTS = 3
# At least one in so many of the other lists must be empty.
_FEWEST_EMPTY = 8
_MOST_WORDS = 1100
_CONSTANTS = (said("its-bit-fields"), said("its-size"), said("its-bitmaps"), said("its-lists"))
# If so many of a dynamic control block's four facts agree, its lists may look damaged.
_FACTS_NEEDED = 3
_DECISIVE = 1 << 16  # points for that: more than all lists have
_FEWEST_BLOCKS = 2  # blocks that tell where an overwritten control block ends


Candidate = Tuple[TlsfLayout, int]  # a layout with an empty pool, and its agreeing facts of a dynamic control block
Sums = Tuple[List[int], List[int], List[int]]


def recognise_tlsf(
    memory: Memory, control: int, low: int, high: int, static_names: Tuple[str, str], end: Optional[int]
) -> Optional[TlsfLayout]:
    """Returns the layout of the control block at `control`, with an empty pool; None if there is none. Its blocks lie
    in low..high. `end`: the end of its pool, if known.
    """
    word = memory.source.pointer_size
    if control % word:
        return None
    memory.fetch(control, min(_MOST_WORDS * word, max(0, high - control)))
    read = memory.snapshot.word_reader(control, control)
    sums = _sums([read(control + word * place) for place in range(_MOST_WORDS)], control, low, high)
    candidates = [*_dynamics(memory, control), *((layout, 0) for layout in _statics(control, word, static_names))]
    fitting = [one for one in candidates if one[0].tables_end + 16 <= high]
    last = end if end is not None else high
    holes = memory.snapshot.missing(control, control + _MOST_WORDS * word)
    whole: List[Tuple[int, TlsfLayout]] = []
    chained: List[TlsfLayout] = []
    convincing = False
    for layout, facts in fitting:
        chain, first = _chain_score(read, layout, last), _first_score(sums, layout, facts)
        wrong = _bits_wrong(memory.snapshot, read, layout) if chain or first is not None else 0
        # Words that were not read are no evidence against another layout: all bits at hand must agree with this one.
        told = not holes or holes[0][0] >= layout.first or not wrong
        if chain == _CHAIN and told and _counts(sums, layout)[1] >= _FEWEST_EMPTY:
            chained.append(layout)
        if first is None:
            continue
        convincing = convincing or first > 0
        # If words were not read, the layout needs other proof: a chain of blocks, all four facts of a dynamic control
        # block, or a hole that begins right behind the tables of a static one.
        is_static = not facts and not layout.flaws
        ends_unread = bool(holes) and layout.tables_end <= holes[0][0] < layout.first and is_static
        if not holes or (told and (chain or ends_unread)) or facts > _FACTS_NEEDED:
            whole.append((first - 2 * wrong + chain, layout))
    if chained and not convincing:  # the lists are overwritten: the first place from which blocks lead on is the pool
        return min(chained, key=lambda layout: layout.first)
    return max(whole, key=lambda one: one[0], default=(0, None))[1]


def _sums(heads: List[Optional[int]], control: int, low: int, high: int) -> Sums:
    """Returns three running sums over the words: possible list heads, heads of empty lists, and unread words."""
    some = (head is not None and (head == control or (low <= head < high and head % 4 == 0)) for head in heads)
    empty, unread = (head == control for head in heads), (head is None for head in heads)
    good, none, missing = (list(accumulate(map(int, found), initial=0)) for found in (some, empty, unread))
    return good, none, missing


def _dynamics(memory: Memory, control: int) -> Iterator[Candidate]:
    words = [memory.snapshot.word32(control + 4 * place) for place in range(_DYNAMIC_BYTES // 4)]
    if memory.source.pointer_size != 4 or None in words:
        return
    stored = ((words[4] or 0) & 0x7FFFFFFF, words[5] or 0, words[7] or 0, words[8] or 0)
    for second in (5, 4, 3):
        for levels in _DYNAMIC_LEVELS:
            shift, bitmaps = second + 2, control + _DYNAMIC_BYTES
            lists = bitmaps + 4 * levels
            size = lists - control + (4 * levels << second)
            bits = levels | shift << 5 | (levels + shift - 1) << 8 | 1 << second << 14 | second << 20 | 1 << shift << 23
            expected = (bits & 0x7FFFFFFF, size, bitmaps, lists)
            flaws = tuple(
                Flaw(
                    "control-constants", control + place, 4,
                    said("control-constant", constant=name, stored=have, expected=want), "constant", want, have,
                )
                for name, place, have, want in zip(_CONSTANTS, (16, 20, 28, 32), stored, expected)
                if have != want
            )  # fmt: skip
            layout = _layout("espressif-dynamic", control, 4, levels, second, control + 24, bitmaps, flaws)
            yield layout, len(_CONSTANTS) - len(flaws)


def _statics(control: int, word: int, names: Tuple[str, str]) -> Iterator[TlsfLayout]:
    bitmaps = control + 4 * word + 4
    for levels in _STATIC_LEVELS:
        yield _layout(names[word == 8], control, word, levels, 5, bitmaps - 4, bitmaps, ())


def _layout(
    name: str,
    control: int,
    word: int,
    levels: int,
    second: int,
    fl_bitmap: int,
    sl_bitmaps: int,
    flaws: Tuple[Flaw, ...],
) -> TlsfLayout:
    lists = (sl_bitmaps + 4 * levels + word - 1) & -word
    end = lists + (word * levels << second)
    return TlsfLayout(
        name=name, word=word, align=word, header=word, smallest=3 * word, control=control,
        pools=(Pool(end + word, end + word),), flaws=flaws, fl_count=levels, sl_log2=second,
        shift=second + (2 if word == 4 else 3), fl_bitmap=fl_bitmap, sl_bitmaps=sl_bitmaps, lists=lists, tables_end=end,
    )  # fmt: skip


def _first_score(sums: Sums, layout: TlsfLayout, facts: int) -> Optional[int]:
    """Returns the points of a layout by its list heads and facts; None if they are too few. Enough lists must be empty:
    pointers in the blocks behind the tables must not be read as further lists.
    """
    good, empty, unread = _counts(sums, layout)
    bad = layout.slots - good - unread
    unlike = max(bad, unread) > layout.slots // _DAMAGED_LISTS or _FEWEST_EMPTY * empty < good
    if unlike and facts < _FACTS_NEEDED:
        return None
    return 2 * empty - good - _WORST * bad + _FACT * facts + (_DECISIVE if facts >= _FACTS_NEEDED else 0)


def _counts(sums: Sums, layout: TlsfLayout) -> Tuple[int, int, int]:
    """Returns how many of a layout's list heads are possible, lead to empty lists, and were not read."""
    first = (layout.lists - layout.control) // layout.word
    last = first + layout.slots
    good, empty, unread = (found[last] - found[first] if last < len(found) else 0 for found in sums)
    return good, empty, unread


def _bits_wrong(snapshot: Snapshot, read: WordReader, layout: TlsfLayout) -> int:
    """Returns the number of lists whose bit contradicts their head. What was not read contradicts nothing."""
    wrong = 0
    for slot in range(layout.slots):
        head, bitmap, bit = layout.slot_words(slot)
        value, bits = read(head), snapshot.word32(bitmap)
        if value is not None and bits is not None:
            wrong += (value != layout.control) != bool(bits >> bit & 1)
    return wrong


def _chain_score(read: WordReader, layout: TlsfLayout, last: int) -> int:
    """Returns the points for blocks behind the tables: their number, or 64 if they are many and nothing breaks them
    off.
    """
    payload, blocks = layout.first, 0
    while blocks < _CHAIN_BLOCKS and payload < last:
        word = read(payload - layout.word)
        size = (word or 0) & ~FLAG_BITS
        if (word is None or is_marker(word)) and blocks >= _LONG_CHAIN_BLOCKS:
            return _CHAIN
        if size < layout.smallest or size % 4 or payload + size + layout.word > last:
            return blocks
        payload += size + layout.word
        blocks += 1
    return _CHAIN


def layout_before(memory: Memory, control: int, first: int, static_names: Tuple[str, str]) -> Optional[TlsfLayout]:
    """Returns the layout of a static control block that ends where the first pool begins; None if none is so long. It
    may be overwritten: its words are not asked.
    """
    layouts = _statics(control, memory.source.pointer_size, static_names)
    return next((layout for layout in layouts if layout.tables_end == first), None)


def layout_by_blocks(memory: Memory, control: int, end: int, static_names: Tuple[str, str]) -> Optional[TlsfLayout]:
    """Returns the layout of a control block that was overwritten: the shortest behind which blocks lead to the end
    marker at `end`. None if none do.
    """
    word, read = memory.source.pointer_size, PagedReader(memory, control)
    memory.fetch(control, _DYNAMIC_BYTES)
    layouts = (*(one for one, _ in _dynamics(memory, control)), *_statics(control, word, static_names))
    for layout in sorted(layouts, key=lambda one: one.tables_end):
        stop, marker, blocks = follow(layout, read, layout.first, end)
        if stop == end and is_marker(marker) and blocks >= _FEWEST_BLOCKS:
            return layout
    return None


def pool_end(start: int, length: int, word: int) -> int:
    """Returns the end of a pool of `length` bytes at `start`, whose blocks are whole words."""
    return start + 2 * word + ((length - 2 * word) & -word)
