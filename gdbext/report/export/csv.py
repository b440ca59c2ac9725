# SPDX-License-Identifier: Apache-2.0
"""Writes the samples as comma-separated values: a row a stack, task, module and heap, under a header.

The site comes first, so that a spreadsheet sums up by it; the whole stack is the last column, outermost first.
Limits: a cell that a spreadsheet would take for a formula has a `'` before it. What the data cannot tell is empty.
"""

from __future__ import annotations

import csv
import io
from typing import Any, BinaryIO, Callable, List, Optional, Union

from gdbext.model.reports.export import ExportReport, Sample
from gdbext.report.export.frames import file_of, name_of, put_lines
from gdbext.report.export.metrics import METRICS, weight
from gdbext.report.outputs import Output
from gdbext.report.printable import printable

_NAMES = ("function", "file", "line", "task", "module", "heap", "library")
_PEAKS = ("own_peak_bytes", "own_peak_blocks")
_FORMULA = ("=", "+", "-", "@")


def write_csv(report: ExportReport, _: Callable[[Any], Any], out: BinaryIO) -> None:
    """Writes the header and the rows."""
    header = [*_NAMES, *(metric.field for metric in METRICS.values()), "frees", "lifetime", *_PEAKS, "path", "stack"]
    put_lines(out, (_row(cells) for cells in [header, *(_cells(report, sample) for sample in report.samples)]))


def _row(cells: List[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue()


def _cells(report: ExportReport, sample: Sample) -> List[Any]:
    site = sample.frames[0] if sample.frames else None
    where: List[Union[str, int, None]] = ["", "", ""] if site is None else [name_of(site), file_of(site), site.line]
    names = [*where, sample.task, sample.module, sample.heap, sample.library]
    numbers = [None if one.name in report.untold else weight(sample, one) for one in METRICS.values()]
    freed = [None, None] if "allocations" in report.untold else [sample.frees, sample.lifetime]
    peaks = [None, None] if "peak" in report.untold else [sample.peak_bytes, sample.peak_blocks]
    stack = " ; ".join(map(name_of, reversed(sample.frames)))
    return [*(map(_harmless, names)), *numbers, *freed, *peaks, sample.path, _harmless(stack)]


def _harmless(cell: Optional[Union[str, int]]) -> Optional[Union[str, int]]:
    if not isinstance(cell, str):
        return cell
    text = printable(cell)
    return f"'{text}" if text.startswith(_FORMULA) else text


OUTPUT = Output((".csv",), write_csv, (ExportReport,))
