# SPDX-License-Identifier: Apache-2.0
"""What the recorder for Linux adds to a program, beside heaptrack in the same run (preloaded.py says how).

A program that does little but allocate from deep stacks (c/descent.c), then real ones: the compiler on a source that is
generated, so that it is the same everywhere; sqlite3's shell; python3 whose objects all come from malloc. Instructions
are counted by callgrind (instructions.py), and do not vary with the machine. Rows of a program that is not there are
left out.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from tests.bench.instructions import of_an_event
from tests.bench.preloaded import HEAPTRACK, Case, Program, descent, have, share_of, share_row
from tests.support.bench import Row

EVENTS = 3_000_000
FUNCTIONS, INSERTS, OBJECTS = 120, 1_000_000, 80
TWICE, FEW, MANY = 2, 3, 5
LARGEST_PAUSED = 20
CREATE = (
    "PRAGMA journal_mode=OFF;PRAGMA synchronous=OFF;CREATE TABLE t(id INTEGER PRIMARY KEY,name TEXT,n INT);BEGIN;\n"
)
PYTHON = "/usr/bin/python3"
SCRIPT = """
import json, sys
text = json.dumps([{"name": f"object {i}", "parts": [i, str(i), {"x": i * 1.5}], "n": i} for i in range(2000)])
kept = []
for turn in range(int(sys.argv[1])):
    objects = json.loads(text)
    kept.append(sorted(objects, key=lambda one: one["name"][::-1]))
    del kept[:-4]
"""


def rows() -> Iterable[Row]:
    """The table of issue 2.8, but for sizes (bench_linux_size.py)."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if have(str(HEAPTRACK)):
            yield from _descents(folder)
            yield from _threads(folder)
            yield from _programs(folder)
        if have("valgrind"):
            yield from _instructions(folder)


def _descents(folder: Path) -> Iterator[Row]:
    """A bound for a program that stays where it is, and for ones that do not: so that nobody tunes for one."""
    bounds = ((20, "sticky", 1 / 5, MANY), (20, "hostile", 1 / 2, FEW), (5, "sticky", 1 / 4, MANY))
    for depth, way, bound, times in bounds:
        yield share_row(f"{depth} deep, {way}", descent(folder, EVENTS, depth, way), bound, times)
    yield share_row("20 deep, each stack new", descent(folder, EVENTS // 6, 20, "new"), 1 / 2, FEW)


def _threads(folder: Path) -> Iterator[Row]:
    """Four threads on two cores."""
    case = descent(folder, EVENTS, 20, "sticky", 4)
    with cores(2) as count:
        turns = case.turns(MANY)
    what = f"20 deep, sticky, 4 threads on {count} cores"
    yield share_of(what, case, turns, 1 / 4)
    yield share_of(what, case, turns, None, "wall")


@contextmanager
def cores(most: int) -> Iterator[int]:
    """So many cores for what is started here."""
    allowed = os.sched_getaffinity(0)
    fewer = set(sorted(allowed)[:most])
    os.sched_setaffinity(0, fewer)
    try:
        yield len(fewer)
    finally:
        os.sched_setaffinity(0, allowed)


def _programs(folder: Path) -> Iterator[Row]:
    yield share_row("gcc -O2, a large file", Case(compiler(folder), folder), 1 / 2, FEW)
    if have("sqlite3"):
        yield share_row("sqlite3, 1 M inserts", Case(database(folder), folder), 1 / 3, TWICE)
    if have(PYTHON):
        yield share_row("python3, all objects by malloc", Case(interpreter(), folder), 1 / 2, FEW)


def compiler(folder: Path, functions: int = FUNCTIONS) -> Program:
    """GCC's own process: its driver would only start it."""
    source = folder / "large.c"
    source.write_text("\n".join(_functions(Random(1), functions)))
    asked = subprocess.run(["gcc", "-print-prog-name=cc1"], capture_output=True, text=True, check=True)
    return Program((asked.stdout.strip(), "-quiet", "-O2", str(source), "-o", os.devnull))


def _functions(random: Random, count: int) -> Iterator[str]:
    """Functions with loops, a switch, an array, and calls of earlier ones."""
    yield "struct pair { long left; int right[8]; };"
    for number in range(count):
        yield f"long f{number}(long a, long b, struct pair *p)\n{{"
        yield "    long v[6] = {a, b, a ^ b, a + 1, b - 1, 7};"
        yield from (_statement(random, number) for _ in range(24))
        yield "    return v[0] + v[1] * v[2] - v[3] + (v[4] ^ v[5]);\n}"


def _statement(random: Random, number: int) -> str:
    x, y, z = (random.randrange(6) for _ in range(3))
    constant, callee = random.randrange(1, 1000), random.randrange(max(number, 1))
    call = f"f{callee}(v[{y}], v[{z}], p)" if number else f"v[{y}]"
    return random.choice(
        (
            f"    v[{x}] = v[{y}] * {constant} + (v[{z}] >> {constant % 13});",
            f"    for (long i = 0; i < (v[{y}] & 63); i++) {{ v[{x}] += p->right[i & 7] * i; }}",
            f"    if (v[{x}] > v[{y}]) {{ v[{z}] ^= {constant}; }} else {{ v[{z}] = {call}; }}",
            f"    switch (v[{x}] & 3) {{ case 0: v[{y}]++; break; case 1: v[{z}] -= {constant}; default: break; }}",
            f"    p[{constant % 4}].left += v[{x}]; p->right[v[{y}] & 7] = (int)v[{z}];",
        )
    )


def database(folder: Path, inserts: int = INSERTS) -> Program:
    """sqlite3's shell, a statement a row."""
    statements = folder / "inserts.sql"
    with statements.open("w") as file:
        file.write(CREATE)
        file.writelines(f"INSERT INTO t VALUES({i},'row {i * 7919 % 99991}',{i % 977});\n" for i in range(inserts))
        file.write("COMMIT;\n")
    return Program(("sqlite3", ":memory:"), statements)


def interpreter(objects: int = OBJECTS) -> Program:
    """Python's objects by malloc, one each."""
    command = (PYTHON, "-S", "-s", "-c", SCRIPT, str(objects))
    return Program(command, environment=(("PYTHONMALLOC", "malloc"), ("PYTHONHASHSEED", "0")))


def _instructions(folder: Path) -> Iterator[Row]:
    bare = {way: of_an_event(folder, way, "bare") for way in ("sticky", "hostile")}
    paused = of_an_event(folder, "sticky", "ours", MEMTRACE_PAUSED="1") - bare["sticky"]
    note = f"callgrind; the program's own are {bare['sticky']:.0f}"
    yield Row("added to an event, paused", paused, LARGEST_PAUSED, "instructions", note)
    for way, own in bare.items():
        more = of_an_event(folder, way, "ours") - own
        yield Row(f"added to an event, 20 deep, {way}", more, None, "instructions", "callgrind")
