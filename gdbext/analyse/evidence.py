# SPDX-License-Identifier: Apache-2.0
"""What damaged bytes look like, and how far what they look like goes on.

Approach: from the first damaged byte outwards, as long as the bytes go on as they are: one repeated byte, counting up,
text, or a repeated word. The first of these that covers the damage and goes on beyond it wins, for the earlier are more
special. Where nothing goes on, the damaged word stands alone.
Rejected: comparing with what was there before; nobody knows that.
Cost: some kilobytes around each group of damage.
"""

from __future__ import annotations

import re
from typing import Callable, List, Tuple

from gdbext.model.diagnosis import Extent
from gdbext.model.said import Said, said
from gdbext.source.snapshot import Snapshot

_REACH = 1 << 16
_SHORT_REACH = 1 << 12
_TEXT_BEFORE = re.compile(rb"[\t\n\r -~]*\Z")
_TEXT_AFTER = re.compile(rb"[\t\n\r -~]*\0?")

# A run must go on for this many bytes beyond the damage itself before it says anything.
_TELLING = 4

_Bounds = Tuple[int, int]


def extent_of(held: Snapshot, address: int, length: int, low: int, high: int) -> Extent:
    """The run that the damaged bytes belong to, within low..high: the intact words around it bound a single write."""
    before = held.suffix(address, min(_REACH, max(0, address - low)))
    after = held.prefix(address, min(_REACH, max(0, high - address)))
    for kind, measure in _KINDS if length else ():
        back, forth = measure(before, after)
        if forth < min(length, len(after)) or back + forth < length + _TELLING:
            continue
        look = "zero" if kind == "fill" and after[0] == 0 else kind
        if forth <= held.pointer_size - address % held.pointer_size:
            forth = length  # what follows in the same word was there before
        data = held.get(address - back, back + forth) or b""
        return Extent(address - back, address + forth, look, _describe(look, data))
    data = after[:length]
    told = said("bytes-alone", bytes=data.hex(" ") or None)
    if len(data) == held.pointer_size and data.isascii() and data.decode("ascii").isprintable():
        told = said("bytes-alone-text", bytes=data.hex(" "), text=_shown(data))
    return Extent(address, address + len(data), "other", told)


def _fill(before: bytes, after: bytes) -> _Bounds:
    byte = after[:1]
    return len(before) - len(before.rstrip(byte)), len(after) - len(after.lstrip(byte))


def _text(before: bytes, after: bytes) -> _Bounds:
    ahead, behind = _TEXT_AFTER.match(after), _TEXT_BEFORE.search(before[-_SHORT_REACH:])
    return len(behind[0]) if behind else 0, len(ahead[0]) if ahead else 0


def _stepping(before: bytes, after: bytes, distance: int, step: int) -> _Bounds:
    """How far bytes equal the one `distance` before them plus `step`."""
    data = before[-_SHORT_REACH:] + after[:_SHORT_REACH]
    start = len(data) - len(after[:_SHORT_REACH])
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
    """Text on one line; of a long one its begin and its end."""
    text = data.rstrip(b"\0").decode("ascii", "replace").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    return text if len(text) <= 48 else f"{text[:22]} ... {text[-22:]}"
