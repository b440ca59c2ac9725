# SPDX-License-Identifier: Apache-2.0
"""Builds SPIFFS images of any sizes, as an image maker does: all files whole, one behind the other.

What a library leaves behind (old pages, cut changes) is in the shared images; tests change bytes here for the rest.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

FREE = 0xFFFF
INDEX_ID = 0x8000
DATA, INDEX = 0xFC, 0xF8  # flags of a page that is written
HEADER, INDEX_HEADER = 5, 8


@dataclass(frozen=True)
class Sizes:
    """What an image is made with, in bytes."""

    page: int = 256
    block: int = 4096
    name: int = 32
    meta: int = 4
    total: int = 65536
    magic: str = "length"  # "": none; "plain": of the page size; "length": of the number of blocks, too
    aligned: bool = False

    @property
    def lookups(self) -> int:
        """Lookup pages in a block."""
        return max(1, self.block // self.page * 2 // self.page)

    @property
    def table(self) -> int:
        """Where an index header's page numbers begin."""
        table = INDEX_HEADER + 4 + 1 + self.name + self.meta
        return table + table % 2 if self.aligned else table


class Maker:
    """An image that is being made."""

    def __init__(self, sizes: Sizes) -> None:
        self.sizes = sizes
        self.data = bytearray(b"\xff" * sizes.total)
        a_block = sizes.block // sizes.page
        self._free = (one for one in range(sizes.total // sizes.page) if one % a_block >= sizes.lookups)
        self._objects = 0

    def page(self, object_id: int, span: int, flags: int, content: bytes) -> int:
        """Writes a page. Returns its number."""
        number, sizes = next(self._free), self.sizes
        block, at = divmod(number, sizes.block // sizes.page)
        struct.pack_into("<H", self.data, block * sizes.block + 2 * (at - sizes.lookups), object_id)
        start = number * sizes.page
        whole = struct.pack("<HHB", object_id, span, flags) + content
        assert len(whole) <= sizes.page
        self.data[start : start + len(whole)] = whole
        return number

    def file(self, name: str, content: bytes) -> int:
        """Writes a file, its index header last. Returns the number of that page."""
        self._objects += 1
        sizes, each = self.sizes, self.sizes.page - HEADER
        pages = [
            self.page(self._objects, span, DATA, content[at : at + each])
            for span, at in enumerate(range(0, len(content), each))
        ]
        in_header, in_page = (sizes.page - sizes.table) // 2, (sizes.page - INDEX_HEADER) // 2
        for span, at in enumerate(range(in_header, len(pages), in_page), 1):
            listed = pages[at : at + in_page]
            self.page(self._objects | INDEX_ID, span, INDEX, b"\xff" * 3 + struct.pack(f"<{len(listed)}H", *listed))
        size = len(content) or 0xFFFFFFFF
        head = b"\xff" * 3 + struct.pack("<IB", size, 1) + name.encode().ljust(sizes.name, b"\0") + b"\xff" * sizes.meta
        head = head.ljust(sizes.table - HEADER, b"\xff")
        listed = pages[:in_header]
        return self.page(self._objects | INDEX_ID, 0, INDEX, head + struct.pack(f"<{len(listed)}H", *listed))

    def image(self) -> bytes:
        """The image, with its magics."""
        sizes, count = self.sizes, self.sizes.total // self.sizes.block
        for block in range(count if sizes.magic else 0):
            magic = 0x0529 ^ sizes.page ^ (count - block if sizes.magic == "length" else 0)
            struct.pack_into("<H", self.data, block * sizes.block + sizes.lookups * sizes.page - 4, magic & 0xFFFF)
        return bytes(self.data)


def spiffs(files: Mapping[str, bytes], sizes: Sizes | None = None) -> bytes:
    """An image with these files."""
    maker = Maker(sizes or Sizes())
    for name, content in files.items():
        maker.file(name, content)
    return maker.image()
