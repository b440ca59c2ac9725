# SPDX-License-Identifier: Apache-2.0
"""`make fuzz N=...`: that many cases from a random start; each failure is printed with the number that repeats it.

`python -m tests.fuzz.run COUNT [FIRST]`

Approach: batches of cases, each in a process of its own, as many at once as there are cores. A batch that takes more
memory than before tells by how much. A case fails if it takes more than 5 s of the processor or 500 MB.
Limits: the memory of a case is seen only as far as it exceeds that of the earlier ones in its batch.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import sys
import time
from collections import Counter
from collections.abc import Sequence
from random import SystemRandom
from typing import NamedTuple

from tests.fuzz.broken import KINDS, kind_of
from tests.fuzz.cases import problem
from tests.fuzz.subjects import subjects
from tests.support.program_elf import FORMS, program_elf

LONGEST = 5.0  # seconds of the processor
LARGEST = 500 << 20
_CEILING = 4 << 30  # of address space: a case beyond gets a MemoryError instead of the machine's memory
_BATCH = 180


class Outcome(NamedTuple):
    """One case: its number, its seconds of the processor, the bytes that it took, and what is wrong."""

    number: int
    seconds: float
    memory: int
    wrong: str | None


def outcome(number: int) -> Outcome:
    """Runs one case."""
    began, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wrong = problem(number, LONGEST)
    seconds = time.process_time() - began
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10
    if wrong is None and (seconds > LONGEST or memory > LARGEST):
        wrong = f"{kind_of(number)}: {seconds:.1f} s, {memory >> 20:,} MiB"
    return Outcome(number, seconds, memory, wrong)


def batch(numbers: Sequence[int]) -> list[Outcome]:
    """Runs some cases in this process."""
    resource.setrlimit(resource.RLIMIT_AS, (_CEILING, _CEILING))
    return [outcome(number) for number in numbers]


def main(words: list[str]) -> int:
    """1 if any case failed."""
    count = int(words[0]) if words else 10_000
    first = int(words[1]) if len(words) > 1 else SystemRandom().randrange(1 << 32)
    print(f"fuzz: {count:,} cases from {first}", flush=True)
    subjects()
    for form in FORMS:  # built once for all processes
        program_elf(form)
    numbers = range(first, first + count)
    batches = [numbers[at : at + _BATCH] for at in range(0, count, _BATCH)]
    tried, failed = Counter[str](), Counter[str]()
    slowest = largest = Outcome(first, 0.0, 0, None)
    with multiprocessing.get_context("fork").Pool(min(len(batches), os.cpu_count() or 1), maxtasksperchild=1) as pool:
        for done in pool.imap_unordered(batch, batches):
            for one in done:
                tried[kind_of(one.number)] += 1
                slowest = max(slowest, one, key=lambda one: one.seconds)
                largest = max(largest, one, key=lambda one: one.memory)
                if one.wrong is not None:
                    failed[kind_of(one.number)] += 1
                    again = f"again by `python -m tests.fuzz.run 1 {one.number}`"
                    print(f"fuzz: case {one.number}, {again}: {one.wrong}", flush=True)
    for name in KINDS:
        print(f"fuzz: {tried[name]:>7,} {name}" + (f", {failed[name]:,} failed" if failed[name] else ""))
    print(f"fuzz: slowest {slowest.seconds:.2f} s: case {slowest.number}, {kind_of(slowest.number)}")
    print(f"fuzz: largest {largest.memory / 1e6:,.0f} MB: case {largest.number}, {kind_of(largest.number)}")
    print(f"fuzz: {sum(failed.values()):,} of {count:,} failed; first seed {first}")
    return 1 if sum(failed.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
