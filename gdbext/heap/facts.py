# SPDX-License-Identifier: Apache-2.0
"""All that was read of one heap: what the analysis works on."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import cached_property
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from gdbext.heap.layout import FLAG_BITS, FREE_BIT, Geometry, Link, MultiHeap, TlsfLayout
from gdbext.heap.poison import TAIL, Poison, requested_of
from gdbext.heap.walk import Node, Walk
from gdbext.source.snapshot import Snapshot, WordReader

Span = Tuple[int, int]  # the first byte, and the address behind the last
Edge = Tuple[int, int, int, int]  # a block's payload and size word, those of the header behind it


_LARGEST_LINK = 256  # bytes of a block header


class Variables(NamedTuple):
    """Where variables of FreeRTOS lie that its heap does not lead to, as symbols say; None: there is no symbol."""

    array: Optional[Tuple[int, int]] = None  # start and end of ucHeap
    start: Optional[int] = None  # heap_2: xStart; heap_1: pucAlignedHeap
    end: Optional[int] = None  # heap_2: xEnd
    remaining: Optional[int] = None  # heap_2: xFreeBytesRemaining
    next_byte: Optional[int] = None  # heap_1: xNextFreeByte
    link: Optional[Link] = None  # heap_4 and heap_5: what a header is, if it is not the kernel's own

    def flat(self) -> Tuple[Optional[int], ...]:
        """All of them in one row."""
        low, high = self.array or (None, None)
        places = (low, high, self.start, self.end, self.remaining, self.next_byte)
        return (*places, *(self.link or (None, None, None))) if self != NO_VARIABLES else ()

    @classmethod
    def of_flat(cls, row: Sequence[Optional[int]]) -> Variables:
        """The same back; none where the row is not one of these."""
        if len(row) != 9:
            return NO_VARIABLES
        low, high, start, end, remaining, next_byte, size, next_at, size_at = row
        array = None if low is None or high is None else (low, high)
        link = None if size is None or next_at is None or size_at is None else Link(size, next_at, size_at)
        sound = link is not None and max(link.next_at, link.size_at) < link.size <= _LARGEST_LINK
        return cls(array, start, end, remaining, next_byte, link if sound else None)


NO_VARIABLES = Variables()


@dataclass(frozen=True)
class Region:
    """Where a heap is said to be, and by whom."""

    kind: str
    address: int
    start: Optional[int] = None
    end: Optional[int] = None
    name: Optional[str] = None
    origin: str = "named by the user"
    variables: Variables = NO_VARIABLES
    pools: Tuple[Span, ...] = ()  # memory that the allocator was given: what the user or the program says of it


class HeapFacts:
    """One heap, read once. Blocks go by the allocator's payload (raw) in here; `user` gives the pointer of its user."""

    def __init__(
        self,
        region: Region,
        layout: Geometry,
        info: Optional[MultiHeap],
        walk: Walk,
        held: Snapshot,
        poison: Optional[Poison] = None,
        absent: Sequence[Span] = (),
        cut: bool = False,
    ) -> None:
        self.region = region
        self.layout = layout
        self.info = info
        self.walk = walk
        self.snapshot = held
        self.absent = absent  # parts of the heap that neither images nor target gave
        self.cut = cut  # Ctrl-C has ended its reading
        self.poison = poison or Poison()
        self.shift = self.poison.shift  # bytes from the allocator's payload (raw) to the user's
        self.read: WordReader = held.word_reader(layout.control, layout.end)
        self.read32: WordReader = held.reader32(layout.control, layout.end)  # at any address
        self.position: Dict[int, int] = walk.index()
        self.listed: Dict[int, Node] = {node.payload: node for node in walk.nodes}
        pairs = zip(walk.payloads, walk.words)
        self.used = [(payload, word & ~FLAG_BITS) for payload, word in pairs if not word & FREE_BIT]  # raw, and size

    @cached_property
    def edges(self) -> List[Edge]:
        """Each proven block with the header behind it, where that is known."""
        payloads, words, step = self.walk.payloads, self.walk.words, self.layout.header
        behind = [payload + (word & ~FLAG_BITS) + step for payload, word in zip(payloads, words)]
        found = zip(payloads, words, behind, [*payloads[1:], None], [*words[1:], 0])
        markers = ((pool.end, self._end_word(pool.end)) for pool in self.layout.pools)
        ends = {end: marker for end, marker in markers if marker is not None}
        return [
            (payload, word, following, after if following == listed else ends[following])
            for payload, word, following, listed, after in found
            if following == listed or following in ends
        ]

    def _end_word(self, payload: int) -> Optional[int]:
        """The size word of an end marker; None unless it is one."""
        marker = self.read(self.layout.place_of_size(payload))
        return None if marker is None or marker & ~FLAG_BITS else marker

    @property
    def leads_away(self) -> bool:
        """Whether lists lead to memory of this heap that is not at hand."""
        return isinstance(self.layout, TlsfLayout) and bool(self.layout.beyond)

    @property
    def start(self) -> int:
        """The heap's first byte."""
        if self.region.start is not None:
            return self.region.start
        return min(self.region.address, self.layout.control, self.layout.first - self.layout.header)

    @property
    def end(self) -> int:
        """The address behind its last byte."""
        return self.region.end if self.region.end is not None else self.layout.behind

    def word_of(self, payload: int) -> int:
        """The size word of a proven block."""
        return self.walk.words[self.position[payload]]

    def size_of(self, payload: int) -> int:
        """What the allocator holds for a proven block."""
        return self.word_of(payload) & ~FLAG_BITS

    def is_free(self, payload: int) -> bool:
        """Whether a proven block is marked free."""
        return bool(self.word_of(payload) & FREE_BIT)

    def header_of(self, payload: int) -> int:
        """Where its header begins: where the block before it ends."""
        return payload - self.layout.header

    def place_of_size(self, payload: int) -> int:
        """The address of its size word."""
        return self.layout.place_of_size(payload)

    def stored_size(self, payload: int) -> int:
        """Its size word as it stands in memory."""
        return self.read(self.layout.place_of_size(payload)) or 0

    def requested(self, payload: int) -> Optional[int]:
        """What the user of a proven used block asked for, where poison tells."""
        return requested_of(self.snapshot, payload, self.size_of(payload), self.poison)

    def guarded(self, payload: int) -> bool:
        """Whether a proven used block has its tail canary, so that no write has run past its end."""
        requested = None if self.is_free(payload) else self.requested(payload)
        return requested is not None and self.read32(self.user(payload) + requested) == TAIL

    def user(self, raw: int) -> int:
        """The pointer that the block's user holds; an end marker has no user."""
        return raw if self.layout.is_end(raw) else raw + self.shift

    def raw(self, payload: int) -> int:
        """The allocator's payload of a user's pointer."""
        return payload - self.shift

    def end_of(self, payload: int) -> int:
        """The address behind the last byte of a proven block."""
        return payload + self.size_of(payload)

    def holder(self, address: int) -> Optional[int]:
        """Payload of the proven block whose bytes hold an address."""
        index = bisect_right(self.walk.payloads, address) - 1
        if index < 0:
            return None
        payload = self.walk.payloads[index]
        return payload if address < self.end_of(payload) else None

    def left_of(self, payload: int) -> Optional[int]:
        """The proven block that ends where the header of `payload` begins."""
        index = bisect_left(self.walk.payloads, payload) - 1
        if index < 0:
            return None
        before = self.walk.payloads[index]
        return before if self.end_of(before) == self.header_of(payload) else None

    def sizes(self) -> Dict[int, int]:
        """Bytes behind the user's pointer of every used block."""
        shift = self.shift
        return {raw + shift: size - shift for raw, size in self.used}

    @property
    def used_bytes(self) -> int:
        """Bytes in use."""
        counted = self.layout.counted_used()
        return sum(self.used_sizes()) if counted is None else counted

    def used_sizes(self) -> List[int]:
        """Sizes of the used blocks."""
        return [size for _, size in self.used]

    def free_sizes(self) -> List[int]:
        """Sizes of the free blocks."""
        return [word & ~FLAG_BITS for word in self.walk.words if word & FREE_BIT]
