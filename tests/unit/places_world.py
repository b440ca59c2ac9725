# SPDX-License-Identifier: Apache-2.0
"""A target that has something of every kind at an address: a heap, tasks, variables, constants, functions."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator

from gdbext.collect.collect import collect
from gdbext.collect.collected import Collected
from gdbext.heap.facts import HeapFacts
from gdbext.model.events import Frame, Stack
from gdbext.target.files import image_target
from gdbext.target.target import Target
from tests.support import fixtures
from tests.support.kernel_image import STACKS
from tests.unit import kernel_world

PLAIN = next(one for one in fixtures.select(poisoning="none") if one.truth.status == "clean")
TABLE, GREETING, STEP = 0x1000_0000, 0x1000_0400, 0x1000_0800
SIZES = {"table": (TABLE, 64), "greeting": (GREETING, 16), "network_step": (STEP, 100)}
SOMETHING = 0x1000_0900
KINDS = (
    "block", "inside", "freed", "inside-freed", "header", "control", "gap", "stack", "variable", "constant",
    "function", "memory",
)  # fmt: skip


class Program(kernel_world.Symbols):
    """The kernel's symbols and three more: one is written, one is not, one is a function."""

    def objects(self) -> Iterator[tuple[str, int, int]]:
        yield from super().objects()
        yield from ((name, *SIZES[name]) for name in ("table", "greeting"))

    def writable(self) -> list[tuple[str, int, int]]:
        return [(".data", TABLE, TABLE + 64)]

    def name_at(self, address: int) -> str | None:
        found = next((name for name, (start, size) in SIZES.items() if start <= address < start + size), None)
        offset = 0 if found is None else address - SIZES[found][0]
        return found if found is None or not offset else f"{found}+{offset}"

    def frames(self, pcs: tuple[int, ...]) -> Stack:
        return tuple(Frame(pc, "config_load") for pc in pcs)


def collected(*more: tuple[int, bytes]) -> Collected:
    """What a command has read of it."""
    kernel = kernel_world.kernel()
    images = [*((image.base, image.data) for image in PLAIN.images), *kernel.images(), (TABLE, bytes(0x1000)), *more]
    target = Target(image_target(images).bytes, Program(kernel))
    return collect(target, Namespace(heap=[PLAIN.heap.option], pool=[], ring=None, search=None))


def the_heap(found: Collected) -> HeapFacts:
    return found.heaps[0]


def pointer_to(kind: str) -> int:
    """An address where something of a kind lies."""
    known = {"stack": STACKS + 16, "variable": TABLE + 4, "constant": GREETING, "function": STEP, "memory": SOMETHING}
    if kind in known:
        return known[kind]
    heap = the_heap(collected())
    used = next(raw for raw, size in heap.walk.used() if size >= 16)
    free = next(raw for raw in heap.walk.payloads if heap.is_free(raw) and heap.size_of(raw) >= 32)
    places = {"block": heap.user(used), "inside": heap.user(used) + 8, "freed": free, "inside-freed": free + 8}
    places |= {"header": heap.header_of(used), "control": heap.start + 4, "gap": heap.end - 4}
    return places[kind]
