# SPDX-License-Identifier: Apache-2.0
"""Imports what ESP-IDF's heap_caps_dump and heap_caps_dump_all print: the blocks of each heap, used and free.

Approach: since 4.3 a heap begins with `Showing data for heap:`, and each block says whether it is free. Before, it
began with `Heap start`, and a block was named by its header, 4 bytes before its data. A heap that comes again begins
another dump. Free blocks are counted.
Rejected: free blocks as frees (nobody knows that they ever were anything else).
Limits: a dump has no end of its own, and nothing tells that its last lines are missing. With poisoning a block begins
with 8 bytes that are not the user's, and its size has 12 more.
"""

from __future__ import annotations

import re
from typing import Iterable, Iterator, Optional, Sequence, Set, Union

from gdbext.model.said import said
from gdbext.trace.importers import CALLS, PEAK, STACKS, TASKS, TIMES, Importer, Item
from gdbext.trace.importers.listing import Listing, Parser, Row, begins, items_of

_HEAP = re.compile(r"(?:Showing data for heap:|Heap start) 0[xX](?P<heap>[0-9a-fA-F]{1,16})\b")
_BLOCK = re.compile(
    r"Block 0[xX](?P<address>[0-9a-fA-F]{1,16}) data, size: (?P<size>[0-9]{1,10}) bytes, Free: (?P<free>Yes|No)\b"
)
_OLD = re.compile(
    r"Block 0[xX](?P<address>[0-9a-fA-F]{1,16}) data size 0x(?P<size>[0-9a-fA-F]{8}) bytes next block "
    r"(?:0[xX][0-9a-fA-F]{1,16}|\(nil\))(?P<free> FREE\b)?"
)
_PART = re.compile(r"Block 0[xX][0-9a-fA-F]{1,16} data")
PRINTED = (
    "Block 0x00000000 data, size: 0 bytes, Free: ",
    "Block 0x00000000 data size 0x00000000 bytes next block 0x0",
)
_OLD_HEADER = 4


class HeapCapsDump(Parser):
    """Knows the dumps of heap_caps_dump."""

    def __init__(self) -> None:
        self._listing: Optional[Listing] = None
        self._heap: Optional[str] = None
        self._seen: Set[str] = set()
        self._free = self._free_bytes = self._largest = 0

    def take(self, line: str, is_cut: bool = False) -> Sequence[Union[Listing, Item]]:
        """Takes a line; returns the dump before, where another begins."""
        heap, block, old = _HEAP.search(line), _BLOCK.search(line), _OLD.search(line)
        if heap is not None:
            before = self.end() if heap["heap"] in self._seen else ()
            self._listing = self._listing or Listing()
            self._heap = f"{int(heap['heap'], 16):#x}"
            self._seen.add(heap["heap"])
            return before
        if block is not None:
            self._take_block(int(block["address"], 16), int(block["size"]), block["free"] == "Yes")
        elif old is not None:
            self._take_block(int(old["address"], 16) + _OLD_HEADER, int(old["size"], 16), old["free"] is not None)
        elif self._listing is not None and (
            _PART.search(line) is not None or (is_cut and any(begins(line, form) for form in PRINTED))
        ):
            self._listing.unread += 1
            self._listing.is_cut |= is_cut
        return ()

    def end(self) -> Sequence[Union[Listing, Item]]:
        """Returns the last dump."""
        listing, self._listing = self._listing, None
        if listing is None:
            return ()
        free = said("caps-dump-free", blocks=self._free, size=self._free_bytes, largest=self._largest)
        listing.notes.append(free)
        self.__init__()  # type: ignore[misc]
        return (listing,)

    def _take_block(self, address: int, size: int, is_free: bool) -> None:
        self._listing = self._listing or Listing()
        if is_free:
            self._free, self._free_bytes = self._free + 1, self._free_bytes + size
            self._largest = max(self._largest, size)
        else:
            self._listing.add(Row(address, size, heap=self._heap))


def calls_of(chunks: Iterable[bytes], machine: int) -> Iterator[Item]:
    """Yields the used blocks of the last dump in a text."""
    return items_of(HeapCapsDump(), chunks)


SENTENCES = {
    "caps-dump-sign": "lines of blocks, as heap_caps_dump prints them",
    "caps-dump-free": "{blocks:block} of {size:byte} was free, the largest of {largest:byte}",
}
IMPORTER = Importer(
    "esp_idf_heap_caps_dump",
    lambda head: False,
    calls_of,
    SENTENCES,
    sign=said("caps-dump-sign"),
    lacks=(CALLS, PEAK, STACKS, TASKS, TIMES),
    line=re.compile(
        rb"Showing data for heap: 0x[0-9a-f]|Block 0x[0-9a-f]{1,16} data(?:, size: [0-9]| size 0x[0-9a-f]{8} bytes)"
    ),
)
