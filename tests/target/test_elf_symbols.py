# SPDX-License-Identifier: Apache-2.0
"""Functions, lines and inlined calls without GDB: as GDB has them, and with the lines of calls that it cannot tell."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from gdbext.model.events import Frame
from gdbext.model.said import said
from gdbext.symbols.elf_symbols import ElfSymbols
from tests.support import firmware
from tests.support.gdb import Capture, run_gdb
from tests.support.markers import marked_line
from tests.support.paths import ROOT

ASSEMBLY = ("__riscv", "_start", "trap_vector")  # gas and GDB differ on where a function ends there
ASK = """python
import json, sys
sys.path.insert(0, {root!r})
from gdbext.symbols.gdb_symbols import GdbProgram
symbols = GdbProgram()
print(json.dumps([[(f.function, f.file, f.line, f.inlined) for f in symbols.frames((pc,))] for pc in {pcs}]))
end
"""

Plain = list[tuple[str | None, str | None, int | None, bool]]


def plain(frames: tuple[Frame, ...]) -> Plain:
    return [(frame.function, frame.file, frame.line, frame.inlined) for frame in frames]


@pytest.fixture(scope="module")
def program() -> ElfSymbols:
    return ElfSymbols(str(firmware.build("default")))


def places(program: ElfSymbols) -> list[int]:
    """Some addresses in every function that has a size."""
    sized = [
        one for one in program.table.functions if one.size > 4 and not program.table.name(one).startswith(ASSEMBLY)
    ]
    return [pc for one in sized for pc in range(one.address + 4, one.address + one.size, max(4, one.size // 4 & ~1))]


def by_gdb(pcs: list[int], folder: Path) -> list[Plain]:
    script = folder / "ask.gdb"
    script.write_text(ASK.format(root=str(ROOT), pcs=pcs))
    done = run_gdb([Capture(f"source {script}")], elf=firmware.build("default"))
    return [[tuple(frame) for frame in frames] for frames in json.loads(done.captured[0].output)]


def test_frames_are_those_of_gdb(program: ElfSymbols, tmp_path: Path) -> None:
    pcs = places(program)
    told = by_gdb(pcs, tmp_path)
    assert len(pcs) > 500
    wrong = []
    for pc, theirs in zip(pcs, told, strict=True):
        ours = plain(program.frames((pc,)))
        same = [(one[0], one[3]) for one in ours] == [(one[0], one[3]) for one in theirs]
        if not same or ours[0][1:3] != theirs[0][1:3]:
            wrong.append((hex(pc), ours, theirs))
    assert len(wrong) <= len(pcs) // 200, wrong[:5]  # a header's line inside of an inlined function, once


@pytest.mark.parametrize("lost", [[], ["-R", ".debug_aranges"], ["-R", ".debug_aranges", "-R", ".debug_rnglists"]])
def test_inlined_calls_have_their_lines(lost: list[str], tmp_path: Path) -> None:
    """With the index of units, without it, and without the lists of ranges that units consist of."""
    elf = tmp_path / "app.elf"
    subprocess.run(["riscv64-unknown-elf-objcopy", *lost, str(firmware.build("default")), str(elf)], check=True)
    symbols, source = ElfSymbols(str(elf)), ROOT / "tests/target/scenarios/inlined.c"
    start = symbols.address_of("test_inlined")
    assert start is not None
    stacks = {tuple(plain(symbols.frames((pc,)))) for pc in range(start + 2, start + 60, 2)}
    name = "tests/target/scenarios/inlined.c"
    if len(lost) < 3:
        assert (
            ("inlined_pixels_allocate", name, marked_line(source, "inlined-alloc"), True),
            ("inlined_canvas_create", name, marked_line(source, "inlined-alloc-outer"), True),
            ("test_inlined", name, marked_line(source, "inlined-create-right"), False),
        ) in stacks
    assert all(stack[-1][0] == "test_inlined" for stack in stacks)


def test_without_debug_information_functions_have_names(tmp_path: Path) -> None:
    elf = tmp_path / "app.elf"
    subprocess.run(["riscv64-unknown-elf-objcopy", "-g", str(firmware.build("default")), str(elf)], check=True)
    program = ElfSymbols(str(elf))
    start = program.address_of("tlsf_malloc")
    assert start is not None and program.facts() == (said("symbols-without-lines", file=str(elf)),)
    assert plain(program.frames((start + 8,))) == [("tlsf_malloc", None, None, False)]
    assert plain(program.frames((0x10,))) == [(None, None, None, False)]
