# SPDX-License-Identifier: Apache-2.0
"""What makes the sentences of NuttX's default allocator and of its kernel appear."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest.mock import patch

from gdbext.kernel.nuttx import read_tasks
from tests.docs.sentences.world import Symbols, ask, check, world
from tests.image.proofs.nuttx_mm import BREAKS, PLACE, flip, free, link, sound, used
from tests.support.nuttx_kernel_image import NuttXImage
from tests.support.nuttx_mm_image import NuttxMm
from tests.unit import nuttx_world

STATICS = 0x3000_0000


def broken(break_it: Callable[[NuttxMm], None], name: str = "12.1") -> Callable[[], Any]:
    """A heap with one thing wrong."""

    def report() -> Any:
        heap = sound(name)
        break_it(heap)
        return check(heap.images(), f"nuttx_mm@{PLACE:#x}")

    return report


def by_symbols(name: str, root: int, top: int = PLACE) -> Callable[[], Any]:
    """A program whose g_mmheap has this value; g_idle_topstack leads to the heap."""

    def report() -> Any:
        statics = b"".join(value.to_bytes(4, "little") for value in (root, top))
        program = Symbols(g_mmheap=(STATICS, 4), g_idle_topstack=(STATICS + 4, 4))
        return ask(world([*sound(name).images(), (STATICS, statics)], program=program), "status")

    return report


def first_of_region(heap: NuttxMm) -> None:
    """The first node says that the guard in front of it is free."""
    flip(heap, heap.regions[0][0] + heap.form.header + 4, 2)


def lead_inside(heap: NuttxMm) -> None:
    """A list leads to bytes of a user that look like a free node."""
    inside = used(heap).at + 16
    heap.put(inside + 4, 64)
    link(heap, free(heap)[0], inside)


def many() -> Any:
    """More places look like heads than are looked at: the bound is lowered, it is 4096."""
    with patch("gdbext.heap.nuttx_mm.search._MOST_CANDIDATES", 0):
        return ask(world(sound().images(), program=Symbols()), "status")


def tasks(place: Callable[[NuttXImage], int], value: int) -> Callable[[], Any]:
    """NuttX's tasks, with a word changed."""

    def report() -> Any:
        image = nuttx_world.kernel()
        image.put(place(image), value, 4)
        return read_tasks(nuttx_world.memory_of(image), nuttx_world.Symbols(image))

    return report


RECIPES: dict[str, Callable[[], Any]] = {
    "NuttX's tasks, a pid": tasks(lambda image: image.member("net", "pid"), 0x4141),
    "NuttX's tasks, the table": tasks(lambda image: image.variable("g_npidhash"), 0x4141),
    **{f"nuttx_mm {rule}": broken(break_it) for rule, break_it in BREAKS.items()},
    "nuttx_mm, an old guard": broken(lambda heap: heap.put(heap.regions[0][0] + 4, 0x4141_4141), "9.1"),
    "nuttx_mm, the first node": broken(first_of_region),
    "nuttx_mm, its own flag": broken(lambda heap: flip(heap, used(heap).at + 4, 1)),
    "nuttx_mm, a head": broken(lambda heap: heap.put(heap.heads_at + 2 * heap.form.free_bytes + 8, 0x4141_4141)),
    "nuttx_mm, a list that leads inside": broken(lead_inside),
    "nuttx_mm, a link to a used node": broken(lambda heap: link(heap, free(heap)[0], used(heap).at)),
    "nuttx_mm, mm_nregions": broken(lambda heap: heap.put(heap.heads_at - 4, 9)),
    "nuttx_mm, mm_heapend": broken(lambda heap: heap.put(heap.ends_at, 0x4141_4141)),
    "nuttx_mm, a delayed free": broken(lambda heap: heap.delay(used(heap).at + heap.form.header)),
    "nuttx_mm of before 10": by_symbols("9.1", PLACE),
    "nuttx_mm of 11": by_symbols("11.0", PLACE),
    "nuttx_mm of now": by_symbols("12.6", PLACE),
    "nuttx_mm, a wrong pointer": by_symbols("12.1", 0x4141_4141),
    "no nuttx_mm": lambda: check([(PLACE, b"\x11" * 4096)], f"nuttx_mm@{PLACE:#x}"),
    "nuttx_mm, many places": many,
}
