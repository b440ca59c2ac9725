# SPDX-License-Identifier: Apache-2.0
"""Sound heaps of Zephyr with one thing broken in each: for the proofs of rules and the examples of sentences.

heap = sound()                      # a small heap; sound(TRAILED) has counters and trailers
BREAKS["left-size"](heap)             # breaks one rule; `heap.images()` has the bytes
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.support.makers.sys_heap import LEFT, NEXT, PREV, SIZE, UNIT, Build, SysHeap

ADDRESS, LENGTH = 0x2000_0800, 8192
PLAIN = Build(stats=True)
TRAILED = Build(trailer=UNIT, mixed=2)
OPTION = f"sys_heap@{ADDRESS:#x}"


def sound(build: Build = PLAIN) -> SysHeap:
    """A heap with used chunks, and with several free ones of one size."""
    heap = SysHeap(ADDRESS, LENGTH, build, Random(1))
    users = [heap.malloc(size) for size in (24, 100, 24, 60, 24, 60, 24, 60, 24, 300, 24)]
    for user in users[3:9:2]:
        heap.free(user or 0)
    return heap


def images(heap: SysHeap) -> list[tuple[int, bytes]]:
    """The heap's memory."""
    return [(heap.address, bytes(heap.data))]


def used(heap: SysHeap, number: int = 2) -> int:
    """A used chunk."""
    return [chunk for chunk, _ in heap.given.values()][number]


def free(heap: SysHeap, number: int = 0) -> int:
    """A free chunk of those that share a list."""
    return [chunk for chunk in heap.chunks() if not heap.get(chunk, SIZE) & 1][number]


def list_of(heap: SysHeap, chunk: int) -> int:
    """Where the head of a chunk's list lies."""
    return heap.lists + 4 * heap.bucket(heap.units(chunk))


def _take_off(heap: SysHeap) -> None:
    """A free chunk is taken off its list, and stays free."""
    before, after = heap.get(free(heap, 1), PREV), heap.get(free(heap, 1), NEXT)
    heap.put(before, NEXT, after)
    heap.put(after, PREV, before)


def _enlist_elsewhere(heap: SysHeap) -> None:
    """The only chunk of one list becomes that of another."""
    chunk = free(heap, -1)
    place = list_of(heap, chunk)
    heap.put32(place, 0)
    heap.put32(place - 4, chunk)
    heap.put32(12, heap.get32(12) ^ 3 << heap.bucket(heap.units(chunk)) - 1)


def _mark_used(heap: SysHeap) -> None:
    heap.put(free(heap, 1), SIZE, heap.get(free(heap, 1), SIZE) | 1)


BREAKS: dict[str, Callable[[SysHeap], None]] = {
    "left-size": lambda heap: heap.put(used(heap), LEFT, 0x4141),
    "end-marker": lambda heap: heap.put(heap.end, SIZE, 0x101),
    "list-link": lambda heap: heap.put(free(heap), NEXT, 0x4141),
    "list-cycle": lambda heap: heap.put(free(heap, 2), NEXT, free(heap, 1)),
    "back-link": lambda heap: heap.put(free(heap, 1), PREV, 0x4141),
    "listed-not-free": _mark_used,
    "wrong-list": _enlist_elsewhere,
    "free-not-listed": _take_off,
    "bitmap": lambda heap: heap.put32(12, heap.get32(12) ^ 1 << 3),
    "control-constants": lambda heap: heap.put(0, SIZE, 0x4141),
    "counters": lambda heap: heap.count(0, 800),
}


def smudge_trailer(heap: SysHeap) -> None:
    """The last byte of a chunk's canary becomes another."""
    chunk = used(heap)
    heap.data[UNIT * (chunk + heap.units(chunk)) - 1] ^= 0xFF
