# SPDX-License-Identifier: Apache-2.0
"""The port to programs without an operating system: each entry of each C library is one event, of the function that called it.

tests/ports/bare is a user's project. Its program keeps a book, which is held against the ring, event by event.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.ports import booked
from tests.ports.booked import Run
from tests.support.chips import M0, M3, M4, RV32, Chip
from tests.support.paths import ROOT
from tests.unit.real_program import run

PROJECT = Path(__file__).parent / "bare"
ARM, RISCV = "arm-none-eabi-", "riscv64-unknown-elf-"
MICROBIT = Chip("microbit", ("qemu-system-arm", "-M", "microbit"), "cortex-m0", 0, lambda: "gdb-multiarch")
NEWLIB = "-DWITH_R -DWITH_STREAMS"
CPP = "-DWITH_OPERATORS"
COLLECTED = "-Wl,--gc-sections"
# The library's own, all of them.
STREAM = [("alloc", "__sfp"), ("alloc", "__smakebuf_r"), ("free", "_fclose_r")]
EXCEPTIONS = [("alloc", "_GLOBAL__sub_I__ZN9__gnu_cxx9__freeresEv")]  # memory to throw where there is none


@dataclass(frozen=True)
class Build:
    """A C library on a machine: what its user writes into his Makefile, and what the program can call."""

    memtrace: str
    chip: Chip
    machine: str
    defines: str
    layout: str
    exceptions: str = "-fno-exceptions"
    ram: str = "256K"

    @property
    def prefix(self) -> str:
        return RISCV if self.chip is RV32 else ARM

    def variables(self) -> list[str]:
        cpp = "c++" in self.memtrace
        sources = "entries.c book.c" + (" operators.cpp" if cpp else "")
        sources += " start.c" if "start" in self.layout else ""
        return [
            f"PREFIX={self.prefix}",
            f"MACHINE={self.machine}",
            f"DEFINES={self.defines}" + (" -DMEMTRACE_RING_BYTES=5120" if self.ram == "16K" else ""),
            f"LAYOUT={self.layout}",
            f"EXCEPTIONS={self.exceptions}",
            f"SOURCES={sources}",
            f"LINK={self.prefix}{'g++' if cpp else 'gcc'}",
        ]


def newlib(chip: Chip, memtrace: str, defines: str, more: str = "", **others: str) -> Build:
    """newlib or newlib-nano, with start-up code and script as a maker of chips gives them."""
    core = {"m0": "0", "microbit": "0", "m3": "3", "m4": "4"}[chip.name]
    machine = f"-mcpu=cortex-m{core} -mthumb" + (" --specs=nano.specs" if "nano" in memtrace else "")
    layout = f"-nostartfiles -T link.ld -Wl,--defsym=ram_bytes={others.get('ram', '256K')} {more}"
    return Build(memtrace, chip, machine, defines, layout, **others)


def picolibc(chip: Chip, ram: str = "256K") -> Build:
    """picolibc with its own start-up code and script, which collects sections by itself."""
    if chip is RV32:
        machine, flash, memory = "-march=rv32imac -mabi=ilp32 -misa-spec=2.2", 0x8000_0000, 0x8008_0000
    else:
        core = {"m0": "0", "microbit": "0", "m3": "3", "m4": "4"}[chip.name]
        machine, flash, memory = f"-mcpu=cortex-m{core} -mthumb", 0, 0x2000_0000
    places = {"__flash": hex(flash), "__flash_size": "256K", "__ram": hex(memory), "__ram_size": ram}
    layout = "--crt0=semihost --oslib=semihost " + " ".join(f"-Wl,--defsym={name}={at}" for name, at in places.items())
    return Build("picolibc", chip, f"{machine} --specs=picolibc.specs", "-DWITH_POSIX", layout, ram=ram)


BUILDS = {
    **{f"newlib-{chip.name}": newlib(chip, "newlib c++", f"{NEWLIB} {CPP}") for chip in (M0, M3, M4)},
    **{f"nano-{chip.name}": newlib(chip, "nano c++", f"{NEWLIB} {CPP}", COLLECTED) for chip in (M0, M3, M4)},
    "nano-microbit": newlib(MICROBIT, "nano", NEWLIB, ram="16K"),
    **{f"picolibc-{chip.name}": picolibc(chip) for chip in (M0, M3, M4, RV32)},
    "picolibc-microbit": picolibc(MICROBIT, "16K"),
}


def project(folder: Path, memtrace: str) -> Path:
    """A copy of the user's project, with the lines of the port's README in its Makefile, and the repository beside it."""
    shutil.copytree(PROJECT, folder, dirs_exist_ok=True)
    (folder / "memtrace").symlink_to(ROOT)
    with (folder / "Makefile").open("a") as makefile:
        makefile.write(f"MEMTRACE = {memtrace}\nMEMTRACE_PROGRAM = app.elf\n")
        makefile.write("include memtrace/c_helpers/ports/bare/memtrace.mk\n")
    return folder


def made(folder: Path, build: Build) -> Path:
    run(["make", "-C", str(project(folder, build.memtrace)), *build.variables()])
    return folder / "app.elf"


def recorded(folder: Path, build: Build) -> Run:
    return booked.run(made(folder, build), build.chip, f"{build.prefix}nm")


@pytest.mark.parametrize("name", BUILDS)
def test_the_ring_says_what_the_book_says(name: str, tmp_path: Path) -> None:
    """Without --gc-sections where the library's specs do not give it; and with it for newlib-nano."""
    build = BUILDS[name]
    found = recorded(tmp_path, build)
    assert len(found.book) > 30 and found.users_of_ring() == found.book
    expected = (EXCEPTIONS if name.startswith("newlib") else []) + (STREAM if NEWLIB in build.defines else [])
    assert [(seen.kind, seen.caller) for seen in found.of_libraries()] == expected
