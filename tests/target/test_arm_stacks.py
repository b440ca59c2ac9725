# SPDX-License-Identifier: Apache-2.0
"""The stacks that are recorded on Arm, held against those that GDB finds, at hundreds of events.

The program has code of many shapes, by hand and made by chance, at each level of optimisation, in C and C++, with
newlib, and no flag that would help. Its allocations stop the debugger by chance. What the recorder found must equal
GDB's frames to the eighth, or to the first function without debug information. A function that takes stack by a
register ends the recorded stack; nothing else does.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import dropwhile, takewhile
from pathlib import Path

import pytest

from tests.support.chips import CHIPS
from tests.support.gdb import SOURCE, Capture, remote, run_gdb
from tests.support.qemu import Qemu
from tests.target.arm_program import MACHINES, built

STOPS = {"m0": 500, "m3": 150, "m4": 500, "m33": 150}
COMPARED = 8
ENTRIES = {"stacks_look", "malloc", "_malloc_r", "_calloc_r", "stacks_new", "operator new(unsigned int)"}
# At each stop: the number of the allocation, then pc and function of the frames, and whether one is inlined.
LOOK = """
python
import gdb, json
def look():
    frame, found = gdb.selected_frame(), []
    number = int(frame.read_var("number"))
    while frame is not None and len(found) < 24:
        known = frame.find_sal().symtab is not None and frame.function() is not None
        name = frame.function().name if known else None
        if frame.type() in (gdb.NORMAL_FRAME, gdb.INLINE_FRAME):
            found.append((frame.pc(), name, frame.type() == gdb.INLINE_FRAME))
        frame = frame.older()
    print("LOOK", json.dumps([number, found]))
end
"""


@dataclass(frozen=True)
class Frame:
    """One frame as GDB has it; without a function it has no debug information."""

    pc: int
    function: str | None


def looked(output: str) -> dict[int, list[Frame]]:
    """GDB's frames by the number of the allocation, from the allocator's user on."""
    found = {}
    for line in output.splitlines():
        if line.startswith("LOOK "):
            number, frames = json.loads(line[5:])
            real = [Frame(pc, name) for pc, name, inlined in frames if not inlined]
            found[number] = list(dropwhile(lambda frame: frame.function in ENTRIES, real))
    return found


def compared(frames: list[Frame]) -> list[Frame]:
    """The frames that a recorded stack must have: to the eighth, or the first above which GDB itself only guesses."""
    frames = list(takewhile(lambda frame: frame.function != "task_trampoline", frames))
    told = list(takewhile(lambda frame: frame.function is not None, frames))
    return frames[: min(COMPARED, len(told) + 1)]


def ends_at(frames: list[Frame]) -> int:
    """How many of the frames lie below one that takes stack by a register, with that one."""
    return next(
        (at + 1 for at, frame in enumerate(frames) if (frame.function or "").startswith("dynamic_")), len(frames)
    )


@pytest.mark.parametrize("chip", list(MACHINES))
def test_recorded_stacks_are_those_of_the_debugger(chip: str, tmp_path: Path) -> None:
    elf = built(tmp_path, MACHINES[chip])
    script = tmp_path / "look.gdb"
    stops = STOPS[chip]
    script.write_text(
        f"{LOOK}\nset $left = {stops}\nwhile $left > 0\ncontinue\npython look()\nset $left = $left - 1\nend\n"
    )
    with Qemu(elf, chip=CHIPS[chip]) as target:
        log = Capture("malloc-log --all --json --kind alloc")
        lines = [SOURCE, remote(target.remote), "break stacks_look", f"source {script}", log]
        done = run_gdb(lines, elf=elf, program=CHIPS[chip].gdb, timeout=600)
    gdb = looked(done.stdout)
    assert len(gdb) == stops
    recorded = {event["size"]: event["stack"] for event in done.json()["events"]}
    depths = []
    for number, frames in gdb.items():
        wanted = compared(frames)
        stack = [frame["pc"] for frame in recorded[number] if not frame["inlined"]][: len(wanted)]
        assert stack == [frame.pc for frame in wanted][: max(len(stack), ends_at(wanted))], frames
        depths.append(len(stack))
    assert max(depths) == COMPARED and sum(depths) > 5 * stops
