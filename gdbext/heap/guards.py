# SPDX-License-Identifier: Apache-2.0
"""What an allocator puts around the bytes of its users, inside of its own blocks: canaries, lengths, owners."""

from __future__ import annotations

from typing import Mapping, Optional

from gdbext.model.record import Record
from gdbext.source.snapshot import Snapshot


class Guards(Record):
    """Nothing; an allocator that has guards says here where they are. `raw` is the allocator's own payload."""

    kind: str = "none"

    @property
    def shift(self) -> int:
        """Bytes from the allocator's payload to the user's."""
        return 0

    def requested(self, held: Snapshot, raw: int, size: int) -> Optional[int]:
        """What the user of a used block asked for; None: the guards do not tell."""
        return None

    def is_guarded(self, held: Snapshot, raw: int, size: int) -> bool:
        """Whether the guard behind a used block's last byte is intact, so that no write has run past its end."""
        return False

    def is_used(self, held: Snapshot, raw: int) -> bool:
        """Whether a guard tells by itself that a used block stands there."""
        return False

    def owner_place(self, raw: int) -> Optional[int]:
        """Where a used block keeps the handle of its task; None: tasks are not tracked."""
        return None

    def marked_blocks(self, held: Snapshot, low: int, high: int) -> Optional[Mapping[int, int]]:
        """Payloads between guards, with the bytes that these need; None: there are no guards on both sides."""
        return None


NO_GUARDS = Guards()
