# SPDX-License-Identifier: Apache-2.0
"""Sorts the logs of one run's processes into a tree: who started whom.

Approach: each log tells its process, and the process that it comes from. A process that called exec has two logs of one
number: the later one comes from the earlier one. Whose parent has no log is a root. The root with the most processes
below it, the one that was started first among those, is what a report is of.
Cost: the first pieces of each log.
Assumptions: hostile logs. A number may be anybody's, or its own parent: each log has one place, and no circle counts.
"""

from __future__ import annotations

from itertools import islice
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from gdbext.model.profile import FORKED, Process
from gdbext.trace.log_scan import DefinitionScan
from gdbext.trace.opened import OURS, OpenedLog

_FIRST_PIECES = 4  # that have the record, if a log has one
_DEEPEST = 64  # levels that a tree shows


class ProcessLog(NamedTuple):
    """A log, the process that it is of, and its place in the tree."""

    log: OpenedLog
    number: int
    told: Optional[Process]
    depth: int  # 0: a root


def are_processes(logs: Sequence[OpenedLog]) -> bool:
    """Tells whether logs are of several processes, and no parts of one log."""
    if any(log.format != OURS or log.header is None or not log.header.process for log in logs):
        return False
    return len({(log.header.process, log.header.started, log.header.build_id) for log in logs if log.header}) > 1


def tree_of(logs: Sequence[OpenedLog]) -> List[ProcessLog]:
    """Returns the logs as a tree from top to bottom; the log that a report is of comes first."""
    nodes = sorted(map(_node, logs), key=lambda node: (node.started, node.number, not node.is_forked))
    parents = _without_circles([_parent(nodes, at) for at in range(len(nodes))])
    children: Dict[Optional[int], List[int]] = {}
    for at, parent in enumerate(parents):
        children.setdefault(parent, []).append(at)
    trees = [_below(children, root) for root in children.get(None, ())]
    trees.sort(key=lambda tree: -len(tree))
    return [ProcessLog(nodes[at].log, nodes[at].number, nodes[at].told, depth) for tree in trees for at, depth in tree]


class _Node(NamedTuple):
    log: OpenedLog
    number: int
    started: int
    told: Optional[Process]

    @property
    def is_forked(self) -> bool:
        return self.told is not None and self.told.how == FORKED


def _node(log: OpenedLog) -> _Node:
    again, scan, header = log.again(), DefinitionScan(), log.header
    for piece in islice(iter(()) if again is None else again.chunks(), _FIRST_PIECES):
        scan.feed(piece)
        if scan.process is not None:
            break
    return _Node(log, header.process if header else 0, header.started if header else 0, scan.process)


def _parent(nodes: Sequence[_Node], at: int) -> Optional[int]:
    """Returns the newest log of the same process before this one, else of its parent; None if there is neither."""
    own = nodes[at]
    same = [
        (node.started, not node.is_forked, number)
        for number, node in enumerate(nodes)
        if node.number == own.number and (node.started, not node.is_forked) < (own.started, not own.is_forked)
    ]
    wanted = None if own.told is None else own.told.parent
    before = [
        (node.started, not node.is_forked, number)
        for number, node in enumerate(nodes)
        if node.number == wanted and number != at and node.started <= own.started
    ]
    found = max(same, default=None) or max(before, default=None)
    return None if found is None else found[-1]


def _without_circles(parents: List[Optional[int]]) -> List[Optional[int]]:
    """Returns the parents; who would be below itself has none."""
    found: List[Optional[int]] = [None] * len(parents)
    for at, parent in enumerate(parents):
        above, steps = parent, 0
        while above is not None and above != at and steps <= len(parents):
            above, steps = found[above], steps + 1
        found[at] = None if above == at else parent
    return found


def _below(children: Dict[Optional[int], List[int]], root: int) -> List[Tuple[int, int]]:
    """Returns a root and all below it, from top to bottom, with their depths."""
    found, waiting = [], [(root, 0)]
    while waiting:
        at, depth = waiting.pop()
        found.append((at, min(depth, _DEEPEST)))
        waiting += [(child, depth + 1) for child in reversed(children.get(at, []))]
    return found
