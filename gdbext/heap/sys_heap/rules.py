# SPDX-License-Identifier: Apache-2.0
"""The invariants of sys_heap: sizes that neighbours repeat, circular lists by size, their bitmap, counters, trailers.

Zephyr's own sys_heap_validate checks sizes, neighbours and lists, and writes to the heap while it does. Here nothing is
written, each link is checked in both directions, and each free chunk must be on the list of its size, once.
"""

from __future__ import annotations

from typing import Dict, Iterator, Optional, Tuple

from gdbext.heap.facts import Fault, HeapFacts, Rule
from gdbext.heap.geometry import FLAG_BITS, FREE_BIT, narrowed
from gdbext.heap.rules import NEIGHBOURS, SIZES, check_flaws, first_difference, touching
from gdbext.heap.sys_heap.guards import Trailers
from gdbext.heap.sys_heap.layout import LEFT, PREV, SIZE, UNIT, USED, SysHeapLayout
from gdbext.model.said import Said, said


def _of(facts: HeapFacts) -> SysHeapLayout:
    return narrowed(facts.layout, SysHeapLayout)


def _left_sizes(facts: HeapFacts) -> Iterator[Fault]:
    layout = _of(facts)
    first = facts.walk.index_of(layout.first)
    expected: Dict[int, Tuple[int, Optional[int]]] = {}
    if first is not None:
        expected[layout.first] = (layout.form.head_units(layout.end_chunk), None)
    for payload, word in zip(facts.walk.payloads, facts.walk.words):
        size = word & ~FLAG_BITS
        expected[payload + size + layout.header] = (layout.units_of(size), payload)
    for payload, (want, before) in expected.items():
        have = layout.field(facts.read, payload, LEFT)
        if have is None or have == want or not (facts.is_block(payload) or payload == layout.end):
            continue
        place = layout.field_place(payload, LEFT)
        offset, length = first_difference(have, want, layout.form.field, layout.order)
        text = said("sys-heap-left", place=place, stored=have, expected=want)
        touched, at = touching(payload, before), place + offset
        yield Fault("left-size", at, length, payload, text, touched, True, "prev-block", want, have)


def _end_marker(facts: HeapFacts) -> Iterator[Fault]:
    layout = _of(facts)
    have = layout.field(facts.read, layout.end, SIZE)
    if have is not None and have != USED:
        place = layout.field_place(layout.end, SIZE)
        text = said("sys-heap-end-marker", place=place, stored=have)
        length = layout.form.field
        yield Fault("end-marker", place, length, layout.end, text, touching(layout.end), False, "size-word", USED, have)


def _links(facts: HeapFacts) -> Iterator[Fault]:
    layout = _of(facts)
    for fault in facts.walk.faults:
        place, value, why = fault.address, fault.value, fault.why
        if fault.owner is None:
            role, text = "list-head", said("sys-heap-head-link", list=fault.slot, place=place, stored=value, why=why)
        else:
            role, text = "next-free", said("sys-heap-next", place=place, stored=value, why=why)
        length = 4 if fault.owner is None else layout.form.field
        target = fault.target if fault.target is not None and facts.is_block(fault.target) else None
        touched = touching(fault.owner, target, ("list", fault.slot))
        hit = fault.owner if fault.owner is not None else target
        yield Fault(fault.rule, place, length, hit, text, touched, target is not None, role, None, value)


def _back_links(facts: HeapFacts) -> Iterator[Fault]:
    layout = _of(facts)
    heads = {node.slot: node for node in facts.walk.nodes if node.previous is None}
    last = {node.slot: node for node in facts.walk.nodes}
    for node in facts.walk.nodes:
        before = node.previous
        if before is None:
            if node.slot in facts.walk.cut_slots or heads[node.slot] is not node:
                continue
            before = last[node.slot].payload
        want = layout.chunk_at(before)
        if node.prev_free is None or node.prev_free == want or not facts.is_block(node.payload):
            continue
        place = layout.field_place(node.payload, PREV)
        text = said("sys-heap-prev", place=place, stored=node.prev_free, expected=want)
        touched = touching(node.payload)
        inside = 0 < node.prev_free < layout.end_chunk
        length = layout.form.field
        yield Fault("back-link", place, length, node.payload, text, touched, inside, "prev-free", want, node.prev_free)


def _listed(facts: HeapFacts) -> Iterator[Fault]:
    layout, gaps = _of(facts), facts.walk.gaps()
    for node in facts.walk.nodes:
        payload, touched = node.payload, touching(node.payload, ("list", node.slot), node.previous)
        place = layout.field_place(payload, SIZE)
        if not facts.is_block(payload):
            if not any(gap.start <= payload < gap.end + layout.header for gap in gaps):
                text, length = said("sys-heap-listed-inside", place=node.pointer), layout.form.field
                around = touched | touching(facts.holder(payload))
                role = "list-head" if node.previous is None else "next-free"
                hit = node.previous if node.previous is not None else facts.holder(payload)
                yield Fault("listed-not-free", node.pointer, length, hit, text, around, True, role)
        elif not facts.is_free(payload):
            yield Fault("listed-not-free", place, 1, payload, said("sys-heap-listed-used"), touched, True, "size-word")
        elif layout.slot_of(facts.size_of(payload)) != node.slot:
            right = layout.slot_of(facts.size_of(payload))
            text = said("sys-heap-wrong-list", list=node.slot, right=right)
            yield Fault("wrong-list", place, layout.form.field, payload, text, touched)


