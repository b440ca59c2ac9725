# SPDX-License-Identifier: Apache-2.0
"""The invariants of a heap: one table, each with an id, a sentence, a severity and a check.

Approach: each check is a pure function from what was read to the places that break its rule. A place says what it
touches (blocks, lists), so that what follows from one cause can be told together.
Rejected: the allocators' own order of checks; they stop at the first fault, or crash in it.
Cost: a few operations a block and one a list.
Assumptions: the walk has proven the blocks that it lists; whatever else it met is in its breaks and faults.
"""

from __future__ import annotations

from typing import Iterator, List, Optional, Tuple

from gdbext.analyse import rules_freertos, rules_heap_2, rules_poison
from gdbext.analyse.faults import Fault, Rule, first_difference, touching
from gdbext.heap.facts import HeapFacts
from gdbext.heap.heap_1 import Heap1Layout
from gdbext.heap.heap_2 import Heap2Layout
from gdbext.heap.layout import FLAG_BITS, FREE_BIT, PREV_FREE_BIT, FreeRtosLayout, LinkedBlocks, TlsfLayout
from gdbext.heap.walk import Break
from gdbext.model import Skipped

_INFERRED = (
    "which blocks are free was inferred: this heap_2 has no allocated bit, and xStart, where its list begins, was not "
    "found: give the program with --elf, or the memory that holds its variables"
)

# A heap may be broken in every block; a report of more than this helps nobody.
_MOST_FAULTS = 100


def slot_token(slot: int) -> Tuple[str, int]:
    """What stands for a free list among the things that a fault touches."""
    return ("list", slot)


def expected_word(facts: HeapFacts, broken: Break) -> Optional[int]:
    """What a bad size word was, if one block filled the gap behind it; None if that cannot be."""
    layout = facts.layout
    size = broken.next - layout.header - broken.payload
    if size < layout.smallest or size % layout.align:
        return None
    if isinstance(layout, LinkedBlocks):
        allocated = 1 << (8 * layout.word - 1)
        return (size + layout.header) | (facts.stored_size(broken.payload) & allocated)
    following = facts.read(broken.next - layout.word)
    before = None if broken.before is None else facts.word_of(broken.before)
    free = FREE_BIT if following is not None and following & PREV_FREE_BIT else 0
    return size | free | (PREV_FREE_BIT if before is not None and before & FREE_BIT else 0)


def _block_size(facts: HeapFacts) -> Iterator[Fault]:
    for broken in facts.walk.breaks:
        if broken.word is None:
            continue
        header = facts.place_of_size(broken.payload)
        stored, want = facts.stored_size(broken.payload), expected_word(facts, broken)
        offset, length = 0, facts.layout.word
        if want is not None:
            offset, length = first_difference(stored, want, facts.layout.word, facts.snapshot.byte_order)
        text = f"size word at {header:#x} is {stored:#010x}, {broken.why}"
        yield Fault(
            "block-size",
            header + offset,
            length,
            broken.payload,
            text,
            touching(broken.payload),
            _mid_split(facts, broken),
        )


def _mid_split(facts: HeapFacts, broken: Break) -> bool:
    """Whether the block before has just been taken off its list to be split: then the rest has no header yet."""
    before = broken.before
    return before is not None and facts.is_free(before) and before not in facts.listed


def _counted(facts: HeapFacts, pool_size: int) -> bool:
    """Whether free_bytes fits a pool of this size, with or without the headers (both are in use)."""
    used = facts.used_sizes()
    free = pool_size - _control_bytes(facts) - sum(used)
    return facts.info is not None and facts.info.free_bytes in (free, free - facts.layout.word * len(used))


def _control_bytes(facts: HeapFacts) -> int:
    return _tlsf(facts).control_end - facts.layout.control


def _tlsf(facts: HeapFacts) -> TlsfLayout:
    assert isinstance(facts.layout, TlsfLayout)
    return facts.layout


