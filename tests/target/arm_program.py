# SPDX-License-Identifier: Apache-2.0
"""Builds tests/target/arm_stacks: code of many shapes at each level of optimisation, in C and C++, with newlib."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support.made_code import made_sources
from tests.support.paths import ROOT
from tests.target.build import M0, M3, M4, M33, Machine

PROGRAM = ROOT / "tests" / "target" / "arm_stacks"
MACHINES = {"m0": M0, "m3": M3, "m4": M4, "m33": M33}
LEVELS = ("-Os", "-O2", "-Og", "-O0", "-O3")
FOLDERS = ("c_helpers/include", "tests/target", "tests/target/rtos", "tests/target/arm_mps2", "tests/target/arm_stacks")


def compiled(folder: Path, machine: Machine, source: Path, level: str) -> Path:
    """The object of one source."""
    made = folder / f"{source.name}{level}.o"
    cpp = source.suffix == ".cpp"
    compiler = "arm-none-eabi-g++" if cpp else "arm-none-eabi-gcc"
    flags = [flag for flag in machine.flags if not flag.startswith(("--specs", "-Wl"))]
    words = [compiler, *flags, level, "-g", "-std=c++11" if cpp else "-std=gnu11", "-w", "-ffunction-sections"]
    words += [f"-I{ROOT / name}" for name in FOLDERS]
    subprocess.run([*words, "-c", str(source), "-o", str(made)], check=True)
    return made


def built(folder: Path, machine: Machine) -> Path:
    """The program: its recorder as fast as it goes, everything else in all ways."""
    sources = [(path, "-O2") for path in sorted((ROOT / "c_helpers" / "recorder").glob("*.c"))]
    sources += [(path, "-O2") for path in sorted((ROOT / "tests" / "target" / "arm_mps2").glob("*.[cS]"))]
    sources += [(ROOT / "tests" / "target" / "rtos" / "rtos.c", "-O2"), (PROGRAM / "program.c", "-O2")]
    sources += [(PROGRAM / "shapes.c", "-O2"), (PROGRAM / "shapes.cpp", "-Os")]
    for level, text in zip(LEVELS, made_sources(1, len(LEVELS)), strict=True):
        path = folder / f"made{level}.c"
        path.write_text(text)
        sources.append((path, level))
    objects = [compiled(folder, machine, path, level) for path, level in sources]
    elf = folder / "stacks.elf"
    flags = [flag for flag in machine.flags if not flag.startswith("--specs")]
    link = ["-nostartfiles", "--specs=nosys.specs", "-Wl,--gc-sections", "-Wl,--build-id=sha1", "-Wl,--defsym=end=0"]
    link += ["-Wl,--no-warnings", f"-T{machine.board / 'link.ld'}"]
    subprocess.run(["arm-none-eabi-g++", *flags, *link, *map(str, objects), "-o", str(elf)], check=True, cwd=ROOT)
    return elf
