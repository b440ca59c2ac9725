# SPDX-License-Identifier: Apache-2.0
"""Recognises the words between the allocator's payload and the user's: ESP-IDF's poison and owner words.

Approach: each form (none, head canary with or without an owner in it, a separate owner word) is tried on every used
block. The heap has the form whose canaries are found at both ends of most blocks. Poisoning is comprehensive if free
blocks are filled too, else light.
Rejected: asking debug information; the options leave few types behind, and images have none.
Cost: some words for each block. Fills are compared as whole slices.
"""

from __future__ import annotations

from typing import Iterator, List, Mapping, Optional, Tuple

from gdbext.heap.geometry import FLAG_BITS, FREE_BIT, Part
from gdbext.heap.guards import Guards
from gdbext.heap.tlsf.owner import are_owners, strangers
from gdbext.heap.walk import Walk
from gdbext.model.record import replace
from gdbext.source.snapshot import Snapshot, WordReader, places_of

HEAD, TAIL = 0xABBA1234, 0xBAAD5678
FREE_FILL = 0xFE
_HANDED_FILL = 0xCE
_WIDTH = 4
_FEW_BLOCKS = 4
_HEAD_WITH_OWNER = 12


class Poison(Guards):
    """One form of poisoning, "light" or "comprehensive". `head`: bytes of the head (canary, owner, length); `owner`:
    bytes of the owner word between head and user, if it is separate.
    """

    head: int = 0
    owner: int = 0

    @property
    def shift(self) -> int:
        """Returns the bytes from the allocator's payload to the user's."""
        return self.head + self.owner

    def requested(self, snapshot: Snapshot, raw: int, size: int) -> Optional[int]:
        """Returns the requested size of a used block, in bytes; None if its length word is wrong or missing."""
        length = snapshot.word32(self.length_place(raw)) if self.head else None
        return None if length is None or not self.owner <= length <= size - self.around else length - self.owner

    def wrapped(self, requested: int) -> int:
        """Returns the bytes that a request takes with canaries, length and owner."""
        return requested + self.owner + self.around

    def is_guarded(self, snapshot: Snapshot, raw: int, size: int) -> bool:
        """True if the tail canary is intact."""
        requested = self.requested(snapshot, raw, size)
        return requested is not None and snapshot.word32(raw + self.shift + requested) == TAIL

    def is_used(self, snapshot: Snapshot, raw: int) -> bool:
        """True if the head canary is intact."""
        return self.head > 0 and snapshot.word32(raw) == HEAD

    @property
    def around(self) -> int:
        """Returns the bytes of poison in every used block."""
        return self.head + _WIDTH if self.head else 0

    def length_place(self, raw: int) -> int:
        """Returns the address of a used block's length word. The length includes a separate owner word."""
        return raw + self.head - _WIDTH

    def parts(self, snapshot: Snapshot, raw: int, size: int) -> List[Part]:
        """Returns canaries, length and owner. The tail canary lies where the length says, if that can be right."""
        found = [Part(raw, _WIDTH, "guard", "head_canary")] if self.head else []
        if self.head == _HEAD_WITH_OWNER:
            found.append(Part(raw + _WIDTH, _WIDTH, "owner", "owner"))
        if self.head:
            found.append(Part(self.length_place(raw), _WIDTH, "guard", "requested"))
        if self.owner:
            found.append(Part(raw + self.head, self.owner, "owner", "owner"))
        requested = self.requested(snapshot, raw, size)
        return (
            found if requested is None else [*found, Part(raw + self.shift + requested, _WIDTH, "guard", "tail_canary")]
        )

    def owner_place(self, raw: int) -> Optional[int]:
        """Returns the address of the task handle in a used block; None if tasks are not tracked."""
        if self.head == _HEAD_WITH_OWNER:
            return raw + _WIDTH
        return raw + self.head if self.owner else None

    def strangers(self, words: Mapping[int, int]) -> List[int]:
        """Returns the keys of the owner words that cannot be a task's handle: they are far from all shared ones."""
        return strangers(words, _WIDTH)

    def marked_blocks(self, snapshot: Snapshot, low: int, high: int) -> Optional[Mapping[int, int]]:
        """Returns the payloads between two intact canaries, with the bytes that request and poison need. They are used
        blocks, or the remains of freed ones.
        """
        if not self.head:
            return None
        read32, mark, found = snapshot.reader32(low, high), HEAD.to_bytes(_WIDTH, snapshot.byte_order), {}
        for start, end in snapshot.known(low, high):
            data = snapshot.prefix(start, end - start)
            for raw in (start + place for place in places_of(data, mark)):
                length = read32(self.length_place(raw))
                if length is not None and read32(raw + self.head + length) == TAIL:
                    found[raw] = self.around + length
        return found

    def changed_free(self, data: bytes) -> Optional[range]:
        """The allocator replaces the fill of free memory up to the first wrong word, and leaves the rest as it was."""
        if self.kind != "comprehensive":
            return None
        kept = data.lstrip(bytes([_HANDED_FILL]))
        changed, start = kept.partition(bytes([FREE_FILL]))[0], len(data) - len(kept)
        return range(start, start + len(changed))


