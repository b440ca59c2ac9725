# SPDX-License-Identifier: Apache-2.0
"""What a sample can be weighed by. Only what sums up to a total of the report is here: peaks of their own do not."""

from __future__ import annotations

from typing import Dict, List, NamedTuple

from gdbext.model.reports.export import ExportReport, Sample


class Metric(NamedTuple):
    """One number of each sample."""

    name: str  # as users type it
    field: str  # of a Sample
    total: str  # the field of the totals that the samples sum up to
    unit: str  # "bytes" or "count"
    what: str


METRICS: Dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("live", "live_bytes", "live_bytes", "bytes", "live bytes"),
        Metric("live-blocks", "live_blocks", "live_blocks", "count", "live blocks"),
        Metric("peak", "at_peak_bytes", "peak_bytes", "bytes", "bytes at the peak"),
        Metric("peak-blocks", "at_peak_blocks", "peak_blocks", "count", "blocks at the peak"),
        Metric("total", "bytes", "bytes_allocated", "bytes", "bytes allocated"),
        Metric("allocations", "allocations", "allocations", "count", "allocations"),
        Metric("temporary", "temporary", "temporary", "count", "temporary allocations"),
    )
}


def weights(report: ExportReport, metric: Metric) -> List[int]:
    """Returns the weight of each sample; 0 where the data cannot tell it."""
    if metric.name in report.untold:
        return [0] * len(report.samples)
    return [weight(sample, metric) for sample in report.samples]


def weight(sample: Sample, metric: Metric) -> int:
    """Returns the weight of a sample."""
    number: int = getattr(sample, metric.field)
    return number


def told_metrics(report: ExportReport) -> List[Metric]:
    """Returns the metrics that the data can tell."""
    return [metric for metric in METRICS.values() if metric.name not in report.untold]
