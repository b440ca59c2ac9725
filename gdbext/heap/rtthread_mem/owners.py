# SPDX-License-Identifier: Apache-2.0
"""Reads who allocated a block from its own item: the begin of the thread's name that RT_USING_MEMTRACE keeps there."""

from __future__ import annotations

from typing import Optional

from gdbext.heap.guards import Guards
from gdbext.source.snapshot import Snapshot

_NO_THREAD = "NONE"


class ThreadNames(Guards):
    """The names in the items of one heap. There are no canaries."""

    header: int = 0
    name_at: int = 0
    length: int = 0
    mark: bytes = b""  # of a block in use

    def owner_name(self, snapshot: Snapshot, raw: int) -> Optional[str]:
        """Returns the first 4 bytes of the thread's name, on 64 bits 8; None if there was no thread, if nothing
        printable is there, or if the item is overwritten.
        """
        item = raw - self.header
        data = snapshot.get(item + self.name_at, self.length)
        if snapshot.get(item, len(self.mark)) != self.mark:
            return None
        name = "" if data is None else data.decode("latin-1").rstrip(" ")
        return name if name not in ("", _NO_THREAD) and all(" " <= letter <= "~" for letter in name) else None
