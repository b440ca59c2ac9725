# SPDX-License-Identifier: Apache-2.0
"""What the other ends of a program show: stacks, memory that ran out, watchdogs, assertions of its own, resets.

No sentence of these is about a heap: nothing has happened to one as far as the text tells.
"""

from __future__ import annotations

import re
from itertools import groupby
from typing import List, Optional

from gdbext.analyse.console.case import Case, Verdict
from gdbext.analyse.console.memory import IRAM
from gdbext.analyse.console.messages import (
    ELSEWHERE,
    IN_ALLOCATOR,
    LIKELY,
    OUT_OF_MEMORY,
    POSSIBLE,
    SHOWN,
    STACK_OVERFLOW,
    UNKNOWN,
    WATCHDOG,
)
from gdbext.analyse.console.rules_fault import is_used_up, of_refusal
from gdbext.model.said import Said, said

_RECURSES = 3  # so often in a row, and an address is called by itself
_NAMES_INTERRUPT = ("InIsr", "is_in_isr", "nterruptNesting", "InterruptContext", "IN_ISR", "interrupt_context")
_IDLE = re.compile(r"IDLE\d?\b")
_SOFT = re.compile(r"(?i)soft wdt")
_KERNEL_STOPS = (3, 4)  # of Zephyr: what called them has said why
_WATCHDOG_RESETS = ("WDT", "WATCHDOG")


def of_stack(case: Case) -> Optional[Verdict]:
    """Judges a stack that overflowed."""
    row, facts = case.facts.message, case.facts
    if row is None or row.situation != STACK_OVERFLOW:
        return None
    headline = row.words
    if facts.task is not None and row.words.key == "says-stack-some":
        headline = said("stack-of", task=facts.task)
    return Verdict(STACK_OVERFLOW, row.certainty, (headline, *_seen_on_stack(case)))


def _seen_on_stack(case: Case) -> List[Said]:
    text = []
    for address, run in groupby(case.crash.backtrace):
        count = len(list(run))
        if count >= _RECURSES:
            text.append(said("recursion", address=address, count=count))
            break
    if case.crash.is_corrupted:
        text.append(said("backtrace-corrupted"))
    if case.crash.architecture == "riscv" and any("***ERROR***" in line.text for line in case.crash.lines):
        text.append(said("stack-of-interrupts"))
    return text


def of_wrong_place(case: Case) -> Optional[Verdict]:
    """Judges a call in an interrupt, where the message says so."""
    row = case.facts.message
    if row is None or row.situation != ELSEWHERE:
        return None
    return Verdict(ELSEWHERE, row.certainty, (row.words,))


def of_filled_stack(case: Case) -> Optional[Verdict]:
    """Judges a list of tasks, as NuttX prints it: the stack of the one that runs is full."""
    if case.facts.filled is None:
        return None
    task, percent = case.facts.filled
    return Verdict(STACK_OVERFLOW, LIKELY, (said("stack-filled", task=task, percent=percent), *_seen_on_stack(case)))


def of_memory(case: Case) -> Optional[Verdict]:
    """Judges memory that ran out, where the message says so."""
    row = case.facts.message
    if row is None or row.situation != OUT_OF_MEMORY:
        return None
    return Verdict(OUT_OF_MEMORY, row.certainty, (row.words, *of_refusal(case)))


def of_watchdog(case: Case) -> Optional[Verdict]:
    """Judges a watchdog that fired with a message."""
    facts, panic = case.facts, case.facts.panic or ""
    if not facts.has_watchdog and "wdt" not in panic.lower():
        return None
    busy = [one for one in facts.running if not _IDLE.match(one[1])]  # one that idles lets all others run
    text = [said("watchdog-running", task=task, cpu=cpu) for cpu, task in busy]
    if facts.watched:
        text.append(said("watchdog-missed", tasks=facts.watched))
    if "wdt" in panic.lower():
        text.append(said("watchdog-follows") if text else said("watchdog-interrupts"))
    if any(_SOFT.search(line.text) for line in case.crash.lines):
        text.append(said("watchdog-soft"))
    return Verdict(WATCHDOG, SHOWN, tuple(text) or (said("watchdog-some"),))


