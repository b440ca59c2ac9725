# SPDX-License-Identifier: Apache-2.0
"""Raw memory images as a source: bytes at addresses, nothing else."""

from __future__ import annotations

from typing import Iterable, Optional, Tuple

from gdbext.source.snapshot import ByteOrder, Snapshot


class ImageSource(Snapshot):
    """Memory that lies in files or in a test."""

    def __init__(
        self, images: Iterable[Tuple[int, bytes]], pointer_size: int = 4, byte_order: ByteOrder = "little"
    ) -> None:
        super().__init__(pointer_size, byte_order)
        top = 1 << 8 * pointer_size  # no pointer leads to what lies above
        for base, data in images:
            self.add(base, data[: max(0, top - base)])

    read = Snapshot.get


class HeldSource:
    """What has been read of another source, and nothing more."""

    def __init__(self, held: Snapshot) -> None:
        self.pointer_size = held.pointer_size
        self.byte_order = held.byte_order
        self._held = held

    def read(self, address: int, length: int) -> Optional[bytes]:
        """Exactly `length` bytes, or None."""
        return self._held.get(address, length)
