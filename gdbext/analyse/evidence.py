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
from typing import Callable, List, Sequence, Set, Tuple

from gdbext.model.diagnosis import Extent
from gdbext.model.region import Span
from gdbext.model.said import Said, said
from gdbext.source.snapshot import Snapshot

_REACH_BYTES = 1 << 16  # to each side of the damage
_SHORT_REACH_BYTES = 1 << 12  # the same, for looks that are slow to measure
_TEXT_BEFORE = re.compile(rb"[\t\n\r -~]*\Z")
_TEXT_AFTER = re.compile(rb"[\t\n\r -~]*\0?")
_NEAR_BYTES = 1 << 22  # a word that leads so near to the heap is taken for a pointer
_BYTES_SHOWN = 16  # of bytes that look like nothing
_PERIOD = 4  # bytes of a repeated word

# A run must go on for this many bytes beyond the damage before it counts as a run. Of bytes that only repeat a word,
# the first word is no evidence, and heaps are full of equal neighbours.
_TELLING_BYTES = {"fill": 4, "counter": 4, "text": 4, "pattern": 3 * _PERIOD}

_Bounds = Tuple[int, int]  # bytes of a run before the damage, and from its first byte on
_Own = Set[int]  # where the allocator's own intact words lie in the bytes before the damage


def extent_of(
    snapshot: Snapshot, address: int, length: int, low: int, high: int, own_words: Sequence[Span] = ()
) -> Extent:
    """Returns the run that the damaged bytes belong to, within low..high, the bounds of what one write can reach.

    The run passes over `own_words`, which the allocator has written since, and neither begins nor ends in one.
    """
    before = snapshot.suffix(address, min(_REACH_BYTES, max(0, address - low)))
    after = snapshot.prefix(address, min(_REACH_BYTES, max(0, high - address)))
    base = address - len(before)
    own = {place - base for start, end in own_words for place in range(max(start, base), min(end, address))}
    for kind, measure in _KINDS if length and after else ():
        back, forth = measure(before, after, own)
        back = _without_pointer(snapshot, address, back, low, high)
        look = "zero" if kind == "fill" and after[0] == 0 else kind
        whole = forth >= min(length, len(after)) and back + forth >= length + _TELLING_BYTES[kind]
        # A run that ends in the damaged word has overwritten a part of it: the rest is as it was.
        partly = look in ("fill", "counter") and back >= _TELLING_BYTES[kind] and 2 * forth >= length
        if not (whole or partly):
            continue
        if whole and forth <= snapshot.pointer_size - address % snapshot.pointer_size:
            forth = length  # the rest of the same word may be older than the damage
        passed = sum(place >= len(before) - back for place in own)
        data = snapshot.get(address - back, back + forth) or b""
        return Extent(address - back, address + forth, look, _describe(look, data), passed)
    data = after[:length]
    told = said("bytes-alone", bytes=data.hex(" ") or None)
    if len(data) > _BYTES_SHOWN:
        told = said("bytes-many", bytes=data[:_BYTES_SHOWN].hex(" "), count=len(data))
    return Extent(address, address + len(data), "other", told)


def _without_pointer(snapshot: Snapshot, address: int, back: int, low: int, high: int) -> int:
    """Returns how far a run goes back, without the part of a word that it did not write: a pointer into the heap whose
    last byte only looks like the run's.
    """
    width = snapshot.pointer_size
    first = address - back
    odd = first % width
    value = snapshot.word(first - odd) if odd and back > width else None
    if value is not None and low - _NEAR_BYTES <= value < high + _NEAR_BYTES:
        back -= width - odd
    return back


def _filled(data: bytes, own: _Own, byte: int) -> bytes:
    """Returns bytes with those of `own` replaced by one that a run would have there."""
    if not own:
        return data
    filled = bytearray(data)
    for place in own:
        filled[place] = byte
    return bytes(filled)


def _stripped(back: int, before: bytes, own: _Own) -> int:
    """Returns how far back a run goes that may not begin in one of the allocator's own words."""
    while back and len(before) - back in own:
        back -= 1
    return back


def _fill(before: bytes, after: bytes, own: _Own) -> _Bounds:
    byte = after[:1]
    seen = _filled(before, own, byte[0] if byte else 0)
    return _stripped(len(seen) - len(seen.rstrip(byte)), before, own), len(after) - len(after.lstrip(byte))


def _text(before: bytes, after: bytes, own: _Own) -> _Bounds:
    ahead = _TEXT_AFTER.match(after)
    behind = _TEXT_BEFORE.search(_filled(before, own, ord("-"))[-_SHORT_REACH_BYTES:])
    return _stripped(len(behind[0]) if behind else 0, before, own), len(ahead[0]) if ahead else 0


def _stepping(before: bytes, after: bytes, own: _Own, distance: int, step: int) -> _Bounds:
    """Measures the run in which each byte is the byte `distance` before it, plus `step`."""
    data = bytearray(before[-_SHORT_REACH_BYTES:] + after[:_SHORT_REACH_BYTES])
    start = len(data) - len(after[:_SHORT_REACH_BYTES])
    skipped, low = len(before) - start, start
    while low > 0 and low - 1 + distance < len(data):
        wanted = (data[low - 1 + distance] - step) & 0xFF
        if low - 1 + skipped in own:
            data[low - 1] = wanted
        elif data[low - 1] != wanted:
            break
        low -= 1
    high = start + distance
    while high < len(data) and data[high] == (data[high - distance] + step) & 0xFF:
        high += 1
    return _stripped(start - low, before, own), min(high, len(data)) - start


_KINDS: List[Tuple[str, Callable[[bytes, bytes, _Own], _Bounds]]] = [
    ("fill", _fill),
    ("counter", lambda before, after, own: _stepping(before, after, own, 1, 1)),
    ("text", _text),
    ("pattern", lambda before, after, own: _stepping(before, after, own, _PERIOD, 0)),
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
