# SPDX-License-Identifier: Apache-2.0
"""What makes the sentences of FreeRTOS's heaps and of its kernel appear."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any
from unittest.mock import patch

from gdbext.kernel.freertos import read_tasks
from gdbext.source.memory import Memory
from gdbext.source.snapshot import snapshot_of
from gdbext.target.files import FileBytes
from gdbext.target.target import Target
from tests.docs.sentences.world import Symbols, ask, case, changed, check, world
from tests.support.freertos_image import Shape, heap_4_image, payloads
from tests.support.heap_2_image import Array, Build, Heap1, Heap2, load
from tests.support.kernel_image import COUNT, LISTS, STACKS, TASKS, VARIABLES, KernelImage
from tests.unit import kernel_world, stack_world
from tests.unit.stack_world import LOW, STATIC

BASE, ARRAY, TOTAL = 0x2000_0000, 0x2000_1004, 8192
BLOCKS = [(24, True), (64, False), (200, True), (320, False), (88, True), (96, False), (1000, True)]
FORM = Shape()
IMAGE, PLACES = heap_4_image(BASE, BLOCKS, FORM), payloads(BASE, BLOCKS, FORM)
FREE = [place for place, (_, used) in zip(PLACES, BLOCKS, strict=True) if not used]
USED = [place for place, (_, used) in zip(PLACES, BLOCKS, strict=True) if used]
FAR = 96 << 10
SMALL = [(24, True), (24, True), (24, True), (24, True), (32, False)]
POINTER = 0x3000_0000
END = POINTER, (BASE + len(IMAGE) - 8).to_bytes(4, "little")
HEAP_4 = f"freertos_heap_4@{BASE:#x}"


def heap_4(address: int, *words: int) -> Callable[[], Any]:
    """A heap_4 with some words changed."""
    data = struct.pack(f"<{len(words)}I", *words)
    return lambda: check(changed([(BASE, IMAGE)], {address: data}), HEAP_4)


def in_array(*images: tuple[int, bytes]) -> Callable[[], Any]:
    """A program with the array ucHeap, of which only these images are there."""
    program = Symbols(ucHeap=(BASE, len(IMAGE)), pxEnd=(POINTER, 4))
    return lambda: ask(Target(FileBytes(Memory(snapshot_of(images))), program), "status")


def old(marked: bool = True) -> Heap2:
    heap = Heap2(ARRAY, TOTAL, Build(marked=marked))
    load(heap, Random(4), 150)
    return heap


def program_of(heap: Array) -> Symbols:
    found = {"ucHeap": (heap.array, heap.total)}
    if isinstance(heap, Heap2):
        found |= {"xStart": (heap.start, 8), "xEnd": (heap.end, 8), "xFreeBytesRemaining": (heap.remaining, 4)}
    elif isinstance(heap, Heap1):
        found |= {"xNextFreeByte": (heap.next_byte, 4), "pucAlignedHeap.0": (heap.aligned, 4)}
    return Symbols(**found)


def heap_2(marked: bool = True, break_it: Callable[[Heap2], None] = lambda _: None) -> Callable[[], Any]:
    """A heap_2 with its program."""

    def report() -> Any:
        heap = old(marked)
        break_it(heap)
        return check(heap.images(), None, program_of(heap))

    return report


def free_by_size(heap: Heap2) -> list[int]:
    """The headers of its free blocks, smallest first."""
    sizes = {payload - heap.build.header: size for payload, size, used in heap.blocks() if not used}
    return sorted(sizes, key=lambda block: sizes[block])


def lead(which: int, target: Callable[[Heap2], int]) -> Callable[[], Any]:
    """One free block leads elsewhere."""
    return heap_2(break_it=lambda heap: heap.put(free_by_size(heap)[which], target(heap)))


def unmarked(break_it: Callable[[Heap2], None] = lambda _: None) -> Any:
    return heap_2(False, break_it)()


def first_used(heap: Heap2) -> int:
    return min(heap.used) - heap.build.header


def put_first_used(heap: Heap2) -> None:
    heap.put(first_used(heap), 0x1234_5678)


def alone(marked: bool) -> Callable[[], Any]:
    """Its array, without its variables."""

    def report() -> Any:
        heap = old(marked)
        return check(heap.images(statics=False), f"freertos_heap_2@{heap.first:#x}")

    return report


def in_larger_memory() -> Any:
    """Nothing says where it ends: what follows it looks like nothing."""
    heap = old()
    ((base, data),) = heap.images(statics=False)
    memory = b"\x33" * 256 + data + Random(1).randbytes(32 << 10)
    return check([(base - 256, memory)], f"freertos_heap_2@{heap.first:#x}")


def ring() -> Any:
    """Two free blocks of one size that lead to each other."""
    heap = Heap2(ARRAY, TOTAL, Build())
    places = [heap.malloc(64) for _ in range(4)]
    for place in (places[0], places[2]):
        heap.free(place or 0)
    one, other = (place - heap.build.header for place in (places[0] or 0, places[2] or 0))
    first = heap.get(heap.start)
    heap.put(one if first == other else other, first)
    return check(heap.images(), None, program_of(heap))


def skipped() -> Any:
    """Three free blocks of one size; the list leaves out the second."""
    heap = Heap2(ARRAY, TOTAL, Build())
    places = [heap.malloc(64) for _ in range(6)]
    for place in places[::2]:
        heap.free(place or 0)
    first = heap.get(heap.start)
    heap.put(first, heap.get(heap.get(first)))
    return check(heap.images(), None, program_of(heap))


def heap_1(break_it: Callable[[Heap1], None] = lambda _: None, told: bool = True) -> Callable[[], Any]:
    def report() -> Any:
        heap = Heap1(ARRAY, TOTAL, Build())
        for wanted in (100, 7, 64, 1000):
            heap.malloc(wanted)
        break_it(heap)
        if told:
            return check(heap.images(), None, program_of(heap))
        return check(heap.images(), f"freertos_heap_1@{heap.first:#x}")

    return report


def with_pointer(value: int) -> Callable[[], Any]:
    """A program with a pxEnd and no array."""
    return lambda: ask(world([(BASE, value.to_bytes(4, "little"))], program=Symbols(pxEnd=(BASE, 4))), "status")


def table() -> Any:
    """heap_5's table of regions among the variables."""
    images = case("a083")
    variables = 0x1000_0000
    first, second = images[0], images[1]
    words = (first[0], len(first[1]), second[0], len(second[1]), 0, 0, 1)
    data = (variables, b"".join(one.to_bytes(4, "little") for one in words))
    program = Symbols(xHeapRegions=(variables, 24), pxEnd=(variables + 24, 4))
    return ask(world([*images, data], program=program), "status")


