# SPDX-License-Identifier: Apache-2.0
"""The port to the Pico SDK: its own wrappers stay, the caller is the program's function, two cores share a lock.

tests/ports/pico is a user's project on a stand-in of the SDK; its program is the one of tests/ports/bare.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from gdbext.model.events import TraceInfo
from gdbext.source.memory import Memory
from gdbext.source.snapshot import snapshot_of
from gdbext.trace.ring import read_ring
from tests.ports import booked
from tests.ports.booked import Told
from tests.ports.steps import are_few, carry_out, steps_of
from tests.support.chips import M0
from tests.support.paths import ROOT
from tests.unit.real_program import run

HERE = Path(__file__).parent
PORT = ROOT / "c_helpers" / "ports" / "pico"
README = PORT / "README.md"
PAGE = ROOT / "docs" / "how-to" / "port-pico.md"
NM = "arm-none-eabi-nm"
GOES_ON = "DEFINES=PICO_MALLOC_PANIC=0"
POOL = [("alloc", "_GLOBAL__sub_I__ZN9__gnu_cxx9__freeresEv")]  # libstdc++'s, for exceptions


def project(folder: Path) -> Path:
    """The user's project, without memtrace."""
    for part in ("bare", "pico"):
        shutil.copytree(HERE / part, folder / part)
    return folder / "pico"


def built(folder: Path, *settings: str) -> Path:
    run(["cmake", "-S", str(folder), "-B", str(folder / "build"), *(f"-D{one}" for one in settings)])
    run(["cmake", "--build", str(folder / "build")])
    return folder / "build" / "app"


def with_memtrace(folder: Path, *lines: str) -> Path:
    """The user's project with the repository in it."""
    (folder / "memtrace").symlink_to(ROOT)
    more = [*lines, "add_subdirectory(memtrace/c_helpers/ports/pico)", "target_link_libraries(app memtrace)", ""]
    with (folder / "CMakeLists.txt").open("a") as cmake:
        cmake.write("\n".join(more))
    return folder


def test_the_ring_says_what_the_book_says(tmp_path: Path) -> None:
    """The SDK's mutex is entered once a call, and its lock once a step: the stand-in stops the program otherwise."""
    found = booked.run(built(with_memtrace(project(tmp_path)), GOES_ON), M0, NM)
    assert len(found.book) > 70 and found.users_of_ring() == found.book
    assert [(seen.kind, seen.caller) for seen in found.of_libraries()] == POOL
    assert {seen.task for seen in found.ring} == {"core 0"}


def test_a_failure_is_in_the_ring_before_the_sdk_panics(tmp_path: Path) -> None:
    found = booked.run(built(with_memtrace(project(tmp_path))), M0, NM)
    assert [told.kind for told in found.book] == ["alloc", "free"]
    assert found.users_of_ring() == [*found.book, Told("alloc-failed", 0, 100 << 20, "user_malloc")]


def test_two_definitions_do_not_link(tmp_path: Path) -> None:
    """As the page says of c_helpers/wrap/malloc.c, compiled as it is."""
    folder = with_memtrace(project(tmp_path), "add_library(four OBJECT memtrace/c_helpers/wrap/malloc.c)")
    with (folder / "CMakeLists.txt").open("a") as cmake:
        cmake.write("target_compile_options(four PRIVATE ${chip})\n")
        cmake.write("target_include_directories(four PRIVATE memtrace/c_helpers/include)\n")
        cmake.write("target_link_libraries(app $<TARGET_OBJECTS:four>)\n")
    run(["cmake", "-S", str(folder), "-B", str(folder / "build")])
    done = subprocess.run(["cmake", "--build", str(folder / "build")], capture_output=True, text=True)
    wanted = "multiple definition of `__wrap_malloc'"
    assert done.returncode != 0 and wanted in done.stdout + done.stderr
    assert "multiple definition of __wrap_malloc" in PAGE.read_text()


# The SDK's wrappers, or options, that are left out; the bit that must be missing, and a word of its sentence.
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
    folder = with_memtrace(project(tmp_path), "set(MEMTRACE_SELFTEST ON)")
    (folder / "memtrace").unlink()
    shutil.copytree(ROOT / "c_helpers", folder / "memtrace" / "c_helpers")
    for options in (folder / "memtrace" / "c_helpers" / "wrap").glob("*.wrap"):
        kept = [line for line in options.read_text().split() if line.removeprefix("--wrap=") not in functions]
        options.write_text("\n".join(kept))
    wrapped = [one for one in ("malloc", "calloc", "realloc", "free") if one not in functions]
    missing, said = booked.selftest_says(built(folder, f"PICO_WRAPPED={';'.join(wrapped)}"))
    assert missing == bits and sentence in said


def test_the_readmes_steps(tmp_path: Path) -> None:
    """Put in, every entry is recorded and every hook fires; taken out, not one byte is left."""
    folder = project(tmp_path)
    elf = built(folder, GOES_ON)
    before = sizes(elf)
    steps = steps_of(README)
    assert are_few(steps)
    carry_out(steps, folder)
    put_in = tmp_path / "app.elf"
    shutil.copy(elf, put_in)
    found = booked.run(put_in, M0, NM)
    assert len(found.book) > 70 and found.users_of_ring() == found.book
    assert booked.selftest_says(put_in) == (0, "every hook works")
    carry_out(steps_of(README, "Take it out"), folder)
    assert sizes(elf) == before and sizes(put_in) > before


