# SPDX-License-Identifier: Apache-2.0
"""A log of the recorder of Linux processes, read plainly: each stream's events in their order in the file.

Not the product's reader: what the recorder wrote is held against a second opinion. Little-endian logs of 64 bits only;
columns of a pack are not compressed there.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

EVENT, HEADER, REGION = 32, 416, 65536
ALLOC, FREE, REALLOC_BEGIN, REALLOC_END, FAILED, MARK, SYNC, CONTROL, MAP, UNMAP = 1, 2, 3, 4, 5, 6, 8, 10, 12, 13
DEF_STACK, DEF_NAME, DEF_MODULE, PACK, STREAM, COUNTS, PROCESS, SKIP = 16, 17, 18, 19, 20, 21, 23, 24
SIZE_BITS, STACK_SHIFT, TIME_SHIFT, CONTEXT_MASK = 59, 32, 36, (1 << 24) - 1


class Event(NamedTuple):
    """A row, or one of a pack."""

    number: int
    time: int
    kind: int
    address: int
    size: int
    heap: int
    stack: int
    context: int


class Stack(NamedTuple):
    """A definition of one."""

    pcs: tuple[int, ...]  # innermost first
    end: int  # 0 whole, 1 cut, 2 ended early


@dataclass
class Log:
    """What a file has."""

    process: int = 0
    tick_hz: int = 0
    streams: dict[int, list[Event]] = field(default_factory=dict)
    stacks: dict[int, Stack] = field(default_factory=dict)
    names: dict[tuple[int, int], str] = field(default_factory=dict)  # kind and number
    modules: list[tuple[int, bytes, str]] = field(default_factory=list)
    counts: tuple[int, ...] = ()
    parent: int = 0
    how: int = 0
    own_bytes: int = 0
    command: list[str] = field(default_factory=list)
    torn: int = 0

    def events(self) -> list[Event]:
        """All, in the order of time; of one time, by their streams."""
        told = [
            (event.time, stream, place, event)
            for stream, all_ in self.streams.items()
            for place, event in enumerate(all_)
        ]
        return [event for *_, event in sorted(told)]


def read(path: Path) -> Log:
    """All of a file."""
    data = path.read_bytes()
    assert data[:8] == b"\x89MEMTRC\n" and data[8:10] == b"\x01\x08", path
    log = Log(process=struct.unpack_from("<I", data, 400)[0], tick_hz=struct.unpack_from("<I", data, 36)[0])
    at = HEADER
    while at < len(data):
        words = struct.unpack_from("<4Q", data, at)
        if not any(words):  # a kill came before the region was written to
            at = -(-(at + 1) // REGION) * REGION
            continue
        assert words[3] & 31 == STREAM, f"no region at {at:#x} of {path}"
        (size,) = struct.unpack_from("<Q", data, at + EVENT)
        begin = at + 2 * EVENT
        _region(log, words[0], data[begin : begin + size])
        at = begin + size
    return log


def _region(log: Log, stream: int, data: bytes) -> None:
    events, at, base, number = log.streams.setdefault(stream, []), 0, 0, 0
    while at < len(data):
        words = struct.unpack_from("<4Q", data, at)
        kind, at = words[3] & 31, at + EVENT
        if words[3] == 0:
            log.torn += any(words)
            if not any(words) or at < len(data):
                break
        elif kind >= DEF_STACK:
            size = words[1] & ((1 << SIZE_BITS) - 1)
            payload = data[at : at + size]
            at += -(-size // EVENT) * EVENT
            if kind == PACK:
                events.extend(_pack(words[0], payload))
            elif kind != SKIP:
                _definition(log, kind, words[0], words[1] >> SIZE_BITS, payload)
        elif kind == SYNC:
            base, number = words[0] | words[1] << 32, words[2]
        else:
            time = base + ((words[3] >> TIME_SHIFT) - base) % (1 << 28)
            events.append(_event(number, time, kind, words[0], words[1], words[2]))
            number += 1
    if not events:
        del log.streams[stream]


def _event(number: int, time: int, kind: int, address: int, size: int, owner: int) -> Event:
    low = size & ((1 << SIZE_BITS) - 1)
    return Event(number, time, kind, address, low, size >> SIZE_BITS, owner >> STACK_SHIFT, owner & CONTEXT_MASK)


def _pack(count: int, payload: bytes) -> Iterator[Event]:
    first, time, present, compression, length = struct.unpack_from("<QQQII", payload)
    assert compression == 0 and len(payload) == 32 + length
    planes, at = [], 32
    for plane in range(29):
        width = count if present >> plane & 1 else 1
        planes.append(payload[at : at + width] * (1 if width == count else count))
        at += width
    assert at == len(payload)
    for i in range(count):
        value = bytes(plane[i] for plane in planes)
        address, size, owner = struct.unpack_from("<3Q", value)
        time += struct.unpack_from("<I", value, 25)[0]
        yield _event(first + i, time, value[24] & 31, address, size, owner)


def _definition(log: Log, kind: int, number: int, heap: int, payload: bytes) -> None:
    if kind == DEF_STACK:
        log.stacks[number] = Stack(struct.unpack(f"<{len(payload) // 8}Q", payload), heap)
    elif kind == DEF_NAME:
        log.names[heap, number] = payload[8 if heap == 4 else 0 :].decode()
    elif kind == DEF_MODULE:
        end = 1 + payload[0]
        log.modules.append((number, payload[1:end], payload[end:].decode()))
    elif kind == COUNTS:
        log.counts = struct.unpack("<8I", payload)
    elif kind == PROCESS:
        log.parent, log.how, log.own_bytes = struct.unpack_from("<IIQ", payload)
        log.command = payload[16:].decode().split("\0")
