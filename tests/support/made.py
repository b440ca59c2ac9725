# SPDX-License-Identifier: Apache-2.0
"""Heaps that were made for a test, damage to them, and whether a report tells the truth about it.

    made = makers()["freertos_heap_2"](Random(seed))    # an intact heap, by a model or by the real allocator
    damage = damaged(made, "overflow", Random(seed))     # what is written where, and by whom
    judged(made, damage, report)                         # the verdict, the place, and who is named first

Every family has a file in tests/support/makers with `make(rng) -> Made`: its heap is written by the real allocator, or
by a model that was written from the facts and never from the walker. The model
keeps its own books, which are the truth.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.support.paths import ROOT

Report = Mapping[str, Any]
Images = tuple[tuple[int, bytes], ...]


@dataclass(frozen=True)
class MadeBlock:
    """A block: the user's pointer, the allocator's payload, the bytes from there on, and what the user asked for."""

    user: int
    raw: int
    size: int
    used: bool
    requested: int | None = None

    @property
    def end(self) -> int:
        """Behind its last byte."""
        return self.raw + self.size


@dataclass(frozen=True)
class Made:
    """An intact heap. `own`: the allocator's bytes of which no change can be legal, so that each must be found."""

    name: str
    kind: str
    address: int
    images: Images
    blocks: tuple[MadeBlock, ...]
    own: tuple[tuple[int, int], ...]
    guarded: bool = False  # behind the bytes that a user asked for stand canaries: an overflow begins there
    # Whether an intact heap could have these bytes, too: then nothing tells them from damage.
    sound: Callable[[Images], bool] = lambda images: False

    @property
    def option(self) -> str:
        """What `--heap` takes."""
        return f"{self.kind}@{self.address:#x}"

    def get(self, address: int, length: int) -> bytes:
        """Bytes of the images."""
        base, data = next((base, data) for base, data in self.images if base <= address < base + len(data))
        return data[address - base : address - base + length]


@dataclass(frozen=True)
class MadeDamage:
    """What is written where, and whose write it was: the user's pointer of a block, or None for a stray write."""

    what: str
    address: int
    data: bytes
    culprit: int | None

    def images(self, made: Made) -> list[tuple[int, bytes]]:
        """The heap's images with the damage done."""
        done = []
        for base, data in made.images:
            if base <= self.address < base + len(data):
                start = self.address - base
                data = data[:start] + self.data[: len(data) - start] + data[start + len(self.data) :]
            done.append((base, data))
        return done

    def changed(self, made: Made) -> list[int]:
        """The addresses of the bytes that became others."""
        before = made.get(self.address, len(self.data))
        return [
            self.address + place for place, (old, new) in enumerate(zip(before, self.data, strict=False)) if old != new
        ]

    def is_damage(self, made: Made) -> bool:
        """Whether any of the allocator's own bytes has changed, to what no intact heap has."""
        changed = any(low <= place < high for place in self.changed(made) for low, high in made.own)
        return changed and not made.sound(tuple(self.images(made)))


@dataclass(frozen=True)
class Verdict:
    """What a report got right: the status, the place; and who is named first, None where nobody can be."""

    status: bool
    place: bool
    culprit: bool | None
    lost: int  # used blocks that were not hit and are not listed as they are
    told: str


def makers() -> dict[str, Callable[[Random], Made]]:
    """The maker of each family, by the name of its file."""
    names = sorted(path.stem for path in (ROOT / "tests/support/makers").glob("[a-z]*.py"))
    return {name: importlib.import_module(f"tests.support.makers.{name}").make for name in names}


def _run(rng: Random, length: int) -> bytes:
    """What programs write too much of: a text, or one byte again and again."""
    if rng.random() < 0.5:
        return (b"GET /index.html?id=%d HTTP/1.1\r\n" % rng.randrange(10**6) * 9)[:length]
    return bytes([rng.choice((0x41, 0x55, 0xA5, 0xFF, 0x20))]) * length


def _end_of(made: Made, block: MadeBlock) -> int:
    return block.user + block.requested if made.guarded and block.requested is not None else block.end


def _overflow(made: Made, rng: Random) -> MadeDamage:
    """A user's text or fill begins in its block, at least 8 bytes before the end, and ends behind it."""
    roomy = [block for block in made.blocks if block.used and _end_of(made, block) - block.user >= 8]
    block = rng.choice(roomy or [block for block in made.blocks if block.used])
    end = _end_of(made, block)
    start = rng.choice((block.user, max(block.user, end - rng.randrange(8, 40))))
    data = _run(rng, end - start + rng.choice((4, 8, 12, 16, 40)))
    return MadeDamage("overflow", start, data, block.user)