def linked() -> Any:
    """Members were added to the header: debug information says where the two stand."""
    shape = replace(FORM, link=(16, 4, 8))
    image = heap_4_image(BASE, BLOCKS, shape)
    hints = {"link_size": 16, "link_next_at": 4, "link_size_at": 8}
    with patch("gdbext.heap.freertos.find.link_hints", return_value=hints):
        program = Symbols(ucHeap=(BASE, len(image)), pxEnd=(0x1000_0000, 4))
        return ask(world([(BASE, image), (0x1000_0000, b"\0\0\0\x20")], program=program), "status")


def many_heaps() -> Any:
    """More heaps in one memory than are looked at: the bound is lowered, it is 64."""
    data = b"".join(heap_4_image(BASE + FAR * at, SMALL, FORM).ljust(FAR, b"\0") for at in range(3))
    with patch("gdbext.heap.freertos.search._MOST_CANDIDATES", 1):
        return ask(world([(BASE, data)], program=Symbols()), "status")


def many_parts() -> Any:
    """More bytes were searched behind damage than may be: the bound is lowered, it is 8 MiB."""
    with patch("gdbext.heap.freertos.heap_4._MOST_SEARCHED", 64):
        return check(changed([(BASE, IMAGE)], {USED[1] - 4: b"\xff" * 4}), f"freertos_heap_5@{BASE:#x}")


def many_headers() -> Any:
    """More headers than are looked at: the bound is lowered, it is a million."""
    with patch("gdbext.heap.freertos.search._MOST_HEADERS", 64):
        return ask(world([(BASE, (bytes(4) + (8 | 1 << 31).to_bytes(4, "little")) * 200)], program=Symbols()), "status")


def read(image: KernelImage, symbols: type[kernel_world.Symbols] = kernel_world.Symbols) -> Any:
    return read_tasks(Memory(snapshot_of(image.images(), image.word, image.order)), symbols(image))


def tasks(*words: tuple[Callable[[KernelImage], int], int], typed: bool = True) -> Callable[[], Any]:
    """A kernel with some words changed."""

    def report() -> Any:
        image = kernel_world.kernel()
        for place, value in words:
            image.put(place(image), value)
        return read(image, kernel_world.Symbols if typed else kernel_world.NoTypes)

    return report


def item(number: int) -> Callable[[KernelImage], int]:
    """A word of the item of the task "ui"."""
    return lambda image: image.link(image.item("ui"), number)


def without(*bases: int) -> Callable[[], Any]:
    """A kernel of which some memory is not there."""

    def report() -> Any:
        image = kernel_world.kernel()
        held = [(base, data) for base, data in image.images() if base not in bases]
        return read_tasks(Memory(snapshot_of(held or [(0, bytes(16))], 4, "little")), kernel_world.Symbols(image))

    return report


def many_problems() -> Any:
    image = kernel_world.kernel()
    for name in kernel_world.STATES:
        image.put(image.control(name), 0)
    for name in ("ready0", "ready1", *(name for name in LISTS if name.startswith("x"))):
        image.put(image.head(name), 77)
    return read(image)