def test_the_example_leaks_what_its_readme_says(tmp_path: Path) -> None:
    """On the stand-in, in whose program's end the ring is printed."""
    example = ROOT / "examples" / "pico"
    run(["cmake", "-S", str(example), "-B", str(tmp_path), f"-DPICO_SDK_PATH={HERE / 'pico' / 'sdk'}"])
    run(["cmake", "--build", str(tmp_path)])
    found = booked.run(tmp_path / "logger", M0, NM)
    live: dict[int, int] = {}
    for seen in found.ring:
        if seen.kind == "alloc" and seen.caller in (
            "main",
            POOL[0][1],
        ):  # newlib's stdio has blocks that the SDK's has not
            live[seen.address] = seen.size
        elif seen.kind == "free":
            live.pop(seen.address, None)
    told = re.search(r"^(\d+) blocks, ([\d,]+) bytes: not freed$", (example / "README.md").read_text(), re.MULTILINE)
    assert told is not None and set(live.values()) == {32, 2528}
    assert [len(live), sum(live.values())] == [int(number.replace(",", "")) for number in told.groups()]
    assert len((example / "main.c").read_text().splitlines()) <= 60


def test_the_page_ends_with_the_self_test() -> None:
    assert f"(gdb) {booked.SELFTEST}" in PAGE.read_text().splitlines()[-4:]


def sizes(elf: Path) -> tuple[int, ...]:
    return tuple(map(int, run(["arm-none-eabi-size", str(elf)]).splitlines()[1].split()[:3]))


def two_cores(folder: Path, *defines: str) -> Path:
    """The recorder on a model of the chip. Between the load and the store of a step the other core has its turn."""
    flags = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-pthread", "-no-pie", "-DMEMTRACE_ATOMICS_BY_LOCK"]
    turns = ["-DMEMTRACE_TEST_BETWEEN()=sched_yield()", "-includesched.h"]
    places = [f"-I{path}" for path in (HERE / "pico" / "sdk" / "include", PORT, ROOT / "c_helpers" / "include")]
    sources = [HERE / "pico" / "two_cores.c", *sorted((ROOT / "c_helpers" / "recorder").glob("*.c"))]
    made = folder / "two_cores"
    run(["gcc", *flags, *turns, *places, *defines, *map(str, sources), "-o", str(made)])
    return made


def storm(made: Path) -> tuple[TraceInfo, int, int]:
    """What the ring says after it, how many calls there were, and how many of those in interrupts."""
    done = subprocess.run([str(made)], capture_output=True, timeout=600)
    assert done.returncode == 0
    head, _, data = done.stdout.partition(b"\n")
    address, calls, interrupts = head.split()
    trace = read_ring(Memory(snapshot_of([(int(address, 16), data)], 8, "little")), int(address, 16))
    assert trace.info is not None
    return trace.info, int(calls), int(interrupts)


def test_the_lock_holds_off_the_other_core_and_interrupts(tmp_path: Path) -> None:
    info, calls, interrupts = storm(two_cores(tmp_path))
    assert interrupts > 1000
    assert info.kept + info.lost == calls and (info.half_written, info.dropped) == (0, 0)


def test_a_lock_that_lets_interrupts_in_waits_for_itself(tmp_path: Path) -> None:
    done = subprocess.run([str(two_cores(tmp_path, "-DINTERRUPTS_STAY_ON"))], capture_output=True, timeout=600)
    assert done.returncode == 3


def test_a_lock_that_lets_the_other_core_in_loses_events(tmp_path: Path) -> None:
    info, calls, _ = storm(two_cores(tmp_path, "-DOTHER_CORE_GOES_ON"))
    assert info.kept + info.lost != calls and info.half_written > 0


def test_the_ports_units_of_time(tmp_path: Path) -> None:
    """1 to 10 kHz, whatever the timer's halves are; the low half is the whole one's."""
    source = tmp_path / "units.c"
    source.write_text(
        '#include <stdio.h>\n#include "memtrace_port.h"\ntimer_hw_t machine_timer = {3, 0x80000000u};\n'
        "int main(void) { printf("
        '"%u %llu %u", MEMTRACE_PORT_TICK_HZ, (unsigned long long)memtrace_port_time_full(), memtrace_port_time()); }\n'
    )
    places = [f"-I{path}" for path in (HERE / "pico" / "sdk" / "include", PORT)]
    run(["gcc", "-O1", *places, str(source), "-o", str(tmp_path / "units")])
    hz, full, low = map(int, re.findall(r"\d+", run([str(tmp_path / "units")])))
    assert 1000 <= hz <= 10_000 and abs(hz * 256 - 1_000_000) < 100
    assert full == (3 << 32 | 0x8000_0000) >> 8 and low == full % (1 << 32)
