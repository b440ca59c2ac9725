# SPDX-License-Identifier: Apache-2.0
"""The data of `heap-tree`: what directories, files and lines have used at most, and still hold."""

from __future__ import annotations

from typing import Optional, Tuple

from gdbext.model.record import Record
from gdbext.model.reports.base import Report
from gdbext.model.said import Said


class TreeNode(Record):
    """A directory, a file or a line, with all that was allocated below it."""

    name: str  # "" for the root, the number for a line, "?" where it is not known
    max_use: Optional[int]  # bytes at its own peak, whenever that was; None if the data cannot tell
    leak: int  # bytes live at the end
    allocations: Optional[int]  # None as for max_use
    children: Tuple[TreeNode, ...]  # the largest first


class TreeReport(Report):
    """The report of `heap-tree`."""

    tree: TreeNode
    limit: int  # nodes of one parent that the text lists; 0: all
    empty: Tuple[Said, ...]  # if nothing is listed, why
