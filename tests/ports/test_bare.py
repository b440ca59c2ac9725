# SPDX-License-Identifier: Apache-2.0
"""The port to programs without an operating system: an entry of a C library is one event, of its caller.

tests/ports/bare is a user's project. Its program keeps a book, which is held against the ring, event by event.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.ports import booked
from tests.ports.booked import Run
from tests.ports.steps import are_few, carry_out, steps_of
from tests.support.chips import M0, M3, M4, RV32, Chip
from tests.support.paths import ROOT
from tests.unit.real_program import run

PROJECT = Path(__file__).parent / "bare"
PORT = ROOT / "c_helpers" / "ports" / "bare"
README = PORT / "README.md"
PAGE = ROOT / "docs" / "how-to" / "port-bare.md"
ARM, RISCV = "arm-none-eabi-", "riscv64-unknown-elf-"
MICROBIT = Chip("microbit", ("qemu-system-arm", "-M", "microbit"), "cortex-m0", 0, lambda: "gdb-multiarch")
NEWLIB = "-DWITH_R -DWITH_STREAMS"
CPP = "-DWITH_OPERATORS"
COLLECTED = "-Wl,--gc-sections"
# The library's own, all of them.
STREAM = [("alloc", "__sfp"), ("alloc", "__smakebuf_r"), ("free", "_fclose_r")]
POOL = [("alloc", "_GLOBAL__sub_I__ZN9__gnu_cxx9__freeresEv")]  # memory to throw where there is none


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
    """The user's project with the lines of the port's README, and the repository in it."""
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
    expected = (POOL if name.startswith("newlib") else []) + (STREAM if NEWLIB in build.defines else [])
    assert [(seen.kind, seen.caller) for seen in found.of_libraries()] == expected


def test_exceptions_pass_through(tmp_path: Path) -> None:
    """What is thrown is a block, too: of the function that throws."""
    found = recorded(tmp_path, newlib(M3, "newlib c++", f"{NEWLIB} {CPP}", exceptions="-fexceptions"))
    thrown = [told for told in found.users_of_ring() if told not in found.book]
    assert [told for told in found.users_of_ring() if told in found.book] == found.book
    freed = [seen for seen in found.of_libraries() if seen.kind == "free" and seen.caller != "_fclose_r"]
    assert [told.kind for told in thrown].count("alloc") == 3
    assert [told.kind for told in thrown].count("free") + len(freed) == 3
    assert {told.user for told in thrown} == {"_ZN12_GLOBAL__N_1L12user_failureEv"}


def test_an_interrupt_is_told_from_the_program(tmp_path: Path) -> None:
    build = newlib(M3, "nano", "")
    words = [*build.variables(), "SOURCES=interrupted.c book.c start.c"]
    run(["make", "-C", str(project(tmp_path, "nano")), *words])
    found = booked.run(tmp_path / "app.elf", M3, f"{ARM}nm")
    assert found.users_of_ring() == found.book
    assert [(seen.task, seen.size) for seen in found.ring if seen.kind == "alloc"] == [
        ("main", 22),
        ("(interrupt)", 11),
    ]


@pytest.mark.parametrize(("name", "above"), [("picolibc-rv32", "_cstart"), ("nano-m4", "Reset_Handler")])
def test_frames_end_where_the_stack_does(name: str, above: str, tmp_path: Path) -> None:
    """By names that the script has, and by the vector table: all frames are there, and nothing behind them."""
    found = recorded(tmp_path, BUILDS[name])
    own = [seen for seen in found.ring if seen.stack and "user_" in seen.caller]
    assert {seen.stack[1:] for seen in own if seen.stack[1] == "main"} == {("main", above)}
    assert {seen.stack[1:] for seen in own if seen.stack[1] != "main"} <= {("operators_run", "main", above)}


def test_a_clock_of_the_boards(tmp_path: Path) -> None:
    """Units are those of the function that is named; without one, events have none."""
    clock = "-DMEMTRACE_TICKS=clock_units -DMEMTRACE_TICK_HZ=2000"
    times = [seen.time for seen in recorded(tmp_path / "with", newlib(M3, "nano", f"{NEWLIB} {clock}")).ring]
    known = [time for time in times if time is not None]
    assert len(known) == len(times) > 30 and known == sorted(known) and known[-1] > 3000 * len(known)
    assert {seen.time for seen in recorded(tmp_path / "without", newlib(M3, "nano", NEWLIB)).ring} == {None}


LX106 = ("xtensa-lx106-elf-gcc",)
RV32IMC = ("riscv64-unknown-elf-gcc", "-march=rv32imc", "-mabi=ilp32", "-misa-spec=2.2", "--specs=picolibc.specs")
CORTEX_M = tuple(("arm-none-eabi-gcc", f"-mcpu=cortex-m{core}", "-mthumb") for core in ("0", "0plus", "4", "33"))
COMPILERS = {"lx106": LX106, "rv32imc": RV32IMC, **{words[1].removeprefix("-mcpu="): words for words in CORTEX_M}}


@pytest.mark.parametrize("name", COMPILERS)
def test_the_port_compiles_without_a_warning(name: str, tmp_path: Path) -> None:
    """Where there are no atomic instructions it gives the lock; RISC-V is told what an interrupt is."""
    sources = [PORT / "memtrace_bare.c", *sorted((ROOT / "c_helpers" / "recorder").glob("*.c"))]
    flags = ["-std=gnu11", "-Os", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wstrict-prototypes", "-Werror"]
    places = [f"-I{path}" for path in (ROOT / "c_helpers" / "include", PORT)]
    more = ["-DMEMTRACE_IN_INTERRUPT()=false"] if name == "rv32imc" else []
    run([*COMPILERS[name], *flags, *places, *more, "-c", *map(str, sources)], tmp_path)


@pytest.mark.parametrize(
    ("flags", "wanted"),
    [
        ("-DMEMTRACE_STACK_TOP=my_stack", "undefined reference to `my_stack'"),
        ("-DMEMTRACE_CODE_END=my_code", "undefined reference to `my_code'"),
    ],
)
def test_a_symbol_that_is_named_and_missing_does_not_link(flags: str, wanted: str, tmp_path: Path) -> None:
    build = newlib(M3, "nano", f"{NEWLIB} {flags}")
    command = ["make", "-C", str(project(tmp_path, build.memtrace)), *build.variables()]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode != 0 and wanted in done.stderr


def test_a_word_that_there_is_not_is_named(tmp_path: Path) -> None:
    done = subprocess.run(["make", "-C", str(project(tmp_path, "nanno"))], capture_output=True, text=True)
    assert done.returncode != 0 and "MEMTRACE: no such word: nanno" in done.stderr


# The functions without a hook, the bit of enum memtrace_entry, a word of the sentence. newlib's malloc only goes on to
# _malloc_r, so that the hook of either is enough; so it is with operator delete and free.
LEFT_OUT = {
    "nothing": ((), 0, "every hook works"),
    "malloc": (("malloc", "_malloc_r"), 1 << 1, "malloc"),
    "calloc": (("calloc", "_calloc_r"), 1 << 16, "calloc"),
    "realloc": (("realloc", "_realloc_r"), 1 << 3, "realloc"),
    "free": (("free", "_free_r"), 1 << 2, "free"),
    "memalign": (("memalign", "_memalign_r"), 1 << 17, "aligned"),
    "new": (("_Znwj",), 1 << 18, "new or delete"),
}


@pytest.mark.parametrize("name", LEFT_OUT)
def test_the_self_test_names_the_hook_that_is_left_out_and_no_other(name: str, tmp_path: Path) -> None:
    functions, bits, sentence = LEFT_OUT[name]
    build = newlib(M3, "nano c++ selftest", f"{NEWLIB} {CPP}", COLLECTED)
    folder = project(tmp_path, build.memtrace)
    (folder / "memtrace").unlink()
    shutil.copytree(ROOT / "c_helpers", folder / "memtrace" / "c_helpers")
    for options in (folder / "memtrace" / "c_helpers" / "wrap").glob("*.wrap"):
        kept = [line for line in options.read_text().split() if line.removeprefix("--wrap=") not in functions]
        options.write_text("\n".join(kept))
    run(["make", "-C", str(folder), *build.variables()])
    missing, said = booked.selftest_says(folder / "app.elf")
    assert missing == bits and sentence in said


def sizes(elf: Path) -> tuple[int, ...]:
    return tuple(map(int, run([f"{ARM}size", str(elf)]).splitlines()[1].split()[:3]))


CMAKE = """\
cmake_minimum_required(VERSION 3.13)
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_C_COMPILER arm-none-eabi-gcc)
set(CMAKE_CXX_COMPILER arm-none-eabi-g++)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
project(app C CXX)
add_executable(app entries.c book.c start.c)
set(chip -mcpu=cortex-m3 -mthumb --specs=nano.specs)
target_compile_options(app PRIVATE ${chip} -O2 -g)
target_compile_definitions(app PRIVATE WITH_R)
target_link_options(app PRIVATE ${chip} -nostartfiles -T ${CMAKE_SOURCE_DIR}/link.ld -Wl,--defsym=ram_bytes=256K)
"""


def with_make(folder: Path) -> tuple[str, Path]:
    """A project that is built as its README's steps build it."""
    shutil.copytree(PROJECT, folder)
    makefile = folder / "Makefile"
    own = makefile.read_text().replace("-mthumb\n", "-mthumb --specs=nano.specs\nDEFINES  = -DWITH_R\n")
    makefile.write_text(f"{own}\nclean:\n\trm -rf *.o app.elf memtrace-objects\n")
    run(["make", "-C", str(folder)])
    return "", folder / "app.elf"


