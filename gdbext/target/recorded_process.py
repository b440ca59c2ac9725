# SPDX-License-Identifier: Apache-2.0
"""A process of this machine that the recorder records: finds its log, and asks through the log's header.

Approach: the recorder keeps the first page of its log mapped, so the list of the process's mappings names the log. Who
opens the same file for writing can ask as one asks a ring (docs/reference/format.md, section 8). The request is one
store into a mapping, so that the recorder never sees half of it.
Rejected: a socket or a signal (the program would have one more of either); ptrace (it stops the program, and Debian
refuses it by default).
Cost: one read of /proc/PID/maps.
Assumptions: the log's header names the process. A child that has not allocated since fork still maps its parent's log.
"""

from __future__ import annotations

import mmap
import os
import re
import time
from typing import Callable, Iterator, NamedTuple, Optional, Tuple

from gdbext.model.errors import UserError
from gdbext.model.said import Trouble
from gdbext.package import RECORDER
from gdbext.trace.format import (
    HEADER_BYTES,
    NAME_BYTES,
    REQUEST_NAME_OFFSET,
    REQUEST_OFFSET,
    Header,
    parse_header,
)

WAIT_SECONDS = 5.0
_POLL_SECONDS = 0.01
_SHARED = re.compile(r"[0-9a-f]+-[0-9a-f]+ rw.s 0+ \S+ \d+ +(/.*)")
_REMOVED = " (deleted)"


class Answer(NamedTuple):
    """How a request went: whether the process has obeyed by now, and the header as it is then."""

    obeyed: bool
    header: Header


class RecordedProcess:
    """A process that writes a log."""

    def __init__(self, number: int) -> None:
        """Finds the log. UserError says why there is none, or why it cannot be written."""
        # A thread's number leads to its process.
        leader = re.search(r"^Tgid:\s*(\d+)$", _read(number, "status"), re.MULTILINE)
        self.number = number = int(leader[1]) if leader else number
        maps = _read(number, "maps")
        self.name = f"process {number} ({_read(number, 'comm').strip()})"
        inner = re.search(r"^NSpid:.*?(\d+)$", _read(number, "status"), re.MULTILINE)
        found = self._log_in(maps, int(inner[1]) if inner else number)
        if found is None:
            raise UserError(f"{self.name} {_why_none(maps)}")
        self.log, self._page = found

    def _log_in(self, maps: str, inner: int) -> Optional[Tuple[str, mmap.mmap]]:
        for path in _shared_files(maps):
            page = self._opened(path)
            if page is not None and _is_of(page, inner):
                return path, page
        return None

    def _opened(self, path: str) -> Optional[mmap.mmap]:
        """Maps a file's beginning. None if it is too short for a log."""
        if path.endswith(_REMOVED):
            return None
        try:
            file = os.open(f"/proc/{self.number}/root{path}", os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except PermissionError:
            raise UserError(
                f"{path}, which {self.name} maps, may not be written: ask as its user, or as root"
            ) from None
        except OSError:
            return None
        try:
            return mmap.mmap(file, mmap.PAGESIZE) if os.fstat(file).st_size >= mmap.PAGESIZE else None
        finally:
            os.close(file)

    def header(self) -> Header:
        """Reads the header of the log anew."""
        return parse_header(self._page[:HEADER_BYTES])

    def ask(self, word: int, name: Optional[bytes], seconds: float) -> Answer:
        """Asks, and waits for an answer for some seconds. UserError if an earlier request still stands then."""
        end = time.monotonic() + seconds
        before = self._waited(end, lambda header: not _is_pending(header))
        if not before.obeyed:
            raise UserError(f"{self.name} has not obeyed an earlier request yet: it does so when it allocates")
        if name is not None:
            self._page[REQUEST_NAME_OFFSET : REQUEST_NAME_OFFSET + NAME_BYTES] = name.ljust(NAME_BYTES, b"\0")
        with memoryview(self._page) as raw, raw.cast("I") as words:
            words[REQUEST_OFFSET // 4] = word
        return self._waited(end, lambda header: header.request_done != before.header.request_done)

    def _waited(self, end: float, done: Callable[[Header], bool]) -> Answer:
        while True:
            header = self.header()
            if done(header) or time.monotonic() >= end:
                return Answer(done(header), header)
            time.sleep(_POLL_SECONDS)


def _is_pending(header: Header) -> bool:
    """Tells whether a host's request stands there; other values are the recorder's own."""
    return 0 < header.request < 1 << 31


def _shared_files(maps: str) -> Iterator[str]:
    """Yields the files of which the first page is mapped for writing, each once."""
    found = (_SHARED.fullmatch(line) for line in maps.splitlines())
    yield from dict.fromkeys(match[1].replace("\\012", "\n") for match in found if match)


def _is_of(page: mmap.mmap, process: int) -> bool:
    try:
        header = parse_header(page[:HEADER_BYTES])
    except Trouble:
        return False
    return header.is_log and header.process == process


def _why_none(maps: str) -> str:
    logs = [path for path in _shared_files(maps) if path.endswith(f".log{_REMOVED}")]
    if RECORDER not in maps:
        return "is not under the recorder: memtrace run -- PROGRAM starts one that is"
    if logs:
        return f"writes no log that is still there: {logs[0]}"
    return "has the recorder, and no log: it may have allocated nothing yet, or was told to leave children out"


def _read(number: int, name: str) -> str:
    try:
        with open(f"/proc/{number}/{name}", encoding="utf-8", errors="surrogateescape", newline="\n") as file:
            return file.read()
    except PermissionError:
        raise UserError(f"process {number} is another user's: ask as that user, or as root") from None
    except (FileNotFoundError, ProcessLookupError):
        raise UserError(f"there is no process {number} on this machine") from None
