# SPDX-License-Identifier: Apache-2.0
"""Text about the memory that was scanned for pointers, and about the memory that was not."""

from __future__ import annotations

from typing import Dict, Iterator, Optional, Tuple, Union

from gdbext.model.events import Owner
from gdbext.model.reports.base import Skipped
from gdbext.model.reports.leaks import LeaksReport
from gdbext.model.reports.refs import RefsReport, Scanned
from gdbext.report.numbers import counted, size_words
from gdbext.report.text.closing import skipped_lines
from gdbext.report.text.words import module_words, stack_words

_MOST_STACKS = 16
_MOST_NAMES = 4  # names of unscanned memory in the first line of a report


def reached_words(report: Union[LeaksReport, RefsReport]) -> str:
    """Returns how much memory was scanned, of how much, and the names of the rest."""
    done = sum(one.amount for one in report.scanned if one.kind != "register")
    left = sum(one.amount or 0 for one in report.unscanned)
    of_all = f" of {size_words(done + left)}" if left else ""
    names = list(dict.fromkeys(one.name for one in report.unscanned))
    more = f" and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
    without = f" (not scanned: {', '.join(names[:_MOST_NAMES])}{more})" if names else ""
    return f"the {size_words(done)}{of_all} that were scanned{without}"


def scanned_lines(scanned: Tuple[Scanned, ...], skipped: Tuple[Skipped, ...]) -> Iterator[str]:
    """Yields how much of each kind of memory was scanned, the names of the stacks, and the checks skipped."""
    sums: Dict[str, int] = {}
    for one in scanned:
        sums[one.kind] = sums.get(one.kind, 0) + one.amount
    if scanned:
        words = (counted(n, kind) if kind == "register" else f"{kind} {size_words(n)}" for kind, n in sums.items())
        yield f"scanned: {', '.join(words)}"
    stacks = [one.name.replace("stack of ", "", 1) for one in scanned if one.kind == "stack"]
    if stacks:
        more = f" ... {len(stacks) - _MOST_STACKS:,} more (--json)" if len(stacks) > _MOST_STACKS else ""
        yield f"stacks:  {', '.join(stacks[:_MOST_STACKS])}{more}"
    yield from skipped_lines(skipped)


def owner_end(owner: Optional[Owner]) -> str:
    """Returns the end of a line: the task and the stack that allocated a block. Empty if nobody is known."""
    if owner is None:
        return ""
    return f"   {module_words(owner.task or '?', owner.module)}: {stack_words(owner.allocated, owner.seq)}"
