# SPDX-License-Identifier: Apache-2.0
"""The memory of a live target, which counts what it is asked for."""

from __future__ import annotations

from gdbext.source.snapshot import ByteOrder


class Live:
    """One range of memory. Its bytes may be changed while it is read."""

    pointer_size = 4
    byte_order: ByteOrder = "little"

    def __init__(self, base: int, data: bytearray) -> None:
        self._base, self._data, self.reads, self.bytes = base, data, 0, 0

    def read(self, address: int, length: int) -> bytes | None:
        """All of it or none."""
        self.reads += 1
        self.bytes += length
        low = address - self._base
        return bytes(self._data[low : low + length]) if 0 <= low <= low + length <= len(self._data) else None
