# SPDX-License-Identifier: Apache-2.0
"""Recognises a sys_heap, in the form that its program was built with, and walks it.

Approach: chunk 0 holds struct z_heap, and its size tells whether the heap keeps counters and trailers. The end marker
is a used chunk of size 0 that lies where end_chunk says. If either was overwritten, each form and each end that chunks
lead to is tried, and the one with the most chunks that agree with their neighbours is taken.
Rejected: taking the form from Kconfig (an image has none).
Cost: a few words for a sound heap; a damaged one is walked once for each form.
"""

from __future__ import annotations

from typing import Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

from gdbext.heap.allocator import LARGEST_HEAP
from gdbext.heap.cover import NOTHING_KNOWN, Agrees, Evidence
from gdbext.heap.ends import PagedReader
from gdbext.heap.geometry import FLAG_BITS, Flaw, Pool
from gdbext.heap.sys_heap.layout import LEFT, NEXT, PREV, SIZE, UNIT, USED, Form, SysHeapLayout
from gdbext.heap.walk import LinkFault, Node, Walk, walk_pools
from gdbext.model.record import replace
from gdbext.model.said import Said, said
from gdbext.source.memory import Memory
from gdbext.source.snapshot import WordReader

_LARGEST_UNITS = LARGEST_HEAP // UNIT
_LARGEST_SMALL = 0x7FFF
_MOST_CHUNKS = 1 << 20
_SOUND = 8  # points of a head or an end marker that is as it must be
_BREAK = 4  # points that a break or a contradiction costs


class Reading(NamedTuple):
    """A heap in one form, and what speaks for it."""

    layout: SysHeapLayout
    head_fits: bool  # chunk 0 has the size that the form asks for
    end_fits: bool  # a used chunk of size 0 lies at the end
    chunks: int  # that agree with their neighbours, less what speaks against the form
    doubtful: bool  # true if a break, a list or the bitmap speaks against the form


def forms(memory: Memory) -> Iterator[Form]:
    """Yields every form that a program with this width of pointers may have."""
    word, order = memory.source.pointer_size, memory.source.byte_order
    for big in (True,) if word == 8 else (False, True):
        for trailer in (0, UNIT):
            for stats in (False, True):
                yield Form(word, order, big, stats, trailer)


def recognise_sys_heap(memory: Memory, address: int, claimed: bool, owner: int = 0) -> Optional[Reading]:
    """Returns the heap at an address. `claimed`: its user says that one is there, so it may be damaged."""
    if address % UNIT:
        return None
    memory.allow(address, address + UNIT * 4)
    read: WordReader = PagedReader(memory, address)
    probe = _layout(next(forms(memory)), address, 1, owner)
    stored = probe.word32(read, address + 8)
    if stored is None:
        return None
    sound = [one for form in forms(memory) for one in _in_form(memory, read, form, address, stored, owner, True)]
    if sound:
        return max(sound, key=lambda one: one.chunks)
    if not claimed:
        return None
    found: List[Reading] = []
    for form in forms(memory):
        ends = dict.fromkeys([stored, *_ends(memory, read, form, address)])
        found += [one for end in ends for one in _in_form(memory, read, form, address, end, owner)]
    best = max(found, key=_points, default=None)
    return best if best is not None and best.chunks else None


def _points(reading: Reading) -> int:
    return reading.chunks + _SOUND * (reading.head_fits + reading.end_fits)


def _in_form(
    memory: Memory, read: WordReader, form: Form, address: int, end: int, owner: int, sound: bool = False
) -> Iterator[Reading]:
    """Yields the heap in one form with this end; nothing if it cannot have that end, or if its chunk 0 or its end
    marker is wrong and they must be `sound`: then no chunk is looked at.
    """
    if not form.head_units(1) < end <= (_LARGEST_UNITS if form.big else _LARGEST_SMALL):
        return
    layout = _layout(form, address, end, owner)
    head, left = layout.field(read, address + layout.header, SIZE), layout.field(read, address + layout.header, LEFT)
    head_fits = (head, left) == (form.head_units(end) << 1 | USED, 0)
    if head_fits:
        memory.allow(address, address + UNIT * end + layout.header)
    marker = layout.field(read, layout.payload_of(end), SIZE)
    if sound and not (head_fits and marker == USED):
        return
    agreeing, against = _agreeing(layout, read)
    yield Reading(layout, head_fits, marker == USED, agreeing - _BREAK * against, against > 0)


def _layout(form: Form, address: int, end: int, owner: int) -> SysHeapLayout:
    header = 2 * form.field
    first, behind = address + UNIT * form.head_units(end) + header, address + UNIT * end + header
    name = f"sys-heap-{'big' if form.big else 'small'}-{8 * form.word}{'-trailers' if form.trailer else ''}"
    return SysHeapLayout(
        name=name, word=form.word, align=header, header=header, smallest=UNIT - header, control=address,
        pools=(Pool(first, max(first, behind)),), flaws=(), form=form, end_chunk=end, owner=owner,
    )  # fmt: skip


def _ends(memory: Memory, read: WordReader, form: Form, address: int) -> Iterator[int]:
    """Yields the chunk at which a chain of chunks from chunk 0, or from behind its usual sizes, meets an end marker."""
    layout = _layout(form, address, _LARGEST_SMALL, 0)
    head = layout.field(read, address + layout.header, SIZE)
    starts = [] if head is None else [head >> 1]
    starts += range(form.head_units(1), form.head_units(_LARGEST_UNITS) + 1)
    for start in dict.fromkeys(starts):
        chunk, steps = start, 0
        last = (memory.known_end(address) - address - layout.header) // UNIT  # memory may end right behind the marker
        while 0 < chunk <= last and steps < _MOST_CHUNKS:
            value = layout.field(read, layout.payload_of(chunk), SIZE)
            if value is None or value < 2:
                if value == USED and steps:
                    yield chunk
                break
            chunk, steps = chunk + (value >> 1), steps + 1


