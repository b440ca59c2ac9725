# SPDX-License-Identifier: Apache-2.0
"""Logs to measure the engine on: tests/bench/c/churn.c writes them, faster than they are read."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gdbext.model.profile import Profile
from gdbext.trace.engine import EngineReplay
from gdbext.trace.replay import Wish
from tests.support.paths import ROOT

PIECE = 1 << 18


def build(folder: Path) -> Path:
    """The program that writes logs."""
    made = folder / "churn"
    line = ["gcc", "-std=c11", "-O2", f"-I{ROOT / 'c_helpers/include'}", str(ROOT / "tests/bench/c/churn.c")]
    subprocess.run([*line, "-o", str(made)], check=True)
    return made


def write(churn: Path, form: str, events: int, live: int, stacks: int = 500) -> Path:
    """A file of so many events in one of the program's forms."""
    made = churn.parent / f"{form}-{live}"
    with made.open("wb") as file:
        subprocess.run([str(churn), form, str(events), str(live), str(stacks)], stdout=file, check=True)
    return made


def pieces(path: Path) -> Iterator[bytes]:
    """The bytes of a file."""
    with path.open("rb", buffering=0) as file:
        while piece := file.read(PIECE):
            yield piece


@contextmanager
def piped(churn: Path, form: str, events: int, live: int) -> Iterator[Iterable[bytes]]:
    """The bytes of a log, as they are written."""
    line = [str(churn), form, str(events), str(live), "500"]
    with subprocess.Popen(line, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        out = process.stdout
        yield iter(lambda: out.read(PIECE), b"")


def replayed(log: Iterable[bytes], wish: Wish) -> tuple[float, Profile, int]:
    """CPU seconds of a replay, its profile, and the most bytes that the engine had."""
    replay, began = EngineReplay(wish), time.process_time()
    for piece in log:
        replay.feed(piece)
    profile = replay.finish()
    return time.process_time() - began, profile, replay.memory[1]
