# SPDX-License-Identifier: Apache-2.0
"""The invariants of TLSF: its blocks, its lists, its bitmaps, and multi_heap's counters.

Approach: each check is a pure function from the facts of a heap to the places that break its rule. Each fault names the
blocks and lists that it touches, so that faults of one cause can be reported together.
Rejected: the allocators' own order of checks; they stop at the first fault, or crash in it.
Cost: a few operations for each block and one for each list.
Assumptions: the blocks of the walk are proven. Everything else that it met is in its breaks and faults.
"""

from __future__ import annotations

from typing import Iterator, List, Optional, Sequence, Tuple

from gdbext.heap.facts import Fault, HeapFacts, Rule
from gdbext.heap.geometry import FLAG_BITS, FREE_BIT, PREV_FREE_BIT, Geometry
from gdbext.heap.roots import ROOTS
from gdbext.heap.rules import NEIGHBOURS, SIZES, check_flaws, low_byte, touching
from gdbext.heap.tlsf.layout import tlsf
from gdbext.heap.tlsf.rules_poison import AROUND, FILLS
from gdbext.heap.walk import Break
from gdbext.model.said import Said, said


def _end_marker(facts: HeapFacts) -> Iterator[Fault]:
    for pool in facts.layout.pools:
        address = pool.end - facts.layout.word
        word = facts.read(address)
        if word is not None and word & ~PREV_FREE_BIT and not pool.open:
            text = said("end-marker", place=address, stored=word)
            yield Fault(
                "end-marker", address, facts.layout.word, pool.end, text, touching(pool.end), False,
                "size-word", None, word,
            )  # fmt: skip


def _flags(facts: HeapFacts) -> Iterator[Fault]:
    for pool in facts.layout.pools:
        position = facts.walk.index_of(pool.first)
        word = 0 if position is None else facts.walk.words[position]
        if word & PREV_FREE_BIT:  # no block lies before a pool's first one
            yield _flag_fault(facts, pool.first, said("flag-of-first", stored=word), word, PREV_FREE_BIT, False)
    for payload, word, following, next_word in facts.edges:
        if (word & FREE_BIT) == (next_word >> 1 & 1):
            continue
        listed = payload in facts.listed
        if listed == bool(word & FREE_BIT):
            state = "free" if next_word & PREV_FREE_BIT else "used"
            text = said("flag-of-previous", stored=next_word, state=state)
            yield _flag_fault(facts, following, text, next_word, PREV_FREE_BIT)
        else:
            text = said("flag-of-own", stored=word, state="free" if word & FREE_BIT else "used")
            yield _flag_fault(facts, payload, text, word, FREE_BIT)


def _flag_fault(facts: HeapFacts, payload: int, text: Said, word: int, flag: int, transient: bool = True) -> Fault:
    """Returns the fault of a size word with one wrong flag. The flags are in its lowest byte."""
    place = low_byte(facts, facts.layout.place_of_size(payload), facts.layout.word)
    return Fault("free-flag", place, 1, payload, text, touching(payload), transient, "size-word", word ^ flag, word)


def _previous_link(facts: HeapFacts) -> Iterator[Fault]:
    layout = tlsf(facts.layout)
    for payload, word, following, _ in facts.edges:
        if not word & FREE_BIT:
            continue
        address = following - 2 * layout.word
        value, want = facts.read(address), payload - 2 * layout.word
        if value is not None and value != want:
            text = said("previous-link", place=address, stored=value, expected=want)
            touched = touching(payload)
            yield Fault("previous-link", address, layout.word, payload, text, touched, True, "prev-block", want, value)


def _is_behind(broken: Break, payload: Optional[int], layout: Geometry) -> bool:
    """True if a payload's header lies in the bytes behind a broken header in which no block could be proven."""
    return payload is not None and broken.payload - layout.header <= payload - layout.word < broken.next