def of_assertion(case: Case) -> Optional[Verdict]:
    """Judges an assertion that is not an allocator's."""
    found, facts, where = case.facts.assertion, case.facts, case.asserted()
    if found is None or where is None or (facts.fault is not None and found.what == "panic"):
        return _silent(case)
    if facts.is_refused or is_used_up(case):
        return Verdict(OUT_OF_MEMORY, LIKELY, (said("stopped-after-refusal"), where, *of_refusal(case)))
    if any(name in found.what for name in _NAMES_INTERRUPT):
        text = (said("assert-interrupt"), where, *_allocates(case))
        return Verdict(ELSEWHERE, SHOWN, text)
    headline = said("assert-own", where=where)
    if case.crash.framework is not None and "NuttX" in case.crash.framework:
        name = found.file.rpartition("/")[2]
        text = (headline, said("first-assertion", file=name, line=found.line, task=facts.task or case.crash.task))
        return Verdict(ELSEWHERE, SHOWN, text)
    return Verdict(ELSEWHERE, SHOWN, (headline, *_allocates(case)))


def _silent(case: Case) -> Optional[Verdict]:
    if case.facts.silent is None:
        return None
    if case.facts.is_refused or is_used_up(case):
        return Verdict(OUT_OF_MEMORY, LIKELY, (said("stopped-after-refusal"), *of_refusal(case)))
    return Verdict(ELSEWHERE, SHOWN, (said("assert-silent", address=case.facts.silent),))


def _allocates(case: Case) -> List[Said]:
    """Names alone show that it was the allocator which was called where it must not be."""
    return [said("allocates-there")] if case.calls_allocator() else []


def of_abort(case: Case) -> Optional[Verdict]:
    """Judges a call of abort, and of what leads to it."""
    facts = case.facts
    if facts.error is not None:
        return Verdict(ELSEWHERE, SHOWN, (said("error-checked", error=facts.error),))
    if facts.abort is None:
        return None
    if facts.is_refused or is_used_up(case):
        return Verdict(OUT_OF_MEMORY, LIKELY, (said("stopped-after-refusal"), *of_refusal(case)))
    if not case.is_named and case.places.kind(facts.abort) == IRAM:
        return Verdict(IN_ALLOCATOR, POSSIBLE, (said("abort-in-iram", address=facts.abort),))
    return Verdict(ELSEWHERE, SHOWN, (said("aborted", address=facts.abort),))


def of_reset(case: Case) -> Optional[Verdict]:
    """Judges a reset without any other text."""
    if case.facts.is_brown_out:
        return Verdict(ELSEWHERE, SHOWN, (said("brown-out"),))
    reset = case.facts.reset
    if reset is not None and any(part in reset[1].upper() for part in _WATCHDOG_RESETS):
        return Verdict(WATCHDOG, SHOWN, (said("reset-watchdog", name=reset[1], code=reset[0]),))
    return None


def of_kernel(case: Case) -> Optional[Verdict]:
    """Judges a kernel that stopped the program, as Zephyr does."""
    fatal = case.facts.fatal
    if fatal is None:
        return None
    where = said("kernel-stopped", number=fatal[0], words=fatal[1], task=case.facts.task or case.crash.task)
    return Verdict(ELSEWHERE if fatal[0] in _KERNEL_STOPS else UNKNOWN, SHOWN, (where,))


def of_refusal_alone(case: Case) -> Optional[Verdict]:
    """Judges an allocation that the system itself says it refused, where nothing shows that the program stopped."""
    if case.facts.size is None or case.facts.caps is None:
        return None
    return Verdict(OUT_OF_MEMORY, SHOWN, (said("refused-alone"), *of_refusal(case)))


def of_nothing(case: Case) -> Optional[Verdict]:
    """What is left: a crash whose lines say nothing that is known. Without any dump it was none."""
    crash = case.crash
    if not crash.registers and not crash.backtrace and not crash.stack and not case.is_cut:
        return None
    if case.facts.is_refused or is_used_up(case):
        return Verdict(OUT_OF_MEMORY, LIKELY, (said("stopped-after-refusal"), *of_refusal(case)))
    return Verdict(UNKNOWN, SHOWN, (said("nothing-known"),))
