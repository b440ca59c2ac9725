# SPDX-License-Identifier: Apache-2.0
"""Imports what heaptrack has recorded and interpreted, versions 1 to 3 of its format: a line of text for each record.

Approach: `i` is a place with function, file and line, inlined calls first; `t` a place and the one that it was called
from; `a` a size and a `t`. `+` and `-` name an `a`. So the file has no addresses of blocks: each gets one that is
nobody else's, and a `-` frees the youngest block of its `a`. Sums, peaks and sites do not depend on that.
A stored PC is the return address less 1, since version 1.3 of heaptrack. Frames of heaptrack itself are left out.
Rejected: the names of C++ as heaptrack writes them, with parameters (they would differ from those of other logs).
Cost: some 1.2 microseconds a line, and a list for each `a`; a stack is made when an `a` first names it.
Limits: no stacks of frees, no threads. Which of an `a`'s blocks a free meant is not known, nor is a wrong free.
"""

from __future__ import annotations

import re
from array import array
from typing import Dict, Iterable, Iterator, List, Optional, Tuple

from gdbext.model.said import said
from gdbext.symbols.demangle import without_parameters
from gdbext.trace.importers import (
    ADDRESSES,
    FREE_STACKS,
    FREED,
    LONGEST_LINE,
    TASKS,
    WRONG_FREES,
    Calls,
    Importer,
    Item,
    Named,
    Remark,
    Unread,
    Way,
)

HZ = 1000  # times are milliseconds
_FIRST = re.compile(rb"v [0-9a-f]{1,8}(?: [0-9a-f]{1,4})?\r?\n(?!x )[A-Za-z#] ")
_NEWEST = 3  # version of the format
_CALL_IS_STORED = 0x10300  # since this version of heaptrack
_MOST_FRAMES = 255
_OWN = re.compile(r"libheaptrack_(?:preload|inject)\.so")
_HIGHEST = 1 << 64
_BUFFER = 4096  # bytes that heaptrack writes at once
_PASSED_OVER = frozenset(b"XISR#mx")  # program, machine, suppressions, resident memory, comments


class Lines:
    """The lines of a file, however it was cut into pieces, and what both kinds of file have in common."""

    def __init__(self) -> None:
        self.number = 0  # of lines that are done
        self.version = 0  # of the format
        self.step = 1  # from a stored PC to the return address
        self.time = 0
        self.batch = Calls([], [], [])
        self.last = b""  # line
        self._pcs, self._callers = array("Q", [0]), array("I", [0])  # of traces, which are counted from 1

    def calls(self, chunks: Iterable[bytes]) -> Iterator[Item]:
        """Yields what all lines tell."""
        rest = b""
        for chunk in chunks:
            *lines, rest = (rest + chunk).split(b"\n")
            yield from self.take(lines)
            self.number += len(lines)
            self.last = next((line for line in reversed(lines) if line[:1] not in (b"", b"#")), self.last)
            yield from self.pending()
            rest = rest[:LONGEST_LINE]
        if rest:
            yield Unread(self.number + 1)
            yield Remark(said("heaptrack-cut", line=self.number + 1), is_loss=True)
        elif self.last[:1] not in (b"R", b"c"):
            yield Remark(said("heaptrack-died", most=_BUFFER), is_loss=True)

    def take(self, lines: List[bytes]) -> Iterator[Item]:
        """Yields what some lines tell, but for the calls that are left in `batch`."""
        raise NotImplementedError

    def pending(self) -> Iterator[Item]:
        """Yields the calls so far."""
        if self.batch.addresses:
            yield self.batch._replace(time=self.time)
            self.batch = Calls([], [], [])

    def other(self, line: bytes) -> Iterator[Item]:
        """Yields what a line tells that both kinds of file have. Raises ValueError if it makes no sense."""
        kind = line[:1]
        if kind == b"c":
            time = int(line[2:], 16)
            if time > self.time:
                yield from self.pending()
                self.time = time
        elif kind == b"v":
            yield from self._begin(*line[2:].split())
        elif kind == b"A":
            yield Remark(said("heaptrack-attached"), is_loss=True)
        elif kind and kind[0] not in _PASSED_OVER:
            raise ValueError(kind)

    def _begin(self, tool: bytes, version: bytes = b"1") -> Iterator[Item]:
        self.version, self.step = int(version, 16), int(int(tool, 16) >= _CALL_IS_STORED)
        if self.version > _NEWEST:
            yield Remark(said("heaptrack-version", version=self.version, newest=_NEWEST), is_loss=True)

    def text(self, line: bytes) -> Tuple[str, bytes]:
        """Returns the text that stands from here on, and what follows it."""
        if self.version < 3:
            text, _, rest = line.partition(b" ")
        else:
            size, _, rest = line.partition(b" ")
            length = int(size, 16)
            if not 0 <= length <= len(rest):
                raise ValueError(length)
            text, rest = rest[:length], rest[length + 1 :]
        return text.decode("utf-8", "replace"), rest

    def trace(self, pc: int, caller: int) -> None:
        """Takes a trace: its innermost place, and the trace that it was called from."""
        if not 0 <= caller < len(self._pcs) or not 0 <= pc < _HIGHEST:
            raise ValueError(caller)
        self._pcs.append(pc)
        self._callers.append(caller)

    def way(self, trace: int) -> Tuple[int, ...]:
        """Returns the PCs of a trace. ValueError if there is none of this number."""
        if not 0 <= trace < len(self._pcs):
            raise ValueError(trace)
        pcs: List[int] = []
        while trace and len(pcs) < _MOST_FRAMES:
            pcs += [self._pcs[trace]] if self._pcs[trace] else []
            trace = self._callers[trace]
        return tuple(pcs)


