# SPDX-License-Identifier: Apache-2.0
"""Writes counters in Chrome's JSON of traces: for Perfetto's page and chrome://tracing. Time is theirs, without stacks.

Approach: three tracks of bytes and two of blocks, as a bucket of the timeline has a least and a most: no peak is lost.
They have names of their own, since series of one track are stacked on each other.
Limits: without a clock an event takes a microsecond.
"""

from __future__ import annotations

import json
from typing import Any, BinaryIO, Callable, Dict, Iterator, Optional

from gdbext.model.reports.export import ExportReport
from gdbext.report.export.frames import put_lines, remarks_of
from gdbext.report.outputs import Output
from gdbext.report.printable import printable

_PID = 1
_MICROSECONDS = 1_000_000
_TRACKS = (
    ("live bytes", "last_bytes"),
    ("live bytes, most", "most_bytes"),
    ("live bytes, least", "least_bytes"),
    ("live blocks", "last_blocks"),
    ("live blocks, most", "most_blocks"),
)


def write_chrome(report: ExportReport, _: Callable[[Any], Any], out: BinaryIO) -> None:
    """Writes one JSON object, an event a line."""
    put_lines(out, _lines(report))


def _lines(report: ExportReport) -> Iterator[str]:
    yield '{"traceEvents":['
    events = [json.dumps(event, separators=(",", ":")) for event in _events(report)]
    yield from (f"{event}," for event in events[:-1])
    yield events[-1]
    more = {"displayTimeUnit": "ms", "otherData": {"remarks": remarks_of(report)}}
    yield f"],{json.dumps(more, separators=(',', ':'))[1:]}"


def _events(report: ExportReport) -> Iterator[Dict[str, Any]]:
    name = printable(report.source.file or report.source.format)
    yield {"ph": "M", "pid": _PID, "name": "process_name", "args": {"name": name}}
    for bucket in report.timeline.buckets:
        for track, field in _TRACKS:
            moment = _microseconds(report, bucket.end)
            yield {"ph": "C", "pid": _PID, "ts": moment, "name": track, "args": {"value": getattr(bucket, field)}}
    for mark in report.marks:
        moment = _microseconds(report, mark.time if report.timeline.hz else mark.seq - (report.first_seq or 0))
        yield {"ph": "i", "s": "g", "pid": _PID, "tid": _PID, "ts": moment, "name": printable(mark.name)}


def _microseconds(report: ExportReport, moment: Optional[int]) -> float:
    hz = report.timeline.hz
    return (moment or 0) if not hz else round((moment or 0) * _MICROSECONDS / hz, 3)


OUTPUT = Output((".trace.json",), write_chrome, (ExportReport,))
