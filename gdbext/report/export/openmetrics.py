# SPDX-License-Identifier: Apache-2.0
"""Writes OpenMetrics text, which Prometheus reads: totals of a log by heap, task and module; of a target its heaps.

Approach: a family is left out where the data cannot tell it: a 0 would be a claim.
Limits: a file of one moment; nothing is served.
"""

from __future__ import annotations

from typing import Any, BinaryIO, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

from gdbext.model.reports.export import ExportReport
from gdbext.model.reports.free import FreeReport
from gdbext.report.export.frames import put_lines
from gdbext.report.outputs import Output
from gdbext.report.printable import printable

_Labels = Tuple[Tuple[str, str], ...]
_Point = Tuple[_Labels, Optional[int]]


class _Family(NamedTuple):
    """A family of metrics. A counter's samples have `_total` behind its name, those of an info `_info`."""

    name: str
    kind: str  # "gauge", "counter" or "info"
    help: str
    points: Sequence[_Point]


_ENDS = {"gauge": "", "counter": "_total", "info": "_info"}
# Of a log as a whole, then of each share: name, kind, help, field of the totals, and of a share.
_SUMS = (
    ("live_bytes", "gauge", "Bytes that are live at the end.", "live_bytes"),
    ("live_blocks", "gauge", "Blocks that are live at the end.", "live_blocks"),
    ("peak_bytes", "gauge", "The most bytes that were live at once.", "peak_bytes"),
    ("allocations", "counter", "Allocations.", "allocations"),
    ("allocated_bytes", "counter", "Bytes allocated in all.", "bytes"),
    ("temporary_allocations", "counter", "Blocks that were freed before anyone allocated again.", "temporary"),
)
_FREE = (
    ("free_bytes", "Bytes that are free.", "free_bytes"),
    ("minimum_free_bytes", "The least free bytes that there ever were.", "minimum_free"),
    ("largest_free_bytes", "Bytes of the largest free block.", "largest_free"),
    ("free_blocks", "Free blocks.", "free_blocks"),
    ("used_bytes", "Bytes in use.", "used_bytes"),
    ("used_blocks", "Blocks in use.", "used_blocks"),
)


def write_openmetrics(report: Union[ExportReport, FreeReport], _: Callable[[Any], Any], out: BinaryIO) -> None:
    """Writes the families."""
    families = _of_target(report) if isinstance(report, FreeReport) else _of_log(report)
    put_lines(out, _lines(families))


def _lines(families: Iterable[_Family]) -> Iterator[str]:
    for family in families:
        points = [point for point in family.points if point[1] is not None]
        if points:
            unit = "bytes" if family.name.endswith("_bytes") else ""
            yield f"# TYPE {family.name} {family.kind}"
            yield from [f"# UNIT {family.name} {unit}"] if unit else []
            yield f"# HELP {family.name} {family.help}"
            for labels, value in points:
                yield f"{family.name}{_ENDS[family.kind]}{_labelled(labels)} {value}"
    yield "# EOF"


def _labelled(labels: _Labels) -> str:
    inside = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels)
    return f"{{{inside}}}" if inside else ""


def _escaped(text: str) -> str:
    return printable(text).replace("\\", "\\\\").replace('"', '\\"')


def _of_log(report: ExportReport) -> Iterator[_Family]:
    totals, source = report.totals, report.source
    told = (("format", source.format), ("file", source.file or ""), ("build_id", report.build_id or ""))
    yield _Family("memtrace_source", "info", "What was read.", [(told, 1)])
    of_all: Dict[str, Optional[int]] = {
        "live_bytes": totals.live_bytes,
        "live_blocks": totals.live_blocks,
        "peak_bytes": totals.peak_bytes,
        "allocations": totals.allocations,
        "bytes": totals.bytes_allocated,
        "temporary": totals.temporary,
    }
    for name, kind, help_, field in _SUMS:
        yield _Family(f"memtrace_{name}", kind, help_, [((), of_all[field])])
    yield _Family("memtrace_frees", "counter", "Frees.", [((), totals.frees)])
    yield _Family("memtrace_failed_allocations", "counter", "Allocations that failed.", [((), totals.failed)])
    yield _Family("memtrace_lost_events", "counter", "Events that are missing.", [((), report.lost)])
    yield _Family("memtrace_unread_records", "counter", "Records not understood.", [((), source.unread)])
    for what, shares in (("heap", report.by_heap), ("task", report.by_task), ("module", report.by_module)):
        for name, kind, help_, field in _SUMS:
            if of_all[field] is not None:
                points: List[_Point] = [(((what, share.name),), getattr(share, field)) for share in shares]
                yield _Family(f"memtrace_{what}_{name}", kind, f"{help_[:-1]}, by {what}.", points)


def _of_target(report: FreeReport) -> Iterator[_Family]:
    for name, help_, field in _FREE:
        points: List[_Point] = []
        for heap in report.heaps:
            labels = (
                ("heap", heap.name or f"{heap.address:#x}"),
                ("kind", heap.kind),
                ("address", f"{heap.address:#x}"),
            )
            points.append((labels, getattr(heap, field)))
        yield _Family(f"memtrace_heap_{name}", "gauge", help_, points)


OUTPUT = Output((".om", ".prom"), write_openmetrics, (ExportReport, FreeReport))
