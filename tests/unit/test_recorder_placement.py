# SPDX-License-Identifier: Apache-2.0
"""porting.md's line of a linker script puts all that the recorder runs on where it can be read while flash cannot.

Linked for rv32: every function and constant of the recorder and the wrappers is there, and of others they ask for
nothing but memcpy and memset.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tests.support.recorder import HELPERS
from tests.unit.real_program import objects, run

TEXT = (ROOT / "docs" / "how-to" / "porting.md").read_text()
LINE = re.findall(r"^```ld\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
RV32 = ("-march=rv32imac", "-mabi=ilp32", "-misa-spec=2.2", "--specs=picolibc.specs")
PORT = f"-I{HELPERS / 'ports' / 'template'}"
SCRIPT = """
MEMORY { iram (rwx) : ORIGIN = 0x40370000, LENGTH = 64K  flash (rx) : ORIGIN = 0x42000000, LENGTH = 1M
         dram (rw) : ORIGIN = 0x3fc80000, LENGTH = 64K }
SECTIONS
{
%s
    .flash.text : { *(.text .text.*) } > flash
    .flash.rodata : { *(.rodata .rodata.* .srodata .srodata.*) } > flash
    .data : { *(.data .data.* .sdata .sdata.*) } > dram
    .bss (NOLOAD) : { *(.sbss .sbss.* .bss .bss.* COMMON) } > dram
}
"""
ROM = {"memcpy", "memset"}
NM = "riscv64-unknown-elf-nm"
IRAM = range(0x40370000, 0x40380000)


@pytest.mark.parametrize("optimise", ["-Os", "-O2", "-O0"])
def test_all_of_the_recorder_is_where_the_linker_was_told(optimise: str, tmp_path: Path) -> None:
    assert len(LINE) == 1
    flags = (*RV32, PORT, "-g", optimise, "-ffunction-sections")
    wrap = HELPERS / "wrap"
    sources = [*sorted((HELPERS / "recorder").glob("*.c")), wrap / "memtrace_wrap.c", wrap / "malloc.c"]
    parts = objects(tmp_path, sources, ("riscv64-unknown-elf-gcc", "-std=c11", *flags))
    symbols = re.findall(r" ([A-Za-z]) (\w+)$", run([NM, *parts]), re.MULTILINE)
    own = {name for kind, name in symbols if kind in "TtRrWw"}
    needed = {name for kind, name in symbols if kind == "U"} - {name for kind, name in symbols if kind != "U"}
    assert {name for name in needed if not name.startswith("__real_")} <= ROM
    archive, script, made = (tmp_path / name for name in ("libmemtrace.a", "script.ld", "program"))
    run(["riscv64-unknown-elf-ar", "rc", str(archive), *parts])
    script.write_text(SCRIPT % LINE[0])
    whole = ["-Wl,--whole-archive", str(archive), "-Wl,--no-whole-archive", "-Wl,--no-gc-sections", "-nostartfiles"]
    reals = [f"-Wl,--defsym={name}=0x42000000" for name in needed - ROM]
    place = [f"-T{script}", "-Wl,--entry=0", "-Wl,--no-warn-rwx-segments"]
    run(["riscv64-unknown-elf-gcc", *RV32, *whole, *reals, *place, "-o", str(made)])
    placed = re.findall(r"^([0-9a-f]+) [TtRrWw] (\w+)$", run([NM, str(made)]), re.MULTILINE)
    there = {name: int(address, 16) for address, name in placed}
    mine = own & set(there)
    assert len(mine) > 30 and {"memtrace_alloc_slow", "__wrap_malloc", "stack_intern"} <= mine
    assert [name for name in mine if there[name] not in IRAM] == []
    assert there["memcpy"] not in IRAM, "what is not the recorder's stays where it was"
