# SPDX-License-Identifier: Apache-2.0
"""A heap_4 with an object of FreeRTOS in each block, one with what tasks have, and a program that names them."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from typing import Any

from gdbext.collect.collect import collect
from gdbext.collect.collected import Collected
from gdbext.source.memory import Memory
from gdbext.source.snapshot import snapshot_of
from gdbext.target.files import FileBytes
from gdbext.target.target import NoProgram, Target
from tests.support.freertos_image import Shape, heap_4_image, payloads
from tests.support.kernel_image import STACK_BYTES, STACKS, TASKS
from tests.support.queue_image import Objects
from tests.unit import kernel_world

HEAP, NAMES, REGISTRY, CODE = 0x2004_0000, 0x1000_0000, 0x2000_0000, 0x0800_0100
WORDS = {"queue": 58, "semaphore": 60, "mutex": 62, "timer": 16, "event group": 0, "other": 60}  # a block's size
FREE = 64
TEXTS = {"rx": NAMES, "blink": NAMES + 16}


class Program(NoProgram):
    """The registry of queues, and a function."""

    def __init__(self, word: int) -> None:
        self.word = word

    def address_of(self, name: str) -> int | None:
        return {"xQueueRegistry": REGISTRY}.get(name)

    def size_of(self, name: str) -> int | None:
        return {"xQueueRegistry": 4 * self.word}.get(name)

    def objects(self) -> Iterator[tuple[str, int, int]]:
        yield "xQueueRegistry", REGISTRY, 4 * self.word

    def name_at(self, address: int) -> str | None:
        offset = address - CODE
        return "led_toggle" if not offset else f"led_toggle+{offset}" if 0 < offset < 32 else None


class World:
    """What a command has collected. `where`: the pointer to each object. `inner`: a heap lies in the last block."""

    def __init__(self, objects: Objects, inner: bool = False, **changes: list[int]) -> None:
        shape = Shape(word=objects.word, order="<" if objects.order == "little" else ">")
        words = {**WORDS, "event group": len(objects.event_group(0, 0)) + 2}
        sizes = [(count * objects.word + 7) // 8 * 8 for count in words.values()]
        blocks = [*((size, True) for size in sizes), (FREE, False)]
        self.where = dict(zip(words, payloads(HEAP, blocks, shape), strict=False))
        made = {**self.contents(objects), **changes}
        heap = bytearray(heap_4_image(HEAP, blocks, shape))
        for name, words in made.items():
            data, at = objects.data(words), self.where[name] - HEAP
            heap[at : at + len(data)] = data
        if inner:
            at = self.where["other"] - HEAP
            small = heap_4_image(self.where["other"], [(24, True), (16, False)], shape)
            heap[at : at + len(small)] = small
        registry = objects.data([TEXTS["rx"], self.where["queue"], 0, 0])
        texts = b"rx".ljust(16, b"\0") + b"blink".ljust(112, b"\0")
        images = [(HEAP, bytes(heap)), (REGISTRY, registry), (NAMES, texts)]
        memory = Memory(snapshot_of(images, objects.word, objects.order))
        heaps = [HEAP, *([self.where["other"]] if inner else [])]
        wanted = Namespace(heap=[f"freertos_heap_4@{heap:#x}" for heap in heaps], pool=[], ring=None, search=None)
        self.found: Collected = collect(Target(FileBytes(memory), Program(objects.word)), wanted)

    def contents(self, objects: Objects) -> dict[str, list[int]]:
        """The words of each block."""
        at: Any = self.where
        return {
            "queue": objects.queue(at["queue"], 8, 12, 3),
            "semaphore": objects.semaphore(at["semaphore"], 5, 2),
            "mutex": objects.mutex(at["mutex"], 0x2000_1000),
            "timer": objects.timer(at["timer"], TEXTS["blink"], CODE | 1),
            "event group": objects.event_group(at["event group"], 5),
            "other": list(range(1, 20)),
        }


def kernel_in_heap() -> Collected:
    """A heap of two blocks: the control blocks of all tasks, and all their stacks."""
    kernel = kernel_world.kernel()
    blocks = [(STACKS - TASKS - 8, True), (STACK_BYTES * len(kernel.tasks), True), (FREE, False)]
    heap = bytearray(heap_4_image(TASKS - 8, blocks, Shape()))
    rest = []
    for base, data in kernel.images():
        if base in (TASKS, STACKS):
            heap[base - TASKS + 8 : base - TASKS + 8 + len(data)] = data
        else:
            rest.append((base, data))
    memory = Memory(snapshot_of([(TASKS - 8, bytes(heap)), *rest]))
    wanted = Namespace(heap=[f"freertos_heap_4@{TASKS - 8:#x}"], pool=[], ring=None, search=None)
    return collect(Target(FileBytes(memory), kernel_world.NoTypes(kernel)), wanted)