def _end_marker(facts: HeapFacts) -> Iterator[Fault]:
    for pool in facts.layout.pools:
        address = pool.end - facts.layout.word
        word = facts.read(address)
        if word is not None and word & ~PREV_FREE_BIT:
            text = f"the end marker at {address:#x} is {word:#010x}, not a used block of size 0"
            yield Fault("end-marker", address, facts.layout.word, pool.end, text, touching(pool.end), False)


def _flags(facts: HeapFacts) -> Iterator[Fault]:
    yield from _first_flags(facts)
    for payload, word, following, next_word in facts.edges:
        if (word & FREE_BIT) == (next_word >> 1 & 1):
            continue
        listed = payload in facts.listed
        if listed == bool(word & FREE_BIT):
            says = "free" if next_word & PREV_FREE_BIT else "used"
            text = f"its size word {next_word:#010x} says that the block before it is {says}, which it is not"
            header, hit = facts.place_of_size(following), following
        else:
            says = "free" if word & FREE_BIT else "used"
            text = f"its size word {word:#010x} says that it is {says}; its neighbour and the free lists say it is not"
            header, hit = facts.place_of_size(payload), payload
        low_byte = facts.layout.word - 1 if facts.snapshot.byte_order == "big" else 0
        yield Fault("free-flag", header + low_byte, 1, hit, text, touching(hit))


def _first_flags(facts: HeapFacts) -> Iterator[Fault]:
    """In front of a pool's first block there is nothing that could be free."""
    for pool in facts.layout.pools:
        position = facts.position.get(pool.first)
        if position is not None and facts.walk.words[position] & PREV_FREE_BIT:
            address = facts.place_of_size(pool.first)
            word = facts.walk.words[position]
            text = f"its size word {word:#010x} says that a free block is before it, and it is the first"
            low_byte = facts.layout.word - 1 if facts.snapshot.byte_order == "big" else 0
            yield Fault("free-flag", address + low_byte, 1, pool.first, text, touching(pool.first), False)


def _previous_link(facts: HeapFacts) -> Iterator[Fault]:
    layout = _tlsf(facts)
    for payload, word, following, _ in facts.edges:
        if not word & FREE_BIT:
            continue
        address = following - 2 * layout.word
        value, want = facts.read(address), payload - 2 * layout.word
        if value is not None and value != want:
            text = f"the word behind the free block, prev_phys_block at {address:#x}, is {value:#010x}, not {want:#x}"
            yield Fault("previous-link", address, layout.word, payload, text, touching(payload))


def _free_neighbours(facts: HeapFacts) -> Iterator[Fault]:
    for payload, word, following, next_word in facts.edges:
        if word & next_word & FREE_BIT:
            text = f"it and the block behind it, {facts.user(following):#x}, are both free and were not joined"
            yield Fault("free-neighbours", facts.place_of_size(payload), 4, payload, text, touching(payload, following))


def _list_links(facts: HeapFacts) -> Iterator[Fault]:
    layout = facts.layout
    for fault in facts.walk.faults:
        owner = (
            f"next_free of {facts.user(fault.owner):#x}"
            if fault.owner is not None
            else f"the head of list {fault.slot}"
        )
        text = f"{owner} at {fault.address:#x} is {fault.value:#010x}, which {fault.text}"
        touched = touching(fault.owner, fault.target, slot_token(fault.slot))
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
        yield Fault("back-link", address, layout.word, node.payload, text, touching(node.payload), inside)


