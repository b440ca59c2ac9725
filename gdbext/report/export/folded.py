# SPDX-License-Identifier: Apache-2.0
"""Writes folded stacks: a line for each, outermost function first, and its weight by the metric that was asked for.

For flamegraph.pl, inferno, speedscope, Firefox's profiler. It has no place for a unit: a file's name can tell it.
"""

from __future__ import annotations

from typing import Any, BinaryIO, Callable, Dict

from gdbext.model.events import Stack
from gdbext.model.reports.export import ExportReport
from gdbext.report.export.frames import NO_STACK, name_of, put_lines
from gdbext.report.export.metrics import METRICS, weights
from gdbext.report.outputs import Output


def write_folded(report: ExportReport, _: Callable[[Any], Any], out: BinaryIO) -> None:
    """Writes the lines, the heaviest first."""
    sums: Dict[str, int] = {}
    for sample, weight in zip(report.samples, weights(report, METRICS[report.metric])):
        if weight:
            stack = _folded(sample.frames)
            sums[stack] = sums.get(stack, 0) + weight
    put_lines(out, (f"{stack} {weight}" for stack, weight in sorted(sums.items(), key=lambda one: (-one[1], one[0]))))


def _folded(frames: Stack) -> str:
    return ";".join(name_of(frame).replace(";", ":") for frame in reversed(frames)) or NO_STACK


OUTPUT = Output((".folded", ".collapsed"), write_folded, (ExportReport,))