def _unlisted(facts: HeapFacts) -> Iterator[Fault]:
    layout = _of(facts)
    for payload, word in zip(facts.walk.payloads, facts.walk.words):
        slot = layout.slot_of(word & ~FLAG_BITS) if word & FREE_BIT and payload not in facts.listed else None
        if slot is not None and slot not in facts.walk.cut_slots:
            place = layout.field_place(payload, SIZE)
            touched = touching(payload, ("list", slot))
            yield Fault("free-not-listed", place, 1, payload, said("free-not-listed"), touched, True, "size-word")


def _bitmap(facts: HeapFacts) -> Iterator[Fault]:
    layout, place = _of(facts), _of(facts).control + 12
    word = layout.word32(facts.read, place)
    heads = facts.walk.heads
    if word is None or None in heads:
        return
    want = sum(1 << bucket for bucket, head in enumerate(heads) if head)
    if word != want:
        offset, length = first_difference(word, want, 4, layout.order)
        text = said("sys-heap-bitmap", place=place, stored=word, expected=want)
        touched = touching(*(("list", bucket) for bucket in range(32) if (word ^ want) >> bucket & 1))
        yield Fault("bitmap", place + offset, length, None, text, touched, True, "bitmap", want, word)


def _counters(facts: HeapFacts) -> Iterator[Fault]:
    layout = _of(facts)
    if not layout.form.stats or facts.walk.breaks:
        return
    word, place = layout.word, layout.control + 16
    free, allocated, most = (facts.read(place + number * word) for number in range(3))
    if free is None or allocated is None or most is None:
        return
    # Until 4.3 whole chunks count, since then only the bytes that a user can have.
    extra = layout.header + layout.form.trailer
    sums = [_sums(facts, 0), _sums(facts, extra)]
    for name, at, have, wants in (
        ("free_bytes", place, free, [one[0] for one in sums]),
        ("allocated_bytes", place + word, allocated, [one[1] for one in sums]),
    ):
        if have not in wants:
            text = said("sys-heap-counter", name=name, place=at, stored=have, expected=wants[1])
            yield Fault("counters", at, word, None, text, touching("counters"), True, "counter", None, have)
    if most < allocated:
        text = said("sys-heap-most", place=place + 2 * word, stored=most, allocated=allocated)
        yield Fault("counters", place + 2 * word, word, None, text, touching("counters"), True, "counter", None, most)


def _sums(facts: HeapFacts, extra: int) -> Tuple[int, int]:
    """Returns the bytes of listed free chunks and of used ones, each less `extra`."""
    layout, free, used = _of(facts), 0, 0
    for word in facts.walk.words:
        units = layout.units_of(word & ~FLAG_BITS)
        if not word & FREE_BIT:
            used += UNIT * units - extra
        elif layout.slot_of(word & ~FLAG_BITS) is not None:
            free += UNIT * units - extra
    return free, used


def _trailers(facts: HeapFacts) -> Iterator[Fault]:
    layout, guards = _of(facts), facts.guards
    if not isinstance(guards, Trailers):
        return
    for payload, want in guards.wanted.items():
        have = guards.stored[payload]
        if have != want:
            place = layout.trailer_place(payload, facts.size_of(payload))
            offset, length = first_difference(have, want, UNIT, layout.order)
            text = said("sys-heap-trailer", place=place)
            yield Fault(
                "trailer", place + offset, length, payload, text, touching(payload), True, "tail-canary", want, have
            )


def _no_trailers(facts: HeapFacts) -> Optional[Said]:
    unknown = _of(facts).form.trailer and not isinstance(facts.guards, Trailers)
    return said("sys-heap-trailers-unknown") if unknown else None


RULES = (
    SIZES,
    Rule("end-marker", "A used chunk of size 0 lies where end_chunk says.", _end_marker, "header"),
    Rule("left-size", "Each chunk repeats the size of the chunk to its left.", _left_sizes, "header"),
    Rule("trailer", "With hardening, each used chunk ends with its canary.", _trailers, "behind", lacks=_no_trailers),
    Rule("list-link", "Every next link leads to a free chunk.", _links, "inside"),
    Rule("list-cycle", "No list leads to a chunk twice but to its first.", struck="inside"),
    Rule("back-link", "Every prev link leads back to the chunk whose next link leads here.", _back_links, "inside"),
    Rule("listed-not-free", "Only free chunks are on lists.", _listed, "inside"),
    NEIGHBOURS,
    Rule("wrong-list", "Every free chunk is on the list of its size.", struck="header"),
    Rule("free-not-listed", "Every free chunk is on a list, unless it is too small for links.", _unlisted, "header"),
    Rule("bitmap", "A bit of avail_buckets is set exactly if its list has a chunk.", _bitmap, derived=True),
    Rule("control-constants", "Chunk 0 and end_chunk say what the heap's size asks for.", check_flaws),
    Rule("counters", "The counters of bytes are what the chunks say.", _counters, "counters", derived=True),
)
