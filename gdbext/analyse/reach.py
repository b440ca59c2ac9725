# SPDX-License-Identifier: Apache-2.0
"""Finds who points at a block, and the blocks that nobody points at, by a conservative scan of memory that was read.

Approach: every aligned word whose value is an address inside a used block counts as a pointer to that block. The scan
starts from globals, stacks and registers and goes on through the words of each block that it reaches. A block that it
never reaches is unreachable. The allocator's own words (headers, lists, free blocks) do not count as pointers; neither
do old free-list links that are still in a block which is used again.
Rejected: types (a heap has none); pointers at unaligned places (some structures are packed; too many false hits).
Cost: one comparison for each word of roots and reachable blocks, one binary search for each word that may be a pointer.
Limits: a number that looks like an address keeps a block reachable, and so does an old pointer on a stack. A pointer
that is hidden (in a peripheral, changed by XOR, in memory that was not scanned) is not seen.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_right
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

from gdbext.model.memory import Reference
from gdbext.source.snapshot import Snapshot

_TYPES = {4: "I", 8: "Q"}


class UsedBlock(NamedTuple):
    """A used block: its bytes, its user's pointer, and the address of its heap."""

    start: int
    end: int
    payload: int
    heap: int
    old_link: Optional[int] = None  # where old free-list links to the block behind this one point; None: there are none


class Root(NamedTuple):
    """Memory outside of all heaps that may hold pointers."""

    kind: str  # "global", "stack" or "memory"
    name: str
    start: int
    end: int


Register = Tuple[str, int]  # name and value


class Reach:
    """The used blocks of all heaps, in address order, and the words that point to them.

    `ignored`: ranges that are not scanned, such as a trace, whose addresses nobody uses as pointers.
    """

    def __init__(
        self, snapshot: Snapshot, blocks: Sequence[UsedBlock], ignored: Sequence[Tuple[int, int]] = ()
    ) -> None:
        self.blocks = sorted(blocks)
        self.pointer_size = snapshot.pointer_size
        self._snapshot = snapshot
        self._ignored = sorted(ignored)
        self._starts = [block.start for block in self.blocks]
        self._low = self._starts[0] if blocks else 1
        self._high = max((block.end for block in self.blocks), default=0)
        # What is scanned of each block that holds a stack, by the block's number.
        self._parts: Dict[int, List[Tuple[int, int]]] = {}

    def set_aside(self, start: int, end: int) -> None:
        """Leaves a stack out of the scan of the block that holds it. Its used part is scanned as a root instead."""
        number = self.block_at(start)
        if number is not None:
            parts = self._parts.get(number, [self.blocks[number][:2]])
            cut = [part for low, high in parts for part in ((low, min(high, start)), (max(low, end), high))]
            self._parts[number] = [(low, high) for low, high in cut if low < high]

    def block_at(self, address: int) -> Optional[int]:
        """Returns the number of the used block that holds an address."""
        index = bisect_right(self._starts, address) - 1
        return index if index >= 0 and address < self.blocks[index].end else None

    def words(self, start: int, end: int) -> Iterator[Tuple[int, Sequence[int]]]:
        """Yields the words of a range that have been read, run by run, each with the address of its first word."""
        width = self.pointer_size
        first, last = -(-start // width) * width, end // width * width
        whole = self._snapshot.words(first, last) if first < last else None
        if whole is not None:
            yield first, whole
            return
        for low, high in self._snapshot.known(first, last):
            begin, stop = -(-low // width) * width, high // width * width
            if begin < stop:
                run = array(_TYPES[width], self._snapshot.get(begin, stop - begin) or b"")
                if self._snapshot.byte_order != sys.byteorder:
                    run.byteswap()
                yield begin, run

    def _without_ignored(self, start: int, end: int) -> Iterator[Tuple[int, int]]:
        """Yields the parts of a range that are not ignored."""
        index = max(0, bisect_right(self._ignored, (start, start)) - 1)
        while start < end and index < len(self._ignored) and self._ignored[index][0] < end:
            low, high = self._ignored[index]
            if start < low:
                yield start, low
            start, index = max(start, high), index + 1
        if start < end:
            yield start, end

    def found_in(self, start: int, end: int) -> Iterator[int]:
        """Yields the words of a range whose value lies between the first and the last used block."""
        low, high = self._low, self._high
        for first, last in self._without_ignored(start, end):
            for _, words in self.words(first, last):
                yield from [word for word in words if low <= word < high]

    def found_in_block(self, number: int) -> Iterator[int]:
        """Yields such words of a block, less the links that the allocator left in it when it was free."""
        block, width = self.blocks[number], self.pointer_size
        if number in self._parts:
            for start, end in self._parts[number]:
                yield from self.found_in(start, end)
            return
        yield from self.found_in(block.start + 2 * width, block.end - width)
        for place in (block.start, block.start + width, block.end - width):
            value = self._snapshot.word(place)
            if value is not None and not self._is_link(value) and list(self._without_ignored(place, place + 1)):
                yield value

    def _is_link(self, value: int) -> bool:
        """Tells whether a word points to where an old free-list link of this allocator would."""
        target = self.block_at(value)
        return target is not None and value == self.blocks[target].old_link

    def unreachable(self, roots: Sequence[Root], registers: Sequence[Register]) -> List[int]:
        """Returns the numbers of all blocks that no root and no register reaches, directly or through other blocks."""
        marked: Set[int] = set()
        left = self._mark((value for _, value in registers), marked)
        for root in roots:
            left += self._mark(self.found_in(root.start, root.end), marked)
        while left:
            left += self._mark(self.found_in_block(left.pop()), marked)
        return [number for number in range(len(self.blocks)) if number not in marked]

    def _mark(self, values: Iterator[int], marked: Set[int]) -> List[int]:
        """Marks the blocks that the values point into. Returns the numbers of the newly marked ones."""
        starts, blocks, new = self._starts, self.blocks, []
        for value in values:
            index = bisect_right(starts, value) - 1
            if index >= 0 and index not in marked and value < blocks[index].end:
                marked.add(index)
                new.append(index)
        return new

    def holders(self, lost: Sequence[int]) -> Dict[int, int]:
        """Returns, for each block that another lost block points at, the number of one such lost block."""
        found: Dict[int, int] = {}
        for number in lost:
            for value in self.found_in_block(number):
                target = self.block_at(value)
                if target is not None and target != number:
                    found.setdefault(target, number)
        return found

    def pointers_to(
        self, low: int, high: int, roots: Sequence[Root], registers: Sequence[Register]
    ) -> Iterator[Reference]:
        """Yields every register and every word of roots and used blocks whose value is in low..high."""
        for name, value in registers:
            if low <= value < high:
                yield Reference("register", name, None, value, None, None)
        for root in roots:
            for address, value in self._places(root.start, root.end, low, high):
                yield Reference(root.kind, root.name, address, value, None, None)
        for number, block in enumerate(self.blocks):
            links = {block.start, block.start + self.pointer_size, block.end - self.pointer_size}
            for start, end in self._parts.get(number, [block[:2]]):
                for address, value in self._places(start, end, low, high):
                    if address not in links or not self._is_link(value):
                        name = f"{block.payload:#x}+{address - block.payload}"
                        yield Reference("block", name, address, value, block.payload, None)

    def _places(self, start: int, end: int, low: int, high: int) -> Iterator[Tuple[int, int]]:
        width = self.pointer_size
        for begin, stop in self._without_ignored(start, end):
            for first, words in self.words(begin, stop):
                yield from [(first + at * width, word) for at, word in enumerate(words) if low <= word < high]