def find_poison(walk: Walk, read: WordReader, snapshot: Snapshot) -> Poison:
    """Returns the form of poisoning that the blocks of a heap have."""
    read32 = snapshot.reader32(walk.layout.control, walk.layout.end)
    used = heads = 0
    for raw, _ in walk.used():
        used, heads = used + 1, heads + (read(raw) == HEAD)
    if not used and _is_filled(walk, snapshot, Poison("light", 8)):
        return Poison("comprehensive", 8)
    if used <= _FEW_BLOCKS:  # among few blocks, damage to one head canary must not hide all poison
        heads = max(heads, *(_tails(read32, walk, head) for head in (8, _HEAD_WITH_OWNER)))
    if not heads or 2 * heads < used:
        firsts = [word for word in (read(raw) for raw, _ in walk.used()) if word is not None]
        # A block that nobody has written to still begins with its old free-list link, mostly to the null block.
        tracked = are_owners([0 if word == walk.layout.control else word for word in firsts], walk.layout.word)
        return Poison(owner=walk.layout.word if tracked else 0)
    head = max((8, _HEAD_WITH_OWNER), key=lambda head: (_tails(read32, walk, head), -_too_long(read32, walk, head)))
    # With task tracking the owner word may lie behind the head. Then the requested length includes it.
    owners = [read(raw + 8) for raw, _ in walk.used() if (read(raw + 4) or 0) >= _WIDTH] if head == 8 else []
    tracked = head == 8 and all((read(raw + 4) or _WIDTH) >= _WIDTH for raw, _ in walk.used())
    tracked = tracked and are_owners([word for word in owners if word is not None], _WIDTH)
    poison = Poison("light", head, _WIDTH if tracked else 0)
    return replace(poison, kind="comprehensive") if _is_filled(walk, snapshot, poison) else poison


def _tails(read32: WordReader, walk: Walk, head: int) -> int:
    """Returns the number of used blocks with a tail canary where a head of `head` bytes puts it."""
    found = 0
    for raw, size in walk.used():
        length = read32(raw + head - _WIDTH)
        if length is not None and length <= size - head - _WIDTH and read32(raw + head + length) == TAIL:
            found += 1
    return found


def _too_long(read32: WordReader, walk: Walk, head: int) -> int:
    """Returns the number of used blocks that cannot hold the requested length that a head of `head` bytes has."""
    lengths = ((read32(raw + head - _WIDTH), size - head - _WIDTH) for raw, size in walk.used())
    return sum(1 for length, room in lengths if length is not None and length > room)


def _is_filled(walk: Walk, snapshot: Snapshot, poison: Poison) -> bool:
    """True if most blocks have the fill of comprehensive poisoning. Blocks without room for it do not count."""
    full = empty = 0
    for raw, word in zip(walk.payloads, walk.words):
        for _, fill in fills_of(snapshot, raw, word, poison):
            same = fill.count(FREE_FILL)
            full, empty = (full + 1, empty) if 2 * same > len(fill) else (full, empty + 1)
    return full > 2 * empty


def fills_of(snapshot: Snapshot, raw: int, word: int, poison: Poison) -> Iterator[Tuple[int, bytes]]:
    """Yields start and bytes of the parts that comprehensive poisoning fills: a free block's inside, a used block's
    slack. Bytes that were not read are left out.
    """
    size = word & ~FLAG_BITS
    start, end = raw + 8, raw + size - _WIDTH
    if not word & FREE_BIT:
        length = snapshot.word32(poison.length_place(raw))
        if length is None or length > size - poison.around:
            return
        start = raw + poison.around + length
    whole = snapshot.get(start, end - start)
    parts = snapshot.known(start, end) if whole is None else [(start, end)]
    yield from ((low, snapshot.get(low, high - low) or b"") for low, high in parts if low < high)
