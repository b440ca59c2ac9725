# SPDX-License-Identifier: Apache-2.0
"""The data of `memtrace start`, `stop`, `frees-only` and `mark`."""

from __future__ import annotations

from typing import Optional

from gdbext.model.reports.base import Report
from gdbext.model.said import Text


class ControlReport(Report):
    """The report of `start`, `stop`, `frees-only` and `mark`: what the recorder was asked."""

    request: str
    name: Optional[str]
    ring: int
    state: str
    text: Text
