# SPDX-License-Identifier: Apache-2.0
"""What makes the sentences of Zephyr's heaps appear."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from tests.docs.sentences.world import Symbols, ask, check, world
from tests.support.makers.sys_heap import NEXT, SIZE, Build, SysHeap
from tests.support.sys_heap_broken import (
    ADDRESS,
    BREAKS,
    OPTION,
    PLAIN,
    TRAILED,
    free,
    images,
    smudge_trailer,
    sound,
    used,
)

STRUCTS = 0x2000_0100


def broken(break_it: Callable[[SysHeap], None], build: Build = PLAIN) -> Callable[[], Any]:
    """A heap with something wrong in it."""

    def report() -> Any:
        heap = sound(build)
        break_it(heap)
        return check(images(heap), OPTION)

    return report


def with_symbols(value: int = ADDRESS, **variables: tuple[int, int]) -> Callable[[], Any]:
    """What status says of a program whose struct sys_heap has this pointer."""

    def report() -> Any:
        heap = sound()
        structs = struct.pack("<3I", value, ADDRESS, len(heap.data)) + bytes(52)
        program = Symbols(**variables)
        return ask(world([(STRUCTS, structs), *images(heap)], program=program), "status")

    return report


def lead_to_used(heap: SysHeap) -> None:
    heap.put(free(heap), NEXT, used(heap))


def lead_inside(heap: SysHeap) -> None:
    """A link leads into a large block, to bytes that have a free chunk's size."""
    chunk = max((chunk for chunk, _ in heap.given.values()), key=heap.units)
    heap.put(chunk + 4, SIZE, 4 << 1)
    heap.put(free(heap), NEXT, chunk + 4)


def without_trailers(heap: SysHeap) -> None:
    for number, (chunk, _) in enumerate(list(heap.given.values())):
        end = 8 * (chunk + heap.units(chunk))
        heap.data[end - 8 : end] = bytes([number + 1]) * 8


RECIPES: dict[str, Callable[[], Any]] = {
    **{f"sys_heap, {rule}": broken(break_it) for rule, break_it in BREAKS.items()},
    "sys_heap, used on a list": broken(lead_to_used),
    "sys_heap, a link into a block": broken(lead_inside),
    "sys_heap, a head": broken(lambda heap: heap.put32(heap.lists + 4 * 2, 0x4141)),
    "sys_heap, end_chunk": broken(lambda heap: heap.put32(8, 77)),
    "sys_heap, most": broken(lambda heap: struct.pack_into("<I", heap.data, 24, 8)),
    "sys_heap, a canary": broken(smudge_trailer, TRAILED),
    "sys_heap, canaries unknown": broken(without_trailers, TRAILED),
    "sys_heap, none": lambda: check([(ADDRESS, b"\x11" * 4096)], OPTION),
    "sys_heap, k_malloc": with_symbols(_system_heap=(STRUCTS, 24)),
    "sys_heap, unset": with_symbols(0, _system_heap=(STRUCTS, 24)),
    "sys_heap, section": with_symbols(
        _k_heap_list_start=(STRUCTS, 0), _k_heap_list_end=(STRUCTS + 24, 0), sensors=(STRUCTS, 24)
    ),
    "sys_heap, big": lambda: ask(world(images(sound(Build(big=True))), [OPTION]), "status"),
    "sys_heap, many places": lambda: check([(0x2000_0000, b"\0\0\x0f\0\0\0\0\0\x10\0\0\0\0\0\0\0" * 600)], None),
}
