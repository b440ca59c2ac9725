# SPDX-License-Identifier: Apache-2.0
"""Describes what an allocator puts around its users' bytes inside its blocks: canaries, lengths, owners."""

from __future__ import annotations

from typing import List, Mapping, Optional, Tuple

from gdbext.heap.geometry import Part
from gdbext.model.record import Record
from gdbext.source.snapshot import Snapshot


class Guards(Record):
    """The guards of an allocator without any. One with guards derives from this. `raw` is the allocator's payload."""

    kind: str = "none"

    @property
    def shift(self) -> int:
        """Returns the bytes from the allocator's payload to the user's."""
        return 0

    def requested(self, snapshot: Snapshot, raw: int, size: int) -> Optional[int]:
        """Returns the requested size of a used block, in bytes; None if the guards do not tell."""
        return None

    def wrapped(self, requested: int) -> int:
        """Returns the bytes that a request takes with its guards."""
        return requested + self.shift

    def is_guarded(self, snapshot: Snapshot, raw: int, size: int) -> bool:
        """True if the guard behind a used block's last byte is intact: no write has run past its end."""
        return False

    def is_used(self, snapshot: Snapshot, raw: int) -> bool:
        """True if a guard alone proves that `raw` is a used block."""
        return False

    def parts(self, snapshot: Snapshot, raw: int, size: int) -> List[Part]:
        """Returns the guards of a used block, in address order: what a dump of the block names."""
        return [Part(raw, self.shift, "guard", "guard")] if self.shift else []

    def owner_place(self, raw: int) -> Optional[int]:
        """Returns the address of the task handle in a used block; None if tasks are not tracked."""
        return None

    def owner_name(self, snapshot: Snapshot, raw: int) -> Optional[str]:
        """Returns the name of the task that a used block itself gives as its owner; None if it gives none."""
        return None

    def allocated(self, snapshot: Snapshot, raw: int) -> Tuple[int, ...]:
        """Returns the return addresses that a used block keeps of its allocation, innermost first; () if none."""
        return ()

    def sequence(self, snapshot: Snapshot, raw: int) -> Optional[int]:
        """Returns the number that a used block itself gives its allocation; None if it gives none."""
        return None

    def strangers(self, words: Mapping[int, int]) -> List[int]:
        """Returns the keys of the owner words that cannot be a task's handle."""
        return []

    def marked_blocks(self, snapshot: Snapshot, low: int, high: int) -> Optional[Mapping[int, int]]:
        """Returns the payloads between intact guards, with the bytes that each needs for its request and guards.
        Returns None if blocks do not have guards on both sides.
        """
        return None

    def changed_free(self, data: bytes) -> Optional[range]:
        """Returns the places in a block that is being handed out whose bytes were written while it was free.
        Returns None if free memory has no fill.
        """
        return None


NO_GUARDS = Guards()
