# SPDX-License-Identifier: Apache-2.0
"""Recognises a byte pool, and walks its blocks.

Approach: a block is {pointer to the next block; owner}. The owner is the pool's address in a used block and a mark in a
free one. The last block, which is always used, leads back to the pool's start: start and pool's address side by side
are found at the speed of the C library where the control block's own size is wrong.
Rejected: believing the control block alone (any part of it may be overwritten).
Cost: the control block and the end block; a search behind the pool's start only if they disagree.
Assumptions: a pool has less than 64 MiB.
"""

from __future__ import annotations

from typing import Iterator, List, Optional, Tuple

from gdbext.heap.allocator import LARGEST_HEAP
from gdbext.heap.cover import Evidence
from gdbext.heap.ends import known_until
from gdbext.heap.geometry import FREE_BIT, Flaw, Geometry, Part, Pool
from gdbext.heap.threadx_pool.control import POOL_ID, Control, controls, ring_flaws
from gdbext.heap.walk import Walk, walk_pools
from gdbext.model.said import said
from gdbext.source.memory import Memory
from gdbext.source.snapshot import WordReader, places_of

FREE_MARK = 0xFFFFEEEE
_SEARCHED_BYTES = 4 << 20  # behind a pool's start, for its end block


class PoolLayout(Geometry):
    """The blocks of a byte pool, and its TX_BYTE_POOL."""

    pool: Control
    ended: bool = True  # whether the end block shows itself

    apart = True
    links_in_headers = True

    @property
    def control_end(self) -> int:
        """Returns the address behind the control block."""
        return max(one.place + one.width for one in self.pool.fields.values())

    @property
    def marks(self) -> Tuple[int, ...]:
        """Returns what the owner word of a free block may be. Ports with 64 bits repeat the mark."""
        return (FREE_MARK,) if self.word == 4 else (FREE_MARK, FREE_MARK << 32 | FREE_MARK)

    def place_of_size(self, payload: int) -> int:
        """Returns the address of the pointer to the next block."""
        return payload - self.header

    def parts(self, payload: int, size: int, is_free: bool, read: WordReader) -> List[Part]:
        """Returns the pointer to the next block, and the word that says whose this one is."""
        start = payload - self.header
        return [Part(start, self.word, "link", "next"), Part(start + self.word, self.word, "header", "owner")]

    def header_reader(self, read: WordReader) -> WordReader:
        """Returns a reader that makes sizes of pointers to the next block. One that leads nowhere becomes a word that
        no memory holds.
        """
        header, word, end, odd, marks = self.header, self.word, self.end - self.header, self.align - 1, self.marks
        impossible = 1 << 8 * word

        def read_header(address: int) -> Optional[int]:
            following, owner = read(address), read(address + word)
            if following is None or owner is None:
                return None
            size = following - address - header
            if size <= 0 or following > end or size & odd:
                return impossible
            return size | (FREE_BIT if owner in marks else 0)

        return read_header

    def is_owner(self, value: Optional[int]) -> bool:
        """True if a block's owner word may be this."""
        return value == self.pool.address or value in self.marks


def recognise_pool(memory: Memory, address: int, claimed: bool) -> Optional[PoolLayout]:
    """Returns the byte pool whose control block is at an address; None if there is none. `claimed`: a user or a symbol
    says that it is one.
    """
    found = [one for one in (_of_control(memory, control) for control in controls(memory, address)) if one is not None]
    sure = [one for one in found if one.ended or (claimed and not one.flaws)]
    return next(iter(sorted(sure, key=lambda one: (not one.ended, len(one.flaws)))), None)


def _of_control(memory: Memory, control: Control) -> Optional[PoolLayout]:
    word = memory.source.pointer_size
    starts = [start for start in dict.fromkeys((control["start"], control["list"])) if start and not start % word]
    by_size = ((start, start + control["size"] - 2 * word) for start in starts)
    ends = [(start, end) for start, end in by_size if _is_end(memory, control, start, end)]
    if not ends and control["id"] == POOL_ID:
        ends = [(start, end) for start in starts for end in _searched(memory, control, start)][:1]
    if ends:
        return _layout(memory, control, *ends[0], ended=True)
    start, end = control["start"], control["start"] + control["size"] - 2 * word
    whole = start in starts and not end % word and start + 2 * word < end < start + LARGEST_HEAP
    return _layout(memory, control, start, end, ended=False) if whole and control["id"] == POOL_ID else None


def _is_end(memory: Memory, control: Control, start: int, end: int) -> bool:
    word = memory.source.pointer_size
    if not start < end < start + LARGEST_HEAP or not memory.may_read(end, end + 2 * word):
        return False
    return memory.word(end) == start and memory.word(end + word) == control.address


def _searched(memory: Memory, control: Control, start: int) -> Iterator[int]:
    """Yields where the end block of a pool lies that begins at `start`."""
    word, order = memory.source.pointer_size, memory.source.byte_order
    high = known_until(memory, start, _SEARCHED_BYTES)
    if high <= start or not memory.may_read(start, start + word):
        return
    memory.fetch_known(start, high)
    pattern = start.to_bytes(word, order) + control.address.to_bytes(word, order)
    for low, behind in memory.snapshot.known(start, high):
        data = memory.snapshot.get(low, behind - low) or b""
        yield from (low + at for at in places_of(data, pattern) if not (low + at) % word)


def _layout(memory: Memory, control: Control, start: int, end: int, ended: bool) -> PoolLayout:
    word = memory.source.pointer_size
    pools = (Pool(start + 2 * word, end + 2 * word),)
    flaws = (*_flaws(control, start, end + 2 * word - start), *ring_flaws(memory, control))
    name = "threadx-pool-32" if word == 4 else f"threadx-pool-64-ulong-{8 * control.fields['id'].width}"
    return PoolLayout(name, word, word, 2 * word, word, control.address, pools, flaws, control, ended)


def _flaws(control: Control, start: int, size: int) -> Iterator[Flaw]:
    for name, expected in (("id", POOL_ID), ("list", start), ("start", start), ("size", size)):
        one = control.fields[name]
        if one.value != expected:
            member = f"tx_byte_pool_{name}"
            text = said("threadx-control", name=member, place=one.place, stored=one.value, expected=expected)
            yield Flaw("pool-control", one.place, one.width, text, "constant", expected, one.value)


def walk_pool(layout: PoolLayout, read: WordReader, evidence: Evidence) -> Walk:
    """Returns the blocks. One agrees with what is around it if owners stand in its header and in the one behind it."""
    walk, word = Walk(layout), layout.word

    def agrees(payload: int, size: int, following: int) -> bool:
        return layout.is_owner(read(payload - word)) and layout.is_owner(read(following - word))

    walk_pools(walk, read, agrees, evidence)
    return walk


def blocks_of(layout: PoolLayout, walk: Walk) -> List[int]:
    """Returns where the blocks' headers lie, with that of the end block."""
    return [*(payload - layout.header for payload in walk.payloads), layout.end - layout.header]
