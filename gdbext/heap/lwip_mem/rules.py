# SPDX-License-Identifier: Apache-2.0
"""The invariants of mem.c: blocks that lead to the next one and back, and the guards of MEM_OVERFLOW_CHECK.

Approach: mem.c itself looks at the neighbours of the block that is freed, and at all of them with MEM_SANITY_CHECK.
Here every block is looked at, and what stands behind damage too.
"""

from __future__ import annotations

from typing import Iterator, Optional, Tuple

from gdbext.heap.facts import Fault, HeapFacts, Rule, once
from gdbext.heap.geometry import narrowed
from gdbext.heap.lwip_mem.guards import FILL, REGION, OverflowCheck
from gdbext.heap.lwip_mem.layout import LwipLayout
from gdbext.heap.offsets import NEXT, PREV
from gdbext.heap.rules import NEIGHBOURS, check_flaws, first_difference, touching
from gdbext.model.said import Said, said


def _check_used(facts: HeapFacts) -> Iterator[Fault]:
    layout = narrowed(facts.layout, LwipLayout)
    links = layout.links(facts.read)
    for payload in facts.walk.payloads:
        header = payload - layout.header
        one = links(header)
        if one is not None and one.used > 1:
            place = header + 2 * layout.form.width
            text = said("lwip-used", place=place, stored=one.used)
            yield Fault("block-used", place, 1, payload, text, touching(payload), False, "constant", 1, one.used)


def _check_end(facts: HeapFacts) -> Iterator[Fault]:
    layout = narrowed(facts.layout, LwipLayout)
    header, width = layout.end - layout.header, layout.form.width
    one, own = layout.links(facts.read)(header), header - layout.control
    if one is None:
        return
    wanted = (
        (one.next, own, header, width),
        (one.prev, own, header + width, width),
        (one.used, 1, header + 2 * width, 1),
    )
    for stored, want, place, length in wanted:
        if stored != want:
            offset, changed = first_difference(stored, want, length, layout.order)
            text, touched = said("lwip-end", place=place, stored=stored, expected=want), touching(layout.end)
            yield Fault(
                "end-marker", place + offset, changed, layout.end, text, touched, False, "size-word", want, stored
            )


def _wrong(data: Optional[bytes]) -> Optional[Tuple[int, int]]:
    """Returns the offset of the first byte that is not the fill, and the bytes up to the last one; None if all are."""
    wrong = [at for at, (one, fill) in enumerate(zip(data or b"", FILL)) if one != fill]
    return (wrong[0], wrong[-1] - wrong[0] + 1) if wrong else None


def _check_behind(facts: HeapFacts) -> Iterator[Fault]:
    check = facts.guards
    for raw, size in facts.walk.used() if isinstance(check, OverflowCheck) else ():
        requested = facts.requested(raw)
        start = raw + REGION + (requested or 0)
        wrong = None if requested is None else _wrong(facts.snapshot.get(start, REGION))
        if wrong is not None:
            text, place = said("lwip-behind", bytes=wrong[1], place=start + wrong[0]), start + wrong[0]
            touched = touching(raw, raw + size + facts.layout.header)
            yield Fault("guard-behind", place, wrong[1], raw, text, touched, True, "fill", FILL[0], None)


def _check_before(facts: HeapFacts) -> Iterator[Fault]:
    for raw, _ in facts.walk.used() if isinstance(facts.guards, OverflowCheck) else ():
        wrong = _wrong(facts.snapshot.get(raw, REGION))
        if wrong is not None:
            text, place = said("lwip-before", bytes=wrong[1], place=raw + wrong[0]), raw + wrong[0]
            yield Fault("guard-before", place, wrong[1], raw, text, touching(raw), True, "fill", FILL[0], None)


def _check_length(facts: HeapFacts) -> Iterator[Fault]:
    check = facts.guards
    if not isinstance(check, OverflowCheck):
        return
    for raw, size in facts.walk.used():
        stored = check.length(facts.snapshot, raw)
        if stored is not None and facts.requested(raw) is None:
            place = check.length_place(raw)
            text = said("lwip-length", place=place, stored=stored, size=size)
            yield Fault(
                "guard-length", place, check.width, raw, text, touching(raw), True, "requested-length", None, stored
            )


@once
def _unsound(facts: HeapFacts) -> Optional[Said]:
    """Says why the lowest free block is not known; returns None if it is."""
    return said("lwip-unsound") if facts.walk.breaks or any(_check_used(facts)) else None


def _check_lfree(facts: HeapFacts) -> Iterator[Fault]:
    layout = narrowed(facts.layout, LwipLayout)
    one = layout.lfree
    if one is None or _unsound(facts) is not None:
        return
    lowest = next((payload for payload in facts.walk.payloads if facts.is_free(payload)), layout.end)
    want = lowest - layout.header
    if layout.is_open and lowest == layout.end:
        return
    if one.value != want:
        text = said("lwip-pointer", name=one.name, place=one.place, stored=one.value, expected=want)
        yield Fault(
            "lowest-free", one.place, layout.word, None, text, touching("control"), True, "pointer", want, one.value
        )


GUARDS = (
    Rule("guard-behind", "Behind a user's bytes stand 16 bytes cd (MEM_OVERFLOW_CHECK).", _check_behind, "behind"),
    Rule("guard-before", "In front of a user's bytes stand 16 bytes cd (MEM_OVERFLOW_CHECK).", _check_before, "before"),
    Rule("guard-length", "A block has room for its user_size and the guards.", _check_length, "before"),
)
RULES = (
    NEXT,
    Rule("end-marker", "The last header is in use and leads to itself.", _check_end, "header"),
    PREV,
    Rule("block-used", "A block's used is 0 or 1.", _check_used, "header"),
    *GUARDS,
    NEIGHBOURS,
    Rule("heap-pointers", "ram and ram_end are where the heap begins and ends.", check_flaws),
    Rule(
        "lowest-free", "lfree leads to the lowest free block.", _check_lfree, "counters", derived=True, lacks=_unsound
    ),
)
