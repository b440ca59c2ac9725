# SPDX-License-Identifier: Apache-2.0
"""The poison of umm_malloc: a length and four bytes a5 in front of the user's bytes, four bytes a5 behind them.

Approach: the length has 16 bits (upstream) or 32 (ESP8266 Arduino). The width is taken by which most used blocks are
poisoned at both ends. A program may call umm_malloc beside umm_poison_malloc: where many blocks have no poison, only a
block with one of its ends intact counts as poisoned.
Cost: two reads for each used block and width.
"""

from __future__ import annotations

from typing import Mapping, Optional

from gdbext.heap.guards import NO_GUARDS, Guards
from gdbext.heap.walk import Walk
from gdbext.source.snapshot import Snapshot, places_of

MARK = b"\xa5" * 4
_WIDTHS = (4, 2)
_MARK_BYTES = len(MARK)
_FEW = 2  # blocks without poison that may be damaged; and one in so many:
_SHARE = 16


class Poison(Guards):
    """One form: `width` bytes of length. `mixed`: some blocks have no poison at all."""

    width: int = 4
    mixed: bool = False

    @property
    def shift(self) -> int:
        """Returns the bytes from the allocator's payload to the user's."""
        return self.width + _MARK_BYTES

    @property
    def around(self) -> int:
        """Returns the bytes of poison in a block."""
        return self.shift + _MARK_BYTES

    def length(self, snapshot: Snapshot, raw: int) -> Optional[int]:
        """Returns the length as it is stored: the user's bytes and the poison."""
        data = snapshot.get(raw, self.width)
        return None if data is None else int.from_bytes(data, snapshot.byte_order)

    def requested(self, snapshot: Snapshot, raw: int, size: int) -> Optional[int]:
        """Returns the requested size of a used block, in bytes; None if its length is wrong or missing."""
        length = self.length(snapshot, raw)
        return length - self.around if length is not None and self.around < length <= size else None

    def tail(self, snapshot: Snapshot, raw: int, size: int) -> Optional[int]:
        """Returns where the poison behind a user's bytes begins; None if the length does not tell."""
        requested = self.requested(snapshot, raw, size)
        return None if requested is None else raw + self.shift + requested

    def is_guarded(self, snapshot: Snapshot, raw: int, size: int) -> bool:
        """True if the poison behind a used block's bytes is intact."""
        tail = self.tail(snapshot, raw, size)
        return tail is not None and snapshot.get(tail, _MARK_BYTES) == MARK

    def is_used(self, snapshot: Snapshot, raw: int) -> bool:
        """True if the poison in front is intact. It stays in freed blocks, behind their links."""
        return snapshot.get(raw + self.width, _MARK_BYTES) == MARK

    def is_poisoned(self, snapshot: Snapshot, raw: int, size: int) -> bool:
        """True if a used block must have poison."""
        return not self.mixed or self.is_used(snapshot, raw) or self.is_guarded(snapshot, raw, size)

    def marked_blocks(self, snapshot: Snapshot, low: int, high: int) -> Optional[Mapping[int, int]]:
        """Returns the payloads with poison at both ends, and the bytes that each needs."""
        found = {}
        for start, end in () if self.mixed else snapshot.known(low, high):
            data = snapshot.prefix(start, end - start)
            for raw in (start + place - self.width for place in places_of(data, MARK)):
                if raw % 4 == low % 4 and self.is_guarded(snapshot, raw, end - raw):
                    found[raw] = self.length(snapshot, raw) or 0
        return None if self.mixed else found


def find_poison(walk: Walk, snapshot: Snapshot) -> Guards:
    """Returns the form of poison that the used blocks of a heap have."""
    used = list(walk.used())
    forms = [Poison("light", width) for width in _WIDTHS]
    counts = [
        sum(one.is_used(snapshot, raw) and one.is_guarded(snapshot, raw, size) for raw, size in used) for one in forms
    ]
    most = max(counts)
    if not most:
        return NO_GUARDS
    width = _WIDTHS[counts.index(most)]
    lacking = len(used) - most
    if lacking <= _FEW + len(used) // _SHARE:
        return Poison("light", width)
    return Poison("light", width, True) if most > 1 else NO_GUARDS
