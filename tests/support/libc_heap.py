# SPDX-License-Identifier: Apache-2.0
"""Heaps that the real allocators of C libraries have written: newlib-nano and newlib for Arm, picolibc for RISC-V.

A small program (tests/support/libc/load.c) is linked with the library and runs in an emulator of user programs. It
lives a seeded life of mallocs and frees, and tells its own books and its memory.
Cost: 0.2 s for each library and process, some milliseconds for each life.
"""

from __future__ import annotations

import atexit
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).parent / "libc"
NEWLIB = Path("/usr/lib/arm-none-eabi/newlib/thumb/v7-m/nofp")
_ARM = ("clang", "--target=thumbv7m-none-eabi", "-ffreestanding", "-fomit-frame-pointer")
_RISCV = ("riscv64-unknown-elf-gcc", "--specs=picolibc.specs", "-nostartfiles", "-misa-spec=2.2", "-mcmodel=medany")
_COMMON = ("-g", "-O1", "-fno-builtin", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror")


@dataclass(frozen=True)
class Life:
    """What a life has left: the users' books (pointer, usable bytes, requested), the images, and sbrk's end."""

    users: tuple[tuple[int, int, int], ...]
    images: tuple[tuple[int, bytes], ...]  # variables, then the heap's memory
    end: int
    word: int

    def at(self, address: int) -> int:
        """A word of memory."""
        base, data = next((base, data) for base, data in self.images if base <= address < base + len(data))
        return int.from_bytes(data[address - base : address - base + self.word], "little")


@cache
def program(library: str, source: Path = SOURCE / "load.c", text: int = 0x1_0000, data: int = 0x2000_0000) -> Path:
    """A program with one library, "nano", "newlib", "picolibc" or "picolibc64": where its code and its data lie."""
    folder = Path(tempfile.mkdtemp(prefix="memtrace-libc-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    elf, script = folder / f"{library}.elf", str(SOURCE / "load.ld")
    places = (f"--defsym=text_at={text:#x}", f"--defsym=data_at={data:#x}")
    if library.startswith("picolibc"):
        form = ("rv64imac", "lp64") if library.endswith("64") else ("rv32imac", "ilp32")
        flags = (f"-march={form[0]}", f"-mabi={form[1]}", *(f"-Wl,{place}" for place in places), "-T", script)
        _run(*_RISCV, *_COMMON, *flags, "-o", str(elf), str(source))
        return elf
    headers = "/usr/lib/picolibc/riscv64-unknown-elf/include"  # what stdlib.h declares is the same everywhere
    made, defines = folder / "program.o", ("-DNANO",) if library == "nano" else ()
    _run(*_ARM, *_COMMON, *defines, "-isystem", headers, "-c", str(source), "-o", str(made))
    archive = NEWLIB / ("libc_nano.a" if library == "nano" else "libc.a")
    quiet = ("--no-enum-size-warning", "--no-warn-rwx-segments")
    _run("arm-none-eabi-ld", *quiet, *places, "-T", script, str(made), str(archive), "-o", str(elf))
    return elf


def _run(*line: str) -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run(line, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return done


@cache
def symbols(library: str) -> dict[str, int]:
    """The addresses of the program's variables and functions."""
    lines = _run("nm", str(program(library))).stdout.decode().splitlines()
    return {name: int(address, 16) for address, _, name in (line.split() for line in lines if len(line.split()) == 3)}


def live(library: str, seed: int, calls: int, skipped: int = 0, foreign: int = 0) -> Life:
    """A life: so many calls, by a seed, with so many bytes before the heap."""
    emulator = {"picolibc": "qemu-riscv32", "picolibc64": "qemu-riscv64"}.get(library, "qemu-arm")
    done = _run(emulator, str(program(library)), *map(str, (seed, calls, skipped, foreign)))
    books = [line.split() for line in done.stdout.decode().splitlines()]
    users = tuple((int(a, 16), int(b, 16), int(c, 16)) for name, a, b, c in books if name == "user")
    (data, size, _), (arena, _, taken) = (
        tuple(int(one, 16) for one in rest) for name, *rest in books if name != "user"
    )
    images = ((data, done.stderr[:size]), (arena, done.stderr[size:]))
    return Life(users, images, arena + taken, 8 if library.endswith("64") else 4)
