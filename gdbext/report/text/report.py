# SPDX-License-Identifier: Apache-2.0
"""`memtrace report` as text: the three answers, the totals, then the sections that were asked for."""

from __future__ import annotations

from typing import Callable, Dict, Iterator, Optional, Tuple

from gdbext.model.reports.report import ProcessUse, Share, Site, UsageReport
from gdbext.report.numbers import counted, size_words
from gdbext.report.sentences import words
from gdbext.report.text.closing import closing_line, skipped_lines
from gdbext.report.text.tree import node_lines
from gdbext.report.text.words import stack_words

_CLASSES = {"grows": "grows", "once": "grew once", "freed": "freed", "unknown": "-"}
_BETWEEN = {"marks": "between marks", "snapshots": "between snapshots", "parts": "of as many events each"}
_STACKS = 3  # of one site
_BAR = 50
_LONGEST_COMMAND = 120
_DEEPEST = 20  # that the tree of processes goes to the right
_ROWS = 24  # of the timeline


def report_lines(report: UsageReport) -> Iterator[str]:
    """Yields the lines of the whole report."""
    if len(report.processes) > 1 or report.only_processes:
        yield from _processes(report)
    if report.only_processes:
        yield from skipped_lines(tuple(one for one in report.skipped if one.check == "processes"))
        return
    for conclusion in report.conclusions:
        yield f"{conclusion.question + ':':<14} {words(conclusion.text)} ({conclusion.certainty})"
    yield from _totals(report)
    yield from _odd_frees(report)
    for name in report.sections:
        yield from SECTIONS[name](report)
    yield from map(words, report.empty)
    yield from skipped_lines(report.skipped)
    yield closing_line(report, report.next)


def _totals(report: UsageReport) -> Iterator[str]:
    totals, source = report.totals, report.source
    parts = [source.format, "" if source.file is None else source.file]
    runs = f", run {report.runs} of {report.runs}" if report.runs > 1 else ""
    yield f"log:           {' '.join(filter(None, parts))}{runs}, {'whole' if source.complete else 'not whole'}"
    if source.recognised_by is not None:
        yield f"recognised by: {words(source.recognised_by)}"
    yield from _process(report)
    if totals.allocations is not None and totals.frees is not None:
        made = f"{counted(totals.allocations, 'allocation')} of {size_words(totals.bytes_allocated or 0)}, "
        temporary = "" if totals.temporary is None else f", {totals.temporary:,} temporary"
        yield f"totals:        {made}{counted(totals.frees, 'free')}{temporary}"
    yield f"live:          {counted(totals.live_bytes, 'byte')}{_in_blocks(' in', totals.live_blocks)} at the end"
    if totals.peak_bytes is not None:
        yield f"peak:          {counted(totals.peak_bytes, 'byte')}{_in_blocks(', in', totals.peak_blocks)}"
    if report.peaks and totals.peak_bytes is not None:
        peaks = [f"{one.name} peak {size_words(one.peak_bytes)}" for one in report.peaks]
        yield f"memory:        {', '.join(peaks)}, total peak {size_words(totals.peak_bytes)}"
    wrong = [
        f"{totals.invalid_frees:,} wrong frees" if totals.invalid_frees else "",
        f"{totals.failed:,} failed allocations" if totals.failed else "",
        f"{totals.replaced:,} allocations of what was live" if totals.replaced else "",
    ]
    if any(wrong):
        yield f"wrong:         {', '.join(filter(None, wrong))}"
    if report.assertion is not None:
        yield f"assertion:     {report.assertion}"


def _process(report: UsageReport) -> Iterator[str]:
    """Yields what the log tells of its process."""
    for one in report.processes[:1]:
        yield f"process:       {_process_words(one)}"
        if one.own_bytes is not None:
            yield f"recorder:      its own memory is {size_words(one.own_bytes)}"


def _process_words(one: ProcessUse) -> str:
    by = "" if one.started_by is None else f", by {one.started_by}" + (f" from {one.parent}" if one.parent else "")
    command = "" if not one.command else f": {one.command[:_LONGEST_COMMAND]}"
    return f"{one.process}{by}{command}{' ...' if len(one.command or '') > _LONGEST_COMMAND else ''}"


