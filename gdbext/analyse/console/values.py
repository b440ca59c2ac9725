# SPDX-License-Identifier: Apache-2.0
"""What the four bytes are that stand where something else should: text, a pointer, a fill, one byte of zero, one bit.

Approach: the most telling reading first. What is partly intact was written over from one side; a fill is known by its
pattern or its repetition; text must be text in all four bytes, since pointers have letters in them, too.
Limits: bytes in memory order of a little-endian machine.
"""

from __future__ import annotations

from typing import Mapping, NamedTuple, Optional, Tuple

from gdbext.analyse.console.memory import EXECUTABLE, FLASH, RAM, Places
from gdbext.model.said import Said, said

HEAD, TAIL = 0xABBA1234, 0xBAAD5678
FREED_FILL, NEW_FILL = 0xFE, 0xCE
TEXT, POINTER, FILL, ZERO_BYTE, ONE_BIT = "text", "pointer", "fill", "zero-byte", "one-bit"
_WORD = 4
# Patterns of more than one byte that are filled in, in whole words.
_PATTERNS: Mapping[int, Said] = {
    0xDEADBEEF: said("fill-never-used"),
    0xFEEFEFFE: said("fill-stack"),
    0xBAADF00D: said("fill-never-used"),
    0xA5A5A5A5: said("fill-stack"),
    0xFEFEFEFE: said("fill-freed"),
    0xCECECECE: said("fill-new"),
}
_MARKS: Mapping[int, Said] = {HEAD: said("got-head-mark"), TAIL: said("got-tail-mark")}
_SMALL = 0x10000


class Value(NamedTuple):
    """What a word is."""

    got_is: Optional[str]  # as JSON has it
    words: Said
    by: Optional[int] = None  # bytes of the expected mark that were overwritten from its start, if not all
    from_end: bool = False  # those at the mark's end were overwritten, not those at its start
    is_small: bool = False  # a small number


def bytes_of(word: int) -> bytes:
    """Returns a word's bytes in memory order."""
    return (word & 0xFFFF_FFFF).to_bytes(_WORD, "little")


def text_in(word: int) -> Optional[str]:
    """Returns the text that a word's bytes are, with escapes; None if they are none. Zeros may end it."""
    data = bytes_of(word)
    whole = data.rstrip(b"\0")
    if len(whole) < 2 or not all(0x20 <= byte < 0x7F or byte in b"\t\n\r" for byte in whole):
        return None
    return whole.decode("ascii").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r") + "\\0" * (
        _WORD - len(whole)
    )


def value_of(got: int, expected: Optional[int], places: Places) -> Value:
    """Returns what a word is that stands where another is expected."""
    partly = _partly(got, expected) if expected in (HEAD, TAIL) else None
    return (
        partly or _fill(got) or _pointer(got, places, False) or _text(got) or _pointer(got, places, True) or _rest(got)
    )


def _partly(got: int, expected: int) -> Optional[Value]:
    """Returns what was overwritten of a mark that is partly intact."""
    if bin(got ^ expected).count("1") == 1:
        return Value(ONE_BIT, said("got-one-bit", got=got, bit=(got ^ expected).bit_length() - 1))
    has, should = bytes_of(got), bytes_of(expected)
    changed = [index for index in range(_WORD) if has[index] != should[index]]
    if len(changed) == _WORD:
        return None
    start, end = changed[0], changed[-1] + 1
    if start == 0 and end == 1 and has[0] == 0:
        return Value(ZERO_BYTE, said("got-zero-byte", got=got), 1)
    if start == 0 and changed == list(range(end)):
        return Value(None, said("got-partly", got=got, count=end, bytes=has[:end].hex(" ")), end)
    part = said("got-inside", got=got, count=len(changed), bytes=bytes(has[one] for one in changed).hex(" "))
    return Value(None, part, from_end=start > 0 and changed == list(range(start, _WORD)))


def _fill(got: int) -> Optional[Value]:
    data = bytes_of(got)
    if got in _MARKS:
        return Value(None, _MARKS[got])
    if got in _PATTERNS:
        return Value(FILL, said("got-pattern", got=got, what=_PATTERNS[got]))
    if len(set(data)) > 1:
        return None
    if 0x20 <= data[0] < 0x7F:
        return Value(FILL, said("got-letter", byte=data[0], letter=chr(data[0])))
    return Value(FILL, said("got-byte", byte=data[0]))


def _pointer(got: int, places: Places, odd: bool) -> Optional[Value]:
    """Returns what a pointer points to. `odd`: also one that is not aligned as pointers mostly are."""
    kind = places.kind(got)
    if got % (2 if kind in EXECUTABLE else _WORD) and not odd:
        return None
    if kind == RAM:
        return Value(POINTER, said("got-pointer-ram", got=got)) if odd or text_in(got) is None else None
    if kind in (FLASH, *EXECUTABLE) and (odd or text_in(got) is None):
        what = said("place-flash") if kind == FLASH else said("place-code")
        return Value(POINTER, said("got-pointer", got=got, what=what))
    return None


def _text(got: int) -> Optional[Value]:
    text = text_in(got)
    return None if text is None else Value(TEXT, said("got-text", got=got, text=text))


def _rest(got: int) -> Value:
    if got < _SMALL:
        return Value(None, said("got-small", got=got), is_small=True)
    return Value(None, said("got-bytes", bytes=bytes_of(got).hex(" ")))


def near_pattern(address: int) -> Tuple[Optional[int], int, Optional[Said]]:
    """Returns the word that a wild address was made of, the offset that was added to it, and what the word is.

    Code that follows an overwritten pointer meets its bytes plus the offset of a member.
    """
    for offset in (0, 4, 8, 12, 16, 20, -4, -8):
        word = (address - offset) & 0xFFFF_FFFF
        if word in _PATTERNS:
            return word, offset, said("is-fill", what=_PATTERNS[word])
        data = bytes_of(word)
        if len(set(data)) == 1 and data[0]:
            return word, offset, said("is-repeated", byte=data[0], letter=_letter(data[0]))
    for offset in (12, 8, 0, 4):  # the links of a free block first: text may fit with several
        text = text_in((address - offset) & 0xFFFF_FFFF)
        if text is not None and "\\0" not in text:
            return (address - offset) & 0xFFFF_FFFF, offset, said("is-text", text=text)
    return None, 0, None


def _letter(byte: int) -> str:
    return f" = {chr(byte)!r}" if 0x20 <= byte < 0x7F else ""
