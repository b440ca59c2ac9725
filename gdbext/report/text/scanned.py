# SPDX-License-Identifier: Apache-2.0
"""What was scanned for pointers, and what was not, as text."""

from __future__ import annotations

from typing import Dict, Iterator, Optional, Tuple, Union

from gdbext.model.events import Owner
from gdbext.model.reports.base import Skipped
from gdbext.model.reports.leaks import LeaksReport
from gdbext.model.reports.refs import RefsReport, Scanned
from gdbext.report.numbers import counted, size_words
from gdbext.report.text.closing import skipped_lines
from gdbext.report.text.words import stack_words

_MOST_STACKS = 16
_MOST_NAMES = 4  # of what was not scanned, in a title


def reached_words(report: Union[LeaksReport, RefsReport]) -> str:
    """How much was scanned of how much, and what was not."""
    done = sum(one.amount for one in report.scanned if one.kind != "register")
    left = sum(one.amount or 0 for one in report.unscanned)
    of_all = f" of {size_words(done + left)}" if left else ""
    names = list(dict.fromkeys(one.name for one in report.unscanned))
    more = f" and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
    without = f" (not scanned: {', '.join(names[:_MOST_NAMES])}{more})" if names else ""
    return f"the {size_words(done)}{of_all} that were scanned{without}"


def scanned_lines(scanned: Tuple[Scanned, ...], skipped: Tuple[Skipped, ...]) -> Iterator[str]:
    """What was scanned in numbers, and what was not."""
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
    """Who a block belongs to, as the end of a line."""
    if owner is None:
        return ""
    return f"   {owner.task or '?'}: {stack_words(owner.allocated)}"
