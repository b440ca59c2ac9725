# SPDX-License-Identifier: Apache-2.0
"""Draws the tree directory > file > line from the nodes of a replay."""

from __future__ import annotations

from typing import Callable, Dict, FrozenSet, List, Optional, Tuple

from gdbext.analyse.profile.grouping import TREE, Grouping, Key
from gdbext.model.profile import Profile
from gdbext.model.reports.tree import TreeNode


def tree_of(profile: Profile, grouping: Grouping, untold: FrozenSet[str] = frozenset()) -> TreeNode:
    """Returns the root, whose use is that of all that was counted. `untold` are the totals that the log cannot tell."""
    peak, count = _told("peak_bytes" not in untold), _told("allocations" not in untold)
    children: Dict[Key, List[TreeNode]] = {}
    nodes = {key: use for key, use in grouping.nodes(profile).items() if key[0] == TREE}
    for key in sorted(nodes, key=len, reverse=True):  # what is below a node comes before it
        use = nodes[key]
        below = _sorted(children.get(key, []))
        node = TreeNode(key[-1], peak(use.peak_bytes), use.live_bytes, count(use.allocations), below)
        children.setdefault(key[:-1], []).append(node)
    totals = profile.totals
    below = _sorted(children.get((TREE,), []))
    return TreeNode("", peak(totals.peak_bytes), totals.live_bytes, count(totals.allocations), below)


def _told(is_told: bool) -> Callable[[int], Optional[int]]:
    return (lambda number: number) if is_told else (lambda number: None)


def _sorted(nodes: List[TreeNode]) -> Tuple[TreeNode, ...]:
    def most(node: TreeNode) -> int:
        return node.leak if node.max_use is None else node.max_use

    return tuple(sorted(nodes, key=lambda node: (-most(node), node.name)))
