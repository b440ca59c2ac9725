# SPDX-License-Identifier: Apache-2.0
"""Bounds for pyelftools, which believes what a program's file says: sizes, counts, references.

Approach: the sizes of sections are checked before pyelftools reads them. Debug sections are then streams that count
their reads, and a look-up that reads many times more often than there are bytes is ended: it goes round in circles.
Entries are followed by their places, each behind the one before.
Rejected: pyelftools' own iteration over children (a sibling may lie before its brother, for ever).
Cost: some 10% of the time of a look-up.
"""

from __future__ import annotations

import io
import sys
import zlib
from contextlib import contextmanager
from typing import Any, Iterator, List, Sequence, Tuple

from gdbext.source.files import LARGEST_FILE

_DEBUG = (".debug", ".zdebug", ".eh_frame", ".gnu_debug")
_OLD_HEADER = 12  # of a section .zdebug_*: "ZLIB" and its size
_PIECE_BYTES = 1 << 20
_FREE_READS = 1 << 16


class Damaged(Exception):
    """Something in the file cannot be what it says."""


class Budget:
    """The number of reads that a look-up may make."""

    def __init__(self, bytes_: int) -> None:
        self._most = _FREE_READS + 2 * bytes_
        self.left = self._most

    def renew(self) -> None:
        """Starts a look-up."""
        self.left = self._most


class _Counted(io.BytesIO):
    """A debug section whose reads are counted."""

    def __init__(self, data: bytes, budget: Budget) -> None:
        super().__init__(data)
        self._budget = budget

    def read(self, size: Any = -1) -> bytes:
        self._budget.left -= 1
        if self._budget.left < 0:
            raise Damaged("its debug information leads in circles")
        return super().read(size)


@contextmanager
def few_calls(most: int = 1 << 21) -> Iterator[None]:
    """Ends a parser that makes too many calls: of entries that have no bytes, a header may list any number."""
    before, left = sys.getprofile(), [most]

    def count(*_: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            sys.setprofile(before)
            raise Damaged("one of its headers has no end")

    sys.setprofile(count)
    try:
        yield
    finally:
        sys.setprofile(before)


def sections_of(elf: Any, most: int) -> List[Any]:
    """Returns the sections whose headers can be read, of the first `most`."""
    found = []
    for number in range(min(elf.num_sections(), most)):
        try:
            found.append(elf.get_section(number))
        except Exception:  # on a damaged file pyelftools raises any kind of exception
            continue
    return found


def bytes_of(section: Any, most: int) -> bytes:
    """Returns the bytes of a section. Raises Damaged if it has none in the file, or would have more than `most`."""
    header = section.header
    if header.sh_type == "SHT_NOBITS" or max(header.sh_size, section.data_size) > min(most, LARGEST_FILE):
        raise Damaged(f"its section {section.name} has no such size")
    data: bytes = section.data()
    return data


def dwarf_of(elf: Any, sections: Sequence[Any], size: int) -> Tuple[Any, Budget]:
    """Returns the debug information of a program of `size` bytes, and the budget of its reads."""
    plain, packed = 0, 0
    for section in sections:
        if not section.name.startswith(_DEBUG):
            continue
        if section.header.sh_type == "SHT_NOBITS" and section.header.sh_size:
            raise Damaged(f"its section {section.name} has no bytes")
        plain += section.header.sh_size
        packed += section.data_size if section.compressed else 0
        if section.name.startswith(".zdebug"):
            packed += _unpacked_size(bytes_of(section, size)[_OLD_HEADER:])
    if plain > size or plain + packed > LARGEST_FILE:
        raise Damaged("its debug sections are larger than they can be")
    dwarf = elf.get_dwarf_info(relocate_dwarf_sections=False)
    budget = Budget(plain + packed)
    for name, value in list(vars(dwarf).items()):
        if hasattr(value, "stream"):
            value.stream.seek(0)
            setattr(dwarf, name, value._replace(stream=_Counted(value.stream.read(), budget)))
    return dwarf, budget


def _unpacked_size(data: bytes) -> int:
    unpacker, size = zlib.decompressobj(), 0
    while data and size <= LARGEST_FILE:
        size += len(unpacker.decompress(data, _PIECE_BYTES))
        data = unpacker.unconsumed_tail
    return size


def children_of(entry: Any) -> Iterator[Any]:
    """Yields the children of an entry of the debug information."""
    unit, place, depth = entry.cu, entry.offset + entry.size, 1
    while entry.has_children and depth:
        child = unit.get_DIE_from_refaddr(place)
        if child.is_null():
            depth -= 1
            place += child.size
            continue
        if depth == 1:
            yield child
        sibling = child.attributes.get("DW_AT_sibling")
        behind = place + child.size
        if child.has_children and sibling is not None:
            told = sibling.value + (0 if sibling.form == "DW_FORM_ref_addr" else unit.cu_offset)
            if told < behind:
                raise Damaged("an entry's sibling lies before it")
            place = told
            continue
        depth += 1 if child.has_children else 0
        place = behind
