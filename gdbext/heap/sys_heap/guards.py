# SPDX-License-Identifier: Apache-2.0
"""The trailers at the end of each chunk, which hardening FULL and EXTREME add: 8 bytes of canary.

Approach: what a canary is made of differs by version and may have a random part. So it is learnt from the heap: each
way to take the chunk out of it is tried, and the one by which most used chunks give the same value is the right one.
If none does, no trailer is judged.
Cost: 8 bytes for each used chunk.
"""

from __future__ import annotations

from collections import Counter
from types import MappingProxyType
from typing import Callable, Dict, Mapping, Optional, Tuple

from gdbext.heap.guards import NO_GUARDS, Guards
from gdbext.heap.sys_heap.layout import SIZE, UNIT, SysHeapLayout
from gdbext.heap.walk import Walk
from gdbext.source.snapshot import Snapshot, WordReader

_FEWEST = 3  # chunks that must agree
_SHARE = 0.6

# What a canary may be mixed with by XOR: takes the chunk's address, its number and its size field.
_MIXED: Tuple[Callable[[int, int, int], int], ...] = (
    lambda address, chunk, size: 0,
    lambda address, chunk, size: address,
    lambda address, chunk, size: address ^ size,
    lambda address, chunk, size: address ^ size >> 1,
    lambda address, chunk, size: chunk,
    lambda address, chunk, size: chunk ^ size,
    lambda address, chunk, size: address << 32 | size,
    lambda address, chunk, size: size << 32 | address,
    lambda address, chunk, size: chunk << 32 | size,
    lambda address, chunk, size: size << 32 | chunk,
)


class Trailers(Guards):
    """The canaries of a heap whose secret is known. `stored` and `wanted` are by the chunk's payload."""

    stored: Mapping[int, int] = MappingProxyType({})
    wanted: Mapping[int, int] = MappingProxyType({})

    def is_guarded(self, snapshot: Snapshot, raw: int, size: int) -> bool:
        """True if a used chunk's trailer is intact."""
        return raw in self.wanted and self.stored[raw] == self.wanted[raw]


def trailers_of(layout: SysHeapLayout, walk: Walk, read: WordReader, snapshot: Snapshot) -> Guards:
    """Returns the trailers of used chunks; none if the heap has none, or if what they are made of is not known."""
    if not layout.form.trailer:
        return NO_GUARDS
    stored: Dict[int, int] = {}
    parts: Dict[int, Tuple[int, int, int]] = {}
    for payload, size in walk.used():
        data = snapshot.get(layout.trailer_place(payload, size), UNIT)
        field = layout.field(read, payload, SIZE)
        if data is not None and field is not None:
            stored[payload] = int.from_bytes(data, layout.order)
            parts[payload] = payload - layout.header, layout.chunk_at(payload), field
    best: Optional[Tuple[int, int, Callable[[int, int, int], int]]] = None
    for mixed in _MIXED:
        common = Counter(stored[payload] ^ mixed(*parts[payload]) for payload in stored).most_common(1)
        if common and (best is None or common[0][1] > best[0]):
            best = common[0][1], common[0][0], mixed
    if best is None or best[0] < max(_FEWEST, _SHARE * len(stored)):
        return NO_GUARDS
    _, secret, mixed = best
    return Trailers(stored=stored, wanted={payload: secret ^ mixed(*parts[payload]) for payload in stored})
