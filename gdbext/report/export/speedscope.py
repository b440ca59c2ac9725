# SPDX-License-Identifier: Apache-2.0
"""Writes speedscope's own JSON: a profile for each metric that the data tells, live bytes first.

Its importer of pprof shows one metric, and loses inlined functions: so it gets its own form.
Limits: JavaScript rounds numbers from 2^53 on.
"""

from __future__ import annotations

import json
from typing import Any, BinaryIO, Callable, Dict, List, Tuple

from gdbext import __version__
from gdbext.model.events import Frame, Stack
from gdbext.model.reports.export import ExportReport
from gdbext.report.export.frames import NO_STACK, file_of, name_of, remarks_of
from gdbext.report.export.metrics import METRICS, Metric, told_metrics, weights
from gdbext.report.outputs import Output
from gdbext.report.printable import printable

_SCHEMA = "https://www.speedscope.app/file-format-schema.json"
_UNITS = {"bytes": "bytes", "count": "none"}


def write_speedscope(report: ExportReport, _: Callable[[Any], Any], out: BinaryIO) -> None:
    """Writes one JSON object."""
    frames = _Frames()
    stacks = [frames.numbers(sample.frames) for sample in report.samples]
    profiles = [_profile(report, stacks, metric) for metric in told_metrics(report)]
    told = printable(report.source.file or report.source.format)
    whole = {
        "$schema": _SCHEMA,
        "exporter": f"memtrace {__version__}",
        "name": "; ".join([told, *remarks_of(report)[1:]]),
        "activeProfileIndex": 0,
        "shared": {"frames": frames.made},
        "profiles": profiles or [_profile(report, stacks, METRICS["live"])],
    }
    out.write(json.dumps(whole, separators=(",", ":")).encode() + b"\n")


def _profile(report: ExportReport, stacks: List[List[int]], metric: Metric) -> Dict[str, Any]:
    """Returns the profile of a metric. Each stack is there once, outermost frame first."""
    sums: Dict[Tuple[int, ...], int] = {}
    for stack, weight in zip(stacks, weights(report, metric)):
        if weight:
            sums[tuple(stack)] = sums.get(tuple(stack), 0) + weight
    return {
        "type": "sampled",
        "name": metric.what,
        "unit": _UNITS[metric.unit],
        "startValue": 0,
        "endValue": sum(sums.values()),
        "samples": [list(stack) for stack in sums],
        "weights": list(sums.values()),
    }


class _Frames:
    """The frames of all stacks: one for each function, file and line."""

    def __init__(self) -> None:
        self.made: List[Dict[str, Any]] = []
        self._known: Dict[Tuple[str, str, int], int] = {}

    def numbers(self, frames: Stack) -> List[int]:
        """Returns the numbers of a stack's frames, outermost first."""
        return [self._number(frame) for frame in reversed(frames)] or [self._number(Frame(0, NO_STACK))]

    def _number(self, frame: Frame) -> int:
        key = name_of(frame), file_of(frame), frame.line or 0
        if key not in self._known:
            self._known[key] = len(self.made)
            name, file, line = key
            self.made.append({"name": name, **({"file": file} if file else {}), **({"line": line} if line else {})})
        return self._known[key]


OUTPUT = Output((".speedscope.json",), write_speedscope, (ExportReport,))
