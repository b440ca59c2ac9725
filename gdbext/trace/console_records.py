# SPDX-License-Identifier: Apache-2.0
"""Reads the records that memtrace's own console prints amid other text: docs/reference/console.md is their grammar.

Approach: a record is one line. It begins with a sign and ends with a sum of 16 bits over all before it, so that a line
that was torn, or that another task has written into, is known and never believed.
Rejected: a sum over the listing alone (one lost byte would cost all of it); decimal numbers (longer on a slow line).
Cost: some 20 microseconds a record.
"""

from __future__ import annotations

import binascii
import re
from typing import List, NamedTuple, Optional, Sequence, Tuple

SIGN = "MT1 "
BEGIN, NAME, LIVE, END, MARK, COUNTS = "B", "N", "A", "E", "M", "U"
STOP, TEXT, OWNER, FREED, LAST = "X", "T", "P", "F", "Z"
LEAK, LEAKED, MISSING = "L", "Y", "G"
HEAP, KIND, CAPABILITY, TASK, MODULE, ENTRIES = "H", "S", "C", "K", "D", "W"
UNKNOWN_BUILD = "0" * 16
_RECORD = re.compile(r"(MT1 ([A-Z])((?: [!-~]{1,128}){0,80})) #([0-9a-f]{4})(?![0-9a-f])")
_NUMBER = re.compile(r"[0-9a-f]{1,16}")
_ESCAPE = re.compile(r"%([0-9a-f]{2})")
_FIELDS_BEFORE_PCS = {LIVE: 5, LEAK: 7, STOP: 3, OWNER: 4, FREED: 4}


class ConsoleRecord(NamedTuple):
    """One record."""

    kind: str
    fields: Tuple[str, ...]

    def number(self, place: int) -> Optional[int]:
        """Returns a field as a number, None if it is none or missing."""
        if place >= len(self.fields) or not _NUMBER.fullmatch(self.fields[place]):
            return None
        return int(self.fields[place], 16)

    def word(self, place: int) -> str:
        """Returns a field as text, "" if it is missing."""
        return decoded(self.fields[place]) if place < len(self.fields) else ""

    @property
    def build_id(self) -> Optional[str]:
        """The first digits of the build-id that a record of kind BEGIN tells. None: it is not known."""
        told = self.word(2)
        return told if told not in ("", UNKNOWN_BUILD) else None

    @property
    def words(self) -> str:
        """All fields, as a text."""
        return " ".join(map(decoded, self.fields))

    @property
    def pcs(self) -> Tuple[int, ...]:
        """The return addresses at its end, innermost first."""
        first = _FIELDS_BEFORE_PCS.get(self.kind, len(self.fields))
        return tuple([int(one, 16) for one in self.fields[first:] if _NUMBER.fullmatch(one)])


def record_in(line: str) -> Optional[ConsoleRecord]:
    """Returns the record in a line. None if there is none, or its sum is wrong."""
    found = _RECORD.search(line)
    if found is None or sum_of(found[1]) != int(found[4], 16):
        return None
    return ConsoleRecord(found[2], tuple(found[3].split()))


def is_begun_in(line: str) -> bool:
    """Tells whether a line has the sign of a record, whole or not."""
    return SIGN in line


def sum_of(text: str) -> int:
    """Returns the sum of a record's text: the CRC of XMODEM, polynomial 0x1021, from 0."""
    return binascii.crc_hqx(text.encode("ascii", "replace"), 0)


def encoded(text: str) -> str:
    """Returns a name as a field: what is not printable, a space and % as %XX, by bytes of UTF-8. "-" if it is empty."""
    plain = "".join(chr(byte) if 0x21 <= byte < 0x7F and byte != 0x25 else f"%{byte:02x}" for byte in text.encode())
    return plain if plain not in ("", "-") else "-" if not plain else "%2d"


def decoded(field: str) -> str:
    """Returns the name that a field stands for."""
    if field == "-":
        return ""
    raw = _ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), field)
    return raw.encode("latin-1", "replace").decode("utf-8", "replace")


def record(kind: str, fields: Sequence[str]) -> str:
    """Returns the line of a record, as a device prints it."""
    parts: List[str] = [SIGN.strip(), kind, *fields]
    text = " ".join(parts)
    return f"{text} #{sum_of(text):04x}"
