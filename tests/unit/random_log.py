# SPDX-License-Identifier: Apache-2.0
"""Random logs, and random wishes: what the engine and its reference are compared on.

Addresses come from a small pool, so that blocks are freed twice, inside of others, and replaced by others.
"""

from __future__ import annotations

from random import Random

import zstandard

from gdbext.model.profile import Owner
from gdbext.trace.replay import Moment, TailFilter, Wish
from tests.support.log import KINDS, Log

MARKS = ("boot", "loop", "end")
BASE = 0x1000
KINDS_AND_SHARES = {
    "alloc": 40,
    "free": 36,
    "realloc": 10,
    "alloc-failed": 1,
    "mark": 2,
    "assert": 1,
    "control": 1,
    "map": 4,
    "unmap": 4,
    "caller": 1,
    "time": 1,
}


class Writer:
    """Writes the records of one stream. `begun` are the numbers of reallocations that have not ended."""

    def __init__(self, log: Log, random: Random, packs: bool) -> None:
        self.log, self.random, self.packs = log, random, packs
        self.begun: list[int] = []
        self.live: list[int] = []

    def address(self, kind: str) -> int:
        if kind == "free" and self.live and self.random.random() < 0.8:
            return self.live.pop(self.random.randrange(len(self.live)))
        return BASE + self.random.randrange(120) * self.random.choice((8, 16))

    def fields(self) -> tuple[str, int, int, int]:
        """Kind, address, size and stack of the next event."""
        random = self.random
        (kind,) = random.choices(tuple(KINDS_AND_SHARES), KINDS_AND_SHARES.values())
        if kind == "realloc":
            kind = "realloc-end" if self.begun and random.random() < 0.6 else "realloc-begin"
        address, size, stack = self.address(kind), random.randrange(200), random.randrange(9)
        if kind == "realloc-begin":
            self.begun.append(self.log.seq)
        elif kind == "realloc-end":
            begun = self.begun.pop(random.randrange(len(self.begun))) if self.begun else 0
            stack = random.choice((self.log.seq - begun, self.log.seq - begun, 0)) & 0xFFFF
            address *= random.random() < 0.8
        elif kind == "mark":
            address = random.randrange(40, 44)
        elif kind == "control":
            address = random.choice((address, 0, 2, 3, 4, 0x001, 0x200, 0x301))
        elif kind in ("map", "unmap"):
            address, size = 0x100000 + random.randrange(64) * 0x1000, random.randrange(8) * 0x1000
        elif kind == "alloc":
            self.live.append(address)
        return kind, address, size, stack

    def row(self) -> None:
        """Adds one event, or what stands between events."""
        log, random = self.log, self.random
        log.time += random.choice((0, 1, 1, 5, 40))
        chance = random.random()
        if chance < 0.02:
            log.sync(log.time, log.seq + random.choice((0, 0, 1, 5)), random.choice((None, log.seq)))
        elif chance < 0.03:
            log.seq += random.randrange(20)
        elif chance < 0.04:
            define(log, random)
        elif chance < 0.05:
            log.row(*(random.randrange(1 << log.bits) & random.choice((0, 31, (1 << log.bits) - 1)) for _ in range(4)))
        elif chance < 0.06 and self.packs:
            self.pack()
        else:
            kind, address, size, stack = self.fields()
            context, heap = random.choice((0, 1, 3, 4)), random.choice((0, 0, 1, 31))
            log.event(kind, address, size, stack=stack, context=context, heap=heap, core=random.randrange(8))

    def pack(self) -> None:
        """Adds a pack, and the SYNC that the rows behind it need."""
        log, random = self.log, self.random
        log.seq += random.choice((0, 0, 3))
        first, time, rows, deltas = log.seq, log.time, [], []
        for log.seq in range(first, first + random.randrange(1, 300)):
            kind, address, size, stack = self.fields()
            rows.append(log.words(kind, address, size, stack, random.choice((0, 3)), random.choice((0, 1)), 1))
            deltas.append(random.choice((0, 1, 70000)))
        squeeze = random.choice((None, zstandard.ZstdCompressor().compress))
        log.pack(first, time, rows, deltas, int(squeeze is not None), squeeze)
        log.sync(time + sum(deltas))


