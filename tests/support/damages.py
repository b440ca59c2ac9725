# SPDX-License-Identifier: Apache-2.0
"""Seeded damage to clean heaps, each with what a right report must say of it.

    subject = of_case(case)                     # or built(...): an intact heap and what is in it
    damage = make("overflow", subject, Random(seed))
    problems(subject, damage, report)           # [] if the report is right

A damage knows which bytes it changes, which blocks count as naming it, and whether anything but a user's own bytes has
changed: only then a finding may, and must, appear.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from tests.support.fixtures import Case

Report = Mapping[str, Any]


@dataclass(frozen=True)
class Held:
    """A block of an intact heap: the user's pointer, the allocator's, the size from there on."""

    payload: int
    raw: int
    size: int
    used: bool
    requested: int | None = None


@dataclass(frozen=True)
class Subject:
    """An intact heap."""

    name: str
    option: str
    images: tuple[tuple[int, bytes], ...]
    word: int
    order: str  # struct's
    blocks: tuple[Held, ...]
    header: int
    tail: int = 0  # bytes of canary behind a user's bytes
    filled: bool = False  # comprehensive poisoning
    freertos: bool = False
    align: int = 4
    control: int = 0
    lists: tuple[int, int] = (0, 0)
    bitmaps: tuple[int, int] = (0, 0)  # of the second level
    first_bitmap: int = 0
    info: int | None = None  # struct multi_heap_info
    dynamic: bool = False

    @property
    def shift(self) -> int:
        """Bytes between the allocator's pointer and the user's."""
        return max((block.payload - block.raw for block in self.blocks), default=0)

    @property
    def used(self) -> list[Held]:
        """The blocks that have users."""
        return [block for block in self.blocks if block.used]

    @property
    def free(self) -> list[Held]:
        """The others."""
        return [block for block in self.blocks if not block.used]

    def data(self, address: int, length: int) -> bytes:
        """Bytes of the images."""
        base, data = next((b, d) for b, d in self.images if b <= address < b + len(d))
        return data[address - base : address - base + length]

    def get(self, address: int) -> int:
        """A machine word."""
        return int(struct.unpack(self.order + ("I" if self.word == 4 else "Q"), self.data(address, self.word))[0])

    def packed(self, value: int) -> bytes:
        """A machine word's bytes."""
        return struct.pack(self.order + ("I" if self.word == 4 else "Q"), value & (1 << 8 * self.word) - 1)

    def size_place(self, block: Held) -> int:
        """Where a block's size word lies."""
        return block.raw - self.header + self.word if self.freertos else block.raw - self.word

    def after(self, block: Held) -> Held | None:
        """The block behind one."""
        behind = block.raw + block.size + self.header
        return next((other for other in self.blocks if other.raw == behind), None)

    def before(self, block: Held) -> Held | None:
        """The block in front of one."""
        return next((other for other in self.blocks if other.raw + other.size + self.header == block.raw), None)


@dataclass(frozen=True)
class Damage:
    """What is written where. `near`: blocks that name it; `area`: control data at which a finding names it."""

    what: str
    writes: tuple[tuple[int, bytes], ...]
    near: tuple[Held, ...] = ()
    area: tuple[tuple[int, int], ...] = ()
    visible: bool | None = True  # None: the bytes may look right by chance
    harmed: frozenset[int] = field(default_factory=frozenset)  # user's pointers that need not be listed

    def images(self, subject: Subject) -> list[tuple[int, bytes]]:
        """The subject's images with the damage done."""
        done = []
        for base, data in subject.images:
            changed = bytearray(data)
            for address, new in self.writes:
                if base <= address < base + len(data):
                    changed[address - base : address - base + len(new)] = new[: base + len(data) - address]
            done.append((base, bytes(changed)))
        return done


Make = Callable[[Subject, Random], Damage | None]


