# SPDX-License-Identifier: Apache-2.0
"""What makes the sentences appear that say why an allocation fails."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from random import Random
from typing import Any

from gdbext.collect.collected import Collected
from gdbext.commands import free
from gdbext.heap.tlsf.used_blocks import read_used_blocks
from gdbext.target.files import FileBytes
from gdbext.target.target import Target
from tests.docs.sentences.freertos import program_of
from tests.docs.sentences.world import ask, world
from tests.image.capable_world import capable
from tests.image.comb_world import GAP, HEAP, comb
from tests.support.heap_2_image import Build, Heap2, load
from tests.unit.dumped_world import dumped, region


def asked(*words: str, **about: Any) -> Callable[[], Any]:
    """The heap of many gaps."""
    return lambda: ask(comb(**about), "free", *words, heap=HEAP)


def of_capable(*words: str) -> Callable[[], Any]:
    """Two heaps with capabilities."""
    return lambda: ask(capable(), "free", *words)


def old() -> Any:
    """A heap_2, which does not join free blocks, is in pieces."""
    heap = Heap2(0x2000_1004, 8192, Build(marked=True))
    load(heap, Random(4), 150)
    free_sizes = [size for _, size, used in heap.blocks() if not used]
    target = world(heap.images(), [], program_of(heap))
    return ask(target, "free", "--for", str(max(free_sizes) + 8))


def unknown() -> Any:
    """A core has the used blocks alone."""
    found = Collected(Target(FileBytes(dumped({}))))
    facts = read_used_blocks(dumped({}), region())
    assert facts is not None
    found.heaps.append(facts)
    return free.analyse((found, (), ()), Namespace(request=100, caps=None))


RECIPES: dict[str, Callable[[], Any]] = {
    "request-fits": asked("--for", "500"),
    "next-failed": asked(failed=300),
    "request-scattered": asked("--for", "1000"),
    "pins-of-most": asked("--for", "2000"),
    "pins-of-all": asked("--for", "2000", traced=False),
    "by-site": asked("--for", "1000"),
    "by-unknown": asked("--for", "1000", traced=False),
    "next-view": lambda: ask(comb(), "bins", heap=HEAP),
    "next-blocks": asked("--for", "1000"),
    "request-apart": old,
    "request-full": asked("--for", "4500"),
    "next-used": old,
    "request-large": asked("--for", "1M"),
    "request-no-heap": of_capable("--for", "100", "--caps", "exec"),
    "free-for-malloc": of_capable(),
    "room-lacks": of_capable("--for", "100"),
    "room-fits": asked("--for", "500"),
    "room-missed": asked("--for", str(GAP - 4)),
    "room-small": asked("--for", "1000"),
    "room-unknown": unknown,
}