def _list_links(facts: HeapFacts) -> Iterator[Fault]:
    layout = facts.layout
    for fault in facts.walk.faults:
        if facts.is_inside_other(fault.owner):
            continue  # these are a user's bytes; the pointer that leads here is reported
        place, value, why = fault.address, fault.value, fault.why
        if fault.owner is not None:
            role = "next-free"
            text = said("next-free", block=facts.user(fault.owner), place=place, stored=value, why=why)
        else:
            role, text = "list-head", said("list-head", list=fault.slot, place=place, stored=value, why=why)
        # An intact pointer that leads into damage is no damage of its own.
        broken = next((gap.payload for gap in facts.walk.breaks if _is_behind(gap, fault.target, layout)), None)
        touched = touching(fault.owner, fault.target, ("list", fault.slot), broken)
        hit, transient = fault.owner or fault.target, fault.target is not None
        yield Fault(fault.rule, place, layout.word, hit, text, touched, transient, role, None, value)


def _back_links(facts: HeapFacts) -> Iterator[Fault]:
    layout = facts.layout
    for node in facts.walk.nodes:
        want = layout.control if node.previous is None else node.previous - 2 * layout.word
        if node.prev_free is None or node.prev_free == want or facts.is_inside_other(node.payload):
            continue
        address = node.payload + layout.word
        text = said("prev-free", place=address, stored=node.prev_free, expected=want)
        inside = layout.control <= node.prev_free < layout.end
        yield Fault(
            "back-link", address, layout.word, node.payload, text, touching(node.payload), inside,
            "prev-free", want, node.prev_free,
        )  # fmt: skip


def _listed_blocks(facts: HeapFacts) -> Iterator[Fault]:
    gaps = facts.walk.gaps()
    for node in facts.walk.nodes:
        payload = node.payload
        touched = touching(payload, ("list", node.slot), node.previous)
        if not facts.is_block(payload):
            if not any(gap.start <= payload < gap.end + facts.layout.word for gap in gaps):
                text, role = said("listed-inside", place=node.pointer, target=facts.user(payload)), "next-free"
                around = touched | touching(facts.holder(payload))
                yield Fault(
                    "listed-not-free", node.pointer, facts.layout.word, node.previous or payload, text, around, True,
                    role if node.previous is not None else "list-head", None, facts.read(node.pointer),
                )  # fmt: skip
        elif not facts.is_free(payload):
            text = said("listed-used", list=node.slot)
            yield Fault("listed-not-free", facts.header_of(payload), 1, payload, text, touched)
        elif tlsf(facts.layout).slot_of(facts.size_of(payload)) != node.slot:
            text = said("wrong-list", list=node.slot, right=tlsf(facts.layout).slot_of(facts.size_of(payload)))
            yield Fault("wrong-list", facts.header_of(payload), facts.layout.word, payload, text, touched)


def _unlisted_blocks(facts: HeapFacts) -> Iterator[Fault]:
    for payload, word in zip(facts.walk.payloads, facts.walk.words):
        if not word & FREE_BIT or payload in facts.listed:
            continue
        slot = tlsf(facts.layout).slot_of(word & ~FLAG_BITS)
        if slot not in facts.walk.cut_slots:
            text = said("unlisted", list=slot)
            yield Fault(
                "free-not-listed", facts.header_of(payload), 1, payload, text, touching(payload, ("list", slot))
            )


def _second_bitmaps(facts: HeapFacts) -> Iterator[Fault]:
    layout, filled = tlsf(facts.layout), _filled_lists(facts)
    for level in range(layout.fl_count):
        first = level << layout.sl_log2
        lists = range(first, first + (1 << layout.sl_log2))
        bits = filled[first : lists.stop]
        yield from _bitmap_faults(facts, "bitmap-second", layout.sl_bitmaps + 4 * level, bits, lists)


