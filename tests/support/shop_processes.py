# SPDX-License-Identifier: Apache-2.0
"""A run of three processes, as logs and the names of their code: what the documents show of such runs.

A shop forks a worker, which leaks, and starts a converter of pictures. The functions are named by a perf map.
"""

from __future__ import annotations

from tests.support.process_log import DEVICE, DEVICE_ADDRESS, MAPPED, ProcessLog

FUNCTIONS = {0x401000: "main", 0x401100: "order_read", 0x401200: "cache_put", 0x401300: "camera_frame"}
NAMES = "".join(f"{start:x} 100 {name}\n" for start, name in FUNCTIONS.items())
MAIN, READ, PUT, FRAME = (start + 0x20 for start in FUNCTIONS)
STACKS = {1: (READ, MAIN), 2: (PUT, MAIN), 3: (FRAME, MAIN), 4: (PUT, READ)}


def _process(number: int, parent: int, command: bytes, how: int = 0) -> ProcessLog:
    log = ProcessLog(number, parent, command, how)
    for stack, pcs in STACKS.items():
        log.define("stack", stack, *pcs, end=stack == 4)
    log.thread(16, "main")
    log.thread(17, "reader")
    return log


def _shop() -> ProcessLog:
    log = _process(100, 1, b"./shop\0--port\08080")
    log.event(16, 10, "map", 0x7F00_0000_0000, 1 << 20, stack=1, heap=MAPPED)
    for turn in range(300):
        log.event(17, 20 + turn, "alloc", 0x10000 + 64 * turn, 40, stack=1)
        log.event(17, 20 + turn, "free", 0x10000 + 64 * turn)
        if turn % 10 == 0:
            log.event(16, 20 + turn, "alloc", 0x90000 + 512 * turn, 400, stack=2)
    log.event(16, 400, "alloc", DEVICE_ADDRESS | 7, 2 << 20, stack=3, heap=DEVICE)
    return log


def _worker() -> ProcessLog:
    log = _process(101, 100, b"./shop\0--port\08080", how=1)
    log.event(16, 1000, "control", 0x200)
    for turn in range(30):
        log.event(16, 1001 + turn, "free", 0x90000 + 512 * 10 * turn)
        log.event(16, 1001 + turn, "alloc", 0x200000 + 64 * turn, 48, stack=4)
    return log


def _converter() -> ProcessLog:
    log = _process(102, 101, b"convert\0in.png\0-resize\x0050%\0out.png")
    for turn in range(8):
        log.event(16, 2000 + turn, "alloc", 0x300000, 65536, stack=1)
        log.event(16, 2000 + turn, "free", 0x300000)
    return log


def files() -> dict[str, bytes]:
    """The logs and the names, by the names of their files."""
    logs = {"shop.100.log": _shop(), "shop.101.log": _worker(), "convert.102.log": _converter()}
    made = {name: log.finish() for name, log in logs.items()}
    return {**made, **{f"perf-{number}.map": NAMES.encode() for number in (100, 101, 102)}}
