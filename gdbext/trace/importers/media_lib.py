# SPDX-License-Identifier: Apache-2.0
"""Imports TRACE.LOG, the history that media_lib_sal's mem_trace saves.

Approach: records follow each other, little-endian and without a header. `+`, the number of frames, two bytes, then
words: address, size, PCs. `-`, a byte, the address. A reallocation is a free and an allocation. A file is recognised by
its first records: each must end where another begins. Where none begins, bytes are passed over up to a record that
another one follows. A stored PC is 4 (RISC-V) or 3 (Xtensa) less than the return address; without the program nobody
knows which, and 3 lies within the call on both.
Limits: no times, no tasks, no stacks of frees.
"""

from __future__ import annotations

import struct
from typing import Iterable, Iterator

from gdbext.model.said import said
from gdbext.trace.importers import FREE_STACKS, RISCV, TASKS, TIMES, Call, Importer, Item

_ALLOCATED, _FREED = ord("+"), ord("-")
_FREE_BYTES, _ALLOCATION_BYTES = 6, 12
_MOST_FRAMES = 32  # the tool's own limit is 10
_LONGEST = _ALLOCATION_BYTES + 4 * _MOST_FRAMES


def calls_of(chunks: Iterable[bytes], machine: int) -> Iterator[Item]:
    """Yields the call of each record. What is cut off at the end is told with its place."""
    step = 4 if machine == RISCV else 3
    data, before, is_lost = b"", 0, False
    for chunk in chunks:
        data, at = data + chunk, 0
        while len(data) - at > 2 * _LONGEST:
            size = _size_of(data, at)
            if not size or (is_lost and not _size_of(data, at + size)):
                if not is_lost:
                    yield None
                size, is_lost = 1, True
            else:
                is_lost = False
                yield from _calls(data, at, step)
            at += size
        data, before = data[at:], before + at
    at = 0
    while at < len(data):
        size = _size_of(data, at)
        if not size or at + size > len(data):
            yield said("media-lib-torn", place=before + at)
            return
        yield from _calls(data, at, step)
        at += size


def recognises(head: bytes) -> bool:
    """Tells whether records follow each other from the start of a file on, and one of them is an allocation."""
    at, allocations = 0, 0
    while at < len(head):
        size = _size_of(head, at)
        if not size:
            return False
        allocations += head[at] == _ALLOCATED and at + size <= len(head)
        at += size
    return allocations > 0


def _size_of(data: bytes, at: int) -> int:
    """Returns the bytes of the record that begins here. 0: none does."""
    if data[at] == _FREED:
        return _FREE_BYTES
    frames = data[at + 1] if at + 1 < len(data) else 0
    return _ALLOCATION_BYTES + 4 * frames if data[at] == _ALLOCATED and frames <= _MOST_FRAMES else 0


def _calls(data: bytes, at: int, step: int) -> Iterator[Call]:
    """Yields the call of one record. free(NULL) is none."""
    if data[at] == _FREED:
        (address,) = struct.unpack_from("<I", data, at + 2)
        if address:
            yield Call(address, freed=True)
        return
    address, size, *pcs = struct.unpack_from(f"<{2 + data[at + 1]}I", data, at + 4)
    yield Call(address, size, tuple([pc + step for pc in pcs if pc]))


SENTENCES = {
    "media-lib-sign": "records of + and - that follow each other",
    "media-lib-torn": "the log ends inside the record that begins at byte {place:,}: it was cut off there",
}
IMPORTER = Importer(
    "media_lib_mem_trace",
    recognises,
    calls_of,
    SENTENCES,
    sign=said("media-lib-sign"),
    lacks=(FREE_STACKS, TASKS, TIMES),
)