def _listed_blocks(facts: HeapFacts) -> Iterator[Fault]:
    gaps = facts.walk.gaps()
    for node in facts.walk.nodes:
        payload = node.payload
        touched = touching(payload, slot_token(node.slot), node.previous)
        if payload not in facts.position:
            if not any(gap.start <= payload < gap.end + facts.layout.word for gap in gaps):
                text = f"the pointer at {node.pointer:#x} leads to {facts.user(payload):#x}, inside another block"
                yield Fault("listed-not-free", node.pointer, facts.layout.word, node.previous or payload, text, touched)
        elif not facts.is_free(payload):
            text = f"it is on free list {node.slot} and marked used"
            yield Fault("listed-not-free", facts.header_of(payload), 1, payload, text, touched)
        elif _tlsf(facts).slot_of(facts.size_of(payload)) != node.slot:
            text = f"it is on free list {node.slot}, its size belongs on {_tlsf(facts).slot_of(facts.size_of(payload))}"
            yield Fault("wrong-list", facts.header_of(payload), facts.layout.word, payload, text, touched)


def _unlisted_blocks(facts: HeapFacts) -> Iterator[Fault]:
    for payload, word in zip(facts.walk.payloads, facts.walk.words):
        if not word & FREE_BIT or payload in facts.listed:
            continue
        slot = _tlsf(facts).slot_of(word & ~FLAG_BITS)
        if slot not in facts.walk.cut_slots:
            text = f"it is marked free and is on no free list (its size belongs on list {slot})"
            yield Fault(
                "free-not-listed", facts.header_of(payload), 1, payload, text, touching(payload, slot_token(slot))
            )


def _second_bitmaps(facts: HeapFacts) -> Iterator[Fault]:
    layout = _tlsf(facts)
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
    """Judged by the lists, not by the second level: a bit that is wrong there is no fault of this word."""
    layout, heads = _tlsf(facts), facts.walk.heads
    word = _word32(facts, layout.fl_bitmap)
    if word is None or None in heads:
        return
    filled = {slot >> layout.sl_log2 for slot, head in enumerate(heads) if head != layout.control}
    for bit in _bits(word ^ sum(1 << level for level in filled)):
        yield _bitmap_fault(facts, layout.fl_bitmap, word, bit, None)


def _bitmap_fault(facts: HeapFacts, address: int, word: int, bit: int, slot: Optional[int]) -> Fault:
    rule = "bitmap-first" if address == _tlsf(facts).fl_bitmap else "bitmap-second"
    state = "set, but it stands for no free block" if word >> bit & 1 else "clear, but free blocks are on its lists"
    byte = 3 - bit // 8 if facts.snapshot.byte_order == "big" else bit // 8
    text = f"bit {bit} of the bitmap at {address:#x} ({word:#010x}) is {state}"
    touched = touching(slot_token(slot) if slot is not None else ("bitmap", address))
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
        inside = layout.is_end(payload) or layout.pool_of(payload) is not None
        if payload % layout.align or not inside:
            text = f"{name} of the null block at {address:#x} is {value:#010x}, no block of this heap"
            yield Fault("control-null", address, layout.word, None, text, touching("control"), False)


def _control_data(facts: HeapFacts) -> Iterator[Fault]:
    flaws = facts.layout.flaws + (facts.info.flaws if facts.info is not None else ())
    for flaw in flaws:
        yield Fault(flaw.rule, flaw.address, flaw.length, None, flaw.text, touching("control"), False)


def _free_bytes(facts: HeapFacts) -> Iterator[Fault]:
    info = facts.info
    if info is None or not headers_sound(facts) or _counted(facts, info.pool_size):
        return
    if any(flaw.rule == "pool-size" for flaw in info.flaws):
        return  # up to three bytes of the true size are not known
    free = info.pool_size - _control_bytes(facts) - sum(facts.used_sizes())
    want = free - facts.layout.word * len(facts.used_sizes())
    text = f"free_bytes is {info.free_bytes:,}, the used blocks leave {want:,}"
    touched = touching("counters", _counted_twice(facts, info.free_bytes - want))
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
        yield Fault("minimum-free", address, facts.layout.word, None, text, touching("counters"))


def headers_sound(facts: HeapFacts) -> bool:
    """Whether the block headers can be summed up: no gap, no doubtful flag."""
    return facts.walk.complete and next(iter(_flags(facts)), None) is None


