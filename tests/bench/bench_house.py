# SPDX-License-Identifier: Apache-2.0
"""What the house costs who comes in: CPU of a start over that of a few modules of the library, and its vocabulary.

CPU with bytecode at hand, best of nine; the modules of the library are loaded in the same run, so that the ratio holds
on any machine.
"""

from __future__ import annotations

import ast
import os
import resource
import subprocess
import sys
from collections.abc import Iterable

from tests.support import fixtures
from tests.support.bench import Row
from tests.support.gdb import GDB, SOURCE
from tests.support.paths import ROOT

_LIBRARY = [sys.executable, "-c", "import argparse, dataclasses, typing, socket, hashlib"]
_TIMES = 9
_EMPTY_GDB = [GDB, "-nx", "-q", "-batch"]
_SOURCE_BEFORE = 2.7  # what 2f7dd6a took in the same runs: 2.7 and 3.8 where its successor took 1.6 and 2.1
# The vocabulary when the house was put in order, before it learnt more: commit 063932f.
_CLASSES_BEFORE, _FUNCTIONS_BEFORE = 174, 1_063


def cpu_of(line: list[str]) -> float:
    """The least CPU, user and system, of nine runs; the first of all writes the bytecode."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run(line, cwd=ROOT, env=env, capture_output=True)
    spent = []
    for _ in range(_TIMES):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(line, cwd=ROOT, env=env, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(spent)


def rows() -> Iterable[Row]:
    """Starts over the library's, then classes and functions."""
    case = fixtures.case("a005")
    image = [f"--image={one.base:#x}={one.path}" for one in case.images]
    library = cpu_of(_LIBRARY)
    note = f"over {library:.3f} s of the library's modules"
    ours = [sys.executable, "-m", "gdbext"]
    yield Row("CPU of memtrace --help", cpu_of([*ours, "--help"]) / library, 1.5, "x", note)
    checked = cpu_of([*ours, "check", *image, "--heap", case.heap.option])
    yield Row("CPU of memtrace check, a heap of 24 KiB", checked / library, 2.2, "x", note)
    loaded = cpu_of([*_EMPTY_GDB, "-ex", SOURCE]) - cpu_of(_EMPTY_GDB)
    yield Row("CPU of source gdbext/memtrace.py, beside GDB's own", loaded / library, _SOURCE_BEFORE, "x", note)
    nodes = [node for path in (ROOT / "gdbext").rglob("*.py") for node in ast.walk(ast.parse(path.read_text()))]
    classes, functions = (sum(isinstance(node, kind) for node in nodes) for kind in (ast.ClassDef, ast.FunctionDef))
    yield Row("classes of gdbext", classes, None, "", f"{_CLASSES_BEFORE} before issue 2.3")
    yield Row("functions of gdbext", functions, None, "", f"{_FUNCTIONS_BEFORE:,} before issue 2.3")
