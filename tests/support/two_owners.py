# SPDX-License-Identifier: Apache-2.0
"""A program with two allocators over one memory: heap_4 of FreeRTOS in a region of the linker script, and the C
library's malloc, whose sbrk begins at `end`, in the middle of that region.
"""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path
from typing import NamedTuple

from elftools.elf.elffile import ELFFile

from tests.support.freertos_image import Shape, heap_4_image, payloads

RAM, HEAP, END = 0x2000_0000, 0x2000_1000, 0x2000_1420
BLOCKS = ((40, True), (512, True), (96, True), (344, True), (56, True), (1024, True), (1928, False))
SHAPE = Shape()
CHUNK = 48
SOURCE = """
#include <stddef.h>
#include <stdint.h>
typedef struct link {{ struct link *next; size_t size; }} link_t;
__attribute__((section(".ucheap"))) uint8_t ucHeap[{size}];
link_t *pxEnd = (link_t *){marker:#x};
char *heap_end = (char *){taken:#x};
{more}
void *_sbrk(ptrdiff_t bytes) {{ char *old = heap_end; heap_end += bytes; return old; }}
void *malloc(size_t bytes) {{ return _sbrk((ptrdiff_t)bytes); }}
void *pvPortMalloc(size_t bytes) {{ return ucHeap + bytes; }}
int start(void) {{ return malloc(4) == pvPortMalloc(4); }}
"""
FLAGS = [
    "-march=rv32imac", "-mabi=ilp32", "-O1", "-g0", "-nostdlib", "-ffreestanding", "-fno-builtin", "-Wl,-e,start",
    "-msmall-data-limit=0",
]  # fmt: skip


class Made(NamedTuple):
    """The program's file and its memory."""

    elf: Path
    base: int
    data: bytes


def make(folder: Path, taken: int, at: int = END, more: str = "", *flags: str) -> Made:
    """The program after the C library has handed out `taken` bytes, from `at` on."""
    heap = heap_4_image(HEAP, BLOCKS, SHAPE)
    source, elf = folder / "app.c", folder / "app.elf"
    marker = HEAP + len(heap) - SHAPE.header
    source.write_text(SOURCE.format(size=len(heap), marker=marker, taken=at + taken, more=more))
    starts = {"section-start=.ucheap": HEAP, "section-start=.data": RAM, "defsym=end": at}
    places = [f"-Wl,--{name}={address:#x}" for name, address in starts.items()]
    subprocess.run(["riscv64-unknown-elf-gcc", *FLAGS, *places, *flags, str(source), "-o", str(elf)], check=True)
    with elf.open("rb") as file:
        section = ELFFile(file).get_section_by_name(".data")
        assert section is not None
        return Made(elf, RAM, memory(taken, at, section.data()))


def memory(taken: int, at: int, variables: bytes) -> bytes:
    """The memory from RAM on, with the variables at its start."""
    heap = heap_4_image(HEAP, BLOCKS, SHAPE)
    data = bytearray(0x4000)
    data[: len(variables)] = variables
    data[HEAP - RAM : HEAP - RAM + len(heap)] = heap
    for place in range(at - RAM, at - RAM + taken - CHUNK + 1, CHUNK):  # its size word, and what a user wrote
        data[place : place + CHUNK] = struct.pack("<II", 0, CHUNK | 1) + b"GET /firmware/latest HTTP/1.1 Host: updt"
    return bytes(data)


def block(number: int) -> int:
    """A block of heap_4."""
    return payloads(HEAP, BLOCKS, SHAPE)[number]