def _filled_lists(facts: HeapFacts) -> List[Optional[bool]]:
    """Returns for each list whether a block is on it. None if its head leads to no block, or to memory not at hand."""
    layout, walk = tlsf(facts.layout), facts.walk
    unknown = {fault.slot for fault in walk.faults if fault.owner is None} | {
        slot for slot, head in enumerate(walk.heads) if head is None or head + 2 * layout.word in layout.beyond
    }
    return [None if slot in unknown else head != layout.control for slot, head in enumerate(walk.heads)]


def _first_bitmap(facts: HeapFacts) -> Iterator[Fault]:
    """Checks the first-level bitmap against the lists. A wrong bit of the second level must not be a fault of it."""
    layout, filled = tlsf(facts.layout), _filled_lists(facts)
    levels = [filled[first : first + (1 << layout.sl_log2)] for first in range(0, len(filled), 1 << layout.sl_log2)]
    bits = [True if True in lists else None if None in lists else False for lists in levels]
    yield from _bitmap_faults(facts, "bitmap-first", layout.fl_bitmap, bits, ())


def _bitmap_faults(
    facts: HeapFacts, rule: str, address: int, bits: Sequence[Optional[bool]], lists: Sequence[int]
) -> Iterator[Fault]:
    """Yields a fault for each wrong bit of a bitmap. `bits`: what each of its lowest bits must be, None if nobody
    knows. `lists`: the lists that they stand for.
    """
    word = facts.read32(address)
    known = {bit: wanted for bit, wanted in enumerate([*bits, *[False] * (32 - len(bits))]) if wanted is not None}
    want = sum(1 << bit for bit in range(32) if known.get(bit, (word or 0) >> bit & 1))
    for bit in range(32) if word is not None else ():
        if word is None or not (word ^ want) >> bit & 1:
            continue
        text = said("bit-set", bit=bit, place=address, stored=word)
        if not word >> bit & 1:
            text = said("bit-clear", bit=bit, place=address, stored=word)
        byte = 3 - bit // 8 if facts.snapshot.byte_order == "big" else bit // 8
        touched = touching(("list", lists[bit]) if bit < len(lists) else ("bitmap", address))
        yield Fault(rule, address + byte, 1, None, text, touched, True, "bitmap", want, word)


def _may_go_on(facts: HeapFacts, payload: int) -> bool:
    """True if a pool goes on in memory that is not at hand, and an address lies there."""
    is_open = any(pool.open for pool in facts.layout.pools)
    return is_open and payload > facts.layout.control and facts.snapshot.get(payload, 1) is None


def _null_block(facts: HeapFacts) -> Iterator[Fault]:
    layout = facts.layout
    for place, name, role in ((2, "next_free", "next-free"), (3, "prev_free", "prev-free")):
        address = layout.control + place * layout.word
        value = facts.read(address)
        if value is None or value == layout.control:
            continue
        payload = value + 2 * layout.word
        inside = layout.is_end(payload) or layout.pool_of(payload) is not None
        if payload % layout.align == 0 and _may_go_on(facts, payload):
            continue
        if payload % layout.align or not inside:
            text, touched = said("null-block", member=name, place=address, stored=value), touching("control")
            yield Fault("control-null", address, layout.word, None, text, touched, False, role, None, value)


def _free_bytes(facts: HeapFacts) -> Iterator[Fault]:
    info = facts.counters
    if info is None or _unsound_headers(facts) is not None or any(flaw.rule == "pool-size" for flaw in info.flaws):
        return  # if pool_size is wrong, the true size is known only up to three bytes
    used, control_bytes = sum(1 for _ in facts.walk.used()), facts.layout.control_end - facts.layout.control
    free = info.pool_size - control_bytes - sum(size for _, size in facts.walk.used())
    want = free - facts.layout.word * used
    if info.free_bytes in (free, want):
        return  # some versions count the headers of used blocks as free, others do not
    text = said("free-bytes", counted=info.free_bytes, left=want)
    surplus, word = info.free_bytes - want, facts.layout.word
    cycles = (fault.target for fault in facts.walk.faults if fault.rule == "list-cycle")
    # A block that was freed twice is on a list more than once, and its size is the surplus.
    twice = next((target for target in cycles if target is not None and facts.is_block(target)), None)
    size = None if twice is None else facts.size_of(twice)
    touched = touching("counters", twice if size is not None and surplus in (size, size + word) else None)
    yield Fault(
        "free-bytes", facts.region.address + word, word, None, text, touched, True, "counter", want, info.free_bytes
    )


