# SPDX-License-Identifier: Apache-2.0
"""Lays out the bytes of blocks around an address: the allocator's words, the users' bytes, what is damaged.

Approach: the layout and the guards of a heap name their own words; whatever lies between is payload, in rows of 16
bytes; rows of one repeated byte become one, and those that were not read. A place that breaks a rule is marked where
it lies.
Cost: the bytes of the blocks shown, most of which have been read with the heap.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Iterator, List, Optional, Sequence, Tuple

from gdbext.heap.facts import Fault, HeapFacts
from gdbext.heap.geometry import Part
from gdbext.model.region import Span
from gdbext.model.reports.view import Row
from gdbext.model.said import Said

_ROW = 16
_MOST_BYTES = 256  # of one payload, half from each end
_SHOWN_HEX = 16


def around(facts: HeapFacts, address: int, number: int) -> List[Tuple[int, int, bool]]:
    """Returns the blocks around an address: start and end with the header, and whether it is a proven block. `number`
    on each side of the one that holds it. Ranges in which no block could be proven count as one.
    """
    layout, walk = facts.layout, facts.walk
    spans = [(payload - layout.header, facts.end_of(payload), True) for payload in _near(facts, address, number + 1)]
    spans += [(gap.start, gap.end, False) for gap in walk.gaps()]
    spans.sort()
    at = next((index for index, (_, end, _) in enumerate(spans) if address < end), len(spans) - 1)
    return spans[max(0, at - number) : at + number + 1]


def _near(facts: HeapFacts, address: int, number: int) -> Sequence[int]:
    payloads = facts.walk.payloads
    at = bisect_right(payloads, address)
    at -= at > 0 and address < facts.end_of(payloads[at - 1])
    return payloads[max(0, at - number) : at + number + 1]


def rows_of(
    facts: HeapFacts, span: Tuple[int, int, bool], faults: Sequence[Fault], whole: bool
) -> Tuple[List[Row], int]:
    """Returns the rows of a block or gap, and how many bytes of it are left out."""
    start, end, is_block = span
    payload = start + facts.layout.header
    parts = _parts(facts, payload, end) if is_block else []
    rows: List[Row] = []
    left_out, place = 0, start
    for part in [*parts, Part(end, 0, "", "")]:
        if place < part.address:
            inside, left = _shown(place, part.address, whole)
            left_out += left
            for low, high in inside:
                rows += _bytes(facts, low, high, "payload" if is_block else "unproven", faults)
        if part.length:
            rows.append(_row(facts, part.address, part.address + part.length, part.kind, part.name, faults))
        place = max(place, part.address + part.length)
    return rows, left_out


def _parts(facts: HeapFacts, payload: int, end: int) -> List[Part]:
    """Returns the allocator's own words in a block, without those that overlap or lie outside."""
    size, is_free = facts.size_of(payload), facts.is_free(payload)
    parts = facts.layout.parts(payload, size, is_free, facts.read)
    parts += [] if is_free else facts.guards.parts(facts.snapshot, payload, size)
    found: List[Part] = []
    place = payload - facts.layout.header
    for part in sorted(parts, key=lambda part: part.address):
        if place <= part.address and part.address + part.length <= end:
            found.append(part)
            place = part.address + part.length
    return found


def _shown(low: int, high: int, whole: bool) -> Tuple[List[Span], int]:
    """Returns what is shown of a payload, and the bytes between: both ends, unless all of it is wanted."""
    if whole or high - low <= _MOST_BYTES:
        return [(low, high)], 0
    half = _MOST_BYTES // 2
    return [(low, low + half), (high - half, high)], high - low - 2 * half


def _bytes(facts: HeapFacts, low: int, high: int, kind: str, faults: Sequence[Fault]) -> Iterator[Row]:
    """Yields rows of users' bytes. Those of one repeated byte are one, and those that were not read, but for the
    damaged ones.
    """
    alike: Optional[Span] = None
    of: bytes = b""  # the byte that these rows repeat; none: they were not read
    for place in range(low, high, _ROW):
        end = min(place + _ROW, high)
        data = facts.snapshot.prefix(place, end - place)
        same = (not data or (len(data) == end - place and len(set(data)) == 1)) and not _damage(place, end, faults)
        if alike is not None and same and of == data[:1]:
            alike = alike[0], end
            continue
        if alike is not None:
            yield _row(facts, *alike, "fill", "", faults)
        alike, of = (place, end) if same else None, data[:1]
        if not same:
            yield _row(facts, place, end, kind, "", faults)
    if alike is not None:
        yield _row(facts, *alike, "fill", "", faults)


def _row(facts: HeapFacts, low: int, high: int, kind: str, name: str, faults: Sequence[Fault]) -> Row:
    data = facts.snapshot.prefix(low, min(high - low, _SHOWN_HEX))
    is_word = bool(name) and high - low in (2, 4, 8) and len(data) == high - low
    value = int.from_bytes(data, facts.snapshot.byte_order) if is_word else None
    return Row(low, high - low, data.hex(), kind if data else "unread", name, value, _damage(low, high, faults))


def _damage(low: int, high: int, faults: Sequence[Fault]) -> Tuple[Said, ...]:
    hit = (one for one in faults if one.address < high and low < one.address + max(one.length, 1))
    return tuple(dict.fromkeys(one.text for one in hit))