def with_cmake(folder: Path) -> tuple[str, Path]:
    shutil.copytree(PROJECT, folder)
    (folder / "CMakeLists.txt").write_text(CMAKE)
    run(["cmake", "-S", str(folder), "-B", str(folder / "build")])
    run(["cmake", "--build", str(folder / "build")])
    return " with CMake", folder / "build" / "app"


def test_the_page_ends_with_the_self_test() -> None:
    assert f"(gdb) {booked.SELFTEST}" in PAGE.read_text().splitlines()[-4:]


@pytest.mark.parametrize("begin", [with_make, with_cmake])
def test_the_readmes_steps(begin: Callable[[Path], tuple[str, Path]], tmp_path: Path) -> None:
    """Put in, every entry is recorded and every hook fires; taken out, not one byte is left."""
    how, elf = begin(tmp_path / "project")
    before = sizes(elf)
    steps = steps_of(README, f"Put it in{how}")
    assert are_few(steps)
    carry_out(steps, tmp_path / "project")
    put_in = tmp_path / "app.elf"
    shutil.copy(elf, put_in)
    found = booked.run(put_in, M3, f"{ARM}nm")
    assert len(found.book) > 30 and found.users_of_ring() == found.book
    assert booked.selftest_says(put_in) == (0, "every hook works")
    carry_out(steps_of(README, f"Take it out{how}"), tmp_path / "project")
    assert sizes(elf) == before and sizes(put_in) > before
