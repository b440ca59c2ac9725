# SPDX-License-Identifier: Apache-2.0
"""The invariants of ESP-IDF's heap poisoning: canaries around used blocks, fills in free ones and in slack."""

from __future__ import annotations

from typing import FrozenSet, Iterator

from gdbext.heap.facts import Fault, HeapFacts, Rule
from gdbext.heap.geometry import FREE_BIT
from gdbext.heap.rules import first_difference, touching
from gdbext.heap.tlsf.poison import FREE_FILL, HEAD, TAIL, Poison, fills_of
from gdbext.model.said import said

_WIDTH = 4
_NAME_AND_HANDLE = 48
_BEFORE_TASKS = b"Pre-scheduler"  # the name of a task entry without a handle


def _poison(facts: HeapFacts) -> Poison:
    assert isinstance(facts.guards, Poison)
    return facts.guards


def check_head(facts: HeapFacts) -> Iterator[Fault]:
    """Yields the used blocks with a wrong head canary."""
    for payload, _ in facts.walk.used() if _poison(facts).head else ():
        value = facts.read32(payload)
        if value is not None and value != HEAD:
            offset, length = first_difference(value, HEAD, _WIDTH, facts.snapshot.byte_order)
            text = said("head-canary", place=payload, stored=value, expected=HEAD)
            yield Fault(
                "poison-head", payload + offset, length, payload, text, touching(payload), True,
                "head-canary", HEAD, value,
            )  # fmt: skip


def check_length(facts: HeapFacts) -> Iterator[Fault]:
    """Yields the used blocks whose requested length, a word of the poison, does not fit the block."""
    for payload, size in facts.walk.used() if _poison(facts).head else ():
        place = _poison(facts).length_place(payload)
        value = facts.read32(place)
        if value is not None and _poison(facts).requested(facts.snapshot, payload, size) is None:
            text, touched = said("requested-length", place=place, stored=value, size=size), touching(payload)
            yield Fault("poison-length", place, _WIDTH, payload, text, touched, True, "requested-length", None, value)


def check_owner(facts: HeapFacts) -> Iterator[Fault]:
    """Yields the blocks whose owner word is no task's handle. The first block is left out: in 5.2.0 it is the table of
    heaps and has no owner.
    """
    first, poison = facts.layout.first, _poison(facts)
    places = ((raw, poison.owner_place(raw)) for raw, _ in facts.walk.used() if raw != first)
    words = {raw: facts.read32(place) or 0 for raw, place in places if place is not None}
    strange = frozenset(poison.strangers(words))
    handles = frozenset(word for raw, word in words.items() if raw not in strange)
    for raw in sorted(strange):
        place = poison.owner_place(raw) or 0
        if _is_about_task(facts, raw, place, handles):
            continue
        text = said("owner-word", place=place, stored=words[raw])
        yield Fault("owner-word", place, _WIDTH, raw, text, touching(raw), True, "owner-word", None, words[raw])


def _is_about_task(facts: HeapFacts, raw: int, place: int, handles: FrozenSet[int]) -> bool:
    """True if a block is an entry of 5.5's task tracking: the task's name and handle. It has no owner word."""
    data = facts.snapshot.prefix(place, min(_NAME_AND_HANDLE, facts.end_of(raw) - place))
    name = data.split(b"\0")[0]
    if not name or len(name) == len(data) or not (name.isascii() and name.decode().isprintable()):
        return False
    words = (facts.read32(at) for at in range(place + _WIDTH, place + len(data) - _WIDTH + 1, _WIDTH))
    return name == _BEFORE_TASKS or any(word in handles for word in words if word)


def check_tail(facts: HeapFacts) -> Iterator[Fault]:
    """Yields the used blocks with a wrong tail canary."""
    for payload, size in facts.walk.used() if _poison(facts).head else ():
        requested = _poison(facts).requested(facts.snapshot, payload, size)
        if requested is None:
            continue
        place = payload + facts.shift + requested
        value = facts.read32(place)
        if value is not None and value != TAIL:
            offset, count = first_difference(value, TAIL, _WIDTH, facts.snapshot.byte_order)
            text = said("tail-canary", place=place, stored=value, expected=TAIL)
            touched = touching(payload, payload + size + facts.layout.header)
            yield Fault("poison-tail", place + offset, count, payload, text, touched, True, "tail-canary", TAIL, value)


def check_fill(facts: HeapFacts) -> Iterator[Fault]:
    """Yields the blocks whose fill of comprehensive poisoning was overwritten."""
    if _poison(facts).kind != "comprehensive":
        return
    fill = bytes([FREE_FILL])
    for payload, word in zip(facts.walk.payloads, facts.walk.words):
        for start, data in fills_of(facts.snapshot, payload, word, _poison(facts)):
            if data.count(FREE_FILL) == len(data):
                continue
            changed = len(data) - len(data.lstrip(fill))
            length = len(data.rstrip(fill)) - changed
            place, touched = start + changed, touching(payload, facts.end_of(payload) + facts.layout.header)
            rule, text = "poison-slack", said("fill-behind", bytes=length, place=place, fill=FREE_FILL)
            if word & FREE_BIT:
                rule, text = "poison-fill", said("fill-inside", bytes=length, place=place, fill=FREE_FILL)
            yield Fault(rule, place, length, payload, text, touched, True, "fill", FREE_FILL, None)


AROUND = (
    Rule("poison-tail", "Behind the bytes of a used block stands its tail canary.", check_tail, "behind"),
    Rule("poison-head", "In front of a used block stands its head canary.", check_head, "before"),
    Rule("poison-length", "The requested length fits its block.", check_length, "before"),
    Rule(
        "owner-word",
        "With task tracking, a used block has the handle of a task, as others have, or none.",
        check_owner,
        "before",
    ),
)
FILLS = (
    Rule("poison-fill", "The inside of a free block keeps its fill.", check_fill, "inside"),
    Rule("poison-slack", "The slack behind a used block's tail canary keeps its fill.", struck="behind"),
)