def define(log: Log, random: Random) -> None:
    """Adds a definition: what it was for another number, or something new."""
    what = random.randrange(9)
    if what < 3:
        log.stack(
            random.randrange(1, 9),
            *(0x400 + 16 * random.randrange(4) for _ in range(random.randrange(1, 4))),
            end=random.choice((0, 0, 1, 2, 31)),
        )
    elif what == 3:
        log.name(random.randrange(5), random.choice(("main", "wifi", "")), kind=random.choice((1, 3)))
    elif what == 4:
        log.name(random.randrange(40, 44), random.choice(MARKS), kind=2)
    elif what == 5:
        log.heap_name(random.randrange(3), "sram", random.randrange(9), 5)
        log.module(0x400000 * random.randrange(3), "ab12", "/lib/x.so")
    elif what == 6:
        log.process(random.randrange(1 << 32), b"python3\0-c\0\xff", random.randrange(3), random.randrange(1 << 64))
    elif what == 7:
        log.skip(random.choice((0, 1, 16, 1000)))
    else:
        log.counts(*(random.randrange(9) for _ in range(8)))
        log.failure("tlsf_free", random.choice(("block", "")))


def write_run(log: Log, random: Random, events: int, packs: bool) -> None:
    """Adds the records of a run, behind its header."""
    log.seq, log.time = random.choice((0, 0, 5)), 0
    for _ in range(random.randrange(12)):
        define(log, random)
    for number in range(random.choice((0, 3))):
        log.live(BASE + 16 * number, 24, stack=number)
    if log.required & 2:
        write_streams(log, random, events, packs)
        return
    writer = Writer(log, random, packs)
    for _ in range(events):
        writer.row()


def write_streams(log: Log, random: Random, events: int, packs: bool) -> None:
    """Adds regions of several streams, whose times overlap."""
    writers = {name: Writer(log.inside(), random, packs) for name in (0, 1, 7)[: random.randrange(1, 4)]}
    least = 0
    for _ in range(max(1, events // 60)):
        name = random.choice(tuple(writers))
        inside = writers[name].log
        inside.data.clear()
        inside.time = max(inside.time, least)
        inside.sync(inside.time)
        for _ in range(random.randrange(60)):
            writers[name].row()
        if random.random() < 0.8:
            log.region(name, least, bytes(inside.data))
        else:
            log.stream(name, 0, least)
            log.data += inside.data
        least += random.randrange(200)


def random_log(random: Random, events: int) -> bytes:
    """A log of one to three runs of some events each."""
    log, packs = Log(tick_hz=0), random.random() < 0.5
    log.data.clear()
    for _ in range(random.choice((1, 1, 2, 3))):
        log.pointer_size, log.byte_order = random.choice((4, 8)), random.choice(("little", "little", "big"))
        log.required, log.tick_hz = random.choice((0, 0, 2)), random.choice((1000, 1000, 0))
        log.data += bytes(-len(log.data) % 32)
        log.header()
        write_run(log, random, events, packs)
    return bytes(log.data)


def broken(random: Random, log: bytes) -> bytes:
    """The log with some bytes changed behind its first header, or cut."""
    data = bytearray(log)
    for _ in range(random.randrange(1, 12)):
        place = random.randrange(416, len(data))
        data[place] = random.choice((0, 255, data[place] ^ 1 << random.randrange(8)))
    return bytes(data[: random.choice((len(data), random.randrange(416, len(data))))])


def random_moment(random: Random) -> Moment | None:
    return random.choice(
        (None, None, ("mark", random.choice(MARKS)), ("seq", random.randrange(600)), ("time", random.randrange(3000)))
    )


def group(owner: Owner, stack: tuple[int, ...]) -> list[int] | None:
    """Nodes by stack and heap; one stack is left out."""
    return None if stack[:1] == (0x410,) else sorted({len(stack), 5 + owner.heap % 2, 7 + sum(stack) % 5})


def random_wish(random: Random) -> Wish:
    """Anything that may be asked."""
    kept = TailFilter(
        kinds=random.choice((None, frozenset((KINDS["alloc"], KINDS["realloc-end"])))),
        most=random.choice((None, 100)),
        low=random.choice((0, BASE + 200)),
        last=random.choice((None, 500)),
        owner=random.choice((None, lambda owner, stack: len(stack) != 2)),
    )
    return Wish(
        group=random.choice((None, group)),
        since=random_moment(random),
        until=random_moment(random),
        least=random.choice((0, 0, 20)),
        most=random.choice((None, None, 150)),
        run=random.choice(("last", "last", "all", 1, 2)),
        track=random.choice((None, BASE + 160, 0x108000)),
        tail=random.choice((0, 1, 50)),
        tail_filter=kept,
    )
