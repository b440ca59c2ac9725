# SPDX-License-Identifier: Apache-2.0
"""What memory costs that looks like heaps everywhere, in calls of functions: a search stops, and says so."""

from __future__ import annotations

import struct
from itertools import chain

import pytest

from gdbext.heap.allocator import FoundHeap, Unreadable
from gdbext.heap.facts import HeapFacts
from gdbext.heap.registry import body, read_heap
from gdbext.model.region import Region
from gdbext.model.said import Text
from gdbext.target.files import image_target
from tests.image.proofs import rlsf
from tests.support.steps import steps_of

BASE = 0x3FFE_0000  # where ESP8266's heap lies, too
Images = list[tuple[int, bytes]]


def repeated_pool() -> Images:
    """A pool of rlsf, and 4,000 words that lead to its free block: each may be the head of a list."""
    made = rlsf.sound()
    first = next(one.raw for one in made.blocks if not one.used and not any(made.get(one.raw + 4, 4)))
    pool = [(base, data) for base, data in made.images if base != rlsf.TLSF]
    return [*pool, (BASE, struct.pack("<I", first - 8) * 4000)]


def small_pools() -> Images:
    """4,000 pools of rlsf, each of one free block, to which nothing leads."""
    one = [struct.pack("<8I", 16, 0, 0, 0, 19, BASE + at, 0, 0) for at in range(0, 32 * 4000, 32)]
    return [(BASE, b"".join(one))]


def pool_ids() -> Images:
    """The word that begins a byte pool, in memory to which the same word leads."""
    base = 0x4259_5445 & -4096
    return [(base, struct.pack("<I", 0x4259_5445) * (1 << 14)), (BASE, struct.pack("<I", 0x4259_5445) * (1 << 14))]


def short_chains(blocks: int, end: int) -> Images:
    """Heaps of umm_malloc, each of some blocks that lead on and back. `end`: what the last one leads to."""
    links = [(at + 1, at - 1 if at else 0, 0, 0) for at in range(1, blocks)]
    one = [(1, 0, 0, 0), *links, (end, blocks - 1, 0, 0)]
    return [(BASE, struct.pack(f"<{4 * len(one)}H", *chain.from_iterable(one)) * (1 << 10))]


def last_items() -> Images:
    """Items of RT-Thread 3.1, each of which may be a heap's last one."""
    return [(BASE, b"".join(struct.pack("<2H2I", 0x1EA0, 1, 8 * at, 0) for at in range(1, 1 << 14)))]


@pytest.mark.parametrize(
    ("family", "images", "most"),
    [
        ("rlsf", repeated_pool(), 2_000_000),
        ("rlsf", small_pools(), 2_000_000),
        ("threadx_pool", pool_ids(), 20_000),
        ("umm_malloc", short_chains(5, 0), 2_500_000),
        ("umm_malloc", short_chains(5, 99), 40_000),
        ("rtthread_mem", last_items(), 500_000),
    ],
    ids=["rlsf-words", "rlsf-pools", "threadx", "umm-whole", "umm-broken", "rtthread"],
)
def test_memory_full_of_what_looks_like_heaps_takes_a_bounded_number_of_steps(
    family: str, images: Images, most: int
) -> None:
    left_out: list[Text] = []
    used, _ = searched(family, images, left_out)
    assert used <= most
    assert [one.key for one in left_out if not isinstance(one, str)] == ["search-spent"]


def searched(family: str, images: Images, left_out: list[Text]) -> tuple[int, list[FoundHeap]]:
    """What a family finds, and the steps that it takes."""
    memory, found = image_target(images).bytes.memory(), list[FoundHeap]()
    snapshot = memory.whole(memory.searchable()[0])
    return steps_of(lambda: found.extend(body(family).search(memory, snapshot, [], left_out))), found


def test_sizes_that_lead_on_from_everywhere_are_followed_once() -> None:
    """newlib's malloc: behind a fence 32 KiB of equal sizes lead on from each word, but never to the top chunk."""
    table, heap, sizes = 0x2000_0000, 0x2001_0000, struct.pack("<I", 17) * (8 << 10)
    chunks = struct.pack("<10I", 0, 17, 0, 0, 0, 17, 0, 0, 0, 5) + struct.pack("<2I", 5, 0) + sizes + bytes(32)
    top = heap + len(chunks)
    bins = [table + 8 * (at // 2) for at in range(256)]
    data = struct.pack("<256I", 0, 0, top, top, *bins[2:-2])
    image = chunks + struct.pack("<2I", 0, 65) + bytes(56)
    images = [(table, data), (heap, image)]
    region = Region("newlib", heap, hints={"bins": table})
    heaps: list[HeapFacts | Unreadable] = []
    used = steps_of(lambda: heaps.append(read_heap(image_target(images).bytes.memory(), region, {})))
    assert used <= 3 * len(image)
    assert isinstance(heaps[0], HeapFacts)
    assert [pool.first for pool in heaps[0].layout.pools] == [heap + 8, top + 8]