def _agreeing(layout: SysHeapLayout, read: WordReader) -> Tuple[int, int]:
    """Returns how many chunks agree with the chunk behind them, and how often breaks, lists and bitmap disagree."""
    agrees = left_agrees(layout, read)
    walk = walk_sys_heap(layout, read)
    sound = sum(1 for p, w in zip(walk.payloads, walk.words) if agrees(p, w, p + (w & ~FLAG_BITS) + layout.header))
    listed = sum(1 << bucket for bucket, head in enumerate(walk.heads) if head)
    misplaced = sum(1 for node in walk.nodes if _bucket(layout, read, node.payload) != node.slot)
    against = len(walk.breaks) + len(walk.faults) + misplaced + (layout.word32(read, layout.control + 12) != listed)
    return sound, against


def _bucket(layout: SysHeapLayout, read: WordReader, payload: int) -> int:
    """Returns the list that a chunk's size belongs on."""
    return layout.form.bucket_of((layout.field(read, payload, SIZE) or 0) >> 1)


def control_flaws(layout: SysHeapLayout, read: WordReader) -> Iterator[Flaw]:
    """Yields what is wrong with chunk 0's header and with end_chunk."""
    form, place = layout.form, layout.control
    want = form.head_units(layout.end_chunk) << 1 | USED
    for field, expected in ((LEFT, 0), (SIZE, want)):
        value = layout.field(read, place + layout.header, field)
        if value is not None and value != expected:
            at = layout.field_place(place + layout.header, field)
            text = said("sys-heap-head", place=at, stored=value, expected=expected)
            yield Flaw("control-constants", at, form.field, text, "constant", expected, value)
    stored = layout.word32(read, place + 8)
    if stored is not None and stored != layout.end_chunk:
        text = said("sys-heap-end-chunk", place=place + 8, stored=stored, expected=layout.end_chunk)
        yield Flaw("control-constants", place + 8, 4, text, "constant", layout.end_chunk, stored)


def left_agrees(layout: SysHeapLayout, read: WordReader) -> Agrees:
    """Returns a check of a chunk: the one behind it must repeat its size."""

    def agrees(payload: int, word: int, following: int) -> bool:
        left = layout.field(read, following, LEFT)
        return left is None or left == layout.units_of(word & ~FLAG_BITS)

    return agrees


def walk_sys_heap(layout: SysHeapLayout, read: WordReader, evidence: Evidence = NOTHING_KNOWN) -> Walk:
    """Returns every chunk that can be proven, with the lists of the free ones."""
    walk = Walk(layout)
    seen: Set[int] = set()
    for bucket in range(layout.buckets):
        place = layout.head_place(bucket)
        head = layout.word32(read, place)
        walk.heads.append(head)
        if head is None:
            walk.cut_slots.add(bucket)
        elif head:
            _follow(walk, layout, read, bucket, head, seen)
    walk_pools(walk, read, left_agrees(layout, read), evidence)
    return walk


def _follow(walk: Walk, layout: SysHeapLayout, read: WordReader, bucket: int, head: int, seen: Set[int]) -> None:
    place, chunk, previous = layout.head_place(bucket), head, None
    own: Dict[int, None] = {}
    while not (chunk == head and own):
        payload = layout.payload_of(chunk)
        rule, why = _problem(layout, read, payload, chunk, previous, seen)
        if why is not None:
            target = payload if layout.pool_of(payload) is not None else None
            walk.faults.append(LinkFault(rule, place, chunk, bucket, previous, payload, target, why))
            walk.cut_slots.add(bucket)
            return
        seen.add(payload)
        own[payload] = None
        following = layout.field(read, payload, NEXT)
        walk.nodes.append(Node(payload, bucket, place, previous, following, layout.field(read, payload, PREV)))
        if following is None:
            walk.cut_slots.add(bucket)
            return
        place, chunk, previous = layout.field_place(payload, NEXT), following, payload


def _problem(
    layout: SysHeapLayout, read: WordReader, payload: int, chunk: int, previous: Optional[int], seen: Set[int]
) -> Tuple[str, Optional[Said]]:
    """Returns the rule that a link breaks, and why it cannot be followed; None if it can."""
    if not 0 < chunk < layout.end_chunk or layout.pool_of(payload) is None:
        return "list-link", said("sys-heap-leads-outside")
    if payload in seen:
        return "list-cycle", said("sys-heap-leads-twice")
    value = layout.field(read, payload, SIZE)
    back = layout.field(read, payload, PREV)
    expected = None if previous is None else layout.chunk_at(previous)
    # A chunk that is marked used stays on its list if it is linked back to the one before it, or if its header is one
    # that no chunk has: then that is what was overwritten.
    behind = layout.payload_of(chunk + (value >> 1)) if value is not None else 0
    sound = value is not None and value > USED and layout.field(read, behind, LEFT) == value >> 1
    if value is not None and value & USED and sound and (expected is None or back != expected):
        return "list-link", said("sys-heap-leads-used")
    return "", None


def with_flaws(layout: SysHeapLayout, read: WordReader) -> SysHeapLayout:
    """Returns the layout with what is wrong in its control data."""
    return replace(layout, flaws=tuple(control_flaws(layout, read)))
