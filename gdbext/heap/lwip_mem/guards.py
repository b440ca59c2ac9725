# SPDX-License-Identifier: Apache-2.0
"""Recognises the guards of MEM_OVERFLOW_CHECK: 16 bytes cd in front of a user's bytes and 16 behind them.

Approach: most used blocks must have them on both sides; `user_size`, the last member of the header, says where the
second ones stand. Assumption: MEM_SANITY_REGION_BEFORE and _AFTER have their default, 16.
"""

from __future__ import annotations

from typing import Mapping, Optional

from gdbext.heap.guards import NO_GUARDS, Guards
from gdbext.heap.lwip_mem.layout import LwipLayout
from gdbext.heap.walk import Walk
from gdbext.source.snapshot import ByteOrder, Snapshot, places_of

REGION = 16
FILL = b"\xcd" * REGION
# Where user_size stands in the header, by the width of an offset: behind `used` and what aligns it.
_USER_SIZE = {2: 6, 4: 12}


class OverflowCheck(Guards):
    """MEM_OVERFLOW_CHECK, with headers of `header` bytes and sizes of `width` bytes."""

    kind: str = "overflow-check"
    header: int = 0
    width: int = 2
    order: ByteOrder = "little"

    @property
    def shift(self) -> int:
        """Returns the bytes from the allocator's payload to the user's."""
        return REGION

    def length_place(self, raw: int) -> int:
        """Returns the address of `user_size`."""
        return raw - self.header + _USER_SIZE[self.width]

    def length(self, snapshot: Snapshot, raw: int) -> Optional[int]:
        """Returns `user_size` as it is stored."""
        data = snapshot.get(self.length_place(raw), self.width)
        return None if data is None else int.from_bytes(data, self.order)

    def requested(self, snapshot: Snapshot, raw: int, size: int) -> Optional[int]:
        """Returns the requested size of a used block; None if its user_size is wrong."""
        length = self.length(snapshot, raw)
        return None if length is None or not 0 < length <= size - 2 * REGION else length

    def wrapped(self, requested: int) -> int:
        """Returns the bytes that a request takes with its guards."""
        return requested + 2 * REGION

    def is_guarded(self, snapshot: Snapshot, raw: int, size: int) -> bool:
        """True if the guard behind a block's last byte is intact."""
        requested = self.requested(snapshot, raw, size)
        return requested is not None and snapshot.get(raw + REGION + requested, REGION) == FILL

    def marked_blocks(self, snapshot: Snapshot, low: int, high: int) -> Mapping[int, int]:
        """Returns the payloads between two intact guards, with the bytes that request and guards need."""
        found = {}
        for start, end in snapshot.known(low, high):
            data = snapshot.prefix(start, end - start)
            for raw in (start + place for place in places_of(data, FILL)):
                length = self.length(snapshot, raw)
                if length is not None and snapshot.get(raw + REGION + length, REGION) == FILL:
                    found[raw] = self.wrapped(length)
        return found


def find_guards(layout: LwipLayout, walk: Walk, snapshot: Snapshot) -> Guards:
    """Returns the guards that the used blocks of a heap have."""
    if layout.header < _USER_SIZE[layout.form.width] + layout.form.width:
        return NO_GUARDS
    check = OverflowCheck(header=layout.header, width=layout.form.width, order=layout.order)
    used = list(walk.used())
    marked = sum(snapshot.get(raw, REGION) == FILL or check.is_guarded(snapshot, raw, size) for raw, size in used)
    return check if used and 2 * marked > len(used) else NO_GUARDS
