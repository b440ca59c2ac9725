# SPDX-License-Identifier: Apache-2.0
"""Imports what valgrind's massif writes: how much was live at some moments, and at some of them by whom.

Approach: a snapshot has its time and its bytes, and some have a tree of calls, innermost first. The peak is the largest
snapshot, what is live that of the last one; without a tree of their own their bytes belong to nobody. The trees in
between tell what grows. Bytes are those that were asked for, without what the allocator adds.
Limits: no counts of blocks, no addresses. What a tree leaves out below its threshold belongs to the function around it.
"""

from __future__ import annotations

import re
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

from gdbext.model.profile import Use
from gdbext.model.said import said
from gdbext.trace.importers import (
    ADDRESSES,
    CALLS,
    COUNTS,
    EVENTS,
    FREE_STACKS,
    OWN_PEAKS,
    TASKS,
    Importer,
    Item,
    Level,
    Remark,
    Summed,
    lines_of,
)
from gdbext.trace.importers.valgrind_frames import Frames, program_of

_HEAD = re.compile(rb"desc: [^\n]*\ncmd: [^\n]*\ntime_unit: (?:i|ms|B)\n")
_FIELD = re.compile(rb"(time|mem_heap_B|mem_heap_extra_B|mem_stacks_B|snapshot)=(\d{1,18})")
_NODE = re.compile(rb"( {0,2048})n(\d{1,9}): (\d{1,18}) (.*)")
_TREE = re.compile(rb"heap_tree=(empty|detailed|peak)")
_NOT_SHOWN = re.compile(r"in\s\d+\splaces?,\s(?:all\s)?below\s.*")
_UNITS = {"i": "instructions", "ms": "ms", "B": "bytes"}
_MOST_STACKS = 1 << 17  # of all trees
_MOST_LEVELS = 1 << 16
_MOST_TOLD = 128  # trees that are kept, beside those of the peak and of the end
_MOST_ENTRIES = 1 << 19  # in all of them

_NEARLY = 0.9  # of the peak: massif gives a tree to a snapshot that is a hundredth below it

Tree = Dict[Tuple[str, ...], int]  # bytes by stack


class _Snapshot(NamedTuple):
    time: int
    bytes: int
    tree: Optional[Tree]
    number: int


def calls_of(chunks: Iterable[bytes], machine: int) -> Iterator[Item]:
    """Yields the levels of all snapshots and the sums of their stacks."""
    reader = _Reader()
    for line in lines_of(chunks):
        yield from reader.line(line)
    yield from reader.sums()


