# SPDX-License-Identifier: Apache-2.0
"""How large the log of the recorder for Linux is, and how much memory the recorder takes; heaptrack beside it.

Memory is read from /proc/PID/smaps while the program waits: every private dirty byte, and what is resident of the
window onto the log. What the same program has by itself is taken off. Rejected: the greatest resident size, which also
counts clean pages of the library's code, shared with every other process.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from gdbext.source.log_file import open_log
from tests.bench.bench_log_size import LARGEST_SHARE, packed
from tests.bench.preloaded import HEAPTRACK, LEAST_SEEN, Case, Program, compiled, descent, have
from tests.support.bench import Row

EVENTS = 1_000_000
STACKS, DIGITS, MB = 1_000_000, 5, 1e6
LARGEST_TEXT = 1.25
START_MB, STACKS_MB, BYTES_A_FRAME = 1, 32, 4
# What is measured, and the bound of the packed log: a step that frees or allocates has none (bench_log_size.py).
LOGS = (
    ("sticky", "replace", LARGEST_SHARE),
    ("sticky", "toss", None),
    ("hostile", "toss", None),
)
# A mapping's first line in smaps: addresses, rights, offset, device, inode, and the path if it has one.
MAPPING = re.compile(r"^[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \d+ *(.*)$")


def rows() -> Iterable[Row]:
    """Log and memory of issue 2.8."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if have(str(HEAPTRACK)):
            for way, step, bound in LOGS:
                yield from _log(f"20 deep, {way}, {step}", descent(folder, EVENTS, 20, way, step=step), bound)
        yield from _memory(folder)


def _log(what: str, case: Case, bound: float | None) -> Iterator[Row]:
    """Bytes an event, as written and packed."""
    case.run("heaptrack")
    count, text = case.heaptrack.events(), case.heaptrack.file.stat().st_size
    text_packed = packed(open_log(str(case.heaptrack.file)).chunks())
    case.run("ours")
    written = case.ours.file.stat().st_size
    seen = case.ours.events()
    if seen < LEAST_SEEN * count:
        raise RuntimeError(f"{what}: {seen:,} events of {count:,}")
    log_packed = _converted(case.ours.file)
    case.clean()
    note = f"{written / count:.2f} of {text / count:.2f} bytes an event; {seen:,} events"
    yield Row(f"log as written, {what}, share of heaptrack's text", written / text, LARGEST_TEXT, "", note)
    note = f"{log_packed / count:.2f} of {text_packed / count:.2f} bytes an event"
    yield Row(f"log converted, zstd -3, {what}, share of heaptrack's", log_packed / text_packed, bound, "", note)


def _converted(log: Path) -> int:
    made = log.with_suffix(".zst")
    line = [sys.executable, "-m", "gdbext", "convert", str(log), str(made), "--overwrite"]
    subprocess.run(line, check=True, stdout=subprocess.DEVNULL)
    size = made.stat().st_size
    made.unlink()
    return size


def _memory(folder: Path) -> Iterator[Row]:
    """Of a program that has recorded an allocation, and of one with very many stacks."""
    frames = sum(min(16**level, STACKS) for level in range(DIGITS + 1))
    most = STACKS_MB + BYTES_A_FRAME * frames / MB
    for stacks, bound, what in ((1, START_MB, "at the start"), (STACKS, most, f"{STACKS:,} stacks")):
        case = Case(Program((compiled("distinct", folder), str(stacks))), folder)
        bare, ours = (_memory_of(case, who) for who in ("bare", "ours"))
        measured = (ours.private + ours.window - bare.private) / MB
        notes = [f"the window onto the log is {ours.window / MB:.2f} MB of it"]
        if stacks > 1:
            notes.insert(0, f"{frames:,} distinct frames")
        if HEAPTRACK.exists():
            notes.append(f"heaptrack's {(_memory_of(case, 'heaptrack').private - bare.private) / MB:.2f} MB")
        yield Row(f"the recorder's memory, {what}", measured, bound, "MB", "; ".join(notes))


class Memory(NamedTuple):
    """Bytes that are this process's own, and those of the log that it has mapped."""

    private: int
    window: int


def _memory_of(case: Case, who: str) -> Memory:
    """What a process has while it waits."""
    case.clean()
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    environment = case.environment(who)
    with subprocess.Popen(case.program.command, env=environment, cwd=case.folder, **pipes) as process:
        assert process.stdout is not None
        assert process.stdout.read(1) == b"\n"
        mappings = Path(f"/proc/{process.pid}/smaps").read_text()
        process.communicate()
    case.clean()
    return memory_in(mappings, case.ours.file.name)


def memory_in(smaps: str, log: str) -> Memory:
    """Private dirty bytes of all mappings but the log's, and all resident ones of the log's."""
    private = window = 0
    is_log = False
    for line in smaps.splitlines():
        if found := MAPPING.match(line):
            is_log = found[1].endswith(log)
        elif is_log and line.startswith("Rss:"):
            window += int(line.split()[1]) * 1024
        elif not is_log and line.startswith("Private_Dirty:"):
            private += int(line.split()[1]) * 1024
    return Memory(private, window)
