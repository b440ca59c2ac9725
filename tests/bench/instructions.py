# SPDX-License-Identifier: Apache-2.0
"""Instructions that an event takes under a recorder, by callgrind: all, or by function or line of source.

    python -m tests.bench.instructions [sticky|hostile|new|same] [DEPTH] [lines] [NAME=VALUE...]

prints the functions (or lines) in which the most instructions are executed for one more event of c/descent.c;
NAME=VALUE are variables of the recorder. What the compiler put into another function counts as that one; lines tell
them apart.

The program runs twice, for few events and for many: the difference is what further events take, and its start and the
first meeting with each stack cancel out. Instructions do not vary with the machine, and say nothing of waiting for
memory.
heaptrack does not come up under valgrind. BENCH_LIBRARY names another library (preloaded.py).
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tests.bench.preloaded import LEAST_SEEN, Case, descends, have, library
from tests.support import linux
from tests.support.paths import BUILD

SHORT, LONG = 40_000, 120_000
MOST_LINES, LEAST = 40, 0.05
OWN = re.compile(r"\(descent\)$|^descent\.c:")
# A position and what it cost; and the number of calls, whose own cost stands in the line below.
COST = re.compile(r"(\d+) (\d+)$")
RECURSION = re.compile(r"'\d+$")
# Valgrind reads no names from a library whose .bss is a segment of its own.
NAMED = ("CFLAGS=-g", "LDFLAGS=-Wl,-z,max-page-size=65536")
PerEvent = dict[str, float]
FILES = ("fl=", "fi=", "fe=")


class Costs(NamedTuple):
    """Instructions, by function and by line."""

    functions: Counter[str]
    lines: Counter[str]


def costs_in(text: str) -> Costs:
    """What callgrind wrote, without compression."""
    costs = Costs(Counter(), Counter())
    library = function = file = ""
    is_call = False
    for line in text.splitlines():
        if found := COST.match(line):
            if not is_call:
                costs.functions[f"{function} ({library})"] += int(found[2])
                costs.lines[f"{file}:{found[1]} {function}"] += int(found[2])
        elif line.startswith("fn="):
            function = RECURSION.sub("", line[3:])
        elif line.startswith(FILES):
            file = Path(line[3:]).name
        elif line.startswith("ob="):
            library = Path(line[3:]).name
        is_call = line.startswith("calls=")
    return costs


def executed(case: Case, who: str, **more: str) -> Costs:
    """What a run under `who` executes."""
    case.clean()
    made = case.folder / "callgrind.out"
    options = ["--compress-strings=no", "--compress-pos=no", f"--callgrind-out-file={made}"]
    line = ["valgrind", "--tool=callgrind", *options, *case.program.command]
    run = subprocess.run(line, cwd=case.folder, env=case.environment(who, **more), capture_output=True, text=True)
    if run.returncode != 0:
        raise RuntimeError(f"valgrind, {who}: {run.returncode}, {run.stderr[-300:]}")
    if who == "ours" and "MEMTRACE_PAUSED" not in more and case.ours.events() < SHORT * LEAST_SEEN:
        raise RuntimeError(f"the recorder did not record under valgrind: {run.stderr[-300:]}")
    return costs_in(made.read_text())


def per_event(
    folder: Path, depth: int, way: str, who: str, more: Mapping[str, str], ours: Path | None = None
) -> list[PerEvent]:
    """What one more event executes, by function and by line."""
    cases = [Case(descends(folder, events, depth, way), folder, ours) for events in (SHORT, LONG)]
    few, many = (executed(case, who, **more) for case in cases)
    return [
        {name: (high[name] - low[name]) / (LONG - SHORT) for name in {*low, *high} if low[name] != high[name]}
        for low, high in zip(few, many, strict=True)
    ]


def of_an_event(folder: Path, way: str, who: str, **more: str) -> float:
    """Instructions of one more event, 20 deep."""
    functions, _ = per_event(folder, 20, way, who, more)
    return sum(functions.values())


def listing(costs: PerEvent) -> list[str]:
    """The largest first; the program's own as one."""
    own = {name: cost for name, cost in costs.items() if OWN.search(name)}
    others = sorted(((cost, name) for name, cost in costs.items() if name not in own and cost >= LEAST), reverse=True)
    found = [(sum(costs.values()), "all"), (sum(own.values()), "the program itself"), *others[:MOST_LINES]]
    return [f"{cost:9.1f} {name}" for cost, name in found]


def library_with_names() -> Path:
    """Our recorder, in a build whose functions callgrind can name."""
    return library(lambda: linux.library("all", BUILD / "linux-profile", *NAMED))


def main(arguments: list[str]) -> int:
    """Measure and print."""
    if not have("valgrind"):
        return 1
    variables = dict(one.split("=", 1) for one in arguments if "=" in one)
    words = [one for one in arguments if "=" not in one]
    depth = next((int(one) for one in words if one.isdigit()), 20)
    way = next((one for one in words if not one.isdigit() and one != "lines"), "sticky")
    ours = library_with_names()
    with tempfile.TemporaryDirectory() as name:
        functions, lines = per_event(Path(name), depth, way, "ours", variables, ours)
    print("\n".join(listing(lines if "lines" in words else functions)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
