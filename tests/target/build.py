# SPDX-License-Identifier: Apache-2.0
"""Builds the test firmware: `build.py [VARIANT...]` makes build/target/VARIANT/firmware.elf and prints its path.

Approach: one object a source, made anew when a file it was made from or its command line changed (the compiler's own
dependency list and a file with the command beside the object). Rejected: make, which does not notice changed flags.
Cost: about a second for a whole variant, 0.1 s when nothing changed.
Assumptions: gcc-riscv64-unknown-elf, gcc-xtensa-lx106, gcc-arm-none-eabi and their picolibc of Debian 12, and for
de212 what `make setup-xtensa` builds; run from anywhere.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from os import cpu_count
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path("tests/target")
IDF = TARGET / "idf"
DEATHS = TARGET / "deaths"
HELPERS = Path("c_helpers")
SELFTEST = HELPERS / "ports" / "selftest"
sys.path.insert(0, str(ROOT))
from tests.toolchain.where import locate  # noqa: E402

WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wstrict-prototypes", "-Werror")
FOLDERS = (HELPERS / "include", TARGET, *(TARGET / name for name in ("heap", "rtos", "scenarios")))
INCLUDES = tuple(f"-I{folder}" for folder in (*FOLDERS, DEATHS))
COMMON = ("-std=c11", "-g", "-ffunction-sections", *WARNINGS, *INCLUDES)

# The scenarios misuse memory on purpose: the compiler must neither reason about it nor complain.
SCENARIO_FLAGS = (
    "-fno-builtin",
    "-fno-optimize-sibling-calls",
    "-Wno-use-after-free",
    "-Wno-stringop-overflow",
    "-Wno-array-bounds",
)
ALLOCATOR_FLAGS = ("-include", "memtrace_tlsf_assert.h")
NUTTX_FLAGS = (f"-I{DEATHS / 'nuttx'}",)  # its assert.h
# multi_heap's own assertions in ESP-IDF do not tell their condition.
MULTI_HEAP_FLAGS = ("-include", "stdlib.h", "-Dtlsf_assert(condition)=((condition)?(void)0:abort())")
UNWOUND = ("-DBOARD_TRAPS_UNWIND",)
RELEASE = "-Dtlsf_assert(condition)=((void)(condition))"
SPINS = "-DMEMTRACE_PORT_SELFTEST_SPINS=400000000"  # turns of a loop that waits: no machine is so busy
LINK = (
    "-nostartfiles",
    "-Wl,--gc-sections",
    "-Wl,--build-id=sha1",
    "-Wl,--fatal-warnings",
    "-Wl,--no-warn-rwx-segments",
    *(f"-Wl,--wrap=heap_caps_{name}" for name in ("malloc", "calloc", "realloc", "free")),
)


@dataclass(frozen=True)
class Machine:
    """A compiler, what it must be told, and the sources that are for it alone."""

    compiler: str
    flags: tuple[str, ...]
    folders: tuple[Path, ...]

    @property
    def board(self) -> Path:
        """The folder with the linker script."""
        return self.folders[0]


# The old ISA specification, in which the CSR instructions belong to I: with the new one (rv32imac_zicsr) Debian's gcc
# links the 64-bit libraries.
RV32 = Machine(
    "riscv64-unknown-elf-gcc",
    ("-march=rv32imac", "-mabi=ilp32", "-misa-spec=2.2", "--specs=picolibc.specs"),
    (TARGET / "rv32_virt",),
)
SIM = TARGET / "xtensa_sim"
LITERALS = "-mtext-section-literals"  # before their use, in hand-written assembly too
DE212 = Machine(
    "xtensa-de212-elf-gcc",
    (LITERALS, "-nolibc", "-DMEMTRACE_XTENSA_REGISTERS=32"),
    (SIM, SIM / "libc", HELPERS / "arch"),
)
LX106 = Machine("xtensa-lx106-elf-gcc", (LITERALS,), (SIM, SIM / "rom"))


def mps2(cpu: str, *more: str, vectors: int = 0, code: int = 0x2100_0000, ram: int = 0x2100_0000) -> Machine:
    """One of QEMU's Arm boards, and where its vectors, its code and its RAM lie."""
    where = {"vector_table": vectors, "code": code, "ram": ram}
    places = [f"-Wl,--defsym=board_{name}={address:#x}" for name, address in where.items()]
    flags = ("-mthumb", f"-mcpu={cpu}", *more, "--specs=picolibc.specs", *places)
    return Machine("arm-none-eabi-gcc", flags, (TARGET / "arm_mps2",))