class _Interpreted(Lines):
    """A file with names."""

    def __init__(self) -> None:
        super().__init__()
        self._texts: List[str] = [""]  # counted from 1
        self._places = array("Q", [0])  # PCs; 0: one of heaptrack's own
        self._infos: List[List[int]] = []  # size, number of the stack, live blocks, and the address before the first's
        self._told = {0}  # stacks
        self._plain: Dict[int, str] = {}

    def take(self, lines: List[bytes]) -> Iterator[Item]:
        infos, (addresses, sizes, ways, _) = self._infos, self.batch
        for number, line in enumerate(lines, self.number + 1):
            try:
                kind = line[:1]
                if kind == b"+":
                    info = infos[int(line[2:], 16)]
                    info[2] = live = info[2] + 1
                    addresses.append(info[3] + live)
                    sizes.append(info[0])
                    ways.append(info[1])
                elif kind == b"-":
                    info = infos[int(line[2:], 16)]
                    live = info[2]
                    if not live:
                        raise ValueError(live)
                    info[2] = live - 1
                    addresses.append(info[3] + live)
                    sizes.append(0)
                    ways.append(FREED)
                else:
                    yield from self._definition(kind, line)
                    addresses, sizes, ways, _ = self.batch
            except (ValueError, IndexError, TypeError, OverflowError):
                yield Unread(number)

    def _definition(self, kind: bytes, line: bytes) -> Iterator[Item]:
        if kind == b"s":
            self._texts.append(self.text(line[2:])[0] if self.version >= 3 else line[2:].decode("utf-8", "replace"))
        elif kind == b"i":
            yield from self._place(*[int(word, 16) for word in line[2:].split(b" ")])
        elif kind == b"t":
            place, caller = line[2:].split(b" ")
            self.trace(self._places[_natural(place)], _natural(caller))
        elif kind == b"a":
            size, trace = line[2:].split(b" ")
            yield from self._info(_natural(size), _natural(trace))
        else:
            yield from self.other(line)

    def _info(self, size: int, trace: int) -> Iterator[Item]:
        pcs = self.way(trace)
        if trace not in self._told:
            self._told.add(trace)
            yield Way(trace, pcs)
        self._infos.append([size, trace, 0, len(self._infos) + 1 << 32])

    def _place(self, pc: int, module: int, *words: int) -> Iterator[Item]:
        library = self._texts[module]
        name = library.rpartition("/")[2]
        frames = [self._frame(*words[at : at + 3]) for at in range(0, len(words), 3)]
        frames = frames if words or not name else [(f"{name}@{pc:#x}", None, None)]
        self._places.append(0 if is_own(library) else pc + self.step)
        if not is_own(library):
            yield Named(pc + self.step, tuple(frames), library=name or None)

    def _frame(self, function: int, file: int = 0, line: int = 0) -> Tuple[Optional[str], Optional[str], Optional[int]]:
        if function and function not in self._plain:
            self._plain[function] = without_parameters(self._texts[function])
        return self._plain.get(function), self._texts[file] or None, line or None


def is_own(library: str) -> bool:
    """Tells whether a loaded file is heaptrack's."""
    return _OWN.search(library) is not None


def _natural(word: bytes) -> int:
    number = int(word, 16)
    if number < 0:
        raise ValueError(number)
    return number


SENTENCES = {
    "heaptrack-sign": "its first line is heaptrack's v, and no x follows: it is interpreted",
    "heaptrack-cut": "the log ends inside line {line:,}: it was cut off there",
    "heaptrack-died": (
        "the log has no end: the program died or was killed, and what it had not written yet, up to {most:byte}, "
        "is not in it"
    ),
    "heaptrack-attached": "heaptrack was attached to a running program: what was allocated before is not in the log",
    "heaptrack-version": "version {version} of heaptrack's format, of which {newest} is the newest that memtrace knows",
}
IMPORTER = Importer(
    "heaptrack",
    lambda head: _FIRST.match(head) is not None,
    lambda chunks, machine: _Interpreted().calls(chunks),
    SENTENCES,
    sign=said("heaptrack-sign"),
    lacks=(ADDRESSES, FREE_STACKS, TASKS, WRONG_FREES),
    hz=HZ,
)
