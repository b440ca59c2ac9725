# SPDX-License-Identifier: Apache-2.0
"""The invariants of a heap: one table, each with an id, a sentence, a severity and a check.

Approach: each check is a pure function from what was read to the places that break its rule. A place says what it
touches (blocks, lists), so that what follows from one cause can be told together.
Rejected: the allocators' own order of checks; they stop at the first fault, or crash in it.
Cost: a few operations a block and one a list.
Assumptions: the walk has proven the blocks that it lists; whatever else it met is in its breaks and faults.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, FrozenSet, Hashable, Iterable, Iterator, List, Optional, Tuple

from gdbext.heap.facts import HeapFacts
from gdbext.heap.layout import FLAG_BITS, FREE_BIT, PREV_FREE_BIT
from gdbext.heap.walk import Break
from gdbext.model import Skipped
from gdbext.source.snapshot import ByteOrder

# A heap may be broken in every block; a report of more than this helps nobody.
_MOST_FAULTS = 100


@dataclass(frozen=True)
class Fault:
    """One place that breaks a rule, before anything is concluded from it."""

    rule: str
    address: int  # first damaged byte
    length: int
    block: Optional[int]
    text: str
    touches: FrozenSet[Hashable]
    transient: bool = True  # an operation under way may leave it like this for a moment


@dataclass(frozen=True)
class Rule:
    """An invariant: what must be so, and how to see where it is not."""

    id: str
    sentence: str
    check: Callable[[HeapFacts], Iterable[Fault]]
    severity: str = "damage"


def slot_token(slot: int) -> Tuple[str, int]:
    """What stands for a free list among the things that a fault touches."""
    return ("list", slot)


def _touches(*things: Optional[Hashable]) -> FrozenSet[Hashable]:
    return frozenset(thing for thing in things if thing is not None)


def first_difference(have: int, want: int, width: int, order: ByteOrder) -> Tuple[int, int]:
    """Offset of the first byte in which two words differ, and how many bytes to the last one."""
    pairs = zip(have.to_bytes(width, order), want.to_bytes(width, order))
    different = [offset for offset, (one, other) in enumerate(pairs) if one != other]
    return (different[0], different[-1] - different[0] + 1) if different else (0, width)


def expected_word(facts: HeapFacts, broken: Break) -> Optional[int]:
    """What a bad size word was, if one block filled the gap behind it; None if that cannot be."""
    layout = facts.layout
    size = broken.next - layout.word - broken.payload
    if size < layout.smallest or size % layout.align:
        return None
    following = facts.read(broken.next - layout.word)
    before = None if broken.before is None else facts.word_of(broken.before)
    free = FREE_BIT if following is not None and following & PREV_FREE_BIT else 0
    return size | free | (PREV_FREE_BIT if before is not None and before & FREE_BIT else 0)


def _block_size(facts: HeapFacts) -> Iterator[Fault]:
    moved = _moved_end(facts)
    for broken in facts.walk.breaks:
        if broken.word is None or broken is moved:
            continue
        header = facts.header_of(broken.payload)
        want = expected_word(facts, broken)
        offset, length = 0, facts.layout.word
        if want is not None:
            offset, length = first_difference(broken.word, want, facts.layout.word, facts.snapshot.byte_order)
        text = f"size word at {header:#x} is {broken.word:#010x}, {broken.why}"
        yield Fault(
            "block-size",
            header + offset,
            length,
            broken.payload,
            text,
            _touches(broken.payload),
            _mid_split(facts, broken),
        )


def _mid_split(facts: HeapFacts, broken: Break) -> bool:
    """Whether the block before has just been taken off its list to be split: then the rest has no header yet."""
    before = broken.before
    return before is not None and facts.is_free(before) and before not in facts.listed


def _moved_end(facts: HeapFacts) -> Optional[Break]:
    """The break that is the true end of the heap, if it is pool_size that is wrong: the counters tell."""
    info, breaks = facts.info, facts.walk.breaks
    if info is None or len(breaks) != 1 or breaks[0].next != facts.layout.end or breaks[0].word is None:
        return None
    if breaks[0].word & ~PREV_FREE_BIT:
        return None
    missing = facts.layout.end - breaks[0].payload
    return breaks[0] if _counted(facts, info.pool_size - missing) else None


def _counted(facts: HeapFacts, pool_size: int) -> bool:
    """Whether free_bytes fits a pool of this size, with or without the headers (both are in use)."""
    used = facts.used_sizes()
    free = pool_size - (facts.layout.pool - facts.layout.control) - sum(used)
    return facts.info is not None and facts.info.free_bytes in (free, free - facts.layout.word * len(used))


def _pool_size(facts: HeapFacts) -> Iterator[Fault]:
    moved = _moved_end(facts)
    if moved is not None and facts.info is not None:
        address = facts.info.address + 3 * facts.layout.word
        text = f"pool_size is {facts.info.pool_size:#x}, but the heap ends at {moved.payload:#x} and its counters agree"
        yield Fault("pool-size", address, facts.layout.word, None, text, _touches(moved.payload, "pool-size"), False)


def _end_marker(facts: HeapFacts) -> Iterator[Fault]:
    end, word = facts.layout.end, facts.read(facts.layout.end - facts.layout.word)
    if word is None or _moved_end(facts) is not None or not word & ~PREV_FREE_BIT:
        return
    address = end - facts.layout.word
    text = f"the end marker at {address:#x} is {word:#010x}, not a used block of size 0"
    yield Fault("end-marker", address, facts.layout.word, end, text, _touches(end), False)


def _edges(facts: HeapFacts) -> Iterator[Tuple[int, int, int, int]]:
    """Each block with the size word behind it: payload, word, next payload, next word."""
    payloads, words, step, end = facts.walk.payloads, facts.walk.words, facts.layout.word, facts.layout.end
    last = len(payloads) - 1
    for position, payload in enumerate(payloads):
        word = words[position]
        following = payload + (word & ~FLAG_BITS) + step
        if position < last and payloads[position + 1] == following:
            yield payload, word, following, words[position + 1]
        elif following == end:
            marker = facts.read(end - step)
            if marker is not None and not marker & ~FLAG_BITS:
                yield payload, word, following, marker


def _flags(facts: HeapFacts) -> Iterator[Fault]:
    for payload, word, following, next_word in _edges(facts):
        if (word & FREE_BIT) == (next_word >> 1 & 1):
            continue
        listed = payload in facts.listed
        if listed == bool(word & FREE_BIT):
            says = "free" if next_word & PREV_FREE_BIT else "used"
            text = f"its size word {next_word:#010x} says that the block before it is {says}, which it is not"
            header, hit = facts.header_of(following), following
        else:
            says = "free" if word & FREE_BIT else "used"
            text = f"its size word {word:#010x} says that it is {says}; its neighbour and the free lists say it is not"
            header, hit = facts.header_of(payload), payload
        low_byte = facts.layout.word - 1 if facts.snapshot.byte_order == "big" else 0
        yield Fault("free-flag", header + low_byte, 1, hit, text, _touches(hit))


def _previous_link(facts: HeapFacts) -> Iterator[Fault]:
    layout = facts.layout
    for payload, word, following, _ in _edges(facts):
        if not word & FREE_BIT:
            continue
        address = following - 2 * layout.word
        value, want = facts.read(address), payload - 2 * layout.word
        if value is not None and value != want:
            text = f"the word behind the free block, prev_phys_block at {address:#x}, is {value:#010x}, not {want:#x}"
            yield Fault("previous-link", address, layout.word, payload, text, _touches(payload))


def _free_neighbours(facts: HeapFacts) -> Iterator[Fault]:
    for payload, word, following, next_word in _edges(facts):
        if word & next_word & FREE_BIT:
            text = f"it and the block behind it, {facts.user(following):#x}, are both free and were not joined"
            yield Fault("free-neighbours", facts.header_of(payload), 4, payload, text, _touches(payload, following))


def _list_links(facts: HeapFacts) -> Iterator[Fault]:
    layout = facts.layout
    for fault in facts.walk.faults:
        owner = (
            f"next_free of {facts.user(fault.owner):#x}"
            if fault.owner is not None
            else f"the head of list {fault.slot}"
        )
        text = f"{owner} at {fault.address:#x} is {fault.value:#010x}, which {fault.text}"
        touched = _touches(fault.owner, fault.target, slot_token(fault.slot))
        transient = fault.target is not None
        yield Fault(fault.rule, fault.address, layout.word, fault.owner or fault.target, text, touched, transient)


def _back_links(facts: HeapFacts) -> Iterator[Fault]:
    layout = facts.layout
    for node in facts.walk.nodes:
        want = layout.control if node.previous is None else node.previous - 2 * layout.word
        if node.prev_free is None or node.prev_free == want:
            continue
        address = node.payload + layout.word
        text = f"prev_free at {address:#x} is {node.prev_free:#010x}, not {want:#x}"
        inside = layout.control <= node.prev_free < layout.end
        yield Fault("back-link", address, layout.word, node.payload, text, _touches(node.payload), inside)


def _listed_blocks(facts: HeapFacts) -> Iterator[Fault]:
    gaps = facts.walk.gaps()
    for node in facts.walk.nodes:
        payload = node.payload
        touched = _touches(payload, slot_token(node.slot), node.previous)
        if payload not in facts.position:
            if not any(gap.start <= payload < gap.end + facts.layout.word for gap in gaps):
                text = f"the pointer at {node.pointer:#x} leads to {facts.user(payload):#x}, inside another block"
                yield Fault("listed-not-free", node.pointer, facts.layout.word, node.previous or payload, text, touched)
        elif not facts.is_free(payload):
            text = f"it is on free list {node.slot} and marked used"
            yield Fault("listed-not-free", facts.header_of(payload), 1, payload, text, touched)
        elif facts.layout.slot_of(facts.size_of(payload)) != node.slot:
            text = f"it is on free list {node.slot}, its size belongs on {facts.layout.slot_of(facts.size_of(payload))}"
            yield Fault("wrong-list", facts.header_of(payload), facts.layout.word, payload, text, touched)


def _unlisted_blocks(facts: HeapFacts) -> Iterator[Fault]:
    for payload, word in zip(facts.walk.payloads, facts.walk.words):
        if not word & FREE_BIT or payload in facts.listed:
            continue
        slot = facts.layout.slot_of(word & ~FLAG_BITS)
        if slot not in facts.walk.cut_slots:
            text = f"it is marked free and is on no free list (its size belongs on list {slot})"
            yield Fault(
                "free-not-listed", facts.header_of(payload), 1, payload, text, _touches(payload, slot_token(slot))
            )


def _second_bitmaps(facts: HeapFacts) -> Iterator[Fault]:
    layout = facts.layout
    for level in range(layout.fl_count):
        address = layout.sl_bitmaps + 4 * level
        word = _word32(facts, address)
        first = level << layout.sl_log2
        heads = facts.walk.heads[first : first + layout.sl_count]
        if word is None or None in heads:
            continue
        want = sum(1 << bit for bit, head in enumerate(heads) if head != layout.control)
        for bit in _bits(word ^ want):
            yield _bitmap_fault(facts, address, word, bit, first + bit if bit < layout.sl_count else None)


def _first_bitmap(facts: HeapFacts) -> Iterator[Fault]:
    layout = facts.layout
    word = _word32(facts, layout.fl_bitmap)
    seconds = [_word32(facts, layout.sl_bitmaps + 4 * level) for level in range(layout.fl_count)]
    if word is None or None in seconds:
        return
    for bit in _bits(word ^ sum(1 << level for level, second in enumerate(seconds) if second)):
        yield _bitmap_fault(facts, layout.fl_bitmap, word, bit, None)


def _bitmap_fault(facts: HeapFacts, address: int, word: int, bit: int, slot: Optional[int]) -> Fault:
    rule = "bitmap-first" if address == facts.layout.fl_bitmap else "bitmap-second"
    state = "set, but it stands for no free block" if word >> bit & 1 else "clear, but free blocks are on its lists"
    byte = 3 - bit // 8 if facts.snapshot.byte_order == "big" else bit // 8
    text = f"bit {bit} of the bitmap at {address:#x} ({word:#010x}) is {state}"
    touched = _touches(slot_token(slot) if slot is not None else ("bitmap", address))
    return Fault(rule, address + byte, 1, None, text, touched)


def _bits(word: int) -> List[int]:
    return [bit for bit in range(32) if word >> bit & 1]


def _word32(facts: HeapFacts, address: int) -> Optional[int]:
    data = facts.snapshot.get(address, 4)
    return None if data is None else int.from_bytes(data, facts.snapshot.byte_order)


def _null_block(facts: HeapFacts) -> Iterator[Fault]:
    layout = facts.layout
    for place, name in ((2, "next_free"), (3, "prev_free")):
        address = layout.control + place * layout.word
        value = facts.read(address)
        if value is None or value == layout.control:
            continue
        payload = value + 2 * layout.word
        if not layout.first <= payload <= layout.end or payload % layout.align:
            text = f"{name} of the null block at {address:#x} is {value:#010x}, no block of this heap"
            yield Fault("control-null", address, layout.word, None, text, _touches("control"), False)


def _control_data(facts: HeapFacts) -> Iterator[Fault]:
    flaws = facts.layout.flaws + (facts.info.flaws if facts.info is not None else ())
    for flaw in flaws:
        yield Fault(flaw.rule, flaw.address, flaw.length, None, flaw.text, _touches("control"), False)


def _free_bytes(facts: HeapFacts) -> Iterator[Fault]:
    info = facts.info
    if info is None or not headers_sound(facts) or _counted(facts, info.pool_size):
        return
    free = info.pool_size - (facts.layout.pool - facts.layout.control) - sum(facts.used_sizes())
    want = free - facts.layout.word * len(facts.used_sizes())
    text = f"free_bytes is {info.free_bytes:,}, the used blocks leave {want:,}"
    touched = _touches("counters", _counted_twice(facts, info.free_bytes - want))
    yield Fault("free-bytes", info.address + facts.layout.word, facts.layout.word, None, text, touched)


def _counted_twice(facts: HeapFacts, surplus: int) -> Optional[int]:
    """The block whose second free made this surplus: it is on a list more than once."""
    for fault in facts.walk.faults:
        target = fault.target
        if fault.rule == "list-cycle" and target is not None and target in facts.position:
            size = facts.size_of(target)
            return target if surplus in (size, size + facts.layout.word) else None
    return None


def _minimum_free(facts: HeapFacts) -> Iterator[Fault]:
    info = facts.info
    if info is not None and info.minimum_free > info.free_bytes:
        text = f"minimum_free_bytes is {info.minimum_free:,}, more than the {info.free_bytes:,} that are free"
        address = info.address + 2 * facts.layout.word
        yield Fault("minimum-free", address, facts.layout.word, None, text, _touches("counters"))


def headers_sound(facts: HeapFacts) -> bool:
    """Whether the block headers can be summed up: no gap, no doubtful flag."""
    return facts.walk.complete and not any(True for _ in _flags(facts))


RULES: Tuple[Rule, ...] = (
    Rule("block-size", "Every size word is one that the allocator makes and leads to the next block.", _block_size),
    Rule("end-marker", "A used block of size 0 lies in the last word of the heap, and nowhere else.", _end_marker),
    Rule("free-flag", "A block's free bit, its neighbour's prev-free bit and the free lists agree.", _flags),
    Rule("list-link", "Every next_free leads to a free block of this heap or to the null block.", _list_links),
    Rule("back-link", "Every prev_free leads back to the block whose next_free leads here.", _back_links),
    Rule("previous-link", "The last word of a free block is its own address (prev_phys_block).", _previous_link),
    Rule("free-neighbours", "No two free blocks lie side by side.", _free_neighbours),
    Rule("listed-not-free", "Only free blocks are on free lists, each on the list of its size.", _listed_blocks),
    Rule("free-not-listed", "Every free block is on a free list.", _unlisted_blocks),
    Rule("bitmap-second", "A second-level bit is set exactly if its list has a block.", _second_bitmaps),
    Rule("bitmap-first", "A first-level bit is set exactly if its second-level bitmap is not empty.", _first_bitmap),
    Rule("control-null", "The null block's links lead to it or into the heap.", _null_block),
    Rule("control-constants", "The control block's constants fit each other and its size.", _control_data),
    Rule("pool-size", "The heap ends where pool_size says.", _pool_size),
    Rule("free-bytes", "free_bytes is what the used blocks leave of the pool.", _free_bytes),
    Rule("minimum-free", "minimum_free_bytes is not above free_bytes.", _minimum_free),
)


def run_rules(facts: HeapFacts) -> Tuple[List[Fault], List[Skipped]]:
    """All faults of one heap, and the checks that could not run."""
    faults: List[Fault] = []
    skipped = _not_checked(facts)
    for rule in RULES:
        found = list(rule.check(facts))
        if len(found) > _MOST_FAULTS:
            skipped.append(Skipped(rule.id, f"{len(found) - _MOST_FAULTS:,} more places are not listed"))
        faults += found[:_MOST_FAULTS]
    return faults, skipped


def _not_checked(facts: HeapFacts) -> List[Skipped]:
    walk, skipped = facts.walk, []
    unread = [broken for broken in walk.breaks if broken.word is None]
    for broken in unread:
        skipped.append(Skipped("blocks", f"memory from {facts.header_of(broken.payload):#x} on could not be read"))
    if walk.cut_slots:
        what = f"{len(walk.cut_slots)} of the free lists could not be followed to the end"
        skipped.append(Skipped("free-not-listed", f"{what}: free blocks that belong there were not looked for"))
    if facts.info is not None and not headers_sound(facts):
        skipped.append(Skipped("free-bytes", "the used blocks cannot be summed up before their headers are sound"))
    return skipped
