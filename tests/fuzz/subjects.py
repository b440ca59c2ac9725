# SPDX-License-Identifier: Apache-2.0
"""What is broken: real heap images, each with a ring beside it whose stacks lie in a small program."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from random import Random

from tests.support.fixtures import load_cases
from tests.support.heap_2_image import Build, Heap2, load
from tests.support.log import Log
from tests.support.made import makers
from tests.support.program_elf import TEXT
from tests.support.ring import Ring
from tests.support.terminal import HOSTILE

LARGEST = 80_000  # bytes of a subject: the rest of the fixtures are the same, only longer
HOSTILE_NAME = "\x1b[31mmain\r\nclean\x9b"
PCS = (TEXT + 0x10, TEXT + 0x34, TEXT + 0x60)

Ranges = list[tuple[int, bytes]]


@dataclass(frozen=True)
class Subject:
    """Ranges of memory, the heap in them, and addresses worth pointing at. The last range is the ring, and behind it
    that of the run before.
    """

    name: str
    ranges: tuple[tuple[int, bytes], ...]
    heap: str
    width: int
    is_clean: bool
    targets: tuple[int, ...]


@cache
def subjects() -> tuple[Subject, ...]:
    """The smaller heap images, each with a ring that knows some of its blocks."""
    found = []
    for case in load_cases():
        ranges = [(image.base, image.data) for image in case.images]
        if sum(len(data) for _, data in ranges) <= LARGEST:
            blocks = case.truth.blocks[:40]
            targets = (case.heap.address, *(block.raw for block in blocks), *(block.raw - 8 for block in blocks))
            ring = ring_of(case.pointer_size, [(block.payload, block.requested) for block in blocks])
            all_of_it = (*ranges, (ring.address, both_runs(ring)))
            is_clean = case.truth.status == "clean" and not case.truth.incomplete
            found.append(Subject(case.id, all_of_it, case.heap.option, case.pointer_size, is_clean, targets))
    return (*found, *(_older(marked) for marked in (True, False)), *map(_made, makers()))


def _made(family: str) -> Subject:
    """A heap of a newer family."""
    made = makers()[family](Random(family))
    width = 8 if made.name.endswith("64") else 4
    used = [(block.user, block.requested or block.size) for block in made.blocks if block.used]
    ring = ring_of(width, used[:40])
    targets = (made.address, *(block.raw for block in made.blocks), *(block.raw - 8 for block in made.blocks))
    ranges = (*made.images, (ring.address, both_runs(ring)))
    return Subject(f"made-{family}", ranges, made.option, width, True, targets)


def _older(marked: bool) -> Subject:
    """A heap_2 with its variables, which no fixture has."""
    heap = Heap2(0x2000_1000, 8192, Build(marked=marked))
    load(heap, Random(marked), 150)
    ring = ring_of(4, [(payload, size) for payload, size in heap.used.items()][:40])
    targets = (heap.start, heap.end, *(payload - 8 for payload, _, _ in heap.blocks()))
    ranges = (*heap.images(), (ring.address, both_runs(ring)))
    return Subject(f"heap-2-{marked}", ranges, f"freertos_heap_2@{heap.first:#x}", 4, True, targets)


def both_runs(ring: Ring) -> bytes:
    """The bytes of a ring, and behind it of one like it that a reset has left."""
    ring.run, ring.previous = 2, ring.address + len(ring.data())
    before = deepcopy(ring)
    before.address, before.run, before.previous = ring.previous, 1, 0
    return ring.data() + before.data()


def log_of(random: Random) -> bytes:
    """A log with all that a log may have: names, streams in any order, ranges, older blocks, processes, runs."""
    wide, order = random.choice((4, 8)), random.choice(("little", "big"))
    log = Log(wide, order, required=random.choice((4, 6, 14)), tick_hz=random.choice((0, 1000)))
    for run in range(random.choice((1, 1, 2, 3))):
        if run:
            log.header()
            log.seq = log.time = 0
        log.name(3, "".join(random.choices(("x", *HOSTILE), k=3)))
        log.name(4, "mark", kind=2)
        log.heap_name(1, "internal", memory=1)
        log.module(TEXT, "ab" * 20, "/lib/a.so")
        log.process(7, "".join(random.choices(("x\0", *HOSTILE), k=3)).encode(), random.randrange(3), 1 << 20)
        log.skip(random.choice((0, 7, 500)))
        stacks = [log.stack(number, *random.choices(PCS, k=number), end=number % 4) for number in range(1, 6)]
        log.live(0x2000_0000, 64, stack=1)
        for _ in range(random.choice((5, 60, 400))):
            kind = random.choice(("alloc", "alloc", "alloc", "free", "free", "map", "unmap", "alloc-failed"))
            log.event(
                kind, 0x2000_0000 + 64 * random.randrange(20), random.choice((16, 200)), stack=random.choice(stacks)
            )
        log.event("mark", 4)
        if log.required & 2 and random.random() < 0.5:
            inside = log.inside()
            inside.event("alloc", 0x2000_8000, 8, stack=1)
            inside.skip(64)
            inside.row(0x2000_9000, 8, 3, 0)  # torn
            inside.data += bytes(256)
            for stream in (2, 3):
                log.region(stream, random.randrange(log.time + 1) if log.required & 8 else log.time, inside.data)
        log.counts(*range(8))
    return bytes(log.data)


def ring_of(width: int, blocks: list[tuple[int, int]], random: Random | None = None) -> Ring:
    """A ring that knows blocks; with `random`, one whose texts would command a terminal."""
    texts = HOSTILE_NAME, ""
    if random is not None:
        texts = tuple("".join(random.choices(("x", *HOSTILE), k=random.randrange(1, 4)))[:6] for _ in range(2))
    assertion = (7, texts[1], texts[0]) if random is not None else None
    names = [(1, ""), (1, ""), (1, ""), (1, texts[0])]
    ring = Ring(0x1000_0000, width, names=names, capacity=64, live_slots=8, assertion=assertion)
    stack = ring.stack(*PCS)
    for payload, size in blocks:
        ring.event("alloc", payload, size, stack=stack)
    for payload, _ in blocks[::7]:
        ring.event("free", payload, stack=stack)
    return ring
