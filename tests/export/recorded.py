# SPDX-License-Identifier: Apache-2.0
"""A log with all that a form must carry: inlined callers, three tasks, an interrupt, two heaps, tags, marks, an older
block, reallocations that work and that fail, and a gap where events were lost.

Its addresses are those of player.rv.elf of the shared fixtures, so that its stacks have real names.
"""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.log import Log
from tests.support.paths import SHARED, require

ELF = SHARED / "fixtures" / "logs" / "elf" / "player.rv.elf"
BASE = 0x3FC8_0000
INLINED = 0x4200_0490  # in ring_storage, which the compiler put into ringbuf_create
CALLERS = (0x4200_08E4, 0x4200_0A00, 0x4200_0C10, 0x4200_1000)
INTERRUPT, NET, UI, DECODE = 1, 3, 4, 5
HTTP = 7 << 8  # a tag, behind the context
LOST = 185


def recorded(turns: int = 40) -> Log:
    """The log. Events are lost after its turn 20."""
    log = Log(tick_hz=1_000_000)
    for number, name in ((NET, "net"), (UI, "ui"), (DECODE, "decode")):
        log.name(number, name)
    log.name(7, "http", kind=3)
    log.name(9, "warm", kind=2)
    log.heap_name(1, "internal", memory=1, capabilities=0x1804)
    log.heap_name(2, "psram", memory=2, capabilities=0x400)
    log.stack(1, INLINED, CALLERS[0])
    for number, caller in enumerate(CALLERS, 2):
        log.stack(number, caller, CALLERS[3])
    log.live(BASE + 0x8_0000, 700, stack=3, context=NET, heap=1)
    for turn in range(turns):
        log.time += 250
        slot = BASE + turn * 0x400
        log.event("alloc", slot, 100 + turn, stack=1, context=NET | HTTP, heap=1)
        log.event("alloc", slot + 0x200, 32, stack=2 + turn % 4, context=(UI, DECODE)[turn % 2], heap=2)
        log.event("alloc", BASE + 0x9_0000, 4000, stack=4, context=INTERRUPT, heap=1)
        log.event("free", BASE + 0x9_0000, context=INTERRUPT)
        if turn % 3:
            log.event("free", slot + 0x200, context=UI)
        if turn % 5 == 4:
            begin = log.event("realloc-begin", slot, 0, stack=3, context=NET | HTTP, heap=1)
            fails = turn % 2
            log.event("realloc-end", 0 if fails else slot, 900, stack=log.seq - begin, context=NET | HTTP, heap=1)
        if turn == 20:
            log.event("mark", 9)
            log.sync(log.time + 1000, log.seq + LOST)
    log.event("alloc", BASE, 64, stack=5, context=DECODE, heap=2)  # what was there has gone unseen
    log.event("free", BASE + 0x8_0000, context=NET)
    log.event("alloc-failed", 0, 100_000, stack=4, context=UI, heap=2)
    return log


def written(folder: Path) -> Path:
    """The log in a file. Several workers may write it at once: it takes its place as a whole."""
    require(ELF)
    file, part = folder / "a.log", folder / f"a.log.{os.getpid()}"
    part.write_bytes(recorded().data)
    part.replace(file)
    return file
