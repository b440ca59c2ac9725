# SPDX-License-Identifier: Apache-2.0
"""Tells what damaged bytes look like, and how far the same look goes on around them.

Approach: four looks are tried from the first damaged byte outwards: one repeated byte, bytes that count up, text, a
repeated word. The first look that covers the damage and goes on beyond it wins; the earlier ones are more specific.
If none does, the damaged word stands alone.
Rejected: comparing with the bytes before the damage; nobody knows them.
Cost: some kilobytes around each group of damage.
"""

from __future__ import annotations

import re
from typing import Callable, List, Tuple

from gdbext.model.diagnosis import Extent
from gdbext.model.said import Said, said
from gdbext.source.snapshot import Snapshot

_REACH_BYTES = 1 << 16  # to each side of the damage
_SHORT_REACH_BYTES = 1 << 12  # the same, for looks that are slow to measure
_TEXT_BEFORE = re.compile(rb"[\t\n\r -~]*\Z")
_TEXT_AFTER = re.compile(rb"[\t\n\r -~]*\0?")

# A run must go on for this many bytes beyond the damage before it counts as a run.
_TELLING_BYTES = 4

_Bounds = Tuple[int, int]  # bytes of a run before the damage, and from its first byte on


def extent_of(snapshot: Snapshot, address: int, length: int, low: int, high: int) -> Extent:
    """Returns the run that the damaged bytes belong to, within low..high, the bounds of what one write can reach."""
    before = snapshot.suffix(address, min(_REACH_BYTES, max(0, address - low)))
    after = snapshot.prefix(address, min(_REACH_BYTES, max(0, high - address)))
    for kind, measure in _KINDS if length else ():
        back, forth = measure(before, after)
        if forth < min(length, len(after)) or back + forth < length + _TELLING_BYTES:
            continue
        look = "zero" if kind == "fill" and after[0] == 0 else kind
        if forth <= snapshot.pointer_size - address % snapshot.pointer_size:
            forth = length  # the rest of the same word may be older than the damage
        data = snapshot.get(address - back, back + forth) or b""
        return Extent(address - back, address + forth, look, _describe(look, data))
    data = after[:length]
    told = said("bytes-alone", bytes=data.hex(" ") or None)
    if len(data) == snapshot.pointer_size and data.isascii() and data.decode("ascii").isprintable():
        told = said("bytes-alone-text", bytes=data.hex(" "), text=_shown(data))
    return Extent(address, address + len(data), "other", told)


def _fill(before: bytes, after: bytes) -> _Bounds:
    byte = after[:1]
    return len(before) - len(before.rstrip(byte)), len(after) - len(after.lstrip(byte))


def _text(before: bytes, after: bytes) -> _Bounds:
    ahead, behind = _TEXT_AFTER.match(after), _TEXT_BEFORE.search(before[-_SHORT_REACH_BYTES:])
    return len(behind[0]) if behind else 0, len(ahead[0]) if ahead else 0


def _stepping(before: bytes, after: bytes, distance: int, step: int) -> _Bounds:
    """Measures the run in which each byte is the byte `distance` before it, plus `step`."""
    data = before[-_SHORT_REACH_BYTES:] + after[:_SHORT_REACH_BYTES]
    start = len(data) - len(after[:_SHORT_REACH_BYTES])
    low = start
    while low > 0 and low - 1 + distance < len(data) and data[low - 1] == (data[low - 1 + distance] - step) & 0xFF:
        low -= 1
    high = start + distance
    while high < len(data) and data[high] == (data[high - distance] + step) & 0xFF:
        high += 1
    return start - low, min(high, len(data)) - start


_KINDS: List[Tuple[str, Callable[[bytes, bytes], _Bounds]]] = [
    ("fill", _fill),
    ("counter", lambda before, after: _stepping(before, after, 1, 1)),
    ("text", _text),
    ("pattern", lambda before, after: _stepping(before, after, 4, 0)),
]


def _describe(look: str, data: bytes) -> Said:
    count = len(data)
    if look == "fill":
        return said("bytes-fill", count=count, byte=data[0])
    if look == "zero":
        return said("bytes-zero", count=count)
    if look == "text":
        return said("bytes-text", count=count, text=_shown(data))
    if look == "counter":
        return said("bytes-counter", count=count, byte=data[0])
    return said("bytes-pattern", count=count, bytes=data[:4].hex(" "))


def _shown(data: bytes) -> str:
    """Returns text on one line. A long text is cut to its first and last 22 characters."""
    text = data.rstrip(b"\0").decode("ascii", "replace").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    return text if len(text) <= 48 else f"{text[:22]} ... {text[-22:]}"
