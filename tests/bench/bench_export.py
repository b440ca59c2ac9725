# SPDX-License-Identifier: Apache-2.0
"""What an export costs beyond its analysis, of a log of 1 M events and of one with very many stacks.

CPU time of one thread in this process, the best of three; the analysis is the replay and the names of its addresses.
"""

from __future__ import annotations

import io
import random
import struct
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from gdbext.commands import command_named
from gdbext.commands.parsing import parsed_in_shell
from gdbext.report.outputs import output_named
from gdbext.target.files import file_target
from tests.support.bench import Row
from tests.support.log import Log
from tests.support.paths import SHARED

_EVENTS, _SLOTS, _DEEP = 1_000_000, 20_000, 6
_ELF = SHARED / "fixtures" / "logs" / "elf" / "player.rv.elf"
_CODE = range(0x4200_0040, 0x4200_1E00, 2)
_TIMES = 3
_SUMS = ("pprof", "speedscope", "dhat", "folded", "chrome", "openmetrics", "csv")
_EACH = ("heaptrack", "jsonl")


def rows() -> Iterable[Row]:
    """The bound of issue 2.5, and what the other forms need."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "churn.log")
        write_churn(log, _EVENTS, 500)
        yield from _forms(log, "1 M events, 500 stacks", {"pprof": 0.5}, _SUMS)
        write_churn(log, _EVENTS, _SLOTS)
        yield from _forms(log, "1 M events, 20,000 stacks", {}, ("pprof", "speedscope", "csv"))
        write_churn(log, _EVENTS // 10, 500)
        yield from _forms(log, "100,000 events, 500 stacks", {}, _EACH)


def write_churn(path: Path, events: int, stacks: int) -> None:
    """A log of so many events: each allocates in a free slot, or frees the block in a used one."""
    chance, log = random.Random(2), Log(tick_hz=0)
    for number in range(1, stacks + 1):
        log.stack(number, *chance.choices(_CODE, k=_DEEP))
    used = [False] * _SLOTS
    with path.open("wb") as file:
        file.write(log.data)
        for seq in range(events):
            slot, last = chance.randrange(_SLOTS), (seq & 0xFFF) << 8
            stack = slot % stacks + 1
            size = 0 if used[slot] else 16 + stack
            row = (0x2000_0000 + slot * 512, size, 3 | stack << 16, (2 if used[slot] else 1) | last)
            file.write(struct.pack("<4I", *row))
            used[slot] = not used[slot]


def _forms(log: Path, what: str, bounds: dict[str, float], forms: Iterable[str]) -> Iterable[Row]:
    command = command_named("export")
    options = parsed_in_shell(command, [])
    target = file_target(str(log), [], str(_ELF), [])
    began = time.process_time()
    found = command.collect(target, options)
    yield Row(f"export of {what}: the analysis", time.process_time() - began, None, "s", "CPU")
    for form in forms:
        seconds, size = min(_written(command, found, options, form) for _ in range(_TIMES))
        note = f"CPU; {size:,} bytes"
        yield Row(f"export of {what}: {form} beyond it", seconds, bounds.get(form), "s", note)


def _written(command: object, found: object, options: object, form: str) -> tuple[float, int]:
    out, began = io.BytesIO(), time.process_time()
    report = command.analyse(found, options)  # type: ignore[attr-defined]
    output_named(form).write(report, lambda _: (), out)
    return time.process_time() - began, len(out.getvalue())
