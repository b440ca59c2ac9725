# SPDX-License-Identifier: Apache-2.0
"""The tree directory > file > line as text."""

from __future__ import annotations

from typing import Iterator, Tuple

from gdbext.model.reports.tree import TreeNode, TreeReport
from gdbext.report.sentences import words
from gdbext.report.text.closing import closing_line, skipped_lines

_DEEPEST = 40


def tree_lines(report: TreeReport) -> Iterator[str]:
    """Yields the tree, then what could not be told."""
    yield from node_lines(report.tree, report.limit)
    yield from map(words, report.empty)
    yield from skipped_lines(report.skipped)
    yield closing_line(report)


def node_lines(root: TreeNode, limit: int) -> Iterator[str]:
    """Yields a line for each node. Of the children of one node it shows so many; a limit of 0 shows all."""
    if root.max_use or root.leak or root.children:
        yield f"{'max-use':>12} {'leak':>12}  directory > file > line"
        yield from _lines("all", root, limit, ())


def _lines(name: str, node: TreeNode, limit: int, last: Tuple[bool, ...]) -> Iterator[str]:
    drawn = "".join("   " if ended else "│  " for ended in last[:-1]) + ("└─ " if last[-1] else "├─ ") if last else ""
    leak = f"{node.leak:,}" if node.leak else "-"
    most = "-" if node.max_use is None else f"{node.max_use:,}"
    yield f"{most:>12} {leak:>12}  {drawn}{name}"
    shown = node.children[: limit or None]
    left = node.children[len(shown) :]
    for number, child in enumerate(shown):
        name, inner = child.name, child
        while len(inner.children) == 1 and inner.children[0].children:  # a directory with nothing but a directory
            inner = inner.children[0]
            name = f"{name}/{inner.name}"
        ended = number == len(shown) - 1 and not left
        if len(last) < _DEEPEST:
            yield from _lines(name, inner, limit, (*last, ended))
    if left:
        drawn = "".join("   " if ended else "│  " for ended in last)
        yield f"{'':>12} {sum(one.leak for one in left):>12,}  {drawn}└─ ... {len(left):,} more (--all)"
