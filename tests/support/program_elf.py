# SPDX-License-Identifier: Apache-2.0
"""A small program with every kind of debug information, as bytes, and its section headers, to be changed."""

from __future__ import annotations

import struct
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import NamedTuple

TEXT = 0x4200_1000
FLAGS = ["-march=rv32imac", "-mabi=ilp32", "-O1", "-nostdlib", "-ffreestanding", "-static", "-Wl,-e,app_main"]
SOURCE = """
struct inner { int size; struct inner *next; };
enum mode { SLOW, FAST = 7 };
struct outer { struct inner list[4]; enum mode mode; const char *name; union { int a; char b[8]; } either; };
struct outer heap_of_mine = {.name = "mine"};
static const char table[] = "constant";
volatile int sink;
static inline __attribute__((always_inline)) int twice(int value) { sink += value; return 2 * value; }
__attribute__((noinline)) int leaf(struct outer *one, int value) {
    int local = twice(value) + one->list[value & 3].size;
    return local + table[value & 7];
}
__attribute__((noinline)) int middle(int value) {
    sink = value;
    return twice(leaf(&heap_of_mine, value)) + 1;
}
int app_main(void) {
    for (int at = 0; at < 9; at++)
        sink += middle(at);
    return sink;
}
"""
# The forms in which compilers write debug information.
FORMS = {
    "dwarf-5": ["-gdwarf-5"],
    "dwarf-4": ["-gdwarf-4"],
    "dwarf-2": ["-gdwarf-2", "-gstrict-dwarf"],
    "packed": ["-g", "-gz=zlib"],
    "no-index": ["-g"],
    "no-lines": ["-g0"],
}


class Section(NamedTuple):
    """A section: its name, the place of its header in the file, and some of its fields."""

    name: str
    header: int
    kind: int
    flags: int
    address: int
    offset: int
    size: int


@cache
def program_elf(form: str = "dwarf-5") -> bytes:
    """The program as a file for RV32, with the debug information of a form."""
    with tempfile.TemporaryDirectory() as folder:
        source, elf = Path(folder) / "app.c", Path(folder) / "app.elf"
        source.write_text(SOURCE)
        places = [f"-Wl,-Ttext={TEXT:#x}", f"-Wl,--section-start=.rodata={0x3C00_0000:#x}"]
        places += [f"-Wl,-Tdata={0x3F00_0000:#x}", f"-Wl,-Tbss={0x3F00_1000:#x}"]
        subprocess.run(
            ["riscv64-unknown-elf-gcc", *FLAGS, *FORMS[form], *places, "app.c", "-o", "app.elf"], cwd=folder, check=True
        )
        if form == "no-index":
            subprocess.run(["riscv64-unknown-elf-objcopy", "-R", ".debug_aranges", "app.elf"], cwd=folder, check=True)
        return elf.read_bytes()


def sections(data: bytes) -> list[Section]:
    """The sections of a sound program of 32 bits, little-endian."""
    (table,) = struct.unpack_from("<I", data, 32)
    step, count, names_at = struct.unpack_from("<3H", data, 46)
    rows = [struct.unpack_from("<6I", data, table + step * number) for number in range(count)]
    names = rows[names_at][4]
    found = []
    for number, (name, kind, flags, address, offset, size) in enumerate(rows):
        end = data.index(b"\0", names + name)
        text = data[names + name : end].decode()
        found.append(Section(text, table + step * number, kind, flags, address, offset, size))
    return found


def section(data: bytes, name: str) -> Section:
    """The section of a name."""
    return next(one for one in sections(data) if one.name == name)


def with_words(data: bytes, words: dict[int, int]) -> bytes:
    """The same bytes with other 32-bit words at some places."""
    changed = bytearray(data)
    for place, value in words.items():
        struct.pack_into("<I", changed, place, value)
    return bytes(changed)
