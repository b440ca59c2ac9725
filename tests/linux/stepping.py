# SPDX-License-Identifier: Apache-2.0
"""Programs under `memtrace run`, and their logs as memtrace reads them."""

from __future__ import annotations

import contextlib
import io
import json
import struct
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any

from gdbext.faces.shell import main
from tests.support.linux import environment, library, memtrace
from tests.support.log import COUNTS, HEADER

FIRST_BYTES, SIZE_BITS = 65536, 59


def told(*words: object) -> Any:
    """The report of a command as JSON."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert main([*map(str, words), "--json"]) == 0
    return json.loads(out.getvalue())


def events(log: Path) -> list[tuple[str, int | None]]:
    """Kind and size of each event, and of a mark its name in place of the size."""
    found = told("log", log, "--all")["events"]
    return [(one["kind"], one["size"]) for one in found]


def mark_names(log: Path) -> list[str]:
    return [one["name"] for one in told("report", log)["marks"]]


def sizes(log: Path) -> list[int]:
    """Of what was not freed, in order."""
    return sorted(one["size"] for one in told("leaks", log, "--all")["blocks"])


def depths(log: Path) -> dict[int, int]:
    """The most frames of a stack, by the size of the block, but for inlined calls and what is said of a stack's end."""
    found: dict[int, int] = {}
    for one in told("leaks", log, "--all")["blocks"]:
        real = (frame for frame in one["owner"]["allocated"] if not frame["inlined"])
        stack = [frame for frame in real if not (frame["function"] or "").startswith("(")]
        found[one["size"]] = max(found.get(one["size"], 0), len(stack))
    return found


def not_recorded(log: Path) -> int:
    """Events for which the log had no room: the second counter of its COUNTS record, among the first definitions."""
    data, at = log.read_bytes()[:FIRST_BYTES], HEADER
    while at + 32 <= len(data):
        _, size, _, kind = struct.unpack_from("<4Q", data, at)
        if kind == COUNTS:
            return int(struct.unpack_from("<2I", data, at + 32)[1])
        at += 32 + -(-(size % (1 << SIZE_BITS)) // 32) * 32
    raise AssertionError(f"{log} counts nothing")


class Stepped:
    """A program that runs under the recorder, one step at a time."""

    def __init__(self, program: Path, folder: Path, *options: object) -> None:
        line = memtrace("run", "--library", library(), "--output", folder / "one.log", *options, "--", program)
        self._process = subprocess.Popen(
            line, cwd=folder, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.log, self.number = folder / "one.log", self._process.pid

    def step(self, text: str) -> str:
        """Has it do one step; what it answers."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(f"{text}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()

    def __enter__(self) -> Stepped:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.communicate("end 0\n", timeout=300)
