# SPDX-License-Identifier: Apache-2.0
"""One broken input, its command, and what is wrong with the answer: all from one number.

Approach: the number says the kind of the case (broken.py) and is the seed of all that is random in it. The command runs
in this process. Whatever is not a report or one clear line is a problem. A case that takes too long is ended.
Rejected: a fuzzer that learns by coverage (nothing to install inside GDB's Python; what breaks is seldom a byte's value
and mostly how structures point at each other, which the kinds know).
"""

from __future__ import annotations

import signal
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from types import FrameType
from unittest.mock import patch

from tests.cli.shell import Said, memtrace
from tests.fuzz.broken import KINDS, Case, kind_of
from tests.fuzz.flash_images import wrong_extract
from tests.fuzz.wellformed import problems
from tests.support.terminal import commanding

LONGEST = 60.0


class TooLong(BaseException):
    """A case has used more time of the processor than it may. No handler of exceptions takes it for one of its own."""


def problem(number: int, longest: float = LONGEST) -> str | None:
    """What is wrong with the answer to the case of this number; None: nothing."""
    with tempfile.TemporaryDirectory() as folder:
        words: list[str] = []
        try:
            case = KINDS[kind_of(number)](Path(folder), Random(number))
            words = case.words
            with _time_limit(longest):
                wrong = _judged(case)
        except (Exception, TooLong):
            wrong = traceback.format_exc()
    return None if wrong is None else f"{kind_of(number)}: {words}\n{wrong}"


def _judged(case: Case) -> str | None:
    said = _said(case, case.words)
    wrong = _wrong(case.words, said)
    if wrong is None and case.undamaged and said.out:
        damage = [
            finding["text"]
            for heap in said.json()["heaps"]
            for finding in heap["findings"]
            if finding["severity"] == "damage"
        ]
        wrong = f"what is not there is called damage: {damage}" if damage else None
    if wrong is None and case.same is not None:
        other = _said(case, case.same)
        wrong = None if _without_cost(said) == _without_cost(other) else f"in another order: {said}\n{other}"
    return wrong


def _said(case: Case, words: list[str]) -> Said:
    with ExitStack() as stack:
        if case.server is not None:
            stack.enter_context(patch("gdbext.source.rsp.connect", case.server.connected))
            stack.enter_context(case.server.clock())
        return memtrace(*words)


def _without_cost(said: Said) -> object:
    """The status and the report; of what was refused, the status alone, as the words name one of the files."""
    if not said.out:
        return said.status
    if not said.out.startswith("{"):
        return said.status, said.out.rpartition("trace:")[0]
    return said.status, said.same()


def _wrong(words: list[str], said: Said) -> str | None:
    if commanding(said.out + said.err):
        return f"a terminal is given {commanding(said.out + said.err)}"
    lines = said.err.splitlines()
    if words[0] == "extract":
        return wrong_extract(words, said.status, said.out, lines)
    if not all(line.startswith("memtrace: ") for line in lines) or (lines and "a bug of memtrace" in lines[-1]):
        return f"not clear lines: {said.err!r}"
    if said.status == 2 and not said.out:
        clear = len(lines) == 1 or ("--rsp" in words and lines)
        return None if clear else f"not one clear line: {said.err!r}"
    if "--json" not in words:
        return None if said.out.strip() else "nothing was printed"
    wrong = list(problems(words[0], said.json(), said.status))
    return str(wrong) if wrong else None


@contextmanager
def _time_limit(longest: float) -> Iterator[None]:
    """Of the processor's time: machines are shared."""

    def ended(_: int, __: FrameType | None) -> None:
        raise TooLong(f"more than {longest} s")

    before = signal.signal(signal.SIGPROF, ended)
    old = signal.setitimer(signal.ITIMER_PROF, longest, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, *old)
        signal.signal(signal.SIGPROF, before)
