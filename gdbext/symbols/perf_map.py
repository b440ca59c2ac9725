# SPDX-License-Identifier: Apache-2.0
"""Names code that was made at run time, by the text that its maker wrote for `perf`: /tmp/perf-PID.map.

Approach: a line is `START SIZE NAME`, numbers in hex. Where lines overlap, the later one counts: code was made anew at
the same place. Python from 3.12 on (`python3 -X perf`) writes `py::FUNCTION:FILE`.
The file is that of the option, or lies beside the log, or is what the process has left in /tmp: then only if it is
a file of the same user as the log, and not older than the process, whose number somebody else may have had before.
Rejected: jitdump files (they hold the code, too, and hundreds of megabytes).
Cost: a microsecond a line, 200 bytes each; a million lines at most.
Assumptions: hostile text. What makes no sense is passed over; names are cut.
"""

from __future__ import annotations

import os
import re
import stat
from bisect import bisect_right
from typing import Iterator, List, Optional, Tuple

from gdbext.model.events import Frame
from gdbext.source.files import FileError

_LINE = re.compile(rb"([0-9a-fA-F]{1,16}) ([0-9a-fA-F]{1,16}) ([^\n\r\0]+)")
_PYTHON = re.compile(r"py::([^:]+):(.+)")
_MOST_LINES = 1 << 20
_MOST_BYTES = 1 << 28
_LONGEST_NAME = 4096
_LONGEST_CODE = 1 << 40
_END_OF_MEMORY = 1 << 64
_SHARED_FOLDER = "/tmp"


class PerfMap:
    """The names of code that was made at run time. FileError if the file cannot be read."""

    def __init__(self, path: str) -> None:
        self.path = path
        ranges = [(start, number, size, name) for number, (start, size, name) in enumerate(_lines(path))]
        self._ends: List[Tuple[int, str]] = []  # of each range, and its name
        self._starts: List[int] = []
        for start, end, name in _without_overlaps(ranges):
            self._starts.append(start)
            self._ends.append((end, name))

    def __len__(self) -> int:
        return len(self._starts)

    def frame_at(self, pc: int) -> Optional[Frame]:
        """Returns the frame of a return address; None if it is in no code of the map."""
        at = bisect_right(self._starts, pc - 1) - 1
        if at < 0 or pc - 1 >= self._ends[at][0]:
            return None
        name = self._ends[at][1]
        python = _PYTHON.fullmatch(name)
        return Frame(pc, name) if python is None else Frame(pc, python.group(1), python.group(2))


def map_of(log: str, process: int, started: int) -> Optional[str]:
    """Returns the path of the map of a process whose log is at a path; None if there is none."""
    name = f"perf-{process}.map"
    beside = os.path.join(os.path.dirname(log), name)
    if process and os.path.isfile(beside):
        return beside
    left = os.path.join(_SHARED_FOLDER, name)
    try:
        found, owner = os.lstat(left), os.stat(log).st_uid
    except OSError:
        return None
    is_its = stat.S_ISREG(found.st_mode) and found.st_uid == owner and found.st_mtime >= started
    return left if process and is_its else None


def _lines(path: str) -> Iterator[Tuple[int, int, str]]:
    """Yields start, size and name of what the lines say."""
    try:
        with open(path, "rb") as file:
            data = file.read(_MOST_BYTES)
    except OSError as problem:
        raise FileError(f"{path}: {problem.strerror or problem}") from None
    for number, found in enumerate(_LINE.finditer(data)):
        if number >= _MOST_LINES:
            return
        start, size = int(found.group(1), 16), int(found.group(2), 16)
        if 0 < size <= _LONGEST_CODE and start + size <= _END_OF_MEMORY:
            yield start, size, found.group(3)[:_LONGEST_NAME].decode("utf-8", "replace").strip()


def _without_overlaps(ranges: List[Tuple[int, int, int, str]]) -> Iterator[Tuple[int, int, str]]:
    """Yields start, end and name of ranges in order, of which none overlaps the next. Of those that do, the one whose
    line came later counts; of an earlier one that began before it, what lies before it.
    """
    kept: List[Tuple[int, int, int, str]] = []  # start, number, end, name
    for start, number, size, name in sorted(ranges):
        end = start + size
        if kept and kept[-1][2] > start and kept[-1][1] > number:
            start = kept[-1][2]  # what an older one has behind a newer one
        elif kept and kept[-1][2] > start:
            kept[-1] = (kept[-1][0], kept[-1][1], start, kept[-1][3])
        if start < end:
            kept.append((start, number, end, name))
    return iter([(start, end, name) for start, _, end, name in kept if start < end])