def _off_by_one(made: Made, rng: Random) -> MadeDamage:
    """A string's closing zero lands behind its block."""
    block = rng.choice([block for block in made.blocks if block.used])
    return MadeDamage("off-by-one", _end_of(made, block), b"\0", None)


def _underflow(made: Made, rng: Random) -> MadeDamage:
    """A user writes in front of its block."""
    block = rng.choice([block for block in made.blocks if block.used])
    length = rng.choice((4, 8))
    return MadeDamage("underflow", block.user - length, _run(rng, length), None)


def _write_after_free(made: Made, rng: Random) -> MadeDamage:
    """The former user of a free block writes at its begin."""
    block = rng.choice([block for block in made.blocks if not block.used])
    return MadeDamage("write-after-free", block.raw, _run(rng, min(block.size, rng.choice((8, 16, 24)))), block.user)


def _stray(made: Made, rng: Random) -> MadeDamage:
    """Somebody overwrites one to four of the allocator's own bytes."""
    low, high = rng.choice(made.own)
    place = rng.randrange(low, high)
    length = min(high - place, rng.choice((1, 2, 4)))
    return MadeDamage("stray", place, rng.randbytes(length), None)


def _one_bit(made: Made, rng: Random) -> MadeDamage:
    """One bit of the allocator's own flips."""
    low, high = rng.choice(made.own)
    place = rng.randrange(low, high)
    return MadeDamage("one-bit", place, bytes([made.get(place, 1)[0] ^ 1 << rng.randrange(8)]), None)


def _own_bytes(made: Made, rng: Random) -> MadeDamage:
    """A user writes its own bytes: nothing is damaged."""
    block = rng.choice([block for block in made.blocks if block.used and _end_of(made, block) > block.user])
    start = rng.randrange(block.user, _end_of(made, block))
    return MadeDamage("own-bytes", start, _run(rng, rng.randrange(1, _end_of(made, block) - start + 1)), None)


DAMAGES: dict[str, Callable[[Made, Random], MadeDamage]] = {
    "overflow": _overflow,
    "off-by-one": _off_by_one,
    "underflow": _underflow,
    "write-after-free": _write_after_free,
    "stray": _stray,
    "one-bit": _one_bit,
    "own-bytes": _own_bytes,
}
_CULPRIT_SHOWS = ("overflow", "write-after-free")  # the bytes can show whose write it was


def damaged(made: Made, what: str, rng: Random) -> MadeDamage:
    """Damage of one kind."""
    return DAMAGES[what](made, rng)


def judged(made: Made, damage: MadeDamage | None, report: Report) -> Verdict:
    """Compares a report with the truth. `damage` None: the heap is intact."""
    heap = report["heaps"][0]
    if "blocks" not in heap:  # it could not be read
        return Verdict(False, False, None, 0, heap["status"])
    found = [finding for finding in heap["findings"] if finding["severity"] == "damage"]
    right = "damaged" if damage is not None and damage.is_damage(made) else "clean"
    told = "; ".join([heap["status"], *(finding["text"] for finding in found[:2])])
    lost = sum(1 for _ in _lost(made, damage, heap))
    if damage is None or right == "clean" or not found:
        return Verdict(heap["status"] == right, True, None, lost, told)
    place = any(_names(made, damage, finding) for finding in found)
    culprit = None
    if damage.what in _CULPRIT_SHOWS:
        first = next(iter(found[0]["explanations"]), None)
        culprit = first is not None and first["payload"] == damage.culprit
        told = f"{told}; first: {first and first['text']}"
    return Verdict(heap["status"] == right, place, culprit, lost, told)


def _hit(made: Made, damage: MadeDamage) -> set[int]:
    """The users' pointers of the blocks that a damage touches, and of those beside them."""
    changed = damage.changed(made)
    low, high = min(changed), max(changed) + 1
    positions = [n for n, one in enumerate(made.blocks) if one.end > low - 32 and one.raw - 32 < high]
    around = {near for n in positions for near in (n - 1, n, n + 1) if 0 <= near < len(made.blocks)}
    return {place for n in around for place in (made.blocks[n].user, made.blocks[n].raw)}


def _names(made: Made, damage: MadeDamage, finding: Report) -> bool:
    named = {finding["block"], *(suspect["payload"] for suspect in finding["suspects"])}
    near = damage.address - 64 <= finding["address"] < damage.address + len(damage.data) + 64
    return near or bool(named & _hit(made, damage))


def _lost(made: Made, damage: MadeDamage | None, heap: Report) -> Iterator[int]:
    listed = {block["payload"]: block for block in heap["blocks"] if block["state"] == "used"}
    harmed = set() if damage is None or not damage.changed(made) else _hit(made, damage)
    for block in made.blocks:
        have = listed.get(block.user)
        if block.used and block.user not in harmed and (have is None or have["size"] != block.size):
            yield block.user