def _nothing(_: HeapFacts) -> Iterator[Fault]:
    """Its faults are found with those of another rule."""
    return iter(())


def _flags_of_any(facts: HeapFacts) -> Iterator[Fault]:
    if isinstance(facts.layout, Heap2Layout):
        return rules_heap_2.check_flags(facts)
    return rules_freertos.check_flags(facts) if isinstance(facts.layout, FreeRtosLayout) else _flags(facts)


def _end_of_any(facts: HeapFacts) -> Iterator[Fault]:
    if isinstance(facts.layout, Heap2Layout):
        return iter(())  # it has no end marker
    return rules_freertos.check_marker(facts) if isinstance(facts.layout, FreeRtosLayout) else _end_marker(facts)


def _links_of_any(facts: HeapFacts) -> Iterator[Fault]:
    if isinstance(facts.layout, Heap2Layout):
        return rules_heap_2.check_list(facts)
    return rules_freertos.check_chain(facts) if isinstance(facts.layout, FreeRtosLayout) else _list_links(facts)


def _used_of_any(facts: HeapFacts) -> Iterator[Fault]:
    if isinstance(facts.layout, Heap2Layout):
        return rules_heap_2.check_used(facts)
    return rules_freertos.check_used(facts)


def _counter_of_any(facts: HeapFacts) -> Iterator[Fault]:
    return rules_heap_2.check_counter(facts) if isinstance(facts.layout, Heap2Layout) else _free_bytes(facts)


_HEAP_1, _HEAP_2, _JOINING = "heap_1", "heap_2", "joining"
_TLSF, _FREERTOS, _MULTI, _POISONED, _TRACKED = "tlsf", "freertos", "multi_heap", "poisoned", "tracked"

RULES: Tuple[Rule, ...] = (
    Rule("block-size", "Every size word is one that the allocator makes and leads to the next block.", _block_size),
    Rule("end-marker", "A used block of size 0 lies at the end of each pool, and nowhere else.", _end_of_any),
    Rule(
        "poison-tail",
        "Behind the bytes of a used block stands its tail canary.",
        rules_poison.check_tail,
        allocators=_POISONED,
    ),
    Rule(
        "poison-head", "In front of a used block stands its head canary.", rules_poison.check_head, allocators=_POISONED
    ),
    Rule("poison-length", "The requested length fits its block.", rules_poison.check_length, allocators=_POISONED),
    Rule(
        "owner-word",
        "With task tracking, a used block has the handle of a task, as others have, or none.",
        rules_poison.check_owner,
        allocators=_TRACKED,
    ),
    Rule(
        "used-link",
        "A used block's next pointer is NULL (or the masked NULL; in an old heap_2 it led to a block).",
        _used_of_any,
        allocators=_FREERTOS,
    ),
    Rule("free-flag", "A block's free bit agrees with its neighbour's and with the free lists.", _flags_of_any),
    Rule("list-link", "Every next_free leads to the free block that must follow, or to the end.", _links_of_any),
    Rule("list-cycle", "No free list leads to a block twice.", _nothing, allocators=_TLSF),
    Rule(
        "back-link",
        "Every prev_free leads back to the block whose next_free leads here.",
        _back_links,
        allocators=_TLSF,
    ),
    Rule(
        "previous-link",
        "The last word of a free block is its own address (prev_phys_block).",
        _previous_link,
        allocators=_TLSF,
    ),
    Rule("free-neighbours", "No two free blocks lie side by side.", _free_neighbours, allocators=_JOINING),
    Rule(
        "listed-not-free",
        "Only free blocks are on free lists.",
        _listed_blocks,
        allocators=_TLSF,
    ),
    Rule("wrong-list", "Every free block is on the list of its size.", _nothing, allocators=_TLSF),
    Rule("free-not-listed", "Every free block is on a free list.", _unlisted_blocks, allocators=_TLSF),
    Rule(
        "poison-fill", "The inside of a free block keeps its fill.", rules_poison.check_free_fill, allocators=_POISONED
    ),
    Rule(
        "poison-slack",
        "The slack behind a used block's tail canary keeps its fill.",
        rules_poison.check_slack,
        allocators=_POISONED,
    ),
    Rule(
        "bitmap-second", "A second-level bit is set exactly if its list has a block.", _second_bitmaps, allocators=_TLSF
    ),
    Rule(
        "bitmap-first",
        "A first-level bit is set exactly if one of its lists has a block.",
        _first_bitmap,
        allocators=_TLSF,
    ),
    Rule("control-null", "The null block's links lead to it or into the heap.", _null_block, allocators=_TLSF),
    Rule(
        "control-constants",
        "The control block's constants fit each other and its size.",
        _control_data,
        allocators=_TLSF,
    ),
    Rule(
        "list-end",
        "xEnd, where heap_2's list ends, has the heap's size and no pointer.",
        rules_heap_2.check_variables,
        allocators=_HEAP_2,
    ),
    Rule(
        "next-byte",
        "xNextFreeByte of heap_1 is aligned and inside of the array, and pucAlignedHeap is where that begins.",
        rules_heap_2.check_variables,
        allocators=_HEAP_1,
    ),
    Rule("pool-size", "The heap ends where pool_size says.", _nothing, allocators=_MULTI),
    Rule("heap-pointer", "heap_data leads to the control block.", _nothing, allocators=_MULTI),
    Rule("free-bytes", "The counter of free bytes is what the blocks say.", _counter_of_any),
    Rule("minimum-free", "minimum_free_bytes is not above free_bytes.", _minimum_free, allocators=_MULTI),
)


