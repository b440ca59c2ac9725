# SPDX-License-Identifier: Apache-2.0
"""The recorder of Linux processes, built once, and programs to run under it."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from tests.support.paths import BUILD, ROOT

STEPS = ROOT / "tests" / "linux" / "programs" / "steps.c"
SECONDS = 300


@cache
def library(target: str = "all", folder: Path = BUILD / "linux", *variables: str) -> Path:
    """libmemtrace.so of this working tree: `all` for this machine, else a target of its Makefile."""
    folder.mkdir(parents=True, exist_ok=True)
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    line = ["make", "-s", "-C", str(ROOT / "c_helpers" / "linux"), f"BUILD={folder}", *variables, target]
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run(line, check=True, env=env, timeout=SECONDS)
    return (folder if target == "all" else folder / target) / "libmemtrace.so"


def compiled(source: Path, folder: Path, compiler: str = "gcc", *flags: str) -> Path:
    """A program of one file, with the headers of c_helpers."""
    program = folder / source.stem
    line = [*compiler.split(), "-g", "-O1", "-Wall", "-Wextra", "-Werror", f"-I{ROOT / 'c_helpers' / 'include'}"]
    line += [*flags, str(source), "-o", str(program)]
    subprocess.run(line, check=True, timeout=SECONDS)
    return program


def memtrace(*words: object) -> list[str]:
    """The command line of `memtrace WORDS`."""
    return [sys.executable, "-m", "gdbext", *map(str, words)]


def environment(**more: str) -> dict[str, str]:
    """The environment without anything of the recorder's, and with this working tree's package."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MEMTRACE_")}
    kept.pop("LD_PRELOAD", None)
    return {**kept, "PYTHONPATH": str(ROOT), **more}


def recorded(
    words: Sequence[object], folder: Path, *options: object, script: str = ""
) -> subprocess.CompletedProcess[str]:
    """`memtrace run OPTIONS -- WORDS` in a folder, to its end."""
    line = memtrace("run", "--library", library(), *options, "--", *words)
    return subprocess.run(
        line, cwd=folder, env=environment(), input=script, capture_output=True, text=True, timeout=SECONDS
    )
