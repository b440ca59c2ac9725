# SPDX-License-Identifier: Apache-2.0
"""What memtrace says of bytes, as its face in the shell would: reports as JSON, heaps by their signature."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterable
from typing import Any
from unittest import mock

from gdbext.commands.check import COMMAND
from gdbext.heap.allocator import Named
from gdbext.heap.search import search_heaps
from gdbext.model.region import Region
from gdbext.report.json import to_json
from gdbext.source.memory import Memory
from gdbext.source.snapshot import ByteOrder, snapshot_of
from gdbext.target.addresses import number_of
from gdbext.target.files import FileBytes, image_target
from gdbext.target.formats import region_named
from gdbext.target.target import Target


def check(images: list[tuple[int, bytes]], option: str, ring: int | None = None) -> Any:
    """The report of `check --json --blocks --heap OPTION` on these images; `ring`: where the trace is."""
    return _checked(image_target(images, [region_named(option, number_of)]), [option], ring)


def check_region(images: list[tuple[int, bytes]], region: Region, width: int = 4) -> Any:
    """The same of a heap that symbols have led to, with what they have told of it."""
    target = Target(FileBytes(Memory(snapshot_of(images, width))))
    with mock.patch("gdbext.collect.collect.find_heaps", lambda target: Named([region], [])):
        return _checked(target, [], None)


def asked(target: Target) -> Any:
    """The report of `check --json --blocks` on a target, by whatever leads to its heaps."""
    return _checked(target, [], None)


def _checked(target: Target, heaps: list[str], ring: int | None) -> Any:
    where = None if ring is None else hex(ring)
    options = Namespace(heap=heaps, pool=[], ring=where, blocks=True, search=None)
    return json.loads(to_json(COMMAND.run(target, options)))


def search(images: Iterable[tuple[int, bytes]], width: int = 4, order: ByteOrder = "little") -> Named:
    """What is found in these images without a name."""
    memory = Memory(snapshot_of(images, width, order))
    return search_heaps(memory, memory.ranges())


def places(found: Named) -> set[tuple[str, int]]:
    """Kind and address of each heap that was found."""
    return {(region.kind, region.address) for region in found.regions}


def without(images: list[tuple[int, bytes]], hole: tuple[int, int]) -> list[tuple[int, bytes]]:
    """What is left of images that lack a part."""
    low, high = hole
    parts = []
    for base, data in images:
        before, behind = max(0, low - base), max(0, high - base)
        parts += [(base, data[:before]), (base + behind, data[behind:])] if base < high else [(base, data)]
    return [(base, data) for base, data in parts if data]
