# SPDX-License-Identifier: Apache-2.0
"""What a word is that stands where another should, or that was used as a pointer: text, a pointer, a fill, one bit.

Approach: the most telling reading first. What is partly intact was written over from one side; a fill is known by its
pattern or its repetition; text must be text in all bytes, since pointers have letters in them, too. Who asks knows what
lies at an address: of a target its heaps, tasks and symbols, of a console's text the map of a chip.
Rejected: readings of halves and single bytes (a byte is something by chance); small numbers as pointers (a table of
vectors lies at 0 on many chips, and sizes are small).
Limits: a word of 64 bits is text only if it is so from its first byte on. Nothing is known of floating-point numbers.
"""

from __future__ import annotations

from typing import Callable, Mapping, NamedTuple, Optional, Tuple

from gdbext.model.events import Owner
from gdbext.model.memory import Spot
from gdbext.model.said import Said, said
from gdbext.source.snapshot import ByteOrder

SpotAt = Callable[[int], Optional[Spot]]
HEAD, TAIL = 0xABBA1234, 0xBAAD5678
FREED_FILL, NEW_FILL = 0xFE, 0xCE
TEXT, POINTER, FILL, ZERO_BYTE, ONE_BIT, COUNTER = "text", "pointer", "fill", "zero-byte", "one-bit", "counter"
PIXELS, SAMPLES = "pixels", "samples"
NEAR_NULL = 0x1000  # a word below is a number, not a pointer, or leads to a member of a structure at address 0
_SMALL = 0x10000
_SHORT = 4  # bytes of the words that marks and patterns are made of
_LEAST_TEXT = 3  # characters; two are as likely a number
# Patterns that are filled in, in words of 32 bits. Those of one byte are known by that byte.
_PATTERNS: Mapping[int, Said] = {
    0xDEADBEEF: said("fill-never-used"),
    0xFEEFEFFE: said("fill-stack"),
    0xBAADF00D: said("fill-never-used"),
    0xCAFEBABE: said("fill-never-used"),
    0xFEEDFACE: said("fill-never-used"),
    0xFEEEFEEE: said("fill-freed-some"),
    0xDEADDEAD: said("fill-freed-some"),
    0xA5A5A5A5: said("fill-stack"),
    0xFEFEFEFE: said("fill-freed"),
    0xCECECECE: said("fill-new"),
    0xCDCDCDCD: said("fill-new-some"),
    0xDDDDDDDD: said("fill-freed-some"),
}
_MARKS: Mapping[int, Said] = {HEAD: said("is-head-mark"), TAIL: said("is-tail-mark")}


class Value(NamedTuple):
    """What a word is. `words` is the whole sentence, `what` its end behind "it is", if the word is read by itself."""

    got_is: Optional[str]  # as JSON has it
    words: Said
    what: Optional[Said] = None
    spot: Optional[Spot] = None  # where it leads, if it is a pointer
    by: Optional[int] = None  # bytes of the expected mark that were overwritten from its start, if not all
    from_end: bool = False  # those at the mark's end were overwritten, not those at its start
    is_small: bool = False  # a small number
    is_partly: bool = False  # some of it is as it belongs


class Word(NamedTuple):
    """A word as it stands in memory: its value, its width in bytes, and their order."""

    value: int
    width: int = _SHORT
    order: ByteOrder = "little"

    @property
    def data(self) -> bytes:
        """Returns the bytes in memory order."""
        return (self.value & ((1 << 8 * self.width) - 1)).to_bytes(self.width, self.order)


def nowhere(address: int) -> Optional[Spot]:
    """Stands for what lies at addresses, where nothing is known of them."""
    return None


def is_one_bit(difference: int) -> bool:
    """True if two words with this difference (by xor) differ in a single bit."""
    return difference != 0 and difference & (difference - 1) == 0


def text_in(word: Word) -> Optional[str]:
    """Returns the text that a word's bytes are, with escapes; None if they are none. Zeros may end it."""
    data = word.data
    whole = data.rstrip(b"\0")
    if len(whole) < _LEAST_TEXT or not all(0x20 <= byte < 0x7F or byte in b"\t\n\r" for byte in whole):
        return None
    shown = whole.decode("ascii").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
    return shown + "\\0" * min(1 if word.width > _SHORT else word.width, len(data) - len(whole))


def value_of(word: Word, expected: Optional[int] = None, spot_at: SpotAt = nowhere) -> Value:
    """Returns what a word is that stands where `expected` belongs, if that is known."""
    partly = None if expected is None else _partly(word, Word(expected, word.width, word.order))
    return partly or read_word(word, spot_at) or _rest(word)


def read_word(word: Word, spot_at: SpotAt = nowhere) -> Optional[Value]:
    """Returns what a word is by itself; None if it is nothing known but a number."""
    return (
        _fill(word) or _pointer(word, spot_at, False) or _text(word) or _pointer(word, spot_at, True) or _counter(word)
    )


