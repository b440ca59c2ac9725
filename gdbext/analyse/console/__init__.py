# SPDX-License-Identifier: Apache-2.0
"""Says what happened on a device, from the crashes that its console text tells of.

Approach: rules in an order; the first that fits judges. What a message shows comes before what numbers suggest, and a
rule says no more than the text shows: `shown`, else `likely`, else `possible`. What follows from a crash is no crash of
its own, and the same crash after each start is said once.
Rejected: a score for each situation (nobody could say why a crash is called what it is called).
Limits: a text without names mostly shows where damage was found, not where it was done.
"""

from __future__ import annotations

from typing import Iterable, List, Optional, Tuple

from gdbext.analyse.console import rules_fault, rules_heap, rules_plain
from gdbext.analyse.console.advice import advice
from gdbext.analyse.console.case import Case, Names, Verdict
from gdbext.analyse.console.messages import (
    ELSEWHERE,
    IN_ALLOCATOR,
    LIKELY,
    OF_A_HEAP,
    POSSIBLE,
    STACK_OVERFLOW,
    UNKNOWN,
    WATCHDOG,
)
from gdbext.model.console import Crash
from gdbext.model.record import replace
from gdbext.model.reports.explain import Explained
from gdbext.model.said import Said, said

_RULES = (
    rules_heap.of_marks,
    rules_heap.of_own_check,
    rules_heap.of_message,
    rules_plain.of_stack,
    rules_plain.of_wrong_place,
    rules_heap.of_allocator_assertion,
    rules_heap.of_text,
    rules_plain.of_memory,
    rules_plain.of_watchdog,
    rules_plain.of_filled_stack,
    rules_fault.of_fault,
    rules_plain.of_assertion,
    rules_plain.of_abort,
    rules_plain.of_kernel,
    rules_plain.of_reset,
    rules_plain.of_refusal_alone,
    rules_plain.of_nothing,
)
_CONSEQUENCES = (IN_ALLOCATOR, ELSEWHERE, UNKNOWN, WATCHDOG)
_CLOSE = 400  # lines between a crash and what follows from it
MOST_CRASHES = 4096  # that something is said of
_SHOWN_FRAMES = 3
_OF_HANDLER = "kernel/fatal.c:"  # Zephyr's, which asserts as well when it is not left


def explained(crashes: Iterable[Crash], names: Names) -> Tuple[Explained, ...]:
    """Returns what happened, in the order of the text: one for each crash."""
    found: List[Explained] = []
    last: Optional[Crash] = None
    for crash in crashes:
        one = _judged(Case(crash, names(crash)))
        if one is None:
            continue
        if last is not None and _follows(last, found[-1], crash, one):
            first = found[-1]
            both = first.situation == one.situation == WATCHDOG
            more = said("watchdog-follows") if both else said("followed", line=crash.line)
            if more.key not in [part.key for part in first.text]:
                found[-1] = replace(first, text=(*first.text, more))
        elif len(found) < MOST_CRASHES:
            found.append(one)
        last = replace(crash, before=(), stack=())
    return tuple(_repeated(found))


def _judged(case: Case) -> Optional[Explained]:
    """Returns what happened; None if what looked like a crash was none."""
    crash = case.crash
    verdict = next(filter(None, (rule(case) for rule in _RULES)), None)
    if verdict is None:
        return None
    text = (_headline(verdict), *verdict.text[1:], *_who(case, verdict), *_about_dump(case, verdict))
    return Explained(
        verdict.situation,
        verdict.certainty,
        crash.line,
        crash.chip,
        crash.framework,
        verdict.addresses,
        verdict.expected,
        verdict.got,
        verdict.got_is,
        verdict.by,
        case.frames,
        text,
        advice(case, verdict),
        case.facts.task or crash.task,
        crash.core,
    )


def _headline(verdict: Verdict) -> Said:
    """The answer, with how sure it is."""
    if verdict.certainty == LIKELY:
        return said("answer-likely", what=verdict.text[0])
    return said("answer-possible", what=verdict.text[0]) if verdict.certainty == POSSIBLE else verdict.text[0]


def _who(case: Case, verdict: Verdict) -> List[Said]:
    """The application's innermost frame: of damage, where it was found."""
    own = case.own_frame()
    if own is None or own.function is None:
        return []
    if own.file is None or own.line is None:
        return [said("own-frame", function=own.function)]
    if verdict.situation in OF_A_HEAP:
        return [said("own-frame-found", function=own.function, file=own.file, line=own.line)]
    return [said("own-frame-at", function=own.function, file=own.file, line=own.line)]


def _about_dump(case: Case, verdict: Verdict) -> List[Said]:
    """What of the dump must not be taken for more than it is."""
    text: List[Said] = []
    facts, registers = case.facts, case.crash.named_registers
    gave_up = facts.abort is not None or facts.assertion is not None or facts.silent is not None
    if gave_up and facts.panic is None and facts.fault is None and "mcause" in registers:
        text.append(said("cause-of-abort"))
    task = facts.task or case.crash.task
    if task is not None and not any(name == "task" for one in verdict.text for name, _ in one.values):
        text.append(said("in-task", task=task))
    if case.is_cut:
        text.append(said("cut-dump"))
    return text


def _follows(earlier: Crash, first: Explained, later: Crash, second: Explained) -> bool:
    """Tells whether a crash comes of the one before it, in the same start of the device."""
    end = earlier.lines[-1].number if earlier.lines else earlier.line
    if earlier.start != later.start or later.line - end > _CLOSE:
        return False
    if "NuttX" in (later.framework or "") or any(_OF_HANDLER in line.text for line in later.lines[:1]):
        return True
    causes = (*OF_A_HEAP, STACK_OVERFLOW, WATCHDOG)
    return first.situation in causes and second.situation in _CONSEQUENCES


def _repeated(found: List[Explained]) -> List[Explained]:
    """Counts crashes in a row that are the same: a boot loop."""
    told: List[Explained] = []
    for one in found:
        first = next((other for other in reversed(told) if other.same_as is None), None)
        if first is not None and _sign(first) == _sign(one):
            told[told.index(first)] = replace(first, times=first.times + 1)
            told.append(replace(one, same_as=first.line, text=(said("same-as", line=first.line),), next=()))
        else:
            told.append(one)
    return [
        replace(one, text=(*one.text, said("same-times", count=one.times))) if one.times > 1 else one for one in told
    ]


def _sign(one: Explained) -> Tuple[object, ...]:
    pcs = tuple(frame.pc for frame in one.backtrace[:_SHOWN_FRAMES])
    return one.situation, one.addresses, one.got, one.chip, pcs, one.text[0]
