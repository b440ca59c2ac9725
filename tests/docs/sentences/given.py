# SPDX-License-Identifier: Apache-2.0
"""What makes the sentences appear about the pointer that the calls at a stop gave to the allocator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gdbext.collect.collected import Collected
from gdbext.collect.given import given_at_stop
from gdbext.collect.places import Places
from gdbext.commands import command_named
from gdbext.commands.parsing import parsed_in_gdb
from gdbext.model.events import Generation
from gdbext.target.files import image_target
from gdbext.target.target import Code, Target
from gdbext.trace.trace import Trace
from tests.docs.sentences.world import Symbols, changed
from tests.support.kernel_image import STACKS
from tests.unit import kernel_world
from tests.unit.given_world import CALLER, FILLED, PLAIN, Dead, Told, block, dead, given
from tests.unit.places_world import GREETING, Program
from tests.unit.places_world import TABLE as TABLE_AT

PLACE, SIZE = 0x2000_0000, 64
TABLE = Symbols(table=(PLACE, SIZE))


def place(pointer: int, program: Code | None = None, frame: int = 0) -> Callable[[], Any]:
    """What lies at a pointer that no heap holds."""

    def report() -> Any:
        kernel = kernel_world.kernel()
        target = Target(image_target(kernel.images()).bytes, program or kernel_world.Symbols(kernel))
        target.debugger = Dead(given(pointer, frame=frame))
        found = Collected(target)
        return given_at_stop(found, Places(found))

    return report


def freed_again(*lives: Callable[[int], Generation]) -> Callable[[], Any]:
    def report() -> Any:
        pointer = block(PLAIN, "free").payload
        return dead(PLAIN, given(pointer), *(life(pointer) for life in lives))

    return report


def handed_out(*freed: int) -> Callable[[], Any]:
    def report() -> Any:
        pointer = block(FILLED, "used").payload
        lives = [Generation(pointer, 20, "net", 7, (1,), 8, "net", freed)] if freed else []
        return dead(FILLED, given(pointer, "multi_heap_malloc", handed_out=True), *lives)

    return report


def held(in_block: bool) -> Callable[[], Any]:
    """A pointer to a constant that a variable or a block holds."""

    def report() -> Any:
        kernel, images = kernel_world.kernel(), [(image.base, image.data) for image in PLAIN.images]
        used = block(PLAIN, "used").payload
        word = {used + 16: GREETING} if in_block else {}
        variables = (TABLE_AT, (0 if in_block else GREETING).to_bytes(4, "little") * 2 + bytes(0xFF8))
        target = Target(image_target([*changed(images, word), variables]).bytes, Program(kernel))
        target.debugger = Dead(given(GREETING))
        lives = (Generation(used, 20, "net", 7, (CALLER,)),)
        target.log = Told(Trace(None, lives=lives))
        command = command_named("check")
        return command.run(target, parsed_in_gdb(command, ["--heap", PLAIN.heap.option]))

    return report


def foreign() -> Any:
    pointer = block(PLAIN, "used").payload
    return dead(PLAIN, given(pointer, "vPortFree", functions=("vPortFree",)))


RECIPES: dict[str, Callable[[], Any]] = {
    "a free block given to free": freed_again(),
    "a free block whose record has one free": freed_again(
        lambda at: Generation(at, 20, "net", 7, (1,), freed=(CALLER,))
    ),
    "no heap's pointer given to free": lambda: dead(PLAIN, given(0x9000_1004)),
    "another heap's block given to free": lambda: dead(
        PLAIN, given(block(PLAIN, "used").payload, "multi_heap_free", 0x7000_0000)
    ),
    "a block that is handed out": handed_out(CALLER),
    "a block of nobody that is handed out": handed_out(),
    "given to free: stored in a variable": held(False),
    "given to free: stored in a block": held(True),
    "another allocator's block given to free": foreign,
    "given to free: a task's stack": place(STACKS + 16),
    "given to free: the stack": place(PLACE + 8, TABLE, PLACE),
    "given to free: a variable": place(PLACE + 8, TABLE),
    "given to free: known memory": place(STACKS + 16, Symbols()),
}
