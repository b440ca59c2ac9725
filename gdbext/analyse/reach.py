# SPDX-License-Identifier: Apache-2.0
"""Who points at a block, and what nobody points at: a conservative scan of memory that has been read.

Approach: every aligned word that holds an address inside a used block counts as a pointer to that block, wherever in it
it leads. From globals, stacks and registers on, blocks that are pointed at are followed through their own words; what
is never met is unreachable. Heaps' own words (headers, lists, free blocks) are no pointers, nor are links of the free
lists that stand where they stood when a block was free.
Rejected: types (a heap has none); pointers at unaligned places (some structures are packed; too many false hits).
Cost: one comparison a word of roots and reachable blocks, and one binary search a word that may be a pointer.
Limits: a number that looks like an address keeps a block reachable, and so does an old pointer on a stack; a pointer
that is kept otherwise (in a peripheral, changed by XOR, in memory that was not scanned) is not seen.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_right
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

from gdbext.model.reports.refs import Reference
from gdbext.source.snapshot import Snapshot

_TYPES = {4: "I", 8: "Q"}


class Held(NamedTuple):
    """A used block."""

    start: int
    end: int
    payload: int
    heap: int


class Root(NamedTuple):
    """Memory that is not on a heap, in which pointers may stand."""

    kind: str  # "global", "stack" or "memory"
    name: str
    start: int
    end: int


Register = Tuple[str, int]  # its name and its value


class Reach:
    """The used blocks of all heaps, in address order, and the words that lead to them.

    `silent`: ranges that hold addresses of blocks which nobody uses as pointers, such as a trace.
    """

    def __init__(self, held: Snapshot, blocks: Sequence[Held], silent: Sequence[Tuple[int, int]] = ()) -> None:
        self.blocks = sorted(blocks)
        self.pointer_size = held.pointer_size
        self._held = held
        self._silent = sorted(silent)
        self._starts = [block.start for block in self.blocks]
        self._low = self._starts[0] if blocks else 1
        self._high = max((block.end for block in self.blocks), default=0)
        self._parts: Dict[int, List[Tuple[int, int]]] = {}  # of blocks that hold stacks: the rest of them

    def set_aside(self, start: int, end: int) -> None:
        """Scans a range no more with the block that it lies in: it is a stack, of which a part is a root."""
        number = self.block_at(start)
        if number is not None:
            parts = self._parts.get(number, [self.blocks[number][:2]])
            cut = [part for low, high in parts for part in ((low, min(high, start)), (max(low, end), high))]
            self._parts[number] = [(low, high) for low, high in cut if low < high]

    def block_at(self, address: int) -> Optional[int]:
        """Number of the used block that holds an address."""
        index = bisect_right(self._starts, address) - 1
        return index if index >= 0 and address < self.blocks[index].end else None

    def words(self, start: int, end: int) -> Iterator[Tuple[int, Sequence[int]]]:
        """What is known of a range, as words: where each run of them begins, and the run."""
        width = self.pointer_size
        first, last = -(-start // width) * width, end // width * width
        whole = self._held.words(first, last) if first < last else None
        if whole is not None:
            yield first, whole
            return
        for low, high in self._held.known(first, last):
            begin, stop = -(-low // width) * width, high // width * width
            if begin < stop:
                run = array(_TYPES[width], self._held.get(begin, stop - begin) or b"")
                if self._held.byte_order != sys.byteorder:
                    run.byteswap()
                yield begin, run

    def _telling(self, start: int, end: int) -> Iterator[Tuple[int, int]]:
        """The parts of a range that are not silent."""
        index = max(0, bisect_right(self._silent, (start, start)) - 1)
        while start < end and index < len(self._silent) and self._silent[index][0] < end:
            low, high = self._silent[index]
            if start < low:
                yield start, low
            start, index = max(start, high), index + 1
        if start < end:
            yield start, end

    def found_in(self, start: int, end: int) -> Iterator[int]:
        """Every word of a range that may lead into a block."""
        low, high = self._low, self._high
        for first, last in self._telling(start, end):
            for _, words in self.words(first, last):
                yield from [word for word in words if low <= word < high]

    def found_in_block(self, number: int) -> Iterator[int]:
        """The same for a block, without links that the allocator left in it when it was free."""
        block, width = self.blocks[number], self.pointer_size
        if number in self._parts:
            for start, end in self._parts[number]:
                yield from self.found_in(start, end)
            return
        yield from self.found_in(block.start + 2 * width, block.end - width)
        for place in (block.start, block.start + width, block.end - width):
            value = self._held.word(place)
            if value is not None and not self._is_link(value) and list(self._telling(place, place + 1)):
                yield value

    def _is_link(self, value: int) -> bool:
        """Whether a word leads to the last word of a block: there the header of the next one begins, for TLSF."""
        target = self.block_at(value)
        return target is not None and value == self.blocks[target].end - self.pointer_size

    def unreachable(self, roots: Sequence[Root], registers: Sequence[Register]) -> List[int]:
        """Numbers of the blocks that neither roots nor registers lead to, however far."""
        marked: Set[int] = set()
        left = self._mark((value for _, value in registers), marked)
        for root in roots:
            left += self._mark(self.found_in(root.start, root.end), marked)
        while left:
            left += self._mark(self.found_in_block(left.pop()), marked)
        return [number for number in range(len(self.blocks)) if number not in marked]

    def _mark(self, values: Iterator[int], marked: Set[int]) -> List[int]:
        """The blocks that values lead to for the first time."""
        starts, blocks, new = self._starts, self.blocks, []
        for value in values:
            index = bisect_right(starts, value) - 1
            if index >= 0 and index not in marked and value < blocks[index].end:
                marked.add(index)
                new.append(index)
        return new

    def holders(self, lost: Sequence[int]) -> Dict[int, int]:
        """For lost blocks that other lost ones point at: one of those."""
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
        """Every word that holds an address in low..high: in registers, roots, and used blocks."""
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
        for begin, stop in self._telling(start, end):
            for first, words in self.words(begin, stop):
                yield from [(first + at * width, word) for at, word in enumerate(words) if low <= word < high]
