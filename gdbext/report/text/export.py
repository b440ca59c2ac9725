# SPDX-License-Identifier: Apache-2.0
"""`memtrace export` as text, where no form was chosen: what there is to export, and in which forms."""

from __future__ import annotations

from typing import Iterator

from gdbext.model.reports.export import ExportReport
from gdbext.report.export import NAMES
from gdbext.report.export.metrics import METRICS, weights
from gdbext.report.numbers import counted
from gdbext.report.text.closing import closing_line, skipped_lines


def export_lines(report: ExportReport) -> Iterator[str]:
    """Yields the lines of the whole report."""
    parts = (counted(len(report.samples), "stack"), counted(len(report.mappings), "mapping"))
    yield f"{report.source.format} {report.source.file or ''}".rstrip() + f": {', '.join(parts)}"
    for metric in METRICS.values():
        told = "the data cannot tell" if metric.name in report.untold else f"{sum(weights(report, metric)):,}"
        yield f"  {metric.name:<12} {told:>22}  {metric.what}"
    yield f"choose a form by --format or by the suffix of --output FILE: {', '.join(NAMES)}"
    yield from skipped_lines(report.skipped)
    yield closing_line(report)
