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
from typing import Callable, List, Optional, Tuple

from gdbext.model import Extent
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
    run = next((run for run in (_run(kind, before, after, length) for kind in _KINDS) if run), None) if length else None
    if run is not None:
        back, forth, look = run
        if forth <= held.pointer_size - address % held.pointer_size:
            forth = length  # what follows in the same word was there before
        data = held.get(address - back, back + forth) or b""
        return Extent(address - back, address + forth, look, _describe(look, data))
    data = after[:length]
    return Extent(address, address + len(data), "other", _alone(held, data))


def _run(
    kind: Tuple[str, Callable[[bytes, bytes], _Bounds]], before: bytes, after: bytes, length: int
) -> Optional[Tuple[int, int, str]]:
    name, measure = kind
    back, forth = measure(before, after)
    if forth < min(length, len(after)) or back + forth < length + _TELLING:
        return None
    return back, forth, "zero" if name == "fill" and after[0] == 0 else name


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


def _describe(look: str, data: bytes) -> str:
    if look == "fill":
        return f"{len(data):,} x {data[0]:02x}  (fill pattern: not a pointer, not text)"
    if look == "zero":
        return f"{len(data):,} x 00  (zeros)"
    if look == "text":
        return f"{len(data):,} bytes of text {_quoted(data)}"
    if look == "counter":
        return f"{len(data):,} bytes that count up from {data[0]:02x}"
    return f"{len(data):,} bytes that repeat {data[:4].hex(' ')}"


def _quoted(data: bytes) -> str:
    text = data.rstrip(b"\0").decode("ascii", "replace").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    return f'"{text}"' if len(text) <= 48 else f'"{text[:22]} ... {text[-22:]}"'


def _alone(held: Snapshot, data: bytes) -> str:
    shown = data.hex(" ") or "not read"
    if len(data) == held.pointer_size and data.isascii() and data.decode("ascii").isprintable():
        return f"{shown}  (text {_quoted(data)})"
    return shown