def _processes(report: UsageReport) -> Iterator[str]:
    """Yields the tree of a run's processes."""
    found = report.processes
    of_one = "" if report.only_processes else "; the report is of the first"
    yield f"{counted(len(found), 'process')}{of_one}" if found else "the log is of no process"
    if found:
        yield f"{'events':>12} {'peak':>14} {'live at end':>14} {'blocks':>9}  process"
    for one in found[: report.limit or None]:
        numbers = f"{one.events:>12,} {one.peak_bytes:>14,} {one.live_bytes:>14,} {one.live_blocks:>9,}"
        yield f"{numbers}  {'   ' * min(one.depth, _DEEPEST)}{_process_words(one)}"
    yield from _left(report, len(found))
    yield from () if report.only_processes else ("",)


def _in_blocks(before: str, blocks: Optional[int]) -> str:
    return "" if blocks is None else f"{before} {counted(blocks, 'block')}"


def _odd_frees(report: UsageReport) -> Iterator[str]:
    for odd in report.odd_frees[: report.limit or None]:
        told = "allocated while it was live" if odd.kind == "replaced" else f"{odd.kind} free"
        who = f"{odd.task}: " if odd.task else ""
        by = f"; allocated by {stack_words(odd.allocated)}" if odd.allocated else ""
        where = "" if odd.address is None else f" of {odd.address:#x} at seq {odd.seq}"
        yield f"  {told}{where}: {who}{stack_words(odd.frames, 0)}{by}"
    yield from _left(report, len(report.odd_frees))


def _left(report: UsageReport, total: int) -> Iterator[str]:
    if report.limit and total > report.limit:
        yield f"  ... {total - report.limit:,} more (--all)"


def _tree(report: UsageReport) -> Iterator[str]:
    yield ""
    yield from node_lines(report.tree, report.limit)


def _sites(title: str, column: str, value: Callable[[Site], Optional[int]]) -> Callable[[UsageReport], Iterator[str]]:
    """Returns a section: the sites with the most of one thing. Sites with nothing of it are left out."""

    def lines(report: UsageReport) -> Iterator[str]:
        found = sorted((one for one in report.sites if value(one)), key=lambda one: -(value(one) or 0))
        is_told = all(value(one) is not None for one in report.sites)
        yield ""
        yield f"{title}: {counted(len(found), 'site') if is_told else 'the log does not tell'}"
        if found:
            yield f"{column:>14} {'live blocks':>12} {'allocations':>12}  {'class':<9}  site"
        for site in found[: report.limit or None]:
            count = f"{_number(value(site)):>14} {_number(site.live_blocks):>12} {_number(site.allocations):>12}"
            yield f"{count}  {_CLASSES[site.class_]:<9}  {_site(site, bool(report.processes))}"
        yield from _left(report, len(found))

    return lines


def _blocks(number: Optional[int]) -> str:
    return "" if number is None else counted(number, "block")


def _number(number: Optional[int]) -> str:
    return "-" if number is None else f"{number:,}"


def _site(site: Site, is_process: bool) -> str:
    stack = site.stacks[0].frames
    more = f" and {len(site.stacks) - 1:,} more ways" if len(site.stacks) > 1 else ""
    who = [
        f"{'thread' if is_process else 'task'} {site.task}" if site.task else "",
        f"module {site.module}" if site.module else "",
    ]
    return "  ".join(filter(None, (f"{stack_words(stack, 0)}{more}", *who)))


def _leaks(report: UsageReport) -> Iterator[str]:
    """Yields the sites that hold memory, those that grow first, with what they look like and how they are reached."""
    order = {"grows": 0, "unknown": 1, "once": 2, "freed": 3}
    found = sorted((one for one in report.sites if one.live_bytes), key=lambda one: order[one.class_])
    if report.newest_first:
        found.sort(key=lambda one: -1 if one.newest is None else one.newest, reverse=True)
    yield ""
    yield f"live at the end: {counted(len(found), 'site')}; growth is judged over {_windows(report)}"
    for site in found[: report.limit or None]:
        name = site.function or f"{site.stacks[0].frames[0].pc:#x}" if site.stacks[0].frames else "(no stack)"
        where = f" {site.file}:{site.line}" if site.file else ""
        grew = f", rose in {site.windows_grown} of {len(site.windows) - 1}" if site.windows else ""
        told = f"{_CLASSES[site.class_]}{grew}".lstrip("-, ") or "growth not told"
        held = f"{site.live_bytes:>12,} bytes {_blocks(site.live_blocks):>12}"
        yield f"{held}  {name}{where}  ({told})"
        for cause in site.looks_like:
            yield f"{'':>12} looks like {words(cause)}"
        for stack in site.stacks[:_STACKS]:
            if stack.live_bytes:
                yield f"{'':>12} {stack.live_bytes:,} by {stack_words(stack.frames, 0)}   path {stack.path}"
    yield from _left(report, len(found))


