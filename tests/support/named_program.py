# SPDX-License-Identifier: Apache-2.0
"""Small programs whose variables are those of real ones, over real heap images.

Each is built, and asked about in GDB, live, and in the shell, with images and `--elf`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from elftools.elf.elffile import ELFFile

from tests.support import fixtures
from tests.support.gdb import SOURCE, Capture, remote, run_gdb
from tests.support.paths import ROOT
from tests.support.rsp_stub import stub_of

CC = "riscv64-unknown-elf-gcc"
FLAGS = ["-march=rv32imac", "-mabi=ilp32", "-O1", "-g0", "-nostdlib", "-ffreestanding", "-fno-builtin", "-Wl,-e,start"]
START = "\nint start(void) { return 0; }\n"


class Program(NamedTuple):
    """A program, the images that lie in memory with it, and where its sections and absolute symbols are."""

    source: str
    images: tuple[str, ...]
    kind: str
    addresses: tuple[int, ...]
    origin: str
    sections: tuple[str, ...] = (".data=0x3c0b0000",)
    absolute: tuple[str, ...] = ()


BSS = (".data=0x20000800",)


def build(program: Program, folder: Path, *flags: str) -> Path:
    """Compile it; return its ELF file."""
    source, elf = folder / "program.c", folder / "program.elf"
    source.write_text(program.source + START)
    places = [f"-Wl,--section-start={one}" for one in program.sections]
    symbols = [f"-Wl,--defsym={one}" for one in program.absolute]
    subprocess.run([CC, *FLAGS, *flags, *places, *symbols, str(source), "-o", str(elf)], check=True)
    return elf


def memory_of(program: Program, elf: Path) -> list[tuple[int, bytes]]:
    """What is loaded of the program, and the images; of a section that an image has, the image's."""
    images = [(image.base, image.data) for name in program.images for image in fixtures.case(name).images]
    with elf.open("rb") as file:
        loaded = [
            section for section in ELFFile(file).iter_sections() if section["sh_flags"] & 2 and section["sh_size"]
        ]
        return images + [
            (section["sh_addr"], section.data())
            for section in loaded
            if not any(base <= section["sh_addr"] < base + len(data) for base, data in images)
        ]


def in_gdb(elf: Path, memory: list[tuple[int, bytes]], command: str) -> Any:
    """What GDB reports over a stub that has this memory."""
    with stub_of(memory) as stub:
        return run_gdb([SOURCE, remote(stub.remote), Capture(command)], elf=elf).json()


def in_shell(elf: Path, memory: list[tuple[int, bytes]], command: str, folder: Path, *more: str) -> Any:
    """What the shell reports on the same memory, as images in `folder`."""
    words = [command, "--json", "--elf", str(elf), *more]
    for number, (base, data) in enumerate(memory):
        (folder / str(number)).write_bytes(data)
        words.append(f"--image={base:#x}={folder / str(number)}")
    done = subprocess.run(
        [sys.executable, "-m", "gdbext", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return json.loads(done.stdout)


def heaps(report: Any) -> list[tuple[str, int, str]]:
    """Kind, address and origin of each heap."""
    return [(heap["kind"], heap["address"], heap["origin"]) for heap in report["heaps"]]
