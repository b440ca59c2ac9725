# SPDX-License-Identifier: Apache-2.0
"""Runs the rules that a heap's allocator brings. An allocator without rules gets no faults."""

from __future__ import annotations

from typing import List, Tuple

from gdbext.heap.facts import Fault, HeapFacts
from gdbext.model.reports.base import Skipped
from gdbext.model.said import said

# Most faults that are reported for each rule: a heap may be broken in every block, and more helps nobody.
_MOST_FAULTS = 100


def run_rules(facts: HeapFacts) -> Tuple[List[Fault], List[Skipped]]:
    """Returns the faults of one heap, and what could not be checked or is not shown."""
    faults: List[Fault] = []
    cut = said("reading-interrupted") if facts.cut else None  # what is missing says nothing of the heap then
    skipped = [
        Skipped("blocks", cut or said("unread-from", place=facts.layout.place_of_size(broken.payload)))
        for broken in facts.walk.breaks
        if broken.word is None
    ]
    for rule in facts.allocator.rules:
        found, lacks = list(rule.check(facts)), rule.lacks(facts)
        if len(found) > _MOST_FAULTS:
            skipped.append(Skipped(rule.id, said("more-places", places=len(found) - _MOST_FAULTS)))
        if lacks is not None:
            skipped.append(Skipped(rule.id, cut or lacks))
        faults += found[:_MOST_FAULTS]
    return faults, skipped


def struck_by(facts: HeapFacts, fault: Fault) -> str:
    """Returns which part of the heap a fault's rule is about, as `Rule.struck` names it; "" for a trace rule."""
    return next((rule.struck for rule in facts.allocator.rules if rule.id == fault.rule), "")
