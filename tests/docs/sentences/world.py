# SPDX-License-Identifier: Apache-2.0
"""A world for recipes: images with the symbols that a program would have, and the commands on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from gdbext.commands import command_named
from gdbext.commands.parsing import parsed_in_shell
from gdbext.model.said import Said, Trouble
from gdbext.source.memory import Memory, Source
from gdbext.source.snapshot import ByteOrder, snapshot_of
from gdbext.target.addresses import number_of
from gdbext.target.files import FileBytes, image_target
from gdbext.target.formats import region_named
from gdbext.target.target import Code, Debugger, NoProgram, Target
from tests.support import fixtures

Images = Sequence[tuple[int, bytes]]


class Symbols(NoProgram):
    """A program: its variables by name, with address and size."""

    def __init__(self, **variables: tuple[int, int]) -> None:
        self.variables = variables

    def address_of(self, name: str) -> int | None:
        return self.variables[name][0] if name in self.variables else None

    def size_of(self, name: str) -> int | None:
        return self.variables[name][1] if name in self.variables else None

    def objects(self) -> Iterator[tuple[str, int, int]]:
        return ((name, address, size) for name, (address, size) in self.variables.items())

    def name_at(self, address: int) -> str | None:
        return next((name for name, start, size in self.objects() if start <= address < start + size), None)


def world(
    images: Images, heaps: Sequence[str] = (), program: Code | None = None, debugger: Debugger | None = None
) -> Target:
    """Images, with a program and a debugger where they are given."""
    regions = [region_named(heap, number_of) for heap in heaps]
    return Target(image_target(list(images), regions).bytes, program, debugger)


class Link(FileBytes):
    """Memory that is no file."""

    is_file = False


def linked(images: Images, program: Code | None = None) -> Target:
    """The same behind a link."""
    return Target(Link(Memory(Distant(snapshot_of(images)))), program)


class Distant:
    """A source that does not know what it has."""

    pointer_size = 4
    byte_order: ByteOrder = "little"

    def __init__(self, source: Source) -> None:
        self.source = source

    def read(self, address: int, length: int) -> bytes | None:
        return self.source.read(address, length)


def ask(target: Target, *words: str, heap: str | None = None) -> Any:
    """A command's report, as data."""
    command = command_named(words[0])
    heaps = [] if heap is None else ["--heap", heap]
    return command.run(target, parsed_in_shell(command, [*words[1:], *heaps]))


def check(images: Images, heap: str | None = None, program: Code | None = None, *more: str) -> Any:
    """What `check` says of images, and what `status` does."""
    heaps = [] if heap is None else [heap]
    return [ask(world(images, heaps, program), name, *more, heap=heap) for name in ("check", "status")]


def case(name: str) -> Images:
    """The images of a fixture."""
    return [(image.base, image.data) for image in fixtures.case(name).images]


def option(name: str) -> str:
    """What names a fixture's heap."""
    return fixtures.case(name).heap.option


def changed(images: Images, writes: Mapping[int, bytes | int]) -> list[tuple[int, bytes]]:
    """Images with some bytes changed; a number is a word of 32 bits."""
    done = [(base, bytearray(data)) for base, data in images]
    for address, value in writes.items():
        new = value.to_bytes(4, "little") if isinstance(value, int) else value
        base, data = next((base, data) for base, data in done if base <= address < base + len(data))
        data[address - base : address - base + len(new)] = new
    return [(base, bytes(data)) for base, data in done]


def word(images: Images, address: int) -> int:
    """A word of 32 bits in images."""
    base, data = next((base, data) for base, data in images if base <= address < base + len(data))
    return int.from_bytes(data[address - base : address - base + 4], "little")


def refused(act: Callable[[], object]) -> Said:
    """Why something cannot be read."""
    try:
        act()
    except Trouble as problem:
        return problem.why
    raise AssertionError("it was read")