M0 = mps2("cortex-m0")
M3 = mps2("cortex-m3")
M4 = mps2("cortex-m4", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16")
M33 = mps2("cortex-m33", "-mfloat-abi=hard", "-DBOARD_AN505", vectors=0x1000_0000, code=0x1001_0000, ram=0x8000_0000)


@dataclass(frozen=True)
class Variant:
    """How one firmware differs from the others."""

    about: str
    machine: Machine = RV32
    flags: tuple[str, ...] = ()
    optimise: str = "-O2"
    frame_pointers: bool | None = True  # None: as the compiler pleases
    hook: bool = True
    defines: tuple[str, ...] = ()
    recorder: bool = True
    selftest: bool = False
    deaths: str = "newlib"  # how it dies: a file of deaths/
    sink: str = ""  # where its log goes: a file of sinks/
    heap: str = "heap"  # the folder of its allocator
    console: bool = False  # whether it has one


def idf(about: str, *defines: str, deaths: str = "newlib") -> Variant:
    """The program with ESP-IDF's heap tracing in place of the recorder."""
    return Variant(f"ESP-IDF's heap tracing: {about}", hook=False, defines=defines, recorder=False, deaths=deaths)


WITH_SINK = ("-DMEMTRACE_TEST_SINK", f"-I{HELPERS / 'sinks'}", f"-I{HELPERS / 'log'}")
CARRIERS = {
    "file": ("memtrace_file.c", "memtrace_dump.c"),
    "flash": ("flash_ring.c", "checksum.c"),
    "uart": ("uart_frames.c", "checksum.c"),
}
BASE_FEATURES = ("-DMEMTRACE_FILTERS=0", "-DMEMTRACE_LIVE=0")
VARIANTS = {
    "default": Variant("-O2 with frame pointers, all features"),
    "os": Variant("-Os with frame pointers", optimise="-Os"),
    "nofp": Variant("-O2 without frame pointers", frame_pointers=False),
    "nofp-os": Variant("-Os without frame pointers", optimise="-Os", frame_pointers=False),
    "imc": Variant("no A extension: -cpu rv32,a=false, one hart", flags=("-march=rv32imc",)),
    "plain": Variant("plain stores, no atomics: must fail the SMP test", defines=("-DMEMTRACE_TEST_PLAIN_ATOMICS",)),
    "hookless": Variant("the allocator asserts as the C library does", hook=False),
    "heap-4": Variant(
        "a heap_4, whose calls suspend the scheduler alone; scenarios that need multi_heap do not run",
        flags=("-Wl,--unresolved-symbols=ignore-in-object-files",),
        heap="heap_4",
    ),
    "checked": Variant(
        "the kernel's lists with check words, its tasks with the ends of their stacks",
        defines=("-DKERNEL_CHECK_WORDS", "-DKERNEL_STACK_ENDS"),
    ),
    "release": Variant("the allocator asserts nothing", hook=False, defines=(RELEASE,)),
    "base": Variant("no filters, no live table", defines=BASE_FEATURES),
    "bench": Variant("base features; counts instructions per event", defines=(*BASE_FEATURES, "-DMEMTRACE_TEST_BENCH")),
    "bench-full": Variant("all features; counts instructions per event", defines=("-DMEMTRACE_TEST_BENCH",)),
    "bench-log": Variant(
        "base features; counts instructions per event while its log goes into a file",
        defines=(*BASE_FEATURES, *WITH_SINK, "-DMEMTRACE_TEST_BENCH"),
        sink="file",
    ),
    "retained": Variant(
        "starts again after an assertion, and keeps the ring of the run before; tags",
        defines=("-DMEMTRACE_TEST_RETAINED", "-DMEMTRACE_TAGS=1"),
    ),
    "bench-tags": Variant("the same with tags", defines=(*BASE_FEATURES, "-DMEMTRACE_TEST_BENCH", "-DMEMTRACE_TAGS=1")),
    "bench-rtos": Variant(
        "the same with the wrapper around the allocator, and a port like FreeRTOS's",
        defines=(*BASE_FEATURES, "-DMEMTRACE_TEST_BENCH", "-DMEMTRACE_TEST_BENCH_RTOS"),
    ),
    "bench-rtos-full": Variant(
        "the same with all features", defines=("-DMEMTRACE_TEST_BENCH", "-DMEMTRACE_TEST_BENCH_RTOS")
    ),
    **{
        f"bench-pair-{name}": Variant(
            f"alloc and free, 200 live, with the wrapper and a port like FreeRTOS's: {about}",
            defines=(*flags, "-DBENCH_SLOTS=400", "-DMEMTRACE_TEST_BENCH", "-DMEMTRACE_TEST_BENCH_RTOS"),
        )
        for name, about, flags in (
            ("1", "one PC", (*BASE_FEATURES, "-DMEMTRACE_DEPTH=1")),
            ("16", "stacks of up to 16 frames", BASE_FEATURES),
            ("live", "the same with a live table", ("-DMEMTRACE_FILTERS=0",)),
        )
    },
    "idf-44": idf("an array, each number a variable", "-DIDF_FORM=44"),
    "idf-50": idf("an array", "-DIDF_FORM=50"),
    "idf-51": idf("a list, and queues in a hash table", "-DIDF_FORM=51"),
    "idf-54": idf("a list, and lists in a hash table", "-DIDF_FORM=54"),
    "idf-55": idf("the same, and a flag for freed blocks", "-DIDF_FORM=55"),
    "idf-flat": idf("without stacks, without the flag", "-DIDF_FORM=54", "-DIDF_DEPTH=0"),
    "idf-kernel": idf("and the owner's handle in front of each block", "-DIDF_FORM=54", "-DIDF_KERNEL"),
    "idf-tasks": idf("and task tracking with a list of each task's blocks", "-DIDF_FORM=55", "-DIDF_TASKS"),
    "idf-dies": idf("and its panic handler", "-DIDF_FORM=54", *UNWOUND, deaths="esp_idf"),
    "idf-faults": idf("the same; the allocator asserts nothing", "-DIDF_FORM=54", RELEASE, *UNWOUND, deaths="esp_idf"),
    "dies-in-idf": Variant("our recorder, and ESP-IDF's panic handler", defines=UNWOUND, deaths="esp_idf"),
    "dies-in-nuttx": Variant("our recorder, and NuttX's assertions", defines=UNWOUND, deaths="nuttx"),
    "nuttx": idf("NuttX's assertions, too", "-DIDF_FORM=54", *UNWOUND, deaths="nuttx"),
    "log-file": Variant(
        "its log goes into a file of the host, by semihosting; it starts again after an assertion",
        defines=(*WITH_SINK, "-DMEMTRACE_TEST_RETAINED"),
        sink="file",
    ),
    "log-flash": Variant("its log goes into the emulator's flash", defines=WITH_SINK, sink="flash"),
    "console": Variant(
        "asks its own console, on the line that it prints on",
        optimise="-Os",
        defines=("-DMEMTRACE_TEST_CONSOLE", "-DMEMTRACE_TAGS=1", "-DMEMTRACE_MODULES=1", "-DMEMTRACE_DOUBLE_FREE=1"),
        console=True,
    ),
    "log-uart": Variant(
        "its log goes over the console's line; it starts again after an assertion",
        defines=(*WITH_SINK, "-DMEMTRACE_TEST_RETAINED"),
        sink="uart",
    ),
    "selftest": Variant("the self-test of the board's port, in place of heaps and scenarios", selftest=True),
    "de212": Variant("Xtensa with register windows, like an ESP32", DE212),
    "de212-64": Variant("de212 with the spill for 64 registers", DE212, ("-UMEMTRACE_XTENSA_REGISTERS",)),
    "lx106": Variant("Xtensa without register windows, as in the ESP8266", LX106),
    "m0": Variant("Arm Cortex-M0, without atomic instructions, on a board with an M3", M0, frame_pointers=None),
    "m3": Variant("Arm Cortex-M3", M3, frame_pointers=None),
    "m4": Variant("Arm Cortex-M4 with its FPU", M4, frame_pointers=None),
    "m33": Variant("Arm Cortex-M33", M33, frame_pointers=None),
}
VARIANTS["de212-idf"] = replace(VARIANTS["idf-54"], machine=DE212)
VARIANTS["selftest-imc"] = replace(VARIANTS["selftest"], flags=VARIANTS["imc"].flags)
VARIANTS["selftest-nofp"] = replace(VARIANTS["selftest"], frame_pointers=False)
for _name in ("de212", "lx106", "m0", "m4"):
    _chip = VARIANTS[_name]
    VARIANTS |= {
        f"{_name}-{name}": replace(VARIANTS[name], machine=_chip.machine, frame_pointers=_chip.frame_pointers)
        for name in ("bench", "bench-full", "selftest")
    }


@dataclass(frozen=True)
class Unit:
    """One source, its object, and the command between them."""

    source: Path
    object: Path
    command: tuple[str, ...]


def part_flags(source: Path, variant: Variant) -> tuple[str, ...]:
    """Flags for the part of the firmware that `source` belongs to."""
    if HELPERS in source.parents and source.parent != SELFTEST:
        return ()
    frames = {True: ("-fno-omit-frame-pointer",), False: ("-fomit-frame-pointer",), None: ()}[variant.frame_pointers]
    if source.suffix == ".S":
        return ()
    if source.name == "multi_heap.c" and variant.deaths == "esp_idf" and RELEASE not in variant.defines:
        return (*frames, *MULTI_HEAP_FLAGS)
    if source.parent == TARGET / "heap":
        return (*frames, *(ALLOCATOR_FLAGS if variant.hook else NUTTX_FLAGS if variant.deaths == "nuttx" else ()))
    if source.parent in (TARGET / "scenarios", TARGET / "console", IDF):
        return (*frames, *SCENARIO_FLAGS)
    return (*frames, "-fno-optimize-sibling-calls", "-fno-builtin-malloc")


def program(variant: Variant) -> list[Path]:
    """Folders of what is not for one machine alone."""
    if variant.selftest:
        return [HELPERS / "recorder", SELFTEST, TARGET / "rtos", TARGET / "selftest"]
    if not variant.recorder:
        return [IDF, TARGET / "heap"]
    return [HELPERS / "recorder", TARGET, *(TARGET / name for name in (variant.heap, "rtos", "scenarios"))]


def sources(variant: Variant) -> list[Path]:
    """Every source of the firmware, relative to the root."""
    folders = [*program(variant), *variant.machine.folders]
    found = [path for folder in folders for pattern in ("*.c", "*.S") for path in sorted((ROOT / folder).glob(pattern))]
    if not variant.recorder:
        found.append(ROOT / TARGET / "rtos" / "tasks.c")
    if variant.sink:
        names = ("memtrace_sink.c", "sink.c", "ring_view.c", *CARRIERS[variant.sink])
        found += [ROOT / HELPERS / "sinks" / name for name in names]
        found += [ROOT / HELPERS / "log" / "memtrace_log.c", ROOT / TARGET / "sinks" / f"{variant.sink}.c"]
    if variant.console:
        found += [*sorted((ROOT / HELPERS / "console").glob("*.c")), ROOT / HELPERS / "sinks" / "ring_view.c"]
        found += [ROOT / HELPERS / "usage" / "memtrace_usage.c", ROOT / TARGET / "console" / "console.c"]
    if not variant.selftest:
        found.append(ROOT / DEATHS / f"{variant.deaths}.c")
    return [path.relative_to(ROOT) for path in found]


def compiler(machine: Machine) -> str:
    """The compiler: one that was built here, else the system's."""
    built = locate().folder / "bin" / machine.compiler
    return str(built) if built.exists() else machine.compiler


def unit(source: Path, variant: Variant, folder: Path) -> Unit:
    """How `source` becomes an object of `variant` in `folder`."""
    made = folder / "objects" / ("_".join(source.parts) + ".o")
    machine = variant.machine
    includes = (
        f"-I{machine.board}",
        *COMMON,
        *((f"-I{HELPERS / 'console'}",) if variant.console else ()),
        *((f"-I{SELFTEST}", SPINS) if variant.selftest else ()),
    )
    flags = (*machine.flags, *variant.flags, variant.optimise, *includes, *variant.defines)
    command = (
        compiler(machine),
        *flags,
        *part_flags(source, variant),
        "-MMD",
        "-c",
        str(source),
        "-o",
        str(made.relative_to(ROOT)),
    )
    return Unit(source, made, command)


def dependencies(made: Path) -> list[Path]:
    """The files that `made` was made from, as the compiler listed them; empty: never made."""
    listed = made.with_suffix(".d")
    if not listed.exists():
        return []
    words = listed.read_text().replace("\\\n", " ").split()
    return [ROOT / word for word in words[1:]]


def is_current(made: Path, inputs: list[Path], command: tuple[str, ...]) -> bool:
    """Whether `made` is newer than all its inputs and was made by this very command."""
    record = made.with_suffix(".command")
    if not inputs or not made.exists() or not record.exists() or record.read_text() != "\n".join(command):
        return False
    when = made.stat().st_mtime_ns
    return all(path.exists() and path.stat().st_mtime_ns <= when for path in inputs)


def run(made: Path, command: tuple[str, ...]) -> None:
    """Make `made`; a failure ends the build with the compiler's words."""
    made.parent.mkdir(parents=True, exist_ok=True)
    record = made.with_suffix(".command")
    record.unlink(missing_ok=True)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    record.write_text("\n".join(command))


def compile_unit(work: Unit) -> None:
    """Compile `work` if it is not current."""
    if not is_current(work.object, dependencies(work.object), work.command):
        run(work.object, work.command)


def build(name: str) -> Path:
    """Build the variant `name`; return its ELF."""
    variant = VARIANTS[name]
    folder = ROOT / "build" / "target" / name
    units = [unit(source, variant, folder) for source in sources(variant)]
    with ThreadPoolExecutor(cpu_count()) as pool:
        list(pool.map(compile_unit, units))
    elf = folder / "firmware.elf"
    objects = [work.object for work in units]
    inputs = [str(path.relative_to(ROOT)) for path in objects]
    machine = variant.machine
    script = machine.board / "link.ld"
    place = (f"-T{script}", "-o", str(elf.relative_to(ROOT)))
    command = (compiler(machine), *machine.flags, *variant.flags, *LINK, *inputs, *place)
    if not is_current(elf, [*objects, ROOT / script], command):
        run(elf, command)
    return elf


def main() -> int:
    """The command line."""
    lines = [f"  {name:<11} {variant.about}" for name, variant in VARIANTS.items()]
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(epilog="\n".join(["variants:", *lines]), formatter_class=raw)
    parser.add_argument("variants", nargs="*", default=["default"], metavar="VARIANT", help="default, all, or:")
    wanted: list[str] = parser.parse_args().variants
    for name in VARIANTS if wanted == ["all"] else wanted:
        if name not in VARIANTS:
            parser.error(f"no variant {name!r}; there are: {', '.join(VARIANTS)}")
        print(build(name))
    return 0


if __name__ == "__main__":
    sys.exit(main())
