# SPDX-License-Identifier: Apache-2.0
"""A device with the recorder and its console, compiled for this machine: a test says line by line what happens.

tests/unit/c/console/device.c lists the lines. What it prints is what a console prints.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from gdbext.trace.console_records import ConsoleRecord, record_in
from tests.support import recorder
from tests.support.paths import BUILD

FOLDER = recorder.FOLDER.parent / "console"
OPTIONS = ("-DMEMTRACE_TAGS=1", "-DMEMTRACE_MODULES=1", "-DMEMTRACE_DOUBLE_FREE=1")
CHECKED = ("-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
CODE, BLOCKS = 0x10000, 0x4000_0000


@cache
def device(bits: int, source: str = "device.c", flags: tuple[str, ...] = CHECKED) -> Path:
    made = BUILD / "console" / f"{Path(source).stem}-{bits}"
    made.parent.mkdir(parents=True, exist_ok=True)
    sources = [FOLDER / source, *sorted((recorder.HELPERS / "console").glob("*.c"))]
    sources += [recorder.HELPERS / "sinks" / "ring_view.c", recorder.HELPERS / "usage" / "memtrace_usage.c"]
    return recorder.compile_with(made, sources, (f"-I{recorder.HELPERS / 'console'}", f"-m{bits}", *OPTIONS, *flags))


def printed(bits: int, *lines: str, ring: int = 65536, live: int = 256, stacks: int = 32768) -> str:
    """What the device prints, which starts with a ring of so many bytes; with 0 it has none."""
    command = [str(device(bits)), str(ring), str(live), str(stacks)]
    done = subprocess.run(command, input="\n".join([*lines, ""]), capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def records(text: str, kinds: str = "") -> list[ConsoleRecord]:
    """The records in a text, in which each line is one."""
    found = [record_in(line) for line in text.splitlines()]
    assert None not in found
    return [one for one in found if one is not None and (not kinds or one.kind in kinds)]


def numbers(record: ConsoleRecord, places: Sequence[int]) -> tuple[int | None, ...]:
    return tuple(record.number(place) for place in places)


def address(block: int) -> int:
    return BLOCKS + 16 * block


def stack(block: int, freed: bool = False) -> tuple[int, ...]:
    """The return addresses of who allocates or frees a block."""
    return tuple(CODE + (block * 8 + freed * 4 + frame) * 16 for frame in range(3))
