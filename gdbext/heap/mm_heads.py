# SPDX-License-Identifier: Apache-2.0
"""Finds the heads of NuttX's free lists: mm_nodelist[], an array of nodes that lead to each other.

NuttX has two allocators. Both keep a struct mm_heap_s behind the same pointers; only one of them has this array, so it
tells the two apart.
Approach: a head's flink leads to the next head if its list is empty, and its blink to the head before it if that one's
list is empty. So each empty list tells where its head begins, and how far apart heads are: by its two links if the list
before is empty too, else by its flink and the next head's blink.
Rejected: the types by debug information; only NuttX's own source files have them, and users load stripped kernels.
Cost: the words of a few kilobytes, once.
Assumptions: three lists are empty, and lead on to the next one.
"""

from __future__ import annotations

from typing import Iterable, Iterator, List, NamedTuple, Optional, Set

from gdbext.heap.facts import HeapFacts
from gdbext.model.reports.base import Skipped
from gdbext.model.said import said
from gdbext.source.memory import Memory
from gdbext.source.snapshot import WordReader
from gdbext.symbols.shapes import Program

NUTTX_HEAPS = ("g_mmheap", "g_kmmheap", "g_pgheap")
NUTTX_MEMORY = "g_idle_topstack"  # its value is where NuttX's first heap begins, with its struct
FRONT_BYTES = 640  # from the begin of a struct mm_heap_s up to its first heads, at most
_STRUCT_BYTES = 4096
_LARGEST_STRIDE = 1024
_MOST_HEADS = 20
_FEWEST_EMPTY = 3  # lists that must be empty and lead on to the next head


class Heads(NamedTuple):
    """The array of heads: where it begins, the bytes from one to the next and to a head's flink, and their number."""

    first: int
    stride: int
    link_at: int
    lists: int

    @property
    def end(self) -> int:
        """Returns the address behind the array."""
        return self.first + self.lists * self.stride

    def places(self) -> range:
        """Returns the addresses of the heads."""
        return range(self.first, self.end, self.stride)


def heads_around(word: WordReader, place: int, width: int) -> Optional[Heads]:
    """Returns the array of heads in which the word at `place` is the flink of an empty list's head; else None."""
    found = (_with_neighbours(word, one, width) for one in _heads_with(word, place, width))
    return next((one for one in found if one is not None), None)


def _heads_with(word: WordReader, place: int, width: int) -> Iterator[Heads]:
    """Yields the heads that may have their flink at `place`: the links lead to the heads on both sides, or flink leads
    to the next head, and that one's blink back.
    """
    flink, blink = word(place), word(place + width)
    strides: List[int] = []
    if flink and blink and not (flink - blink) % (2 * width):
        strides = [(flink - blink) // 2]
    if flink and 2 * width <= flink - place < 4 * width:
        possible = range(3 * width, _LARGEST_STRIDE + 1, width)
        strides += [far for far in possible if word(place + far + width) == flink - far]
    for stride in strides:
        head, link_at = (flink or 0) - stride, place + stride - (flink or 0)
        if not 2 * width < stride <= _LARGEST_STRIDE or not 0 < link_at <= stride - 2 * width or head % width:
            continue
        if stride - 2 * width - link_at < 2 * width and _is_zero(word, head, link_at, width):
            yield Heads(head, stride, link_at, 1)


def _with_neighbours(word: WordReader, one: Heads, width: int) -> Optional[Heads]:
    """Returns the whole array that a head is in; None if too few lists are empty to tell."""
    link_at = one.link_at
    while (
        one.lists < _MOST_HEADS
        and word(one.first + link_at + width)
        and _joins(word, one, one.first - one.stride, width)
    ):
        one = one._replace(first=one.first - one.stride, lists=one.lists + 1)
    while one.lists < _MOST_HEADS and _joins(word, one, one.end, width):
        one = one._replace(lists=one.lists + 1)
    leading = sum(word(place + link_at) == place + one.stride for place in one.places())
    return one if leading >= _FEWEST_EMPTY else None


def _is_zero(word: WordReader, low: int, size: int, width: int) -> bool:
    return not any(word(place) for place in range(low, low + size, width))


def _joins(word: WordReader, heads: Heads, place: int, width: int) -> bool:
    """True if a head lies at `place`, right before the others or right behind: it and the one beside it lead to each
    other, or to one node between them, or a node that it leads to leads back.
    """
    at, back = heads.link_at, heads.link_at + width
    lower, upper = (place, heads.first) if place < heads.first else (heads.end - heads.stride, place)
    flink, blink = word(lower + at), word(upper + back)
    if flink == upper or blink == lower or (flink and flink == blink and _is_zero(word, place, at, width)):
        return True
    flink, blink = word(place + at), word(place + back)
    return bool(flink and word(flink + back) == place) or bool(blink and word(blink + at) == place)


def heads_behind(memory: Memory, address: int) -> Optional[Heads]:
    """Returns the array of heads in the struct mm_heap_s at `address`; None if that has none."""
    width = memory.source.pointer_size
    if address % width or not memory.may_read(address, address + width):
        return None
    memory.fetch_known(address, address + _STRUCT_BYTES)
    word = known_words(memory)
    for place in range(address + 3 * width, address + _STRUCT_BYTES, width):
        found = heads_around(word, place, width)
        if found is not None and address < found.first <= address + FRONT_BYTES:
            return found
    return None


def known_words(memory: Memory) -> WordReader:
    """Returns a reader of words that asks for none that is not known memory."""
    width = memory.source.pointer_size

    def word(place: int) -> Optional[int]:
        return memory.word(place) if place > 0 and memory.may_read(place, place + width) else None

    return word


class Root(NamedTuple):
    """A variable that may lead to a struct mm_heap_s: its name, its address, and the address of the struct."""

    name: str
    place: int
    leads_to: int


def structs_of(memory: Memory, program: Program, names: Iterable[str]) -> Iterator[Root]:
    """Yields where NuttX's variables lead: the variable itself, which may be the struct, and what it points to."""
    width = memory.source.pointer_size
    for name in names:
        place = program.address_of(name)
        if place is None:
            continue
        yield Root(name, place, place)
        memory.fetch_known(place, place + width)
        value = memory.word(place) if memory.may_read(place, place + width) else None
        if value and memory.may_read(value, value + width):
            yield Root(name, place, value)


def delayed_frees(facts: HeapFacts, place: Optional[int]) -> Iterator[Skipped]:
    """Yields how many used blocks wait for their free on the list mm_delaylist, whose head is at `place`."""
    waiting: Set[int] = set()
    block = None if place is None else facts.read(place)
    while block is not None and facts.is_block(block) and block not in waiting and not facts.is_free(block):
        waiting.add(block)
        block = facts.read(block)
    if place is not None and waiting and not block:
        yield Skipped("blocks", said("mm-free-delayed", blocks=len(waiting), place=place))


def has_node_lists(memory: Memory, program: Program) -> bool:
    """True if one of NuttX's variables leads to a heap of NuttX's default allocator, not to its TLSF."""
    roots = structs_of(memory, program, (*NUTTX_HEAPS, NUTTX_MEMORY))
    return any(heads_behind(memory, root.leads_to) is not None for root in roots)