def stack(name: str, low: int, top: int, **other: object) -> Callable[[], Any]:
    return lambda: stack_world.stacks_of(stack_world.task(name, low, top, **other))


RECIPES: dict[str, Callable[[], Any]] = {
    "heap_4, past a block": heap_4(FREE[0] - 8, FREE[2] - 8),
    "heap_4, no free block": heap_4(FREE[0] - 8, USED[1] - 8),
    "heap_4, back": heap_4(FREE[1] - 8, FREE[0] - 8),
    "heap_4, outside": heap_4(FREE[1] - 8, 0xDEAD_BEE8),
    "heap_4, used": heap_4(USED[1] - 8, 0x41),
    "heap_4, flag": heap_4(USED[1] - 4, 208),
    "heap_4, marker's pointer": heap_4(BASE + len(IMAGE) - 8, 0x41),
    "heap_4 under a canary": lambda: check(
        [(BASE, heap_4_image(BASE, BLOCKS, replace(FORM, canary=0x5A5A_1234)))], HEAP_4
    ),
    "heap_4, no pxEnd": in_array((BASE, IMAGE)),
    "heap_4, no array": in_array(END),
    "heap_4, no block": in_array(END, (BASE, bytes(range(1, 251)))),
    "heap_4 as told": linked,
    "heap_5": table,
    "no chain": lambda: check([(BASE, b"\x11" * 4096)], HEAP_4),
    "pxEnd is NULL": with_pointer(0),
    "no table": with_pointer(0x2000_0100),
    "many heaps": many_heaps,
    "many headers": many_headers,
    "many parts": many_parts,
    "heap_2": heap_2(),
    "heap_2, early end": lead(0, lambda heap: heap.end),
    "heap_2, no block": lead(0, lambda heap: heap.first + 3),
    "heap_2, inside": lead(0, lambda heap: max(heap.used, key=lambda one: heap.used[one]) + 16 - 8),
    "heap_2, a used block": lead(0, first_used),
    "heap_2, smaller": lead(-2, lambda heap: free_by_size(heap)[0]),
    "heap_2, past blocks": lead(0, lambda heap: free_by_size(heap)[-1]),
    "heap_2, xStart": heap_2(break_it=lambda heap: heap.put(heap.start, 24)),
    "heap_2, xEnd": heap_2(break_it=lambda heap: heap.put(heap.end, 0x4141_4141, 0x4141_4141)),
    "heap_2, counter": heap_2(break_it=lambda heap: heap.put(heap.remaining, 4000)),
    "heap_2, no xEnd yet": heap_2(break_it=lambda heap: heap.put(heap.end, 0, 0)),
    "heap_2, a block left out": skipped,
    "old heap_2": unmarked,
    "old heap_2, used": lambda: unmarked(put_first_used),
    "old heap_2 alone": alone(False),
    "heap_2 in larger memory": in_larger_memory,
    "no heap_2": lambda: check([(BASE, b"\x11" * 4096)], f"freertos_heap_2@{BASE:#x}"),
    "heap_1": heap_1(),
    "heap_1, too large": heap_1(lambda heap: heap.put(heap.next_byte, 1 << 20)),
    "heap_1, odd": heap_1(lambda heap: heap.put(heap.next_byte, 1001)),
    "heap_1, start": heap_1(lambda heap: heap.put(heap.aligned, 0x4141_4141)),
    "heap_1 without symbols": heap_1(told=False),
    "tasks, next": tasks((item(1), 0xDEAD_BEEC)),
    "tasks, previous": tasks((item(2), 0)),
    "tasks, owner": tasks((item(3), TASKS)),
    "tasks, container": tasks((item(4), VARIABLES)),
    "tasks, count of a list": tasks((lambda image: image.head("xSuspendedTaskList"), 9)),
    "tasks, count": tasks((lambda image: COUNT, 9)),
    "tasks without types": tasks((lambda image: COUNT, 8), typed=False),
    "tasks without a kernel": without(VARIABLES, TASKS, STACKS),
    "tasks without control blocks": without(TASKS),
    "a stack whose end is not known": stack("net", STATIC, STATIC + 0x100),
    "a stack of a running task": stack("net", LOW, LOW + 0x800, running=True),
    "a stack of a deleted task": stack("net", LOW, LOW + 0x800, deleted=True),
    "a stack with a wrong end": stack("net", LOW, LOW + 0x800, last=LOW - 4),
    "a stack with a wrong top": stack("net", LOW, LOW - 4),
    "a stack that is nowhere": stack("net", 0, LOW),
    "stacks in each other": lambda: stack_world.stacks_of(
        stack_world.task("one", LOW, LOW + 0x800), stack_world.task("other", LOW + 0x100, LOW + 0x900)
    ),
}
