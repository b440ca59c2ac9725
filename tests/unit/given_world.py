# SPDX-License-Identifier: Apache-2.0
"""A target that died with a pointer in the hands of its allocator, as a debugger's frames tell."""

from __future__ import annotations

from typing import Any

from gdbext.commands import command_named
from gdbext.commands.parsing import parsed_in_gdb
from gdbext.model.diagnosis import Given, Operation
from gdbext.model.events import Assertion, Generation
from gdbext.model.said import Said, said
from gdbext.target.files import image_target
from gdbext.target.target import Debugger, Target
from gdbext.trace.trace import Trace
from gdbext.trace.wish import Wish
from tests.support import fixtures

CALLER = 0x4200_0100
PLAIN = next(one for one in fixtures.select(poisoning="none") if one.truth.status == "clean")
FILLED = next(one for one in fixtures.select(poisoning="comprehensive") if one.truth.status == "clean")


class Told:
    """A trace that is given beside memory."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace

    def trace(self, wish: Wish) -> Trace:
        return self._trace

    def unnamed(self) -> tuple[Said, ...]:
        return ()


class Dead(Debugger):
    """Stopped in a failed assertion of a function that had this pointer."""

    looks_dead = at_death = True

    def __init__(self, given: Given) -> None:
        super().__init__()
        self.given = given

    def operation(self) -> Operation:
        why = said("stopped-in", function=self.given.function)
        return Operation(True, why, True, Assertion("", self.given.function, None), self.given)


def given(pointer: int, function: str = "heap_caps_free", *heaps: int, **more: Any) -> Given:
    return Given(pointer, function, heaps, (CALLER,), **{"frame": 0, **more})


def dead(case: fixtures.Case, with_: Given, *lives: Generation, flipped: int | None = None) -> Any:
    """`check` of an image, with what is known of lives of its blocks. `flipped`: the lowest bit there is another."""
    images = [(image.base, bytearray(image.data)) for image in case.images]
    for base, data in images:
        if flipped is not None and base <= flipped < base + len(data):
            data[flipped - base] ^= 1
    trace = Told(Trace(None, lives=lives)) if lives else None
    target = Target(image_target([(base, bytes(data)) for base, data in images]).bytes, debugger=Dead(with_), log=trace)
    command = command_named("check")
    return command.run(target, parsed_in_gdb(command, ["--heap", case.heap.option]))


def block(case: fixtures.Case, state: str, least: int = 32) -> Any:
    images = image_target([(image.base, image.data) for image in case.images])
    command = command_named("blocks")
    listed = command.run(images, parsed_in_gdb(command, ["--heap", case.heap.option, "--all"])).blocks
    # The last in memory: what leads to the first free block of FreeRTOS's heaps is a variable, which the images lack.
    return max((one for one in listed if one.state == state and one.size >= least), key=lambda one: one.payload)
