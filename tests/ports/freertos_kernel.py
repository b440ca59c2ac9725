# SPDX-License-Identifier: Apache-2.0
"""Firmware on the real kernel of FreeRTOS, which tools/setup fetches: built with the port, of tests/ports/freertos.

Approach: one object a source, made anew when something changed (tests/target/build.py).
Cost: some 3 s for each firmware that is not current.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from pathlib import Path

from tests.support.barred import refuse
from tests.support.chips import M0, M3, M4, M33, RV32, Chip
from tests.support.firmware import locked
from tests.support.paths import BUILD, ROOT
from tests.target import build as target

KERNEL = ROOT / ".venv" / "freertos-kernel"
PORT = Path("c_helpers/ports/freertos")
HELPERS = Path("c_helpers")
FIRMWARE = Path("tests/ports/freertos")
VIRT = Path("examples/freertos")
MPS2 = FIRMWARE / "mps2"
FOLDER = BUILD / "ports" / "freertos"
SETUP = "tools/setup fetches the kernel of FreeRTOS into .venv/freertos-kernel"
SINK = (
    "log/memtrace_log.c",
    *(f"sinks/{name}.c" for name in ("memtrace_sink", "sink", "ring_view", "uart_frames", "checksum")),
)
PARTS = ("memtrace_freertos.c", "memtrace_freertos_wrap.c")
RECORDER = ("recorder/*.c", "wrap/memtrace_wrap.c", *(f"ports/freertos/{name}" for name in PARTS))
MORE = {  # what a program has beside the recorder
    "gateway": ("console/*.c", "ports/freertos/memtrace_freertos_system.c", "../tests/ports/freertos/console.c", *SINK),
    "hooks": ("selftest/memtrace_selftest.c", "sinks/ring_view.c"),
    "promises": ("ports/selftest/memtrace_port_selftest.c",),
}
FLAGS = (
    "-std=gnu11",
    "-g",
    "-ffunction-sections",
    "-fno-omit-frame-pointer",
    "-fno-optimize-sibling-calls",
    "-DMEMTRACE=1",
)
LINK = (
    "-nostartfiles",
    "-Wl,--gc-sections",
    "-Wl,--build-id=sha1",
    "-Wl,--fatal-warnings",
    "-Wl,--no-warn-rwx-segments",
)


@dataclass(frozen=True)
class Board:
    """An emulated board with the kernel's port to it."""

    chip: Chip
    compiler: str
    flags: tuple[str, ...]
    folder: Path  # start-up code and linker script
    port: tuple[str, ...]  # folders of the kernel's port, under portable/GCC


def _arm(
    chip: Chip, cpu: str, port: str, *more: str, code: int = 0, ram: int = 0x2000_0000, uart: int = 0x4000_4000
) -> Board:
    where = (f"-Wl,--defsym=board_code={code:#x}", f"-Wl,--defsym=board_ram={ram:#x}", f"-DBOARD_UART={uart:#x}u")
    flags = ("-mthumb", f"-mcpu={cpu}", "--specs=picolibc.specs", *where, *more)
    return Board(chip, "arm-none-eabi-gcc", flags, MPS2, (port,))


NAMED = "-DBOARD_HANDLERS_ARE_NAMED"
HARD = ("-mfloat-abi=hard", "-mfpu=fpv4-sp-d16")
BOARDS = {
    "rv32": Board(
        RV32, target.RV32.compiler, target.RV32.flags, VIRT,
        ("RISC-V", "RISC-V/chip_specific_extensions/RISCV_MTIME_CLINT_no_extensions"),
    ),
    "m0": _arm(M0, "cortex-m0", "ARM_CM0", NAMED),
    "m3": _arm(M3, "cortex-m3", "ARM_CM3"),
    "m4": _arm(M4, "cortex-m4", "ARM_CM4F", *HARD),
    "m33": _arm(
        M33, "cortex-m33+nofp", "ARM_CM33_NTZ/non_secure", NAMED, code=0x1000_0000, ram=0x8000_0000, uart=0x5020_0000
    ),
}  # fmt: skip
BOARDS["rv32imc"] = replace(BOARDS["rv32"], flags=tuple(one.replace("imac", "imc") for one in BOARDS["rv32"].flags))


