# SPDX-License-Identifier: Apache-2.0
"""A model of NuttX's default allocator, mm/mm_heap, in its three generations. It keeps its own books.

Written from mm.h, mm_initialize.c, mm_malloc.c, mm_free.c and mm_memalign.c of 9.1, 10.3, 11.0, 12.1, 12.6 and 4ebc8a7:
`top` keeps the flag of a used node in the top bit of `preceding`, `low` in bit 0 of it, `now` in bit 0 of `size`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

from tests.support.made import MadeBlock


@dataclass(frozen=True)
class Form:
    """How a release and its configuration lay out a node."""

    generation: str = "now"
    word: int = 4
    size: int = 4  # bytes of mmsize_t
    depth: int = -1  # MM_BACKTRACE
    seqno: bool = False  # in used nodes
    free_seqno: bool = False  # in free ones
    guard: int = 0  # MM_NODE_GUARDSIZE
    statistics: bool = False  # mm_maxused and mm_curused in the struct
    fine: bool = False  # MM_ALIGN is sizeof(uintptr_t), not twice that
    order: str = "little"

    def _lay(self, free: bool) -> tuple[dict[str, int], int]:
        owner = [] if self.depth < 0 else [("pid", 4)]
        owner += [("seqno", self.word)] if (self.free_seqno if free else self.seqno) else []
        owner += [(f"trace{n}", self.word) for n in range(self.depth)]
        sizes = [("preceding", self.size), ("size", self.size)]
        members = [*sizes, *owner] if self.generation == "now" else [*owner, *reversed(sizes)]
        members += [("flink", self.word), ("blink", self.word)] if free else []
        places, at = {}, 0
        for name, width in members:
            at = -(-at // width) * width
            places[name] = at
            at += width
        widest = max(width for _, width in members)
        return places, -(-at // widest) * widest

    @property
    def used(self) -> dict[str, int]:
        """Offsets in an allocated node."""
        return self._lay(False)[0]

    @property
    def free(self) -> dict[str, int]:
        """Offsets in a free node, or in the head of a list."""
        return self._lay(True)[0]

    @property
    def header(self) -> int:
        """sizeof(struct mm_allocnode_s)."""
        return self._lay(False)[1]

    @property
    def free_bytes(self) -> int:
        """sizeof(struct mm_freenode_s)."""
        return self._lay(True)[1]

    @property
    def overhead(self) -> int:
        """What a request is enlarged by."""
        return self.header - self.size + self.guard if self.generation == "now" else self.header

    @property
    def shift(self) -> int:
        """MM_MIN_SHIFT."""
        if self.generation == "now":
            return (self.free_bytes - 1).bit_length()
        return (4 if self.word == 4 else 5) + (0 if self.depth < 0 else 1 if self.depth == 0 else 2)

    @property
    def grain(self) -> int:
        """MM_ALIGN, or MM_MIN_CHUNK."""
        return (2 - self.fine) * self.word if self.generation == "now" else 1 << self.shift

    @property
    def smallest(self) -> int:
        """Least size of a node that is split off."""
        return 1 << self.shift if self.generation == "now" else self.free_bytes

    @property
    def lists(self) -> int:
        """MM_NNODES."""
        return (15 if self.size == 2 else 22) - self.shift + 1

    @property
    def flag(self) -> int:
        """MM_ALLOC_BIT."""
        return 1 << 8 * self.size - 1 if self.generation == "top" else 1


@dataclass
class Node:
    """A node of the books."""

    at: int
    size: int
    used: bool
    region: int
    requested: int = 0
    guard: bool = False


@dataclass
class NuttxMm:
    """One heap: its struct at `place`, its regions, the bytes of both."""

    form: Form
    place: int
    given: Sequence[tuple[int, int]]
    most: int = 1  # CONFIG_MM_REGIONS
    lock_words: int = 4
    rng: Random = field(default_factory=lambda: Random(1))
    nodes: list[Node] = field(default_factory=list)
    memory: dict[int, bytearray] = field(default_factory=dict)
    seqno: int = 40
    delayed: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        form, word = self.form, self.form.word
        self.total_at = self.place + self.lock_words * word
        self.starts_at = self.total_at + (3 if form.statistics else 1) * word
        self.ends_at = self.starts_at + self.most * word
        self.heads_at = self.ends_at + self.most * word + (word if self.most > 1 else 0)
        self.delay_at = self.heads_at + form.lists * form.free_bytes
        self.end = self.delay_at + 8 * word
        low = min(self.given[0][0], self.place)
        joined = self.end <= self.given[0][0] <= self.end + 64
        if joined:
            self.memory[low] = bytearray(sum(self.given[0]) - low)
        else:
            self.memory[self.place] = bytearray(self.end - self.place)
        for start, size in self.given[1:] if joined else self.given:
            self.memory[start] = bytearray(self.rng.randbytes(size))
        self.lists: list[list[Node]] = [[] for _ in range(form.lists)]
        self.regions = [self._add_region(n, start, size) for n, (start, size) in enumerate(self.given)]
        self.write_struct()

    # bytes

    def put(self, address: int, value: int, width: int | None = None) -> None:
        """Writes a number."""
        width = width or self.form.word
        base = next(base for base, data in self.memory.items() if base <= address < base + len(data))
        data = (value & (1 << 8 * width) - 1).to_bytes(width, self.form.order)  # type: ignore[arg-type]
        self.memory[base][address - base : address - base + width] = data

    def get(self, address: int, width: int | None = None) -> int:
        """Reads a number."""
        width = width or self.form.word
        base = next(base for base, data in self.memory.items() if base <= address < base + len(data))
        return int.from_bytes(self.memory[base][address - base : address - base + width], self.form.order)  # type: ignore[arg-type]

    def images(self) -> list[tuple[int, bytes]]:
        """The memory."""
        return [(base, bytes(data)) for base, data in sorted(self.memory.items())]

    # the allocator

    def _add_region(self, number: int, start: int, size: int) -> tuple[int, int]:
        form, grain = self.form, self.form.grain
        shift = 2 * form.header if form.generation == "now" else 0
        base = -(-(start + shift) // grain) * grain - shift
        end = (start + size) // grain * grain
        for at, length, used in (
            (base, form.header, True), (base + form.header, end - base - 2 * form.header, False),
            (end - form.header, form.header, True),
        ):  # fmt: skip
            self.nodes.append(Node(at, length, used, number, guard=used))
        self._list(self.nodes[-2])
        if form.generation != "now":
            self.put(base + form.used["preceding"], form.flag, form.size)
        self._own(self.nodes[-3], (0x08000101,))
        self._own(self.nodes[-1], (0x08000101,))
        self.write(number)
        return base, end - form.header

    def _list(self, node: Node) -> None:
        chosen = self.lists[self.slot(node.size)]
        place = next((n for n, one in enumerate(chosen) if one.size >= node.size), len(chosen))
        chosen.insert(place, node)

    def slot(self, size: int) -> int:
        """mm_size2ndx."""
        if size >= 1 << (15 if self.form.size == 2 else 22):
            return self.form.lists - 1
        return max(0, (size >> self.form.shift).bit_length() - 1)

    def _own(self, node: Node, stack: Sequence[int], pid: int = 3) -> None:
        """MM_ADD_BACKTRACE."""
        form = self.form
        if form.depth < 0:
            return
        self.put(node.at + form.used["pid"], pid, 4)
        if form.seqno:
            self.put(node.at + form.used["seqno"], self.seqno)
            self.seqno += 1
        for number in range(form.depth):
            value = stack[number] if number < len(stack) else 0
            self.put(node.at + form.used[f"trace{number}"], value)
            if not value:
                break

    def malloc(self, wanted: int, pid: int = 3, stack: Sequence[int] = ()) -> int | None:
        """The user's pointer, or None."""
        form = self.form
        if form.generation == "now":
            wanted = max(wanted, (1 << form.shift) - form.overhead)
        size = -(-(wanted + form.overhead) // form.grain) * form.grain
        free = (node for chosen in self.lists[self.slot(size) :] for node in chosen if node.size >= size)
        node = next(free, None)
        if node is None:
            return None
        self.lists[self.slot(node.size)].remove(node)
        self._split(node, size)
        node.used, node.requested = True, wanted
        self.write(node.region)
        self._own(node, stack, pid)
        user = node.at + form.header
        for place in range(user, user + self.user_bytes(node)):
            self.put(place, self.rng.randrange(256), 1)
        return user

    def user_bytes(self, node: Node) -> int:
        """The bytes from a user's pointer to the end of its block."""
        return node.size - self.form.overhead + self.form.guard

    def _split(self, node: Node, size: int) -> None:
        if node.size - size >= self.form.smallest:
            rest = Node(node.at + size, node.size - size, False, node.region)
            self.nodes.insert(self.nodes.index(node) + 1, rest)
            node.size = size
            self._list(rest)

    def memalign(self, align: int, wanted: int) -> int | None:
        """A block whose address is a multiple of `align`; what lies in front becomes free."""
        form = self.form
        wanted = max(wanted, (1 << form.shift) - form.overhead)
        user = self.malloc(wanted + 2 * max(align, 1 << form.shift))
        if user is None:
            return None
        node = self.node_at(user)
        place = -(-user // align) * align
        if place != user:
            place += align if place - user < max(form.smallest, form.free_bytes) else 0
            place += align if place - user < 1 << form.shift else 0
            behind = Node(place - form.header, node.at + node.size - place + form.header, True, node.region, wanted)
            node.size, node.used = behind.at - node.at, False
            self.nodes.insert(self.nodes.index(node) + 1, behind)
            self._list(self._joined_before(node))
            node = behind
        size = max(-(-(wanted + form.overhead) // form.grain) * form.grain, 1 << form.shift)
        if node.size > size:
            self._shrink(node, size)
        self.write(node.region)
        self._own(node, ())
        return node.at + form.header

    def _shrink(self, node: Node, size: int) -> None:
        after = self.nodes[self.nodes.index(node) + 1]
        if not after.used:
            self.lists[self.slot(after.size)].remove(after)
            after.at, after.size = node.at + size, after.size + node.size - size
            node.size = size
            self._list(after)
        else:
            self._split(node, size)

    def node_at(self, user: int) -> Node:
        """The node of a user's pointer."""
        return next(node for node in self.nodes if node.at + self.form.header == user)

    def free(self, user: int) -> None:
        """mm_free: joins free neighbours."""
        node = self.node_at(user)
        node.used = False
        here = self.nodes.index(node)
        behind = self.nodes[here + 1]
        if not behind.used:
            self.lists[self.slot(behind.size)].remove(behind)
            node.size += behind.size
            self.nodes.remove(behind)
        self._list(self._joined_before(node))
        self.write(node.region)

    def _joined_before(self, node: Node) -> Node:
        """Joins a node with the one before it if that is free. Returns what there is then, on no list."""
        before = self.nodes[self.nodes.index(node) - 1]
        if before.used:
            return node
        self.lists[self.slot(before.size)].remove(before)
        before.size += node.size
        self.nodes.remove(node)
        return before

    def delay(self, user: int) -> None:
        """A free while the scheduler is locked: the block goes on mm_delaylist."""
        self.put(user, self.delayed[-1] if self.delayed else 0)
        self.delayed.append(user)
        self.put(self.delay_at, user)

    # what memory has of it

    def write(self, region: int) -> None:
        """Writes sizes, flags and links as the allocator would have left them."""
        form, before = self.form, None
        for node in (node for node in self.nodes if node.region == region):
            size = node.size
            if form.generation == "now":
                size |= node.used | (2 if before is not None and not before.used else 0)
                if before is not None and not before.used:
                    self.put(node.at, before.size, form.size)
            elif before is not None:
                self.put(node.at + form.used["preceding"], before.size | (form.flag if node.used else 0), form.size)
            self.put(node.at + form.used["size"], size, form.size)
            before = node
        chain = [
            place for slot in range(form.lists)
            for place in (self.heads_at + slot * form.free_bytes, *(node.at for node in self.lists[slot]))
        ]  # fmt: skip
        for one, after in zip(chain, [*chain[1:], 0], strict=True):
            self.put(one + form.free["flink"], after)
        for one, front in zip(chain, [0, *chain[:-1]], strict=True):
            self.put(one + form.free["blink"], front)

    def write_struct(self) -> None:
        """mm_heapsize and the regions."""
        word = self.form.word
        total = sum(end + self.form.header - start for start, end in self.regions)
        self.put(self.total_at, total)
        if self.form.statistics:
            self.put(self.total_at + word, total // 2)
            self.put(self.total_at + 2 * word, total // 3)
        for number, (start, end) in enumerate(self.regions):
            self.put(self.starts_at + number * word, start)
            self.put(self.ends_at + number * word, end)
        if self.most > 1:
            self.put(self.heads_at - word, len(self.regions), 4)

    def blocks(self) -> list[MadeBlock]:
        """The truth. With MM_SMALL the last 2 bytes of a user's, `preceding` of the next node, are not counted."""
        plain = ((node.at + self.form.header, node) for node in self.nodes if not node.guard)
        left_out = 2 if self.form.size == 2 and self.form.generation == "now" else 0
        return [
            MadeBlock(user, user, self.user_bytes(node) - left_out, node.used, node.requested or None)
            for user, node in plain
        ]

    def own(self) -> Iterator[tuple[int, int]]:
        """The bytes of which no change is legal: sizes, valid `preceding`s, links, the struct's regions and heads."""
        form, word = self.form, self.form.word
        before: Node | None = None
        for node in self.nodes:
            yield node.at + form.used["size"], node.at + form.used["size"] + form.size
            first = before is None or before.region != node.region
            if form.generation != "now" or (not first and before is not None and not before.used):
                place = node.at + form.used["preceding"]
                yield place, place + form.size
            if not node.used:
                yield node.at + form.free["flink"], node.at + form.free["blink"] + word
            before = node
        for slot in range(form.lists):
            head = self.heads_at + slot * form.free_bytes
            yield head + form.free["size"], head + form.free["size"] + form.size
            yield head + form.free["flink"], head + form.free["blink"] + word
        yield self.total_at, self.total_at + word
        for number in range(len(self.regions)):
            for place in (self.starts_at, self.ends_at):
                yield place + number * word, place + (number + 1) * word


FORMS: dict[str, Form] = {
    "9.1": Form("top"),
    "9.1 small": Form("top", size=2),
    "9.1 64": Form("top", word=8),
    "10.3 debug": Form("top", depth=8),
    "11.0": Form("low"),
    "11.0 with pids": Form("low", depth=0),
    "11.0 with backtraces": Form("low", depth=8),
    "11.0 64": Form("low", word=8, depth=4),
    "12.1": Form("now"),
    "12.1 with backtraces": Form("now", depth=6),
    "12.6": Form("now", depth=8, seqno=True, free_seqno=True, statistics=True),
    "12.6 small": Form("now", size=2, statistics=True),
    "12.6 64": Form("now", word=8, size=8, depth=4, seqno=True, free_seqno=True, statistics=True),
    "master": Form("now", statistics=True, fine=True),
    "master with pids": Form("now", depth=0, free_seqno=True, statistics=True, fine=True),
    "master with backtraces": Form("now", depth=8, free_seqno=True, guard=8, statistics=True, fine=True),
    "master 64": Form("now", word=8, size=8, statistics=True, fine=True),
}


def load(heap: NuttxMm, rng: Random, calls: int) -> None:
    """So many calls with some blocks left, of tasks 3 to 9."""
    live: list[int] = []
    for _ in range(calls):
        kind = rng.random()
        if live and kind < 0.42:
            heap.free(live.pop(rng.randrange(len(live))))
            continue
        wanted = rng.choice((rng.randrange(1, 40), rng.randrange(40, 200), rng.randrange(200, 900)))
        user = heap.memalign(64, wanted) if kind > 0.95 else heap.malloc(
            wanted, rng.randrange(3, 10), [0x0800_0100 + 2 * rng.randrange(40) for _ in range(rng.randrange(1, 9))]
        )  # fmt: skip
        live += [user] if user is not None else []
