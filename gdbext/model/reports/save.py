# SPDX-License-Identifier: Apache-2.0
"""The data of `memtrace save`."""

from __future__ import annotations

from gdbext.model.reports.base import Report


class SaveReport(Report):
    """The report of `memtrace save`: what the file holds."""

    file: str
    bytes: int
    ranges: int
    threads: int
    heaps: int
