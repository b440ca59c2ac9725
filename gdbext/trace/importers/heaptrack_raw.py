# SPDX-License-Identifier: Apache-2.0
"""Imports what heaptrack has recorded and nobody has interpreted yet: `heaptrack --raw`.

Approach: `m` is a loaded file with its segments, `t` a PC and the trace that it was called from, `+` a size, a trace
and an address, `-` an address. Programs and libraries give the names, where their code is laid out as in the log.
Rejected: names by a run of heaptrack_interpret (it must be there, and knows no separate debug information of ours).
Cost: some 1.2 microseconds a line; a stack is made when a block first names it.
Limits: as of interpreted files, but with addresses. A file that was unloaded, and whose place another one took, gives
its name to both. Frees of blocks from before heaptrack's start are in the log, too: they are no wrong ones.
"""

from __future__ import annotations

import re
from typing import Iterator, List, Set

from gdbext.model.said import said
from gdbext.trace.importers import FREE_STACKS, FREED, TASKS, WRONG_FREES, Importer, Item, Module, Unread, Way
from gdbext.trace.importers.heaptrack import HZ, Lines, is_own

_FIRST = re.compile(rb"v [0-9a-f]{1,8}(?: [0-9a-f]{1,4})?\r?\nx ")
_MOST_SEGMENTS = 64


class _Raw(Lines):
    """A file without names."""

    def __init__(self) -> None:
        super().__init__()
        self._program = "x"
        self._modules: Set[Module] = set()
        self._own: List[range] = []  # addresses of heaptrack
        self._told = {0}  # stacks

    def take(self, lines: List[bytes]) -> Iterator[Item]:
        (addresses, sizes, ways, _), told = self.batch, self._told
        for number, line in enumerate(lines, self.number + 1):
            try:
                kind = line[:1]
                if kind == b"-":
                    addresses.append(int(line[2:], 16))
                    sizes.append(0)
                    ways.append(FREED)
                elif kind == b"+":
                    _, size, name, address = line.split(b" ")
                    trace = int(name, 16)
                    if trace not in told:
                        yield Way(trace, self.way(trace))
                        told.add(trace)
                    call = int(address, 16), int(size, 16)
                    addresses.append(call[0])
                    sizes.append(call[1])
                    ways.append(trace)
                else:
                    yield from self._definition(kind, line)
                    addresses, sizes, ways, _ = self.batch
            except (ValueError, OverflowError):
                yield Unread(number)

    def _definition(self, kind: bytes, line: bytes) -> Iterator[Item]:
        if kind == b"t":
            pc, caller = (int(word, 16) for word in line[2:].split(b" "))
            self.trace(0 if any(pc in own for own in self._own) else pc + self.step, caller)
        elif kind == b"m":
            yield from self._load(line)
        elif kind == b"x":
            self._program = self.text(line[2:])[0] if self.version >= 3 else line[2:].decode("utf-8", "replace")
        else:
            yield from self.other(line)

    def _load(self, line: bytes) -> Iterator[Item]:
        name, rest = self.text(line[2:])
        if name == "-":  # all files follow anew
            self._own.clear()
            return
        base, *words = (int(word, 16) for word in rest.split())
        segments = tuple(zip(words[::2], words[1::2]))[:_MOST_SEGMENTS]
        module = Module(base, self._program if name == "x" else name, segments=segments)
        if is_own(name):
            self._own += [range(base + start, base + start + size) for start, size in segments]
        if module not in self._modules:
            self._modules.add(module)
            yield module


SENTENCES = {"heaptrack-raw-sign": "its first line is heaptrack's v, and x follows: it is raw"}
IMPORTER = Importer(
    "heaptrack_raw",
    lambda head: _FIRST.match(head) is not None,
    lambda chunks, machine: _Raw().calls(chunks),
    SENTENCES,
    sign=said("heaptrack-raw-sign"),
    lacks=(FREE_STACKS, TASKS, WRONG_FREES),
    hz=HZ,
)
