# SPDX-License-Identifier: Apache-2.0
"""Keeps the names of addresses between runs, in a file for each program.

Approach: the file's name has the program's build-id and a hash of what its headers say, so that it answers for no other
program, nor for the same one with other debug information. Its first line has a hash of the rest. It lists the programs
that could be asked when it was written: it is not used if there is another one now, which may know more. It is
replaced in one step. A file that is damaged, too large or of another form counts as none.
Rejected: pickle and marshal (a foreign file would run code, or crash); a database (slower to open than to read all).
Cost: 5 ms for 1,000 addresses. A file holds at most 100,000 addresses or 16 MiB, the folder 64 files.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from contextlib import suppress
from typing import Any, Dict, List, Mapping, Optional, Sequence

from gdbext.model.events import Frame, Stack
from gdbext.symbols.elf_head import Head
from gdbext.symbols.symbol_tools import Tool

_FORM = b"memtrace symbols 1"  # of the file; another form of names is another one, too
_LARGEST, _MOST_PLACES, _MOST_FILES = 16 << 20, 100_000, 64
_OURS = re.compile(r"(none|[0-9a-f]{2,128})-[0-9a-f]{16}(\.\d+)?\.names")
_FIELDS = 3  # of a frame: function, file, line


class SymbolCache:
    """What is known of one program."""

    def __init__(self, head: Head, tools: Sequence[Tool]) -> None:
        self._folder = _folder()
        self._name = f"{head.build_id or 'none'}-{head.identity[:16]}"
        self._tools = [tool.path for tool in tools]
        self._words: List[Any] = []
        self._stacks: Dict[str, Any] = {}
        self._load()

    def _load(self) -> None:
        try:
            with open(os.path.join(self._folder, f"{self._name}.names"), "rb") as file:
                first, body = file.readline(len(_FORM) + 80), file.read(_LARGEST + 1)
            if len(body) > _LARGEST or first != _first_line(body):
                return
            found = json.loads(body)
            words, stacks = list(found["words"]), dict(found["stacks"])
            if set(self._tools) <= set(found["tools"]) and set(map(type, words)) <= {str, type(None)}:
                self._words, self._stacks = words, stacks
        except (OSError, ValueError, TypeError, LookupError, RecursionError):
            return

    def stacks(self, places: Sequence[int]) -> Dict[int, Stack]:
        """Returns what is known of places, as frames whose PC is one byte behind."""
        try:
            return {place: self._stack(place) for place in places if str(place) in self._stacks}
        except (ValueError, TypeError, LookupError):
            self._words, self._stacks = [], {}
            return {}

    def _stack(self, place: int) -> Stack:
        row, words = self._stacks[str(place)], self._words
        frames = []
        last = len(row) - _FIELDS
        for start in range(0, len(row), _FIELDS):
            function, file, line = row[start : start + _FIELDS]
            if line is not None and type(line) is not int:
                raise TypeError
            frames.append(Frame(place + 1, words[function], words[file], line, start < last))
        return tuple(frames)

    def keep(self, stacks: Mapping[int, Stack]) -> None:
        """Writes what is known now. If it cannot be written, the next run asks again."""
        if not stacks:
            return
        try:
            body = self._body(stacks, self._stacks) or self._body(stacks, {})
            if body is not None:
                _replace(self._folder, self._name, _first_line(body) + body)
        except (OSError, ValueError, TypeError, LookupError):
            return

    def _body(self, stacks: Mapping[int, Stack], before: Mapping[str, Any]) -> Optional[bytes]:
        """Returns the contents of the file, or None if it would be too large."""
        numbers: Dict[Any, int] = {word: number for number, word in enumerate(self._words)} if before else {}
        rows = dict(before)
        for place, frames in stacks.items():
            row: List[Optional[int]] = []
            for frame in frames:
                row += numbers.setdefault(frame.function, len(numbers)), numbers.setdefault(frame.file, len(numbers))
                row.append(frame.line)
            rows[str(place)] = row
        if len(rows) > _MOST_PLACES:
            return None
        content = {"tools": self._tools, "words": list(numbers), "stacks": rows}
        body = json.dumps(content, separators=(",", ":")).encode()
        return body if len(body) <= _LARGEST else None


def _folder() -> str:
    """Returns the folder of the caches, by the rules of XDG."""
    told = os.environ.get("XDG_CACHE_HOME", "")
    base = told if os.path.isabs(told) else os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(base, "memtrace", "symbols")


def _first_line(body: bytes) -> bytes:
    return b"%s %s\n" % (_FORM, hashlib.sha256(body).hexdigest().encode())


def _replace(folder: str, name: str, data: bytes) -> None:
    """Writes a file so that it is there as a whole or not at all, and removes the oldest of too many."""
    os.makedirs(folder, mode=0o700, exist_ok=True)
    fresh = os.path.join(folder, f"{name}.{os.getpid()}.names")
    try:
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
        os.replace(fresh, os.path.join(folder, f"{name}.names"))
    except OSError:
        with suppress(OSError):
            os.unlink(fresh)
        raise
    ours = [one for one in os.scandir(folder) if _OURS.fullmatch(one.name)]
    if len(ours) > _MOST_FILES:
        for one in sorted(ours, key=lambda file: file.stat(follow_symlinks=False).st_mtime)[: len(ours) - _MOST_FILES]:
            os.unlink(one.path)
