# SPDX-License-Identifier: Apache-2.0
"""What makes the sentences of logs appear."""

from __future__ import annotations

import gzip
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import zstandard

from gdbext.target.files import file_target
from gdbext.trace.log import LogReader
from tests.docs.sentences.world import ask, refused
from tests.support import flash, uart
from tests.support.log import HEADER, Log
from tests.support.ring import Ring


def read(data: bytes) -> list[Any]:
    reader = LogReader()
    return [*reader.feed(data), *reader.finish()]


def many_streams() -> Any:
    log = Log(required=2)
    for number in range((1 << 16) + 1):
        log.stream(number, 0, 0)
    return refused(lambda: read(log.data))


def without_zstd() -> Any:
    log = Log(required=1)
    log.pack(0, 0, [(1, 2, 3, 1)], [0], 1)
    with patch.dict(sys.modules, {"zstandard": None}):
        return refused(lambda: read(log.data))


def of_file(data: bytes, *words: str) -> Callable[[], Any]:
    """A report on a file with these bytes."""

    def report() -> Any:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "log"
            path.write_bytes(data)
            return ask(file_target(str(path), [], None, []), *words)

    return report


def lossy() -> bytes:
    log = Log(tick_hz=0)
    log.event("alloc", 0x1000, 8)
    log.seq += 5
    log.row(1, 2, 3, 15)
    log.event("free", 0x1000)
    return bytes(log.data)


def unsorted() -> Any:
    log = Log(required=2 | 8)
    return refused(of_file(gzip.compress(bytes(log.data)), "leaks"))


def few_events() -> Any:
    with patch("gdbext.commands.log.MOST_OF_LOG", 1):
        return of_file(lossy(), "log", "--task", "main")()


def packed_log(pack: Callable[[bytes], bytes]) -> bytes:
    log = Log(tick_hz=0)
    for number in range(90_000):
        log.event("alloc", number * 40503 & 0xFFFFFFF0, 8)
    return pack(bytes(log.data))


def damaged(data: bytes) -> bytes:
    half = len(data) // 2
    return data[:half] + bytes(byte ^ 0xFF for byte in data[half:])


def carried(carry: Callable[[bytes], bytes]) -> Any:
    """A report on a log that something carries, of which some is broken."""
    log = Log()
    for number in range(300):
        log.event("alloc", 16 * number + 16, 8)
    return of_file(carry(bytes(log.data)), "leaks")()


def torn_flash(log: bytes) -> bytes:
    data = bytearray(flash.partition(log, HEADER))
    data[5000] ^= 0xFF
    return bytes(data)


def broken_line(log: bytes) -> bytes:
    frames = uart.framed(log, HEADER)
    return b"".join([*frames[:3], frames[3][1:90], *frames[4:]])


RECIPES: dict[str, Callable[[], Any]] = {
    "a ring as a log": lambda: refused(lambda: read(Ring().data())),
    "many streams": many_streams,
    "zstd is missing": without_zstd,
    "a log that lacks something": of_file(lossy(), "leaks"),
    "regions that are not in order": unsorted,
    "many events of a log": few_events,
    "a cut zstd file": lambda: of_file(packed_log(zstandard.compress)[:-5], "leaks")(),
    "a torn flash partition": lambda: carried(torn_flash),
    "a broken frame": lambda: carried(broken_line),
    "a damaged zstd file": lambda: of_file(damaged(packed_log(zstandard.compress)), "leaks")(),
}