def _windows(report: UsageReport) -> str:
    number, kind = len(report.windows.ends) - 1, report.windows.kind
    if kind == "none":
        return "nothing: the log is too short, and has not three marks"
    return f"{counted(number, 'window')} {_BETWEEN.get(kind, kind)}"


def _shares(title: str, shares: Callable[[UsageReport], Tuple[Share, ...]]) -> Callable[[UsageReport], Iterator[str]]:
    def lines(report: UsageReport) -> Iterator[str]:
        found, name = shares(report), "threads" if title == "tasks" and report.processes else title
        yield ""
        yield f"{name}: {len(found):,}" if found else f"{name}: the log names none"
        if found:
            yield f"{'peak':>12} {'live':>12} {'at the peak':>12} {'allocations':>12}  name"
        for share in found[: report.limit or None]:
            numbers = (share.peak_bytes, share.live_bytes, share.at_peak_bytes, share.allocations)
            yield f"{' '.join(f'{_number(number):>12}' for number in numbers)}  {share.name}"
        yield from _left(report, len(found))

    return lines


def _timeline(report: UsageReport) -> Iterator[str]:
    """Yields a bar for each part of the log, as long as the most bytes that were live in it."""
    buckets, most = report.timeline.buckets, max((one.most_bytes for one in report.timeline.buckets), default=0)
    yield ""
    yield f"live bytes over {report.timeline.unit}: least, most of each part" if buckets else "timeline: no event"
    step = -(-len(buckets) // _ROWS) or 1
    for start in range(0, len(buckets), step):
        part = buckets[start : start + step]
        least, top = min(one.least_bytes for one in part), max(one.most_bytes for one in part)
        bar = "#" * (_BAR * top // most if most else 0)
        yield f"{part[-1].end:>14,} {least:>12,} {top:>12,}  {bar}".rstrip()
    for mark in report.marks[: report.limit or None]:
        yield f"  mark {mark.name} at seq {mark.seq}"
    yield from _left(report, len(report.marks) + report.marks_left)


def _library_symbols(report: UsageReport) -> Iterator[str]:
    """Yields who holds memory that it has allocated itself, as py_malloc_trace's own parser prints it."""
    held = [one for one in report.library_symbols if one.live_bytes or one.live_blocks]
    yield ""
    yield f"library::symbol : blocks : bytes, live at the end: {len(held):,}"
    for one in held[: report.limit or None]:
        blocks = "?" if one.live_blocks is None else f"{one.live_blocks:,}"
        yield f"  {one.library or '?'}::{one.symbol or '?'} : {blocks} : {one.live_bytes:,}"
    yield from _left(report, len(held))


SECTIONS: Dict[str, Callable[[UsageReport], Iterator[str]]] = {
    "tree": _tree,
    "leaks": _leaks,
    "top": _sites("most bytes allocated", "bytes", lambda site: site.bytes),
    "peak": _sites("held at the peak", "at the peak", lambda site: site.at_peak_bytes),
    "timeline": _timeline,
    "tasks": _shares("tasks", lambda report: report.tasks),
    "modules": _shares("modules", lambda report: report.modules),
    "libraries": _shares("libraries", lambda report: report.libraries),
    "library-symbol": _library_symbols,
    "heaps": _shares("heaps", lambda report: report.heaps),
    "temporary": _sites("freed before the next allocation", "temporary", lambda site: site.temporary),
    "flat": _sites("sites by their own peak", "peak", lambda site: site.peak_bytes),
}
