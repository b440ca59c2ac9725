# SPDX-License-Identifier: Apache-2.0
"""Reads the address of a fault: which overwritten word it was made of.

Approach: an allocator that follows its own words meets what was written over them. A link gives the bytes that stand
there plus the offset of a member; a size word is added to a block's address, and leads far away from all memory. The
registers tell which of several readings is right, where they are in the text.
Limits: a guess from numbers alone fits by chance in about 2 of 100 cases; the words say "is ... plus ...", no more.
"""

from __future__ import annotations

from typing import Iterator, Optional

from gdbext.analyse.console.memory import RAM, Places
from gdbext.analyse.values import FREED_FILL, Word, near_pattern, text_in
from gdbext.model.console import Crash
from gdbext.model.record import Record
from gdbext.model.said import Said, said

_WORDS = 1 << 32
_FLAGS = 3  # the low bits of TLSF's size word
_CONTROL_OFFSET = 20  # of TLSF's control block behind the start of ESP-IDF's heap, since 4.3
_LINKS = (12, 8)  # offsets of prev_free and next_free in the header of a free block


class Wild(Record):
    """What the address of a fault was made of."""

    words: Said
    base: Optional[int]  # the overwritten word that was used as a pointer; None: a size word was added to a pointer
    is_of_links: bool  # as a list's link or a size word gives it, not a pointer of just any kind
    is_freed: bool = False  # by the fill of freed memory


def wild_address(crash: Crash, address: int, places: Places) -> Optional[Wild]:
    """Returns what the address of a fault was made of; None if nothing fits, or if it is in memory that is there."""
    if places.kind(address) is not None:
        return None
    return _from_registers(crash, address) or _link(address) or _size(crash, address, places)


def holds_control_block(crash: Crash) -> Optional[int]:
    """Returns the start of the heap whose control block a register points to, as in TLSF's functions."""
    values = {value for _, value in crash.registers}
    return next((start for start, _ in crash.heaps if start + _CONTROL_OFFSET in values), None)


def _from_registers(crash: Crash, address: int) -> Optional[Wild]:
    """Returns the reading in which a register holds the overwritten word itself."""
    values = {value for name, value in crash.registers if name not in ("mtval", "excvaddr", "pc", "mepc")}
    for offset in (*_LINKS, 4, 16):
        word = (address - offset) % _WORDS
        if word in values:
            found = near_pattern(word)
            if found[2] is not None and not found[1]:
                return _made(address, word, offset, found[2])
    return None


def _link(address: int) -> Optional[Wild]:
    word, offset, what = near_pattern(address)
    return None if word is None or what is None else _made(address, word, offset, what)


def _made(address: int, word: int, offset: int, what: Said) -> Wild:
    freed = word == FREED_FILL * 0x0101_0101
    if offset == 0:
        return Wild(said("wild-is", address=address, what=what), word, False, freed)
    if offset < 0:
        return Wild(said("wild-less", address=address, word=word, what=what, offset=-offset), word, False, freed)
    words = said("wild-plus", address=address, word=word, what=what, offset=offset)
    return Wild(words, word, offset in _LINKS, freed)


def _size(crash: Crash, address: int, places: Places) -> Optional[Wild]:
    """Returns the reading in which a size word that was overwritten was added to a block's address."""
    for byte in range(1, 256):
        size = byte * 0x0101_0101 & ~_FLAGS
        if _in_heap(crash, (address - size) % _WORDS, places):
            words = said("wild-size", address=address, size=size, byte=byte)
            return Wild(words, None, True)
    values = {value for _, value in crash.registers}
    pairs = [
        (pointer, size)
        for pointer in sorted(value for value in values if _in_heap(crash, value, places))
        for size in _near((address - pointer) % _WORDS)
    ]
    for exact in (True, False):  # the size word itself may be in a register
        for pointer, size in pairs:
            if exact and not any(size | flags in values or (size | flags) + 4 in values for flags in range(_FLAGS + 1)):
                continue
            text = text_in(Word(size))
            if _in_heap(crash, size, places):
                return Wild(said("wild-size-pointer", address=address, block=pointer, size=size), None, True)
            if text is not None and "\\0" not in text:
                return Wild(said("wild-size-text", address=address, block=pointer, size=size, text=text), None, True)
    return None


def _near(size: int) -> Iterator[int]:
    yield from ((size - offset) % _WORDS for offset in (0, 4, 8))


def _in_heap(crash: Crash, address: int, places: Places) -> bool:
    if crash.heaps:
        return any(start <= address < start + length for start, length in crash.heaps)
    return places.kind(address) == RAM
