# SPDX-License-Identifier: Apache-2.0
"""The invariants of RT-Thread's small memory: marks, blocks that lead to the next one and back, and the object's words.

Approach: mem.c looks at the block that is freed, `memcheck` at all marks. Here every item is looked at, and what stands
behind damage too. The last item's prev is not looked at: mem.c leaves what the last join has written.
"""

from __future__ import annotations

from typing import Iterator, List, Optional

from gdbext.heap.facts import Fault, HeapFacts, Rule, once
from gdbext.heap.geometry import narrowed
from gdbext.heap.offsets import NEXT, PREV
from gdbext.heap.rtthread_mem.layout import SmallMemLayout
from gdbext.heap.rules import NEIGHBOURS, check_flaws, first_difference, touching
from gdbext.model.said import Said, said


def _check_mark(facts: HeapFacts) -> Iterator[Fault]:
    layout = narrowed(facts.layout, SmallMemLayout)
    links, width = layout.links(facts.read), layout.mark_bytes
    for payload in facts.walk.payloads:
        place = payload - layout.header
        one = links(place)
        if one is None or one.marked:
            continue
        want = layout.mark_of(not facts.is_free(payload))
        stored, wanted = layout.mark_stored(one.mark), layout.mark_stored(want)
        offset, length = first_difference(stored, wanted, width, layout.order)
        text = said("rtt-mark", place=place, stored=stored, expected=wanted)
        touched = touching(payload)
        yield Fault("block-mark", place + offset, length, payload, text, touched, False, "constant", wanted, stored)


def _check_end(facts: HeapFacts) -> Iterator[Fault]:
    layout = narrowed(facts.layout, SmallMemLayout)
    header = layout.end - layout.header
    one = layout.links(facts.read)(header)
    if one is None:
        return
    own, place = header - layout.base, layout.place_of_size(layout.end)
    mark = one.mark if one.marked and one.used else layout.mark_of(True)
    wanted = (
        (layout.mark_stored(one.mark), layout.mark_stored(mark), header, layout.mark_bytes),
        (one.next, own, place, layout.word),
    )
    for stored, want, at, length in wanted:
        if stored != want:
            offset, changed = first_difference(stored, want, length, layout.order)
            text, touched = said("rtt-end", place=at, stored=stored, expected=want), touching(layout.end)
            yield Fault("end-marker", at + offset, changed, layout.end, text, touched, False, "size-word", want, stored)


@once
def _unsound(facts: HeapFacts) -> Optional[Said]:
    """Says why it is not known which blocks are free; returns None if it is."""
    return said("rtt-unsound") if facts.walk.breaks or any(_check_mark(facts)) else None


def _check_lfree(facts: HeapFacts) -> Iterator[Fault]:
    """3.1 leaves lower free blocks behind after rt_realloc, so that any free block is right."""
    layout = narrowed(facts.layout, SmallMemLayout)
    if layout.lfree is None or _unsound(facts) is not None:
        return
    place, stored = layout.lfree
    payload, free = stored + layout.header, [one for one in facts.walk.payloads if facts.is_free(one)]
    if payload in free or (payload == layout.end and (not free or layout.own is None)):
        return
    want = (free[0] if free else layout.end) - layout.header
    text = said("rtt-lfree", place=place, stored=stored)
    yield Fault("lowest-free", place, layout.word, None, text, touching("control"), True, "pointer", want, stored)


def _check_used(facts: HeapFacts) -> Iterator[Fault]:
    layout = narrowed(facts.layout, SmallMemLayout)
    if layout.own is None or _unsound(facts) is not None:
        return
    stored, place, header = layout.own.words[2], layout.own.place - 2 * layout.word, layout.header
    want = sum(size + header for _, size in facts.walk.used())
    if stored != want:
        text, wrong = said("rtt-used", place=place, stored=stored, expected=want), _turned(facts, want - stored)
        yield Fault(
            "used-bytes", place, layout.word, wrong, text, touching("control", wrong), True, "counter", want, stored
        )


def _turned(facts: HeapFacts, more: int) -> Optional[int]:
    """Returns the block whose bit for `in use` explains a wrong counter; None if there is none. Of several it is the
    one that is free and lies in front of lfree, else none.
    """
    found: List[int] = [
        payload
        for payload in facts.walk.payloads
        if facts.size_of(payload) + facts.layout.header == abs(more) and facts.is_free(payload) == (more < 0)
    ]
    lfree = narrowed(facts.layout, SmallMemLayout).lfree
    low = [payload for payload in found if more < 0 and lfree is not None and payload < lfree[1]]
    best = low or found
    return best[0] if len(best) == 1 else None


RULES = (
    Rule("block-mark", "Each item has the heap's mark.", _check_mark, "header"),
    NEXT,
    Rule("end-marker", "The last item is in use and leads to itself.", _check_end, "header"),
    PREV,
    NEIGHBOURS,
    Rule("object-members", "The object says where its heap lies and how large it is.", check_flaws),
    Rule("lowest-free", "lfree leads to a free block.", _check_lfree, "counters", derived=True, lacks=_unsound),
    Rule("used-bytes", "used counts the bytes in use.", _check_used, "counters", derived=True, lacks=_unsound),
)