def noise(rng: Random, length: int, subject: Subject) -> bytes:
    """What programs write where they should not."""
    kind = rng.randrange(6)
    if kind < 2:
        return bytes([(0, 0xFF)[kind]]) * length
    if kind == 2:
        return (b"GET /index.html?id=%d HTTP/1.1\r\n" % rng.randrange(10**6) * 9)[:length]
    if kind == 3:
        pointers = [block.payload for block in subject.blocks]
        return b"".join(subject.packed(rng.choice(pointers)) for _ in range(length // subject.word + 1))[:length]
    return rng.randbytes(length) if kind == 4 else bytes([rng.randrange(256)]) * length


def overflow(subject: Subject, rng: Random) -> Damage | None:
    """A used block's owner writes past its end."""
    block, length = rng.choice(subject.used), rng.choice((1, 1, 2, 4, 8, 16, rng.randrange(1, 200)))
    start = block.raw + block.size
    if subject.tail and block.requested is not None:
        start = block.payload + block.requested
    return _run(subject, "overflow", start, noise(rng, length, subject), block)


def underflow(subject: Subject, rng: Random) -> Damage | None:
    """A used block's owner writes in front of it."""
    block, length = rng.choice(subject.used), rng.choice((1, 4, 8, 12))
    damage = _run(subject, "underflow", block.payload - length, noise(rng, length, subject), block)
    owner = subject.word if subject.shift in (subject.word, 8 + subject.word) else 0
    padding = subject.header - 2 * subject.word if subject.freertos else 0
    if damage is None or length > owner + padding:
        return damage
    return replace(damage, visible=None)  # an owner's word looks like any pointer, padding like anything


def header_zeroed(subject: Subject, rng: Random) -> Damage | None:
    """A header becomes zeros."""
    block = rng.choice(subject.blocks)
    return _run(subject, "header-zeroed", block.raw - subject.header, bytes(subject.header), block)


def size_word(subject: Subject, rng: Random) -> Damage | None:
    """A size word becomes another number."""
    block, step = rng.choice(subject.blocks), subject.align
    word = subject.get(subject.size_place(block))
    top = 1 << 8 * subject.word - 1
    values = [word + step * rng.randrange(1, 40), word - step * rng.randrange(1, 4), rng.getrandbits(32), word ^ 1]
    values += [word ^ 2] if not subject.freertos else [word ^ top]
    new = rng.choice(values)
    behind = block.raw - subject.header + (new & (top - 1))
    if subject.freertos and any(other.raw - subject.header == behind for other in subject.blocks):
        return None  # what looks like blocks within a block may be what it was made of
    return _run(subject, "size-word", subject.size_place(block), subject.packed(new), block)


def free_links(subject: Subject, rng: Random) -> Damage | None:
    """A free block's pointers become something else: its owner wrote after its free."""
    if not subject.free:
        return None
    block = rng.choice(subject.free)
    place = block.raw - subject.header if subject.freertos else block.raw + rng.choice((0, subject.word))
    others = [other.raw - subject.header for other in subject.blocks]
    values = [rng.choice(others), 0xFFFFFFFF, 0, rng.getrandbits(32), block.raw - subject.header]
    return _run(subject, "free-links", place, subject.packed(rng.choice(values)), block, linked=True)


def previous_link(subject: Subject, rng: Random) -> Damage | None:
    """The last word of a free block, which leads back to it, becomes something else."""
    if subject.freertos or not subject.free:
        return None
    block = rng.choice(subject.free)
    place = block.raw + block.size - subject.word
    return _run(subject, "previous-link", place, noise(rng, subject.word, subject), block)


def list_head(subject: Subject, rng: Random) -> Damage | None:
    """A free list begins with something else: a used block, a block of another list, nonsense."""
    if subject.freertos:
        return None
    place = rng.randrange(*subject.lists, subject.word)
    others = [block.raw - 2 * subject.word for block in subject.blocks]
    new = subject.packed(rng.choice([rng.choice(others), rng.choice(others), 0, rng.getrandbits(32), subject.control]))
    return _control(subject, "list-head", place, new)


def bitmap_bit(subject: Subject, rng: Random) -> Damage | None:
    """A bit of a bitmap flips."""
    if subject.freertos:
        return None
    place = rng.choice([subject.first_bitmap, rng.randrange(*subject.bitmaps, 4)])
    (word,) = struct.unpack(subject.order + "I", subject.data(place, 4))
    return _control(subject, "bitmap", place, struct.pack(subject.order + "I", word ^ 1 << rng.randrange(32)))


def counters(subject: Subject, rng: Random) -> Damage | None:
    """What multi_heap counts or keeps becomes another number."""
    if subject.info is None:
        return None
    place = subject.info + subject.word * rng.choice((1, 3, 4))
    change = rng.choice((4, 64, -8, 1 << 20, rng.getrandbits(30)))
    return _control(subject, "counters", place, subject.packed(subject.get(place) + change))


def constants(subject: Subject, rng: Random) -> Damage | None:
    """A constant or a pointer of a dynamic control block becomes another."""
    if not subject.dynamic:
        return None
    place = subject.control + rng.choice((16, 20, 28, 32))
    return _control(subject, "constants", place, subject.packed(subject.get(place) ^ 1 << rng.randrange(31)))


def end_marker(subject: Subject, rng: Random) -> Damage | None:
    """The heap's last header becomes something else."""
    last = subject.blocks[-1]
    return _run(subject, "end-marker", last.raw + last.size, noise(rng, subject.header, subject), last)


def poison(subject: Subject, rng: Random) -> Damage | None:
    """A canary changes."""
    if not subject.tail:
        return None
    block = rng.choice(subject.used)
    place = rng.choice((block.raw, block.payload + (block.requested or 0))) + rng.randrange(4)
    return _run(subject, "canary", place, bytes([subject.data(place, 1)[0] ^ 1 << rng.randrange(8)]), block)


def free_body(subject: Subject, rng: Random) -> Damage | None:
    """A write after free that hits no link: only filled heaps show it."""
    body = [block for block in subject.free if block.size > 40]
    if not body:
        return None
    block = rng.choice(body)
    place = block.raw + rng.randrange(8, block.size - 28)
    place = max(place, block.raw + 2 * subject.word)
    damage = _run(subject, "free-body", place, noise(rng, 8, subject), block)
    return damage and replace(damage, visible=subject.filled)


def own_bytes(subject: Subject, rng: Random) -> Damage | None:
    """A user writes its own bytes: nothing is damaged."""
    block = rng.choice([block for block in subject.used if block.requested is None or block.requested])
    length = block.raw + block.size - block.payload if block.requested is None else block.requested
    start = rng.randrange(length)
    new = noise(rng, rng.randrange(1, length - start + 1), subject)
    return Damage("own-bytes", ((block.payload + start, new),), visible=False)


def null_block(subject: Subject, rng: Random) -> Damage | None:
    """The null block's scratch links lead to any block: they do so on healthy heaps."""
    if subject.freertos:
        return None
    block = rng.choice(subject.blocks)
    place = subject.control + subject.word * rng.choice((2, 3))
    return Damage("null-block", ((place, subject.packed(block.raw - 2 * subject.word)),), visible=False)


def freed_twice(subject: Subject, rng: Random) -> Damage | None:
    """A free block is put on its list once more, as asserts that are off allow."""
    if not subject.free:
        return None
    block = rng.choice(subject.free)
    node = block.raw - subject.header if subject.freertos else block.raw - 2 * subject.word
    place = block.raw - subject.header if subject.freertos else block.raw
    return _run(subject, "freed-twice", place, subject.packed(node), block, linked=True)


def off_by_one(subject: Subject, rng: Random) -> Damage | None:
    """A string's closing zero is written behind its block."""
    block = rng.choice(subject.used)
    behind = subject.tail and block.requested is not None
    start = block.payload + (block.requested or 0) if behind else block.raw + block.size
    return _run(subject, "off-by-one", start, b"\0", block)


def long_overflow(subject: Subject, rng: Random) -> Damage | None:
    """A used block's owner writes over several blocks behind it."""
    block, length = rng.choice(subject.used), rng.randrange(64, 3000)
    start = block.payload + (block.requested or 0) if subject.tail else block.raw + block.size
    return _run(subject, "long-overflow", start, (noise(rng, 280, subject) * 11)[:length], block)


def write_after_free(subject: Subject, rng: Random) -> Damage | None:
    """The former owner of a free block writes at its begin, inside or at its end."""
    if not subject.free:
        return None
    block = rng.choice(subject.free)
    length = min(block.size, rng.choice((1, 4, 8, 16, 40, 200)))
    offset = rng.choice((0, (block.size - length) // 2, block.size - length))
    damage = _run(subject, "write-after-free", block.raw + offset, noise(rng, length, subject), block, linked=True)
    links = [] if subject.freertos else [(0, 2 * subject.word), (block.size - subject.word, block.size)]
    if (
        damage is None
        or subject.filled
        or any(_differs(subject, damage, block.raw + a, block.raw + b) for a, b in links)
    ):
        return damage
    return replace(damage, visible=False)


def _differs(subject: Subject, damage: Damage, low: int, high: int) -> bool:
    """Whether a damage changes any byte of a range."""
    ((start, new),) = damage.writes
    old = subject.data(start, len(new))
    return any(one != other and low <= start + at < high for at, (one, other) in enumerate(zip(old, new, strict=False)))


def header_ones(subject: Subject, rng: Random) -> Damage | None:
    """A header is set to ones."""
    block = rng.choice(subject.blocks)
    return _run(subject, "header-ones", block.raw - subject.header, b"\xff" * subject.header, block)


def header_bit(subject: Subject, rng: Random) -> Damage | None:
    """A bit of a size word flips."""
    block = rng.choice(subject.blocks)
    new = subject.get(subject.size_place(block)) ^ 1 << rng.randrange(8 * subject.word)
    return _run(subject, "header-bit", subject.size_place(block), subject.packed(new), block)


def link_bit(subject: Subject, rng: Random) -> Damage | None:
    """A bit of a free block's links flips."""
    if not subject.free:
        return None
    block, word = rng.choice(subject.free), subject.word
    places = [block.raw - subject.header] if subject.freertos else [block.raw, block.raw + word]
    places += [] if subject.freertos else [block.raw + block.size - word]
    place = rng.choice(places)
    new = subject.packed(subject.get(place) ^ 1 << rng.randrange(8 * word))
    return _run(subject, "link-bit", place, new, block, linked=True)


def control_run(subject: Subject, rng: Random) -> Damage | None:
    """A stray write of some words hits the bitmaps and the lists."""
    if subject.freertos:
        return None
    length = subject.word * rng.choice((1, 2, 4, 8))
    place = rng.randrange(subject.bitmaps[0], subject.lists[1] - length, 4)
    damage = _control(subject, "control-run", place, noise(rng, length, subject))
    ((_, new),) = damage.writes
    linked = [new[at : at + subject.word] for at in range(0, length, subject.word)]
    near = [block for data in linked for block in _linked(subject, place, data)]
    return replace(damage, near=tuple(near))


def two_at_once(subject: Subject, rng: Random) -> Damage | None:
    """Two damages at different places."""
    kinds = (overflow, header_zeroed, size_word, free_links, list_head, bitmap_bit, counters, header_ones, header_bit)
    pair = [rng.choice(kinds)(subject, rng) for _ in range(2)]
    one, other = pair
    if one is None or other is None:
        return one or other
    return Damage(
        f"{one.what} and {other.what}", (*one.writes, *other.writes), (*one.near, *other.near),
        (*one.area, *other.area), True, one.harmed | other.harmed,
    )  # fmt: skip


MAKERS: Mapping[str, Make] = {
    make.__name__.replace("_", "-"): make
    for make in (
        overflow, underflow, header_zeroed, size_word, free_links, previous_link, list_head, bitmap_bit, counters,
        constants, end_marker, poison, free_body, own_bytes, null_block, freed_twice, off_by_one, long_overflow,
        write_after_free, header_ones, header_bit, link_bit, control_run, two_at_once,
    )
}  # fmt: skip


def make(kind: str, subject: Subject, rng: Random) -> Damage | None:
    """A damage of a kind; None where this heap cannot have it, or nothing would change."""
    damage = MAKERS[kind](subject, rng)
    if damage is None or all(subject.data(place, len(new)) == new for place, new in damage.writes):
        return None
    return damage


def _run(subject: Subject, what: str, start: int, new: bytes, block: Held, linked: bool = False) -> Damage | None:
    """Bytes that change in and around blocks."""
    old = subject.data(start, len(new))
    new = new[: len(old)]
    different = [start + offset for offset, (one, other) in enumerate(zip(old, new, strict=True)) if one != other]
    if not different:
        return None
    low, high = different[0], different[-1] + 1
    hit = [other for other in subject.blocks if other.raw - subject.header < high and low < other.raw + other.size]
    near = [block, *hit, *(subject.before(other) for other in hit[:1]), *(subject.after(other) for other in hit[-1:])]
    if linked:
        near += _linked(subject, start, new)
    named = tuple(other for other in near if other is not None)
    harmed = frozenset(other.payload for other in hit if _is_harmed(subject, other, low, high))
    return Damage(what, ((start, new),), named, _ends(subject, low, high), True, harmed)


def _linked(subject: Subject, start: int, new: bytes) -> Iterator[Held]:
    """The blocks that a link led to, and leads to now."""
    for data in (subject.data(start, subject.word), new):
        value = int.from_bytes(data, "little" if subject.order == "<" else "big")
        yield from (b for b in subject.blocks if value in (b.raw - subject.header, b.raw - 2 * subject.word))


def _is_harmed(subject: Subject, block: Held, low: int, high: int) -> bool:
    """Whether a change hits what makes the block one: header, poison."""
    return low < block.payload or (bool(subject.tail) and high > block.payload + (block.requested or 0))


def _ends(subject: Subject, low: int, high: int) -> tuple[tuple[int, int], ...]:
    """The end markers that a change hits."""
    last = subject.blocks[-1]
    end = last.raw + last.size
    return ((end, end + subject.header),) if low < end + subject.header and end < high else ()


def _control(subject: Subject, what: str, place: int, new: bytes) -> Damage:
    """A change of control data. A list's head also counts as named by the blocks that it led and leads to."""
    area = ((subject.info if subject.info is not None else subject.control, subject.lists[1]),)
    near = tuple(_linked(subject, place, new)) if len(new) == subject.word else ()
    return Damage(what, ((place, new),), near, area)


def problems(subject: Subject, damage: Damage, report: Report) -> list[str]:
    """Everything that is wrong with a report about damage."""
    heap = report["heaps"][0]
    found = [finding for finding in heap["findings"] if finding["severity"] == "damage"]
    right = "damaged" if damage.visible else "clean"
    wrong = [] if damage.visible is None or heap["status"] == right else [f"status {heap['status']}, not {right}"]
    if damage.visible and found and not any(_names(subject, damage, finding) for finding in found):
        wrong.append(f"no finding names the place: {[finding['text'] for finding in found]}")
    elif damage.visible and found and not _names(subject, damage, found[0]):
        wrong.append(f"the first damage is a consequence, at block 0x{found[0]['block'] or 0:x}: {found[0]['text']}")
    return wrong + list(_blocks(subject, damage, heap))


def _names(subject: Subject, damage: Damage, finding: Report) -> bool:
    named = {finding["block"], *(suspect["payload"] for suspect in finding["suspects"])}
    if named & {place for block in damage.near for place in (block.payload, block.raw, block.raw + subject.shift)}:
        return True
    return any(start <= finding["address"] < end for start, end in damage.area)


def _blocks(subject: Subject, damage: Damage, heap: Report) -> Iterator[str]:
    listed = {block["payload"]: block for block in heap.get("blocks", ()) if block["state"] == "used"}
    for block in subject.used:
        have = listed.get(block.payload)
        if block.payload in damage.harmed:
            continue
        if have is None:
            yield f"used block {block.payload:#x} is not listed"
        elif (have["size"], have["raw"]) != (block.size, block.raw):
            yield f"block {block.payload:#x}: size {have['size']}, raw {have['raw']:#x}"


def of_case(case: Case, report: Report) -> Subject:
    """A clean fixture: its used blocks are the truth's, its free ones stand in a report of ours."""
    heap = report["heaps"][0]
    used = [Held(b.payload, b.raw, b.size, True, b.requested) for b in case.truth.blocks]
    free = [Held(b["payload"], b["raw"], b["size"], False) for b in heap["blocks"] if b["state"] == "free"]
    blocks = tuple(sorted((*used, *free), key=lambda block: block.raw))
    images = tuple((image.base, image.data) for image in case.images)
    freertos = case.heap.kind.startswith("freertos")
    header = (case.heap.header_bytes or 8) if freertos else case.pointer_size
    subject = Subject(
        name=f"{case.id}-{case.layout}-{case.poisoning}", option=case.heap.option, images=images,
        word=case.pointer_size, order="<", blocks=blocks, header=header, freertos=freertos,
        tail=0 if case.poisoning == "none" else 4, filled=case.poisoning == "comprehensive",
        align=header if freertos else case.pointer_size if not case.layout.startswith("espressif") else 4,
    )  # fmt: skip
    return subject if freertos else _with_control(subject, case)


def _with_control(subject: Subject, case: Case) -> Subject:
    """The places of the control data, from the truth."""
    control, size = case.heap.control or case.heap.address, case.heap.control_bytes or 0
    dynamic = case.layout == "espressif-dynamic"
    bitmaps = control + (36 if dynamic else 4 * case.pointer_size + 4)
    levels = subject.get(control + 16) & 0x1F if dynamic else 0
    second = (subject.get(control + 16) >> 20) & 7 if dynamic else 5
    if not dynamic:
        levels = next(n for n in range(1, 40) if _static_size(n, case.pointer_size) == size)
    lists = (bitmaps + 4 * levels + case.pointer_size - 1) // case.pointer_size * case.pointer_size
    values = dict(subject.__dict__)
    values |= {
        "control": control,
        "bitmaps": (bitmaps, bitmaps + 4 * levels),
        "lists": (lists, lists + (case.pointer_size * levels << second)),
        "first_bitmap": control + (24 if dynamic else 4 * case.pointer_size),
        "info": case.heap.address if case.heap.kind == "multi_heap" else None,
        "dynamic": dynamic,
    }
    return Subject(**values)


def _static_size(levels: int, word: int) -> int:
    return (4 * word + 4 + 4 * levels + word - 1) // word * word + word * 32 * levels
