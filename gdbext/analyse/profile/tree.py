# SPDX-License-Identifier: Apache-2.0
"""Draws the tree directory > file > line from the nodes of a replay."""

from __future__ import annotations

from typing import Dict, List, Tuple

from gdbext.analyse.profile.grouping import TREE, Grouping, Key
from gdbext.model.profile import Profile
from gdbext.model.reports.tree import TreeNode


def tree_of(profile: Profile, grouping: Grouping) -> TreeNode:
    """Returns the root, whose use is that of all that was counted."""
    children: Dict[Key, List[TreeNode]] = {}
    nodes = {key: use for key, use in grouping.nodes(profile).items() if key[0] == TREE}
    for key in sorted(nodes, key=len, reverse=True):  # what is below a node comes before it
        use = nodes[key]
        node = TreeNode(key[-1], use.peak_bytes, use.live_bytes, use.allocations, _sorted(children.get(key, [])))
        children.setdefault(key[:-1], []).append(node)
    totals = profile.totals
    below = _sorted(children.get((TREE,), []))
    return TreeNode("", totals.peak_bytes, totals.live_bytes, totals.allocations, below)


def _sorted(nodes: List[TreeNode]) -> Tuple[TreeNode, ...]:
    return tuple(sorted(nodes, key=lambda node: (-node.max_use, node.name)))
