# SPDX-License-Identifier: Apache-2.0
"""Compiles the recorder for this machine with one of the programs of tests/unit/c/recorder, which share a port.

world.c is that port: cores, contexts, clock, stacks and code are what a program says. cases/ looks at events one by one
with a reader of its own, books.c prints what it asked for beside the ring's bytes, selftest.c breaks the port's
promises.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

from tests.support.paths import ROOT

HELPERS = ROOT / "c_helpers"
FOLDER = ROOT / "tests" / "unit" / "c" / "recorder"
WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wmissing-prototypes", "-Werror")
FLAGS = ("-std=gnu11", "-g", "-fno-omit-frame-pointer", "-pthread", *WARNINGS)


def compile_with(made: Path, own: Iterable[Path], flags: Iterable[str]) -> Path:
    """The program `made` of these sources, the port and the recorder."""
    sources = [*own, FOLDER / "world.c", *sorted((HELPERS / "recorder").glob("*.c"))]
    command = ["gcc", *FLAGS, *flags, f"-I{FOLDER}", f"-I{HELPERS / 'include'}", *map(str, sources), "-o", str(made)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return made