def _minimum_free(facts: HeapFacts) -> Iterator[Fault]:
    info = facts.counters
    if info is not None and info.minimum_free is not None and info.minimum_free > info.free_bytes:
        text = said("minimum-free", minimum=info.minimum_free, free=info.free_bytes)
        word, touched = facts.layout.word, touching("counters")
        address = facts.region.address + 2 * word
        yield Fault("minimum-free", address, word, None, text, touched, True, "counter", None, info.minimum_free)


def _unsound_headers(facts: HeapFacts) -> Optional[Said]:
    """Says why used blocks cannot be summed up (a gap or a wrong flag); returns None if they can."""
    if not facts.walk.breaks and next(iter(_flags(facts)), None) is None:
        return None
    return said("headers-unsound")


END_MARKER = "A used block of size 0 lies at the end of each pool, and nowhere else."
_CONTROL = (
    Rule("bitmap-second", "A second-level bit is set exactly if its list has a block.", _second_bitmaps, derived=True),
    Rule(
        "bitmap-first", "A first-level bit is set exactly if one of its lists has a block.", _first_bitmap, derived=True
    ),
    Rule("control-null", "The null block's links lead to it or into the heap.", _null_block),
    Rule("control-constants", "The control block's constants fit each other and its size.", check_flaws),
)
_LISTS = (
    Rule(
        "list-link", "Every next_free leads to the free block that must follow, or to the end.", _list_links, "inside"
    ),
    Rule("list-cycle", "No free list leads to a block twice.", struck="inside"),
    Rule("back-link", "Every prev_free leads back to the block whose next_free leads here.", _back_links, "inside"),
    Rule(
        "previous-link",
        "The last word of a free block is its own address (prev_phys_block).",
        _previous_link,
        "inside",
    ),
    NEIGHBOURS,
    Rule("listed-not-free", "Only free blocks are on free lists.", _listed_blocks, "inside"),
    Rule("wrong-list", "Every free block is on the list of its size.", struck="inside"),
    Rule(
        "free-not-listed",
        "Every free block is on a free list.",
        _unlisted_blocks,
        "inside",
        lacks=lambda facts: said("lists-cut", lists=len(facts.walk.cut_slots)) if facts.walk.cut_slots else None,
    ),
)
_HEADERS = (SIZES, Rule("end-marker", END_MARKER, _end_marker, "header"))
_FLAGS = Rule("free-flag", "A block's free bit agrees with its neighbour's and with the free lists.", _flags, "header")
TLSF_RULES: Tuple[Rule, ...] = (
    *_HEADERS,
    _FLAGS,
    *_LISTS,
    *_CONTROL,
    ROOTS,
)
MULTI_HEAP_RULES: Tuple[Rule, ...] = (
    *_HEADERS,
    *AROUND,
    _FLAGS,
    *_LISTS,
    *FILLS,
    *_CONTROL,
    Rule("pool-size", "The heap ends where pool_size says."),
    Rule("heap-pointer", "heap_data leads to the control block."),
    Rule(
        "free-bytes",
        "The counter of free bytes is what the blocks say.",
        _free_bytes,
        "counters",
        derived=True,
        lacks=_unsound_headers,
    ),
    Rule("minimum-free", "minimum_free_bytes is not above free_bytes.", _minimum_free, "counters"),
)
