# SPDX-License-Identifier: Apache-2.0
"""One broken input, its command, and what is wrong with the answer: all from one number.

Approach: a subject (a real heap image with a ring beside it) is mutated, wrapped into one of the forms that the shell
takes (raw images, packed, ELF core, ESP-IDF's wraps), perhaps mutated again as a file, and given to a command in this
process. Whatever is not a report or one clear line is a problem. A case that takes a minute is ended.
Rejected: a fuzzer that learns by coverage (nothing to install inside GDB's Python; what breaks is seldom a byte's value
and mostly how structures point at each other, which the mutators know).
"""

from __future__ import annotations

import gzip
import signal
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from types import FrameType

from tests.cli.shell import memtrace
from tests.fuzz.wellformed import problems
from tests.support.core import core_bytes, esp_log, esp_partition
from tests.support.fixtures import load_cases
from tests.support.heap_2_image import Build, Heap2, load
from tests.support.mutate import ANY, mutated
from tests.support.ring import Ring
from tests.support.terminal import commanding

LONGEST = 60.0
LARGEST = 80_000  # bytes of a subject: the rest of the fixtures are the same, only longer
COMMANDS = ("check", "check", "check", "last", "blocks", "free", "log", "status", "refs", "leaks")


@dataclass(frozen=True)
class Subject:
    """Ranges of memory, the heap in them, and addresses worth pointing at."""

    name: str
    ranges: tuple[tuple[int, bytes], ...]
    heap: str
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
            ring = _ring(case.pointer_size, [(block.payload, block.requested) for block in blocks])
            found.append(Subject(case.id, (*ranges, (ring.address, ring.data())), case.heap.option, targets))
    return (*found, *(_older(marked) for marked in (True, False)))


def _older(marked: bool) -> Subject:
    """A heap_2 with its variables, which no fixture has."""
    heap = Heap2(0x2000_1000, 8192, Build(marked=marked))
    load(heap, Random(marked), 150)
    ring = _ring(4, [(payload, size) for payload, size in heap.used.items()][:40])
    targets = (heap.start, heap.end, *(payload - 8 for payload, _, _ in heap.blocks()))
    ranges = (*heap.images(), (ring.address, ring.data()))
    return Subject(f"heap-2-{marked}", ranges, f"freertos_heap_2@{heap.first:#x}", targets)


HOSTILE_NAME = "\x1b[31mmain\r\nclean\x9b"


def _ring(width: int, blocks: list[tuple[int, int]]) -> Ring:
    ring = Ring(0x1000_0000, width, names=[(1, ""), (1, ""), (1, ""), (1, HOSTILE_NAME)], capacity=64, live_slots=8)
    stack = ring.stack(0x4200_1000, 0x4200_2000, 0x4200_3000)
    for payload, size in blocks:
        ring.event("alloc", payload, size, stack=stack)
    for payload, _ in blocks[::7]:
        ring.event("free", payload, stack=stack)
    return ring


Form = Callable[[Path, list[tuple[int, bytes]], Callable[[bytes], bytes]], list[str]]


def _as_images(folder: Path, ranges: list[tuple[int, bytes]], spoil: Callable[[bytes], bytes]) -> list[str]:
    words = []
    for number, (base, data) in enumerate(ranges):
        path = folder / f"image{number}"
        path.write_bytes(spoil(gzip.compress(data, 1) if number % 2 else data))
        words += ["--image", f"{base:#x}={path}"]
    return words


def _in_file(wrap: Callable[[bytes], bytes]) -> Form:
    def write(folder: Path, ranges: list[tuple[int, bytes]], spoil: Callable[[bytes], bytes]) -> list[str]:
        path = folder / "core"
        width = 8 if any(base >> 32 for base, _ in ranges) else 4
        path.write_bytes(spoil(wrap(core_bytes(ranges, word=width))))
        return [str(path)]

    return write


FORMS: tuple[Form, ...] = (
    _as_images,
    _as_images,
    _in_file(lambda elf: elf),
    _in_file(lambda elf: esp_partition(elf, header=24, sha=True)),
    _in_file(lambda elf: esp_log(esp_partition(elf, header=20, sha=False)).encode()),
)


def problem(number: int) -> str | None:
    """What is wrong with the answer to the case of this number; None: nothing."""
    random = Random(number)
    with tempfile.TemporaryDirectory() as folder:
        words = _words(Path(folder), random)
        try:
            with _time_limit():
                return _judged(words)
        except Exception:
            return f"{' '.join(words)}\n{traceback.format_exc()}"


def _words(folder: Path, random: Random) -> list[str]:
    """The command line of a case, its files written."""
    subject = random.choice(subjects())
    ranges = [(_moved(base, random), _maybe(data, random, subject.targets, 0.7)) for base, data in subject.ranges]
    file_too = random.random() < 0.25
    files = random.choice(FORMS)(folder, ranges, lambda data: mutated(data, random, (), ANY) if file_too else data)
    command = random.choice(COMMANDS)
    address = (
        [f"{random.choice((*subject.targets, 0, (1 << 32) - 4, 1 << 63)):#x}"] if command in ("last", "refs") else []
    )
    kind, _, at = subject.heap.partition("@")
    kind, at = random.choice(((kind, at),) * 4 + (("auto", at), (kind, f"{random.choice(subject.targets):#x}")))
    heap = ["--heap", f"{kind}@{at}"] if command != "log" and random.random() < 0.8 else []
    option = {"check": "--blocks", "leaks": "--unreachable"}.get(command)
    blocks = [option] if option is not None and random.random() < 0.7 else []
    return [command, *address, *files, *heap, *blocks, *(["--json"] if random.random() < 0.8 else [])]


def _moved(base: int, random: Random) -> int:
    """The base of an image, now and then one near the end of what addresses can say."""
    return base if random.random() < 0.96 else random.choice(((1 << 32) - 4096, (1 << 32) - 8, (1 << 64) - 4096, 0))


def _maybe(data: bytes, random: Random, targets: tuple[int, ...], chance: float) -> bytes:
    return mutated(data, random, targets) if random.random() < chance else data


def _judged(words: list[str]) -> str | None:
    said = memtrace(*words)
    if commanding(said.out + said.err):
        return f"a terminal is given {commanding(said.out + said.err)}"
    if said.status == 2 and not said.out:
        clear = said.err.startswith("memtrace: ") and said.err.count("\n") == 1
        return None if clear else f"not one clear line: {said.err!r}"
    if "--json" not in words:
        return None if said.out.strip() else "nothing was printed"
    wrong = list(problems(words[0], said.json(), said.status))
    return f"{' '.join(words)}\n{wrong}" if wrong else None


@contextmanager
def _time_limit() -> Iterator[None]:
    """Of the processor's time: machines are shared."""

    def ended(_: int, __: FrameType | None) -> None:
        raise TimeoutError(f"more than {LONGEST} s")

    before = signal.signal(signal.SIGPROF, ended)
    old = signal.setitimer(signal.ITIMER_PROF, LONGEST)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, *old)
        signal.signal(signal.SIGPROF, before)