class _Reader:
    """The lines of a file."""

    def __init__(self) -> None:
        self._unit, self._fields = "", {b"time": 0, b"mem_heap_B": 0}
        self._tree: Optional[Tree] = None
        self._path: List[Tuple[str, int]] = []  # the frames above the node that comes, and what is left of their bytes
        self._peak: Optional[_Snapshot] = None
        self._largest: Optional[_Snapshot] = None  # that has a tree
        self._last: Optional[_Snapshot] = None
        self._told: List[_Snapshot] = []
        self._levels: List[Tuple[int, int]] = []
        self._stacks: Dict[Tuple[str, ...], Tuple[str, ...]] = {}
        self._has_begun = False

    def line(self, line: bytes) -> Iterator[Item]:
        """Takes a line."""
        field, node = _FIELD.fullmatch(line), _NODE.fullmatch(line)
        if node is not None and self._tree is not None:
            self._node(len(node[1]), int(node[3]), node[4].decode("utf-8", "replace"))
        elif field is not None:
            if field[1] == b"snapshot":
                self._end()
                self._fields, self._has_begun = {b"time": 0, b"mem_heap_B": 0}, True
            else:
                self._fields[field[1]] = int(field[2])
        elif line[:4] == b"cmd:" and not self._has_begun:
            yield from program_of(line[4:].strip().decode("utf-8", "replace"))
        elif line[:10] == b"time_unit:" and not self._has_begun:
            self._unit = line[10:].strip().decode("utf-8", "replace")
        elif _TREE.fullmatch(line):
            self._tree, self._path = (None if line.endswith(b"empty") else {}), []
        elif line[:5] != b"desc:" and line.strip(b"#-\r "):
            yield None

    def _node(self, depth: int, size: int, text: str) -> None:
        """Takes a node of a tree: what its children have belongs to them, and the rest to itself."""
        assert self._tree is not None
        while len(self._path) > depth:
            self._close()
        if self._path:
            self._path[-1] = self._path[-1][0], self._path[-1][1] - size
        self._path.append((text, size))

    def _close(self) -> None:
        """Ends the innermost node."""
        stack = tuple([text for text, _ in self._path[1:] if not _NOT_SHOWN.fullmatch(text)])
        _, left = self._path.pop()
        if len(self._stacks) < _MOST_STACKS:
            stack = self._stacks.setdefault(stack, stack)
        if left > 0 and self._tree is not None and stack in self._stacks:
            self._tree[stack] = self._tree.get(stack, 0) + left

    def _end(self) -> None:
        """Ends a snapshot."""
        while self._path:
            self._close()
        if not self._has_begun:
            return
        one = _Snapshot(self._fields[b"time"], self._fields[b"mem_heap_B"], self._tree, len(self._levels))
        self._tree, self._last = None, one
        if self._peak is None or one.bytes > self._peak.bytes:
            self._peak = one
        if one.tree is not None and (self._largest is None or one.bytes > self._largest.bytes):
            self._largest = one
        if len(self._levels) < _MOST_LEVELS:
            self._levels.append((one.time, one.bytes))
            self._told += [one] if one.tree is not None else []
        if len(self._told) > _MOST_TOLD or sum(len(one.tree or {}) for one in self._told) > _MOST_ENTRIES:
            self._told = self._told[1::2]

    @property
    def _unit_name(self) -> str:
        return _UNITS.get(self._unit, self._unit[:32] or "time")

    def sums(self) -> Iterator[Item]:
        """Yields the sums of all stacks."""
        self._end()
        peak, last = self._peak, self._last
        if peak is None or last is None:
            return
        yield Remark(said("massif-last", time=last.time, unit=self._unit_name))
        if peak.tree is None and peak.bytes:
            near = self._largest
            if near is not None and near.bytes >= peak.bytes * _NEARLY:
                peak = peak._replace(tree=near.tree)
                yield Remark(said("massif-peak-near", bytes=near.bytes))
            else:
                yield Remark(said("massif-peak-untold"))
        if last.tree is None and last.bytes:
            yield Remark(said("massif-end-untold"))
        told = {one.number for one in self._told}
        yield from (
            Level(time, size, self._unit_name, number in told) for number, (time, size) in enumerate(self._levels)
        )
        yield from self._stack_sums(_tree_of(peak), _tree_of(last))

    def _stack_sums(self, peak: Tree, last: Tree) -> Iterator[Item]:
        frames, trees = Frames(), [one.tree or {} for one in self._told]
        for stack in {(): (), **self._stacks}:
            live, at_peak, row = last.get(stack, 0), peak.get(stack, 0), tuple([tree.get(stack, 0) for tree in trees])
            items: List[Item] = []
            pcs, most = frames.stack(stack, items), max(live, at_peak, *row)
            if most:
                yield from (*items, Summed(pcs, Use(0, 0, 0, 0, 0, live, int(live > 0), most, 0, at_peak, 0), row))


def _tree_of(one: _Snapshot) -> Tree:
    """Returns who held the bytes of a snapshot. What its tree does not tell belongs to nobody."""
    tree = dict(one.tree or {})
    rest = one.bytes - sum(tree.values())
    return {**tree, (): tree.get((), 0) + max(0, rest)}


SENTENCES = {
    "massif-sign": "lines that begin with desc, cmd and time_unit",
    "massif-last": "live is what the last snapshot has, after {time:,} {unit}: massif takes none at the end",
    "massif-peak-near": "the largest snapshot has no tree: who held its bytes is told as of one with {bytes:byte}",
    "massif-peak-untold": "the largest snapshot has no tree: who held its bytes is not in the file",
    "massif-end-untold": "the last snapshot has no tree: who held its bytes is not in the file (--detailed-freq=1)",
}
IMPORTER = Importer(
    "massif",
    lambda head: _HEAD.match(head) is not None,
    calls_of,
    SENTENCES,
    sign=said("massif-sign"),
    lacks=(ADDRESSES, CALLS, COUNTS, FREE_STACKS, TASKS, EVENTS, OWN_PEAKS),
)
