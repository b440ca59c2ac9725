# SPDX-License-Identifier: Apache-2.0
"""A log of twelve connections with a mark behind each: one site leaks, one warms up, one frees a connection later.

Its addresses are those of player.rv.elf of the shared fixtures, so that its stacks have real names.
"""

from __future__ import annotations

from tests.export.recorded import BASE
from tests.support.log import Log

CONNECTIONS = 12
COOKIE, CACHE, READ, BLOB = 1, 2, 3, 4
# Innermost first: parse_cookie < http_open < net_task, cache_grow < cache_put < net_task, http_read < net_task; and
# media_lib_malloc alone, as of a library that was built without frame pointers.
STACKS = {
    COOKIE: (0x4200_0870, 0x4200_08E4, 0x4200_0C40),
    CACHE: (0x4200_0540, 0x4200_0590, 0x4200_0C40),
    READ: (0x4200_0950, 0x4200_0C40),
    BLOB: (0x4200_0700,),
}
COOKIE_BYTES, CACHE_BYTES, READ_BYTES, BLOB_BYTES, CONTEXT = 48, 4096, 512, 1600, 3


def connections() -> Log:
    """The log."""
    log = Log(tick_hz=1_000_000)
    log.name(CONTEXT, "net")
    log.name(9, "connected", kind=2)
    for number, stack in STACKS.items():
        log.stack(number, *stack)
    waiting = None
    for turn in range(CONNECTIONS):
        log.time += 250
        log.event("alloc", BASE + turn * 0x100, COOKIE_BYTES, stack=COOKIE, context=CONTEXT)
        if turn == 0:
            log.event("alloc", BASE + 0x4000, CACHE_BYTES, stack=CACHE, context=CONTEXT)
            log.event("alloc", BASE + 0x6000, BLOB_BYTES, stack=BLOB, context=CONTEXT)
        buffer = BASE + 0x8000 + turn % 2 * 0x400
        log.event("alloc", buffer, READ_BYTES, stack=READ, context=CONTEXT)
        if waiting is not None:
            log.event("free", waiting, context=CONTEXT)
        waiting = buffer
        log.event("mark", 9)
    return log
