# SPDX-License-Identifier: Apache-2.0
"""The books of a heap with a list in address order through its free chunks: newlib-nano's, picolibc's.

    books = Books(images, word, first, head, behind=4, flagged=False)
    books.chunks(end), books.listed()

Written from the facts and apart from the walker; it knows no damage: `is_sound` says whether an allocator could have
left these bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from tests.support.made import Images, MadeBlock


@dataclass(frozen=True)
class Books:
    """Where the first chunk's head and the list's head are; `behind`: bytes from what a list's pointer holds to the
    payload; `flagged`: bit 0 of a size means free; `leads`: users' pointers are multiples of 8.
    """

    images: Images
    word: int
    first: int
    head: int
    behind: int
    flagged: bool = False
    leads: bool = False
    unit: int = 8

    def at(self, address: int) -> int:
        """A word of memory; 0 outside of it."""
        for base, data in self.images:
            if base <= address <= base + len(data) - self.word:
                return int.from_bytes(data[address - base : address - base + self.word], "little")
        return 0

    def user(self, payload: int) -> int:
        """The user's pointer of a chunk."""
        return payload + (-payload % 8 if self.leads else 0)

    def listed(self) -> list[int] | None:
        """The payloads on the list; None if it is none in address order."""
        found: list[int] = []
        value = self.at(self.head)
        while value:
            payload = value + self.behind
            if payload % self.word or not self.first < payload or (found and payload <= found[-1]):
                return None
            found.append(payload)
            value = self.at(payload)
        return found

    def sizes(self, end: int) -> Iterator[tuple[int, int]]:
        """Payload and payload's bytes of each chunk up to the first impossible one. Nothing but a variable, which may
        have any name, tells that the last one is too long, unless the memory at hand ends before.
        """
        limit = max(base + len(data) for base, data in self.images)
        place = self.first
        while place < end:
            stored = self.at(place)
            size = stored & ~1 if self.flagged else stored
            if size < 2 * self.word or size % self.unit or place + size > limit:
                yield place, -1
                return
            yield place + self.word, size - self.word
            place += size

    def blocks(self, end: int) -> tuple[MadeBlock, ...]:
        """The chunks of an intact heap."""
        listed = self.listed() or []
        return tuple(
            MadeBlock(self.user(payload), payload, size, payload not in listed) for payload, size in self.sizes(end)
        )

    def own(self, blocks: tuple[MadeBlock, ...]) -> tuple[tuple[int, int], ...]:
        """Size words, the links of free chunks, and nano's offsets."""
        word = self.word
        sizes = [(block.raw - word, block.raw) for block in blocks]
        links = [(block.raw, block.raw + word) for block in blocks if not block.used]
        return (
            *sizes,
            *links,
            *((block.raw, block.user) for block in blocks if block.used and block.user != block.raw),
        )

    def is_sound(self, end: int) -> bool:
        """Whether an allocator could have left these bytes."""
        listed, sizes = self.listed(), list(self.sizes(end))
        if listed is None or any(size < 0 for _, size in sizes):
            return False
        order = [payload for payload, _ in sizes]
        free = [payload in listed for payload in order]
        beside = any(one and other for one, other in pairwise(free))
        if not set(listed) <= set(order) or beside:
            return False
        if self.flagged:  # a free chunk that is not on this list may be in a bucket
            return all(self.at(payload - self.word) & 1 for payload in listed)
        used = (payload for payload, is_free in zip(order, free, strict=True) if not is_free)
        return all(self._offset_is_right(payload) for payload in used)

    def _offset_is_right(self, payload: int) -> bool:
        """In front of a moved pointer stands the negative distance; in a chunk that the list has lost, its link."""
        moved = self.user(payload) - payload
        value = self.at(payload)
        is_link = value == 0 or (payload < value + self.behind < payload + (1 << 20) and value % self.word == 0)
        return not moved or value == (1 << 8 * self.word) - moved or is_link