def _applies(rule: Rule, facts: HeapFacts) -> bool:
    layout = facts.layout
    return {
        "all": layout.has_headers,
        _TLSF: isinstance(layout, TlsfLayout),
        _JOINING: layout.has_headers and not isinstance(layout, Heap2Layout),
        _HEAP_1: isinstance(layout, Heap1Layout),
        _FREERTOS: isinstance(layout, LinkedBlocks),
        _HEAP_2: isinstance(layout, Heap2Layout),
        _MULTI: facts.info is not None,
        _POISONED: facts.poison.head > 0,
        _TRACKED: facts.poison.owner_place(0) is not None,
    }[rule.allocators]


def run_rules(facts: HeapFacts) -> Tuple[List[Fault], List[Skipped]]:
    """All faults of one heap, and the checks that could not run."""
    faults: List[Fault] = []
    skipped = _not_checked(facts)
    for rule in (rule for rule in RULES if _applies(rule, facts)):
        found = list(rule.check(facts))
        if len(found) > _MOST_FAULTS:
            skipped.append(Skipped(rule.id, f"{len(found) - _MOST_FAULTS:,} more places are not listed"))
        faults += found[:_MOST_FAULTS]
    return faults, skipped


def _not_checked(facts: HeapFacts) -> List[Skipped]:
    walk, skipped = facts.walk, []
    unread = [broken for broken in walk.breaks if broken.word is None]
    for broken in unread:
        skipped.append(Skipped("blocks", f"memory from {facts.place_of_size(broken.payload):#x} on could not be read"))
    if walk.cut_slots:
        what = f"{len(walk.cut_slots)} of the free lists could not be followed to the end"
        skipped.append(Skipped("free-not-listed", f"{what}: free blocks that belong there were not looked for"))
    if isinstance(facts.layout, Heap2Layout) and not facts.layout.marked and facts.layout.head is None:
        skipped.append(Skipped("free-flag", _INFERRED))
    if facts.info is not None and not headers_sound(facts):
        skipped.append(Skipped("free-bytes", "the used blocks cannot be summed up before their headers are sound"))
    return skipped
