# SPDX-License-Identifier: Apache-2.0
"""`make fuzz N=...`: that many cases from a random start; each failure is printed with the number that repeats it.

`python -m tests.fuzz.run COUNT [FIRST]`
"""

from __future__ import annotations

import sys
from random import SystemRandom

from tests.fuzz.cases import problem


def main(words: list[str]) -> int:
    """1 if any case failed."""
    count = int(words[0]) if words else 10_000
    first = int(words[1]) if len(words) > 1 else SystemRandom().randrange(1 << 32)
    print(f"fuzz: {count:,} cases from {first}", flush=True)
    failed = 0
    for number in range(first, first + count):
        wrong = problem(number)
        if wrong is not None:
            failed += 1
            print(f"fuzz: case {number}, again by `python -m tests.fuzz.run 1 {number}`: {wrong}", flush=True)
    print(f"fuzz: {failed:,} of {count:,} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