@dataclass(frozen=True)
class Firmware:
    """One program, and how it is built."""

    program: str = "gateway"  # a file of tests/ports/freertos
    board: str = "rv32"
    heap: int = 4
    macros: bool = False  # the trace macros in place of --wrap
    optimise: str = "-O2"
    defines: tuple[str, ...] = ()
    unwrapped: tuple[str, ...] = ()  # hooks that are left out of memtrace_freertos.wrap

    @property
    def name(self) -> str:
        """Its folder."""
        words = (
            self.program,
            self.board,
            f"heap{self.heap}",
            "macros" * self.macros,
            self.optimise,
            *self.defines,
            *self.unwrapped,
        )
        return "_".join(word.replace("=", "-").replace("-D", "") for word in words if word)

    @property
    def chip(self) -> Chip:
        """The chip that it runs on."""
        return BOARDS[self.board].chip


def build(firmware: Firmware) -> Path:
    """The ELF of the firmware, built now if it is not current."""
    refuse("the firmware on FreeRTOS")
    return _build(firmware)


@cache
def _build(firmware: Firmware) -> Path:
    assert KERNEL.is_dir(), SETUP
    folder, board = FOLDER / firmware.name, BOARDS[firmware.board]
    with locked(FOLDER / ".lock"):
        units = [_unit(source, firmware) for source in sources(firmware)]
        for one in units:
            target.compile_unit(one)
        elf, objects = folder / "firmware.elf", [one.object for one in units]
        wraps = () if firmware.macros else tuple(f"-Wl,{one}" for one in _wraps(firmware))
        script = board.folder / "link.ld"
        inputs = [str(one.relative_to(ROOT)) for one in objects]
        command = (
            board.compiler,
            *board.flags,
            *LINK,
            *wraps,
            *inputs,
            f"-T{script}",
            "-o",
            str(elf.relative_to(ROOT)),
        )
        if not target.is_current(elf, [*objects, ROOT / script], command):
            target.run(elf, command)
    return elf


def _wraps(firmware: Firmware) -> list[str]:
    options = (ROOT / PORT / "memtrace_freertos.wrap").read_text().split()
    return [one for one in options if one.split("=")[1] not in firmware.unwrapped]


def sources(firmware: Firmware) -> list[Path]:
    """Every source, relative to the root."""
    board, kernel = BOARDS[firmware.board], KERNEL.relative_to(ROOT)
    helpers = (*RECORDER, *MORE.get(firmware.program, ()))
    names = [str(HELPERS / name) for name in helpers]
    names += [str(kernel / "portable/GCC" / part / f"*.{kind}") for part in board.port for kind in "cS"]
    names += [str(kernel / f"{name}.c") for name in ("tasks", "queue", "list", "timers")]
    names += [str(kernel / f"portable/MemMang/heap_{firmware.heap}.c")]
    names += [str(FIRMWARE / f"{name}.c") for name in ("common", firmware.program)]
    names += [str(board.folder / name) for name in ("board.c", "start.*")]
    found = [sorted(path.relative_to(ROOT) for path in ROOT.glob(name)) for name in names]
    missing = [name for name, paths in zip(names, found, strict=True) if not paths and "*" not in name]
    assert not missing, missing
    return [path for paths in found for path in paths]


def _unit(source: Path, firmware: Firmware) -> target.Unit:
    """How a source becomes an object. Firmware whose command for it is the same shares it."""
    board, kernel = BOARDS[firmware.board], KERNEL.relative_to(ROOT)
    parts = ("include", "sinks", "log", "console", "selftest", "ports/selftest")
    folders = (FIRMWARE, VIRT, PORT, *(HELPERS / part for part in parts))
    theirs = (kernel / "include", *(kernel / "portable" / "GCC" / part for part in board.port))
    includes = (*(f"-I{one}" for one in folders), *(word for one in theirs for word in ("-isystem", str(one))))
    macros = ("-DMEMTRACE_FREERTOS_MACROS=1",) if firmware.macros else ()
    defines = [one for one in firmware.defines if _concerns(one, source)]
    heap = (f"-DFIRMWARE_HEAP={firmware.heap}",) if source.parent == FIRMWARE else ()
    warnings = ("-w",) if kernel in source.parents else target.WARNINGS
    words = (*board.flags, *FLAGS, firmware.optimise, *macros, *defines, *heap, *warnings, *includes)
    command = (board.compiler, *words, "-MMD", "-c", str(source), "-o")
    made = FOLDER / "objects" / f"{sha256(' '.join(command).encode()).hexdigest()[:16]}.o"
    return target.Unit(source, made, (*command, str(made.relative_to(ROOT))))


def _concerns(define: str, source: Path) -> bool:
    """Whether a definition changes what is made of a source: the kernel knows those of its configuration."""
    if define.startswith("-DTROUBLE"):
        return source.stem == "trouble"
    return KERNEL.relative_to(ROOT) not in source.parents or not define.startswith("-DMEMTRACE_")
