# SPDX-License-Identifier: Apache-2.0
"""Checks what the calls at a stop gave to the allocator, or were about to get from it.

Approach: the debugger's frames name the pointer, and the heap shows what it is: a free block, a place inside of a
block, another heap's block, or no heap's at all. No trace is needed. Where the trace tells the same, its rules do.
Rejected: to call a used block of the heap that it was given to wrong. It is what a free should get; that the
allocator died of it has another cause.
Assumptions: a pointer into the guards in front of a block's user means the block: an inner function has it.
"""

from __future__ import annotations

from typing import Iterator, List, Optional, Sequence, Tuple

from gdbext.analyse.rules import struck_by
from gdbext.analyse.rules_trace import TraceRule
from gdbext.analyse.suspects import Witness
from gdbext.heap.facts import Fault, HeapFacts
from gdbext.heap.names import is_named_by, owners_of
from gdbext.heap.registry import FAMILIES
from gdbext.model.diagnosis import Given
from gdbext.model.said import said


def _freed_again(witness: Witness) -> Iterator[Fault]:
    facts, given = witness.facts, witness.given
    holder = None if given is None or given.handed_out else facts.holder(given.pointer)
    if given is not None and holder is not None and holder in facts.listed:
        block = user_of(facts, given)
        text = said("double-free", block=block)
        yield Fault("double-free", block, 0, facts.raw(block), text, frozenset((facts.raw(block), holder)), False)


def _freed_wrongly(witness: Witness) -> Iterator[Fault]:
    facts, given = witness.facts, witness.given
    if given is None or given.handed_out:
        return
    holder, block = facts.holder(given.pointer), user_of(facts, given)
    if given.read is not None:
        text = said("given-nowhere", pointer=given.pointer, function=given.function, place=given.what)
        yield Fault("refused-free", given.pointer, 0, None, text, frozenset(), False)
    elif holder is None or facts.is_free(holder):
        return
    elif block != facts.user(holder):
        if not any(facts.holder(heap) == holder for heap in given.heaps):  # a heap may lie in a block of another
            owner = facts.user(holder)
            text = said("refused-inside", pointer=block, offset=block - owner, block=owner)
            yield Fault("refused-free", block, 0, facts.raw(block), text, frozenset((facts.raw(block), holder)), False)
    elif (stranger := foreign_function(facts, given)) is not None:
        text = said("given-foreign", block=block, function=stranger, kind=facts.region.kind)
        yield Fault("refused-free", block, 0, holder, text, frozenset((holder,)), False)
    elif given.heaps and not {facts.region.address, facts.layout.control} & {*given.heaps}:
        text = said("given-other", block=block, function=given.function, heap=given.heaps[0])
        yield Fault("refused-free", block, 0, holder, text, frozenset((holder,)), False)


def foreign_function(facts: HeapFacts, given: Given) -> Optional[str]:
    """Returns the function that a block of this heap was given to although it frees another allocator's blocks. None if
    one of the calls is of the heap's own allocator, or if nobody knows whose they are.
    """
    own = next((name for name, family in FAMILIES.items() if facts.region.kind in family.kinds), "")
    known = [(name, owners_of(name)) for name in given.functions]
    if not FAMILIES[own].frees or any(own in families or is_named_by(own, name) for name, families in known):
        return None
    return next((name for name, families in known if families), None)


def _handed_out(witness: Witness) -> Iterator[Fault]:
    facts, given = witness.facts, witness.given
    holder = None if given is None or not given.handed_out else facts.holder(given.pointer)
    if given is None or holder is None:
        return
    block = facts.user(holder)
    changed = facts.guards.changed_free(facts.snapshot.prefix(block, facts.requested(holder) or 0))
    if changed is not None:
        text = said("handed-out-changed", block=block, function=given.function)
        at = block + changed.start if changed else block
        yield Fault("handed-out", at, len(changed), holder, text, frozenset((holder,)), False)


GIVEN_RULES: Tuple[TraceRule, ...] = (
    TraceRule("double-free", "What is given to free is not free already.", _freed_again, "damage"),
    TraceRule("refused-free", "What is given to free is a block of the heap that it is given to.", _freed_wrongly),
    TraceRule("handed-out", "What malloc hands out has kept its fill since it was freed.", _handed_out, "damage"),
)


def run_given_rules(witness: Witness, broken: Sequence[Fault]) -> List[Fault]:
    """Returns what is wrong with the pointer at the stop, unless other damage to the same block is the reason."""
    explained = {thing for fault in broken if struck_by(witness.facts, fault) != "counters" for thing in fault.touches}
    found = [fault for rule in GIVEN_RULES for fault in rule.check(witness)]
    return [fault for fault in found if not fault.touches & explained]


def user_of(facts: HeapFacts, given: Given) -> int:
    """Returns the pointer as the block's user has it: an inner function got one that lies in front of it."""
    holder = facts.holder(given.pointer)
    inner = holder is not None and holder <= given.pointer < facts.user(holder)
    return given.pointer if holder is None or not inner else facts.user(holder)
