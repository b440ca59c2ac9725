# SPDX-License-Identifier: Apache-2.0
"""Recognises Espressif's multi_heap over its dynamic TLSF.

Approach: the control block says the same thing several times (bitfields, size, two pointers). Every pair of
constants is tried and the one that most of these agree with wins; what disagrees becomes a flaw of its own, not a
reason to give up.
Rejected: computing the constants from the pool's size (max_bytes may be larger than the pool).
Assumptions: struct multi_heap_info is at the start of its region and the control block behind it.
"""

from __future__ import annotations

from typing import List, Optional, Tuple

from gdbext.heap.layout import Flaw, MultiHeap, TlsfLayout
from gdbext.source.memory import Memory

_INFO_WORDS = 5
_CONTROL_BYTES = 36
_MOST_LISTS = 30
# Facts that must agree before a control block is believed to be there: of bitfields, size, and two pointers.
_FACTS_NEEDED = 2


def read_multi_heap(memory: Memory, address: int) -> Optional[MultiHeap]:
    """struct multi_heap_info at `address`, or None if it cannot be read."""
    size = memory.source.pointer_size
    memory.fetch(address, _INFO_WORDS * size)
    words = [memory.word(address + size * position) for position in range(_INFO_WORDS)]
    lock, free_bytes, minimum, pool_size, data = words
    if free_bytes is None or minimum is None or pool_size is None or data is None:
        return None
    flaws = []
    if data != address + _INFO_WORDS * size:
        where = address + (_INFO_WORDS - 1) * size
        flaws.append(Flaw("heap-pointer", where, size, f"heap_data is {data:#x}, not the control block behind it"))
    return MultiHeap(address, lock, free_bytes, minimum, pool_size, tuple(flaws))


def recognise_dynamic(memory: Memory, info: MultiHeap) -> Optional[TlsfLayout]:
    """The layout of a dynamic TLSF control block behind `info`, or None."""
    control = info.address + _INFO_WORDS * memory.source.pointer_size
    memory.fetch(control, _CONTROL_BYTES)
    words = [memory.word(control + 4 * position) for position in range(_CONTROL_BYTES // 4)]
    known = [word for word in words if word is not None]
    if len(known) < len(words):
        return None
    levels, second = _best_constants(known, control)
    flaws = _control_flaws(known, control, levels, second)
    if len(flaws) > 4 - _FACTS_NEEDED:
        return None
    return _dynamic_layout(info, control, levels, second, tuple(flaws))


def _expected(control: int, levels: int, second: int) -> Tuple[int, int, int, int]:
    """What the bitfields, the size and the two pointers must be for these constants."""
    shift = second + 2
    bits = levels | shift << 5 | (levels + shift - 1) << 8 | 1 << second << 14 | second << 20 | 1 << shift << 23
    lists = control + _CONTROL_BYTES + 4 * levels
    return bits & 0x7FFFFFFF, lists - control + (4 * levels << second), control + _CONTROL_BYTES, lists


def _facts(words: List[int]) -> Tuple[int, int, int, int]:
    return words[4] & 0x7FFFFFFF, words[5], words[7], words[8]


def _best_constants(words: List[int], control: int) -> Tuple[int, int]:
    """The number of first-level lists and log2 of the second-level ones that most facts agree with."""
    facts = _facts(words)
    pairs = [(levels, second) for second in (5, 4, 3) for levels in range(1, _MOST_LISTS)]
    return max(pairs, key=lambda pair: sum(map(int.__eq__, facts, _expected(control, *pair))))


def _control_flaws(words: List[int], control: int, levels: int, second: int) -> List[Flaw]:
    names = ("its bit fields", "its size", "its pointer to the bitmaps", "its pointer to the lists")
    places = (16, 20, 28, 32)
    flaws = []
    for name, place, have, want in zip(names, places, _facts(words), _expected(control, levels, second)):
        if have != want:
            text = f"{name} say {have:#x}, the rest of the control block says {want:#x}"
            flaws.append(Flaw("control-constants", control + place, 4, text))
    return flaws


def _dynamic_layout(
    info: MultiHeap, control: int, levels: int, second: int, flaws: Tuple[Flaw, ...]
) -> Optional[TlsfLayout]:
    _, size, bitmaps, lists = _expected(control, levels, second)
    pool = control + size
    usable = (info.pool_size - size - 8) & ~3
    if usable < 12:
        return None
    return TlsfLayout(
        name="espressif-dynamic",
        word=4,
        align=4,
        control=control,
        fl_count=levels,
        sl_log2=second,
        shift=second + 2,
        fl_bitmap=control + 24,
        sl_bitmaps=bitmaps,
        lists=lists,
        pool=pool,
        end=pool + usable + 8,
        flaws=flaws,
    )
