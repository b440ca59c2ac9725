# SPDX-License-Identifier: Apache-2.0
"""Applications of a small ESP-IDF (tests/ports/esp_idf/idf), built by its CMake files and run in QEMU.

Approach: IDF's own sources may not be had here. This one has the heap component's functions, files, and calls between
files as they are known of each version, the kernel's variables, Kconfig by kconfiglib and the two passes of the build.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from gdbext.source.memory import Memory
from gdbext.source.snapshot import snapshot_of
from gdbext.trace.ring import read_ring
from gdbext.trace.trace import Trace
from tests.ports.booked import KINDS, Told
from tests.support.chips import RV32
from tests.support.paths import ROOT
from tests.support.qemu import Qemu
from tests.support.xtensa import toolchain
from tests.unit.real_program import names_of, run

FAKE = Path(__file__).parent / "esp_idf"
COMPONENT = ROOT / "c_helpers" / "ports" / "esp_idf"
CROSS = "riscv64-unknown-elf-"
LINES = "set(EXTRA_COMPONENT_DIRS memtrace/c_helpers/ports/esp_idf)\n"


@dataclass(frozen=True)
class Idf:
    """Which IDF, for which chip."""

    version: str = "5.5"
    machine: str = "rv32imac"
    libc: str = "newlib"

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "IDF_PATH": str(FAKE / "idf"),
            "FAKE_IDF_VERSION": self.version,
            "FAKE_IDF_LIBC": self.libc,
            "FAKE_IDF_ARCH": "riscv" if self.machine.startswith("rv") else "xtensa",
            "FAKE_IDF_PYTHON": sys.executable,
        }

    def configure(self, folder: Path, **more: str) -> str:
        """Runs CMake over a project; what it said."""
        if self.machine.startswith("rv"):
            flags = f"-march={self.machine} -mabi=ilp32 -misa-spec=2.2 --specs=picolibc.specs"
            tools = {"C": f"{CROSS}gcc", "CXX": f"{CROSS}g++", "ASM": f"{CROSS}gcc"}
        else:
            headers = "/usr/lib/picolibc/xtensa-lx106-elf/include"
            flags = f"-isystem {headers}"
            tools = dict.fromkeys(("C", "CXX", "ASM"), str(toolchain().gcc))
        settings = [f"-DCMAKE_{name}_COMPILER={tool}" for name, tool in tools.items()]
        settings += ["-DCMAKE_CXX_COMPILER_FORCED=1"]  # the one for Xtensa has no C++
        settings += [f"-DCMAKE_{name}_FLAGS={flags}" for name in tools]
        command = ["cmake", "-G", "Ninja", "-S", str(folder), "-B", str(folder / "build"), *settings]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, env={**self.environment, **more})
        said = done.stdout + done.stderr
        assert done.returncode == 0, said
        return said

    def build(self, folder: Path, *targets: str, **more: str) -> Path:
        self.configure(folder, **more)
        run(["ninja", "-C", str(folder / "build"), *targets])
        return folder / "build" / "app.elf"


def project(folder: Path, options: str = "", *, application: str = "") -> Path:
    """A user's project in an empty folder; with `application`, the tests' in place of his, and memtrace in it."""
    shutil.copytree(FAKE / "project", folder, dirs_exist_ok=True)
    if application:
        shutil.rmtree(folder / "main")
        shutil.copytree(FAKE / application, folder / "main")
        for name in ("book.c", "book.h"):
            shutil.copy(FAKE.parent / "bare" / name, folder / "main")
        (folder / "memtrace").symlink_to(ROOT)
        lists = folder / "CMakeLists.txt"
        lists.write_text(LINES + lists.read_text())
        (folder / "sdkconfig.defaults").write_text("CONFIG_MEMTRACE=y\n" + options)
    return folder


@dataclass(frozen=True)
class Ran:
    """What an application left: its book, and the ring."""

    elf: Path
    book: list[Told] = field(default_factory=list)
    words: list[tuple[int, ...]] = field(default_factory=list)  # of the book's lines
    trace: Trace | None = None
    console: str = ""
    status: int = 0

    def name(self, pc: int) -> str:
        """The function that an address is in."""
        return next(name for start, name in reversed(names_of(self.elf, f"{CROSS}nm")) if start <= pc - 1)


def ran(elf: Path) -> Ran:
    """Runs it; it prints over semihosting."""
    said = elf.with_suffix(".said")
    said.unlink(missing_ok=True)
    console = ("-chardev", f"file,id=said,path={said}", "-semihosting-config", "enable=on,target=native,chardev=said")
    with Qemu(elf, chip=RV32, paused=False, extra=console) as machine:
        status = machine.wait(60)
        line, raw = machine.console, machine.raw_console
    elf.with_suffix(".line").write_bytes(raw)
    lines = [
        (one[0], tuple(int(one[at : at + 8], 16) for at in range(1, len(one), 8))) for one in said.read_text().split()
    ]
    functions = dict(names_of(elf, f"{CROSS}nm"))
    told = [(KINDS[kind], words) for kind, words in lines if kind in KINDS]
    book = [
        Told(kind, words[0], words[1], functions.get(words[2], "") if kind != "realloc-end" else "")
        for kind, words in told
    ]
    ring = next((words[0] for kind, words in lines if kind == "@"), None)
    data = b"".join(word.to_bytes(4, "little") for kind, words in lines if kind == "=" for word in words)
    trace = read_ring(Memory(snapshot_of([(ring, data)], 4, "little")), ring) if ring is not None else None
    return Ran(elf, book, [words for _, words in told], trace, line, status)
