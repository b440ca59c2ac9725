# SPDX-License-Identifier: Apache-2.0
"""`heap-refs` and `heap-leaks` as text."""

from __future__ import annotations

from typing import Dict, Iterator, Optional, Tuple, Union

from gdbext.model import Leak, LeaksReport, Owner, Reference, RefsReport, Scanned, Skipped
from gdbext.report.words import cost_words, counted, place_words, size_words, stack_words, trace_words

_MOST_STACKS = 16
_MOST_NAMES = 4  # of what was not scanned, in a title


def refs_lines(report: RefsReport) -> Iterator[str]:
    """Who points at a block."""
    yield f"{report.address:#x}: {place_words(report.block, report.cost)}"
    for reference in report.references:
        yield _reference_line(reference)
    if report.total > len(report.references):
        yield f"  ... {report.total - len(report.references):,} more (--all)"
    if not report.total:
        what = "that was scanned" if report.complete else f"in {_reached_words(report)}"
        yield f"  nothing {what} points at it"
    yield from _closing_lines(report.scanned, report.skipped)
    yield f"{trace_words(report.trace)}; read {cost_words(report.cost)}"


def _reference_line(reference: Reference) -> str:
    at = f" at {reference.address:#x}" if reference.address is not None else ""
    return f"  {reference.kind:<8} {reference.name}{at} holds {reference.value:#x}{_owner_words(reference.owner)}"


def _owner_words(owner: Optional[Owner]) -> str:
    if owner is None:
        return ""
    return f"   {owner.task or '?'}: {stack_words(owner.allocated)}"


def leaks_lines(report: LeaksReport) -> Iterator[str]:
    """Lost blocks, those that nobody points at first, largest first."""
    since = f" and allocated since the mark {report.since}" if report.since is not None else ""
    yield f"{_total_words(report)}{_kind_words(report)}{since}"
    for leak in report.blocks:
        yield _leak_line(leak)
    if report.total is not None and report.total > len(report.blocks):
        yield f"... {report.total - len(report.blocks):,} more (--all)"
    yield from _closing_lines(report.scanned, report.skipped)
    yield f"{trace_words(report.trace)}; read {cost_words(report.cost)}"


def _total_words(report: LeaksReport) -> str:
    if report.total is None or report.bytes is None:
        return "nothing is listed: memory that Ctrl-C left unread decides what is "
    return f"{counted(report.total, 'block')}, {counted(report.bytes, 'byte')}: "


def _kind_words(report: LeaksReport) -> str:
    return f"not reached from {_reached_words(report)}" if report.kind == "not reached" else report.kind


def _reached_words(report: Union[LeaksReport, RefsReport]) -> str:
    """How much was scanned of how much, and what was not."""
    done = sum(one.amount for one in report.scanned if one.kind != "register")
    left = sum(one.amount or 0 for one in report.unscanned)
    of_all = f" of {size_words(done + left)}" if left else ""
    names = list(dict.fromkeys(one.name for one in report.unscanned))
    more = f" and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
    without = f" (not scanned: {', '.join(names[:_MOST_NAMES])}{more})" if names else ""
    return f"the {size_words(done)}{of_all} that were scanned{without}"


def _leak_line(leak: Leak) -> str:
    asked = f" ({leak.requested:,} requested)" if leak.requested is not None and leak.requested != leak.size else ""
    held = f"   only {leak.held_by:#x} points at it" if leak.held_by is not None else ""
    return f"  {leak.payload:#x} {leak.size:>9,} bytes{asked}{held}{_owner_words(leak.owner)}"


def _closing_lines(scanned: Tuple[Scanned, ...], skipped: Tuple[Skipped, ...]) -> Iterator[str]:
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
    for item in skipped:
        yield f"not checked: {item.check}: {item.why}"
