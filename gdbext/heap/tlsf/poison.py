# SPDX-License-Identifier: Apache-2.0
"""What lies between the allocator's payload and the user's: ESP-IDF's poison words and owner words.

Approach: each form (none, head canary with and without an owner in it, an owner word of its own) is tried on every used
block, and the one whose canaries are found at both ends of most blocks is the heap's. Comprehensive is light whose
free blocks are filled.
Rejected: asking debug information; the options leave few types behind, and images have none.
Cost: some words a block; the fills are compared as whole slices.
"""

from __future__ import annotations

from typing import Iterator, List, Mapping, Optional, Tuple

from gdbext.heap.geometry import FLAG_BITS, FREE_BIT
from gdbext.heap.guards import Guards
from gdbext.heap.tlsf.owner import are_owners
from gdbext.heap.walk import Walk
from gdbext.model.record import replace
from gdbext.source.snapshot import Snapshot, WordReader

HEAD, TAIL = 0xABBA1234, 0xBAAD5678
FREE_FILL = 0xFE
_WIDTH = 4
_FEW_BLOCKS = 4
_HEAD_WITH_OWNER = 12


class Poison(Guards):
    """One form of poisoning ("light" or "comprehensive"), by its bytes: `head` canary, owner and length; `owner` bytes
    between head and user.
    """

    head: int = 0
    owner: int = 0

    @property
    def shift(self) -> int:
        """From the allocator's payload to the user's."""
        return self.head + self.owner

    def requested(self, held: Snapshot, raw: int, size: int) -> Optional[int]:
        """What the user of a used block asked for."""
        length = held.word32(self.length_place(raw)) if self.head else None
        return None if length is None or not self.owner <= length <= size - self.around else length - self.owner

    def is_guarded(self, held: Snapshot, raw: int, size: int) -> bool:
        """Whether the tail canary stands."""
        requested = self.requested(held, raw, size)
        return requested is not None and held.word32(raw + self.shift + requested) == TAIL

    def is_used(self, held: Snapshot, raw: int) -> bool:
        """Whether the head canary stands."""
        return self.head > 0 and held.word32(raw) == HEAD

    @property
    def around(self) -> int:
        """Bytes of poison in every used block."""
        return self.head + _WIDTH if self.head else 0

    def length_place(self, raw: int) -> int:
        """Where a used block keeps its requested length (with the owner's word, if that is apart)."""
        return raw + self.head - _WIDTH

    def owner_place(self, raw: int) -> Optional[int]:
        """Where a used block keeps the handle of its task; None: tasks are not tracked."""
        if self.head == _HEAD_WITH_OWNER:
            return raw + _WIDTH
        return raw + self.head if self.owner else None

    def marked_blocks(self, held: Snapshot, low: int, high: int) -> Optional[Mapping[int, int]]:
        """Payloads around which both canaries stand, with the bytes that these need: used blocks, and what is left of
        freed ones.
        """
        if not self.head:
            return None
        read32, mark, found = held.reader32(low, high), HEAD.to_bytes(_WIDTH, held.byte_order), {}
        for start, end in held.known(low, high):
            data = held.prefix(start, end - start)
            place = data.find(mark)
            while place >= 0:
                raw = start + place
                length = read32(self.length_place(raw))
                if length is not None and read32(raw + self.head + length) == TAIL:
                    found[raw] = self.around + length
                place = data.find(mark, place + 1)
        return found


def find_poison(walk: Walk, read: WordReader, held: Snapshot) -> Poison:
    """What the blocks of a heap carry."""
    pairs = zip(walk.payloads, walk.words)
    used = [(raw, word & ~FLAG_BITS) for raw, word in pairs if not word & FREE_BIT]
    read32 = held.reader32(walk.layout.control, walk.layout.end)
    heads = sum(1 for raw, _ in used if read(raw) == HEAD)
    if not used and _is_filled(walk, held, Poison("light", 8)):
        return Poison("comprehensive", 8)
    if len(used) <= _FEW_BLOCKS:  # damage to one canary must not hide all
        heads = max(heads, *(_tails(read32, used, head) for head in (8, _HEAD_WITH_OWNER)))
    if not heads or 2 * heads < len(used):
        firsts = [word for word in (read(raw) for raw, _ in used) if word is not None]
        # A block that nobody has written to begins with a link of when it was free: to the null block, mostly.
        tracked = are_owners([0 if word == walk.layout.control else word for word in firsts], walk.layout.word)
        return Poison(owner=walk.layout.word if tracked else 0)
    head = max((8, _HEAD_WITH_OWNER), key=lambda head: _tails(read32, used, head))
    # Where tasks are tracked, the owner's word may stand behind the head, and counts as a part of what was asked for.
    owners = [read(raw + 8) for raw, _ in used if (read(raw + 4) or 0) >= _WIDTH] if head == 8 else []
    tracked = head == 8 and all((read(raw + 4) or _WIDTH) >= _WIDTH for raw, _ in used)
    tracked = tracked and are_owners([word for word in owners if word is not None], _WIDTH)
    poison = Poison("light", head, _WIDTH if tracked else 0)
    return replace(poison, kind="comprehensive") if _is_filled(walk, held, poison) else poison


def _tails(read32: WordReader, used: List[Tuple[int, int]], head: int) -> int:
    """How many used blocks have their tail canary where this form puts it."""
    found = 0
    for raw, size in used:
        length = read32(raw + head - _WIDTH)
        if length is not None and length <= size - head - _WIDTH and read32(raw + head + length) == TAIL:
            found += 1
    return found


def _is_filled(walk: Walk, held: Snapshot, poison: Poison) -> bool:
    """Whether the bytes that comprehensive poisoning fills are filled, in most blocks that have such."""
    full = empty = 0
    for raw, word in zip(walk.payloads, walk.words):
        for _, fill in fills_of(held, raw, word, poison):
            same = fill.count(FREE_FILL)
            full, empty = (full + 1, empty) if 2 * same > len(fill) else (full, empty + 1)
    return full > 2 * empty


def fills_of(held: Snapshot, raw: int, word: int, poison: Poison) -> Iterator[Tuple[int, bytes]]:
    """Start and content of what comprehensive poisoning keeps filled: a free block's inside, a used block's slack. Of
    what was not read nothing is given.
    """
    size = word & ~FLAG_BITS
    start, end = raw + 8, raw + size - _WIDTH
    if not word & FREE_BIT:
        length = held.word32(poison.length_place(raw))
        if length is None or length > size - poison.around:
            return
        start = raw + poison.around + length
    whole = held.get(start, end - start)
    parts = held.known(start, end) if whole is None else [(start, end)]
    yield from ((low, held.get(low, high - low) or b"") for low, high in parts if low < high)
