# SPDX-License-Identifier: Apache-2.0
"""Finds the names of files as the compiler was told them: addr2line puts the compiler's folder before each.

Approach: the first entry of each unit of the debug information has the folder in which the compiler ran. A file below
such a folder gets its name back, unless the line tables have the longer name, too.
Rejected: pyelftools (its reading of a unit's abbreviations costs some milliseconds, and firmware has 1,000 units).
Cost: some 100 microseconds a unit.
Limits: a file in the folder of one unit that another unit, which ran above it, names with that folder loses it.
"""

from __future__ import annotations

import re
from typing import Dict, Iterable, List, Optional, Tuple, Union

from gdbext.source.snapshot import ByteOrder
from gdbext.symbols.elf_head import Head, section_bytes, section_view

_MOST_UNITS, _MOST_FOLDERS, _MOST_DECLARATIONS = 1 << 14, 1 << 8, 1 << 20
_MOST_ATTRIBUTES, _LONGEST_NAME = 64, 1 << 12
_COMPILED_IN, _OFFSETS_BASE = 0x1B, 0x72  # attributes
_TYPE_UNITS, _SKELETONS = (2, 6), (4, 5)
# The size of an attribute's value by its form. Others are read by name.
_SIZES = {
    0x05: 2, 0x06: 4, 0x07: 8, 0x0B: 1, 0x0C: 1, 0x11: 1, 0x12: 2, 0x13: 4, 0x14: 8, 0x19: 0, 0x21: 0, 0x25: 1,
    0x26: 2, 0x27: 3, 0x28: 4,
}  # fmt: skip
_ADDRESS, _STRING, _UNSIGNED, _INDEX, _LINE_STRING, _CONSTANT = 0x01, 0x08, 0x0F, 0x1A, 0x1F, 0x21
_OF_OFFSETS = (0x0E, 0x17, _LINE_STRING)  # .debug_str, a section's offset, .debug_line_str
# A tag, whether it has children, and pairs of names and forms up to two zeros. Behind a constant's form is its value.
_LEB = rb"[\x80-\xff]{0,9}[\x00-\x7f]"
_DECLARATION = re.compile(
    rb"(?s)%b[\x00\x01](?:(?!\x00\x00)%b(?:\x21%b|(?!\x21)%b)){0,999}\x00\x00" % (_LEB, _LEB, _LEB, _LEB)
)
_INDEXES = (_INDEX, 0x25, 0x26, 0x27, 0x28)


def as_compiled(files: Iterable[str], head: Head) -> Dict[str, str]:
    """Returns for each file below a folder of the compiler its name without the folder."""
    sections = _Sections(head)
    folders = sorted(sections.folders(), key=len, reverse=True)
    found = {}
    for file in files:
        folder = next((one for one in folders if file.startswith(one)), None)
        if folder is not None and not sections.has_name(file, folder):
            found[file] = file[len(folder) :]
    return found


class _Sections:
    """The sections of a program's debug information that have names."""

    def __init__(self, head: Head) -> None:
        self._info, self._strings = section_view(head, ".debug_info"), section_view(head, ".debug_str")
        self._abbreviations, self._lines, self._line_strings, self._offsets = (
            section_bytes(head, f".debug_{name}") for name in ("abbrev", "line", "line_str", "str_offsets")
        )
        self._left = _MOST_DECLARATIONS
        self._order: ByteOrder = "big" if head.big_endian else "little"

    def has_name(self, file: str, folder: str) -> bool:
        """Tells whether the line tables have a file, or its folder, by the long name."""
        above = file.rpartition("/")[0]
        names = [file] + ([above] if len(above) >= len(folder) else [])
        return any(self._holds(name.encode("utf-8", "replace") + b"\0") for name in names)

    def _holds(self, name: bytes) -> bool:
        return name in self._line_strings or name in self._lines

    def folders(self) -> List[str]:
        """Returns the folders in which the compiler ran, each with a slash at its end."""
        found: Dict[str, None] = {}
        at = 0
        for _ in range(_MOST_UNITS):
            if at + 4 > len(self._info) or len(found) > _MOST_FOLDERS:
                break
            length, start, wide = self._number(at, 4), at + 4, False
            if length == 0xFFFFFFFF:
                length, start, wide = self._number(at + 4, 8), at + 12, True
            try:
                folder = self._folder(start, wide)
            except (IndexError, ValueError):
                folder = None
            if folder:
                found[folder.rstrip("/") + "/"] = None
            at = start + length
        return list(found)

    def _number(self, at: int, size: int) -> int:
        if at + size > len(self._info):
            raise IndexError
        return int.from_bytes(self._info[at : at + size], self._order)

    def _folder(self, at: int, wide: bool) -> Optional[str]:
        """Reads the head of a unit and its first entry."""
        version, word = self._number(at, 2), 8 if wide else 4
        if version >= 5:
            kind, address, table, at = self._info[at + 2], self._info[at + 3], self._number(at + 4, word), at + 4 + word
            if kind in _TYPE_UNITS:
                return None
            at += 8 if kind in _SKELETONS else 0
        else:
            table, address, at = self._number(at + 2, word), self._info[at + 2 + word], at + 3 + word
        code, at = _leb(self._info, at)
        base = 2 * word
        for name, form in self._attributes(table, code):
            value, at = self._value(form, at, word, address)
            if name == _OFFSETS_BASE:
                base = value
            elif name == _COMPILED_IN:
                return self._text(form, value, base, word)
        return None

    def _attributes(self, at: int, code: int) -> List[Tuple[int, int]]:
        """Returns names and forms of the attributes of an abbreviation."""
        data = self._abbreviations
        while True:
            number, behind = _leb(data, at)
            declared = _DECLARATION.match(data, behind)
            self._left -= 1
            if declared is None or self._left < 0:
                raise IndexError
            if number == code:
                break
            at = declared.end()
        found: List[Tuple[int, int]] = []
        at = _leb(data, behind)[1] + 1
        while len(found) < _MOST_ATTRIBUTES:
            name, at = _leb(data, at)
            form, at = _leb(data, at)
            if form == _CONSTANT:
                at = _leb(data, at)[1]
            if not name and not form:
                break
            found.append((name, form))
        return found

    def _value(self, form: int, at: int, word: int, address: int) -> Tuple[int, int]:
        """Returns the number in an attribute, of a text in its place the place, and where the next attribute is."""
        if form in (_UNSIGNED, _INDEX):
            return _leb(self._info, at)
        if form == _STRING:
            return at, at + bytes(self._info[at : at + _LONGEST_NAME]).index(b"\0") + 1
        size = word if form in _OF_OFFSETS else address if form == _ADDRESS else _SIZES.get(form)
        if size is None:
            raise IndexError
        return self._number(at, size), at + size

    def _text(self, form: int, value: int, base: int, word: int) -> str:
        data = {_STRING: self._info, _LINE_STRING: memoryview(self._line_strings)}.get(form, self._strings)
        if form in _INDEXES:
            place = base + value * word
            value = int.from_bytes(self._offsets[place : place + word], self._order)
        return bytes(data[value : value + _LONGEST_NAME]).partition(b"\0")[0].decode("utf-8", "replace")


def _leb(data: Union[bytes, memoryview], at: int) -> Tuple[int, int]:
    """Reads a number of 7 bits a byte. Returns it, and where it ends."""
    value, shift = 0, 0
    while shift < 70:
        value |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not data[at - 1] & 0x80:
            break
    return value, at
