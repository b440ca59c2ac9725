# SPDX-License-Identifier: Apache-2.0
"""How large a log is, packed by zstd -3, beside heaptrack's raw file of the same calls, packed alike.

heaptrack traces a real program (c/traced.c: real addresses of glibc). Its calls are written as our log, in packs of
65,536 events. heaptrack's times are in whole milliseconds; in ours they are in units of 256 ns and go on as those of a
program do that calls its allocator every 400 ns, with breaks.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from random import Random

import zstandard

from gdbext.source.log_file import open_log
from gdbext.source.packing import LEVEL
from gdbext.trace.importers import lines_of
from gdbext.trace.log_definitions import Definitions
from gdbext.trace.log_event import ALLOC, FREE, LogEvent
from gdbext.trace.log_writer import LogWriter, wide_header
from tests.support.bench import Row

STEPS = 1_000_000
HZ = 1_000_000_000 // 256
LARGEST_SHARE = 0.75
# Steps from one stack before another one, what a step does, and the bound.
PROGRAMS = ((32, "replace", LARGEST_SHARE), (32, "toss", None), (1, "toss", None))
Pieces = Iterator[bytes]


def rows() -> Iterable[Row]:
    """For a program that stays in one place for a while, and for worse ones, in which nothing follows from anything."""
    for stay, step, bound in PROGRAMS:
        yield from beside_heaptrack(stay, step, bound)


def beside_heaptrack(stay: int, step: str, bound: float | None) -> Iterable[Row]:
    """Bytes an event, and the share of heaptrack's."""
    with tempfile.TemporaryDirectory() as folder:
        raw = traced(Path(folder), stay, step)
        count = sum(line[:2] in (b"+ ", b"- ") for line in lines_of(open_log(str(raw)).chunks()))
        theirs = packed(open_log(str(raw)).chunks()) / count
        packs = packed(logged(raw, packs=True)) / count
        ours = packed(logged(raw, packs=False)) / count
    what = f"log of {count:,} events, {step}, {stay} from a stack, zstd -{LEVEL}"
    yield Row(f"{what}: heaptrack's raw file", theirs, None, "bytes an event")
    yield Row(f"{what}: rows of 32 bytes", ours, None, "bytes an event")
    yield Row(f"{what}: packs", packs, None, "bytes an event")
    yield Row(f"{what}: packs, share of heaptrack's", packs / theirs, bound, "times")


def traced(folder: Path, stay: int, step: str) -> Path:
    """What heaptrack records of the program."""
    source = Path(__file__).parent / "c" / "traced.c"
    subprocess.run(["gcc", "-O2", "-g", str(source), "-o", "traced"], cwd=folder, check=True)
    line = ["heaptrack", "--raw", "-o", "out", "./traced", str(STEPS), str(stay), step]
    subprocess.run(line, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    (found,) = folder.glob("out.raw.*")
    return found


def logged(raw: Path, packs: bool) -> Pieces:
    """The same calls as a log of ours."""
    writer, told, random, time, seq = LogWriter(packs), Definitions(), Random(1), 0, 0
    traces: list[tuple[int, ...]] = [()]
    writer.begin(wide_header(HZ))
    for line in lines_of(open_log(str(raw)).chunks()):
        kind, *fields = line.split()
        if kind == b"t":
            traces.append((int(fields[0], 16), *traces[int(fields[1], 16)]))
        if kind not in (b"+", b"-"):
            continue
        time += 40 if random.random() < 0.001 else random.choice((1, 1, 1, 2, 2, 3))
        address = int(fields[-1], 16)
        if kind == b"+":
            stack = int(fields[1], 16)
            told.stacks[stack] = traces[stack]
            event = LogEvent(ALLOC, address, int(fields[0], 16), 0, stack, 3, 0, 0, seq, time)
        else:
            event = LogEvent(FREE, address, 0, 0, 0, 3, 0, 0, seq, time)
        writer.event(event, told)
        seq += 1
        yield writer.taken()
    writer.end(told)
    yield writer.taken()


def packed(pieces: Iterable[bytes]) -> int:
    """The bytes that zstd makes of it."""
    packer, size = zstandard.ZstdCompressor(level=LEVEL).compressobj(), 0
    put: Callable[[bytes], bytes] = packer.compress
    for piece in pieces:
        size += len(put(piece))
    return size + len(packer.flush())
