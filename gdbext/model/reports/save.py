# SPDX-License-Identifier: Apache-2.0
"""The twin of `memtrace save`."""

from __future__ import annotations

from gdbext.model.reports.base import Report


class SaveReport(Report):
    """What `save` has put into its file."""

    file: str
    bytes: int
    ranges: int
    threads: int
    heaps: int
