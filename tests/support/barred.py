# SPDX-License-Identifier: Apache-2.0
"""Keeps quick tests from what a machine without chips does not have: cross compilers and emulators.

While `barred(test)` holds, each of their names on PATH is a script that says so and fails, in children too; and the
test firmware is refused even if it was built before, so that a verdict does not hang on who ran first.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tests.support.selection import BARRED

_STATUS, _REFUSAL = 97, "no quick test may use it, says tests/support/selection.py"
_now = ""


class NotQuickError(RuntimeError):
    """A quick test asks for the test firmware."""


@contextmanager
def barred(test: str) -> Iterator[None]:
    """While this test runs, nothing that it starts finds a cross compiler or an emulator. "": nothing is barred."""
    global _now
    path = os.environ["PATH"]
    if test:
        os.environ["PATH"] = f"{stand_ins(path)}{os.pathsep}{path}"
    _now = test
    try:
        yield
    finally:
        os.environ["PATH"], _now = path, ""


def refuse(what: str) -> None:
    """Fail a quick test that asks for this."""
    if _now:
        raise NotQuickError(f"{_now} is a quick test (tests/support/selection.py) and asks for {what}")


@cache
def stand_ins(path: str) -> Path:
    """A folder with a refusal for each barred program on a PATH."""
    folder = Path(tempfile.mkdtemp(prefix="memtrace-barred-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for name in sorted(name for place in path.split(os.pathsep) for name in _programs(Path(place))):
        script = folder / name
        script.write_text(f"#!/bin/sh\necho {name}: {_REFUSAL} >&2\nexit {_STATUS}\n")
        script.chmod(0o755)
    return folder


def _programs(folder: Path) -> Iterator[str]:
    names = os.listdir(folder) if folder.is_dir() else []
    yield from (name for name in names if name.startswith(BARRED) and not name.endswith("-gdb"))