def _partly(word: Word, expected: Word) -> Optional[Value]:
    """Returns what was overwritten of a word that is partly intact."""
    got = word.value
    if is_one_bit(got ^ expected.value):
        return Value(ONE_BIT, said("got-one-bit", got=got, bit=(got ^ expected.value).bit_length() - 1), is_partly=True)
    if expected.value not in (HEAD, TAIL):  # of other words, many bytes are as they were by chance
        return None
    has, should = word.data, expected.data
    changed = [index for index in range(word.width) if has[index] != should[index]]
    if len(changed) == word.width or not changed:
        return None
    start, end = changed[0], changed[-1] + 1
    if start == 0 and end == 1 and has[0] == 0:
        return Value(ZERO_BYTE, said("got-zero-byte", got=got), by=1, is_partly=True)
    if start == 0 and changed == list(range(end)):
        return Value(None, said("got-partly", got=got, count=end, bytes=has[:end].hex(" ")), by=end, is_partly=True)
    part = said("got-inside", got=got, count=len(changed), bytes=bytes(has[one] for one in changed).hex(" "))
    from_end = start > 0 and changed == list(range(start, word.width))
    return Value(None, part, from_end=from_end, is_partly=True)


def _is(word: Word, got_is: Optional[str], what: Said, spot: Optional[Spot] = None, is_small: bool = False) -> Value:
    return Value(got_is, said("got", got=word.value, what=what), what, spot, is_small=is_small)


def _short(word: Word) -> Optional[int]:
    """Returns the word of 32 bits that a word is, or consists of twice."""
    half = word.value & 0xFFFF_FFFF
    return half if word.width == _SHORT or word.value == half * 0x1_0000_0001 else None


def fill_in(word: Word) -> Optional[Said]:
    """Returns what a word is that memory is filled with; None if it is no fill."""
    short, data = _short(word), word.data
    if short is not None and short in _PATTERNS:
        return _PATTERNS[short]
    if len(set(data)) > 1:
        return None
    letter = f" = {chr(data[0])!r}" if 0x20 <= data[0] < 0x7F else ""
    return said("is-repeated", byte=data[0], letter=letter) if data[0] else said("is-zeros")


def _fill(word: Word) -> Optional[Value]:
    mark = _MARKS.get(word.value)
    if mark is not None:
        return _is(word, None, mark)
    fill = fill_in(word)
    return None if fill is None else _is(word, FILL, fill)


def _pointer(word: Word, spot_at: SpotAt, odd: bool) -> Optional[Value]:
    """Returns what a pointer points to. `odd`: also one that is not aligned as pointers mostly are, or is text too."""
    if word.value < NEAR_NULL:
        return None
    spot = spot_at(word.value)
    if spot is None:
        return None
    step = 2 if spot.is_code else _SHORT
    doubtful = word.value % step != 0 or text_in(word) is not None
    if not spot.is_start and (word.value < _SMALL or (doubtful and (not odd or spot.kind == "memory"))):
        return None
    return _is(word, POINTER, said("is-pointer", where=spot.words), spot)


def _text(word: Word) -> Optional[Value]:
    text = text_in(word)
    return None if text is None else _is(word, TEXT, said("is-text", text=text))


def _counter(word: Word) -> Optional[Value]:
    data = word.data
    if not all(after == (before + 1) & 0xFF for before, after in zip(data, data[1:])):
        return None
    return _is(word, COUNTER, said("is-counting", byte=data[0]))


def _rest(word: Word) -> Value:
    if word.value < _SMALL:
        return _is(word, None, said("is-small", got=word.value), is_small=True)
    return Value(None, said("got-bytes", bytes=word.data.hex(" ")))


def near_pattern(address: int) -> Tuple[Optional[int], int, Optional[Said]]:
    """Returns the word that a wild address was made of, the offset that was added to it, and what the word is.

    Code that follows an overwritten pointer meets its bytes plus the offset of a member.
    """
    for offset in (0, 4, 8, 12, 16, 20, -4, -8):
        word = Word((address - offset) & 0xFFFF_FFFF)
        what = fill_in(word) if word.value else None
        if what is not None:
            return word.value, offset, what
    for offset in (12, 8, 0, 4):  # the links of a free block first: text may fit with several
        word = Word((address - offset) & 0xFFFF_FFFF)
        text = text_in(word)
        if text is not None and "\\0" not in text:
            return word.value, offset, said("is-text", text=text)
    return None, 0, None


def owner_words(owner: Optional[Owner]) -> Optional[Said]:
    """Says whose a block is, by the innermost of the calls that allocated it and by its task, as far as known."""
    if owner is None:
        return None
    caller = next((frame.function for frame in owner.allocated[:1] if frame.function), None)
    if caller is not None and owner.task is not None:
        return said("owner-caller-task", caller=caller, task=owner.task)
    if caller is not None:
        return said("owner-caller", caller=caller)
    return None if owner.task is None else said("owner-task", task=owner.task)
