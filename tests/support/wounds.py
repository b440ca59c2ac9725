# SPDX-License-Identifier: Apache-2.0
"""Damage done to clean heap images, with what must be said of it.

Approach: each kind of wound is a function from a clean heap and a random source to the bytes that it changes, the
verdict and the blocks that may be named. Nothing of the walker is used but its report on the clean image, which is
compared with the truth elsewhere. A wound that changes nothing, or that this heap has no place for, is None.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.support.fixtures import Case

Block = Mapping[str, Any]

PATTERNS: tuple[Callable[[Random, int], bytes], ...] = (
    lambda _, count: bytes(count),
    lambda _, count: b"\xff" * count,
    lambda _, count: b"\xa5" * count,
    lambda random, count: bytes(random.choice(b"abcdefgh 0123") for _ in range(count)),
    lambda random, count: random.randbytes(count),
)


@dataclass(frozen=True)
class Wound:
    """Bytes written at an address, the verdict, and the blocks (by position) that may be named or are lost with it."""

    kind: str
    address: int
    data: bytes
    status: str
    blocks: tuple[int, ...] = ()


class Patient:
    """A clean case, its blocks in address order, and its memory."""

    def __init__(self, case: Case, blocks: Sequence[Block]) -> None:
        self.case = case
        self.blocks = sorted(blocks, key=lambda block: int(block["raw"]))
        self.used = [position for position, block in enumerate(self.blocks) if block["state"] == "used"]
        self.free = [position for position, block in enumerate(self.blocks) if block["state"] == "free"]
        self.images = [(image.base, image.data) for image in case.images]
        self.chained = case.heap.kind.startswith("freertos")
        self.word = case.pointer_size
        self.header = (case.heap.header_bytes or 2 * self.word) if self.chained else self.word
        self.requests = {block.raw: (block.payload, block.requested) for block in case.truth.blocks}

    def start(self, position: int) -> int:
        """The allocator's payload."""
        return int(self.blocks[position]["raw"])

    def size(self, position: int) -> int:
        """What the allocator holds."""
        return int(self.blocks[position]["size"])

    def end(self, position: int) -> int:
        """The address behind a block."""
        return self.start(position) + self.size(position)

    def read(self, address: int, count: int) -> bytes | None:
        """Bytes of the images."""
        for base, data in self.images:
            if base <= address and address + count <= base + len(data):
                return data[address - base : address - base + count]
        return None

    def wounded(self, wound: Wound) -> list[tuple[int, bytes]]:
        """The images with the wound."""
        done = []
        for base, data in self.images:
            offset = wound.address - base
            inside = offset >= 0 and offset + len(wound.data) <= len(data)
            done.append((base, data[:offset] + wound.data + data[offset + len(wound.data) :] if inside else data))
        return done


def overflow(patient: Patient, random: Random) -> Wound | None:
    """A used block's owner writes past what it asked for: with poison into the canary, without into the next header."""
    position = random.choice(patient.used)
    start = patient.end(position)
    if patient.case.poisoning != "none":
        payload, requested = patient.requests[patient.start(position)]
        start = payload + requested
    data = random.choice(PATTERNS)(random, random.choice((1, 2, 4, 8, 16, 40)))
    hit = [
        other for other, _ in enumerate(patient.blocks) if position < other and _begins_in(patient, other, start, data)
    ]
    return Wound("overflow", start, data, "damaged", (position, *hit, (hit or [position])[-1] + 1))


def _begins_in(patient: Patient, position: int, start: int, data: bytes) -> bool:
    return patient.start(position) - patient.header < start + len(data)


def zeroed_header(patient: Patient, random: Random) -> Wound | None:
    """Something clears a header."""
    position = random.choice(patient.used)
    return Wound("header", patient.start(position) - patient.header, bytes(patient.header), "damaged", _near(position))


def underflow(patient: Patient, random: Random) -> Wound | None:
    """A used block's owner writes before its start, over the size word."""
    position = random.choice(patient.used)
    place = patient.start(position) - patient.word
    if patient.case.poisoning == "none" and not patient.chained:
        return Wound("underflow", place, random.choice(PATTERNS)(random, patient.word), "damaged", _near(position))
    return None


def resized(patient: Patient, random: Random) -> Wound | None:
    """A size word is changed by a little; one that leads exactly to another block shows nothing and is left out."""
    position = random.choice(range(len(patient.blocks)))
    place = patient.start(position) - patient.word
    stored = patient.read(place, patient.word)
    value = int.from_bytes(stored or b"", "little") + random.choice((-256, -64, -16, -8, 8, 16, 64, 256))
    moved = patient.end(position) + value - int.from_bytes(stored or b"", "little") + patient.header
    if value <= 0 or any(patient.start(other) == moved for other, _ in enumerate(patient.blocks)):
        return None
    return Wound("size", place, value.to_bytes(patient.word, "little"), "damaged", _near(position))


def written_after_free(patient: Patient, random: Random) -> Wound | None:
    """A freed block's owner writes over its links."""
    if not patient.free:
        return None
    position = random.choice(patient.free)
    place = patient.start(position) - (patient.header if patient.chained else 0)
    data = random.choice(PATTERNS)(random, random.choice((1, 4)) if patient.chained else random.choice((1, 4, 8)))
    return Wound("links", place, data, "damaged", _near(position))


def backward_link(patient: Patient, random: Random) -> Wound | None:
    """The word behind a free block, which points back to it, is overwritten."""
    if patient.chained or not patient.free:
        return None
    position = random.choice(patient.free)
    data = random.choice(PATTERNS)(random, patient.word)
    return Wound("backward", patient.end(position) - patient.word, data, "damaged", _near(position))


def own_bytes(patient: Patient, random: Random) -> Wound | None:
    """A user writes what is his: no damage."""
    payload, requested = patient.requests[patient.start(random.choice(patient.used))]
    if not requested:
        return None
    offset = random.randrange(requested)
    data = random.choice(PATTERNS)(random, min(random.choice((1, 4, 16, 200)), requested - offset))
    return Wound("own", payload + offset, data, "clean")


def inside_free(patient: Patient, random: Random) -> Wound | None:
    """Somebody writes into a free block behind its links: without poison nothing shows it."""
    if patient.case.poisoning != "none" or not patient.free:
        return None
    position = random.choice(patient.free)
    low = patient.start(position) + (0 if patient.chained else 2 * patient.word)
    room = patient.end(position) - (0 if patient.chained else patient.word) - low
    if room < 1:
        return None
    offset = random.randrange(room)
    data = random.choice(PATTERNS)(random, min(random.choice((1, 4, 16, 200)), room - offset))
    return Wound("inside-free", low + offset, data, "clean")


def _near(position: int) -> tuple[int, ...]:
    return tuple(other for other in (position - 1, position, position + 1) if other >= 0)


WOUNDS = (
    overflow, overflow, underflow, zeroed_header, resized, written_after_free, backward_link, own_bytes, inside_free,
)  # fmt: skip


def wound(patient: Patient, random: Random) -> Wound | None:
    """One wound; None if it would change no byte, or bytes that are not there."""
    made = random.choice(WOUNDS)(patient, random) if patient.used else None
    if made is None or patient.read(made.address, len(made.data)) in (None, made.data):
        return None
    return made
